"""Recoding: the same data with fewer, coarser values, for publication."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import pandas as pd

from .codebook import Value, Variable
from .study import Recoding

Recodings = Mapping[str, Recoding | float]
"""By variable: choices that become one, or the width of the bands of a number."""


def recode_responses(responses: pd.DataFrame, recodings: Recodings) -> pd.DataFrame:
    """Merge choices and put numbers into bands.

    Parameters
    ----------
    responses : DataFrame
        Coded as by `responses_to_frame`.
    recodings : mapping
        As ``Study.recodings``.

    Returns
    -------
    DataFrame
        A copy. A number is the lower end of its band; missing codes stay.

    Examples
    --------
    >>> responses = pd.DataFrame({"age": ["42", "refused"], "town": ["a", "b"]})
    >>> recode_responses(responses, {"age": 10, "town": {"ab": ["a", "b"]}})
           age town
    0       40   ab
    1  refused   ab
    """
    recoded = responses.copy(deep=False)
    for name, recoding in recodings.items():
        if isinstance(recoding, Mapping):
            recoded[name] = recoded[name].replace(_new_names(recoding))
        else:
            numbers = pd.to_numeric(recoded[name], errors="coerce").notna()
            bands = recoded.loc[numbers, name].map(
                lambda number, width=recoding: _lower_end(number, width)
            )
            recoded[name] = recoded[name].mask(numbers, bands)
    return recoded


def recode_variables(
    variables: Sequence[Variable], recodings: Recodings
) -> list[Variable]:
    """Describe recoded columns: labels are joined, and bands said, in every language.

    Examples
    --------
    >>> values = tuple(Value(name, {"en": name.upper()}) for name in "abc")
    >>> town = Variable("town", "nominal", {"en": "Town"}, {}, values)
    >>> (recoded,) = recode_variables([town], {"town": {"north": ["a", "c"]}})
    >>> [(value.name, value.labels["en"]) for value in recoded.values]
    [('north', 'A / C'), ('b', 'B')]
    """
    return [
        _recode_variable(variable, recodings[variable.name])
        if variable.name in recodings
        else variable
        for variable in variables
    ]


def recode_population(population: pd.DataFrame, recodings: Recodings) -> pd.DataFrame:
    """Add up the cells of the margins that became one, with all their sources.

    Examples
    --------
    >>> population = pd.DataFrame(
    ...     {"country": "CN", "sex": ["f", "m", "x"], "population": [5, 4, 1]}
    ... )
    >>> recode_population(population, {"sex": {"other": ["m", "x"]}})
      country    sex  population
    0      CN      f           5
    1      CN  other           5
    """
    merged = {
        name: _new_names(recoding)
        for name, recoding in recodings.items()
        if name in population and isinstance(recoding, Mapping)
    }
    if not merged:
        return population
    about = [name for name in ("source", "year", "status") if name in population]
    cells = [name for name in population if name not in ("population", *about)]
    sums = {"population": "sum"} | dict.fromkeys(about, _join)
    added = population.replace(merged).groupby(cells, dropna=False, sort=False)
    return added.agg(sums).reset_index()[list(population)]


def drop_hidden_margins(
    population: pd.DataFrame, before: pd.DataFrame, after: pd.DataFrame
) -> tuple[pd.DataFrame, list[tuple[str, ...]]]:
    """Leave out margins that suppression has emptied in a country.

    Weights cannot be fitted to cells in which the data show nobody, and countries
    compared have the same margins.

    Parameters
    ----------
    population : DataFrame
    before, after : DataFrame
        Responses before and after cells were suppressed.

    Returns
    -------
    population : DataFrame
    dropped : list of tuple of str
        The variables of each margin that was left out.

    Examples
    --------
    >>> population = pd.DataFrame(
    ...     {"country": "CN", "sex": ["f", "m"], "population": [5, 4]}
    ... )
    >>> before = pd.DataFrame({"country": "CN", "sex": ["f", "f", "m"]})
    >>> after = before.assign(sex=["f", "f", None])
    >>> drop_hidden_margins(population, before, after)[1]
    [('sex',)]
    """
    about = ("country", "population", "source", "year", "status")
    names = [name for name in population if name not in about]
    margins = (
        population[names]
        .notna()
        .apply(lambda filled: tuple(filled.index[filled]), axis=1)
    )
    dropped = []
    for margin in dict.fromkeys(margins):
        columns = ["country", *margin]
        wanted, seen, shown = (
            {*frame[columns].itertuples(index=False, name=None)}
            for frame in (population[margins == margin], before, after)
        )
        if wanted & seen - shown:
            dropped.append(margin)
    return population[~margins.isin(dropped)].reset_index(drop=True), dropped


def _new_names(recoding: Recoding) -> dict[str, str]:
    return {old: new for new, merged in recoding.items() for old in merged}


def _lower_end(number: str, width: float) -> str:
    size = Decimal(str(width))
    end = (Decimal(number) // size - (Decimal(number) % size < 0)) * size
    return f"{end.normalize():f}"


def _recode_variable(variable: Variable, recoding: Recoding | float) -> Variable:
    if not isinstance(recoding, Mapping):
        bands = ", ".join(_lower_end(str(recoding * at), recoding) for at in range(3))
        labels = {
            language: f"{label} ({bands}, …)"
            for language, label in variable.labels.items()
        }
        return replace(variable, labels=labels)
    new_names = _new_names(recoding)
    values: dict[str, Value] = {}
    for value in variable.values:
        name = new_names.get(value.name, value.name)
        labels = {
            language: f"{values[name].labels[language]} / {label}"
            if name in values
            else label
            for language, label in value.labels.items()
        }
        values[name] = replace(value, name=name, labels=labels)
    return replace(variable, values=tuple(values.values()))


def _join(column: "pd.Series[str]") -> str:
    """All that is said of the cells, each once."""
    return "; ".join(dict.fromkeys(map(str, column)))
