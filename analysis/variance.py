"""Variance of estimates by linearisation: the one place where it is computed.

An estimate is described by its influence values: how much each respondent moves it.
They are summed to cluster totals first; the spread of those totals within strata is
the variance. Arrays only: nothing here knows a frame or a column name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

BLOCK_CELLS = 2**22
"""Cluster totals held at once: 32 MB of them."""


class Influence(NamedTuple):
    """A part of the influence values of ``n_estimates`` estimates.

    Respondent ``i`` moves the estimates by ``values[i] * coefficients[codes[i]]``;
    parts add up.

    Attributes
    ----------
    codes : integers, shape (n_respondents,)
        Row of ``coefficients`` for each respondent; -1 moves nothing.
    values : floats, shape (n_respondents,)
    coefficients : floats, shape (n_codes, n_estimates)
    """

    codes: Codes
    values: Floats
    coefficients: Floats


@dataclass(frozen=True, eq=False)
class Calibration:
    """The margins that weights were fitted to.

    Attributes
    ----------
    cells : tuple of integers, each of shape (n_respondents,)
        For each margin, the cell of each respondent, numbered from 0.
    weights : floats, shape (n_respondents,)
        Weights of the regression whose residuals the variance is made of.
    """

    cells: tuple[Codes, ...]
    weights: Floats

    def regression(self, moments: Sequence[Floats]) -> list[Floats]:
        """Coefficients of the weighted regression on the indicators of all cells.

        Parameters
        ----------
        moments : for each margin, floats of shape (n_cells, n_estimates)
            Weighted sums of the dependent variables by cell.
        """
        margins = list(zip(self.cells, map(len, moments), strict=True))
        gram = np.block(
            [
                [_crossed(a, b, self.weights, (m, n)) for b, n in margins]
                for a, m in margins
            ]
        )
        # Margins share at least their sum, so the system is singular by construction;
        # scaled to unit diagonal, its true zeros are far below 1e-10.
        scale = 1 / np.sqrt(np.diag(gram))
        inverse = np.linalg.pinv(
            gram * np.outer(scale, scale), rcond=1e-10, hermitian=True
        )
        solution = scale[:, None] * (inverse @ (scale[:, None] * np.vstack(moments)))
        return np.split(solution, np.cumsum([n for _, n in margins])[:-1])


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
    """

    weights: Floats
    clusters: Codes
    strata: Codes
    n_clusters: Floats
    fractions: Floats
    calibration: Calibration | None = None


def sums(codes: Codes, values: Floats | None, n_codes: int) -> Floats:
    """Sum of the values (or number of rows) by code."""
    totals = np.bincount(codes, weights=values, minlength=n_codes)
    return totals.astype(float, copy=False)


def covariance(influence: Sequence[Influence], sample: Sample) -> Floats:
    r"""Covariance matrix of estimates, shape (n_estimates, n_estimates).

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
    parts = [*influence, *_margins(influence, sample)]
    n_clusters, n_h = len(sample.strata), sample.n_clusters
    means = _totals(parts, sample.strata[sample.clusters], len(n_h)) / n_h[:, None]
    means[n_h == 1] = 0
    spread = np.sqrt((1 - sample.fractions) * n_h / np.maximum(n_h - 1, 1))

    widest = max(max(part.coefficients.shape) for part in parts)
    step = max(BLOCK_CELLS // widest, 1)
    result = np.zeros((means.shape[1], means.shape[1]))
    for start in range(0, n_clusters, step):
        strata = sample.strata[start : start + step]
        totals = _totals(parts, sample.clusters - start, len(strata))
        deviations = (totals - means[strata]) * spread[strata, None]
        moved = np.flatnonzero(deviations.any(axis=0))
        deviations = deviations[:, moved]
        result[np.ix_(moved, moved)] += deviations.T @ deviations
    return result


def _totals(parts: Sequence[Influence], units: Codes, n_units: int) -> Floats:
    """Influence totals of units 0 to ``n_units``, shape (n_units, n_estimates)."""
    total = np.zeros((n_units, parts[0].coefficients.shape[1]))
    for codes, values, coefficients in parts:
        table = _crossed(units, codes, values, (n_units, len(coefficients)))
        present = table.any(axis=0)
        total += table[:, present] @ coefficients[present]
    return total


def _crossed(
    rows: Codes, columns: Codes, values: Floats, shape: tuple[int, int]
) -> Floats:
    """Sum of the values in each cell of a two-way table; codes outside are left out."""
    inside = (columns >= 0) & (rows >= 0) & (rows < shape[0])
    if not inside.all():
        rows, columns, values = rows[inside], columns[inside], values[inside]
    cells = rows * shape[1] + columns
    return sums(cells, values, shape[0] * shape[1]).reshape(shape)


def _margins(influence: Sequence[Influence], sample: Sample) -> list[Influence]:
    """Take away what the regression on the calibration margins explains."""
    calibration = sample.calibration
    if calibration is None:
        return []
    ratio = calibration.weights / sample.weights
    unweighted = [part._replace(values=part.values * ratio) for part in influence]
    moments = [
        _totals(unweighted, cells, int(cells.max()) + 1) for cells in calibration.cells
    ]
    return [
        Influence(cells, sample.weights, -explained)
        for cells, explained in zip(
            calibration.cells, calibration.regression(moments), strict=True
        )
    ]


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
