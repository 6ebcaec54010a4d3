"""Mixing: responses leave the inbox and lose their order and their submissions.

A waiting response still carries the hash of its submission. Mixing moves the waiting
responses under new random identifiers to ``responses`` and the hashes to ``spent``,
each sorted by its own random key. Afterwards no column, position or hidden mark of the
database connects the two.
"""

import secrets
from contextlib import closing
from operator import itemgetter

from sqlalchemy import Connection, Engine, delete, func, insert, select
from sqlmodel import col

from .database import LOCK_SECONDS, writing
from .models import Inbox, Response, Spent

BATCH = 20
"""Waiting responses that are mixed without being asked for."""

FEWEST = 5
"""Fewer are mixed at the end of a survey only: they would hide nobody."""


def mix(engine: Engine, survey: str, *, minimum: int = BATCH) -> int:
    """Mix the waiting responses of a survey, all of them or none.

    Parameters
    ----------
    engine : Engine
    survey : str
    minimum : int
        With fewer responses waiting nothing is done. 0 also clears away the
        remains of withdrawn responses when none waits.

    Returns
    -------
    int
        Responses mixed.
    """
    with writing(engine) as connection:
        query = select(Inbox).where(col(Inbox.survey) == survey)
        waiting = [dict(row) for row in connection.execute(query).mappings()]
        if len(waiting) < minimum:
            return 0
        if waiting:
            _move(connection, survey, waiting)
        if engine.dialect.name == "postgresql":
            for table, key in _KEYS.items():
                _rewrite(connection, table, key)
    if engine.dialect.name == "sqlite":
        _empty_wal(engine)
    return len(waiting)


def mix_full(engine: Engine, *, minimum: int = BATCH) -> None:
    """Mix every survey with enough responses waiting."""
    count = func.count()
    query = select(col(Inbox.survey)).group_by(col(Inbox.survey))
    with engine.connect() as connection:
        surveys = connection.scalars(query.having(count >= minimum)).all()
    for survey in surveys:
        mix(engine, survey, minimum=minimum)


_KEYS = {
    "inbox": "submission_hash",
    "spent": "submission_hash",
    "responses": "response_id",
}


def _move(
    connection: Connection, survey: str, waiting: list[dict[str, object]]
) -> None:
    hashes = sorted(str(row.pop("submission_hash")) for row in waiting)
    responses = [{**row, "response_id": secrets.token_hex(16)} for row in waiting]
    connection.execute(
        insert(Spent),
        [{"submission_hash": hash_, "survey": survey} for hash_ in hashes],
    )
    connection.execute(
        insert(Response), sorted(responses, key=itemgetter("response_id"))
    )
    connection.execute(delete(Inbox).where(col(Inbox.survey) == survey))


def _rewrite(connection: Connection, table: str, key: str) -> None:
    """Write a table anew, sorted by its key.

    All rows get the same ``xmin``, their ``ctid`` follows the key, and the
    file with deleted rows is dropped at the commit.
    """
    for statement in (
        f"CREATE TEMPORARY TABLE mixing ON COMMIT DROP AS TABLE {table}",
        f"TRUNCATE {table}",
        f"INSERT INTO {table} SELECT * FROM mixing ORDER BY {key}",
        "DROP TABLE mixing",
    ):
        connection.exec_driver_sql(statement)


def _empty_wal(engine: Engine) -> None:
    """Move the write-ahead log into the database file and empty it.

    It holds earlier states of the tables. A long reader keeps it until the next mix:
    recording does not wait for it.
    """
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout=200")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        cursor.execute(f"PRAGMA busy_timeout={LOCK_SECONDS * 1000}")
