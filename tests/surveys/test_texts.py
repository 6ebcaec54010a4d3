import pytest

from surveys.questionnaire import Questionnaire
from surveys.texts import fill, find_markup

QUESTIONNAIRE = Questionnaire.model_validate(
    {
        "title": "Texts",
        "choices": {"sea": [{"name": n, "label": f"The {n}"} for n in ("a", "b", "c")]},
        "pages": [
            {
                "name": "page",
                "questions": [
                    {"type": "select_one sea", "name": "one"},
                    {"type": "select_multiple sea", "name": "several"},
                    {"type": "text", "name": "typed"},
                    {"type": "decimal", "name": "size"},
                ],
            }
        ],
    }
)


@pytest.mark.parametrize(
    ("text", "context", "filled"),
    [
        ("No answer in it", {}, "No answer in it"),
        ("${one}!", {"one": "b"}, "The b!"),
        ("${one}!", {"one": None}, "!"),
        ("${one}!", {}, "!"),
        ("${several}", {"several": ("a", "b", "c")}, "The a, The b, and The c"),
        ("${several}", {"several": ("a", "c"), "language": "de"}, "The a und The c"),
        ("${several}", {"several": ("a", "c"), "language": "zh-Hans"}, "The a和The c"),
        ("${size} m", {"size": 3.5}, "3.5 m"),
        # What was typed is never read again, as a placeholder or as a template.
        (
            "${typed}",
            {"typed": "${one} {{ 7*7 }} \\1", "one": "a"},
            "${one} {{ 7*7 }} \\1",
        ),
    ],
)
def test_answers_are_put_into_texts(text, context, filled):
    assert fill(text, context, QUESTIONNAIRE) == filled


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Plain, *soft*, **strong**\n\n- one\n- two\n\n1. first", []),
        ("5 < 6 > 4 & ${one}", []),
        ("<script>", ["html block"]),
        ("a <b>c</b>", ["html inline"]),
        ("![a](b)", ["image"]),
        ("[a](b)", ["link"]),
        ("<https://example.org>", ["link"]),
        ("# Loud", ["heading"]),
        ("`code`", ["code inline"]),
        ("---", ["hr"]),
        ("> quoted", ["blockquote"]),
        ("x" * 10_001, ["10,001 characters"]),
    ],
)
def test_texts_have_a_part_of_commonmark_only(text, found):
    problems = list(find_markup(text))
    assert len(problems) == len(found)
    for word, problem in zip(found, problems, strict=True):
        assert word in problem
