"""The shelf: where the releases of each survey stand, in the order they were made."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from surveys.descriptions import PACKAGE

from .errors import UnknownRelease
from .settings import Settings

FOLDER = "releases"


class Shelved(NamedTuple):
    """A release that was made for a survey."""

    name: str
    folder: Path

    @property
    def manifest(self) -> dict[str, Any]:
        """The ``parallax`` block of its ``datapackage.json``."""
        package = json.loads((self.folder / PACKAGE).read_bytes())
        return dict(package["parallax"])


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
