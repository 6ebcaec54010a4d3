"""Questions as controls of a form, and answers in words."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from babel.lists import format_list
from markupsafe import Markup

from surveys.answers import Problem
from surveys.experiments import choices_of, items_of
from surveys.questionnaire import Answer, Answers, Page, Question, Questionnaire
from surveys.routing import visible_questions

from .languages import Language
from .wording import block, inline

PROBLEMS = {
    "not_a_whole_number": "Please write a whole number in digits, for example 42.",
    "not_a_number": "Please write a number in digits, for example 3 or 3.5.",
    "too_long": "This text is too long. Please write at most {characters} characters.",
    "unknown_choice": "Please choose one of the answers that are offered here.",
    "exclusive_choice": "“{choice}” does not go together with the other answers. Please"
    " tick either this one or the others.",
    "rank_twice": "You gave the same place twice. Please give each place only once.",
    "rank_gap": "You left out a place. Please use the places in order: 1, 2, 3 …",
    "control_characters": "This text has characters that cannot be stored. Please type"
    " it again.",
    "constraint": "{text}",
}
"""What a respondent reads for each code of `surveys.answers.Problem`."""


NOTHING = Markup()


@dataclass(frozen=True)
class ShownChoice:
    """A radio button, a box, or the place of a choice in a ranking."""

    id: str
    value: str
    label: Markup
    chosen: bool = False
    apart: bool = False
    place: str = ""


@dataclass(frozen=True)
class ShownQuestion:
    """One question as drawn: ``name`` is its control, ``typed`` what stands in it."""

    kind: str
    name: str
    label: Markup
    more: Markup = NOTHING
    hint: Markup = NOTHING
    problem: str = ""
    choices: tuple[ShownChoice, ...] = ()
    items: tuple[Markup, ...] = ()
    parts: tuple["ShownQuestion", ...] = ()
    typed: str = ""

    @property
    def id(self) -> str:
        """The first control, where a link from the summary leads."""
        if self.parts:
            return self.parts[0].id
        return self.choices[0].id if self.choices else self.name

    @property
    def unanswered(self) -> tuple["ShownQuestion", ...]:
        """What to point out: the rows of a battery if only some have no answer."""
        rows = [part for part in self.parts if not any(c.chosen for c in part.choices)]
        return tuple(rows) if len(rows) < len(self.parts) else (self,)

    @property
    def described_by(self) -> str:
        """The elements that explain the question, for ``aria-describedby``."""
        told = {
            "more": self.more,
            "hint": self.hint,
            "problem": self.problem,
            "items": self.items,
        }
        return " ".join(f"{self.name}-{part}" for part, text in told.items() if text)


@dataclass(frozen=True)
class AnswerInWords:
    """One line of the review; a battery has the lines of its items instead."""

    label: Markup
    answer: str = ""
    skipped: bool = False
    parts: tuple["AnswerInWords", ...] = ()


@dataclass(frozen=True)
class Drawing:
    """Everything that decides how the questions of a page look.

    Parameters
    ----------
    questionnaire, language
        In the respondent's language.
    context
        What is known: answers, random assignment, system variables.
    typed
        What stands in each control.
    problems
        By variable, as `surveys.answers.read_answers` found them.
    """

    questionnaire: Questionnaire
    language: Language
    context: Answers
    typed: Mapping[str, Sequence[str]]
    problems: Mapping[str, Problem]

    @cached_property
    def said(self) -> dict[str, str]:
        """What ``${variable}`` stands for."""
        return answers_in_words(self.questionnaire, self.context, self.language)

    def draw(self, page: Page) -> list[ShownQuestion]:
        """Draw the questions of a page that a respondent is asked."""
        return [self._draw(one) for one in visible_questions(page, self.context)]

    def _draw(self, question: Question) -> ShownQuestion:
        head, _, rest = question.label.partition("\n\n")
        if question.kind == "note":
            head, rest = "", question.label
        shown = ShownQuestion(
            kind=question.kind,
            name=question.name,
            label=inline(head, self.said),
            more=block(rest, self.said) if rest else NOTHING,
            hint=inline(question.hint, self.said),
        )
        items = items_of(question, self.context)
        if question.kind == "battery":
            parts = [
                ShownQuestion(
                    kind="likert",
                    name=f"{question.name}_{item.name}",
                    label=inline(item.label, self.said),
                )
                for item in items
            ]
            filled = tuple(self._filled(part, question) for part in parts)
            return replace(shown, parts=filled)
        labels = tuple(inline(item.label, self.said) for item in items)
        return self._filled(replace(shown, items=labels), question)

    def _filled(self, shown: ShownQuestion, question: Question) -> ShownQuestion:
        """Add the choices, what was typed and what was wrong with it."""
        problem = self.problems.get(shown.name)
        sentence = problem and self.language.text(
            PROBLEMS[problem.code], **problem.parameters
        )
        return replace(
            shown,
            problem=sentence or "",
            choices=tuple(self._choices(shown, question)),
            typed="\n".join(self.typed.get(shown.name, ())),
        )

    def _choices(
        self, shown: ShownQuestion, question: Question
    ) -> Iterator[ShownChoice]:
        ticked = self.typed.get(shown.name, ())
        if question.kind == "list_experiment":
            for count in range(len(shown.items) + 1):
                chosen = str(count) in ticked
                yield ShownChoice(
                    f"{shown.name}-{count}", str(count), Markup(count), chosen
                )
            return
        choices = choices_of(self.questionnaire, question, self.context)
        for number, choice in enumerate(choices, start=1):
            place = f"{shown.name}.{choice.name}"
            yield ShownChoice(
                id=f"{shown.name}-{number}",
                value=place if question.kind == "rank" else choice.name,
                label=inline(choice.label, self.said),
                chosen=choice.name in ticked,
                apart=choice.missing is not None,
                place="".join(self.typed.get(place, ())),
            )


def flat(questions: Iterable[ShownQuestion]) -> Iterator[ShownQuestion]:
    """Batteries replaced by their items."""
    for question in questions:
        yield from question.parts or (question,)


def typed_answers(page: Page, answers: Answers) -> dict[str, list[str]]:
    """Fill the controls of a page that was answered before."""
    typed: dict[str, list[str]] = {}
    for question in page.questions:
        for variable in question.variables:
            answer = answers.get(variable)
            if question.kind == "rank" and isinstance(answer, tuple):
                for place, choice in enumerate(answer, start=1):
                    typed[f"{variable}.{choice}"] = [str(place)]
            elif isinstance(answer, tuple):
                typed[variable] = list(answer)
            elif answer is not None:
                typed[variable] = [_digits(answer)]
    return typed


def answers_in_words(
    questionnaire: Questionnaire, context: Answers, language: Language
) -> dict[str, str]:
    """Say every answer as a respondent would: the labels of the choices, numbers."""
    words = {
        variable: _words(questionnaire, question, context[variable], language)
        for question in questionnaire.questions
        for variable in question.variables
        if context.get(variable) is not None
    }
    known = {name: value for name, value in context.items() if value is not None}
    return {name: str(value) for name, value in known.items()} | words


def review_answers(
    page: Page, context: Answers, said: Mapping[str, str], language: Language
) -> list[AnswerInWords]:
    """List what a respondent answered on a page, as `answers_in_words` says it."""

    def line(label: str, variable: str) -> AnswerInWords:
        skipped = context.get(variable) is None
        answer = language.text("Not answered") if skipped else said[variable]
        return AnswerInWords(inline(label, said), answer, skipped)

    lines = []
    for question in visible_questions(page, context):
        label = question.label.partition("\n\n")[0]
        if question.kind == "battery":
            parts = [
                line(item.label, f"{question.name}_{item.name}")
                for item in items_of(question, context)
            ]
            lines.append(AnswerInWords(inline(label, said), parts=tuple(parts)))
        elif question.kind != "note":
            lines.append(line(label, question.name))
    return lines


def _words(
    questionnaire: Questionnaire, question: Question, answer: Answer, language: Language
) -> str:
    labels = {
        choice.name: choice.label for choice in questionnaire.choices_of(question)
    }
    if isinstance(answer, tuple):
        names = [labels.get(name, name) for name in answer]
        if question.kind == "rank":
            return " · ".join(f"{place}. {name}" for place, name in enumerate(names, 1))
        return format_list(names, locale=language.locale)
    return labels.get(str(answer), _digits(answer))


def _digits(answer: Answer) -> str:
    return f"{answer:.15g}" if isinstance(answer, float) else str(answer)
