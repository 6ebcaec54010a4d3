import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from analysis import SurveyDesign, compare, mean, proportion, total
from analysis.contrasts import contrast
from analysis.errors import EstimationError
from analysis.quantiles import quantile
from analysis.ratios import ratio
from analysis.regression import regress

REFERENCE = json.loads(
    (Path(__file__).parent / "references" / "functions.json").read_text()
)["contrasts"]
RTOL = 1e-9  # closed forms: only the order of summation differs
YOUNG, MIDDLE, OLD = "18-34", "35-54", "55+"
CASES = {
    "one": {YOUNG: 1, MIDDLE: -0.5, OLD: -0.5},
    "several": {"a": {YOUNG: 1, MIDDLE: -1}, "b": {YOUNG: 0.2, MIDDLE: 0.3, OLD: 0.5}},
    "log_ratio": lambda v: np.log(v[YOUNG] / v[OLD]),
    "functions": lambda v: {
        "a": np.exp(-v[YOUNG]) * np.sqrt(v[OLD]),
        "b": v[MIDDLE] ** 2 / (v[YOUNG] + v[OLD]),
    },
}


@pytest.fixture
def ages(design):
    return mean(design, "trust", by="age_group")


@pytest.mark.parametrize("case", CASES)
def test_contrasts_and_functions_agree_with_r(ages, case):
    found, expected = contrast(ages, CASES[case]), REFERENCE[case]
    assert_allclose(found.values, np.ravel(expected["estimate"]), rtol=RTOL)
    wanted = np.reshape(expected["covariance"], found.covariance.shape)
    assert_allclose(found.covariance, wanted, rtol=RTOL, atol=RTOL * wanted.max())


def test_weights_may_be_named_listed_or_in_a_frame(ages):
    named = contrast(ages, CASES["several"])
    rows = [[1, -1, 0], [0.2, 0.3, 0.5]]
    labels = ages.values.index
    for given_as in (
        np.array(rows),
        pd.DataFrame(rows, index=["a", "b"], columns=labels),
        {"a": pd.Series(rows[0], labels), "b": pd.Series(rows[1], labels)},
        lambda v: pd.Series({"a": v @ np.array(rows[0]), "b": v @ np.array(rows[1])}),
    ):
        same = contrast(ages, given_as)
        assert_allclose(same.to_frame(), named.to_frame(), rtol=1e-12)
    assert named.values.index.tolist() == ["a", "b"]
    assert contrast(ages, [1, 0, -1]).values.index.tolist() == ["contrast"]


def test_a_difference_is_that_of_compare(design):
    shares = proportion(design, "approval", by="country")
    compared = compare(shares, reference="CN", adjust="none")
    differences = contrast(
        shares,
        {
            row: {(group, answer): 1, (reference, answer): -1}
            for row in compared.values.index
            for group, reference, answer in [row]
        },
    )
    assert_allclose(differences.to_frame(), compared.to_frame(), rtol=RTOL)
    assert_allclose(differences.covariance, compared.covariance, rtol=RTOL, atol=1e-12)


def test_degrees_of_freedom_come_from_the_groups_used(design):
    by = mean(design, "trust", by="country")
    alone = contrast(by, {"DE": 1})
    assert alone.df["contrast"] == by.group_df["DE"]
    assert alone.n_respondents["contrast"] == by.n_respondents["DE"]
    all_four = contrast(by, [0.25] * 4)
    assert by.group_df.min() < all_four.df["contrast"] <= by.df
    assert all_four.n_respondents["contrast"] == by.n_respondents.sum()
    shares = proportion(design, "approval")
    approve = contrast(shares, {"strongly approve": 1, "approve": 1})
    assert approve.df["contrast"] == shares.df
    assert approve.n_respondents["contrast"] == shares.n_respondents.iloc[0]


def test_contrasts_of_contrasts(ages):
    pairs = contrast(ages, CASES["several"])
    again = contrast(pairs, {"a": 2.0})
    assert again.values["contrast"] == 2 * pairs.values["a"]
    assert_allclose(again.std_errors, 2 * pairs.std_errors["a"], rtol=1e-12)
    assert again.df["contrast"] == pairs.df["a"]
    assert again.n_respondents["contrast"] == pairs.n_respondents["a"]
    between = compare(ages, reference=YOUNG, adjust="none")
    assert contrast(between, [1, -1]).df["contrast"] == between.df.min()


def test_coefficients_of_a_regression_can_be_contrasted(design):
    fit = regress(design, "trust ~ C(country)")
    found = contrast(fit, {"C(country)[T.DE]": 1, "C(country)[T.GB]": -1})
    means = mean(design, "trust", by="country")
    wanted = contrast(means, {"DE": 1, "GB": -1})
    assert_allclose(found.values, wanted.values, rtol=RTOL)
    assert_allclose(found.std_errors, wanted.std_errors, rtol=RTOL)
    assert found.df["contrast"] == fit.df
    assert found.n_respondents["contrast"] == fit.n_respondents


