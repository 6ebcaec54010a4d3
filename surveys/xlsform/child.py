"""Read one workbook in a process of its own, with little time and memory.

Run by :mod:`surveys.xlsform.workbook`; writes one JSON object to standard output.
"""

import json
import resource
import sys

SECONDS, BYTES = 5, 512 * 2**20
SHEETS = ("survey", "choices", "settings")


def main(path: str) -> None:
    """Print the rows of the sheets, and what pyxform has against them."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    from openpyxl import load_workbook
    from pyxform.errors import PyXFormError
    from pyxform.xls2json import workbook_to_json
    from pyxform.xls2json_backends import get_xlsform

    # pyxform takes the place of no-break spaces, which French texts need.
    book = load_workbook(path, read_only=True, data_only=True)
    sheets = {
        sheet.title.strip().lower(): [
            [_text(cell) for cell in row] for row in sheet.iter_rows(values_only=True)
        ]
        for sheet in book.worksheets
        if sheet.title.strip().lower() in SHEETS
    }
    problem = ""
    try:
        workbook_to_json(get_xlsform(path), fallback_form_name="form")
    except PyXFormError as error:
        problem = str(error)
    json.dump({"sheets": sheets, "problem": problem}, sys.stdout)


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell).strip()


if __name__ == "__main__":
    main(sys.argv[1])
