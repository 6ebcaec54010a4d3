"""Confidence limits for means, shares and correlations; the names of all intervals."""

from typing import Literal

import numpy as np
import scipy

from analysis.errors import EstimationError
from analysis.totals import Floats

Interval = Literal[
    "t",
    "logit",
    "wilson",
    "korn-graubard",
    "beta",
    "likelihood",
    "arcsine",
    "fisher",
    "woodruff",
    "woodruff-logit",
    "woodruff-beta",
    "woodruff-arcsine",
    "score",
]

INTERVALS: dict[Interval, str] = {
    "t": "t",
    "logit": "logit",
    "wilson": "Wilson",
    "korn-graubard": "Korn-Graubard",
    "beta": "beta",
    "likelihood": "likelihood",
    "arcsine": "arcsine",
    "fisher": "Fisher z",
    "woodruff": "Woodruff",
    "woodruff-logit": "Woodruff (logit)",
    "woodruff-beta": "Woodruff (beta)",
    "woodruff-arcsine": "Woodruff (arcsine)",
    "score": "score",
}
"""What each interval is called in print."""

SHARE_INTERVALS: tuple[Interval, ...] = (
    "logit",
    "wilson",
    "korn-graubard",
    "beta",
    "likelihood",
    "arcsine",
    "t",
)
"""Those that a share may have. "t" only for comparison with other software: near 0
and 1 it covers too rarely and leaves the range of shares."""


def limits(
    kind: Interval,
    values: Floats,
    variances: Floats,
    df: Floats,
    n_respondents: Floats,
    level: float,
) -> tuple[Floats, Floats]:
    r"""Lower and upper confidence limits.

    Parameters
    ----------
    kind : str
        See the notes: "t" for any estimate, "fisher" for correlations, the others
        for shares.
    values, variances, df, n_respondents : floats, shape (n_estimates,)
    level : float

    Returns
    -------
    low, high : floats, shape (n_estimates,)
        NaN without degrees of freedom.

    Raises
    ------
    EstimationError
        For the intervals of quantiles, which need the answers.

    Notes
    -----
    With ``t`` the quantile of Student's distribution with ``df`` degrees of freedom
    and ``m = p (1 - p) / variance`` the effective sample size of a share ``p``:

    ================= ================================================ =============
    kind              limits                                           R
    ================= ================================================ =============
    "t"               ``value -+ t std_error``                         ``"mean"``
    "logit"           the same for log odds, transformed back          ``"xlogit"``
    "arcsine"         the same for ``asin(sqrt(p))``, within 0 to 1    ``"asin"``
    "fisher"          the same for ``atanh(value)``
    "wilson"          Wilson's with ``t`` for z and ``m`` for n        ``"wilson"``
    "likelihood"      all ``q`` with ``2 m KL(p, q) n / (n - 1) <=     ``"likelihood"``
                      t^2``, ``KL`` the binomial divergence
    "beta"            Clopper and Pearson's with ``m`` reduced by      ``"beta"``
                      ``(t_{n-1} / t)^2``
    "korn-graubard"   the same, that size not more than n
    ================= ================================================ =============

    R: ``survey::svyciprop(method = ...)``, "wilson" from survey 4.5 on; R's "logit"
    is "xlogit" by iteration. Wilson's uses ``m`` as it is: reducing it as well as
    using ``t`` counts the degrees of freedom twice. R solves "likelihood" on a
    spline, here it is exact; its "asin" folds back at 0 and 1, here it stops.

    Shares of exactly 0 or 1 have no estimated variance: the effective sample size is
    taken as the number of respondents, and every kind but "t" gives the bound of
    "korn-graubard" on the one side and the share itself on the other. Other values
    without variance are their own limits, but for "korn-graubard".

    References
    ----------
    Korn and Graubard (1998), Survey Methodology 24, 193-201; the cap at n: Parker et
    al. (2017), Vital and Health Statistics 2(175). Wilson (1927),
    doi:10.1080/01621459.1927.10502953; Franco et al. (2019), doi:10.1093/jssam/smy019.
    Rao and Scott (1984), doi:10.1214/aos/1176346391.

    Examples
    --------
    >>> p, v, df, n = (np.array([x]) for x in (0.1, 0.0009, 30.0, 200.0))
    >>> for kind in ("t", "logit", "wilson", "korn-graubard", "likelihood"):
    ...     low, high = limits(kind, p, v, df, n, level=0.95)
    ...     print(f"{kind:13} {low[0]:.4f} {high[0]:.4f}")
    t             0.0387 0.1613
    logit         0.0533 0.1800
    wilson        0.0539 0.1781
    korn-graubard 0.0475 0.1796
    likelihood    0.0497 0.1723
    """
    if kind not in (*SHARE_INTERVALS, "fisher"):
        raise EstimationError(
            f"interval {kind!r} is not made from estimates alone; "
            f"use {', '.join(SHARE_INTERVALS)} or fisher"
        )
    tail = (1 - level) / 2
    df = np.where(df > 0, df, np.nan)
    t = -scipy.special.stdtrit(df, tail)
    if kind == "t":
        margin = t * np.sqrt(variances)
        low, high = values - margin, values + margin
    elif kind == "fisher":
        low, high = _fisher(values, variances, t)
    else:
        low, high = _share_limits(kind, values, variances, t, n_respondents, tail)
    return np.where(df > 0, low, np.nan), np.where(df > 0, high, np.nan)


