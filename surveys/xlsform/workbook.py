"""The sheets of an XLSForm, from a file that a stranger may have made."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from ..errors import AuthoringError, Mistake
from . import child

MAX_BYTES, MAX_UNPACKED, MAX_MEMBERS, MAX_RATIO = 5 * 2**20, 50 * 2**20, 200, 200
MAX_ROWS, MAX_COLUMNS = 20_000, 200

_DIMENSION = re.compile(rb'<dimension ref="(?:[A-Z]+[0-9]+:)?([A-Z]+)([0-9]+)"')
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml")

Row = Mapping[str, str]


@dataclass(frozen=True)
class Workbook:
    """Rows by sheet, each a mapping from column to what stands in it.

    Attributes
    ----------
    survey, choices, settings : sequence of mapping
        Cells that are empty are not there.
    problem : str
        What pyxform has against the form, or empty.
    """

    survey: Sequence[Row]
    choices: Sequence[Row]
    settings: Sequence[Row]
    problem: str


def read_workbook(path: Path) -> Workbook:
    """Read the sheets of an XLSForm in a process with little time and memory.

    Parameters
    ----------
    path : Path
        An .xlsx file.

    Raises
    ------
    AuthoringError
        If the file is no workbook, is suspiciously large, or holds macros or links to
        other files.
    """
    problems = [Mistake(path.name, "", what) for what in _find_danger(path)]
    if problems:
        raise AuthoringError(tuple(problems))
    try:
        ran = subprocess.run(
            [sys.executable, "-I", child.__file__, str(path.absolute())],
            capture_output=True,
            timeout=2 * child.SECONDS,
        )
        found = json.loads(ran.stdout)
    except (subprocess.TimeoutExpired, ValueError) as error:
        what = (
            f"cannot be read in {child.SECONDS} seconds and "
            f"{child.BYTES // 2**20} MB; save it anew as .xlsx, with the sheets "
            "survey, choices and settings only"
        )
        raise AuthoringError((Mistake(path.name, "", what),)) from error
    survey, choices, settings = (
        _rows(found["sheets"].get(sheet, [[]])) for sheet in child.SHEETS
    )
    return Workbook(survey, choices, settings, found["problem"])


def _rows(cells: Sequence[Sequence[str]]) -> list[Row]:
    """Cells by column; empty cells, columns without a name and empty rows are left."""
    head, *others = cells or [[]]
    rows = (
        {key: text for key, text in zip(head, row, strict=False) if key and text}
        for row in others
    )
    return [row for row in rows if row]


def _find_danger(path: Path) -> Iterator[str]:
    """Look at the file without unpacking it."""
    try:
        size = path.stat().st_size
    except OSError as error:
        yield f"cannot be read ({error.strerror}); give an .xlsx file"
        return
    if size > MAX_BYTES:
        yield f"has {size:,} bytes; a form has at most {MAX_BYTES:,}"
        return
    try:
        with ZipFile(path) as archive:
            members = archive.infolist()
            names = {member.filename for member in members}
            if "xl/workbook.xml" not in names:
                yield "is no .xlsx workbook; save it as .xlsx"
                return
            unpacked = sum(member.file_size for member in members)
            if (
                len(members) > MAX_MEMBERS
                or unpacked > MAX_UNPACKED
                or unpacked > MAX_RATIO * max(size, 1)
            ):
                yield "unpacks to far more than a form holds; save it anew"
                return
            if any(name.endswith("vbaProject.bin") for name in names):
                yield "holds macros; save it as .xlsx without them"
            if any(name.startswith("xl/externalLinks/") for name in names):
                yield "holds links to other files; replace them by their values"
            for name in sorted(filter(_SHEET.fullmatch, names)):
                with archive.open(name) as sheet:
                    found = _DIMENSION.search(sheet.read(4096))
                if found and _too_large(found[1], int(found[2])):
                    yield (
                        f"has a sheet of more than {MAX_ROWS:,} rows or {MAX_COLUMNS} "
                        "columns; delete the empty ones"
                    )
    except (BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError):
        yield "is no .xlsx workbook; save it as .xlsx"


def _too_large(letters: bytes, rows: int) -> bool:
    column = 0
    for letter in letters:
        column = 26 * column + letter - 64
    return rows > MAX_ROWS or column > MAX_COLUMNS
