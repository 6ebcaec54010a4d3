import json
import os
import random
import subprocess
from pathlib import Path

import duckdb
import openpyxl
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pyreadstat
import pytest
from lxml import etree

from surveys import (
    ReleaseError,
    codebook,
    read_data,
    read_release,
    responses_to_frame,
)
from surveys.codebook import MISSING_CODES, Value, Variable
from surveys.exports import FORMATS, export
from surveys.exports.coding import columns_of
from surveys.exports.ddi import LANGUAGE
from surveys.releases import facts_of, write_release

FORMULA = '=HYPERLINK("http://example.org","x")'
LONG = "信用" * 200
MISSING = tuple(
    Value(code, {"en": text, "zh-Hans": f"缺{at}"}, missing=True)
    for at, (code, text) in enumerate(MISSING_CODES.items())
)
SCALE = (
    Value("good", {"en": "Good", "zh-Hans": "好"}),
    Value("bad", {"en": "-Bad", "zh-Hans": LONG}),
)


def variable(name, kind, values=(), label=None):
    labels = {"en": label or f"About {name}", "zh-Hans": f"关于{name}"}
    return Variable(name, kind, labels, {"en": f"What is {name}?"}, values)


RATED, ODD = ("10", "0", "7"), ("1", "01", "x")
VARIABLES = (
    variable("response_id", "text"),
    variable("week", "text"),
    variable("if", "nominal", (*SCALE, *MISSING), LONG),
    variable("opinion", "ordinal", (*SCALE, *MISSING)),
    variable("ticked", "integer", (*(Value(x, {"en": x}) for x in "01"), *MISSING)),
    variable(
        "rated", "nominal", (*(Value(x, {"en": f"R{x}"}) for x in RATED), *MISSING)
    ),
    variable("odd", "nominal", (*(Value(x, {"en": f"O{x}"}) for x in ODD), *MISSING)),
    variable("change", "integer", MISSING),
    variable("amount", "decimal", MISSING),
    variable("words", "text", MISSING, FORMULA),
    variable("a" * 32, "count", MISSING),
    variable("A" * 32 + "b", "count", MISSING),
)
ANSWERS = {
    "if": ["good", "bad", *MISSING_CODES],
    "opinion": ["good", "bad", *MISSING_CODES],
    "ticked": ["0", "1", *MISSING_CODES],
    "rated": [*RATED, *MISSING_CODES],
    "odd": [*ODD, *MISSING_CODES],
    "change": ["-4", "0", "12", *MISSING_CODES],
    "amount": ["0.1", "2.25", "1e6", *MISSING_CODES],
    "words": [
        *(FORMULA, "+1", "@x", "-3", "\ttab", 'a "quoted", text', "line\nline", ""),
        *("信用评分" * 900, "العربية", "'quoted", "NA", "not_asked"),
    ],
    "a" * 32: ["0", "3", *MISSING_CODES],
    "A" * 32 + "b": ["0", "3", *MISSING_CODES],
}


@pytest.fixture(scope="module")
def release(shipped, tmp_path_factory):
    """A release in which everything that can go wrong in a format is present."""
    chance = random.Random(5)
    n = 120
    columns = {
        "response_id": [f"{chance.getrandbits(64):016x}" for _ in range(n)],
        "week": ["2026-W48"] * n,
        **{
            name: [*cells, *(chance.choice(cells) for _ in range(n - len(cells)))]
            for name, cells in ANSWERS.items()
        },
    }
    folder = tmp_path_factory.mktemp("released") / "release"
    told = {"consent_versions": [], "profile": "internal", "k": 1, "l": 1}
    write_release(
        folder,
        pd.DataFrame(columns, dtype="str"),
        VARIABLES,
        package={
            **facts_of(shipped),
            **told,
            "suppressed_cells": {},
            "synthetic": True,
        },
        population=shipped.population,
        questionnaire="{}",
    )
    return read_release(folder)


