"""Tests for tables: independence of two questions, and goodness of fit."""

import math
from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
import pandas as pd

from analysis.design import SurveyDesign, Where
from analysis.domains import find_domains
from analysis.errors import EstimationError, first_few
from analysis.hypotheses import HypothesisTest, about, residual_df, wald_statistic
from analysis.quadratic_forms import TailMethod, f_tail, upper_tail
from analysis.totals import Codes, Floats, Influence, OfTotals, Total
from analysis.variance import covariance

RaoScott = Literal["F", "chi2", "linear-combination", "saddlepoint"]
Wald = Literal["wald", "adjusted-wald"]

RAO_SCOTT: dict[str, str] = {
    "F": "Rao-Scott F test (second order)",
    "chi2": "Rao-Scott chi-squared test (first order)",
    "linear-combination": "Pearson's X2 with its asymptotic distribution",
    "saddlepoint": "Pearson's X2 with its asymptotic distribution (saddlepoint)",
}
WALD: dict[str, str] = {"wald": "Wald test", "adjusted-wald": "Adjusted Wald test"}


def independence_test(
    design: SurveyDesign,
    rows: str,
    columns: str,
    *,
    where: Where = None,
    statistic: RaoScott | Wald = "F",
) -> HypothesisTest:
    """Test whether the answers to two questions are independent.

    Parameters
    ----------
    design : SurveyDesign
    rows, columns : str
        Two columns of answers. Respondents without an answer to both are left out, so
        are answers that nobody gave.
    where : optional
        As for :func:`analysis.estimates.mean`.
    statistic : str
        - "F": Pearson's X2 divided by the sum of its design effects, compared with F
          (Rao and Scott's second-order correction).
        - "chi2": X2 compared with chi-squared times the mean design effect (first
          order); rejects too often if design effects differ.
        - "linear-combination", "saddlepoint": X2 compared with the sum of chi-squared
          variables that it is distributed as, by integration or approximately.
        - "wald": all residuals compared with their covariance; with few clusters it
          rejects far too often, "adjusted-wald" less so.

    Returns
    -------
    HypothesisTest
        The statistic is F, or X2 of the table scaled to ``n_respondents``.

    Raises
    ------
    UnknownColumn
    EstimationError
        If nobody answered both, everyone gave the same answer to one, too many cells
        are empty, or there are too few clusters.

    Notes
    -----
    R scales X2 to all rows, also those without an answer, which changes neither F nor
    any p-value. R's "saddlepoint" leaves out the fraction of a degree of freedom, which
    makes a difference of some percent in the p-value, and for replicate weights
    its "saddlepoint" and "lincom" take the design effects as known.

    References
    ----------
    Rao and Scott (1984), doi:10.1214/aos/1176346391; Thomas and Rao (1987), Journal
    of the American Statistical Association 82, 630-636. R: ``survey::svychisq`` with
    statistic "F", "Chisq", "lincom", "saddlepoint", "Wald", "adjWald".

    Examples
    --------
    >>> frame = pd.DataFrame({"sex": list("ffm") * 20, "vote": list("yynyny") * 10})
    >>> independence_test(SurveyDesign(frame), "sex", "vote").to_frame().round(3)
          statistic   df  df_denominator  p_value  n_respondents
    test
    F         3.688  1.0            59.0     0.06             60
    """
    _check(statistic, [*RAO_SCOTT, *WALD])
    design = design.holding(rows, columns, where)
    cells, shape, n = _two_way(design, rows, columns, where)
    what = about(design, f"{rows} and {columns} are independent", n)
    if statistic in WALD:
        return _wald_test(design, cells, shape, n, statistic, what)
    shares, spread = _cell_estimates(design, cells, math.prod(shape), shares=True)
    table = shares.reshape(shape)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0))
    x2 = n * float(((table - expected) ** 2 / expected).sum())
    effects = _design_effects(table, n * spread)
    return _rao_scott(x2, effects, residual_df(design, cells), n, statistic, what)


