"""A survey structure of LimeSurvey as the files of a survey."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..documents import find_unreadable
from ..errors import AuthoringError, ExpressionError, Mistake
from ..translations import Entry, write_catalog
from ..xlsform.pages import SPLIT, split_page
from ..xlsform.reading import Imported
from .markup import read_markup
from .relevance import translate_relevance

MAX_BYTES = 5 * 2**20

TYPES = {
    **{"L": "select_one", "!": "select_one", "Y": "select_one", "F": "battery"},
    **{"M": "select_multiple", "R": "rank", "N": "integer", "X": "note"},
    **{"S": "text", "T": "text", "U": "text"},
}
"""The types that have a counterpart, by LimeSurvey's letter."""

NAMES = {
    "5": "5 point choice",
    "A": "array (5 point choice)",
    "B": "array (10 point choice)",
    "C": "array (yes, uncertain, no)",
    "D": "date and time",
    "E": "array (increase, same, decrease)",
    "G": "gender",
    "H": "array by column",
    "I": "language switch",
    "K": "multiple numerical input",
    "O": "list with comment",
    "P": "multiple choice with comments",
    "Q": "multiple short text",
    "*": "equation",
    "1": "array, dual scale",
    ":": "array (numbers)",
    ";": "array (texts)",
    "|": "file upload",
}
"""What the other letters stand for, so that they are refused by name."""

_PLACEHOLDER = re.compile(
    r"\{([A-Za-z][A-Za-z0-9_]*)(?:\.(?:shown|NAOK|value|code))*\}"
)
_LANGUAGE = re.compile(r"-(?:informal|easy)$")

Row = Mapping[str, str]


@dataclass(eq=False)
class _Part:
    """A group, question, subquestion or answer with its rows by language."""

    rows: dict[str, Row]
    parts: list["_Part"] = field(default_factory=list)

    @property
    def row(self) -> Row:
        return self.rows["en"]


def read_limesurvey(path: Path, survey: str) -> Imported:
    """Read LimeSurvey's tab-separated survey structure.

    Groups become pages; lists (L, !), yes or no (Y), several answers (M), rankings (R),
    numbers (N), texts (S, T, U), displays (X) and arrays (F) become questions, with
    their conditions and all languages.

    Parameters
    ----------
    path : Path
        What LimeSurvey exports as "Tab-separated-values format (*.txt)".
    survey : str
        Name of the survey that it becomes.

    Returns
    -------
    Imported
        As from :func:`surveys.xlsform.read_xlsform`: ``questionnaire.yaml`` and one PO
        file per language besides English, and what was left out.

    Raises
    ------
    AuthoringError
        With every question and condition that has no counterpart.
    """
    return _Reader(path.name).read(_read_rows(path), survey)


def _read_rows(path: Path) -> list[Row]:
    def refuse(what: str) -> AuthoringError:
        return AuthoringError((Mistake(path.name, "", what),))

    try:
        if path.stat().st_size > MAX_BYTES:
            raise refuse(f"has more than {MAX_BYTES:,} bytes; export one survey only")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise refuse(f"cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise refuse("is not UTF-8; export it from LimeSurvey anew") from error
    unreadable = find_unreadable(path.name, text)
    if unreadable:
        raise AuthoringError(tuple(unreadable))
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter="\t"))
    except csv.Error as error:
        raise refuse(f"is no table of tab-separated values: {error}") from error
    if not rows or not {"class", "type/scale", "name", "text"} <= set(rows[0]):
        raise refuse(
            "has no columns class, type/scale, name and text; in LimeSurvey choose"
            " Export, Tab-separated-values format"
        )
    return [
        {key: cell.strip() for key, cell in row.items() if key and cell} for row in rows
    ]


