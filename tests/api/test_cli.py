import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import insert
from typer.testing import CliRunner

from api import fieldwork, tickets
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


def write_finished(folder):
    """The shipped survey, with every text written that it leaves to its users."""
    shutil.copytree(SHIPPED, folder)
    for file in folder.iterdir():
        text = file.read_text().replace("[[", "").replace("]]", "")
        file.write_text(text)


def done(parallax):
    """What the audit log says was done, by whom, about which survey."""
    acts = json.loads(parallax("audit", "show", "--json")[1])
    return [(act["researcher"], act["act"], act["survey"]) for act in acts]


def test_a_survey_is_checked_published_opened_and_closed(parallax, tmp_path):
    write_finished(tmp_path / "social_credit")
    status, output, error = parallax("survey", "check", "social_credit")
    assert (status, "no mistakes" in output, error) == (0, True, "")
    assert parallax("survey", "publish", "social_credit")[0] == 0
    listed = "social_credit  draft  T0  no country yet\n"
    assert parallax("survey", "list")[1] == listed
    status, _, error = parallax("survey", "open", "social_credit")
    assert (status, "--accept-draft-translations" in error) == (2, True)
    assert "--approval REFERENCE" in error, "everything that is missing is said at once"
    drafts = "--accept-draft-translations"
    opened = parallax("survey", "open", "social_credit", drafts, "--approval", "IRB 7")
    assert opened[:2] == (0, "social_credit is open: parallax serve\n")
    (row,) = json.loads(parallax("survey", "list", "--json")[1])
    assert row["countries"]["CN"] == "IRB 7"
    week = row["opened_week"]
    listed = f"social_credit  open since {week}  T0  CN, DE, GB, IT, US\n"
    assert parallax("survey", "list")[1] == listed
    for again in ((), (drafts, "--approval", "IRB 7")):
        status, output, error = parallax("survey", "open", "social_credit", *again)
        assert (status, error) == (0, "")
        assert output == f"social_credit is open since week {week}: nothing to do\n"
    status, _, error = parallax("survey", "open", "social_credit", "--country", "DE")
    assert (status, f"is open; it opened in week {week} in CN" in error) == (2, True)
    assert (
        json.loads(parallax("survey", "progress", "social_credit")[1])["waiting"] == 0
    )
    assert parallax("mix", "social_credit")[1].startswith("0 responses mixed")
    status, _, error = parallax("release", "social_credit", "-o", "data")
    assert (status, "has 0 mixed responses" in error) == (2, True)
    assert parallax("survey", "close", "social_credit")[0] == 0
    by_whom = {("command line", "social_credit")}
    assert {(who, survey) for who, _, survey in done(parallax)} == by_whom
    assert [act for _, act, _ in done(parallax)] == ["published", "opened", "closed"]


UNWRITTEN = (
    ("tea", 18, "study.yaml: asked_by: Write who asks and who pays for it."),
    ("social_credit", 6, "study.yaml: asked_by: The Example Institute for Social"),
)


@pytest.mark.parametrize(("name", "count", "first"), UNWRITTEN)
def test_texts_that_are_still_to_be_written_are_listed_and_never_open(
    parallax, tmp_path, name, count, first
):
    if name == "tea":
        parallax("survey", "new", "tea")
    else:
        shutil.copytree(SHIPPED, tmp_path / name)
    status, output, error = parallax("survey", "check", name)
    assert (status, "no mistakes" in output) == (0, True)
    warning, *lines = error.splitlines()
    assert "[[double brackets]]" in warning
    assert len(lines) == count
    assert lines[0].startswith(first)
    facts = json.loads(parallax("survey", "check", name, "--json")[1])
    assert facts["unwritten"] == lines
    parallax("survey", "publish", name)
    how = ("--accept-draft-translations", "--approval", "IRB 7")
    status, _, error = parallax("survey", "open", name, *how)
    assert (status, "study.yaml: asked_by, " in error) == (2, True)
    assert json.loads(parallax("survey", "list", "--json")[1])[0]["state"] == "draft"


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
    started = []
    monkeypatch.setattr(
        "api.serving.Multiprocess.run", lambda server: started.append(server)
    )
    monkeypatch.setattr("signal.signal", lambda *_: None)
    told = parallax("serve", "--port", "0", "--workers", "2")
    assert told[::2] == (0, "")
    (server,) = started
    assert (server.config.workers, server.config.access_log) == (2, False)
    (listener,) = server.sockets
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    assert told[1].splitlines() == [
        "no survey is open yet: parallax survey open SURVEY",
        f"researchers  {address}/login",
        "nobody can sign in yet: parallax researcher add NAME --role owner",
        "Ctrl-C stops the service.",
    ]
    assert (tmp_path / "var" / "parallax.sqlite3").exists()
    port = listener.getsockname()[1]
    status, _, error = parallax("serve", "--port", port)
    assert (status, f"nothing can listen on 127.0.0.1:{port}" in error) == (2, True)
    parallax("survey", "publish", EVERY_TYPE)
    listener.close()
    assert parallax("survey", "open", "every_type", "--country", "DE")[0] == 0
    told = parallax("serve", "--port", "0", "--workers", "2")[1].splitlines()
    assert told[0].startswith("open    http://127.0.0.1:")
    assert told[0].endswith("/s/every_type")
    started.pop().sockets[0].close()


