"""A frame with one row per respondent, read column by column, checked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.errors import DesignError, EstimationError, UnknownColumn, first_few
from analysis.totals import BLOCK_ROWS, Codes, Compact, Floats, sums

NUMERIC = ("boolean", "integer", "floating", "mixed-integer-float", "decimal")
"""Kinds of values, in the words of pandas, that are numbers."""

Where = str | pd.Series | npt.NDArray[np.bool_] | None


class Groups(NamedTuple):
    """Respondents sorted into groups: a code for each (-1: none) and the labels."""

    codes: Codes
    labels: pd.Index


@dataclass(frozen=True, eq=False)
class Columns:
    """A data frame whose columns are read as numbers, groups or truth.

    Raises
    ------
    DesignError
        If it is no data frame, has no rows, or two columns of one name.
    """

    frame: pd.DataFrame
    _known: dict[str, Groups] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.frame, pd.DataFrame):
            raise DesignError(
                f"frame is {_a_kind(self.frame)}, not a pandas DataFrame or an Ibis "
                "table; analysis.open_parquet(path) makes a table of Parquet files"
            )
        if self.frame.empty:
            raise DesignError("the frame has no rows; a design needs respondents")
        twice = self.frame.columns[self.frame.columns.duplicated()]
        if len(twice):
            raise DesignError(f"the frame has two columns {twice[0]!r}; rename one")
        object.__setattr__(self, "frame", self.frame.copy(deep=False))

    def column(self, name: str) -> pd.Series:
        """One column of the frame, or an error that lists the columns there are."""
        if not isinstance(name, str):
            raise UnknownColumn(
                f"a column is named by text, not by {_a_kind(name)}; put what is not "
                "in the frame into it, and rename columns whose names are numbers"
            )
        if name not in self.frame.columns:
            raise UnknownColumn(
                f"the frame has no column {name!r}; "
                f"it has {first_few(self.frame.columns, 12)}"
            )
        return self.frame[name]

    def numbers(self, name: str) -> Floats:
        """Read a column as numbers; missing is NaN, true is 1."""
        column = self.column(name)
        if not pd.api.types.is_float_dtype(column.dtype):
            kind = pd.api.types.infer_dtype(column, skipna=True)
            if kind not in NUMERIC and not column.isna().all():
                raise EstimationError(
                    f"{name!r} is not numeric ({kind}); proportion() gives the share "
                    "of each answer, or make a 0/1 column of it first"
                )
        values = column.to_numpy(dtype=float, na_value=np.nan)
        infinite = np.isinf(values)
        if infinite.any():
            raise EstimationError(
                f"{name!r} is infinite in {rows_named(infinite)}; set them to missing "
                "or correct them"
            )
        return values

    def groups(self, name: str) -> Groups:
        """Sort the respondents by the values of a column; missing is in no group.

        Categories keep their order and are all labels; other values are sorted.
        """
        codes, labels = self.compact_groups(name)
        return Groups(frozen(codes, np.intp), labels)

    def compact_groups(self, name: str) -> tuple[Compact, pd.Index]:
        """Groups of a column with codes as small as they come, not to be added up."""
        column = self.column(name)
        if name not in self._known:
            if self.has_categories(name):
                codes, labels = column.cat.codes.to_numpy(), column.cat.categories
            else:
                codes, labels = _factorize(column)
                kind = np.min_scalar_type(-len(labels) - 1)
                codes = codes.astype(kind, copy=False)
            self._known[name] = Groups(frozen(codes), labels.rename(name))
        return self._known[name]

    def crossed_groups(self, by: str | Sequence[str] | None) -> Groups:
        """Sort the respondents by several columns together; only groups with rows."""
        names = (by,) if isinstance(by, str) else tuple(by or ())
        if not names:
            return Groups(np.zeros(len(self.frame), dtype=np.intp), pd.RangeIndex(1))
        parts = [self.groups(name) for name in names]
        if len(names) == 1 and not self.has_categories(names[0]):
            return parts[0]
        shape = tuple(max(len(part.labels), 1) for part in parts)
        codes, *others = (part.codes for part in parts)
        for other, n in zip(others, shape[1:], strict=True):
            codes = np.where((codes < 0) | (other < 0), -1, codes * n + other)
        present = sums(codes, None, int(np.prod(shape))) > 0
        where = np.unravel_index(np.flatnonzero(present), shape)
        levels = [part.labels[i] for part, i in zip(parts, where, strict=True)]
        labels = levels[0] if len(parts) == 1 else pd.MultiIndex.from_arrays(levels)
        if not present.all():
            number = np.append(np.cumsum(present) - 1, -1)
            codes = number[codes]
        return Groups(codes, labels)

    def has_categories(self, name: str) -> bool:
        """Whether a column is categorical, so that some labels may have no rows."""
        return isinstance(self.frame[name].dtype, pd.CategoricalDtype)

    def domain(self, where: Where) -> npt.NDArray[np.bool_] | None:
        """Read ``where`` as one truth value for each respondent."""
        if where is None:
            return None
        said = "where"
        if isinstance(where, str):
            where, said = self.column(where), f"where {where!r}"
        if callable(where):
            raise EstimationError(
                "where is a function; give the name of a true/false column, or such "
                "values: design.frame['age'] > 30"
            )
        if isinstance(where, pd.Series) and not where.index.equals(self.frame.index):
            raise EstimationError(
                "where has another index than the frame; build it from design.frame"
            )
        if len(where) != len(self.frame):
            raise EstimationError(
                f"where has {len(where)} values for {len(self.frame)} respondents"
            )
        truth = pd.Series(where)
        if truth.isna().any():
            raise EstimationError(
                f"{said} is missing in {rows_named(truth.isna())}; say with fillna() "
                "where those respondents belong"
            )
        if pd.api.types.infer_dtype(truth) != "boolean":
            raise EstimationError(
                f"{said} holds {truth.dtype} values; it must be true or false, such as "
                "design.frame['age'] > 30"
            )
        return truth.to_numpy(dtype=bool)


def rows_named(wrong: npt.ArrayLike) -> str:
    """Describe the marked rows: "3 of 1021 rows (4, 17, 33)"."""
    marked = np.flatnonzero(wrong)
    return f"{len(marked)} of {np.size(wrong)} rows ({first_few(marked)})"


def frozen(array: npt.ArrayLike, dtype: Any = None) -> npt.NDArray[Any]:
    """View of an array through which nobody can change it."""
    view = np.asarray(array, dtype=dtype).view()
    view.flags.writeable = False
    return view


def _factorize(column: pd.Series) -> tuple[Compact, pd.Index]:
    """Codes and sorted labels; whole numbers of a small range need no hashing."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iu":
        values = column.to_numpy()
        low, high = int(values.min()), int(values.max())
        if high - low <= len(values) and high <= np.iinfo(np.intp).max:
            return _numbered(values, low, high - low + 1)
    return pd.factorize(column, sort=True)


def _numbered(values: Compact, low: int, size: int) -> tuple[Compact, pd.Index]:
    """Codes and labels of whole numbers from ``low`` on; blocks stay in the cache."""
    codes = np.empty(len(values), np.min_scalar_type(-size - 1))
    seen, all_seen = np.zeros(size, dtype=bool), False
    for start in range(0, len(values), BLOCK_ROWS):
        part = slice(start, start + BLOCK_ROWS)
        codes[part] = block = values[part].astype(np.intp) - low
        if not all_seen:
            seen[block] = True
            all_seen = size <= BLOCK_ROWS and bool(seen.all())
    if not (all_seen or seen.all()):
        codes = (np.cumsum(seen) - 1).astype(codes.dtype)[codes]
    return codes, pd.Index((np.flatnonzero(seen) + low).astype(values.dtype))


def _a_kind(value: object) -> str:
    module, name = type(value).__module__.partition(".")[0], type(value).__name__
    return "a path" if name == "str" or module == "pathlib" else f"a {name}"
