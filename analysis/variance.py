"""Variance of estimates by linearisation: the one place where it is computed.

An estimate is described by its influence values: how much each respondent moves it.
They are summed to cluster totals first; the spread of those totals within strata is
the variance. Arrays only: nothing here knows a frame or a column name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.calibration import Calibration
from analysis.totals import Codes, Floats, Influence, influence_totals, sums

Evaluate = Callable[[Floats], Floats]
"""Estimates as a function of weights of shape (n_respondents,)."""

BLOCK_CELLS = 2**22
"""Cluster totals held at once: 32 MB of them."""


@dataclass(frozen=True, eq=False)
class Replicates:
    """Replicate weights: what the weights would be had the sample come out otherwise.

    Attributes
    ----------
    weights : floats, shape (n_respondents, n_replicates)
    scale : float
        Factor of the sum of squares.
    rscales : floats, shape (n_replicates,)
        Factor of each replicate's square.
    mse : bool
        Squares around the full-sample estimate, not around the replicates' mean.
    df : int
        Degrees of freedom.
    method : str
        How they were made, such as "JKn".
    """

    weights: Floats
    scale: float
    rscales: Floats
    mse: bool
    df: int
    method: str


@dataclass(frozen=True, eq=False)
class Sample:
    """How the respondents were drawn, as arrays.

    Attributes
    ----------
    weights : floats, shape (n_respondents,)
    clusters : integers, shape (n_respondents,)
        Cluster of each respondent, numbered from 0.
    strata : integers, shape (n_clusters,)
        Stratum of each cluster, numbered from 0.
    n_clusters : floats, shape (n_strata,)
        Sampled clusters in each stratum.
    fractions : floats, shape (n_strata,)
        Sampled share of the clusters of each stratum; 0 without finite population
        correction.
    calibration : Calibration, optional
    replicates : Replicates, optional
        With them the variance is the spread of the replicate estimates.
    """

    weights: Floats
    clusters: Codes
    strata: Codes
    n_clusters: Floats
    fractions: Floats
    calibration: Calibration | None = None
    replicates: Replicates | None = None


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
        The estimates as a function of weights; used with replicate weights.
    """
    if sample.replicates is None:
        return linearized_covariance(influence, sample)
    return replicate_covariance(evaluate, sample.weights, sample.replicates)


def replicate_covariance(
    evaluate: Evaluate, weights: Floats, replicates: Replicates
) -> Floats:
    """Covariance from the spread of replicate estimates. R: ``survey::svrVar``."""
    estimates = np.array([evaluate(column) for column in replicates.weights.T])
    kept = replicates.rscales > 0
    middle = evaluate(weights) if replicates.mse else estimates[kept].mean(axis=0)
    deviations = (estimates - middle) * np.sqrt(replicates.rscales)[:, None]
    return replicates.scale * (deviations.T @ deviations)


def linearized_covariance(influence: Sequence[Influence], sample: Sample) -> Floats:
    r"""Covariance matrix of estimates from their influence values.

    With ``t_hc`` the total of the influence values in cluster ``c`` of stratum ``h``:

    .. math:: V = \sum_h (1 - f_h) \frac{n_h}{n_h - 1}
              \sum_c (t_{hc} - \bar t_h)(t_{hc} - \bar t_h)'

    A stratum with one cluster contributes its total uncentred (the designs that do
    not want this refuse such strata). Weights fitted to margins: the influence
    values are replaced by their residuals from the regression on the margins.

    References
    ----------
    Binder (1983), doi:10.2307/1402588; Deville and Särndal (1992),
    doi:10.1080/01621459.1992.10475217. R: ``survey::svyrecvar``.
    """
    parts = list(influence)
    if sample.calibration:
        parts += sample.calibration.explained(influence, sample.weights)
    n_clusters, n_h = len(sample.strata), sample.n_clusters
    means = (
        influence_totals(parts, sample.strata[sample.clusters], len(n_h)) / n_h[:, None]
    )
    means[n_h == 1] = 0
    spread = np.sqrt((1 - sample.fractions) * n_h / np.maximum(n_h - 1, 1))

    widest = max(max(part.coefficients.shape) for part in parts)
    step = max(BLOCK_CELLS // widest, 1)
    result = np.zeros((means.shape[1], means.shape[1]))
    for start in range(0, n_clusters, step):
        strata = sample.strata[start : start + step]
        totals = influence_totals(parts, sample.clusters - start, len(strata))
        deviations = (totals - means[strata]) * spread[strata, None]
        moved = np.flatnonzero(deviations.any(axis=0))
        deviations = deviations[:, moved]
        result[np.ix_(moved, moved)] += deviations.T @ deviations
    return result


def degrees_of_freedom(groups: Codes, n_groups: int, sample: Sample) -> Floats:
    """Clusters minus strata that hold respondents of each group, shape (n_groups,).

    R: ``degf(subset(design, group))``.
    """
    rows = np.flatnonzero(groups >= 0)
    clusters = _distinct(sample.clusters[rows], groups[rows], n_groups)
    strata = _distinct(sample.strata[clusters[0]], clusters[1], n_groups)
    return sums(clusters[1], None, n_groups) - sums(strata[1], None, n_groups)


def _distinct(units: Codes, groups: Codes, n_groups: int) -> tuple[Codes, Codes]:
    """Keep one of each combination of unit and group."""
    seen = np.zeros((int(units.max(initial=0)) + 1) * n_groups, dtype=bool)
    seen[units * n_groups + groups] = True
    found = np.flatnonzero(seen)
    return found // n_groups, found % n_groups
