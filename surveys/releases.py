"""The release folder: a frozen, protected data set that explains itself."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from .codebook import Variable
from .descriptions import (
    FILES,
    PACKAGE,
    POPULATION,
    QUESTIONNAIRE,
    README,
    TYPES,
    describe_package,
    earlier_file,
    read_variables,
    write_readme,
)
from .descriptions import RESPONSES as RESPONSES
from .errors import ReleaseError
from .questionnaire import Questionnaire
from .survey import Survey

FACTS_FROM_CALLER = frozenset(
    {"consent_versions", "profile", "k", "l", "suppressed_cells", "synthetic"}
)
"""What `write_release` needs to be told besides `facts_of` the survey."""


@dataclass(frozen=True, eq=False)
class Release:
    """A release as it was written.

    Attributes
    ----------
    package : dict
        The content of ``datapackage.json``.
    table : pyarrow.Table
        One row per response, one column of text per variable, missing codes included.
        What `read_release` makes is dictionary-encoded: each code is held once.
    population : pandas.DataFrame
        Margins with their sources, one row per cell.
    variables : tuple of Variable
        The codebook, in the order of the columns.
    questionnaire_json : str
        The content of ``questionnaire.json``.
    """

    package: dict[str, Any]
    table: pa.Table = field(repr=False)
    population: pd.DataFrame = field(repr=False)
    variables: tuple[Variable, ...] = field(repr=False)
    questionnaire_json: str = field(default="{}", repr=False)

    @cached_property
    def responses(self) -> pd.DataFrame:
        """The table with columns of text, as it is stored."""
        columns = [column.cast(pa.string()) for column in self.table.columns]
        names = self.table.column_names
        return pd.DataFrame(pa.Table.from_arrays(columns, names).to_pandas())

    def cells(self, name: str) -> pa.DictionaryArray:
        """One column: each code once, and for every response which one it is."""
        column = self.table.column(name)
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        return column.combine_chunks()

    @cached_property
    def questionnaires(self) -> dict[str, Questionnaire]:
        """The questionnaire in each language, English first."""
        stored = json.loads(self.questionnaire_json).get("questionnaires", {})
        return {
            language: Questionnaire.model_validate(stored[language])
            for language in self.package["parallax"]["languages"]
            if language in stored
        }

    def frame(self) -> pd.DataFrame:
        """Return the responses for analysis.

        Missing codes are missing values. Nominal and ordinal variables are Categorical
        with all their categories in the order of the questionnaire, ordinal ones
        ordered; integers, counts and decimals are floats.
        """
        columns = {each.name: self._values(each) for each in self.variables}
        return pd.DataFrame(columns, copy=False)

    def _values(self, variable: Variable) -> "pd.Series[Any] | pd.Categorical":
        cells = self.cells(variable.name)
        codes, which = cells.dictionary.to_pylist(), cells.indices.to_numpy()
        is_missing = np.isin(codes, variable.missing_codes)
        if variable.kind == "text":
            texts: pd.Series[str] = cells.cast(pa.string()).to_pandas()
            return texts.mask(is_missing[which])
        if variable.kind in TYPES:
            numbers = [
                np.nan if absent else float(code)
                for code, absent in zip(codes, is_missing, strict=True)
            ]
            return pd.Series(np.array(numbers, dtype=float)[which])
        names = [value.name for value in variable.values if not value.missing]
        known = {name: at for at, name in enumerate(names)}
        positions = np.array([known.get(code, -1) for code in codes], dtype=np.int32)
        dtype = pd.CategoricalDtype(names, ordered=variable.kind == "ordinal")
        return pd.Categorical.from_codes(positions[which], dtype=dtype)


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
    earlier_questionnaires: Sequence[str] = (),
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
    earlier_questionnaires
        The same of each older version; the file of one is named after its version.

    Returns
    -------
    dict
        The content of ``datapackage.json``.

    Raises
    ------
    ReleaseError
        When the folder is not empty, or responses and variables do not agree.

    Notes
    -----
    An interrupted write leaves no folder of this name.

    Examples
    --------
    >>> from importlib.resources import files
    >>> from tempfile import TemporaryDirectory
    >>> from surveys import codebook, load, responses_to_frame
    >>> survey = load(files("surveys") / "definitions" / "social_credit")
    >>> told = {"consent_versions": [], "profile": "internal", "k": 1, "l": 1}
    >>> told |= {"suppressed_cells": {}, "synthetic": True}
    >>> with TemporaryDirectory() as folder:
    ...     package = write_release(
    ...         Path(folder) / "release",
    ...         responses_to_frame(survey, []),
    ...         codebook(survey),
    ...         package=facts_of(survey) | told,
    ...         population=survey.population,
    ...         questionnaire=survey.to_json(),
    ...     )
    >>> package["parallax"]["n_responses"], package["name"]
    (0, 'social-credit')
    """
    lacking = sorted(FACTS_FROM_CALLER - set(package))
    if lacking:
        raise ReleaseError(f"the package does not say {', '.join(lacking)}; add it")
    folder = Path(folder).absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ReleaseError(
            f"{folder} is not an empty folder; a release never changes: choose"
            " a new one"
        )
    _check_columns([str(name) for name in responses], variables)
    responses = responses.sort_values("response_id", ignore_index=True)
    responses = responses.fillna("suppressed")
    for variable in variables:
        _check_cells(responses[variable.name], variable)
    weeks = responses["week"]
    facts: dict[str, Any] = {
        **package,
        "weeks": [weeks.min(), weeks.max()] if len(weeks) else [],
        "n_responses": len(responses),
        "software": f"parallax-survey {version('parallax-survey')}",
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    # All or nothing: the folder gets its name when everything is in it.
    with TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as unnamed:
        unfinished = Path(unnamed) / "release"
        unfinished.mkdir()
        _write_parquet(unfinished / RESPONSES, responses, variables)
        population.to_csv(
            unfinished / POPULATION,
            index=False,
            lineterminator="\n",
            float_format="%.15g",
        )
        (unfinished / QUESTIONNAIRE).write_bytes(questionnaire.encode())
        files = [*FILES]
        for content in map(str.encode, earlier_questionnaires):
            files.append(earlier_file(hashlib.sha256(content).hexdigest()))
            (unfinished / files[-1]).write_bytes(content)
        (unfinished / README).write_bytes(write_readme(facts, variables).encode())
        facts["files"] = {file: _hash(unfinished / file) for file in files}
        described = describe_package(facts, variables, population)
        text = json.dumps(described, ensure_ascii=False, indent=2)
        (unfinished / PACKAGE).write_bytes(f"{text}\n".encode())
        if folder.exists():
            folder.rmdir()
        unfinished.rename(folder)
    return dict(json.loads(text))


def read_release(folder: Path) -> Release:
    """Read a release folder, and refuse one that was changed.

    Parameters
    ----------
    folder
        What `write_release` wrote.

    Returns
    -------
    Release
        Responses as stored, population, codebook and description.

    Raises
    ------
    ReleaseError
        When a file is missing, damaged or not the one that was released.

    Examples
    --------
    >>> read_release(Path("releases/nothing"))
    Traceback (most recent call last):
    ...
    surveys.errors.ReleaseError: ...nothing is not a whole release: datapackage.json...
    """
    folder = Path(folder)
    try:
        package: dict[str, Any] = json.loads((folder / PACKAGE).read_bytes())
        released = package["parallax"]["files"]
        files = [file for file in released if file not in FILES]
        changed = [
            file
            for file in (*FILES, *files)
            if _hash(folder / Path(file).name) != released[file]
        ]
        variables = read_variables(package)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ReleaseError(
            f"{folder} is not a whole release: {Path(error.filename).name} is missing;"
            " name the folder that was released"
        ) from error
    except (ValueError, LookupError, TypeError, OSError) as error:
        raise ReleaseError(
            f"{folder / PACKAGE} cannot be read as a release; get the release anew"
        ) from error
    if changed:
        raise ReleaseError(
            f"{folder}: {', '.join(changed)} differs from what was released;"
            " get the release anew"
        )
    _check_columns(pq.read_schema(folder / RESPONSES).names, variables)
    table = _read_parquet(folder / RESPONSES)
    # Only what is empty is missing: NA is Namibia.
    population = pd.read_csv(folder / POPULATION, keep_default_na=False, na_values=[""])
    questionnaire = (folder / QUESTIONNAIRE).read_text("utf-8")
    return Release(package, table, population, variables, questionnaire)


def _check_columns(columns: Sequence[str], variables: Sequence[Variable]) -> None:
    names = [variable.name for variable in variables]
    if sorted(names) != sorted(columns):
        unlike = sorted(set(names) ^ set(columns))
        raise ReleaseError(
            f"responses and codebook differ in {len(unlike)} columns:"
            f" {', '.join(unlike[:5])}"
        )


def _check_cells(column: "pd.Series[str]", variable: Variable) -> None:
    """Check that a column holds only codes of the codebook, or numbers."""
    if variable.kind == "text":
        return
    known = [value.name for value in variable.values]
    fitting = column.isin([*known, "suppressed"])
    if variable.kind in TYPES:
        fitting |= pd.to_numeric(column, errors="coerce").notna()
    unknown = int((~fitting).sum())
    if unknown:
        raise ReleaseError(
            f"{variable.name}: {unknown} of {len(column)} cells have no code of the"
            " codebook; release the survey in the version that was answered"
        )


def _write_parquet(
    path: Path, responses: pd.DataFrame, variables: Sequence[Variable]
) -> None:
    """Write text columns that carry their label and wording with them."""
    fields = [
        pa.field(
            variable.name,
            pa.string(),
            nullable=False,
            metadata={"label": variable.labels["en"], **_wording(variable)},
        )
        for variable in variables
    ]
    arrays = [
        pa.array(responses[variable.name].tolist(), pa.string())
        for variable in variables
    ]
    pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), path)


def _read_parquet(path: Path) -> pa.Table:
    """Read column by column: a code is held once, and mostly one byte points to it."""
    names = pq.read_schema(path).names
    with pq.ParquetFile(path, read_dictionary=names) as file:
        return pa.table({name: _narrow(file.read([name]).column(0)) for name in names})


def _narrow(column: pa.ChunkedArray) -> pa.DictionaryArray:
    cells = column.unify_dictionaries().combine_chunks()
    widths = (pa.int8(), pa.int16(), pa.int32())
    width = next(
        each for each in widths if len(cells.dictionary) < 2 ** (each.bit_width - 1)
    )
    return pa.DictionaryArray.from_arrays(cells.indices.cast(width), cells.dictionary)


def _wording(variable: Variable) -> dict[str, str]:
    return {"question": variable.question["en"]} if variable.question else {}


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
