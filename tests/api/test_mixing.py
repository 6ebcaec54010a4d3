"""After mixing nothing leads from a submission to its answers: tested by attack."""

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import kendalltau
from sqlalchemy import Engine, insert, make_url, select, text
from sqlmodel import SQLModel, col

from api.database import writing
from api.mixing import BATCH, mix, mix_full
from api.models import Inbox, Response, Spent
from api.recording import Submission, _record
from api.settings import Settings
from api.withdrawals import withdraw

Make = Callable[..., Submission]

TAU = 0.19
"""Four standard deviations of Kendall's tau between 200 unrelated orders."""


def arrive(engine: Engine, submissions: list[Submission]) -> None:
    """Store submissions one after the other, each in a transaction of its own."""
    for submission in submissions:
        with writing(engine) as connection:
            assert _record(connection, submission) == "recorded"


def numbered(submission: Make, numbers: range) -> list[Submission]:
    """Submissions whose answers give away their number to the attacker's judge."""
    return [
        submission(body=json.dumps({"assignment": {}, "answers": {"number": number}}))
        for number in numbers
    ]


def stored(engine: Engine, columns: str, table: str) -> list[tuple[Any, ...]]:
    """Rows in the order in which they lie on the disk."""
    place = " ORDER BY ctid" if engine.dialect.name == "postgresql" else ""
    with engine.connect() as connection:
        rows = connection.execute(text(f"SELECT {columns} FROM {table}{place}"))
        return [tuple(row) for row in rows]


def number_of(body: str) -> int:
    return int(json.loads(body)["answers"]["number"])


@pytest.mark.parametrize(("waiting", "minimum"), [(19, BATCH), (4, 5), (0, 1)])
def test_too_few_stay_where_they_are(
    fielded: Engine, submission: Make, waiting: int, minimum: int
) -> None:
    arrive(fielded, [submission() for _ in range(waiting)])
    assert mix(fielded, "opinions", minimum=minimum) == 0
    assert len(stored(fielded, "submission_hash", "inbox")) == waiting


def test_mixing_carries_every_column_and_leaves_other_surveys_alone(
    fielded: Engine, submission: Make
) -> None:
    ours = [submission(withdrawal_hash=secrets.token_hex(32)) for _ in range(5)]
    with writing(fielded) as connection:
        tier = text("UPDATE surveys SET tier = 'T0' WHERE name = 'invited'")
        connection.execute(tier)
    other = submission(survey="invited")
    arrive(fielded, [*ours, other])
    with fielded.connect() as connection:
        query = select(Inbox).where(col(Inbox.survey) == "opinions")
        before = [dict(row) for row in connection.execute(query).mappings()]
    assert mix(fielded, "opinions", minimum=5) == 5
    with fielded.connect() as connection:
        after = [dict(row) for row in connection.execute(select(Response)).mappings()]
        left = connection.scalars(select(Inbox.submission_hash)).all()
        spent = connection.execute(select(Spent.submission_hash, Spent.survey)).all()
    assert left == [other.submission_hash]
    assert {tuple(row) for row in spent} == {
        (one.submission_hash, "opinions") for one in ours
    }
    identifiers = {row.pop("response_id") for row in after}
    assert len(identifiers) == 5
    for row in before:
        del row["submission_hash"]
    assert sorted(after, key=str) == sorted(before, key=str)


def test_full_inboxes_are_mixed_and_only_those(
    fielded: Engine, submission: Make
) -> None:
    with writing(fielded) as connection:
        tier = text("UPDATE surveys SET tier = 'T0' WHERE name = 'invited'")
        connection.execute(tier)
    arrive(fielded, [submission() for _ in range(20)])
    arrive(fielded, [submission(survey="invited") for _ in range(19)])
    mix_full(fielded)
    assert set(stored(fielded, "survey", "inbox")) == {("invited",)}
    assert stored(fielded, "survey", "responses") == [("opinions",)] * 20


def test_storage_order_says_nothing_about_arrival(
    fielded: Engine, submission: Make
) -> None:
    arriving = numbered(submission, range(200))
    for start in range(0, 200, 20):
        arrive(fielded, arriving[start : start + 20])
        mix_full(fielded)
    arrival = {one.submission_hash: n for n, one in enumerate(arriving)}
    of_spent = [
        arrival[hash_] for (hash_,) in stored(fielded, "submission_hash", "spent")
    ]
    of_responses = [number_of(body) for (body,) in stored(fielded, "body", "responses")]
    assert sorted(of_spent) == sorted(of_responses) == list(range(200))
    time_of_arrival = range(200)
    assert abs(kendalltau(of_spent, time_of_arrival).statistic) < TAU
    assert abs(kendalltau(of_responses, time_of_arrival).statistic) < TAU
    # nor does the place of one row say where the other one is
    place = {number: at for at, number in enumerate(of_responses)}
    assert abs(kendalltau([place[n] for n in of_spent], range(200)).statistic) < TAU


def test_the_arrival_attack_works_before_mixing_on_postgresql(
    fielded: Engine, submission: Make
) -> None:
    arrive(fielded, numbered(submission, range(50)))
    order = [number_of(body) for (body,) in stored(fielded, "body", "inbox")]
    if fielded.dialect.name == "postgresql":
        assert order == list(range(50))  # which is why responses do not stay there
    else:
        assert order != list(range(50))  # the order of random hashes


