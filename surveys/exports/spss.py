"""SPSS data files: labels, user-missing values, measures and widths."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyreadstat

from ..releases import Release
from .coding import Column, columns_of, cut, unused_name
from .notes import Notes

LABEL_BYTES, VALUE_LABEL_BYTES, NAME_BYTES, TEXT_BYTES = 255, 120, 64, 32_767
RESERVED = (
    *("all", "and", "by", "eq", "ge", "gt", "le", "lt", "ne", "not", "or", "to"),
    "with",
)


def write_spss(release: Release, path: Path, language: str, notes: Notes) -> None:
    """Write an SPSS file; compressed if its name ends in ``.zsav``.

    Missing codes are user-missing values: -1 "Don't know" to -5 "Withheld", a range.

    Parameters
    ----------
    release : Release
    path : Path
    language : str
        Language of the labels.
    notes : Notes
        Told of every name or label that SPSS cannot hold in full.
    """
    columns = columns_of(release, language)
    names: dict[str, Column] = {}
    for column in columns:
        name = unused_name(column.name, [*RESERVED, *names], NAME_BYTES)
        if name != column.name:
            notes.add(path.name, f"{column.name} is named {name}")
        names[name] = column
    frame = pd.DataFrame(
        {
            name: _texts(release.cells(column.name), name, path, notes)
            if column.is_text
            else column.encode(release.cells(column.name))
            for name, column in names.items()
        },
        copy=False,
    )
    pyreadstat.write_sav(
        frame,
        path,
        file_label=cut(str(release.package["title"]), 64),
        compress=path.suffix == ".zsav",
        column_labels={
            name: _fitting(column.label, LABEL_BYTES, f"label of {name}", path, notes)
            for name, column in names.items()
        },
        variable_value_labels={
            name: {
                number: _fitting(
                    label,
                    VALUE_LABEL_BYTES,
                    f"label of {name} = {number}",
                    path,
                    notes,
                )
                for number, label in column.value_labels.items()
            }
            for name, column in names.items()
            if column.value_labels
        },
        missing_ranges={
            name: [{"lo": min(column.missing.values()), "hi": _highest(column)}]
            for name, column in names.items()
            if column.missing
        },
        variable_measure={name: column.measure for name, column in names.items()},
        variable_display_width={
            name: 20 if column.is_text else 10 for name, column in names.items()
        },
        variable_format={
            name: "F10.4" if column.variable.kind == "decimal" else "F8.0"
            for name, column in names.items()
            if not column.is_text
        },
    )


def _highest(column: Column) -> int:
    return max(column.missing.values())


def _fitting(text: str, n_bytes: int, what: str, path: Path, notes: Notes) -> str:
    kept = cut(text, n_bytes)
    if kept != text:
        notes.add(path.name, f"{what} is cut to {n_bytes} bytes: {text}")
    return kept


def _texts(
    cells: pa.DictionaryArray, name: str, path: Path, notes: Notes
) -> "pd.Series[str]":
    texts: pd.Series[str] = cells.cast(pa.string()).to_pandas()
    if not any(
        len(text.encode()) > TEXT_BYTES for text in cells.dictionary.to_pylist()
    ):
        return texts
    too_long = texts.map(lambda text: len(text.encode())) > TEXT_BYTES
    notes.add(
        path.name,
        f"{name}: {int(too_long.sum())} of {len(texts)} texts are cut to "
        f"{TEXT_BYTES} bytes",
    )
    return texts.map(lambda text: cut(text, TEXT_BYTES))
