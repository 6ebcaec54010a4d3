"""Variance of estimates: the one place where it is computed.

An estimate is described by its influence values: how much each respondent moves it.
They are summed to cluster totals first; the spread of those totals within strata is
the variance. A sample with replicate weights has the spread of the replicates instead.
Arrays only: nothing here knows a frame or a column name.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from analysis.stages import BLOCK_CELLS, Evaluate, Replicates, Sample, Stage
from analysis.totals import Codes, Floats, Influence, crossed, influence_totals, sums

Mask = npt.NDArray[np.bool_]


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

    Examples
    --------
    The total of two countries, four respondents of weight 10 in two clusters each:

    >>> stage = Stage(
    ...     clusters=np.array([0, 0, 1, 1, 2, 2, 3, 3]),
    ...     strata=np.array([0, 0, 1, 1]),
    ...     n_clusters=np.array([2.0, 2.0]),
    ...     fractions=np.zeros(2),
    ... )
    >>> sample, y = Sample(np.full(8, 10.0), (stage,)), np.arange(8.0)
    >>> country = np.repeat([0, 1], 4)
    >>> total = Influence(country, sample.weights * y, np.eye(2))
    >>> covariance([total], sample, lambda weights: sums(country, weights * y, 2))
    array([[1600.,    0.],
           [   0., 1600.]])
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
    parts = influence
    if sample.calibration:
        parts = sample.calibration.residuals(influence)
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

    Examples
    --------
    >>> stage = Stage(np.arange(6), np.repeat([0, 1], 3), np.full(2, 3.0), np.zeros(2))
    >>> groups = np.array([0, 0, 1, 1, 1, 1])
    >>> degrees_of_freedom(groups, 2, Sample(np.ones(6), (stage,)))
    array([1., 2.])
    """
    if sample.replicates is not None:
        return sample.replicates.degrees_of_freedom(groups, n_groups)
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


def rounded_off(values: Floats, covariance: Floats, df: Floats) -> Mask:
    """Values whose variance is a rounding error, as one cluster alone decides them.

    Parameters
    ----------
    values, df : floats, shape (n_estimates,)
    covariance : floats, shape (n_estimates, n_estimates)

    Examples
    --------
    >>> rounded_off(np.array([0.5, 0.0]), np.diag([1e-33, 0.0]), np.array([0.0, 2.0]))
    array([ True, False])
    """
    std_errors = np.sqrt(np.maximum(np.diag(covariance), 0))
    mask: Mask = (df <= 0) & (std_errors <= 1e-10 * np.abs(values))
    return mask


def _stage_covariance(
    parts: Sequence[Influence], stage: Stage, centred: bool
) -> Floats:
    """What one stage contributes, shape (n_estimates, n_estimates)."""
    n_units, n_strata = len(stage.strata), len(stage.n_clusters)
    n_estimates = parts[0].coefficients.shape[1]
    n_cells = n_strata * parts[0].coefficients.size
    if n_units == len(stage.clusters) and len(parts) == 1 and n_cells < BLOCK_CELLS:
        return _covariance_by_code(parts[0], stage, centred)
    step = max(BLOCK_CELLS // n_estimates, 1)
    if n_units <= step:
        totals = influence_totals(parts, stage.clusters, n_units)
        blocks: Iterable[Floats] = [totals]
        columns = [sums(stage.strata, column, n_strata) for column in totals.T]
        means = np.stack(columns, axis=1)
    else:
        blocks = _blocks_of_totals(parts, stage, step)
        means = influence_totals(parts, stage.strata[stage.clusters], n_strata)
    means /= np.maximum(stage.n_clusters, 1)[:, None]
    means[(stage.n_clusters <= 1) & (not centred)] = 0
    spread, start = stage.spread, 0
    result: Floats = np.zeros((n_estimates, n_estimates))
    for totals in blocks:
        units = slice(start, start + len(totals))
        strata, start = stage.strata[units], units.stop
        factors = spread[strata]
        if stage.sizes is not None:
            sizes = stage.sizes[units]
            totals, factors = totals / sizes[:, None], factors * np.sqrt(sizes)
        deviations = (totals - means[strata]) * factors[:, None]
        moved = np.flatnonzero(deviations.any(axis=0))
        deviations = deviations[:, moved]
        result[np.ix_(moved, moved)] += deviations.T @ deviations
    return result


def _blocks_of_totals(
    parts: Sequence[Influence], stage: Stage, step: int
) -> Iterator[Floats]:
    """Influence totals of ``step`` units after the other."""
    # Rows in the order of their units: a block of units is a slice of them.
    order = np.argsort(stage.clusters, kind="stable")
    clusters = stage.clusters[order]
    starts = np.arange(0, len(stage.strata), step)
    for start, rows in zip(
        starts, np.split(order, np.searchsorted(clusters, starts[1:])), strict=True
    ):
        here = [
            Influence(codes[rows], values[rows], coefficients)
            for codes, values, coefficients in parts
        ]
        n_units = min(step, len(stage.strata) - int(start))
        yield influence_totals(here, stage.clusters[rows] - start, n_units)


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
    held_by, unknown = present.sum(axis=0), np.where(known > 0, known, np.nan)
    # What nobody moves has no variance, whatever it is multiplied by.
    strata_for_each: Floats = np.where(held_by > 0, held_by / unknown, 1)
    return strata_for_each
