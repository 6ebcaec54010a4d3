"""Random assignment: arms, and the order of choices, items and pages."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from random import Random, SystemRandom
from typing import TypeVar

from .questionnaire import Answers, Arm, Choice, Item, Page, Question, Questionnaire

_OPERATING_SYSTEM = SystemRandom()

_Named = TypeVar("_Named", Choice, Item, Page)


@dataclass(frozen=True)
class Draw:
    """Something decided by chance for each respondent, and stored as a variable.

    Attributes
    ----------
    name : str
        The variable.
    options : tuple of str
        What is drawn from, with equal chances.
    is_order : bool
        Whether all options are put in an order, or one of them is taken.
    """

    name: str
    options: tuple[str, ...]
    is_order: bool = False


def draws_of(questionnaire: Questionnaire) -> tuple[Draw, ...]:
    """List everything that is decided by chance in a questionnaire."""
    draws = [
        Draw(experiment.name, _names(experiment.arms))
        for experiment in questionnaire.experiments
    ]
    for group, pages in groupby(questionnaire.pages, key=lambda page: page.shuffle):
        if group:
            draws.append(Draw(f"{group}_order", _names(pages), is_order=True))
    for question in questionnaire.questions:
        order = f"{question.name}_order"
        if question.kind == "list_experiment":
            draws.append(Draw(f"{question.name}_group", ("control", "treatment")))
            draws.append(Draw(order, _names(question.items), is_order=True))
        elif question.parameters == "randomize=reverse":
            draws.append(Draw(order, ("forward", "reverse")))
        elif question.parameters == "randomize=true":
            listed = question.items or _substantive(questionnaire.choices_of(question))
            draws.append(Draw(order, _names(listed), is_order=True))
    return tuple(draws)


def draw_assignment(
    questionnaire: Questionnaire, choose: Random = _OPERATING_SYSTEM
) -> dict[str, str]:
    """Draw once, at consent, all that chance decides for one respondent.

    Parameters
    ----------
    questionnaire
        In any language; the draw does not depend on it.
    choose
        The source of randomness: the operating system's, never the clock.

    Returns
    -------
    dict
        By variable, the name that was drawn, or all names in the order drawn with a
        space between them. Every outcome is equally likely, and draws are independent.

    Examples
    --------
    >>> arms = [{"name": "told", "label": "A"}, {"name": "untold", "label": "B"}]
    >>> questionnaire = Questionnaire(
    ...     title="Tea",
    ...     experiments=[{"name": "arm", "label": "Arm", "arms": arms}],
    ...     pages=[{"name": "a", "questions": [{"type": "note", "name": "b"}]}],
    ... )
    >>> draw_assignment(questionnaire)["arm"] in {"told", "untold"}
    True
    """
    return {
        draw.name: " ".join(choose.sample(draw.options, len(draw.options)))
        if draw.is_order
        else choose.choice(draw.options)
        for draw in draws_of(questionnaire)
    }


def items_of(question: Question, assignment: Answers) -> tuple[Item, ...]:
    """Items of a battery or list experiment as one respondent sees them.

    The control group of a list experiment does not see the sensitive item.
    """
    items = question.items
    if question.kind == "list_experiment":
        items = _ordered(items, assignment[f"{question.name}_order"])
        if assignment[f"{question.name}_group"] == "control":
            items = tuple(item for item in items if not item.sensitive)
    elif question.parameters and items:
        items = _ordered(items, assignment[f"{question.name}_order"])
    return items


def choices_of(
    questionnaire: Questionnaire, question: Question, context: Answers
) -> tuple[Choice, ...]:
    """Choices of a question as one respondent sees them.

    Those that the ``choice_filter`` leaves, in the order drawn. "Don't know" and
    "Prefer not to answer" are always offered, and come last.
    """
    choices = questionnaire.choices_of(question)
    missing = tuple(choice for choice in choices if choice.missing)
    choices = _substantive(choices)
    if question.parameters and not question.items:
        choices = _ordered(choices, context[f"{question.name}_order"])
    if question.choice_filter:
        holds = question.choice_filter.holds
        choices = tuple(
            choice
            for choice in choices
            if holds(context, choice={"name": choice.name, **choice.columns})
        )
    return choices + missing


def pages_of(questionnaire: Questionnaire, assignment: Answers) -> tuple[Page, ...]:
    """All pages in the order of one respondent, relevant or not."""
    pages: tuple[Page, ...] = ()
    for group, together in groupby(questionnaire.pages, key=lambda page: page.shuffle):
        block = tuple(together)
        pages += _ordered(block, assignment[f"{group}_order"]) if group else block
    return pages


def _names(options: Iterable[Arm | Choice | Item | Page]) -> tuple[str, ...]:
    return tuple(option.name for option in options)


def _substantive(choices: Iterable[Choice]) -> tuple[Choice, ...]:
    return tuple(choice for choice in choices if not choice.missing)


def _ordered(options: tuple[_Named, ...], order: object) -> tuple[_Named, ...]:
    if order == "forward":
        return options
    if order == "reverse":
        return options[::-1]
    by_name: Mapping[str, _Named] = {option.name: option for option in options}
    return tuple(by_name[name] for name in str(order).split())
