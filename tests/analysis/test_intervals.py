import json
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from analysis import SurveyDesign, mean, proportion
from analysis.errors import EstimationError
from analysis.intervals import INTERVALS, SHARE_INTERVALS, Interval, limits

REFERENCE = json.loads(
    (Path(__file__).parent / "references" / "intervals.json").read_text()
)
RTOL = 1e-9  # closed forms: only the order of summation differs
DESIGNS = {
    "complex": {"strata": "stratum", "clusters": "cluster"},
    "finite": {
        "strata": "stratum",
        "clusters": "cluster",
        "population_sizes": "n_psu",
    },
    "strata": {"strata": "country"},
}


def one(kind, p, variance, df, n, level=0.95):
    arrays = (np.array([float(number)]) for number in (p, variance, df, n))
    low, high = limits(kind, *arrays, level)
    return low[0], high[0]


@pytest.mark.parametrize("design_name", DESIGNS)
@pytest.mark.parametrize("variable", ["aware", "high"])
@pytest.mark.parametrize("level", [0.95, 0.8])
@pytest.mark.parametrize(
    ("kind", "rtol"),
    [
        ("t", RTOL),
        ("logit", RTOL),
        ("arcsine", RTOL),
        ("beta", RTOL),
        ("likelihood", RTOL),
    ],
)
def test_limits_of_shares_agree_with_r(
    survey, design_name, variable, level, kind, rtol
):
    high = (survey["trust"] > 9.5).astype(float).where(survey["trust"].notna())
    options = {"weights": "design_weight"} | DESIGNS[design_name]
    design = SurveyDesign(survey.assign(high=high), **options)
    overall = proportion(design, variable, interval=kind).conf_int(level)
    by = proportion(design, variable, by="country", interval=kind).conf_int(level)
    found = {"all": overall.loc[1.0]} | {
        country: by.loc[(country, 1.0)] for country in ("CN", "DE", "GB", "US")
    }
    compared = 0
    for group, (low, high) in found.items():
        expected = REFERENCE["cases"][design_name][f"{variable} {group}"][str(level)]
        if kind == "arcsine" and expected["t"][0] < 0 and low == 0:
            continue  # R's lower limit folds back at zero
        assert_allclose((low, high), expected[kind], rtol=rtol)
        compared += 1
    assert compared >= 4


@pytest.mark.parametrize("design_name", DESIGNS)
def test_r_s_likelihood_interval_is_this_one_on_a_spline(design_name):
    for case in REFERENCE["cases"][design_name].values():
        exact, spline = case["0.95"]["likelihood"], case["0.95"]["spline"]
        assert_allclose(spline, exact, rtol=0.01)  # five points and their spline


def test_wilson_gives_the_interval_of_r_survey_4_5():
    # High cholesterol in NHANES; a smaller n as well as t would be 0.100259, 0.125239.
    found = one("wilson", 0.11214296, 0.00544584**2, 16, 7846)
    assert_allclose(found, (0.101113, 0.124210), atol=5e-7)  # R prints six digits


@pytest.mark.parametrize("kind", ["beta", "korn-graubard"])
def test_beta_limits_are_clopper_pearson_s_in_a_simple_random_sample(kind):
    n, p = 50, 0.2
    found = one(kind, p, p * (1 - p) / n, n - 1, n)
    exact = stats.binomtest(10, 50).proportion_ci(method="exact")
    assert_allclose(found, exact, rtol=RTOL)


def test_korn_graubard_never_counts_more_respondents_than_there_are():
    n, p = 50, 0.2
    precise = p * (1 - p) / (3 * n)
    clopper_pearson = stats.binomtest(10, 50).proportion_ci(method="exact")
    assert_allclose(one("korn-graubard", p, precise, 49, n), clopper_pearson)
    low, high = one("beta", p, precise, 49, n)
    assert clopper_pearson.low < low < p < high < clopper_pearson.high


