import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from analysis import SurveyDesign, list_experiment, mean, sensitivity_bias
from analysis.errors import EstimationError, UnknownColumn
from analysis.sensitive import check_list, extreme_counts

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


def lists(short, long):
    """A design whose halves gave these counts."""
    treatment = [0] * len(short) + [1] * len(long)
    return SurveyDesign(pd.DataFrame({"items": [*short, *long], "long": treatment}))


@pytest.mark.parametrize(
    ("short", "long", "holding", "others", "p"),
    [
        # F0 = (1/2, 1), F1 = (1/4, 3/4, 1): every type is a quarter.
        ([0, 0, 1, 1], [0, 1, 1, 2], [0.25, 0.25], [0.25, 0.25], 1),
        # Everybody holds the view: the long list counts one more.
        ([0, 0, 1, 1], [1, 1, 2, 2], [0.5, 0.5], [0, 0], 1),
        # Nobody does.
        ([0, 0, 1, 1], [0, 0, 1, 1], [0, 0], [0.5, 0.5], 1),
        # Everybody counts one less with the sensitive item on the list: impossible
        # without a change of the other answers, and no chance is left.
        ([2] * 4, [1] * 4, [0, -1, 0], [0, 1, 1], 0),
    ],
)
def test_the_types_are_differences_of_distributions(short, long, holding, others, p):
    check = check_list(lists(short, long), "items", "long", n_items=len(holding) - 1)
    shares = check.types["estimate"]
    assert_allclose(shares.xs(True, level="holds"), holding, atol=1e-12)
    assert_allclose(shares.xs(False, level="holds"), others, atol=1e-12)
    assert check.p_value == pytest.approx(p)


def test_the_types_add_up_to_one_and_to_the_list_experiment(design):
    where = design.frame["country"] == "CN"
    types = check_list(design, "items", "long_list", n_items=3, where=where).types
    shares = types["estimate"]
    held = list_experiment(design, "items", "long_list", where=where)
    assert shares.sum() == pytest.approx(1, rel=1e-12)
    assert shares.xs(True, level="holds").sum() == pytest.approx(held.values["items"])


def test_the_p_value_is_that_of_the_most_negative_share():
    design = lists([0] * 10 + [1] * 40 + [2] * 50, [0] * 20 + [1] * 40 + [2] * 40)
    check = check_list(design, "items", "long", n_items=2)
    # F0(0) - F1(0) is -0.1; its variance n / (n - 1) (0.09 + 0.16) / 100, n = 200.
    z = -0.1 / np.sqrt(200 / 199 * 0.25 / 100)
    assert check.types["estimate"].min() == pytest.approx(-0.1)
    assert check.p_value == pytest.approx(4 * stats.norm.cdf(z))
    assert f"p-value {check.p_value:.4f}" in str(check)


def test_a_list_without_design_effect_is_seldom_suspected():
    random = np.random.default_rng(11)
    found = []
    for _ in range(300):
        # Nobody holds the view, so half of the shares are 0: the least favourable case.
        short, long = random.binomial(3, 0.5, (2, 100))
        check = check_list(lists(short, long), "items", "long", n_items=3)
        found.append(check.p_value < 0.05)
    # Two Monte Carlo standard errors above 0.05.
    assert np.mean(found) < 0.05 + 2 * np.sqrt(0.05 * 0.95 / 300)


def test_a_design_effect_is_found():
    random = np.random.default_rng(12)
    short, long = random.binomial(3, 0.5, (2, 500))
    # A third of those who see the sensitive item count nothing at all.
    long[:170] = 0
    assert check_list(lists(short, long), "items", "long", n_items=3).p_value < 0.001


def test_floor_and_ceiling_are_shares_of_the_short_list():
    design = lists([0, 1, 1, 3, np.nan], [0, 4, 2, 2])
    shares = extreme_counts(design, "items", "long", n_items=3)
    assert shares.values.to_dict() == {"none": 0.25, "some": 0.5, "all": 0.25}
    assert shares.n_respondents["all"] == 4
    inside = design.frame["items"] != 3
    some = extreme_counts(design, "items", "long", n_items=3, where=inside)
    assert_allclose(some.values, [1 / 3, 2 / 3, 0])


@pytest.mark.parametrize("check", [check_list, extreme_counts])
@pytest.mark.parametrize(
    ("change", "n_items", "message"),
    [
        ({}, 1, "'items': 2 of 8 counts are larger than a short list of 1 items"),
        ({}, 0, "n_items is the number of items without the sensitive one"),
        ({"items": [0, 1, 2, 3, 0, 1, 2, 9]}, 2, "'items': 1 of 8 counts are larger"),
        ({"long": 0}, 2, "a difference needs both"),
        ({"items": -1}, 2, "are not counts: 0, 1, 2, ..."),
    ],
)
def test_lists_that_cannot_be_checked_are_refused(check, change, n_items, message):
    design = SurveyDesign(FRAME.assign(**change))
    with pytest.raises(EstimationError) as raised:
        check(design, "items", "long", n_items=n_items)
    assert message in str(raised.value)
