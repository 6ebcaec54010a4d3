import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from analysis import SurveyDesign, mean, proportion, total

REFERENCE = json.loads(
    (Path(__file__).parent / "references" / "estimates.json").read_text()
)
RTOL = 1e-9  # closed forms: only the order of summation differs
RTOL_LOGIT = 1e-8  # R fits the logit by iteration, to a change of deviance below 1e-8

DESIGNS = {
    "complex": {"strata": "stratum", "clusters": "cluster"},
    "nested": {"strata": "stratum", "clusters": "psu", "nest": True},
    "finite": {
        "strata": "stratum",
        "clusters": "cluster",
        "population_sizes": "n_psu",
    },
    "single": {"strata": "apart", "clusters": "cluster", "single_cluster": "adjust"},
    "clusters": {"clusters": "cluster"},
    "strata": {"strata": "country"},
    "simple": {"weights": None},
}
CASES = {
    "mean": lambda design: mean(design, "trust"),
    "total": lambda design: total(design, "trust"),
    "binary": lambda design: mean(design, "aware"),
    "domain": lambda design: mean(design, "trust", where="urban"),
    "domain_total": lambda design: total(design, "trust", where="urban"),
    "by": lambda design: mean(design, "trust", by="country"),
    "by_age": lambda design: mean(design, "trust", by="age_group"),
    "by_age_covmat": lambda design: mean(design, "trust", by="age_group"),
    "by_two": lambda design: mean(design, "trust", by=["country", "gender"]),
    "total_by": lambda design: total(design, "trust", by="country"),
    "shares": lambda design: proportion(design, "approval"),
    "shares_by": lambda design: proportion(design, "approval", by="country"),
}


@pytest.fixture(params=DESIGNS)
def named_design(request, survey):
    options = {"weights": "design_weight"} | DESIGNS[request.param]
    return request.param, SurveyDesign(survey, **options)


@pytest.mark.parametrize("case", CASES)
def test_estimates_agree_with_r(named_design, case):
    name, design = named_design
    expected, result = REFERENCE["cases"][name][case], CASES[case](design)
    assert_allclose(result.values, np.ravel(expected["estimate"]), rtol=RTOL)
    found = {
        "std_error": result.std_errors,
        "covariance": result.covariance,
        "deff": result.design_effects,
        "df": result.group_df,
        "conf": result.conf_int(),
    }
    # With zero shares R's deff is 0/0.
    for key in expected.keys() & found.keys():
        wanted = np.array(expected[key], dtype=float)
        largest = np.nanmax(np.abs(wanted))
        assert_allclose(
            np.ravel(found[key]), np.ravel(wanted), rtol=RTOL, atol=RTOL * largest
        )


@pytest.mark.parametrize("design_name", REFERENCE["intervals"])
@pytest.mark.parametrize(
    ("kind", "level", "key", "rtol"),
    [
        ("logit", 0.95, "logit", RTOL_LOGIT),
        ("logit", 0.90, "logit_90", RTOL_LOGIT),
        ("beta", 0.95, "beta", RTOL),
        ("beta", 0.90, "beta_90", RTOL),
        ("wilson", 0.95, "wilson", RTOL),
    ],
)
def test_intervals_of_shares_agree_with_r(survey, design_name, kind, level, key, rtol):
    options = {"weights": "design_weight"} | DESIGNS[design_name]
    design = SurveyDesign(survey, **options)
    share = proportion(design, "aware", by="country", interval=kind)
    aware = share.conf_int(level).xs(1.0, level="aware")
    assert_allclose(aware, REFERENCE["intervals"][design_name][key], rtol=rtol)
