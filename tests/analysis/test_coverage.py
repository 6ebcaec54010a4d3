"""Intervals hold the truth as often as they say, in samples drawn again and again."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis import SurveyDesign, compare, mean, proportion

N_SAMPLES = 400
# Four standard errors of a count of 400 samples at 95%: 0.95 - 4 * 0.0109.
FLOOR, CEILING = 0.906, 0.994


def population(random):
    """Two countries of 400 villages of 30 people who resemble their neighbours."""
    village = np.repeat(np.arange(800), 30)
    country = np.where(village < 400, "CN", "DE")
    leaning = random.normal(0, 0.7, 800)[village] + np.where(country == "CN", 0.6, -1)
    agrees = random.uniform(size=len(village)) < 1 / (1 + np.exp(-leaning))
    return pd.DataFrame(
        {"country": country, "village": village, "agrees": agrees.astype(float)}
    )


@pytest.fixture(scope="module")
def samples():
    """Twenty villages of each country, ten people in each."""
    random = np.random.default_rng(20261124)
    people = population(random)
    drawn = []
    for _ in range(N_SAMPLES):
        villages = np.concatenate(
            [random.choice(400, 20, False), 400 + random.choice(400, 20, False)]
        )
        rows = np.concatenate(
            [30 * village + random.choice(30, 10, False) for village in villages]
        )
        drawn.append(people.iloc[rows].reset_index(drop=True))
    return people.groupby("country")["agrees"].mean(), drawn


def clustered(sample):
    return SurveyDesign(sample, strata="country", clusters="village")


def hits(limits, truth):
    return (limits["conf_low"] <= truth) & (truth <= limits["conf_high"])


def test_intervals_of_shares_cover(samples):
    truth, drawn = samples
    shares = [proportion(clustered(s), "agrees", by="country") for s in drawn]
    for interval in ("logit", "wilson", "korn-graubard"):
        limits = [replace(share, interval=interval).conf_int() for share in shares]
        covered = [hits(each.xs(1.0, level="agrees"), truth) for each in limits]
        assert FLOOR <= np.mean(covered) <= CEILING, interval


def test_intervals_of_differences_cover(samples):
    truth, drawn = samples
    difference = truth["DE"] - truth["CN"]
    covered = [
        hits(compare(agrees, adjust="none").conf_int(), difference)
        for agrees in (mean(clustered(s), "agrees", by="country") for s in drawn)
    ]
    assert FLOOR <= np.mean(covered) <= CEILING


def test_without_its_clusters_a_sample_promises_too_much(samples):
    truth, drawn = samples
    covered = [
        hits(
            mean(SurveyDesign(s, strata="country"), "agrees", by="country").conf_int(),
            truth,
        )
        for s in drawn
    ]
    assert np.mean(covered) < FLOOR
