from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from analysis import AnalysisError, SurveyDesign, mean, proportion
from analysis.errors import DesignError, EstimationError, UnknownColumn

FRAME = pd.DataFrame(
    {
        "country": ["CN", "CN", "CN", "DE", "DE", "DE"],
        "village": [1, 1, 2, 1, 2, 2],
        "villages": [10, 10, 10, 20, 20, 20],
        "weight": [1.0, 2.0, 3.0, 1.0, 2.0, 3.0],
        "trust": [1.0, 2.0, 3.0, 4.0, 5.0, np.nan],
    }
)
NESTED = {"strata": "country", "clusters": "village", "nest": True}


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        (
            {},
            {"weights": "wieght"},
            UnknownColumn,
            "the frame has no column 'wieght'; it has country, village, villages,",
        ),
        ({}, {"strata": "land"}, UnknownColumn, "no column 'land'"),
        ({}, {"clusters": "psu"}, UnknownColumn, "no column 'psu'"),
        (
            {"weight": [1, 0, -1, np.nan, 2, 3]},
            {"weights": "weight"},
            DesignError,
            "weights 'weight': 3 of 6 rows (1, 2, 3) missing or not positive",
        ),
        (
            {"w": ["1", "2", ".", "1", "x", None]},
            {"weights": "w"},
            DesignError,
            "weights 'w' hold string values, 2 of 6 rows (2, 4) not a number; correct",
        ),
        (
            {},
            {"strata": pd.Series(["CN"] * 6)},
            UnknownColumn,
            "a column is named by text, not by a Series",
        ),
        (
            {"weight": [1, 2, 3, 1, 2, np.inf]},
            {"weights": "weight"},
            DesignError,
            "1 of 6 rows (5) infinite",
        ),
        (
            {"country": ["CN", "CN", "CN", "DE", "DE", None]},
            {"strata": "country"},
            DesignError,
            "strata 'country': missing in 1 of 6 rows (5)",
        ),
        (
            {"village": [1, np.nan, 2, 3, 4, 4]},
            {"clusters": "village"},
            DesignError,
            "clusters 'village': missing in 1 of 6 rows (1)",
        ),
        (
            {},
            {"strata": "country", "clusters": "village"},
            DesignError,
            "2 of 2 clusters lie in several strata (1, 2); use nest=True",
        ),
        (
            {"village": [1, 1, 1, 1, 2, 2]},
            NESTED,
            DesignError,
            "1 of 2 strata have one cluster (CN), so their variance cannot be",
        ),
        (
            {"village": 7},
            {"clusters": "village"},
            DesignError,
            "1 of 1 strata have one cluster (the whole sample)",
        ),
        (
            {"villages": [10, 10, 11, 20, 20, 20]},
            NESTED | {"population_sizes": "villages"},
            DesignError,
            "missing or different from others of their stratum",
        ),
        (
            {"villages": 0.5},
            NESTED | {"population_sizes": "villages"},
            DesignError,
            "give numbers of clusters in the population, not shares",
        ),
        (
            {},
            {"single_cluster": "centre"},
            DesignError,
            "single_cluster 'centre' is not known; use 'fail', 'remove', 'certainty', ",
        ),
        (
            {"village": 7},
            {"clusters": "village", "single_cluster": "average"},
            DesignError,
            "single_cluster='average': 1 of 1 strata (the whole sample) have one",
        ),
        (
            {"house": [1, 2, 1, 1, 1, 2], "houses": 4},
            NESTED
            | {
                "clusters": ["village", "house"],
                "population_sizes": ["villages", "houses"],
            },
            DesignError,
            "clusters 'village': 2 of 4 have one sampled 'house' of several (2, 1), so",
        ),
        (
            {"people": [3, 3, 2, 1, 3, 3]},
            NESTED
            | {"population_sizes": ["villages", "people"], "single_cluster": "average"},
            DesignError,
            "single_cluster='average': 1 of 4 'village' (2) have one sampled unit of",
        ),
        (
            {"people": [3, 4, 1, 1, 3, 3]},
            NESTED | {"population_sizes": ["villages", "people"]},
            DesignError,
            "population_sizes 'people': 1 of 6 rows (0) missing or different from",
        ),
        (
            {},
            NESTED | {"population_sizes": ["villages"] * 3},
            DesignError,
            "population_sizes has 3 columns (villages, villages, villages) for 1 of",
        ),
        (
            {"n": [1, 2, 0, 1, 1, np.nan]},
            {"counts": "n"},
            DesignError,
            "counts 'n': 2 of 6 rows (2, 5) missing or not positive",
        ),
    ],
)
def test_impossible_designs_are_refused(change, options, error, message):
    with pytest.raises(error) as raised:
        SurveyDesign(FRAME.assign(**change), **options)
    assert message in str(raised.value)
    assert isinstance(raised.value, AnalysisError)


