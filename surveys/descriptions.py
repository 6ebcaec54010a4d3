"""How a release explains itself: its data package, and a page to read first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from .codebook import MISSING_CODES, Value, Variable

PACKAGE = "datapackage.json"
RESPONSES, POPULATION = "responses.parquet", "population.csv"
QUESTIONNAIRE, README = "questionnaire.json", "README.md"
FILES = (README, POPULATION, QUESTIONNAIRE, RESPONSES)


def earlier_file(version: str) -> str:
    """Name of the file with an older version of the questionnaire.

    Examples
    --------
    >>> earlier_file("5e1f0a9b7c2d44")
    'questionnaire-5e1f0a9b7c2d.json'
    """
    return f"questionnaire-{version[:12]}.json"


TYPES = {"integer": "integer", "count": "integer", "decimal": "number"}
"""Types of a data package, for the kinds of variables that are numbers."""


CONVENTIONS = {
    "Several answers": "A question with boxes to tick has one column per choice: 1 was"
    " ticked, 0 was not. Who ticked nothing is `not_answered` in all of them. Who"
    " ticked “Don't know” is 1 in that column and `dont_know` in all others.",
    "Rankings": "A ranking has one column per choice, with its position from 1, the"
    " first. A choice that was given no position is `not_answered`.",
    "Batteries": "A battery has one column per item.",
    "Arms of experiments": "An experiment has one column with the arm that was drawn"
    " for the respondent, whether or not what differs between the arms was seen.",
    "List experiments": "The answer is the number of items that apply, never which. The"
    " column that ends in `_group` says whether the list was short (`control`) or had"
    " the sensitive item as well (`treatment`): compare the mean counts of the two.",
    "Orders": "A column that ends in `_order` has the names of choices, items or pages"
    " in the order in which the respondent saw them, with spaces between them; or"
    " `forward` and `reverse` where a scale was turned round. Codes of answers do not"
    " depend on it.",
    "Numbers of codes": "Files for SPSS, Stata, R and Parquet hold numbers. Choices"
    " that are named by whole numbers keep them; others are 1, 2, 3 in the order of the"
    " questionnaire. Missing codes are -1 to -5, and .a to .e in Stata.",
}
"""What the columns of each kind of question hold, for analysts."""


def describe_package(
    facts: Mapping[str, Any], variables: Iterable[Variable], population: pd.DataFrame
) -> dict[str, Any]:
    """Describe the folder as a Frictionless Data Package."""
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": facts["survey"].replace("_", "-"),
        "title": facts["title"],
        "resources": [
            {
                "name": "responses",
                "path": RESPONSES,
                "format": "parquet",
                "schema": {
                    "fields": [_write_field(variable) for variable in variables]
                },
            },
            {
                "name": "population",
                "path": POPULATION,
                "format": "csv",
                "schema": {
                    "fields": [
                        {
                            "name": name,
                            "type": "number" if name == "population" else "string",
                        }
                        for name in population.columns
                    ]
                },
            },
        ],
        "parallax": dict(facts),
    }


def _write_field(variable: Variable) -> dict[str, Any]:
    number = int if variable.kind in TYPES else str
    return {
        "name": variable.name,
        "type": TYPES.get(variable.kind, "string"),
        "title": variable.labels["en"],
        "description": variable.question.get("en") or _shown(variable),
        "categories": [
            {"value": number(value.name), "label": value.labels["en"]}
            for value in variable.values
            if not value.missing
        ],
        "categoriesOrdered": variable.kind == "ordinal",
        "missingValues": list(variable.missing_codes),
        "parallax": asdict(variable),
    }


def _shown(variable: Variable) -> str:
    """What chance showed to whom, in English."""
    texts = {
        value.labels["en"]: "; ".join(text["en"] for text in value.shown)
        for value in variable.values
        if value.shown
    }
    return "\n\n".join(f"{label}: {text}" for label, text in texts.items())


def read_variables(package: Mapping[str, Any]) -> tuple[Variable, ...]:
    """Read the codebook back from a data package."""
    fields = package["resources"][0]["schema"]["fields"]
    return tuple(_read_variable(field) for field in fields)


def _read_variable(field: Mapping[str, Any]) -> Variable:
    described = dict(field["parallax"])
    values = tuple(
        Value(**value | {"shown": tuple(value["shown"])})
        for value in described.pop("values")
    )
    return Variable(**described, values=values)


def write_readme(facts: Mapping[str, Any], variables: Sequence[Variable]) -> str:
    """Say in a page what the folder holds and how to open it."""
    weeks = " to ".join(dict.fromkeys(facts["weeks"])) or "no week"
    synthetic = "**Synthetic data: invented respondents.**\n\n" * facts["synthetic"]
    columns = "\n".join(f"- {what}: {how}" for what, how in CONVENTIONS.items())
    codes = "\n".join(f"- `{code}`: {text}" for code, text in MISSING_CODES.items())
    files = "".join(
        f"- `{earlier_file(each['questionnaire_version'])}`: an older version, asked as"
        f" `{each['survey']}` in {each['n_responses']} of the responses\n"
        for each in facts.get("versions", ())[:-1]
    )
    about = _changes(facts) + _weights(facts)
    return f"""# {facts["title"]}

{synthetic}{facts["n_responses"]} responses, {weeks}, profile {facts["profile"]}.
Release of the survey `{facts["survey"]}`, questionnaire version
{facts["questionnaire_version"]}.

- `{RESPONSES}`: one row per response in random order, {len(variables)} columns of text
- `{POPULATION}`: what the weights are fitted to, with sources
{files}- `{QUESTIONNAIRE}`: the questionnaire in every language
- `{PACKAGE}`: the codebook (a Frictionless Data Package) and how the data came about

Codes that stand where there is no answer:

{codes}

What the columns hold:

{columns}

{about} In Python: `pandas.read_parquet("{RESPONSES}")`, or
`surveys.read_release(...).frame()` with missing codes as missing values. In R:
`arrow::read_parquet("{RESPONSES}")`.
"""


def _changes(facts: Mapping[str, Any]) -> str:
    """What versions of the questionnaire and the profile did to the columns."""
    renamed = [
        f"`{old}` of `{each['survey']}` is `{new}`"
        for each in facts.get("versions", ())
        for old, new in each["renamed"].items()
    ]
    said = {
        "Renamed since an older version": renamed,
        "Reworded since, with the same meaning in the judgement of the researcher": [
            f"`{name}`" for name in facts.get("accepted_changes", ())
        ],
        "Left out to protect respondents": [
            f"`{name}`" for name in facts.get("left_out", ())
        ],
    }
    return "".join(
        f"{what}: {', '.join(names)}.\n\n" for what, names in said.items() if names
    )


def _weights(facts: Mapping[str, Any]) -> str:
    weights = facts.get("weights", {})
    if "variable" in weights:
        return (
            f"The column `{weights['variable']}` holds weights: {weights['method']}."
            f" Where `{POPULATION}` has margins, weights can be fitted to it as well."
        )
    return (
        f"There are no weights in the data: they are fitted to `{POPULATION}`, for"
        " example with\n`parallax compare`."
    )
