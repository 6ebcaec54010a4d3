import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surveys.answers import controls_of, read_answers, unanswered
from surveys.questionnaire import Questionnaire

QUESTIONNAIRE = Questionnaire.model_validate(
    {
        "title": "Answers",
        "choices": {
            "abc": [
                {"name": "a", "label": "A", "columns": {"group": "g"}},
                {"name": "b", "label": "B", "columns": {"group": "g"}},
                {"name": "c", "label": "C", "columns": {"group": "h"}},
            ],
            "uses": [
                {"name": "a", "label": "A"},
                {"name": "b", "label": "B"},
                {"name": "none", "label": "None of these", "exclusive": True},
                {"name": "dk", "label": "Don't know", "missing": "dont_know"},
            ],
        },
        "pages": [
            {
                "name": "page",
                "questions": [
                    {"type": "select_one abc", "name": "one", "label": "One"},
                    {
                        "type": "select_one abc",
                        "name": "some",
                        "label": "Some",
                        "choice_filter": "group = ${chosen}",
                    },
                    {"type": "likert abc", "name": "scale", "label": "Scale"},
                    {"type": "select_multiple uses", "name": "uses", "label": "Uses"},
                    {
                        "type": "battery abc",
                        "name": "set",
                        "label": "Set",
                        "items": [
                            {"name": "1", "label": "1"},
                            {"name": "2", "label": "2"},
                        ],
                    },
                    {"type": "rank abc", "name": "order", "label": "Order"},
                    {
                        "type": "list_experiment",
                        "name": "count",
                        "label": "Count",
                        "items": [
                            *({"name": n, "label": n} for n in "xyz"),
                            {"name": "s", "label": "s", "sensitive": True},
                        ],
                    },
                    {"type": "integer", "name": "number", "label": "Number"},
                    {"type": "decimal", "name": "size", "label": "Size"},
                    {"type": "text", "name": "words", "label": "Words"},
                    {
                        "type": "integer",
                        "name": "age",
                        "label": "Age",
                        "constraint": ". >= 18 and (${number} = '' or . > ${number})",
                        "constraint_message": "From 18 on, and more than the number.",
                    },
                    {"type": "text", "name": "hidden", "relevant": "${chosen} = 'x'"},
                    {"type": "note", "name": "note", "label": "Note"},
                    {
                        "type": "calculate",
                        "name": "half",
                        "calculation": "${age} div 2",
                    },
                ],
            }
        ],
    }
)
PAGE = QUESTIONNAIRE.pages[0]
CONTEXT = {
    "chosen": "g",
    "count_group": "control",
    "count_order": "x s z y",
}
ASKED = {
    *("one", "some", "scale", "uses", "set_1", "set_2", "order", "count"),
    *("number", "size", "words", "age"),
}
BIG = 2**63


def read(form):
    return read_answers(QUESTIONNAIRE, PAGE, form, CONTEXT)


@pytest.mark.parametrize(
    ("control", "typed", "answer"),
    [
        ("one", ["a"], "a"),
        ("one", [], None),
        ("one", [""], None),
        ("some", ["b"], "b"),
        ("scale", ["c"], "c"),
        ("set_2", ["c"], "c"),
        ("uses", ["b", "a"], ("a", "b")),
        ("uses", ["a", "a"], ("a",)),
        ("uses", ["none"], ("none",)),
        ("uses", [], None),
        ("count", ["0"], 0),
        ("count", ["3"], 3),
        ("number", ["42"], 42),
        ("number", [" 1 000\u202f000 "], 1_000_000),
        ("number", ["٣٤"], 34),
        ("number", ["三"], "not_a_whole_number"),
        ("number", ["−7"], -7),
        ("number", ["+7"], 7),
        ("number", [str(BIG - 1)], BIG - 1),
        ("number", [str(-BIG)], -BIG),
        ("number", [str(BIG)], "not_a_whole_number"),
        ("number", ["9" * 5000], "not_a_whole_number"),
        ("number", ["1.0"], "not_a_whole_number"),
        ("number", ["1_000"], "not_a_whole_number"),
        ("number", ["1,000"], "not_a_whole_number"),
        ("number", ["1", "2"], "not_a_whole_number"),
        ("size", ["3,5"], 3.5),
        ("size", ["3.5"], 3.5),
        ("size", ["٣٫٥"], 3.5),
        ("size", [".5"], 0.5),
        ("size", ["1e999"], "not_a_number"),
        ("size", ["NaN"], "not_a_number"),
        ("size", ["inf"], "not_a_number"),
        ("size", ["1e3"], "not_a_number"),
        ("size", ["1.2.3"], "not_a_number"),
        ("words", [" cafe\u0301 \r\n now "], "café \n now"),
        ("words", ["x" * 1000], "x" * 1000),
        ("words", ["x" * 1001], "too_long"),
        ("words", ["   "], None),
        ("words", ["a\x00b"], "control_characters"),
        ("words", ["a\x1bb"], "control_characters"),
        ("words", ["a\ud800b"], "control_characters"),
        ("one", ["\x00"], "control_characters"),
        ("one", ["d"], "unknown_choice"),
        ("one", ["a", "b"], "unknown_choice"),
        ("some", ["c"], "unknown_choice"),
        ("uses", ["a", "z"], "unknown_choice"),
        ("uses", ["a", "none"], "exclusive_choice"),
        ("uses", ["dk", "a"], "exclusive_choice"),
        ("count", ["4"], "unknown_choice"),
        ("count", ["-1"], "unknown_choice"),
        ("count", ["03"], "unknown_choice"),
        ("age", ["18"], 18),
        ("age", ["17"], "constraint"),
        ("age", [""], None),
    ],
)
def test_what_is_typed_becomes_an_answer_or_a_problem(control, typed, answer):
    reading = read({control: typed})
    if control in reading.problems:
        assert reading.problems[control].code == answer
        assert control not in reading.answers
        assert "half" not in reading.answers
    else:
        assert reading.answers[control] == answer
        assert type(reading.answers[control]) is type(answer)


