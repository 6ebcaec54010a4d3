"""The files of a survey become a `Survey`, or all their mistakes at once."""

import re
from collections.abc import Iterable, Mapping
from functools import partial
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from .catalogs import find_strangers, is_draft, read_catalog, translate
from .checks import Finding, check_questionnaire, check_study
from .documents import MAX_CHARACTERS, read_document
from .errors import AuthoringError, Mistake
from .population import read_population
from .questionnaire import Questionnaire
from .references import check_references
from .study import Study
from .survey import Survey
from .texts import LookUp, find_markup, translate_questionnaire, translate_study

__all__ = ["Survey", "load", "load_files"]

QUESTIONNAIRE, STUDY, POPULATION = "questionnaire.yaml", "study.yaml", "population.csv"

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")

_MOST_LISTED = 10

_Model = TypeVar("_Model", bound=BaseModel)


def load(folder: Path | Traversable) -> Survey:
    """Load a survey from its folder, whose name is the survey's name.

    Parameters
    ----------
    folder
        Holds ``questionnaire.yaml``, ``study.yaml``, ``population.csv`` and one
        ``<language>.po`` for each language besides English.

    Returns
    -------
    Survey
        In every language, with nothing wrong in any file.

    Raises
    ------
    AuthoringError
        With every mistake in every file: where it is and what to do.

    Examples
    --------
    >>> from importlib.resources import files
    >>> survey = load(files("surveys") / "definitions" / "social_credit")
    >>> survey.languages[:2]
    ('en', 'zh-Hans')
    """
    contents: dict[str, str] = {}
    try:
        for entry in folder.iterdir():
            if entry.name in (QUESTIONNAIRE, STUDY, POPULATION) or (
                entry.name.endswith(".po")
            ):
                with entry.open("rb") as file:
                    content = file.read(4 * MAX_CHARACTERS + 1)
                # Wrong bytes become lone surrogates, which no file may hold.
                contents[entry.name] = content.decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        what = f"cannot be read ({error.strerror}); give the folder of a survey"
        raise AuthoringError((Mistake(folder.name, "", what),)) from error
    return load_files(folder.name, contents)


def load_files(name: str, files: Mapping[str, str]) -> Survey:
    """Make a survey of the texts of its files.

    Parameters
    ----------
    name
        The survey's name: small letters, digits and underscores.
    files
        Texts by file name, as for `load`.

    Returns
    -------
    Survey
        In every language, with nothing wrong in any file.

    Raises
    ------
    AuthoringError
        With every mistake in every file: where it is and what to do.

    Examples
    --------
    >>> load_files("tea", {"study.yaml": "version: 1", "population.csv": ""})
    Traceback (most recent call last):
    ...
    surveys.errors.AuthoringError: 13 mistakes:
    questionnaire.yaml: the file is missing; add it
    ...
    """
    mistakes: list[Mistake] = []
    if not _NAME.fullmatch(name):
        what = "begin the name of the folder with a small letter, and use small letters"
        mistakes.append(Mistake(name, "", f"{what}, digits and _, 32 at most"))
    questionnaire = _read(QUESTIONNAIRE, Questionnaire, files, mistakes)
    study = _read(STUDY, Study, files, mistakes)
    if questionnaire:
        _add(mistakes, QUESTIONNAIRE, check_questionnaire(questionnaire))
        _add(mistakes, QUESTIONNAIRE, check_references(questionnaire))
    if questionnaire and study:
        _add(mistakes, STUDY, check_study(study, questionnaire))
        population, found = read_population(
            files.get(POPULATION, ""), study, questionnaire
        )
        mistakes += found
    questionnaires: dict[str, Questionnaire] = {}
    studies: dict[str, Study] = {}
    for language in _languages(questionnaire, files, mistakes):
        look_up: LookUp = _as_written
        if language != "en":
            catalog, found = read_catalog(f"{language}.po", files[f"{language}.po"])
            mistakes += found
            if found:
                continue
            look_up = partial(translate, catalog)
        problems: list[Finding] = []
        contexts: set[str] = set()
        note = partial(_note, look_up, contexts, problems)
        if questionnaire:
            questionnaires[language] = translate_questionnaire(questionnaire, note)
        if study:
            studies[language] = translate_study(study, note)
        mistakes += _sum_up(language, problems)
        if language != "en" and questionnaire and study:
            mistakes += find_strangers(f"{language}.po", catalog, contexts)
    if mistakes:
        raise AuthoringError(tuple(mistakes))
    return Survey(
        name=name,
        questionnaires=questionnaires,
        studies=studies,
        population=population,
        draft_languages=frozenset(
            language
            for language in questionnaires
            if is_draft(files.get(f"{language}.po", ""))
        ),
        files=dict(files),
    )


def _read(
    file: str,
    model: type[_Model],
    files: Mapping[str, str],
    mistakes: list[Mistake],
) -> _Model | None:
    if file not in files:
        mistakes.append(Mistake(file, "", "the file is missing; add it"))
        return None
    document, found = read_document(file, files[file], model)
    mistakes += found
    return document


def _add(mistakes: list[Mistake], file: str, findings: Iterable[Finding]) -> None:
    """Add findings, but not that something is missing that could not be read."""
    known = {(found.file, found.where, _key(found.what)) for found in mistakes}
    mistakes += [
        Mistake(file, where, what)
        for where, what in findings
        if not _key(what) or (file, where, _key(what)) not in known
    ]


def _key(what: str) -> str:
    return what.split("'")[1] if what.startswith("'") else ""


def _languages(
    questionnaire: Questionnaire | None,
    files: Mapping[str, str],
    mistakes: list[Mistake],
) -> tuple[str, ...]:
    """Languages that are declared and have a file, English first."""
    if questionnaire is None:
        return ("en",)
    declared = [
        language
        for language in dict.fromkeys(questionnaire.languages)
        if language != "en"
    ]
    found = {file.removesuffix(".po") for file in files if file.endswith(".po")}
    for language in sorted(found - set(declared)):
        what = f"'{language}' is not among the languages of {QUESTIONNAIRE}; add it"
        mistakes.append(Mistake(f"{language}.po", "", what))
    for language in declared:
        if language not in found:
            what = f"the file is missing; add it, or take '{language}' out of languages"
            mistakes.append(Mistake(f"{language}.po", "", what))
    return ("en", *(language for language in declared if language in found))


def _as_written(_: str, english: str) -> tuple[str, str]:
    return english, next(find_markup(english), "")


def _note(
    look_up: LookUp,
    contexts: set[str],
    problems: list[Finding],
    context: str,
    english: str,
) -> str:
    """Translate a text and note its context and what is wrong with it."""
    contexts.add(context)
    text, problem = look_up(context, english)
    if problem:
        problems.append((context, problem))
    return text


def _sum_up(language: str, problems: list[Finding]) -> list[Mistake]:
    """One mistake for each text, or one for all in a translation just begun."""
    if language == "en":
        return [
            Mistake(STUDY if where.startswith("study.") else QUESTIONNAIRE, where, what)
            for where, what in problems
        ]
    file = f"{language}.po"
    if len(problems) <= _MOST_LISTED:
        return [Mistake(file, where, f"the text {what}") for where, what in problems]
    first = "; ".join(f"{where} {what}" for where, what in problems[:3])
    return [
        Mistake(file, "", f"{len(problems)} texts are not translated: {first}; ...")
    ]
