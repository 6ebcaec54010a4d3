from datetime import date
from hashlib import sha256

import pytest
from lxml import html

from api.consent import REQUIRED, write_consent
from api.languages import language

UNTIL = date(2027, 1, 24)


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
        text = "\n".join(write_consent(study, language(tag), UNTIL).lines)
        for told in (study.asked_by, study.purpose, study.contact, study.risk):
            assert told.split("\n")[0].replace("*", "") in text
        assert language(tag).date(UNTIL) in text
        assert str(study.minutes) in text
        assert str(study.retention_months) in text
        assert study.tier in text


def test_another_date_or_language_is_another_consent(shipped):
    english, german = shipped.studies["en"], shipped.studies["de"]
    hashes = {
        write_consent(english, language("en"), UNTIL).hash,
        write_consent(english, language("en"), date(2027, 1, 31)).hash,
        write_consent(german, language("de"), UNTIL).hash,
    }
    assert len(hashes) == 3
