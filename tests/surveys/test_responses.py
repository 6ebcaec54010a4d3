import pytest

from surveys import ReleaseError, codebook, draw_assignment, responses_to_frame

SURVEY = """
title: Codes
choices:
  yes_no:
    - {name: yes, label: Yes}
    - {name: no, label: No}
    - {name: dk, label: Don't know, missing: dont_know}
  ranked: [{name: x, label: X}, {name: y, label: Y}, {name: z, label: Z}]
pages:
  - name: page
    questions:
      - {type: select_one yes_no, name: one, label: One?}
      - {type: select_multiple yes_no, name: some, label: Which?}
      - {type: rank ranked, name: order, label: Order?}
      - {type: battery yes_no, name: set, label: How?, items: [{name: "1", label: A}]}
      - {type: integer, name: age, label: Age}
      - {type: decimal, name: size, label: Size}
      - {type: text, name: words, label: Words, parameters: ""}
      - {type: calculate, name: double, calculation: "${age} * 2"}
"""


@pytest.fixture
def survey(make_survey):
    return make_survey(SURVEY)


def record(number=1, **answers):
    return {
        "response_id": f"{number:032x}",
        "week": "2026-W48",
        "language": "en",
        "questionnaire_version": "abc",
        "consent_publication": True,
        "assignment": {},
        "answers": answers,
    }


@pytest.mark.parametrize(
    ("answers", "cells"),
    [
        ({"one": "yes"}, {"one": "yes"}),
        ({"one": "dk"}, {"one": "dont_know"}),
        ({"one": None}, {"one": "not_answered"}),
        ({}, {"one": "not_asked", "some_yes": "not_asked", "order_x": "not_asked"}),
        (
            {"some": ["yes"]},
            {"some_yes": "1", "some_no": "0", "some_dont_know": "0"},
        ),
        (
            {"some": ("dk",)},
            {"some_yes": "dont_know", "some_no": "dont_know", "some_dont_know": "1"},
        ),
        (
            {"some": None},
            {"some_yes": "not_answered", "some_dont_know": "not_answered"},
        ),
        (
            {"order": ["z", "x"]},
            {"order_x": "2", "order_y": "not_answered", "order_z": "1"},
        ),
        ({"set_1": "no"}, {"set_1": "no"}),
        ({"age": 34, "double": 68}, {"age": "34", "double": "68"}),
        ({"size": 1.5}, {"size": "1.5"}),
        ({"words": "fine, thanks"}, {"words": "fine, thanks"}),
        # Somebody who types a code does not become a missing value.
        ({"words": "not_asked"}, {"words": "not_asked "}),
    ],
)
def test_answers_are_coded_and_no_two_kinds_of_missing_are_merged(
    survey, answers, cells
):
    frame = responses_to_frame(survey, [record(**answers)])
    assert frame.loc[0, list(cells)].to_dict() == cells


def test_the_columns_are_those_of_the_codebook_and_hold_text(survey, shipped):
    for each in (survey, shipped):
        names = [variable.name for variable in codebook(each)]
        assert responses_to_frame(each, []).columns.to_list() == names
    frame = responses_to_frame(survey, [record()])
    assert set(map(str, frame.dtypes)) == {"str"}
    assert frame.notna().all(axis=None)


def test_rows_come_in_the_order_of_their_random_ids(survey):
    frame = responses_to_frame(survey, [record(each) for each in (7, 2, 5)])
    assert [int(name, 16) for name in frame["response_id"]] == [2, 5, 7]


def test_what_was_drawn_is_a_column(shipped):
    drawn = draw_assignment(shipped.questionnaire)
    frame = responses_to_frame(shipped, [record() | {"assignment": drawn}])
    assert frame.loc[0, list(drawn)].to_dict() == drawn


@pytest.mark.parametrize(
    "answers", [{"one": "secret"}, {"some": ["secret"]}, {"order": ["secret"]}]
)
def test_an_answer_of_another_version_is_refused_without_repeating_it(survey, answers):
    with pytest.raises(ReleaseError, match="1 responses do not fit") as caught:
        responses_to_frame(survey, [record(**answers)])
    assert "secret" not in str(caught.value)
