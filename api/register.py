"""The register of releases: which were made, and which a newer one replaces.

A release folder never changes. That it is superseded stands here, and in a mark beside
the folder, so that whoever opens an old release without the database can see it.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, delete, insert, select, update
from sqlmodel import col

from surveys.descriptions import PACKAGE

from .database import writing
from .models import ReleaseRecord
from .weeks import today, week_of


def release_id(folder: Path) -> str:
    """Identify a release, or any copy of it: SHA-256 of its ``datapackage.json``.

    Raises
    ------
    FileNotFoundError
    """
    return hashlib.sha256((folder / PACKAGE).read_bytes()).hexdigest()


def mark_of(folder: Path) -> Path:
    """Where the mark of a superseded release is: beside its folder.

    Examples
    --------
    >>> mark_of(Path("releases/1-open")).name
    '1-open.superseded.json'
    """
    folder = folder.absolute()
    return folder.with_name(f"{folder.name}.superseded.json")


def is_superseded(folder: Path) -> bool:
    """Whether a mark beside its folder says that a newer release replaces this one.

    Raises
    ------
    FileNotFoundError
        The folder holds no release.
    """
    mark = mark_of(folder)
    marked = json.loads(mark.read_bytes()) if mark.is_file() else {}
    return bool(marked) and marked["release"] == release_id(folder)


def record_release(
    engine: Engine, survey: str, profile: str, folder: Path, n_responses: int
) -> None:
    """Record a release; it supersedes all others of its survey and profile.

    Made from the same responses it is the same release again, in one more folder.
    """
    made = ReleaseRecord(
        release_id=release_id(folder),
        survey=survey,
        profile=profile,
        week=week_of(today()),
        n_responses=n_responses,
        folders=[str(folder.absolute())],
        superseded_by="",
    )
    key = col(ReleaseRecord.release_id)
    peers = select(ReleaseRecord).where(
        col(ReleaseRecord.survey) == survey, col(ReleaseRecord.profile) == profile
    )
    with writing(engine) as connection:
        older = []
        for row in connection.execute(peers).mappings():
            if row["release_id"] == made.release_id:
                made.folders = sorted({*row["folders"], *made.folders})
            elif not row["superseded_by"]:
                older.append(row)
        for row in older:
            same = key == row["release_id"]
            new = {"superseded_by": made.release_id}
            connection.execute(update(ReleaseRecord).where(same).values(new))
        connection.execute(delete(ReleaseRecord).where(key == made.release_id))
        connection.execute(insert(ReleaseRecord).values(made.model_dump()))
    for place in made.folders:
        mark_of(Path(place)).unlink(missing_ok=True)
    for row in older:
        _mark(row["release_id"], row["folders"], made.release_id)


def releases_of(engine: Engine, survey: str) -> list[dict[str, Any]]:
    """List the releases of a survey by profile, ready for JSON.

    ``superseded_by`` is empty for the one of each profile that is to be used.
    """
    keys = (ReleaseRecord.profile, ReleaseRecord.week, ReleaseRecord.release_id)
    query = select(ReleaseRecord).where(col(ReleaseRecord.survey) == survey)
    with engine.connect() as connection:
        rows = connection.execute(query.order_by(*map(col, keys))).mappings()
        return [dict(row) for row in rows]


def _mark(older: str, folders: list[str], newer: str) -> None:
    """Put the mark beside each folder in which an older release still is."""
    text = json.dumps({"release": older, "superseded_by": newer}, indent=2)
    for folder in map(Path, folders):
        if (folder / PACKAGE).is_file() and release_id(folder) == older:
            mark_of(folder).write_text(f"{text}\n", encoding="utf-8")
