"""The doctor: whether an installation is safe and everything that it needs works."""

import shutil
import stat
from collections.abc import Iterator
from os import W_OK, access
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError
from sqlalchemy import Engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from . import audit, fieldwork
from .database import create_engine_for, newest_revision, revision_of
from .errors import AuditBroken
from .mixing import BATCH
from .settings import SECRET_FILE, Settings

LEAST_FREE = 10**9
"""Bytes on the disk below which it is time to make room."""


class Finding(NamedTuple):
    """What one check found, and what to do where it is not good."""

    check: str
    good: bool
    what: str


def examine() -> Iterator[Finding]:
    """Check the installation that the environment names; nothing is changed or made.

    Yields
    ------
    Finding
        For settings, folders, disk, secret key, database, audit log, and each survey in
        turn.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            name = "_".join(map(str, problem["loc"])).upper()
            yield Finding("settings", False, f"PARALLAX_{name}: {problem['msg']}")
        return
    yield Finding("settings", True, f"for {settings.environment}")
    yield _secret(settings)
    file = make_url(settings.database_url).database or ""
    on_sqlite = settings.database_url.startswith("sqlite")
    folders = {settings.data_dir, Path(file).parent if on_sqlite else settings.data_dir}
    for folder in sorted(folders):
        yield from _folder(folder)
    if on_sqlite and not Path(file).exists():
        what = "there is no database yet; `parallax survey publish FOLDER` makes it"
        yield Finding("database", False, what)
        return
    engine = create_engine_for(settings)
    try:
        yield from _database(engine)
    except SQLAlchemyError as error:
        what = f"does not answer ({type(error).__name__}); check PARALLAX_DATABASE_URL"
        yield Finding("database", False, what)
    finally:
        engine.dispose()


def _secret(settings: Settings) -> Finding:
    kept = settings.data_dir / SECRET_FILE
    if settings.secret_key.get_secret_value():
        return Finding("secret key", True, "long enough, from the environment")
    if kept.exists() and stat.S_IMODE(kept.stat().st_mode) & 0o077:
        return Finding("secret key", False, f"others can read it: chmod 600 {kept}")
    return Finding("secret key", True, f"a development key, kept in {kept}")


def _folder(folder: Path) -> Iterator[Finding]:
    if not folder.is_dir():
        yield Finding("folder", True, f"{folder} is made when it is needed")
        return
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        yield Finding("folder", False, f"others can enter it: chmod 700 {folder}")
    elif not access(folder, W_OK):
        what = f"{folder} cannot be written; give it to the user who runs the service"
        yield Finding("folder", False, what)
    else:
        yield Finding("folder", True, f"{folder} is private and can be written")
    free = shutil.disk_usage(folder).free
    room = f"{free / 1e9:.1f} GB free for {folder}"
    if free < LEAST_FREE:
        yield Finding("disk", False, f"{room}; make room before recording stops")
    else:
        yield Finding("disk", True, room)


def _audit(engine: Engine) -> Finding:
    try:
        with engine.connect() as connection:
            chain = audit.verify(connection)
    except AuditBroken as error:
        return Finding("audit log", False, f"{error}; compare it with a backup's")
    return Finding("audit log", True, f"{chain.length} acts, none changed or left out")


def _database(engine: Engine) -> Iterator[Finding]:
    with engine.connect() as connection:
        found, newest = revision_of(connection), newest_revision()
    if found != newest:
        what = (
            f"tables of revision {found or 'none'}, not {newest}; `parallax survey"
            " list` brings them up to date: make a backup before"
        )
        yield Finding("database", False, what)
        return
    yield Finding("database", True, f"answers, tables of revision {found}")
    yield _audit(engine)
    for survey in fieldwork.list_surveys(engine):
        if survey["state"] == "draft":
            continue
        name = survey["name"]
        waiting = fieldwork.progress(engine, name)["waiting"]
        what = f"{name} is {survey['state']}, {waiting} responses wait to be mixed"
        most = BATCH if survey["state"] == "open" else 1
        if waiting >= most:
            verb = "mix" if survey["state"] == "open" else "survey close"
            what += f"; is the service running? `parallax {verb} {name}` mixes them"
        yield Finding("survey", waiting < most, what)
