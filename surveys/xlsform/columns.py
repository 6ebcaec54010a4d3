"""What reading and writing an XLSForm agree on: columns, marks, languages."""

import re
from collections.abc import Mapping

from babel import Locale

TEXT_COLUMNS = ("label", "hint", "constraint_message")

LOGIC_COLUMNS = (
    *("relevant", "constraint", "choice_filter", "calculation"),
    *("appearance", "parameters"),
)

MARK = "parallax"
"""Column of what XLSForm has no word for: a kind, then settings as ``key=value``."""

_CODE = re.compile(r"\(([A-Za-z]{2,3}(?:-[A-Za-z0-9]+)*)\)\s*$")
_LANGUAGES = {
    name.casefold(): code for code, name in Locale("en").languages.items()
} | {"chinese (simplified)": "zh-Hans", "chinese (traditional)": "zh-Hant"}


def split_header(header: str) -> tuple[str, str | None]:
    """Column and language code of a header; None where the language has no code.

    A header without a language is English, the language that a survey is written in.

    Examples
    --------
    >>> split_header("label::Français (fr)"), split_header("hint")
    (('label', 'fr'), ('hint', 'en'))
    >>> split_header("label:German"), split_header("label::Klingon?")
    (('label', 'de'), ('label', None))
    """
    column, _, language = header.partition("::")
    if not language and header.count(":") == 1:
        column, _, language = header.partition(":")
    column = column.strip()
    if not language:
        return column, "en"
    found = _CODE.search(language)
    if found:
        return column, found[1]
    return column, _LANGUAGES.get(language.strip().casefold())


def write_header(column: str, language: str) -> str:
    """Header of a column of texts: ``label::English (en)``."""
    name = Locale.parse(language, sep="-").get_display_name("en")
    return f"{column}::{name} ({language})"


def is_yes(cell: str) -> bool:
    """Whether a cell says yes, as authors write it."""
    return cell.lower() in ("yes", "true", "true()")


def read_mark(cell: str) -> tuple[str, Mapping[str, str]]:
    """Kind and settings of a mark.

    Examples
    --------
    >>> read_mark("page name=views shuffle=order")
    ('page', {'name': 'views', 'shuffle': 'order'})
    """
    kind, *settings = cell.split() or [""]
    return kind, dict(each.partition("=")[::2] for each in settings)


def write_mark(kind: str, **settings: str) -> str:
    """The mark that `read_mark` reads; settings that are empty are left out."""
    return " ".join(
        [kind, *(f"{key}={text}" for key, text in settings.items() if text)]
    )
