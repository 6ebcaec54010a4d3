"""Regression of answers without order: the multinomial logit."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy

from analysis.columns import Where
from analysis.design import SurveyDesign
from analysis.errors import EstimationError, first_few
from analysis.fitting import Regression, fit
from analysis.likelihood import Likelihood
from analysis.model_matrices import read_formula
from analysis.ordinal_regression import answers_of
from analysis.totals import Codes, Floats, sums


@dataclass(frozen=True, eq=False)
class Multinomial(Likelihood):
    """Each category but the reference has its own coefficients, one after another.

    Attributes
    ----------
    y : integers, shape (n_rows,)
        Category, numbered from 0.
    free : integers, shape (n_categories - 1,)
        Categories with coefficients.
    """

    y: Codes
    free: Codes

    def moments(
        self, coefficients: Floats, weights: Floats, rows: slice
    ) -> tuple[float, Floats, Floats]:
        """Log-likelihood, gradient and information."""
        x, y = self.matrix[rows], self.y[rows]
        logs = self._log_shares(x, coefficients)
        shares = np.exp(logs[:, self.free])
        residuals = weights[:, None] * ((y[:, None] == self.free) - shares)
        p, k = x.shape[1], len(coefficients)
        information = np.empty((k, k))
        for a in range(len(self.free)):
            for b in range(a + 1):
                spread = weights * shares[:, a] * ((a == b) - shares[:, b])
                block = x.T @ (x * spread[:, None])
                at, to = slice(a * p, a * p + p), slice(b * p, b * p + p)
                information[at, to] = information[to, at] = block
        value = weights @ np.take_along_axis(logs, y[:, None], axis=1)[:, 0]
        return float(value), (residuals.T @ x).ravel(), information

    def scores(self, coefficients: Floats, rows: Codes) -> Floats:
        """Gradient of the log-likelihood of single rows."""
        x = self.matrix[rows]
        shares = self.predictions(x, coefficients)[:, self.free]
        residuals = (self.y[rows, None] == self.free) - shares
        return np.hstack([x * column[:, None] for column in residuals.T])

    def predictions(self, matrix: Floats, coefficients: Floats) -> Floats:
        """Probability of each category, shape (n_rows, n_categories)."""
        return np.exp(self._log_shares(matrix, coefficients))

    def gradients(
        self, matrix: Floats, coefficients: Floats, weights: Floats
    ) -> Floats:
        """Gradient of the weighted sum of the probabilities, (n_categories, k)."""
        shares = self.predictions(matrix, coefficients)
        weighted = weights[:, None] * shares
        return np.hstack(
            [
                (weighted * ((np.arange(shares.shape[1]) == a) - shares[:, [a]])).T
                @ matrix
                for a in self.free
            ]
        )

    def positions(self, columns: Codes) -> Codes:
        """Coefficients of the columns, for one category after another."""
        p = self.matrix.shape[1]
        return np.concatenate([columns + a * p for a in range(len(self.free))])

    def _log_shares(self, matrix: Floats, coefficients: Floats) -> Floats:
        logs = np.zeros((len(matrix), len(self.free) + 1))
        logs[:, self.free] = matrix @ coefficients.reshape(len(self.free), -1).T
        shares: Floats = logs - scipy.special.logsumexp(logs, axis=1, keepdims=True)
        return shares


def multinomial(
    design: SurveyDesign,
    formula: str,
    reference: object = None,
    *,
    where: Where = None,
) -> Regression:
    """Regression of an answer whose categories have no order.

    Parameters
    ----------
    design : SurveyDesign
    formula : str
        As for :func:`regress`; the answer is a text or categorical column.
    reference : optional
        Category that every other is compared with; without it, the first that occurs.
    where : Series, array of bool, or name of a true/false column, optional

    Returns
    -------
    Regression
        Log-odds of each category against the reference; index (category, column).

    Raises
    ------
    UnknownColumn
    EstimationError
        As for :func:`regress`, and if nobody used chose the reference or all chose it.

    Notes
    -----
    Weighted maximum likelihood by Newton's steps; influence values are the scores
    times the inverse of the information. Degrees of freedom subtract the columns of
    one equation, so that with two categories everything equals ``regress`` with
    ``family="logit"``.

    References
    ----------
    Binder (1983), doi:10.2307/1402588; McFadden (1974), in Zarembka (ed.),
    Frontiers in Econometrics. R: ``nnet::multinom`` with
    weights for the coefficients, ``svyVGAM::svy_vglm`` for their covariance.

    Examples
    --------
    >>> frame = pd.DataFrame(
    ...     {
    ...         "country": ["CN"] * 6 + ["DE"] * 6,
    ...         "party": ["a", "a", "b", "c", "a", "b"]
    ...         + ["a", "b", "b", "c", "c", "c"],
    ...     }
    ... )
    >>> design = SurveyDesign(frame, strata="country")
    >>> fit = multinomial(design, "party ~ country", reference="a")
    >>> fit.to_frame().round(3)[["estimate", "std_error", "df"]]
                         estimate  std_error  df
    party
    b     Intercept        -0.405      1.000   9
          country[T.DE]     1.099      1.673   9
    c     Intercept        -1.099      1.265   9
          country[T.DE]     2.197      1.789   9
    """
    design, matrix = read_formula(design, formula, where)
    y, labels = answers_of(design, matrix.response, matrix.first)
    if len(labels) < 2:
        raise EstimationError(
            f"{matrix.response!r} has one category ({labels[0]}) among the respondents "
            "used; there is nothing to compare"
        )
    if reference is not None and reference not in labels:
        raise EstimationError(
            f"reference {reference!r} is none of the {len(labels)} categories of "
            f"{matrix.response!r}: {first_few(labels, 12)}"
        )
    base = 0 if reference is None else labels.tolist().index(reference)
    free = np.delete(np.arange(len(labels)), base)
    start = np.zeros((len(free), len(matrix.names)))
    if "Intercept" in matrix.terms:
        weights = matrix.row_weights(design.sample.weights)
        logs = np.log(sums(y, weights, len(labels)))
        start[:, matrix.terms["Intercept"]] = (logs[free] - logs[base])[:, None]
    return fit(
        design,
        matrix,
        Multinomial(matrix.matrix, y, free),
        start.ravel(),
        index=pd.MultiIndex.from_product(
            [labels[free], matrix.names], names=[matrix.response, None]
        ),
        answers=labels,
        n_columns=len(matrix.names),
        what=f"multinomial regression with reference {labels[base]}",
    )
