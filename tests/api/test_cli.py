import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import insert
from typer.testing import CliRunner

from api.cli import app
from api.database import create_engine_for, writing
from api.models import Response
from api.settings import Settings
from surveys import (
    codebook,
    draw_assignment,
    load,
    read_release,
    responses_to_frame,
    write_release,
)
from surveys.releases import facts_of

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "surveys" / "definitions" / "social_credit"
EVERY_TYPE = Path(__file__).parent / "definitions" / "every_type"
ROW = {
    "survey": "every_type",
    "country": "DE",
    "week": "2026-W48",
    "language": "en",
    **dict.fromkeys(("consent_version", "consent_language", "consent_hash"), "x"),
    **dict.fromkeys(("consent_participate", "consent_adult"), True),
    **dict.fromkeys(("consent_opinions", "consent_publication"), True),
}
BODY = json.dumps(
    {
        "assignment": draw_assignment(load(EVERY_TYPE).questionnaire),
        "answers": {"country": "DE", "age": 40, "approval": "approve"},
    }
)


def write_empty_release(folder):
    """A release without a response."""
    survey = load(EVERY_TYPE)
    told = {"consent_versions": [], "profile": "internal", "k": 1, "l": 1}
    write_release(
        folder,
        responses_to_frame(survey, []),
        codebook(survey),
        package=facts_of(survey) | told | {"suppressed_cells": {}, "synthetic": True},
        population=survey.population,
        questionnaire=survey.to_json(),
    )


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
    check_exports(parallax, data)


def check_exports(parallax, data):
    formats = ("--to", "csv, sav,dta,parquet", "-o", "files", "--json")
    status, output, error = parallax("export", data, *formats)
    assert (status, error) == (0, "")
    files = {Path(file).suffix: file for file in json.loads(output)}
    assert {".csv", ".sav", ".dta", ".parquet", ".txt"} <= set(files)
    question = ("--outcome", "approval", "--by", "country", "--strata", "country")
    results = [
        json.loads(parallax("compare", files[ending], *question, "--json")[1])
        for ending in (".sav", ".dta", ".parquet")
    ]
    rows = [result["estimate"]["rows"] for result in results]
    assert rows[0] == rows[1] == rows[2]
    assert {row["approval"] for row in rows[0]} >= {"Strongly approve"}
    status, output, _ = parallax("export", data, "--to", "ddi", "-o", "files")
    assert output.splitlines() == [
        str(Path("files") / name)
        for name in ("social_credit-ddi.xml", "export-notes.txt")
    ]


def test_a_release_is_listed_and_says_when_it_is_superseded(parallax, tmp_path):
    parallax("survey", "publish", EVERY_TYPE)
    assert "nothing is released yet" in parallax("releases", "every_type")[1]
    survey = load(EVERY_TYPE)
    engine = create_engine_for(Settings())
    for number, name in enumerate(("first", "second")):
        with writing(engine) as connection:
            row = ROW | {"response_id": f"{number:032x}", "body": BODY}
            row |= {"questionnaire_version": survey.version}
            connection.execute(insert(Response).values(row))
        output = parallax("release", "every_type", "-o", name)[1]
        assert output.startswith(f"{number + 1} responses in {name}, profile internal")
    engine.dispose()
    first, second = json.loads(parallax("releases", "every_type", "--json")[1])
    if first["superseded_by"] == "":
        first, second = second, first
    assert first["superseded_by"] == second["release_id"]
    assert first["folders"] == [str(tmp_path / "first")]
    assert "superseded by" in parallax("releases", "every_type")[1]
    to = ("--to", "csv", "-o", "files")
    assert "first is superseded by a newer" in parallax("export", "first", *to)[2]
    assert parallax("export", "second", *to)[2] == ""
    facts = json.loads(parallax("release", "every_type", "-o", "third", "--json")[1])
    assert facts["n_responses"] == 2


