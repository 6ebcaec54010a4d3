"""An XLSForm workbook as the files of a survey."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..errors import AuthoringError
from ..translations import Entry, write_catalog
from .collecting import Collected
from .lists import read_lists
from .pages import Pages
from .workbook import Row, Workbook, read_workbook


@dataclass(eq=False)
class Imported:
    """What an XLSForm became.

    Attributes
    ----------
    files : mapping of str to str
        ``questionnaire.yaml`` and one PO file per language, by name.
    remarks : list of str
        What was left out or changed because Parallax has no place for it.
    """

    files: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def read_xlsform(path: Path, survey: str) -> Imported:
    """Read an XLSForm as authors write them, or as `write_xlsform` wrote it.

    Parameters
    ----------
    path : Path
        An .xlsx file.
    survey : str
        Name of the survey that it becomes.

    Returns
    -------
    Imported
        The files are for :func:`surveys.load_files`, which checks them; ``study.yaml``
        and ``population.csv`` are not part of an XLSForm.

    Raises
    ------
    AuthoringError
        With everything that cannot be read or has no counterpart: repeats, files,
        places, media, and questions that record the device or the time.
    """
    workbook = read_workbook(path)
    collected = Collected(path.name)
    document = _read_document(workbook, survey, collected)
    if workbook.problem:
        collected.refuse("", f"pyxform says: {workbook.problem}")
    if not workbook.survey:
        collected.refuse("", "has no sheet 'survey' with rows; add it")
    if collected.mistakes:
        raise AuthoringError(tuple(collected.mistakes))
    return Imported(_write_files(document, survey, collected), list(collected.remarks))


def _read_document(
    workbook: Workbook, survey: str, collected: Collected
) -> dict[str, Any]:
    """The content of ``questionnaire.yaml``; empty parts are left out."""
    lists = read_lists(workbook.choices, collected)
    reader = Pages(lists, collected)
    reader.read(workbook.survey)
    settings: Row = workbook.settings[0] if workbook.settings else {}
    titles = collected.texts_of(settings, ("form_title",), "settings")
    title = {"en": survey} | titles.get("form_title", {})
    collected.texts = {"title": title} | collected.texts
    parts: dict[str, Any] = {
        "title": title["en"],
        "languages": list(collected.languages),
        "experiments": reader.experiments,
        "choices": lists.choices,
    }
    filled = {key: part for key, part in parts.items() if part}
    return filled | {"pages": reader.pages}


def _write_files(
    document: Mapping[str, Any], survey: str, collected: Collected
) -> dict[str, str]:
    text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=88)
    files = {"questionnaire.yaml": text}
    for language in [each for each in collected.languages if each != "en"]:
        entries = (
            Entry(context, texts["en"], texts.get(language, ""))
            for context, texts in collected.texts.items()
            if texts.get("en")
        )
        files[f"{language}.po"] = write_catalog(language, entries, survey=survey)
    return files
