"""A fresh, migrated database for each test, once on SQLite and once on PostgreSQL."""

import glob
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, text

from api.database import create_engine_for, migrate, writing
from api.models import PublishedSurvey
from api.recording import Recorder, Submission
from api.settings import Settings

SECRET = "only-for-tests-0123456789-abcdefghijk"


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
