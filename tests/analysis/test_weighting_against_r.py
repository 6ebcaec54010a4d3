import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from analysis import mean, poststratify, proportion, rake, total

REFERENCE = json.loads(
    (Path(__file__).parent / "references" / "weighting.json").read_text()
)
# Raking is iterated to 1e-12 here and 1e-14 in R. R approximates the projection on
# the margins by ten rounds, which on these margins leaves 4e-11.
RTOL = 1e-9

WEIGHTED = {
    "rake": lambda design, margins: rake(design, margins),
    "rake_finite": lambda design, margins: rake(
        replace(design, population_sizes="n_psu"), margins
    ),
    "rake_one": lambda design, margins: rake(design, only_ages(margins)),
    "rake_keep": lambda design, margins: rake(
        design, margins.rename(columns={"education": "education_asked"}), missing="keep"
    ),
    "poststratify": lambda design, margins: poststratify(
        design, only_ages(margins), by="country"
    ),
}
CASES = {
    "mean": lambda design: mean(design, "trust"),
    "total": lambda design: total(design, "aware"),
    "domain": lambda design: mean(design, "trust", where="urban"),
    "by": lambda design: mean(design, "trust", by="country"),
    "by_age": lambda design: mean(design, "trust", by="age_group"),
    "shares": lambda design: proportion(design, "approval"),
}


def only_ages(margins):
    return margins.dropna(subset="age_group")


@pytest.fixture(params=WEIGHTED)
def weighted(request, design, population):
    expected = REFERENCE["cases"][request.param]
    return WEIGHTED[request.param](design, population), expected


def test_weights_agree_with_r(weighted):
    design, expected = weighted
    assert_allclose(design.frame["calibrated_weight"], expected["weights"], rtol=RTOL)


@pytest.mark.parametrize("case", CASES)
def test_estimates_with_calibrated_weights_agree_with_r(weighted, case):
    design, expected = weighted
    result, wanted = CASES[case](design), expected[case]
    found = {
        "estimate": result.values,
        "std_error": result.std_errors,
        "covariance": result.covariance,
        "deff": result.design_effects,
    }
    for key, values in wanted.items():
        # R sorts the answers by name, the data have them in order.
        if case == "shares":
            order = np.argsort(result.values.index.astype(str))
            values = np.array(values)
            found[key] = found[key].to_numpy()[np.ix_(*[order] * values.ndim)]
        tiny = RTOL * np.abs(values).max()
        assert_allclose(np.ravel(found[key]), np.ravel(values), rtol=RTOL, atol=tiny)


def test_jackknife_residuals_agree_with_r(design, population):
    ages = only_ages(population)
    designs = {
        "rake": rake(design, population, variance="jackknife"),
        "poststratify": poststratify(design, ages, "country", variance="jackknife"),
    }
    for case, weighted in designs.items():
        found = mean(weighted, "trust").std_errors["trust"]
        assert_allclose(found, REFERENCE["cases"][case]["jackknife"], rtol=RTOL)
