"""Population margins, with a source for every figure."""

import csv
import io
import math
from collections.abc import Iterator, Mapping

import pandas as pd

from .documents import find_unreadable
from .errors import Mistake
from .questionnaire import Questionnaire
from .study import Study

FILE = "population.csv"

FIGURE_COLUMNS = ("population", "source", "year", "status")

STATUSES = ("official", "illustrative")


def read_population(
    text: str, study: Study, questionnaire: Questionnaire
) -> tuple[pd.DataFrame, list[Mistake]]:
    """Read ``population.csv`` and check it against the margins of the study.

    Parameters
    ----------
    text
        Columns ``country``, the variables of all margins, ``population`` in persons,
        ``source``, ``year`` and ``status``. A row fills only the variables of its own
        margin.
    study
        Declares countries and margins.
    questionnaire
        Declares the categories: the choices of each variable.

    Returns
    -------
    frame, mistakes
        One row per cell; empty if there are mistakes.
    """
    columns = ("country", *margin_variables(study), *FIGURE_COLUMNS)
    empty = pd.DataFrame(columns=list(columns))
    unreadable = find_unreadable(FILE, text)
    if unreadable:
        return empty, unreadable
    try:
        header, *lines = csv.reader(io.StringIO(text), strict=True)
    except (csv.Error, ValueError) as error:
        return empty, [Mistake(FILE, "", f"this is no table of values: {error}")]
    if sorted(header) != sorted(columns):
        what = f"the columns are {', '.join(columns)}, not {', '.join(header)}"
        return empty, [Mistake(FILE, "line 1", what)]
    rows, mistakes = [], []
    for number, line in enumerate(lines, start=2):
        if len(line) == len(header):
            row = dict(zip(header, map(str.strip, line), strict=True))
            rows.append(row)
            problems = list(_find_problems(row, study, questionnaire))
        elif line:
            problems = [f"{len(line)} values; the table has {len(header)} columns"]
        else:
            problems = []
        mistakes += [Mistake(FILE, f"line {number}", what) for what in problems]
    mistakes += [Mistake(FILE, "", what) for what in _find_gaps(rows, study)]
    if mistakes:
        return empty, mistakes
    frame = pd.DataFrame(rows, columns=list(columns)).replace("", None)
    return frame.astype({"population": float, "year": int}), []


def margin_variables(study: Study) -> tuple[str, ...]:
    """Variables of all margins, each once, in the order declared."""
    names = (name for margin in study.margins for name in margin if name != "country")
    return tuple(dict.fromkeys(names))


def _find_problems(
    row: Mapping[str, str], study: Study, questionnaire: Questionnaire
) -> Iterator[str]:
    if row["country"] not in study.countries:
        yield f"country '{row['country']}' is not among countries of study.yaml"
    categories = _categories(questionnaire)
    filled = {name for name in margin_variables(study) if row[name]}
    if filled not in _margins(study):
        declared = " or ".join(" and ".join(margin) for margin in study.margins)
        yield f"fill exactly the variables of one margin: {declared}"
    for name in sorted(filled):
        if name in categories and row[name] not in categories[name]:
            yield f"'{row[name]}' is no choice of {name}"
    try:
        persons = float(row["population"])
    except ValueError:
        persons = math.nan
    if not 0 < persons < math.inf:
        yield "population is a number of persons, more than 0"
    if not row["source"]:
        yield "source is empty; name the publication the figure comes from"
    if not (row["year"].isascii() and row["year"].isdigit() and len(row["year"]) == 4):
        yield "year is the year the figure describes, such as 2023"
    if row["status"] not in STATUSES:
        yield f"status is {' or '.join(STATUSES)}"


def _find_gaps(rows: list[dict[str, str]], study: Study) -> Iterator[str]:
    """Cells given twice, and cells that only some of the countries have.

    A category for which no country has a figure is left out of a margin.
    """
    for margin in _margins(study):
        names = sorted(margin)
        given: dict[tuple[str, ...], list[str]] = {}
        for row in rows:
            if {name for name in margin_variables(study) if row[name]} == margin:
                cell = tuple(row[name] for name in names)
                given.setdefault(cell, []).append(row["country"])
        if not given:
            yield f"margin {' and '.join(names)} has no rows; add its figures"
        for cell, countries in given.items():
            for country in study.countries:
                times = countries.count(country)
                if times != 1:
                    advice = "is missing; add a row" if times == 0 else "is given twice"
                    yield f"{' × '.join((country, *cell))} {advice}"


def _margins(study: Study) -> list[set[str]]:
    return [set(margin) - {"country"} for margin in study.margins]


def _categories(questionnaire: Questionnaire) -> dict[str, tuple[str, ...]]:
    return {
        question.name: tuple(
            choice.name
            for choice in questionnaire.choices_of(question)
            if not choice.missing
        )
        for question in questionnaire.questions
        if question.kind == "select_one"
    }