def test_hidden_row_marks_join_nothing(fielded: Engine, submission: Make) -> None:
    """Rows of one transaction share `xmin`, a link no column shows."""
    arriving = numbered(submission, range(40))
    if fielded.dialect.name == "sqlite":
        for table in ("inbox", "spent", "responses", "tickets", "tombstones", "drafts"):
            with pytest.raises(Exception, match="no such column: rowid"):
                stored(fielded, "rowid", table)
        return
    pairs = (
        "SELECT s.submission_hash, r.body FROM spent s JOIN responses r"
        " ON s.xmin::text = r.xmin::text"
    )
    for number, one in enumerate(arriving):  # the careless way, as a control
        with writing(fielded) as connection:
            assert _record(connection, one) == "recorded"
            connection.execute(
                text("INSERT INTO spent SELECT submission_hash, survey FROM inbox")
            )
            columns = ", ".join(
                column.name
                for column in SQLModel.metadata.tables["responses"].columns
                if column.name != "response_id"
            )
            connection.execute(
                text(
                    f"INSERT INTO responses ({columns}, response_id)"
                    f" SELECT {columns}, md5('{number}') FROM inbox"
                )
            )
            connection.execute(text("DELETE FROM inbox"))
    with fielded.connect() as connection:
        assert len(connection.execute(text(pairs)).all()) == 40  # every one is linked
    assert mix(fielded, "opinions", minimum=0) == 0
    more = numbered(submission, range(40, 60))
    arrive(fielded, more)
    mix_full(fielded)
    with fielded.connect() as connection:
        candidates = connection.execute(text(pairs)).all()
    assert len(candidates) == 60 * 60  # everybody could be anybody


def test_nothing_of_a_withdrawn_response_stays_in_the_files(
    fielded: Engine, settings: Settings, submission: Make
) -> None:
    canary, other = (f"canary{secrets.token_hex(16)}" for _ in range(2))
    withdrawn = submission(body=canary, withdrawal_hash="w" * 64)
    kept = submission(body=other)
    arrive(fielded, [withdrawn, kept, *(submission() for _ in range(18))])
    with stored_bytes(fielded, settings) as content:
        assert content.count(canary.encode()) >= 1  # the attacker can read
    mix_full(fielded)
    with stored_bytes(fielded, settings) as content:
        assert content.count(canary.encode()) == 1
        assert content.count(other.encode()) == 1
        assert content.count(kept.submission_hash.encode()) == 1 + in_index(fielded)
    with writing(fielded) as connection:
        withdraw(connection, ["w" * 64])
    mix(fielded, "opinions", minimum=0)
    with stored_bytes(fielded, settings) as content:
        assert canary.encode() not in content
        assert content.count(other.encode()) == 1


def in_index(engine: Engine) -> int:
    """PostgreSQL keeps a key twice: in the table and in its index."""
    return engine.dialect.name == "postgresql"


@contextmanager
def stored_bytes(engine: Engine, settings: Settings) -> Iterator[bytes]:
    """All that the database keeps in files about responses and submissions."""
    if engine.dialect.name == "sqlite":
        path = Path(make_url(settings.database_url).database or "")
        yield b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CHECKPOINT"))
        files = connection.scalars(
            text(
                "SELECT pg_read_binary_file(pg_relation_filepath(oid)) FROM pg_class"
                " WHERE relname ~ '(inbox|spent|responses)' AND relkind IN ('r', 'i')"
            )
        )
        yield b"".join(map(bytes, files))


def test_the_log_is_empty_after_mixing_on_sqlite(
    fielded: Engine, settings: Settings, submission: Make
) -> None:
    arrive(fielded, [submission() for _ in range(20)])
    mix_full(fielded)
    if fielded.dialect.name == "sqlite":
        path = Path(make_url(settings.database_url).database or "")
        assert path.with_name(f"{path.name}-wal").stat().st_size == 0
    else:
        with fielded.connect() as connection:
            dead = "SELECT pg_relation_size('inbox')"
            assert connection.scalar(text(dead)) == 0


def test_a_long_reader_delays_neither_mixing_nor_recording(
    fielded: Engine, submission: Make
) -> None:
    arrive(fielded, [submission() for _ in range(20)])
    with fielded.connect() as reader:
        reader.execute(text("SELECT count(*) FROM surveys")).all()
        started = time.monotonic()
        mix_full(fielded)
        assert time.monotonic() - started < 2
    assert len(stored(fielded, "survey", "responses")) == 20


def test_two_who_mix_and_one_who_records_lose_and_double_nothing(
    fielded: Engine, submission: Make
) -> None:
    arriving = numbered(submission, range(100))
    moved: list[int] = []
    done = threading.Event()

    def mix_on() -> None:
        while not done.is_set():
            moved.append(mix(fielded, "opinions", minimum=1))

    mixers = [threading.Thread(target=mix_on) for _ in range(2)]
    for mixer in mixers:
        mixer.start()
    arrive(fielded, arriving)
    done.set()
    for mixer in mixers:
        mixer.join()
    moved.append(mix(fielded, "opinions", minimum=1))
    assert sum(moved) == 100
    bodies = [number_of(body) for (body,) in stored(fielded, "body", "responses")]
    assert sorted(bodies) == list(range(100))
    assert len(stored(fielded, "submission_hash", "spent")) == 100
    assert stored(fielded, "survey", "inbox") == []


def test_rows_of_one_batch_may_be_any_size(fielded: Engine, submission: Make) -> None:
    """Large answers are kept beside their table by PostgreSQL, and move along."""
    large = secrets.token_hex(50_000)
    with writing(fielded) as connection:
        row = {**vars(submission(body=large)), "week": "2026-W48"}
        for name, given in row.pop("consents").items():
            row[f"consent_{name}"] = given
        connection.execute(insert(Inbox).values(row))
    assert mix(fielded, "opinions", minimum=1) == 1
    assert stored(fielded, "body", "responses") == [(large,)]