def goodness_of_fit_test(
    design: SurveyDesign,
    variable: str,
    expected: pd.Series | Mapping[object, float],
    *,
    where: Where = None,
    statistic: RaoScott = "F",
) -> HypothesisTest:
    """Test whether the shares of the answers are the given ones.

    Parameters
    ----------
    design : SurveyDesign
    variable : str
        Column of answers. Respondents without one are left out.
    expected : Series or mapping
        Expected share, or anything proportional to it, of each answer; the index
        (the keys) names the answers.
    where : optional
        As for :func:`analysis.estimates.mean`.
    statistic : {"F", "chi2", "linear-combination", "saddlepoint"}
        As for :func:`independence_test`.

    Returns
    -------
    HypothesisTest

    Raises
    ------
    UnknownColumn
    EstimationError
        If nobody answered, an answer has no positive expected share, or there are too
        few clusters.

    Notes
    -----
    Expected shares are taken as known. With respondents' weights summing to ``n``, the
    X2 is R's; R compares it with chi-squared where "F" takes into account that the
    design effects are estimated: R's p-value is that of ``df[0] * statistic`` with
    ``df[0]`` degrees of freedom.

    References
    ----------
    Rao and Scott (1981), doi:10.1080/01621459.1981.10477633.
    R: ``survey::svygofchisq``.

    Examples
    --------
    >>> frame = pd.DataFrame({"vote": ["yes"] * 36 + ["no"] * 24})
    >>> even = pd.Series({"yes": 0.5, "no": 0.5})
    >>> test = goodness_of_fit_test(SurveyDesign(frame), "vote", even)
    >>> round(test.statistic, 3), round(test.p_value, 3)
    (2.458, 0.122)
    """
    _check(statistic, RAO_SCOTT)
    design = design.holding(variable, where)
    domains = find_domains(design, variable, None, where)
    answers, categories = design.groups(variable)
    cells = np.where(domains.codes < 0, -1, answers)
    p, cells = _expected_shares(variable, expected, categories, cells)
    counts, spread = _cell_estimates(design, cells, len(p), shares=False)
    total = counts.sum()
    # Pearson residuals, and how the weight in each cell moves them.
    e = total * p
    residuals = (counts - e) / np.sqrt(e)
    moves = np.diag(1 / np.sqrt(e))
    moves -= (p / np.sqrt(e) + p * residuals / (2 * e))[:, None]
    n = round(float(domains.sizes.sum()))
    effects = np.linalg.eigvalsh(moves @ spread @ moves.T) * n / total
    x2 = float(residuals @ residuals * n / total)
    what = about(design, f"shares of {variable} are as expected", n)
    return _rao_scott(x2, effects, residual_df(design, cells), n, statistic, what)


def _check(statistic: str, known: Iterable[str]) -> None:
    if statistic not in known:
        raise EstimationError(
            f"statistic {statistic!r} is not known; use {first_few(known, 12)}"
        )


def _two_way(
    design: SurveyDesign, rows: str, columns: str, where: Where
) -> tuple[Codes, tuple[int, int], int]:
    """Cell of each respondent (-1: none), shape of the table, respondents in it."""
    domains = find_domains(design, [rows, columns], columns, where)
    kept = domains.codes >= 0
    n = round(float(domains.sizes.sum()))
    sides = []
    both = [(rows, design.groups(rows).codes), (columns, domains.codes)]
    for name, codes in both:
        found, side = np.unique(codes[kept], return_inverse=True)
        if len(found) < 2:
            raise EstimationError(
                f"{name!r}: all of {n} respondents who answered both questions gave "
                "one answer; a test of independence needs two"
            )
        sides.append((side, len(found)))
    (row, n_rows), (column, n_columns) = sides
    cells = np.full(len(kept), -1)
    cells[kept] = row * n_columns + column
    return cells, (n_rows, n_columns), n


def _cell_estimates(
    design: SurveyDesign, cells: Codes, n_cells: int, *, shares: bool
) -> tuple[Floats, Floats]:
    """Weighted counts or shares of the cells, and their covariance."""
    w = design.sample.weights
    total = w[cells >= 0].sum() if shares else 1.0
    evaluate = OfTotals(
        [Total(cells, None, n_cells)],
        lambda counts: (
            counts / counts.sum(axis=-1, keepdims=True) if shares else counts
        ),
    )
    values = evaluate(w)
    moves = (np.eye(n_cells) - (values if shares else 0)) / total
    influence = Influence(cells, w, moves)
    return values, covariance([influence], design.sample, evaluate)


