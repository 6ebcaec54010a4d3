"""The sheet ``survey`` of an XLSForm: groups become pages."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..texts import PLACEHOLDER
from .collecting import Collected
from .columns import MARK, TEXT_COLUMNS, read_mark, split_header
from .lists import Lists
from .questions import place_of, read_logic, read_questions, type_of
from .workbook import Row

SPLIT = (
    "page '{}' became {} pages: without scripts, what depends on an answer stands on a"
    " later page"
)


class Pages:
    """One pass over the rows.

    A group is a page; a group within it adds its condition to its questions. A
    question outside of groups is a page of its own.

    Attributes
    ----------
    experiments, pages : list of dict
        Entries of the YAML file.
    """

    def __init__(self, lists: Lists, collected: Collected) -> None:
        self.experiments: list[dict[str, Any]] = []
        self.pages: list[dict[str, Any]] = []
        self._lists, self._collected = lists, collected
        self._page: dict[str, Any] | None = None
        self._battery: dict[str, Any] | None = None
        self._conditions: list[str] = []
        self._n_repeats = 0

    def read(self, rows: Iterable[Row]) -> None:
        """Read the rows in their order."""
        for row in rows:
            self._read(row)

    def _read(self, row: Row) -> None:
        kind, mark = type_of(row)[0], read_mark(row.get(MARK, ""))[0]
        if kind == "begin_repeat":
            self._begin_repeat(row)
        elif kind == "end_repeat":
            self._n_repeats -= 1
        elif self._n_repeats or mark in ("assignment", "system"):
            pass
        elif mark == "experiment":
            self._add_experiment(row)
        elif kind == "begin_group" and mark == "battery":
            self._begin_battery(row)
        elif kind == "begin_group" and self._page is None:
            self._begin_page(row)
        elif kind == "begin_group":
            self._begin_inner_group(row)
        elif kind == "end_group" and self._battery is not None:
            self._battery = None
        elif kind == "end_group":
            self._end_group()
        elif self._battery is not None and mark == "item":
            self._add_item(row, self._battery)
        else:
            self._add_questions(row)

    def _begin_repeat(self, row: Row) -> None:
        self._n_repeats += 1
        self._collected.refuse(
            f"repeat '{row.get('name', '')}'",
            "repeats are not possible: a response is one row; ask for a fixed number"
            " of them",
        )

    def _add_experiment(self, row: Row) -> None:
        name = row.get("name", "")
        label = self._collected.label_of(row, place_of(row), name)
        arms = self._lists.arms.get(name, [])
        self.experiments.append({"name": name, "label": label, "arms": arms})

    def _begin_battery(self, row: Row) -> None:
        name, settings = row.get("name", ""), read_mark(row[MARK])[1]
        self._battery = {
            "type": f"battery {settings.get('list', '')}",
            "name": name,
            **read_logic(row, self._collected),
            "items": [],
        }
        self._collected.put_texts(self._battery, row, name)
        if settings.get("randomize"):
            self._battery["parameters"] = f"randomize={settings['randomize']}"
        self._put([self._battery], name)

    def _add_item(self, row: Row, battery: dict[str, Any]) -> None:
        name = read_mark(row[MARK])[1]["name"]
        item: dict[str, Any] = {"name": name}
        self._collected.put_texts(item, row, f"{battery['name']}.{name}")
        battery["items"].append(item)

    def _begin_page(self, row: Row) -> None:
        settings = read_mark(row.get(MARK, ""))[1]
        name = settings.get("name", row.get("name", ""))
        self._page = {"name": name}
        self._collected.put_texts(self._page, row, f"pages.{name}")
        if row.get("relevant"):
            self._page["relevant"] = row["relevant"]
        if settings.get("shuffle"):
            self._page["shuffle"] = settings["shuffle"]
        self._page["questions"] = []
        self._conditions = [""]

    def _begin_inner_group(self, row: Row) -> None:
        """Keep the label of the group as a note, before its questions."""
        name = row.get("name", "")
        self._collected.remark(
            f"group '{name}' within a group: its questions stand on the page of the"
            " outer group"
        )
        condition = both(self._conditions[-1], row.get("relevant", ""))
        self._conditions.append(condition)
        if any(split_header(key)[0] == "label" for key in row):
            note: dict[str, Any] = {"type": "note", "name": name}
            self._collected.put_texts(note, row, name)
            self._put([note | {"relevant": condition} if condition else note], name)

    def _end_group(self) -> None:
        if self._conditions:
            self._conditions.pop()
        if self._conditions or self._page is None:
            return
        if self._page["questions"]:
            self._finish(self._page)
        else:
            name = self._page["name"]
            self._collected.remark(f"group '{name}' is empty and left out")
        self._page = None

    def _add_questions(self, row: Row) -> None:
        questions = list(read_questions(row, self._lists, self._collected))
        condition = self._conditions[-1] if self._conditions else ""
        if condition:
            for question in questions:
                question["relevant"] = both(condition, question.get("relevant", ""))
        self._put(questions, row.get("name", ""))

    def _put(self, questions: list[dict[str, Any]], name: str) -> None:
        """Put questions on the page of their group, or on one of their own."""
        if self._page is not None:
            self._page["questions"] += questions
        elif questions:
            self._finish({"name": name, "questions": questions})

    def _finish(self, page: dict[str, Any]) -> None:
        parts = split_page(page)
        if len(parts) > 1:
            self._collected.remark(SPLIT.format(page["name"], len(parts)))
        self.pages += parts


def split_page(page: Mapping[str, Any]) -> list[dict[str, Any]]:
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
    kept = {key: page[key] for key in ("relevant", "shuffle") if key in page}
    first, *others = parts
    return [
        {**page, "questions": first},
        *(
            {"name": f"{page['name']}_{at}", **kept, "questions": questions}
            for at, questions in enumerate(others, start=2)
        ),
    ]


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
