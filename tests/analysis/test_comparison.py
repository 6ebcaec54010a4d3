import json
import math

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from analysis import SurveyDesign, compare, mean, proportion
from analysis.errors import ComparisonError


@pytest.fixture
def trust(design):
    return mean(design, "trust", by="country")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"reference": "FR"},
            ComparisonError,
            "reference 'FR' is none of the 4 groups of 'country': CN, DE, GB, US",
        ),
        (
            {"adjust": "bonferroni"},
            ComparisonError,
            "adjust 'bonferroni' is not known; use holm, bh, none",
        ),
        ({"level": 95}, ValueError, "level is 95; it must be between 0 and 1"),
    ],
)
def test_impossible_comparisons_are_refused(trust, options, error, message):
    with pytest.raises(error) as raised:
        compare(trust, **options)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("by", "where", "message"),
    [
        (None, None, "this estimate has by=None; estimate again with one column"),
        (["country", "gender"], None, "this estimate has by=['country', 'gender']"),
        ("gender", "male", "'gender' has one group (male); comparing needs two"),
    ],
)
def test_what_has_no_two_groups_cannot_be_compared(survey, by, where, message):
    frame = survey if where is None else survey[survey["gender"] == where]
    with pytest.raises(ComparisonError) as raised:
        compare(mean(SurveyDesign(frame), "trust", by=by))
    assert message in str(raised.value)


def test_all_pairs_or_all_against_one(trust):
    assert len(compare(trust).values) == 6
    against = compare(trust, reference="GB")
    assert against.values.index.tolist() == [("CN", "GB"), ("DE", "GB"), ("US", "GB")]
    difference = trust.values["US"] - trust.values["GB"]
    assert_allclose(against.values["US", "GB"], difference, rtol=1e-12)
    assert against.n_respondents["US", "GB"] == trust.n_respondents[["US", "GB"]].sum()


def test_turning_a_pair_round_turns_its_sign_only(trust):
    one, other = (compare(trust, reference=c, adjust="none") for c in ("CN", "DE"))
    there, back = one.to_frame().loc[("DE", "CN")], other.to_frame().loc[("CN", "DE")]
    assert there["estimate"] == -back["estimate"]
    assert_allclose(there["p_value"], back["p_value"], rtol=1e-12)
    assert_allclose(there["conf_low"], -back["conf_high"], rtol=1e-12)


def test_groups_that_share_clusters_are_compared_with_their_covariance(design):
    ages = mean(design, "trust", by="age_group")
    v = ages.covariance
    expected = v.iloc[0, 0] + v.iloc[1, 1] - 2 * v.iloc[0, 1]
    assert v.iloc[0, 1] != 0
    variance = compare(ages).std_errors.iloc[0] ** 2
    assert_allclose(variance, expected, rtol=1e-12)


def test_adjusted_values_are_never_smaller_and_holm_is_the_stricter(design):
    shares = proportion(design, "approval", by="country")
    p = {name: compare(shares, adjust=name).p_values for name in ("none", "bh", "holm")}
    assert len(p["none"]) == 30
    assert (p["bh"] >= p["none"] - 1e-15).all()
    assert (p["holm"] >= p["bh"] - 1e-15).all()


def test_shares_are_compared_answer_by_answer(design):
    table = compare(proportion(design, "approval", by="country"), reference="CN")
    assert table.values.index.names == ["group", "reference", "approval"]
    # In each pair of countries the differences of all answers add up to nothing.
    sums = table.values.groupby(level="group").sum()
    assert_allclose(sums, 0, atol=1e-12)


def test_a_group_without_answers_is_not_tested_and_costs_no_adjustment(survey):
    frame = survey.assign(trust=survey["trust"].where(survey["country"] != "US"))
    design = SurveyDesign(
        frame, weights="design_weight", strata="stratum", clusters="cluster"
    )
    table = compare(mean(design, "trust", by="country"), reference="CN")
    assert math.isnan(table.p_values["US", "CN"])
    assert "for 2 comparisons" in table.method
    without = SurveyDesign(
        survey[survey["country"] != "US"],
        weights="design_weight",
        strata="stratum",
        clusters="cluster",
    )
    fewer = compare(mean(without, "trust", by="country"), reference="CN")
    assert_allclose(table.p_values.drop("US"), fewer.p_values, rtol=1e-9)


def test_intervals_hold_zero_exactly_when_the_unadjusted_test_does_not_reject(trust):
    for level in (0.5, 0.9, 0.95, 0.99):
        table = compare(trust, adjust="none", level=level).to_frame()
        outside = (table["conf_low"] > 0) | (table["conf_high"] < 0)
        assert outside.tolist() == (table["p_value"] < 1 - level).tolist()


def test_without_spread_there_is_no_statistic():
    frame = pd.DataFrame({"country": ["CN"] * 3 + ["DE"] * 3, "trust": [1] * 6})
    table = compare(mean(SurveyDesign(frame, strata="country"), "trust", by="country"))
    assert table.values.tolist() == [0]
    assert np.isnan(table.p_values).all()


def test_comparisons_print_what_they_are_and_become_json(trust):
    table = compare(trust, reference="CN", adjust="bh", level=0.9)
    assert str(table) == table.summary()
    assert "adjusted (Benjamini-Hochberg) for 3 comparisons" in table.summary()
    assert table.summary().splitlines()[-1].startswith("90% t intervals, df = ")
    plain = json.loads(json.dumps(table.to_dict(), allow_nan=False))
    assert [row["group"] for row in plain["rows"]] == ["DE", "GB", "US"]
