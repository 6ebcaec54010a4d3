"""Commits are on the disk, deleted content is overwritten, errors keep secrets."""

import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, insert, make_url, select, text
from sqlalchemy.exc import DBAPIError

from api import database
from api.database import create_engine_for, savepoint, writing
from api.models import Tombstone
from api.settings import Settings


def add(name: str) -> object:
    return insert(Tombstone).values(withdrawal_hash=name)


def names(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return sorted(connection.scalars(select(Tombstone.withdrawal_hash)))


def add_and_fail(connection: Connection) -> None:
    with savepoint(connection):
        connection.execute(add("undone"))
        raise ZeroDivisionError


def test_the_database_is_set_up_to_keep_and_to_forget(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        expected = {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}
        expected |= {"temp_store": 2, "busy_timeout": 10_000, "trusted_schema": 0}
        query = "PRAGMA {}"
    else:
        expected = {"synchronous_commit": "on", "lock_timeout": "10s"}
        expected |= {"track_commit_timestamp": "off"}
        query = "SHOW {}"
    with engine.connect() as connection:
        found = {name: connection.scalar(text(query.format(name))) for name in expected}
    assert found == expected


def test_the_data_folder_is_private(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "new")
    engine = create_engine_for(settings)
    engine.connect().close()
    engine.dispose()
    folder = Path(make_url(settings.database_url).database or "").parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_errors_never_show_parameters(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(add("canary"))
    with writing(engine) as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(add("canary"))
    # PostgreSQL's own detail repeats the row: api.recording passes no such error on
    lines = [line for line in str(caught.value).splitlines() if "DETAIL:" not in line]
    assert "hide_parameters" in str(lines)
    assert "canary" not in str(lines)


def test_one_transaction_writes_at_a_time(engine: Engine) -> None:
    order: list[str] = []
    entered = threading.Event()

    def second() -> None:
        entered.wait(5)
        with writing(engine) as connection:
            order.append("second")
            connection.execute(add("second"))

    thread = threading.Thread(target=second)
    thread.start()
    with writing(engine) as connection:
        entered.set()
        thread.join(0.3)
        assert names(engine) == []  # readers do not wait
        order.append("first")
        connection.execute(add("first"))
    thread.join(5)
    assert order == ["first", "second"]
    assert names(engine) == ["first", "second"]


def test_a_lock_is_not_waited_for_for_ever(
    settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_SECONDS", 1)
    impatient = create_engine_for(settings)
    with writing(engine), pytest.raises(DBAPIError), writing(impatient):
        pass
    impatient.dispose()


def test_a_savepoint_undoes_its_block_only(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(add("before"))
        with pytest.raises(DBAPIError), savepoint(connection):
            connection.execute(add("before"))
        with pytest.raises(ZeroDivisionError):
            add_and_fail(connection)
        with savepoint(connection):
            connection.execute(add("after"))
    assert names(engine) == ["after", "before"]
