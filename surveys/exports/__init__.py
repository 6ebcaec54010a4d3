"""A release in the files that everyone else's software opens."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import ReleaseError
from ..releases import Release
from .csv import write_csv
from .ddi import write_ddi
from .documents import write_codebook, write_questionnaire
from .notes import FILE, Notes
from .parquet import write_parquet
from .r import write_r
from .spss import write_spss
from .stata import write_stata
from .xlsx import write_xlsx

Writer = Callable[[Release, Path, str, Notes], None]

FORMATS: dict[str, tuple[str, Writer]] = {
    "csv": (".csv", write_csv),
    "sav": (".sav", write_spss),
    "zsav": (".zsav", write_spss),
    "dta": (".dta", write_stata),
    "r": (".R", write_r),
    "xlsx": (".xlsx", write_xlsx),
    "parquet": (".parquet", write_parquet),
    "ddi": ("-ddi.xml", write_ddi),
    "codebook": ("-codebook.html", write_codebook),
    "questionnaire": ("-questionnaire.html", write_questionnaire),
}
"""Name of each format, with the ending of its file and what writes it."""


def export(
    release: Release, folder: Path, formats: Iterable[str], language: str = "en"
) -> Iterator[Path]:
    """Write a release in several formats, one after the other.

    Parameters
    ----------
    release : Release
    folder : Path
        A new or empty folder. A file gets its name when it is whole, and an export
        that is interrupted takes back what it wrote.
    formats : iterable of str
        Names in ``FORMATS``.
    language : str
        Language of the labels, one of the release's.

    Yields
    ------
    Path
        Each file when it is there, ``export-notes.txt`` last: it lists whatever a
        format could not hold.

    Raises
    ------
    ReleaseError
        If a format or the language is not known, or the folder is not empty.

    Examples
    --------
    >>> sorted(FORMATS)
    ['codebook', 'csv', 'ddi', 'dta', 'parquet', 'questionnaire', 'r', 'sav', ...]
    """
    chosen = list(dict.fromkeys(formats))
    unknown = [name for name in chosen if name not in FORMATS]
    if unknown or not chosen:
        raise ReleaseError(
            f"formats {', '.join(unknown) or '(none)'} are not known; choose from "
            f"{', '.join(FORMATS)}"
        )
    languages = release.package["parallax"]["languages"]
    if language not in languages:
        raise ReleaseError(
            f"the release has no language {language!r}; it has {', '.join(languages)}"
        )
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ReleaseError(
            f"{folder} is not an empty folder, and an export replaces nothing: choose"
            " a new one"
        )
    return _write_all(release, folder, chosen, language)


def _write_all(
    release: Release, folder: Path, formats: list[str], language: str
) -> Iterator[Path]:
    stem = str(release.package["parallax"]["survey"])
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    notes, written = Notes(), list[Path]()
    try:
        for name in formats:
            ending, write = FORMATS[name]
            first = len(written)
            with TemporaryDirectory(prefix=".export-", dir=folder) as unnamed:
                unfinished = Path(unnamed)
                write(release, unfinished / f"{stem}{ending}", language, notes)
                for file in sorted(unfinished.iterdir()):
                    written.append(file.replace(folder / file.name))
            yield from written[first:]
        written.append(folder / FILE)
        text = notes.text() or "Every format holds everything.\n"
        written[-1].write_text(text, "utf-8")
        yield written[-1]
    except BaseException:  # whatever ends it early, an interruption as well
        for file in written:
            file.unlink(missing_ok=True)
        if is_new:
            folder.rmdir()
        raise
