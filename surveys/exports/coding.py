"""Released text codes as the numbers, labels and names that statistical software wants.

A release holds codes such as ``strongly_approve`` and ``dont_know``. Statistical
software holds numbers with labels: here the answers of a scale are 1, 2, 3, ... in the
order of the questionnaire, or the numbers that its author gave them, and the reasons
for which there is no answer stay distinct.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from markdown_it import MarkdownIt

from ..codebook import MISSING_CODES, Texts, Variable
from ..languages import language as language_of
from ..releases import Release
from ..texts import PLACEHOLDER

MISSING_NUMBERS = {code: -at for at, code in enumerate(MISSING_CODES, start=1)}
"""Number of each missing code: "dont_know" is -1, "refused" -2, and so on."""

BELOW_ANSWERS = 999_990
"""Taken off the missing numbers of a variable whose answers can be negative."""

DRAWN_BY_CHANCE = "Drawn by chance: {name}"
"""Label of what has no title of its own, as in the codebook."""

NUMERIC = ("integer", "decimal", "count")


@dataclass(frozen=True, eq=False)
class Column:
    """One variable of a release, as statistical software holds it.

    Attributes
    ----------
    variable : Variable
    label : str
        In the language of the export, in English where there is no translation; plain,
        as all labels are, without marks of emphasis.
    numbers : mapping of str to int
        The number of each code of a nominal or ordinal variable, empty for others.
    missing : mapping of str to int
        The number of each missing code, empty for texts.
    value_labels : mapping of int to str
        What each of those numbers stands for.
    measure : str
        ``nominal``, ``ordinal`` or ``scale``.
    """

    variable: Variable
    label: str
    numbers: Mapping[str, int]
    missing: Mapping[str, int]
    value_labels: Mapping[int, str]
    measure: str

    @property
    def name(self) -> str:
        """Name of the variable in the release."""
        return self.variable.name

    @property
    def is_text(self) -> bool:
        """Whether its cells are texts, which have no numbers and no missing codes."""
        return self.variable.kind == "text"

    def encode(self, cells: pa.DictionaryArray) -> npt.NDArray[np.number[Any]]:
        """Numbers for text codes, shape (n_responses,): 32-bit ones where they fit."""
        known = {**self.numbers, **self.missing}
        numbers = np.array(
            [float(known.get(code, code)) for code in cells.dictionary.to_pylist()]
        )
        fits = np.abs(numbers).max(initial=0) < 2**31
        if fits and self.variable.kind != "decimal":
            numbers = numbers.astype(np.int32)
        encoded: npt.NDArray[np.number[Any]] = numbers[cells.indices.to_numpy()]
        return encoded


def columns_of(release: Release, language: str = "en") -> tuple[Column, ...]:
    """Describe every column of a release in one language.

    Parameters
    ----------
    release : Release
    language : str
        A language of the release; texts without a translation are in English.

    Returns
    -------
    tuple of Column
    """
    return tuple(
        _column(variable, release.cells(variable.name), language)
        for variable in release.variables
    )


def _column(variable: Variable, cells: pa.DictionaryArray, language: str) -> Column:
    if variable.kind == "text":
        label = plain(label_of(variable, language))
        return Column(variable, label, {}, {}, {}, "nominal")
    labels = {value.name: value.labels for value in variable.values}
    answers = [value.name for value in variable.values if not value.missing]
    is_number = variable.kind in NUMERIC
    numbers = (
        {name: int(name) for name in answers}
        if is_number or all(map(_NUMBER.fullmatch, answers))
        else {name: at for at, name in enumerate(answers, start=1)}
    )
    lower = BELOW_ANSWERS if is_number and _has_negative(cells) else 0
    missing = {
        code: MISSING_NUMBERS[code] - lower
        for code in MISSING_CODES
        if code in variable.missing_codes
    }
    return Column(
        variable,
        plain(label_of(variable, language)),
        numbers,
        missing,
        {
            number: plain(text_of(labels[name], language))
            for name, number in (numbers | missing).items()
        },
        "scale" if is_number and not numbers else _MEASURES[variable.kind],
    )


_MEASURES = {
    "nominal": "nominal",
    "ordinal": "ordinal",
    "integer": "nominal",
    "decimal": "scale",
    "count": "scale",
}


_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
"""A choice that is named by a whole number, which then is its code."""


def _has_negative(cells: pa.DictionaryArray) -> bool:
    """Whether an answer is below zero; codes never begin with a minus sign."""
    return any(code.startswith("-") for code in cells.dictionary.to_pylist())


def counts_of(cells: pa.DictionaryArray) -> dict[str, int]:
    """How often each code stands in a column.

    Examples
    --------
    >>> counts_of(pa.array(["tea", "tea", "water"]).dictionary_encode())
    {'tea': 2, 'water': 1}
    """
    codes = cells.dictionary.to_pylist()
    counts = np.bincount(cells.indices.to_numpy(), minlength=len(codes))
    return dict(zip(codes, counts.tolist(), strict=True))


def text_of(texts: Texts, language: str) -> str:
    """A text in a language, or in English where it is not translated.

    What Parallax itself says in every codebook, such as "Not asked", is translated.

    Examples
    --------
    >>> text_of({"en": "Not asked"}, "de"), text_of({"en": "Tea", "de": "Tee"}, "de")
    ('Nicht gefragt', 'Tee')
    """
    english = texts["en"]
    words = language_of(language)
    return texts.get(language) or words.translations.gettext(english) or english


def plain(text: str) -> str:
    r"""The words of an author's text, without marks of emphasis.

    Where the answer to another question stands in it, the name of that question does.

    Examples
    --------
    >>> plain("**How many** of these do you, at ${age}, approve of?")
    'How many of these do you, at [age], approve of?'
    >>> plain("1. May"), plain("Some say:\n\n- *yes*\n- no")
    ('1. May', 'Some say:\n\nyes\n\nno')
    """
    # As on the respondents' pages, only what has several lines has lists.
    parse = _MARKDOWN.parse if "\n" in text else _MARKDOWN.parseInline
    words = "\n\n".join(
        "".join(
            part.content if part.type == "text" else "\n"
            for part in block.children or ()
            if part.type in ("text", "softbreak", "hardbreak")
        )
        for block in parse(text)
        if block.type == "inline"
    )
    return PLACEHOLDER.sub(lambda found: f"[{found[1].strip()}]", words)


_MARKDOWN = MarkdownIt("zero", {"html": False}).enable(
    ["paragraph", "list", "newline", "escape", "entity", "emphasis", "balance_pairs"]
)
"""What `surveys.texts.find_markup` allows an author."""


def label_of(variable: Variable, language: str) -> str:
    """Short title of a variable in a language."""
    label = text_of(variable.labels, language)
    if label != DRAWN_BY_CHANCE.format(name=variable.name):
        return label
    return language_of(language).text(DRAWN_BY_CHANCE, name=variable.name)


def unused_name(name: str, taken: Iterable[str], longest: int) -> str:
    """A name that is not taken, cut to the longest that a format allows.

    Examples
    --------
    >>> unused_name("by", {"by"}, 32), unused_name("x" * 40, {}, 32)
    ('by_', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx')
    >>> unused_name("x" * 40, {"x" * 32}, 32)
    'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx_'
    """
    lower = {each.lower() for each in taken}
    for room in range(longest):
        padded = name[: longest - room] + "_" * room if room else name[:longest]
        if padded.lower() not in lower:
            return padded
    raise ValueError(f"no name is left for {name}")


def cut(text: str, n_bytes: int) -> str:
    """Cut a text to a number of UTF-8 bytes, between two characters.

    Examples
    --------
    >>> cut("信用", 4)
    '信'
    """
    return text.encode()[:n_bytes].decode(errors="ignore")