def test_what_is_no_frame_an_empty_one_and_repeated_columns_are_refused():
    with pytest.raises(DesignError, match=r"frame is a path, .* analysis.open_parquet"):
        SurveyDesign("answers.parquet")
    with pytest.raises(DesignError, match="frame is a dict, not a pandas DataFrame"):
        SurveyDesign({"trust": [1]})
    with pytest.raises(DesignError, match="no rows"):
        SurveyDesign(FRAME.iloc[:0])
    with pytest.raises(DesignError, match="two columns 'trust'; rename one"):
        SurveyDesign(pd.concat([FRAME, FRAME["trust"]], axis=1))


@pytest.mark.parametrize(
    ("options", "n_clusters", "n_strata"),
    [
        ({}, 6, 1),
        ({"strata": "country"}, 6, 2),
        ({"clusters": "village"}, 2, 1),
        (NESTED, 4, 2),
        ({"strata": ["country", "village"], "single_cluster": "adjust"}, 6, 4),
        (NESTED | {"clusters": ["village", "weight"]}, 4, 2),
        ({"counts": "villages"}, 90, 1),
    ],
)
def test_clusters_and_strata_are_counted(options, n_clusters, n_strata):
    design = SurveyDesign(FRAME, **options)
    assert design.n_respondents == (90 if "counts" in options else 6)
    assert (design.n_clusters, design.n_strata) == (n_clusters, n_strata)
    assert f"{n_clusters} clusters, {n_strata} strata" in repr(design)


def test_a_whole_population_has_no_sampling_error():
    frame = FRAME.assign(villages=2)
    design = SurveyDesign(frame, population_sizes="villages", **NESTED)
    assert mean(design, "trust").std_errors.tolist() == [0]


def test_later_changes_to_the_frame_are_not_seen():
    frame = FRAME.copy()
    design = SurveyDesign(frame)
    frame["trust"] = 0.0
    assert mean(design, "trust").values["trust"] == 3


def test_columns_that_hold_moments_are_no_groups():
    design = SurveyDesign(FRAME, counts="villages", moments=["trust"])
    assert mean(design, "trust").n_respondents["trust"] == 70
    with pytest.raises(EstimationError, match="'trust' holds only moments"):
        proportion(design, "trust")


@pytest.mark.parametrize("kind", ["int8", "uint32", "int64", "Int64", "float64"])
def test_whole_numbers_are_sorted_into_groups_whatever_their_type(kind):
    values = pd.Series([7, -3 if kind[0] == "i" else 3, 7, 100, 9], dtype=kind)
    codes, labels = SurveyDesign(pd.DataFrame({"x": values})).groups("x")
    assert labels.tolist() == sorted(set(values))
    assert labels[codes].tolist() == values.tolist()


def test_weights_may_be_any_numbers_and_population_sizes_are_numbers():
    halves = FRAME.assign(w=[Decimal("1.5")] * len(FRAME))
    assert SurveyDesign(halves, weights="w").sample.weights.tolist() == [1.5] * 6
    texts = FRAME.assign(size="many")
    with pytest.raises(DesignError, match="population_sizes 'size' is not numeric"):
        SurveyDesign(texts, population_sizes="size")


def test_codes_of_narrow_whole_numbers_do_not_wrap():
    far = np.array([-120, 120, -120, 5], dtype=np.int8)
    frame = pd.DataFrame({"g": np.resize(far, 400), "y": range(400)})
    found = mean(SurveyDesign(frame), "y", by="g")
    # Labels used to be taken from wherever the difference of 240 wrapped to.
    assert found.values.index.tolist() == [-120, 5, 120]
    assert found.n_respondents.tolist() == [200, 100, 100]
