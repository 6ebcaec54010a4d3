"""XLSForm expressions, parsed once and compiled to Python closures.

The language is XPath 1.0 without paths: ``${age} >= 18 and selected(${uses}, 'a')``.
``${name}`` is the answer to a question, ``.`` the answer being checked by a
constraint, and a bare ``name`` a column of the choice that a ``choice_filter`` looks
at. Types convert as in XPath 1.0. A question without an answer is the empty string,
so as a number it is NaN, and every comparison with NaN but ``!=`` is false.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from functools import partial
from typing import Any

from elementpath.tdop import ParseError, Parser, Token

from .errors import ExpressionError

Answer = str | int | float | tuple[str, ...] | None
Value = str | float | bool

_Scope = tuple[Mapping[str, Answer], Answer, Mapping[str, Answer]]
"""What an expression sees: the answers, the current answer, a choice's columns."""

_Code = Callable[[_Scope], Value]

MAX_CHARACTERS = 2_000
MAX_DEPTH = 32
MAX_NODES = 500

_NO_CHOICE: Mapping[str, Answer] = {}


@dataclass(frozen=True)
class Expression:
    """A compiled expression; make one with `compile_expression`.

    Attributes
    ----------
    source : str
        The text as its author wrote it.
    names : frozenset of str
        Variables referred to as ``${name}``.
    columns : frozenset of str
        Bare names: columns of a choice, for a ``choice_filter``.
    uses_current : bool
        Whether it looks at the current answer, with ``.`` or ``once()``.
    """

    source: str
    names: frozenset[str]
    columns: frozenset[str]
    uses_current: bool
    _code: _Code = field(repr=False, compare=False)

    def evaluate(
        self,
        answers: Mapping[str, Answer],
        current: Answer = None,
        choice: Mapping[str, Answer] = _NO_CHOICE,
    ) -> Value:
        """Compute the value: a string, a number or a truth value.

        Parameters
        ----------
        answers
            Answers by variable. None and absent ones are blank; several choices are
            seen as their names with a space between them.
        current
            The answer that ``.`` stands for.
        choice
            The columns of the choice that bare names stand for.

        Examples
        --------
        >>> compile_expression("${adults} + ${children}").evaluate({"adults": 2})
        nan
        """
        return self._code((answers, current, choice))

    def holds(
        self,
        answers: Mapping[str, Answer],
        current: Answer = None,
        choice: Mapping[str, Answer] = _NO_CHOICE,
    ) -> bool:
        """Tell whether the value is true; parameters as for `evaluate`.

        A number is true unless it is 0 or NaN, a string unless it is empty.

        Examples
        --------
        >>> compile_expression(". > 0 and . <= 120").holds({}, current=34)
        True
        """
        return _boolean(self._code((answers, current, choice)))