def test_a_survey_begins_from_a_starter_and_travels_as_a_form(parallax, tmp_path):
    assert parallax("survey", "new", "tea")[0] == 0
    assert "tea: no mistakes" in parallax("survey", "check", "tea")[1]
    assert parallax("survey", "export-form", "tea", "tea.xlsx")[0] == 0
    status, output, _ = parallax("survey", "import", "tea.xlsx", "copy")
    assert (status, "still to write: study.yaml, population.csv" in output) == (0, True)
    for name in ("study.yaml", "population.csv"):
        (tmp_path / "copy" / name).write_text((tmp_path / "tea" / name).read_text())
    assert "copy: no mistakes" in parallax("survey", "check", "copy")[1]
    copy, tea = load(tmp_path / "copy"), load(tmp_path / "tea")
    assert copy.questionnaire == tea.questionnaire
    again = ("survey", "import", "tea.xlsx", "copy")
    assert "or say --replace" in parallax(*again)[2]
    assert parallax(*again, "--replace")[0] == 0


def test_translations_go_to_translators_and_come_back(parallax, tmp_path):
    shutil.copytree(EVERY_TYPE, tmp_path / "every_type")
    catalog = tmp_path / "every_type" / "ar.po"
    before = load(EVERY_TYPE)
    translations = ("survey", "translations", "every_type")
    for to in ("po", "xliff"):
        out = ("--to", to, "--language", "ar", "-o", f"ar.{to}")
        assert parallax(*translations, *out)[0] == 0
        assert parallax(*translations, *out)[0] == 2
        catalog.unlink()
        rows = json.loads(parallax(*translations, "--json")[1])
        assert [row["language"] for row in rows] == ["zh-Hans"]
        assert parallax(*translations, "--from", f"ar.{to}")[0] == 0
        rows = {
            r["language"]: r for r in json.loads(parallax(*translations, "--json")[1])
        }
        assert rows["ar"]["translated"] == rows["ar"]["texts"] > 40
        after = load(tmp_path / "every_type")
        assert after.questionnaires == before.questionnaires
        assert after.studies == before.studies


MISUSED = {
    "format": (("export", "data", "--to", "savv", "-o", "x"), "savv are not known"),
    "no release": (("export", "none", "--to", "csv", "-o", "x"), "not a whole release"),
    "no form": (("survey", "import", "none.xlsx", "x"), "no such file"),
    "no reader": (("survey", "import", "data.pdf", "x"), "give one of .xlsx, .txt"),
    "not a form": (("survey", "export-form", SHIPPED, "f.csv"), "ends in .xlsx"),
    "half a wish": (("survey", "translations", SHIPPED, "--to", "po"), "say --to, --l"),
    "no survey": (("survey", "translations", "none"), "no questionnaire.yaml"),
    "no translation": (
        ("survey", "translations", SHIPPED, "--from", "data.pdf"),
        "give a .po or a .xliff",
    ),
    "other language": (
        ("survey", "translations", SHIPPED, "--from", "pt.po"),
        "not among the languages of the questionnaire",
    ),
    "same folder": (("survey", "new", "full"), "has questionnaire.yaml already"),
    "no backup": (("restore", "none.gz"), "none.gz: there is no such file"),
    "same file": (("backup", "data.csv"), "data.csv: is there already; choose a new"),
    "nothing to mix": (("mix", "none"), "'none' is not published"),
    "no releases": (("releases", "none"), "'none' is not published"),
    "no outcome": (
        ("compare", "data.csv", "--outcome", "aeg", "--by", "country"),
        "no column 'aeg'",
    ),
    "level": (
        ("compare", "data.csv", "--outcome", "age", "--by", "country", "--level", "95"),
        "equal to 0.999",
    ),
    "kind": (("compare", "x.doc", "--outcome", "a", "--by", "b"), "cannot read files"),
    "folder": (
        ("compare", "full", "--outcome", "a", "--by", "b"),
        "not a whole release",
    ),
}


@pytest.mark.parametrize(("arguments", "words"), MISUSED.values(), ids=MISUSED)
def test_what_is_wrong_is_said_in_words(parallax, tmp_path, arguments, words):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "questionnaire.yaml").touch()
    (tmp_path / "data.csv").write_text("country,age\nCN,30\nCN,50\nDE,40\nDE,20\n")
    (tmp_path / "pt.po").write_text('msgid ""\nmsgstr ""\n')
    if arguments[0] == "export" and arguments[1] == "data":
        write_empty_release(tmp_path / "data")
    status, output, error = parallax(*arguments)
    assert (status, output) == (2, "")
    assert words in error


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
