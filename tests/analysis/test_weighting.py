import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from analysis import (
    SurveyDesign,
    mean,
    poststratify,
    proportion,
    rake,
    scale_to_population,
    total,
)
from analysis.errors import NotConverged, UnknownColumn, WeightingError

FRAME = pd.DataFrame(
    {
        "country": ["CN"] * 4 + ["DE"] * 4,
        "age": ["young", "young", "old", "old"] * 2,
        "sex": ["f", "m", "f", "m", "f", "f", "f", "m"],
        "education": ["low", "high", None, "low", "low", "high", "high", "low"],
        "year": 2026,
        "weight": [1.0, 2.0, 1.0, 2.0, 5.0, 1.0, 1.0, 1.0],
        "trust": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
    }
)
DESIGN = SurveyDesign(FRAME, weights="weight", strata="country")
AGES = pd.DataFrame(
    {
        "country": ["CN", "CN", "DE", "DE"],
        "age": ["young", "old"] * 2,
        "population": [300, 700, 30, 50],
    }
)
SEXES = AGES.drop(columns="age").assign(
    sex=["f", "m"] * 2, population=[480, 520, 60, 20]
)
SCHOOLS = AGES.drop(columns="age").assign(education=["low", "high"] * 2)


@pytest.mark.parametrize(
    ("weight", "error", "message"),
    [
        (
            lambda: rake(DESIGN, AGES.drop(columns="population")),
            UnknownColumn,
            "the margins have no column 'population'; they have country, age",
        ),
        (
            lambda: rake(DESIGN, AGES.rename(columns={"country": "land"})),
            UnknownColumn,
            "the margins have no column 'country'",
        ),
        (
            lambda: rake(DESIGN, AGES.rename(columns={"age": "agegroup"})),
            WeightingError,
            "4 rows of the margins fill no variable that the design has; the margins' "
            "columns are country, agegroup, population",
        ),
        (
            lambda: rake(DESIGN, AGES[:3]),
            WeightingError,
            "margin 'age': 1 cells have respondents but no target (DE/old), 0 have",
        ),
        (
            lambda: rake(
                DESIGN,
                pd.concat([AGES, AGES[:1].assign(age="very old")]),
            ),
            WeightingError,
            "0 cells have respondents but no target (), 1 have a target but no "
            "respondents (CN/very old)",
        ),
        (
            lambda: rake(DESIGN, AGES.assign(population=[300, 0, 30, -5])),
            WeightingError,
            "2 have no population above 0 (CN/old, DE/old)",
        ),
        (
            lambda: rake(DESIGN, pd.concat([AGES, AGES[:2]])),
            WeightingError,
            "margin 'age': 2 of 6 rows repeat a cell",
        ),
        (
            lambda: rake(DESIGN, SCHOOLS),
            WeightingError,
            "margin 'education': 1 of 8 respondents have no value; complete them, "
            "drop them, or use missing='keep'",
        ),
        (
            lambda: rake(DESIGN, SCHOOLS, missing="drop"),
            WeightingError,
            "missing 'drop' is not known",
        ),
        (
            lambda: rake(DESIGN, [AGES, SEXES], max_iterations=1),
            NotConverged,
            "raking did not reach its margins in 1 rounds; furthest off is 'age' in "
            "DE: category ",
        ),
        (
            lambda: rake(rake(DESIGN, AGES), SEXES),
            WeightingError,
            "are already fitted to margins; give all margins in one call to rake()",
        ),
        (
            lambda: rake(SurveyDesign(FRAME.assign(country=[*["CN"] * 7, None])), AGES),
            WeightingError,
            "'country' is missing for 1 of 8 respondents",
        ),
        (
            lambda: poststratify(DESIGN, pd.concat([AGES, SEXES]), by="country"),
            WeightingError,
            "population has 2 margins (age, sex); rake() fits several",
        ),
        (
            lambda: scale_to_population(DESIGN, pd.Series({"CN": 1000})),
            WeightingError,
            "1 of 2 groups of 'country' have no population above 0 (DE)",
        ),
        (
            lambda: rake(SurveyDesign(FRAME), AGES, by="land"),
            UnknownColumn,
            "no column 'land'",
        ),
    ],
)
def test_margins_that_do_not_fit_are_refused(weight, error, message):
    with pytest.raises(error) as raised:
        weight()
    assert message in str(raised.value)


