from importlib.resources import files
from pathlib import Path

import pytest

from surveys import load
from surveys.conditions import PHRASES, describe, number_questions
from surveys.expressions import compile_expression
from surveys.languages import language
from surveys.operations import FUNCTIONS
from surveys.questionnaire import Questionnaire

SHIPPED = files("surveys") / "definitions" / "social_credit"
EVERY_TYPE = Path(__file__).parents[1] / "api" / "definitions" / "every_type"
QUESTIONNAIRE = Questionnaire.model_validate(
    {
        "title": "Tea",
        "experiments": [
            {
                "name": "arm",
                "label": "What is told",
                "arms": [
                    {"name": "told", "label": "Told about tea"},
                    {"name": "untold", "label": "Not told"},
                ],
            }
        ],
        "choices": {
            "drinks": [{"name": "tea", "label": "Tea"}, {"name": "1", "label": "One"}]
        },
        "pages": [
            {
                "name": "page",
                "questions": [
                    {"type": "note", "name": "welcome"},
                    {"type": "select_one drinks", "name": "drink"},
                    {
                        "type": "likert drinks",
                        "name": "view",
                        "parameters": "randomize=reverse",
                    },
                    {"type": "select_multiple drinks", "name": "uses"},
                    {"type": "integer", "name": "age"},
                ],
            }
        ],
    }
)
REFERENCES = dict(number_questions(QUESTIONNAIRE))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("${drink} = 'tea'", "Q1 is “Tea”"),
        ("'tea' != ${drink}", "Q1 is not “Tea”"),
        ("${drink} = 1", "Q1 is “One”"),
        ("${drink} = 'milk'", "Q1 is “milk”"),
        ("${drink} = ''", "Q1 is not answered"),
        ("${drink} != ''", "Q1 is answered"),
        ("18 <= ${age}", "Q4 is at least 18"),
        (
            ". >= 18 and . < 120",
            "the answer is at least 18 and the answer is less than 120",
        ),
        ("${arm} = 'told'", "arm is “Told about tea”"),
        ("${view_order} = 'reverse'", "view_order is “Turned round”"),
        ("selected(${uses}, 'tea')", "“Tea” is chosen in Q3"),
        ("not(selected(${uses}, 'tea'))", "“Tea” is not chosen in Q3"),
        ("selected(${open_countries}, name)", "the survey is open in the country"),
        ("country = ${drink}", "its country is Q1"),
        ("count-selected(${uses}) > 1", "the number of choices in Q3 is more than 1"),
        (
            "${drink} = 'tea' and (${age} > 1 or ${age} = '')",
            "Q1 is “Tea” and (Q4 is more than 1 or Q4 is not answered)",
        ),
        (
            "not(${drink} = 'tea' or ${uses})",
            "not (Q1 is “Tea” or Q3 is neither blank nor 0)",
        ),
        ("(${age} - 18) * 2", "(Q4 − 18) × 2"),
        ("-${age} + 1 div 2", "(−Q4) + (1 ÷ 2)"),
        ("if(${age} >= 65, 'yes', 'no')", "“yes” if Q4 is at least 65, else “no”"),
        ("round(${age} div 7, 1)", "Q4 ÷ 7 rounded, decimals: 1"),
        ("sum(1, 2, ${age})", "the sum of 1, 2, Q4"),
        ("true()", "always"),
    ],
)
def test_an_expression_is_said_in_words(source, expected):
    said = describe(compile_expression(source), QUESTIONNAIRE, REFERENCES)
    assert said == expected


@pytest.mark.parametrize(
    ("tag", "source", "expected"),
    [
        (
            "de",
            "${age} >= 18 and ${drink} = 'tea'",
            "F4 ist mindestens 18 und F1 ist „Tea“",
        ),
        (
            "de",
            "if(${age} >= 65, 'a', 'b')",
            "„a“, wenn gilt: F4 ist mindestens 65; sonst „b“",
        ),
        ("zh-Hans", "not(selected(${uses}, 'tea'))", "第3题 没有选“Tea”"),
        ("zh-Hans", "${view_order} = 'reverse'", "view_order 是“顺序颠倒”"),
        ("ar", "${drink} != ''", "س1 مُجاب عنه"),
    ],
)
def test_an_expression_is_said_in_other_languages(tag, source, expected):
    words = language(tag)
    references = dict(number_questions(QUESTIONNAIRE, words))
    said = describe(compile_expression(source), QUESTIONNAIRE, references, words)
    assert said == expected


def test_there_are_words_for_every_function():
    assert set(PHRASES) | {"selected"} == set(FUNCTIONS)


@pytest.mark.parametrize("folder", [SHIPPED, EVERY_TYPE], ids=lambda each: each.name)
def test_every_condition_of_a_survey_is_said_without_its_names(folder):
    survey = load(folder)
    questionnaire = survey.questionnaire
    references = dict(number_questions(questionnaire))
    conditions = [
        expression
        for part in (*questionnaire.pages, *questionnaire.questions)
        for key in ("relevant", "constraint", "choice_filter", "calculation")
        if (expression := getattr(part, key, None))
    ]
    assert len(conditions) > 3
    for condition in conditions:
        said = describe(condition, questionnaire, references)
        assert "${" not in said
        for name in condition.names & references.keys():
            assert references[name] in said
