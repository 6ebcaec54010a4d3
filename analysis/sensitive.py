"""Shares of people who hold a view that they may not admit to."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.design import SurveyDesign, Where
from analysis.errors import EstimationError, first_few
from analysis.estimates import Domains, domain_means, find_domains, make_estimate
from analysis.results import Estimate
from analysis.totals import Floats, Influence, sums


def list_experiment(
    design: SurveyDesign,
    count: str,
    treatment: str,
    *,
    by: str | Sequence[str] | None = None,
    where: Where = None,
) -> Estimate:
    """Share of people who hold the sensitive view of a list experiment.

    A random half counts how many of J items apply to them, the other half of J + 1:
    the same and the sensitive one. The difference of the mean counts is the share.

    Parameters
    ----------
    design : SurveyDesign
    count : str
        Column of counts, whole numbers from 0.
    treatment : str
        Column that is true, or 1, for those whose list had the sensitive item.
    by, where
        As for :func:`analysis.estimates.mean`.

    Returns
    -------
    Estimate
        Without groups one row, named after the count. Fractions, though chance can
        take an estimate below 0 or above 1.

    Raises
    ------
    UnknownColumn
    EstimationError
        If an arm is empty or the columns do not hold counts and arms.

    Notes
    -----
    Unbiased if the sensitive item does not change the answers to the others and is
    answered truthfully. Both arms stay in one design, so the covariance of their
    means within clusters is in the variance.

    References
    ----------
    Blair and Imai (2012), doi:10.1093/pan/mpr048.
    R: ``survey::svyglm(count ~ treatment)``.

    Examples
    --------
    >>> frame = pd.DataFrame({"items": [1, 2, 2, 1, 2, 3], "long": [0, 0, 0, 1, 1, 1]})
    >>> list_experiment(SurveyDesign(frame), "items", "long").values.round(3)
    items    0.333
    dtype: float64
    """
    arms = _arms(design, count, treatment, by, where)
    groups, values, influence, srs = _list_difference(
        design, count, arms, design.sample.weights
    )
    return make_estimate(
        design,
        groups,
        values,
        [influence],
        srs,
        evaluate=lambda weights: _list_difference(design, count, arms, weights)[1],
        categories=None,
        variable=count,
        what=f"share of holders by list experiment {count}",
    )


def sensitivity_bias(
    design: SurveyDesign,
    direct: str,
    count: str,
    treatment: str,
    *,
    by: str | Sequence[str] | None = None,
    where: Where = None,
) -> Estimate:
    """How much higher a share is when people are asked directly.

    Direct share minus :func:`list_experiment`: above 0 if people profess the view
    more than they hold it, below 0 if they hide it.

    Parameters
    ----------
    design : SurveyDesign
    direct : str
        Column that is true, or 1, for those who say so when asked; missing for those
        who were not asked, such as the half with the long list.
    count, treatment, by, where
        As for :func:`list_experiment`.

    Returns
    -------
    Estimate
        The same respondents answered both; their covariance is in the variance.

    References
    ----------
    Blair, Coppock and Moor (2020), doi:10.1017/S0003055420000374.

    Examples
    --------
    >>> frame = pd.DataFrame(
    ...     {
    ...         "items": [1, 2, 2, 1, 2, 3],
    ...         "long": [0, 0, 0, 1, 1, 1],
    ...         "yes": [1, 1, 0, 1, 1, 0],
    ...     }
    ... )
    >>> sensitivity_bias(SurveyDesign(frame), "yes", "items", "long").values.round(3)
    yes    0.333
    dtype: float64
    """
    said = design.numbers(direct)
    _check_values(direct, said, (said == 0) | (said == 1), "0 and 1, or false and true")
    asked = find_domains(design, direct, by, where)
    arms = _arms(design, count, treatment, by, where)
    groups, shares, from_list, list_srs = _list_difference(
        design, count, arms, design.sample.weights
    )
    admitted, from_direct, direct_srs = domain_means(design.sample.weights, said, asked)

    def difference(weights: Floats) -> Floats:
        listed = _list_difference(design, count, arms, weights)[1]
        return domain_means(weights, said, asked)[0] - listed

    either = np.maximum(asked.codes, groups.codes)
    everyone = replace(
        asked,
        codes=either,
        sizes=sums(either[either >= 0], None, len(asked.labels)),
    )
    return make_estimate(
        design,
        everyone,
        admitted - shares,
        [from_direct, from_list._replace(coefficients=-from_list.coefficients)],
        direct_srs + list_srs,
        evaluate=difference,
        categories=None,
        variable=direct,
        what=f"direct share of {direct} minus list experiment {count}",
    )


def _arms(
    design: SurveyDesign,
    count: str,
    treatment: str,
    by: str | Sequence[str] | None,
    where: Where,
) -> Domains:
    """Sort those who counted into groups and arms: group 0 short, group 0 long, ..."""
    counts, long = design.numbers(count), design.numbers(treatment)
    _check_values(
        treatment, long, (long == 0) | (long == 1), "0 and 1, or false and true"
    )
    whole = (counts >= 0) & (counts == np.round(counts))
    _check_values(count, counts, whole, "counts: 0, 1, 2, ...")
    groups = find_domains(design, count, by, where)
    inside = (groups.codes >= 0) & ~np.isnan(long)
    codes = np.where(inside, 2 * groups.codes + (long == 1), -1)
    n_groups = len(groups.labels)
    sizes = np.bincount(codes[inside], minlength=2 * n_groups)
    empty = (sizes.reshape(-1, 2) == 0).any(axis=1) & (sizes.reshape(-1, 2) > 0).any(
        axis=1
    )
    if empty.any() or not inside.any():
        raise EstimationError(
            f"list experiment {count!r}: {int(empty.sum())} of {n_groups} groups "
            f"({first_few(groups.labels[empty])}) have respondents in one arm of "
            f"{treatment!r} only; a difference needs both"
        )
    return replace(groups, codes=codes, sizes=sizes.astype(float))


def _list_difference(
    design: SurveyDesign, count: str, arms: Domains, weights: Floats
) -> tuple[Domains, Floats, Influence, Floats]:
    """Difference of the arms' means: groups, values, influence, SRS variances."""
    n_groups = len(arms.labels)
    doubled = replace(arms, labels=pd.RangeIndex(2 * n_groups))
    means, influence, srs = domain_means(weights, design.numbers(count), doubled)
    long_minus_short = np.kron(np.eye(n_groups), [[-1.0], [1.0]]).astype(float)
    groups = replace(
        arms,
        codes=np.where(arms.codes < 0, -1, arms.codes // 2),
        sizes=arms.sizes.reshape(-1, 2).sum(axis=1),
    )
    return (
        groups,
        means[1::2] - means[::2],
        influence._replace(coefficients=long_minus_short),
        srs[1::2] + srs[::2],
    )


def _check_values(name: str, values: Floats, right: np.ndarray, expected: str) -> None:
    wrong = ~(right | np.isnan(values))
    if wrong.any():
        raise EstimationError(
            f"{name!r}: {int(wrong.sum())} of {len(values)} rows are not {expected}; "
            "recode the column"
        )
