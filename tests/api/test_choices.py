import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.choices import Choices, check, offered
from api.errors import ChoiceRefused


def field(kind, role="", values=(), title="A question"):
    return {
        "title": title,
        "categories": [{"value": value, "label": value.title()} for value in values],
        "parallax": {"kind": kind, "role": role},
    }


FIELDS = {
    "response_id": field("text", "record"),
    "arm": field("nominal", "assignment", ["a", "b"]),
    "country": field("nominal", "quasi-identifier", ["CN", "DE", "GB"]),
    "side": field("ordinal", "sensitive", ["good", "bad"], "Two sides"),
    "listed": field("count"),
    "age": field("integer"),
    "ticked": field("integer", values=["0", "1"]),
}
USUAL = {"release": "1-open", "outcome": "side"}


def test_questions_are_offered_and_what_chance_drew_is_not():
    assert offered(FIELDS) == {
        "side": "Two sides",
        "age": "A question",
        "ticked": "A question",
    }


@pytest.mark.parametrize(
    ("differences", "message"),
    [
        ({"outcome": "arm"}, "no such question"),
        ({"outcome": "listed"}, "no such question"),
        ({"answer": ["good", "ugly"]}, "1 of 2 values are not among those of side"),
        ({"outcome": "age", "answer": ["good"]}, "1 of 1 values"),
        ({"outcome": "ticked", "answer": ["1"]}, "1 of 1 values"),
        ({"country": ["DE", "FR"]}, "1 of 2 values are not among those of country"),
        ({"country": ["DE"], "reference": "CN"}, "the reference is not among"),
    ],
)
def test_what_a_release_does_not_offer_is_refused(differences, message):
    with pytest.raises(ChoiceRefused, match=message):
        check(Choices.model_validate(USUAL | differences), FIELDS)


@pytest.mark.parametrize(
    "differences",
    [
        {"level": 1.0},
        {"level": float("nan")},
        {"interval": "t"},
        {"release": "../1-open"},
        {"outcome": "a b"},
        {"country": ["cn"]},
        {"other": "1"},
    ],
)
def test_a_malformed_choice_is_an_error(differences):
    with pytest.raises(ValidationError):
        Choices.model_validate(USUAL | differences)


@given(
    st.permutations(["CN", "DE", "GB"]),
    st.permutations(["good", "bad"]),
    st.sampled_from(["holm", "bh", "none"]),
)
def test_the_same_choices_have_the_same_link(countries, answers, adjust):
    choices = Choices(**USUAL, country=countries, answer=answers, adjust=adjust)
    check(choices, FIELDS)
    expected = "release=1-open&outcome=side&answer=bad&answer=good"
    expected += "&country=CN&country=DE&country=GB"
    assert choices.query == expected + ("" if adjust == "holm" else f"&adjust={adjust}")
    assert choices.is_refined == (adjust != "holm")
