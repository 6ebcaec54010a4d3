import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from api.cli import app
from surveys import read_release

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "surveys" / "definitions" / "social_credit"
EVERY_TYPE = Path(__file__).parent / "definitions" / "every_type"


@pytest.fixture
def parallax(tmp_path, monkeypatch):
    """Run the command in an empty installation; returns status, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PARALLAX_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.delenv("PARALLAX_DATABASE_URL", raising=False)

    def run(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.exit_code, result.stdout, result.stderr

    return run


def test_a_survey_is_checked_published_opened_and_closed(parallax):
    assert "no mistakes" in parallax("survey", "check", SHIPPED)[1]
    assert parallax("survey", "publish", SHIPPED)[0] == 0
    status, _, error = parallax("survey", "open", "social_credit")
    assert (status, "--accept-draft-translations" in error) == (2, True)
    drafts = "--accept-draft-translations"
    status, _, error = parallax("survey", "open", "social_credit", drafts)
    assert (status, "--approval REFERENCE" in error) == (2, True)
    opened = parallax("survey", "open", "social_credit", drafts, "--approval", "IRB 7")
    assert opened[0] == 0
    (row,) = json.loads(parallax("survey", "list", "--json")[1])
    assert row["countries"]["CN"] == "IRB 7"
    assert (
        json.loads(parallax("survey", "progress", "social_credit")[1])["waiting"] == 0
    )
    assert parallax("mix", "social_credit")[1].startswith("0 responses mixed")
    status, _, error = parallax("release", "social_credit", "-o", "data")
    assert (status, "has 0 mixed responses" in error) == (2, True)
    assert parallax("survey", "close", "social_credit")[0] == 0


def test_mistakes_in_a_survey_are_an_answer_of_no(parallax, tmp_path):
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "questionnaire.yaml").write_text("title: [")
    status, _, error = parallax("survey", "check", folder)
    assert status == 1
    assert "questionnaire.yaml" in error


def test_unknown_surveys_and_unsafe_settings_are_usage_errors(parallax, monkeypatch):
    status, _, error = parallax("survey", "close", "none")
    assert (status, "'none' is not published" in error) == (2, True)
    monkeypatch.setenv("PARALLAX_ENVIRONMENT", "production")
    status, _, error = parallax("survey", "list")
    assert status == 2
    assert "PARALLAX_SECRET_KEY" in error


def test_the_service_starts_on_a_migrated_database(parallax, monkeypatch, tmp_path):
    started = {}
    monkeypatch.setattr("uvicorn.run", lambda _, **how: started.update(how))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert parallax("serve", "--port", "8001", "--workers", "2")[0] == 0
    assert (started["port"], started["workers"]) == (8001, 2)
    assert not started["access_log"]
    assert (tmp_path / "var" / "parallax.sqlite3").exists()


def test_robots_walk_every_path_of_a_survey(parallax):
    status, output, _ = parallax("survey", "bots", EVERY_TYPE, "--count", "30")
    assert status == 0, output
    assert output.startswith("30 robots finished")


def test_tickets_are_for_surveys_that_ask_for_them(parallax):
    parallax("survey", "publish", SHIPPED)
    arguments = ("--country", "DE", "--count", "3", "-o", "codes.csv")
    status, _, error = parallax("tickets", "issue", "social_credit", *arguments)
    assert (status, "tier T1" in error) == (2, True)


def test_the_demo_goes_from_respondents_to_report(parallax, tmp_path):
    status, output, error = parallax("demo", "--no-serve", "--respondents", "150")
    assert status == 0, error
    assert "Synthetic data" in output
    folder = tmp_path / "var" / "demo"
    release = read_release(folder / "release")
    assert release.package["parallax"]["synthetic"]
    assert len(release.responses) == 150
    assert len(pd.read_parquet(folder / "release" / "responses.parquet")) == 150
    report = (folder / "report.html").read_text()
    assert "(synthetic data)" in report
    assert "<script" not in report
    assert "margin of error" not in report
    data = folder / "release"
    arguments = ("--outcome", "approval", "--by", "country", "--json")
    result = json.loads(parallax("compare", data, *arguments)[1])
    assert result["synthetic"]
    assert len({row["country"] for row in result["estimate"]["rows"]}) == 5
    assert parallax("report", data, "-o", "again.html")[0] == 0
    assert (tmp_path / "again.html").read_text() == report
    share = ("--outcome", "side", "--share-of", "middle", "--by", "country")
    assert parallax("compare", data, *share, "--html", "c.html")[0] == 0
    assert "<svg" in (tmp_path / "c.html").read_text()


def test_a_backup_comes_back_in_another_installation(parallax, monkeypatch, tmp_path):
    parallax("survey", "publish", SHIPPED)
    assert parallax("backup", "saved.gz")[0] == 0
    monkeypatch.setenv("PARALLAX_DATA_DIR", str(tmp_path / "other"))
    assert parallax("restore", "saved.gz")[1] == "1 rows restored\n"
    assert json.loads(parallax("survey", "list", "--json")[1])[0]["state"] == "draft"
    status, _, error = parallax("backup", "saved.gz")
    assert (status, "saved.gz" in error) == (2, True)
    content = (tmp_path / "saved.gz").read_bytes()
    (tmp_path / "cut.gz").write_bytes(content[:-200])
    status, _, error = parallax("restore", "cut.gz")
    assert (status, "damaged or cut off" in error) == (2, True)
