"""Expressions in words, for whoever reads a questionnaire on paper."""

from collections.abc import Iterator, Mapping, Sequence

from .codebook import DRAWN
from .experiments import draws_of
from .expressions import Expression
from .grammar import Node, parse
from .questionnaire import Questionnaire

COMPARISONS = {
    "=": "is",
    "!=": "is not",
    "<": "is less than",
    "<=": "is at most",
    ">": "is more than",
    ">=": "is at least",
}
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
ARITHMETIC = {"+": "+", "-": "−", "*": "×", "div": "÷", "mod": "modulo"}
PHRASES = {
    "coalesce": "{0}, or {1} where that is blank",
    "concat": "{all} put together",
    "count-selected": "the number of choices in {0}",
    "false": "never",
    "if": "{1} if {0}, else {2}",
    "int": "the whole part of {0}",
    "max": "the largest of {all}",
    "min": "the smallest of {all}",
    "not": "not ({0})",
    "number": "{0}",
    "once": "the answer given before, else {0}",
    "round": "{0} rounded",
    "string": "{0}",
    "string-length": "the number of characters of {0}",
    "sum": "the sum of {all}",
    "true": "always",
}
"""What functions compute; ``{all}`` is a list of all arguments."""

_NO_REFERENCES: Mapping[str, str] = {}


def describe(
    expression: Expression,
    questionnaire: Questionnaire,
    references: Mapping[str, str] = _NO_REFERENCES,
) -> str:
    """Say in English what an expression asks for or computes.

    Parameters
    ----------
    expression
        A condition (``relevant``, ``constraint``, ``choice_filter``) or a calculation.
    questionnaire
        Its choices are named by their labels, in quotation marks, in its language.
    references
        What a variable is called, such as its number; its own name where there is none.

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
    return _Wording(questionnaire, references).condition(parse(expression.source))


class _Wording:
    """How the variables and choices of one questionnaire are called."""

    def __init__(
        self, questionnaire: Questionnaire, references: Mapping[str, str]
    ) -> None:
        self.references = references
        self.labels: dict[str, Mapping[str, str]] = {
            variable: {
                choice.name: choice.label for choice in questionnaire.choices_of(asked)
            }
            for asked in questionnaire.questions
            for variable in asked.variables
        }
        for draw in draws_of(questionnaire):
            self.labels[draw.name] = DRAWN
        for experiment in questionnaire.experiments:
            self.labels[experiment.name] = {
                arm.name: arm.label for arm in experiment.arms
            }

    def condition(self, node: Node) -> str:
        """Say what must hold; a value by itself must be neither blank nor 0."""
        said = self.say(node)
        return f"{said} is neither blank nor 0" if node.label == "variable" else said

    def say(self, node: Node) -> str:
        match node.label:
            case "variable":
                return self.references.get(node.name, node.name)
            case "column":
                return "the choice" if node.name == "name" else f"its {node.name}"
            case "function":
                return self._function(node)
            case "operator":
                return self._operator(node)
        if node.symbol == ".":
            return "the answer"
        return f"“{node.text[1:-1]}”" if node.symbol == "(string)" else node.text

    def _operator(self, node: Node) -> str:
        operands = list(node)
        if node.symbol in COMPARISONS:
            return self._comparison(node.symbol, *operands)
        if node.symbol in ("and", "or"):
            return f" {node.symbol} ".join(
                self._grouped(operand, node) for operand in operands
            )
        sign = ARITHMETIC[node.symbol]
        if len(operands) == 1:
            return f"{sign}{self._grouped(operands[0], node)}"
        return f" {sign} ".join(self._grouped(operand, node) for operand in operands)

    def _grouped(self, operand: Node, within: Node) -> str:
        """Put what binds less, or otherwise, into parentheses."""
        logical = within.symbol in ("and", "or")
        said = self.condition(operand) if logical else self.say(operand)
        loose = operand.label == "operator" and operand.symbol not in COMPARISONS
        return f"({said})" if loose and operand.symbol != within.symbol else said

    def _comparison(self, symbol: str, left: Node, right: Node) -> str:
        if left.symbol in _LITERALS and right.symbol not in _LITERALS:
            left, right, symbol = right, left, MIRRORED.get(symbol, symbol)
        if right.text in ("''", '""') and symbol in ("=", "!="):
            answered = "is not" if symbol == "=" else "is"
            return f"{self.say(left)} {answered} answered"
        return f"{self.say(left)} {COMPARISONS[symbol]} {self._answer(left, right)}"

    def _answer(self, asked: Node, answer: Node) -> str:
        """Name a value by the label of the choice that it stands for."""
        if asked.label == "variable" and answer.symbol in _LITERALS:
            text = answer.text[1:-1] if answer.symbol == "(string)" else answer.text
            label = self.labels.get(asked.name, {}).get(text)
            if label:
                return f"“{label}”"
        return self.say(answer)

    def _function(self, node: Node) -> str:
        arguments = list(node)
        name = node.name
        if name == "not" and arguments[0].name == "selected":
            return self._selected(arguments[0], "is not")
        if name == "selected":
            return self._selected(node, "is")
        said = [self.say(argument) for argument in arguments]
        if name in ("if", "not"):
            said[0] = self.condition(arguments[0])
        if name == "round" and len(said) == 2:
            return f"{said[0]} rounded to {said[1]} decimals"
        return PHRASES[name].format(*said, all=_listed(said))

    def _selected(self, node: Node, verb: str) -> str:
        names, name = node
        if (names.name, name.label) == ("open_countries", "column"):
            return f"the survey {verb} open in the country"
        return f"{self._answer(names, name)} {verb} chosen in {self.say(names)}"


_LITERALS = ("(string)", "(integer)", "(decimal)")


def _listed(words: Sequence[str]) -> str:
    """Words with commas, and "and" before the last."""
    *first, last = words or [""]
    return f"{', '.join(first)} and {last}" if first else last


def number_questions(questionnaire: Questionnaire) -> Iterator[tuple[str, str]]:
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
        yield question.name, f"Q{at}"
        if question.kind == "battery":
            for item in question.items:
                yield f"{question.name}_{item.name}", f"Q{at} ({item.name})"
