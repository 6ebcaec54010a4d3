"""Fitted models: coefficients with their design-based covariance."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from analysis.design import SurveyDesign
from analysis.domains import describe_variance
from analysis.errors import EstimationError
from analysis.likelihood import (
    Likelihood,
    Maximum,
    influence_of,
    inverse_times,
    maximize,
)
from analysis.model_matrices import ModelMatrix
from analysis.results import Tested, t_tests
from analysis.totals import Floats, Influence, sums
from analysis.variance import covariance, degrees_of_freedom, rounded_off


@dataclass(frozen=True, eq=False)
class Model:
    """What was fitted to whom: what tests and predictions are computed from.

    Attributes
    ----------
    design : SurveyDesign
    matrix : ModelMatrix
    likelihood : Likelihood
    maximum : Maximum
    names : list of str
        Of the coefficients.
    answers : Index
        What is predicted: the response, or the share of each of its categories.
    """

    design: SurveyDesign
    matrix: ModelMatrix
    likelihood: Likelihood
    maximum: Maximum
    names: list[str]
    answers: pd.Index

    def refit(self, weights: Floats) -> Floats:
        """Coefficients under other weights of the respondents, shape (k,)."""
        rows, start = self.matrix.row_weights(weights), self.maximum.coefficients
        try:
            return maximize(self.likelihood, rows, start, self.names).coefficients
        except EstimationError as error:
            raise EstimationError(
                f"{self.matrix.formula!r} under a set of replicate weights: {error}"
            ) from None

    def influence(self, mapping: Floats) -> list[Influence]:
        """Influence values of ``coefficients @ mapping``."""
        return influence_of(
            self.matrix.codes,
            self.design.sample.weights,
            partial(self.likelihood.scores, self.maximum.coefficients),
            inverse_times(self.maximum.information, mapping),
        )


@dataclass(frozen=True, eq=False)
class Regression(Tested):
    """Coefficients of a model with their joint covariance.

    Attributes
    ----------
    values : Series
        Coefficients. Of a multinomial model the index is (category, column), of an
        ordinal one the thresholds follow, named ``"lower|upper"``.
    covariance : DataFrame
        Joint covariance, same index both ways.
    df : int
        Degrees of freedom of t tests and intervals: clusters minus strata, plus one,
        minus the columns of the model matrix.
    p_values : Series
        Two-sided t tests of coefficients that are zero, not adjusted.
    n_respondents : int
        Respondents used.
    method : str
        One line: what was fitted and how.
    missing : Series
        Respondents left out for want of an answer, by variable.
    model : Model
        What was fitted to whom, for tests and predictions.
    """

    df: int
    n_respondents: int
    missing: pd.Series
    model: Model

    def ratios(self, level: float = 0.95) -> pd.DataFrame:
        """Exponentiated coefficients with their limits: odds or rate ratios.

        Columns ratio, conf_low, conf_high. Odds ratios with the logit link, hazard
        ratios with cloglog, rate ratios with Poisson.
        """
        limits = self.conf_int(level)
        return pd.DataFrame({"ratio": self.values}).join(limits).apply(np.exp)

    def to_dict(self, level: float | None = None) -> dict[str, Any]:
        """Plain values that JSON can hold; what is missing is None."""
        return super().to_dict(level) | {
            "n_respondents": self.n_respondents,
            "missing": {str(name): int(n) for name, n in self.missing.items()},
        }

    def summary(self, level: float | None = None) -> str:
        """Render the table, and say how the numbers were made."""
        left_out = ", ".join(f"{name} {n}" for name, n in self.missing.items() if n)
        missing = [f"missing: {left_out}"] if left_out else []
        return "\n".join([super().summary(level), *missing])


def fit(
    design: SurveyDesign,
    matrix: ModelMatrix,
    likelihood: Likelihood,
    start: Floats,
    *,
    index: pd.Index,
    answers: pd.Index,
    n_columns: int,
    what: str,
) -> Regression:
    """Maximize the weighted likelihood, and take its covariance from the design.

    Parameters
    ----------
    design : SurveyDesign
    matrix : ModelMatrix
    likelihood : Likelihood
    start : floats, shape (k,)
    index : Index, length k
        Names of the coefficients.
    answers : Index
        What the predictions are of.
    n_columns : int
        Columns of the model matrix, intercept included.
    what : str
        Such as "logit regression".
    """
    names = [":".join(map(str, n)) if isinstance(n, tuple) else str(n) for n in index]
    weights = matrix.row_weights(design.sample.weights)
    try:
        maximum = maximize(likelihood, weights, start, names)
    except EstimationError as error:
        raise EstimationError(f"{matrix.formula!r}: {error}") from None
    model = Model(design, matrix, likelihood, maximum, names, answers)
    influence = model.influence(np.eye(len(start)))
    cov = covariance(influence, design.sample, model.refit)
    used = np.minimum(matrix.codes, 0)
    degrees = degrees_of_freedom(used, 1, design.sample)[0]
    n = round(sums(used, design.sample.counts, 1)[0])
    df = int(degrees) + 1 - n_columns
    lost = rounded_off(maximum.coefficients, cov, np.array(df))
    cov[lost] = cov[:, lost] = np.nan
    values = pd.Series(maximum.coefficients, index=index)
    joint = pd.DataFrame(cov, index=index, columns=index)
    return Regression(
        values=values,
        covariance=joint,
        df=df,
        p_values=t_tests(values, joint, df),
        n_respondents=n,
        missing=matrix.missing,
        method=f"{what[0].upper()}{what[1:]}, {matrix.formula}: {n} of "
        f"{design.n_respondents} respondents, {describe_variance(design)}",
        model=model,
    )
