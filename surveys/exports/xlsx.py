"""Excel workbooks, written row by row and without a live formula."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from ..documents import CONTROL_CHARACTER
from ..releases import Release
from .coding import Column, columns_of
from .csv import CODEBOOK_COLUMNS, codebook_rows
from .notes import Notes

CELL_CHARACTERS, SHEET_ROWS = 32_767, 1_048_576
BATCH = 1_000
"""Responses that are written at once."""

AS_TEXT = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
RESPONSES_SHEET = "xl/worksheets/sheet1.xml"
END_OF_ROWS = b"</sheetData>"
RETURN = {"\r": "&#13;"}

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")


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
        "responses": ([column.name for column in columns], ()),
        "codebook": (CODEBOOK_COLUMNS, codebook_rows(release, language)),
        "population": (
            [str(name) for name in population],
            population.where(population.notna(), "").to_numpy().tolist(),
        ),
    }
    frame = path.with_suffix(".frame")
    with xlsxwriter.Workbook(frame, AS_TEXT) as workbook:
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
                        sheet.write_string(row, at, str(cell)[:CELL_CHARACTERS])
    _fill(frame, path, _rows(release, columns))
    frame.unlink()
    n_cut = sum(_count_long(release, column) for column in columns)
    n_left_out = release.table.num_rows - (SHEET_ROWS - 1)
    if n_cut:
        notes.add(path.name, f"{n_cut} texts are cut to {CELL_CHARACTERS} characters")
    if n_left_out > 0:
        notes.add(path.name, f"the last {n_left_out} responses do not fit a sheet")


def _fill(frame: Path, path: Path, rows: Iterable[bytes]) -> None:
    """Copy a workbook and put rows into its first sheet.

    xlsxwriter spends 8 microseconds on a cell, two minutes on a large release.
    """
    with (
        ZipFile(frame) as source,
        ZipFile(path, "w", ZIP_DEFLATED, compresslevel=3) as target,
    ):
        for member in source.infolist():
            content = source.read(member)
            if member.filename != RESPONSES_SHEET:
                target.writestr(member, content)
                continue
            before, _, after = content.rpartition(END_OF_ROWS)
            # How far the sheet reaches is optional, and is that of the head alone.
            before = re.sub(rb"<dimension [^>]*/>", b"", before)
            with target.open(member.filename, "w", force_zip64=True) as sheet:
                sheet.write(before)
                for batch in rows:
                    sheet.write(batch)
                sheet.write(END_OF_ROWS + after)


def _rows(release: Release, columns: Sequence[Column]) -> Iterator[bytes]:
    """Rows as SpreadsheetML, some at a time: numbers where one was given, else texts.

    The number of the row stands in every cell, so each row is that number between
    pieces which are made once for every distinct value of a column.
    """
    pieces = []
    for at, column in enumerate(columns):
        cells = release.cells(column.name)
        is_last = at == len(columns) - 1
        end = "</row>" if is_last else f'<c r="{xl_col_to_name(at + 1)}'
        pieces.append(
            (
                [
                    _cell(code, is_number=column.measure == "scale") + end
                    for code in cells.dictionary.to_pylist()
                ],
                cells.indices.to_numpy(),
            )
        )
    n_rows = min(release.table.num_rows, SHEET_ROWS - 1)
    for start in range(0, n_rows, BATCH):
        end_of_batch = min(start + BATCH, n_rows)
        parts = [
            [texts[at] for at in which[start:end_of_batch].tolist()]
            for texts, which in pieces
        ]
        written = []
        for row, cells in enumerate(zip(*parts, strict=True), start=start + 2):
            number = str(row)
            written.append(
                number.join(('<row r="', '"><c r="A', *cells))
                if cells
                else f'<row r="{number}"/>'
            )
        yield "".join(written).encode()


def _cell(code: str, *, is_number: bool) -> str:
    """What follows the address of a cell."""
    if not code:
        return '"/>'
    if is_number and _NUMBER.fullmatch(code):
        return f'"><v>{code}</v></c>'
    text = CONTROL_CHARACTER.sub(
        lambda found: f"_x{ord(found[0]):04X}_", code[:CELL_CHARACTERS]
    )
    space = ' xml:space="preserve"' if " ".join(text.split()) != text else ""
    return f'" t="inlineStr"><is><t{space}>{escape(text, RETURN)}</t></is></c>'


def _count_long(release: Release, column: Column) -> int:
    """How many cells hold more than a cell of Excel can."""
    cells = release.cells(column.name)
    long = [
        at
        for at, text in enumerate(cells.dictionary.to_pylist())
        if len(text) > CELL_CHARACTERS
    ]
    return int(sum((cells.indices.to_numpy() == at).sum() for at in long))