@pytest.mark.parametrize(
    ("positions", "answer"),
    [
        ({"a": "2", "b": "1", "c": "3"}, ("b", "a", "c")),
        ({"c": "1"}, ("c",)),
        ({"a": "", "b": "", "c": ""}, None),
        ({"a": "1", "b": "1"}, "rank_twice"),
        ({"a": "1", "b": "3"}, "rank_gap"),
        ({"a": "2"}, "rank_gap"),
        ({"a": "4"}, "unknown_choice"),
        ({"a": "0"}, "unknown_choice"),
        ({"a": "first"}, "unknown_choice"),
    ],
)
def test_a_rank_is_read_from_one_control_per_choice(positions, answer):
    reading = read({f"order.{name}": [place] for name, place in positions.items()})
    if isinstance(answer, str):
        assert reading.problems["order"].code == answer
    else:
        assert reading.answers["order"] == answer


def test_an_answer_or_a_problem_for_every_question_that_is_shown():
    reading = read({"hidden": ["x"], "note": ["x"], "other": ["x"], "half": ["9"]})
    assert reading.answers == {**dict.fromkeys(ASKED), "half": None}
    assert reading.problems == {}


def test_a_constraint_sees_the_other_answers_of_its_page():
    assert read({"age": ["30"], "number": ["20"]}).problems == {}
    problem = read({"age": ["30"], "number": ["40"]}).problems["age"]
    assert problem.parameters == {"text": "From 18 on, and more than the number."}


def test_calculations_are_done_when_the_page_has_no_problem():
    assert read({"age": ["31"]}).answers["half"] == 15.5
    assert read({"age": ["32"]}).answers["half"] == 16


def test_the_controls_of_a_page_are_those_of_its_visible_questions():
    assert controls_of(QUESTIONNAIRE, PAGE, CONTEXT) == ASKED - {"order"} | {
        *("order.a", "order.b", "order.c")
    }
    shown = controls_of(QUESTIONNAIRE, PAGE, {**CONTEXT, "chosen": "x"})
    assert shown > {"hidden"}


def test_skipped_questions_are_counted_once_each():
    answers = read({name: ["a"] for name in ("one", "some", "scale", "set_1")}).answers
    assert [question.name for question in unanswered(PAGE, answers)] == [
        *("uses", "set", "order", "count", "number", "size", "words", "age")
    ]
    assert unanswered(PAGE, {"one": "a"}) == ()


TYPED = st.lists(
    st.text(max_size=8)
    | st.sampled_from(
        ["a", "none", "1", "999", "-1", "1e999", "NaN", "\x00", "x" * 1001]
    ),
    max_size=3,
)
CONTROLS = sorted(controls_of(QUESTIONNAIRE, PAGE, CONTEXT))


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from([*CONTROLS, "forged"]), TYPED))
def test_any_form_is_read_and_no_problem_repeats_what_was_typed(form):
    reading = read(form)
    shown = set(reading.answers) | set(reading.problems)
    assert shown - {"half"} == ASKED
    assert not set(reading.answers) & set(reading.problems)
    own_words = {"A", "None of these", "Don't know", "1000"}
    own_words |= {"From 18 on, and more than the number."}
    for problem in reading.problems.values():
        assert set(problem.parameters.values()) <= own_words
    for answer in reading.answers.values():
        if isinstance(answer, int):
            assert -BIG <= answer < BIG
        if isinstance(answer, str):
            assert "\x00" not in answer
            assert answer.encode()
