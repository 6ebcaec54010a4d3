"""A running service, a visitor who knows only HTML, and a PostgreSQL server."""

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from api import fieldwork
from api.database import create_engine_for, migrate
from api.main import create_app
from api.robots import Form, heading_of, read_form
from api.serving import running
from api.settings import Settings
from surveys import Survey, load

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "surveys" / "definitions" / "social_credit"
EVERY_TYPE = Path(__file__).parent / "api" / "definitions" / "every_type"
CONSENTS = ("participate", "adult", "opinions")


@dataclass(frozen=True)
class RunningService:
    """A real server on a free port, and the database behind it."""

    url: str
    engine: Engine
    settings: Settings

    def stored(self, survey: str) -> list[dict]:
        """Mix and read every response of a survey."""
        from api.mixing import mix

        mix(self.engine, survey, minimum=0)
        return list(fieldwork.records(self.engine, survey))


class Visitor:
    """Someone whose browser knows no scripts: reads a form, fills it in, sends it."""

    def __init__(self, url: str, survey: str = "every_type") -> None:
        self.client = httpx.Client(base_url=url, timeout=30)
        self.address = f"/s/{survey}"
        self.response = httpx.Response(0)

    def open(self, language: str = "en", page: str = "") -> "Visitor":
        self.response = self.client.get(
            f"{self.address}{page}", params={"language": language}
        )
        return self

    def send(self, action: str = "continue", **fields: object) -> "Visitor":
        data = {**self.form.hidden, "action": action, **fields}
        self.response = self.client.post(self.form.action, data=data)
        return self

    def begin(self, **fields: object) -> "Visitor":
        agreed = {f"consent_{name}": "yes" for name in CONSENTS}
        return self.open().send("begin", **(agreed | fields))

    @property
    def form(self) -> Form:
        form = read_form(self.text, f"{self.client.base_url}{self.address}")
        assert form is not None, self.text
        return form

    @property
    def text(self) -> str:
        return self.response.text

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def heading(self) -> str:
        return heading_of(self.text)


@pytest.fixture(scope="session")
def shipped() -> Survey:
    return load(SHIPPED)


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, shipped: Survey
) -> Iterator[RunningService]:
    folder = tmp_path_factory.mktemp("service")
    settings = Settings(
        data_dir=folder,
        database_url=f"sqlite:///{folder / 'parallax.sqlite3'}",
        secret_key="only-for-tests-0123456789-abcdefghijk",
    )
    engine = create_engine_for(settings)
    migrate(engine)
    for survey in (shipped, load(EVERY_TYPE)):
        fieldwork.publish(engine, survey)
        fieldwork.open_survey(
            engine, survey.name, accept_draft_translations=True, synthetic=True
        )
    with running(create_app(settings)) as url:
        yield RunningService(url, engine, settings)
    engine.dispose()


@pytest.fixture
def visitor(service: RunningService) -> Iterator[Visitor]:
    visitor = Visitor(service.url)
    yield visitor
    visitor.client.close()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL server of our own that ends with the tests."""
    programs = _postgresql_programs()
    if programs is None:
        reason = "PostgreSQL is not installed: no initdb on PATH"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    # not under tmp_path: the server's own user must reach it
    folder = Path(tempfile.mkdtemp(prefix="parallax-"))
    owner = _unprivileged_user()
    if owner is not None:
        shutil.chown(folder, owner.pw_uid, owner.pw_gid)

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [programs / program, "-D", folder / "data", *arguments],
            user=None if owner is None else owner.pw_uid,
            group=None if owner is None else owner.pw_gid,
            extra_groups=None if owner is None else [],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=60,
        )

    try:
        run("initdb", "-U", "parallax", "--auth=trust", "--no-sync", "--encoding=UTF8")
        options = f"-c listen_addresses='' -k {folder} -c fsync=off"
        run("pg_ctl", "start", "-w", "-l", f"{folder}/log", "-o", options)
        try:
            yield f"postgresql://parallax@/postgres?host={folder}"
        finally:
            run("pg_ctl", "stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder)


def _postgresql_programs() -> Path | None:
    found = shutil.which("initdb")
    if found:
        return Path(os.path.realpath(found)).parent
    if shutil.which("pg_config"):
        command = ["pg_config", "--bindir"]
        folder = subprocess.run(command, capture_output=True, text=True).stdout.strip()
        if (Path(folder) / "initdb").exists():
            return Path(folder)
    installed = glob.glob("/usr/lib/postgresql/*/bin/initdb")
    by_version = sorted(installed, key=lambda path: int(path.split("/")[4]))
    return Path(by_version[-1]).parent if by_version else None


def _unprivileged_user() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root, which continuous integration often is."""
    if os.getuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


@pytest.fixture
def spark(tmp_path: Path) -> Iterator[Any]:
    """A Spark of this process's own; an extra that make test-slow installs."""
    from pyspark import sql as pyspark

    session = (
        pyspark.SparkSession.builder.master("local[2]")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.warehouse.dir", str(tmp_path))
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    yield session
    session.stop()