def compile_expression(source: str) -> Expression:
    """Compile an expression.

    Operators: ``or and = != < <= > >= + - * div mod``, parentheses, numbers, strings
    in single or double quotes. Functions, where they need saying:

    ``selected(list, name)``, ``count-selected(list)``
        Lists are names with spaces between them.
    ``coalesce(a, b)``, ``once(x)``
        ``a``, or ``b`` where ``a`` is blank; ``once(x)`` is ``coalesce(., x)``.
    ``if(condition, then, else)``
        Evaluates only the branch it takes, like ``and`` and ``or``.
    ``min(...)``, ``max(...)``, ``sum(...)``
        Pass over what is not a number, such as a blank, as ODK Collect does; with
        nothing left ``min`` and ``max`` are NaN and ``sum`` is 0.
    ``round(x)``, ``round(x, digits)``
        A half goes up, towards positive infinity, as in XPath: -2.5 becomes -2. Halves
        are those of the number as it is written: ``round(1.005, 2)`` is 1.01.
    ``int(x)``
        Cuts the fraction off.

    Parameters
    ----------
    source
        At most 2,000 characters, 500 nodes (values, operators, functions) and 32
        levels of parentheses, function calls and minus signs.

    Raises
    ------
    ExpressionError
        Saying what is wrong, at which column, and what to write instead.

    Examples
    --------
    >>> adult_user = compile_expression("${age} >= 18 and selected(${uses}, 'news')")
    >>> adult_user.holds({"age": 34, "uses": ("news", "maps")})
    True
    >>> adult_user.holds({"uses": ("news",)})
    False
    >>> compile_expression("${age} >= 18 and selected(${uses})")
    Traceback (most recent call last):
    ...
    surveys.errors.ExpressionError: column 18: selected() takes 2 arguments, not 1
    """
    if len(source) > MAX_CHARACTERS:
        raise ExpressionError(
            f"{len(source):,} characters; an expression has at most {MAX_CHARACTERS:,}:"
            " compute parts of it in calculate questions"
        )
    try:
        tree = _Grammar().parse(source)
    except ParseError as error:
        raise ExpressionError(str(error)) from None
    nodes = list(tree.iter())
    if len(nodes) > MAX_NODES:
        raise ExpressionError(
            f"{len(nodes)} values, operators and functions; an expression has at most"
            f" {MAX_NODES}: compute parts of it in calculate questions"
        )
    return Expression(
        source,
        names=frozenset(node.name for node in nodes if node.label == "variable"),
        columns=frozenset(node.name for node in nodes if node.label == "column"),
        uses_current=any(
            node.symbol == "." or (node.label, node.text) == ("function", "once")
            for node in nodes
        ),
        _code=_compile(tree),
    )


# The grammar


_ADVICE = {
    "$": "write ${name} for the answer to a question",
    "/": "there are no paths; write ${name} for the answer to a question",
    "[": "there are no conditions in brackets; use and",
    "@": "there are no attributes; write ${name} for the answer to a question",
    ":": "there are no comments, axes or prefixes",
    ".": "a single . is the current answer; there are no paths",
    "'": "this quotation mark is not closed",
    '"': "this quotation mark is not closed",
    "=": "equal is a single =",
    "!": "write != or not()",
    "&": "write and",
    "|": "write or",
    **dict.fromkeys(
        ("and", "or", "div", "mod"), "it needs a value on each side and spaces around"
    ),
    **dict.fromkeys(
        "\u2018\u2019\u201c\u201d\u201e\xab\xbb", "quotation marks are ' or \" only"
    ),
}
_MISSING = "a value or an operator is missing before it"


class _Token(Token["_Token"]):
    """A token, and once parsed the root of its part of the tree."""

    parser: "_Grammar"

    @property
    def text(self) -> str:
        return self.parser.source[slice(*self.span)]

    @property
    def name(self) -> str:
        return self.text.strip("${}")

    def wrong_syntax(self, message: str | None = None) -> ParseError:
        line, column = self.position
        place = f"column {column}" if line == 1 else f"line {line}, column {column}"
        if self.symbol == "(end)":
            place, message = "at the end", "a value or ) is missing"
        elif message is None:
            text = self.text if len(self.text) <= 20 else f"{self.text[:20]}…"
            message = f"{text} cannot stand here; {_ADVICE.get(self.text, _MISSING)}"
        return ParseError(f"{place}: {message}")


class _Grammar(Parser[_Token]):
    token_base_class = _Token  # type: ignore[assignment]
    literals_pattern = re.compile(r"""'[^']*'|"[^"]*"|[0-9]+(?:\.[0-9]*)?|\.[0-9]+""")
    name_pattern = re.compile(r"\$\{[^{}]*\}|[^\W\d][\w.-]*")
    depth = 0

    def operand(self, power: int = 0) -> _Token:
        """Parse an expression one level further in."""
        if self.depth == MAX_DEPTH:
            raise self.token.wrong_syntax(
                f"more than {MAX_DEPTH} levels of parentheses, functions and minus"
                " signs; compute parts of it in calculate questions"
            )
        self.depth += 1
        token = self.expression(power)
        self.depth -= 1
        return token

    def arguments(self) -> list[_Token]:
        arguments: list[_Token] = []
        if self.next_token.symbol != ")":
            arguments.append(self.operand())
            while self.next_token.symbol == ",":
                self.advance()
                arguments.append(self.operand())
        self.advance(")")
        return arguments