@pytest.fixture(scope="module")
def exported(release, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    written = list(export(release, folder, FORMATS, "zh-Hans"))
    assert {path.parent for path in written} == {folder}
    assert sorted(folder.iterdir()) == sorted(set(written))
    return folder


def decoded(release, numbers, letters=None):
    """From a column of numbers (or letters) back to released codes, by variable."""
    columns = {column.name: column for column in columns_of(release)}
    back = {}
    for name, cells in numbers.items():
        column = columns[name]
        if column.is_text:
            back[name] = list(cells)
            continue
        known = {**column.numbers, **column.missing}
        codes = {number: code for code, number in known.items()}
        codes |= {letter: code for code, letter in (letters or {}).items()}
        back[name] = [
            codes[cell] if cell in codes else float(cell) for cell in cells.tolist()
        ]
    return back


def released(release):
    def typed(variable, cell):
        codes = {value.name for value in variable.values}
        is_number = variable.kind in ("integer", "decimal", "count")
        return float(cell) if is_number and cell not in codes else cell

    return {
        each.name: [typed(each, cell) for cell in release.responses[each.name]]
        for each in release.variables
    }


@pytest.mark.parametrize("ending", ["sav", "zsav"])
def test_spss_reads_back_every_answer_and_every_missing_code(release, exported, ending):
    frame, about = pyreadstat.read_sav(
        exported / f"social_credit.{ending}", user_missing=True
    )
    assert decoded(release, frame) == released(release)
    assert about.missing_ranges["opinion"] == [{"lo": -5.0, "hi": -1.0}]
    assert about.missing_ranges["change"] == [{"lo": -999995.0, "hi": -999991.0}]
    assert about.variable_value_labels["opinion"][1.0] == "好"
    assert about.variable_value_labels["opinion"][-4.0] == "缺3"
    assert about.column_names_to_labels["opinion"] == "关于opinion"
    assert about.variable_measure["opinion"] == "ordinal"
    assert about.variable_measure["amount"] == "scale"
    assert about.variable_display_width["words"] == 20


@pytest.mark.parametrize("ending", ["sav", "dta"])
def test_whole_numbers_of_authors_are_kept_as_codes(release, exported, ending):
    reader = getattr(pyreadstat, f"read_{ending}")
    frame, about = reader(exported / f"social_credit.{ending}")
    answers = release.responses["rated"]
    kept = [float(code) if code in RATED else None for code in answers]
    assert (
        frame["rated"]
        .astype(object)
        .where(frame["rated"].notna(), None)
        .eq(pd.Series(kept))
        .sum()
        == answers.isin(RATED).sum()
    )
    labels = about.variable_value_labels
    assert {code: text for code, text in labels["rated"].items() if text[0] == "R"} == {
        10: "R10",
        0: "R0",
        7: "R7",
    }
    # 1 and 01 are one number, so these are counted.
    assert {code: text for code, text in labels["odd"].items() if text[0] == "O"} == {
        1: "O1",
        2: "O01",
        3: "Ox",
    }


def test_spss_leaves_missing_codes_out_of_statistics(release, exported):
    frame, _ = pyreadstat.read_sav(exported / "social_credit.sav")
    expected = release.responses["opinion"].isin(["good", "bad"])
    assert frame["opinion"].notna().tolist() == expected.tolist()


def test_stata_reads_back_every_answer_and_every_missing_code(release, exported):
    frame, about = pyreadstat.read_dta(
        exported / "social_credit.dta", user_missing=True
    )
    letters = dict(zip(MISSING_CODES, "abcde", strict=True))
    names = {"if_": "if", "a" * 31: "a" * 32, "A" * 30 + "_": "A" * 32 + "b"}
    assert decoded(release, frame.rename(columns=names), letters) == released(release)
    assert about.variable_value_labels["opinion"] == {
        1: "好",
        2: LONG,
        **{letter: f"缺{at}" for at, letter in enumerate("abcde")},
    }
    plain = pd.read_stata(exported / "social_credit.dta", convert_categoricals=False)
    assert plain["opinion"].isna().sum() == (
        release.responses["opinion"].isin(MISSING_CODES).sum()
    )


def test_the_do_file_of_stata_names_every_variable_in_every_other_language(exported):
    script = (exported / "social_credit-labels.do").read_text()
    assert "label language zh_Hans, rename" in script
    assert "label language de, new" in script
    assert 'label variable opinion `"About opinion"\'' in script
    assert '.d `"Not asked"\'' in script


def test_r_rebuilds_labelled_variables_and_factors(release, exported):
    check = """
    source("social_credit.R")
    stopifnot(inherits(labelled$opinion, "haven_labelled_spss"),
              is.ordered(factors$opinion), !is.ordered(factors[["if"]]))
    cat(jsonlite::toJSON(list(
      numbers = lapply(labelled, function(x) if (is.character(x)) x else as.numeric(x)),
      levels = levels(factors$opinion), missing = sum(is.na(factors$opinion)),
      user_missing = sum(is.na(labelled$opinion)),
      label = attr(labelled$opinion, "label"), amount = factors$amount),
      digits = NA, auto_unbox = TRUE, na = "null"))
    """
    ran = subprocess.run(
        ["Rscript", "-e", check],
        cwd=exported,
        capture_output=True,
        check=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    told = json.loads(ran.stdout)
    numbers = {name: pd.Series(cells) for name, cells in told["numbers"].items()}
    assert decoded(release, numbers) == released(release)
    n_missing = int(release.responses["opinion"].isin(MISSING_CODES).sum())
    assert told["levels"] == ["好", LONG]
    assert told["missing"] == told["user_missing"] == n_missing
    assert told["label"] == "关于opinion"
    assert sum(cell is None for cell in told["amount"]) == int(
        release.responses["amount"].isin(MISSING_CODES).sum()
    )


READERS = {
    "pandas": lambda path: pd.read_parquet(path).to_dict("list"),
    "polars": lambda path: pl.read_parquet(path).to_dict(as_series=False),
    "duckdb": lambda path: duckdb.sql(f"from '{path}'").df().to_dict("list"),
}


@pytest.mark.parametrize("reader", READERS)
def test_parquet_opens_with_every_answer(release, exported, reader):
    read = READERS[reader](exported / "social_credit.parquet")
    numbers = {name: pd.Series(cells) for name, cells in read.items()}
    assert decoded(release, numbers) == released(release)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Spark's own, of the libraries it runs on
def test_parquet_opens_in_spark(release, exported, spark):
    table = spark.read.parquet(str(exported / "social_credit.parquet"))
    rows = [row.asDict() for row in table.collect()]
    numbers = {name: pd.Series([row[name] for row in rows]) for name in table.columns}
    assert decoded(release, numbers) == released(release)


def test_parquet_carries_labels_missing_codes_and_wording(exported):
    schema = pq.read_schema(exported / "social_credit.parquet")
    told = {
        key.decode(): text.decode()
        for key, text in schema.field("opinion").metadata.items()
    }
    assert told["label"] == "关于opinion"
    assert told["question"] == "What is opinion?"
    assert json.loads(told["values"])["1"] == "好"
    assert json.loads(told["missing"])["not_asked"] == -4


def test_the_faithful_csv_is_the_release(release, exported):
    path = exported / "social_credit.csv"
    read = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert read.to_dict("list") == release.responses.to_dict("list")


def test_the_spreadsheet_csv_begins_no_cell_and_no_header_as_a_formula(exported):
    path = exported / "social_credit-spreadsheet.csv"
    assert path.read_bytes().startswith("\ufeff".encode())
    read = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    cells = [*read.columns, *read.to_numpy().ravel()]
    assert [cell for cell in cells if cell[:1] in ("=", "+", "@", "\t")] == []
    assert "-3" in cells
    assert f"'{FORMULA}" in cells


def test_labels_are_neutral_for_spreadsheets_too(release, tmp_path):
    list(export(release, tmp_path, ["csv"], "en"))
    codebook = pd.read_csv(
        tmp_path / "social_credit-codebook.csv", dtype=str, encoding="utf-8-sig"
    )
    assert codebook["label"][codebook["variable"] == "words"].unique() == f"'{FORMULA}"
    assert "'-Bad" in set(codebook["value_label"])
    assert "-Bad" not in set(codebook["value_label"])


def test_the_workbook_holds_every_answer_and_no_formula(release, exported):
    book = openpyxl.load_workbook(exported / "social_credit.xlsx")
    assert book.sheetnames == ["responses", "codebook", "population"]
    kinds = {cell.data_type for sheet in book for row in sheet for cell in row}
    assert kinds <= {"s", "n", "inlineStr"}
    head, *rows = book["responses"].iter_rows(values_only=True)
    read = {
        name: ["" if cell is None else cell for cell in cells]
        for name, cells in zip(head, zip(*rows, strict=True), strict=True)
    }
    assert read["words"] == release.responses["words"].tolist()
    assert read["opinion"] == release.responses["opinion"].tolist()


def test_what_a_format_cannot_hold_is_cut_between_characters_and_noted(exported):
    notes = (exported / "export-notes.txt").read_text()
    assert f"label of opinion = 2 is cut to 120 bytes: {LONG}" in notes
    assert "social_credit.dta: if is named if_" in notes
    _, about = pyreadstat.read_sav(exported / "social_credit.sav")
    assert about.variable_value_labels["opinion"][2.0] == LONG[:40]


@pytest.mark.parametrize("name", ["parquet", "csv", "xlsx"])
def test_batches_make_no_difference(release, exported, tmp_path, monkeypatch, name):
    monkeypatch.setattr(f"surveys.exports.{name}.BATCH", 7)
    list(export(release, tmp_path, [name], "zh-Hans"))
    path = Path(f"social_credit.{name}")
    read = {"parquet": pd.read_parquet, "csv": pd.read_csv, "xlsx": pd.read_excel}[name]
    pd.testing.assert_frame_equal(read(tmp_path / path), read(exported / path))


@pytest.mark.parametrize(
    ("formats", "language", "message"),
    [
        (["sav", "docx"], "en", "docx are not known; choose from csv"),
        ([], "en", "(none) are not known"),
        (["csv"], "tlh", "no language 'tlh'; it has en, zh-Hans"),
    ],
)
def test_an_unknown_format_or_language_is_refused(
    release, tmp_path, formats, language, message
):
    with pytest.raises(ReleaseError) as caught:
        export(release, tmp_path / "new", formats, language)
    assert message in str(caught.value)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError, None])
