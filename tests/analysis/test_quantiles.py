import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from analysis import SurveyDesign, poststratify
from analysis.contrasts import contrast
from analysis.distributions import STEPS
from analysis.errors import EstimationError
from analysis.quantiles import quantile
from analysis.replicates import import_replicates, replicate

REFERENCE = json.loads(
    (Path(__file__).parent / "references" / "quantiles.json").read_text()
)
SHARES = REFERENCE["shares"]
RTOL = 1e-9  # closed forms: only the order of summation differs
RULES = list(REFERENCE["cases"]["complex"]["trust"]["rules"])
DESIGNS = {
    "complex": {"strata": "stratum", "clusters": "cluster"},
    "finite": {
        "strata": "stratum",
        "clusters": "cluster",
        "population_sizes": "n_psu",
    },
    "simple": {"weights": None},
}


def assert_agrees(result, expected, level=0.95):
    limits = result.conf_int(level)
    found = {
        "estimate": result.values,
        "std_error": result.std_errors,
        "low": limits["conf_low"],
        "high": limits["conf_high"],
    }
    for key, wanted in expected.items():
        wanted = np.array(wanted, dtype=float)  # null is a limit beyond 0 or 1
        assert_allclose(found[key], wanted, rtol=RTOL, err_msg=key)


@pytest.fixture(params=DESIGNS)
def named_design(request, survey):
    options = {"weights": "design_weight"} | DESIGNS[request.param]
    return request.param, SurveyDesign(survey, **options)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("variable", ["trust", "items"])
def test_every_rule_inverts_its_own_limits_as_r_does(named_design, variable, rule):
    name, design = named_design
    result = quantile(design, variable, SHARES, rule=rule)
    assert_agrees(result, REFERENCE["cases"][name][variable]["rules"][rule])


@pytest.mark.parametrize("interval", REFERENCE["cases"]["complex"]["trust"]["kinds"])
@pytest.mark.parametrize("variable", ["trust", "items"])
def test_every_interval_agrees_with_r(named_design, variable, interval):
    name, design = named_design
    result = quantile(design, variable, SHARES, rule="hf5", interval=interval)
    assert_agrees(result, REFERENCE["cases"][name][variable]["kinds"][interval])


def test_another_level_inverts_other_limits(named_design):
    name, design = named_design
    result = quantile(design, "trust", SHARES, interval="woodruff-beta")
    expected = dict(REFERENCE["cases"][name]["trust"]["level_80"])
    del expected["std_error"]  # R's depends on the level; here it is that of 95%
    assert_agrees(result, expected, level=0.8)


def test_groups_are_subsets_of_r(design):
    result = quantile(
        design, "trust", SHARES, by="country", rule="hf7", interval="woodruff-logit"
    )
    assert result.values.index.names == ["country", "quantile"]
    countries = REFERENCE["by"].values()
    found = result.to_frame()
    for key, column in {
        "estimate": "estimate",
        "std_error": "std_error",
        "low": "conf_low",
        "high": "conf_high",
    }.items():
        wanted = np.array([country[key] for country in countries], float).ravel()
        # In China it is the largest answer: R has no interval, here it has one bound.
        alone = found.index == ("CN", 0.9)
        assert np.isnan(wanted[alone]).all() == (key != "estimate")
        assert_allclose(found[column][~alone], wanted[~alone], rtol=RTOL)
    assert found.loc[("CN", 0.9), "conf_low"] <= found.loc[("CN", 0.9), "estimate"]


def test_groups_that_share_clusters_have_a_joint_covariance(design):
    result = quantile(design, "trust", [0.25, 0.5], by="age_group")
    assert_agrees(result, {"estimate": REFERENCE["joint"]["estimate"]})
    expected = np.array(REFERENCE["joint"]["covariance"])
    assert_allclose(result.covariance, expected, rtol=RTOL, atol=RTOL * expected.max())


