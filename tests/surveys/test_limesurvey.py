import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from surveys import AuthoringError, ExpressionError
from surveys.expressions import compile_expression
from surveys.limesurvey import read_limesurvey
from surveys.limesurvey.markup import read_markup
from surveys.limesurvey.relevance import translate_relevance
from surveys.texts import find_markup

COLUMNS = ("class", "type/scale", "name", "relevance", "text", "help", "language")
EXTRA = ("mandatory", "other", "min_num_value_n", "max_num_value_n", "random_order")
SETTINGS = [
    ("S", "", "language", "", "en"),
    ("S", "", "additional_languages", "", "de"),
    ("SL", "", "surveyls_title", "", "Trains", "", "en"),
    ("SL", "", "surveyls_title", "", "Züge", "", "de"),
]
ENGLISH = [
    ("G", "G1", "About you", "1", "<p>A few facts.</p>", "", "en"),
    ("Q", "L", "country", "1", "<p>Where do you <b>live</b>?</p>", "", "en"),
    ("A", "0", "DE", "", "Germany", "", "en"),
    ("A", "0", "GB", "", "Britain", "", "en"),
    ("Q", "N", "age", "1", "How old\u2028are you?\n", 'In "years".', "en"),
    ("Q", "M", "uses", "1", "What do you use?", "", "en"),
    ("SQ", "0", "train", "", "Train", "", "en"),
    ("SQ", "0", "bus", "", "Bus", "", "en"),
    ("G", "G2", "Views", 'country.NAOK == "DE"', "", "", "en"),
    ("Q", "Y", "rides", "1", "Did you ride today?", "", "en"),
    ("Q", "F", "plans", "1", "And these plans?", "", "en"),
    ("SQ", "0", "trees", "", "More trees", "", "en"),
    ("SQ", "0", "trams", "", "More trams", "", "en"),
    ("A", "0", "A1", "", "Good", "", "en"),
    ("A", "0", "A2", "", "Bad", "", "en"),
    ("Q", "R", "order", "1", "Rank these", "", "en"),
    ("A", "0", "a", "", "Speed", "", "en"),
    ("A", "0", "b", "", "Price", "", "en"),
    ("Q", "X", "thanks", "1", "You are {age.shown}.", "", "en"),
    ("G", "G3", "Why", "1", "", "", "en"),
    ("Q", "T", "why", 'uses_train.NAOK == "Y" and rides == "Y"', "Why?", "", "en"),
]
WORDS = {
    "About you": "Über Sie",
    "<p>A few facts.</p>": "<p>Einige Angaben.</p>",
    "Germany": "Deutschland",
    "You are {age.shown}.": "Sie sind {age.shown}.",
}


def german(row):
    kind, scale, name, relevance, text, hint, _ = row
    text = WORDS.get(text, f"{text} (de)")
    name = WORDS.get(name, f"{name} (de)") if kind == "G" else name
    return (kind, scale, name, relevance, text, hint and f"{hint} (de)", "de")


def write(tmp_path, rows, extra=None):
    """A file as LimeSurvey writes it: byte-order mark, quotes doubled."""
    path = tmp_path / "limesurvey.txt"
    written = io.StringIO()
    table = csv.writer(written, delimiter="\t", lineterminator="\n")
    table.writerow([*COLUMNS, *EXTRA])
    for row in rows:
        more = (extra or {}).get(row[2], {}) if row[0] == "Q" else {}
        padded = [*row, *[""] * (len(COLUMNS) - len(row))]
        table.writerow([*padded, *(more.get(key, "") for key in EXTRA)])
    path.write_text(written.getvalue(), "utf-8-sig")
    return path


@pytest.fixture
def imported(tmp_path):
    rows = [*SETTINGS, *ENGLISH, *map(german, ENGLISH)]
    extra = {
        "age": {"min_num_value_n": "18", "max_num_value_n": "99", "mandatory": "Y"},
        "plans": {"random_order": "1"},
        "country": {"other": "Y"},
    }
    return read_limesurvey(write(tmp_path, rows, extra), "trains")


