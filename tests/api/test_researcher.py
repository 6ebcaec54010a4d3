"""The researchers' pages, as a browser without scripts sees them."""

import csv
import io
import subprocess
import sys
import zipfile
from typing import get_args

import pandas as pd
import pyreadstat
import pytest
from lxml import html
from sqlalchemy import select
from sqlmodel import col

from api import fieldwork, jobs, shelf, tickets
from api.codes import normalise, ticket_hash
from api.comparing import compare_data
from api.datasets import PROTECTION
from api.models import Act
from surveys import read_release
from surveys.exports import FORMATS

SURVEY = "/surveys/social_credit"


@pytest.fixture(scope="module")
def released(door):
    """The manager makes a release."""
    manager = door.sign_in("manager")
    manager.post(f"{SURVEY}/releases", profile="scientific")
    assert "See release" in manager.wait().text
    return shelf.releases(door.settings, "social_credit")[0]


def acts_of(door, name):
    query = select(col(Act.act)).where(col(Act.researcher) == name)
    with door.engine.connect() as connection:
        return list(connection.scalars(query.order_by(col(Act.number))))


def alert_of(page):
    return html.fromstring(page.text).xpath("string(//*[@role='alert'])")


def test_the_surveys_and_their_fieldwork(door):
    viewer = door.sign_in("viewer")
    assert "Technology and society" in viewer.get("/surveys").text
    page = html.fromstring(viewer.get(SURVEY).text)
    counts = {
        row.xpath("string(th)"): row.xpath("string(td)")
        for row in page.xpath("//table[1]//tr[td]")
    }
    assert counts["China"] == counts["Germany"] == "200"
    assert counts["Italy"] == "fewer than 50"
    assert counts["All"] == "450"
    assert page.xpath("//main//form") == [], "a viewer can change nothing"
    assert "there is none yet" in viewer.get("/surveys/invited/compare").text


@pytest.mark.parametrize("path", ["/surveys/none", "/surveys/..%2f..", f"{SURVEY}/no"])
def test_what_is_not_there_is_not_found(door, path):
    page = door.sign_in("owner").get(path)
    assert page.status_code == 404
    assert "There is n" in page.text
    assert "Back to the survey" not in page.text, "there may be none"


def test_a_job_that_is_gone_leads_back_to_the_survey(door):
    page = door.sign_in("analyst").get(f"{SURVEY}/jobs/{'0' * 32}")
    assert page.status_code == 404
    links = html.fromstring(page.text).xpath("//main//a/@href")
    assert links == [SURVEY, "/surveys"]


def test_head_is_answered_like_get(door):
    viewer, program = door.sign_in("viewer").client, door.program("viewer")
    for client, paths in (
        (viewer, ["/surveys", SURVEY, f"{SURVEY}/compare", "/account", "/surveys/no"]),
        (program, ["/api/v1/surveys", "/api/v1/none", "/health/live", "/login"]),
    ):
        for path in paths:
            read, head = client.get(path), client.head(path)
            assert head.status_code == read.status_code, path
            assert dict(head.headers) == dict(read.headers)
            assert head.content == b""
    assert viewer.delete("/surveys").headers["allow"] == "GET, HEAD"


def test_a_survey_opens_issues_tickets_and_closes(door):
    manager = door.sign_in("manager")
    path = "/surveys/invited"
    assert "Open the survey" in manager.get(path).text
    refused = manager.post(f"{path}/open")
    assert refused.status_code == 409
    assert "cannot open in no country" in alert_of(refused)
    opened = manager.post(f"{path}/open", country=["DE", "GB"])
    assert opened.status_code == 200, opened.text
    assert fieldwork.status(door.engine, "invited").state == "open"
    file = manager.post(f"{path}/tickets", country="DE", count="3")
    assert file.headers["content-disposition"] == (
        'attachment; filename="invited-DE-codes.csv"'
    )
    codes = [row["code"] for row in csv.DictReader(io.StringIO(file.text))]
    assert len(set(codes)) == 3
    for code in codes:
        hash_ = ticket_hash(normalise(code))
        assert tickets.look_up(door.engine, "invited", hash_) == "valid"
    for count in ("0", "many", "10001", "-1", "٣"):
        assert manager.post(f"{path}/tickets", country="DE", count=count).is_error
    assert manager.post(f"{path}/close").status_code == 409
    closed = manager.post(f"{path}/close", sure="yes")
    assert closed.status_code == 200
    assert fieldwork.status(door.engine, "invited").state == "closed"
    assert "Close the survey" not in closed.text
    done = [act for act in acts_of(door, "manager") if not act.startswith("sign")]
    assert done[-3:] == ["opened", "tickets_issued", "closed"]


