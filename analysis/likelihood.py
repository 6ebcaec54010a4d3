"""Weighted maximum likelihood by Newton's steps: the one loop of every regression."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from analysis.errors import EstimationError, first_few
from analysis.totals import Codes, Floats, Influence

MOST_STEPS = 100
CHUNK_ROWS = 2**14
"""Rows whose products are held at once: a few megabytes, whatever the size."""
CONVERGED = 1e-24
"""Newton decrement relative to the log-likelihood: steps of about 1e-12."""
STALLED = 1e-16
"""Decrement that will do where rounding errors keep it from falling further."""
COLLINEAR = 1e-13
"""Smallest eigenvalue of the information, scaled to unit diagonal."""
SEPARATED = 1e-8
"""Share of the information at the start that is left in some direction."""


@dataclass(frozen=True, eq=False)
class Likelihood(ABC):
    """A model of the answers, seen row by row.

    Attributes
    ----------
    matrix : floats, shape (n_rows, n_columns)
        Model matrix.
    """

    matrix: Floats

    @abstractmethod
    def moments(
        self, coefficients: Floats, weights: Floats, rows: slice
    ) -> tuple[float, Floats, Floats]:
        """Weighted log-likelihood of the rows, gradient (k,), information (k, k)."""

    @abstractmethod
    def scores(self, coefficients: Floats, rows: Codes) -> Floats:
        """Gradient of the log-likelihood of single rows, shape (len(rows), k)."""

    @abstractmethod
    def predictions(self, matrix: Floats, coefficients: Floats) -> Floats:
        """Expected answer or share of each category, shape (n_rows, n_answers)."""

    @abstractmethod
    def gradients(
        self, matrix: Floats, coefficients: Floats, weights: Floats
    ) -> Floats:
        """Gradient of the weighted sum of the predictions, shape (n_answers, k)."""

    def positions(self, columns: Codes) -> Codes:
        """Which coefficients belong to columns of the model matrix."""
        return columns


class Maximum(NamedTuple):
    """Where the weighted log-likelihood is largest.

    Attributes
    ----------
    coefficients : floats, shape (k,)
    information : floats, shape (k, k)
    value : float
    """

    coefficients: Floats
    information: Floats
    value: float


def maximize(
    likelihood: Likelihood, weights: Floats, start: Floats, names: list[str]
) -> Maximum:
    """Climb with Newton's steps, halved where they overshoot, to machine precision.

    Parameters
    ----------
    likelihood : Likelihood
    weights : floats, shape (n_rows,)
    start : floats, shape (k,)
    names : list of str
        Of the coefficients, for the errors.

    Raises
    ------
    EstimationError
        Coefficients that the data do not tell apart, that run off to infinity
        (separation), or no convergence.
    """
    coefficients, best = start, -np.inf
    step, scale = np.zeros(len(start)), np.ones((len(start), len(start)))
    smallest, size, before = 0.0, 1.0, np.inf
    for _ in range(MOST_STEPS):
        value, gradient, information = _moments(
            likelihood, coefficients + step, weights
        )
        if not value >= best - 1e-10 * abs(best):
            step = step / 2
            continue
        if best == -np.inf:
            scale, smallest = _check_rank(information, names)
            size = float(abs(value) + weights.sum() + start @ information @ start)
        _check_separation(information / scale, SEPARATED * smallest, names)
        coefficients, best = coefficients + step, value
        step = inverse_times(information, gradient)
        decrement = float(gradient @ step) / size
        if decrement <= (STALLED if decrement > before / 4 else CONVERGED):
            return Maximum(coefficients + step, information, value)
        before = decrement
    raise EstimationError(
        f"the fit did not converge in {MOST_STEPS} steps; the coefficient of "
        f"{names[int(np.argmax(np.abs(step)))]} moves most: look at its column for "
        "extreme values or rescale it, or leave its term out"
    )


def influence_of(
    codes: Codes, weights: Floats, rows: Callable[[Codes], Floats], mapping: Floats
) -> list[Influence]:
    """Influence values ``weights * (rows @ mapping)[codes]``.

    Parameters
    ----------
    codes : integers, shape (n_respondents,)
        Row of each respondent, -1 for none.
    weights : floats, shape (n_respondents,)
    rows : callable
        From numbers of rows to floats of shape (len(rows), k).
    mapping : floats, shape (k, n_estimates)
    """
    n_rows, k = int(codes.max()) + 1, len(mapping)
    if 4 * n_rows <= len(codes):
        return [Influence(codes, weights, rows(np.arange(n_rows)) @ mapping)]
    # Rows that few share are added up faster column by column.
    columns = [np.empty(len(codes)) for _ in range(k)]
    for first in range(0, len(codes), CHUNK_ROWS):
        part = slice(first, first + CHUNK_ROWS)
        scores = rows(codes[part]) * weights[part, None]
        for column, score in zip(columns, scores.T, strict=True):
            column[part] = score
    inside = np.minimum(codes, 0)
    return [Influence(inside, column, mapping[[j]]) for j, column in enumerate(columns)]


def inverse_times(information: Floats, right: Floats) -> Floats:
    """Solve a symmetric system."""
    solution: Floats = np.linalg.solve(information, right).astype(float, copy=False)
    return solution


def _moments(
    likelihood: Likelihood, coefficients: Floats, weights: Floats
) -> tuple[float, Floats, Floats]:
    k = len(coefficients)
    value, gradient, information = 0.0, np.zeros(k), np.zeros((k, k))
    with np.errstate(all="ignore"):  # a step too far is seen by its value
        for first in range(0, len(likelihood.matrix), CHUNK_ROWS):
            rows = slice(first, first + CHUNK_ROWS)
            part = likelihood.moments(coefficients, weights[rows], rows)
            value += part[0]
            gradient += part[1]
            information += part[2]
    return value, gradient, information


def _check_rank(information: Floats, names: list[str]) -> tuple[Floats, float]:
    """Scale of the information, and its smallest eigenvalue once scaled."""
    diagonal = np.diag(information)
    empty = [name for name, size in zip(names, diagonal, strict=True) if not size > 0]
    if empty:
        raise EstimationError(
            f"nobody used has {first_few(empty)} other than 0, so its coefficient "
            "cannot be estimated; leave the term out or merge its categories"
        )
    scale = np.sqrt(np.outer(diagonal, diagonal))
    eigenvalues, vectors = np.linalg.eigh(information / scale)
    if eigenvalues[0] < COLLINEAR:
        raise EstimationError(
            f"{_named(vectors[:, 0], 1e-4, names)} are linear combinations of each "
            "other, so their coefficients cannot be told apart; leave one term out"
        )
    return scale, float(eigenvalues[0])


def _check_separation(scaled: Floats, least: float, names: list[str]) -> None:
    eigenvalues, vectors = np.linalg.eigh(scaled)
    if eigenvalues[0] < least:
        raise EstimationError(
            f"{_named(vectors[:, 0], 0.1, names)}: some of the answers are predicted "
            "without error (separation), so a coefficient is infinite; merge "
            "categories or leave the term out"
        )


def _named(direction: Floats, share: float, names: list[str]) -> str:
    size = np.abs(direction)
    return first_few(
        name
        for name, part in zip(names, size, strict=True)
        if part > share * size.max()
    )
