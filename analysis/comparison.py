"""Differences between groups, with adjustment for the number of comparisons."""

from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from analysis.errors import ComparisonError, first_few
from analysis.results import Comparison, Estimate, check_level
from analysis.totals import Codes, Floats

ADJUSTMENTS = {
    "holm": "p-values adjusted (Holm)",
    "bh": "p-values adjusted (Benjamini-Hochberg)",
    "none": "p-values not adjusted",
}


def compare(
    estimate: Estimate,
    reference: object = None,
    adjust: Literal["holm", "bh", "none"] = "holm",
    level: float = 0.95,
) -> Comparison:
    """Differences between the groups of an estimate.

    Parameters
    ----------
    estimate : Estimate
        Made with ``by=`` one column.
    reference : optional
        Group that every other is compared with; without it, all pairs.
    adjust : {"holm", "bh", "none"}
        Adjustment of the p-values over all comparisons of the table (with shares of
        several categories, over all groups and categories): Holm keeps the
        probability of any false finding below 1 - level, Benjamini-Hochberg the
        expected share of false findings.
    level : float
        Level of the intervals, which hold for each difference by itself.

    Returns
    -------
    Comparison
        Group minus reference, indexed by (group, reference), and by category for
        shares.

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
    pairs = _pairs(groups, reference)
    per_group = len(estimate.values) // len(groups)
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
    covariance = contrasts @ np.nan_to_num(estimate.covariance) @ contrasts.T
    unknown = np.isnan(difference)
    covariance[unknown] = covariance[:, unknown] = np.nan
    variance = np.diag(covariance)
    df = _degrees_of_freedom(estimate, variance, first, second)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = 2 * stats.t.sf(np.abs(difference) / np.sqrt(variance), df)

    index = _index(estimate, groups[first // per_group], groups[second // per_group])
    n = estimate.n_respondents.to_numpy()
    name = ADJUSTMENTS[adjust]
    return Comparison(
        values=pd.Series(difference, index=index),
        covariance=pd.DataFrame(covariance, index=index, columns=index),
        df=pd.Series(df, index=index),
        p_values=pd.Series(_adjusted(p, adjust), index=index),
        n_respondents=pd.Series(n[first] + n[second], index=index),
        method=f"Differences, group minus reference; two-sided t tests, {name} "
        f"for {int(np.isfinite(p).sum())} comparisons. {estimate.method}",
        level=level,
    )


def _group_labels(estimate: Estimate) -> pd.Index:
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


def _pairs(groups: pd.Index, reference: object) -> list[tuple[int, int]]:
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


def _degrees_of_freedom(
    estimate: Estimate, variance: Floats, first: Codes, second: Codes
) -> Floats:
    """Welch and Satterthwaite's, within the bounds that the groups set."""
    own = np.square(estimate.std_errors.to_numpy())
    df = np.where(estimate.group_df > 0, estimate.group_df, np.nan)
    pieces = sum(own[side] ** 2 / df[side] for side in (first, second))
    welch = np.divide(
        variance**2, pieces, out=np.full(len(variance), np.inf), where=pieces > 0
    )
    least = np.minimum(df[first], df[second])
    return np.where(np.isnan(pieces), np.nan, np.clip(welch, least, estimate.df))


def _adjusted(p: Floats, adjust: str) -> Floats:
    tested = np.isfinite(p)
    if adjust == "none" or not tested.any():
        return p
    adjusted = p.copy()
    method = {"holm": "holm", "bh": "fdr_bh"}[adjust]
    adjusted[tested] = multipletests(p[tested], method=method)[1]
    return adjusted


def _index(estimate: Estimate, first: pd.Index, second: pd.Index) -> pd.MultiIndex:
    levels, names = [first, second], ["group", "reference"]
    index = estimate.values.index
    if index.nlevels == 2:
        answers = index.get_level_values(1)
        per_pair = len(index) // len(index.get_level_values(0).unique())
        levels.append(answers[np.tile(np.arange(per_pair), len(first) // per_pair)])
        names.append(str(index.names[1]))
    return pd.MultiIndex.from_arrays(levels, names=names)
