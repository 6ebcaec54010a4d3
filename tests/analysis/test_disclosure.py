import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycanon.anonymity import k_anonymity, l_diversity

from analysis import anonymity, diversity, suppress
from analysis.disclosure import average_alike, released_weights
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
        (["approval"], 2, 1),
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


def test_who_gave_no_answer_hides_nobody():
    answers = ["yes", None, None, "no", "yes", None, None]
    frame = pd.DataFrame({"age": list("aabbbcc"), "approval": answers})
    assert diversity(frame, ["age"], "approval") == 1
    assert diversity(frame[frame["age"] != "a"], ["age"], "approval") == 2
    assert diversity(frame[frame["age"] == "c"], ["age"], "approval") == 0


def test_a_group_of_one_opinion_is_given_company():
    frame = pd.DataFrame({"age": list("aaabbbccc"), "view": list("xxxxyxxyy")})
    protected, n_suppressed = suppress(frame, ["age"], 2, sensitive=["view"], l=2)
    assert diversity(protected, ["age"], "view") == 2
    assert n_suppressed["age"] == 6  # a, and all of b: two of them would be alike
    alone, _ = suppress(frame, ["age"], 2)
    pd.testing.assert_frame_equal(alone, frame)


PEOPLE = st.lists(
    st.tuples(
        *(st.sampled_from("abc"), st.sampled_from(["x", "y", None])),
        *(st.sampled_from(["yes", "no", None]), st.sampled_from(["yes", "no"])),
    ),
    min_size=4,
    max_size=40,
)


@given(people=PEOPLE, k=st.integers(2, 4), l=st.integers(1, 2))
def test_everybody_has_company_and_nothing_is_invented(people, k, l):  # noqa: E741
    frame = pd.DataFrame(people, columns=["age", "region", "view", "vote"])
    names, sensitive = ["age", "region"], ["view", "vote"]
    protected, n_suppressed = suppress(frame, names, k, sensitive=sensitive, l=l)
    assert anonymity(protected, names) >= k
    assert anonymity(protected, names) == k_anonymity(recoded(protected), names)
    for name in sensitive:
        reached = diversity(protected, names, name)
        assert reached >= min(l, frame[name].nunique())
        answered = recoded(protected.dropna(subset=name))
        if reached:
            assert reached == l_diversity(answered, names, [name])
    kept = protected.notna().to_numpy()
    assert np.array_equal(protected.to_numpy()[kept], frame.to_numpy()[kept])
    blanked = frame.notna() & protected.isna()
    assert n_suppressed.to_dict() == blanked[names].sum().to_dict()
    assert not blanked[sensitive].any(axis=None)


def recoded(frame):
    """As others count: a missing value is a value, and rows are numbered anew."""
    return frame.fillna("withheld").reset_index(drop=True)


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["18-29", "30+", None]),
            st.sampled_from(["N", "S", None]),
            st.floats(0.01, 100),
        ),
        min_size=1,
    )
)
def test_averaged_numbers_tell_nobody_apart_and_keep_their_sum(rows):
    frame = pd.DataFrame(
        rows, columns=["age", "region", "weight"], index=range(7, 7 + len(rows))
    )
    averaged = average_alike(frame, ["age", "region"], frame["weight"])
    assert averaged.index.equals(frame.index)
    assert averaged.sum() == pytest.approx(frame["weight"].sum(), rel=0.005)
    assert (averaged > 0).all()
    shown = frame.fillna("suppressed").assign(weight=averaged)
    quasi = ["age", "region"]
    assert k_anonymity(shown, [*quasi, "weight"]) == k_anonymity(shown, quasi)
    assert anonymity(shown, [*quasi, "weight"]) == anonymity(frame, quasi)


@pytest.mark.parametrize(
    ("facts", "column"),
    [
        ({}, None),
        ({"margins_left_out": [["sex"]]}, None),
        ({"margins_left_out": [["sex"]], "weights": {"method": "none"}}, None),
        ({"margins_left_out": [], "weights": {"variable": "w", "method": "m"}}, None),
        (
            {
                "margins_left_out": [["sex"]],
                "weights": {"variable": "w", "method": "m"},
            },
            "w",
        ),
    ],
)
def test_weights_of_a_release_are_for_want_of_margins(facts, column):
    assert released_weights(facts)[0] == column
