"""An XLSForm workbook as the files of a survey."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..errors import AuthoringError, Mistake
from ..texts import PLACEHOLDER
from ..translations import Entry, write_catalog
from .columns import MARK, TEXT_COLUMNS, read_mark, split_header
from .workbook import Row, Workbook, read_workbook

SELECTS = ("select_one", "select_multiple", "rank")
PLAIN = ("integer", "decimal", "text", "note", "calculate")
SYNONYMS = {
    "begin group": "begin_group",
    "end group": "end_group",
    "begin repeat": "begin_repeat",
    "end repeat": "end_repeat",
    "select one": "select_one",
    "select multiple": "select_multiple",
    "int": "integer",
    "string": "text",
    "calculation": "calculate",
}
DEVICE = (
    *("start", "end", "today", "deviceid", "subscriberid", "simserial", "username"),
    *("phonenumber", "email", "audit", "background-audio", "start-geopoint"),
)
KNOWN_COLUMNS = {
    *("type", "name", "relevant", "constraint", "choice_filter", "calculation"),
    *("required", "appearance", "parameters", MARK, *TEXT_COLUMNS),
}


@dataclass(eq=False)
class Imported:
    """What an XLSForm became.

    Attributes
    ----------
    files : mapping of str to str
        ``questionnaire.yaml`` and one PO file per language, by name.
    remarks : list of str
        What was left out or changed because Parallax has no place for it.
    """

    files: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def read_xlsform(path: Path, survey: str) -> Imported:
    """Read an XLSForm as authors write them, or as `write_xlsform` wrote it.

    Parameters
    ----------
    path : Path
        An .xlsx file.
    survey : str
        Name of the survey that it becomes.

    Returns
    -------
    Imported
        The files are for :func:`surveys.load_files`, which checks them; ``study.yaml``
        and ``population.csv`` are not part of an XLSForm.

    Raises
    ------
    AuthoringError
        With everything that cannot be read or has no counterpart: repeats, files,
        places, media, and questions that record the device or the time.
    """
    return _Reader(path.name, read_workbook(path)).read(survey)


class _Reader:
    """One pass over the rows, which collects texts, remarks and mistakes."""

    def __init__(self, file: str, workbook: Workbook) -> None:
        self.file, self.workbook = file, workbook
        self.mistakes: list[Mistake] = []
        self.remarks: dict[str, None] = {}
        self.texts: dict[str, dict[str, str]] = {}
        self.languages: dict[str, None] = {"en": None}

    def read(self, survey: str) -> Imported:
        lists, arms, items = self._choices()
        experiments: list[dict[str, Any]] = []
        pages = list(self._pages(experiments, arms, items, lists))
        title = self._title(survey)
        if self.workbook.problem:
            self._refuse("", f"pyxform says: {self.workbook.problem}")
        if not self.workbook.survey:
            self._refuse("", "has no sheet 'survey' with rows; add it")
        if self.mistakes:
            raise AuthoringError(tuple(self.mistakes))
        document: dict[str, Any] = {"title": title, "languages": list(self.languages)}
        if experiments:
            document["experiments"] = experiments
        if lists:
            document["choices"] = lists
        document["pages"] = pages
        files = {
            "questionnaire.yaml": yaml.safe_dump(
                document, allow_unicode=True, sort_keys=False, width=88
            )
        }
        for language in self.languages:
            if language == "en":
                continue
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

    def _title(self, survey: str) -> str:
        settings: Row = self.workbook.settings[0] if self.workbook.settings else {}
        titles = self._texts_of(settings, ("form_title",), "settings").get(
            "form_title", {}
        )
        titles = {"en": survey} | titles
        self.texts = {"title": titles} | self.texts
        return titles["en"]

    def _texts_of(
        self, row: Row, columns: tuple[str, ...], where: str
    ) -> dict[str, dict[str, str]]:
        """Texts of a row by column and language."""
        found: dict[str, dict[str, str]] = {}
        for header, text in row.items():
            column, language = split_header(header)
            if column not in columns:
                continue
            if language is None:
                self._refuse(
                    where,
                    f"column {header!r} does not say its language; write for example "
                    f"'{column}::French (fr)'",
                )
                continue
            self.languages.setdefault(language)
            found.setdefault(column, {})[language] = text
        return found

    def _put_texts(self, entry: dict[str, Any], row: Row, context: str) -> None:
        """Put the English texts into an entry, and remember all languages."""
        where = f"question '{context}'" if "." not in context else context
        for column, texts in self._texts_of(row, TEXT_COLUMNS, where).items():
            if not texts.get("en"):
                self._refuse(
                    where,
                    f"{column} has no English text, which a survey is written in; add "
                    f"the column '{column}::English (en)'",
                )
                continue
            entry[column] = texts["en"]
            self.texts[f"{context}.{column}"] = texts

    def _choices(
        self,
    ) -> tuple[
        dict[str, list[dict[str, Any]]],
        dict[str, list[dict[str, Any]]],
        dict[str, list[dict[str, Any]]],
    ]:
        """Lists of choices; arms of experiments; items of list experiments."""
        lists: dict[str, list[dict[str, Any]]] = {}
        arms: dict[str, list[dict[str, Any]]] = {}
        items: dict[str, list[dict[str, Any]]] = {}
        for row in self.workbook.choices:
            list_name = row.get("list_name") or row.get("list name", "")
            name = row.get("name") or row.get("value", "")
            kind, settings = read_mark(row.get(MARK, ""))
            entry: dict[str, Any] = {"name": name}
            if kind == "arm":
                texts = self._texts_of(row, ("label",), f"arm '{name}'")
                entry["label"] = texts.get("label", {}).get("en", name)
                arms.setdefault(list_name, []).append(entry)
                continue
            if kind == "item":
                self._put_texts(entry, row, f"{list_name}.{name}")
                if settings.get("sensitive"):
                    entry["sensitive"] = "true"
                items.setdefault(list_name, []).append(entry)
                continue
            self._put_texts(entry, row, f"choices.{list_name}.{name}")
            if row.get("missing"):
                entry["missing"] = row["missing"]
            if row.get("exclusive", "").lower() in ("yes", "true", "true()"):
                entry["exclusive"] = "true"
            columns = {
                key: text
                for key, text in row.items()
                if key not in ("list_name", "list name", "name", "value", "missing")
                and key not in ("exclusive", MARK, "order")
                and ":" not in key
                and key not in TEXT_COLUMNS
            }
            if any(":" in key and "media" in key for key in row):
                self._remark("pictures and sounds of choices are left out")
            if columns:
                entry["columns"] = columns
            lists.setdefault(list_name, []).append(entry)
        return lists, arms, items

    def _pages(
        self,
        experiments: list[dict[str, Any]],
        arms: Mapping[str, list[dict[str, Any]]],
        items: Mapping[str, list[dict[str, Any]]],
        lists: dict[str, list[dict[str, Any]]],
    ) -> Iterator[dict[str, Any]]:
        """Groups become pages; questions outside of groups a page each."""
        groups: list[dict[str, Any]] = []
        page: dict[str, Any] | None = None
        battery: dict[str, Any] | None = None
        n_repeats = 0
        for row in self.workbook.survey:
            kind, _, list_name = self._type(row)
            name, (mark, settings) = row.get("name", ""), read_mark(row.get(MARK, ""))
            where = f"question '{name}'" if name else f"type '{row.get('type', '')}'"
            if kind == "begin_repeat":
                n_repeats += 1
                self._refuse(
                    f"repeat '{name}'",
                    "repeats are not possible: a response is one row; ask for a fixed "
                    "number of them",
                )
            elif kind == "end_repeat":
                n_repeats -= 1
            elif n_repeats or mark in ("assignment", "system"):
                continue
            elif mark == "experiment":
                label = self._texts_of(row, ("label",), where).get("label", {})
                experiments.append(
                    {
                        "name": name,
                        "label": label.get("en", name),
                        "arms": arms.get(name, []),
                    }
                )
            elif kind == "begin_group" and mark == "battery":
                battery = {
                    "type": f"battery {settings.get('list', '')}",
                    "name": name,
                    **self._logic(row, where),
                    "items": [],
                }
                self._put_texts(battery, row, name)
                if settings.get("randomize"):
                    battery["parameters"] = f"randomize={settings['randomize']}"
                assert page is not None
                page["questions"].append(battery)
            elif kind == "begin_group":
                own = settings.get("name", name)
                relevant = row.get("relevant", "")
                if page is None:
                    page = {"name": own}
                    self._put_texts(page, row, f"pages.{own}")
                    if relevant:
                        page["relevant"] = relevant
                    if settings.get("shuffle"):
                        page["shuffle"] = settings["shuffle"]
                    page["questions"] = []
                    groups.append({"relevant": ""})
                else:
                    self._remark(
                        f"group '{name}' within a group: its questions stand on the "
                        "page of the outer group"
                    )
                    outer = groups[-1]["relevant"]
                    groups.append({"relevant": both(outer, relevant)})
                    if any(split_header(key)[0] == "label" for key in row):
                        note: dict[str, Any] = {"type": "note", "name": name}
                        self._put_texts(note, row, name)
                        if groups[-1]["relevant"]:
                            note["relevant"] = groups[-1]["relevant"]
                        page["questions"].append(note)
            elif kind == "end_group":
                if battery is not None:
                    battery = None
                    continue
                if groups:
                    groups.pop()
                if not groups and page is not None:
                    if page["questions"]:
                        yield from self._split(page)
                    else:
                        self._remark(f"group '{page['name']}' is empty and left out")
                    page = None
            elif battery is not None and mark == "item":
                entry: dict[str, Any] = {"name": settings["name"]}
                self._put_texts(entry, row, f"{battery['name']}.{settings['name']}")
                battery["items"].append(entry)
            else:
                asked = list(self._questions(row, kind, list_name, where, items, lists))
                if groups and groups[-1]["relevant"]:
                    for question in asked:
                        question["relevant"] = both(
                            groups[-1]["relevant"], question.get("relevant", "")
                        )
                if page is not None:
                    page["questions"] += asked
                elif asked:
                    yield from self._split({"name": name, "questions": asked})

    def _split(self, page: dict[str, Any]) -> list[dict[str, Any]]:
        parts = split_page(page)
        if len(parts) > 1:
            self._remark(SPLIT.format(page["name"], len(parts)))
        return parts

    def _type(self, row: Row) -> tuple[str, str, str]:
        """Kind and list of a row: ``select_one``, `` ``, ``yes_no``."""
        written = " ".join(row.get("type", "").split())
        for spoken, kind in SYNONYMS.items():
            if written == spoken or written.startswith(f"{spoken} "):
                written = kind + written[len(spoken) :]
                break
        return written.partition(" ")

    def _questions(
        self,
        row: Row,
        kind: str,
        list_name: str,
        where: str,
        items: Mapping[str, list[dict[str, Any]]],
        lists: dict[str, list[dict[str, Any]]],
    ) -> Iterator[dict[str, Any]]:
        name, (mark, settings) = row.get("name", ""), read_mark(row.get(MARK, ""))
        if kind in DEVICE:
            self._remark(
                f"'{kind}' is left out: Parallax records no device, place or time"
            )
            return
        list_name, _, other = list_name.partition(" ")
        is_select = kind in SELECTS
        if not is_select and kind not in PLAIN:
            self._refuse(
                where,
                f"type {row.get('type', '')!r} is not possible; there are "
                f"{', '.join((*SELECTS, *PLAIN))}",
            )
            return
        written = f"{kind} {list_name}" if is_select else kind
        appearance = row.get("appearance", "")
        if mark == "list_experiment":
            written = "list_experiment"
        elif kind == "select_one" and (mark == "likert" or "likert" in appearance):
            written = f"likert {list_name}"
        question: dict[str, Any] = {
            "type": written,
            "name": name,
            **self._logic(row, where),
        }
        if mark == "likert" or appearance == "likert":
            question.pop("appearance", None)
            if settings.get("appearance"):
                question["appearance"] = settings["appearance"]
        if settings.get("randomize"):
            question["parameters"] = f"randomize={settings['randomize']}"
        self._put_texts(question, row, name)
        if mark == "list_experiment":
            question["items"] = items.get(name, [])
        if other == "or_other" and not any(
            choice["name"] == "other" for choice in lists.get(list_name, [])
        ):
            lists.setdefault(list_name, []).append({"name": "other", "label": "Other"})
            self.texts[f"choices.{list_name}.other.label"] = {"en": "Other"}
        yield question
        if other == "or_other":
            specified = f"{name}_specify"
            self.texts[f"{specified}.label"] = {"en": "Please specify"}
            test = "selected({0}, 'other')" if kind != "select_one" else "{0} = 'other'"
            yield {
                "type": "text",
                "name": specified,
                "label": "Please specify",
                "relevant": test.format(f"${{{name}}}"),
            }

    def _logic(self, row: Row, where: str) -> dict[str, str]:
        """Expressions and settings of a row; remarks on columns without a place."""
        logic = {
            key: row[key]
            for key in ("relevant", "constraint", "choice_filter", "calculation")
            if row.get(key)
        }
        if row.get("required", "").lower() in ("yes", "true", "true()"):
            self._remark("'required' is left out: nothing but consent is required")
        if row.get("appearance"):
            logic["appearance"] = row["appearance"]
        parameters = row.get("parameters", "").replace(" ", "")
        if parameters.startswith("randomize=true"):
            logic["parameters"] = "randomize=true"
            if "seed" in parameters:
                self._remark(
                    "seeds of 'randomize' are left out: the order is drawn by chance "
                    "and stored"
                )
        elif parameters and parameters != "randomize=false":
            self._remark(f"{where}: parameters {parameters!r} are left out")
        for header in row:
            column, _ = split_header(header)
            if column not in KNOWN_COLUMNS:
                self._remark(f"column '{column}' is left out")
        return logic


SPLIT = (
    "page '{}' became {} pages: without scripts, what depends on an answer stands on a"
    " later page"
)


def split_page(page: dict[str, Any]) -> list[dict[str, Any]]:
    """Begin a new page where a question depends on another of its page.

    A page without scripts cannot show a question after an answer on itself.
    """
    parts: list[list[dict[str, Any]]] = [[]]
    asked: set[str] = set()
    for question in page["questions"]:
        if asked & set(_uses(question)):
            parts.append([])
            asked = set()
        parts[-1].append(question)
        asked.add(question["name"])
    pages = []
    for at, questions in enumerate(parts, start=1):
        own = dict(page) if at == 1 else {"name": f"{page['name']}_{at}"}
        for key in ("relevant", "shuffle"):
            if key in page and at > 1:
                own[key] = page[key]
        pages.append(own | {"questions": questions})
    return pages


def _uses(question: Mapping[str, Any]) -> Iterator[str]:
    """Names on which showing a question or its text depends."""
    for key in ("relevant", "choice_filter", *TEXT_COLUMNS):
        for match in PLACEHOLDER.finditer(question.get(key, "")):
            yield match[1].strip()


def both(first: str, second: str) -> str:
    """An expression that is true when both are; an empty one is always true."""
    if first and second:
        return f"({first}) and ({second})"
    return first or second
