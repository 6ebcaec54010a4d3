"""Which pages and questions a respondent sees, given the answers so far."""

import math
from collections.abc import Iterator, Sequence

from .experiments import choices_of, pages_of
from .expressions import Answer
from .questionnaire import Answers, Page, Question, Questionnaire


def visible_questions(page: Page, context: Answers) -> tuple[Question, ...]:
    """Questions and notes of a page whose ``relevant`` holds, in order."""
    return tuple(
        question
        for question in page.questions
        if question.kind != "calculate" and _is_relevant(question, context)
    )


def calculated(page: Page, context: Answers) -> dict[str, Answer]:
    """Compute the calculations of a page; each may use those before it."""
    values: dict[str, Answer] = {}
    for question in page.questions:
        if question.calculation and _is_relevant(question, context):
            known = {**context, **values}
            value = question.calculation.evaluate(known, known.get(question.name))
            values[question.name] = _as_answer(value)
    return values


def walk(
    questionnaire: Questionnaire, context: Answers
) -> Iterator[tuple[Page, dict[str, Answer]]]:
    """Follow a respondent's path, page by page, with what is known after each.

    Only answers to questions on the path count: one that was given before the
    respondent went back and took another turn does not lead anywhere.

    Parameters
    ----------
    questionnaire
        In any language.
    context
        Answers, random assignment and system variables by name.

    Yields
    ------
    page, known
        The context after the page, without answers that are not on the path or no
        longer offered. The same dictionary grows from page to page.
    """
    asked = {
        name for question in questionnaire.questions for name in question.variables
    }
    known = {name: value for name, value in context.items() if name not in asked}
    for page in pages_of(questionnaire, context):
        if not _is_relevant(page, known):
            continue
        relevant = [one for one in page.questions if _is_relevant(one, known)]
        if all(question.kind == "calculate" for question in relevant):
            continue
        for question in relevant:
            given = [name for name in question.variables if name in context]
            if given:
                offered = _offered(questionnaire, question, known)
                known |= {name: _among(offered, context[name]) for name in given}
        fresh = calculated(page, known)
        known.update({name: fresh[name] for name in fresh if name in context})
        yield page, known


def path_of(questionnaire: Questionnaire, context: Answers) -> tuple[Page, ...]:
    """Pages that a respondent sees, in order, as far as the answers tell."""
    return tuple(page for page, _ in walk(questionnaire, context))


def pages_to_come(
    questionnaire: Questionnaire, context: Answers, after: str, path: Sequence[Page]
) -> tuple[Page, ...]:
    """Pages that a respondent may still see, whatever is answered from one page on.

    Parameters
    ----------
    questionnaire
        In any language.
    context
        Answers, random assignment and system variables by name.
    after
        Name of a page on the path; it and later ones may be answered anew.
    path
        What `path_of` returned.
    """
    pages: list[Page] = []
    undecided: set[str] = set()
    start = _places(questionnaire, context)[after]
    for page in pages_of(questionnaire, context)[start:]:
        conditions = [page.relevant, *(one.relevant for one in page.questions)]
        asked = {name for one in conditions if one for name in one.names}
        if page in path or asked & undecided:
            pages.append(page)
            undecided.update(name for one in page.questions for name in one.variables)
    return tuple(pages[1:])


def next_page(
    questionnaire: Questionnaire,
    context: Answers,
    after: str | None,
    path: Sequence[Page] | None = None,
) -> Page | None:
    """Next page on the path; None when the questionnaire ends.

    Parameters
    ----------
    questionnaire
        In any language.
    context
        Answers, random assignment and system variables by name.
    after
        Name of a page, on the path or not; None before the first.
    path
        What `path_of` returned, where it is known already.
    """
    places = _places(questionnaire, context)
    start = -1 if after is None else places[after]
    if path is None:
        path = path_of(questionnaire, context)
    return next((page for page in path if places[page.name] > start), None)


def previous_page(
    questionnaire: Questionnaire,
    context: Answers,
    before: str | None,
    path: Sequence[Page] | None = None,
) -> Page | None:
    """Page before one on the path; None when that is the first.

    Parameters
    ----------
    questionnaire
        In any language.
    context
        Answers, random assignment and system variables by name.
    before
        Name of a page, on the path or not; None after the last.
    path
        What `path_of` returned, where it is known already.
    """
    places = _places(questionnaire, context)
    end = len(places) if before is None else places[before]
    if path is None:
        path = path_of(questionnaire, context)
    return next((page for page in reversed(path) if places[page.name] < end), None)


def _is_relevant(part: Page | Question, context: Answers) -> bool:
    return part.relevant is None or part.relevant.holds(context)


def _offered(
    questionnaire: Questionnaire, question: Question, context: Answers
) -> frozenset[str] | None:
    """Names a ``choice_filter`` leaves, None where there is no filter."""
    if question.choice_filter is None:
        return None
    choices = choices_of(questionnaire, question, context)
    return frozenset(choice.name for choice in choices)


def _among(offered: frozenset[str] | None, answer: Answer) -> Answer:
    if offered is None:
        return answer
    if isinstance(answer, tuple):
        return tuple(name for name in answer if name in offered) or None
    return answer if answer in offered else None


def _places(questionnaire: Questionnaire, context: Answers) -> dict[str, int]:
    return {page.name: at for at, page in enumerate(pages_of(questionnaire, context))}


def _as_answer(value: str | float | bool) -> Answer:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    return value or None
