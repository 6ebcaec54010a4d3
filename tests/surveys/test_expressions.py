"""Expressions: the values of XPath 1.0, the rules of ODK, and helpful errors."""

import math
import re
from collections import UserDict

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from surveys.errors import ExpressionError
from surveys.expressions import Answer, Expression, compile_expression

inf, nan = math.inf, math.nan

ANSWERS: dict[str, Answer] = {
    "age": 34,
    "income": 1250.5,
    "sex": "female",
    "code": "7",
    "uses": ("news", "maps"),
    "skipped": None,
}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        # values
        ("7", 7.0),
        ("007.50", 7.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("'it is'", "it is"),
        ('"it\'s"', "it's"),
        (r"'a\'", "a\\"),
        ("'${age}'", "${age}"),
        ("concat('${age} ', ${age}, \"${age}\")", "${age} 34${age}"),
        ("${age}", 34.0),
        ("${income}", 1250.5),
        ("${sex}", "female"),
        ("${uses}", "news maps"),
        ("${skipped}", ""),
        ("${absent}", ""),
        ("9" * 400, inf),
        # precedence and layout
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("10 - 3 - 2", 5.0),
        ("2 - -3", 5.0),
        ("--2", 2.0),
        ("-2 * 3 + 1", -5.0),
        ("1+\n\t2", 3.0),
        ("${age}-4", 30.0),
        ("${age} -4", 30.0),
        ("true() or true() and false()", True),
        ("1 = 1 > 2", False),
        ("3 > 2 > 1", False),
        ("(${age}>=18)and ${age}<35", True),
        # arithmetic
        ("7 div 2", 3.5),
        ("1 div 0", inf),
        ("-1 div 0", -inf),
        ("1 div -0", -inf),
        ("0 div 0", nan),
        ("5 mod 2", 1.0),
        ("5 mod -2", 1.0),
        ("-5 mod 2", -1.0),
        ("1.5 mod 0.5", 0.0),
        ("5 mod 0", nan),
        ("(1 div 0) mod 2", nan),
        ("5 mod (1 div 0)", 5.0),
        ("${code} + 1", 8.0),
        ("true() + true()", 2.0),
        ("${sex} + 1", nan),
        ("${skipped} + 1", nan),
        # comparisons convert as in XPath 1.0
        ("${code} = 7", True),
        ("${code} = '7.0'", False),
        ("'07' = 7", True),
        ("'b' > 'a'", False),
        ("'10' > '9'", True),
        ("true() = 'anything'", True),
        ("true() = 2", True),
        ("false() = ''", True),
        ("true() > false()", True),
        ("${skipped} = ''", True),
        ("${absent} = ''", True),
        ("${skipped} = 0", False),
        ("${skipped} != 0", True),
        ("${skipped} < 1", False),
        ("${skipped} >= 0", False),
        ("not(${skipped} >= 0)", True),
        ("(0 div 0) = (0 div 0)", False),
        ("(0 div 0) != (0 div 0)", True),
        # and, or, if
        ("1 and 'a'", True),
        ("0 or ''", False),
        ("0 div 0 or ''", False),
        ("if(${age} >= 18, 'adult', 'minor')", "adult"),
        ("if(${skipped}, 'yes', 2)", 2.0),
        # strings and numbers
        ("number(' -1.5 ')", -1.5),
        ("number('1e3')", nan),
        ("number('+1')", nan),
        ("number('- 1')", nan),
        ("number('.')", nan),
        ("number('inf')", nan),
        ("number('1_000')", nan),
        ("number('\u0663')", nan),
        ("number('')", nan),
        ("number(true())", 1.0),
        ("string(1.0)", "1"),
        ("string(-0)", "0"),
        ("string(0.1)", "0.1"),
        ("string(1 div 3)", "0.3333333333333333"),
        ("string(0.0000001)", "0.0000001"),
        ("string(100000000000000000000000)", "99999999999999991611392"),
        ("string(0 div 0)", "NaN"),
        ("string(-1 div 0)", "-Infinity"),
        ("string(1 div 0)", "Infinity"),
        ("string(1 = 1)", "true"),
        ("string(1 = 2)", "false"),
        ("string-length('\u80cc\u666f')", 2.0),
        ("string-length(${age})", 2.0),
        ("string-length(${absent})", 0.0),
        ("concat('a')", "a"),
        ("concat('a', 1, true())", "a1true"),
        # choices
        ("selected(${uses}, 'news')", True),
        ("selected(${uses}, ' maps ')", True),
        ("selected(${uses}, 'new')", False),
        ("selected(${uses}, 'news maps')", False),
        ("selected(${uses}, '')", False),
        ("selected(${absent}, '')", False),
        ("selected(${age}, 34)", True),
        ("count-selected(${uses})", 2.0),
        ("count-selected(${uses})-1", 1.0),
        ("count-selected(${absent})", 0.0),
        # blanks
        ("coalesce(${skipped}, ${age})", 34.0),
        ("coalesce(${sex}, ${age})", "female"),
        ("coalesce(0, 1)", 0.0),
        ("coalesce(${skipped}, ${absent})", ""),
        ("min(3, ${absent}, '2')", 2.0),
        ("max(-3, ${absent}, -2)", -2.0),
        ("min(${absent}, ${sex})", nan),
        ("max(${absent})", nan),
        ("sum(1, ${absent}, '2')", 3.0),
        ("sum(${absent})", 0.0),
        # rounding
        ("round(2.5)", 3.0),
        ("round(-2.5)", -2.0),
        ("round(-0.2)", -0.0),
        ("round(0.49999999999999994)", 0.0),
        ("round(4503599627370497.5)", 4503599627370498.0),
        ("round(1.005, 2)", 1.01),
        ("round(-1.005, 2)", -1.0),
        ("round(1250, -2)", 1300.0),
        ("round(1.25, 1.9)", 1.3),
        ("round(1.5, 9999999)", 1.5),
        ("round(1.5, -9999999)", 0.0),
        ("round(1 div 0)", inf),
        ("round(${absent})", nan),
        ("int(2.9)", 2.0),
        ("int(-2.9)", -2.0),
        ("int(${absent})", nan),
        ("int(1 div 0)", inf),
    ],
)
def test_value(source: str, value: object) -> None:
    result = compile_expression(source).evaluate(ANSWERS)
    assert repr(result) == repr(value)


