import json
import math

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from analysis import (
    SurveyDesign,
    compare,
    contrast,
    mean,
    proportion,
    regress,
    share_of,
    total,
)
from analysis.errors import EstimationError, UnknownColumn

FRAME = pd.DataFrame(
    {
        "country": ["CN", "CN", "CN", "DE", "DE", "DE"],
        "trust": [1.0, 2.0, 3.0, 4.0, 5.0, np.nan],
        "agrees": pd.array([True, False, True, True, None, False], dtype="boolean"),
        "answer": pd.Categorical(
            ["yes", "no", "yes", "yes", "yes", None], ["yes", "perhaps", "no"]
        ),
        "urban": [True, True, False, True, False, True],
        "nobody": [np.nan] * 6,
    }
)
DESIGN = SurveyDesign(FRAME, strata="country")


@pytest.mark.parametrize(
    ("estimate", "error", "message"),
    [
        (
            lambda: mean(DESIGN, "turst"),
            UnknownColumn,
            "no column 'turst'; it has country, trust, agrees, answer, urban, nobody",
        ),
        (lambda: proportion(DESIGN, "anwser"), UnknownColumn, "no column 'anwser'"),
        (lambda: mean(DESIGN, "trust", by="land"), UnknownColumn, "'land'"),
        (lambda: mean(DESIGN, "trust", where="rural"), UnknownColumn, "'rural'"),
        (
            lambda: mean(DESIGN, "country"),
            EstimationError,
            "'country' is not numeric (string); proportion() gives the share",
        ),
        (lambda: total(DESIGN, "answer"), EstimationError, "is not numeric"),
        (
            lambda: mean(DESIGN, "nobody"),
            EstimationError,
            "'nobody': none of 6 respondents answered it",
        ),
        (
            lambda: mean(DESIGN, "trust", where=FRAME["trust"] > 9),
            EstimationError,
            "where is true for none of 6 rows",
        ),
        (
            lambda: mean(DESIGN, "trust", where=FRAME["agrees"]),
            EstimationError,
            "where is missing in 1 of 6 rows (4); say with fillna()",
        ),
        (
            lambda: mean(DESIGN, "trust", where="trust"),
            EstimationError,
            "where 'trust' is missing in 1 of 6 rows (5)",
        ),
        (
            lambda: mean(DESIGN, "trust", where="country"),
            EstimationError,
            "where 'country' holds str values; it must be true or false",
        ),
        (
            lambda: mean(DESIGN, "trust", where=np.array([True])),
            EstimationError,
            "where has 1 values for 6 respondents",
        ),
        (
            lambda: mean(DESIGN, "trust", where=FRAME["urban"].iloc[::-1]),
            EstimationError,
            "where has another index than the frame",
        ),
        (
            lambda: proportion(DESIGN, "answer", interval="wald"),
            EstimationError,
            "interval 'wald' is not known",
        ),
        (
            lambda: share_of(FRAME["answer"], ["yes", "never", "always"]),
            EstimationError,
            "'answer' has no answer never, always; it has no, perhaps, yes",
        ),
        (
            lambda: mean(DESIGN, ["trust", "answer"]),
            UnknownColumn,
            "a column is named by text, not by a list",
        ),
        (
            lambda: mean(DESIGN, "trust", where=lambda row: row > 2),
            EstimationError,
            "where is a function; give the name of a true/false column",
        ),
        (
            lambda: mean(DESIGN, "trust").conf_int(95),
            EstimationError,
            "level is 95; it must be between 0 and 1",
        ),
    ],
)
def test_what_cannot_be_estimated_is_refused(estimate, error, message):
    with pytest.raises(error) as raised:
        estimate()
    assert message in str(raised.value)


def test_a_mean_leaves_out_those_without_an_answer_and_counts_the_others():
    result = mean(DESIGN, "trust", by="country")
    assert result.values.to_dict() == {"CN": 2, "DE": 4.5}
    assert result.n_respondents.to_dict() == {"CN": 3, "DE": 2}
    assert "5 of 6 respondents" in result.method


def test_the_mean_of_a_true_false_column_is_a_share():
    assert mean(DESIGN, "agrees").values["agrees"] == 3 / 5


def test_categories_keep_their_order_even_if_nobody_chose_them():
    shares = proportion(DESIGN, "answer")
    assert shares.values.to_dict() == {"yes": 0.8, "perhaps": 0, "no": 0.2}
    assert shares.to_frame().loc["perhaps", "note"] == "Korn-Graubard limits"


def test_a_share_of_zero_gets_the_limits_of_clopper_and_pearson():
    frame = pd.DataFrame({"answer": pd.Categorical(["no"] * 20, ["no", "yes"])})
    limits = proportion(SurveyDesign(frame), "answer").conf_int()
    assert limits.loc["yes", "conf_low"] == 0
    # Nobody among 20: the upper limit solves (1 - p)^20 = 0.025.
    assert_allclose(limits.loc["yes", "conf_high"], 1 - 0.025 ** (1 / 20), rtol=1e-12)
    assert_allclose(limits.loc["no", "conf_low"], 0.025 ** (1 / 20), rtol=1e-12)
    assert limits.loc["no", "conf_high"] == 1


