import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from analysis import SurveyDesign, list_experiment, mean, sensitivity_bias
from analysis.errors import EstimationError, UnknownColumn

FRAME = pd.DataFrame(
    {
        "country": ["CN"] * 4 + ["DE"] * 4,
        "items": [1, 2, 2, 3, 0, 1, 2, np.nan],
        "long": [0, 0, 1, 1, 0, 0, 1, 1],
        "direct": [1.0, 0.0, np.nan, np.nan, 1.0, 1.0, np.nan, np.nan],
    }
)


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        ({}, {"treatment": "group"}, UnknownColumn, "no column 'group'"),
        (
            {"long": [0, 0, 1, 2, 0, 0, 1, 3]},
            {},
            EstimationError,
            "'long': 2 of 8 rows are not 0 and 1, or false and true",
        ),
        (
            {"long": ["control", "treatment"] * 4},
            {},
            EstimationError,
            "'long' is not numeric",
        ),
        (
            {"items": [0.5, 1, 2, -1, 0, 0, 1, 1]},
            {},
            EstimationError,
            "'items': 2 of 8 rows are not counts: 0, 1, 2, ...",
        ),
        (
            {"long": [0, 0, 1, 1, 0, 0, 0, 0]},
            {"by": "country"},
            EstimationError,
            "list experiment 'items': 1 of 2 groups (DE) have respondents in one arm",
        ),
        ({"items": np.nan}, {}, EstimationError, "none of 8 respondents answered it"),
        (
            {"long": np.nan},
            {},
            EstimationError,
            "a difference needs both",
        ),
    ],
)
def test_impossible_experiments_are_refused(change, options, error, message):
    design = SurveyDesign(FRAME.assign(**change))
    arguments = {"count": "items", "treatment": "long"} | options
    with pytest.raises(error) as raised:
        list_experiment(design, **arguments)
    assert message in str(raised.value)


def test_the_share_is_the_difference_of_the_mean_counts():
    design = SurveyDesign(FRAME, strata="country")
    shares = list_experiment(design, "items", "long", by="country")
    assert shares.values.to_dict() == {"CN": 1, "DE": 1.5}
    assert shares.n_respondents.to_dict() == {"CN": 4, "DE": 3}


def test_arms_drawn_apart_have_the_variance_of_two_samples(survey):
    frame = survey.dropna(subset="items")
    share = list_experiment(
        SurveyDesign(frame, strata="long_list"), "items", "long_list"
    )
    arms = mean(SurveyDesign(frame, strata="long_list"), "items", by="long_list")
    assert_allclose(
        share.std_errors["items"] ** 2, (arms.std_errors**2).sum(), rtol=1e-12
    )


def test_the_bias_is_the_direct_share_minus_the_list(design):
    bias = sensitivity_bias(design, "direct", "items", "long_list", by="country")
    said = mean(design, "direct", by="country")
    held = list_experiment(design, "items", "long_list", by="country")
    assert_allclose(bias.values, said.values - held.values, rtol=1e-12)
    assert "direct share of direct minus list experiment items" in bias.method.lower()


def test_direct_answers_must_be_yes_or_no():
    design = SurveyDesign(FRAME.assign(direct=3))
    with pytest.raises(EstimationError, match="'direct': 8 of 8 rows are not 0 and 1"):
        sensitivity_bias(design, "direct", "items", "long")


def test_a_true_share_is_found():
    random = np.random.default_rng(7)
    n = 20_000
    holds, long = random.uniform(size=n) < 0.3, random.integers(0, 2, n)
    frame = pd.DataFrame({"items": random.binomial(3, 0.5, n) + holds * long})
    share = list_experiment(
        SurveyDesign(frame.assign(long=long)), "items", "long"
    ).to_frame()
    # Four standard errors of a fixed draw.
    assert abs(share["estimate"].item() - 0.3) < 4 * share["std_error"].item() < 0.06