@pytest.mark.parametrize(
    ("source", "current", "holds"),
    [
        (". >= 18 and . <= 120", 34, True),
        (". >= 18 and . <= 120", 17, False),
        (". >= 18", None, False),
        (".=5", 5, True),
        (".5 = .", 0.5, True),
        ("count-selected(.) <= 2 or selected(., 'none')", ("a", "b", "c"), False),
        ("once('x') = 'kept'", "kept", True),
        ("once('x') = 'x'", None, True),
        (".", "", False),
        (".", "false", True),
        (".", 0, False),
        (".", nan, False),
        (".", 10**400, True),
        (". < 0", -(10**400), True),
    ],
)
def test_current_answer(source: str, current: Answer, holds: bool) -> None:
    expression = compile_expression(source)
    assert expression.uses_current
    assert expression.holds({}, current=current) is holds


def test_what_an_expression_refers_to() -> None:
    expression = compile_expression("country = ${country} or selected(${open}, name)")
    assert expression.names == {"country", "open"}
    assert expression.columns == {"country", "name"}
    assert not expression.uses_current
    assert compile_expression("'.' = '${a} b'").names == set()
    assert not compile_expression("'.' = 'once(1)'").uses_current


def test_bare_names_are_columns_of_the_choice() -> None:
    expression = compile_expression("country = ${country} and name != 'berlin'")
    assert expression.holds(
        {"country": "DE"}, choice={"country": "DE", "name": "hamburg"}
    )
    assert not expression.holds(
        {"country": "CN"}, choice={"country": "DE", "name": "hamburg"}
    )
    assert not expression.holds({"country": "DE"})


def test_equal_when_written_alike() -> None:
    assert compile_expression("${a} = 1") == compile_expression("${a} = 1")
    assert len({compile_expression("${a} = 1"), compile_expression("${a} = 1")}) == 1
    assert compile_expression("${a} = 1") != compile_expression("${a}=1")


class Watched(UserDict[str, Answer]):
    """Answers that remember which of them were looked at."""

    def __init__(self, **answers: Answer) -> None:
        super().__init__(answers)
        self.seen: list[str] = []

    def __getitem__(self, name: str) -> Answer:
        self.seen.append(name)
        return super().__getitem__(name)


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("${no} and ${yes}", ["no"]),
        ("${yes} or ${no}", ["yes"]),
        ("if(${yes}, 1, ${no})", ["yes"]),
        ("if(${no}, ${yes}, 2)", ["no"]),
        ("coalesce(${yes}, ${no})", ["yes"]),
        ("${yes} and ${no} and ${yes}", ["yes", "no"]),
    ],
)
def test_what_does_not_matter_is_not_evaluated(source: str, seen: list[str]) -> None:
    answers = Watched(yes=1, no=0)
    compile_expression(source).evaluate(answers)
    assert answers.seen == seen


