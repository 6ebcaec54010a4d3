import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import special

from analysis import SurveyDesign, mean
from analysis.association import goodness_of_fit_test, independence_test
from analysis.errors import EstimationError, UnknownColumn
from analysis.hypotheses import wald_statistic
from analysis.location import rank_test, t_test
from analysis.quadratic_forms import f_tail, upper_tail

EDUCATION = pd.Series({"low": 0.3, "middle": 0.4, "high": 0.3})

TESTS = {
    "independence": lambda design, where=None: independence_test(
        design, "education", "gender", where=where
    ),
    "wald": lambda design, where=None: independence_test(
        design, "education", "gender", where=where, statistic="wald"
    ),
    "fit": lambda design, where=None: goodness_of_fit_test(
        design, "education", EDUCATION, where=where
    ),
    "t": lambda design, where=None: t_test(design, "trust", by="gender", where=where),
    "ranks": lambda design, where=None: rank_test(
        design, "trust", "gender", where=where
    ),
    "ranks of several": lambda design, where=None: rank_test(
        design, "trust", "age_group", where=where
    ),
}
every_test = pytest.mark.parametrize("test", TESTS.values(), ids=TESTS)


def same(test, other):
    assert_allclose(test.statistic, other.statistic, rtol=1e-9)
    assert_allclose(test.p_value, other.p_value, rtol=1e-9)
    assert_allclose(test.df, other.df, rtol=1e-9)


@every_test
def test_the_unit_of_the_weights_does_not_matter(survey, test):
    drawing = {"weights": "design_weight", "strata": "stratum", "clusters": "cluster"}
    larger = survey.assign(design_weight=survey["design_weight"] * 1000)
    same(test(SurveyDesign(survey, **drawing)), test(SurveyDesign(larger, **drawing)))


@every_test
def test_the_order_of_the_rows_does_not_matter(survey, test):
    drawing = {"weights": "design_weight", "strata": "stratum", "clusters": "cluster"}
    shuffled = survey.sample(frac=1, random_state=1)
    same(test(SurveyDesign(survey, **drawing)), test(SurveyDesign(shuffled, **drawing)))


@every_test
def test_rows_may_stand_for_several_respondents(survey, test):
    columns = ["education", "trust", "gender", "age_group"]
    sizes = survey.groupby(columns, dropna=False).size().rename("n").reset_index()
    assert len(sizes) < len(survey)
    counted, listed = SurveyDesign(sizes, counts="n"), SurveyDesign(survey)
    same(test(counted), test(listed))
    assert test(counted).n_respondents == test(listed).n_respondents


@every_test
def test_leaving_out_answers_by_hand_is_the_same_as_where(survey, test):
    columns = ["education", "trust", "gender", "age_group"]
    blanked = survey.assign(**{c: survey[c].where(survey["urban"]) for c in columns})
    drawing = {"weights": "design_weight", "strata": "stratum", "clusters": "cluster"}
    domain = test(SurveyDesign(survey, **drawing), "urban")
    same(test(SurveyDesign(blanked, **drawing)), domain)
    assert domain.n_respondents <= survey["urban"].sum()


@every_test
def test_results_print_what_they_are_and_become_json(design, test):
    result = test(design)
    assert str(result) == result.summary()
    assert f"? {result.n_respondents} of 615 respondents, 54 clusters" in str(result)
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert plain["test"] == result.statistic_name
    assert plain["p_value"] == result.p_value
    assert plain["n_respondents"] == result.n_respondents
    assert ("conf_low" in plain) == (result.statistic_name == "t")


def test_an_infinite_denominator_is_missing_in_json(design):
    test = independence_test(design, "education", "gender", statistic="chi2")
    assert test.df == (2, math.inf)
    assert test.to_dict()["df_denominator"] is None


def test_rows_and_columns_may_change_places(design):
    for statistic in ("F", "chi2", "saddlepoint", "linear-combination"):
        one, other = (
            independence_test(design, *pair, statistic=statistic)
            for pair in (("education", "country"), ("country", "education"))
        )
        same(one, other)


