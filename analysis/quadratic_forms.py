"""The distribution of sums of chi-squared variables with unequal coefficients."""

import math
from typing import Any, Literal, NamedTuple

import numpy as np
import scipy

from analysis.totals import Floats

TailMethod = Literal["integration", "saddlepoint", "satterthwaite"]


def upper_tail(
    x: float,
    coefficients: Floats,
    df: float = math.inf,
    method: TailMethod = "integration",
) -> float:
    r"""Probability that a weighted sum of chi-squared variables exceeds ``x``.

    .. math:: P\left(\sum_j a_j \chi^2_{1,j} > x \, \chi^2_\nu / \nu\right)

    with :math:`\nu` the degrees of freedom of an estimated variance; with infinitely
    many, the right side is ``x``.

    Parameters
    ----------
    x : float
    coefficients : floats, shape (n,)
        Positive, such as the eigenvalues of a matrix of design effects.
    df : float
        Degrees of freedom of the denominator.
    method : {"integration", "saddlepoint", "satterthwaite"}
        "integration" is exact to about ten digits, also far out in the tail.
        "saddlepoint" is mostly right to a few percent. "satterthwaite", which also
        stands in for it next to the mean, is a scaled F distribution with the same
        two moments.

    Notes
    -----
    The integral inverts the moment generating function along a contour that crosses
    the real axis near the saddlepoint, with steps that widen along it, so the
    trapezoidal rule converges geometrically. R integrates by Davies' method with
    an absolute error of 1e-7.

    References
    ----------
    Kuonen (1999), doi:10.1093/biomet/86.4.929; Satterthwaite (1946),
    doi:10.2307/3002019; Trefethen and Weideman (2014), doi:10.1137/130932132.
    R: ``survey::pchisqsum``, ``survey::pFsum`` with ``lower.tail = FALSE``.

    Examples
    --------
    >>> f"{upper_tail(6, np.array([2, 2])):.6f}"  # exp(-6 / 4)
    '0.223130'
    >>> f"{upper_tail(6, np.array([2, 2]), method='saddlepoint'):.6f}"
    '0.224813'
    """
    a = np.asarray(coefficients, float)
    if not x > 0:
        return math.nan if math.isnan(x) else 1.0
    # Where every method gives 0 or 1, saddlepoints are out of reach.
    certain = x < 1e-9 * a.sum() or (math.isinf(df) and x > 1e6 * a.sum())
    if certain or method == "satterthwaite":
        return _satterthwaite_tail(x, a, df)
    # Compare with zero the sum minus the right side, scaled: the largest becomes 1.
    form = Form(a, np.ones(len(a)), x)
    if math.isfinite(df):
        form = Form(np.append(a, -x / df), np.append(np.ones(len(a)), df), 0.0)
    form = Form(form.a / a.max(), form.df, form.x / a.max())
    if method == "integration":
        return _integral(form)
    tail = _saddlepoint_tail(form)
    return _satterthwaite_tail(x, a, df) if math.isnan(tail) else tail


class Form(NamedTuple):
    """The variable ``sum(a * chi2(df)) - x``, by its cumulant generating function."""

    a: Floats
    df: Floats
    x: float

    def cumulant(self, t: Any) -> Any:
        """Logarithm of the moment generating function at one or many points."""
        logs = np.log1p(-2 * np.multiply.outer(t, self.a))
        return -(logs @ self.df) / 2 - t * self.x

    def slope(self, t: float) -> float:
        """First derivative of the cumulant function; at 0 the mean."""
        return float(self.df @ (self.a / (1 - 2 * t * self.a))) - self.x

    def curvature(self, t: float) -> float:
        """Second derivative of the cumulant function; at 0 the variance."""
        return float(2 * self.df @ (self.a / (1 - 2 * t * self.a)) ** 2)

    def saddlepoint(self) -> float:
        """Where the slope is zero: one point between the poles."""
        from scipy import optimize  # slow to import

        low = 0.5 / self.a.min() if self.a.min() < 0 else -len(self.a) / (2 * self.x)
        inward = 1 - 1e-12
        root = optimize.brentq(
            self.slope, low * inward, 0.5 * inward, xtol=1e-15, rtol=1e-15
        )
        return float(root)


def _integral(form: Form) -> float:
    """Integrate along ``c + s i sinh u``, bent to the right where that shortens it."""
    c = form.saddlepoint()
    # Not through the pole at zero, nor so near it that the step gets small.
    c = math.copysign(max(abs(c), 0.5 / math.sqrt(form.curvature(0))), c)
    s = min(abs(c), 0.5 - c)
    width = 1 / (s * math.sqrt(form.curvature(c)))
    n = np.count_nonzero(form.a > 0)
    step = min(0.1, 0.2 * width, 0.5 / math.sqrt(n))
    u = np.arange(-40, 40, step)
    bend = form.x > 0 or form.df[-1] > n
    t = c + s * (bend * (np.cosh(u) - 1) + 1j * np.sinh(u))
    slope = s * (bend * np.sinh(u) + 1j * np.cosh(u))
    integral = step * float((np.exp(form.cumulant(t)) / t * slope).sum().imag)
    integral /= 2 * math.pi
    return integral if c > 0 else 1 + integral


def _saddlepoint_tail(form: Form) -> float:
    """NaN next to the mean, where numerator and denominator vanish."""
    t = form.saddlepoint()
    if abs(t) < 1e-4:
        return math.nan
    w = math.copysign(math.sqrt(-2 * float(form.cumulant(t))), t)
    v = t * math.sqrt(form.curvature(t))
    return float(scipy.special.ndtr(-(w + math.log(v / w) / w)))


def _satterthwaite_tail(x: float, a: Floats, df: float) -> float:
    numerator = a.sum() ** 2 / (a**2).sum()
    return f_tail(x / a.sum(), numerator, df)


def f_tail(statistic: float, numerator: float, denominator: float) -> float:
    """Upper tail of the F distribution; chi-squared with an infinite denominator."""
    if math.isinf(denominator):
        return float(scipy.special.chdtrc(numerator, numerator * statistic))
    return float(scipy.special.fdtrc(numerator, denominator, statistic))
