"""Files of surveys on the disk: new ones, and translations back and forth."""

import os
from collections.abc import Mapping
from pathlib import Path

from surveys.catalogs import is_draft, read_catalog
from surveys.documents import read_document
from surveys.errors import AuthoringError
from surveys.questionnaire import Questionnaire
from surveys.translations import (
    entries_of,
    read_xliff,
    write_catalog,
    write_xliff,
)

from .errors import FilesRefused
from .vocabulary import TranslationFormat


def read_files(folder: Path) -> dict[str, str]:
    """Read the texts of a survey's files, however many mistakes they hold.

    Raises
    ------
    FilesRefused
        The folder is not that of a survey.
    """
    if not (folder / "questionnaire.yaml").is_file():
        raise FilesRefused(
            f"{folder} is not the folder of a survey: it has no questionnaire.yaml;"
            " check the name, or begin one with `parallax survey new`"
        )
    return {
        path.name: path.read_text("utf-8-sig", errors="surrogateescape")
        for path in sorted(folder.iterdir())
        if path.suffix in (".yaml", ".po", ".csv")
    }


def write_files(
    folder: Path,
    files: Mapping[str, str],
    *,
    replace: bool = False,
    advice: str = "choose a new folder",
) -> None:
    """Write files into a folder, which is made if it does not exist.

    Raises
    ------
    FilesRefused
        One of them is there already and is not to be replaced. Nothing is written.
    """
    there = [name for name in files if (folder / name).exists()]
    if there and not replace:
        raise FilesRefused(f"{folder} has {', '.join(there)} already; {advice}")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        unfinished = folder / f".{name}"
        unfinished.write_text(text, "utf-8")
        os.replace(unfinished, folder / name)


def write_for_translators(
    folder: Path, language: str, to: TranslationFormat, output: Path
) -> None:
    """Write every text with its translation, as far as there is one, to a new file.

    Raises
    ------
    FileExistsError
    """
    files = read_files(folder)
    entries, survey = entries_of(files, language), folder.absolute().name
    draft = is_draft(files.get(f"{language}.po", "")) or f"{language}.po" not in files
    content = (
        write_catalog(language, entries, survey=survey, draft=draft).encode()
        if to == "po"
        else write_xliff(language, entries, survey=survey)
    )
    with output.open("xb") as file:
        file.write(content)


def take_over(folder: Path, file: Path, language: str | None) -> str:
    """Make what translators sent the translation of a survey.

    A PO file is taken as it is; from XLIFF a draft is made, to be adjudicated.

    Parameters
    ----------
    folder, file : Path
    language : str, optional
        What the file itself says by default: XLIFF's target language, a PO file's
        name.

    Returns
    -------
    str
        Name of the PO file that was written.

    Raises
    ------
    FilesRefused
        The language is not that of the file, or not one of the questionnaire.
    AuthoringError
        The file cannot be read.
    """
    kind, survey = file.suffix.lower(), folder.absolute().name
    files = read_files(folder)
    if kind in (".xliff", ".xlf"):
        own, entries = read_xliff(file.read_bytes(), file.name)
        text = write_catalog(own, entries, survey=survey)
    elif kind == ".po":
        own = language or file.stem
        text = file.read_text("utf-8-sig", errors="surrogateescape")
        _, mistakes = read_catalog(file.name, text)
        if mistakes:
            raise AuthoringError(tuple(mistakes))
    else:
        raise FilesRefused(
            f"{file.name}: cannot read files ending in {kind!r}; give a .po or a .xliff"
        )
    if language and language != own:
        raise FilesRefused(f"{file.name} is in {own!r}, not in {language!r}")
    questionnaire, mistakes = read_document(
        "questionnaire.yaml", files["questionnaire.yaml"], Questionnaire
    )
    if questionnaire is None:
        raise AuthoringError(tuple(mistakes))
    if own not in questionnaire.languages[1:]:
        raise FilesRefused(
            f"{file.name} is in {own!r}, which is not among the languages of the"
            " questionnaire to translate into"
            f" ({', '.join(questionnaire.languages[1:]) or 'there are none'});"
            " say --language, or add it to questionnaire.yaml"
        )
    write_files(folder, {f"{own}.po": text}, replace=True)
    return f"{own}.po"
