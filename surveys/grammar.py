"""The grammar of expressions: from a text to a tree, or what is wrong and where."""

import math
import re

from elementpath.tdop import ParseError, Parser, Token

from .errors import ExpressionError
from .operations import FUNCTIONS, NEGATION_POWER, OPERATORS

MAX_DEPTH = 32

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


def parse(source: str) -> "Node":
    """Read an expression as a tree.

    Parameters
    ----------
    source
        As for `compile_expression`.

    Returns
    -------
    Node
        The root; iterating over a node gives its operands or arguments.

    Raises
    ------
    ExpressionError

    Examples
    --------
    >>> [node.symbol for node in parse("1 + ${children}").iter()]
    ['(integer)', '+', '(name)']
    """
    try:
        return Grammar().parse(source)
    except ParseError as error:
        raise ExpressionError(str(error)) from None


class Node(Token["Node"]):
    """A token, and once parsed the root of its part of the tree."""

    parser: "Grammar"

    @property
    def text(self) -> str:
        """As it is written."""
        return self.parser.source[slice(*self.span)]

    @property
    def name(self) -> str:
        """Of a variable, column or function."""
        return self.text.strip("${}")

    def wrong_syntax(self, message: str | None = None) -> ParseError:
        """Say what is wrong, where, and what to write instead."""
        line, column = self.position
        place = f"column {column}" if line == 1 else f"line {line}, column {column}"
        if self.symbol == "(end)":
            place, message = "at the end", "a value or ) is missing"
        elif message is None:
            text = self.text if len(self.text) <= 20 else f"{self.text[:20]}…"
            message = f"{text} cannot stand here; {_ADVICE.get(self.text, _MISSING)}"
        return ParseError(f"{place}: {message}")


class Grammar(Parser[Node]):
    """Precedence parser of XPath 1.0 without paths."""

    token_base_class = Node  # type: ignore[assignment]
    literals_pattern = re.compile(r"""'[^']*'|"[^"]*"|[0-9]+(?:\.[0-9]*)?|\.[0-9]+""")
    name_pattern = re.compile(r"\$\{[^{}]*\}|[^\W\d][\w.-]*")
    depth = 0

    def operand(self, power: int = 0) -> Node:
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

    def arguments(self) -> list[Node]:
        """Parse what stands between the parentheses of a function."""
        arguments: list[Node] = []
        if self.next_token.symbol != ")":
            arguments.append(self.operand())
            while self.next_token.symbol == ",":
                self.advance()
                arguments.append(self.operand())
        self.advance(")")
        return arguments


def _read_name(self: Node) -> Node:
    if self.text.startswith("$"):
        self.label = "variable"
        if not re.fullmatch(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}", self.text):
            raise self.wrong_syntax(
                f"{self.text[:40]} is no variable; a name has letters from A to Z,"
                " digits and _, and begins with a letter or _"
            )
    elif self.parser.next_token.symbol != "(":
        self.label = "column"
        if self.text in FUNCTIONS:
            raise self.wrong_syntax(f"{self.text} is a function; write {self.text}()")
    elif self.text not in FUNCTIONS:
        raise self.wrong_syntax(
            f"there is no function {self.text[:40]}(); there are"
            f" {', '.join(sorted(FUNCTIONS))}"
        )
    else:
        self.label = "function"
        self.parser.advance()
        self[:] = self.parser.arguments()
        fewest, most, _ = FUNCTIONS[self.text]
        if not fewest <= len(self) <= most:
            raise self.wrong_syntax(
                f"{self.text}() takes {_counted(fewest, most)}, not {len(self)}"
            )
    return self


def _read_parentheses(self: Node) -> Node:
    token = self.parser.operand()
    self.parser.advance(")")
    return token


def _read_negation(self: Node) -> Node:
    self[:] = (self.parser.operand(NEGATION_POWER),)
    return self


def _counted(fewest: int, most: float) -> str:
    if fewest == most:
        return "1 argument" if fewest == 1 else f"{fewest or 'no'} arguments"
    return f"{fewest} or {'more' if most == math.inf else most} arguments"


for _symbol in ("(string)", "(integer)", "(decimal)", "."):
    Grammar.literal(_symbol)
for _symbol, (_power, _) in OPERATORS.items():
    Grammar.infix(_symbol, _power)
Grammar.register("-", nud=_read_negation)
Grammar.register("(", nud=_read_parentheses)
Grammar.register("(name)", nud=_read_name)
Grammar.register(",")
Grammar.register(")")
Grammar.build()