# XPath 1.0 as libxml2 evaluates it. Numbers are turned into strings only where both
# write them alike: libxml2 keeps 15 digits and writes 1e+10, against the standard.

NUMBERS = st.sampled_from(["0", "1", "2", "2.5", ".25", "10", "100", "${n}", "${m}"])
NOT_FINITE = st.sampled_from(["(0 div 0)", "(1 div 0)", "(-1 div 0)"])
STRINGS = st.sampled_from(["''", "'a'", '"1"', "' 2.5 '", "'-3'", "${t}", "${u}"])
TRUTHS = st.sampled_from(["true()", "false()"])


def _extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(
        ["or", "and", "=", "!=", "<", "<=", ">", ">=", "+", "-", "*", "div", "mod"]
    )
    return st.one_of(
        st.tuples(inner, operators, inner).map(" ".join),
        st.builds("({})".format, inner),
        st.builds("- {}".format, inner),
        st.builds("{}({})".format, st.sampled_from(["not", "number", "round"]), inner),
    )


TEXTS = st.recursive(
    st.one_of(
        STRINGS, st.builds("string({})".format, NUMBERS | NOT_FINITE | TRUTHS | STRINGS)
    ),
    lambda inner: st.builds("concat({}, {})".format, inner, inner | NUMBERS | TRUTHS),
    max_leaves=4,
)
EXPRESSIONS = st.recursive(
    st.one_of(NUMBERS, NOT_FINITE, TRUTHS, TEXTS)
    | st.builds("string-length({})".format, TEXTS),
    _extend,
    max_leaves=12,
)
ROOT = etree.XML("<root/>")


@given(
    source=EXPRESSIONS,
    n=st.integers(-1000, 1000),
    m=st.integers(-4000, 4000).map(lambda quarters: quarters / 4),
    t=st.none() | st.text(" 0123.-ab", max_size=5),
    u=st.lists(st.sampled_from(["a", "b", "1"]), max_size=3).map(tuple),
)
@example("1 - 2 - 3 * 4 mod 5 div 6", 0, 0.0, None, ())
@example("'a' = 'b' != ${t} < ${u} + 1 and - ${n} or ${m}", 1, 0.25, "a", ("a",))
def test_agrees_with_xpath(
    source: str, n: int, m: float, t: str | None, u: tuple[str, ...]
) -> None:
    xpath = etree.XPath(re.sub(r"[{}]", "", source), smart_strings=False)
    expected = xpath(ROOT, n=float(n), m=m, t=t or "", u=" ".join(u))
    result = compile_expression(source).evaluate({"n": n, "m": m, "t": t, "u": u})
    assert repr(result) == repr(expected)


# Errors


