import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from analysis import SurveyDesign, compare, mean
from analysis.errors import ComparisonError, WeightingError
from analysis.replicates import replicate
from analysis.standardization import decompose, standardize

REFERENCE = json.loads(
    (Path(__file__).parent / "references" / "comparison.json").read_text()
)
RTOL = 1e-9  # closed forms


@pytest.fixture
def standard():
    return pd.DataFrame(
        {"age_group": ["18-34", "35-54", "55+"], "population": [30, 45, 25]}
    )


def test_standardised_means_agree_with_r(design, standard):
    trust = mean(standardize(design, standard), "trust", by="country")
    expected = REFERENCE["standardized"]
    assert_allclose(trust.values, expected["estimate"], rtol=RTOL)
    assert_allclose(trust.std_errors, expected["std_error"], rtol=RTOL)


def test_all_groups_get_the_standard_population_and_keep_their_sums(design, standard):
    after = standardize(design, standard).frame
    sums = after.pivot_table("calibrated_weight", "country", "age_group", "sum")
    shares = sums.div(sums.sum(axis=1), axis=0)
    for _, row in shares.iterrows():
        assert_allclose(row, [0.3, 0.45, 0.25], rtol=1e-9)
    before = after.groupby("country")["design_weight"].sum()
    assert_allclose(sums.sum(axis=1), before, rtol=1e-9)


@pytest.mark.parametrize("kind", REFERENCE["kitagawa"])
def test_decompositions_agree_with_r(design, kind):
    if kind == "jackknife":
        design = replicate(design, "JKn")
    result = decompose(design, "trust", "age_group", by="country", reference="CN")
    parts = [("DE", "CN", "composition"), ("DE", "CN", "rates")]
    expected = REFERENCE["kitagawa"][kind]
    assert_allclose(result.values[parts], expected["estimate"], rtol=RTOL)
    covariance = result.covariance.loc[parts, parts]
    assert_allclose(covariance, expected["covariance"], rtol=RTOL)


def test_the_parts_add_up_to_the_difference(design):
    result = decompose(design, "trust", ["age_group", "gender"], by="country")
    differences = compare(mean(design, "trust", by="country"))
    total = result.to_frame().xs("total", level="part")
    assert_allclose(total["estimate"], differences.values, rtol=1e-12)
    assert_allclose(total["std_error"], differences.std_errors, rtol=1e-9)
    assert total["n_respondents"].tolist() == differences.n_respondents.tolist()
    sums = result.values.drop("total", level="part").to_numpy().reshape(-1, 2)
    assert_allclose(sums.sum(axis=1), differences.values, rtol=1e-12)


def test_groups_of_the_same_composition_differ_in_rates_only(design, standard):
    result = decompose(
        standardize(design, standard),
        "trust",
        "age_group",
        by="country",
        reference="CN",
        where=design.frame["trust"].notna(),
    )
    answered = design.frame.dropna(subset="trust")
    same = SurveyDesign(answered.assign(one=1.0), strata="country")
    exact = decompose(
        standardize(same, standard), "trust", "age_group", by="country"
    ).values.xs("composition", level="part")
    assert_allclose(exact, 0, atol=1e-12)
    # Who did not answer moves the composition of who did a little.
    assert (result.values.xs("composition", level="part").abs() < 0.02).all()


def test_other_groups_change_nothing(survey):
    drawing = {"strata": "stratum", "clusters": "cluster"}
    two = survey["country"].isin(["CN", "DE"])
    part = decompose(
        SurveyDesign(survey, **drawing), "trust", "age_group", by="country", where=two
    )
    alone = decompose(
        SurveyDesign(survey[two], **drawing), "trust", "age_group", by="country"
    )
    assert_allclose(part.values, alone.values, rtol=1e-12)
    assert_allclose(part.covariance, alone.covariance, rtol=1e-9)
    assert_allclose(part.p_values, alone.p_values, rtol=1e-9)


def test_what_cannot_be_standardised_is_refused(survey, design, standard):
    with pytest.raises(ComparisonError, match="population has a column 'country'"):
        standardize(design, standard.assign(country="CN"))
    one = survey[(survey["country"] != "DE") | (survey["age_group"] != "55+")]
    with pytest.raises(WeightingError, match="1 have a target but no respondents"):
        standardize(SurveyDesign(one), standard)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (
            lambda f: f[(f["country"] != "DE") | (f["age_group"] != "55+")],
            {},
            "1 of 12 combinations have no respondents (DE: 55+); put categories",
        ),
        (
            lambda f: f[f["country"] == "DE"],
            {},
            "'country' has one group (DE) with answers; comparing needs two",
        ),
        (lambda f: f, {"reference": "FR"}, "reference 'FR' is none of the 4 groups"),
    ],
)
def test_what_cannot_be_decomposed_is_refused(survey, change, options, message):
    design = SurveyDesign(change(survey))
    with pytest.raises(ComparisonError) as raised:
        decompose(design, "trust", "age_group", by="country", **options)
    assert message in str(raised.value)


def test_decompositions_of_shares_read_as_points(survey):
    frame = survey.assign(likes=survey["trust"] > 5)
    result = decompose(
        SurveyDesign(frame, strata="country"), "likes", "education", by="gender"
    )
    assert result.values.index.names == ["group", "reference", "part"]
    assert result.values.index.get_level_values("part").tolist() == [
        "composition",
        "rates",
        "total",
    ]
    assert np.isfinite(result.p_values).all()
    assert "split over education (Kitagawa)" in str(result)
