"""Recodings make data coarser, and nothing else."""

import pandas as pd
import pytest

from surveys import AuthoringError, codebook
from surveys.recoding import (
    drop_hidden_margins,
    recode_population,
    recode_responses,
    recode_variables,
)

QUESTIONNAIRE = """
title: Towns
languages: [en]
choices:
  towns:
    - {name: "1", label: One}
    - {name: "2", label: Two}
    - {name: "3", label: Three}
    - {name: refused, label: Prefer not to answer, missing: refused}
pages:
  - name: you
    questions:
      - {type: select_one towns, name: town, label: Town}
      - {type: integer, name: age, label: Age}
      - {type: decimal, name: weight, label: Weight}
      - {type: select_one towns, name: work, label: Work}
"""
ROLES = "quasi_identifiers: [town, age, weight]\n"


def test_choices_are_merged_and_numbers_put_into_bands(make_survey):
    recodings = "recodings: {town: {north: ['1', '3']}, age: 10, weight: 0.25}\n"
    survey = make_survey(QUESTIONNAIRE, ROLES + recodings)
    declared = survey.study.recodings
    rows = {
        "town": ["1", "2", "3", "refused"],
        "age": ["9", "10", "19", "not_asked"],
        "weight": ["0.74", "0.75", "-0.1", "suppressed"],
        "work": ["1", "3", "2", "refused"],
    }
    recoded = recode_responses(pd.DataFrame(rows), declared)
    assert recoded.to_dict("list") == {
        "town": ["north", "2", "north", "refused"],
        "age": ["0", "10", "10", "not_asked"],
        "weight": ["0.5", "0.75", "-0.25", "suppressed"],
        "work": rows["work"],
    }
    variables = {each.name: each for each in codebook(survey)}
    coarse = recode_variables(list(variables.values()), declared)
    coarse = {each.name: each for each in coarse}
    labels = {value.name: value.labels["en"] for value in coarse["town"].values}
    assert labels["north"] == "One / Three"
    assert {"1", "3"}.isdisjoint(labels)
    assert coarse["age"].labels["en"] == "Age (0, 10, 20, …)"
    assert coarse["weight"].labels["en"] == "Weight (0, 0.25, 0.5, …)"
    assert coarse["work"] == variables["work"]


POPULATION = pd.DataFrame(
    [
        ("CN", "1", None, 5.0, "Office", 2020),
        ("CN", "2", None, 4.0, "Office", 2020),
        ("CN", "3", None, 2.0, "Bureau", 2021),
        ("CN", None, "a", 11.0, "Office", 2020),
    ],
    columns=["country", "town", "work", "population", "source", "year"],
)


def test_margins_add_up_to_what_they_were():
    recoded = recode_population(POPULATION, {"town": {"north": ["1", "3"]}, "age": 10})
    first = recoded.iloc[0]
    assert first[["town", "population"]].to_list() == ["north", 7]
    assert first[["source", "year"]].to_list() == ["Office; Bureau", "2020; 2021"]
    assert len(recoded) == 3
    assert list(recoded) == list(POPULATION)
    assert recoded["population"].sum() == POPULATION["population"].sum()


@pytest.mark.parametrize(
    ("after", "dropped"),
    [
        (["1", "2"], []),
        (["1", "suppressed"], [("town",)]),
    ],
)
def test_margins_of_people_that_are_hidden_are_left_out(after, dropped):
    people = pd.DataFrame({"country": "CN", "town": ["1", "2"], "work": "a"})
    shown = people.assign(town=after)
    kept, found = drop_hidden_margins(POPULATION, people, shown)
    assert found == dropped
    assert kept["work"].notna().sum() == 1
    assert kept["town"].notna().sum() == (0 if dropped else 3)


@pytest.mark.parametrize(
    ("recodings", "message"),
    [
        (
            "{work: {a: ['1']}}",
            "work: this is no quasi-identifier; there are age, town",
        ),
        ("{town: {a: ['4']}}", "there is no choice '4'"),
        ("{town: {a: ['1', '2'], b: ['2']}}", "'2' comes twice"),
        ("{town: {'3': ['1', '2']}}", "'3' stands for something else"),
        ("{town: {refused: ['1']}}", "'refused' stands for something else"),
        ("{town: 5}", "only integer and decimal can be recoded like this"),
        ("{age: {a: ['1']}}", "only select_one and likert can be recoded like this"),
        ("{age: 2.5}", "whole numbers need bands of a whole width"),
        ("{age: 0}", "age: the width of bands is more than 0"),
        ("{age: x}", "'width of bands' is a number"),
    ],
)
def test_a_recoding_that_does_not_fit_is_a_mistake(make_survey, recodings, message):
    with pytest.raises(AuthoringError) as raised:
        make_survey(QUESTIONNAIRE, f"{ROLES}recodings: {recodings}\n")
    assert message in str(raised.value)
