"""Tests for differences in location: t tests and rank tests."""

from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy

from analysis.design import SurveyDesign, Where
from analysis.domains import Domains, find_domains
from analysis.errors import EstimationError, first_few
from analysis.estimates import domain_means
from analysis.hypotheses import HypothesisTest, about, residual_df, wald_statistic
from analysis.quadratic_forms import f_tail
from analysis.totals import Floats, Influence, OfTotals, Total, sums
from analysis.variance import covariance

Scores = Literal["wilcoxon", "van-der-waerden", "median"]

SCORES: dict[str, str] = {
    "wilcoxon": "Wilcoxon",
    "van-der-waerden": "van der Waerden",
    "median": "Median",
}


def t_test(
    design: SurveyDesign,
    variable: str,
    *,
    by: str | None = None,
    paired_with: str | None = None,
    null: float = 0.0,
    where: Where = None,
) -> HypothesisTest:
    """Test a mean, a difference of two groups' means, or a mean of differences.

    Parameters
    ----------
    design : SurveyDesign
    variable : str
        Numeric or true/false column.
    by : str, optional
        Column of exactly two groups; the second minus the first is tested.
    paired_with : str, optional
        Numeric column of the same respondents, subtracted from the variable.
        Respondents without an answer to both are left out.
    null : float
        Value that the mean or difference is tested against.
    where : optional
        As for :func:`analysis.estimates.mean`.

    Returns
    -------
    HypothesisTest
        With ``estimate``, ``std_error`` and ``conf_int()`` of the mean or difference.

    Raises
    ------
    UnknownColumn
    EstimationError
        If nobody answered, there are not two groups, answers do not vary, or there are
        too few clusters.

    Notes
    -----
    Degrees of freedom are clusters minus strata, less one for the second group. R's
    ``svyttest`` takes off one for a single mean too, so on a simple random sample its
    p-value is not that of the classical t test; this one is.

    References
    ----------
    Korn and Graubard (1999), doi:10.1002/9781118032619. R: ``survey::svyttest``.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"sex": list("fm") * 4, "trust": [5, 1, 6, 4, 7, 2, 4, 9]})
    >>> t_test(SurveyDesign(frame), "trust", by="sex").to_frame().round(3).T
    test                t
    estimate       -1.500
    std_error       1.753
    conf_low       -5.788
    conf_high       2.788
    statistic      -0.856
    df              1.000
    df_denominator  6.000
    p_value         0.425
    n_respondents   8.000
    """
    design = design.holding(variable, paired_with, by, where)
    y = design.numbers(variable)
    asked, hypothesis = [variable], f"mean of {variable}"
    if paired_with is not None:
        y = y - design.numbers(paired_with)
        asked, hypothesis = [*asked, paired_with], f"{hypothesis} minus {paired_with}"
    domains = _occupied(find_domains(design, asked, by, where))
    if by is None:
        contrast = np.ones((1, 1))
    else:
        _check_groups(domains, 2)
        contrast = np.array([[-1.0], [1.0]])
        first, second = domains.labels
        hypothesis += f", {by} {second} minus {first},"

    means, influence, _ = domain_means(design.sample.weights, y, domains)
    evaluate = OfTotals(
        [Total(domains.codes, y, len(means)), Total(domains.codes, None, len(means))],
        # A replicate may have nobody of a group.
        lambda total, size: total / np.where(size > 0, size, np.nan) @ contrast,
    )
    matrix = covariance([_contrasted(influence, contrast)], design.sample, evaluate)
    what = f"t test: {hypothesis} is {null:g}"
    return _t_test(design, domains, means @ contrast, matrix, null, what)