def test_korn_graubard_limits_are_svy_s():
    import polars
    import svy

    # Strata that tell the answer nearly: more precise than 60 independent respondents.
    frame = pd.DataFrame(
        {
            "stratum": np.repeat(["a", "b", "c"], 20),
            "y": [1] * 18 + [0] * 2 + [1] * 3 + [0] * 17 + [0] * 20,
            "w": np.arange(60) % 7 + 1.0,
            "group": ["x"] * 40 + ["nobody"] * 20,
        }
    )
    sample = svy.Sample(
        polars.from_pandas(frame), svy.Design(stratum="stratum", wgt="w")
    )
    theirs = sample.estimation.prop("y", by="group", ci_method="korn-graubard")
    table = theirs.to_polars().to_pandas().set_index(["group", "y"])
    ours = proportion(
        SurveyDesign(frame, weights="w", strata="stratum"),
        "y",
        by="group",
        interval="korn-graubard",
    )
    assert (ours.design_effects[["x"]] < 0.9).all()
    for cell, (low, high) in table[["lci", "uci"]].iterrows():
        assert_allclose(ours.conf_int().loc[cell], (low, high), rtol=1e-9)


def test_likelihood_limits_are_the_profile_s_in_a_simple_random_sample():
    n, p, df = 400, 0.03, 10**8
    low, high = one("likelihood", p, p * (1 - p) / n, df, n)
    log_likelihood = stats.binom(n, [p, low, high]).logpmf(12)
    falls = 2 * (log_likelihood[0] - log_likelihood[1:])
    assert_allclose(
        falls, stats.chi2(1).ppf(0.95) * n / (n - 1), rtol=1e-6
    )  # t is not z


def test_arcsine_limits_stop_at_zero_and_one():
    assert one("arcsine", 0.01, 0.02**2, 5, 60)[0] == 0
    assert one("arcsine", 0.99, 0.02**2, 5, 60)[1] == 1


@pytest.mark.parametrize("kind", [kind for kind in SHARE_INTERVALS if kind != "t"])
@pytest.mark.parametrize("share", [0, 1])
def test_a_share_of_nothing_or_all_has_one_exact_bound(kind, share):
    low, high = one(kind, share, 0, 99, 100)
    bound = 1 - 0.025 ** (1 / 100)
    assert_allclose((low, high), (0, bound) if share == 0 else (1 - bound, 1))


@pytest.mark.parametrize("kind", [*SHARE_INTERVALS, "fisher"])
def test_without_degrees_of_freedom_there_is_no_interval(kind):
    for share, variance in ((0.3, 0.01), (0, 0), (1, 0), (0.3, 0)):
        assert np.isnan(one(kind, share, variance, 0, 20)).all()


@pytest.mark.parametrize("kind", [*SHARE_INTERVALS, "fisher"])
def test_what_has_no_variance_is_its_own_limit(kind):
    found, almost = (one(kind, 0.3, variance, 9, 20) for variance in (0, 1e-20))
    at_most = one("beta", 0.3, 0.21 / 20, 19, 20)  # as if all 20 were independent
    wanted = at_most if kind == "korn-graubard" else (0.3, 0.3)
    assert_allclose(found, wanted, rtol=1e-12)
    assert_allclose(almost, wanted, atol=1e-7)


@pytest.mark.parametrize("kind", [kind for kind in SHARE_INTERVALS if kind != "t"])
@given(
    p=st.floats(0.001, 0.999),
    effective=st.floats(3, 1e5),
    df=st.integers(1, 200),
    level=st.floats(0.5, 0.99),
)
def test_limits_of_shares_hold_the_share_and_mirror(kind, p, effective, df, level):
    variance = p * (1 - p) / effective
    low, high = one(kind, p, variance, df, 500, level)
    assert 0 <= low < p < high <= 1
    mirrored = one(kind, 1 - p, variance, df, 500, level)
    assert_allclose((1 - mirrored[1], 1 - mirrored[0]), (low, high), atol=1e-7)
    wider = one(kind, p, variance, df, 500, (1 + level) / 2)
    assert wider[0] <= low
    assert high <= wider[1]


def test_intervals_of_quantiles_are_not_made_from_estimates_alone():
    with pytest.raises(EstimationError, match="use logit, wilson"):
        one("woodruff", 0.3, 0.01, 9, 20)


def test_every_interval_has_a_name_in_print():
    assert set(INTERVALS) == set(get_args(Interval))
    assert set(SHARE_INTERVALS) < set(INTERVALS)


def test_a_share_may_be_asked_for_each_of_them_but_is_never_given_t(design):
    for interval in SHARE_INTERVALS:
        share = proportion(design, "aware", interval=interval)
        assert f"95% {INTERVALS[interval]} intervals" in str(share)
    assert proportion(design, "aware").interval == "logit"
    assert mean(design, "aware").interval == "t"