@pytest.mark.parametrize(
    ("function", "gradient"),
    [
        (lambda x: math.log(x), lambda x: 1 / x),  # no complex numbers
        (lambda x: abs(x) ** 3, lambda x: 3 * x**2),  # silently real
        (lambda x: np.hypot(x, 3), lambda x: x / np.hypot(x, 3)),
        (lambda x: np.maximum(x, 0) ** 2, lambda x: 2 * x),
    ],
)
def test_functions_without_complex_steps_have_their_slope_all_the_same(
    design, function, gradient
):
    average = mean(design, "trust")
    found = contrast(average, lambda v: function(v["trust"]))
    expected = gradient(average.values["trust"]) * average.std_errors["trust"]
    assert_allclose(found.std_errors, expected, rtol=RTOL)


@settings(max_examples=60, deadline=None)
@given(
    p=st.floats(1e-4, 1 - 1e-4),
    n=st.integers(100, 10**6),
)
def test_gradients_near_the_edge_are_exact(p, n):
    share = mean(SurveyDesign(pd.DataFrame({"y": [0, 1]})), "y")
    values = pd.Series({"y": p})
    error = pd.DataFrame({"y": [p * (1 - p) / n]}, index=["y"])
    near = type(share)(**(vars(share) | {"values": values, "covariance": error}))
    odds = contrast(near, lambda v: np.log(v["y"] / (1 - v["y"])))
    assert_allclose(odds.std_errors, 1 / np.sqrt(n * p * (1 - p)), rtol=1e-9)


def test_missing_values_matter_only_where_they_are_used():
    frame = pd.DataFrame(
        {"g": list("aaabbbccc"), "y": [1, 2, 4, 3, 4, 8] + [None] * 3}
    ).astype({"g": "category"})
    by = mean(SurveyDesign(frame), "y", by="g")
    assert by.values.isna().tolist() == [False, False, True]
    linear = contrast(by, {"known": {"a": 1, "b": -1}, "unknown": {"a": 1, "c": -1}})
    smooth = contrast(
        by, lambda v: {"known": v["a"] - v["b"], "unknown": v["a"] - v["c"]}
    )
    for found in (linear, smooth):
        table = found.to_frame()
        assert np.isfinite(table.loc["known"].drop("note").astype(float)).all()
        assert (
            table.loc["unknown", ["estimate", "std_error", "df", "p_value"]]
            .isna()
            .all()
        )
        assert table["note"].tolist() == ["", "not estimated"]
    tables = (found.to_frame().drop(columns="note") for found in (linear, smooth))
    assert_allclose(*tables, rtol=1e-12)


def test_a_value_without_standard_error_leaves_none():
    y = SurveyDesign(pd.DataFrame({"y": range(10)}))
    found = contrast(quantile(y, "y", [0.1, 0.5]), {0.5: 1, 0.1: -1})
    assert found.values["contrast"] == 4
    assert np.isnan(found.std_errors["contrast"])
    assert np.isnan(found.p_values["contrast"])


def test_a_ratio_of_totals_is_the_ratio(design, survey):
    both = survey["trust"].notna() & survey["items"].notna()
    known = design.frame.assign(
        total=np.where(both, survey["trust"], 0),
        part=np.where(both, survey["items"], 0),
    )
    stacked = pd.concat(
        [
            known.assign(y=known["part"], of="part"),
            known.assign(y=known["total"], of="all"),
        ]
    )
    totals = total(
        SurveyDesign(
            stacked.reset_index(drop=True),
            weights="design_weight",
            strata="stratum",
            clusters="cluster",
        ),
        "y",
        by="of",
    )
    found = contrast(totals, lambda v: v["part"] / v["all"])
    wanted = ratio(design, "items", "trust")
    assert_allclose(found.values, wanted.values, rtol=RTOL)
    assert_allclose(found.std_errors, wanted.std_errors, rtol=RTOL)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"teenagers": 1}, "name teenagers, which is not among the 3 values: 18-34"),
        ([1, -1], "2 weights for 3 values"),
    ],
)
def test_weights_that_do_not_fit_are_refused(ages, weights, message):
    with pytest.raises(EstimationError, match=message):
        contrast(ages, weights)


def test_the_summary_says_what_was_done(ages):
    text = str(contrast(ages, CASES["log_ratio"]))
    assert text.startswith("Functions of estimates (delta method); two-sided t tests")
    assert "Mean of trust by age_group" in text
    assert contrast(ages, [1, -1, 0]).to_dict()["rows"][0]["variable"] == "contrast"
