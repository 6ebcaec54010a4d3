"""The errors of this package.

SurveyError
├── AuthoringError       the files of a survey have mistakes; carries all of them
├── ExpressionError      one expression cannot be compiled
├── DataFileError        a data file of other software cannot be read
└── ReleaseError         a release folder cannot be written or read
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


class SurveyError(Exception):
    """Base of all errors of the package."""


class ExpressionError(SurveyError, ValueError):
    """An expression that cannot be compiled, in words for its author."""


class DataFileError(SurveyError, ValueError):
    """A data file of other software that cannot be read."""


class ReleaseError(SurveyError, ValueError):
    """A release folder that cannot be written or read."""


@dataclass(frozen=True)
class Mistake:
    """One authoring mistake: where it is, what it is and what to do."""

    file: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.where + ': ' if self.where else ''}{self.what}"


class AuthoringError(SurveyError, ValueError):
    """All mistakes found in the files of one survey."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        self.mistakes = mistakes
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        super().__init__("\n".join([f"{count}:", *map(str, mistakes)]))


def suggest(name: str, known: Iterable[str]) -> str:
    """Say which known name an unknown one may stand for, or which there are.

    Examples
    --------
    >>> suggest("agee", ["age", "gender"])
    "did you mean 'age'?"
    >>> suggest("income", ["age", "gender"])
    'there are age, gender'
    """
    names = sorted(known)
    close = get_close_matches(name, names, 1)
    if close:
        return f"did you mean '{close[0]}'?"
    if len(names) > 12:
        names = [*names[:12], "..."]
    return f"there are {', '.join(names)}" if names else "there are none"