def _design_effects(table: Floats, spread: Floats) -> Floats:
    """Eigenvalues of the design effect matrix of a table's interactions.

    Parameters
    ----------
    table : floats, shape (n_rows, n_columns)
        Shares.
    spread : floats, shape (n_cells, n_cells)
        Covariance of the shares, times the number of respondents.
    """
    inverse = np.divide(1, table, out=np.zeros_like(table), where=table > 0).ravel()
    interactions = inverse[:, None] * np.kron(*map(_contrasts, table.shape))
    simple = interactions.T @ (interactions * table.ravel()[:, None])
    if np.linalg.matrix_rank(simple, hermitian=True) < len(simple):
        raise EstimationError(
            f"{int((table == 0).sum())} of {table.size} cells of the table are empty, "
            "too many for a test of independence; put rare answers together"
        )
    half = np.linalg.solve(np.linalg.cholesky(simple), interactions.T)
    return np.linalg.eigvalsh(half @ spread @ half.T).astype(np.float64)


def _contrasts(n: int) -> Floats:
    """A basis of what sums to zero, shape (n, n - 1)."""
    return np.eye(n)[:, 1:] - 1 / n


def _rao_scott(
    x2: float, effects: Floats, df: float, n: int, statistic: str, what: str
) -> HypothesisTest:
    """Compare X2 with the sum of chi-squared variables it is distributed as."""
    effects = np.maximum(effects, 0)  # rounding makes some negative
    total = float(effects.sum())
    if total == 0:
        raise EstimationError(f"{what}: the shares do not vary, so no test")
    numerator = total**2 / float((effects**2).sum())
    denominator = numerator * df
    method = f"{RAO_SCOTT[statistic]}: {what}"
    if statistic == "F":
        degrees = (numerator, denominator)
        p = f_tail(x2 / total, *degrees)
        return HypothesisTest(x2 / total, "F", degrees, p, n, method)
    if statistic == "chi2":
        degrees = (len(effects), math.inf)
        p = f_tail(x2 / total, *degrees)
    else:
        degrees = (len(effects), denominator)
        exact = statistic == "linear-combination"
        tail: TailMethod = "integration" if exact else "saddlepoint"
        p = upper_tail(x2, effects, denominator, tail)
    return HypothesisTest(x2, "X2", degrees, p, n, method)


def _wald_test(
    design: SurveyDesign,
    cells: Codes,
    shape: tuple[int, int],
    n: int,
    statistic: str,
    what: str,
) -> HypothesisTest:
    """Compare observed minus expected counts with their covariance."""
    flat, spread = _cell_estimates(design, cells, math.prod(shape), shares=False)
    counts = flat.reshape(shape)
    rows, columns, total = counts.sum(axis=1), counts.sum(axis=0), counts.sum()
    expected = np.outer(rows, columns) / total
    # How the weight in each cell moves each residual.
    moves = np.eye(counts.size) + expected.reshape(-1, 1) / total
    moves -= np.kron(np.eye(len(rows)), np.tile(columns[:, None], len(columns))) / total
    moves -= np.kron(np.tile(rows[:, None], len(rows)), np.eye(len(columns))) / total
    free = np.arange(counts.size).reshape(shape)[1:, 1:].ravel()
    moves = moves[free]
    chi2, rank = wald_statistic(
        (counts - expected).ravel()[free], moves @ spread @ moves.T
    )
    df = residual_df(design, cells)
    left = df if statistic == "wald" else residual_df(design, cells, rank - 1)
    f = chi2 / rank * left / df
    p = f_tail(f, rank, left)
    return HypothesisTest(f, "F", (rank, left), p, n, f"{WALD[statistic]}: {what}")


def _expected_shares(
    variable: str,
    expected: pd.Series | Mapping[object, float],
    categories: pd.Index,
    cells: Codes,
) -> tuple[Floats, Codes]:
    """Expected shares, and the respondents' cells numbered as those."""
    expected = pd.Series(expected)
    p = expected.to_numpy(float)
    wrong = ~((p > 0) & np.isfinite(p)) | expected.index.duplicated()
    if wrong.any() or len(p) < 2:
        raise EstimationError(
            f"expected: {int(wrong.sum())} of {len(p)} shares are repeated, missing or "
            "not positive; give one positive share to each of two answers or more"
        )
    number = expected.index.get_indexer(categories)
    given = np.unique(cells[cells >= 0])
    unknown = categories[given[number[given] < 0]]
    if len(unknown):
        raise EstimationError(
            f"{variable!r}: {len(unknown)} of {len(given)} answers have no expected "
            f"share ({first_few(unknown)}); add them to expected"
        )
    return p / p.sum(), np.where(cells < 0, -1, number[cells])
