"""A process that is killed at any moment loses nothing that was acknowledged."""

import asyncio
import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

import api
from api.database import writing
from api.models import Inbox, Response, Spent
from api.recording import Recorder, Submission, _record, record_response
from api.settings import Settings

WRITER = """
import asyncio, json, os, sys
from api.database import create_engine_for
from api.recording import Recorder, Submission, record_response
from api.settings import Settings

usual = json.loads(sys.argv[2])

async def write(recorder, client):
    number = 0
    while True:
        name = f"{sys.argv[3]}-{client}-{number}"
        number += 1
        os.write(1, f"tried {name}\\n".encode())
        one = Submission(**usual | {"submission_hash": name, "body": name})
        outcome = await record_response(recorder, one)
        os.write(1, f"{outcome} {name}\\n".encode())

async def write_for_ever():
    recorder = Recorder(create_engine_for(Settings(database_url=sys.argv[1])))
    recorder.start()
    await asyncio.gather(*(write(recorder, client) for client in range(16)))

asyncio.run(write_for_ever())
"""

MIXER = """
import os, signal, sys
from sqlalchemy import event
from api.database import create_engine_for
from api.mixing import mix
from api.settings import Settings

engine = create_engine_for(Settings(database_url=sys.argv[1]))

def mix_and_die(step):
    steps = iter(range(step))
    def count(*_):
        if next(steps, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
    for moment in ("before_cursor_execute", "commit", "checkin"):
        event.listen(engine, moment, count)
    mix(engine, "opinions", minimum=1)

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        mix_and_die(int(line))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@dataclass
class History:
    """What clients were told, to be compared with what is there."""

    tried: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)

    def compare(self, engine: Engine) -> dict[str, list[str]]:
        with engine.connect() as connection:
            bodies = [
                *connection.scalars(select(Inbox.body)),
                *connection.scalars(select(Response.body)),
            ]
            hashes = [
                *connection.scalars(select(Inbox.submission_hash)),
                *connection.scalars(select(Spent.submission_hash)),
            ]
        assert sorted(bodies) == sorted(hashes)  # each mixed response is spent
        return {
            "lost": sorted(self.acknowledged - set(bodies)),
            "duplicated": sorted(set(bodies)) if len(set(bodies)) < len(bodies) else [],
            "unexpected": sorted(set(bodies) - self.tried),
        }


FAULTLESS: dict[str, list[str]] = {"lost": [], "duplicated": [], "unexpected": []}


@contextmanager
def running(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(api.__file__).parents[1])},
    )
    with process:
        yield process
        process.kill()


@pytest.mark.parametrize(
    "kills", [4, pytest.param(100, marks=pytest.mark.slow)], ids="{} kills".format
)
def test_killing_the_writer_loses_doubles_and_invents_nothing(
    fielded: Engine,
    settings: Settings,
    submission: Callable[..., Submission],
    kills: int,
) -> None:
    usual = json.dumps(vars(submission()))
    history = History()
    moments = random.Random(2026)
    for number in range(kills):
        with running(WRITER, settings.database_url, usual, str(number)) as process:
            assert process.stdout is not None
            after = moments.uniform(0.0, 0.5)
            for line in process.stdout:
                told, name = line.split()
                if told == "tried":
                    history.tried.add(name)
                    continue
                assert told == "recorded"
                if name.startswith(f"{number}-") and after is not None:
                    threading.Timer(after, process.kill).start()
                    after = None
                history.acknowledged.add(name)
        assert history.compare(fielded) == FAULTLESS

    unsure = sorted(history.tried - history.acknowledged)
    again = [submission(submission_hash=name, body=name) for name in unsure]
    assert set(retry(fielded, again)) <= {"recorded", "already_recorded"}
    history.acknowledged |= set(unsure)
    assert history.compare(fielded) == FAULTLESS
    assert history.acknowledged == history.tried
    assert len(history.tried) > 20 * kills  # the kills came in the middle of work


def retry(engine: Engine, submissions: list[Submission]) -> list[Any]:
    async def run() -> list[Any]:
        recorder = Recorder(engine)
        recorder.start()
        outcomes = await asyncio.gather(
            *(record_response(recorder, one) for one in submissions)
        )
        await asyncio.to_thread(recorder.stop)
        return outcomes

    return asyncio.run(run())


def test_killing_a_mix_before_any_of_its_steps_loses_and_doubles_nothing(
    fielded: Engine, settings: Settings, submission: Callable[..., Submission]
) -> None:
    history = History()
    with writing(fielded) as connection:
        for number in range(30):
            name = f"{number}"
            one = replace(submission(), submission_hash=name, body=name)
            _record(connection, one)
            history.acknowledged.add(name)
    history.tried = history.acknowledged
    waiting = []
    with running(MIXER, settings.database_url) as mixer:
        assert mixer.stdin is not None
        assert mixer.stdout is not None
        for step in range(100):
            mixer.stdin.write(f"{step}\n")
            mixer.stdin.flush()
            status = int(mixer.stdout.readline())
            assert history.compare(fielded) == FAULTLESS
            with fielded.connect() as connection:
                waiting.append(len(connection.scalars(select(Inbox.body)).all()))
            if status == 0:
                break
            assert status == -9
    done = waiting.index(0)
    assert waiting == [30] * done + [0] * (len(waiting) - done)  # all or none
    steps = 6 if fielded.dialect.name == "sqlite" else 18
    assert done >= steps  # every statement of the transaction was a last one once
