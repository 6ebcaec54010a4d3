"""Ratios of two totals, such as spending per household member."""

from collections.abc import Sequence

import numpy as np

from analysis.design import SurveyDesign, Where
from analysis.domains import find_domains, group_sums, make_estimate
from analysis.results import Estimate
from analysis.totals import Floats, Influence, OfTotals, Total


def ratio(
    design: SurveyDesign,
    numerator: str,
    denominator: str,
    *,
    by: str | Sequence[str] | None = None,
    where: Where = None,
) -> Estimate:
    """Weighted total of one variable divided by that of another.

    Parameters
    ----------
    design : SurveyDesign
    numerator, denominator : str
        Numeric or true/false columns. Respondents without an answer to both are
        left out; ``n_respondents`` counts those that stay.
    by : str or list of str, optional
        Columns whose groups are estimated separately.
    where : Series, array of bool, or name of a true/false column, optional
        Respondents to estimate for; the whole design stays in the variance.

    Returns
    -------
    Estimate
        One row for each group; without groups one row named
        "numerator / denominator". Units of the numerator per unit of the
        denominator. NaN with a note where the denominators add up to zero.

    Raises
    ------
    UnknownColumn
    EstimationError
        If a variable is not numeric or nobody answered both.

    Notes
    -----
    ``R = sum(w y) / sum(w x)`` with influence values ``w (y - R x) / sum(w x)``. The
    design effect compares with a simple random sample whose totals are as uncertain
    as the residuals ``y - R x`` are.

    References
    ----------
    Binder (1983), doi:10.2307/1402588. R: ``survey::svyratio(~numerator,
    ~denominator)``, ``survey::svyby``.

    Examples
    --------
    >>> import pandas as pd
    >>> homes = pd.DataFrame({"spending": [30, 20, 60, 50], "people": [2, 1, 4, 2]})
    >>> ratio(SurveyDesign(homes), "spending", "people").to_frame().round(2)
                       estimate  std_error  conf_low  conf_high  n_respondents
    spending / people     17.78       2.46      9.95      25.61              4
    """
    design = design.holding(by, where, moments=[numerator, denominator])
    y, x = design.numbers(numerator), design.numbers(denominator)
    w = design.sample.weights
    domains = find_domains(design, [numerator, denominator], by, where)

    n_groups = len(domains.labels)

    def divide(numerators: Floats, denominators: Floats) -> Floats:
        return numerators / np.where(denominators == 0, np.nan, denominators)

    ratios = OfTotals(
        [Total(domains.codes, y, n_groups), Total(domains.codes, x, n_groups)], divide
    )
    values, scale = ratios(w), divide(np.ones(n_groups), group_sums(domains, w * x))
    moves = np.nan_to_num((y - values[domains.codes] * x) * scale[domains.codes])
    n, population = domains.sizes, group_sums(domains, w)
    spread = group_sums(domains, w * moves**2) * population
    return make_estimate(
        design,
        domains,
        values,
        [Influence(domains.codes, w * moves, np.eye(n_groups))],
        spread / np.where(n > 1, n - 1, np.nan),
        evaluate=ratios,
        categories=None,
        variable=f"{numerator} / {denominator}",
        what=f"ratio of {numerator} to {denominator}",
        notes=np.where(np.isnan(values), f"{denominator} adds up to zero", ""),
    )
