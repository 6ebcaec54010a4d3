import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from analysis import SurveyDesign, compare, mean
from analysis.contrasts import contrast
from analysis.errors import EstimationError
from analysis.imputation import combine

REFERENCE = json.loads(
    (Path(__file__).parent / "references" / "imputation.json").read_text()
)
RTOL = 1e-9  # closed forms


@pytest.fixture
def estimates(survey):
    """Mean trust by country, missing answers filled in as in the reference."""
    row = np.arange(1, len(survey) + 1)
    missing = survey["trust"].isna() | (row % 3 == 0)
    return [
        mean(
            SurveyDesign(
                survey.assign(trust=survey["trust"].mask(missing, row * 7 % 8 + k)),
                weights="design_weight",
                strata="stratum",
                clusters="cluster",
            ),
            "trust",
            by="country",
        )
        for k in (1, 2, 3)
    ]


class WithoutSmallSamples:
    """A result that says it has infinitely many degrees of freedom."""

    def __init__(self, estimate):
        self.values, self.covariance = estimate.values, estimate.covariance
        self.n_respondents, self.method = estimate.n_respondents, estimate.method
        self.df = np.inf


def test_estimates_agree_with_r(estimates):
    combined, expected = combine(estimates), REFERENCE["countries"]
    assert_allclose(combined.values, expected["estimate"], rtol=RTOL)
    assert_allclose(combined.covariance, expected["covariance"], rtol=RTOL, atol=1e-15)
    assert_allclose(combined.df, expected["df"], rtol=RTOL)
    large = combine([WithoutSmallSamples(estimate) for estimate in estimates])
    assert_allclose(large.df, expected["df_large"], rtol=RTOL)
    assert_allclose(large.missing_information, expected["missing_large"], rtol=RTOL)


def test_differences_agree_with_r(estimates):
    combined = combine([compare(e, reference="CN") for e in estimates])
    expected = REFERENCE["differences"]
    assert_allclose(combined.values, expected["estimate"], rtol=RTOL)
    assert_allclose(combined.covariance, expected["covariance"], rtol=RTOL)


def test_the_same_answers_every_time_lose_no_information(estimates):
    first = estimates[0]
    combined = combine([first] * 5)
    assert_allclose(combined.values, first.values, rtol=1e-14)
    assert_allclose(combined.std_errors, first.std_errors, rtol=1e-14)
    # What is left is the uncertainty of the variance: (c + 1) / (c + 3) c.
    complete = first.group_df
    assert_allclose(combined.df, complete * (complete + 1) / (complete + 3))


def test_imputing_never_adds_information(estimates):
    combined = combine(estimates)
    assert (combined.df < estimates[0].group_df).all()
    within = np.mean([e.std_errors**2 for e in estimates], axis=0)
    assert (combined.std_errors**2 > within).all()
    assert combined.missing_information.between(0, 1).all()


def test_combined_results_can_be_contrasted(estimates):
    combined = combine(estimates)
    difference = contrast(combined, {"DE": 1, "CN": -1}).to_frame().iloc[0]
    assert_allclose(difference["estimate"], REFERENCE["differences"]["estimate"][0])


def test_a_value_missing_once_is_missing(estimates, survey):
    frame = survey.assign(trust=survey["trust"].where(survey["country"] != "US"))
    design = SurveyDesign(frame, strata="stratum", clusters="cluster")
    combined = combine([estimates[0], mean(design, "trust", by="country")])
    assert combined.values.isna().tolist() == [False, False, False, True]
    assert combined.df.isna().tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (lambda e: ["a", e[0]], "1 of 2 results are no estimates, comparisons or mod"),
        (lambda e: e[:1], "1 results; combining imputations needs two or more"),
        (
            lambda e: [e[0], compare(e[1])],
            "result 2 of 2 holds other values than the first (6 and 4)",
        ),
    ],
)
def test_what_does_not_belong_together_is_not_combined(estimates, chosen, message):
    with pytest.raises(EstimationError) as raised:
        combine(chosen(estimates))
    assert message in str(raised.value)


def test_combined_results_print_what_they_are_and_become_json(estimates):
    combined = combine(estimates)
    assert str(combined) == combined.summary()
    assert str(combined).startswith("Combined from 3 imputations (Rubin's rules")
    plain = json.loads(json.dumps(combined.to_dict(level=0.9), allow_nan=False))
    assert [row["country"] for row in plain["rows"]] == ["CN", "DE", "GB", "US"]
    conf_int = combined.conf_int(0.9)
    assert_allclose(conf_int.mean(axis=1), combined.values)
    outside = ((conf_int > 0).all(axis=1) | (conf_int < 0).all(axis=1)).tolist()
    assert outside == (combined.p_values < 0.1).tolist()
    assert isinstance(plain["rows"][0], dict)
    assert pd.notna(plain["rows"][0]["missing_information"])
