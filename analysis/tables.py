"""Numbers as a reader sees them: tables of text, with small counts withheld."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

THRESHOLD = 10
"""Nothing is said about fewer respondents than that."""

WIDE = 0.30
FEW = 30
"""Intervals as wide as that, or with fewer effective respondents, are marked.

After the presentation standards of the US National Center for Health Statistics
(Parker et al. 2017, Vital and Health Statistics 2(175))."""

HIDDEN = "withheld"
IMPRECISE = " †"


@dataclass(frozen=True)
class Table:
    """A table of text; the first cell of a row names it."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def holds(self, mark: str) -> bool:
        """Whether any cell carries the mark."""
        return any(cell.endswith(mark) for row in self.rows for cell in row)


def percent(share: float) -> str:
    """A fraction in percent, without the sign.

    Examples
    --------
    >>> percent(0.4567), percent(-0.02)
    ('45.7', '−2.0')
    """
    return f"{round(100 * share, 1) + 0.0:.1f}".replace("-", "−")


def points(difference: float) -> str:
    """A difference of fractions in percentage points, always with its direction.

    Examples
    --------
    >>> points(0.0512), points(-0.3)
    ('+5.1', '−30.0')
    """
    return f"{100 * difference:+.1f}".replace("-", "−")


def interval(limits: Any, *, signed: bool = False) -> str:
    """Both limits of a share, or of a difference."""
    written = points if signed else percent
    return f"{written(limits['conf_low'])}\u00a0to\u00a0{written(limits['conf_high'])}"


def p_value(p: float) -> str:
    """A p-value with three digits.

    Examples
    --------
    >>> p_value(0.04321), p_value(0.00001)
    ('0.043', '< 0.001')
    """
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def masked(counts: Sequence[int]) -> list[str]:
    """Counts of a row whose sum is known; small ones cannot be found out.

    Counts from 1 to 9 are shown as "< 10". If that hides only one, the next smallest
    is hidden too, or it could be computed from the sum.

    Examples
    --------
    >>> masked([250, 12, 3, 0])
    ['250', '12', '< 10', '< 10']
    >>> masked([250, 12, 40, 0])
    ['250', '12', '40', '0']
    >>> masked([250, 12, 3])
    ['250', 'withheld', '< 10']
    """
    numbers = np.asarray(counts)
    hidden = (numbers > 0) & (numbers < THRESHOLD)
    if hidden.sum() == 1:
        hidden[np.where(hidden, np.inf, numbers).argmin()] = True
    return [
        str(number) if not hide else f"< {THRESHOLD}" if number < THRESHOLD else HIDDEN
        for number, hide in zip(numbers, hidden, strict=True)
    ]