@pytest.mark.usefixtures("released")
def test_a_release_shows_its_manifest_and_downloads(door):
    analyst = door.sign_in("analyst")
    page = html.fromstring(analyst.get(f"{SURVEY}/releases").text)
    (article,) = page.xpath("//article")
    facts = {
        one.xpath("string(dt)"): one.xpath("string(dd)")
        for one in article.xpath(".//div[dt]")
    }
    assert facts["Alike at least (k)"] == "10"
    assert facts["Suppressed cells"] == "0"
    assert facts["profile"] == "scientific"
    assert "responses.parquet" in facts["files"]
    buttons = {one.get("value") for one in article.xpath(".//button[@name='format']")}
    assert buttons == set(FORMATS)


READERS = {"sav": pyreadstat.read_sav, "dta": pyreadstat.read_dta}


def test_spss_and_stata_files_hold_the_release(door, released, tmp_path):
    analyst = door.sign_in("analyst")
    exports = f"{SURVEY}/releases/{released.name}/exports"
    stored = read_release(released.folder).responses.set_index("response_id")
    for format_, read in READERS.items():
        analyst.post(exports, format=format_, language="en")
        page = html.fromstring(analyst.wait().text)
        (link,) = page.xpath("//a[contains(@href, '/file')]/@href")
        if format_ == "sav":
            assert str(analyst.get(link).url.path) == "/second-factor"
            analyst.confirm()
        archive = analyst.get(link)
        assert archive.headers["content-type"] == "application/zip"
        with zipfile.ZipFile(io.BytesIO(archive.content)) as files:
            assert "export-notes.txt" in files.namelist()
            name = f"social_credit.{format_}"
            (tmp_path / name).write_bytes(files.read(name))
        frame, _ = read(str(tmp_path / name), apply_value_formats=True)
        frame = frame.set_index("response_id")
        for variable in ("side", "country"):
            labels = stored[variable].map(released.labels(variable))
            pd.testing.assert_series_equal(
                frame[variable].astype(str).sort_index(),
                labels.astype(str).sort_index(),
            )
    assert acts_of(door, "analyst").count("downloaded") == 2
    page = html.fromstring(analyst.get(f"{SURVEY}/releases").text)
    made = page.xpath("//section[@aria-labelledby='today']//li")
    assert [" ".join(one.text_content().split()) for one in made] == [
        "1-scientific as Stata, English: done",
        "1-scientific as SPSS, English: done",
        "Release, scientific: done",
    ]
    (link,) = made[0].xpath("a/@href")
    assert "social_credit-1-scientific-dta.zip" in analyst.get(link).text


COMPARISON = {
    "outcome": "side",
    "answer": ["citizenship_much", "citizenship_somewhat"],
    "reference": "CN",
}


