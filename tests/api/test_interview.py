from dataclasses import asdict
from pathlib import Path

import pytest

from api.errors import StateInvalid
from api.interview import INFORMATION, REVIEW, Interview
from surveys import load, load_files
from surveys.experiments import draw_assignment
from surveys.routing import path_of

FILES = load(Path(__file__).parent / "definitions" / "every_type").files
COUNTRIES = ("CN", "DE", "GB")


@pytest.fixture(scope="module")
def survey():
    """The drinks are asked in English only."""
    asked = FILES["questionnaire.yaml"].replace(
        "    label: What you drink\n",
        "    label: What you drink\n    relevant: ${language} = 'en'\n",
    )
    return load_files("every_type", {**FILES, "questionnaire.yaml": asked})


@pytest.fixture
def interview(survey):
    assignment = draw_assignment(survey.questionnaire)
    return Interview(survey.name, survey.version, "en", assignment=assignment)


def way(interview, survey):
    questionnaire = survey.questionnaires[interview.language]
    context = interview.context(COUNTRIES)
    return questionnaire, context, path_of(questionnaire, context)


def move_on(interview, survey):
    interview.move_on(*way(interview, survey))
    interview.seen.append(interview.page)


@pytest.mark.parametrize(
    ("tea", "expected"),
    [
        (
            "yes",
            [
                ("you", 1, 6),
                ("drinks", 2, 6),
                ("tea", 3, 6),
                ("town", 4, 6),
                ("list", 5, 6),
                (REVIEW, 6, 6),
            ],
        ),
        (
            "no",
            [
                ("you", 1, 6),
                ("drinks", 2, 6),
                ("town", 3, 5),
                ("list", 4, 5),
                (REVIEW, 5, 5),
            ],
        ),
    ],
)
def test_the_number_of_parts_counts_what_may_come_and_never_grows(
    interview, survey, tea, expected
):
    places = []
    while interview.page != REVIEW:
        move_on(interview, survey)
        places.append((interview.page, *interview.place(*way(interview, survey))))
        if interview.page == "drinks":
            interview.answers["tea"] = tea
            same = (interview.page, *interview.place(*way(interview, survey)))
            assert same == places[-1], "a page answered again looks as it did"
    assert places == expected


def test_after_the_review_only_new_pages_are_asked(interview, survey):
    while interview.page != REVIEW:
        move_on(interview, survey)
    interview.reviewed = True
    interview.page = "you"
    move_on(interview, survey)
    assert interview.page == REVIEW
    interview.page = "drinks"
    interview.answers["tea"] = "yes"
    move_on(interview, survey)
    assert interview.page == "tea"
    move_on(interview, survey)
    assert interview.page == REVIEW


def test_a_page_that_another_language_does_not_ask_is_left(interview, survey):
    for page, expected in (("drinks", "town"), ("you", "you"), (REVIEW, REVIEW)):
        interview.page, interview.language = page, "ar"
        interview.stay_on_path(*way(interview, survey))
        assert interview.page == expected


def test_back_goes_from_the_review_to_the_information(interview, survey):
    interview.page, seen = REVIEW, []
    while interview.page != INFORMATION:
        interview.move_back(*way(interview, survey))
        seen.append(interview.page)
    assert seen == ["list", "town", "drinks", "you", INFORMATION]


def test_a_state_is_an_interview_and_nothing_else_is(interview, survey):
    interview.answers = {"drinks": ("tea", "water"), "age": None}
    state = interview.state
    again = Interview.from_state(state, survey.name, survey.version)
    assert asdict(again) == asdict(interview)
    older = {name: value for name, value in state.items() if name != "seen"}
    for wrong in ({**state, "version": "0"}, {**state, "survey": "x"}, older, {}):
        with pytest.raises(StateInvalid):
            Interview.from_state(wrong, survey.name, survey.version)
