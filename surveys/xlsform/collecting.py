"""What is found while the sheets of an XLSForm are read."""

from collections.abc import Sequence
from typing import Any

from ..errors import Mistake
from .columns import TEXT_COLUMNS, split_header
from .workbook import Row


class Collected:
    """Texts in every language, remarks and mistakes, in the order of the rows.

    Attributes
    ----------
    mistakes : list of Mistake
        What cannot be read or has no counterpart.
    remarks : dict
        What was left out or changed; a dict keeps the order and says nothing twice.
    texts : dict
        By context, such as ``age.label``: the text in each language.
    languages : dict
        All that occur, English first.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.mistakes: list[Mistake] = []
        self.remarks: dict[str, None] = {}
        self.texts: dict[str, dict[str, str]] = {}
        self.languages: dict[str, None] = {"en": None}

    def refuse(self, where: str, what: str) -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(self.file, where, what))

    def remark(self, what: str) -> None:
        """Note what was left out or changed."""
        self.remarks[what] = None

    def texts_of(
        self, row: Row, columns: Sequence[str], where: str
    ) -> dict[str, dict[str, str]]:
        """Texts of a row by column and language."""
        found: dict[str, dict[str, str]] = {}
        for header, text in row.items():
            column, language = split_header(header)
            if column not in columns:
                continue
            if language is None:
                self.refuse(
                    where,
                    f"column {header!r} does not say its language; write for example "
                    f"'{column}::French (fr)'",
                )
                continue
            self.languages.setdefault(language)
            found.setdefault(column, {})[language] = text
        return found

    def label_of(self, row: Row, where: str, instead: str) -> str:
        """The English label of a row, for what only researchers read."""
        return self.texts_of(row, ("label",), where).get("label", {}).get("en", instead)

    def put_texts(self, entry: dict[str, Any], row: Row, context: str) -> None:
        """Put the English texts into an entry, and remember all languages."""
        where = f"question '{context}'" if "." not in context else context
        for column, texts in self.texts_of(row, TEXT_COLUMNS, where).items():
            if not texts.get("en"):
                self.refuse(
                    where,
                    f"{column} has no English text, which a survey is written in; add "
                    f"the column '{column}::English (en)'",
                )
                continue
            entry[column] = texts["en"]
            self.texts[f"{context}.{column}"] = texts
