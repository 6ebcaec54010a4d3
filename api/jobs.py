"""Jobs: what takes longer than a request runs in a process of its own.

So an export or an analysis never keeps respondents waiting. A job is a folder in the
data folder: what is to be done, a lock that its process holds while it lives, how far
it is, and what came out. Jobs run one at a time and are deleted after a day.
"""

import asyncio
import fcntl
import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter

from .choices import Choices
from .errors import JobsFull, UnknownJob
from .settings import Settings
from .vocabulary import Profile

FOLDER, TURN = "jobs", "turn"
TASK, LOCK, STEP, OUTCOME = "task.json", "lock", "step.txt", "outcome.json"
COMPARISON = "comparison"
"""Stem of the names of a comparison's page and table."""

CHARTS = {"wide": 560, "narrow": 190}
"""Widths of the charts of a comparison, in pixels without their labels."""

KEPT_SECONDS = 24 * 3600
MOST_WAITING = 20
FORMATS = {
    "sav": "SPSS",
    "zsav": "SPSS, compressed",
    "dta": "Stata",
    "r": "R",
    "csv": "CSV",
    "xlsx": "Excel",
    "parquet": "Parquet",
    "ddi": "DDI",
    "codebook": "Codebook",
    "questionnaire": "Questionnaire",
}
"""What `surveys.exports` writes, in the order of the buttons. Neither it nor what
analyses is imported here: respondents are served by the same processes."""


WAIT_SECONDS = 5
"""How long a request waits for a job; a restart of the service waits longer."""

LOOK_SECONDS = 0.1
"""How often a request that waits for a job looks at it."""


class ReleaseTask(BaseModel):
    """Make a release of a survey."""

    kind: Literal["release"] = "release"
    survey: str
    profile: Profile


class ExportTask(BaseModel):
    """Write a release in one format."""

    kind: Literal["export"] = "export"
    survey: str
    release: str
    format: str
    language: str = "en"


class ComparisonTask(BaseModel):
    """Compare countries."""

    kind: Literal["comparison"] = "comparison"
    survey: str
    choices: Choices


Task = Annotated[ReleaseTask | ExportTask | ComparisonTask, Field(discriminator="kind")]
_TASKS: TypeAdapter[Task] = TypeAdapter(Task)


class Outcome(BaseModel):
    """What came out of a job: a file, a release or a result, or what went wrong."""

    problem: str = ""
    file: str = ""
    release: str = ""
    result: dict[str, Any] = {}


State = Literal["waiting", "running", "done", "failed"]


@dataclass(frozen=True)
class Job:
    """A job and where it stands."""

    name: str
    folder: Path
    task: Task
    asked_at: float
    state: State
    step: str
    outcome: Outcome

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in {"done", "failed"}


def start(settings: Settings, task: Task, *, anew: bool = False) -> Job:
    """Start a job, or find the one that has done the same today.

    Parameters
    ----------
    settings : Settings
    task : ReleaseTask, ExportTask or ComparisonTask
    anew : bool
        Do it again, although it was done already.

    Raises
    ------
    JobsFull
        Too many wait; trying again later is safe.
    """
    jobs = settings.data_dir / FOLDER
    jobs.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = task.model_dump_json()
    name = secrets.token_hex(16) if anew else sha256(content.encode()).hexdigest()[:32]
    with locked(jobs / "starting"):
        _purge(jobs)
        known = _read(jobs / name)
        if known is not None and (known.state != "failed" or known.outcome.problem):
            return known
        if sum(not job.is_settled for job in _all(jobs)) >= MOST_WAITING:
            raise JobsFull(f"{MOST_WAITING} jobs wait already; try again later")
        shutil.rmtree(jobs / name, ignore_errors=True)
        unnamed = jobs / f".{secrets.token_hex(16)}"
        unnamed.mkdir(mode=0o700)
        (unnamed / TASK).write_text(content, "utf-8")
        with locked(unnamed / LOCK) as lock:
            unnamed.rename(jobs / name)
            _run(settings, jobs / name, lock)
        return find(settings, task.survey, name)


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold a lock that all processes respect; yields its file descriptor."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def find(settings: Settings, survey: str, name: str) -> Job:
    """Look up a job of a survey.

    Raises
    ------
    UnknownJob
        There is none of that name, or not any more.
    """
    jobs = settings.data_dir / FOLDER
    known = name.isalnum() and name.isascii()
    job = _read(jobs / name) if known else None
    if job is None or job.task.survey != survey:
        raise UnknownJob("there is no such job; its result is kept for one day")
    return job


