"""The sheet ``choices`` of an XLSForm: choices, arms of experiments, items."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .collecting import Collected
from .columns import MARK, TEXT_COLUMNS, is_yes, read_mark
from .workbook import Row

Entries = dict[str, list[dict[str, Any]]]
"""Entries of the YAML file, by the name of their list."""

OWN_COLUMNS = {
    *("list_name", "list name", "name", "value", "order"),
    *("missing", "exclusive", MARK, *TEXT_COLUMNS),
}
"""Columns that a ``choice_filter`` cannot compare."""


@dataclass
class Lists:
    """What stands on the sheet, in the order of its rows."""

    choices: Entries = field(default_factory=dict)
    arms: Entries = field(default_factory=dict)
    items: Entries = field(default_factory=dict)


def read_lists(rows: Iterable[Row], collected: Collected) -> Lists:
    """Sort the rows of the sheet by what they are."""
    lists = Lists()
    for row in rows:
        list_name = row.get("list_name") or row.get("list name", "")
        name = row.get("name") or row.get("value", "")
        kind, settings = read_mark(row.get(MARK, ""))
        entry: dict[str, Any] = {"name": name}
        if kind == "arm":
            entry["label"] = collected.label_of(row, f"arm '{name}'", name)
            lists.arms.setdefault(list_name, []).append(entry)
        elif kind == "item":
            collected.put_texts(entry, row, f"{list_name}.{name}")
            if settings.get("sensitive"):
                entry["sensitive"] = "true"
            lists.items.setdefault(list_name, []).append(entry)
        else:
            collected.put_texts(entry, row, f"choices.{list_name}.{name}")
            entry |= _settings_of(row, collected)
            lists.choices.setdefault(list_name, []).append(entry)
    return lists


def _settings_of(row: Row, collected: Collected) -> dict[str, Any]:
    """What a choice says besides its name and label."""
    settings: dict[str, Any] = {}
    if row.get("missing"):
        settings["missing"] = row["missing"]
    if is_yes(row.get("exclusive", "")):
        settings["exclusive"] = "true"
    if any(":" in key and "media" in key for key in row):
        collected.remark("pictures and sounds of choices are left out")
    columns = {
        key: text
        for key, text in row.items()
        if key not in OWN_COLUMNS and ":" not in key
    }
    return settings | {"columns": columns} if columns else settings
