"""Variance of estimates: the one place where it is computed.

An estimate is described by its influence values: how much each respondent moves it.
They are summed to cluster totals first; the spread of those totals within strata is
the variance. A sample with replicate weights has the spread of the replicates instead.
Arrays only: nothing here knows a frame or a column name.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Literal, Self

import numpy as np

from analysis.calibration import Calibration
from analysis.totals import (
    Codes,
    Floats,
    Influence,
    OfTotals,
    crossed,
    influence_totals,
    sums,
)

Evaluate = Callable[[Floats], Floats]
"""Estimates as a function of weights of shape (n_respondents,)."""

SingleCluster = Literal["fail", "remove", "certainty", "adjust", "average"]

BLOCK_CELLS = 2**22
"""Cluster totals held at once: 32 MB of them."""

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
    def alone(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
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


def covariance(
    influence: Sequence[Influence], sample: Sample, evaluate: Evaluate
) -> Floats:
    """Covariance matrix of estimates, shape (n_estimates, n_estimates).

    From replicate weights where the sample has them, else by linearisation.

    Parameters
    ----------
    influence : sequence of Influence
        Parts that add up; used by linearisation.
    sample : Sample
    evaluate : callable
        The estimates as a function of weights; used with replicate weights, and
        fastest if it is an :class:`analysis.totals.OfTotals`.
    """
    if sample.replicates is None:
        return linearized_covariance(influence, sample)
    return replicate_covariance(evaluate, sample.weights, sample.replicates)


def replicate_covariance(
    evaluate: Evaluate, weights: Floats, replicates: Replicates
) -> Floats:
    """Covariance from the spread of replicate estimates.

    A replicate in which an estimate cannot be made (nobody of a group is in it) is
    left out for that estimate. R: ``survey::svrVar``.

    References
    ----------
    Rust and Rao (1996), doi:10.1177/096228029600500305.
    """
    estimates = replicates.estimates(evaluate, weights)
    if replicates.mse:
        middle = evaluate(weights)
    else:
        kept = estimates[replicates.rscales > 0]
        known = np.isfinite(kept)
        n_known = np.maximum(known.sum(axis=0), 1)
        middle = np.where(known, kept, 0).sum(axis=0) / n_known
    deviations = (estimates - middle) * np.sqrt(replicates.rscales)[:, None]
    deviations = np.where(np.isfinite(deviations), deviations, 0)
    return replicates.scale * (deviations.T @ deviations)


def linearized_covariance(influence: Sequence[Influence], sample: Sample) -> Floats:
    r"""Covariance matrix of estimates from their influence values.

    With ``t_hc`` the total of the influence values in cluster ``c`` of stratum ``h``:

    .. math:: V = \sum_h (1 - f_h) \frac{n_h}{n_h - 1}
              \sum_c (t_{hc} - \bar t_h)(t_{hc} - \bar t_h)'

    and with several stages the same for the units within each cluster, times the
    sampled share of clusters, and so on down. Weights fitted to margins: the influence
    values are replaced by their residuals from the regression on the margins.

    Strata with one sampled cluster contribute nothing ("remove", "certainty"), their
    total uncentred ("adjust"), or what the other strata of the estimate contribute on
    average ("average").

    References
    ----------
    Binder (1983), doi:10.2307/1402588; Deville and Särndal (1992),
    doi:10.1080/01621459.1992.10475217; several stages: Särndal, Swensson and Wretman
    (1992), doi:10.1007/978-1-4612-4378-6, result 4.3.1. R: ``survey::svyrecvar``.
    """
    parts = list(influence)
    if sample.calibration:
        parts += sample.calibration.explained(influence)
    centred = sample.single_cluster != "adjust"
    first, *later = sample.stages
    result = _stage_covariance(parts, first, centred)
    if sample.single_cluster == "average" and first.alone.any():
        scale = np.sqrt(_strata_for_each_known(influence, sample))
        result *= np.outer(scale, scale)
    for stage in later:
        result += _stage_covariance(parts, stage, centred)
    return result


def degrees_of_freedom(groups: Codes, n_groups: int, sample: Sample) -> Floats:
    """Degrees of freedom in each group, shape (n_groups,).

    Clusters minus strata that hold respondents of the group; with replicate weights
    the rank of the group's weights minus one. R: ``degf(subset(design, group))``.

    Parameters
    ----------
    groups : integers, shape (n_respondents,)
        Group of each respondent; -1 for none.
    """
    if sample.replicates is not None:
        return _replicate_degrees_of_freedom(groups, n_groups, sample.replicates)
    stage = sample.stages[0]
    n_clusters, n_strata = len(stage.strata), len(stage.n_clusters)
    if n_clusters == len(groups):
        strata = stage.strata[stage.clusters]
        sizes = None if stage.sizes is None else stage.sizes[stage.clusters]
        clusters = sums(groups, sizes, n_groups)
    else:
        table = crossed(stage.clusters, groups, None, (n_clusters, n_groups))
        units, groups = np.nonzero(table)
        strata, clusters = stage.strata[units], sums(groups, None, n_groups)
    present = crossed(strata, groups, None, (n_strata, n_groups)) > 0
    return clusters - sums(np.nonzero(present)[1], None, n_groups)


def _stage_covariance(
    parts: Sequence[Influence], stage: Stage, centred: bool
) -> Floats:
    """What one stage contributes, shape (n_estimates, n_estimates)."""
    n_units, n_estimates = len(stage.strata), parts[0].coefficients.shape[1]
    n_cells = len(stage.n_clusters) * parts[0].coefficients.size
    if n_units == len(stage.clusters) and len(parts) == 1 and n_cells < BLOCK_CELLS:
        return _covariance_by_code(parts[0], stage, centred)
    spread = stage.spread
    result: Floats = np.zeros((n_estimates, n_estimates))
    step = max(BLOCK_CELLS // n_estimates, 1)
    means = None
    if step < n_units:
        # Rows in the order of their units: a block of units is a slice of them.
        means = influence_totals(parts, stage.strata[stage.clusters], len(spread))
        order = np.argsort(stage.clusters, kind="stable")
        clusters = stage.clusters[order]
        starts = np.arange(0, n_units + step, step)
        bounds = np.searchsorted(clusters, starts)
    for block, start in enumerate(range(0, n_units, step)):
        strata = stage.strata[start : start + step]
        if means is None:
            totals = influence_totals(parts, stage.clusters, n_units)
            means = np.stack(
                [sums(strata, column, len(spread)) for column in totals.T], axis=1
            )
        else:
            rows = slice(bounds[block], bounds[block + 1])
            here = [
                Influence(part.codes[order[rows]], part.values[order[rows]], part[2])
                for part in parts
            ]
            totals = influence_totals(here, clusters[rows] - start, len(strata))
        if start == 0:
            means /= np.maximum(stage.n_clusters, 1)[:, None]
            means[(stage.n_clusters <= 1) & (not centred)] = 0
        factors = spread[strata]
        if stage.sizes is not None:
            sizes = stage.sizes[start : start + step]
            totals, factors = totals / sizes[:, None], factors * np.sqrt(sizes)
        deviations = (totals - means[strata]) * factors[:, None]
        moved = np.flatnonzero(deviations.any(axis=0))
        deviations = deviations[:, moved]
        result[np.ix_(moved, moved)] += deviations.T @ deviations
    return result


def _covariance_by_code(part: Influence, stage: Stage, centred: bool) -> Floats:
    """What a stage contributes whose units are the respondents themselves.

    Respondents of one stratum and code move the estimates in one direction, so sums
    of their values and of the squares are all that is needed of them.
    """
    codes, values, coefficients = part
    strata, shape = (
        stage.strata[stage.clusters],
        (len(stage.n_clusters), len(coefficients)),
    )
    sizes = None if stage.sizes is None else stage.sizes[stage.clusters]
    n = crossed(strata, codes, sizes, shape)
    total = crossed(strata, codes, values, shape)
    squares = values**2 if sizes is None else values**2 / sizes
    average = total / np.maximum(n, 1e-300)
    within = np.maximum(crossed(strata, codes, squares, shape) - total * average, 0)

    means = (total @ coefficients) / np.maximum(stage.n_clusters, 1)[:, None]
    if not centred:
        means[stage.n_clusters <= 1] = 0
    squared_spread = stage.spread**2
    still = np.maximum(stage.n_clusters - n.sum(axis=1), 0)
    result: Floats = (means.T * (squared_spread * still)) @ means
    result += (coefficients.T * (squared_spread @ within)) @ coefficients
    h, code = np.nonzero(n)
    deviations = average[h, code, None] * coefficients[code] - means[h]
    result += (deviations.T * (squared_spread[h] * n[h, code])) @ deviations
    return result


def _strata_for_each_known(influence: Sequence[Influence], sample: Sample) -> Floats:
    """Strata of each estimate for each of them whose variance is known.

    The strata of a domain are those that hold its respondents; with calibrated
    weights, which every respondent moves, they are all. Shape (n_estimates,).
    """
    stage = sample.stages[0]
    n_strata = len(stage.n_clusters)
    if sample.calibration:
        return np.full(
            influence[0].coefficients.shape[1], n_strata / (~stage.alone).sum()
        )
    strata = stage.strata[stage.clusters]
    held = sum(
        crossed(strata, codes, None, (n_strata, len(coefficients)))
        @ (coefficients != 0)
        for codes, _, coefficients in influence
    )
    present = np.asarray(held) > 0
    known = (present & ~stage.alone[:, None]).sum(axis=0)
    strata_for_each: Floats = present.sum(axis=0) / np.where(known > 0, known, np.nan)
    return strata_for_each


def _replicate_degrees_of_freedom(
    groups: Codes, n_groups: int, replicates: Replicates
) -> Floats:
    n_units = len(replicates.factors)
    df = np.full(n_groups, -1.0)
    if n_units == len(groups):
        order = np.argsort(groups, kind="stable")
        starts = np.searchsorted(groups[order], np.arange(n_groups + 1))
        members = [replicates.units[order[a:b]] for a, b in pairwise(starts)]
    else:
        present = crossed(replicates.units, groups, None, (n_units, n_groups)) > 0
        members = [np.flatnonzero(column) for column in present.T]
    for group, units in enumerate(members):
        everyone = len(units) == n_units
        rank = replicates.rank if everyone else _rank(replicates.factors[units])
        df[group] = rank - 1
    return df


def _rank(matrix: Floats) -> int:
    """Rank up to the tolerance, from the smaller of the two matrices of products."""
    if matrix.size == 0:
        return 0
    rows, columns = matrix.shape
    products = matrix.T @ matrix if columns < rows else matrix @ matrix.T
    values = np.linalg.eigvalsh(products)
    return int((values > RANK_TOLERANCE**2 * values[-1]).sum())
