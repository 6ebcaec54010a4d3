import json
from pathlib import Path

import pytest
from numpy.testing import assert_allclose

from analysis import SurveyDesign, compare, mean

REFERENCE = json.loads(
    (Path(__file__).parent / "references" / "comparison.json").read_text()
)
RTOL = 1e-9  # closed forms


@pytest.mark.parametrize("adjust", ["none", "holm", "bh"])
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


def _listed(value):
    return value if isinstance(value, list) else [value]