def _read_name(self: _Token) -> _Token:
    if self.text.startswith("$"):
        self.label = "variable"
        if not re.fullmatch(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}", self.text):
            raise self.wrong_syntax(
                f"{self.text[:40]} is no variable; a name has letters from A to Z,"
                " digits and _, and begins with a letter or _"
            )
    elif self.parser.next_token.symbol != "(":
        self.label = "column"
        if self.text in _FUNCTIONS:
            raise self.wrong_syntax(f"{self.text} is a function; write {self.text}()")
    elif self.text not in _FUNCTIONS:
        raise self.wrong_syntax(
            f"there is no function {self.text[:40]}(); there are"
            f" {', '.join(sorted(_FUNCTIONS))}"
        )
    else:
        self.label = "function"
        self.parser.advance()
        self[:] = self.parser.arguments()
        fewest, most, _ = _FUNCTIONS[self.text]
        if not fewest <= len(self) <= most:
            raise self.wrong_syntax(
                f"{self.text}() takes {_counted(fewest, most)}, not {len(self)}"
            )
    return self


def _read_parentheses(self: _Token) -> _Token:
    token = self.parser.operand()
    self.parser.advance(")")
    return token


def _read_negation(self: _Token) -> _Token:
    self[:] = (self.parser.operand(_NEGATION_POWER),)
    return self


def _counted(fewest: int, most: float) -> str:
    if fewest == most:
        return "1 argument" if fewest == 1 else f"{fewest or 'no'} arguments"
    return f"{fewest} or {'more' if most == math.inf else most} arguments"


# The meaning


def _compile(node: _Token) -> _Code:
    arguments = tuple(map(_compile, node))
    name = node.name
    match node.label:
        case "variable":
            return lambda scope: _seen(scope[0].get(name))
        case "column":
            return lambda scope: _seen(scope[2].get(name))
        case "function":
            return _FUNCTIONS[name][2](*arguments)
        case "operator":
            negation = len(arguments) == 1
            build = _NEGATION if negation else _OPERATORS[node.symbol][1]
            return build(*arguments)
    if node.symbol == ".":
        return _current
    value = node.text[1:-1] if node.symbol == "(string)" else float(node.text)
    return lambda _: value


def _current(scope: _Scope) -> Value:
    return _seen(scope[1])


def _seen(answer: Answer) -> Value:
    if isinstance(answer, str):
        return answer
    if answer is None:
        return ""
    if isinstance(answer, tuple):
        return " ".join(answer)
    try:
        return float(answer)
    except OverflowError:
        return math.inf if answer > 0 else -math.inf


def _typed(
    convert: Callable[[Value], Any], function: Callable[..., Value]
) -> Callable[..., _Code]:
    """Evaluate the arguments, convert each to a type, and call the function."""

    def build(*arguments: _Code) -> _Code:
        if len(arguments) == 2:
            left, right = arguments
            return lambda scope: function(convert(left(scope)), convert(right(scope)))
        return lambda scope: function(*[convert(code(scope)) for code in arguments])

    return build


def _number(value: Value) -> float:
    if isinstance(value, str) and not _NUMERAL.fullmatch(value):
        return math.nan
    return float(value)


_NUMERAL = re.compile(r"[ \t\r\n]*-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[ \t\r\n]*")


def _boolean(value: Value) -> bool:
    return value == value and bool(value)


