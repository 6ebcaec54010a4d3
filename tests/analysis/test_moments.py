import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from analysis import SurveyDesign, poststratify
from analysis.contrasts import contrast
from analysis.errors import EstimationError
from analysis.moments import correlation, population_variance
from analysis.replicates import replicate

REFERENCE = json.loads(
    (Path(__file__).parent / "references" / "functions.json").read_text()
)
RTOL = 1e-9  # closed forms: only the order of summation differs
DESIGNS = {
    "complex": {"strata": "stratum", "clusters": "cluster"},
    "finite": {
        "strata": "stratum",
        "clusters": "cluster",
        "population_sizes": "n_psu",
    },
    "simple": {"weights": None},
}
MOMENTS = {
    "variance": lambda design, **where: population_variance(design, "trust", **where),
    "correlation": lambda design, **where: correlation(
        design, "items", "trust", **where
    ),
}


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_moments_agree_with_r(survey, name, moment):
    options = {"weights": "design_weight"} | DESIGNS[name]
    design, make = SurveyDesign(survey, **options), MOMENTS[moment]
    expected = REFERENCE["cases"][name]
    groups = expected[f"{moment}_by"]
    for found, wanted in [
        (make(design), expected[moment]),
        (make(design, where="urban"), expected[f"{moment}_urban"]),
        (make(design, by="country"), {k: [g[k] for g in groups] for k in groups[0]}),
    ]:
        assert_allclose(found.values, np.ravel(wanted["estimate"]), rtol=RTOL)
        assert_allclose(found.std_errors, np.ravel(wanted["std_error"]), rtol=RTOL)
        if moment == "correlation":
            conf = np.reshape(wanted["conf"], (-1, 2))
            assert_allclose(found.conf_int(), conf, rtol=RTOL)
    ages = make(design, by="age_group")
    joint = np.array(expected[f"{moment}_joint"])
    assert_allclose(ages.covariance, joint, rtol=RTOL, atol=RTOL * joint.max())


def test_without_weights_they_are_the_textbook_s(survey):
    design = SurveyDesign(survey)
    assert_allclose(population_variance(design, "trust").values, survey["trust"].var())
    found = correlation(design, "trust", "items").values["trust, items"]
    assert_allclose(found, survey["trust"].corr(survey["items"]))


def test_the_standard_deviation_is_a_function_of_the_variance(design):
    variance = population_variance(design, "trust", by="country")
    deviation = contrast(variance, np.sqrt)
    assert_allclose(deviation.values, np.sqrt(variance.values), rtol=1e-15)
    expected = variance.std_errors / (2 * np.sqrt(variance.values))
    assert_allclose(deviation.std_errors, expected, rtol=1e-12)
    assert deviation.values.index.tolist() == variance.values.index.tolist()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    scale=st.floats(0.01, 100),
    shift=st.floats(-100, 100),
)
def test_the_units_of_the_variables_do_not_move_a_correlation(seed, scale, shift):
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(2, 12))
    frame = pd.DataFrame({"x": x, "y": x + y, "z": shift + scale * y, "a": y})
    design = SurveyDesign(frame)
    one, other = correlation(design, "x", "a"), correlation(design, "x", "z")
    assert_allclose(one.values, other.values, rtol=1e-7, atol=1e-10)
    assert_allclose(one.std_errors, other.std_errors, rtol=1e-6, atol=1e-10)
    low, high = one.conf_int().iloc[0]
    assert -1 < low < one.values.iloc[0] < high < 1


def test_a_variable_with_itself_correlates_fully_without_error(design):
    result = correlation(design, "trust", "trust")
    assert_allclose(result.values, 1, rtol=1e-12)
    assert_allclose(result.std_errors, 0, atol=1e-12)


def test_what_cannot_be_estimated_is_missing_with_a_note():
    frame = pd.DataFrame(
        {"g": list("aaabbbc"), "x": [0.1] * 3 + [1, 2, 4, 5], "y": range(7)}
    )
    design = SurveyDesign(frame)
    r = correlation(design, "x", "y", by="g").to_frame()
    assert r["estimate"].isna().tolist() == [True, False, True]
    assert r["note"].tolist() == [
        "one of the variables does not vary",
        "",
        "one of the variables does not vary",
    ]
    v = population_variance(design, "x", by="g")
    assert v.to_frame()["note"].tolist() == [
        "",
        "",
        "fewer than two respondents answered",
    ]
    assert np.isnan(v.covariance.loc["c"]).all()
    assert np.isfinite(v.covariance.loc["b", ["a", "b"]]).all()


@pytest.mark.parametrize("moment", MOMENTS)
def test_with_fitted_weights_moments_agree_with_r(design, population, moment):
    fitted = poststratify(design, population.dropna(subset="age_group"), by="country")
    result = MOMENTS[moment](fitted)
    expected = REFERENCE["poststratified"][moment]
    assert_allclose(result.values, np.ravel(expected["estimate"]), rtol=RTOL)
    assert_allclose(result.std_errors, np.ravel(expected["std_error"]), rtol=RTOL)


def test_the_jackknife_agrees_with_r(design):
    jackknife = replicate(design, "JKn", mse=True)
    result = population_variance(jackknife, "trust")
    expected = REFERENCE["replicates"]["variance"]
    assert_allclose(result.values, expected["estimate"], rtol=RTOL)
    assert_allclose(result.std_errors, expected["std_error"], rtol=RTOL)
    # Linear to the first order, so near the linearised one of these 54 clusters.
    r, linear = (correlation(d, "trust", "items") for d in (jackknife, design))
    assert_allclose(r.values, linear.values, rtol=RTOL)
    assert_allclose(r.std_errors, linear.std_errors, rtol=0.05)


@pytest.mark.parametrize("moment", MOMENTS)
def test_rows_that_only_keep_moments_need_clusters(moment):
    frame = pd.DataFrame(
        {"trust": [1.0, 2, 4], "items": [1, 2, 2], "n": [2.0, 3, 1], "c": list("xyz")}
    )
    with pytest.raises(EstimationError, match="'trust'"):
        MOMENTS[moment](SurveyDesign(frame, counts="n", moments=["trust"]))
    clustered = SurveyDesign(frame, counts="n", moments=["trust"], clusters="c")
    assert np.isfinite(MOMENTS[moment](clustered).std_errors).all()
