import json
import random
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surveys import AuthoringError, load, load_files

DEFINITION = Path(str(files("surveys"))) / "definitions" / "social_credit"
SHIPPED = {path.name: path.read_text() for path in sorted(DEFINITION.iterdir())}

CHOICES = """
choices:
  yes_no:
    - {name: yes, label: Yes}
    - {name: no, label: No}
    - {name: dk, label: Don't know, missing: dont_know}
"""
PAGES = """
pages:
  - name: first
    questions:
      - {type: select_one yes_no, name: owner, label: Do you own it?}
      - {type: integer, name: age, label: Your age}
  - name: second
    questions:
      - {type: text, name: why, label: Why?}
"""
GOOD = "title: A test\n" + CHOICES + PAGES


def one_question(text, more=""):
    return (
        f"title: A test\n{CHOICES}{more}\npages:\n  - name: first\n    questions:\n"
        + ("".join(f"      - {line}\n" for line in text.strip().splitlines()))
    )


def mistakes_of(make_survey, questionnaire, **more):
    with pytest.raises(AuthoringError) as caught:
        make_survey(questionnaire, **more)
    return str(caught.value)


def test_the_shipped_survey_loads_in_all_its_languages():
    survey = load(DEFINITION)
    assert survey.languages == ("en", "zh-Hans", "de", "it", "fr", "es", "ar")
    assert survey.draft_languages == set(survey.languages) - {"en"}
    assert survey.population.groupby("country")["population"].count().to_dict() == (
        dict.fromkeys(survey.study.countries, 11)
    )


def test_a_survey_can_be_loaded_again_from_its_files():
    survey = load(DEFINITION)
    again = load_files(survey.name, survey.files)
    assert again.version == survey.version
    assert again.to_json() == survey.to_json()


def test_another_wording_in_one_language_is_another_version():
    survey = load(DEFINITION)
    before = "A high rating"
    assert f'msgid "{before}"\nmsgstr "' in SHIPPED["de.po"]
    changed = SHIPPED["de.po"].replace(
        f'msgid "{before}"\nmsgstr "', f'msgid "{before}"\nmsgstr "x'
    )
    assert load_files(survey.name, {**SHIPPED, "de.po": changed}).version != (
        survey.version
    )


def test_plain_yes_no_and_numbers_stay_what_the_author_wrote(make_survey):
    survey = make_survey(GOOD)
    (choices,) = survey.questionnaire.choices.values()
    assert [choice.name for choice in choices] == ["yes", "no", "dk"]


