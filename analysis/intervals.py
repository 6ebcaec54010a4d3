"""Confidence limits for means and shares."""

from typing import Literal

import numpy as np
from scipy import special, stats

from analysis.totals import Floats

Interval = Literal["t", "logit", "wilson", "korn-graubard"]


def limits(
    kind: Interval,
    values: Floats,
    variances: Floats,
    df: Floats,
    n_respondents: Floats,
    level: float,
) -> tuple[Floats, Floats]:
    """Lower and upper confidence limits.

    Parameters
    ----------
    kind : {"t", "logit", "wilson", "korn-graubard"}
        "logit": t interval for the log odds, transformed back. "wilson": Wilson's
        formula with t instead of z and the effective sample size p(1-p)/variance.
        "korn-graubard": Clopper-Pearson's beta limits with that effective sample
        size, reduced for the degrees of freedom.
    values, variances, df, n_respondents : floats, shape (n_estimates,)
    level : float

    Notes
    -----
    Shares of exactly 0 or 1 have no estimated variance: they get Korn-Graubard
    limits with every kind but "t", the effective sample size being the number of
    respondents. Without degrees of freedom limits are NaN.

    References
    ----------
    Korn and Graubard (1998), Survey Methodology 24, 193-201. R: ``confint(svymean)``
    with ``df = degf(design)``; ``survey::svyciprop`` with method "logit", "wilson"
    (R survey 4.5) and "beta".

    Examples
    --------
    >>> p, v, df, n = (np.array([x]) for x in (0.1, 0.0009, 30.0, 200.0))
    >>> low, high = limits("logit", p, v, df, n, level=0.95)
    >>> print(low.round(4), high.round(4))
    [0.0533] [0.18]
    """
    tail = (1 - level) / 2
    df = np.where(df > 0, df, np.nan)
    t = -stats.t.ppf(tail, df)
    if kind == "t":
        margin = t * np.sqrt(variances)
        return values - margin, values + margin
    certain = (values == 0) | (values == 1)
    p = np.where(certain, 0.5, values)
    n_effective = np.divide(
        p * (1 - p), variances, out=np.full(len(p), np.inf), where=variances > 0
    )
    adjusted = (
        np.where(certain, n_respondents, n_effective)
        * (stats.t.ppf(tail, np.maximum(n_respondents - 1, 1)) / t) ** 2
    )
    low, high = _beta(values, adjusted, tail)
    if kind != "korn-graubard":
        rule = _logit if kind == "logit" else _wilson
        usual = rule(p, n_effective, t)
        low, high = np.where(certain, [low, high], usual)
    return low, high


def _logit(p: Floats, n: Floats, t: Floats) -> tuple[Floats, Floats]:
    margin = t / np.sqrt(n * p * (1 - p))
    return special.expit(special.logit(p) - margin), special.expit(
        special.logit(p) + margin
    )


def _wilson(p: Floats, n: Floats, t: Floats) -> tuple[Floats, Floats]:
    middle = (p + t**2 / (2 * n)) / (1 + t**2 / n)
    margin = t / (1 + t**2 / n) * np.sqrt(p * (1 - p) / n + t**2 / (4 * n**2))
    return middle - margin, middle + margin


def _beta(p: Floats, n: Floats, tail: float) -> tuple[Floats, Floats]:
    low = special.betaincinv(n * p, n * (1 - p) + 1, tail)
    high = special.betaincinv(n * p + 1, n * (1 - p), 1 - tail)
    return np.where(p == 0, 0, low), np.where(p == 1, 1, high)
