"""A backup is complete and private, restores everywhere, or changes nothing."""

import gzip
import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select
from sqlmodel import SQLModel

from api import accounts, audit, drafts, fieldwork, tickets
from api.backups import LEFT_OUT, backup, restore
from api.codes import new_code
from api.database import create_engine_for, migrate, writing
from api.errors import BackupUnreadable
from api.models import Act, Inbox, ReleaseRecord, Response
from api.recording import Submission, _record
from api.settings import Settings
from api.withdrawals import withdraw

Make = Callable[..., Submission]
RELEASE = {
    "release_id": "a" * 64,
    "survey": "opinions",
    "profile": "open",
    "week": "2026-W48",
    "n_responses": 6,
    "folders": ["releases/1"],
    "superseded_by": "",
}


def content(engine: Engine) -> dict[str, list[str]]:
    """Every row of every table that backups have, in no order."""
    with engine.connect() as connection:
        return {
            table.name: sorted(
                str(dict(row)) for row in connection.execute(select(table)).mappings()
            )
            for table in SQLModel.metadata.sorted_tables
            if table not in LEFT_OUT
        }


@pytest.fixture
def full(fielded: Engine, submission: Make) -> Engine:
    """A database with something in each table."""
    tickets.issue(fielded, "invited", "DE", 3)
    with writing(fielded) as connection:
        for number in range(6):
            body = f"Grüße 意见 {number}"
            _record(connection, submission(body=body, withdrawal_hash=f"{number}" * 64))
        withdraw(connection, ["unknown"])
        drafts.save(connection, "opinions", new_code(), "content")
        fieldwork.count_page(connection, "opinions", "DE", "first")
        connection.execute(insert(ReleaseRecord).values(RELEASE))
    for act in ("opened", "closed", "opened"):
        audit.audit(fielded, "anna", act, "opinions", {"countries": ["DE"]})
    return fielded


@pytest.fixture
def other(tmp_path: Path) -> Engine:
    """An empty SQLite database, elsewhere."""
    engine = create_engine_for(Settings(data_dir=tmp_path / "other"))
    migrate(engine)
    return engine


def test_everything_comes_back_on_either_database(
    full: Engine, other: Engine, tmp_path: Path
) -> None:
    there, back = tmp_path / "there", tmp_path / "back"
    assert backup(full, there) == 0
    before = content(full)
    assert all(before.values())
    n_rows = sum(map(len, before.values()))
    assert restore(other, there) == n_rows
    assert content(other) == before
    assert backup(other, back) == 0
    with writing(full) as connection:
        for table in reversed(SQLModel.metadata.sorted_tables):
            if table is not Act.__table__:
                connection.execute(table.delete())
    # from SQLite, also to PostgreSQL; the audit log is there already
    assert restore(full, back) == n_rows - len(before["acts"])
    assert content(full) == before
    other.dispose()


def test_a_restored_audit_log_is_whole_and_an_own_one_goes_on(
    full: Engine, other: Engine, tmp_path: Path
) -> None:
    backup(full, tmp_path / "backup")
    restore(other, tmp_path / "backup")
    audit.audit(full, "bo", "closed", "opinions")
    restore(full, tmp_path / "backup")
    for engine, length in ((other, 3), (full, 4)):
        with engine.connect() as connection:
            assert audit.verify(connection).length == length
    other.dispose()


def test_no_backup_lets_anybody_in(
    full: Engine, settings: Settings, tmp_path: Path
) -> None:
    accounts.add(full, settings, "anna", "canary password")
    accounts.grant(full, "anna", "opinions", "owner")
    key = accounts.add_key(full, "anna", {"opinions": "owner"}, days=1)
    backup(full, tmp_path / "backup")
    accounts.revoke(full, "anna")
    restore(full, tmp_path / "backup")
    assert accounts.list_researchers(full) == [
        {"name": "anna", "active": False, "roles": {}}
    ]
    with full.connect() as connection:
        assert accounts.key_holder(connection, key) is None
    text = gzip.decompress((tmp_path / "backup").read_bytes()).decode()
    assert "argon2" not in text


def test_a_backup_is_private_and_never_overwrites(full: Engine, tmp_path: Path) -> None:
    path = tmp_path / "backup"
    backup(full, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        backup(full, path)
    assert path.read_bytes() == before


def test_what_waits_is_counted_and_stays_out(
    fielded: Engine, submission: Make, tmp_path: Path
) -> None:
    waiting = submission(body="canary")
    with writing(fielded) as connection:
        _record(connection, waiting)
    assert backup(fielded, tmp_path / "backup") == 1
    text = gzip.decompress((tmp_path / "backup").read_bytes()).decode()
    assert "canary" not in text
    assert waiting.submission_hash not in text


def test_a_withdrawal_after_the_backup_holds_after_the_restore(
    full: Engine, tmp_path: Path
) -> None:
    backup(full, tmp_path / "backup")
    with writing(full) as connection:
        withdraw(connection, ["3" * 64])
    restore(full, tmp_path / "backup")
    with full.connect() as connection:
        hashes = connection.scalars(select(Response.withdrawal_hash)).all()
    assert sorted(map(str, hashes)) == [f"{n}" * 64 for n in (0, 1, 2, 4, 5)]


def lines_of(packed: bytes) -> list[bytes]:
    return gzip.decompress(packed).splitlines(keepends=True)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "nothing in it": lambda _: b"",
    "not compressed": lambda _: b"a text",
    "cut in the middle": lambda packed: packed[: len(packed) // 2],
    "cut before its end": lambda packed: packed[:-1],
    "a bit turned": lambda packed: packed[:-6] + bytes([packed[-6] ^ 1]) + packed[-5:],
    "last line lost": lambda packed: gzip.compress(b"".join(lines_of(packed)[:-1])),
    "a row lost": lambda packed: gzip.compress(
        b"".join(lines_of(packed)[:3] + lines_of(packed)[4:])
    ),
    "another version": lambda packed: gzip.compress(
        b"".join([json.dumps({"revision": "0"}).encode(), b"\n", *lines_of(packed)[1:]])
    ),
    "an unknown table": lambda packed: gzip.compress(
        b"".join([lines_of(packed)[0], b'["nothing", {}]\n', b'{"rows": 1}\n'])
    ),
    "rows after the end": lambda packed: gzip.compress(
        b"".join([*lines_of(packed), lines_of(packed)[-2]])
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_backup_changes_nothing(
    full: Engine, submission: Make, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "backup"
    backup(full, path)
    path.write_bytes(damage(path.read_bytes()))
    with writing(full) as connection:
        _record(connection, submission())
    before = content(full)
    with pytest.raises(BackupUnreadable, match="backup"):
        restore(full, path)
    assert content(full) == before
    with full.connect() as connection:
        assert len(connection.execute(select(Inbox)).all()) == 1
