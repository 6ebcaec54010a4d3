import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from analysis import SurveyDesign, mean, poststratify
from analysis.errors import EstimationError, UnknownColumn
from analysis.ratios import ratio
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


@pytest.mark.parametrize("name", DESIGNS)
def test_ratios_agree_with_r(survey, name):
    options = {"weights": "design_weight"} | DESIGNS[name]
    design, expected = SurveyDesign(survey, **options), REFERENCE["cases"][name]
    by = ratio(design, "items", "trust", by="country")
    for found, wanted in [
        (ratio(design, "items", "trust"), expected["ratio"]),
        (ratio(design, "items", "trust", where="urban"), expected["ratio_urban"]),
        (by, {k: [g[k] for g in expected["ratio_by"]] for k in expected["ratio"]}),
    ]:
        assert_allclose(found.values, wanted["estimate"], rtol=RTOL)
        assert_allclose(found.std_errors, wanted["std_error"], rtol=RTOL)
        assert_allclose(found.design_effects, wanted["deff"], rtol=RTOL)
    ages = ratio(design, "items", "trust", by="age_group")
    joint = np.array(expected["ratio_joint"])
    assert_allclose(ages.covariance, joint, rtol=RTOL, atol=RTOL * joint.max())


def test_a_ratio_to_one_is_a_mean(design, survey):
    ones = SurveyDesign(
        survey.assign(one=1),
        weights="design_weight",
        strata="stratum",
        clusters="cluster",
    )
    found, wanted = (
        ratio(ones, "trust", "one", by="country"),
        mean(design, "trust", by="country"),
    )
    assert_allclose(found.to_frame(), wanted.to_frame(), rtol=RTOL)
    assert_allclose(found.design_effects, wanted.design_effects, rtol=RTOL)


def test_respondents_without_both_answers_are_left_out_and_counted():
    frame = pd.DataFrame({"y": [1, 2, None, 4], "x": [2, None, 3, 4]})
    result = ratio(SurveyDesign(frame), "y", "x")
    assert_allclose(result.values["y / x"], 5 / 6, rtol=RTOL)
    assert result.n_respondents["y / x"] == 2
    assert "2 of 4 respondents" in result.method


def test_denominators_that_add_up_to_zero_give_no_number_but_a_note():
    frame = pd.DataFrame(
        {"g": list("aabb"), "y": [1, 2, 3, 4], "x": [1, -1, 2, 4], "s": list("xyxy")}
    )
    result = ratio(SurveyDesign(frame, clusters="s"), "y", "x", by="g")
    table = result.to_frame()
    assert np.isnan(result.covariance.loc["a"]).all()
    assert np.isnan(table.loc["a", "estimate"])
    assert table["note"].tolist() == ["x adds up to zero", ""]
    alone = ratio(SurveyDesign(frame, clusters="s"), "y", "x", where=frame["g"] == "b")
    assert_allclose(result.values["b"], 7 / 6)
    assert_allclose(result.std_errors["b"], alone.std_errors.iloc[0], rtol=RTOL)


def test_what_cannot_be_done_is_refused(design):
    with pytest.raises(UnknownColumn, match="no column 'income'"):
        ratio(design, "trust", "income")
    with pytest.raises(EstimationError, match="'approval' is not numeric"):
        ratio(design, "trust", "approval")
    nobody = design.frame["direct"].isna() & (design.frame["long_list"] == 1)
    with pytest.raises(EstimationError, match="direct"):
        ratio(design, "trust", "direct", where=nobody)


def test_with_fitted_weights_ratios_agree_with_r(design, population):
    fitted = poststratify(design, population.dropna(subset="age_group"), by="country")
    result = ratio(fitted, "items", "trust")
    expected = REFERENCE["poststratified"]["ratio"]
    assert_allclose(result.values, expected["estimate"], rtol=RTOL)
    assert_allclose(result.std_errors, expected["std_error"], rtol=RTOL)


def test_the_jackknife_agrees_with_r(design):
    result = ratio(replicate(design, "JKn", mse=True), "items", "trust")
    expected = REFERENCE["replicates"]["ratio"]
    assert_allclose(result.values, expected["estimate"], rtol=RTOL)
    assert_allclose(result.std_errors, expected["std_error"], rtol=RTOL)
