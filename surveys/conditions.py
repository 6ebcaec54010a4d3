"""Expressions in words, for whoever reads a questionnaire on paper."""

from collections.abc import Iterator, Mapping
from functools import reduce

from .codebook import DRAWN, columns_of
from .experiments import draws_of
from .expressions import Expression
from .grammar import Node, parse
from .languages import ENGLISH, Language
from .questionnaire import Questionnaire

OPERATIONS = {
    "=": "{left} is {right}",
    "!=": "{left} is not {right}",
    "<": "{left} is less than {right}",
    "<=": "{left} is at most {right}",
    ">": "{left} is more than {right}",
    ">=": "{left} is at least {right}",
    "and": "{left} and {right}",
    "or": "{left} or {right}",
    "+": "{left} + {right}",
    "-": "{left} − {right}",
    "*": "{left} × {right}",
    "div": "{left} ÷ {right}",
    "mod": "{left} modulo {right}",
}
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
COMPARISONS = ("=", "!=", *MIRRORED)
LOGICAL = ("and", "or")

PHRASES = {
    "coalesce": "{first}, or {second} where that is blank",
    "concat": "put together: {all}",
    "count-selected": "the number of choices in {first}",
    "false": "never",
    "if": "{second} if {first}, else {third}",
    "int": "the whole part of {first}",
    "max": "the largest of {all}",
    "min": "the smallest of {all}",
    "not": "not ({first})",
    "number": "{first}",
    "once": "the answer given before, else {first}",
    "round": "{first} rounded",
    "string": "{first}",
    "string-length": "the number of characters of {first}",
    "sum": "the sum of {all}",
    "true": "always",
}
"""What functions compute; ``{all}`` is a list of all arguments."""

_NO_REFERENCES: Mapping[str, str] = {}


def describe(
    expression: Expression,
    questionnaire: Questionnaire,
    references: Mapping[str, str] = _NO_REFERENCES,
    language: Language = ENGLISH,
) -> str:
    """Say in words what an expression asks for or computes.

    Parameters
    ----------
    expression
        A condition (``relevant``, ``constraint``, ``choice_filter``) or a calculation.
    questionnaire
        Its choices are named by their labels, in quotation marks, in its language.
    references
        What a variable is called, such as its number; its own name where there is none.
    language
        Of the words. They are clauses that stand by themselves, as in "under this
        condition: Q1 is at least 18", so that no language has to change their order.

    Examples
    --------
    >>> from surveys.expressions import compile_expression
    >>> page = {"name": "you", "questions": [{"type": "select_one towns", "name": "t"}]}
    >>> questionnaire = Questionnaire(
    ...     title="Towns",
    ...     choices={"towns": [{"name": "bo", "label": "Bologna"}]},
    ...     pages=[page],
    ... )
    >>> source = "${t} = 'bo' and (${age} >= 18 or not(${age} != ''))"
    >>> describe(compile_expression(source), questionnaire, {"t": "Q1"})
    'Q1 is “Bologna” and (age is at least 18 or not (age is answered))'
    """
    wording = _Wording(questionnaire, references, language)
    return wording.condition(parse(expression.source))