@pytest.mark.parametrize(
    ("options", "key"), [(DESIGNS["complex"], "scores"), ({}, "scores_simple")]
)
def test_score_limits_are_the_answers_where_r_s_scores_cross(survey, options, key):
    weights = "design_weight" if options else None
    design = SurveyDesign(survey, weights=weights, **options)
    result = quantile(design, "trust", SHARES, interval="score")
    assert_allclose(result.conf_int(), REFERENCE[key], rtol=RTOL)


def test_r_s_own_search_for_score_limits_ends_beside_them(survey):
    result = quantile(SurveyDesign(survey), "trust", SHARES, interval="score")
    answers = np.sort(survey["trust"].dropna().unique())
    ours = np.searchsorted(answers, result.conf_int().to_numpy())
    r = [REFERENCE["own_scores"][side] for side in ("low", "high")]
    theirs = np.searchsorted(answers, np.transpose(r))
    assert np.abs(ours - theirs).max() <= 1


def test_fitted_weights_give_the_intervals_of_r(design, population):
    fitted = poststratify(design, population.dropna(subset="age_group"), by="country")
    result = quantile(fitted, "trust", SHARES, rule="hf7")
    assert_agrees(result, REFERENCE["poststratified"])


@pytest.fixture
def replicated(survey):
    """Replicate weights of no known method, made as in quantiles.R."""
    cluster = pd.factorize(survey["cluster"])[0][:, None]
    factors = (7 * cluster + 3 * np.arange(20) + cluster // 5) % 5 / 2
    columns = pd.DataFrame(factors).add_prefix("factor_")
    return import_replicates(
        SurveyDesign(pd.concat([survey, columns], axis=1), weights="design_weight"),
        "^factor_",
        scale=1 / 20,
        combined=False,
    )


@pytest.mark.parametrize("interval", ["t", "woodruff"])
def test_replicate_weights_give_the_intervals_of_r(replicated, interval):
    result = quantile(replicated, "trust", SHARES, rule="hf7", interval=interval)
    assert result.df == REFERENCE["replicates"]["df"]
    assert_agrees(result, REFERENCE["replicates"][interval])


def test_a_jackknife_has_woodruff_s_interval_but_not_its_own(design):
    jackknife = replicate(design, "JKn")
    assert np.isfinite(quantile(jackknife, "trust").std_errors["trust"])
    with pytest.raises(EstimationError, match="has JKn; use 'woodruff'"):
        quantile(jackknife, "trust", interval="t")


def test_a_limit_beyond_the_answers_is_missing_with_a_note():
    result = quantile(SurveyDesign(pd.DataFrame({"y": range(10)})), "y", 0.1)
    assert np.isnan(result.std_errors["y"])
    assert result.conf_int()["conf_high"]["y"] == 3  # 0.1 + 2.26 x 0.1 of ten answers
    assert "not within 0 to 1" in result.to_frame()["note"]["y"]


def test_the_smallest_answer_is_found_where_it_alone_holds_the_share():
    frame = pd.DataFrame({"y": [1, 2, 3], "w": [2.0, 1.0, 1.0]})
    design = SurveyDesign(frame, weights="w")
    for rule in ("math", "school", "hf3", "hf4", "hf5", "shahvaish"):
        assert quantile(design, "y", 0.2, rule=rule).values["y"] == 1, rule


@settings(max_examples=150, deadline=None)
@given(
    rule=st.sampled_from([1, 2, 4, 5, 6, 7, 8, 9]),
    y=st.lists(st.integers(-9, 9), min_size=2, max_size=15),
    q=st.floats(0.01, 0.99),
)
def test_with_equal_weights_the_rules_are_hyndman_and_fan_s(rule, y, q):
    names = {
        1: "inverted_cdf",
        2: "averaged_inverted_cdf",
        4: "interpolated_inverted_cdf",
        5: "hazen",
        6: "weibull",
        7: "linear",
        8: "median_unbiased",
        9: "normal_unbiased",
    }
    design = SurveyDesign(pd.DataFrame({"y": y}))
    found = quantile(design, "y", q, rule=f"hf{rule}").values["y"]
    assert_allclose(found, np.quantile(y, q, method=names[rule]), atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 5), st.floats(0.1, 9)), min_size=2, max_size=12
    ),
    q=st.floats(0.01, 0.99),
    factor=st.floats(1e-3, 1e3),
    rule=st.sampled_from(RULES),
)
def test_quantiles_are_an_inverse_whatever_the_scale_of_the_weights(
    rows, q, factor, rule
):
    frame = pd.DataFrame(rows, columns=["y", "w"])
    design = SurveyDesign(frame, weights="w")
    found = quantile(design, "y", q).values["y"]
    share = frame["w"][frame["y"] <= found].sum() / frame["w"].sum()
    less = frame["w"][frame["y"] < found].sum() / frame["w"].sum()
    assert less < q + 1e-9
    assert share > q - 1e-9
    scaled = SurveyDesign(frame.assign(w=frame["w"] * factor), weights="w")
    one, other = (quantile(d, "y", q, rule=rule) for d in (design, scaled))
    assert_allclose(one.values, other.values, rtol=1e-7, atol=1e-9)


