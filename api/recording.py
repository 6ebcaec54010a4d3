"""Recording: the single durable write path of the respondent side.

One thread per process owns the writing connection. It takes what is waiting, runs it
in one transaction (one fsync for many) and answers after the commit.
"""

import asyncio
import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypeVar

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Engine,
    and_,
    bindparam,
    insert,
    null,
    select,
    union_all,
)
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
)
from sqlmodel import col

from . import drafts
from .database import savepoint, writing
from .errors import QueueFull, RecordingUnavailable, RowRefused
from .mixing import FEWEST, mix_full
from .models import Inbox, PublishedSurvey, Spent, Ticket
from .weeks import today, week_of

Outcome = Literal[
    "recorded", "already_recorded", "conflict", "unknown_ticket", "closed"
]
T = TypeVar("T")
_Job = tuple[Callable[[Connection], Any], Future[Any]]

MIXING_SHARE = 0.05
"""The writer spends at most this share of its time on mixing."""

HOUSEKEEPING_SECONDS = 3600.0
"""How often old drafts are deleted and the day is looked at, from the start on."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Submission:
    """A finished response with its consent.

    Parameters
    ----------
    submission_hash : str
        What makes it the same submission when it is sent again: the hash of a random
        key in the form (T0), or the ticket's hash (T1, `codes.ticket_hash`).
    country : str or None
        Ignored in T1, where the ticket knows the country.
    consents : mapping of str to bool
        ``participate``, ``adult``, ``opinions`` and ``publication``.
    body : str
        JSON of ``{"assignment": ..., "answers": ...}``.
    withdrawal_hash : str or None
        The first of `codes.withdrawal_hashes`, if the respondent may withdraw.
    """

    submission_hash: str
    survey: str
    country: str | None
    language: str
    questionnaire_version: str
    consent_version: str
    consent_language: str
    consent_hash: str
    consents: Mapping[str, bool]
    body: str
    withdrawal_hash: str | None = None


class Recorder:
    """The writer of one process.

    Parameters
    ----------
    engine : Engine
    queue_size : int
        Writes that may wait; more raise `QueueFull`.
    batch_size : int
        Writes that share one commit.
    """

    def __init__(
        self, engine: Engine, *, queue_size: int = 2000, batch_size: int = 200
    ) -> None:
        self._engine = engine
        self._batch_size = batch_size
        self._queue: queue.Queue[_Job | None] = queue.Queue(queue_size)
        self._lock = threading.Lock()
        self._accepting = False
        self._unmixed = False
        self._mix_after = 0.0
        self._housekeeping_after = 0.0
        self._mixed_on = date.min
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def start(self) -> None:
        """Begin to write. A recorder starts once."""
        self._accepting = True
        self._thread.start()

    def stop(self) -> None:
        """Refuse new writes, store the waiting ones and end; blocks until then."""
        with self._lock:
            was_accepting, self._accepting = self._accepting, False
        if was_accepting:
            self._queue.put(None)
        self._thread.join()

    async def write(self, job: Callable[[Connection], T]) -> T:
        """Run a job in the writer's transaction and return its result once durable.

        Raises
        ------
        RowRefused
            The database refused what the job wrote; other jobs are not touched. Any
            other exception of the job is raised as it is, and undone alike.
        RecordingUnavailable
            Nothing was acknowledged; `QueueFull` when too much is waiting.
        """
        future: Future[T] = Future()
        with self._lock:
            if not self._accepting:
                raise RecordingUnavailable("nothing is recorded: the writer has ended")
            try:
                self._queue.put_nowait((job, future))
            except queue.Full:
                raise QueueFull(f"{self._queue.maxsize} writes are waiting") from None
        return await asyncio.wrap_future(future)

    def _run(self) -> None:
        batch: list[_Job] = []
        try:
            ending = False
            while not ending:
                entries = self._take()
                ending = None in entries
                batch = [
                    (job, future)
                    for job, future in filter(None, entries)
                    if future.set_running_or_notify_cancel()
                ]
                self._commit(batch)
                self._mix(at_once=ending)
                self._keep_house()
        finally:
            with self._lock:
                self._accepting = False
            while not self._queue.empty():
                batch.extend(filter(None, self._take()))
            _fail(batch)

    def _take(self) -> list[_Job | None]:
        """Take what is there, at least one entry unless something else is due."""
        mixing_due = self._mix_after if self._unmixed else math.inf
        due = min(self._housekeeping_after, mixing_due)
        entries: list[_Job | None] = []
        with suppress(queue.Empty):
            patience = max(0.0, due - time.monotonic())
            entries.append(self._queue.get(timeout=patience))
        while len(entries) < self._batch_size and not self._queue.empty():
            entries.append(self._queue.get())
        return entries

    def _commit(self, batch: list[_Job]) -> None:
        """Run a batch in one transaction and answer when it is durable."""
        if not batch:
            return
        results = []
        try:
            with writing(self._engine) as connection:
                for job, _ in batch:
                    results.append(_attempt(connection, job))
        except Exception as error:
            logger.error("nothing recorded: %s", type(error).__name__)
            _fail(batch)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
        self._unmixed = True

    def _mix(self, *, at_once: bool) -> None:
        """Mix full inboxes, later if mixing took too much of the time lately."""
        started = time.monotonic()
        if not self._unmixed or (started < self._mix_after and not at_once):
            return
        self._unmixed = False
        try:
            mix_full(self._engine)
        except Exception as error:
            logger.error("nothing mixed: %s", type(error).__name__)
        ended = time.monotonic()
        self._mix_after = ended + (ended - started) / MIXING_SHARE

    def _keep_house(self) -> None:
        """Delete old drafts once in a while, and mix few responses once a day."""
        if time.monotonic() < self._housekeeping_after:
            return
        self._housekeeping_after = time.monotonic() + HOUSEKEEPING_SECONDS
        try:
            with writing(self._engine) as connection:
                drafts.purge(connection)
            if today() != self._mixed_on:
                mix_full(self._engine, minimum=FEWEST)
                self._mixed_on = today()
        except Exception as error:
            logger.error("housekeeping failed: %s", type(error).__name__)


def _attempt(connection: Connection, job: Callable[[Connection], Any]) -> Any:
    """Run a job so that its failure undoes nothing but itself."""
    try:
        with savepoint(connection):
            return job(connection)
    except (OperationalError, InterfaceError, InternalError):
        raise  # full disk, lost connection: the whole batch is undone
    except DBAPIError:  # not passed on: PostgreSQL's details repeat the row
        return RowRefused("the database refused the row: consent or a value is missing")
    except Exception as error:
        return error


def _fail(batch: list[_Job]) -> None:
    """Tell everybody who still waits that nothing was acknowledged."""
    for _, future in batch:
        if future.done():
            continue
        if future.running() or future.set_running_or_notify_cancel():
            future.set_exception(RecordingUnavailable("nothing was stored; try again"))


async def record_response(recorder: Recorder, submission: Submission) -> Outcome:
    """Store a finished response once, durably, before it is acknowledged.

    Returns
    -------
    str
        ``recorded``; ``already_recorded`` when the same submission came before;
        ``conflict`` when it came before with another body; ``unknown_ticket``;
        ``closed`` when the survey is not open in this version.

    Raises
    ------
    RowRefused
        A required consent is missing or a value does not fit its column.
    RecordingUnavailable
        Nothing was acknowledged; submitting the same again is safe.
    """
    return await recorder.write(lambda connection: _record(connection, submission))


_EARLIER: CompoundSelect[Any] = union_all(
    select(col(Inbox.body)).where(col(Inbox.submission_hash) == bindparam("hash")),
    select(null()).where(
        select(Spent).where(col(Spent.submission_hash) == bindparam("hash")).exists()
    ),
)
"""The body of the same submission if it waits, or NULL if it was mixed."""

_SURVEY = (
    select(col(PublishedSurvey.tier), col(Ticket.country))
    .outerjoin_from(
        PublishedSurvey,
        Ticket,
        and_(
            col(Ticket.survey) == col(PublishedSurvey.name),
            col(Ticket.ticket_hash) == bindparam("hash"),
        ),
    )
    .where(
        col(PublishedSurvey.name) == bindparam("survey"),
        col(PublishedSurvey.version) == bindparam("version"),
        col(PublishedSurvey.state) == "open",
    )
)
"""The tier of an open survey, and the country of the ticket if it is one."""

_INSERT = insert(Inbox)


def _record(connection: Connection, submission: Submission) -> Outcome:
    row = dict(vars(submission))
    hash_ = row["submission_hash"]
    earlier = connection.execute(_EARLIER, {"hash": hash_}).one_or_none()
    if earlier is not None:
        same = earlier.body in (submission.body, None)
        return "already_recorded" if same else "conflict"
    survey = connection.execute(
        _SURVEY,
        {
            "hash": hash_,
            "survey": submission.survey,
            "version": submission.questionnaire_version,
        },
    ).one_or_none()
    if survey is None:
        return "closed"
    if survey.tier == "T1":
        if survey.country is None:
            return "unknown_ticket"
        row["country"] = survey.country
    for consent, given in row.pop("consents").items():
        row[f"consent_{consent}"] = given
    connection.execute(_INSERT, {**row, "week": week_of(today())})
    return "recorded"