CASES = {
    "unknown type": (
        "{type: select_on yes_no, name: a, label: A}",
        "page 'first', question 'a': there is no type 'select_on'; did you mean",
    ),
    "no list": (
        "{type: select_one, name: a, label: A}",
        "select_one needs a list of choices; write 'type: select_one name_of_list'",
    ),
    "unknown list": (
        "{type: select_one yes_noo, name: a, label: A}",
        "there is no list of choices 'yes_noo'; did you mean 'yes_no'?",
    ),
    "needless list": (
        "{type: integer yes_no, name: a, label: A}",
        "integer has no choices",
    ),
    "no label": ("{type: integer, name: a}", "'label' is missing; add it"),
    "unknown key": (
        "{type: integer, name: a, lable: A}",
        "there is no key 'lable' here; did you mean 'label'?",
    ),
    "bad name": ("{type: integer, name: 1a, label: A}", "'name' begins with a letter"),
    "missing name": ("{type: integer, label: A}", "question 1: 'name' is missing"),
    "required": (
        "{type: integer, name: a, label: A, required: true}",
        "nothing but consent is required",
    ),
    "reserved name": (
        "{type: integer, name: consent_age, label: A}",
        "the name 'consent_age' is reserved",
    ),
    "system name": ("{type: text, name: language, label: A}", "'language' is reserved"),
    "duplicate question": (
        "{type: integer, name: a, label: A}\n{type: text, name: a, label: A}",
        "the name 'a' is used by page 'first', question 'a' too",
    ),
    "battery variable taken": (
        "{type: integer, name: a_b, label: A}\n"
        "{type: battery yes_no, name: a, label: A, items: [{name: b, label: B}]}",
        "the name 'a_b' is used by page 'first', question 'a_b' too",
    ),
    "column of a choice taken": (
        "{type: integer, name: a_yes, label: A}\n"
        "{type: select_multiple yes_no, name: a, label: A}",
        "the name 'a_yes' is used by",
    ),
    "long column": (
        "{type: select_multiple yes_no, label: A, name: a" + "1" * 28 + "}",
        "characters, more than 32",
    ),
    "battery without items": (
        "{type: battery yes_no, name: a, label: A}",
        "battery needs items",
    ),
    "item twice": (
        "{type: battery yes_no, name: a, label: A,"
        " items: [{name: b, label: B}, {name: b, label: B}]}",
        "item 'b' comes 2 times",
    ),
    "item without label": (
        "{type: battery yes_no, name: a, label: A, items: [{name: b}]}",
        "item 'b' has no label",
    ),
    "sensitive item in a battery": (
        "{type: battery yes_no, name: a, label: A,"
        " items: [{name: b, label: B, sensitive: true}]}",
        "'sensitive' is for list_experiment",
    ),
    "list experiment": (
        "{type: list_experiment, name: a, label: A, items: [{name: b, label: B}]}",
        "0 items are sensitive; exactly one is",
        "1 other items; a list experiment needs at least 3",
    ),
    "rank with a missing choice": (
        "{type: rank yes_no, name: a, label: A}",
        "a rank has no missing choices",
    ),
    "filter on a column that is not there": (
        "{type: select_one yes_no, name: a, label: A, choice_filter: continent = 'EU'}",
        "'choice_filter' uses 'continent', which 2 of 3 choices",
    ),
    "constraint without message": (
        "{type: integer, name: a, label: A, constraint: . > 0}",
        "'constraint' and 'constraint_message' go together",
    ),
    "broken expression": (
        "{type: integer, name: a, label: A, relevant: '1 +'}",
        "'relevant': at the end",
    ),
    "bare name": (
        "{type: integer, name: a, label: A, relevant: yes = 'no'}",
        "'relevant' has the bare name yes",
    ),
    "current answer outside a constraint": (
        "{type: integer, name: a, label: A, relevant: . > 3}",
        "'relevant' has no current answer",
    ),
    "unknown variable": (
        "{type: integer, name: age, label: A}\n"
        "{type: integer, name: b, label: A, relevant: '${agee} > 3'}",
        "'relevant': there is no 'agee'; did you mean 'age'?",
    ),
    "same page": (
        "{type: integer, name: age, label: A}\n"
        "{type: integer, name: b, label: A, relevant: '${age} > 3'}",
        "asked on the same page",
        "move 'b' to a later page",
    ),
    "note has no answer": (
        "{type: note, name: hello, label: Hi}\n"
        "{type: integer, name: b, label: A, relevant: '${hello} > 3'}",
        "'hello' is a note and has no answer",
    ),
    "battery has no answer": (
        "{type: battery yes_no, name: a, label: A, items: [{name: b, label: B}]}\n"
        "{type: integer, name: c, label: A, constraint: '${a} > 3',"
        " constraint_message: m}",
        "'a' is a battery; use a_b",
    ),
    "calculations in a circle": (
        "{type: note, name: hello, label: Hi}\n"
        "{type: calculate, name: a, calculation: '${b} + 1'}\n"
        "{type: calculate, name: b, calculation: '${a} + 1'}",
        "calculations need each other",
        "→",
    ),
    "calculation before what it needs": (
        "{type: note, name: hello, label: Hi}\n"
        "{type: calculate, name: a, calculation: '${b} + 1'}\n"
        "{type: calculate, name: b, calculation: '1'}",
        "calculated after it; change the order",
    ),
    "calculate without calculation": (
        "{type: note, name: hello, label: Hi}\n{type: calculate, name: a}",
        "'calculation' is missing",
    ),
    "page that only calculates": (
        "{type: calculate, name: a, calculation: '1'}",
        "there is nothing to show",
    ),
    "unknown answer in a text": (
        "{type: integer, name: a, label: 'You are ${agee}'}",
        "'label': there is no 'agee'",
    ),
    "later answer in a text": (
        "{type: integer, name: a, label: 'You are ${b}'}\n"
        "{type: text, name: b, label: B}",
        "'label' shows 'b', asked on the same page",
    ),
    "answer in a message": (
        "{type: integer, name: a, label: A, constraint: . > 0,"
        " constraint_message: 'not ${a}'}",
        "take ${...} out",
    ),
    "html": (
        "{type: integer, name: a, label: 'A <b>bold</b> text'}",
        "a.label: holds a html inline",
    ),
    "image": (
        "{type: integer, name: a, label: '![x](https://example.org/x.png)'}",
        "holds a image",
    ),
    "randomized number": (
        "{type: integer, name: a, label: A, parameters: randomize=true}",
        "integer has nothing to randomize",
    ),
    "unknown parameter": (
        "{type: likert yes_no, name: a, label: A, parameters: randomize}",
        "'parameters' is one of",
    ),
}


