import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from analysis import SurveyDesign, compare, mean, proportion
from analysis.comparison import adjusted, average, omnibus_test

REFERENCE = json.loads(
    (Path(__file__).parent / "references" / "comparison.json").read_text()
)
RTOL = 1e-9  # closed forms


@pytest.mark.parametrize("adjust", ["none", "holm", "bh", "hommel", "by"])
@pytest.mark.parametrize(
    ("variable", "by"),
    [("trust", "country"), ("trust", "age_group"), ("aware", "gender")],
)
def test_pairs_agree_with_r(design, variable, by, adjust):
    expected = REFERENCE[f"{variable}_{by}"]
    table = compare(mean(design, variable, by=by), adjust=adjust).to_frame()
    groups = table.index.to_frame()
    assert groups["group"].tolist() == list(_listed(expected["group"]))
    assert groups["reference"].tolist() == list(_listed(expected["reference"]))
    for column, key in [
        ("estimate", "estimate"),
        ("std_error", "std_error"),
        ("df", "df"),
        ("p_value", adjust),
    ]:
        assert_allclose(table[column], expected[key], rtol=RTOL)


def test_two_simple_random_samples_give_welchs_test(survey):
    two = survey[survey["country"].isin(["CN", "DE"])].dropna(subset="trust")
    design = SurveyDesign(two, strata="country")
    row = compare(mean(design, "trust", by="country")).to_frame().iloc[0]
    # R subtracts the second from the first country.
    assert_allclose(row["statistic"], -REFERENCE["welch"]["statistic"], rtol=RTOL)
    assert_allclose(row["df"], REFERENCE["welch"]["df"], rtol=RTOL)
    assert_allclose(row["p_value"], REFERENCE["welch"]["p"], rtol=RTOL)


@pytest.mark.parametrize("case", REFERENCE["omnibus"])
def test_all_groups_at_once_agree_with_r(design, case):
    variable, by = case.split()
    verb = proportion if variable in ("education", "approval") else mean
    test, expected = omnibus_test(verb(design, variable, by=by)), REFERENCE["omnibus"]
    assert_allclose(test.statistic, expected[case]["F"], rtol=RTOL)
    assert test.df == tuple(expected[case]["df"])
    assert_allclose(test.p_value, expected[case]["p"], rtol=RTOL)


@pytest.mark.parametrize("variable", REFERENCE["averages"])
@pytest.mark.parametrize(
    ("how", "weights"),
    [
        ("equal", "equal"),
        ("population", pd.Series({"CN": 1410, "US": 335, "GB": 68, "DE": 83})),
    ],
)
def test_averages_over_countries_agree_with_r(design, variable, how, weights):
    mean_of_all = average(mean(design, variable, by="country"), weights)
    expected = REFERENCE["averages"][variable][how]
    assert_allclose(mean_of_all.values, expected["estimate"], rtol=RTOL)
    assert_allclose(mean_of_all.std_errors, expected["std_error"], rtol=RTOL)
    assert_allclose(mean_of_all.group_df, expected["df"], rtol=RTOL)


@pytest.mark.parametrize("adjust", ["holm", "bh", "hommel", "by"])
def test_adjusted_p_values_agree_with_r(adjust):
    p = np.array(REFERENCE["adjusted"]["p"])
    assert_allclose(adjusted(p, adjust), REFERENCE["adjusted"][adjust], rtol=RTOL)
    # What was not tested takes no part.
    with_gap = adjusted(np.insert(p, 2, np.nan), adjust)
    assert_allclose(np.delete(with_gap, 2), REFERENCE["adjusted"][adjust], rtol=RTOL)
    assert np.isnan(with_gap[2])


def _listed(value):
    return value if isinstance(value, list) else [value]