def test_a_taken_port_is_said_in_words_by_the_demo(parallax, monkeypatch):
    monkeypatch.setattr("uvicorn.Server.run", lambda _: None)
    status, _, error = parallax("survey", "bots", EVERY_TYPE)
    assert (status, "nothing can listen on 127.0.0.1" in error) == (2, True)


def test_robots_walk_every_path_of_a_survey(parallax):
    status, output, _ = parallax("survey", "bots", EVERY_TYPE, "--count", "30")
    assert status == 0, output
    assert output.startswith("30 robots finished")


def write_invited(folder):
    """A survey of tier T1."""
    shutil.copytree(EVERY_TYPE, folder)
    study = (folder / "study.yaml").read_text()
    (folder / "study.yaml").write_text(study.replace("tier: T0", "tier: T1"))


def test_tickets_are_for_surveys_that_ask_for_them(parallax, tmp_path):
    parallax("survey", "publish", EVERY_TYPE)
    arguments = ("--country", "DE", "--count", "3", "-o", "codes.csv")
    status, _, error = parallax("tickets", "issue", "every_type", *arguments)
    assert (status, "tier T1" in error) == (2, True)
    write_invited(tmp_path / "invited")
    parallax("survey", "publish", "invited")
    assert parallax("tickets", "issue", "invited", *arguments)[0] == 0
    assert len((tmp_path / "codes.csv").read_text().split()) == 4
    status, _, error = parallax("tickets", "issue", "invited", *arguments)
    assert (status, error) == (
        2,
        "error: codes.csv: is there already; choose a new name\n",
    )
    assert done(parallax)[-1] == ("command line", "tickets_issued", "invited")
    assert [act for _, act, _ in done(parallax)].count("tickets_issued") == 1


def test_robots_get_codes_where_a_survey_asks_for_them(parallax, tmp_path):
    write_invited(tmp_path / "invited")
    output = parallax("survey", "bots", "invited", "--count", "3")[1]
    assert output.startswith("3 robots finished")


def test_robots_without_codes_say_so_at_once(parallax, tmp_path, service):
    write_invited(tmp_path / "asks_for_codes")
    survey = load(tmp_path / "asks_for_codes")
    fieldwork.publish(service.engine, survey)
    fieldwork.open_survey(service.engine, survey.name, synthetic=True)
    robots = ("survey", "bots", survey.name, "--url", service.url, "--count", "2")
    status, _, error = parallax(*robots)
    assert (status, "a robot has none" in error) == (1, True)
    assert "parallax tickets issue" in error
    codes = tickets.issue(service.engine, survey.name, "DE", 2)
    (tmp_path / "codes.csv").write_text("\n".join(["code", *codes]))
    output = parallax(*robots, "--codes", "codes.csv")[1]
    assert output.startswith("2 robots finished")
    assert len(service.stored(survey.name)) == 2


def test_the_schemas_are_printed_or_written(parallax, tmp_path):
    parallax("survey", "new", "tea")
    for of, arguments in {"questionnaire": (), "study": ("--of", "study")}.items():
        file = f"{of}.schema.json"
        written = (tmp_path / "tea" / file).read_text()
        assert parallax("survey", "schema", *arguments)[1] == written
        output = parallax("survey", "schema", file, *arguments)[1]
        assert f"$schema={file}" in output
        assert (tmp_path / file).read_text() == written
        assert parallax("survey", "schema", file, *arguments)[0] == 2


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
    status, output, error = parallax("export", data, "--to", "ddi", "-o", "files")
    assert (status, output) == (2, "")
    assert "files is not an empty folder" in error
    status, output, _ = parallax("export", data, "--to", "ddi", "-o", "ddi")
    assert output.splitlines() == [
        str(Path("ddi") / name)
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
    to = ("--to", "csv", "-o")
    said = parallax("export", "first", *to, "of_first")[2]
    assert "first is superseded by a newer" in said
    assert parallax("export", "second", *to, "of_second")[2] == ""
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
        "data.csv has no column 'aeg'; did you mean 'age'?",
    ),
    "no answer": (
        ("compare", "data.csv", "--outcome", "a", "--by", "b", "--share-of", "1"),
        "data.csv has no column 'a'; there are age, country",
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
    written_down = ("command line", "backed_up", "")
    assert done(parallax)[-1] == written_down
    monkeypatch.setenv("PARALLAX_DATA_DIR", str(tmp_path / "other"))
    assert parallax("restore", "saved.gz")[1] == "2 rows restored\n"
    assert [act for _, act, _ in done(parallax)] == ["published", "restored"]
    assert parallax("audit", "verify")[0] == 0
    assert json.loads(parallax("survey", "list", "--json")[1])[0]["state"] == "draft"
    status, _, error = parallax("backup", "saved.gz")
    assert (status, "saved.gz" in error) == (2, True)
    content = (tmp_path / "saved.gz").read_bytes()
    (tmp_path / "cut.gz").write_bytes(content[:-200])
    status, _, error = parallax("restore", "cut.gz")
    assert (status, "damaged or cut off" in error) == (2, True)