@pytest.mark.parametrize(
    ("text", "words"), [(c[0], c[1:]) for c in CASES.values()], ids=CASES
)
def test_a_mistake_is_named_with_its_place_and_advice(make_survey, text, words):
    message = mistakes_of(make_survey, one_question(text))
    for word in words:
        assert word in message
    assert "questionnaire.yaml: " in message


WHOLE = {
    "calculation elsewhere": (
        GOOD.replace("label: Why?", "label: Why?, calculation: 1 + 1"),
        "only the type calculate has a 'calculation'",
    ),
    "calculated too late": (
        GOOD + "      - {type: calculate, name: c, calculation: '1'}\n"
        "      - {type: note, name: n, label: N, relevant: '${c} = 1'}\n",
        "'c', calculated when this page is submitted",
    ),
    "page about itself": (
        GOOD.replace("name: second", "name: second\n    relevant: ${why} = 'x'"),
        "'why', asked on this page itself; move the question to an earlier page",
    ),
    "answer in the title": (
        "title: About ${age}\n" + CHOICES + PAGES,
        "title: only labels and hints of pages, questions and items show answers",
    ),
    "two ways not to know": (
        GOOD.replace(
            "    - {name: dk,",
            "    - {name: x, label: X, missing: dont_know}\n    - {name: dk,",
        ),
        "2 choices are 'missing: dont_know'; only one can be",
    ),
    "choice named like a code": (
        GOOD.replace("name: no,", "name: refused,"),
        "the name 'refused' is kept for missing answers",
    ),
    "language twice": (
        GOOD + "languages: [en, en]\n",
        "languages: 'en' comes twice; take one out",
    ),
    "list of no list": (GOOD + "languages: en\n", "'languages' is a list"),
    "neither true nor false": (
        GOOD.replace("label: Why?", "label: Why?, required: perhaps"),
        "'required' is true or false",
    ),
    "choices without a list": (
        GOOD.replace("type: text", "type: text yes_no"),
        "text has no choices; take the list and 'choice_filter' out",
    ),
    "items without a battery": (
        GOOD.replace("label: Why?", "label: Why?, items: [{name: i, label: I}]"),
        "text has no items; take 'items' out",
    ),
    "duplicate key": (GOOD + "title: again\n", "line ", "the key 'title' comes twice"),
    "anchor": ("title: &a A\n" + CHOICES + PAGES, "anchors and aliases"),
    "alias bomb": (
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        "anchors and aliases",
    ),
    "deep": ("[" * 2000, "more than 20 deep"),
    "broken": ("title: [", "line 2, column 1: did not find"),
    "not a mapping": ("- a\n- b\n", "is written as 'key: value'"),
    "python object": ("!!python/object/apply:os.system [ls]", "is written as"),
    "control character": (GOOD.replace("Why?", '"\\0"'), "a character that is no text"),
    "empty": ("", "is written as 'key: value'"),
    "too large": ("#" * 1_000_001, "a file has at most 1,000,000"),
    "unused shuffle": (
        GOOD.replace("name: first\n", "name: first\n    shuffle: g\n"),
        "one page alone",
    ),
    "pages apart": (
        GOOD.replace("name: first\n", "name: first\n    shuffle: g\n")
        + "  - {name: c, shuffle: g, questions: [{type: text, name: c, label: C}]}\n",
        "its pages stand apart",
    ),
    "page twice": (GOOD.replace("name: second", "name: first"), "page 'first' comes 2"),
    "forward reference": (
        GOOD.replace("label: Your age", "label: Your age, relevant: \"${why} = 'x'\""),
        "'why', asked later, on page 'second'",
    ),
    "same shuffle group": (
        GOOD.replace("name: first\n", "name: first\n    shuffle: g\n").replace(
            "name: second\n", "name: second\n    shuffle: g\n    relevant: ${age} > 3\n"
        ),
        "same shuffle group",
    ),
    "choice without label": (GOOD.replace(", label: No}", "}"), "choice 'no': 'label'"),
    "choice twice": (GOOD.replace("{name: no,", "{name: yes,"), "choice 'yes' comes 2"),
    "kept code": (
        GOOD.replace("{name: no,", "{name: not_asked,"),
        "for missing answers",
    ),
    "exclusive": (
        GOOD.replace("label: No}", "label: No, exclusive: true}"),
        "'exclusive' is for select_multiple",
    ),
    "no such language": (GOOD + "languages: [en, klingon]\n", "no language 'klingon'"),
    "no English": (GOOD + "languages: [de]\n", "'en' is missing"),
    "one arm": (
        GOOD + "experiments: [{name: arm, label: L, arms: [{name: a, label: A}]}]\n",
        "experiment 'arm': 'arms' has too few entries",
    ),
    "experiment named as a question": (
        GOOD
        + "experiments: [{name: age, label: L,"
        + " arms: [{name: a, label: A}, {name: b, label: B}]}]\n",
        "the name 'age' is used by random assignment 'age' too",
    ),
}


