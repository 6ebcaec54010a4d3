"""What operators and functions of expressions compute, with types as in XPath 1.0."""

import math
import operator
import re
from collections.abc import Callable, Mapping
from decimal import ROUND_FLOOR, Decimal
from functools import partial
from typing import Any

Answer = str | int | float | tuple[str, ...] | None
Value = str | float | bool

Scope = tuple[Mapping[str, Answer], Answer, Mapping[str, Answer]]
"""What an expression sees: the answers, the current answer, a choice's columns."""

Code = Callable[[Scope], Value]
"""A compiled expression, or part of one."""


def current_answer(scope: Scope) -> Value:
    """What ``.`` computes."""
    return seen(scope[1])


def seen(answer: Answer) -> Value:
    """An answer as expressions see it; a blank is the empty string."""
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
) -> Callable[..., Code]:
    """Evaluate the arguments, convert each to a type, and call the function."""

    def build(*arguments: Code) -> Code:
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


def boolean(value: Value) -> bool:
    """Whether a value is true: a number that is not 0 or NaN, a string with text."""
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
        return boolean(left) == boolean(right)
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


def _and(left: Code, right: Code) -> Code:
    return lambda scope: boolean(left(scope)) and boolean(right(scope))


def _or(left: Code, right: Code) -> Code:
    return lambda scope: boolean(left(scope)) or boolean(right(scope))


def _if(condition: Code, then: Code, otherwise: Code) -> Code:
    return lambda scope: (then if boolean(condition(scope)) else otherwise)(scope)


def _coalesce(first: Code, second: Code) -> Code:
    def code(scope: Scope) -> Value:
        value = first(scope)
        return second(scope) if value == "" else value

    return code


OPERATORS: dict[str, tuple[int, Callable[..., Code]]] = {
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

NEGATION_POWER, NEGATION = 50, _typed(_number, operator.neg)

FUNCTIONS: dict[str, tuple[int, float, Callable[..., Code]]] = {
    "coalesce": (2, 2, _coalesce),
    "concat": (1, math.inf, _typed(_string, lambda *values: "".join(values))),
    "count-selected": (1, 1, _typed(_string, lambda names: float(len(names.split())))),
    "false": (0, 0, _typed(_unchanged, lambda: False)),
    "if": (3, 3, _if),
    "int": (1, 1, _typed(_number, lambda value: math.modf(value)[1])),
    "max": (1, math.inf, _typed(_number, partial(_extreme, max))),
    "min": (1, math.inf, _typed(_number, partial(_extreme, min))),
    "not": (1, 1, _typed(boolean, operator.not_)),
    "number": (1, 1, _typed(_number, _unchanged)),
    "once": (1, 1, partial(_coalesce, current_answer)),
    "round": (1, 2, _typed(_number, _round)),
    "selected": (2, 2, _typed(_string, _selected)),
    "string": (1, 1, _typed(_string, _unchanged)),
    "string-length": (1, 1, _typed(_string, lambda value: float(len(value)))),
    "sum": (1, math.inf, _typed(_number, _sum)),
    "true": (0, 0, _typed(_unchanged, lambda: True)),
}
"""Fewest and most arguments, and what to build from them."""
