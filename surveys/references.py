"""What expressions and texts refer to, and whether it is known by then."""

from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import groupby

from .checks import Finding, place
from .errors import suggest
from .experiments import draws_of
from .expressions import Expression
from .questionnaire import SYSTEM_VARIABLES, Page, Question, Questionnaire
from .texts import PLACEHOLDER


@dataclass(frozen=True)
class _Place:
    """A place in the questionnaire; the pages of one block come in any order."""

    block: int
    page: Page
    number: int = -1
    question: Question | None = None

    def __str__(self) -> str:
        return place(self.page, self.question)


def check_references(questionnaire: Questionnaire) -> Iterator[Finding]:
    """Find unknown names, forward references and cycles.

    A page works without scripts, so what decides about its questions has to be
    answered on an earlier page. A constraint, and a calculation, which is done when
    the page is submitted, may use answers of their own page.
    """
    places = tuple(_places(questionnaire))
    asked = {name: at for at in places if at.question for name in at.question.variables}
    drawn = {draw.name for draw in draws_of(questionnaire)}
    known = {*asked, *drawn, *SYSTEM_VARIABLES}
    cycles = _cycles(places)
    for cycle in cycles:
        what = f"calculations need each other: {' → '.join(cycle)}; break the circle"
        yield str(asked[cycle[0]]), what
    for at in places:
        for key, expression in _expressions(at):
            for name in sorted(expression.names):
                if name not in known:
                    what = f"'{key}': {_unknown(name, places, known)}"
                    yield str(at), what
                elif name in asked and not _in_one(cycles, name, at):
                    for what in _too_late(asked[name], at, key):
                        yield str(at), f"'{key}' uses '{name}', {what}"
            if expression.columns and key != "choice_filter":
                bare = min(expression.columns)
                what = f"write ${{{bare}}} for an answer or '{bare}' for a text"
                yield str(at), f"'{key}' has the bare name {bare}; {what}"
            if expression.uses_current and key not in ("constraint", "calculation"):
                yield str(at), f"'{key}' has no current answer; write ${{...}}, not '.'"
        for key, text in _piping(at):
            for name in PLACEHOLDER.findall(text):
                if name not in asked:
                    what = f"'{key}': {_unknown(name, places, set(asked))}"
                    yield str(at), what
                for what in _too_late(asked.get(name, at), at, key):
                    yield str(at), f"'{key}' shows '{name}', {what}"
    for where, text in _plain(questionnaire):
        if PLACEHOLDER.search(text):
            what = "only labels and hints of pages, questions and items show answers"
            yield where, f"{what}; take ${{...}} out"


def _places(questionnaire: Questionnaire) -> Iterator[_Place]:
    """All pages and questions, in the order of the file."""
    number = 0
    blocks = groupby(questionnaire.pages, key=lambda page: page.shuffle or page.name)
    for block, (_, pages) in enumerate(blocks):
        for page in pages:
            yield _Place(block, page)
            for question in page.questions:
                yield _Place(block, page, number, question)
                number += 1


def _expressions(at: _Place) -> Iterator[tuple[str, Expression]]:
    part = at.question or at.page
    for key in ("relevant", "choice_filter", "calculation", "constraint"):
        expression = getattr(part, key, None)
        if expression:
            yield key, expression


def _piping(at: _Place) -> Iterator[tuple[str, str]]:
    """Texts that may show answers."""
    if at.question is None:
        yield "label", at.page.label
    else:
        yield "label", at.question.label
        yield "hint", at.question.hint
        for item in at.question.items:
            yield f"item {item.name}", item.label


def _plain(questionnaire: Questionnaire) -> Iterator[tuple[str, str]]:
    """Texts that may not, since they stand in messages, lists and the codebook."""
    yield "title", questionnaire.title
    for at in _places(questionnaire):
        if at.question:
            yield f"{at}, constraint_message", at.question.constraint_message
    for name, choices in questionnaire.choices.items():
        for choice in choices:
            yield f"choices '{name}', choice '{choice.name}'", choice.label


def _too_late(used: _Place, at: _Place, key: str) -> Iterator[str]:
    """Say why an answer is not known yet where it is used."""
    if used.block < at.block:
        return
    if used.page is not at.page:
        if used.block == at.block:
            yield "asked on a page of the same shuffle group; move it before the group"
        else:
            yield f"asked later, on {place(used.page)}; move one of them"
        return
    calculated = used.question is not None and used.question.kind == "calculate"
    if key == "calculation" and (not calculated or used.number < at.number):
        return
    if key == "constraint" and not calculated:
        return
    if key == "calculation":
        yield "calculated after it; change the order"
    elif calculated:
        yield "calculated when this page is submitted; move it to an earlier page"
    elif at.question is None:
        yield "asked on this page itself; move the question to an earlier page"
    else:
        yield (
            f"asked on the same page, which has to work without scripts; move"
            f" '{at.question.name}' to a later page"
        )


def _unknown(name: str, places: tuple[_Place, ...], known: set[str]) -> str:
    for at in places:
        if at.question and at.question.name == name and at.question.kind == "battery":
            return f"'{name}' is a battery; use {', '.join(at.question.variables)}"
        if at.question and at.question.name == name and name not in known:
            return f"'{name}' is a note and has no answer"
    return f"there is no '{name}'; {suggest(name, known)}"


def _cycles(places: tuple[_Place, ...]) -> list[list[str]]:
    """Circles among calculations, each reported once."""
    needs = {
        at.question.name: set(at.question.calculation.names)
        for at in places
        if at.question and at.question.calculation
    }
    cycles: list[list[str]] = []
    while True:
        try:
            TopologicalSorter(needs).prepare()
        except CycleError as error:
            cycle = error.args[1]
            cycles.append(cycle)
            for name in cycle:
                needs.pop(name, None)
        else:
            return cycles


def _in_one(cycles: list[list[str]], name: str, at: _Place) -> bool:
    """Whether a use is part of a circle, which is reported by itself."""
    return any(
        at.question is not None and {name, at.question.name} <= set(cycle)
        for cycle in cycles
    )
