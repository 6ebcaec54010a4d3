"""How much of a difference is composition: standardisation and decomposition."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy

from analysis.comparison import group_pairs
from analysis.design import SurveyDesign, Where
from analysis.domains import Domains, describe_variance, find_domains
from analysis.errors import ComparisonError, first_few
from analysis.hypotheses import residual_df
from analysis.results import Comparison
from analysis.totals import Codes, Floats, Influence, sums
from analysis.variance import covariance
from analysis.weighting import poststratify


def standardize(
    design: SurveyDesign, population: pd.DataFrame, by: str = "country"
) -> SurveyDesign:
    """Give all groups the same composition, that of a standard population.

    Estimates of the returned design are directly standardised: what they would be if
    groups differed in their answers within categories only.

    Parameters
    ----------
    design : SurveyDesign
    population : DataFrame
        Standard population: tidy counts as for :func:`analysis.rake`, without a column
        of groups, all rows filling the same variables.
    by : str
        Column of the groups, which keep their sums of weights.

    Returns
    -------
    SurveyDesign
        With the weights in the column ``calibrated_weight``.

    Raises
    ------
    UnknownColumn
    ComparisonError
        If the population has a column of groups.
    WeightingError
        As for :func:`analysis.poststratify`, such as a category that a group lacks.

    References
    ----------
    R: ``survey::svystandardize(design, by = ~variable, over = ~group, population)``.

    Examples
    --------
    >>> frame = pd.DataFrame(
    ...     {
    ...         "country": list("CCCCDDDD"),
    ...         "age": ["old", "old", "old", "young", "old", "young", "young", "young"],
    ...         "trust": [2, 2, 2, 6, 3, 7, 7, 7],
    ...     }
    ... )
    >>> design = SurveyDesign(frame, strata="country")
    >>> standard = pd.DataFrame({"age": ["old", "young"], "population": [50, 50]})
    >>> from analysis import mean
    >>> mean(standardize(design, standard), "trust", by="country").values.round(3)
    country
    C    4.0
    D    5.0
    dtype: float64
    """
    if by in population:
        raise ComparisonError(
            f"population has a column {by!r}, and standardising gives all groups of it "
            "the same population; poststratify() fits each group to its own"
        )
    groups = pd.DataFrame({by: design.groups(by).labels})
    return poststratify(design, population.merge(groups, how="cross"), by)


def decompose(
    design: SurveyDesign,
    variable: str,
    over: str | Sequence[str],
    *,
    by: str,
    reference: object = None,
    where: Where = None,
) -> Comparison:
    r"""Split differences of means into composition and rates (Kitagawa).

    .. math:: \bar y_b - \bar y_a =
        \sum_k (c_{bk} - c_{ak}) \frac{\bar y_{ak} + \bar y_{bk}}{2} +
        \sum_k (\bar y_{bk} - \bar y_{ak}) \frac{c_{ak} + c_{bk}}{2}

    with :math:`c_{gk}` the share of category ``k`` in group ``g`` and
    :math:`\bar y_{gk}` the mean there (its "rate", if the variable is true/false).

    Parameters
    ----------
    design : SurveyDesign
    variable : str
        Numeric or true/false column.
    over : str or list of str
        Columns whose categories, crossed, make the composition.
    by : str
        Column of the groups.
    reference : optional
        Group ``a`` of every difference; without it, all pairs.
    where : optional
        As for :func:`analysis.mean`.

    Returns
    -------
    Comparison
        Index (group, reference, part) with the parts "composition", "rates" and
        "total"; p-values not adjusted.

    Raises
    ------
    UnknownColumn
    EstimationError
        If nobody answered, or there are no degrees of freedom.
    ComparisonError
        If a group has nobody in some category, there are not two groups, or no such
        reference.

    Notes
    -----
    Variance by linearisation, or from replicate weights; compositions are estimates
    too. Degrees of freedom are those of all groups together.

    References
    ----------
    Kitagawa (1955), doi:10.1080/01621459.1955.10501299. R: ``survey::svycontrast`` of
    the totals of all cells.

    Examples
    --------
    >>> frame = pd.DataFrame(
    ...     {
    ...         "country": list("CCCCDDDD"),
    ...         "age": ["old", "old", "old", "young", "old", "young", "young", "young"],
    ...         "trust": [2, 2, 2, 6, 3, 7, 7, 7],
    ...     }
    ... )
    >>> design = SurveyDesign(frame, strata="country")
    >>> parts = decompose(design, "trust", "age", by="country", reference="C")
    >>> parts.values.round(3)
    group  reference  part
    D      C          composition    2.0
                      rates          1.0
                      total          3.0
    dtype: float64
    """
    names = [over] if isinstance(over, str) else list(over)
    design = design.holding(by, names, where, moments=[variable])
    y, w = design.numbers(variable), design.sample.weights
    domains = find_domains(design, [variable, by], names, where)
    table = _cross(design, by, domains)
    pairs = group_pairs(table.groups, reference)

    def rates_and_shares(weights: Floats) -> tuple[Floats, Floats, Floats]:
        sizes = sums(table.cells, weights, table.n_cells).reshape(table.shape)
        sizes = np.where(sizes > 0, sizes, np.nan)  # a replicate may have empty cells
        totals = sums(table.cells, weights * y, table.n_cells).reshape(table.shape)
        return totals / sizes, sizes / sizes.sum(axis=1, keepdims=True), sizes

    def evaluate(weights: Floats) -> Floats:
        rates, shares, _ = rates_and_shares(weights)
        return _kitagawa(rates, shares, pairs)[0]

    rates, shares, sizes = rates_and_shares(w)
    values, by_rate, by_share = _kitagawa(rates, shares, pairs)
    by_share = by_share - (by_share * shares).sum(axis=-1, keepdims=True)
    by_share /= sizes.sum(axis=1, keepdims=True)
    moved = w * (y - rates.ravel()[table.cells]) / sizes.ravel()[table.cells]
    influence = [
        Influence(table.cells, moved, by_rate.reshape(-1, table.n_cells).T),
        Influence(table.cells, w, by_share.reshape(-1, table.n_cells).T),
    ]
    matrix = covariance(influence, design.sample, evaluate)
    df = residual_df(design, table.cells)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = 2 * scipy.special.stdtr(df, -np.abs(values) / np.sqrt(np.diag(matrix)))
    index = pd.MultiIndex.from_tuples(
        [
            (table.groups[b], table.groups[a], part)
            for b, a in pairs
            for part in ("composition", "rates", "total")
        ],
        names=["group", "reference", "part"],
    )
    n = np.array([table.n_respondents[b] + table.n_respondents[a] for b, a in pairs])
    return Comparison(
        values=pd.Series(values, index=index),
        covariance=pd.DataFrame(matrix, index=index, columns=index),
        df=pd.Series(df, index=index),
        p_values=pd.Series(p, index=index),
        n_respondents=pd.Series(np.repeat(n, 3), index=index),
        method=f"Differences in {variable}, group minus reference, split over "
        f"{', '.join(names)} (Kitagawa); two-sided t tests, p-values not adjusted. "
        f"{int(table.n_respondents.sum())} of {design.n_respondents} respondents, "
        f"{describe_variance(design)}",
    )


class _Table(NamedTuple):
    """Groups by categories: the cell of each respondent, -1 for none."""

    cells: Codes
    groups: pd.Index
    shape: tuple[int, int]
    n_respondents: Floats

    @property
    def n_cells(self) -> int:
        return self.shape[0] * self.shape[1]


def _cross(design: SurveyDesign, by: str, domains: Domains) -> _Table:
    """Cross the groups with the categories, of which each group must have all."""
    kept = domains.codes >= 0
    codes, labels = design.groups(by)
    groups, row = np.unique(codes[kept], return_inverse=True)
    categories, column = np.unique(domains.codes[kept], return_inverse=True)
    shape = (len(groups), len(categories))
    if len(groups) < 2:
        raise ComparisonError(
            f"{by!r} has one group ({labels[groups[0]]}) with answers; comparing needs "
            "two"
        )
    cells = np.full(len(kept), -1)
    cells[kept] = row * len(categories) + column
    counts = sums(cells, design.sample.counts, shape[0] * shape[1]).reshape(shape)
    empty = np.argwhere(counts == 0)
    if len(empty):
        raise ComparisonError(
            f"{len(empty)} of {counts.size} combinations have no respondents ("
            + first_few(
                f"{labels[groups[g]]}: {domains.labels[categories[k]]}"
                for g, k in empty
            )
            + "); put categories together so that every group has all of them"
        )
    return _Table(cells, labels[groups], shape, np.rint(counts.sum(axis=1)).astype(int))


def _kitagawa(
    rates: Floats, shares: Floats, pairs: Sequence[tuple[int, int]]
) -> tuple[Floats, Floats, Floats]:
    """Composition, rates and total of each pair, and their gradients.

    Returns
    -------
    values : floats, shape (n_pairs * 3,)
    by_rate, by_share : floats, shape (n_pairs, 3, n_groups, n_categories)
    """
    by_rate = np.zeros((len(pairs), 3, *rates.shape))
    by_share, values = np.zeros_like(by_rate), np.zeros((len(pairs), 3))
    for pair, (b, a) in enumerate(pairs):
        by_rate[pair, 0, [b, a]] = (shares[b] - shares[a]) / 2
        by_rate[pair, 1, b] = (shares[b] + shares[a]) / 2
        by_rate[pair, 1, a] = -by_rate[pair, 1, b]
        by_share[pair, 0, b] = (rates[b] + rates[a]) / 2
        by_share[pair, 0, a] = -by_share[pair, 0, b]
        by_share[pair, 1, [b, a]] = (rates[b] - rates[a]) / 2
        values[pair, 0] = (shares[b] - shares[a]) @ by_share[pair, 0, b]
        values[pair, 1] = (rates[b] - rates[a]) @ by_rate[pair, 1, b]
    for parts in (values, by_rate, by_share):
        parts[:, 2] = parts[:, 0] + parts[:, 1]
    return values.ravel(), by_rate, by_share
