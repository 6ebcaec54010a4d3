"""Means, shares and totals with their joint covariance over groups."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.design import SurveyDesign, Where
from analysis.errors import EstimationError, first_few
from analysis.intervals import SHARE_INTERVALS, Interval
from analysis.results import Estimate
from analysis.stages import Evaluate
from analysis.totals import Codes, Floats, Influence, OfTotals, Total, sums
from analysis.variance import covariance, degrees_of_freedom


@dataclass(frozen=True, eq=False)
class Domains:
    """Those who answered, by group.

    Attributes
    ----------
    codes : integers, shape (n_respondents,)
        Group of each respondent; -1 for those outside or without an answer.
    labels : Index
    by : tuple of str
    sizes : floats, shape (n_groups,)
        Respondents in each group.
    """

    codes: Codes
    labels: pd.Index
    by: tuple[str, ...]
    sizes: Floats


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


def find_domains(
    design: SurveyDesign,
    variable: str | Sequence[str],
    by: str | Sequence[str] | None,
    where: Where,
) -> Domains:
    """Sort those who answered into groups; an error if there is nobody.

    Of several variables, all must be answered.
    """
    groups, inside = design.crossed_groups(by), design.domain(where)
    sample = design.sample
    variables = [variable] if isinstance(variable, str) else list(variable)
    kept = groups.codes >= 0
    for name in variables:
        kept &= design.column(name).notna().to_numpy()
    if inside is not None:
        kept &= inside
    if not kept.any():
        counts = np.ones(len(kept)) if sample.counts is None else sample.counts
        asked = round(float(counts.sum() if inside is None else counts[inside].sum()))
        raise EstimationError(
            f"{' and '.join(map(repr, variables))}: none of {asked} respondents "
            + ("" if inside is None else "within where ")
            + "answered "
            + ("it" if len(variables) == 1 else "all of them")
            + (f" and has a value of {by!r}" if by else "")
            + "; check the column"
            + ("" if inside is None else " and where")
        )
    codes = groups.codes if kept.all() else np.where(kept, groups.codes, -1)
    names = (by,) if isinstance(by, str) else tuple(by or ())
    sizes = sums(codes, sample.counts, len(groups.labels))
    return Domains(codes, groups.labels, names, sizes)


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


def group_sums(domains: Domains, values: Floats) -> Floats:
    """Sum by group, shape (n_groups,)."""
    return sums(domains.codes, values, len(domains.labels))


def make_estimate(
    design: SurveyDesign,
    domains: Domains,
    values: Floats,
    influence: Sequence[Influence],
    srs_variances: Floats,
    *,
    evaluate: Evaluate,
    categories: pd.Index | None,
    variable: str,
    what: str,
    interval: Interval = "t",
    notes: Sequence[str] | npt.NDArray[np.str_] | None = None,
) -> Estimate:
    """Name the numbers: from arrays in the order (group, category) to an Estimate.

    ``notes`` say for each value why it is missing, or nothing.
    """
    n_groups, sample = len(domains.labels), design.sample
    per_group = len(values) // n_groups
    index = _index(domains, categories, variable)
    matrix = covariance(influence, sample, evaluate)
    sizes = np.repeat(domains.sizes, per_group)
    missing = (sizes == 0) | np.isnan(values)
    matrix[missing] = matrix[:, missing] = np.nan
    populations = group_sums(domains, sample.weights)
    df = degrees_of_freedom(domains.codes, n_groups, sample)
    overall = df
    if n_groups > 1:
        overall = degrees_of_freedom(np.minimum(domains.codes, 0), 1, sample)
    n = round(float(domains.sizes.sum()))
    method = (
        f"{what[0].upper()}{what[1:]}"
        + (f" by {', '.join(domains.by)}" if domains.by else "")
        + f": {n} of {design.n_respondents} respondents, {describe_variance(design)}"
    )
    if notes is None:
        notes = [""] * len(values)
    return Estimate(
        values=pd.Series(values, index=index),
        covariance=pd.DataFrame(matrix, index=index, columns=index),
        df=int(overall[0]),
        n_respondents=pd.Series(np.rint(sizes).astype(int), index=index),
        method=method,
        group_df=pd.Series(np.repeat(df, per_group), index=index),
        srs_variances=pd.Series(srs_variances, index=index),
        by=domains.by,
        interval=interval,
        notes=pd.Series(
            np.where(sizes == 0, "no respondents answered", notes),
            index=index,
            dtype=str,
        ),
        populations=pd.Series(np.repeat(populations, per_group), index=index),
    )


def describe_variance(design: SurveyDesign) -> str:
    """What variances are made of: "40 clusters in 12 strata, linearized variance"."""
    if design.replicates is not None:
        return (
            f"variance of {len(design.replicates.rscales)} replicate weights "
            f"({design.replicates.method})"
        )
    return (
        f"{design.n_clusters} clusters in {design.n_strata} strata, "
        + ("several stages, " if len(design.sample.stages) > 1 else "")
        + "linearized variance"
        + (", calibrated weights" if design.calibration else "")
    )


def block_diagonal(blocks: Floats) -> Floats:
    """One matrix with the blocks on its diagonal, from shape (n, rows, columns)."""
    n, rows, columns = blocks.shape
    matrix = np.zeros((n, rows, n, columns))
    matrix[np.arange(n), :, np.arange(n), :] = blocks
    return matrix.reshape(n * rows, n * columns)


def _index(domains: Domains, categories: pd.Index | None, variable: str) -> pd.Index:
    if not domains.by:
        return pd.Index([variable]) if categories is None else categories
    if categories is None:
        return domains.labels
    levels = [
        domains.labels.get_level_values(name).repeat(len(categories))
        for name in domains.by
    ]
    answers = categories.append([categories] * (len(domains.labels) - 1))
    return pd.MultiIndex.from_arrays([*levels, answers])


def _divide(numerator: Floats | float, denominator: Floats) -> Floats:
    """Quotient, NaN where the denominator is not positive."""
    return numerator / np.where(denominator > 0, denominator, np.nan)