@pytest.mark.parametrize(
    ("text", "words"), [(c[0], c[1:]) for c in WHOLE.values()], ids=WHOLE
)
def test_a_mistake_of_the_whole_file_is_named(make_survey, text, words):
    message = mistakes_of(make_survey, text)
    for word in words:
        assert word in message


STUDIES = {
    "quasi-identifier": ("quasi_identifiers: [agee]", "quasi_identifiers: there is no"),
    "sensitive": ("sensitive: [agee]", "did you mean 'age'?"),
    "labels": ("labels: {agee: Age}", "labels: there is no variable 'agee'"),
    "margin": ("margins: [[age]]", "margins: there is no question with choices 'age'"),
    "share": (
        "report: {headline: {outcome: owner, share_of: [si], label: L}, chart: owner}",
        "report, headline: there is no choice 'si'",
    ),
    "chart": (
        "report: {headline: {outcome: owner, share_of: [yes], label: L}, chart: age}",
        "report, chart: there is no question with choices 'age'",
    ),
    "arm effect": (
        "report: {headline: {outcome: owner, share_of: [yes], label: L}, chart: owner,"
        " arm_effect: {experiment: arm, reference: a, outcome: age, share_of: [yes]}}",
        "report, arm_effect: there is no experiment 'arm'",
    ),
    "count": (
        "report: {headline: {outcome: owner, share_of: [yes], label: L}, chart: owner,"
        " sensitive: {direct: owner, share_of: [yes], count: age}}",
        "there is no list experiment 'age'",
    ),
}


