"""Shares of people who hold a view that they may not admit to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import scipy

from analysis.design import SurveyDesign, Where
from analysis.domains import Domains, find_domains, make_estimate
from analysis.errors import EstimationError, first_few
from analysis.estimates import domain_means, proportion
from analysis.results import Estimate, table
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
    design = design.holding(count, treatment, by, where)
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
    design = design.holding(direct, count, treatment, by, where)
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
        sizes=sums(either, design.sample.counts, len(asked.labels)),
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


@dataclass(frozen=True, eq=False)
class ListCheck:
    """Shares of the types of respondent that two lists imply.

    Attributes
    ----------
    types : DataFrame, shape (2 (J + 1), 2)
        Index ``n_others``, how many of the J other items apply, and ``holds``, whether
        the sensitive one does. Columns ``estimate`` (fraction) and ``std_error``.
    p_value : float
        Of the hypothesis that no share is below 0.
    n_respondents : int
        With either list.
    method : str
    """

    types: pd.DataFrame
    p_value: float
    n_respondents: int
    method: str

    def summary(self) -> str:
        """Render the shares, and the test."""
        return "\n".join(
            [self.method, table(self.types), f"p-value {self.p_value:.4f}"]
        )

    def __str__(self) -> str:
        return self.summary()


def check_list(
    design: SurveyDesign,
    count: str,
    treatment: str,
    *,
    n_items: int,
    where: Where = None,
) -> ListCheck:
    """Test whether the sensitive item changed the answers to the other items.

    A respondent is of a type: so many of the other items apply, and the sensitive one
    does or does not. If the longer list changes no answer to the other items, the two
    distributions of counts give the share of every type, and none is negative.

    Parameters
    ----------
    design : SurveyDesign
    count, treatment
        As for :func:`list_experiment`.
    n_items : int
        J, the items of the short list; the long one has J + 1.
    where
        As for :func:`analysis.estimates.mean`.

    Returns
    -------
    ListCheck
        A small p-value speaks against the list experiment. A large one does not prove
        it: changes that leave all shares positive cannot be seen.

    Raises
    ------
    UnknownColumn
    EstimationError
        As for :func:`list_experiment`, or if counts are larger than their list.

    Notes
    -----
    With F0 and F1 the distribution functions of the counts in the short and the long
    list, the share with y other items and the sensitive one is ``F0(y) - F1(y)``, the
    share with y other items only ``F1(y) - F0(y - 1)``. Two of the 2 (J + 1) shares are
    counted directly and cannot be negative; the p-value is the smallest one-sided one
    of the other 2 J, times 2 J (Bonferroni), from the joint design-based covariance.
    R's ``list::ict.test`` tests the shares with and without the sensitive item jointly
    and assumes a simple random sample; this test is more cautious.

    References
    ----------
    Blair and Imai (2012), section 3.1, doi:10.1093/pan/mpr048.

    Examples
    --------
    >>> frame = pd.DataFrame(
    ...     {"items": [0, 0, 1, 1, 0, 1, 1, 2], "long": [0] * 4 + [1] * 4}
    ... )
    >>> print(check_list(SurveyDesign(frame), "items", "long", n_items=1))
    Types implied by list experiment items: 8 of 8 respondents, 1 + 1 items
                    estimate  std_error
    n_others holds
    0        True     0.2500     0.3536
    1        True     0.2500     0.2315
    0        False    0.2500     0.2315
    1        False    0.2500     0.3536
    p-value 1.0000
    """
    design = design.holding(count, treatment, where)
    arms = _arms(design, count, treatment, None, where)
    counts = _counts_within(design, count, treatment, n_items)
    counted = pd.Categorical(counts, range(n_items + 2))
    shares = proportion(
        replace(design, frame=design.frame.assign(**{count: counted})),
        count,
        by=treatment,
        where=where,
    )
    up_to = np.tri(n_items + 1, n_items + 2)
    below = np.tri(n_items + 1, n_items + 2, -1)
    from_shares = np.block([[up_to, -up_to], [-below, up_to]])
    values = from_shares @ shares.values.to_numpy()
    covariance = from_shares @ shares.covariance.to_numpy() @ from_shares.T
    std_errors = np.sqrt(np.maximum(np.diag(covariance), 0))
    # Where nobody differs there is no standard error: a share is negative or it is not.
    certain = np.where(values < -1e-9, -np.inf, 0)
    z = np.divide(values, std_errors, where=std_errors > 1e-9, out=certain)
    n_respondents = int(arms.sizes.sum())
    return ListCheck(
        types=pd.DataFrame(
            {"estimate": values, "std_error": std_errors},
            index=pd.MultiIndex.from_product(
                [[True, False], range(n_items + 1)], names=["holds", "n_others"]
            ).swaplevel(),
        ),
        p_value=float(min(1, 2 * n_items * scipy.special.ndtr(z.min()))),
        n_respondents=n_respondents,
        method=f"Types implied by list experiment {count}: {n_respondents} of "
        f"{design.n_respondents} respondents, {n_items} + 1 items",
    )


def extreme_counts(
    design: SurveyDesign,
    count: str,
    treatment: str,
    *,
    n_items: int,
    by: str | Sequence[str] | None = None,
    where: Where = None,
) -> Estimate:
    """Shares of those with the short list who count no item and all items.

    Had they had the long list, who counts all would tell that the sensitive item
    applies (ceiling), who counts none that it does not (floor): a list hides nobody at
    its ends. Many at either end speak against the choice of the other items.

    Parameters
    ----------
    design : SurveyDesign
    count, treatment, n_items, by, where
        As for :func:`check_list` and :func:`list_experiment`.

    Returns
    -------
    Estimate
        Rows ``none``, ``some`` and ``all``, as for
        :func:`analysis.estimates.proportion`.

    Raises
    ------
    UnknownColumn
    EstimationError
        As for :func:`check_list`.

    References
    ----------
    Blair and Imai (2012), section 3.2, doi:10.1093/pan/mpr048.
    R: ``survey::svymean(~none + all, subset(design, treatment == 0))``.

    Examples
    --------
    >>> frame = pd.DataFrame({"items": [0, 1, 1, 3, 2, 4], "long": [0] * 4 + [1] * 2})
    >>> extreme_counts(SurveyDesign(frame), "items", "long", n_items=3).values
    items
    none    0.25
    some    0.50
    all     0.25
    dtype: float64
    """
    design = design.holding(count, treatment, by, where)
    _arms(design, count, treatment, by, where)
    counts = _counts_within(design, count, treatment, n_items)
    place = np.select([counts == 0, counts == n_items], ["none", "all"], "some")
    extremes = pd.Categorical(place, ["none", "some", "all"])
    extremes[np.isnan(counts)] = None
    frame = design.frame.assign(**{count: extremes})
    inside = design.domain(where)
    short = design.numbers(treatment) == 0
    return proportion(
        replace(design, frame=frame),
        count,
        by=by,
        where=short if inside is None else short & inside,
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
    sizes = sums(codes, design.sample.counts, 2 * n_groups)
    empty = (sizes.reshape(-1, 2) == 0).any(axis=1) & (sizes.reshape(-1, 2) > 0).any(
        axis=1
    )
    if empty.any() or not inside.any():
        raise EstimationError(
            f"list experiment {count!r}: {int(empty.sum())} of {n_groups} groups "
            f"({first_few(groups.labels[empty])}) have respondents in one arm of "
            f"{treatment!r} only; a difference needs both"
        )
    return replace(groups, codes=codes, sizes=sizes)


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


def _counts_within(
    design: SurveyDesign, count: str, treatment: str, n_items: int
) -> Floats:
    """Counts, none of which is larger than its list."""
    counts, long = design.numbers(count), design.numbers(treatment)
    larger = int((counts > n_items + (long == 1)).sum())
    if n_items < 1 or larger:
        raise EstimationError(
            f"{count!r}: {larger} of {len(counts)} counts are larger than a short list "
            f"of {n_items} items, or a long one of {n_items + 1}; n_items is the "
            "number of items without the sensitive one"
        )
    return counts


def _check_values(name: str, values: Floats, right: np.ndarray, expected: str) -> None:
    wrong = ~(right | np.isnan(values))
    if wrong.any():
        raise EstimationError(
            f"{name!r}: {int(wrong.sum())} of {len(values)} rows are not {expected}; "
            "recode the column"
        )