def test_raking_reaches_every_margin_and_keeps_the_size_of_each_country():
    raked = rake(DESIGN, [AGES, SEXES])
    margins = raked.weighting.margins
    assert_allclose(margins["after"], margins["target"], rtol=1e-11)
    weights = raked.frame.groupby("country")["calibrated_weight"].sum()
    assert_allclose(weights, FRAME.groupby("country")["weight"].sum(), rtol=1e-11)
    ages = proportion(raked, "age", by="country")
    assert_allclose(ages.values["CN", "old"], 0.7, rtol=1e-11)
    assert_allclose(ages.std_errors, 0, atol=1e-9)  # a margin is known


def test_margins_may_stand_in_one_table_with_their_sources():
    table = pd.concat([AGES, SEXES]).assign(
        source="census", year=2020, status="official", note=""
    )
    together = rake(
        SurveyDesign(FRAME.assign(status="single", source="web"), weights="weight"),
        table,
    )
    apart = rake(SurveyDesign(FRAME, weights="weight"), [AGES, SEXES])
    weights = together.frame["calibrated_weight"]
    assert_allclose(weights, apart.frame["calibrated_weight"], rtol=1e-12)


def test_countries_without_respondents_are_no_mistake():
    more = pd.concat([AGES, AGES[:2].assign(country="US")])
    weights = rake(DESIGN, more).frame["calibrated_weight"]
    assert weights.tolist() == rake(DESIGN, AGES).frame["calibrated_weight"].tolist()


def test_those_without_an_answer_can_keep_their_share():
    raked = rake(DESIGN, SCHOOLS, missing="keep")
    margins = raked.weighting.margins.loc["CN", "education"]
    assert_allclose(margins.loc["(no answer)", "after"], 1 / 6, rtol=1e-12)
    assert_allclose(margins.loc["high", "after"], 5 / 6 * 0.7, rtol=1e-12)


def test_contradicting_margins_name_the_country_and_the_margin():
    # All young are women, so 30% young and 20% women cannot both hold.
    frame = FRAME.assign(sex=np.where(FRAME["age"] == "young", "f", "m"))
    sexes = SEXES.assign(population=[300, 700, 20, 60])
    with pytest.raises(NotConverged) as raised:
        rake(SurveyDesign(frame), [AGES, sexes], max_iterations=50)
    assert "'age' in DE: category " in str(raised.value)
    assert "drop a margin that contradicts the others" in str(raised.value)


def test_the_report_tells_what_weighting_cost():
    raked = rake(DESIGN, [AGES, SEXES])
    text = str(raked.weighting)
    assert text.startswith("raked to age, sex within each country\n")
    assert "0.0 after" in text
    weights = raked.frame["calibrated_weight"]
    relative = weights / weights.groupby(FRAME["country"]).transform("mean")
    assert_allclose(raked.weighting.design_effect, np.mean(relative**2), rtol=1e-12)


@pytest.mark.parametrize("population", [AGES, pd.Series({"CN": 1000, "DE": 80})])
def test_scaling_counts_people_and_leaves_countries_alone(population):
    scaled = scale_to_population(DESIGN, population)
    people = total(
        SurveyDesign(
            scaled.frame.assign(one=1), weights="population_weight", strata="country"
        ),
        "one",
        by="country",
    )
    assert_allclose(people.values, [1000, 80], rtol=1e-12)
    before, after = (mean(d, "trust", by="country") for d in (DESIGN, scaled))
    assert_allclose(after.values, before.values, rtol=1e-12)
    assert_allclose(after.covariance, before.covariance, rtol=1e-12, atol=1e-15)
