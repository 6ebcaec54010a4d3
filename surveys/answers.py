"""Submitted form fields become typed answers, or a problem beside the question."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from .documents import CONTROL_CHARACTER
from .experiments import choices_of, items_of
from .expressions import Answer
from .questionnaire import Answers, Choice, Page, Question, Questionnaire
from .routing import calculated, visible_questions, walk

Form = Mapping[str, Sequence[str]]
"""What was submitted: all values of each control, by its name."""

MAX_CHARACTERS = 1_000

_WHOLE_NUMBER = re.compile(r"[-+]?\d{1,19}")
_NUMBER = re.compile(r"[-+]?(\d{1,40}\.?\d{0,40}|\.\d{1,40})")
_SIGNS = str.maketrans({"−": "-", ",": ".", "٫": "."})
_SPACES = str.maketrans(dict.fromkeys(" \u00a0\u2009\u202f"))


@dataclass(frozen=True)
class Problem:
    """Why an answer was not taken; never repeats what was typed.

    ``code`` is one of ``not_a_whole_number, not_a_number, too_long, unknown_choice,
    exclusive_choice, rank_twice, rank_gap, constraint, control_characters``;
    ``parameters`` are for its sentence in the respondent's language.
    """

    code: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """The answers of one page, and the problems, both by variable.

    A visible question has either: an answer, which is None where nothing was
    answered, or a problem.
    """

    answers: dict[str, Answer]
    problems: dict[str, Problem]


def read_answers(
    questionnaire: Questionnaire, page: Page, form: Form, context: Answers
) -> Reading:
    """Read the answers to the visible questions of a page, strictly.

    Parameters
    ----------
    questionnaire
        In the respondent's language.
    page
        The page that was submitted.
    form
        All submitted values by control; controls of no visible question are ignored.
    context
        Answers to earlier pages, random assignment and system variables by name.

    Returns
    -------
    Reading
        With the calculations of the page when there is no problem.

    Examples
    --------
    >>> page = Page(name="you", questions=[{"type": "integer", "name": "age"}])
    >>> questionnaire = Questionnaire(title="You", pages=[page])
    >>> read_answers(questionnaire, page, {"age": ["٣٤"]}, {}).answers
    {'age': 34}
    >>> read_answers(questionnaire, page, {"age": ["old"]}, {}).problems
    {'age': Problem(code='not_a_whole_number', parameters={})}
    """
    answers: dict[str, Answer] = {}
    problems: dict[str, Problem] = {}
    questions = visible_questions(page, context)
    for question in questions:
        for variable in question.variables:
            result = _read(questionnaire, question, variable, form, context)
            if isinstance(result, Problem):
                problems[variable] = result
            else:
                answers[variable] = result
    known = {**context, **answers}
    for question in questions:
        for variable in question.variables:
            answer = answers.get(variable)
            if answer is not None and not _is_allowed(question, answer, known):
                message = {"text": question.constraint_message}
                problems[variable] = Problem("constraint", message)
                del answers[variable]
    if not problems:
        answers |= calculated(page, known)
    return Reading(answers, problems)


def controls_of(
    questionnaire: Questionnaire, page: Page, context: Answers
) -> frozenset[str]:
    """Names of all form controls that a page shows."""
    return frozenset(
        control
        for question in visible_questions(page, context)
        for variable in question.variables
        for control in _controls(questionnaire, question, variable, context)
    )


def unanswered(page: Page, answers: Answers) -> tuple[Question, ...]:
    """Questions of a page that were shown and skipped, wholly or in part."""
    return tuple(
        question
        for question in page.questions
        if question.kind != "calculate"
        and any(answers.get(name, "") is None for name in question.variables)
    )


def prune(questionnaire: Questionnaire, context: Answers) -> dict[str, Answer]:
    """Keep the answers that belong to the respondent's path.

    Answers to pages and questions that are no longer asked, after Back and a change,
    are dropped, and so are choices that are no longer offered. Pruning twice is
    pruning once.

    Parameters
    ----------
    questionnaire
        In any language.
    context
        Answers, random assignment and system variables by name.

    Returns
    -------
    dict
        Answers by variable, without random assignment and system variables.
    """
    return {
        variable: known[variable]
        for page, known in walk(questionnaire, context)
        for question in page.questions
        for variable in question.variables
        if variable in known
    }


def _read(
    questionnaire: Questionnaire,
    question: Question,
    variable: str,
    form: Form,
    context: Answers,
) -> Answer | Problem:
    controls = _controls(questionnaire, question, variable, context)
    values = {control: form.get(control, ()) for control in controls}
    for text in chain.from_iterable(values.values()):
        if CONTROL_CHARACTER.search(text):
            return Problem("control_characters")
    if question.kind == "rank":
        positions = {
            control.removeprefix(f"{variable}."): "\n".join(submitted)
            for control, submitted in values.items()
        }
        return _read_rank(positions)
    submitted = values[variable]
    if question.kind == "select_multiple":
        choices = choices_of(questionnaire, question, context)
        return _read_multiple(choices, questionnaire.choices_of(question), submitted)
    # A line break makes a control sent twice, as only a forged form can, unreadable.
    typed = "\n".join(submitted).strip()
    if not typed:
        return None
    match question.kind:
        case "integer":
            return _read_integer(typed)
        case "decimal":
            return _read_decimal(typed)
        case "text":
            return _read_text(typed)
        case "list_experiment":
            counts = map(str, range(len(items_of(question, context)) + 1))
            return int(typed) if typed in counts else Problem("unknown_choice")
    names = [choice.name for choice in choices_of(questionnaire, question, context)]
    return typed if typed in names else Problem("unknown_choice")


def _read_integer(typed: str) -> Answer | Problem:
    digits = typed.translate(_SPACES).translate(_SIGNS)
    if _WHOLE_NUMBER.fullmatch(digits) and -(2**63) <= int(digits) < 2**63:
        return int(digits)
    return Problem("not_a_whole_number")


def _read_decimal(typed: str) -> Answer | Problem:
    digits = typed.translate(_SPACES).translate(_SIGNS)
    return float(digits) if _NUMBER.fullmatch(digits) else Problem("not_a_number")


def _read_text(typed: str) -> Answer | Problem:
    text = unicodedata.normalize("NFC", typed.replace("\r\n", "\n"))
    if len(text) > MAX_CHARACTERS:
        return Problem("too_long", {"characters": str(MAX_CHARACTERS)})
    return text


def _read_multiple(
    offered: Iterable[Choice], listed: Iterable[Choice], submitted: Iterable[str]
) -> Answer | Problem:
    """Names of the ticked choices in the order of the file, whatever was drawn."""
    ticked = set(submitted)
    if not ticked <= {choice.name for choice in offered}:
        return Problem("unknown_choice")
    chosen = [choice for choice in listed if choice.name in ticked]
    for choice in chosen:
        if (choice.exclusive or choice.missing) and len(chosen) > 1:
            return Problem("exclusive_choice", {"choice": choice.label})
    return tuple(choice.name for choice in chosen) or None


def _read_rank(positions: Mapping[str, str]) -> Answer | Problem:
    allowed = [str(position) for position in range(1, len(positions) + 1)]
    ranked = {name: position for name, position in positions.items() if position}
    if not set(ranked.values()) <= set(allowed):
        return Problem("unknown_choice")
    if len(set(ranked.values())) < len(ranked):
        return Problem("rank_twice")
    order = sorted(ranked, key=lambda name: int(ranked[name]))
    if order and int(ranked[order[-1]]) > len(order):
        return Problem("rank_gap")
    return tuple(order) or None


def _controls(
    questionnaire: Questionnaire, question: Question, variable: str, context: Answers
) -> tuple[str, ...]:
    if question.kind != "rank":
        return (variable,)
    choices = choices_of(questionnaire, question, context)
    return tuple(f"{variable}.{choice.name}" for choice in choices)


def _is_allowed(question: Question, answer: Answer, known: Answers) -> bool:
    return question.constraint is None or question.constraint.holds(known, answer)