@pytest.mark.parametrize(("text", "word"), STUDIES.values(), ids=STUDIES)
def test_a_mistake_in_the_study_is_named(make_survey, text, word):
    message = mistakes_of(make_survey, GOOD, study=text + "\n")
    assert "study.yaml: " in message
    assert word in message


MARGINS = "margins: [[owner]]\n"
HEADER = "country,owner,population,source,year,status\n"
ROWS = [f"{c},{o},5,Office,2020,official" for c in ("DE", "GB") for o in ("yes", "no")]

POPULATIONS = {
    "columns": (HEADER.replace("owner", "ownr"), "the columns are country, owner"),
    "no rows": (HEADER, "margin owner has no rows"),
    "gap": (HEADER + "\n".join(ROWS[:-1]), "GB × no is missing"),
    "twice": (HEADER + "\n".join([*ROWS, ROWS[0]]), "DE × yes is given twice"),
    "country": (
        HEADER + "\n".join([*ROWS, ROWS[0].replace("DE", "UK")]),
        "line 6: country 'UK' is not among countries",
    ),
    "category": (
        HEADER + "\n".join([*ROWS, ROWS[0].replace("yes", "si")]),
        "'si' is no choice of owner",
    ),
    "count": (
        HEADER + "\n".join([*ROWS[1:], ROWS[0].replace("5", "-5")]),
        "more than 0",
    ),
    "infinite": (
        HEADER + "\n".join([*ROWS[1:], ROWS[0].replace("5", "inf")]),
        "than 0",
    ),
    "source": (
        HEADER + "\n".join([*ROWS[1:], ROWS[0].replace("Office", "")]),
        "source is empty",
    ),
    "year": (HEADER + "\n".join([*ROWS[1:], ROWS[0].replace("2020", "")]), "year is"),
    "status": (
        HEADER + "\n".join([*ROWS[1:], ROWS[0].replace("official", "true")]),
        "status is official or illustrative",
    ),
    "short row": (HEADER + "DE,yes", "2 values; the table has 6 columns"),
    "no margin": (
        HEADER + "\n".join([*ROWS, "DE,,5,Office,2020,official"]),
        "fill exactly the variables of one margin: owner",
    ),
}


@pytest.mark.parametrize(("text", "word"), POPULATIONS.values(), ids=POPULATIONS)
def test_a_mistake_in_the_population_is_named(make_survey, text, word):
    message = mistakes_of(make_survey, GOOD, study=MARGINS, population=text)
    assert "population.csv: " in message
    assert word in message


COUNTRIES = """\
  countries:
    - {name: DE, label: Germany}
    - {name: GB, label: United Kingdom}
"""


def test_margins_need_a_question_that_tells_the_countries(make_survey):
    text = HEADER + "\n".join(ROWS)
    message = mistakes_of(make_survey, GOOD, study=MARGINS, population=text)
    assert "study.yaml: margins: weights are fitted within countries; ask" in message


def test_a_population_without_mistakes_becomes_a_frame(make_survey):
    questionnaire = one_question(
        "{type: select_one countries, name: country, label: Where do you live?}\n"
        "{type: select_one yes_no, name: owner, label: Do you own it?}",
        COUNTRIES,
    )
    survey = make_survey(questionnaire, MARGINS, HEADER + "\n".join(ROWS))
    assert survey.population["population"].sum() == 20
    assert survey.population["owner"].to_list() == ["yes", "no", "yes", "no"]


def translation(texts, header=""):
    entries = [
        f'{mark}msgctxt "{context}"\nmsgid "{english}"\nmsgstr "{text}"\n'
        for mark, context, english, text in texts
    ]
    return "\n".join([f'msgid ""\nmsgstr ""\n"Language: de\\n"\n{header}', *entries])


