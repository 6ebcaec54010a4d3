"""Reading what is known about the population, and matching it with respondents."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from itertools import compress
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.calibration import SIZE, Margin
from analysis.columns import rows_named
from analysis.design import Groups, SurveyDesign
from analysis.errors import UnknownColumn, WeightingError, first_few
from analysis.totals import Codes, Floats, sums

NOT_MARGINS = ("population", "source", "year", "status", "note")
"""Columns of a margins table that never name a variable."""

NO_TARGET = "(no target)"
"""The category of those without a value that has a target, if they are kept."""

ROWS_AT_ONCE = 2**20
"""Kinds of respondents that are counted in a table, whether they occur or not."""

Missing = Literal["fail", "keep"]


def whole_groups(design: SurveyDesign, by: str | None) -> Groups:
    """Sort respondents into groups that occur; without ``by`` into one named "all".

    Raises
    ------
    WeightingError
        If a respondent is in no group.
    """
    if by is None:
        return Groups(np.zeros(len(design.frame), np.int8), pd.Index(["all"]))
    groups = crossed_values(design, [by])
    outside = groups.codes < 0
    if outside.any():
        raise WeightingError(
            f"{by!r} is missing in {rows_named(outside)}; complete the column or drop "
            "those respondents"
        )
    codes, found = _numbered(groups.codes, len(groups.labels))
    return Groups(codes, groups.labels[found])


def read_margins(
    design: SurveyDesign,
    margins: pd.DataFrame | Sequence[pd.DataFrame],
    groups: Groups,
    missing: Missing,
) -> list[Margin]:
    """Match tidy margins with the respondents of a design.

    Raises
    ------
    WeightingError
        Naming the margin, and the respondents, cells or rows that do not fit.
    """
    if missing not in ("fail", "keep"):
        raise WeightingError(f"missing {missing!r} is not known; use 'fail' or 'keep'")
    tables = [margins] if isinstance(margins, pd.DataFrame) else margins
    if not isinstance(tables, Sequence) or not all(
        isinstance(table, pd.DataFrame) for table in tables
    ):
        raise WeightingError(
            f"margins is a {type(margins).__name__}; give a data frame with a column "
            "'population', or a list of such frames"
        )
    sizes = sums(groups.codes, design.sample.weights, len(groups.labels))
    by = groups.labels.name
    split = split_margins(design, tables, by)
    if not split or () in split:
        raise WeightingError(
            f"{len(split.get((), []))} rows of the margins fill no variable that the "
            "design has; the margins' columns are "
            + first_few((name for table in tables for name in table), 12)
        )
    return [
        _read_margin(design, names, rows, groups, sizes, missing == "keep")
        for names, rows in split.items()
    ]


def read_totals(
    design: SurveyDesign, totals: pd.DataFrame | Mapping[str, float], groups: Groups
) -> list[Margin]:
    """Match population totals of numbers with the respondents of a design.

    Raises
    ------
    WeightingError
        Naming the variable, and the groups or respondents that do not fit.
    """
    by = groups.labels.name
    table = totals if isinstance(totals, pd.DataFrame) else pd.DataFrame([dict(totals)])
    for needed in ["population"] if by is None else [by, "population"]:
        if needed not in table:
            raise UnknownColumn(
                f"the totals have no column {needed!r}; they have "
                f"{first_few(table, 12)}"
            )
    table = table.set_index(pd.Index(["all"] * len(table)) if by is None else by)
    lacking = [label for label in groups.labels if label not in table.index]
    if lacking or table.index.has_duplicates:
        raise WeightingError(
            f"the totals need one row for each of {len(groups.labels)} groups; "
            f"{len(lacking)} have none ({first_few(lacking)}) and "
            f"{int(table.index.duplicated().sum())} rows repeat a group"
        )
    table = table.loc[list(groups.labels)]
    names = [name for name in table if name not in NOT_MARGINS]
    return [_read_total(design, str(name), table, groups) for name in names]


def split_margins(
    design: SurveyDesign, tables: Sequence[pd.DataFrame], by: Hashable
) -> dict[tuple[str, ...], pd.DataFrame]:
    """Rows of the margins by the variables that they fill."""
    split: dict[tuple[str, ...], list[pd.DataFrame]] = {}
    for table in tables:
        for needed in ["population"] if by is None else [by, "population"]:
            if needed not in table:
                raise UnknownColumn(
                    f"the margins have no column {needed!r}; "
                    f"they have {first_few(table, 12)}"
                )
        variables = [
            name
            for name in table
            if name in design.frame and name != by and name not in NOT_MARGINS
        ]
        filled = table[variables].notna().to_numpy()
        for pattern in np.unique(filled, axis=0)[::-1]:
            names = tuple(str(name) for name in compress(variables, pattern))
            split.setdefault(names, []).append(table[(filled == pattern).all(axis=1)])
    return {names: pd.concat(rows) for names, rows in split.items()}


def by_kind(margins: Sequence[Margin]) -> tuple[Codes, list[Margin]]:
    """Margins over kinds of respondents instead of respondents.

    Respondents in the same cell of every margin are one kind. With auxiliary numbers,
    each respondent is a kind of his own.

    Returns
    -------
    rows : integers, shape (n_respondents,)
        Kind of each respondent.
    margins : list of Margin
    """
    if any(margin.values is not None for margin in margins):
        n = len(margins[0].codes)
        return np.arange(n), [replace(m, codes=_whole_codes(m)) for m in margins]
    codes, sizes = [m.codes for m in margins], [len(m.cells) for m in margins]
    rows, cells = _cross(codes, sizes)
    kinds = [replace(m, codes=cell) for m, cell in zip(margins, cells, strict=True)]
    return rows, kinds


def margin_table(
    margins: Sequence[Margin], before: Floats, after: Floats
) -> pd.DataFrame:
    """How far the margins are from their targets under two sets of weights.

    Parameters
    ----------
    margins : sequence of Margin
        The first one of cells, which give the size of each group.
    before, after : floats, shape (n_rows,)
        Weights of the rows of the margins.

    Returns
    -------
    DataFrame
        Index (group, margin, category), columns before, target, after: shares of the
        group. Auxiliary numbers have no category, and their mean.
    """
    keys = [(group, m.name, category) for m in margins for group, category in m.cells]
    index = pd.MultiIndex.from_tuples(keys, names=["group", "margin", "category"])
    columns: dict[str, list[Floats]] = {"before": [], "target": [], "after": []}
    for margin in margins:
        first = margins[0]
        n_groups = int(first.groups.max()) + 1
        means = np.zeros(len(margin.cells)) if margin.means is None else margin.means
        for parts, totals, sizes in zip(
            columns.values(),
            (margin.totals(before), margin.targets, margin.totals(after)),
            (first.totals(before), first.targets, first.totals(after)),
            strict=True,
        ):
            wholes = sums(first.groups, sizes, n_groups)[margin.groups]
            parts.append(means + totals / wholes)
    return pd.DataFrame(
        {
            name: np.concatenate([np.zeros(0), *parts])
            for name, parts in columns.items()
        },
        index=index,
    )


def _whole_codes(margin: Margin) -> Codes:
    return margin.codes.astype(np.intp, copy=False)


def _cross(
    codes: Sequence[Codes], sizes: Sequence[int]
) -> tuple[Codes, list[npt.NDArray[Any]]]:
    """Number the combinations of codes that occur; and say which codes each has."""
    rows, of_rows, shape = codes[0], [np.arange(sizes[0])], [sizes[0]]

    def number() -> None:
        nonlocal rows, of_rows, shape
        rows, found = _numbered(rows, int(np.prod(shape)))
        first, *rest = np.unravel_index(found, shape)
        of_rows = [each[first] for each in of_rows] + list(rest)
        shape = [len(found)]

    for code, size in zip(codes[1:], sizes[1:], strict=True):
        if np.prod(shape) * size > ROWS_AT_ONCE:
            number()
        shape.append(size)
        rows = rows * np.min_scalar_type(-np.prod(shape)).type(size)
        rows += code
    number()
    return rows, of_rows


def _numbered(codes: Codes, size: int) -> tuple[Codes, npt.NDArray[Any]]:
    """Number the codes that occur from 0, in order; return which they are."""
    if size > max(ROWS_AT_ONCE, 4 * len(codes)):
        return pd.factorize(codes, sort=True)
    seen = np.bincount(codes, minlength=size) > 0
    if seen.all():
        return codes, np.arange(size)
    number = np.cumsum(seen, dtype=np.int32) - np.int32(1)
    return number[codes], np.flatnonzero(seen)


def crossed_values(design: SurveyDesign, names: Sequence[str]) -> Groups:
    """Sort the respondents by columns together, with codes as small as they come."""
    parts = [design.compact_groups(name) for name in names]
    if len(parts) == 1:
        codes, labels = parts[0]
        return Groups(cast(Codes, codes), labels)
    shape = [max(len(labels), 1) for _, labels in parts]
    missing = np.any([codes < 0 for codes, _ in parts], axis=0)
    crossed, found = _cross([np.maximum(codes, 0) for codes, _ in parts], shape)
    levels = [labels[code] for (_, labels), code in zip(parts, found, strict=True)]
    return Groups(np.where(missing, -1, crossed), pd.MultiIndex.from_arrays(levels))


def _read_margin(
    design: SurveyDesign,
    names: tuple[str, ...],
    rows: pd.DataFrame,
    groups: Groups,
    sizes: Floats,
    keep: bool,
) -> Margin:
    name = " x ".join(names)
    counts = _counts(name, names, rows, groups)
    answered = crossed_values(design, names)
    unknown = answered.codes < 0
    if unknown.any() and not keep:
        raise WeightingError(
            f"margin {name!r}: {rows_named(unknown)} have no value; complete them, "
            "drop them, or use missing='keep'"
        )
    # One more category, the last, for those without a target.
    n = len(answered.labels) + 1
    categories = [label if len(names) > 1 else (label,) for label in answered.labels]
    codes = (
        np.where(unknown, n - 1, answered.codes) if unknown.any() else answered.codes
    )
    if len(groups.labels) > 1:
        codes = groups.codes * np.intp(n) + codes
    codes, found = _numbered(codes, len(groups.labels) * n)
    keys = [
        (groups.labels[g], *(categories[c] if c < n - 1 else ()))
        for g, c in zip(*np.divmod(found, n), strict=True)
    ]
    without_target = [key for key in keys if key not in counts and len(key) > 1]
    if keep and without_target:
        joined = [key if key in counts else key[:1] for key in keys]
        keys = list(dict.fromkeys(joined))
        number = {key: cell for cell, key in enumerate(keys)}
        codes = np.array([number[key] for key in joined])[codes]
        without_target = _groups_without_target(keys)
    without_people = set(counts) - set(keys)
    if without_target or without_people:
        raise WeightingError(
            f"margin {name!r}: {len(without_target)} cells have respondents but no "
            f"target ({first_few(map(_cell, without_target))}), {len(without_people)} "
            f"have a target but no respondents "
            f"({first_few(_cell(key) for key in counts if key in without_people)}); "
            "add the targets, or merge those categories in the margins and in the data"
        )
    group_of = np.array([groups.labels.get_loc(key[0]) for key in keys])
    is_known = np.array([len(key) > 1 for key in keys])
    targets = np.array([counts.get(key, 0.0) for key in keys])
    known = sums(group_of, targets, len(groups.labels))
    if not is_known.all():
        # Targets share out what those without one leave over.
        kept = np.where(is_known, 0, sums(codes, design.sample.weights, len(keys)))
        sizes = sizes - sums(group_of, kept, len(groups.labels))
        targets = targets + kept * (known / sizes)[group_of]
    targets = targets * (sizes / known)[group_of]
    cells = [(key[0], _cell(key[1:]) or NO_TARGET) for key in keys]
    return Margin(name, codes, cells, group_of, targets)


def _counts(
    name: str, names: tuple[str, ...], rows: pd.DataFrame, groups: Groups
) -> dict[tuple[Any, ...], float]:
    """Population of each (group, *categories) of the fielded groups."""
    by = groups.labels.name
    labels = [groups.labels[0]] * len(rows) if by is None else rows[by].tolist()
    keys = list(zip(labels, *(rows[column] for column in names), strict=True))
    numbers = pd.to_numeric(rows["population"], errors="coerce").astype(float)
    counts = dict(zip(keys, numbers, strict=True))
    wrong = [_cell(key) for key, count in counts.items() if not 0 < count < np.inf]
    if wrong or len(counts) < len(keys):
        raise WeightingError(
            f"margin {name!r}: {len(keys) - len(counts)} of {len(keys)} rows repeat a "
            f"cell and {len(wrong)} have no population above 0 ({first_few(wrong)}); "
            "give every cell one positive count"
        )
    fielded = set(groups.labels)
    return {key: count for key, count in counts.items() if key[0] in fielded}


def _groups_without_target(keys: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Groups of which nobody has a target."""
    known = {key[0] for key in keys if len(key) > 1}
    return [key for key in keys if key[0] not in known]