@pytest.fixture
def survey(imported, make_survey):
    files = dict(imported.files)
    # What LimeSurvey translates itself is for translators.
    german = files.pop("de.po")
    for english, translated in [
        ("Yes", "Ja"),
        ("No", "Nein"),
        ("Other", "Andere"),
        ("Please specify", "Welches?"),
        ("Please write a number that is at least 18 and at most 99.", "18 bis 99."),
    ]:
        german = german.replace(
            f'msgid "{english}"\nmsgstr ""', f'msgid "{english}"\nmsgstr "{translated}"'
        )
    study = "".join(
        f'msgctxt "study.{field}"\nmsgid "{english}"\nmsgstr "x"\n\n'
        for field, english in [
            ("asked_by", "An institute"),
            ("purpose", "A test"),
            ("contact", "survey@example.org"),
            ("data_location", "Here"),
            ("risk", "None"),
            ("debrief", "Thank you"),
        ]
    )
    return make_survey(files["questionnaire.yaml"], de=f"{german}\n{study}")


def test_what_limesurvey_wrote_becomes_a_survey_in_both_languages(survey):
    questions = {question.name: question for question in survey.questionnaire.questions}
    kinds = {name: question.kind for name, question in questions.items()}
    assert kinds == {
        "group_1_text": "note",
        "country": "select_one",
        "country_other": "text",
        "age": "integer",
        "uses": "select_multiple",
        "rides": "select_one",
        "plans": "battery",
        "order": "rank",
        "thanks": "note",
        "why": "text",
    }
    assert questions["country"].label == "Where do you **live**?"
    assert questions["age"].label == "How old are you?"
    assert questions["age"].hint == 'In "years".'
    assert questions["age"].constraint.source == ". >= 18 and . <= 99"
    assert questions["plans"].parameters == "randomize=true"
    assert questions["plans"].variables == ("plans_trees", "plans_trams")
    assert questions["thanks"].label == "You are ${age}."
    choices = survey.questionnaire.choices
    assert [choice.name for choice in choices["country"]] == ["DE", "GB", "other"]
    assert [choice.name for choice in choices["uses"]] == ["train", "bus"]
    german = survey.questionnaires["de"]
    assert german.title == "Züge"
    assert german.pages[0].label == "Über Sie"
    assert german.choices["country"][0].label == "Deutschland"
    assert german.pages[0].questions[0].label == "Einige Angaben."


def test_conditions_are_translated_and_hold_as_in_limesurvey(survey):
    pages = {page.label: page for page in survey.questionnaire.pages if page.label}
    assert pages["Views"].relevant.holds({"country": "DE"})
    assert not pages["Views"].relevant.holds({"country": "GB"})
    (why,) = [each for each in survey.questionnaire.questions if each.name == "why"]
    assert why.relevant.holds({"uses": ("train",), "rides": "Y"})
    assert not why.relevant.holds({"uses": ("bus",), "rides": "Y"})


def test_what_is_left_out_is_said(imported):
    (remark,) = [each for each in imported.remarks if "mandatory" in each]
    assert remark == "'mandatory' is left out: nothing but consent is required"


@pytest.mark.parametrize(
    ("equation", "expected"),
    [
        ("1", ""),
        ('((Q1.NAOK == "A1"))', "${Q1} = 'A1'"),
        ("Q1 eq 1 || Q2 ne 2", "${Q1} = 1 or ${Q2} != 2"),
        ("(a == 1 or b == 2) and c == 3", "(${a} = 1 or ${b} = 2) and ${c} = 3"),
        ("a - (b - c) gt 2 / d", "${a} - (${b} - ${c}) > 2 div ${d}"),
        ("(a + b) * 2 <= -c", "(${a} + ${b}) * 2 <= -${c}"),
        ("!is_empty(a.NAOK)", "not(${a} = '')"),
        ('m_x.NAOK != "Y"', "not(selected(${m}, 'x'))"),
        ('m_x == ""', "not(selected(${m}, 'x'))"),
        ("""a == "it's" """, '${a} = "it\'s"'),
        ("if(a == 1, b, c) lt 3", "if(${a} = 1, ${b}, ${c}) < 3"),
    ],
)
def test_a_relevance_equation_keeps_its_meaning(equation, expected):
    translated = translate_relevance(equation, {"m_x": ("m", "x")})
    assert translated == expected
    if expected:
        compile_expression(translated)


