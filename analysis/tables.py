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


def number(value: float, digits: int) -> str:
    """A number with so many digits behind the point; nothing where there is none.

    Examples
    --------
    >>> number(1.2345, 2), number(float("nan"), 2)
    ('1.23', '')
    """
    return "" if np.isnan(value) else f"{value:.{digits}f}"


def p_value(p: float) -> str:
    """A p-value with three digits.

    Examples
    --------
    >>> p_value(0.04321), p_value(0.00001)
    ('0.043', '< 0.001')
    """
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def share_name(variable: str, answers: Sequence[str]) -> str:
    """Name of the 0/1 column whose mean is the share of some answers together.

    Examples
    --------
    >>> share_name("vote", ["yes", "perhaps"])
    'vote: yes or perhaps'
    """
    return f"{variable}: {' or '.join(answers)}"


def too_small(counts: Sequence[int]) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Which counts of a row whose sum is known have to be hidden.

    Those from 1 to 9, and the next smallest as long as the sum of what is hidden tells
    what it consists of. A count that stands alone is the sum.

    Examples
    --------
    >>> too_small([250, 12, 3]).tolist(), too_small([3]).tolist()
    ([False, True, True], [False])
    >>> too_small([50, 1, 1, 0]).tolist()
    [False, True, True, True]
    """
    numbers = np.asarray(counts)
    if len(numbers) == 1:
        return np.zeros(1, dtype=bool)
    hidden = (numbers > 0) & (numbers < THRESHOLD)
    while hidden.any() and not hidden.all() and _is_told(numbers[hidden]):
        hidden[np.where(hidden, np.inf, numbers).argmin()] = True
    return hidden


def _is_told(hidden: "np.ndarray[Any, np.dtype[np.int_]]") -> bool:
    """Whether counts follow from their sum and from being below 10 or not."""
    small = hidden < THRESHOLD
    least = np.where(small, 1, THRESHOLD).sum()
    most = (THRESHOLD - 1) * len(hidden) if small.all() else np.inf
    return len(hidden) == 1 or hidden.sum() in (least, most)


def masked(counts: Sequence[int]) -> list[str]:
    """Counts of a row as text, without those that are :func:`too_small`.

    Examples
    --------
    >>> masked([250, 12, 3, 0])
    ['250', '12', '< 10', '< 10']
    >>> masked([250, 12, 40, 0])
    ['250', '12', '40', '0']
    >>> masked([250, 12, 3])
    ['250', 'withheld', '< 10']
    """
    return [
        str(number) if not hide else f"< {THRESHOLD}" if number < THRESHOLD else HIDDEN
        for number, hide in zip(counts, too_small(counts), strict=True)
    ]