GERMAN = [
    ("", "title", "A test", "Ein Test"),
    ("", "owner.label", "Do you own it?", "Besitzen Sie es?"),
    ("", "age.label", "Your age", "Ihr Alter"),
    ("", "why.label", "Why?", "Warum?"),
    ("", "choices.yes_no.yes.label", "Yes", "Ja"),
    ("", "choices.yes_no.no.label", "No", "Nein"),
    ("", "choices.yes_no.dk.label", "Don't know", "Weiß nicht"),
    ("", "study.asked_by", "An institute", "Ein Institut"),
    ("", "study.purpose", "A test", "Ein Test"),
    ("", "study.contact", "survey@example.org", "survey@example.org"),
    ("", "study.data_location", "Here", "Hier"),
    ("", "study.risk", "None", "Keins"),
    ("", "study.debrief", "Thank you", "Danke"),
]
BOTH = GOOD + "languages: [en, de]\n"


def changed(context, entry):
    return translation([entry if one[1] == context else one for one in GERMAN])


TRANSLATIONS = {
    "missing": (translation(GERMAN[:-1]), "study.debrief: the text is missing"),
    "empty": (
        changed("why.label", ("", "why.label", "Why?", "")),
        "why.label: the text",
    ),
    "fuzzy": (
        changed("why.label", ("#, fuzzy\n", "why.label", "Why?", "Warum?")),
        "is marked fuzzy",
    ),
    "stale": (
        changed("why.label", ("", "why.label", "Why not?", "Warum?")),
        "why.label: the text is of another English text",
    ),
    "other placeholder": (
        changed("why.label", ("", "why.label", "Why?", "${age}?")),
        "shows other answers",
    ),
    "markup": (
        changed("why.label", ("", "why.label", "Why?", "[Warum](x)?")),
        "holds a link",
    ),
    "many": (translation(GERMAN[:1]), "12 texts are not translated"),
    "damaged header": (
        'msgid ""\nmsgstr "Plural-Forms: nplurals=x; plural=x\\n"\n',
        "this is no PO file",
    ),
}


@pytest.mark.parametrize(("text", "word"), TRANSLATIONS.values(), ids=TRANSLATIONS)
def test_a_mistake_in_a_translation_is_named(make_survey, text, word):
    message = mistakes_of(make_survey, BOTH, de=text)
    assert "de.po: " in message
    assert word in message


@pytest.mark.parametrize("status", ["draft, awaits adjudication", "final"])
def test_a_translation_says_whether_it_is_a_draft(make_survey, status):
    header = f'"X-Translation-Status: {status}\\n"\n'
    survey = make_survey(BOTH, de=translation(GERMAN, header))
    assert survey.questionnaires["de"].title == "Ein Test"
    assert survey.questionnaires["de"].pages[1].questions[0].label == "Warum?"
    assert survey.studies["de"].debrief == "Danke"
    assert survey.questionnaire.title == "A test"
    assert survey.draft_languages == ({"de"} if status != "final" else set())


def test_languages_and_files_have_to_match(make_survey):
    assert "de.po: the file is missing" in mistakes_of(make_survey, BOTH)
    message = mistakes_of(make_survey, GOOD, de=translation(GERMAN))
    assert "'de' is not among the languages of questionnaire.yaml" in message


def test_all_mistakes_are_reported_at_once(make_survey):
    questionnaire = (
        GOOD.replace("Why?", "''")
        .replace("integer, name: age", "integr, name: age")
        .replace("label: No}", "label: No, lable: x}")
    )
    with pytest.raises(AuthoringError) as caught:
        make_survey(questionnaire, study="sensitive: [wy]\n", population="x")
    found = [(one.file, one.where) for one in caught.value.mistakes]
    assert found == [
        ("questionnaire.yaml", "choices 'yes_no', choice 'no'"),
        ("questionnaire.yaml", "page 'first', question 'age'"),
        ("questionnaire.yaml", "page 'second', question 'why'"),
        ("study.yaml", "sensitive"),
        ("population.csv", "line 1"),
    ]
    assert str(caught.value).startswith("5 mistakes:\n")


@pytest.mark.parametrize("name", ["Example", "1st", "a-b", "a" * 33, "../x", ""])
def test_the_name_of_a_survey_is_checked(name):
    with pytest.raises(AuthoringError, match="begin the name of the folder"):
        load_files(name, SHIPPED)


