"""Withdrawals: a response is deleted wherever it is, and stays deleted."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Select, bindparam, delete, insert, select
from sqlmodel import col

from .models import Inbox, Response, Spent, Tombstone


def withdraw(connection: Connection, hashes: Sequence[str]) -> None:
    """Delete the response that a withdrawal code belongs to, if there is one.

    The same statements run and the same row is written whether there is one or not.
    The submission stays spent: withdrawing gives no second answer.

    Parameters
    ----------
    connection : Connection
        Of a job of the recorder.
    hashes : sequence of str
        `codes.withdrawal_hashes` of the code.
    """
    _bury(connection, hashes)
    _delete(connection, hashes)


def reapply_tombstones(connection: Connection, tombstones: Iterable[str] = ()) -> int:
    """Withdraw again what a restored backup brought back.

    Parameters
    ----------
    connection : Connection
        From `database.writing`.
    tombstones : iterable of str
        Those that were kept apart from the backup and may be newer than it.

    Returns
    -------
    int
        Responses deleted.
    """
    _bury(connection, tuple(tombstones))
    return _delete(connection, select(col(Tombstone.withdrawal_hash)))


def _bury(connection: Connection, hashes: Sequence[str]) -> None:
    if hashes:
        rows = [{"hash": hash_} for hash_ in sorted(set(hashes))]
        same = col(Tombstone.withdrawal_hash) == bindparam("hash")
        connection.execute(delete(Tombstone).where(same), rows)
        new = insert(Tombstone).values(withdrawal_hash=bindparam("hash"))
        connection.execute(new, rows)


def _delete(connection: Connection, hashes: Sequence[str] | Select[tuple[str]]) -> int:
    waiting = col(Inbox.withdrawal_hash).in_(hashes)
    submissions = select(col(Inbox.submission_hash), col(Inbox.survey)).where(waiting)
    connection.execute(
        insert(Spent).from_select(["submission_hash", "survey"], submissions)
    )
    mixed = col(Response.withdrawal_hash).in_(hashes)
    return sum(
        connection.execute(statement).rowcount
        for statement in (delete(Inbox).where(waiting), delete(Response).where(mixed))
    )