def rank_test(
    design: SurveyDesign,
    variable: str,
    by: str,
    *,
    scores: Scores = "wilcoxon",
    where: Where = None,
) -> HypothesisTest:
    """Test whether answers tend to be higher in one group than in another.

    Respondents are ranked by their answer, each rank being the share of the population
    below (counting half of those with the same answer); means of the ranks, or of
    scores made of them, are compared between groups.

    Parameters
    ----------
    design : SurveyDesign
    variable : str
        Numeric column, or one with ordered categories.
    by : str
        Column of groups: two give a t test of the second minus the first, more an F
        test of all (with Wilcoxon's scores that of Kruskal and Wallis).
    scores : {"wilcoxon", "van-der-waerden", "median"}
        The rank itself, its normal quantile, or whether it is above one half.
    where : optional
        As for :func:`analysis.estimates.mean`.

    Returns
    -------
    HypothesisTest
        ``estimate`` is the difference of mean scores of two groups.

    Raises
    ------
    UnknownColumn
    EstimationError
        If the variable has no order, nobody answered, there is one group, answers do
        not vary, or there are too few clusters.

    Notes
    -----
    Equal answers share the middle of their ranks, whatever the order of the rows. R
    averages their ranks without weights, which depends on the order of the rows where
    answers are tied and weights differ. As in R, ranks are taken as known in the
    variance.

    References
    ----------
    Lumley and Scott (2013), doi:10.1093/biomet/ast027. R: ``survey::svyranktest``.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"sex": list("fm") * 4, "trust": [5, 1, 6, 4, 7, 2, 4, 9]})
    >>> test = rank_test(SurveyDesign(frame), "trust", "sex")
    >>> round(test.estimate, 3), round(test.statistic, 3), round(test.p_value, 3)
    (-0.219, -1.101, 0.313)
    """
    if scores not in SCORES:
        raise EstimationError(
            f"scores {scores!r} is not known; use {first_few(SCORES, 12)}"
        )
    design = design.holding(variable, by, where)
    design.check_values([variable])
    domains = _occupied(find_domains(design, variable, by, where))
    _check_groups(domains)
    w = design.sample.weights
    score = _scores(_ordered(design, variable), w, domains.codes >= 0, scores)
    means, influence, _ = domain_means(w, score, domains)
    n_groups = len(means)
    # Each group minus the first.
    contrast = np.vstack([-np.ones(n_groups - 1), np.eye(n_groups - 1)])
    influence = _contrasted(influence, contrast)
    evaluate = OfTotals(
        [Total(domains.codes, influence.values / w, n_groups)],
        lambda totals: totals @ influence.coefficients,
    )
    matrix = covariance([influence], design.sample, evaluate)
    differences = means @ contrast
    what = f"{SCORES[scores]} test: {variable} is equally high in all {by} groups"
    if n_groups == 2:
        return _t_test(design, domains, differences, matrix, 0.0, what)
    statistic, rank = wald_statistic(differences, matrix)
    df = (rank, residual_df(design, domains.codes, rank))
    f, n = statistic / rank, round(float(domains.sizes.sum()))
    return HypothesisTest(f, "F", df, f_tail(f, *df), n, about(design, what, n))


def _t_test(
    design: SurveyDesign,
    domains: Domains,
    values: Floats,
    matrix: Floats,
    null: float,
    hypothesis: str,
) -> HypothesisTest:
    df = residual_df(design, domains.codes, len(domains.labels) - 1)
    estimate, std_error = float(values[0]), float(np.sqrt(matrix[0, 0]))
    if not std_error > 0:
        raise EstimationError(f"{hypothesis}: the answers do not vary, so no test")
    t = (estimate - null) / std_error
    n = round(float(domains.sizes.sum()))
    p = 2 * float(scipy.special.stdtr(df, -abs(t)))
    what = about(design, hypothesis, n)
    return HypothesisTest(t, "t", (1, df), p, n, what, estimate, std_error)


def _contrasted(influence: Influence, contrast: Floats) -> Influence:
    return influence._replace(coefficients=influence.coefficients @ contrast)


def _occupied(domains: Domains) -> Domains:
    """Only the groups that have respondents."""
    found = np.flatnonzero(domains.sizes > 0)
    number = np.append(np.full(len(domains.sizes), -1), -1)
    number[found] = np.arange(len(found))
    return Domains(
        number[domains.codes], domains.labels[found], domains.by, domains.sizes[found]
    )


def _check_groups(domains: Domains, wanted: int | None = None) -> None:
    n = len(domains.labels)
    if n < 2 or (wanted and n != wanted):
        need = "two" if wanted else "two or more"
        raise EstimationError(
            f"{domains.by[0]!r} has {n} group{'s' * (n > 1)} with answers "
            f"({first_few(domains.labels)}); this test needs {need}"
            + (
                ": choose them with where, or use rank_test() or omnibus_test()"
                * (n > 2)
            )
        )


def _ordered(design: SurveyDesign, variable: str) -> Floats:
    """The answers as numbers in their order."""
    dtype = design.column(variable).dtype
    if getattr(dtype, "ordered", False):
        return design.groups(variable).codes.astype(float)
    return design.numbers(variable)


def _scores(
    y: Floats, w: Floats, inside: npt.NDArray[np.bool_], kind: Scores
) -> Floats:
    """Scores of the weighted mid-ranks; zero outside."""
    answers, position = np.unique(y[inside], return_inverse=True)
    held = sums(position, w[inside], len(answers))
    ranks = (np.cumsum(held) - held / 2) / held.sum()
    if kind == "van-der-waerden":
        ranks = scipy.special.ndtri(ranks)
    elif kind == "median":
        ranks = (ranks > 0.5).astype(float)
    scores = np.zeros(len(y))
    scores[inside] = ranks[position]
    return scores
