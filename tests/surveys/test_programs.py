"""What an export becomes in the software that people open it with."""

import csv
import json
import os
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import frictionless
import pandas as pd
import pytest

from surveys import load
from surveys.codebook import MISSING_CODES
from surveys.exports import export
from surveys.exports.coding import columns_of
from surveys.releases import read_release

SHIPPED = files("surveys") / "definitions" / "social_credit"
EVERY_TYPE = Path(__file__).parents[1] / "api" / "definitions" / "every_type"


@pytest.fixture(scope="module")
def release(tmp_path_factory, release_by_chance):
    folder = tmp_path_factory.mktemp("released") / "release"
    return release_by_chance(load(EVERY_TYPE), folder)


@pytest.fixture(scope="module")
def exported(release, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    list(
        export(read_release(release), folder, ["sav", "dta", "xlsx", "csv"], "zh-Hans")
    )
    return folder


@pytest.fixture(scope="module")
def office():
    """LibreOffice without a screen."""
    program = shutil.which("soffice")
    if program is None:
        reason = "LibreOffice is not installed: no soffice on PATH"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)

    def open_and_save(path, folder):
        """Open a file as a user does, and save its first sheet as CSV."""
        options = "44,34,76,1,,0,false,true,false,false,false,1"
        subprocess.run(
            [
                program,
                *("--headless", f"-env:UserInstallation=file://{folder}/profile"),
                *(["--infilter=CSV:44,34,76,1"] if path.suffix == ".csv" else []),
                *("--convert-to", f"csv:Text - txt - csv (StarCalc):{options}"),
                *("--outdir", folder, path),
            ],
            check=True,
            capture_output=True,
            timeout=300,
        )
        (written,) = folder.glob("*.csv")
        with written.open(encoding="utf-8", newline="") as file:
            return list(csv.reader(file))

    return open_and_save


def typed(cell):
    try:
        return float(cell)
    except ValueError:
        return cell


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".xlsx", "-spreadsheet.csv"])
def test_libreoffice_reads_every_cell_unchanged(
    release, exported, office, ending, tmp_path
):
    head, *rows = office(exported / f"every_type{ending}", tmp_path)
    responses = read_release(release).responses
    assert head == list(responses)
    expected = responses.to_numpy().tolist()
    if ending.endswith("csv"):
        safe = pd.read_csv(
            exported / f"every_type{ending}",
            dtype=str,
            keep_default_na=False,
            encoding="utf-8-sig",
        )
        expected = safe.to_numpy().tolist()
    assert [[typed(cell) for cell in row] for row in rows] == [
        [typed(cell) for cell in row] for row in expected
    ]


def test_haven_reads_labels_and_both_kinds_of_missing_values(release, exported):
    script = """
    sav <- haven::read_sav("every_type.sav", user_na = TRUE)
    dta <- haven::read_dta("every_type.dta")
    numbers <- function(x) as.numeric(unclass(x))
    cat(jsonlite::toJSON(list(
      sav = numbers(sav$approval), sav_missing = attr(sav$approval, "na_range"),
      sav_labels = as.list(attr(sav$approval, "labels")),
      title = attr(sav$approval, "label"),
      dta = numbers(dta$approval), tags = haven::na_tag(dta$approval),
      dta_names = names(attr(dta$approval, "labels"))),
      digits = NA, auto_unbox = TRUE, na = "null"))
    """
    ran = subprocess.run(
        ["Rscript", "-e", script],
        cwd=exported,
        capture_output=True,
        check=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    told = json.loads(ran.stdout)
    stored = read_release(release)
    (column,) = [
        each for each in columns_of(stored, "zh-Hans") if each.name == "approval"
    ]
    codes = stored.responses["approval"]
    assert told["sav"] == [{**column.numbers, **column.missing}[code] for code in codes]
    assert told["sav_missing"] == [-5, -1]
    assert told["title"] == column.label
    labels = {text: number for number, text in column.value_labels.items()}
    assert told["sav_labels"] == labels
    letters = dict(zip(MISSING_CODES, "abcde", strict=True))
    assert told["dta"] == [column.numbers.get(code) for code in codes]
    assert told["tags"] == [letters.get(code) for code in codes]
    assert set(told["dta_names"]) == set(labels)


@pytest.mark.slow
@pytest.mark.parametrize("survey", [EVERY_TYPE, SHIPPED], ids=lambda path: path.name)
def test_frictionless_finds_nothing_wrong_with_a_release(
    survey, release_by_chance, tmp_path
):
    release = release_by_chance(load(survey), tmp_path / "release")
    report = frictionless.validate(str(release / "datapackage.json"))
    assert report.valid, report.flatten(["type", "message"])
    assert [task.stats.get("rows", 0) for task in report.tasks] == [
        80,
        len(read_release(release).population),
    ]
    # It looks at the cells: a text cannot pass for a number.
    wrong = shutil.copytree(release, tmp_path / "wrong")
    package = json.loads((wrong / "datapackage.json").read_text())
    package["resources"][0]["schema"]["fields"][0]["type"] = "integer"
    (wrong / "datapackage.json").write_text(json.dumps(package))
    report = frictionless.validate(str(wrong / "datapackage.json"))
    assert {error.type for error in report.tasks[0].errors} == {"type-error"}
