import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from analysis import SurveyDesign, mean, rake
from analysis.errors import WeightingError
from analysis.nonresponse import adjust_nonresponse
from analysis.replicates import replicate

FRAME = pd.DataFrame(
    {
        "region": ["N"] * 50 + ["S"] * 50,
        "sex": ["f", "m"] * 50,
        "weight": np.linspace(1, 3, 100),
        "answered": [True] * 25 + [False] * 25 + [True] * 15 + [False] * 35,
        "trust": np.arange(100) % 7,
    }
)
DESIGN = SurveyDesign(FRAME, weights="weight", strata="region")
SEXES = pd.DataFrame({"sex": ["f", "m"], "population": [50, 50]})


@pytest.mark.parametrize(
    ("design", "classes", "message"),
    [
        (
            SurveyDesign(FRAME.assign(answered=FRAME["region"] == "N")),
            ["region", "sex"],
            "classes 'region x sex': 2 of 4 have nobody who responded (S/f, S/m); "
            "merge them with similar classes",
        ),
        (
            SurveyDesign(FRAME.assign(region=FRAME["region"].mask(FRAME.index < 3))),
            "region",
            "classes 'region': 3 of 100 rows (0, 1, 2) have no value",
        ),
        (
            rake(DESIGN, SEXES, by=None),
            "region",
            "are already fitted to margins; adjust for nonresponse first",
        ),
    ],
)
def test_classes_that_cannot_be_adjusted_are_refused(design, classes, message):
    with pytest.raises(WeightingError) as raised:
        adjust_nonresponse(design, "answered", classes)
    assert message in str(raised.value)


@pytest.mark.parametrize("responded", ["answered", FRAME["answered"].to_numpy()])
def test_respondents_take_over_the_weights_of_their_class(responded):
    adjusted = adjust_nonresponse(DESIGN, responded, "region")
    weights = adjusted.frame["nonresponse_weight"]
    drawn = FRAME.groupby("region")["weight"].sum()
    assert_allclose(weights.groupby(adjusted.frame["region"]).sum(), drawn, rtol=1e-12)
    ratio = weights / adjusted.frame["weight"]
    assert_allclose(ratio.groupby(adjusted.frame["region"]).std(), 0, atol=1e-12)
    margins = adjusted.weighting.margins.loc["all", "region"]
    assert_allclose(margins["after"], drawn / drawn.sum(), rtol=1e-12)
    stayed = FRAME[FRAME["answered"]].groupby("region")["weight"].sum()
    assert_allclose(margins["before"], stayed / stayed.sum(), rtol=1e-12)
    factor = drawn / stayed
    assert adjusted.weighting.notes == (
        f"class N: 25 respondents, factor {factor['N']:.2f}",
        f"class S: 15 respondents, factor {factor['S']:.2f}",
    )
    assert "40 of 100 responded" in str(adjusted.weighting)


def test_notes_stay_when_the_weights_are_raked_afterwards():
    adjusted = adjust_nonresponse(DESIGN, "answered", "region")
    raked = rake(adjusted, SEXES, by=None)
    assert raked.weighting.notes == adjusted.weighting.notes


def test_replicates_are_adjusted_one_by_one():
    # Two villages; without the second, respondents of the first stand for its class.
    frame = FRAME.assign(village=np.arange(100) % 4)
    design = replicate(SurveyDesign(frame, weights="weight", clusters="village"))
    adjusted = adjust_nonresponse(design, "answered", "region")
    w, answered = FRAME["weight"].to_numpy(), FRAME["answered"].to_numpy()
    estimates = []
    for replicated, found in zip(
        design.replicates.each(w),
        adjusted.replicates.each(adjusted.sample.weights),
        strict=True,
    ):
        drawn = pd.Series(replicated).groupby(FRAME["region"]).transform("sum")
        stayed = pd.Series(replicated * answered).groupby(FRAME["region"])
        expected = replicated * drawn / stayed.transform("sum")
        assert_allclose(found, expected[answered], rtol=1e-12, atol=1e-15)
        estimates.append(np.average(FRAME["trust"][answered], weights=found))
    scale, rscales = adjusted.replicates.scale, adjusted.replicates.rscales
    deviations = np.array(estimates) - np.mean(estimates)
    variance = scale * (rscales * deviations**2).sum()
    assert_allclose(mean(adjusted, "trust").std_errors ** 2, variance, rtol=1e-9)


def test_somebody_has_to_say_who_responded():
    with pytest.raises(WeightingError, match="responded is None; name the true/false"):
        adjust_nonresponse(DESIGN, None, "region")
