import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surveys.answers import prune
from surveys.experiments import draw_assignment, pages_of
from surveys.questionnaire import Page, Questionnaire
from surveys.routing import (
    next_page,
    pages_to_come,
    path_of,
    previous_page,
    visible_questions,
)

SURVEY = """
title: Ways
choices:
  yes_no: [{name: yes, label: Yes}, {name: no, label: No}]
  country: [{name: DE, label: Germany}, {name: GB, label: Britain}]
  region:
    - {name: north, label: North, columns: {country: DE}}
    - {name: wales, label: Wales, columns: {country: GB}}
pages:
  - name: one
    questions:
      - {type: select_one yes_no, name: owner, label: Owner?}
      - {type: select_one country, name: country, label: Country?}
  - name: two
    relevant: ${owner} = 'yes'
    questions:
      - {type: select_one yes_no, name: happy, label: Happy?}
      - type: select_one region
        name: region
        label: R
        choice_filter: country = ${country}
      - {type: integer, name: number, label: How many?}
      - {type: calculate, name: double, calculation: "${number} * 2"}
      - {type: calculate, name: kept, calculation: "once(${number})"}
  - name: three
    questions:
      - {type: note, name: congratulation, label: Well, relevant: "${happy} = 'yes'"}
  - name: four
    questions:
      - {type: text, name: why, label: Why?}
      - {type: text, name: more, label: More?, relevant: "${double} > 4"}
"""


@pytest.fixture
def questionnaire(make_survey):
    return make_survey(SURVEY).questionnaire


@pytest.mark.parametrize(
    ("answers", "path"),
    [
        ({}, ["one", "four"]),
        ({"owner": "no"}, ["one", "four"]),
        ({"owner": "yes"}, ["one", "two", "four"]),
        ({"owner": "yes", "happy": "yes"}, ["one", "two", "three", "four"]),
        # A stale answer: the respondent went back and is not an owner after all.
        ({"owner": "no", "happy": "yes"}, ["one", "four"]),
        ({"owner": None, "happy": "yes"}, ["one", "four"]),
    ],
)
def test_the_path_follows_answers_on_the_path_only(questionnaire, answers, path):
    assert [page.name for page in path_of(questionnaire, answers)] == path


def test_what_is_no_longer_on_the_path_is_dropped(questionnaire):
    answers = {
        "owner": "yes",
        "country": "GB",
        "happy": "yes",
        "region": "north",
        "number": 3,
        "double": 2,
        "kept": 1,
        "why": None,
        "more": "text",
        "language": "en",
    }
    kept = prune(questionnaire, answers)
    # The region is of another country; calculations are done again, `once` is not.
    assert kept == {
        "owner": "yes",
        "country": "GB",
        "happy": "yes",
        "region": None,
        "number": 3,
        "double": 6,
        "kept": 1,
        "why": None,
        "more": "text",
    }
    assert prune(questionnaire, {**answers, "owner": "no"}) == {
        "owner": "no",
        "country": "GB",
        "why": None,
    }


def test_next_and_previous_lead_on_from_a_page_off_the_path(questionnaire):
    context = {"owner": "no"}
    assert next_page(questionnaire, context, "two").name == "four"
    assert previous_page(questionnaire, context, "three").name == "one"
    assert next_page(questionnaire, context, "four") is None
    assert previous_page(questionnaire, context, "one") is None


def test_visible_questions_are_those_shown(questionnaire):
    four = questionnaire.pages[3]
    shown = visible_questions(four, {"double": 6})
    assert [question.name for question in shown] == ["why", "more"]
    assert [question.name for question in visible_questions(four, {})] == ["why"]


VALUES = st.sampled_from(["a", "b", "", None])


@st.composite
def journeys(draw):
    """A questionnaire with random conditions, an assignment and random answers."""
    n_pages = draw(st.integers(1, 7))
    first = draw(st.integers(0, n_pages - 1))
    shuffled = range(first, draw(st.integers(first, n_pages)))
    pages = []
    for at in range(n_pages):
        earlier = [f"q{each}" for each in range(first if at in shuffled else at)]
        keys = {}
        for key in ("page", "question"):
            if earlier and draw(st.booleans()):
                name, value = (
                    draw(st.sampled_from(earlier)),
                    draw(st.sampled_from("ab")),
                )
                keys[key] = (
                    f"${{{name}}} {draw(st.sampled_from(['=', '!=']))} '{value}'"
                )
        question = {"type": "text", "name": f"q{at}", "relevant": keys.get("question")}
        pages.append(
            Page(
                name=f"p{at}",
                relevant=keys.get("page"),
                shuffle="g" if at in shuffled else None,
                questions=[question],
            )
        )
    questionnaire = Questionnaire(title="Random", pages=pages)
    answers = {f"q{at}": draw(VALUES) for at in range(n_pages) if draw(st.booleans())}
    return questionnaire, {**answers, **draw_assignment(questionnaire)}


@settings(max_examples=200, deadline=None)
@given(journeys())
def test_every_path_ends_and_back_undoes_next(journey):
    questionnaire, context = journey
    path = path_of(questionnaire, context)
    walked, page = [], next_page(questionnaire, context, None)
    while page is not None:
        walked.append(page)
        page = next_page(questionnaire, context, page.name)
        assert len(walked) <= len(questionnaire.pages)
    assert tuple(walked) == path
    page = previous_page(questionnaire, context, None)
    while page is not None:
        assert page == walked.pop()
        page = previous_page(questionnaire, context, page.name)
    assert walked == []
    order = pages_of(questionnaire, context)
    assert [order.index(page) for page in path] == sorted(map(order.index, path))


@settings(max_examples=200, deadline=None)
@given(journeys())
def test_pruning_changes_neither_the_path_nor_itself(journey):
    questionnaire, context = journey
    kept = prune(questionnaire, context)
    others = {name: context[name] for name in context if not name.startswith("q")}
    assert path_of(questionnaire, {**kept, **others}) == path_of(questionnaire, context)
    assert prune(questionnaire, {**kept, **others}) == kept
    assert kept.items() <= context.items()


@settings(max_examples=200, deadline=None)
@given(journeys())
def test_pages_to_come_are_all_that_may_come_and_become_fewer(journey):
    questionnaire, context = journey
    known = {name: context[name] for name in context if not name.startswith("q")}
    walked, most = [], len(questionnaire.pages)
    page = next_page(questionnaire, known, None)
    while page is not None:
        walked.append(page)
        path = path_of(questionnaire, known)
        to_come = pages_to_come(questionnaire, known, page.name, path)
        assert len(walked) + len(to_come) <= most
        most = len(walked) + len(to_come)
        name = page.questions[0].name
        known[name] = context.get(name)
        page = next_page(questionnaire, known, page.name)
        assert page is None or page in to_come
    assert tuple(walked) == path_of(questionnaire, known)
