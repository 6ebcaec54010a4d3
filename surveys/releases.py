"""The release folder: a frozen, protected data set that explains itself."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from .codebook import MISSING_CODES, Value, Variable
from .errors import ReleaseError
from .survey import Survey

PACKAGE = "datapackage.json"
RESPONSES, POPULATION = "responses.parquet", "population.csv"
QUESTIONNAIRE, README = "questionnaire.json", "README.md"

FACTS_FROM_CALLER = frozenset(
    {"consent_versions", "profile", "k", "l", "suppressed_cells", "synthetic"}
)
"""What `write_release` needs to be told besides `facts_of` the survey."""

_TYPES = {"integer": "integer", "count": "integer", "decimal": "number"}


@dataclass(frozen=True, eq=False)
class Release:
    """A release as it was written.

    Attributes
    ----------
    package : dict
        The content of ``datapackage.json``.
    responses : pandas.DataFrame
        One row per response, one column of text per variable, missing codes included.
    population : pandas.DataFrame
        Margins with their sources, one row per cell.
    variables : tuple of Variable
        The codebook, in the order of the columns.
    """

    package: dict[str, Any]
    responses: pd.DataFrame = field(repr=False)
    population: pd.DataFrame = field(repr=False)
    variables: tuple[Variable, ...] = field(repr=False)

    def frame(self) -> pd.DataFrame:
        """Return the responses for analysis.

        Missing codes are missing values. Nominal and ordinal variables are Categorical
        with all their categories in the order of the questionnaire, ordinal ones
        ordered; integers, counts and decimals are floats.
        """
        columns = {}
        for variable in self.variables:
            column = self.responses[variable.name]
            column = column.mask(column.isin(variable.missing_codes))
            if variable.kind in _TYPES:
                column = column.astype(float)
            elif variable.kind != "text":
                dtype = pd.CategoricalDtype(
                    [value.name for value in variable.values if not value.missing],
                    ordered=variable.kind == "ordinal",
                )
                column = column.astype(dtype)
            columns[variable.name] = column
        return pd.DataFrame(columns)


def facts_of(survey: Survey) -> dict[str, Any]:
    """Collect what a survey knows of the ``parallax`` block of its releases."""
    study = survey.study.model_dump(mode="json")
    kept = (
        *("tier", "countries", "margins", "quasi_identifiers", "sensitive"),
        *("report", "disclosure", "labels", "asked_by"),
    )
    return {
        "survey": survey.name,
        "title": survey.questionnaire.title,
        "questionnaire_version": survey.version,
        "languages": list(survey.languages),
        **{key: study[key] for key in kept},
    }


def write_release(
    folder: Path,
    responses: pd.DataFrame,
    variables: Sequence[Variable],
    *,
    package: Mapping[str, Any],
    population: pd.DataFrame,
    questionnaire: str,
) -> dict[str, Any]:
    """Write a release folder; the same input gives the same bytes.

    Parameters
    ----------
    folder
        A new or empty folder.
    responses
        Coded as by `responses_to_frame`. A missing value is a suppressed cell.
    variables
        One per column: the `codebook`, or the part of it that is released.
    package
        The ``parallax`` block: `facts_of` the survey and `FACTS_FROM_CALLER`. Weeks,
        number of responses and hashes of the files are added.
    population
        ``Survey.population``.
    questionnaire
        ``Survey.to_json()``: its SHA-256 is the questionnaire version.

    Returns
    -------
    dict
        The content of ``datapackage.json``.

    Raises
    ------
    ReleaseError
        When the folder is not empty, or responses and variables do not agree.
    """
    lacking = sorted(FACTS_FROM_CALLER - set(package))
    if lacking:
        raise ReleaseError(f"the package does not say {', '.join(lacking)}; add it")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ReleaseError(
            f"{folder} is not an empty folder; a release never changes: choose a new one"
        )
    _check_columns(responses, variables)
    responses = responses.sort_values("response_id", ignore_index=True)
    responses = responses.fillna("suppressed")
    for variable in variables:
        _check_cells(responses[variable.name], variable)
    folder.mkdir(parents=True, exist_ok=True)
    weeks = responses["week"]
    facts: dict[str, Any] = {
        **package,
        "weeks": [weeks.min(), weeks.max()] if len(weeks) else [],
        "n_responses": len(responses),
        "software": f"parallax-survey {version('parallax-survey')}",
    }
    _write_parquet(folder / RESPONSES, responses, variables)
    population.to_csv(
        folder / POPULATION, index=False, lineterminator="\n", float_format="%.15g"
    )
    (folder / QUESTIONNAIRE).write_bytes(questionnaire.encode())
    (folder / README).write_bytes(_describe(facts, variables).encode())
    files = (README, POPULATION, QUESTIONNAIRE, RESPONSES)
    facts["files"] = {file: _hash(folder / file) for file in files}
    content = _data_package(facts, variables, population)
    text = json.dumps(content, ensure_ascii=False, indent=2)
    (folder / PACKAGE).write_bytes(f"{text}\n".encode())
    return content


def read_release(folder: Path) -> Release:
    """Read a release folder, and refuse one that was changed.

    Parameters
    ----------
    folder
        What `write_release` wrote.

    Raises
    ------
    ReleaseError
        When a file is missing, damaged or not the one that was released.
    """
