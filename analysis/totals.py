"""Totals of numbers by code, and of influence values by unit: additive, so fast."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


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


def sums(codes: Codes, values: Floats | None, n_codes: int) -> Floats:
    """Sum of the values (or number of rows) by code."""
    totals = np.bincount(codes, weights=values, minlength=n_codes)
    return totals.astype(float, copy=False)


def influence_totals(parts: Sequence[Influence], units: Codes, n_units: int) -> Floats:
    """Influence totals of units 0 to ``n_units``, shape (n_units, n_estimates)."""
    total = np.zeros((n_units, parts[0].coefficients.shape[1]))
    for codes, values, coefficients in parts:
        table = crossed(units, codes, values, (n_units, len(coefficients)))
        present = table.any(axis=0)
        total += table[:, present] @ coefficients[present]
    return total


def crossed(
    rows: Codes, columns: Codes, values: Floats, shape: tuple[int, int]
) -> Floats:
    """Sum of the values in each cell of a two-way table; codes outside are left out."""
    inside = (columns >= 0) & (rows >= 0) & (rows < shape[0])
    if not inside.all():
        rows, columns, values = rows[inside], columns[inside], values[inside]
    cells = rows * shape[1] + columns
    return sums(cells, values, shape[0] * shape[1]).reshape(shape)
