import ast
import re
import warnings
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from jinja2 import Environment

import api
from api.consent import TIERS
from api.drawing import PROBLEMS
from api.error_pages import PAGES
from api.languages import AVAILABLE
from api.pages import ENDS

FOLDER = Path(api.__file__).parent
LANGUAGES = ("ar", "de", "es", "fr", "it", "zh-Hans")


def messages():
    """Every text of the frame; a plural one as (singular, plural)."""
    found = set()
    environment = Environment(
        extensions=["jinja2.ext.i18n"], trim_blocks=True, lstrip_blocks=True
    )
    for template in sorted((FOLDER / "templates").glob("*.html")):
        for _, _, text in environment.extract_translations(template.read_text()):
            found.add(text[0] if isinstance(text, tuple) and None in text else text)
    for module in sorted(FOLDER.glob("*.py")):
        for node in ast.walk(ast.parse(module.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
            if name == "text" and texts and isinstance(texts[0], str):
                found.add(texts[0])
            if name == "count" and len(texts) == 2:
                found.add(tuple(texts))
    for page in PAGES.values():
        found |= {page.heading, page.text}
    for end in ENDS.values():
        found |= {end.heading, end.text, end.about_code}
    found |= {text for tier in TIERS.values() for text in tier}
    found |= set(PROBLEMS.values())
    return {text for text in found if text and text != "{text}"}


def catalog(language):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        content = (FOLDER / "translations" / f"{language}.po").read_bytes()
        return read_po(BytesIO(content), abort_invalid=True)


def holes(text):
    return sorted(re.findall(r"\{\w+\}", text))


def test_the_frame_speaks_the_languages_of_the_shipped_survey():
    assert ("en", *LANGUAGES) == AVAILABLE


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_and_no_other(language):
    entries = {entry.id: entry for entry in catalog(language) if entry.id}
    assert set(entries) == messages()
    for text, entry in entries.items():
        assert not entry.fuzzy
        if isinstance(text, tuple):
            assert len(entry.string) == catalog(language).num_plurals
            assert all(entry.string)
        else:
            assert entry.string
            assert holes(entry.string) == holes(text), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_buttons_named_in_a_sentence_are_called_so(language):
    strings = {entry.id: entry.string for entry in catalog(language)}
    for button in ("Save and continue later", "Try again"):
        for text, translation in strings.items():
            if isinstance(text, str) and f"“{button}”" in text:
                assert strings[button] in translation, (language, button)


def test_translations_say_that_they_are_drafts():
    for language in LANGUAGES:
        content = (FOLDER / "translations" / f"{language}.po").read_text()
        assert "X-Translation-Status: draft awaiting adjudication" in content