def test_an_export_that_ends_early_leaves_nothing(
    release, tmp_path, monkeypatch, is_new, stop
):
    def write_half(_release, path, _language, _notes):
        path.write_text("half")
        if stop:
            raise stop

    monkeypatch.setitem(FORMATS, "dta", (".dta", write_half))
    folder = tmp_path / "new" if is_new else tmp_path
    files = export(release, folder, ["csv", "dta"])
    if stop:
        with pytest.raises(stop):
            list(files)
    else:
        assert next(files).exists()
        files.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("is_file", [True, False])
def test_an_export_replaces_nothing(release, tmp_path, is_file):
    folder = tmp_path / "files"
    if not is_file:
        folder.mkdir()
    kept = folder if is_file else folder / "kept.csv"
    kept.write_text("mine")
    with pytest.raises(ReleaseError) as caught:
        export(release, folder, ["csv"])
    assert str(caught.value) == (
        f"{folder} is not an empty folder, and an export replaces nothing: choose a"
        " new one"
    )
    assert kept.read_text() == "mine"
    assert [*tmp_path.rglob("*.*")] == ([] if is_file else [kept])


def schema_of(path, kind):
    return kind(etree.parse(str(path)))


def test_ddi_has_the_structure_of_ddi_codebook(exported):
    book = etree.parse(exported / "social_credit-ddi.xml")
    schema = schema_of(Path(__file__).parent / "ddi.rng", etree.RelaxNG)
    schema.assertValid(book)


@pytest.mark.skipif(
    "DDI_CODEBOOK_XSD" not in os.environ,
    reason="names the official codebook.xsd, which is not ours to distribute",
)
def test_ddi_is_valid_by_the_official_schema(exported):
    schema = schema_of(os.environ["DDI_CODEBOOK_XSD"], etree.XMLSchema)
    schema.assertValid(etree.parse(exported / "social_credit-ddi.xml"))


def test_ddi_says_what_is_measured_and_who_is_asked(shipped, tmp_path):
    told = {"consent_versions": [], "profile": "open", "k": 10, "l": 0}
    write_release(
        tmp_path / "release",
        responses_to_frame(shipped, []),
        codebook(shipped),
        package=facts_of(shipped) | told | {"suppressed_cells": {}, "synthetic": True},
        population=shipped.population,
        questionnaire=shipped.to_json(),
    )
    release = read_release(tmp_path / "release")
    list(export(release, tmp_path / "files", ["ddi"], "zh-Hans"))
    book = etree.parse(tmp_path / "files" / "social_credit-ddi.xml")
    schema_of(Path(__file__).parent / "ddi.rng", etree.RelaxNG).assertValid(book)
    space = {"d": "ddi:codebook:2_5"}
    assert book.getroot().get(LANGUAGE) == "en"
    titles = book.iterfind("d:stdyDscr//d:parTitl", space)
    assert {each.get(LANGUAGE) for each in titles} == {*shipped.languages} - {"en"}
    nations = [each.text for each in book.iterfind(".//d:nation", space)]
    assert nations[:2] == ["China", "Germany"]
    named = {each.get("name"): each for each in book.iterfind(".//d:var", space)}
    assert named["approval"].get("nature") == "ordinal"
    assert named["country"].get("nature") == "nominal"
    assert named["approval_list"].get("nature") is None
    asked = {
        each.get(LANGUAGE): each.text
        for each in named["region"].iterfind("d:universe", space)
    }
    assert set(asked) == set(shipped.languages)
    assert asked["en"].startswith("Only if country is ")
    assert asked["zh-Hans"].startswith("仅在满足此条件时：country ")
    assert named["country"].find("d:universe", space) is None
    conditions = book.findtext(".//d:conditions", namespaces=space)
    assert "There are no responses." in conditions
    assert "l = 0" not in conditions
    assert "l=0" not in conditions


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_labels_are_words_without_marks_of_emphasis(shipped, tmp_path, language):
    marked = [
        variable
        for variable in codebook(shipped)
        if any("**" in texts.get(language, "") for texts in (variable.question,))
    ]
    assert marked
    told = {"consent_versions": [], "profile": "internal", "k": 1, "l": 1}
    write_release(
        tmp_path / "release",
        responses_to_frame(shipped, []),
        codebook(shipped),
        package=facts_of(shipped) | told | {"suppressed_cells": {}, "synthetic": True},
        population=shipped.population,
        questionnaire=shipped.to_json(),
    )
    release = read_release(tmp_path / "release")
    formats = ("sav", "dta", "csv", "parquet", "r", "ddi")
    list(export(release, tmp_path / "files", formats, language))
    for file in (tmp_path / "files").iterdir():
        # Parquet also holds the whole data package, as it was released.
        if file.suffix != ".parquet":
            assert b"**" not in file.read_bytes(), file.name
    schema = pq.read_schema(tmp_path / "files" / "social_credit.parquet")
    for field in schema:
        assert b"**" not in field.metadata[b"label"] + field.metadata[b"question"]


def test_ddi_counts_every_code_and_names_it_in_every_language(release, exported):
    book = etree.parse(exported / "social_credit-ddi.xml")
    space = {"d": "ddi:codebook:2_5"}
    (opinion,) = book.iterfind(".//d:var[@name='opinion']", space)
    counted = {
        category.findtext("d:catValu", namespaces=space): int(
            category.findtext("d:catStat", namespaces=space)
        )
        for category in opinion.iterfind("d:catgry", space)
    }
    assert counted == release.responses["opinion"].value_counts().to_dict()
    labels = opinion.iterfind("d:labl", space)
    languages = {label.get(LANGUAGE) for label in labels}
    assert languages == {"en", "zh-Hans"}
    missing = opinion.findall("d:catgry[@missing='Y']", space)
    assert len(missing) == len(MISSING_CODES)


@pytest.mark.parametrize("ending", ["sav", "zsav", "dta", "parquet"])
def test_what_is_exported_reads_back_as_the_same_categories(release, tmp_path, ending):
    list(export(release, tmp_path, [ending]))
    frame = read_data(tmp_path / f"social_credit.{ending}")
    short = {"if_": "if", "a" * 31: "a" * 32, "A" * 30 + "_": "A" * 32 + "b"}
    if ending == "dta":
        frame = frame.rename(columns=short)
    expected = release.frame()
    assert list(frame["opinion"].cat.categories) == ["Good", "-Bad"]
    assert frame["opinion"].cat.ordered == (ending != "dta")
    assert not frame["if"].cat.ordered
    texts = expected["opinion"].astype("str").map({"good": "Good", "bad": "-Bad"})
    assert frame["opinion"].astype("str").equals(texts.astype("str"))
    assert list(frame["ticked"].cat.categories) == ["0", "1"]
    assert list(frame["rated"].cat.categories) == ["R0", "R7", "R10"]
    for name in ("change", "amount", "a" * 32):
        assert frame[name].astype(float).equals(expected[name].astype(float))


def test_a_release_of_nobody_is_exported_too(shipped, tmp_path):
    told = {"consent_versions": [], "profile": "internal", "k": 1, "l": 1}
    write_release(
        tmp_path / "release",
        responses_to_frame(shipped, []),
        codebook(shipped),
        package=facts_of(shipped) | told | {"suppressed_cells": {}, "synthetic": True},
        population=shipped.population,
        questionnaire=shipped.to_json(),
    )
    empty = read_release(tmp_path / "release")
    written = list(export(empty, tmp_path / "exported", FORMATS))
    assert len(written) > len(FORMATS)
    for read in (pyreadstat.read_sav, pyreadstat.read_dta):
        ending = read.__name__.removeprefix("read_")
        frame, about = read(tmp_path / "exported" / f"social_credit.{ending}")
        assert frame.shape == (0, len(empty.variables))
        assert about.variable_value_labels["approval"][1] == "Strongly approve"
