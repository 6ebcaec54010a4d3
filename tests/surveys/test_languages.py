"""The words around an author's texts: all of them, in every language."""

import ast
import re
import warnings
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from jinja2 import Environment

import surveys
from surveys.codebook import (
    DRAWN,
    MISSING_CODES,
    RECORD_COLUMNS,
    WEIGHT,
    codebook,
)
from surveys.conditions import OPERATIONS, PHRASES
from surveys.descriptions import CONVENTIONS
from surveys.exports.coding import DRAWN_BY_CHANCE, label_of, text_of
from surveys.exports.documents import KINDS, ORDERS, ROLES, WAYS
from surveys.languages import WORDING, language

FOLDER = Path(surveys.__file__).parent
LANGUAGES = ("ar", "de", "es", "fr", "it", "zh-Hans")


@lru_cache
def messages():
    found = {DRAWN_BY_CHANCE, WEIGHT.labels["en"], "Chosen", "Not chosen", "Yes", "No"}
    environment = Environment(extensions=["jinja2.ext.i18n"])
    for template in sorted((FOLDER / "templates").glob("*.html")):
        for _, _, text in environment.extract_translations(template.read_text()):
            found.add((text[0] if isinstance(text, tuple) else text) or "")
    for module in (
        FOLDER / "conditions.py",
        *sorted((FOLDER / "exports").glob("*.py")),
    ):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call) and node.args:
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                text = getattr(node.args[0], "value", None)
                if name == "text" and isinstance(text, str):
                    found.add(text)
    for texts in (OPERATIONS, PHRASES, KINDS, ORDERS, ROLES, WAYS, CONVENTIONS):
        found |= set(texts.values())
    found |= set(CONVENTIONS)
    for texts in (MISSING_CODES, RECORD_COLUMNS, DRAWN):
        found |= set(texts.values())
    return found - {""}


def catalog(tag):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        content = (WORDING / f"{tag}.po").read_bytes()
        return read_po(BytesIO(content), abort_invalid=True)


def holes(text):
    return sorted(set(re.findall(r"\{\w+\}|`[^`]+`", text)))


def test_there_are_words_in_every_language_of_the_shipped_survey(shipped):
    assert {file.name for file in WORDING.iterdir()} == {
        f"{tag}.po" for tag in shipped.languages if tag != "en"
    }
    assert {"en", *LANGUAGES} == set(shipped.languages)


@pytest.mark.parametrize("tag", LANGUAGES)
def test_every_message_is_translated_and_no_other(tag):
    entries = {entry.id: entry for entry in catalog(tag) if entry.id}
    assert set(entries) == messages()
    for text, entry in entries.items():
        assert not entry.fuzzy
        assert entry.string
        assert holes(entry.string) == holes(text), text
        # One stands in a style sheet, where HTML's escapes would be read as text.
        assert not set('<>&"') & set(entry.string), text
    header = (WORDING / f"{tag}.po").read_text()
    assert "X-Translation-Status: draft awaiting adjudication" in header


@pytest.mark.parametrize("tag", ["en", *LANGUAGES])
def test_what_parallax_says_in_a_codebook_is_in_every_language(shipped, tag):
    def said_by_parallax(texts):
        return set(texts) == {"en"} and texts["en"] in messages()

    variables = codebook(shipped)
    labels = [each.labels for each in variables]
    labels += [value.labels for each in variables for value in each.values]
    said = {texts["en"] for texts in labels if said_by_parallax(texts)}
    assert {*list(MISSING_CODES.values())[2:], *RECORD_COLUMNS.values()} <= said
    for text in said - {"No"}:
        translated = text_of({"en": text}, tag)
        assert (translated == text) == (tag == "en"), text
    drawn = [each for each in variables if each.name.endswith("_order")]
    assert drawn
    for variable in drawn:
        label = label_of(variable, tag)
        assert variable.name in label
        assert label.startswith("Drawn by chance") == (tag == "en")


@pytest.mark.parametrize(
    ("tag", "number", "share", "countries"),
    [
        ("en", "1,234.5", "12.3%", "China and Germany"),
        ("de", "1.234,5", "12,3\xa0%", "China und Deutschland"),
        ("fr", "1\u202f234,5", "12,3\xa0%", "Chine et Allemagne"),
        ("zh-Hans", "1,234.5", "12.3%", "中国和德国"),
        ("ar", "1,234.5", "12.3%", "الصين وألمانيا"),
    ],
)
def test_numbers_and_countries_are_written_as_in_the_language(
    tag, number, share, countries
):
    words = language(tag)
    assert words.number(1234.5) == number
    assert words.share(0.1231) == share
    assert words.countries(["CN", "DE"]) == countries


def test_a_language_without_words_speaks_english():
    words = language("pt")
    assert not words.is_translated
    assert words.text("Not asked") == "Not asked"
    assert words.share(0.5) == "50,0%"
