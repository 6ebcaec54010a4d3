"""Jobs in processes of their own: one at a time, found again, never seen half."""

import asyncio
import fcntl
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from api import jobs
from api.errors import JobsFull, UnknownJob
from api.jobs import ExportTask, Outcome, ReleaseTask
from api.settings import Settings

TASK = ExportTask(survey="tea", release="1-open", format="csv")
SECONDS = 60


@pytest.fixture
def settings(tmp_path):
    return Settings(
        data_dir=tmp_path, secret_key="only-for-tests-0123456789-abcdefghijk"
    )


@pytest.fixture
def processes(monkeypatch):
    """Those that are started, in order."""
    started = []
    popen = subprocess.Popen

    def start(*arguments, **options):
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    return started


@pytest.fixture
def nobody_works(monkeypatch):
    """Jobs are started and wait: the test holds their locks as a process would."""
    held = []
    monkeypatch.setattr(jobs, "_run", lambda _, __, lock: held.append(os.dup(lock)))
    yield held
    for lock in held:
        os.close(lock)


def settle(settings, job):
    return asyncio.run(jobs.settled(settings, job, SECONDS))


def test_a_job_fails_with_words_and_is_not_done_again(settings, processes):
    job = settle(settings, jobs.start(settings, TASK))
    assert (job.state, job.outcome.problem) == (
        "failed",
        "survey 'tea' has no such release",
    )
    again = jobs.start(settings, TASK)
    assert (again.name, again.state) == (job.name, "failed")
    assert len(processes) == 1


def test_jobs_wait_for_their_turn_and_what_was_killed_starts_again(settings, processes):
    (settings.data_dir / jobs.FOLDER).mkdir()
    with (settings.data_dir / jobs.FOLDER / jobs.TURN).open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        first = jobs.start(settings, TASK)
        other = jobs.start(settings, TASK.model_copy(update={"format": "sav"}))
        begun = time.monotonic()
        waiting = asyncio.run(jobs.settled(settings, first, 0.3))
        assert 0.3 <= time.monotonic() - begun < 5
        assert waiting.state == "waiting"
        os.kill(processes[0].pid, signal.SIGKILL)
        processes[0].wait()
        killed = jobs.find(settings, "tea", first.name)
        assert (killed.state, killed.outcome) == ("failed", Outcome())
        assert jobs.start(settings, TASK).state == "waiting"
        assert len(processes) == 3
    for job in (first, other):
        assert settle(settings, job).outcome.problem


def test_the_same_is_started_once_and_a_release_each_time(settings, nobody_works):
    assert jobs.start(settings, TASK).name == jobs.start(settings, TASK).name
    assert len(nobody_works) == 1
    made = ReleaseTask(survey="tea", profile="open")
    names = {jobs.start(settings, made, anew=True).name for _ in range(2)}
    assert len(names) == 2
    assert len(nobody_works) == 3


def test_many_who_ask_for_the_same_at_once_get_one_job(settings, nobody_works):
    with ThreadPoolExecutor(8) as threads:
        started = list(threads.map(lambda _: jobs.start(settings, TASK), range(24)))
    assert len({job.name for job in started}) == 1
    assert {job.state for job in started} == {"waiting"}
    assert len(nobody_works) == 1


def test_too_many_are_refused(settings, nobody_works):
    made = ReleaseTask(survey="tea", profile="open")
    for _ in range(jobs.MOST_WAITING):
        jobs.start(settings, made, anew=True)
    with pytest.raises(JobsFull, match="20 jobs wait"):
        jobs.start(settings, made, anew=True)
    os.close(nobody_works.pop())
    assert jobs.start(settings, made, anew=True).state == "waiting"


@pytest.mark.usefixtures("nobody_works")
def test_a_job_is_deleted_after_a_day(settings):
    jobs.start(settings, TASK)
    done, waiting = (
        jobs.start(settings, TASK.model_copy(update={"format": format_}))
        for format_ in ("sav", "dta")
    )
    jobs.settle(done.folder, Outcome(file="a.zip"))
    assert jobs.find(settings, "tea", done.name).state == "done"
    old = time.time() - jobs.KEPT_SECONDS - 1
    for job in (done, waiting):
        os.utime(job.folder / jobs.TASK, (old, old))
    jobs.start(settings, TASK)
    assert jobs.find(settings, "tea", waiting.name).state == "waiting"
    with pytest.raises(UnknownJob):
        jobs.find(settings, "tea", done.name)


@pytest.mark.usefixtures("nobody_works")
@pytest.mark.parametrize("name", ["", "..", "starting", "a" * 32, "٣"])
def test_a_job_of_another_survey_or_name_is_unknown(settings, name):
    job = jobs.start(settings, TASK)
    with pytest.raises(UnknownJob):
        jobs.find(settings, "coffee", job.name)
    with pytest.raises(UnknownJob):
        jobs.find(settings, "tea", name)
