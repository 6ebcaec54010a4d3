import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from analysis import SurveyDesign, compare, mean, proportion, total
from analysis.comparison import average, omnibus_test
from analysis.errors import ComparisonError
from analysis.ordinal_regression import ordinal
from analysis.predictions import marginal_effects
from analysis.quantiles import quantile
from analysis.ratios import ratio


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
            "adjust 'bonferroni' is not known; use holm, bh, hommel, by, none",
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


def test_two_groups_at_once_are_the_t_test_squared(design):
    trust = mean(design, "trust", by="gender")
    test, pair = omnibus_test(trust), compare(trust).to_frame().iloc[0]
    assert_allclose(test.statistic, pair["statistic"] ** 2, rtol=1e-12)
    assert test.df == (1, trust.df - 1)
    assert test.n_respondents == trust.n_respondents.sum()


def test_a_group_without_answers_takes_no_part_in_the_test_of_all(survey):
    frame = survey.assign(trust=survey["trust"].where(survey["country"] != "US"))
    drawing = {"strata": "stratum", "clusters": "cluster"}
    test = omnibus_test(mean(SurveyDesign(frame, **drawing), "trust", by="country"))
    fewer = SurveyDesign(survey[survey["country"] != "US"], **drawing)
    without = omnibus_test(mean(fewer, "trust", by="country"))
    assert_allclose(test.statistic, without.statistic, rtol=1e-12)
    assert test.df == without.df
    assert "3 groups of country are equal" in str(test)


def test_averages_of_shares_are_shares(design):
    shares = average(proportion(design, "approval", by="country"), "equal")
    assert_allclose(shares.values.sum(), 1, rtol=1e-12)
    assert shares.values.index.name == "approval"
    assert shares.interval == "logit"
    assert (shares.conf_int()["conf_low"] > 0).all()
    assert_allclose(shares.covariance.sum(), 0, atol=1e-15)


def test_the_average_weighted_by_the_groups_own_weights_is_the_mean_of_all(design):
    answered = design.domain(design.frame["trust"].notna())
    ones = design.frame.assign(one=1.0)
    sizes = total(
        SurveyDesign(ones, weights="design_weight"), "one", by="country", where=answered
    )
    by_country = mean(design, "trust", by="country")
    assert_allclose(
        average(by_country, sizes.values).values["average"],
        mean(design, "trust").values["trust"],
        rtol=1e-12,
    )


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("population", "weights 'population' is not known; use 'equal', or the"),
        (
            pd.Series({"CN": 1.0, "DE": 0.0}),
            "weights: 3 of 4 groups of 'country' have no positive population "
            "(DE, GB, US); add them",
        ),
    ],
)
def test_an_average_needs_to_know_what_each_country_counts(trust, weights, message):
    with pytest.raises(ComparisonError) as raised:
        average(trust, weights)
    assert message in str(raised.value)


def test_an_average_with_a_gap_is_refused(survey):
    frame = survey.assign(trust=survey["trust"].where(survey["country"] != "US"))
    estimate = mean(SurveyDesign(frame), "trust", by="country")
    with pytest.raises(ComparisonError, match=r"1 of 4 groups .* error \(US\)"):
        average(estimate, "equal")


def test_more_groups_than_clusters_are_not_tested_at_once():
    frame = pd.DataFrame(
        {"village": [1, 2, 3] * 8, "age": list("abcd") * 6, "trust": range(24)}
    )
    frame["trust"] = frame["trust"] ** 2 % 7
    estimate = mean(SurveyDesign(frame, clusters="village"), "trust", by="age")
    with pytest.raises(ComparisonError, match="more than the 2 degrees of freedom"):
        omnibus_test(estimate)


@pytest.mark.parametrize(
    "estimate",
    [
        lambda design: ratio(design, "trust", "items", by="country"),
        lambda design: quantile(design, "trust", [0.25, 0.5], by="country"),
        lambda design: total(design, "trust", by="country"),
    ],
)
def test_whatever_has_groups_can_be_compared_and_averaged(design, estimate):
    groups = estimate(design)
    table = compare(groups, reference="CN", adjust="none")
    assert_allclose(
        table.values.xs("DE", level="group"),
        groups.values.loc[["DE"]].to_numpy() - groups.values.loc[["CN"]].to_numpy(),
    )
    # Countries are strata: variances of differences are sums.
    assert_allclose(
        table.std_errors.xs("DE", level="group") ** 2,
        groups.std_errors.loc[["DE"]].to_numpy() ** 2
        + groups.std_errors.loc[["CN"]].to_numpy() ** 2,
        rtol=1e-9,
    )
    assert 0 < omnibus_test(groups).p_value < 0.5
    middle = average(groups, "equal").to_frame()
    assert (middle["conf_low"] < middle["estimate"]).all()
    assert (middle["estimate"] < middle["conf_high"]).all()


def test_a_value_without_a_standard_error_is_compared_and_not_tested(trust):
    covariance = trust.covariance.copy()
    covariance.loc["US"], covariance["US"] = np.nan, np.nan
    uncertain = replace(trust, covariance=covariance)
    table = compare(uncertain, reference="CN").to_frame()
    assert table["estimate"].notna().all()
    missing = [False, False, True]
    assert table["std_error"].isna().tolist() == missing
    assert table["p_value"].isna().tolist() == missing
    assert "for 2 comparisons" in compare(uncertain, reference="CN").method
    assert omnibus_test(uncertain).df[0] == 2
    with pytest.raises(ComparisonError, match="1 of 4 groups"):
        average(uncertain, "equal")


def test_estimates_with_several_levels_below_the_group_are_compared(design):
    model = ordinal(design, "approval ~ gender * country")
    effects = marginal_effects(model, "gender", by="country")
    table = compare(effects, reference="CN").values
    assert table.index.names == ["group", "reference", "gender", "approval"]
    own = effects.values["DE", "male"] - effects.values["CN", "male"]
    assert_allclose(table["DE", "CN", "male"], own, rtol=1e-12)
    assert average(effects, "equal").values.index.names == ["gender", "approval"]


def test_more_differences_than_anybody_reads_need_a_reference():
    frame = pd.DataFrame({"village": np.repeat(range(200), 2), "trust": range(400)})
    trust = mean(SurveyDesign(frame, strata="village"), "trust", by="village")
    message = "200 groups make 19900 differences, more than 5000; name a reference"
    with pytest.raises(ComparisonError, match=message):
        compare(trust)
    assert len(compare(trust, reference=0).values) == 199
    with pytest.raises(ComparisonError, match="Comparison has no groups"):
        compare(compare(trust, reference=0))
