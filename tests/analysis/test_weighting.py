import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from analysis import SurveyDesign, mean, poststratify, proportion, rake
from analysis.errors import (
    EstimationError,
    NotConverged,
    UnknownColumn,
    WeightingError,
)
from analysis.replicates import replicate
from analysis.weighting import calibrate

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
ROOMS = pd.DataFrame(
    {"country": ["CN", "DE"], "population": [1000, 80], "trust": [2600, 520]}
)
SCHOOLS = AGES.drop(columns="age").assign(education=["low", "high"] * 2)


@pytest.mark.parametrize(
    ("weight", "error", "message"),
    [
        (
            lambda: rake(DESIGN, {"age": {"young": 1, "old": 1}}),
            WeightingError,
            "margins is a dict; give a data frame with a column 'population'",
        ),
        (
            lambda: rake(DESIGN, AGES.assign(population=["300", "many", "30", "70"])),
            WeightingError,
            "1 have no population above 0 (CN/old)",
        ),
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
            "margin 'education': 1 of 8 rows (2) have no value; complete them, "
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
            "are already fitted to margins; give all margins in one call",
        ),
        (
            lambda: rake(SurveyDesign(FRAME.assign(country=[*["CN"] * 7, None])), AGES),
            WeightingError,
            "'country' is missing in 1 of 8 rows (7)",
        ),
        (
            lambda: poststratify(DESIGN, pd.concat([AGES, SEXES]), by="country"),
            WeightingError,
            "population has 2 margins (age, sex); rake() fits several",
        ),
        (
            lambda: rake(DESIGN, AGES[:2], missing="keep"),
            WeightingError,
            "margin 'age': 1 cells have respondents but no target (DE)",
        ),
        (
            lambda: rake(replicate(SurveyDesign(FRAME[1:])), AGES),
            WeightingError,
            "replicate 1: margin 'age': 1 of 4 cells have no respondents (CN/young)",
        ),
        (
            lambda: poststratify(DESIGN, AGES, "country", variance="bootstrap"),
            WeightingError,
            "variance 'bootstrap' is not known; use 'linearized' or 'jackknife'",
        ),
        (
            lambda: calibrate(DESIGN),
            WeightingError,
            "nothing to calibrate to; give margins, totals or both",
        ),
        (
            lambda: calibrate(DESIGN, AGES, by="country", method="ridge"),
            WeightingError,
            "method 'ridge' is not known; use 'linear', 'raking' or 'logit'",
        ),
        (
            lambda: calibrate(DESIGN, AGES, by="country", method="logit"),
            WeightingError,
            "the logit method needs bounds, such as (0.3, 3)",
        ),
        (
            lambda: calibrate(
                DESIGN, AGES, by="country", method="logit", bounds=(0.3, np.inf)
            ),
            WeightingError,
            "the logit method needs finite ones",
        ),
        (
            lambda: calibrate(DESIGN, AGES, by="country", bounds=(0, 2)),
            WeightingError,
            "bounds are (0, 2); they are factors, the lower between 0 and 1",
        ),
        (
            lambda: calibrate(DESIGN, AGES, by="country", bounds=(0.9, 1.1)),
            NotConverged,
            "no factors between 0.9 and 1.1 reach the margins in 200 rounds; without "
            "bounds they run from 0.5 to 2.5; furthest off is 'age' in DE: category ",
        ),
        (
            lambda: calibrate(DESIGN, totals=ROOMS),
            WeightingError,
            "the totals need one row for each of 1 groups; 0 have none () and 1 rows",
        ),
        (
            lambda: calibrate(DESIGN, totals=ROOMS[:1], by="country"),
            WeightingError,
            "the totals need one row for each of 2 groups; 1 have none (DE)",
        ),
        (
            lambda: calibrate(DESIGN, totals={"trust": 300}),
            UnknownColumn,
            "the totals have no column 'population'; they have trust",
        ),
        *(
            (
                lambda wrong=wrong: calibrate(
                    DESIGN, totals=ROOMS.assign(**wrong), by="country"
                ),
                WeightingError,
                "1 of 2 groups have no total or no population above 0 (CN)",
            )
            for wrong in (
                {"trust": ["many", 1]},
                {"population": ["many", 1]},
                {"population": [np.inf, 1]},
            )
        ),
        (
            lambda: calibrate(
                DESIGN, totals=ROOMS.assign(trust=[np.nan, 1]), by="country"
            ),
            WeightingError,
            "total of 'trust': 1 of 2 groups have no total or no population above 0 "
            "(CN)",
        ),
        (
            lambda: calibrate(
                SurveyDesign(FRAME.assign(trust=[None, *range(7)])),
                totals={"trust": 300, "population": 100},
            ),
            WeightingError,
            "total of 'trust': 1 of 8 rows (0) have no value",
        ),
        (
            lambda: calibrate(DESIGN, totals={"sex": 300, "population": 100}),
            EstimationError,
            "'sex' is not numeric",
        ),
        (
            lambda: calibrate(DESIGN, totals={"trust": 790, "population": 100}),
            WeightingError,
            "of 8 weights would not be positive (lowest factor -",
        ),
        (
            lambda: calibrate(
                DESIGN, totals={"trust": 900, "population": 100}, method="raking"
            ),
            NotConverged,
            "furthest off is the mean of 'trust' in all; merge",
        ),
        (
            lambda: calibrate(DESIGN, AGES, by="country", per_cluster=True),
            WeightingError,
            "per_cluster needs a design with clusters",
        ),
        (
            lambda: calibrate(
                SurveyDesign(FRAME, weights="weight", clusters="sex"),
                AGES,
                by="country",
                per_cluster=True,
            ),
            WeightingError,
            "per_cluster: weights differ within 2 of 2 clusters of 'sex'",
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
    assert_allclose(margins.loc["(no target)", "after"], 1 / 6, rtol=1e-12)
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
    for weights, effect in (
        (raked.frame["calibrated_weight"], raked.weighting.design_effect),
        (FRAME["weight"], raked.weighting.design_effect_before),
    ):
        relative = weights / weights.groupby(FRAME["country"]).transform("mean")
        assert_allclose(effect, np.mean(relative**2), rtol=1e-12)


def test_countries_that_are_only_categories_are_no_countries():
    countries = pd.Categorical(FRAME["country"], ["other", "DE", "CN"])
    raked = rake(SurveyDesign(FRAME.assign(country=countries), weights="weight"), AGES)
    weights = rake(DESIGN, AGES).frame["calibrated_weight"]
    assert_allclose(raked.frame["calibrated_weight"], weights, rtol=1e-12)
    assert list(raked.weighting.margins.index.unique("group")) == ["DE", "CN"]


def test_values_without_a_target_can_keep_their_share_too():
    frame = FRAME.assign(sex=FRAME["sex"].where(FRAME.index != 1, "other"))
    frame.loc[2, "sex"] = None
    raked = rake(SurveyDesign(frame, weights="weight"), SEXES, missing="keep")
    assert_allclose(raked.frame["calibrated_weight"][1:3], FRAME["weight"][1:3])
    margins = raked.weighting.margins.loc["CN", "sex"]
    assert_allclose(margins.loc["(no target)"], 3 / 6, rtol=1e-12)
    assert_allclose(margins.loc["f", "after"], 3 / 6 * 0.48, rtol=1e-12)
    assert list(margins.index) == ["f", "m", "(no target)"]


def test_the_report_tells_how_far_numbers_were_off():
    calibrated = calibrate(DESIGN, SEXES, ROOMS, by="country", method="raking")
    margins = calibrated.weighting.margins.xs("trust", level="margin")
    assert_allclose(margins["target"], [2.6, 6.5], rtol=1e-12)
    assert_allclose(margins["after"], margins["target"], rtol=1e-11)
    means = mean(calibrated, "trust", by="country")
    assert_allclose(means.values, [2.6, 6.5], rtol=1e-11)
    assert_allclose(means.std_errors, 0, atol=1e-9)
    before = mean(DESIGN, "trust", by="country").values
    assert_allclose(margins["before"], before, rtol=1e-12)
    miss = np.abs(before - [2.6, 6.5]).max()
    assert str(calibrated.weighting).splitlines()[:3] == [
        "calibrated (raking) to sex, trust within each country",
        "sex off by 14.7 points before, 0.0 after",
        f"mean of trust off by {miss:.3g} before, "
        f"{np.abs(margins['after'] - margins['target']).max():.3g} after",
    ]


def test_rows_that_stand_for_several_respondents_weigh_as_they_do():
    people = FRAME.loc[FRAME.index.repeat(3)].reset_index(drop=True)
    people["sex"] = ["f", "m", "f"] * 8
    one = rake(SurveyDesign(people, weights="weight"), [AGES, SEXES])
    columns = ["country", "age", "sex"]
    rows = people.groupby(columns, as_index=False).agg(
        weight=("weight", "sum"), n=("weight", "size")
    )
    other = rake(SurveyDesign(rows, weights="weight", counts="n"), [AGES, SEXES])
    sums = one.frame.groupby(columns)["calibrated_weight"].sum()
    assert_allclose(other.frame["calibrated_weight"], sums, rtol=1e-11)


SMALL = pd.DataFrame(
    {
        "country": np.repeat(["CN", "DE"], 30),
        "age": np.tile(list("aaaa" + 10 * "b" + 10 * "c" + 6 * "d"), 2),
        "sex": np.tile(list("fmm"), 20),
        "trust": np.random.default_rng(3).uniform(size=60),
        "weight": np.random.default_rng(4).lognormal(0, 0.5, size=60),
    }
)
COUNTRIES = pd.DataFrame({"country": ["CN", "DE"], "population": 1})
QUARTERS = COUNTRIES.merge(pd.DataFrame({"age": list("abcd")}), how="cross")
HALVES = COUNTRIES.merge(pd.DataFrame({"sex": list("fm")}), how="cross")


@pytest.mark.parametrize("weights", [None, "weight"])
def test_jackknife_residuals_are_those_of_respondents_deleted_one_by_one(weights):
    design = SurveyDesign(SMALL, weights=weights, strata="country")
    deleted = replicate(design, "JKn")

    def std_errors(weighted):
        return mean(weighted, "trust", by="country").std_errors

    # To rounding with equal weights, else to the second order of a deletion.
    exactly = {"rtol": 1e-12 if weights is None else 2e-3}
    found = std_errors(poststratify(design, QUARTERS, "country", variance="jackknife"))
    expected = std_errors(poststratify(deleted, QUARTERS, "country"))
    assert_allclose(found, expected, **exactly)
    plain = std_errors(poststratify(design, QUARTERS, "country"))
    assert (plain < 0.85 * expected).all()  # nothing else would be seen of 30

    both = [QUARTERS, HALVES]
    found = std_errors(calibrate(design, both, by="country", variance="jackknife"))
    expected = std_errors(calibrate(deleted, both, by="country"))
    assert_allclose(found, expected, rtol=2e-3)
    # Raking is not linear in the weights: deletion changes a little more besides.
    found = std_errors(rake(design, both, variance="jackknife"))
    expected = std_errors(rake(deleted, both))
    assert_allclose(found, expected, rtol=0.08)
    assert (std_errors(rake(design, both)) < 0.85 * expected).all()


@pytest.mark.parametrize("strata", ["country", ["country", "age"]])
def test_jackknife_residuals_of_margins_that_are_the_strata_are_plain(strata):
    names = [strata] if isinstance(strata, str) else strata
    kinds = SMALL.assign(kind=SMALL[names].agg("/".join, axis=1))
    design = SurveyDesign(kinds, strata=strata)
    margin = pd.DataFrame({"kind": kinds["kind"].unique(), "population": 1.0})
    plain, found, deleted = (
        mean(poststratify(each, margin, variance=kind), "trust", by="country")
        for each, kind in (
            (design, "linearized"),
            (design, "jackknife"),
            (replicate(design, "JKn"), "linearized"),
        )
    )
    assert_allclose(found.covariance, plain.covariance, rtol=1e-12)
    assert_allclose(deleted.std_errors, plain.std_errors, rtol=1e-12)
