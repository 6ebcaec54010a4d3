"""Rows of an XLSForm that ask something become questions."""

from collections.abc import Iterator
from typing import Any

from .collecting import Collected
from .columns import MARK, TEXT_COLUMNS, is_yes, read_mark, split_header
from .lists import Lists
from .workbook import Row

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


def type_of(row: Row) -> tuple[str, str, str]:
    """Kind of a row, its list of choices, and what stands after that.

    Examples
    --------
    >>> type_of({"type": "select one  drinks or_other"})
    ('select_one', 'drinks', 'or_other')
    """
    written = " ".join(row.get("type", "").split())
    for spoken, kind in SYNONYMS.items():
        if written == spoken or written.startswith(f"{spoken} "):
            written = kind + written[len(spoken) :]
            break
    kind, _, others = written.partition(" ")
    list_name, _, rest = others.partition(" ")
    return kind, list_name, rest


def place_of(row: Row) -> str:
    """How a row is called where something is wrong with it."""
    name = row.get("name", "")
    return f"question '{name}'" if name else f"type '{row.get('type', '')}'"


def read_questions(
    row: Row, lists: Lists, collected: Collected
) -> Iterator[dict[str, Any]]:
    """Make the question of a row, and with ``or_other`` the one that specifies it."""
    kind, list_name, rest = type_of(row)
    if kind in DEVICE:
        collected.remark(
            f"'{kind}' is left out: Parallax records no device, place or time"
        )
        return
    if kind not in SELECTS and kind not in PLAIN:
        collected.refuse(
            place_of(row),
            f"type {row.get('type', '')!r} is not possible; there are "
            f"{', '.join((*SELECTS, *PLAIN))}",
        )
        return
    yield _question(row, lists, collected)
    if rest == "or_other":
        _add_other(list_name, lists, collected)
        yield _specification(row["name"], kind, collected)


def _question(row: Row, lists: Lists, collected: Collected) -> dict[str, Any]:
    kind, list_name, _ = type_of(row)
    name, (mark, settings) = row.get("name", ""), read_mark(row.get(MARK, ""))
    appearance = row.get("appearance", "")
    written = f"{kind} {list_name}" if kind in SELECTS else kind
    if mark == "list_experiment":
        written = "list_experiment"
    elif kind == "select_one" and (mark == "likert" or "likert" in appearance):
        written = f"likert {list_name}"
    question = {"type": written, "name": name, **read_logic(row, collected)}
    if mark == "likert" or appearance == "likert":
        question.pop("appearance", None)
        if settings.get("appearance"):
            question["appearance"] = settings["appearance"]
    if settings.get("randomize"):
        question["parameters"] = f"randomize={settings['randomize']}"
    collected.put_texts(question, row, name)
    if mark == "list_experiment":
        question["items"] = lists.items.get(name, [])
    return question


def _add_other(list_name: str, lists: Lists, collected: Collected) -> None:
    choices = lists.choices.setdefault(list_name, [])
    if not any(choice["name"] == "other" for choice in choices):
        choices.append({"name": "other", "label": "Other"})
        collected.texts[f"choices.{list_name}.other.label"] = {"en": "Other"}


def _specification(name: str, kind: str, collected: Collected) -> dict[str, Any]:
    test = "{0} = 'other'" if kind == "select_one" else "selected({0}, 'other')"
    collected.texts[f"{name}_specify.label"] = {"en": "Please specify"}
    return {
        "type": "text",
        "name": f"{name}_specify",
        "label": "Please specify",
        "relevant": test.format(f"${{{name}}}"),
    }


def read_logic(row: Row, collected: Collected) -> dict[str, Any]:
    """Expressions and settings of a row; remarks on columns without a place."""
    logic: dict[str, Any] = {
        key: row[key]
        for key in ("relevant", "constraint", "choice_filter", "calculation")
        if row.get(key)
    }
    if is_yes(row.get("required", "")):
        collected.remark("'required' is left out: nothing but consent is required")
    if row.get("appearance"):
        logic["appearance"] = row["appearance"]
    parameters = row.get("parameters", "").replace(" ", "")
    if parameters.startswith("randomize=true"):
        logic["parameters"] = "randomize=true"
        if "seed" in parameters:
            collected.remark(
                "seeds of 'randomize' are left out: the order is drawn by chance "
                "and stored"
            )
    elif parameters and parameters != "randomize=false":
        collected.remark(f"{place_of(row)}: parameters {parameters!r} are left out")
    for header in row:
        column, _ = split_header(header)
        if column not in KNOWN_COLUMNS:
            collected.remark(f"column '{column}' is left out")
    return logic
