"""A second opinion on coefficients; statsmodels' standard errors are not ours."""

import numpy as np
import pytest
import statsmodels.formula.api as smf
from statsmodels.genmod import families as sm

from analysis import SurveyDesign, regress

FAMILIES = {
    "linear": (sm.Gaussian(), "trust"),
    "logit": (sm.Binomial(), "aware"),
    "probit": (sm.Binomial(sm.links.Probit()), "aware"),
    "cloglog": (sm.Binomial(sm.links.CLogLog()), "aware"),
    "poisson": (sm.Poisson(), "trust"),
}


@pytest.fixture
def answered(survey):
    columns = ["trust", "aware", "age_group", "country", "design_weight", "cluster"]
    kept = survey[[*columns, "stratum"]].dropna()
    return kept.assign(aware=kept["aware"].astype(float), trust=kept["trust"].abs())


@pytest.mark.parametrize("family", FAMILIES)
def test_coefficients_are_those_of_a_weighted_glm(answered, family):
    kind, outcome = FAMILIES[family]
    formula = f"{outcome} ~ age_group + country"
    theirs = smf.glm(
        formula, answered, family=kind, freq_weights=answered["design_weight"]
    ).fit(tol=1e-14, maxiter=200)
    design = SurveyDesign(
        answered, weights="design_weight", strata="stratum", clusters="cluster"
    )
    ours = regress(design, formula, family)
    # Both iterate; statsmodels stops when the deviance no longer changes.
    np.testing.assert_allclose(
        ours.values.to_numpy(), theirs.params.to_numpy(), rtol=1e-7, atol=1e-9
    )


def test_weights_taken_for_frequencies_give_other_standard_errors(answered):
    formula = "aware ~ age_group + country"
    theirs = smf.glm(
        formula,
        answered,
        family=sm.Binomial(),
        freq_weights=answered["design_weight"],
    ).fit()
    design = SurveyDesign(
        answered, weights="design_weight", strata="stratum", clusters="cluster"
    )
    ratio = theirs.bse.to_numpy() / regress(design, formula, "logit").std_errors
    assert ratio.max() < 0.8
