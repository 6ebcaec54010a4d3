"""The audit log: what researchers did, each act chained to the one before.

An entry's hash covers the hash before it, so nothing can be changed, removed or put
in between unseen; whoever wrote down the last hash also notices a shortened or
rewritten log. Triggers make both databases refuse changes. Respondents are not in it.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, insert, select
from sqlmodel import col

from .database import writing
from .errors import AuditBroken
from .models import Act

COMMAND_LINE = "command line"
"""Who acts when somebody works at the server itself; no researcher's name."""

BEGINNING = "0" * 64
FIELDS = ("number", "at", "researcher", "act", "survey", "details")


class Chain(NamedTuple):
    """How long the log is, and its last hash."""

    length: int
    last: str


def audit(
    engine: Engine,
    researcher: str,
    act: str,
    survey: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write an act down, in a transaction of its own."""
    with writing(engine) as connection:
        record(connection, researcher, act, survey, details)


def record(
    connection: Connection,
    researcher: str,
    act: str,
    survey: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write an act down in the transaction, opened by `database.writing`, that does it.

    Parameters
    ----------
    connection : Connection
    researcher : str
        A researcher's name, or `COMMAND_LINE`.
    act : str
        A past participle: ``opened``, ``downloaded``.
    survey : str
        Empty if the act is about none.
    details : mapping, optional
        JSON values; never anything about a respondent.
    """
    query = select(col(Act.number), col(Act.hash)).order_by(col(Act.number).desc())
    last = connection.execute(query.limit(1)).one_or_none()
    number, before = last or (0, BEGINNING)
    row = {
        "number": number + 1,
        "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "researcher": researcher,
        "act": act,
        "survey": survey,
        "details": json.dumps(dict(details or {}), ensure_ascii=False, sort_keys=True),
    }
    connection.execute(insert(Act).values(**row, hash=_hash(before, row)))


def verify(connection: Connection, known: str | None = None) -> Chain:
    """Check the whole chain.

    Parameters
    ----------
    connection : Connection
    known : str, optional
        A hash written down earlier, which must still be in the log.

    Raises
    ------
    AuditBroken
        With the number of the first entry that does not fit.
    """
    last, number, seen = BEGINNING, 0, known in (None, BEGINNING)
    query = select(Act).order_by(col(Act.number))
    with connection.execute(query, execution_options={"yield_per": 1000}) as rows:
        for number, row in enumerate(rows.mappings(), start=1):
            if row["number"] != number or row["hash"] != _hash(last, dict(row)):
                raise AuditBroken(
                    f"the audit log was changed: entry {row['number']}, found as number"
                    f" {number}, does not fit the one before"
                )
            last = row["hash"]
            seen = seen or last == known
    if not seen:
        raise AuditBroken(
            f"the audit log was shortened or rewritten: none of its {number} entries"
            " has the hash that was written down"
        )
    return Chain(number, last)


def latest(connection: Connection, count: int) -> list[dict[str, Any]]:
    """Read the newest acts, oldest first, ready for JSON."""
    columns = [getattr(Act, name) for name in FIELDS]
    query = select(*columns).order_by(col(Act.number).desc()).limit(count)
    rows = connection.execute(query).mappings().all()
    return [{**row, "details": json.loads(row["details"])} for row in reversed(rows)]


def _hash(before: str, row: Mapping[str, Any]) -> str:
    content = [before, *(row[field] for field in FIELDS)]
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()
