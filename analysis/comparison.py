"""Across groups: differences, one test of all of them, and averages."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd
import scipy

from analysis.contrasts import satterthwaite
from analysis.errors import ComparisonError, first_few
from analysis.hypotheses import HypothesisTest, wald_statistic
from analysis.intervals import SHARE_INTERVALS
from analysis.quadratic_forms import f_tail
from analysis.results import Comparison, Estimate, check_level
from analysis.totals import Floats

Adjustment = Literal["holm", "bh", "hommel", "by", "none"]
GroupWeights = Literal["equal"] | Mapping[Any, float] | pd.Series

MOST_DIFFERENCES = 5000
"""Their joint covariance takes 200 MB; nobody reads so many."""

ADJUSTMENTS: dict[str, str] = {
    "holm": "p-values adjusted (Holm)",
    "bh": "p-values adjusted (Benjamini-Hochberg)",
    "hommel": "p-values adjusted (Hommel)",
    "by": "p-values adjusted (Benjamini-Yekutieli)",
    "none": "p-values not adjusted",
}


def compare(
    estimate: Estimate,
    reference: object = None,
    adjust: Adjustment = "holm",
    level: float = 0.95,
) -> Comparison:
    """Differences between the groups of an estimate.

    Parameters
    ----------
    estimate : Estimate
        Made with ``by=`` one column.
    reference : optional
        Group that every other is compared with; without it, all pairs.
    adjust : {"holm", "bh", "hommel", "by", "none"}
        Adjustment of the p-values over all comparisons of the table (with shares of
        several categories, over all groups and categories): Holm keeps the
        probability of any false finding below 1 - level, Benjamini-Hochberg the
        expected share of false findings. Hommel is less strict than Holm where tests
        do not exclude each other, Benjamini-Yekutieli holds whatever their dependence.
    level : float
        Level of the intervals, which hold for each difference by itself.

    Returns
    -------
    Comparison
        Group minus reference, indexed by (group, reference), and by category for
        shares (by quantile for quantiles).

    Raises
    ------
    ComparisonError
        If there are no groups, more than one column of groups, or no such reference.

    Notes
    -----
    Variances come from the joint covariance, so groups may share clusters. Degrees of
    freedom follow Welch and Satterthwaite,
    ``V^2 / (V_a^2 / df_a + V_b^2 / df_b)`` with ``V`` the variance of the difference,
    but not fewer than the smaller group has and not more than the whole design.
    Intervals that hold for all ``m`` differences at once are those of the level
    ``1 - (1 - level) / m`` (Bonferroni), which ``conf_int`` takes.
    R: ``survey::svycontrast`` on a joint covariance; R's default is the normal
    distribution, or ``df = degf(design)`` if asked.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6, 65-70; Benjamini and Hochberg
    (1995), doi:10.1111/j.2517-6161.1995.tb02031.x; Satterthwaite (1946),
    doi:10.2307/3002019. R: ``p.adjust(method = "holm" or "BH")``.

    Examples
    --------
    >>> from analysis import SurveyDesign, mean
    >>> frame = pd.DataFrame({"country": ["CN"] * 3 + ["DE"] * 3, "trust": range(6)})
    >>> trust = mean(SurveyDesign(frame, strata="country"), "trust", by="country")
    >>> compare(trust, reference="CN").to_frame().round(3)[
    ...     ["estimate", "df", "p_value"]
    ... ]
                   estimate   df  p_value
    group reference
    DE    CN            3.0  4.0    0.021
    """
    if adjust not in ADJUSTMENTS:
        raise ComparisonError(
            f"adjust {adjust!r} is not known; use {first_few(ADJUSTMENTS)}"
        )
    check_level(level)
    groups = _group_labels(estimate)
    pairs = group_pairs(groups, reference)
    per_group = len(estimate.values) // len(groups)
    if len(pairs) * per_group > MOST_DIFFERENCES:
        raise ComparisonError(
            f"{len(groups)} groups make {len(pairs) * per_group} differences, more than"
            f" {MOST_DIFFERENCES}; name a reference, or make fewer groups"
        )
    first, second = (
        np.repeat([pair[side] for pair in pairs], per_group) * per_group
        + np.tile(np.arange(per_group), len(pairs))
        for side in (0, 1)
    )
    rows = np.arange(len(first))
    contrasts = np.zeros((len(rows), len(estimate.values)))
    contrasts[rows, first], contrasts[rows, second] = 1, -1

    values = estimate.values.to_numpy(float)
    difference = values[first] - values[second]
    covariance = estimate.covariance.to_numpy(float)
    uncertain = np.isnan(np.diag(covariance))
    unknown = uncertain[first] | uncertain[second]
    covariance = np.nan_to_num(covariance)
    covariance = covariance[first] - covariance[second]
    covariance = covariance[:, first] - covariance[:, second]
    covariance[unknown] = covariance[:, unknown] = np.nan
    variance = np.diag(covariance)
    df = satterthwaite(estimate, contrasts, variance)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = 2 * scipy.special.stdtr(df, -np.abs(difference) / np.sqrt(variance))

    index = _index(estimate, groups[first // per_group], groups[second // per_group])
    n = estimate.n_respondents.to_numpy()
    name = ADJUSTMENTS[adjust]
    return Comparison(
        values=pd.Series(difference, index=index),
        covariance=pd.DataFrame(covariance, index=index, columns=index),
        df=pd.Series(df, index=index),
        p_values=pd.Series(adjusted(p, adjust), index=index),
        n_respondents=pd.Series(n[first] + n[second], index=index),
        method=f"Differences, group minus reference; two-sided t tests, {name} "
        f"for {int(np.isfinite(p).sum())} comparisons. {estimate.method}",
        level=level,
    )


def adjusted(p_values: Floats, adjust: Adjustment) -> Floats:
    """Adjust p-values for their number; what is missing was not tested.

    Parameters
    ----------
    p_values : floats, shape (n_tests,)
    adjust : {"holm", "bh", "hommel", "by", "none"}
        As for :func:`compare`.

    Returns
    -------
    floats, shape (n_tests,)

    References
    ----------
    R: ``p.adjust(method = "holm", "BH", "hommel" or "BY")``.

    Examples
    --------
    >>> adjusted(np.array([0.01, np.nan, 0.04, 0.03]), "holm")
    array([0.03,  nan, 0.06, 0.06])
    """
    p = np.array(p_values, dtype=float)
    tested = np.flatnonzero(~np.isnan(p))
    tested = tested[np.argsort(p[tested], kind="stable")]
    rank, n = np.arange(len(tested)), len(tested)
    if adjust == "holm":
        p[tested] = np.maximum.accumulate(p[tested] * (n - rank))
    elif adjust == "bh":
        larger_first = (p[tested] * n / (rank + 1))[::-1]
        p[tested] = np.minimum.accumulate(larger_first)[::-1]
    elif adjust != "none" and n:
        from statsmodels.stats.multitest import multipletests  # takes a second

        p[tested] = multipletests(
            p[tested], method={"by": "fdr_by"}.get(adjust, adjust)
        )[1]
    adjusted_p: Floats = np.minimum(p, 1)
    return adjusted_p


def omnibus_test(estimate: Estimate) -> HypothesisTest:
    """Test that all groups of an estimate are equal, in all its categories at once.

    Parameters
    ----------
    estimate : Estimate
        Made with ``by=`` one column.

    Returns
    -------
    HypothesisTest
        F test; groups without an estimate are left out.

    Raises
    ------
    ComparisonError
        As for :func:`compare`, or without enough degrees of freedom.
    EstimationError
        If a group's estimates do not vary.

    Notes
    -----
    Wald test of the differences from the first group, from the joint covariance. The
    denominator has the estimate's degrees of freedom less those of the numerator.

    References
    ----------
    Korn and Graubard (1990), doi:10.1080/00031305.1990.10475737.
    R: ``survey::regTermTest`` of a group factor in ``survey::svyglm``.

    Examples
    --------
    >>> from analysis import SurveyDesign, mean
    >>> frame = pd.DataFrame({"country": list("CDG") * 4, "trust": range(12)})
    >>> trust = mean(SurveyDesign(frame, strata="country"), "trust", by="country")
    >>> test = omnibus_test(trust)
    >>> round(test.statistic, 3), test.df, round(test.p_value, 3)
    (0.267, (2, 7), 0.773)
    """
    groups = _group_labels(estimate)
    values = estimate.values.to_numpy(float).reshape(len(groups), -1)
    known = estimate.std_errors.notna().to_numpy().reshape(values.shape).all(axis=1)
    if known.sum() < 2:
        raise ComparisonError(
            f"{int(known.sum())} of {len(groups)} groups of {estimate.by[0]!r} have an "
            "estimate with a standard error; a test needs two"
        )
    kept = np.flatnonzero(np.repeat(known, values.shape[1]))
    matrix = estimate.covariance.to_numpy()[np.ix_(kept, kept)]
    n_groups = int(known.sum())
    first = np.hstack([-np.ones((n_groups - 1, 1)), np.eye(n_groups - 1)])
    contrast = np.kron(first, np.eye(values.shape[1]))
    statistic, rank = wald_statistic(
        contrast @ values[known].ravel(), contrast @ matrix @ contrast.T
    )
    df = estimate.df - rank
    if df <= 0:
        raise ComparisonError(
            f"testing {rank} differences needs more than the {estimate.df} degrees of "
            "freedom of this estimate (clusters minus strata); compare fewer groups"
        )
    n = estimate.n_respondents.to_numpy().reshape(values.shape)[known, 0].sum()
    f = statistic / rank
    return HypothesisTest(
        f,
        "F",
        (rank, df),
        f_tail(f, rank, df),
        int(n),
        f"Wald F test that {n_groups} groups of {estimate.by[0]} are equal. "
        f"{estimate.method}",
    )


def average(estimate: Estimate, weights: GroupWeights) -> Estimate:
    """Average of the groups of an estimate, such as of countries.

    Weights that are scaled within each country do not say how much each should count,
    so there is no default: an average over countries either counts every country the
    same or every person.

    Parameters
    ----------
    estimate : Estimate
        Made with ``by=`` one column.
    weights : "equal", mapping or Series
        Every group counts the same, or in proportion to its population: a number for
        each group, and for others if you like.

    Returns
    -------
    Estimate
        One row, or one for each category. Populations are taken as known.

    Raises
    ------
    ComparisonError
        If there are no groups, a group has no estimate, or no population.

    Notes
    -----
    Variance from the joint covariance. Degrees of freedom follow Welch and
    Satterthwaite, as for :func:`compare`.

    References
    ----------
    R: ``survey::svycontrast`` of ``svyby(covmat = TRUE)``.

    Examples
    --------
    >>> from analysis import SurveyDesign, mean
    >>> frame = pd.DataFrame({"country": ["CN"] * 3 + ["DE"] * 3, "trust": range(6)})
    >>> trust = mean(SurveyDesign(frame, strata="country"), "trust", by="country")
    >>> average(trust, "equal").values.round(3).to_dict()
    {'average': 2.5}
    >>> average(trust, {"CN": 1410, "DE": 83}).values.round(3).to_dict()
    {'average': 1.167}
    """
    groups = _group_labels(estimate)
    shares = _group_shares(groups, weights)
    shape = (len(groups), -1)
    values = estimate.values.to_numpy(float).reshape(shape)
    known = estimate.std_errors.notna().to_numpy().reshape(shape).all(axis=1)
    lacking = groups[np.flatnonzero(~known)]
    if len(lacking):
        raise ComparisonError(
            f"{len(lacking)} of {len(groups)} groups of {groups.name!r} have no "
            f"estimate with a standard error ({first_few(lacking)}); estimate without "
            "them first"
        )
    n_rows = values.shape[1]
    combine = np.kron(shares, np.eye(n_rows)).astype(np.float64)
    matrix = combine @ estimate.covariance.to_numpy() @ combine.T
    rest = _within_group(estimate)
    index = pd.Index(["average"]) if rest is None else rest
    how = "equal weights" if isinstance(weights, str) else "population weights"

    def series(array: Floats) -> pd.Series:
        return pd.Series(array, index=index)

    def by_group(column: pd.Series) -> Floats:
        array: Floats = column.to_numpy(float).reshape(shape)
        return array

    return Estimate(
        values=series(shares @ values),
        covariance=pd.DataFrame(matrix, index=index, columns=index),
        df=estimate.df,
        n_respondents=series(by_group(estimate.n_respondents).sum(axis=0)).astype(int),
        method=f"Average of {len(groups)} groups of {groups.name}, {how}. "
        f"{estimate.method}",
        group_df=series(satterthwaite(estimate, combine, np.diag(matrix))),
        srs_variances=series(shares**2 @ by_group(estimate.srs_variances)),
        by=(),
        # Intervals made from the answers themselves hold for the groups only.
        interval=estimate.interval if estimate.interval in SHARE_INTERVALS else "t",
        notes=pd.Series("", index=index, dtype=str),
        populations=series(by_group(estimate.populations).sum(axis=0)),
    )


def _group_labels(estimate: Estimate) -> pd.Index:
    if not isinstance(estimate, Estimate):
        raise ComparisonError(
            f"{type(estimate).__name__} has no groups; compare what was made with by=, "
            "such as mean(design, 'trust', by='country'), or predictive_margins"
        )
    if len(estimate.by) != 1:
        raise ComparisonError(
            "only the groups of one column can be compared, and this estimate has "
            f"by={list(estimate.by) or None}; estimate again with one column, "
            "such as by='country'"
        )
    groups = estimate.values.index.get_level_values(estimate.by[0]).unique()
    if len(groups) < 2:
        raise ComparisonError(
            f"{estimate.by[0]!r} has one group ({groups[0]}); comparing needs two"
        )
    return groups


def group_pairs(groups: pd.Index, reference: object) -> list[tuple[int, int]]:
    """Positions of (group, reference)."""
    if reference is None:
        return [(b, a) for a, b in combinations(range(len(groups)), 2)]
    if reference not in groups:
        raise ComparisonError(
            f"reference {reference!r} is none of the {len(groups)} groups of "
            f"{groups.name!r}: {first_few(groups, 12)}"
        )
    base = groups.tolist().index(reference)
    return [(group, base) for group in range(len(groups)) if group != base]


def _group_shares(groups: pd.Index, weights: GroupWeights) -> Floats:
    """What each group counts, adding up to one."""
    if isinstance(weights, str):
        if weights != "equal":
            raise ComparisonError(
                f"weights {weights!r} is not known; use 'equal', or the "
                f"population of each group of {groups.name!r}"
            )
        return np.full(len(groups), 1 / len(groups))
    sizes: Floats = pd.Series(weights).reindex(groups).to_numpy(float)
    wrong = ~(sizes > 0) | np.isinf(sizes)
    if wrong.any():
        raise ComparisonError(
            f"weights: {int(wrong.sum())} of {len(groups)} groups of {groups.name!r} "
            f"have no positive population ({first_few(groups[wrong])}); add them"
        )
    shares: Floats = sizes / sizes.sum()
    return shares


def _index(estimate: Estimate, first: pd.Index, second: pd.Index) -> pd.MultiIndex:
    levels, names = [first, second], ["group", "reference"]
    rest = _within_group(estimate)
    if rest is not None:
        repeated = np.tile(np.arange(len(rest)), len(first) // len(rest))
        for name in range(rest.nlevels):
            levels.append(rest.get_level_values(name)[repeated])
        names += [str(name) for name in rest.names]
    return pd.MultiIndex.from_arrays(levels, names=names)


def _within_group(estimate: Estimate) -> pd.Index | None:
    """What each group has one value for, such as categories; None if a single one."""
    index, by = estimate.values.index, estimate.by[0]
    if not isinstance(index, pd.MultiIndex):
        return None
    groups = index.get_level_values(by)
    return index[: len(groups) // groups.nunique()].droplevel(by)
