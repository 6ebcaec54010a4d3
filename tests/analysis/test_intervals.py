import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from analysis.intervals import limits


def one(kind, p, variance, df, n, level=0.95):
    arrays = (np.array([float(number)]) for number in (p, variance, df, n))
    low, high = limits(kind, *arrays, level)
    return low[0], high[0]


def test_wilson_gives_the_interval_of_r_survey_4_5():
    # High cholesterol in NHANES; a smaller n as well as t would be 0.100259, 0.125239.
    found = one("wilson", 0.11214296, 0.00544584**2, 16, 7846)
    assert_allclose(found, (0.101113, 0.124210), atol=5e-7)  # R prints six digits


def test_korn_graubard_is_clopper_pearson_in_a_simple_random_sample():
    n, p = 50, 0.2
    found = one("korn-graubard", p, p * (1 - p) / n, n - 1, n)
    exact = stats.binomtest(10, 50).proportion_ci(method="exact")
    assert_allclose(found, exact, rtol=1e-9)


@pytest.mark.parametrize("kind", ["logit", "wilson", "korn-graubard"])
@pytest.mark.parametrize("share", [0, 1])
def test_a_share_of_nothing_or_all_has_one_exact_bound(kind, share):
    low, high = one(kind, share, 0, 99, 100)
    bound = 1 - 0.025 ** (1 / 100)
    assert_allclose((low, high), (0, bound) if share == 0 else (1 - bound, 1))


@pytest.mark.parametrize("kind", ["t", "logit", "wilson", "korn-graubard"])
def test_without_degrees_of_freedom_there_is_no_interval(kind):
    assert np.isnan(one(kind, 0.3, 0.01, 0, 20)).all()


@pytest.mark.parametrize("kind", ["logit", "wilson", "korn-graubard"])
def test_shares_stay_between_0_and_1(kind):
    low, high = one(kind, 0.01, 0.02**2, 5, 60)
    assert 0 < low < 0.01 < high < 1
