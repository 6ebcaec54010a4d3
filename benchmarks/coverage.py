"""Whether intervals hold the truth as often as they say: ``-m benchmarks.coverage``.

Samples are drawn again and again from a population whose truth is known. Each sample
is a group of one large frame, so that one call of a verb estimates hundreds of them.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import product, repeat
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy

from analysis import SurveyDesign, compare, mean, proportion, rake
from analysis.errors import NotConverged
from analysis.intervals import SHARE_INTERVALS
from analysis.weighting import Residuals

LEVEL = 0.95
PER_CLUSTER, PER_STRATUM = 20, 5
"""Respondents in a cluster, clusters in a stratum."""
LIKENESS = 0.05
"""Correlation of the answers within a cluster."""
EDUCATED, MALE = 0.3, 0.5
"""Shares of the population: what raked weights are fitted to."""
BATCH, PAIRS = 100, 20
"""Samples, and pairs of them, estimated in one call."""

Weights = Literal["equal", "unequal", "raked"]
WEIGHTS: tuple[Weights, ...] = ("equal", "unequal", "raked")


@dataclass(frozen=True)
class Setting:
    """A population and a way to draw from it.

    Attributes
    ----------
    share : float
        True share of those who agree.
    clusters : int
        Clusters drawn in the country.
    weights : {"equal", "unequal", "raked"}
        Everyone alike; the educated three times as likely to be drawn, and a random
        factor besides; the same, raked to education and gender.
    """

    share: float
    clusters: int
    weights: Weights


SETTINGS = [
    Setting(share, clusters, weights)
    for weights, share, clusters in product(WEIGHTS, (0.01, 0.05, 0.3), (5, 10, 20, 50))
]
SIMPLE = Setting(share=0.3, clusters=50, weights="equal")
"""The case of the textbooks: where every interval should hold what it says."""
AGES = np.full(8, 1 / 8)
SCHOOLS = np.array([0.3, 0.4, 0.3])
"""Ages by gender, and education, in the population of a small survey."""
WILLING = np.outer([2, 1.5, 0.8, 0.4, 1.8, 1.2, 0.7, 0.4], [0.5, 1, 1.6])
"""How readily people answer it: the young and educated most of all."""
SMALL = (30, 50, 100, 200, 400, 1000)
GAP = 0.1
"""True difference between the two countries that are compared."""


def draw(setting: Setting, n: int, random: np.random.Generator) -> pd.DataFrame:
    """Draw ``n`` samples; the column ``sample`` tells them apart.

    ``agrees`` has the mean ``setting.share`` in the population, and so has ``score``,
    which is skewed as incomes are.
    """
    n_clusters = n * setting.clusters
    cluster = np.repeat(np.arange(n_clusters), PER_CLUSTER)
    size = len(cluster)
    equal = setting.weights == "equal"
    favour = 1 if equal else 3
    drawn = favour * EDUCATED / (favour * EDUCATED + 1 - EDUCATED)
    educated, male = random.uniform(size=size) < drawn, random.uniform(size=size) < MALE
    weight = np.where(educated, 1 / favour, 1.0)
    if not equal:
        weight *= random.lognormal(0, 0.3, size)
    # The educated and men agree less, by factors whose mean is one.
    factor = np.where(educated, 0.6, (1 - 0.6 * EDUCATED) / (1 - EDUCATED))
    factor *= np.where(male, 0.9, 1.1)
    concentration = (1 - LIKENESS) / LIKENESS
    village = random.beta(
        setting.share * concentration, (1 - setting.share) * concentration, n_clusters
    )
    expected = village[cluster] * factor
    return pd.DataFrame(
        {
            "sample": cluster // setting.clusters,
            "stratum": cluster // PER_STRATUM,
            "cluster": cluster,
            "weight": weight,
            "agrees": (random.uniform(size=size) < expected).astype(int),
            "score": random.exponential(expected),
            "educated": np.where(educated, "yes", "no"),
            "male": np.where(male, "yes", "no"),
        }
    )


def make_design(frame: pd.DataFrame, setting: Setting, by: str) -> SurveyDesign:
    """Describe how the samples were drawn and weight each of them as it should be."""
    design = SurveyDesign(frame, weights="weight", strata="stratum", clusters="cluster")
    if setting.weights != "raked":
        return design
    margins = [
        pd.DataFrame({by: group, name: ["yes", "no"], "population": [p, 1 - p]})
        for group in frame[by].unique()
        for name, p in (("educated", EDUCATED), ("male", MALE))
    ]
    return rake(design, margins, by=by)


def coverage(setting: Setting, n: int, seed: int = 20261124) -> pd.Series:
    """Share of ``n`` samples whose 95% interval holds the truth, by kind of interval.

    Kinds of :func:`analysis.proportion`, and ``mean`` for the t interval of a skewed
    variable.
    """
    random = np.random.default_rng(seed)
    hits: dict[str, list[npt.NDArray[np.bool_]]] = {}
    for start in range(0, n, BATCH):
        frame = draw(setting, min(BATCH, n - start), random)
        design = make_design(frame, setting, by="sample")
        shares = proportion(design, "agrees", by="sample")
        for kind in SHARE_INTERVALS:
            limits = replace(shares, interval=kind).conf_int()
            agrees = limits[limits.index.get_level_values("agrees") == 1]
            hits.setdefault(kind, []).append(_holds(agrees, setting.share))
        limits = mean(design, "score", by="sample").conf_int()
        hits.setdefault("mean", []).append(_holds(limits, setting.share))
    return pd.Series({kind: np.concatenate(each).mean() for kind, each in hits.items()})


def coverage_of_difference(setting: Setting, n: int, seed: int = 20261124) -> float:
    """Share of ``n`` comparisons of two countries whose interval holds the truth."""
    random = np.random.default_rng(seed)
    other = replace(setting, share=setting.share + GAP)
    hits = []
    for start in range(0, n, PAIRS):
        size = min(PAIRS, n - start)
        countries = [draw(country, size, random) for country in (setting, other)]
        units = ["sample", "stratum", "cluster"]
        countries[1][units] += countries[0][units].max() + 1
        frame = pd.concat(countries, ignore_index=True)
        agrees = mean(make_design(frame, setting, "sample"), "agrees", by="sample")
        # Of all pairs of samples, those of one comparison.
        pairs = [(size + i, i) for i in range(size)]
        hits.append(_holds(compare(agrees, adjust="none").conf_int().loc[pairs], GAP))
    return float(np.concatenate(hits).mean())


def coverage_of_raked(size: int, n: int, seed: int = 20261124) -> dict[str, float]:
    """Coverage of logit intervals of a raked share, by the kind of its variance.

    Each of ``n`` samples has ``size`` respondents, drawn one by one; one that no
    weights can fit to the margins is drawn again.
    """
    random = np.random.default_rng(seed)
    ages, schools = np.indices(WILLING.shape)
    agreeing = scipy.special.expit(0.3 + 0.17 * (ages - 3.5) + 0.5 * (1 - schools))
    people = np.outer(AGES, SCHOOLS)
    truth, drawn = float((people * agreeing).sum()), (people * WILLING).ravel()
    hits: dict[Residuals, list[bool]] = {"linearized": [], "jackknife": []}
    while len(hits["jackknife"]) < n:
        cell = random.choice(len(drawn), size, p=drawn / drawn.sum())
        frame = pd.DataFrame(
            {"age": ages.ravel()[cell], "school": schools.ravel()[cell]}
        )
        frame["agrees"] = random.uniform(size=size) < agreeing.ravel()[cell]
        # Whom nobody of a sample represents cannot be a target of it.
        present = {name: np.unique(frame[name]) for name in ("age", "school")}
        margins = [
            pd.DataFrame({name: cells, "population": shares[cells]})
            for (name, cells), shares in zip(
                present.items(), (AGES, SCHOOLS), strict=True
            )
        ]
        try:
            designs = {
                kind: rake(SurveyDesign(frame), margins, None, variance=kind)
                for kind in hits
            }
        except NotConverged:
            continue
        for kind, design in designs.items():
            share = replace(mean(design, "agrees"), interval="logit")
            hits[kind].append(bool(_holds(share.conf_int(), truth)[0]))
    return {kind: float(np.mean(held)) for kind, held in hits.items()}


def _holds(limits: pd.DataFrame, truth: float) -> npt.NDArray[np.bool_]:
    inside = (limits["conf_low"] <= truth) & (truth <= limits["conf_high"])
    return inside.to_numpy()


def monte_carlo_error(n: int) -> float:
    """Standard error of a coverage of 95% found in ``n`` samples."""
    return float(np.sqrt(LEVEL * (1 - LEVEL) / n))


def report(n: int) -> Iterator[str]:
    """Lines of Markdown: a table of shares and means, a table of differences."""
    yield (
        f"{n:,} samples in each row; Monte Carlo standard error of a coverage of 95%: "
        f"{100 * monte_carlo_error(n):.1f} points. Clusters of {PER_CLUSTER}, "
        f"{PER_STRATUM} to a stratum; correlation within clusters {LIKENESS}."
    )
    yield ""
    columns = ["weights", "share", "clusters", *SHARE_INTERVALS, "mean"]
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    compared = [s for s in SETTINGS if s.share == SIMPLE.share]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        shares = pool.map(coverage, SETTINGS, repeat(n))
        differences = pool.map(coverage_of_difference, compared, repeat(n))
        for setting, found in zip(SETTINGS, shares, strict=True):
            cells = " | ".join(f"{100 * value:.1f}" for value in found)
            yield (
                f"| {setting.weights} | {setting.share:g} | {setting.clusters} "
                f"| {cells} |"
            )
        yield ""
        yield (
            f"Differences between two countries, {SIMPLE.share:g} and "
            f"{SIMPLE.share + GAP:g}:"
        )
        yield ""
        yield "| weights | clusters in each | coverage |"
        yield "|---|---|---|"
        for setting, value in zip(compared, differences, strict=True):
            yield f"| {setting.weights} | {setting.clusters} | {100 * value:.1f} |"
        yield ""
        yield (
            f"Logit intervals of a share raked to {AGES.size} cells of age and gender "
            f"and {SCHOOLS.size} of education, by `variance`:"
        )
        yield ""
        yield "| respondents | linearized | jackknife |"
        yield "|---|---|---|"
        raked = pool.map(coverage_of_raked, SMALL, repeat(n))
        for size, held in zip(SMALL, raked, strict=True):
            cells = " | ".join(f"{100 * value:.1f}" for value in held.values())
            yield f"| {size:,} | {cells} |"


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage")
    parser.add_argument("--quick", action="store_true", help="200 samples in each row")
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--out", type=Path, help="folder for coverage.md")
    options = parser.parse_args()
    lines = []
    for line in report(200 if options.quick else options.samples):
        lines.append(line)
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "coverage.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
