"""How much each country counts where countries are pooled."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.design import Groups, SurveyDesign
from analysis.errors import WeightingError, first_few
from analysis.margins import split_margins, whole_groups
from analysis.totals import Floats, sums


def scale_to_population(
    design: SurveyDesign,
    population: pd.DataFrame | pd.Series | Mapping[str, float],
    by: str = "country",
) -> SurveyDesign:
    """Scale the weights of each country to the size of its population.

    Needed for whatever pools countries (a share of all people in them) and for
    totals; estimates within countries do not change.

    Parameters
    ----------
    design : SurveyDesign
    population : DataFrame, Series or mapping
        Population of each group: a Series indexed by group, or margins as for
        :func:`rake`, of which the first is added up.
    by : str

    Returns
    -------
    SurveyDesign
        With the weights in the column ``population_weight``. Population sizes are
        constants here, as in the population weights of the European Social Survey.

    Raises
    ------
    WeightingError
        If a group has no population.

    Examples
    --------
    >>> frame = pd.DataFrame({"country": ["LI", "LI", "MC"]})
    >>> design = SurveyDesign(frame, strata="country", single_cluster="adjust")
    >>> scaled = scale_to_population(design, pd.Series({"LI": 40, "MC": 39}))
    >>> scaled.frame["population_weight"].tolist()
    [20.0, 20.0, 39.0]
    """
    groups = whole_groups(design, by)
    if isinstance(population, Mapping):
        population = pd.Series(population)
    if isinstance(population, pd.DataFrame):
        rows = next(iter(split_margins(design, [population], by).values()))
        population = rows.groupby(by, observed=True)["population"].sum()
    twice = population.index[population.index.duplicated()]
    if len(twice):
        raise WeightingError(
            f"population: {len(twice)} of {len(population)} rows repeat a group "
            f"({first_few(twice)}); give each group once"
        )
    numbers = pd.to_numeric(population.reindex(groups.labels), errors="coerce")
    sizes = numbers.to_numpy(float)
    unknown = ~((sizes > 0) & np.isfinite(sizes))
    if unknown.any():
        raise WeightingError(
            f"{int(unknown.sum())} of {len(sizes)} groups of {by!r} have no finite "
            f"population above 0 ({first_few(groups.labels[unknown])}); give each "
            "its number"
        )
    return _scaled(design, groups, sizes, "population_weight")


def scale_equally(
    design: SurveyDesign, size: float = 1000, by: str = "country"
) -> SurveyDesign:
    """Scale the weights of each country to the same sum.

    For averages over countries in which every country counts the same, however many
    people live there or were asked. Estimates within countries do not change.

    Parameters
    ----------
    design : SurveyDesign
    size : float
        Sum of weights that each country gets.
    by : str
        Column of countries.

    Returns
    -------
    SurveyDesign
        With the weights in the column ``equal_weight``.

    Notes
    -----
    The World Values Survey's weight S018 has this form (1,000 in each country), its
    S019 with 1,500. The factors are constants, as in :func:`scale_to_population`.

    Examples
    --------
    >>> frame = pd.DataFrame({"country": ["LI", "LI", "MC"]})
    >>> design = SurveyDesign(frame, strata="country", single_cluster="adjust")
    >>> scale_equally(design, 100).frame["equal_weight"].tolist()
    [50.0, 50.0, 100.0]
    """
    if not 0 < size < np.inf:
        raise WeightingError(f"size is {size}; it must be a number above 0")
    groups = whole_groups(design, by)
    return _scaled(design, groups, np.full(len(groups.labels), size), "equal_weight")


def _scaled(
    design: SurveyDesign, groups: Groups, sizes: Floats, column: str
) -> SurveyDesign:
    w = design.sample.weights
    factors = sizes / sums(groups.codes, w, len(sizes))
    return design.reweighted(column, w * factors[groups.codes])
