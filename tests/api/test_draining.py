"""A server that is told to end stores what it acknowledges, and refuses the rest."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, select

import api
from api import fieldwork
from api.interview import REVIEW, Interview
from api.models import Inbox, Response
from api.robots import heading_of
from api.sealing import Seal
from api.serving import GRACE_SECONDS
from api.settings import Settings
from surveys import Survey, load
from surveys.experiments import draw_assignment

EVERY_TYPE = Path(__file__).parent / "definitions" / "every_type"
CLIENTS = 12
SECONDS = 100
"""For everything that takes a few on a machine with nothing else to do."""


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def serving(settings: Settings, workers: int) -> Iterator[tuple[str, subprocess.Popen]]:
    """Do what ``parallax serve`` does, in a process of its own."""
    port = free_port()
    call = f"serve('127.0.0.1', {port}, {workers}, print)"
    process = subprocess.Popen(
        [sys.executable, "-c", f"from api.serving import serve; {call}"],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(api.__file__).parents[1]),
            "PARALLAX_DATABASE_URL": settings.database_url,
            "PARALLAX_DATA_DIR": str(settings.data_dir),
            "PARALLAX_SECRET_KEY": settings.secret_key.get_secret_value(),
        },
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            url = f"http://127.0.0.1:{port}"
            end = time.monotonic() + SECONDS
            while not is_ready(url):
                assert process.poll() is None, "the server ended"
                assert time.monotonic() < end, "the server does not start"
                time.sleep(0.05)
            yield url, process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its workers, too


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", timeout=1).status_code == 200
    except httpx.TransportError:
        return False


def finished(survey: Survey, seal: Seal, remark: str) -> str:
    """The sealed state of an interview that waits for Submit."""
    agreed = ("participate", "adult", "opinions")
    interview = Interview(
        survey.name,
        survey.version,
        "en",
        page=REVIEW,
        consents={**dict.fromkeys(agreed, True), "publication": False},
        consent={
            "consent_version": "1",
            "consent_language": "en",
            "consent_hash": "c" * 64,
        },
        assignment=draw_assignment(survey.questionnaire),
        answers={"remark": remark},
    )
    return seal.seal(interview.state)


class Client(threading.Thread):
    """Submits one finished interview after the other until it is refused."""

    def __init__(self, url: str, survey: Survey, seal: Seal, name: str) -> None:
        super().__init__(name=name)
        self.address = f"{url}/s/{survey.name}"
        self.survey, self.seal = survey, seal
        self.thanked: list[str] = []
        self.refused: list[tuple[str, object]] = []

    def run(self) -> None:
        with httpx.Client(timeout=SECONDS) as client:
            while not self.refused:
                remark = f"{self.name}-{len(self.thanked)}"
                state = finished(self.survey, self.seal, remark)
                form = {"state": state, "action": "submit"}
                try:
                    response = client.post(self.address, data=form)
                except httpx.TransportError as error:
                    self.refused.append((remark, type(error)))
                    continue
                if heading_of(response.text) == "Thank you":
                    self.thanked.append(remark)
                else:
                    self.refused.append((remark, response.status_code))


def stored(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        bodies = [
            *connection.scalars(select(Inbox.body)),
            *connection.scalars(select(Response.body)),
        ]
    return sorted(json.loads(body)["answers"]["remark"] for body in bodies)


@pytest.mark.parametrize(
    ("settings", "workers"),
    [
        ("sqlite", 2),
        ("postgresql", 1),
        pytest.param("sqlite", 1, marks=pytest.mark.slow),
        pytest.param("postgresql", 2, marks=pytest.mark.slow),
    ],
    indirect=["settings"],
)
def test_sigterm_in_the_middle_of_submissions_loses_and_halves_nothing(
    engine: Engine, settings: Settings, workers: int
) -> None:
    survey = load(EVERY_TYPE)
    fieldwork.publish(engine, survey)
    fieldwork.open_survey(
        engine, survey.name, accept_draft_translations=True, synthetic=True
    )
    seal = Seal(settings.keys("form state"))
    with serving(settings, workers) as (url, process):
        clients = [Client(url, survey, seal, f"{n}") for n in range(CLIENTS)]
        for client in clients:
            client.start()
        while sum(len(client.thanked) for client in clients) < 5 * CLIENTS:
            assert not any(client.refused for client in clients)
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        for client in clients:
            client.join(SECONDS)
        assert process.wait(SECONDS) == 0
        assert process.stderr is not None
        said = process.stderr.read()
    thanked = sorted(remark for client in clients for remark in client.thanked)
    refused = [refusal for client in clients for refusal in client.refused]
    assert len(refused) == CLIENTS
    assert {reason for _, reason in refused if isinstance(reason, int)} <= {503}
    assert stored(engine) == thanked
    assert said == ""


@pytest.mark.slow
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_form_that_never_arrives_whole_keeps_no_server_alive(
    settings: Settings,
) -> None:
    with serving(settings, 1) as (url, process):
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as half:
            half.sendall(
                b"POST /s/every_type HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\n\r\nstate="
            )
            time.sleep(0.5)
            started = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(SECONDS) == 0
            assert time.monotonic() - started < GRACE_SECONDS + 5
