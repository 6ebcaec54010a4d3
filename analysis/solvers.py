"""Factors by which weights are multiplied so that margins are reached."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import scipy

from analysis.calibration import SIZE, Gram, Margin
from analysis.errors import NotConverged, WeightingError, first_few
from analysis.totals import Floats

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Method = Literal["linear", "raking", "logit"]
Bounds = tuple[float, float]


def raking_factors(
    masses: Floats, margins: Sequence[Margin], tolerance: float, max_iterations: int
) -> Floats:
    """Factors by iterative proportional fitting, shape (n_rows,).

    Parameters
    ----------
    masses : floats, shape (n_rows,)
        Sum of weights of each kind of respondents.
    margins : sequence of Margin
        Over the same rows.
    tolerance : float
        Largest relative miss that counts as reached.
    max_iterations : int

    Raises
    ------
    NotConverged
    """
    _check_cells(np.concatenate([m.totals(masses) for m in margins]), margins)
    factors = np.ones(len(masses))
    for _ in range(max_iterations):
        for margin in margins:
            now = margin.totals(masses * factors)
            factors *= (margin.targets / now)[margin.codes]
        misses = [m.totals(masses * factors) / m.targets - 1 for m in margins]
        if max(np.abs(miss).max() for miss in misses) <= tolerance:
            return factors
    raise NotConverged(
        f"raking did not reach its margins in {max_iterations} rounds; "
        f"{_furthest(margins, misses)}; merge small categories, or drop a margin that "
        "contradicts the others"
    )


def calibration_factors(
    masses: Floats,
    columns: "csr_array",
    margins: Sequence[Margin],
    method: Method,
    bounds: Bounds | None,
    tolerance: float,
    max_iterations: int,
) -> Floats:
    """Factors nearest to one in the distance of the method, shape (n_units,).

    Newton's steps on the convex dual problem, shortened where they lead too far.

    Parameters
    ----------
    masses : floats, shape (n_units,)
        Sum of weights of each unit.
    columns : sparse, shape (n_units, n_cells of all margins)
        The margins as regressors.
    margins : sequence of Margin
    method : {"linear", "raking", "logit"}
    bounds : (float, float), optional
    tolerance : float
        Largest miss that counts as reached, relative to the size of the target.
    max_iterations : int

    Raises
    ------
    NotConverged
    """
    targets = np.concatenate([margin.targets for margin in margins])
    scale = np.abs(targets) + abs(columns).T @ masses
    _check_cells(abs(columns).T @ masses, margins)
    scale[scale == 0] = 1
    slack = 1e-14 * float(masses.sum())

    def at(coefficients: Floats) -> tuple[float, Floats, Floats, Floats]:
        """Value of the dual, what its margins miss, factors, and their slopes."""
        scores = columns @ coefficients
        factors, slopes, integrals = _distance(method, scores, bounds)
        value = float(masses @ integrals - targets @ coefficients)
        return value, targets - columns.T @ (masses * factors), factors, slopes

    coefficients = np.zeros(len(targets))
    value, missing, factors, slopes = at(coefficients)
    for _ in range(max_iterations):
        miss = float(np.abs(missing / scale).max())
        if miss <= tolerance:
            return factors
        # Units at a bound have no slope; lent a little, they can leave it again.
        lent = min(miss, 0.01) if bounds else 0.0
        step = Gram(columns, masses * (slopes + lent)).solve(missing)
        gain = float(missing @ step)
        for _ in range(60):
            found = at(coefficients + step)
            if found[0] <= value - 1e-4 * gain + slack:
                break
            step, gain = step / 2, gain / 2
        coefficients = coefficients + step
        value, missing, factors, slopes = found
    shares = np.split(-missing / scale, np.cumsum([len(m.cells) for m in margins])[:-1])
    needed = ""
    if bounds:
        reached = f"between {bounds[0]:g} and {bounds[1]:g}"
        try:
            free = calibration_factors(
                masses, columns, margins, "raking", None, tolerance, max_iterations
            )
            needed = f"; without bounds they run from {free.min():.3g} to "
            needed += f"{free.max():.3g}"
        except NotConverged:
            needed = "; nor do any without bounds"
    else:
        reached = f"of the {method} method"
    raise NotConverged(
        f"no factors {reached} reach the margins in {max_iterations} rounds{needed}; "
        f"{_furthest(margins, shares)}; "
        + ("widen the bounds, " if bounds else "")
        + "merge small categories, or drop a margin that contradicts the others"
    )


def _distance(
    method: Method, scores: Floats, bounds: Bounds | None
) -> tuple[Floats, Floats, Floats]:
    """Factors, their slopes and their integrals at the scores of the units.

    R: ``survey::cal.linear``, ``cal.raking``, ``cal.logit``.
    """
    low, high = bounds or (-np.inf, np.inf)
    if method == "logit":
        rate = (high - low) / ((high - 1) * (1 - low))
        odds = rate * scores + np.log((1 - low) / (high - 1))
        share = scipy.special.expit(odds)
        factors = low + (high - low) * share
        slopes = (high - low) * rate * share * (1 - share)
        return (
            factors,
            slopes,
            low * scores + (high - low) / rate * np.logaddexp(0, odds),
        )
    if method == "linear":
        inside = np.clip(scores, low - 1, high - 1)
        factors, slopes = 1 + inside, np.ones_like(scores)
        integrals = inside + inside**2 / 2
    else:
        ends = (np.log(low), np.log(high)) if bounds else (low, high)
        inside = np.clip(scores, *ends)
        with np.errstate(over="ignore"):
            factors = slopes = integrals = np.exp(inside)
    return (
        factors,
        slopes * (inside == scores),
        integrals + factors * (scores - inside),
    )


def _check_cells(totals: Floats, margins: Sequence[Margin]) -> None:
    """Refuse targets that no weight can reach, as happens in replicates."""
    start = 0
    for margin in margins:
        of_margin = totals[start : start + len(margin.cells)]
        start += len(margin.cells)
        empty = np.flatnonzero((of_margin == 0) & (margin.targets > 0))
        if len(empty):
            names = ["/".join(map(str, margin.cells[cell])) for cell in empty]
            raise WeightingError(
                f"margin {margin.name!r}: {len(empty)} of {len(of_margin)} cells have "
                f"no respondents ({first_few(names)}); merge small categories"
            )


def _furthest(margins: Sequence[Margin], misses: Sequence[Floats]) -> str:
    """Name the margin, group and category furthest off."""
    # The size of a group is never out of reach; what is asked besides it may be.
    margin, miss = max(
        zip(margins, misses, strict=True),
        key=lambda pair: (pair[0].name != SIZE, np.abs(pair[1]).max()),
    )
    cell = int(np.argmax(np.abs(miss)))
    group, category = margin.cells[cell]
    if margin.values is not None:
        return f"furthest off is the mean of {margin.name!r} in {group}"
    return (
        f"furthest off is {margin.name!r} in {group}: category {category} misses its "
        f"target by {100 * miss[cell]:+.3g}%"
    )