def of_today(settings: Settings, survey: str) -> list[Job]:
    """List the releases and exports of a survey that are not deleted yet, newest first.

    Comparisons are not listed: the address of their page finds them again.
    """
    jobs = settings.data_dir / FOLDER
    found = [
        job
        for job in (_all(jobs) if jobs.is_dir() else ())
        if job.task.survey == survey and job.task.kind != "comparison"
    ]
    return sorted(found, key=lambda job: job.asked_at, reverse=True)


async def settled(settings: Settings, job: Job, seconds: float) -> Job:
    """Wait some seconds for a job to end; it may not have."""
    until = time.monotonic() + seconds
    while not job.is_settled and time.monotonic() < until:
        await asyncio.sleep(LOOK_SECONDS)
        job = find(settings, job.task.survey, job.name)
    return job


def read_task(folder: Path) -> Task:
    """Read what a job has to do."""
    return _TASKS.validate_json((folder / TASK).read_bytes())


def settle(folder: Path, outcome: Outcome) -> None:
    """Write down what came out of a job; nothing more will happen to it."""
    _write(folder / OUTCOME, outcome.model_dump_json())


def report(folder: Path, step: str) -> None:
    """Write down in words what a job does now."""
    _write(folder / STEP, step)


def _run(settings: Settings, folder: Path, lock: int) -> None:
    """Start the process of a job; it inherits the lock and holds it while it lives."""
    named = {
        "PARALLAX_DATA_DIR": str(settings.data_dir.absolute()),
        "PARALLAX_DATABASE_URL": settings.database_url,
        "PARALLAX_ENVIRONMENT": settings.environment,
        "PARALLAX_SECRET_KEY": settings.secret_key.get_secret_value(),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "api.working", str(folder)],
        env=os.environ | named,
        pass_fds=[lock],
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # a restart of the service does not end it
    )
    threading.Thread(target=process.wait, daemon=True).start()


def _read(folder: Path) -> Job | None:
    try:
        task = read_task(folder)
        asked_at = (folder / TASK).stat().st_mtime
        is_alive = _is_locked(folder / LOCK)  # before the outcome: that comes first
    except (FileNotFoundError, NotADirectoryError):
        return None
    state: State = "failed"
    outcome = Outcome()
    step = ""
    if (folder / OUTCOME).exists():
        outcome = Outcome.model_validate_json((folder / OUTCOME).read_bytes())
        state = "failed" if outcome.problem else "done"
    elif is_alive:
        state = "waiting"
        if (folder / STEP).exists():
            state, step = "running", (folder / STEP).read_text("utf-8")
    return Job(folder.name, folder, task, asked_at, state, step, outcome)


def _all(jobs: Path) -> list[Job]:
    folders = (folder for folder in jobs.iterdir() if folder.is_dir())
    return [job for folder in folders if (job := _read(folder)) is not None]


def _purge(jobs: Path) -> None:
    for job in _all(jobs):
        if job.is_settled and time.time() - job.asked_at > KEPT_SECONDS:
            shutil.rmtree(job.folder, ignore_errors=True)


def _is_locked(path: Path) -> bool:
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _write(path: Path, text: str) -> None:
    """Write a small file that is never seen half."""
    with TemporaryDirectory(prefix=".", dir=path.parent) as folder:
        unfinished = Path(folder) / path.name
        unfinished.write_text(text, "utf-8")
        unfinished.replace(path)