@pytest.mark.parametrize(
    ("source", "place", "words"),
    [
        ("", "at the end", "value"),
        (" \n ", "at the end", "value"),
        ("${age} >", "at the end", "value"),
        ("selected(${uses}, 'a'", "at the end", ")"),
        ("${age} >> 18 and (", "column 9", ">"),
        ("${age} = 1 2", "column 12", "2 cannot stand here; a value or an operator"),
        ("1 and and 2", "column 7", "and cannot stand here; it needs a value on each"),
        ("${a}>=18and 1", "column 9", "spaces around"),
        ("${age} == 1", "column 9", "a single ="),
        ("1 = 1)", "column 6", ")"),
        ("max(1,)", "column 7", ")"),
        ("max(,1)", "column 5", ","),
        ("1e5", "column 2", "e5"),
        ("+1", "column 1", "+"),
        ("\u0663 = 3", "column 1", "\u0663"),
        ("1 = 1 and\n  ${a} ! 2", "line 2, column 8", "!= or not()"),
        ("$age > 18", "column 1", "${name}"),
        ("${age > 18", "column 1", "${name}"),
        ("1 = ${a-b}", "column 5", "${a-b} is no variable"),
        ("${1a}", "column 1", "${1a} is no variable"),
        ("${$a}", "column 1", "${$a} is no variable"),
        ("${ a }", "column 1", "${ a } is no variable"),
        ("${}", "column 1", "${} is no variable"),
        ("${na\u00efve}", "column 1", "letters from A to Z"),
        ("'abc", "column 1", "not closed"),
        ('1 = "abc', "column 5", "not closed"),
        ("\u201ca\u201d = 1", "column 1", "quotation marks"),
        ("/data/age", "column 1", "paths"),
        ("../age", "column 2", "paths"),
        ("data/age", "column 5", "paths"),
        ("//age", "column 1", "paths"),
        ("${a}[1]", "column 5", "brackets"),
        ("@id", "column 1", "attributes"),
        ("child::age", "column 6", "axes"),
        ("jr:choice-name(1)", "column 3", "prefixes"),
        ("(: why :) 1", "column 2", "comments"),
        ("${a} | ${b}", "column 6", "write or"),
        ("${a} && ${b}", "column 6", "write and"),
        ("*", "column 1", "*"),
        ("true = 1", "column 1", "write true()"),
        ("1 = regex(., 'a+')", "column 5", "there is no function regex()"),
        ("text()", "column 1", "there are coalesce, concat, count-selected, false, if"),
        ("selected(${a})", "column 1", "selected() takes 2 arguments, not 1"),
        ("1 + not()", "column 5", "not() takes 1 argument, not 0"),
        ("true(1)", "column 1", "true() takes no arguments, not 1"),
        ("round(1, 2, 3)", "column 1", "round() takes 1 or 2 arguments, not 3"),
        ("concat()", "column 1", "concat() takes 1 or more arguments, not 0"),
        ("if(1, 2)", "column 1", "if() takes 3 arguments, not 2"),
        ("(" * 33 + "1" + ")" * 33, "column 33", "32 levels"),
        ("(" * 1_999, "column 33", "32 levels"),
        ("-" * 1_999 + "1", "column 33", "32 levels"),
        ("not(" * 33 + "1" + ")" * 33, "column 132", "32 levels"),
        ("1" + " + 1" * 250, "501 values", "at most 500"),
        ("(" * 5_000, "5,000 characters", "at most 2,000"),
        ("1" + " " * 2_000, "2,001 characters", "at most 2,000"),
    ],
)
def test_error(source: str, place: str, words: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(source)
    message = str(caught.value)
    assert message.startswith(place)
    assert words in message
    assert len(message) < 300


@pytest.mark.parametrize(
    "source",
    [
        "(" * 32 + "1" + ")" * 32,
        "-" * 32 + "1",
        "not(" * 32 + "1" + ")" * 32,
        "1" + " + 1" * 249,
        "1" + " " * 1_999,
        "1 or 1 and 1 = 1 < 1 + 1 * (" * 31 + "1" + ")" * 31,
    ],
)
def test_up_to_the_limits(source: str) -> None:
    assert compile_expression(source).holds({})


def test_errors_shorten_what_they_quote() -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression("1 = 1 '" + "secret " * 100 + "'")
    assert str(caught.value).count("secret") < 4


CALLS = "not( if( min( round( once( selected( count-selected( coalesce( true() nope("
SOUP = st.lists(
    st.sampled_from(
        [*"$a.1(),+-*/[]@:=<>!|{}#\\'\"\n\0\u2028\u80cc", *CALLS.split(" ")]
    )
    | st.sampled_from(["${", "${a}", "'a'", "and", "or", "div", "mod", "<=", "!="])
)


def _compiled(source: str) -> Expression | None:
    try:
        return compile_expression(source)
    except ExpressionError:
        return None


@given(source=st.text() | SOUP.map("".join) | SOUP.map(" ".join))
@example("\ud800")
@example("-" * 2_000)
@example("(" * 2_000)
@example("1<" * 1_000)
@example("not(" * 500)
@example("\u00b2")
def test_any_text_compiles_or_explains(source: str) -> None:
    expression = _compiled(source)
    if expression is not None:
        assert isinstance(expression.evaluate({}), str | float | bool)


@given(
    source=EXPRESSIONS,
    wrapper=st.sampled_from(
        ["int({})", "round({}, {})", "sum({}, {})", "min({})", "selected({}, {})"]
    ),
    answers=st.fixed_dictionaries(
        {
            "n": st.floats() | st.integers() | st.just(10**400),
            "m": st.none() | st.floats(),
            "t": st.text(),
            "u": st.lists(st.text()).map(tuple),
        }
    ),
)
def test_any_answers_give_a_value(
    source: str, wrapper: str, answers: dict[str, Answer]
) -> None:
    value = compile_expression(wrapper.replace("{}", source)).evaluate(answers)
    assert isinstance(value, float | bool)
