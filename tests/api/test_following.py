import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert

from api import fieldwork
from api.database import writing
from api.following import ROUND_CLOSED, ROUND_OPEN, follow, in_rounds
from api.models import PageCount, Response


def count(engine, survey, responses, pages):
    """Store plain responses by country and the times each page was shown."""
    stored = {
        "survey": survey.name,
        "week": "2026-W48",
        "language": "en",
        "questionnaire_version": survey.version,
        "consent_version": "1",
        "consent_language": "en",
        "consent_hash": "c",
        "body": json.dumps({"assignment": {}, "answers": {}}),
        "consent_publication": False,
        **dict.fromkeys(
            ("consent_participate", "consent_adult", "consent_opinions"), True
        ),
    }
    rows = [
        {**stored, "country": country, "response_id": f"{country}{number}"}
        for country, times in responses.items()
        for number in range(times)
    ]
    shown = [
        {"survey": survey.name, "country": "", "page": page, "shown": times}
        for page, times in pages.items()
    ]
    with writing(engine) as connection:
        connection.execute(insert(Response), rows)
        connection.execute(insert(PageCount), shown)


@pytest.fixture
def opened(engine, shipped):
    fieldwork.publish(engine, shipped)
    fieldwork.open_survey(
        engine, shipped.name, accept_draft_translations=True, synthetic=True
    )
    return engine


def test_only_full_rounds_are_told_and_small_ones_after_closing(opened, shipped):
    count(opened, shipped, {"CN": 117, "DE": 49, "IT": 9}, {"review": 0})
    now = follow(opened, shipped)
    assert now.round == ROUND_OPEN
    assert now.responses == {"CN": 100, "DE": 0, "GB": 0, "IT": 0, "US": 0}
    assert now.total == 150
    fieldwork.close_survey(opened, shipped.name)
    then = follow(opened, shipped)
    assert then.round == ROUND_CLOSED
    assert then.responses == {"CN": 110, "DE": 40, "GB": 0, "IT": 0, "US": 0}
    assert then.total == 170


def test_interviews_end_on_the_page_after_which_nothing_was_seen(opened, shipped):
    names = [page.name for page in shipped.questionnaire.pages]
    times = dict.fromkeys(names, 200)
    times |= {names[0]: 300, names[1]: 250, "review": 200}
    count(opened, shipped, {"CN": 150}, times)
    pages = {page.page: page for page in follow(opened, shipped).pages}
    assert list(pages) == names
    assert pages[names[0]].label == "Where you live"
    assert [pages[name].left for name in names[:4]] == [50, 50, 0, 0]
    assert pages[names[0]].shown == 300


@given(st.integers(0, 10_000), st.sampled_from([ROUND_OPEN, ROUND_CLOSED]))
def test_one_more_is_seen_only_when_it_fills_a_round(number, size):
    before, after = in_rounds(number, size), in_rounds(number + 1, size)
    assert before % size == 0
    assert number - size < before <= number
    assert after - before == (size if (number + 1) % size == 0 else 0)