def size_margin(design: SurveyDesign, groups: Groups) -> Margin:
    """Sum of weights of each group, which it keeps; a margin where there is none."""
    n = len(groups.labels)
    return Margin(
        SIZE,
        groups.codes,
        [(label, "all") for label in groups.labels],
        np.arange(n),
        sums(groups.codes, design.sample.weights, n),
    )


def _read_total(
    design: SurveyDesign, name: str, table: pd.DataFrame, groups: Groups
) -> Margin:
    values = design.numbers(name)
    unknown = np.isnan(values)
    if unknown.any():
        raise WeightingError(
            f"total of {name!r}: {rows_named(unknown)} have no value; complete them or "
            "drop them"
        )
    total, population = (
        pd.to_numeric(table[column], errors="coerce").to_numpy(float)
        for column in (name, "population")
    )
    means: Floats = total / np.where(population > 0, population, np.nan)
    wrong = ~np.isfinite(means) | ~np.isfinite(population)
    if wrong.any():
        raise WeightingError(
            f"total of {name!r}: {int(wrong.sum())} of {len(wrong)} groups have no "
            f"total or no population above 0 ({first_few(groups.labels[wrong])}); "
            "complete the totals"
        )
    return Margin(
        name,
        groups.codes,
        [(label, "") for label in groups.labels],
        np.arange(len(means)),
        np.zeros(len(means)),
        values - means[groups.codes],
        means,
    )


def _cell(key: Sequence[object]) -> str:
    return "/".join(map(str, key))
