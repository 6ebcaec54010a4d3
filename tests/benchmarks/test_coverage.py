"""The simulation of benchmarks/coverage.py, where the textbooks know the answer."""

import numpy as np
import pytest

from analysis.intervals import SHARE_INTERVALS
from benchmarks.coverage import (
    EDUCATED,
    LEVEL,
    SIMPLE,
    Setting,
    coverage,
    coverage_of_difference,
    draw,
    make_design,
    monte_carlo_error,
)


def test_samples_have_the_truth_that_they_claim():
    setting = Setting(share=0.3, clusters=50, weights="unequal")
    people = draw(setting, 400, np.random.default_rng(1))
    weights = people["weight"]
    for column, truth in [("agrees", 0.3), ("score", 0.3)]:
        by_cluster = people[column].mul(weights).groupby(people["cluster"]).sum()
        size = weights.groupby(people["cluster"]).sum()
        found = by_cluster.sum() / size.sum()
        error = np.sqrt(((by_cluster - truth * size) ** 2).sum()) / size.sum()
        assert abs(found - truth) < 4 * error
    educated = np.average(people["educated"] == "yes", weights=weights)
    assert educated == pytest.approx(EDUCATED, abs=0.005)
    assert people.groupby("sample")["cluster"].nunique().eq(50).all()


def test_raked_samples_have_their_margins_each():
    setting = Setting(share=0.3, clusters=10, weights="raked")
    people = draw(setting, 5, np.random.default_rng(1))
    design = make_design(people, setting, "sample")
    weighted = people.assign(w=design.sample.weights)
    shares = weighted.groupby(["sample", "educated"])["w"].sum().unstack()
    np.testing.assert_allclose(shares["yes"] / shares.sum(axis=1), EDUCATED, rtol=1e-9)


@pytest.mark.slow
def test_textbook_intervals_hold_what_they_say():
    n = 2000
    allowed = 4 * monte_carlo_error(n)
    found = coverage(SIMPLE, n)
    assert set(found.index) == {*SHARE_INTERVALS, "mean"}
    # Korn and Graubard's and the beta interval never promise too much, on purpose.
    careful = found[["korn-graubard", "beta"]]
    assert careful.between(LEVEL - allowed, 1).all(), found
    others = found.drop(careful.index)
    assert others.between(LEVEL - allowed, LEVEL + allowed).all(), found
    assert abs(coverage_of_difference(SIMPLE, n) - LEVEL) < allowed
