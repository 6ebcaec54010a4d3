"""Text files: one for programs, one for spreadsheets, and the codebook."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from ..releases import Release
from .coding import columns_of, plain, text_of
from .notes import Notes

CODEBOOK_COLUMNS = (
    *("variable", "label", "question", "kind", "role", "value", "value_label"),
    *("missing", "number"),
)
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
BATCH = 10_000
"""Responses that are written at once."""

NEGATIVE_NUMBER = re.compile(r"-[0-9]+(\.[0-9]+)?")


def write_csv(release: Release, path: Path, language: str, notes: Notes) -> None:
    """Write the codes as they are released, once faithfully and once for spreadsheets.

    Parameters
    ----------
    release : Release
    path : Path
        Two more files stand beside it: ``-spreadsheet.csv`` holds the same with a
        byte-order mark and an apostrophe before whatever a spreadsheet would take for
        a formula, headers included; ``-codebook.csv`` says what each code stands for.
    language : str
        Language of the labels in the codebook.
    notes : Notes
        Told of the cells that were changed for spreadsheets.
    """
    names = release.table.column_names
    cells = [release.cells(name) for name in names]
    _write(path, names, cells)
    spreadsheet = path.with_name(f"{path.stem}-spreadsheet.csv")
    safe = [_neutral_cells(column) for column in cells]
    changed = sum(n_changed for _, n_changed in safe)
    if changed:
        notes.add(
            spreadsheet.name,
            f"{changed} cells begin with an apostrophe, so that no spreadsheet takes"
            f" them for a formula; {path.name} has them as they were given",
        )
    _write(
        spreadsheet,
        [neutral(name) for name in names],
        [column for column, _ in safe],
        start="\ufeff",
    )
    codebook = pd.DataFrame(codebook_rows(release, language), columns=CODEBOOK_COLUMNS)
    codebook = codebook.map(neutral)
    _write(
        path.with_name(f"{path.stem}-codebook.csv"),
        CODEBOOK_COLUMNS,
        [pa.array(codebook[name], pa.string()) for name in CODEBOOK_COLUMNS],
        start="\ufeff",
    )


def codebook_rows(release: Release, language: str) -> Iterator[Sequence[str]]:
    """Rows of the codebook: one per value, one for a variable without values."""
    for column in columns_of(release, language):
        variable = column.variable
        about = (
            variable.name,
            column.label,
            plain(text_of(variable.question, language)) if variable.question else "",
            variable.kind,
            variable.role,
        )
        numbers = {**column.numbers, **column.missing}
        for value in variable.values:
            yield (
                *about,
                value.name,
                plain(text_of(value.labels, language)),
                "yes" if value.missing else "no",
                str(numbers.get(value.name, "")),
            )
        if not variable.values:
            yield (*about, "", "", "", "")


def neutral(text: str) -> str:
    r"""Text that no spreadsheet takes for a formula; numbers stay as they are.

    Examples
    --------
    >>> neutral('=HYPERLINK("x")'), neutral("-3"), neutral("plain")
    ('\'=HYPERLINK("x")', '-3', 'plain')
    """
    if not text.startswith(FORMULA_STARTS) or NEGATIVE_NUMBER.fullmatch(text):
        return text
    return f"'{text}"


def _neutral_cells(cells: pa.DictionaryArray) -> tuple[pa.DictionaryArray, int]:
    """Cells that no spreadsheet takes for a formula, and how many were changed."""
    texts = cells.dictionary.to_pylist()
    safe = [neutral(text) for text in texts]
    differs = np.array([old != new for old, new in zip(texts, safe, strict=True)], bool)
    n_changed = int(differs[cells.indices.to_numpy()].sum())
    return pa.DictionaryArray.from_arrays(cells.indices, pa.array(safe)), n_changed


def _write(
    path: Path, names: Sequence[str], columns: Sequence[pa.Array], start: str = ""
) -> None:
    """Write columns of text, batch by batch."""
    schema = pa.schema([(name, pa.string()) for name in names])
    options = csv.WriteOptions(quoting_style="needed")
    with path.open("wb") as file:
        file.write(start.encode())
        with csv.CSVWriter(file, schema, write_options=options) as rows:
            for at in range(0, len(columns[0]), BATCH):
                batch = [cells.slice(at, BATCH).cast(pa.string()) for cells in columns]
                rows.write_batch(pa.RecordBatch.from_arrays(batch, schema=schema))
