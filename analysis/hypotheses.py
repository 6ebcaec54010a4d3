"""The result of a significance test, and the Wald statistic that many rest on."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import scipy

from analysis.design import SurveyDesign
from analysis.domains import describe_variance
from analysis.errors import EstimationError
from analysis.results import check_level, records, table
from analysis.totals import Codes, Floats
from analysis.variance import degrees_of_freedom


@dataclass(frozen=True)
class HypothesisTest:
    """A significance test.

    Attributes
    ----------
    statistic : float
    statistic_name : {"F", "t", "X2"}
    df : tuple of (float, float)
        Degrees of freedom of numerator and denominator; infinite where the
        distribution has no denominator, 1 in the numerator of a t.
    p_value : float
        Two-sided, not adjusted for other tests.
    n_respondents : int
        Unweighted number of respondents behind it.
    method : str
        One line: what was tested and how.
    estimate, std_error : float
        What a t test is about, such as a difference; NaN for other tests.
    """

    statistic: float
    statistic_name: Literal["F", "t", "X2"]
    df: tuple[float, float]
    p_value: float
    n_respondents: int
    method: str
    estimate: float = math.nan
    std_error: float = math.nan

    def conf_int(self, level: float = 0.95) -> tuple[float, float]:
        """Confidence limits of the estimate of a t test."""
        tail = (1 - check_level(level)) / 2
        margin = -float(scipy.special.stdtrit(self.df[1], tail)) * self.std_error
        return self.estimate - margin, self.estimate + margin

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """One row.

        Columns statistic, df, df_denominator, p_value, n_respondents; for a t test
        before them estimate, std_error, conf_low, conf_high.
        """
        row: dict[str, float] = {}
        if self.statistic_name == "t":
            low, high = self.conf_int(level)
            row = {"estimate": self.estimate, "std_error": self.std_error}
            row |= {"conf_low": low, "conf_high": high}
        row |= {"statistic": self.statistic, "df": self.df[0]}
        row |= {"df_denominator": self.df[1], "p_value": self.p_value}
        row |= {"n_respondents": self.n_respondents}
        return pd.DataFrame(row, index=pd.Index([self.statistic_name], name="test"))

    def to_dict(self, level: float = 0.95) -> dict[str, Any]:
        """Plain values that JSON can hold; what is missing or infinite is None."""
        frame = self.to_frame(level).replace([np.inf, -np.inf], np.nan)
        return {"method": self.method, **records(frame)[0]}

    def summary(self, level: float = 0.95) -> str:
        """Render the test, and say how it was made."""
        return f"{self.method}\n{table(self.to_frame(level))}"

    def __str__(self) -> str:
        return self.summary()


def wald_statistic(values: Floats, covariance: Floats) -> tuple[float, int]:
    """Squared distance of the values from zero in standard errors, and its rank.

    Values that follow from others, as the last of several shares does, count once.

    Parameters
    ----------
    values : floats, shape (n,)
    covariance : floats, shape (n, n)

    Returns
    -------
    statistic : float
        Divided by the rank, it is compared with F.
    rank : int
        Number of values that vary independently.

    Raises
    ------
    EstimationError
        If nothing varies, or a value is not zero and does not vary.

    Examples
    --------
    >>> wald_statistic(np.array([2.0, 1.0]), np.diag([4.0, 1.0]))
    (2.0, 2)
    """
    scale = np.sqrt(np.diag(covariance))
    varies = scale > 0
    if not varies.any() or values[~varies].any():
        raise EstimationError(
            f"{int((~varies).sum())} of {len(values)} tested values have no sampling "
            "variance (everyone gave the same answer), so they cannot be tested; leave "
            "those groups or answers out"
        )
    scale, moved = scale[varies], covariance[np.ix_(varies, varies)]
    # Scaled to unit diagonal, true zeros among the eigenvalues are far below 1e-10.
    spread, axes = np.linalg.eigh(moved / np.outer(scale, scale))
    kept = spread > 1e-10
    distance = axes.T[kept] @ (values[varies] / scale)
    return float((distance**2 / spread[kept]).sum()), int(kept.sum())


def residual_df(design: SurveyDesign, groups: Codes, spent: int = 0) -> float:
    """Degrees of freedom where respondents with a group are, less those spent."""
    inside = np.where(groups < 0, -1, 0)
    df = float(degrees_of_freedom(inside, 1, design.sample)[0])
    if df - spent <= 0:
        raise EstimationError(
            f"the test needs more than {spent} degrees of freedom and there are "
            f"{df:g} (clusters minus strata); test fewer groups or answers at once"
        )
    return df - spent


def about(design: SurveyDesign, hypothesis: str, n: int) -> str:
    """Say what is tested, and on whom."""
    return (
        f"{hypothesis}? {n} of {design.n_respondents} respondents, "
        f"{describe_variance(design)}"
    )
