"""A fresh, migrated database for each test, once on SQLite and once on PostgreSQL."""

import secrets
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