def _share_limits(
    kind: Interval, values: Floats, variances: Floats, t: Floats, n: Floats, tail: float
) -> tuple[Floats, Floats]:
    certain = (values == 0) | (values == 1)
    p = np.where(certain, 0.5, values)
    m = np.divide(
        p * (1 - p), variances, out=np.full(len(p), np.inf), where=variances > 0
    )
    shrinkage = (scipy.special.stdtrit(np.maximum(n - 1, 1), tail) / t) ** 2
    if kind == "logit":
        usual = _logit(p, m, t)
    elif kind == "arcsine":
        usual = _arcsine(p, m, t)
    elif kind == "wilson":
        usual = _wilson(p, m, t)
    elif kind == "likelihood":
        usual = _likelihood(p, m, t, n)
    elif kind == "beta":
        usual = _beta(p, m * shrinkage, tail)
    else:
        usual = _beta(p, np.minimum(m * shrinkage, n), tail)
    bounds, sure = _beta(values, n * shrinkage, tail), kind != "korn-graubard"
    low, high = (
        np.where(certain, bound, np.where(np.isinf(m) & sure, p, limit))
        for bound, limit in zip(bounds, usual, strict=True)
    )
    return low, high


def _logit(p: Floats, m: Floats, t: Floats) -> tuple[Floats, Floats]:
    margin = t / np.sqrt(m * p * (1 - p))
    odds = scipy.special.logit(p)
    return scipy.special.expit(odds - margin), scipy.special.expit(odds + margin)


def _arcsine(p: Floats, m: Floats, t: Floats) -> tuple[Floats, Floats]:
    angle, margin = np.arcsin(np.sqrt(p)), t / (2 * np.sqrt(m))
    low = np.sin(np.maximum(angle - margin, 0)) ** 2
    return low, np.sin(np.minimum(angle + margin, np.pi / 2)) ** 2


def _wilson(p: Floats, m: Floats, t: Floats) -> tuple[Floats, Floats]:
    middle = (p + t**2 / (2 * m)) / (1 + t**2 / m)
    margin = t / (1 + t**2 / m) * np.sqrt(p * (1 - p) / m + t**2 / (4 * m**2))
    return middle - margin, middle + margin


def _likelihood(p: Floats, m: Floats, t: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Where the profile of the likelihood, scaled by the design, falls to t^2."""
    enough = np.divide(n, n - 1, out=np.full(len(n), np.nan), where=n > 1)
    allowed = enough * t**2 / (2 * m)

    def bound(end: Floats) -> Floats:
        """Halve the way from the share to the end, until nothing is left of it."""
        inside, outside = p, end
        for _ in range(60):
            q = (inside + outside) / 2
            divergence = scipy.special.rel_entr(p, q) + scipy.special.rel_entr(
                1 - p, 1 - q
            )
            within = divergence <= allowed
            inside, outside = np.where(within, q, inside), np.where(within, outside, q)
        return np.where(np.isnan(allowed), np.nan, inside)

    return bound(np.zeros_like(p)), bound(np.ones_like(p))


def _beta(p: Floats, n: Floats, tail: float) -> tuple[Floats, Floats]:
    low = scipy.special.betaincinv(n * p, n * (1 - p) + 1, tail)
    high = scipy.special.betaincinv(n * p + 1, n * (1 - p), 1 - tail)
    return np.where(p == 0, 0, low), np.where(p == 1, 1, high)


def _fisher(r: Floats, variances: Floats, t: Floats) -> tuple[Floats, Floats]:
    inside = np.abs(r) < 1
    z = np.arctanh(np.where(inside, r, 0))
    margin = t * np.sqrt(variances) / np.where(inside, 1 - r**2, 1)
    low, high = np.tanh(z - margin), np.tanh(z + margin)
    return np.where(inside, low, r), np.where(inside, high, r)
