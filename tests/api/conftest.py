"""Databases on SQLite and PostgreSQL, researchers of a service, and a browser."""

import json
import os
import random
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

import httpx
import pyotp
import pytest
from playwright.sync_api import Browser, sync_playwright
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import Engine, insert, text

from api import accounts, fieldwork, security
from api.database import create_engine_for, migrate, writing
from api.models import PageCount, PublishedSurvey, Response
from api.recording import Recorder, Submission
from api.settings import Settings
from surveys import draw_assignment, load_files

ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome")
SECRET = "only-for-tests-0123456789-abcdefghijk"


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings whose database is migrated and empty."""
    settings = Settings(data_dir=tmp_path / "data", secret_key=SECRET)
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql")
        settings = settings.model_copy(update={"database_url": url})
    engine = create_engine_for(settings)
    if request.param == "postgresql":
        with writing(engine) as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    migrate(engine)
    engine.dispose()
    return settings


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = create_engine_for(settings)
    yield engine
    engine.dispose()


@pytest.fixture
def fielded(engine: Engine) -> Engine:
    """A database where `opinions` is open to all and `invited` takes tickets."""
    with writing(engine) as connection:
        for name, tier in (("opinions", "T0"), ("invited", "T1")):
            survey = PublishedSurvey(
                name=name,
                version="v1",
                files_hash="",
                tier=tier,
                state="open",
                countries={"DE": "", "GB": ""},
                opened_week="2026-W48",
                draft_translations=False,
                synthetic=True,
                files={},
            )
            connection.execute(insert(PublishedSurvey).values(survey.model_dump()))
    return engine


@pytest.fixture
def submission() -> Callable[..., Submission]:
    """Make submissions to `opinions`, each another one, with the given differences."""

    def make(**differences: object) -> Submission:
        usual = Submission(
            submission_hash=secrets.token_hex(32),
            survey="opinions",
            country="DE",
            language="en",
            questionnaire_version="v1",
            consent_version="1",
            consent_language="en",
            consent_hash="c" * 64,
            consents={
                "participate": True,
                "adult": True,
                "opinions": True,
                "publication": False,
            },
            body='{"assignment": {}, "answers": {"approval": "yes"}}',
        )
        return replace(usual, **differences)

    return make


@pytest.fixture
def recorder(fielded: Engine) -> Iterator[Recorder]:
    recorder = Recorder(fielded)
    recorder.start()
    yield recorder
    recorder.stop()


AGES = ("a18_29", "a30_44", "a45_59", "a60_plus")
SIDES = ("citizenship_much", "citizenship_somewhat", "middle", "surveillance_much")
ALIKE = 10
"""Respondents in each cell of the margins, so that nothing has to be suppressed."""


@dataclass
class Researcher:
    """Someone who signed in with a browser that knows no scripts."""

    client: httpx.Client
    otpauth: str
    page: httpx.Response = field(default_factory=lambda: httpx.Response(0))

    def get(self, path: str, **query: object) -> httpx.Response:
        self.page = self.client.get(path, params=query or None)
        return self.page

    def post(self, path: str, **fields: object) -> httpx.Response:
        token = re.search('name="csrf" value="([^"]*)"', self.get("/surveys").text)[1]
        self.page = self.client.post(path, data={"csrf": token, **fields})
        return self.page

    def confirm(self) -> None:
        code = pyotp.parse_uri(self.otpauth).now()
        assert self.post("/second-factor", code=code, next="").status_code == 200

    def wait(self) -> httpx.Response:
        """Look at a page again until its job has ended."""
        for _ in range(20):
            if "Look again" not in self.page.text:
                return self.page
            self.page = self.client.get(self.page.url)
        raise AssertionError("the job does not end")


@dataclass(frozen=True)
class Door:
    """A running service with one researcher of each role in all its surveys."""

    url: str
    engine: Engine
    settings: Settings
    enrolments: dict[str, accounts.Enrolment]
    clients: ExitStack

    def sign_in(self, role: str) -> Researcher:
        client = self._client({"Sec-Fetch-Site": "same-origin"})
        enrolment = self.enrolments[role]
        name = {"name": enrolment.name, "password": enrolment.password, "next": ""}
        assert client.post("/login", data=name).status_code == 200
        return Researcher(client, enrolment.otpauth)

    def program(self, role: str) -> httpx.Client:
        key = accounts.add_key(self.engine, role, {"*": role}, 1)
        return self._client({"Authorization": f"Bearer {key}"})

    def _client(self, headers: dict[str, str]) -> httpx.Client:
        client = httpx.Client(
            base_url=self.url, follow_redirects=True, timeout=60, headers=headers
        )
        return self.clients.enter_context(client)


@pytest.fixture(scope="module")
def door(service) -> Iterator[Door]:
    """Researchers, 480 responses to `social_credit`, and `invited`, a T1 draft."""
    enrolments = {}
    for role in accounts.ROLES:
        password = "correct horse battery staple"
        enrolments[role] = accounts.add(
            service.engine, service.settings, role, password
        )
        accounts.grant(service.engine, role, "*", role)
    shipped, every_type = (
        fieldwork.load_published(service.engine, name)
        for name in ("social_credit", "every_type")
    )
    files = dict(every_type.files)
    files["study.yaml"] = files["study.yaml"].replace("tier: T0", "tier: T1")
    fieldwork.publish(service.engine, load_files("invited", files))
    chance = random.Random(4)
    cells = product(("CN", "DE"), AGES, ("woman", "man"), ("low", "middle", "high"))
    consents = ("participate", "adult", "opinions", "publication")
    rows = [
        {
            "response_id": secrets.token_hex(16),
            "survey": shipped.name,
            "country": country,
            "week": "2026-W48",
            "language": "en",
            "questionnaire_version": shipped.version,
            "consent_version": "1",
            "consent_language": "en",
            "consent_hash": "c" * 64,
            **{f"consent_{name}": True for name in consents},
            "body": json.dumps(
                {
                    "assignment": draw_assignment(shipped.questionnaire),
                    "answers": {
                        "country": country,
                        "age_group": age,
                        "gender": gender,
                        "education": education,
                        "side": chance.choice(SIDES[country == "DE" :]),
                        "experience": ["loan"] if age == "a18_29" else ["app"],
                    },
                }
            ),
        }
        for country, age, gender, education in cells
        for _ in range(ALIKE)
    ]
    names = [*(page.name for page in shipped.questionnaire.pages), "review"]
    pages = [
        {"survey": shipped.name, "country": "", "page": name, "shown": max(shown, 480)}
        for name, shown in zip(names, range(800, 0, -25), strict=False)
    ]
    with writing(service.engine) as connection:
        connection.execute(insert(Response), rows)
        connection.execute(insert(PageCount), pages)
    with ExitStack() as clients:
        yield Door(service.url, service.engine, service.settings, enrolments, clients)


@pytest.fixture
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords with the least work, where its amount is not what is tested."""
    least = PasswordHash([Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)])
    monkeypatch.setattr(security, "_passwords", least)
    monkeypatch.setattr(security, "_nobodys_hash", lambda: least.hash("nobody's"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        reason = "no Chromium: install Debian's package chromium"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()
