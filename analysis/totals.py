"""Totals of numbers by code, and of influence values by unit: additive, so fast."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Compact = npt.NDArray[np.integer[Any]]
"""Codes of a type as small as they come, to be widened before they are multiplied."""

BLOCK_ROWS = 2**16
"""Rows summed at once: their intermediate values stay in the processor's cache."""


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


class Total(NamedTuple):
    """A weighted total by code.

    Attributes
    ----------
    codes : integers, shape (n_respondents,)
        Which total each respondent belongs to; -1 for none.
    values : floats of shape (n_respondents,), optional
        What is added up; 1 for everyone without it.
    n_codes : int
    """

    codes: Codes
    values: Floats | None
    n_codes: int


@dataclass(frozen=True, eq=False)
class OfTotals:
    """Estimates that know the weights only through weighted totals.

    Called with weights of shape (n_respondents,), it gives the estimates; from the
    totals of many sets of weights, it gives the estimates of all sets at once.

    Attributes
    ----------
    parts : sequence of Total
    estimate : callable
        Takes one array of shape (..., n_codes) for each part; returns the estimates,
        shape (..., n_estimates).

    Examples
    --------
    >>> everyone, y = np.zeros(3, dtype=int), np.array([2.0, 4.0, 9.0])
    >>> mean = OfTotals(
    ...     [Total(everyone, None, 1), Total(everyone, y, 1)],
    ...     estimate=lambda size, total: total / size,
    ... )
    >>> mean(np.array([1.0, 1.0, 2.0]))
    array([6.])
    """

    parts: Sequence[Total]
    estimate: Callable[..., Floats]

    def __call__(self, weights: Floats) -> Floats:
        """Estimates with weights of shape (n_respondents,)."""
        return self.estimate(
            *(
                sums(codes, weights if values is None else weights * values, n)
                for codes, values, n in self.parts
            )
        )


def sums(codes: Compact, values: Floats | None, n_codes: int) -> Floats:
    """Sum of the values (or number of rows) by code; negative codes are left out."""
    return crossed(None, codes, values, (1, n_codes)).ravel()


def crossed(
    rows: Compact | None,
    columns: Compact,
    values: Floats | None,
    shape: tuple[int, int],
) -> Floats:
    """Sum of the values (or number of rows) in each cell of a two-way table.

    Codes outside the table are left out; without ``rows`` all are in the first.
    """
    n_cells = shape[0] * shape[1]
    total: Floats = np.zeros(n_cells)
    step = max(BLOCK_ROWS, 2 * n_cells)
    for start in range(0, len(columns), step):
        part = slice(start, start + step)
        cells = columns[part].astype(np.intp, copy=False)
        added = None if values is None else values[part]
        outside = cells.min() < 0
        if rows is not None:
            units = rows[part].astype(np.intp, copy=False)
            outside |= units.min() < 0 or units.max() >= shape[0]
        if outside:
            inside = cells >= 0
            if rows is not None:
                inside &= (units >= 0) & (units < shape[0])
                units = units[inside]
            cells = cells[inside]
            added = None if added is None else added[inside]
        if rows is not None:
            cells = units * shape[1] + cells
        total += np.bincount(cells, added, n_cells)
    return total.reshape(shape)


def influence_totals(parts: Sequence[Influence], units: Codes, n_units: int) -> Floats:
    """Influence totals of units 0 to ``n_units``, shape (n_units, n_estimates)."""
    n_estimates = parts[0].coefficients.shape[1]
    total = np.zeros((n_units, n_estimates))
    for codes, values, coefficients in parts:
        n_codes = len(coefficients)
        if n_units * n_codes <= len(codes) * n_estimates + BLOCK_ROWS:
            sums_of_codes = crossed(units, codes, values, (n_units, n_codes))
            present = sums_of_codes.any(axis=0)
            total += sums_of_codes[:, present] @ coefficients[present]
            continue
        inside = np.flatnonzero((codes >= 0) & (units >= 0) & (units < n_units))
        from scipy import sparse  # slow to import; few estimates need it

        table = sparse.csr_array(
            (values[inside], (units[inside], codes[inside])), shape=(n_units, n_codes)
        )
        total += table @ coefficients
    return total


def tabulate(
    columns: Sequence[Compact],
    weights: Floats,
    counts: Floats | None,
    shape: Sequence[int],
) -> tuple[Floats, Floats]:
    """Sums of weights and numbers of respondents by all columns of codes.

    Parameters
    ----------
    columns : sequence of integers, each of shape (n_rows,)
        The first numbered from 0, the others from -1: those find themselves one
        further.
    weights : floats, shape (n_rows,)
    counts : floats of shape (n_rows,), optional
        Respondents of each row; 1 each without it.
    shape : sequence of int
        Of the tables.

    Examples
    --------
    >>> village, answer = np.array([0, 0, 1]), np.array([0, 0, -1])
    >>> tabulate([village, answer], np.array([1.0, 2.0, 4.0]), None, [2, 2])[0]
    array([[0., 3.],
           [4., 0.]])
    """
    n_cells = int(np.prod(shape))
    total, number = np.zeros(n_cells), np.zeros(n_cells)
    step = max(BLOCK_ROWS, 2 * n_cells)
    first, *others = columns
    shift = sum(int(np.prod(shape[axis:])) for axis in range(2, len(shape) + 1))
    for start in range(0, len(weights), step):
        part = slice(start, start + step)
        cells = first[part].astype(np.intp)
        for codes, n in zip(others, shape[1:], strict=True):
            cells *= n
            cells += codes[part]
        cells += shift
        total += np.bincount(cells, weights[part], n_cells)
        number += np.bincount(cells, None if counts is None else counts[part], n_cells)
    return total.reshape(shape), number.reshape(shape)
