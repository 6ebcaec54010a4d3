import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveys import AuthoringError, load_files
from surveys.catalogs import read_catalog
from surveys.translations import (
    Entry,
    completeness,
    entries_of,
    read_xliff,
    write_catalog,
    write_xliff,
)


@pytest.mark.parametrize("language", ["de", "zh-Hans", "ar"])
@pytest.mark.parametrize("through", ["po", "xliff"])
def test_a_translation_comes_back_from_translators_unchanged(
    shipped, language, through
):
    entries = entries_of(shipped.files, language)
    if through == "xliff":
        written = write_xliff(language, entries, survey=shipped.name)
        back, entries = read_xliff(written)
        assert back == language
    catalog = write_catalog(language, entries, survey=shipped.name)
    again = load_files(shipped.name, {**shipped.files, f"{language}.po": catalog})
    assert again.to_json() == shipped.to_json()
    assert language in again.draft_languages


def test_every_text_is_written_once(shipped):
    text = write_catalog("ar", entries_of(shipped.files, "ar"), survey="social_credit")
    catalog, mistakes = read_catalog("ar.po", text)
    assert mistakes == []
    assert len(catalog) == len(entries_of(shipped.files, "ar")) + 1


def test_completeness_counts_what_is_missing_and_what_is_stale(shipped):
    german = shipped.files["de.po"]
    german = german.replace('msgstr "Wo Sie leben"', 'msgstr ""')
    german = german.replace('msgid "China"', 'msgid "The China"', 1)
    table = completeness({**shipped.files, "de.po": german})
    n = table.loc["it", "texts"]
    assert table.loc["de"].tolist() == [n, n - 2, 1, 1, 0, True]
    assert table.loc["it"].tolist() == [n, n, 0, 0, 0, True]


def test_a_translation_just_begun_lists_every_text(shipped):
    entries = entries_of(shipped.files, "ja")
    assert {entry.translation for entry in entries} == {""}
    assert len(entries) == len(entries_of(shipped.files, "de"))


texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), min_size=1
)


@given(st.lists(st.tuples(texts, texts), max_size=5))
def test_any_text_survives_both_formats(pairs):
    entries = [Entry(f"q{at}.label", *pair) for at, pair in enumerate(pairs)]
    assert read_xliff(write_xliff("de", entries, survey="x")) == ("de", entries)
    catalog, mistakes = read_catalog("de.po", write_catalog("de", entries, survey="x"))
    assert mistakes == []
    for entry in entries:
        (message,) = catalog[entry.context]
        assert (message.id, message.string) == (entry.english, entry.translation)


ENTITY = b"""<!DOCTYPE x [<!ENTITY secret SYSTEM "file:///etc/hostname">]>
<xliff xmlns="urn:oasis:names:tc:xliff:document:1.2" version="1.2">
<file source-language="en" target-language="de" original="x" datatype="plaintext"><body>
<trans-unit id="a"><source>A</source><target>&secret;</target></trans-unit>
</body></file></xliff>"""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no XML"),
        (b"<x/>", "is no XLIFF 1.2 file"),
        (ENTITY, "a: target holds elements"),
        (b" " * 5_000_001, "has 5,000,001 bytes"),
    ],
)
def test_what_is_no_translation_is_refused(content, message):
    with pytest.raises(AuthoringError, match=message):
        read_xliff(content)
