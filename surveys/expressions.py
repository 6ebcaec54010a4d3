"""XLSForm expressions, parsed once and compiled to Python closures.

The language is XPath 1.0 without paths: ``${age} >= 18 and selected(${uses}, 'a')``.
``${name}`` is the answer to a question, ``.`` the answer being checked by a
constraint, and a bare ``name`` a column of the choice that a ``choice_filter`` looks
at. Types convert as in XPath 1.0. A question without an answer is the empty string,
so as a number it is NaN, and every comparison with NaN but ``!=`` is false.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .errors import ExpressionError
from .grammar import Node, parse
from .operations import (
    FUNCTIONS,
    NEGATION,
    OPERATORS,
    Code,
    Value,
    boolean,
    current_answer,
    seen,
)
from .operations import Answer as Answer

MAX_CHARACTERS = 2_000
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
    _code: Code = field(repr=False, compare=False)

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
        return boolean(self._code((answers, current, choice)))


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
    tree = parse(source)
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


def _compile(node: Node) -> Code:
    arguments = tuple(map(_compile, node))
    name = node.name
    match node.label:
        case "variable":
            return lambda scope: seen(scope[0].get(name))
        case "column":
            return lambda scope: seen(scope[2].get(name))
        case "function":
            return FUNCTIONS[name][2](*arguments)
        case "operator":
            negation = len(arguments) == 1
            build = NEGATION if negation else OPERATORS[node.symbol][1]
            return build(*arguments)
    if node.symbol == ".":
        return current_answer
    value = node.text[1:-1] if node.symbol == "(string)" else float(node.text)
    return lambda _: value
