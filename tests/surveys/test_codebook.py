import pytest

from surveys.codebook import MISSING_CODES, codebook

SURVEY = """
title: Codes
languages: [en]
experiments:
  - {name: arm, label: The text shown, arms: [{name: a, label: A}, {name: b, label: B}]}
choices:
  yes_no:
    - {name: yes, label: Yes}
    - {name: no, label: No}
    - {name: dk, label: Don't know, missing: dont_know}
  ranked: [{name: x, label: X}, {name: y, label: Y}]
pages:
  - name: page
    questions:
      - {type: note, name: hello, label: Hello}
      - {type: select_one yes_no, name: one, label: One?}
      - {type: likert yes_no, name: scale, label: Scale?}
      - {type: select_multiple yes_no, name: some, label: Which?}
      - {type: rank ranked, name: order, label: Order?}
      - type: battery yes_no
        name: set
        label: How about
        parameters: randomize=true
        items: [{name: "1", label: this}, {name: "2", label: that}]
      - {type: integer, name: age, label: Age}
      - {type: decimal, name: size, label: Size}
      - {type: text, name: words, label: Words}
      - {type: calculate, name: sum, calculation: "${age} + 1"}
      - type: list_experiment
        name: count
        label: How many?
        items:
          - {name: u, label: U}
          - {name: v, label: V}
          - {name: w, label: W}
          - {name: s, label: S, sensitive: true}
"""
STUDY = """
quasi_identifiers: [one, some]
sensitive: [set_2, age]
labels: {one: The first}
"""
STOCK = ["not_answered", "not_asked", "suppressed"]
COLUMNS = {
    "response_id": ("text", "record", []),
    "week": ("text", "record", []),
    "language": ("text", "record", []),
    "questionnaire_version": ("text", "record", []),
    "consent_publication": ("nominal", "record", ["yes", "no"]),
    "arm": ("nominal", "assignment", ["a", "b"]),
    "set_order": ("text", "assignment", []),
    "count_group": ("nominal", "assignment", ["control", "treatment"]),
    "count_order": ("text", "assignment", []),
    "one": ("nominal", "quasi-identifier", ["yes", "no", "dont_know", *STOCK]),
    "scale": ("ordinal", "", ["yes", "no", "dont_know", *STOCK]),
    "some_yes": ("integer", "quasi-identifier", ["0", "1", "dont_know", *STOCK]),
    "some_no": ("integer", "quasi-identifier", ["0", "1", "dont_know", *STOCK]),
    "some_dont_know": ("integer", "quasi-identifier", ["0", "1", *STOCK]),
    "order_x": ("integer", "", STOCK),
    "order_y": ("integer", "", STOCK),
    "set_1": ("ordinal", "", ["yes", "no", "dont_know", *STOCK]),
    "set_2": ("ordinal", "sensitive", ["yes", "no", "dont_know", *STOCK]),
    "age": ("integer", "sensitive", STOCK),
    "size": ("decimal", "", STOCK),
    "words": ("text", "", STOCK),
    "sum": ("text", "", STOCK),
    "count": ("count", "", STOCK),
}


@pytest.fixture
def variables(make_survey):
    return {each.name: each for each in codebook(make_survey(SURVEY, STUDY))}


def test_every_column_has_its_kind_role_and_codes(variables):
    assert {
        name: (each.kind, each.role, [value.name for value in each.values])
        for name, each in variables.items()
    } == COLUMNS
    assert list(variables) == list(COLUMNS)


def test_missing_codes_are_marked_as_missing(variables):
    marked = {
        value.name: value.missing
        for variable in variables.values()
        for value in variable.values
    }
    assert {name for name, missing in marked.items() if missing} == (
        set(MISSING_CODES) - {"refused"}
    )


@pytest.mark.parametrize(
    ("name", "label", "question"),
    [
        ("one", "The first", "One?"),
        ("set_2", "that", "How about — that"),
        ("some_dont_know", "Don't know", "Which? — Don't know"),
        ("order_y", "Y", "Order? — Y"),
        ("arm", "The text shown", None),
        ("sum", "sum", None),
        ("week", "ISO week in which the response was given", None),
    ],
)
def test_labels_are_short_and_questions_whole(variables, name, label, question):
    assert variables[name].labels["en"] == label
    assert variables[name].question.get("en") == question


def test_every_language_has_its_own_words(shipped):
    variables = {each.name: each for each in codebook(shipped)}
    approval = variables["approval"]
    assert set(approval.question) == set(shipped.languages)
    assert len(set(approval.question.values())) == len(shipped.languages)
    for value in approval.values:
        if value.name not in ("not_answered", "not_asked", "suppressed"):
            assert len(set(value.labels.values())) == len(shipped.languages)


@pytest.mark.parametrize(
    ("name", "value", "starts"),
    [
        ("count_group", "control", ["U", "V", "W"]),
        ("count_group", "treatment", ["U", "V", "W", "S"]),
        ("arm", "a", []),
        ("arm", "b", ["Only b", "Never a"]),
    ],
)
def test_what_chance_showed_is_in_the_codebook(make_survey, name, value, starts):
    told = """
  - name: told
    relevant: ${arm} = 'b'
    questions:
      - {type: note, name: only_b, label: Only b}
      - {type: note, name: old, label: Only b and old, relevant: "${age} > 60"}
      - {type: integer, name: more, label: More}
  - name: also
    questions:
      - {type: note, name: not_a, label: Never a, relevant: "${arm} != 'a'"}
      - {type: note, name: all, label: All}
"""
    book = {each.name: each for each in codebook(make_survey(SURVEY + told, STUDY))}
    values = {each.name: each for each in book[name].values}
    assert [text["en"] for text in values[value].shown] == starts


def test_lists_and_texts_of_experiments_are_there_in_every_language(shipped):
    book = {each.name: each for each in codebook(shipped)}
    shown = {
        (name, value.name): value.shown
        for name in ("arm", "approval_list_group", "side_order")
        for value in book[name].values
    }
    assert {key: len(texts) for key, texts in shown.items()} == {
        ("arm", "control"): 0,
        ("arm", "benefits"): 1,
        ("arm", "costs"): 1,
        ("approval_list_group", "control"): 4,
        ("approval_list_group", "treatment"): 5,
        ("side_order", "forward"): 1,
        ("side_order", "reverse"): 1,
    }
    for texts in shown.values():
        for text in texts:
            assert list(text) == list(shipped.languages)
            assert len(set(text.values())) == len(shipped.languages)
    only_long = [
        each
        for each in shown["approval_list_group", "treatment"]
        if each not in shown["approval_list_group", "control"]
    ]
    assert [text["en"] for text in only_long] == ["A social credit system"]
    assert "3.51 million" in shown["arm", "benefits"][0]["en"]