@pytest.mark.parametrize(
    ("equation", "message"),
    [
        ("regexMatch('/a/', b) == 1", "the function regexMatch() has no counterpart"),
        ("self.sum > 3", "self.sum has no counterpart"),
        ("a.shown == 'b'", "a.shown has no counterpart"),
        ("a == ", "a value is missing at the end"),
        ("(a == 1", "a ) is missing"),
        ("a == 1 b", "'b' cannot stand where it does"),
        ("a ~ b", "'~ b' is not understood"),
        ('m_x == "N"', "a box is ticked or not"),
        ("(" * 60 + "a" + ")" * 60, "more than 30 levels"),
    ],
)
def test_an_equation_without_counterpart_is_refused_by_name(equation, message):
    with pytest.raises(ExpressionError) as caught:
        translate_relevance(equation, {"m_x": ("m", "x")})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("Q", "D", "when", "1", "When?"), "type D (date and time) is not possible"),
        (("Q", "1", "dual", "1", "Dual"), "type 1 (array, dual scale)"),
        (("Q", "?", "odd", "1", "Odd"), "type '?' is not possible"),
        (("Q", "S", "a", "rand(1,2) == 1", "A"), "relevance: the function rand()"),
        (("Q", "X", "b", "1", "Today is {TODAY()}"), "{TODAY()} in a text"),
    ],
)
def test_what_has_no_counterpart_is_refused_by_question(tmp_path, row, message):
    path = write(tmp_path, [*SETTINGS[:1], ENGLISH[0], row])
    with pytest.raises(AuthoringError) as caught:
        read_limesurvey(path, "trains")
    assert f"question '{row[2]}': " in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "is not UTF-8"),
        (b"a,b\n1,2\n", "has no columns class"),
        (b"", "has no columns class"),
        (
            b"class\ttype/scale\tname\ttext\nS\t\tlanguage\tfr\n",
            "has no English text, only fr",
        ),
        (b"class\ttype/scale\tname\ttext\nS\t\tlanguage\ten\n", "has no group"),
    ],
)
def test_another_file_is_refused(tmp_path, content, message):
    path = tmp_path / "other.txt"
    path.write_bytes(content)
    with pytest.raises(AuthoringError, match=message):
        read_limesurvey(path, "trains")


@pytest.mark.parametrize(
    ("html", "text", "left_out"),
    [
        ("Plain 2 < 3", "Plain 2 \\< 3", []),
        ("<p>One</p>\r\n<p>Two &amp; three</p>", "One\n\nTwo & three", []),
        ("<ul><li>a</li><li><em>b</em></li></ul>", "- a\n- *b*", []),
        ('<img src="x"/>Look<script>evil()</script>', "Look", ["img", "script"]),
        ('<a href="http://example.org">Here</a>', "Here", ["a"]),
    ],
)
def test_html_becomes_the_markup_of_texts(html, text, left_out):
    assert read_markup(html) == (text, left_out)


PIECES = ["a", "m_x", ".NAOK", "1", "'Y'", "==", "!", "<", "&&", "or", "+", "-", "*"]
PIECES += ["(", ")", ",", "if(", "is_empty(", " ", '"', "/", "sum("]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_any_equation_is_translated_or_refused(equation):
    try:
        translated = translate_relevance(equation, {"m_x": ("m", "x")})
    except ExpressionError:
        return
    assert translated == "" or compile_expression(translated)


MARKUP = [
    "<p>",
    "</p>",
    "<b>",
    "</b>",
    "<li>",
    "<ul>",
    "</ul>",
    "<br/>",
    "a",
    " ",
    "1.",
]
MARKUP += [
    "*",
    "_",
    "`",
    "[x](y)",
    "&lt;",
    "#",
    ">",
    "-",
    "=",
    "~~~",
    "!",
    "\n",
    "<img>",
]


@given(st.lists(st.sampled_from(MARKUP), max_size=12).map("".join))
@example("a<br/>===")
@example("<p>---</p>")
@example("<p># a</p>")
def test_any_html_becomes_markup_that_a_survey_may_hold(html):
    text, _ = read_markup(html)
    assert list(find_markup(text)) == []
