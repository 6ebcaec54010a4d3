"""Tests of independence, fit and location against R survey."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import special

from analysis import SurveyDesign, poststratify
from analysis.association import goodness_of_fit_test, independence_test
from analysis.location import rank_test, t_test
from analysis.quadratic_forms import upper_tail
from analysis.replicates import replicate

REFERENCES = Path(__file__).parent / "references"
ASSOCIATION = json.loads((REFERENCES / "association.json").read_text())
LOCATION = json.loads((REFERENCES / "location.json").read_text())
RTOL = 1e-9  # closed forms
DESIGNS = list(LOCATION["t"])


@pytest.fixture
def drawn(survey, request):
    """A design by its name in the references, and ``where``."""
    frame = survey.assign(
        distinct=survey["trust"] + np.arange(1, len(survey) + 1) / 1e6
    )
    drawing = {"strata": "stratum", "clusters": "cluster", "weights": "design_weight"}
    if request.param == "finite":
        drawing["population_sizes"] = "n_psu"
    if request.param == "simple":
        drawing = {}
    made = SurveyDesign(frame, **drawing)
    if request.param == "jackknife":
        made = replicate(made, "JKn")
    return request.param, made, "urban" if request.param == "urban" else None


STATISTICS = {
    "F": ("F", RTOL),
    "chi2": ("chi2", RTOL),
    "wald": ("wald", RTOL),
    "adjusted-wald": ("adjusted", RTOL),
    "saddlepoint": ("saddlepoint", 1e-7),  # a root found by iteration
    "linear-combination": ("exact", 1e-8),  # an integral
}


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("pair", ASSOCIATION["tables"]["complex"])
@pytest.mark.parametrize("drawn", DESIGNS, indirect=True)
def test_independence(drawn, pair, statistic):
    name, design, where = drawn
    expected = ASSOCIATION["tables"][name][pair]
    test = independence_test(design, *pair.split(), where=where, statistic=statistic)
    check(test, expected, statistic)


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("pair", ASSOCIATION["calibrated"])
def test_independence_with_fitted_weights(design, pair, statistic):
    ages = ["18-34", "35-54", "55+"]
    margin = pd.DataFrame({"age_group": ages, "population": [30, 45, 25]})
    test = independence_test(
        poststratify(design, margin), *pair.split(), statistic=statistic
    )
    check(test, ASSOCIATION["calibrated"][pair], statistic)


def check(test, expected, statistic):
    key, rtol = STATISTICS[statistic]
    assert test.n_respondents == expected["n"]
    assert_allclose(test.statistic, expected[key]["statistic"], rtol=RTOL)
    # The reference's integral has an absolute error.
    atol = 1e-11 if key == "exact" else 0
    assert_allclose(test.p_value, expected[key]["p"], rtol=rtol, atol=atol)
    if "df" in expected[key]:
        df = np.atleast_1d(expected[key]["df"])
        assert_allclose(test.df[: len(df)], df, rtol=RTOL)


def test_svychisqs_saddlepoint_leaves_out_a_fraction_of_a_degree_of_freedom():
    for name in set(DESIGNS) - {"jackknife"}:
        for expected in ASSOCIATION["tables"][name].values():
            case = expected["saddlepoint"]
            assert_allclose(case["whole"], case["r"], rtol=1e-6)


@pytest.mark.parametrize(
    ("variable", "shares"),
    [
        ("education", {"low": 0.3, "middle": 0.35, "high": 0.35}),
        ("aware", {0.0: 3, 1.0: 2}),
    ],
)
@pytest.mark.parametrize("drawn", DESIGNS, indirect=True)
def test_goodness_of_fit(drawn, variable, shares):
    name, design, where = drawn
    expected = ASSOCIATION["fits"][name][variable]
    given = pd.Series(shares)
    test = goodness_of_fit_test(design, variable, given, where=where)
    assert_allclose(test.statistic, expected["F"], rtol=RTOL)
    assert_allclose(test.df[0], expected["numerator"], rtol=RTOL)
    assert_allclose(test.p_value, expected["p"], rtol=RTOL)
    # R's p-value takes the design effects as known.
    known = special.chdtrc(test.df[0], test.df[0] * test.statistic)
    assert_allclose(known, expected["r"], rtol=RTOL)
    pearson = goodness_of_fit_test(
        design, variable, given, where=where, statistic="chi2"
    )
    assert_allclose(pearson.statistic, expected["x2"], rtol=RTOL)


@pytest.mark.parametrize("method", ["saddlepoint", "satterthwaite"])
def test_sums_of_chi_squared_variables(method):
    for case in ASSOCIATION["sums"]:
        a, df = np.array(case["a"]), case["df"] or np.inf
        # R finds the saddlepoint to 1e-8 only.
        assert_allclose(upper_tail(case["x"], a, df, method), case[method], rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("one", {"null": 5}),
        ("two", {"by": "gender"}),
        ("paired", {"paired_with": "items"}),
    ],
)
@pytest.mark.parametrize("drawn", DESIGNS, indirect=True)
def test_t_tests(drawn, kind, options):
    name, design, where = drawn
    expected = LOCATION["t"][name][kind]
    test = t_test(design, "trust", where=where, **options)
    null = options.get("null", 0)
    assert_allclose(test.statistic, expected["statistic"], rtol=RTOL)
    assert test.df == (1, expected["df"])
    assert_allclose(test.estimate - null, expected["estimate"], rtol=RTOL)
    assert_allclose(test.p_value, expected["p"], rtol=RTOL)
    conf_int = np.array(test.conf_int(0.9)) - null
    assert_allclose(conf_int, expected["conf"], rtol=RTOL)


@pytest.mark.parametrize("scores", LOCATION["rank"]["complex"])
@pytest.mark.parametrize(
    ("kind", "variable", "by"),
    [
        ("distinct", "distinct", "gender"),
        ("tied", "trust", "gender"),
        ("many", "distinct", "country"),
        ("many_tied", "trust", "age_group"),
    ],
)
@pytest.mark.parametrize("drawn", DESIGNS, indirect=True)
def test_rank_tests(drawn, kind, variable, by, scores):
    name, design, where = drawn
    if name == "jackknife" and kind.startswith("many"):
        return  # not in R
    expected = LOCATION["rank"][name][scores][kind]
    test = rank_test(design, variable, by, scores=scores, where=where)
    assert_allclose(test.statistic, expected["statistic"], rtol=RTOL)
    assert_allclose(test.p_value, expected["p"], rtol=RTOL)
    if kind.startswith("many"):
        assert test.df == tuple(expected["df"])
    else:
        assert test.df == (1, expected["df"])
        assert_allclose(test.estimate, expected["estimate"], rtol=RTOL)


def test_simple_random_samples_give_the_classical_tests(survey):
    design = SurveyDesign(survey.dropna(subset="trust"))
    one, expected = t_test(design, "trust", null=5), LOCATION["classical"]
    assert_allclose(one.statistic, expected["statistic"], rtol=RTOL)
    assert one.df == (1, expected["df"])
    assert_allclose(one.p_value, expected["p"], rtol=RTOL)
    two = t_test(design, "trust", by="gender")
    assert two.df == (1, LOCATION["pooled"]["df"])
    ranks = rank_test(SurveyDesign(survey), "trust", "gender")
    assert_allclose(ranks.statistic, LOCATION["tied_equal"], rtol=RTOL)
