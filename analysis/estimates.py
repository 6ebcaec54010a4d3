"""Means, shares and totals with their joint covariance over groups."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.design import SurveyDesign, Where
from analysis.domains import Domains, find_domains, group_sums, make_estimate
from analysis.errors import EstimationError, first_few
from analysis.intervals import SHARE_INTERVALS, Interval
from analysis.results import Estimate
from analysis.totals import Floats, Influence, OfTotals, Total


def mean(
    design: SurveyDesign,
    variable: str,
    *,
    by: str | Sequence[str] | None = None,
    where: Where = None,
) -> Estimate:
    """Weighted mean of a numeric or true/false variable.

    Parameters
    ----------
    design : SurveyDesign
    variable : str
        Numeric column, or a true/false one, whose mean is a share. Respondents
        without an answer are left out, not counted as zero.
    by : str or list of str, optional
        Columns whose groups are estimated separately.
    where : Series, array of bool, or name of a true/false column, optional
        Respondents to estimate for. The whole design stays in the variance: drawing
        only some of the sample is not the same as describing some of the population.

    Returns
    -------
    Estimate
        One row for each group; without groups one row named after the variable.

    Raises
    ------
    UnknownColumn
    EstimationError
        If the variable is not numeric or nobody answered.

    Notes
    -----
    Ratio estimator ``sum(w y) / sum(w)`` with influence values
    ``w (y - mean) / sum(w)``. Intervals use the degrees of freedom of the group,
    clusters minus strata where it has respondents; R's ``confint`` uses the normal
    distribution unless told ``df = degf(design)``.

    References
    ----------
    Binder (1983), doi:10.2307/1402588. R: ``survey::svymean``, ``survey::svyby``,
    after ``subset(design, !is.na(variable))``.

    Examples
    --------
    >>> frame = pd.DataFrame({"country": ["CN"] * 3 + ["DE"] * 3, "trust": range(6)})
    >>> design = SurveyDesign(frame, strata="country")
    >>> mean(design, "trust", by="country").to_frame().round(3)
             estimate  std_error  conf_low  conf_high  n_respondents
    country
    CN            1.0      0.577    -1.484      3.484              3
    DE            4.0      0.577     1.516      6.484              3
    """
    design = design.holding(by, where, moments=[variable])
    y = design.numbers(variable)
    domains = find_domains(design, variable, by, where)
    values, influence, srs = domain_means(design.sample.weights, y, domains)
    n_groups = len(domains.labels)
    return make_estimate(
        design,
        domains,
        values,
        [influence],
        srs,
        evaluate=OfTotals(
            [Total(domains.codes, y, n_groups), Total(domains.codes, None, n_groups)],
            _divide,
        ),
        categories=None,
        variable=variable,
        what=f"mean of {variable}",
    )


def total(
    design: SurveyDesign,
    variable: str,
    *,
    by: str | Sequence[str] | None = None,
    where: Where = None,
) -> Estimate:
    """Weighted total of a numeric or true/false variable.

    A total needs weights that count population persons; those without an answer
    contribute nothing.

    Parameters
    ----------
    design, variable, by, where
        As for :func:`mean`.

    Returns
    -------
    Estimate
        Rows and errors as for :func:`mean`.

    References
    ----------
    Horvitz and Thompson (1952), doi:10.1080/01621459.1952.10483446.
    R: ``survey::svytotal``, ``survey::svyby``.

    Examples
    --------
    >>> frame = pd.DataFrame({"weight": [10.0, 20.0, 30.0], "owns": [1, 0, 1]})
    >>> total(SurveyDesign(frame, weights="weight"), "owns").values
    owns    40.0
    dtype: float64
    """
    design = design.holding(by, where, moments=[variable])
    y = design.numbers(variable)
    w = design.sample.weights
    domains = find_domains(design, variable, by, where)
    values = group_sums(domains, w * y)
    n, population = domains.sizes, group_sums(domains, w)
    means = _divide(values, population)
    spread = group_sums(domains, w * (y - means[domains.codes]) ** 2)
    influence = Influence(domains.codes, w * y, np.eye(len(n)))
    return make_estimate(
        design,
        domains,
        values,
        [influence],
        spread * population * _divide(1, n - 1),
        evaluate=OfTotals([Total(domains.codes, y, len(n))], lambda totals: totals),
        categories=None,
        variable=variable,
        what=f"total of {variable}",
    )


def proportion(
    design: SurveyDesign,
    variable: str,
    *,
    by: str | Sequence[str] | None = None,
    where: Where = None,
    interval: Interval = "logit",
) -> Estimate:
    """Weighted share of each answer to a question.

    Parameters
    ----------
    design : SurveyDesign
    variable : str
        Column of answers. Categories of a categorical column keep their order, also
        those that nobody chose; other values are sorted. Respondents without an
        answer are left out.
    by, where
        As for :func:`mean`.
    interval : {"logit", "wilson", "korn-graubard", "beta", "likelihood", "arcsine"}
        See :func:`analysis.intervals.limits`. Shares of exactly 0 or 1 always get
        Korn-Graubard limits.

    Returns
    -------
    Estimate
        Fractions, one row for each category, or for each group and category. The
        covariance is joint over all of them.

    Raises
    ------
    UnknownColumn
    EstimationError
        If nobody answered or the interval is not known.

    References
    ----------
    Binder (1983), doi:10.2307/1402588. R: ``survey::svymean(~factor(variable))``,
    ``survey::svyby``, ``survey::svyciprop``.

    Examples
    --------
    >>> frame = pd.DataFrame({"approval": ["yes", "yes", "no", "yes"] * 5})
    >>> proportion(SurveyDesign(frame), "approval").to_frame().round(3)
              estimate  std_error  conf_low  conf_high  n_respondents
    approval
    no            0.25      0.099     0.099      0.503             20
    yes           0.75      0.099     0.497      0.901             20
    """
    if interval not in SHARE_INTERVALS:
        raise EstimationError(
            f"interval {interval!r} is not known; use {', '.join(SHARE_INTERVALS)}"
        )
    names = (by,) if isinstance(by, str) else tuple(by or ())
    design = design.holding(variable, by, where)
    design.column(variable)
    design, where = design.collapsed([variable, *names], where)
    answers, categories = design.groups(variable)
    domains = find_domains(design, variable, by, where)
    w, n_categories = design.sample.weights, len(categories)
    n_groups = len(domains.labels)
    cells = np.where(domains.codes < 0, -1, domains.codes * n_categories + answers)

    def shares_of(counts: Floats) -> Floats:
        counts = counts.reshape(*counts.shape[:-1], n_groups, n_categories)
        shares = _divide(counts, counts.sum(axis=-1, keepdims=True))
        return shares.reshape(*counts.shape[:-2], -1)

    counted = OfTotals([Total(cells, None, n_groups * n_categories)], shares_of)
    shares = counted(w).reshape(n_groups, n_categories)
    population = group_sums(domains, w)
    # A respondent with answer i moves the share of answer j by w (1[i = j] - share_j).
    moves = (np.eye(n_categories) - shares[:, None, :]) * _divide(
        1, population[:, None, None]
    )
    spread = shares * (1 - shares) * _divide(1, domains.sizes - 1)[:, None]
    return make_estimate(
        design,
        domains,
        shares.ravel(),
        [Influence(cells, w, block_diagonal(moves))],
        spread.ravel(),
        evaluate=counted,
        categories=categories,
        variable=variable,
        what=f"share of each {variable}",
        interval=interval,
    )


def share_of(values: pd.Series, answers: Sequence[str]) -> pd.Series:
    """Make a 0/1 column whose mean is the share of several answers together.

    Parameters
    ----------
    values : Series
        Answers, shape (n_respondents,).
    answers : sequence of str
        Those that count.

    Returns
    -------
    Series
        1.0 where the answer counts, 0.0 where it does not, missing where there is none.

    Raises
    ------
    EstimationError
        When nobody could have given one of the answers.

    Examples
    --------
    >>> votes = pd.Series(["yes", "perhaps", "no", None], name="vote")
    >>> share_of(votes, ["yes", "perhaps"]).tolist()
    [1.0, 1.0, 0.0, nan]
    """
    known = (
        values.cat.categories
        if isinstance(values.dtype, pd.CategoricalDtype)
        else pd.Index(values.dropna().unique())
    )
    texts = values.astype("string")
    unknown = [answer for answer in answers if answer not in set(known.astype(str))]
    if unknown:
        raise EstimationError(
            f"{values.name!r} has no answer {first_few(unknown)}; "
            f"it has {first_few(sorted(known.astype(str)), 12)}"
        )
    return texts.isin(list(answers)).astype(float).where(values.notna())


def domain_means(
    w: Floats, y: Floats, domains: Domains
) -> tuple[Floats, Influence, Floats]:
    """Weighted means by group.

    Returns
    -------
    means : floats, shape (n_groups,)
    influence : Influence
    srs_variances : floats, shape (n_groups,)
    """
    population = group_sums(domains, w)
    means = _divide(group_sums(domains, w * y), population)
    deviations = y - means[domains.codes]
    influence = w * deviations * _divide(1, population)[domains.codes]
    spread = _divide(group_sums(domains, w * deviations**2), population)
    return (
        means,
        Influence(domains.codes, influence, np.eye(len(means))),
        spread * _divide(1, domains.sizes - 1),
    )


def block_diagonal(blocks: Floats) -> Floats:
    """One matrix with the blocks on its diagonal, from shape (n, rows, columns)."""
    n, rows, columns = blocks.shape
    matrix = np.zeros((n, rows, n, columns))
    matrix[np.arange(n), :, np.arange(n), :] = blocks
    return matrix.reshape(n * rows, n * columns)


def _divide(numerator: Floats | float, denominator: Floats) -> Floats:
    """Quotient, NaN where the denominator is not positive."""
    return numerator / np.where(denominator > 0, denominator, np.nan)
