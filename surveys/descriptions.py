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

TYPES = {"integer": "integer", "count": "integer", "decimal": "number"}
"""Types of a data package, for the kinds of variables that are numbers."""


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
    codes = "\n".join(f"- `{code}`: {text}" for code, text in MISSING_CODES.items())
    return f"""# {facts["title"]}

{synthetic}{facts["n_responses"]} responses, {weeks}, profile {facts["profile"]}.
Release of the survey `{facts["survey"]}`, questionnaire version
{facts["questionnaire_version"]}.

- `{RESPONSES}`: one row per response in random order, {len(variables)} columns of text
- `{POPULATION}`: what the weights are fitted to, with sources
- `{QUESTIONNAIRE}`: the questionnaire in every language
- `{PACKAGE}`: the codebook (a Frictionless Data Package) and how the data came about

Codes that stand where there is no answer:

{codes}

There are no weights in the data: they are fitted to `{POPULATION}`, for example with
`parallax compare`. In Python: `pandas.read_parquet("{RESPONSES}")`, or
`surveys.read_release(...).frame()` with missing codes as missing values. In R:
`arrow::read_parquet("{RESPONSES}")`.
"""