class _Wording:
    """How the variables and choices of one questionnaire are called."""

    def __init__(
        self,
        questionnaire: Questionnaire,
        references: Mapping[str, str],
        language: Language,
    ) -> None:
        self.references = references
        self.text, self.code = language.text, language.code
        self.labels: dict[str, Mapping[str, str]] = {
            variable: {
                choice.name: choice.label for choice in questionnaire.choices_of(asked)
            }
            for asked in questionnaire.questions
            for variable in asked.variables
        }
        drawn = {name: language.text(label) for name, label in DRAWN.items()}
        for draw in draws_of(questionnaire):
            self.labels[draw.name] = drawn
        for experiment in questionnaire.experiments:
            self.labels[experiment.name] = {
                arm.name: arm.label for arm in experiment.arms
            }

    def condition(self, node: Node) -> str:
        """Say what must hold; a value by itself must be neither blank nor 0."""
        said = self.say(node)
        if node.label == "variable":
            return self.text("{answer} is neither blank nor 0", answer=said)
        return said

    def say(self, node: Node) -> str:
        match node.label:
            case "variable":
                return self.references.get(node.name) or self.code(node.name)
            case "column" if node.name == "name":
                return self.text("the choice")
            case "column":
                return self.text("its {column}", column=self.code(node.name))
            case "function":
                return self._function(node)
            case "operator":
                return self._operator(node)
        if node.symbol == ".":
            return self.text("the answer")
        if node.symbol == "(string)":
            return self.text("“{label}”", label=node.text[1:-1])
        return node.text

    def _operator(self, node: Node) -> str:
        operands = list(node)
        if node.symbol in COMPARISONS:
            return self._comparison(node.symbol, *operands)
        said = [self._grouped(operand, node) for operand in operands]
        if len(said) == 1:
            return self.text("−{right}", right=said[0])
        left, right = said
        return self.text(OPERATIONS[node.symbol], left=left, right=right)

    def _grouped(self, operand: Node, within: Node) -> str:
        """Put what binds less, or otherwise, into parentheses."""
        logical = within.symbol in LOGICAL
        said = self.condition(operand) if logical else self.say(operand)
        loose = operand.label == "operator" and operand.symbol not in COMPARISONS
        if loose and operand.symbol != within.symbol:
            return self.text("({part})", part=said)
        return said

    def _comparison(self, symbol: str, left: Node, right: Node) -> str:
        if left.symbol in _LITERALS and right.symbol not in _LITERALS:
            left, right, symbol = right, left, MIRRORED.get(symbol, symbol)
        said = self.say(left)
        if right.text in ("''", '""') and symbol == "=":
            return self.text("{question} is not answered", question=said)
        if right.text in ("''", '""') and symbol == "!=":
            return self.text("{question} is answered", question=said)
        answer = self._answer(left, right)
        return self.text(OPERATIONS[symbol], left=said, right=answer)

    def _answer(self, asked: Node, answer: Node) -> str:
        """Name a value by the label of the choice that it stands for."""
        if asked.label == "variable" and answer.symbol in _LITERALS:
            text = answer.text[1:-1] if answer.symbol == "(string)" else answer.text
            label = self.labels.get(asked.name, {}).get(text)
            if label:
                return self.text("“{label}”", label=label)
        return self.say(answer)

    def _function(self, node: Node) -> str:
        arguments = list(node)
        name = node.name
        if name == "not" and arguments[0].name == "selected":
            return self._selected(arguments[0], is_chosen=False)
        if name == "selected":
            return self._selected(node, is_chosen=True)
        said = [self.say(argument) for argument in arguments]
        if name in ("if", "not"):
            said[0] = self.condition(arguments[0])
        if name == "round" and len(said) == 2:
            number, digits = said
            return self.text(
                "{number} rounded, decimals: {digits}", number=number, digits=digits
            )
        places = dict(zip(("first", "second", "third"), said, strict=False))
        return self.text(PHRASES[name], **places, all=self._listed(said))

    def _listed(self, said: list[str]) -> str:
        def add(listed: str, part: str) -> str:
            return self.text("{listed}, {part}", listed=listed, part=part)

        return reduce(add, said) if said else ""

    def _selected(self, node: Node, *, is_chosen: bool) -> str:
        names, name = node
        if (names.name, name.label) == ("open_countries", "column"):
            if is_chosen:
                return self.text("the survey is open in the country")
            return self.text("the survey is not open in the country")
        said = {"choice": self._answer(names, name), "question": self.say(names)}
        if is_chosen:
            return self.text("{choice} is chosen in {question}", **said)
        return self.text("{choice} is not chosen in {question}", **said)


_LITERALS = ("(string)", "(integer)", "(decimal)")


def number_questions(
    questionnaire: Questionnaire, language: Language = ENGLISH
) -> Iterator[tuple[str, str]]:
    """Name every variable by the number of its question on paper.

    Notes and calculations, which nobody answers, have no number.

    Examples
    --------
    >>> asked = {"type": "battery a", "name": "t", "items": [{"name": "x"}]}
    >>> page = {"name": "p", "questions": [{"type": "note", "name": "n"}, asked]}
    >>> dict(number_questions(Questionnaire(title="T", pages=[page])))
    {'t': 'Q1', 't_x': 'Q1 (x)'}
    """
    at = 0
    for question in questionnaire.questions:
        if question.kind in ("note", "calculate"):
            continue
        at += 1
        number = language.text("Q{number}", number=at)
        yield question.name, number
        if question.kind == "battery":
            for item in question.items:
                yield f"{question.name}_{item.name}", f"{number} ({item.name})"


def conditions_of(questionnaire: Questionnaire) -> dict[str, tuple[Expression, ...]]:
    """Under which conditions each column of a release is asked for: page, question.

    Examples
    --------
    >>> asked = {"type": "text", "name": "why", "relevant": "${age} > 17"}
    >>> page = {"name": "p", "questions": [asked], "relevant": "${side} = 'for'"}
    >>> found = conditions_of(Questionnaire(title="T", pages=[page]))
    >>> [condition.source for condition in found["why"]]
    ["${side} = 'for'", '${age} > 17']
    """
    return {
        column: tuple(each for each in (page.relevant, question.relevant) if each)
        for page in questionnaire.pages
        for question in page.questions
        for column in columns_of(questionnaire, question)
    }
