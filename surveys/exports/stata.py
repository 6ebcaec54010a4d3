"""Stata data files: labels in every language, extended missing values."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyreadstat

from ..codebook import MISSING_CODES
from ..releases import Release
from .coding import Column, columns_of, label_of, plain, text_of, unused_name
from .notes import Notes

LABEL_CHARACTERS = 80

NAME_CHARACTERS = 31
"""Stata takes 32; the writer gives the set of value labels the same name and one
byte more."""

RESERVED = (
    *("_all", "_b", "byte", "_coef", "_cons", "double", "float", "if", "in", "int"),
    *("long", "_n", "_pi", "_pred", "_rc", "_skip", "str", "strl", "using", "with"),
)
LETTERS = dict(zip(MISSING_CODES, "abcdef", strict=False))
"""Extended missing value of each missing code: "dont_know" is .a, "refused" .b, ..."""


def write_stata(release: Release, path: Path, language: str, notes: Notes) -> None:
    """Write a Stata file, and a do-file that adds the labels of the other languages.

    Parameters
    ----------
    release : Release
    path : Path
        The do-file stands beside it, under the same name with ``-labels.do``.
    language : str
        Language of the labels in the file itself.
    notes : Notes
        Told of every name or label that Stata cannot hold in full.
    """
    names: dict[str, Column] = {}
    for column in columns_of(release, language):
        name = unused_name(column.name, [*RESERVED, *names], NAME_CHARACTERS)
        if name != column.name:
            notes.add(path.name, f"{column.name} is named {name}")
        names[name] = column
    frame = pd.DataFrame(
        {
            name: release.cells(column.name).cast(pa.string()).to_pandas()
            if column.is_text
            else _lettered(column, release.cells(column.name))
            for name, column in names.items()
        },
        copy=False,
    )
    coded = {name: column for name, column in names.items() if column.missing}
    pyreadstat.write_dta(
        frame,
        path,
        file_label=str(release.package["title"])[:LABEL_CHARACTERS],
        version=15,
        column_labels={
            name: _fitting(column.label, f"label of {name}", path, notes)
            for name, column in names.items()
        },
        variable_value_labels={
            name: _lettered_labels(column)
            for name, column in names.items()
            if column.value_labels
        },
        missing_user_values={
            name: [LETTERS[code] for code in column.missing]
            for name, column in coded.items()
        },
    )
    script = path.with_name(f"{path.stem}-labels.do")
    script.write_text(
        _label_script(release, names, language), encoding="utf-8", newline="\n"
    )


def _lettered_labels(column: Column) -> Any:
    return {
        _letter(column, number): label for number, label in column.value_labels.items()
    }


def _lettered(column: Column, cells: pa.DictionaryArray) -> npt.NDArray[Any]:
    """Numbers, and letters where there is no answer; each object is held once."""
    if not len(cells):
        return np.empty(0)
    codes = cells.dictionary.to_pylist()
    known = np.empty(len(codes), dtype=object)
    known[:] = [
        LETTERS[code]
        if code in column.missing
        else float(column.numbers.get(code, code))
        for code in codes
    ]
    lettered: npt.NDArray[Any] = known[cells.indices.to_numpy()]
    return lettered


def _letter(column: Column, number: int) -> int | str:
    letters = {value: LETTERS[code] for code, value in column.missing.items()}
    return letters.get(number, number)


def _fitting(text: str, what: str, path: Path, notes: Notes) -> str:
    if len(text) <= LABEL_CHARACTERS:
        return text
    notes.add(path.name, f"{what} is cut to {LABEL_CHARACTERS} characters: {text}")
    return text[:LABEL_CHARACTERS]


def _label_script(release: Release, names: dict[str, Column], language: str) -> str:
    """Stata commands that define the labels of every other language."""
    languages = list(release.package["parallax"]["languages"])
    lines = [
        f"* Labels of {release.package['name']} in every language of the survey.",
        "* After use of the data file: run this, then choose with: label language NAME",
        f"label language {_language_name(language)}, rename",
    ]
    for other in languages:
        if other == language:
            continue
        lines.append(f"label language {_language_name(other)}, new")
        for at, (name, column) in enumerate(names.items()):
            label = plain(label_of(column.variable, other))[:LABEL_CHARACTERS]
            lines.append(f"label variable {name} {_quoted(label)}")
            if not column.value_labels:
                continue
            known = {**column.numbers, **column.missing}
            meanings = " ".join(
                f"{_in_stata(column, known[value.name])}"
                f" {_quoted(plain(text_of(value.labels, other)))}"
                for value in column.variable.values
                if value.name in known
            )
            labels = f"v{at}_{_language_name(other)}"
            lines.append(f"label define {labels} {meanings}")
            lines.append(f"label values {name} {labels}")
    lines.append(f"label language {_language_name(language)}")
    return "\n".join(lines) + "\n"


def _in_stata(column: Column, number: int) -> str:
    written = _letter(column, number)
    return f".{written}" if isinstance(written, str) else str(written)


def _language_name(language: str) -> str:
    return language.replace("-", "_")


def _quoted(text: str) -> str:
    """A string in which Stata expands no macro."""
    one_line = " ".join(text.split())
    return '`"' + one_line.replace("`", "\\`").replace("$", "\\$") + "\"'"
