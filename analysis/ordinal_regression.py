"""Regression of ordered answers: cumulative models, and a test of their assumption."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_numeric_dtype

from analysis.columns import Where
from analysis.design import SurveyDesign
from analysis.errors import EstimationError, first_few
from analysis.fitting import Regression, fit
from analysis.likelihood import Likelihood
from analysis.links import LINKS
from analysis.model_matrices import read_formula
from analysis.totals import Codes, Floats, sums

FAR = 500.0
"""Stands for infinity: every distribution function is 0 or 1 there."""


@dataclass(frozen=True, eq=False)
class Cumulative(Likelihood):
    """Answer ``k`` or lower has probability ``F(threshold_k - x @ slopes)``.

    The coefficients are the slopes, then the thresholds in rising order.

    Attributes
    ----------
    y : integers, shape (n_rows,)
        Category, numbered from 0.
    n_thresholds : int
    link : str
    """

    y: Codes
    n_thresholds: int
    link: str

    def moments(
        self, coefficients: Floats, weights: Floats, rows: slice
    ) -> tuple[float, Floats, Floats]:
        """Log-likelihood, gradient and observed information."""
        p = self.matrix.shape[1]
        if (np.diff(coefficients[p:]) <= 0).any():
            k = len(coefficients)
            return np.nan, np.zeros(k), np.zeros((k, k))
        x, y = self.matrix[rows], self.y[rows]
        share, upper, lower, bends = self._parts(x, y, coefficients)
        above, below = self._jacobian(x, y), self._jacobian(x, y - 1)
        both = (upper * lower)[:, None]
        pull_up = (upper**2 - bends[0])[:, None] * above + both * below
        pull_down = (lower**2 + bends[1])[:, None] * below + both * above
        w = weights[:, None]
        return (
            float(weights @ np.log(share)),
            (weights * upper) @ above + (weights * lower) @ below,
            above.T @ (w * pull_up) + below.T @ (w * pull_down),
        )

    def scores(self, coefficients: Floats, rows: Codes) -> Floats:
        """Gradient of the log-likelihood of single rows."""
        x, y = self.matrix[rows], self.y[rows]
        _, upper, lower, _ = self._parts(x, y, coefficients)
        above, below = self._jacobian(x, y), self._jacobian(x, y - 1)
        return upper[:, None] * above + lower[:, None] * below

    def predictions(self, matrix: Floats, coefficients: Floats) -> Floats:
        """Probability of each category, shape (n_rows, n_categories)."""
        below = LINKS[self.link].below(self._distances(matrix, coefficients))
        return np.diff(below, axis=1, prepend=0, append=1)

    def gradients(
        self, matrix: Floats, coefficients: Floats, weights: Floats
    ) -> Floats:
        """Gradient of the weighted sum of the probabilities, (n_categories, k)."""
        density = weights[:, None] * LINKS[self.link].density(
            self._distances(matrix, coefficients)
        )
        below = np.hstack([-density.T @ matrix, np.diag(density.sum(axis=0))])
        return np.diff(below, axis=0, prepend=0, append=0)

    def _distances(self, matrix: Floats, coefficients: Floats) -> Floats:
        """Thresholds minus linear predictor, shape (n_rows, n_thresholds)."""
        p = matrix.shape[1]
        return coefficients[p:] - (matrix @ coefficients[:p])[:, None]

    def _parts(
        self, x: Floats, y: Codes, coefficients: Floats
    ) -> tuple[Floats, Floats, Floats, tuple[Floats, Floats]]:
        """Probability of the answers, and derivatives in their upper and lower bound.

        The derivatives are those of its logarithm; the last two, of the densities,
        are divided by the probability.
        """
        p, link = x.shape[1], LINKS[self.link]
        eta = x @ coefficients[:p]
        bounds = np.concatenate([[-np.inf], coefficients[p:], [np.inf]])
        upper = np.clip(bounds[y + 1] - eta, -FAR, FAR)
        lower = np.clip(bounds[y] - eta, -FAR, FAR)
        # Differences of the smaller tails lose no digits.
        share = np.where(
            lower > 0,
            link.above(lower) - link.above(upper),
            link.below(upper) - link.below(lower),
        )
        bends = link.bend(upper) / share, link.bend(lower) / share
        return share, link.density(upper) / share, -link.density(lower) / share, bends

    def _jacobian(self, x: Floats, bound: Codes) -> Floats:
        """Derivative of ``threshold[bound] - x @ slopes``; none beyond the ends."""
        ends = bound[:, None] == np.arange(self.n_thresholds)
        inside = (bound >= 0) & (bound < self.n_thresholds)
        return np.hstack([-x * inside[:, None], ends.astype(float)])


def ordinal(
    design: SurveyDesign,
    formula: str,
    link: Literal["logit", "probit", "cloglog"] = "logit",
    *,
    where: Where = None,
) -> Regression:
    """Regression of an ordered answer: proportional odds, or hazards, or probit.

    Parameters
    ----------
    design : SurveyDesign
    formula : str
        As for :func:`regress`; the answer is a categorical column with its three or
        more categories in order, or a numeric one. Categories that nobody used chose
        are left out.
    link : {"logit", "probit", "cloglog"}
    where : Series, array of bool, or name of a true/false column, optional

    Returns
    -------
    Regression
        Slopes, then thresholds named ``"lower|upper"``, with their joint covariance.
        A positive slope moves answers to higher categories.

    Raises
    ------
    UnknownColumn
    EstimationError
        As for :func:`regress`, if the answers are text, whose order is not known, and
        with fewer than three categories.

    Notes
    -----
    ``P(answer <= k) = F(threshold_k - x @ slopes)``, by Newton's steps with the
    analytic Hessian, which is also the bread of the covariance. Degrees of freedom as
    in a regression with one intercept. R's ``svyolr`` stops when the likelihood hardly
    changes and differs by about 1e-7; its ``method = "cloglog"`` is what ``MASS`` calls
    ``loglog``, that is this model of the reversed answers.

    References
    ----------
    McCullagh (1980), doi:10.1111/j.2517-6161.1980.tb01109.x; Binder (1983),
    doi:10.2307/1402588. R: ``survey::svyolr``, ``MASS::polr``.

    Examples
    --------
    >>> frame = pd.DataFrame(
    ...     {
    ...         "country": ["CN"] * 5 + ["DE"] * 5,
    ...         "trust": pd.Categorical(
    ...             ["high", "some", "high", "low", "some"]
    ...             + ["low", "low", "some", "low", "high"],
    ...             ["low", "some", "high"],
    ...             ordered=True,
    ...         ),
    ...     }
    ... )
    >>> design = SurveyDesign(frame, strata="country")
    >>> ordinal(design, "trust ~ country").to_frame().round(3)[
    ...     ["estimate", "std_error", "df"]
    ... ]
                   estimate  std_error  df
    country[T.DE]    -1.444      1.434   7
    low|some         -1.138      0.953   7
    some|high         0.273      0.899   7
    """
    if link not in LINKS:
        raise EstimationError(f"link {link!r} is not known; use {first_few(LINKS)}")
    design, matrix = read_formula(design, formula, where)
    if "Intercept" not in matrix.terms:
        raise EstimationError(
            f"{formula!r}: the thresholds are the intercepts; leave '0 +' out"
        )
    answers = design.column(matrix.response)
    if not (
        isinstance(answers.dtype, pd.CategoricalDtype) or is_numeric_dtype(answers)
    ):
        raise EstimationError(
            f"{matrix.response!r} is text, whose order is not known; make it "
            "categorical: pd.Categorical(column, [lowest, ..., highest])"
        )
    n_columns = len(matrix.names)
    matrix = matrix.without("Intercept")
    y, labels = answers_of(design, matrix.response, matrix.first)
    if len(labels) < 3:
        raise EstimationError(
            f"{matrix.response!r} has {len(labels)} categories among the respondents "
            "used; ordinal() needs three or more, regress() with family='logit' takes "
            "two"
        )
    n_thresholds = len(labels) - 1
    weights = matrix.row_weights(design.sample.weights)
    shares = np.cumsum(sums(y, weights, len(labels)))[:-1] / weights.sum()
    thresholds = [f"{a}|{b}" for a, b in pairwise(labels)]
    return fit(
        design,
        matrix,
        Cumulative(matrix.matrix, y, n_thresholds, link),
        np.append(np.zeros(n_columns - 1), LINKS[link].quantile(shares)),
        index=pd.Index(matrix.names + thresholds),
        answers=labels,
        n_columns=n_columns,
        what=f"ordinal {link} regression",
    )


def answers_of(
    design: SurveyDesign, response: str, rows: Codes
) -> tuple[Codes, pd.Index]:
    """Category of each row, numbered from 0, and the categories that occur."""
    codes, labels = design.groups(response)
    present, y = np.unique(codes[rows], return_inverse=True)
    kept: npt.NDArray[np.intp] = y.astype(np.intp)
    return kept, labels[present]