def test_a_group_in_which_nobody_answered_is_named_not_zero():
    frame = FRAME.assign(trust=FRAME["trust"].where(FRAME["country"] == "CN"))
    table = mean(SurveyDesign(frame, strata="country"), "trust", by="country")
    row = table.to_frame().loc["DE"]
    assert math.isnan(row["estimate"])
    assert math.isnan(row["std_error"])
    assert (row["n_respondents"], row["note"]) == (0, "no respondents answered")


def test_a_group_of_one_has_an_estimate_without_limits():
    row = mean(DESIGN, "trust", by="country", where=FRAME["trust"].isin([1, 2, 4]))
    row = row.to_frame().loc["DE"]
    assert row["estimate"] == 4
    # It used to have a standard error of 0.
    assert math.isnan(row["std_error"])
    assert math.isnan(row["conf_low"])
    assert row["note"] == "no standard error: one cluster"


def test_what_cannot_be_estimated_stays_so_in_whatever_is_made_of_it():
    frame = pd.DataFrame(
        {
            "g": list("aaabbbcd"),
            "y": [1.0, 2, 4, 3, 4, 8, 5, np.nan],
        }
    )
    design = SurveyDesign(frame)
    totals = total(design, "y", by="g")
    assert totals.values.isna().tolist() == [False, False, False, True]
    differences = compare(mean(design, "y", by="g"), reference="a").to_frame()
    # Against one respondent, and against nobody: these were numbers.
    assert differences["note"].tolist() == ["", "no standard error", "not estimated"]
    assert differences["p_value"].isna().tolist() == [False, True, True]
    against_nobody = compare(totals, reference="a").to_frame().loc[("d", "a")]
    assert math.isnan(against_nobody["estimate"])
    ratio_of = contrast(totals, lambda v: {"d/a": v["d"] / v["a"]})
    assert ratio_of.to_frame()["note"].tolist() == ["not estimated"]


def test_a_model_of_as_many_columns_as_clusters_has_no_tests():
    frame = pd.DataFrame(
        {"village": list("aabbccdd"), "y": [1.0, 2, 4, 3, 4, 8, 5, 6], "x": range(8)}
    )
    design = SurveyDesign(frame, clusters="village")
    # One mean a village: the standard errors were rounding errors, t up to 1e15.
    by_village = regress(design, "y ~ village").to_frame()
    assert by_village["std_error"].isna().all()
    assert set(by_village["note"]) == {"no standard error"}
    straight = regress(design, "y ~ x + np.sin(x) + np.cos(x)").to_frame()
    assert straight["std_error"].notna().all()
    assert set(straight["note"]) == {"no interval: no degrees of freedom"}


def test_dates_and_intervals_become_text_for_json():
    frame = pd.DataFrame(
        {
            "week": pd.to_datetime(["2026-11-02", "2026-11-09"]).repeat(4),
            "age": pd.cut(np.arange(8) * 9, [-1, 30, 99]),
            "y": np.arange(8.0),
        }
    )
    found = mean(SurveyDesign(frame), "y", by=["week", "age"]).to_dict()
    first = json.loads(json.dumps(found))["rows"][0]
    assert (first["week"], first["age"]) == ("2026-11-02 00:00:00", "(-1, 30]")


def test_groups_of_several_columns_are_named_by_all_of_them():
    result = proportion(DESIGN, "answer", by=["country", "urban"])
    assert result.values.index.names == ["country", "urban", "answer"]
    assert result.values["CN", False, "yes"] == 1


def test_totals_add_up_over_groups():
    parts, whole = total(DESIGN, "trust", by="country"), total(DESIGN, "trust")
    assert parts.values.sum() == whole.values["trust"] == 15


def test_results_print_what_they_are_and_become_json():
    result = proportion(DESIGN, "answer", by="country")
    assert str(result) == result.summary()
    first, *_, last = str(result).splitlines()
    assert first == (
        "Share of each answer by country: 5 of 6 respondents, 6 clusters in 2 strata, "
        "linearized variance"
    )
    assert last == "95% logit intervals, df = 1 to 2"
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert plain["rows"][0]["country"] == "CN"
    assert plain["rows"][0]["answer"] == "yes"
    assert plain["rows"][0]["estimate"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("as_text", [False, True])
def test_the_share_of_several_answers_counts_those_who_answered(as_text):
    answers = FRAME["answer"].astype(object) if as_text else FRAME["answer"]
    wanted = ["yes", "no"] if as_text else ["yes", "perhaps"]
    column = share_of(answers, wanted)
    expected = [1, as_text, 1, 1, 1, np.nan]
    np.testing.assert_array_equal(column, np.array(expected, dtype=float))


def test_a_share_of_each_of_very_many_answers():
    shares = proportion(SurveyDesign(pd.DataFrame({"job": range(300)})), "job")
    np.testing.assert_allclose(shares.values, 1 / 300)
