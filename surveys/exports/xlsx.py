"""Excel workbooks, written row by row and without a live formula."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import xlsxwriter

from ..releases import Release
from .coding import Column, columns_of
from .csv import CODEBOOK_COLUMNS, codebook_rows
from .notes import Notes

CELL_CHARACTERS, SHEET_ROWS = 32_767, 1_048_576
BATCH = 10_000

AS_TEXT = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


def write_xlsx(release: Release, path: Path, language: str, notes: Notes) -> None:
    """Write a workbook with the responses, the codebook and the population.

    Parameters
    ----------
    release : Release
    path : Path
    language : str
        Language of the labels.
    notes : Notes
        Told of rows and texts that a sheet cannot hold.
    """
    columns = columns_of(release, language)
    population = release.population.astype(object)
    sheets: dict[str, tuple[Sequence[str], Iterable[Sequence[object]]]] = {
        "responses": ([column.name for column in columns], _rows(release, columns)),
        "codebook": (CODEBOOK_COLUMNS, codebook_rows(release, language)),
        "population": (
            [str(name) for name in population],
            population.where(population.notna(), "").to_numpy().tolist(),
        ),
    }
    n_cut, n_left_out = 0, max(release.table.num_rows - (SHEET_ROWS - 1), 0)
    with xlsxwriter.Workbook(path, AS_TEXT) as workbook:
        bold = workbook.add_format({"bold": True})
        for name, (head, rows) in sheets.items():
            sheet = workbook.add_worksheet(name)
            sheet.freeze_panes(1, 0)
            for at, title in enumerate(head):
                sheet.write_string(0, at, title, bold)
            for row, cells in enumerate(rows, start=1):
                for at, cell in enumerate(cells):
                    if isinstance(cell, int | float):
                        sheet.write_number(row, at, cell)
                    elif cell:
                        text = str(cell)
                        n_cut += len(text) > CELL_CHARACTERS
                        sheet.write_string(row, at, text[:CELL_CHARACTERS])
    if n_cut:
        notes.add(path.name, f"{n_cut} texts are cut to {CELL_CHARACTERS} characters")
    if n_left_out:
        notes.add(path.name, f"the last {n_left_out} responses do not fit a sheet")


def _rows(release: Release, columns: Sequence[Column]) -> Iterable[Sequence[object]]:
    """Cells of each response: numbers where a number was given, else the code."""
    held = []
    for column in columns:
        cells = release.cells(column.name)
        codes = cells.dictionary.to_pylist()
        if column.measure == "scale":
            codes = [_as_number(code) for code in codes]
        held.append((codes, cells.indices.to_numpy()))
    for start in range(0, min(release.table.num_rows, SHEET_ROWS - 1), BATCH):
        parts = [
            [codes[at] for at in which[start : start + BATCH]] for codes, which in held
        ]
        yield from zip(*parts, strict=True)


def _as_number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell
