import json
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest
import xlsxwriter
from babel.messages.pofile import read_po

from surveys import AuthoringError, load, load_files
from surveys.xlsform import read_xlsform, write_xlsform
from surveys.xlsform.workbook import MAX_BYTES, read_workbook

EVERY_TYPE = Path(__file__).parents[1] / "api" / "definitions" / "every_type"
SHIPPED = files("surveys") / "definitions" / "social_credit"


@pytest.fixture
def workbook(tmp_path):
    """Write a form as authors do: a list of rows for each sheet."""

    def write(survey, choices=(), settings=(), name="form.xlsx"):
        path = tmp_path / name
        with xlsxwriter.Workbook(path) as book:
            sheets = {"survey": survey, "choices": choices, "settings": settings}
            for title, rows in sheets.items():
                sheet = book.add_worksheet(title)
                head = list(dict.fromkeys(key for row in rows for key in row))
                sheet.write_row(0, 0, head)
                for at, row in enumerate(rows, start=1):
                    sheet.write_row(at, 0, [row.get(key, "") for key in head])
        return path

    return write


def rows(columns, *cells):
    return [
        dict(zip(columns.split("|"), row.split("|"), strict=False)) for row in cells
    ]


def survey_of(imported, study):
    """Load what was imported with a study around it."""
    return load_files("example", {**imported.files, **study})


@pytest.fixture
def study(make_survey):
    made = make_survey(
        "title: a\npages: [{name: a, questions: [{type: note, name: a, label: b}]}]"
    )
    return {name: made.files[name] for name in ("study.yaml", "population.csv")}


@pytest.mark.parametrize("folder", [SHIPPED, EVERY_TYPE], ids=["shipped", "every_type"])
def test_a_questionnaire_comes_back_without_loss_in_every_language(folder, tmp_path):
    survey = load(folder)
    write_xlsform(survey, tmp_path / "form.xlsx")
    imported = read_xlsform(tmp_path / "form.xlsx", survey.name)
    assert imported.remarks == []
    study_texts = {
        language: survey.files[f"{language}.po"]
        for language in survey.languages
        if language != "en"
    }
    contents = dict(survey.files) | imported.files
    for language, old in study_texts.items():
        own = [
            m for m in read_po(old.splitlines(True)) if "study." in (m.context or "")
        ]
        contents[f"{language}.po"] += "".join(
            f"\nmsgctxt {json.dumps(m.context)}\nmsgid {quoted(m.id)}\n"
            f"msgstr {quoted(m.string)}\n"
            for m in own
        )
    again = load_files(survey.name, contents)
    assert again.to_json() == survey.to_json()
    assert again.version == survey.version


def quoted(text):
    return json.dumps(text, ensure_ascii=False)


def test_other_software_accepts_what_is_written(tmp_path):
    write_xlsform(load(SHIPPED), tmp_path / "form.xlsx")
    assert read_workbook(tmp_path / "form.xlsx").problem == ""


LANGUAGES = "type|name|label::English (en)|label::中文 (zh-Hans)|relevant|choice_filter"


def test_a_form_as_authors_write_it(workbook, study):
    form = workbook(
        rows(
            LANGUAGES,
            "start|start",
            "deviceid|deviceid",
            "begin group|you|About you|关于您",
            "select_one yes_no|smokes|Do you smoke?|您吸烟吗？",
            "integer|cigarettes|How many a day?|每天几支？|${smokes} = '1'",
            "begin_group|inner|Others|其他人|${smokes} = '1'",
            "select_multiple brands or_other|brands|Which?|哪些？",
            "end_group|",
            "end group|",
            "select_one province|province|Where?|哪里？",
            "select_one city|city|Which city?|哪个城市？||province = ${province}",
            "calculate|twice||",
        )[:-1],
        rows(
            "list_name|name|label::English (en)|label::中文 (zh-Hans)|province",
            "yes_no|1|Yes|是",
            "yes_no|0|No|否",
            "brands|a|Brand A|甲",
            "province|north|North|北",
            "province|south|South|南",
            "city|x|X-town|某城|north",
            "city|y|Y-town|另城|south",
        ),
        [{"form_title": "Smoking", "form_id": "smoking", "style": "pages"}],
    )
    imported = read_xlsform(form, "example")
    assert any("'start' is left out" in each for each in imported.remarks)
    assert any("group 'inner' within a group" in each for each in imported.remarks)
    imported.files["zh-Hans.po"] = "\n".join(
        [imported.files["zh-Hans.po"].replace('msgstr ""\n\n', 'msgstr "某"\n\n')]
    )
    with pytest.raises(AuthoringError) as caught:
        survey_of(imported, study)
    missing = str(caught.value)
    assert "Traceback" not in missing
    # Only what a form cannot hold is left to translate: the study, and what is added.
    assert "study." in missing
    english = {
        **imported.files,
        "questionnaire.yaml": imported.files["questionnaire.yaml"].replace(
            "- zh-Hans\n", ""
        ),
    }
    del english["zh-Hans.po"]
    survey = load_files("example", {**english, **study})
    pages = {page.name: page for page in survey.questionnaire.pages}
    assert {
        name: [each.name for each in page.questions] for name, page in pages.items()
    } == {
        "you": ["smokes"],
        "you_2": ["cigarettes", "inner", "brands"],
        "you_3": ["brands_specify"],
        "province": ["province"],
        "city": ["city"],
    }
    assert any("'you' became 3 pages" in each for each in imported.remarks)
    you = {each.name: each for each in survey.questionnaire.questions}
    assert you["inner"].kind == "note"
    assert you["brands"].relevant.source == "${smokes} = '1'"
    assert you["brands_specify"].relevant.source == (
        "(${smokes} = '1') and (selected(${brands}, 'other'))"
    )
    brands = survey.questionnaire.choices_of(you["brands"])
    assert [choice.name for choice in brands] == ["a", "other"]
    city = pages["city"].questions[0]
    assert city.choice_filter.source == "province = ${province}"
    assert survey.questionnaire.choices_of(city)[0].columns == {"province": "north"}


def test_randomized_choices_and_what_is_left_out(workbook, study):
    form = workbook(
        rows(
            "type|name|label|required|parameters|appearance",
            "select_one side|side|Which?|yes|randomize=true, seed=42",
            "select_one side|scale|How much?|true()||likert",
        ),
        rows("list_name|name|label", "side|left|Left", "side|right|Right"),
    )
    imported = read_xlsform(form, "example")
    assert any("seeds of 'randomize'" in each for each in imported.remarks)
    survey = survey_of(imported, study)
    first, second = survey.questionnaire.questions
    assert any("'required' is left out" in each for each in imported.remarks)
    assert first.parameters == "randomize=true"
    assert (second.type, second.appearance) == ("likert side", "")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("begin_repeat|child|Child", "repeat 'child': repeats are not possible"),
        ("geopoint|place|Where?", "question 'place': type 'geopoint' is not possible"),
        ("image|photo|Picture?", "type 'image' is not possible"),
        ("select_one_from_file a.csv|x|X?", "is not possible"),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name(workbook, row, message):
    after = ["end_repeat"] if row.startswith("begin_repeat") else []
    form = workbook(
        rows("type|name|label", "text|first|First?", row, "text|last|L?", *after)
    )
    with pytest.raises(AuthoringError) as caught:
        read_xlsform(form, "example")
    assert message in str(caught.value)


def test_every_mistake_is_reported_at_once(workbook):
    form = workbook(
        rows(
            "type|name|label::English (en)|label::Elvish",
            "image|photo|Picture?|x",
            "text|only_here||y",
        )
    )
    with pytest.raises(AuthoringError) as caught:
        read_xlsform(form, "example")
    text = str(caught.value)
    assert "type 'image' is not possible" in text
    assert "column 'label::Elvish' does not say its language" in text


def test_what_pyxform_refuses_is_said_in_its_words(workbook):
    form = workbook(rows("type|name|label|relevant", "text|a|A?|${nobody} = 1"))
    with pytest.raises(AuthoringError, match=r"pyxform says: .*nobody"):
        read_xlsform(form, "example")


def test_an_expression_that_cannot_be_compiled_names_its_question(workbook, study):
    form = workbook(rows("type|name|label|constraint", "text|a|A?|regex(., 'x')"))
    with pytest.raises(AuthoringError, match=r"question 'a'.*regex"):
        survey_of(read_xlsform(form, "example"), study)


def packed(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


BOOK = {"xl/workbook.xml": "<workbook/>"}
HUGE = '<worksheet><dimension ref="A1:XFD1048576"/></worksheet>'
DANGEROUS = {
    "macros": ({**BOOK, "xl/vbaProject.bin": "x"}, "holds macros"),
    "links": ({**BOOK, "xl/externalLinks/externalLink1.xml": "x"}, "links to other"),
    "dimensions": ({**BOOK, "xl/worksheets/sheet1.xml": HUGE}, "more than 20,000 rows"),
    "bomb": ({**BOOK, "xl/worksheets/sheet1.xml": "0" * 3 * 10**7}, "unpacks to"),
    "members": ({**BOOK, **{f"xl/{at}": "" for at in range(300)}}, "unpacks to"),
    "another zip": ({"word/document.xml": "x"}, "is no .xlsx workbook"),
}


@pytest.mark.parametrize("danger", DANGEROUS)
def test_a_dangerous_file_is_refused_before_it_is_parsed(tmp_path, danger):
    members, message = DANGEROUS[danger]
    path = packed(tmp_path / "form.xlsx", **members)
    with pytest.raises(AuthoringError, match=message):
        read_workbook(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no zip", "is no .xlsx workbook"),
        (b"", "is no .xlsx workbook"),
        (b"x" * (MAX_BYTES + 1), "a form has at most"),
    ],
)
def test_what_is_no_workbook_is_refused(tmp_path, content, message):
    path = tmp_path / "form.xlsx"
    path.write_bytes(content)
    with pytest.raises(AuthoringError, match=message):
        read_workbook(path)
    with pytest.raises(AuthoringError, match="cannot be read"):
        read_workbook(tmp_path / "absent.xlsx")


def test_a_file_that_takes_too_long_or_too_much_is_given_up(tmp_path):
    # Valid enough to begin with: the parser meets ten million cells of one row.
    cells = "<c/>" * 10_000_000
    sheet = f"<worksheet><sheetData><row>{cells}</row></sheetData></worksheet>"
    source = tmp_path / "source.xlsx"
    with xlsxwriter.Workbook(source) as book:
        book.add_worksheet("survey").write(0, 0, "type")
    path = tmp_path / "form.xlsx"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for member in old.namelist():
            is_sheet = member.endswith("sheet1.xml")
            new.writestr(member, sheet if is_sheet else old.read(member))
    if path.stat().st_size > MAX_BYTES:
        with pytest.raises(AuthoringError, match="a form has at most"):
            read_workbook(path)
