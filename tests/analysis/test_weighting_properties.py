"""What holds for fitted weights, whatever the sample and the margins."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from analysis import SurveyDesign, mean, rake
from analysis.trimming import trim
from analysis.weighting import calibrate

FITS = {
    "rake": lambda design, margins, _: rake(design, margins),
    "linear": lambda design, margins, totals: calibrate(
        design, margins, totals, by="country", bounds=(0.01, 100)
    ),
    "raking": lambda design, margins, totals: calibrate(
        design, margins, totals, by="country", method="raking"
    ),
    "logit": lambda design, margins, totals: calibrate(
        design, margins, totals, by="country", method="logit", bounds=(0.01, 100)
    ),
}
few = settings(max_examples=20, deadline=None)
every_fit = st.sampled_from(sorted(FITS))


@st.composite
def surveys(draw):
    """A sample, margins and totals that some positive weights of it give."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    cells = pd.MultiIndex.from_product(
        [["CN", "DE"], ["young", "old"], ["f", "m"], range(3)],
        names=["country", "age", "sex", "number"],
    )
    frame = cells.to_frame(index=False).drop(columns="number")
    n = len(frame)
    frame["weight"] = random.uniform(0.5, 3, n)
    frame["rooms"] = random.integers(1, 6, n)
    frame["trust"] = random.normal(5, 2, n)
    people = frame.assign(population=frame["weight"] * random.uniform(0.5, 2, n))
    margins = [
        people.groupby(["country", name], as_index=False)["population"].sum()
        for name in ("age", "sex")
    ]
    totals = (
        people.assign(rooms=people["rooms"] * people["population"])
        .groupby("country", as_index=False)[["population", "rooms"]]
        .sum()
    )
    return frame, margins, totals


def design_of(frame):
    return SurveyDesign(frame, weights="weight", strata="country")


@few
@given(known=surveys(), fit=every_fit)
def test_margins_are_reached_and_have_no_error(known, fit):
    frame, margins, totals = known
    fitted = FITS[fit](design_of(frame), margins, totals)
    table = fitted.weighting.margins
    assert_allclose(table["after"], table["target"], rtol=1e-10)
    weights = fitted.frame.groupby("country")["calibrated_weight"].sum()
    assert_allclose(weights, frame.groupby("country")["weight"].sum(), rtol=1e-10)
    if fit != "rake":
        rooms = mean(fitted, "rooms", by="country")
        targets = (totals["rooms"] / totals["population"]).to_numpy()
        assert_allclose(rooms.values, targets, rtol=1e-10)
        assert_allclose(rooms.std_errors, 0, atol=1e-8)


@few
@given(known=surveys(), fit=every_fit, factor=st.floats(1e-3, 1e3))
def test_neither_scales_nor_the_order_of_margins_matter(known, fit, factor):
    frame, margins, totals = known
    one = FITS[fit](design_of(frame), margins, totals)
    scaled = frame.assign(weight=frame["weight"] * factor)
    more = [margins[1].assign(population=margins[1]["population"] * 7), margins[0]]
    other = FITS[fit](design_of(scaled), more, totals)
    weights = [x.frame["calibrated_weight"] for x in (one, other)]
    # Iterated to 1e-12 of the margins.
    assert_allclose(weights[1], weights[0] * factor, rtol=1e-9)
    errors = [mean(x, "trust", by="sex").std_errors for x in (one, other)]
    assert_allclose(errors[1], errors[0], rtol=1e-8)


@few
@given(known=surveys())
def test_raking_is_the_calibration_of_that_name(known):
    frame, margins, _ = known
    raked = rake(design_of(frame), margins)
    calibrated = calibrate(design_of(frame), margins, by="country", method="raking")
    weights = [x.frame["calibrated_weight"] for x in (raked, calibrated)]
    assert_allclose(weights[0], weights[1], rtol=1e-9)


@few
@given(known=surveys(), low=st.floats(0.3, 0.6), high=st.floats(1.8, 3))
def test_factors_stay_within_bounds(known, low, high):
    # The population's factors lie between 0.5 and 2; these bounds may be narrower
    # around the mean factor of a country, so margins of one country in all.
    frame, margins, _ = known
    ages = margins[0].groupby("age", as_index=False)["population"].sum()
    for method in ("linear", "raking", "logit"):
        fitted = calibrate(
            design_of(frame), ages, method=method, bounds=(low, high)
        ).frame
        factors = fitted["calibrated_weight"] / fitted["weight"]
        assert factors.between(low * (1 - 1e-12), high * (1 + 1e-12)).all()


@few
@given(known=surveys(), lower=st.floats(0.5, 1), upper=st.floats(2.5, 3))
def test_trimmed_weights_keep_their_sum_and_their_limits(known, lower, upper):
    design = design_of(known[0])
    weights = trim(design, lower=lower, upper=upper, by="country").frame
    assert weights["trimmed_weight"].between(lower, upper).all()
    sums = weights.groupby("country")[["weight", "trimmed_weight"]].sum()
    assert_allclose(sums["trimmed_weight"], sums["weight"], rtol=1e-11)
