import re
from hashlib import sha256

import pytest
from lxml import html

from api.consent import REQUIRED, write_consent
from api.languages import language


@pytest.mark.parametrize("tag", ["en", "ar"])
def test_the_hash_is_of_the_words_on_the_page(service, visitor, tag):
    tree = html.fromstring(visitor.open(tag).text)
    parts = tree.xpath("//*[@id='information']//*[self::h2 or self::p or self::li]")
    labels = tree.xpath("//input[starts-with(@name, 'consent_')]/../label")
    words = "\n".join(part.text_content() for part in [*parts, *labels])
    visitor.open(tag).send("begin", **dict.fromkeys(REQUIRED, "yes"))
    while "submit" not in visitor.form.buttons:
        visitor.send()
    before = {record["response_id"] for record in service.stored("every_type")}
    visitor.send("submit")
    (record,) = [
        record
        for record in service.stored("every_type")
        if record["response_id"] not in before
    ]
    assert record["consent_hash"] == sha256(words.encode()).hexdigest()
    assert record["consent_language"] == tag


def test_everything_a_respondent_must_know_is_in_the_text(shipped):
    for tag, study in shipped.studies.items():
        text = "\n".join(write_consent(study, language(tag)).lines)
        for told in (study.asked_by, study.purpose, study.contact, study.risk):
            assert told.split("\n")[0].replace("*", "") in text
        assert str(study.withdrawal_weeks) in text
        assert str(study.minutes) in text
        assert str(study.retention_months) in text
        assert study.tier in text


def test_other_words_are_another_consent(shipped):
    english, german = shipped.studies["en"], shipped.studies["de"]
    longer = english.model_copy(update={"withdrawal_weeks": 9})
    hashes = {
        write_consent(english, language("en")).hash,
        write_consent(longer, language("en")).hash,
        write_consent(german, language("de")).hash,
    }
    assert len(hashes) == 3


@pytest.mark.parametrize("weeks", [1, 2, 3, 11, 100])
def test_how_long_withdrawal_is_possible_is_said_in_every_language(shipped, weeks):
    """Whole sentences in the right grammatical number, and no date."""
    for tag, study in shipped.studies.items():
        short = study.model_copy(update={"withdrawal_weeks": weeks})
        *_, changed, _, _ = write_consent(short, language(tag)).sections
        (_, promise) = changed.paragraphs
        assert "{" not in promise
        assert re.findall(r"\d+", promise) == (
            []
            if (weeks == 1 and tag != "zh-Hans") or (weeks, tag) == (2, "ar")
            else [str(weeks)]
        )
