"""Backups: what is to be kept, in one compressed file.

What still waits to be mixed is not in it: no backup keeps responses next to their
submissions. Nor is what lets researchers in: a restored backup must not bring a
revoked one back. The audit log is in it; it is restored only where there is none.
"""

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Engine, Table, delete, func, insert, select
from sqlmodel import SQLModel, col

from .database import revision_of, writing
from .errors import BackupUnreadable
from .mixing import FEWEST, mix
from .models import RESEARCHER_TABLES, Act, Inbox, PublishedSurvey, Tombstone
from .withdrawals import reapply_tombstones

CHUNK = 1000
AUDIT_LOG = SQLModel.metadata.tables["acts"]
INBOX = SQLModel.metadata.tables["inbox"]
LEFT_OUT = {INBOX, *RESEARCHER_TABLES} - {AUDIT_LOG}


def backup(engine: Engine, path: Path) -> int:
    """Mix, then write the tables to a new file that only its owner can read.

    Parameters
    ----------
    engine : Engine
    path : Path
        Must not exist yet.

    Returns
    -------
    int
        Responses that wait to be mixed, fewer than five in each survey. They are not
        in the backup.

    Raises
    ------
    FileExistsError
    """
    with engine.connect() as connection:
        names = connection.scalars(select(col(PublishedSurvey.name))).all()
    for name in names:
        mix(engine, name, minimum=FEWEST)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with (
        os.fdopen(handle, "wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as packed,
        writing(engine) as connection,  # no mix moves rows meanwhile
    ):
        n_rows = 0
        _write_line(packed, {"revision": revision_of(connection)})
        for table in _tables():
            rows = select(table).order_by(*table.primary_key)
            for row in connection.execute(rows).mappings():
                _write_line(packed, [table.name, dict(row)])
                n_rows += 1
        _write_line(packed, {"rows": n_rows})
        return connection.scalar(select(func.count()).select_from(Inbox)) or 0


def restore(engine: Engine, path: Path) -> int:
    """Replace what the database holds by a backup, except withdrawals.

    Withdrawals that the database knows are carried out again on the restored
    responses. An audit log that the database has goes on as it is. Either everything
    is restored or nothing is changed.

    Returns
    -------
    int
        Rows restored.

    Raises
    ------
    BackupUnreadable
        The file is damaged, cut off, or of another version of the tables.
    """
    tables = {table.name: table for table in _tables()}
    n_rows = n_kept_out = 0
    with (
        gzip.open(path, "rt", encoding="utf-8") as lines,
        writing(engine) as connection,
    ):
        entries = _read_lines(lines, path)
        header: Any = next(entries, {})
        if header != {"revision": (revision := revision_of(connection))}:
            raise BackupUnreadable(
                f"{path.name} is not a backup of tables of revision {revision}; restore"
                " it with the version of Parallax that wrote it"
            )
        tombstones = connection.scalars(select(col(Tombstone.withdrawal_hash))).all()
        for table in {*tables.values(), INBOX} - {AUDIT_LOG}:
            connection.execute(delete(table))
        has_acts = connection.scalar(select(col(Act.number)).limit(1)) is not None
        chunk: list[dict[str, Any]] = []
        current = ""
        for entry in entries:
            if isinstance(entry, dict):
                break
            name, row = entry
            if name not in tables:
                raise BackupUnreadable(f"{path.name} has an unknown table")
            if chunk and (name != current or len(chunk) == CHUNK):
                connection.execute(insert(tables[current]), chunk)
                chunk = []
            n_rows += 1
            if name == AUDIT_LOG.name and has_acts:
                n_kept_out += 1
                continue
            current = name
            chunk.append(row)
        else:
            entry = {}
        if entry != {"rows": n_rows} or list(entries):  # checks the sum of the file
            raise BackupUnreadable(f"{path.name} is cut off after {n_rows} rows")
        if chunk:
            connection.execute(insert(tables[current]), chunk)
        reapply_tombstones(connection, tombstones)
    return n_rows - n_kept_out


def _tables() -> list[Table]:
    tables = SQLModel.metadata.sorted_tables
    return [table for table in tables if table not in LEFT_OUT]


def _write_line(packed: gzip.GzipFile, entry: object) -> None:
    packed.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")


def _read_lines(lines: TextIO, path: Path) -> Iterator[Any]:
    try:
        for line in lines:
            yield json.loads(line)
    except (OSError, EOFError, ValueError) as error:
        raise BackupUnreadable(
            f"{path.name} is damaged or cut off; nothing was changed"
        ) from error
