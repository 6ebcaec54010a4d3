"""YAML files become checked models, with every mistake in its author's words."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .errors import Mistake
from .questionnaire import Arm, Choice, Experiment, Item, Page, Question, Questionnaire
from .study import (
    RESPONDENT_TEXTS,
    ArmEffect,
    DirectAndList,
    Disclosure,
    Headline,
    ReportPlan,
    Study,
)

MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 20

CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

_Model = TypeVar("_Model", bound=BaseModel)

_NOUNS = {
    "pages": "page",
    "questions": "question",
    "items": "item",
    "experiments": "experiment",
    "arms": "arm",
}

_STAND_INS: dict[type[BaseModel], dict[str, str]] = {
    Study: {
        **dict.fromkeys(RESPONDENT_TEXTS, "-"),
        **{"version": "1", "tier": "T0"},
        **dict.fromkeys(("minutes", "withdrawal_weeks", "retention_months"), "1"),
    }
}
"""For required values that are missing or wrong, so that the rest can be checked."""

_KEYS = sorted(
    {
        key
        for model in (
            *(Questionnaire, Page, Question, Item, Choice, Experiment, Arm),
            *(Study, Disclosure, ReportPlan, Headline, DirectAndList, ArmEffect),
        )
        for key in model.model_fields
    }
)

_ADVICE = {
    "missing": "is missing; add it",
    "list_type": "is a list; begin each entry with '- '",
    "tuple_type": "is a list; begin each entry with '- '",
    "dict_type": "is written as 'key: value', one per line",
    "model_type": "is written as 'key: value', one per line",
    "string_type": "is a text",
    "bool_parsing": "is true or false",
    "int_parsing": "is a whole number",
    "float_parsing": "is a number",
    "too_short": "has too few entries",
    "string_pattern_mismatch": "is not a name as it should be",
}


def read_document(
    file: str, text: str, model: type[_Model]
) -> tuple[_Model | None, list[Mistake]]:
    """Read one YAML file.

    Every plain value is read as text, so that ``no`` and ``NO`` stay what they are.

    Parameters
    ----------
    file
        Its name, for the mistakes.
    text
        Its content.
    model
        What it should hold.

    Returns
    -------
    model, mistakes
        The model without the parts that cannot be read, so that the others can be
        checked, or None if too little is left.

    Examples
    --------
    >>> _, mistakes = read_document("study.yaml", "version: 1", Headline)
    >>> print(mistakes[0])
    study.yaml: 'outcome' is missing; add it
    """
    unreadable = find_unreadable(file, text)
    if unreadable:
        return None, unreadable
    try:
        _check_structure(text)
        tree = yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        advice = "check indentation, and put texts with ': ' or ' #' in quotes"
        return None, [Mistake(file, where, f"{error.problem}; {advice}")]
    except yaml.YAMLError as error:
        return None, [Mistake(file, "", f"this is not YAML: {error}")]
    try:
        return model.model_validate(tree), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    mistakes = [
        Mistake(file, place(tree, detail["loc"]), _explain(detail))
        for detail in details
    ]
    try:
        for detail in reversed(details):
            _remove(tree, detail["loc"])
        return model.model_validate(_STAND_INS.get(model, {}) | tree), mistakes
    except (LookupError, TypeError, ValueError):
        return None, mistakes


def find_unreadable(file: str, text: str) -> list[Mistake]:
    """Find what no file of a survey may hold: control characters, or too much."""
    if len(text) > MAX_CHARACTERS:
        what = f"{len(text):,} characters; a file has at most {MAX_CHARACTERS:,}"
        return [Mistake(file, "", what)]
    found = CONTROL_CHARACTER.search(text)
    if found is None:
        return []
    line = text.count("\n", 0, found.start()) + 1
    what = "a character that is no text; save the file as UTF-8 without it"
    return [Mistake(file, f"line {line}", what)]


class _Loader(yaml.CBaseLoader):
    """Knows texts, lists and mappings only, and refuses a key that comes twice."""

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    problem = f"the key '{key.value}' comes twice"
                    raise yaml.MarkedYAMLError(None, None, problem, key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _check_structure(text: str) -> None:
    """Look at the events, before anything recursive looks at the tree."""
    depth = 0
    for event in yaml.parse(text, yaml.CBaseLoader):
        problem = ""
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            problem = f"lists in lists, more than {MAX_DEPTH} deep"
        elif isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            problem = "anchors and aliases (& and *) are not read; repeat the text"
        elif CONTROL_CHARACTER.search(getattr(event, "value", "")):
            problem = "a character that is no text"
        if problem:
            mark: Any = event.start_mark
            raise yaml.MarkedYAMLError(None, None, problem, mark)


def place(tree: Any, steps: Sequence[int | str]) -> str:
    """Name a place in an author's words: ``page 'you', question 'age'``."""
    words, noun = [], "entry"
    for step in steps:
        tree = _child(tree, step)
        if isinstance(step, int):
            name = _child(tree, "name")
            words.append(f"{noun} '{name}'" if name else f"{noun} {step + 1}")
        elif noun == "choices":
            words.append(f"choices '{step}'")
            noun = "choice"
        else:
            noun = _NOUNS.get(step, "choices" if step == "choices" else "entry")
    return ", ".join(words)


def _child(tree: Any, step: int | str) -> Any:
    try:
        return tree[step]
    except (LookupError, TypeError):
        return None


def _explain(detail: ErrorDetails) -> str:
    """Say what is wrong with one value and what to do."""
    key = next((step for step in reversed(detail["loc"]) if isinstance(step, str)), "")
    named = f"'{key}'" if key else "this"
    kind = detail["type"]
    if kind == "value_error":
        return f"{named}: {detail['ctx']['error']}"
    if kind == "extra_forbidden":
        close = get_close_matches(key, _KEYS, 1)
        advice = f"did you mean '{close[0]}'?" if close else "take it out"
        return f"there is no key {named} here; {advice}"
    if kind == "literal_error":
        return f"{named} is one of {detail['ctx']['expected']}"
    if kind == "string_pattern_mismatch" and key in ("name", "[key]"):
        return (
            f"{named} begins with a letter and has at most 32 letters (A to Z),"
            " digits and underscores"
        )
    return f"{named} {_ADVICE.get(kind, ': ' + detail['msg'])}"


def _remove(tree: Any, steps: Sequence[int | str]) -> None:
    """Take a wrong value out of the tree; raises where there is none to take."""
    *way, last = steps
    for step in way:
        tree = tree[step]
    del tree[last]
