import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import anonymity, diversity, suppress
from analysis.errors import DisclosureError, UnknownColumn

FRAME = pd.DataFrame(
    {
        "age": ["18-29", "18-29", "30+", "30+", "30+"],
        "region": ["N", "N", "S", "S", None],
        "approval": ["yes", "no", "yes", "yes", "no"],
    }
)


@pytest.mark.parametrize(
    ("names", "k", "l"),
    [
        ([], 5, 2),
        (["age"], 2, 2),
        (["region"], 1, 1),
        (["age", "region"], 1, 1),
    ],
)
def test_how_alike_those_are_who_look_alike(names, k, l):  # noqa: E741
    assert anonymity(FRAME, names) == k
    assert diversity(FRAME, names, "approval") == l


def test_nobody_is_nobody():
    assert anonymity(FRAME[:0], ["age"]) == 0
    assert diversity(FRAME[:0], ["age"], "approval") == 0


@pytest.mark.parametrize(
    ("protect", "error", "message"),
    [
        (lambda: anonymity(FRAME, ["aeg"]), UnknownColumn, "no column aeg; it has age"),
        (lambda: diversity(FRAME, ["age"], "x"), UnknownColumn, "no column x"),
        (lambda: suppress(FRAME, ["town"], 2), UnknownColumn, "no column town"),
        (lambda: suppress(FRAME, ["age"], 1), DisclosureError, "k is 1 for 5"),
        (
            lambda: suppress(FRAME, ["age"], 6),
            DisclosureError,
            "k is 6 for 5 respondents; it must be at least 2 and at most their number",
        ),
    ],
)
def test_protection_that_cannot_be_had_is_refused(protect, error, message):
    with pytest.raises(error) as raised:
        protect()
    assert message in str(raised.value)


def test_the_least_important_column_is_blanked_first():
    frame = pd.DataFrame(
        {"age": ["18-29"] * 3 + ["30+"] * 3, "town": list("aabccd"), "x": range(6)}
    )
    protected, n_suppressed = suppress(frame, ["age", "town"], 2)
    assert n_suppressed["age"] == 0
    assert anonymity(protected, ["age", "town"]) >= 2
    assert protected["x"].tolist() == frame["x"].tolist()


PEOPLE = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y", None])),
    min_size=4,
    max_size=40,
)


@given(people=PEOPLE, k=st.integers(2, 4))
def test_everybody_has_company_and_nothing_is_invented(people, k):
    frame = pd.DataFrame(people, columns=["age", "region"])
    protected, n_suppressed = suppress(frame, ["age", "region"], k)
    assert anonymity(protected, ["age", "region"]) >= k
    kept = protected.notna().to_numpy()
    assert np.array_equal(protected.to_numpy()[kept], frame.to_numpy()[kept])
    blanked = frame.notna() & protected.isna()
    assert n_suppressed.to_dict() == blanked.sum().to_dict()
