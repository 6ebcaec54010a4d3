"""The shelf: where the releases of each survey stand, in the order they were made."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from surveys.descriptions import PACKAGE

from .errors import UnknownRelease
from .settings import Settings

FOLDER = "releases"


@dataclass(frozen=True)
class Shelved:
    """A release that was made for a survey."""

    name: str
    folder: Path

    @property
    def profile(self) -> str:
        """How it is protected: internal, scientific or open."""
        return profile_of(self.name)

    @cached_property
    def package(self) -> dict[str, Any]:
        """The content of its ``datapackage.json``."""
        return dict(json.loads((self.folder / PACKAGE).read_bytes()))

    @property
    def manifest(self) -> dict[str, Any]:
        """The ``parallax`` block of its package."""
        return dict(self.package["parallax"])

    @property
    def fields(self) -> dict[str, dict[str, Any]]:
        """The description of each variable by its name."""
        (resource,) = (
            each for each in self.package["resources"] if each["name"] == "responses"
        )
        return {each["name"]: each for each in resource["schema"]["fields"]}

    def labels(self, variable: str) -> dict[str, str]:
        """The label of each value of a variable, in the order of the questionnaire."""
        found = self.fields.get(variable, {}).get("categories") or ()
        return {str(each["value"]): str(each["label"]) for each in found}


def profile_of(name: str) -> str:
    """Read the profile from a release's name.

    Examples
    --------
    >>> profile_of("3-scientific")
    'scientific'
    """
    return name.partition("-")[2]


def releases(settings: Settings, survey: str) -> list[Shelved]:
    """List the releases of a survey, the newest first."""
    shelf = settings.data_dir / FOLDER / survey
    folders = shelf.iterdir() if shelf.is_dir() else ()
    found = [
        Shelved(folder.name, folder)
        for folder in folders
        if _number(folder.name) and (folder / PACKAGE).is_file()
    ]
    return sorted(found, key=lambda one: _number(one.name), reverse=True)


def find(settings: Settings, survey: str, name: str) -> Shelved:
    """Return one release of a survey.

    Raises
    ------
    UnknownRelease
    """
    for shelved in releases(settings, survey):
        if shelved.name == name:
            return shelved
    raise UnknownRelease(f"survey {survey!r} has no such release")


def free_place(settings: Settings, survey: str, profile: str) -> Path:
    """Name the folder for the next release, for example ``3-scientific``."""
    made = releases(settings, survey)
    number = _number(made[0].name) + 1 if made else 1
    return settings.data_dir / FOLDER / survey / f"{number}-{profile}"


def _number(name: str) -> int:
    first = name.partition("-")[0]
    return int(first) if first.isdecimal() else 0
