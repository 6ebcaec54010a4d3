"""How the respondents were drawn, as arrays: stages, and replicates of the drawing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from analysis.calibration import Calibration
from analysis.totals import Codes, Floats, OfTotals, crossed, sums

Evaluate = Callable[[Floats], Floats]
"""Estimates as a function of weights of shape (n_respondents,)."""

SingleCluster = Literal["fail", "remove", "certainty", "adjust", "average"]

BLOCK_CELLS = 2**22
"""Totals of units held at once: 32 MB of them."""

RANK_TOLERANCE = 1e-5
"""Replicate weights as close as this to a combination of others add none, as in R."""


@dataclass(frozen=True, eq=False)
class Replicates:
    """Replicate weights: what the weights would be had the sample come out otherwise.

    They are kept as factors of the weights. Respondents who share a factor in every
    replicate (those of one cluster, as a rule) are one unit.

    Attributes
    ----------
    factors : floats, shape (n_units, n_replicates)
    units : integers, shape (n_respondents,)
        Unit of each respondent, numbered from 0.
    scale : float
        Factor of the sum of squares.
    rscales : floats, shape (n_replicates,)
        Factor of each replicate's square.
    mse : bool
        Squares around the full-sample estimate, not around the replicates' mean.
    method : str
        How they were made, such as "JKn".
    """

    factors: Floats
    units: Codes
    scale: float
    rscales: Floats
    mse: bool
    method: str

    @cached_property
    def rank(self) -> int:
        """How many of the replicates say something of their own."""
        return _rank(self.factors)

    def weights(self, weights: Floats) -> Floats:
        """Replicate weights, shape (n_respondents, n_replicates)."""
        return weights[:, None] * self.factors[self.units]

    def each(self, weights: Floats) -> Iterator[Floats]:
        """Replicate weights one by one, each of shape (n_respondents,)."""
        for factors in self.factors.T:
            yield weights * factors[self.units]

    def refitted(
        self, fit: Callable[[Floats], Floats], before: Floats, after: Floats
    ) -> Self:
        """Fit every set of replicate weights as the weights themselves were fitted.

        Parameters
        ----------
        fit : callable
            From weights to fitted weights, both of shape (n_respondents,). Weights
            of 0 occur: a replicate leaves respondents out.
        before, after : floats, shape (n_respondents,)
            The weights, not fitted and fitted.
        """
        fitted = np.array([fit(weights) / after for weights in self.each(before)])
        return replace(self, factors=fitted.T, units=np.arange(len(after)))

    def estimates(self, evaluate: Evaluate, weights: Floats) -> Floats:
        """Estimates of every replicate, shape (n_replicates, n_estimates)."""
        n_units, n_replicates = self.factors.shape
        if not isinstance(evaluate, OfTotals):
            return np.array([evaluate(replicate) for replicate in self.each(weights)])
        totals = []
        for codes, values, n in evaluate.parts:
            added = weights if values is None else weights * values
            if n_units * n <= len(weights) + BLOCK_CELLS:
                table = crossed(self.units, codes, added, (n_units, n))
                totals.append(self.factors.T @ table)
                continue
            totals.append(np.empty((n_replicates, n)))
            for row, factors in zip(totals[-1], self.factors.T, strict=True):
                row[:] = sums(codes, added * factors[self.units], n)
        return evaluate.estimate(*totals)

    def degrees_of_freedom(self, groups: Codes, n_groups: int) -> Floats:
        """Rank of the weights of each group minus one, shape (n_groups,)."""
        n_units = len(self.factors)
        if n_units == len(groups):
            order = np.argsort(groups, kind="stable")
            starts = np.searchsorted(groups[order], np.arange(n_groups + 1))
            members = [self.units[order[a:b]] for a, b in pairwise(starts)]
        else:
            present = crossed(self.units, groups, None, (n_units, n_groups)) > 0
            members = [np.flatnonzero(column) for column in present.T]
        ranks = [
            self.rank if len(units) == n_units else _rank(self.factors[units])
            for units in members
        ]
        return np.array(ranks, dtype=float) - 1


@dataclass(frozen=True, eq=False)
class Stage:
    """One stage of the drawing: units drawn within strata.

    From the second stage on, the strata are the units of the stage before.

    Attributes
    ----------
    clusters : integers, shape (n_respondents,)
        Unit of each respondent, numbered from 0.
    strata : integers, shape (n_clusters,)
        Stratum of each unit, numbered from 0.
    n_clusters : floats, shape (n_strata,)
        Sampled units in each stratum.
    fractions : floats, shape (n_strata,)
        Sampled share of the units of each stratum; 0 without finite population
        correction.
    multipliers : floats of shape (n_strata,), optional
        Product of the fractions of the stages before.
    sizes : floats of shape (n_clusters,), optional
        How many units each stands for, when rows stand for several respondents.
    """

    clusters: Codes
    strata: Codes
    n_clusters: Floats
    fractions: Floats
    multipliers: Floats | None = None
    sizes: Floats | None = None

    @property
    def spread(self) -> Floats:
        """Factors by which deviations count, shape (n_strata,)."""
        n, f = self.n_clusters, self.fractions
        spread = np.sqrt(np.maximum(1 - f, 0) * n / np.where(n > 1, n - 1, 1))
        return spread if self.multipliers is None else spread * self.multipliers**0.5

    @property
    def alone(self) -> npt.NDArray[np.bool_]:
        """Strata with one sampled unit of several, shape (n_strata,)."""
        alone = (self.n_clusters <= 1) & (self.fractions < 1)
        return alone if self.multipliers is None else alone & (self.multipliers > 0)


@dataclass(frozen=True, eq=False)
class Sample:
    """How the respondents were drawn, as arrays.

    Attributes
    ----------
    weights : floats, shape (n_respondents,)
    stages : tuple of Stage
        Stages that contribute to the variance: the first, and those below whose
        units come from clusters with finite population corrections.
    single_cluster : {"fail", "remove", "certainty", "adjust", "average"}
        What a stratum with one sampled cluster contributes.
    counts : floats of shape (n_respondents,), optional
        How many respondents each row stands for; 1 each without it.
    calibration : Calibration, optional
    replicates : Replicates, optional
        With them the variance is the spread of the replicate estimates.
    """

    weights: Floats
    stages: tuple[Stage, ...]
    single_cluster: SingleCluster = "fail"
    counts: Floats | None = None
    calibration: Calibration | None = None
    replicates: Replicates | None = None

    @property
    def clusters(self) -> Codes:
        """Cluster of each respondent, drawn first; shape (n_respondents,)."""
        return self.stages[0].clusters

    @property
    def strata(self) -> Codes:
        """Stratum of each cluster, shape (n_clusters,)."""
        return self.stages[0].strata

    @property
    def n_clusters(self) -> Floats:
        """Sampled clusters in each stratum, shape (n_strata,)."""
        return self.stages[0].n_clusters

    @property
    def fractions(self) -> Floats:
        """Sampled share of the clusters of each stratum, shape (n_strata,)."""
        return self.stages[0].fractions


def _rank(matrix: Floats) -> int:
    """Rank up to the tolerance, from the smaller of the two matrices of products."""
    if matrix.size == 0:
        return 0
    rows, columns = matrix.shape
    products = matrix.T @ matrix if columns < rows else matrix @ matrix.T
    values = np.linalg.eigvalsh(products)
    return int((values > RANK_TOLERANCE**2 * values[-1]).sum())
