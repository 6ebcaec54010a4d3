"""Codebook and questionnaire: what they say, and how they look in a browser."""

import importlib
import os
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from axe_playwright_python.sync_playwright import Axe
from lxml import html
from playwright.sync_api import sync_playwright

from surveys import languages, load, read_release
from surveys.codebook import Value
from surveys.exports import export

EVERY_TYPE = Path(__file__).parents[1] / "api" / "definitions" / "every_type"
KINDS = ("codebook", "questionnaire")
LANGUAGES = ("en", "zh-Hans", "ar")


@pytest.fixture(scope="module")
def release(tmp_path_factory, release_by_chance):
    folder = tmp_path_factory.mktemp("released") / "release"
    return read_release(release_by_chance(load(EVERY_TYPE), folder))


@pytest.fixture(scope="module")
def documents(release, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    for language in LANGUAGES:
        list(export(release, folder / language, KINDS, language))
    return folder


@pytest.fixture(scope="module")
def browser():
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        reason = "no Chromium: install Debian's package chromium"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


def read(documents, kind, language="en"):
    return html.parse(
        documents / language / f"every_type-{kind}-{language}.html"
    ).getroot()


def words(element):
    return " ".join(element.text_content().split())


def test_the_codebook_counts_every_code_of_every_variable(release, documents):
    page = read(documents, "codebook")
    for variable in release.variables:
        section = page.get_element_by_id(f"v-{variable.name}")
        rows = [
            [words(cell) for cell in row.iterchildren()]
            for row in section.iterfind(".//tbody/tr")
        ]
        assert [row[0] for row in rows] == sorted(
            (value.name for value in variable.values),
            key=lambda name: name in variable.missing_codes,
        )
        counts = release.responses[variable.name].value_counts()
        assert {row[0]: int(row[3]) for row in rows} == {
            value.name: counts.get(value.name, 0) for value in variable.values
        }
        shares = [float(row[4].removesuffix("%")) for row in rows if row[4]]
        assert not shares or sum(shares) == pytest.approx(100, abs=0.05 * len(shares))
        n_missing = sum(counts.get(code, 0) for code in variable.missing_codes)
        assert f"With a value: {len(release.responses) - n_missing}." in words(section)
        if variable.missing_codes:
            assert f"Without: {n_missing}." in words(section)


def test_the_codebook_gives_numbers_and_labels_of_its_language(release, documents):
    page = read(documents, "codebook", "zh-Hans")
    section = page.get_element_by_id("v-approval")
    rows = {
        words(row[0]): [words(cell) for cell in row[1:3]]
        for row in section.iterfind(".//tbody/tr")
    }
    (approval,) = [each for each in release.variables if each.name == "approval"]
    (value,) = [each for each in approval.values if each.name == "approve"]
    assert rows["approve"] == ["2", value.labels["zh-Hans"]]
    assert rows["dont_know"][0] == "-1"


def test_the_codebook_summarises_numbers(release, documents):
    section = read(documents, "codebook").get_element_by_id("v-age")
    ages = release.frame()["age"]
    said = words(section)
    assert f"Smallest {ages.min():g}, lower quartile {ages.quantile(0.25):g}" in said
    assert f"median {ages.median():g}" in said
    assert f"largest {ages.max():g}" in said


@pytest.mark.parametrize(
    "sentence",
    [
        "Only if Q4 is “Yes”.",
        "Only if arm is “A sentence about tea”.",
        "Only choices for which this holds: the survey is open in the country.",
        "Accepted only if the answer is at least 18 and the answer is at most 120.",
        "Computed, not asked: older is “yes” if Q2 is at least 65, else “no”.",
        "Choices in an order drawn for each respondent.",
        "Items in an order drawn for each respondent.",
        "Shown in reverse order to a random half of the respondents.",
        "Only for the half of the respondents who are given the long list.",
        "One of these arms, with equal chances: nothing Nothing told A sentence about",
        "You are [Q2] and drank [Q3].",
        "Synthetic data: invented respondents.",
    ],
)
def test_the_questionnaire_says_in_words_what_the_program_does(documents, sentence):
    assert sentence in words(read(documents, "questionnaire"))


@pytest.mark.parametrize(
    ("kind", "language", "sentence"),
    [
        ("questionnaire", "zh-Hans", "仅在满足此条件时：第4题 是“是”。"),
        (
            "questionnaire",
            "zh-Hans",
            "仅在满足此条件时接受：该回答 不小于 18，并且该回答 不大于 120。",
        ),
        ("questionnaire", "ar", "بهذا الشرط فقط: س4 هو «نعم»."),
        ("codebook", "zh-Hans", "仅在满足此条件时：tea 是“是”。"),
        ("codebook", "zh-Hans", "not_asked-4未提问"),
        ("codebook", "ar", "بلا قيمة:"),
    ],
)
def test_the_words_around_the_labels_are_translated(
    documents, kind, language, sentence
):
    assert sentence in words(read(documents, kind, language))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", ["zh-Hans", "ar"])
def test_no_english_words_are_left_around_the_labels(documents, kind, language):
    said = words(read(documents, kind, language))
    for english in (
        *("Kind:", "Role:", "With a value", "Only if", "Not asked", "Share"),
        *("Codebook", "Questionnaire", "One answer", "Drawn by chance", "Profile"),
        *("Synthetic", "synthetic", "How to read", "Decided by chance", "Withheld"),
    ):
        assert english not in said
    marked = read(documents, kind, language).iterfind(".//body//*[@lang='en']")
    assert {each.tag for each in marked} <= {"bdi"}


def test_a_language_without_words_is_marked_as_english_around_the_labels(
    release, tmp_path, monkeypatch
):
    monkeypatch.setattr("surveys.languages.WORDING", tmp_path)
    languages.language.cache_clear()
    try:
        list(export(release, tmp_path / "files", KINDS, "ar"))
    finally:
        languages.language.cache_clear()
    for kind in KINDS:
        path = tmp_path / "files" / f"every_type-{kind}-ar.html"
        page = html.parse(path).getroot()
        assert (page.get("lang"), page.get("dir")) == ("ar", "rtl")
        (banner,) = page.iterfind(".//p[@class='banner']")
        assert (banner.get("lang"), banner.get("dir")) == ("en", "ltr")
        assert words(banner) == "Synthetic data: invented respondents."


def test_the_questionnaire_shows_every_question_choice_and_item(release, documents):
    for language in LANGUAGES:
        page = read(documents, "questionnaire", language)
        questionnaire = release.questionnaires[language]
        for question in questionnaire.questions:
            if question.kind in ("note", "calculate"):
                continue
            shown = page.get_element_by_id(f"q-{question.name}")
            said = words(shown)
            assert question.name in said
            for part in (*question.items, *questionnaire.choices_of(question)):
                assert part.label in said


def test_what_authors_wrote_is_text_and_never_html(release, tmp_path):
    (approval,) = [each for each in release.variables if each.name == "approval"]
    evil = {"en": "<script>alert(1)</script>"}
    changed = replace(approval, labels=evil, values=(Value("approve", evil),))
    variables = tuple(
        changed if each is approval else each for each in release.variables
    )
    list(export(replace(release, variables=variables), tmp_path, ["codebook"]))
    text = (tmp_path / "every_type-codebook-en.html").read_text()
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(1)") == 2


def test_a_pdf_stands_beside_it_where_weasyprint_is_installed(
    release, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    list(export(release, tmp_path / "without", ["codebook"]))
    notes = (tmp_path / "without" / "export-notes.txt").read_text()
    assert "every_type-codebook-en.html: no PDF, WeasyPrint is not installed" in notes

    class Page:
        def __init__(self, string):
            self.string = string

        def write_pdf(self, path, *, pdf_tags):
            assert pdf_tags
            path.write_text(self.string[:15])

    printer = ModuleType("weasyprint")
    printer.HTML = Page
    monkeypatch.setitem(sys.modules, "weasyprint", printer)
    folder = tmp_path / "with"
    written = list(export(release, folder, ["codebook"]))
    assert folder / "every_type-codebook-en.pdf" in written
    assert "WeasyPrint" not in (folder / "export-notes.txt").read_text()


@pytest.mark.parametrize("tag", LANGUAGES)
def test_weasyprint_prints_every_language(release, documents, tmp_path, tag):
    try:
        printer = importlib.import_module("weasyprint")
    except (ImportError, OSError):
        pytest.skip("the optional extra pdf, WeasyPrint with Pango, is not installed")
    list(export(release, tmp_path, KINDS, tag))
    assert "PDF" not in (tmp_path / "export-notes.txt").read_text()
    for kind in KINDS:
        pdf = (tmp_path / f"every_type-{kind}-{tag}.pdf").read_bytes()
        assert pdf.startswith(b"%PDF-")
        assert pdf.rstrip().endswith(b"%%EOF")
        page = (documents / tag / f"every_type-{kind}-{tag}.html").read_text()
        laid_out = printer.HTML(string=page).render()
        assert len(laid_out.pages) > 1
        plain = laid_out.write_pdf(uncompressed_pdf=True, pdf_tags=True)
        assert f"/Lang ({tag})".encode() in plain
        assert b"/FontFile" in plain


def test_a_release_without_questionnaire_says_so(release, tmp_path):
    bare = replace(release, questionnaire_json="{}")
    written = list(export(bare, tmp_path, ["questionnaire"]))
    assert [path.name for path in written] == ["export-notes.txt"]
    assert "holds no questionnaire" in written[0].read_text()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", ["zh-Hans", "ar"])
def test_a_document_fits_a_phone_and_asks_nothing_of_the_web(
    documents, browser, kind, language
):
    page = browser.new_page(viewport={"width": 360, "height": 800})
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    path = documents / language / f"every_type-{kind}-{language}.html"
    page.goto(path.as_uri())
    assert asked == [path.as_uri()]
    assert page.locator("script").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    direction = page.evaluate("getComputedStyle(document.body).direction")
    assert direction == ("rtl" if language == "ar" else "ltr")
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
    printed = page.pdf(prefer_css_page_size=True)
    # A4, in points.
    assert re.search(rb"/MediaBox \[0 0 59[45][.0-9]* 84[12]", printed)
    page.close()
