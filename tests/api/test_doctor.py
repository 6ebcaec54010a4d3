"""The doctor finds what is unsafe or broken, says what to do, and changes nothing."""

import json
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert
from typer.testing import CliRunner

from api import doctor, fieldwork
from api.cli import app
from api.database import writing
from api.models import Act
from api.recording import _record
from api.settings import Settings

SECRET = "only-for-tests-0123456789-abcdefghijk"
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def installed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The environment names a database that is migrated, and a private folder."""
    monkeypatch.setenv("PARALLAX_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("PARALLAX_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("PARALLAX_SECRET_KEY", SECRET)
    settings.data_dir.mkdir(mode=0o700, exist_ok=True)
    return settings


def examine() -> tuple[int, list[dict[str, Any]]]:
    """The exit status of ``parallax doctor`` and its findings."""
    result = CliRunner().invoke(app, ["doctor", "--json"])
    return result.exit_code, json.loads(result.stdout)


def bad() -> list[str]:
    """What is not good, in words; the exit status agrees."""
    status, findings = examine()
    found = [finding["what"] for finding in findings if not finding["good"]]
    assert status == (1 if found else 0)
    return found


@pytest.mark.usefixtures("installed")
def test_a_good_installation_is_said_to_be_good() -> None:
    status, findings = examine()
    checks = {finding["check"] for finding in findings}
    assert (status, checks) == (
        0,
        {"settings", "secret key", "folder", "disk", "database", "audit log"},
    )
    output = CliRunner().invoke(app, ["doctor"]).stdout
    assert output.count("good  ") == len(findings)
    assert SECRET not in output


def test_each_fault_is_named_with_what_to_do(
    installed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = installed.data_dir
    folder.chmod(0o755)
    assert bad() == [f"others can enter it: chmod 700 {folder}"]
    folder.chmod(0o700)
    with monkeypatch.context() as patch:
        full = Usage(10**12, 10**12, 10**8)
        patch.setattr(shutil, "disk_usage", lambda _: full)
        assert bad() == [f"0.1 GB free for {folder}; make room before recording stops"]
    with monkeypatch.context() as patch:
        patch.setattr(doctor, "newest_revision", lambda: "9999")
        (what,) = bad()
        assert what.startswith("tables of revision 0003, not 9999; `parallax survey")
    with monkeypatch.context() as patch:
        patch.setenv("PARALLAX_SECRET_KEY", "changethis")
        (what,) = bad()
        assert what.startswith("PARALLAX_SECRET_KEY: ")
        assert "changethis" not in what
    with monkeypatch.context() as patch:
        patch.delenv("PARALLAX_SECRET_KEY")
        kept = folder / "secret_key"
        kept.write_text(SECRET)
        kept.chmod(0o644)
        assert bad() == [f"others can read it: chmod 600 {kept}"]
    assert bad() == []


def test_a_database_that_is_not_there_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARALLAX_SECRET_KEY", SECRET)
    monkeypatch.setenv("PARALLAX_DATA_DIR", str(tmp_path / "new"))
    monkeypatch.delenv("PARALLAX_DATABASE_URL", raising=False)
    (what,) = bad()
    assert what.startswith("there is no database yet")
    assert list(tmp_path.iterdir()) == []
    nowhere = f"postgresql://parallax@/nothing?host={tmp_path}"
    monkeypatch.setenv("PARALLAX_DATABASE_URL", nowhere)
    (what,) = bad()
    assert what == "does not answer (OperationalError); check PARALLAX_DATABASE_URL"


@pytest.mark.usefixtures("installed")
def test_a_log_that_was_changed_is_noticed(engine: Engine) -> None:
    forged = Act(
        number=1, at="", researcher="bo", act="", survey="", details="{}", hash="0"
    )
    with writing(engine) as connection:
        connection.execute(insert(Act).values(forged.model_dump()))
    (what,) = bad()
    assert what.startswith("the audit log was changed: entry 1, found as number 1")


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("waiting", "closed", "advice"),
    [
        (19, False, None),
        (20, False, "`parallax mix opinions` mixes them"),
        (1, True, "`parallax survey close opinions` mixes them"),
    ],
)
def test_responses_that_should_have_been_mixed_are_noticed(
    fielded, submission, monkeypatch, waiting, closed, advice
) -> None:
    with writing(fielded) as connection:
        for _ in range(waiting):
            assert _record(connection, submission()) == "recorded"
    if closed:
        monkeypatch.setattr(fieldwork, "mix", lambda *_, **__: 0)
        fieldwork.close_survey(fielded, "opinions")
    found = bad()
    assert len(found) == (advice is not None)
    assert all(what.endswith(advice) for what in found)
