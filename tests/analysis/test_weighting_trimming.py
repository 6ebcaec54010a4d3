import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from analysis import SurveyDesign, rake
from analysis.errors import WeightingError
from analysis.replicates import replicate
from analysis.trimming import trim

FRAME = pd.DataFrame(
    {
        "country": ["CN"] * 4 + ["DE"] * 4,
        "sex": ["f", "m"] * 4,
        "weight": [1.0, 2.0, 1.0, 8.0, 5.0, 1.0, 1.0, 1.0],
    }
)
DESIGN = SurveyDesign(FRAME, weights="weight", strata="country")
SEXES = pd.DataFrame(
    {"country": ["CN", "CN", "DE", "DE"], "sex": ["f", "m"] * 2, "population": 50}
)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({}, "nothing to trim to; give lower, upper or both"),
        ({"upper": "five"}, "limits are 0 and 'five'; give numbers"),
        ({"lower": 3, "upper": 2}, "limits are 3 and 2; the lower must be"),
        (
            {"upper": 2.4},
            "the mean weight of 1 of 1 groups is outside the limits 0 and 2.4 (all: "
            "2.5); choose limits around the means",
        ),
        ({"upper": 2.4, "by": "country"}, "of 1 of 2 groups is outside the limits"),
    ],
)
def test_limits_without_room_are_refused(limits, message):
    with pytest.raises(WeightingError) as raised:
        trim(DESIGN, **limits)
    assert message in str(raised.value)


@pytest.mark.parametrize("by", [None, "country"])
def test_trimming_keeps_sums_and_limits_and_tells_its_cost(by):
    trimmed = trim(DESIGN, lower=1, upper=4, by=by)
    weights = trimmed.frame["trimmed_weight"]
    assert weights.between(1, 4).all()
    of = FRAME["country"] if by else np.zeros(8)
    sums = [x.groupby(of).sum() for x in (weights, FRAME["weight"])]
    assert_allclose(sums[0], sums[1], rtol=1e-12)
    report = trimmed.weighting
    assert report.n_trimmed == 2
    effects = [
        np.mean((x / x.groupby(of).transform("mean")) ** 2)
        for x in (FRAME["weight"], weights)
    ]
    found = [report.design_effect_before, report.design_effect]
    assert_allclose(found, effects, rtol=1e-12)
    assert "trimmed to at least 1 and at most 4" in str(report)


def test_trimming_raked_weights_tells_how_far_the_margins_are_off_now():
    raked = rake(DESIGN, SEXES)
    trimmed = trim(raked, upper=4)
    margins = trimmed.weighting.margins
    kept = ["before", "target"]
    assert margins[kept].equals(raked.weighting.margins[kept])
    weights = trimmed.frame.groupby(["country", "sex"])["trimmed_weight"].sum()
    shares = weights / weights.groupby("country").transform("sum")
    assert_allclose(margins["after"], shares, rtol=1e-12)
    assert trimmed.weighting.method.startswith("raked to sex within each country, ")


def test_all_weights_outside_leave_nothing_lost():
    frame = pd.DataFrame({"weight": [1.0, 10.0]})
    trimmed = trim(SurveyDesign(frame, weights="weight"), lower=2, upper=8)
    assert_allclose(trimmed.frame["trimmed_weight"], [3, 8], rtol=1e-12)


def test_replicates_are_trimmed_too_and_leave_out_whom_they_left_out():
    design = replicate(DESIGN)
    trimmed = trim(design, upper=7)
    for before, after in zip(
        design.replicates.each(FRAME["weight"].to_numpy()),
        trimmed.replicates.each(trimmed.sample.weights),
        strict=True,
    ):
        assert after.max() <= 7 * (1 + 1e-12)
        assert_allclose(after.sum(), before.sum(), rtol=1e-12)
        assert (after[before == 0] == 0).all()


def test_limits_may_be_numbers_of_numpy():
    # The report of what was done used to fail on them.
    weights = DESIGN.sample.weights
    limits = {"lower": np.float64(0.5 * weights.mean()), "upper": 2 * weights.mean()}
    trimmed = trim(DESIGN, **limits)
    plain = trim(DESIGN, **{name: float(limit) for name, limit in limits.items()})
    assert str(trimmed.weighting) == str(plain.weighting)
    assert_allclose(trimmed.sample.weights, plain.sample.weights, rtol=1e-15)
