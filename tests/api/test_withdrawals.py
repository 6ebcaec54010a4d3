"""A withdrawn response is gone, wherever it was, and stays gone."""

import statistics
import time
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, event, select

from api.codes import new_code, withdrawal_hashes
from api.database import writing
from api.mixing import mix
from api.models import Inbox, Response, Spent, Tombstone
from api.recording import Submission, _record
from api.withdrawals import reapply_tombstones, withdraw

Make = Callable[..., Submission]
NEW, OLD = b"n" * 32, b"o" * 32


def stored(engine: Engine) -> list[str | None]:
    with engine.connect() as connection:
        hashes = [
            *connection.scalars(select(Inbox.withdrawal_hash)),
            *connection.scalars(select(Response.withdrawal_hash)),
        ]
    return sorted(hashes, key=str)


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("key", [NEW, OLD])
def test_one_response_is_deleted_and_its_submission_stays_spent(
    fielded: Engine, submission: Make, mixed: bool, key: bytes
) -> None:
    code = new_code()
    mine = submission(withdrawal_hash=withdrawal_hashes([key], code)[0])
    others = [submission(withdrawal_hash="w" * 64), submission()]
    with writing(fielded) as connection:
        for one in (mine, *others):
            _record(connection, one)
    if mixed:
        mix(fielded, "opinions", minimum=3)
    for _ in range(2):  # a second time changes nothing
        with writing(fielded) as connection:
            withdraw(connection, withdrawal_hashes((NEW, OLD), code))
        assert stored(fielded) == [None, "w" * 64]
    with writing(fielded) as connection:
        assert _record(connection, mine) == "already_recorded"
        spent = connection.scalars(select(Spent.submission_hash)).all()
    assert mine.submission_hash in spent
    assert mix(fielded, "opinions", minimum=0) == (0 if mixed else 2)


def test_the_work_is_the_same_whether_there_is_a_response(
    fielded: Engine, submission: Make
) -> None:
    statements: list[str] = []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    with writing(fielded) as connection:
        _record(connection, submission(withdrawal_hash="a" * 64))
    done = []
    event.listen(fielded, "before_cursor_execute", note)
    for hash_ in ("a" * 64, "b" * 64):
        with writing(fielded) as connection:
            withdraw(connection, [hash_])
        done.append(tuple(statements))
        statements.clear()
    event.remove(fielded, "before_cursor_execute", note)
    assert done[0] == done[1]
    with fielded.connect() as connection:
        tombstones = connection.scalars(select(Tombstone.withdrawal_hash)).all()
    assert sorted(tombstones) == ["a" * 64, "b" * 64]


def test_the_time_is_the_same_within_what_a_network_hides(
    fielded: Engine, submission: Make
) -> None:
    with writing(fielded) as connection:
        for number in range(200):
            _record(connection, submission(withdrawal_hash=f"{number:064}"))
    mix(fielded, "opinions", minimum=1)
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for number in range(200):
        there = number % 2 == 0
        hash_ = f"{number if there else number + 1000:064}"
        started = time.perf_counter()
        with writing(fielded) as connection:
            withdraw(connection, [hash_])
        seconds[there].append(time.perf_counter() - started)
    found, unknown = (statistics.median(seconds[there]) for there in (True, False))
    assert abs(found - unknown) < 0.005  # network jitter is some milliseconds


def test_a_restored_backup_brings_nothing_back(
    fielded: Engine, submission: Make
) -> None:
    hashes = [f"{number}" * 64 for number in range(4)]
    with writing(fielded) as connection:
        for hash_ in hashes:
            _record(connection, submission(withdrawal_hash=hash_))
        mix_later = submission(withdrawal_hash=None)
        _record(connection, mix_later)
    mix(fielded, "opinions", minimum=1)
    with writing(fielded) as connection:  # what the backup knew, and what came later
        withdraw(connection, ["unknown"])
        row = {"withdrawal_hash": hashes[0]}
        connection.execute(Tombstone.__table__.insert().values(row))
        assert reapply_tombstones(connection, [hashes[1], hashes[1]]) == 2
        assert reapply_tombstones(connection) == 0
    assert stored(fielded) == [*hashes[2:], None]
    with fielded.connect() as connection:
        tombstones = connection.scalars(select(Tombstone.withdrawal_hash)).all()
    assert sorted(tombstones) == sorted(["unknown", *hashes[:2]])