def test_pearsons_test_is_what_a_simple_random_sample_gives(survey):
    counts = pd.crosstab(survey["education"], survey["gender"]).to_numpy(float)
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    x2 = ((counts - expected) ** 2 / expected).sum()
    test = independence_test(
        SurveyDesign(survey), "education", "gender", statistic="chi2"
    )
    assert_allclose(test.statistic, x2, rtol=1e-12)
    # The design effects are those of the observed table, and divided by n - 1.
    assert_allclose(test.p_value, special.chdtrc(2, x2), rtol=5e-3)


def test_a_t_test_is_the_interval_of_the_mean(design):
    estimate = mean(design, "trust").to_frame().iloc[0]
    test = t_test(design, "trust", null=5)
    assert_allclose(test.conf_int(), estimate[["conf_low", "conf_high"]], rtol=1e-12)
    low, _ = test.conf_int(1 - test.p_value)
    assert_allclose(low, 5, rtol=1e-9)


def test_two_numbers_for_each_give_the_same_ranks_as_their_order(survey):
    frame = survey.assign(
        stretched=np.exp(survey["trust"]),
        ordered=pd.Categorical(survey["trust"], ordered=True),
    )
    tests = [
        rank_test(SurveyDesign(frame, strata="stratum"), variable, "country")
        for variable in ("trust", "stretched", "ordered")
    ]
    same(tests[0], tests[1])
    same(tests[0], tests[2])


def refused(call, error=EstimationError):
    with pytest.raises(error) as raised:
        call()
    return str(raised.value)


@pytest.fixture
def small():
    return SurveyDesign(
        pd.DataFrame(
            {
                "sex": list("fmfmfm"),
                "vote": ["yes"] * 6,
                "region": list("aabbcc"),
                "missing": [np.nan] * 6,
                "trust": [1.0, 2, 3, 4, 5, 6],
                "flat": [3.0] * 6,
            }
        )
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda d: independence_test(d, "sex", "vote"),
            "'vote': all of 6 respondents who answered both questions gave one answer",
        ),
        (
            lambda d: independence_test(d, "sex", "missing"),
            "'sex' and 'missing': none of 6 respondents answered all of them",
        ),
        (
            lambda d: independence_test(d, "region", "region"),
            "6 of 9 cells of the table are empty, too many for a test of independence",
        ),
        (
            lambda d: independence_test(d, "sex", "region", statistic="G"),
            "statistic 'G' is not known; use F, chi2, linear-combination, saddlepoint",
        ),
        (
            lambda d: goodness_of_fit_test(d, "region", pd.Series({"a": 1, "b": 2})),
            "'region': 1 of 3 answers have no expected share (c); add them",
        ),
        (
            lambda d: goodness_of_fit_test(d, "sex", pd.Series({"f": 1, "m": 0})),
            "expected: 1 of 2 shares are repeated, missing or not positive",
        ),
        (
            lambda d: goodness_of_fit_test(d, "sex", pd.Series([1, 2], ["f", "f"])),
            "expected: 1 of 2 shares are repeated",
        ),
        (
            lambda d: goodness_of_fit_test(d, "vote", pd.Series({"yes": 1})),
            "give one positive share to each of two answers or more",
        ),
        (
            lambda d: goodness_of_fit_test(
                d, "sex", pd.Series({"f": 1, "m": 2}), statistic="wald"
            ),
            "statistic 'wald' is not known",
        ),
        (
            lambda d: t_test(d, "flat"),
            "t test: mean of flat is 0: the answers do not vary",
        ),
        (
            lambda d: t_test(d, "trust", by="region"),
            "'region' has 3 groups with answers (a, b, c); this test needs two: choose",
        ),
        (
            lambda d: rank_test(d, "trust", "vote"),
            "'vote' has 1 group with answers (yes); this test needs two or more",
        ),
        (
            lambda d: rank_test(d, "sex", "region"),
            "'sex' is not numeric",
        ),
        (
            lambda d: rank_test(d, "trust", "sex", scores="normal"),
            "scores 'normal' is not known; use wilcoxon, van-der-waerden, median",
        ),
        (
            lambda d: rank_test(d, "flat", "region"),
            "2 of 2 tested values have no sampling variance",
        ),
        (
            lambda d: t_test(d, "trust", where=np.array([True] + [False] * 5)),
            "the test needs more than 0 degrees of freedom and there are 0",
        ),
    ],
)
def test_impossible_tests_are_refused(small, call, message):
    assert message in refused(lambda: call(small))