def test_a_comparison_has_table_chart_and_a_permanent_link(door, released):
    viewer = door.sign_in("viewer")
    viewer.get(f"{SURVEY}/compare", release=released.name, **COMPARISON)
    page = html.fromstring(viewer.wait().text)
    assert len(page.xpath("//figure//*[local-name()='svg']")) == 2
    rows = {
        row.xpath("string(th)"): row.xpath("td/text()")
        for row in page.xpath("//tbody/tr")
    }
    expected = compare_data(
        released.folder,
        outcome="side",
        by="country",
        share_of=COMPARISON["answer"],
        reference="CN",
    )
    for country, name in (("CN", "China"), ("DE", "Germany")):
        assert rows[name][0] == f"{100 * expected.estimate.values[country]:.1f}"
        assert rows[name][2] == "240"
    difference = float(expected.comparison.values.iloc[0])
    assert rows["Germany – China"][0] == f"{100 * difference:.1f}".replace("-", "−")
    (link,) = page.xpath("//a[text()='Permanent link']/@href")
    assert viewer.get(link).text == viewer.wait().text
    (download,) = page.xpath("//a[text()='Download as a page']/@href")
    whole = viewer.get(download)
    assert whole.headers["content-disposition"].endswith('"social_credit-side.html"')
    assert "<svg" in whole.text
    (download,) = page.xpath("//a[text()='Download as CSV']/@href")
    table = pd.read_csv(io.StringIO(viewer.get(download).text))
    frames = (expected.estimate.to_frame(), expected.comparison.to_frame())
    for column in ("estimate", "std_error", "conf_low", "n_respondents"):
        numbers = pd.concat([frame[column] for frame in frames]).to_list()
        assert table[column].to_list() == pytest.approx(numbers, rel=1e-12)
    assert table["group"].to_list() == ["CN", "DE", "DE"]
    assert viewer.get(download.replace(".csv", ".exe")).status_code == 422


@pytest.mark.parametrize(
    ("outcome", "question", "cells"),
    [
        ("gender", "What is your gender?", ["Woman", "50.0"]),
        (
            "experience_loan",
            "A bank or shop checked how I repay loans and bills",
            ["25.0"],
        ),
    ],
)
def test_answers_left_from_another_question_do_not_count(
    door, released, outcome, question, cells
):
    viewer = door.sign_in("viewer")
    query = COMPARISON | {"outcome": outcome, "weights": "none"}
    viewer.get(f"{SURVEY}/compare", release=released.name, **query)
    page = html.fromstring(viewer.wait().text)
    assert page.xpath("string(//h2)") == question
    assert len(page.xpath("//form//details[@open]")) == 1, "the weights are shown"
    assert [cell for cell in cells if cell not in page.xpath("//td/text()")] == []


@pytest.mark.parametrize(
    ("differences", "message"),
    [
        ({"level": "2"}, "wrong choices: level"),
        ({"country": "XX"}, "not among those of country"),
        ({"<x>": "y"}, "wrong choices: unknown ones"),
        ({"outcome": "week"}, "no such question"),
        ({"outcome": "nothing"}, "no such question"),
    ],
)
def test_choices_that_cannot_be_made_are_said(door, released, differences, message):
    viewer = door.sign_in("viewer")
    query = COMPARISON | {"release": released.name} | differences
    page = viewer.get(f"{SURVEY}/compare", **query)
    assert page.status_code == 409
    assert message in alert_of(page)


@pytest.mark.usefixtures("released")
def test_internal_releases_are_for_owners(door):
    manager, owner = door.sign_in("manager"), door.sign_in("owner")
    refused = manager.post(f"{SURVEY}/releases", profile="internal")
    assert refused.status_code == 403
    owner.post(f"{SURVEY}/releases", profile="internal")
    owner.wait()
    (made, *_) = shelf.releases(door.settings, "social_credit")
    assert made.profile == "internal"
    assert made.name in owner.get(f"{SURVEY}/releases").text
    assert "Release, internal" in owner.page.text
    assert "Release, internal" not in manager.get(f"{SURVEY}/releases").text
    for path in ("releases", "compare"):
        assert made.name not in manager.get(f"{SURVEY}/{path}").text
    exports = f"{SURVEY}/releases/{made.name}/exports"
    assert manager.post(exports, format="csv", language="en").status_code == 403
    query = COMPARISON | {"release": made.name}
    assert manager.get(f"{SURVEY}/compare", **query).status_code == 403


def test_a_release_that_misses_its_profile_says_why(door):
    manager = door.sign_in("manager")
    manager.post("/surveys/every_type/releases", profile="open")
    assert "0 mixed responses" in alert_of(manager.wait())


def test_every_format_has_its_button():
    assert set(jobs.FORMATS) == set(FORMATS)
    assert set(get_args(jobs.Profile)) == set(PROTECTION)


@pytest.mark.parametrize("module", ["api.main", "api.working"])
def test_neither_the_service_nor_a_waiting_job_holds_what_analyses(module):
    code = f"import {module}, sys; sys.exit('analysis' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
