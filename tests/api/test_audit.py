"""The audit log: databases refuse to change it, and a changed one is noticed."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, Engine, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import col

from api import audit
from api.database import writing
from api.errors import AuditBroken
from api.models import APPEND_ONLY, Act


@pytest.fixture
def log(engine: Engine) -> Engine:
    """A database with five acts in its log."""
    for number in range(5):
        audit.audit(engine, "anna", "opened", f"survey_{number}", {"was": "草稿"})
    return engine


def check(engine: Engine, known: str | None = None) -> audit.Chain:
    with engine.connect() as connection:
        return audit.verify(connection, known)


def unlock(engine: Engine) -> None:
    """Do what nobody can but who owns the database: take the triggers away."""
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE acts DISABLE TRIGGER ALL"))
        else:
            for statement in APPEND_ONLY["sqlite"]:
                name = statement.split()[2]
                connection.execute(text(f"DROP TRIGGER {name}"))


def test_acts_are_chained_and_an_empty_log_is_whole(engine: Engine) -> None:
    assert check(engine) == (0, audit.BEGINNING)
    audit.audit(engine, "anna", "downloaded", "opinions", {"format": "sav"})
    with writing(engine) as connection:
        audit.record(connection, audit.COMMAND_LINE, "mixed")
    chain = check(engine)
    with engine.connect() as connection:
        first, second = audit.latest(connection, 9)
        hashes = connection.scalars(select(Act.hash).order_by(Act.number)).all()
    assert chain == (2, hashes[1])
    assert (first["act"], first["details"]) == ("downloaded", {"format": "sav"})
    assert (second["researcher"], second["details"]) == ("command line", {})


def test_an_act_that_is_undone_leaves_no_entry(log: Engine) -> None:
    def fail(connection: Connection) -> None:
        audit.record(connection, "anna", "closed", "opinions")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), writing(log) as connection:
        fail(connection)
    assert check(log).length == 5


ATTACKS = {
    "update": update(Act).values(researcher="bo"),
    "update of one": update(Act).where(col(Act.number) == 5).values(details="{}"),
    "delete": delete(Act),
    "delete of the last": delete(Act).where(col(Act.number) == 5),
}
ROW = "VALUES (5, '', 'bo', '', '', '{}', '')"
ATTACKS_IN = {
    "sqlite": [
        f"INSERT OR REPLACE INTO acts {ROW}",
        f"REPLACE INTO acts {ROW}",
        "UPDATE OR REPLACE acts SET number = 4 WHERE number = 5",
        f"INSERT INTO acts {ROW} ON CONFLICT DO UPDATE SET act = ''",
        "INSERT INTO acts VALUES (9, '', 'bo', '', '', '{}', '')",
    ],
    "postgresql": [
        "TRUNCATE acts",
        f"INSERT INTO acts {ROW} ON CONFLICT (number) DO UPDATE SET act = ''",
        "SET session_replication_role = replica; DELETE FROM acts",
    ],
}


def test_the_database_refuses_to_change_the_log(log: Engine) -> None:
    before = check(log)
    attacks = [*ATTACKS.values(), *map(text, ATTACKS_IN[log.dialect.name])]
    for attack in attacks:
        with (
            pytest.raises(DBAPIError, match="acts are append-only"),
            writing(log) as connection,
        ):
            connection.execute(attack)
    assert check(log) == before
    audit.audit(log, "anna", "closed")
    assert check(log, before.last).length == 6


def put_in(connection: Connection) -> None:
    row = connection.execute(select(Act).where(Act.number == 3)).mappings().one()
    moved = update(Act).values(number=Act.number + 1)
    for number in (5, 4, 3):
        connection.execute(moved.where(Act.number == number))
    connection.execute(insert(Act).values(dict(row)))


def swap(connection: Connection) -> None:
    for old, new in ((2, 99), (3, 2), (99, 3)):
        connection.execute(update(Act).where(Act.number == old).values(number=new))


CHANGES: dict[str, Callable[[Connection], object]] = {
    **{
        column: lambda connection, column=column, value=value: connection.execute(
            update(Act).where(Act.number == 3).values({column: value})
        )
        for column, value in {
            "at": "2026-01-01T00:00:00Z",
            "researcher": "bo",
            "act": "closed",
            "survey": "other",
            "details": '{"was": "open"}',
            "hash": "0" * 64,
            "number": 77,
        }.items()
    },
    "first gone": lambda c: c.execute(delete(Act).where(Act.number == 1)),
    "middle gone": lambda c: c.execute(delete(Act).where(Act.number == 3)),
    "swapped": swap,
    "put in": put_in,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_log_is_noticed(
    log: Engine, change: Callable[[Connection], object]
) -> None:
    unlock(log)
    with writing(log) as connection:
        change(connection)
    with pytest.raises(AuditBroken, match="was changed: entry"):
        check(log)


def test_a_shortened_or_rewritten_log_is_noticed_by_who_noted_its_last_hash(
    log: Engine,
) -> None:
    noted = check(log).last
    unlock(log)
    with writing(log) as connection:
        connection.execute(delete(Act).where(Act.number == 5))
    assert check(log).length == 4  # the chain alone cannot tell
    with pytest.raises(AuditBroken, match="shortened or rewritten"):
        check(log, noted)
    audit.audit(log, "anna", "opened", "survey_4", {"was": "other"})
    with pytest.raises(AuditBroken, match="none of its 5 entries"):
        check(log, noted)


def test_many_write_at_once_and_the_chain_holds(engine: Engine) -> None:
    def work(name: str) -> None:
        for _ in range(10):
            audit.audit(engine, name, "downloaded")

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert check(engine).length == 40
