"""Regression of numbers, yes or no, and counts, with design-based covariance."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import scipy

from analysis.columns import Where
from analysis.design import SurveyDesign
from analysis.errors import EstimationError, first_few
from analysis.fitting import Regression, fit
from analysis.likelihood import Likelihood
from analysis.links import LINKS, ROOT_TAU
from analysis.model_matrices import ModelMatrix, read_formula
from analysis.totals import Codes, Floats


class Family(NamedTuple):
    """How the answers follow from the linear predictor ``eta``.

    Attributes
    ----------
    terms : callable
        ``(y, eta)`` to the log-likelihood (up to a constant), its slope in ``eta``
        and its expected curvature.
    mean, slope : callable
        ``eta`` to the expected answer and its derivative.
    link : callable
        The inverse of ``mean``.
    binary : bool
        Answers are 0 or 1, so that expected answers are shares.
    """

    terms: Callable[[Floats, Floats], tuple[Floats, Floats, Floats]]
    mean: Callable[[Floats], Floats]
    slope: Callable[[Floats], Floats]
    link: Callable[[Floats], Floats]
    binary: bool = True


def _linear(y: Floats, eta: Floats) -> tuple[Floats, Floats, Floats]:
    residual = y - eta
    return -(residual**2) / 2, residual, np.ones(len(y))


def _logit(y: Floats, eta: Floats) -> tuple[Floats, Floats, Floats]:
    mean = scipy.special.expit(eta)
    residual = y - mean
    return np.log1p(-np.abs(residual)), residual, mean * (1 - mean)


def _probit(y: Floats, eta: Floats) -> tuple[Floats, Floats, Floats]:
    side = 2 * y - 1
    log_share, log_other = (
        scipy.special.log_ndtr(side * eta),
        scipy.special.log_ndtr(-side * eta),
    )
    density = np.exp(-(eta**2) / 2 - log_share) / ROOT_TAU
    curvature = np.exp(-(eta**2) - log_share - log_other) / ROOT_TAU**2
    return log_share, side * density, curvature


def _cloglog(y: Floats, eta: Floats) -> tuple[Floats, Floats, Floats]:
    hazard = np.exp(eta)
    share = -np.expm1(-hazard)
    ratio = hazard * np.exp(-hazard) / share
    log_share = np.where(y == 1, np.log(share), -hazard)
    return log_share, np.where(y == 1, ratio, -hazard), hazard * ratio


def _poisson(y: Floats, eta: Floats) -> tuple[Floats, Floats, Floats]:
    mean = np.exp(eta)
    return y * eta - mean - scipy.special.xlogy(y, y) + y, y - mean, mean


FAMILIES = {
    "linear": Family(_linear, np.positive, np.ones_like, np.positive, binary=False),
    **{
        name: Family(
            terms, LINKS[name].below, LINKS[name].density, LINKS[name].quantile
        )
        for name, terms in [
            ("logit", _logit),
            ("probit", _probit),
            ("cloglog", _cloglog),
        ]
    },
    "poisson": Family(_poisson, np.exp, np.exp, np.log, binary=False),
}


@dataclass(frozen=True, eq=False)
class OnePredictor(Likelihood):
    """Answers whose distribution depends on one linear predictor.

    Attributes
    ----------
    y : floats, shape (n_rows,)
    family : Family
    """

    y: Floats
    family: Family

    def moments(
        self, coefficients: Floats, weights: Floats, rows: slice
    ) -> tuple[float, Floats, Floats]:
        """Log-likelihood, gradient and expected information."""
        x = self.matrix[rows]
        value, slope, curvature = self.family.terms(self.y[rows], x @ coefficients)
        information = x.T @ (x * (weights * curvature)[:, None])
        return float(weights @ value), (weights * slope) @ x, information

    def scores(self, coefficients: Floats, rows: Codes) -> Floats:
        """Gradient of the log-likelihood of single rows."""
        x = self.matrix[rows]
        _, slope, _ = self.family.terms(self.y[rows], x @ coefficients)
        return x * slope[:, None]

    def predictions(self, matrix: Floats, coefficients: Floats) -> Floats:
        """Expected answers, shape (n_rows, 1)."""
        return self.family.mean(matrix @ coefficients)[:, None]

    def gradients(
        self, matrix: Floats, coefficients: Floats, weights: Floats
    ) -> Floats:
        """Gradient of the weighted sum of the expected answers, shape (1, k)."""
        return ((weights * self.family.slope(matrix @ coefficients)) @ matrix)[None, :]


def regress(
    design: SurveyDesign,
    formula: str,
    family: Literal["linear", "logit", "probit", "cloglog", "poisson"] = "linear",
    *,
    where: Where = None,
) -> Regression:
    """Regression of a numeric or 0/1 answer.

    Parameters
    ----------
    design : SurveyDesign
    formula : str
        Such as ``"trust ~ age + country"``: a column, then terms of ``formulaic``
        (``a + b``, ``a:b``, ``a*b``, ``C(wave)``, ``np.log(income)``, ``poly(age, 2)``,
        ``0 +``). The first category of a text or categorical column is the reference;
        ``C(country, contr.treatment("DE"))`` takes another. Formulas run as Python:
        never pass one that a stranger wrote.
    family : {"linear", "logit", "probit", "cloglog", "poisson"}
        All but linear and Poisson need answers of 0 and 1 (or true and false).
    where : Series, array of bool, or name of a true/false column, optional
        Respondents to fit to; the whole design stays in the variance.

    Returns
    -------
    Regression

    Raises
    ------
    UnknownColumn
    EstimationError
        If the answers do not suit the family, columns of the model matrix are
        collinear (R drops some of them), an answer is predicted without error
        (separation), or the fit does not converge.

    Notes
    -----
    Weighted maximum likelihood, by Newton's steps on the expected information ``I``;
    influence values ``w x (y - mu) mu' / v(mu) / I``. Respondents with something
    missing are left out and counted. Tests and intervals use t with
    ``df = clusters - strata + 1 - columns`` among those used, R's ``df.residual``.

    References
    ----------
    Binder (1983), doi:10.2307/1402588. R: ``survey::svyglm(formula, design,
    family = gaussian(), quasibinomial("logit" | "probit" | "cloglog") or
    quasipoisson())``.

    Examples
    --------
    >>> frame = pd.DataFrame(
    ...     {
    ...         "country": ["CN"] * 4 + ["DE"] * 4,
    ...         "age": [20, 30, 40, 50] * 2,
    ...         "approves": [0, 1, 1, 1, 0, 0, 1, 0],
    ...     }
    ... )
    >>> design = SurveyDesign(frame, strata="country")
    >>> fit = regress(design, "approves ~ age + country", "logit")
    >>> fit.to_frame().round(3)[["estimate", "std_error", "df", "p_value"]]
                   estimate  std_error  df  p_value
    Intercept        -3.417      2.741   4    0.281
    age               0.146      0.079   4    0.139
    country[T.DE]    -3.384      2.046   4    0.173
    """
    if family not in FAMILIES:
        raise EstimationError(
            f"family {family!r} is not known; use {first_few(FAMILIES)}"
        )
    design, matrix = read_formula(design, formula, where, linear=family == "linear")
    y = design.numbers(matrix.response)[matrix.first]
    _check_answers(y, matrix, family)
    start = np.zeros(len(matrix.names))
    if "Intercept" in matrix.terms:
        weights = matrix.row_weights(design.sample.weights)
        average = np.array([weights @ y / weights.sum()])
        start[matrix.terms["Intercept"]] = FAMILIES[family].link(average)
    return fit(
        design,
        matrix,
        OnePredictor(matrix.matrix, y, FAMILIES[family]),
        start,
        index=pd.Index(matrix.names),
        answers=pd.Index([matrix.response]),
        n_columns=len(matrix.names),
        what=f"{family} regression" if family != "poisson" else "Poisson regression",
    )


def _check_answers(y: Floats, matrix: ModelMatrix, family: str) -> None:
    n = int((matrix.codes >= 0).sum())
    if family == "linear":
        return
    if family == "poisson":
        if (y < 0).any() or not y.any():
            raise EstimationError(
                f"{matrix.response!r} must hold counts, some above 0; it has answers "
                f"from {y.min():g} to {y.max():g} among {n} respondents"
            )
    elif set(np.unique(y)) != {0.0, 1.0}:
        raise EstimationError(
            f"{matrix.response!r} must hold 0 and 1, and both, for a {family} "
            f"regression; it has {len(np.unique(y))} different answers from "
            f"{y.min():g} to {y.max():g} among {n} respondents"
        )
