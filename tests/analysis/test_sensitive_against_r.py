import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from analysis import list_experiment, sensitivity_bias
from analysis.sensitive import check_list, extreme_counts

REFERENCE = json.loads(
    (Path(__file__).parent / "references" / "sensitive.json").read_text()
)
RTOL = 1e-9  # closed forms


@pytest.mark.parametrize(
    ("case", "make"),
    [
        ("all", lambda d: list_experiment(d, "items", "long_list")),
        ("by", lambda d: list_experiment(d, "items", "long_list", by="country")),
        ("urban", lambda d: list_experiment(d, "items", "long_list", where="urban")),
        ("bias_all", lambda d: sensitivity_bias(d, "direct", "items", "long_list")),
        (
            "bias_by",
            lambda d: sensitivity_bias(d, "direct", "items", "long_list", by="country"),
        ),
    ],
)
def test_list_experiments_agree_with_r(design, case, make):
    result, expected = make(design), np.atleast_2d(REFERENCE[case])
    assert_allclose(result.values, expected[:, 0], rtol=RTOL)
    assert_allclose(result.std_errors, expected[:, 1], rtol=RTOL)


def test_implied_types_agree_with_r(design):
    check = check_list(design, "items", "long_list", n_items=REFERENCE["n_items"])
    assert_allclose(check.types, REFERENCE["types"], rtol=RTOL)


@pytest.mark.parametrize(
    ("case", "country"), [("extremes", None), ("extremes_cn", "CN")]
)
def test_floor_and_ceiling_agree_with_r(design, case, country):
    where = None if country is None else design.frame["country"] == country
    shares = extreme_counts(
        design, "items", "long_list", n_items=REFERENCE["n_items"], where=where
    )
    ends = shares.to_frame().loc[["none", "all"], ["estimate", "std_error"]]
    assert_allclose(ends, REFERENCE[case], rtol=RTOL)
