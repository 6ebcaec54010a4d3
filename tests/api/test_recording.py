"""Each response is stored once, durably, before it is acknowledged."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, func, insert, select
from sqlalchemy.exc import OperationalError

from api import database, drafts, recording
from api.database import create_engine_for, writing
from api.errors import QueueFull, RecordingUnavailable, RowRefused
from api.mixing import mix
from api.models import Inbox, PageCount, PublishedSurvey, Response, Spent, Ticket
from api.recording import Recorder, Submission, record_response
from api.settings import Settings
from api.weeks import today, week_of

Make = Callable[..., Submission]


def record(recorder: Recorder, *submissions: Submission) -> list[Any]:
    """Record submissions at the same time; outcomes or exceptions in their order."""

    async def run() -> list[Any]:
        return await asyncio.gather(
            *(record_response(recorder, one) for one in submissions),
            return_exceptions=True,
        )

    return asyncio.run(run())


def count(engine: Engine, table: type) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


@contextmanager
def held(recorder: Recorder) -> Iterator[None]:
    """Keep the writer busy, so that what is written meanwhile shares a batch."""
    entered, released = threading.Event(), threading.Event()

    def hold(_: Connection) -> None:
        entered.set()
        released.wait(10)

    thread = threading.Thread(target=lambda: asyncio.run(recorder.write(hold)))
    thread.start()
    entered.wait(10)
    try:
        yield
    finally:
        released.set()
        thread.join()


def test_a_response_is_stored_with_the_week_as_its_finest_time(
    recorder: Recorder, fielded: Engine, submission: Make
) -> None:
    one = submission(withdrawal_hash="w" * 64)
    assert record(recorder, one) == ["recorded"]
    with fielded.connect() as connection:
        row = dict(connection.execute(select(Inbox)).mappings().one())
    consents = {f"consent_{name}": given for name, given in one.consents.items()}
    expected = {**vars(one), **consents, "week": week_of(today())}
    del expected["consents"]
    assert row == expected


@pytest.mark.parametrize(
    ("differences", "outcome"),
    [
        ({}, "already_recorded"),
        ({"body": "{}"}, "conflict"),
        ({"submission_hash": "other"}, "recorded"),
        ({"submission_hash": "other", "survey": "unknown"}, "closed"),
        ({"submission_hash": "other", "questionnaire_version": "v2"}, "closed"),
        ({"submission_hash": "other", "survey": "invited"}, "unknown_ticket"),
        ({"submission_hash": "elsewhere", "survey": "invited"}, "unknown_ticket"),
        ({"submission_hash": "ticket", "survey": "invited"}, "recorded"),
    ],
)
def test_what_follows_a_first_submission(
    recorder: Recorder,
    fielded: Engine,
    submission: Make,
    differences: dict[str, str],
    outcome: str,
) -> None:
    with writing(fielded) as connection:
        for name, survey in (("ticket", "invited"), ("elsewhere", "opinions")):
            row = {"ticket_hash": name, "survey": survey, "country": "GB"}
            connection.execute(insert(Ticket).values(row))
    first = submission()
    assert record(recorder, first) == ["recorded"]
    assert record(recorder, replace(first, **differences)) == [outcome]
    assert count(fielded, Inbox) == (2 if outcome == "recorded" else 1)


def test_a_ticket_knows_its_country(
    recorder: Recorder, fielded: Engine, submission: Make
) -> None:
    with writing(fielded) as connection:
        row = {"ticket_hash": "ticket", "survey": "invited", "country": "GB"}
        connection.execute(insert(Ticket).values(row))
    one = submission(survey="invited", submission_hash="ticket", country="DE")
    assert record(recorder, one) == ["recorded"]
    with fielded.connect() as connection:
        assert connection.scalar(select(Inbox.country)) == "GB"


def test_a_mixed_response_is_known_even_after_the_survey_closed(
    recorder: Recorder, fielded: Engine, submission: Make
) -> None:
    one = submission()
    record(recorder, one)
    mix(fielded, "opinions", minimum=1)
    with writing(fielded) as connection:
        connection.execute(PublishedSurvey.__table__.update().values(state="closed"))
    again = [one, replace(one, body="{}"), submission()]
    outcomes = ["already_recorded", "already_recorded", "closed"]
    assert record(recorder, *again) == outcomes
    assert (count(fielded, Inbox), count(fielded, Response)) == (0, 1)


@pytest.mark.parametrize("consent", ["participate", "adult", "opinions"])
@pytest.mark.parametrize("given", [False, None])
def test_without_a_consent_one_row_is_refused_and_the_others_are_stored(
    recorder: Recorder,
    fielded: Engine,
    submission: Make,
    consent: str,
    given: bool | None,
) -> None:
    bad = submission()
    bad = replace(bad, consents={**bad.consents, consent: given})
    outcomes: list[Any] = []
    with held(recorder):
        thread = threading.Thread(
            target=lambda: outcomes.extend(
                record(recorder, submission(), bad, submission())
            )
        )
        thread.start()
        wait_until(lambda: recorder._queue.qsize() == 3)
    thread.join()
    assert [outcomes[0], type(outcomes[1]), outcomes[2]] == [
        "recorded",
        RowRefused,
        "recorded",
    ]
    assert bad.submission_hash not in str(outcomes[1])
    assert outcomes[1].__context__ is None  # which would repeat the row
    assert count(fielded, Inbox) == 2


def test_a_failing_job_is_undone_alone_and_tells_its_caller(
    recorder: Recorder, fielded: Engine
) -> None:
    def job(connection: Connection, page: str) -> str:
        row = {"survey": "opinions", "country": "", "page": page, "shown": 1}
        connection.execute(insert(PageCount).values(row))
        if page == "bad":
            raise ZeroDivisionError
        return page

    async def run() -> list[Any]:
        return await asyncio.gather(
            *(
                recorder.write(lambda c, p=page: job(c, p))
                for page in ("a", "bad", "b")
            ),
            return_exceptions=True,
        )

    first, failure, last = asyncio.run(run())
    assert (first, type(failure), last) == ("a", ZeroDivisionError, "b")
    with fielded.connect() as connection:
        pages = connection.scalars(select(PageCount.page).order_by(PageCount.page))
        assert pages.all() == ["a", "b"]


@pytest.mark.parametrize("recorders", [1, 2])
def test_fifty_at_once_with_one_submission_make_one_row(
    fielded: Engine, submission: Make, recorders: int
) -> None:
    writers = [Recorder(fielded, batch_size=3) for _ in range(recorders)]
    for writer in writers:
        writer.start()
    one = submission()

    async def race() -> list[str]:
        return await asyncio.gather(
            *(record_response(writers[i % recorders], one) for i in range(50))
        )

    outcomes = Counter(asyncio.run(race()))
    for writer in writers:
        writer.stop()
    assert outcomes == {"recorded": 1, "already_recorded": 49}
    assert count(fielded, Inbox) == 1


def test_twenty_responses_are_mixed_without_being_asked_for(
    recorder: Recorder, fielded: Engine, submission: Make
) -> None:
    assert record(recorder, *(submission() for _ in range(20))) == ["recorded"] * 20
    recorder.stop()
    tables = (Inbox, Spent, Response)
    assert [count(fielded, table) for table in tables] == [0, 20, 20]


def test_what_a_pause_of_mixing_held_back_is_mixed_after_it(
    recorder: Recorder, fielded: Engine, submission: Make
) -> None:
    record(recorder, submission())
    wait_until(lambda: recorder._mix_after > 0)
    recorder._mix_after = time.monotonic() + 1
    assert record(recorder, *(submission() for _ in range(20))) == ["recorded"] * 20
    assert count(fielded, Response) == 0
    wait_until(lambda: count(fielded, Response) == 21)


@pytest.mark.parametrize(("waiting", "mixed"), [(4, 0), (5, 5)])
def test_five_that_wait_are_mixed_on_the_next_day(
    fielded: Engine,
    submission: Make,
    monkeypatch: pytest.MonkeyPatch,
    waiting: int,
    mixed: int,
) -> None:
    rounds = Counter[str]()
    monkeypatch.setattr(recording, "HOUSEKEEPING_SECONDS", 0.01)
    monkeypatch.setattr(drafts, "purge", lambda _: rounds.update(["purge"]))
    recorder = Recorder(fielded)
    recorder.start()
    wait_until(lambda: rounds["purge"] > 0)
    record(recorder, *(submission() for _ in range(waiting)))
    passed = rounds["purge"] + 3
    wait_until(lambda: rounds["purge"] >= passed)
    assert count(fielded, Response) == 0  # not on the day of the last mix
    monkeypatch.setattr(recording, "today", lambda: today() + timedelta(days=1))
    passed = rounds["purge"] + 3
    wait_until(lambda: rounds["purge"] >= passed)
    assert count(fielded, Response) == mixed
    assert count(fielded, Inbox) == waiting - mixed
    recorder.stop()


def test_a_failing_mix_stops_no_recording(
    recorder: Recorder,
    submission: Make,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("secret statement", {}, Exception("secret"))

    monkeypatch.setattr("api.recording.mix_full", fail)
    assert record(recorder, *(submission() for _ in range(20))) == ["recorded"] * 20
    wait_until(lambda: "nothing mixed: OperationalError" in caplog.messages)
    assert "secret" not in caplog.text
    assert record(recorder, submission()) == ["recorded"]


def test_a_full_queue_refuses(fielded: Engine, submission: Make) -> None:
    recorder = Recorder(fielded, queue_size=2)
    recorder.start()
    with held(recorder):
        thread = threading.Thread(
            target=lambda: record(recorder, submission(), submission())
        )
        thread.start()
        wait_until(lambda: recorder._queue.full())
        (outcome,) = record(recorder, submission())
        assert isinstance(outcome, QueueFull)
    thread.join()
    assert record(recorder, submission()) == ["recorded"]
    recorder.stop()
    assert count(fielded, Inbox) == 3


def test_a_locked_database_is_waited_for_then_refused_then_used_again(
    settings: Settings,
    fielded: Engine,
    submission: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database, "LOCK_SECONDS", 1)
    impatient = create_engine_for(settings)
    recorder = Recorder(impatient)
    recorder.start()
    one = submission()
    with writing(fielded):
        (outcome,) = record(recorder, one)
        assert type(outcome) is RecordingUnavailable
    assert record(recorder, one) == ["recorded"]
    recorder.stop()
    impatient.dispose()


def test_a_full_disk_refuses_the_batch_and_recovers_without_a_restart(
    recorder: Recorder, fielded: Engine, submission: Make
) -> None:
    most_pages = 1  # SQLite takes it as: no more than there are

    def limit(dbapi_connection: Any, *_: object) -> None:
        if fielded.dialect.name == "sqlite":
            dbapi_connection.execute(f"PRAGMA max_page_count={most_pages}")
        elif most_pages == 1:  # the server cannot write and ends the connection
            dbapi_connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    event.listen(fielded, "checkout", limit)
    submissions = [submission(body="x" * 5000) for _ in range(10)]
    full = record(recorder, *submissions)
    most_pages = 1_000_000
    assert {type(outcome) for outcome in full} == {RecordingUnavailable}
    assert count(fielded, Inbox) == 0
    assert record(recorder, *submissions) == ["recorded"] * 10
    event.remove(fielded, "checkout", limit)


def test_nothing_is_acknowledged_when_the_commit_fails(
    recorder: Recorder, fielded: Engine, submission: Make
) -> None:
    def fail(_: Connection) -> None:
        raise OperationalError("COMMIT", {}, Exception("disk I/O error"))

    one = submission()
    event.listen(fielded, "commit", fail)
    (outcome,) = record(recorder, one)
    event.remove(fielded, "commit", fail)
    assert type(outcome) is RecordingUnavailable
    assert count(fielded, Inbox) == 0
    assert record(recorder, one) == ["recorded"]


def test_what_waits_is_written_before_the_end_and_nothing_later(
    recorder: Recorder, fielded: Engine, submission: Make
) -> None:
    outcomes: list[Any] = []
    with held(recorder):
        writer = threading.Thread(
            target=lambda: outcomes.extend(
                record(recorder, *(submission() for _ in range(300)))
            )
        )
        writer.start()
        wait_until(lambda: recorder._queue.qsize() == 300)
        ending = threading.Thread(target=recorder.stop)
        ending.start()
        wait_until(lambda: not recorder._accepting)
        (late,) = record(recorder, submission())
        assert type(late) is RecordingUnavailable
    writer.join()
    ending.join()
    assert Counter(outcomes) == {"recorded": 300}
    assert count(fielded, Inbox) + count(fielded, Response) == 300


@pytest.mark.filterwarnings(  # that is what happens to the thread here
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)
def test_when_the_writer_dies_nobody_waits_for_ever(
    recorder: Recorder, submission: Make
) -> None:
    async def die() -> None:
        def job(_: Connection) -> None:
            raise SystemExit

        await recorder.write(job)

    outcomes: list[Any] = []
    with held(recorder):
        threads = [
            threading.Thread(target=target)
            for target in (
                lambda: outcomes.extend(record(recorder, submission(), submission())),
                lambda: outcomes.append(catch(die)),
            )
        ]
        for thread in threads:
            thread.start()
        wait_until(lambda: recorder._queue.qsize() == 3)
    for thread in threads:
        thread.join()
    assert [type(outcome) for outcome in outcomes] == [RecordingUnavailable] * 3
    (late,) = record(recorder, submission())
    assert type(late) is RecordingUnavailable


def test_somebody_who_left_costs_the_others_nothing(
    recorder: Recorder, submission: Make
) -> None:
    async def leave() -> None:
        await asyncio.wait_for(record_response(recorder, submission()), 0.05)

    with held(recorder), pytest.raises(TimeoutError):
        asyncio.run(leave())  # this loop is closed before the writer comes to it
    assert record(recorder, submission()) == ["recorded"]


def catch(coroutine: Callable[[], Awaitable[None]]) -> BaseException | None:
    try:
        asyncio.run(coroutine())  # type: ignore[arg-type]
    except Exception as error:
        return error
    return None


def wait_until(holds: Callable[[], bool], *, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited {seconds} seconds in vain"
        time.sleep(0.01)