def test_where_is_a_slice_of_by(design):
    groups = quantile(design, "trust", by="country")
    part = quantile(design, "trust", where=design.frame["country"] == "DE")
    assert part.values["trust"] == groups.values["DE"]
    assert part.std_errors["trust"] == groups.std_errors["DE"]
    assert_array_equal(part.conf_int(), groups.conf_int().loc[["DE"]])


def test_quantiles_can_be_contrasted(design):
    quartiles = quantile(design, "trust", [0.25, 0.75])
    spread = contrast(quartiles, {0.75: 1, 0.25: -1})
    low, high = quartiles.values
    assert spread.values["contrast"] == high - low
    both = np.array([-1, 1]) @ quartiles.covariance.to_numpy() @ [-1, 1]
    assert_allclose(spread.std_errors["contrast"], np.sqrt(both), rtol=RTOL)


def test_answers_all_alike_are_a_quantile_without_uncertainty():
    design = SurveyDesign(pd.DataFrame({"y": [3, 3, 3, 3]}))
    result = quantile(design, "y")
    assert result.std_errors["y"] == 0
    assert "largest answer" in result.to_frame()["note"]["y"]


def test_the_printed_table_names_the_interval(design):
    text = str(quantile(design, "trust", interval="woodruff-beta"))
    assert "Quantile 0.5 of trust by rule math" in text
    assert "95% Woodruff (beta) intervals" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"q": 1}, "q is 1; it must be between 0 and 1"),
        ({"q": [0.5, 20]}, "between 0 and 1"),
        ({"q": []}, "between 0 and 1"),
        ({"rule": "hf10"}, "'hf10' is not known; use math, school"),
        ({"interval": "wald"}, "'wald' is not known; use woodruff"),
        ({"interval": "t"}, "needs replicate weights"),
    ],
)
def test_what_cannot_be_done_is_refused(design, options, message):
    with pytest.raises(EstimationError, match=message):
        quantile(design, "trust", **options)


def test_rows_that_stand_for_several_respondents_have_quantiles_by_steps():
    cells = pd.DataFrame({"y": [1, 2, 3, 5], "n": [4.0, 3.0, 6.0, 2.0]})
    each = cells.loc[cells.index.repeat(cells["n"].astype(int))]
    whole = SurveyDesign(each.reset_index(drop=True))
    collapsed = SurveyDesign(cells, counts="n")
    for rule in STEPS:
        one, other = (
            quantile(d, "y", [0.3, 0.6], rule=rule) for d in (collapsed, whole)
        )
        assert_allclose(one.values, other.values, rtol=RTOL)
        assert_allclose(one.std_errors, other.std_errors, rtol=RTOL)
        assert_allclose(one.conf_int(), other.conf_int(), rtol=RTOL)
    with pytest.raises(EstimationError, match="'hf7' weighs respondents one by one"):
        quantile(collapsed, "y", rule="hf7")


def test_numbers_that_only_keep_their_moments_have_no_quantiles():
    frame = pd.DataFrame({"y": [1.0, 2.0, 4.0], "n": [2.0, 3.0, 1.0]})
    design = SurveyDesign(frame, counts="n", moments=["y"])
    with pytest.raises(EstimationError, match="'y'"):
        quantile(design, "y")