def _string(value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if math.isnan(value):
        return "NaN"
    return str(int(value)) if value.is_integer() else f"{Decimal(repr(value)):f}"


def _unchanged(value: Value) -> Value:
    return value


def _equal(left: Value, right: Value) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return _boolean(left) == _boolean(right)
    if isinstance(left, float) or isinstance(right, float):
        return _number(left) == _number(right)
    return left == right


def _divide(left: float, right: float) -> float:
    return left / right if right else left * math.copysign(math.inf, right)


def _modulo(left: float, right: float) -> float:
    return math.fmod(left, right) if right and math.isfinite(left) else math.nan


def _round(value: float, digits: float = 0.0) -> float:
    if not math.isfinite(value) or not math.isfinite(digits):
        return value
    places = int(max(-400, min(digits, 400)))
    above = Decimal(repr(value)).scaleb(places) + Decimal("0.5")
    rounded = above.to_integral_value(ROUND_FLOOR).scaleb(-places)
    return math.copysign(float(rounded), value)


def _known(values: tuple[float, ...]) -> list[float]:
    return [value for value in values if not math.isnan(value)]


def _extreme(choose: Callable[..., float], *values: float) -> float:
    return choose(_known(values), default=math.nan)


def _sum(*values: float) -> float:
    return sum(_known(values), 0.0)


def _selected(names: str, name: str) -> bool:
    return name.strip() in names.split()


def _and(left: _Code, right: _Code) -> _Code:
    return lambda scope: _boolean(left(scope)) and _boolean(right(scope))


def _or(left: _Code, right: _Code) -> _Code:
    return lambda scope: _boolean(left(scope)) or _boolean(right(scope))


def _if(condition: _Code, then: _Code, otherwise: _Code) -> _Code:
    return lambda scope: (then if _boolean(condition(scope)) else otherwise)(scope)


def _coalesce(first: _Code, second: _Code) -> _Code:
    def code(scope: _Scope) -> Value:
        value = first(scope)
        return second(scope) if value == "" else value

    return code


_OPERATORS: dict[str, tuple[int, Callable[..., _Code]]] = {
    "or": (20, _or),
    "and": (25, _and),
    "=": (30, _typed(_unchanged, _equal)),
    "!=": (30, _typed(_unchanged, lambda left, right: not _equal(left, right))),
    "<": (35, _typed(_number, operator.lt)),
    "<=": (35, _typed(_number, operator.le)),
    ">": (35, _typed(_number, operator.gt)),
    ">=": (35, _typed(_number, operator.ge)),
    "+": (40, _typed(_number, operator.add)),
    "-": (40, _typed(_number, operator.sub)),
    "*": (45, _typed(_number, operator.mul)),
    "div": (45, _typed(_number, _divide)),
    "mod": (45, _typed(_number, _modulo)),
}
"""Binding power, and what to build from the operands."""

_NEGATION_POWER, _NEGATION = 50, _typed(_number, operator.neg)

_FUNCTIONS: dict[str, tuple[int, float, Callable[..., _Code]]] = {
    "coalesce": (2, 2, _coalesce),
    "concat": (1, math.inf, _typed(_string, lambda *values: "".join(values))),
    "count-selected": (1, 1, _typed(_string, lambda names: float(len(names.split())))),
    "false": (0, 0, _typed(_unchanged, lambda: False)),
    "if": (3, 3, _if),
    "int": (1, 1, _typed(_number, lambda value: math.modf(value)[1])),
    "max": (1, math.inf, _typed(_number, partial(_extreme, max))),
    "min": (1, math.inf, _typed(_number, partial(_extreme, min))),
    "not": (1, 1, _typed(_boolean, operator.not_)),
    "number": (1, 1, _typed(_number, _unchanged)),
    "once": (1, 1, partial(_coalesce, _current)),
    "round": (1, 2, _typed(_number, _round)),
    "selected": (2, 2, _typed(_string, _selected)),
    "string": (1, 1, _typed(_string, _unchanged)),
    "string-length": (1, 1, _typed(_string, lambda value: float(len(value)))),
    "sum": (1, math.inf, _typed(_number, _sum)),
    "true": (0, 0, _typed(_unchanged, lambda: True)),
}
"""Fewest and most arguments, and what to build from them."""

for _symbol in ("(string)", "(integer)", "(decimal)", "."):
    _Grammar.literal(_symbol)
for _symbol, (_power, _) in _OPERATORS.items():
    _Grammar.infix(_symbol, _power)
_Grammar.register("-", nud=_read_negation)
_Grammar.register("(", nud=_read_parentheses)
_Grammar.register("(name)", nud=_read_name)
_Grammar.register(",")
_Grammar.register(")")
_Grammar.build()
