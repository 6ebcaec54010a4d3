"""Combine results from several imputations of the same missing answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.contrasts import Result
from analysis.errors import EstimationError, first_few
from analysis.results import Tested, t_tests
from analysis.totals import Floats


@dataclass(frozen=True, eq=False)
class Combined(Tested):
    """Results of several imputations, combined.

    Attributes
    ----------
    values : Series
        Means over the imputations.
    covariance : DataFrame
        Within and between imputations, same index both ways.
    df : Series
        Degrees of freedom of each value.
    p_values : Series
        Two-sided t tests that the value is zero, not adjusted.
    n_respondents : Series
        Unweighted number of respondents behind each value.
    method : str
    missing_information : Series
        Fraction of the information on each value that the missing answers cost, as
        ``mice`` and ``mitools`` compute it: 2 / (df + 3) where they cost nothing.
    n_imputations : int
    """

    missing_information: pd.Series
    n_imputations: int

    def to_frame(self, level: float | None = None) -> pd.DataFrame:
        """One row for each value.

        Columns estimate, std_error, conf_low, conf_high, n_respondents, statistic, df,
        p_value, missing_information.
        """
        return (
            super().to_frame(level).assign(missing_information=self.missing_information)
        )


def combine(results: Sequence[Result]) -> Combined:
    r"""Combine the results of the same analysis of several imputed data sets.

    Parameters
    ----------
    results : sequence of Estimate, Comparison, Regression or alike
        One for each imputation, all with the same index of values.

    Returns
    -------
    Combined

    Raises
    ------
    EstimationError
        If there are fewer than two results, or they hold different values.

    Notes
    -----
    Rubin's rules: with :math:`\bar U` the mean covariance within imputations and
    :math:`B` the covariance of the :math:`m` estimates, the total is
    :math:`T = \bar U + (1 + 1/m) B`. Degrees of freedom are Barnard and Rubin's, for
    which those of the complete data are the fewest of any imputation (of the group,
    where an estimate has groups). A value is missing where it is in any imputation.

    The values should be nearly normal: combine means, differences and coefficients.

    References
    ----------
    Rubin (1987), doi:10.1002/9780470316696; Barnard and Rubin (1999),
    doi:10.1093/biomet/86.4.948. R: ``mitools::MIcombine``, whose degrees of freedom
    for ``df.complete`` leave out the factor 1 + 1/m; ``mice::pool`` has it.

    Examples
    --------
    >>> from analysis import SurveyDesign, mean
    >>> filled = [[1, 2, 3, 4, gap] for gap in (2, 3, 5)]
    >>> designs = [SurveyDesign(pd.DataFrame({"trust": trust})) for trust in filled]
    >>> combined = combine([mean(design, "trust") for design in designs])
    >>> combined.to_frame().round(3).T
                         trust
    estimate             2.667
    std_error            0.682
    conf_low            -0.346
    conf_high            5.679
    n_respondents        5.000
    statistic            3.913
    df                   1.946
    p_value              0.062
    missing_information  0.564
    """
    results = list(results)
    wrong = [r for r in results if not hasattr(r, "covariance")]
    if wrong:
        raise EstimationError(
            f"{len(wrong)} of {len(results)} results are no estimates, comparisons or "
            f"models ({first_few(type(r).__name__ for r in wrong)}); make one of each "
            "completed data set"
        )
    if len(results) < 2:
        raise EstimationError(
            f"{len(results)} results; combining imputations needs two or more"
        )
    m, index = len(results), results[0].values.index
    for number, result in enumerate(results[1:], start=2):
        if not result.values.index.equals(index):
            raise EstimationError(
                f"result {number} of {m} holds other values than the first "
                f"({len(result.values)} and {len(index)}); analyse all alike"
            )
    estimates = np.array([result.values.to_numpy(float) for result in results])
    values = estimates.mean(axis=0)
    within = np.mean([result.covariance.to_numpy(float) for result in results], axis=0)
    deviations = estimates - values
    between = (1 + 1 / m) / (m - 1) * (deviations.T @ deviations)
    total = within + between
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.diag(between) / np.diag(total)
        df = _barnard_rubin(
            share, m, np.min([_complete_df(r) for r in results], axis=0)
        )
    lost = share + (1 - share) * 2 / (df + 3)
    n = np.broadcast_to(np.asarray(results[0].n_respondents), len(index))
    means = pd.Series(values, index=index)
    joint = pd.DataFrame(total, index=index, columns=index)
    degrees = pd.Series(df, index=index)
    return Combined(
        values=means,
        covariance=joint,
        df=degrees,
        p_values=t_tests(means, joint, degrees),
        n_respondents=pd.Series(n, index=index),
        missing_information=pd.Series(lost, index=index),
        n_imputations=m,
        method=f"Combined from {m} imputations (Rubin's rules, Barnard-Rubin degrees "
        f"of freedom). {results[0].method}",
    )


def _complete_df(result: Result) -> Floats:
    """Degrees of freedom of each value, had no answer been missing."""
    df = getattr(result, "group_df", result.df)
    return np.broadcast_to(np.asarray(df, dtype=float), len(result.values))


def _barnard_rubin(share: Floats, m: int, complete: Floats) -> Floats:
    """Degrees of freedom; ``share`` of the variance is due to the imputation."""
    observed = complete * (1 - share)
    finite = np.isfinite(complete)
    observed[finite] *= (complete[finite] + 1) / (complete[finite] + 3)
    return 1 / (share**2 / (m - 1) + 1 / observed)