class _Reader:
    """Collects texts, remarks and mistakes on the way through the parts."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.mistakes: list[Mistake] = []
        self.remarks: dict[str, None] = {}
        self.texts: dict[str, dict[str, str]] = {}
        self.lists: dict[str, list[dict[str, Any]]] = {}
        self.boxes: dict[str, tuple[str, str]] = {}

    def read(self, rows: Sequence[Row], survey: str) -> Imported:
        settings = {
            row.get("name", ""): row.get("text", "")
            for row in rows
            if row.get("class") == "S"
        }
        base = settings.get("language", "en")
        more = settings.get("additional_languages", "").split()
        spoken = dict.fromkeys([base, *more])
        languages = {code: _LANGUAGE.sub("", code) for code in spoken}
        if "en" not in languages.values():
            raise AuthoringError(
                (
                    Mistake(
                        self.file,
                        "",
                        f"has no English text, only {', '.join(spoken)}; add English to"
                        " the survey in LimeSurvey, and translate it",
                    ),
                )
            )
        titles = {
            languages[row.get("language", base)]: row.get("text", "")
            for row in rows
            if (row.get("class"), row.get("name")) == ("SL", "surveyls_title")
            and row.get("language", base) in languages
        }
        self.texts["title"] = {"en": survey} | titles
        for other in sorted({row.get("class", "") for row in rows} - _CLASSES):
            self._remark(f"rows of the class '{other}' are left out")
        pages = list(self._pages(_nest(rows, languages, base)))
        if not pages:
            self._refuse("", "has no group with questions")
        if self.mistakes:
            raise AuthoringError(tuple(self.mistakes))
        spoken_here = list(dict.fromkeys(["en", *languages.values()]))
        document: dict[str, Any] = {
            "title": self.texts["title"]["en"],
            "languages": spoken_here,
        }
        if self.lists:
            document["choices"] = self.lists
        document["pages"] = pages
        dumped = yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=88)
        files = {"questionnaire.yaml": dumped}
        for language in spoken_here[1:]:
            entries = (
                Entry(context, texts["en"], texts.get(language, ""))
                for context, texts in self.texts.items()
                if texts.get("en")
            )
            files[f"{language}.po"] = write_catalog(language, entries, survey=survey)
        return Imported(files, list(self.remarks))

    def _refuse(self, where: str, what: str) -> None:
        self.mistakes.append(Mistake(self.file, where, what))

    def _remark(self, what: str) -> None:
        self.remarks[what] = None

    def _text(self, part: _Part, column: str, context: str, where: str) -> str:
        """Note a text in all languages, and return it in English."""
        texts = {}
        for language, row in part.rows.items():
            text, left_out = read_markup(row.get(column, ""))
            if left_out:
                self._remark(f"{where}: {', '.join(left_out)} in a text is left out")
            texts[language] = self._piped(text, where)
        if texts["en"]:
            self.texts[context] = texts
        return texts["en"]

    def _piped(self, text: str, where: str) -> str:
        text = _PLACEHOLDER.sub(r"${\1}", text)
        for written in re.findall(r"(?<!\$)\{[^{}]*\}", text):
            self._refuse(where, f"{written[:40]} in a text has no counterpart")
        return text

    def _condition(self, part: _Part, where: str) -> dict[str, str]:
        try:
            said = translate_relevance(part.row.get("relevance", ""), self.boxes)
        except ExpressionError as error:
            self._refuse(where, f"relevance: {error}")
            return {}
        return {"relevant": said} if said else {}

    def _pages(self, groups: Sequence[_Part]) -> Iterator[dict[str, Any]]:
        for group in groups:
            for question in group.parts:
                if question.row.get("type/scale") == "M":
                    name = question.row.get("name", "")
                    for box in question.parts:
                        code = box.row.get("name", "")
                        self.boxes[f"{name}_{code}"] = (name, code)
        for at, group in enumerate(groups, start=1):
            where = f"group '{group.row.get('name', '')}'"
            page: dict[str, Any] = {"name": f"group_{at}"}
            title = self._text(group, "name", f"pages.group_{at}.label", where)
            if title:
                page["label"] = title
            page |= self._condition(group, where)
            questions = []
            described = self._text(group, "text", f"group_{at}_text.label", where)
            if described:
                note = {"type": "note", "name": f"group_{at}_text", "label": described}
                questions.append(note)
            for question in group.parts:
                questions += self._questions(question)
            if not questions:
                self._remark(f"{where} is empty and left out")
                continue
            parts = split_page(page | {"questions": questions})
            if len(parts) > 1:
                self._remark(SPLIT.format(page["name"], len(parts)))
            yield from parts

    def _questions(self, part: _Part) -> Iterator[dict[str, Any]]:
        row = part.row
        name, letter = row.get("name", ""), row.get("type/scale", "")
        where = f"question '{name}'"
        if letter not in TYPES:
            what = f"{letter} ({NAMES[letter]})" if letter in NAMES else repr(letter)
            self._refuse(
                where, f"type {what} is not possible; there are {', '.join(TYPES)}"
            )
            return
        if row.get("hidden") == "1":
            self._refuse(where, "is hidden; delete it, or show it")
            return
        kind = TYPES[letter]
        listed = self._choices(part, letter, where)
        question: dict[str, Any] = {
            "type": f"{kind} {listed}" if listed else kind,
            "name": name,
        }
        for column, key in (("text", "label"), ("help", "hint")):
            text = self._text(part, column, f"{name}.{key}", where)
            if text and not (key == "hint" and kind == "note"):
                question[key] = text
        question |= self._condition(part, where) | self._range(row, name)
        if row.get("random_order") == "1" and letter in "L!MFR":
            question["parameters"] = "randomize=true"
        if kind == "battery":
            question["items"] = [
                {
                    "name": item.row.get("name", ""),
                    "label": self._text(
                        item, "text", f"{name}.{item.row.get('name', '')}.label", where
                    ),
                }
                for item in part.parts
                if item.row.get("class") == "SQ"
            ]
        if letter in "TU":
            question["appearance"] = "multiline"
        if row.get("mandatory") == "Y":
            self._remark("'mandatory' is left out: nothing but consent is required")
        if row.get("validation") or row.get("em_validation_q"):
            self._remark(f"{where}: its validation is left out")
        if row.get("array_filter") or row.get("array_filter_exclude"):
            self._refuse(where, "array filters have no counterpart; use relevance")
        yield question
        if row.get("other") == "Y":
            asked = f"selected(${{{name}}}, 'other')"
            self.texts[f"{name}_other.label"] = {"en": "Please specify"}
            yield {
                "type": "text",
                "name": f"{name}_other",
                "label": "Please specify",
                "relevant": asked,
            }

    def _range(self, row: Row, name: str) -> dict[str, str]:
        """Smallest and largest number, and what respondents read about them."""
        bounds = {
            words: (sign, row[key])
            for words, sign, key in (
                ("at least", ">=", "min_num_value_n"),
                ("at most", "<=", "max_num_value_n"),
            )
            if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", row.get(key, ""))
        }
        if not bounds:
            return {}
        asked = " and ".join(f"{words} {bound}" for words, (_, bound) in bounds.items())
        message = f"Please write a number that is {asked}."
        self.texts[f"{name}.constraint_message"] = {"en": message}
        return {
            "constraint": " and ".join(f". {' '.join(b)}" for b in bounds.values()),
            "constraint_message": message,
        }

    def _choices(self, part: _Part, letter: str, where: str) -> str:
        """Make the list of a question, and return its name."""
        name = part.row.get("name", "")
        if letter not in "L!YMRF":
            return ""
        if letter == "Y":
            for code, label in (("Y", "Yes"), ("N", "No")):
                self.texts[f"choices.yes_no.{code}.label"] = {"en": label}
            self.lists["yes_no"] = [
                {"name": "Y", "label": "Yes"},
                {"name": "N", "label": "No"},
            ]
            return "yes_no"
        wanted = {"M": ("SQ",), "R": ("A", "SQ")}.get(letter, ("A",))
        exclusive = part.row.get("exclude_all_others", "").split(";")
        choices: list[dict[str, Any]] = []
        for choice in part.parts:
            code = choice.row.get("name", "")
            if choice.row.get("class") not in wanted:
                continue
            entry: dict[str, Any] = {
                "name": code,
                "label": self._text(
                    choice, "text", f"choices.{name}.{code}.label", where
                ),
            }
            if code in exclusive:
                entry["exclusive"] = "true"
            choices.append(entry)
        if part.row.get("other") == "Y":
            choices.append({"name": "other", "label": "Other"})
            self.texts[f"choices.{name}.other.label"] = {"en": "Other"}
        self.lists[name] = choices
        return name


_CLASSES = {"S", "SL", "G", "Q", "SQ", "A", ""}


def _nest(rows: Sequence[Row], languages: Mapping[str, str], base: str) -> list[_Part]:
    """Put groups, questions and their parts together with their translations.

    A translation stands in rows of its own further down: groups are known by their
    order, questions and their parts by their names.
    """
    nested: dict[tuple[str, ...], _Part] = {}
    groups: list[_Part] = []
    counted: dict[str, int] = {}
    key: tuple[str, ...]
    group: tuple[str, ...] = ()
    question: tuple[str, ...] = ()
    for row in rows:
        kind, written = row.get("class", ""), row.get("language", base)
        if kind not in ("G", "Q", "SQ", "A") or written not in languages:
            continue
        if kind == "G":
            counted[written] = counted.get(written, 0) + 1
            key = group = ("G", str(counted[written]))
            question = ()
        elif kind == "Q":
            key = question = (*group, row.get("name", ""))
        else:
            scale = row.get("type/scale", "") if kind == "A" else ""
            key = (*question, kind, scale, row.get("name", ""))
        if key not in nested:
            nested[key] = _Part({})
            above = groups if kind == "G" else _above(nested, kind, group, question)
            above.append(nested[key])
        nested[key].rows[languages[written]] = row
    for part in nested.values():
        # What has no English row has no English text either, which load reports.
        part.rows.setdefault("en", next(iter(part.rows.values())))
    return groups


def _above(
    nested: Mapping[tuple[str, ...], _Part],
    kind: str,
    group: tuple[str, ...],
    question: tuple[str, ...],
) -> list[_Part]:
    above = nested.get(group if kind == "Q" else question)
    return above.parts if above else []
