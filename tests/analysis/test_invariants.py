"""What must not change an estimate does not, whatever the sample."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from analysis import (
    SurveyDesign,
    compare,
    list_experiment,
    mean,
    poststratify,
    proportion,
    rake,
    total,
)
from analysis.replicates import replicate

RTOL = 1e-9  # closed forms in another order of summation
ESTIMATES = {
    "mean": lambda design: mean(design, "trust"),
    "mean_by": lambda design: mean(design, "trust", by="group"),
    "shares": lambda design: proportion(design, "answer"),
    "shares_by": lambda design: proportion(design, "answer", by="group"),
    "where": lambda design: mean(design, "trust", by="country", where="urban"),
    "list": lambda design: list_experiment(design, "items", "long", by="country"),
}
every_estimate = pytest.mark.parametrize("estimate", ESTIMATES.values(), ids=ESTIMATES)
few = settings(max_examples=25, deadline=None)


@st.composite
def samples(draw):
    """Two countries of two to four clusters each, every group in every country."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes = draw(st.lists(st.integers(4, 9), min_size=4, max_size=8))
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    n = len(cluster)
    number = np.arange(n) - np.searchsorted(cluster, cluster)
    answer = random.choice(["yes", "perhaps", "no"], n).astype(object)
    answer[random.uniform(size=n) < 0.1] = None
    return pd.DataFrame(
        {
            "country": np.where(cluster % 2, "DE", "CN"),
            "cluster": cluster,
            "weight": random.uniform(0.2, 5, n),
            "group": np.array(["a", "b"])[number % 2],
            "sex": np.array(["f", "m"])[number // 2 % 2],
            "urban": number % 4 < 3,
            "long": number % 2,
            "items": random.integers(0, 4, n),
            "trust": random.normal(5, 2, n),
            "answer": pd.Categorical(answer, ["yes", "perhaps", "no"]),
        }
    )


def complex_design(frame):
    return SurveyDesign(frame, weights="weight", strata="country", clusters="cluster")


def jackknife(frame):
    return replicate(complex_design(frame), "JKn")


every_design = pytest.mark.parametrize("make", [complex_design, jackknife])


def assert_same(one, other):
    assert_allclose(one.values, other.values, rtol=RTOL, atol=1e-12)
    assert_allclose(one.covariance, other.covariance, rtol=RTOL, atol=1e-12)
    assert_allclose(one.conf_int(), other.conf_int(), rtol=1e-7, atol=1e-9)
    assert one.group_df.tolist() == other.group_df.tolist()


@every_design
@every_estimate
@few
@given(frame=samples(), factor=st.floats(1e-3, 1e3))
def test_the_scale_of_the_weights_does_not_matter(make, estimate, frame, factor):
    scaled = frame.assign(weight=frame["weight"] * factor)
    assert_same(estimate(make(scaled)), estimate(make(frame)))


@every_design
@every_estimate
@few
@given(frame=samples(), seed=st.integers(0, 1000))
def test_the_order_of_the_respondents_does_not_matter(make, estimate, frame, seed):
    shuffled = frame.sample(frac=1, random_state=seed)
    assert_same(estimate(make(shuffled)), estimate(make(frame)))


@every_design
@pytest.mark.parametrize("name", ["mean", "mean_by", "shares", "where"])
@few
@given(frame=samples(), share=st.floats(0.1, 0.9))
def test_a_respondent_may_be_two_with_parts_of_the_weight(make, name, frame, share):
    parts = [frame.assign(weight=frame["weight"] * part) for part in (share, 1 - share)]
    split = make(pd.concat(parts, ignore_index=True))
    one, other = (ESTIMATES[name](d) for d in (split, make(frame)))
    assert_allclose(one.values, other.values, rtol=RTOL, atol=1e-12)
    assert_allclose(one.covariance, other.covariance, rtol=RTOL, atol=1e-12)


@every_design
@few
@given(frame=samples())
def test_totals_of_a_partition_add_up_with_their_covariance(make, frame):
    design = make(frame)
    parts = total(design, "trust", by=["country", "group"])
    for by in ("country", "group"):
        whole = total(design, "trust", by=by)
        merged = np.array(
            [parts.values.index.get_level_values(by) == g for g in whole.values.index]
        ).astype(float)
        assert_allclose(merged @ parts.values, whole.values, rtol=RTOL)
        assert_allclose(
            merged @ parts.covariance.to_numpy() @ merged.T,
            whole.covariance,
            rtol=RTOL,
            atol=1e-9 * np.abs(whole.covariance.to_numpy()).max(),
        )


@few
@given(frame=samples())
def test_the_names_of_groups_do_not_matter(frame):
    renamed = frame.assign(group=frame["group"].map({"a": "z", "b": "c"}))
    one = proportion(complex_design(frame), "answer", by="group")
    other = proportion(complex_design(renamed), "answer", by="group")
    there = other.values.loc[["z", "c"]]
    assert_allclose(there, one.values, rtol=RTOL, atol=1e-12)
    order = there.index
    assert_allclose(
        other.covariance.loc[order, order], one.covariance, rtol=RTOL, atol=1e-12
    )
    p, q = (
        compare(e, reference=r, adjust="none").p_values
        for e, r in ((one, "a"), (other, "z"))
    )
    assert_allclose(p, q, rtol=1e-6, atol=1e-12)


@few
@given(frame=samples())
def test_where_is_a_slice_of_by(frame):
    design = complex_design(frame)
    for make in (mean, total):
        groups = make(design, "trust", by="group")
        for group in ("a", "b"):
            part = make(design, "trust", where=frame["group"] == group)
            assert_allclose(part.values, groups.values[[group]], rtol=RTOL)
            assert_allclose(part.std_errors, groups.std_errors[[group]], rtol=RTOL)
            assert part.df == groups.group_df[group]


@few
@given(frame=samples())
def test_shares_of_a_group_add_up_to_one_without_error(frame):
    shares = proportion(complex_design(frame), "answer", by="group")
    assert_allclose(shares.values.groupby(level=0).sum(), 1, rtol=1e-12)
    ones = np.kron(np.eye(2), np.ones((1, 3)))
    sums = ones @ shares.covariance.to_numpy() @ ones.T
    assert_allclose(sums, 0, atol=1e-15)


@few
@given(frame=samples())
def test_a_share_is_the_mean_of_its_indicator(frame):
    answered = frame["answer"].notna()
    yes = (frame["answer"] == "yes").astype(float).where(answered)
    design = complex_design(frame.assign(yes=yes))
    share, average = proportion(design, "answer"), mean(design, "yes")
    assert_allclose(share.values["yes"], average.values["yes"], rtol=RTOL)
    assert_allclose(share.std_errors["yes"], average.std_errors["yes"], rtol=RTOL)


@few
@given(
    frame=samples(),
    counts=st.lists(st.integers(100, 300), min_size=8, max_size=8),
)
def test_raked_margins_are_their_targets_and_have_no_error(frame, counts):
    rows = [(c, k) for c in ("CN", "DE") for k in (0, 1)]
    margins = [
        pd.DataFrame(
            {
                "country": [country for country, _ in rows],
                name: [labels[k] for _, k in rows],
                "population": numbers,
            }
        )
        for name, labels, numbers in (
            ("group", "ab", counts[:4]),
            ("sex", "fm", counts[4:]),
        )
    ]
    raked = rake(complex_design(frame), margins)
    for margin, name in zip(margins, ("group", "sex"), strict=True):
        sizes = margin.groupby("country")["population"].transform("sum")
        targets = (margin["population"] / sizes).to_numpy()
        shares = proportion(raked, name, by="country")
        assert_allclose(shares.values, targets, rtol=1e-10)
        assert_allclose(shares.std_errors, 0, atol=1e-8)


@few
@given(frame=samples(), counts=st.lists(st.integers(1, 900), min_size=4, max_size=4))
def test_raking_to_one_margin_is_poststratification(frame, counts):
    margin = pd.DataFrame(
        {
            "country": ["CN", "CN", "DE", "DE"],
            "group": ["a", "b"] * 2,
            "population": counts,
        }
    )
    raked = rake(complex_design(frame), margin)
    fitted = poststratify(complex_design(frame), margin, by="country")
    weights = raked.frame["calibrated_weight"]
    assert_allclose(weights, fitted.frame["calibrated_weight"], rtol=1e-10)
    again = rake(SurveyDesign(raked.frame, weights="calibrated_weight"), margin)
    assert_allclose(again.frame["calibrated_weight"], weights, rtol=1e-10)