def test_unknown_columns_are_named(small):
    message = refused(lambda: independence_test(small, "sex", "income"), UnknownColumn)
    assert "no column 'income'" in message


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.floats(0.01, 100), min_size=1, max_size=12),
    st.floats(0.05, 8),
    st.sampled_from([1.0, 3.5, 40.0, math.inf]),
)
def test_tails_of_sums_hold_together(coefficients, times, df):
    a = np.array(coefficients)
    x = times * a.sum()
    tail = upper_tail(x, a, df)
    assert 0 <= tail <= 1
    assert_allclose(upper_tail(7 * x, 7 * a, df), tail, rtol=1e-8)
    assert upper_tail(1.1 * x, a, df) < tail
    # One variable more makes the sum larger.
    assert upper_tail(x, np.append(a, a.mean()), df) > tail


@pytest.mark.parametrize("df", [1.0, 2.0, 7.3, 60.0, 5000.0, math.inf])
@pytest.mark.parametrize("n", [1, 2, 5, 40])
def test_equal_coefficients_give_f_also_in_the_far_tail(n, df):
    for times in (0.01, 0.5, 1, 1.5, 4, 30):
        expected = f_tail(times, n, df)
        assert_allclose(
            upper_tail(2.5 * n * times, np.full(n, 2.5), df), expected, 1e-9
        )


@pytest.mark.parametrize("x", [0.1, 2.0, 10.0, 80.0, 600.0])
def test_pairs_of_coefficients_give_sums_of_exponentials(x):
    a, b = 4.0, 0.5
    expected = (a * math.exp(-x / 2 / a) - b * math.exp(-x / 2 / b)) / (a - b)
    assert_allclose(upper_tail(x, np.array([a, b, a, b])), expected, rtol=1e-11)
    close = upper_tail(x, np.array([a, b, a, b]), method="saddlepoint")
    assert_allclose(close, expected, rtol=0.07)


@pytest.mark.parametrize("method", ["integration", "saddlepoint", "satterthwaite"])
@pytest.mark.parametrize("df", [1.0, 30.0, math.inf])
def test_tails_far_out_on_both_sides(df, method):
    for a in ([1.0], [1e-6, 1e6], [2.0, 0.0]):
        near, far = (upper_tail(x, np.array(a), df, method) for x in (1e-99, 1e99))
        assert_allclose([near, far], [1, 0], atol=1e-10)
        assert upper_tail(0, np.array(a), df, method) == 1
        assert math.isnan(upper_tail(math.nan, np.array(a), df, method))


def test_values_that_follow_from_others_do_not_count():
    values, root = np.array([1.0, -2.0]), np.array([[2.0, 0.0], [1.0, 3.0]])
    spread = root @ root.T
    plain, _ = wald_statistic(values, spread)
    assert_allclose(plain, values @ np.linalg.solve(spread, values), rtol=1e-12)
    more = np.array([[1, 0], [0, 1], [-1, -1], [0, 0]])
    repeated, rank = wald_statistic(more @ values, more @ spread @ more.T)
    assert rank == 2
    assert_allclose(repeated, plain, rtol=1e-10)


def test_a_table_that_is_exactly_independent_has_p_one():
    frame = pd.DataFrame({"sex": list("ffmm") * 20, "vote": list("ynyn") * 20})
    for statistic in ("F", "chi2", "linear-combination", "saddlepoint", "wald"):
        test = independence_test(
            SurveyDesign(frame), "sex", "vote", statistic=statistic
        )
        assert_allclose(test.p_value, 1, atol=1e-7)