def test_a_folder_that_is_not_there_is_a_mistake(tmp_path):
    with pytest.raises(AuthoringError, match="give the folder of a survey"):
        load(tmp_path / "nothing")
    with pytest.raises(AuthoringError, match=r"questionnaire\.yaml: the file is"):
        load(tmp_path)


def test_wrong_bytes_are_a_mistake(tmp_path):
    folder = tmp_path / "example"
    folder.mkdir()
    (folder / "questionnaire.yaml").write_bytes(b"title: caf\xe9\n")
    (folder / "study.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(AuthoringError) as caught:
        load(folder)
    assert str(caught.value).count("save the file as UTF-8") == 2


KEYS = [
    *("title", "pages", "questions", "choices", "items", "name", "label", "type"),
    *("relevant", "experiments", "arms", "languages", "columns", "calculation"),
]
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=25,
)


def is_loaded_or_refused(files):
    """Whether the files make a survey or mistakes; any other error goes through."""
    try:
        return load_files("example", files).languages[0] == "en"
    except AuthoringError as refused:
        return len(refused.mistakes) > 0


@settings(max_examples=150, deadline=None)
@given(tree=TREES, study=TREES)
def test_no_tree_gives_a_traceback(tree, study):
    files = {"questionnaire.yaml": json.dumps(tree), "study.yaml": json.dumps(study)}
    assert is_loaded_or_refused(files)


@settings(max_examples=150, deadline=None)
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_give_a_traceback(content):
    text = content.decode("utf-8-sig", "surrogateescape")
    names = ["questionnaire.yaml", "study.yaml", "population.csv", "de.po"]
    assert is_loaded_or_refused(dict.fromkeys(names, text))


PIECES = [
    "",
    "\n",
    " ",
    "'",
    '"',
    ":",
    "${x}",
    "[",
    "- ",
    "{",
    "#",
    "\t",
    "0",
    "é",
    "%",
]


# One translation is enough to damage, and loads three times as fast as six.
BILINGUAL = {name: SHIPPED[name] for name in sorted(SHIPPED) if name[-3:] != ".po"}
BILINGUAL["de.po"] = SHIPPED["de.po"]
BILINGUAL["questionnaire.yaml"] = SHIPPED["questionnaire.yaml"].replace(
    "languages: [en, zh-Hans, de, it, fr, es, ar]", "languages: [en, de]"
)
DAMAGES = given(
    name=st.sampled_from(sorted(BILINGUAL)),
    seed=st.integers(0, 2**32),
    edits=st.lists(st.sampled_from(PIECES), min_size=1, max_size=4),
)


def is_damaged_without_a_traceback(name, seed, edits):
    chance = random.Random(seed)
    text = BILINGUAL[name]
    for piece in edits:
        at = chance.randrange(len(text))
        text = text[:at] + piece + text[at + chance.randrange(30) :]
    return is_loaded_or_refused({**BILINGUAL, name: text})


def test_the_survey_to_be_damaged_is_whole():
    assert load_files("example", BILINGUAL).languages == ("en", "de")


@settings(max_examples=20, deadline=None)
@DAMAGES
def test_no_damaged_file_gives_a_traceback(name, seed, edits):
    assert is_damaged_without_a_traceback(name, seed, edits)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@DAMAGES
def test_no_file_damaged_a_thousand_times_gives_a_traceback(name, seed, edits):
    assert is_damaged_without_a_traceback(name, seed, edits)


def test_a_wrong_value_in_the_study_hides_no_other_mistake(shipped):
    study = shipped.files["study.yaml"].replace("tier: T0", "tier: T7")
    study = study.replace("chart: side", "chart: sied")
    with pytest.raises(AuthoringError) as caught:
        load_files("social_credit", {**shipped.files, "study.yaml": study})
    text = str(caught.value)
    assert "'tier' is one of" in text
    assert "sied" in text
