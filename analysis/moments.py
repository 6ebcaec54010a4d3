"""Variance of a variable and correlation of two, in the population.

Not to be confused with :mod:`analysis.variance`, the variance of estimates.
"""

from collections.abc import Sequence

import numpy as np

from analysis.design import SurveyDesign, Where
from analysis.domains import Domains, find_domains, make_estimate
from analysis.estimates import domain_means
from analysis.results import Estimate
from analysis.totals import Floats, OfTotals, Total


def population_variance(
    design: SurveyDesign,
    variable: str,
    *,
    by: str | Sequence[str] | None = None,
    where: Where = None,
) -> Estimate:
    """Variance of a numeric variable among those the sample stands for.

    Parameters
    ----------
    design, variable, by, where
        As for :func:`analysis.mean`.

    Returns
    -------
    Estimate
        Squares of the variable's units; rows as for :func:`analysis.mean`. NaN with
        a note where fewer than two respondents answered.

    Raises
    ------
    UnknownColumn
    EstimationError
        If the variable is not numeric, nobody answered, or the rows of a design
        without clusters only keep the variable's moments.

    Notes
    -----
    ``n / (n - 1)`` times the weighted mean of ``(y - mean)^2``, ``n`` the respondents
    of the group; its influence is that of a mean, since moving the mean a little does
    not change the sum of squares. The standard deviation follows with
    ``contrast(variance, np.sqrt)``.

    References
    ----------
    R: ``survey::svyvar``, ``survey::svyby``.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"trust": [2, 4, 4, 4, 5, 5, 7, 9]})
    >>> variance = population_variance(SurveyDesign(frame), "trust")
    >>> print(variance.values.round(3).to_dict(), variance.std_errors.round(3).item())
    {'trust': 4.571} 2.306
    """
    design = _held(design, by, where, variable)
    y = design.numbers(variable)
    domains = find_domains(design, variable, by, where)

    n, n_groups = domains.sizes, len(domains.labels)
    w, correction = design.sample.weights, n / np.where(n > 1, n - 1, np.nan)
    residuals = y - domain_means(w, y, domains)[0][domains.codes]

    def of_totals(weights: Floats, sums: Floats, squares: Floats) -> Floats:
        weights = np.where(weights > 0, weights, np.nan)
        return correction * (squares / weights - (sums / weights) ** 2)

    variances = OfTotals(
        [
            Total(domains.codes, numbers, n_groups)
            for numbers in (None, residuals, residuals**2)
        ],
        of_totals,
    )
    values = variances(w)
    squares = residuals**2 * np.nan_to_num(correction)[domains.codes]
    _, influence, srs = domain_means(w, squares, domains)
    return make_estimate(
        design,
        domains,
        values,
        [influence],
        srs,
        evaluate=variances,
        categories=None,
        variable=variable,
        what=f"variance of {variable}",
        notes=np.where(np.isnan(values), "fewer than two respondents answered", ""),
    )


def correlation(
    design: SurveyDesign,
    first: str,
    second: str,
    *,
    by: str | Sequence[str] | None = None,
    where: Where = None,
) -> Estimate:
    """Pearson's correlation of two numeric variables.

    Parameters
    ----------
    design : SurveyDesign
    first, second : str
        Numeric or true/false columns; respondents without an answer to both are left
        out.
    by, where
        As for :func:`analysis.mean`.

    Returns
    -------
    Estimate
        One row for each group; without groups one row named "first, second". Limits
        by Fisher's z, so within -1 to 1. NaN with a note where one of the variables
        does not vary.

    Raises
    ------
    UnknownColumn
    EstimationError
        If a variable is not numeric, nobody answered both, or the rows of a design
        without clusters only keep a variable's moments.

    Notes
    -----
    With ``a`` and ``b`` the variables in weighted standard units the correlation is
    the mean of ``a b``, with influence values ``w (a b - r (a^2 + b^2) / 2) / sum(w)``.

    References
    ----------
    Binder (1983), doi:10.2307/1402588; Fisher (1915), doi:10.1093/biomet/10.4.507.
    R: ``svycontrast`` of ``svyvar(~first + second)`` by the delta method.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"trust": [2, 4, 4, 6, 7], "age": [20, 30, 50, 40, 60]})
    >>> correlation(SurveyDesign(frame), "trust", "age").to_frame().round(3)
                estimate  std_error  conf_low  conf_high  n_respondents
    trust, age     0.811      0.174    -0.273      0.988              5
    """
    design = _held(design, by, where, first, second)
    x, y = design.numbers(first), design.numbers(second)
    domains = find_domains(design, [first, second], by, where)

    w, n_groups = design.sample.weights, len(domains.labels)
    a, b = (_standard_units(w, numbers, domains) for numbers in (x, y))

    def of_totals(weights: Floats, *sums: Floats) -> Floats:
        weights = np.where(weights > 0, weights, np.nan)
        mean_a, mean_b, square_a, square_b, product = (
            total / weights for total in sums
        )
        spread = (square_a - mean_a**2) * (square_b - mean_b**2)
        spread = np.where(spread > 0, spread, np.nan)
        return (product - mean_a * mean_b) / np.sqrt(spread)

    correlations = OfTotals(
        [
            Total(domains.codes, numbers, n_groups)
            for numbers in (None, a, b, a**2, b**2, a * b)
        ],
        of_totals,
    )
    values = correlations(w)
    moves = a * b - values[domains.codes] * (a**2 + b**2) / 2
    _, influence, srs = domain_means(w, np.nan_to_num(moves), domains)
    return make_estimate(
        design,
        domains,
        values,
        [influence],
        srs,
        evaluate=correlations,
        categories=None,
        variable=f"{first}, {second}",
        what=f"correlation of {first} and {second}",
        interval="fisher",
        notes=np.where(np.isnan(values), "one of the variables does not vary", ""),
    )


def _held(
    design: SurveyDesign,
    by: str | Sequence[str] | None,
    where: Where,
    *variables: str,
) -> SurveyDesign:
    """Design with moments of the variables; without clusters, with their values.

    Respondents that are their own clusters enter with fourth powers of values.
    """
    if design.clusters is not None:
        return design.holding(by, where, moments=variables)
    design = design.holding(by, where, *variables)
    design.check_values(variables)
    return design


def _standard_units(weights: Floats, values: Floats, domains: Domains) -> Floats:
    """Distances from the group's mean in standard deviations; NaN without spread."""
    residuals = values - domain_means(weights, values, domains)[0][domains.codes]
    spread, size = (
        np.sqrt(domain_means(weights, numbers**2, domains)[0])
        for numbers in (residuals, values)
    )
    # Rounding leaves a little spread to what has none.
    varies = spread > 1e-12 * size
    return residuals / np.where(varies, spread, np.nan)[domains.codes]
