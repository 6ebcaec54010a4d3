"""Relevance equations of LimeSurvey in the language of XLSForm."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..errors import ExpressionError
from ..expressions import compile_expression

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"]*"|'[^']*')|(?P<number>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_]+)*)
    |(?P<sign>==|!=|<=|>=|&&|\|\||[-+*/<>!(),=]))""",
    re.VERBOSE,
)
SIGNS = {
    **{"==": "=", "eq": "=", "!=": "!=", "ne": "!=", "<": "<", "lt": "<"},
    **{"<=": "<=", "le": "<=", ">": ">", "gt": ">", ">=": ">=", "ge": ">="},
    **{"&&": "and", "and": "and", "||": "or", "or": "or"},
    **{"+": "+", "-": "-", "*": "*", "/": "div"},
}
LEVELS = (
    ("or",),
    ("and",),
    ("=", "!=", "<", "<=", ">", ">="),
    ("+", "-"),
    ("*", "div"),
)
"""Operators by how much they bind, the loosest first."""

ENDINGS = ("NAOK", "value", "valueNAOK", "code")
"""What may follow a variable: each stands for its answer."""

MAX_DEPTH = 30


FUNCTIONS = {"if", "sum", "min", "max", "round"}
"""Functions that mean the same in XLSForm."""


@dataclass(frozen=True)
class Said:
    """A translated part: its text, how much it binds, and the box that it names."""

    text: str
    level: int = len(LEVELS)
    box: str = ""

    def within(self, level: int) -> str:
        """As an operand of operators of a level."""
        return self.text if self.level >= level else f"({self.text})"


def translate_relevance(
    equation: str, boxes: Mapping[str, tuple[str, str]] = MappingProxyType({})
) -> str:
    """Translate an equation of LimeSurvey's expression manager.

    Parameters
    ----------
    equation
        As in the column ``relevance``.
    boxes
        For every box of a question with several answers, by its variable, the question
        and the name of the choice: ``Q1_tea == "Y"`` asks whether it is ticked.

    Returns
    -------
    str
        Empty where the equation is always true.

    Raises
    ------
    ExpressionError
        Naming what has no counterpart: other functions than ``is_empty``, ``if``,
        ``sum``, ``min``, ``max`` and ``round``, and attributes such as ``Q1.shown``.

    Examples
    --------
    >>> translate_relevance('((tea.NAOK == "Y" && age >= 18))')
    "${tea} = 'Y' and ${age} >= 18"
    >>> translate_relevance("!is_empty(Q1_tea)", {"Q1_tea": ("Q1", "tea")})
    "not(not(selected(${Q1}, 'tea')))"
    """
    if equation.strip() in ("", "1"):
        return ""
    said = _Translation(equation, boxes).whole()
    compile_expression(said)
    return said


class _Translation:
    """One pass over the tokens of an equation."""

    def __init__(self, equation: str, boxes: Mapping[str, tuple[str, str]]) -> None:
        self.boxes = boxes
        self.tokens: list[tuple[str, str]] = []
        self.depth = at = 0
        while equation[at:].strip():
            found = _TOKEN.match(equation, at)
            if found is None:
                rest = equation[at:].strip()
                raise ExpressionError(f"{rest[:20]!r} is not understood")
            kind = str(found.lastgroup)
            self.tokens.append((kind, found[kind]))
            at = found.end()
        self.tokens.reverse()

    def whole(self) -> str:
        said = self.operators(0)
        if self.tokens:
            raise _misplaced(self.tokens[-1][1])
        return said.text

    def operators(self, level: int) -> Said:
        """Read operators that bind at least so much, and their operands."""
        if level == len(LEVELS):
            return self.operand()
        left = self.operators(level + 1)
        while self.tokens and SIGNS.get(self.tokens[-1][1]) in LEVELS[level]:
            sign = SIGNS[self.tokens.pop()[1]]
            right = self.operators(level + 1)
            ticked = self.ticked(left, sign, right)
            left = ticked or Said(
                f"{left.within(level)} {sign} {right.within(level + 1)}", level
            )
        return left

    def ticked(self, left: Said, sign: str, right: Said) -> Said | None:
        """Say what a comparison of a box with "Y" or nothing asks."""
        if not left.box or sign not in ("=", "!="):
            return None
        if right.text not in ("'Y'", "''"):
            raise ExpressionError(f"a box is ticked or not; it is never {right.text}")
        holds = (sign == "=") == (right.text == "'Y'")
        return Said(left.text if holds else f"not({left.text})")

    def operand(self) -> Said:
        if not self.tokens:
            raise ExpressionError("a value is missing at the end")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(f"it has more than {MAX_DEPTH} levels")
        kind, text = self.tokens.pop()
        if kind == "name":
            said = self.named(text)
        elif kind == "text":
            said = Said(f'"{text[1:-1]}"' if "'" in text[1:-1] else f"'{text[1:-1]}'")
        elif kind == "number":
            said = Said(text)
        elif text == "(":
            said = self.operators(0)
            self.take(")")
        elif text == "!":
            said = Said(f"not({self.operand().text})")
        elif text == "-":
            said = Said(f"-{self.operand().within(len(LEVELS))}")
        else:
            raise _misplaced(text)
        self.depth -= 1
        return said

    def named(self, text: str) -> Said:
        if self.tokens and self.tokens[-1][1] == "(":
            return self.function(text)
        name, *endings = text.split(".")
        if name in ("self", "this", "that") or set(endings) - set(ENDINGS):
            what = f"{text} has no counterpart; write the condition anew"
            raise ExpressionError(what)
        if name in self.boxes:
            question, choice = self.boxes[name]
            return Said(f"selected(${{{question}}}, '{choice}')", box=name)
        return Said(f"${{{name}}}")

    def function(self, name: str) -> Said:
        self.take("(")
        arguments: list[Said] = []
        while self.tokens and self.tokens[-1][1] != ")":
            arguments.append(self.operators(0))
            if self.tokens and self.tokens[-1][1] != ")":
                self.take(",")
        self.take(")")
        if name == "is_empty" and len(arguments) == 1:
            (asked,) = arguments
            if asked.box:
                return Said(f"not({asked.text})")
            return Said(f"{asked.within(3)} = ''", 2)
        if name not in FUNCTIONS:
            raise ExpressionError(
                f"the function {name}() has no counterpart; write the condition anew"
            )
        return Said(f"{name}({', '.join(each.text for each in arguments)})")

    def take(self, sign: str) -> None:
        if not self.tokens or self.tokens[-1][1] != sign:
            raise ExpressionError(f"a {sign} is missing")
        self.tokens.pop()


def _misplaced(text: str) -> ExpressionError:
    return ExpressionError(f"{text!r} cannot stand where it does")
