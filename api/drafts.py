"""Drafts: unfinished answers that a respondent asked to keep for a while.

A draft is found and read only with the resume code, which the server does not keep.
"""

import base64
from collections.abc import Sequence
from datetime import date

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, delete, insert, select
from sqlmodel import col

from .models import Draft
from .weeks import last_day, today, week_of


def save(connection: Connection, survey: str, code: str, content: str) -> None:
    """Keep unfinished answers under a resume code, instead of what it kept before.

    Parameters
    ----------
    connection : Connection
        Of a job of the recorder.
    survey : str
    code : str
        A code in its printed form.
    content : str
        Stored encrypted under a key derived from the code.
    """
    discard(connection, [draft_hash(code)])
    connection.execute(
        insert(Draft).values(
            draft_hash=draft_hash(code),
            survey=survey,
            week=week_of(today()),
            sealed=_cipher(code).encrypt_at_time(content.encode(), 0).decode(),
        )
    )


def find(connection: Connection, survey: str, code: str) -> str | None:
    """Return what was saved under a code, or None."""
    query = select(col(Draft.sealed)).where(
        col(Draft.draft_hash) == draft_hash(code), col(Draft.survey) == survey
    )
    sealed = connection.scalar(query)
    return None if sealed is None else _cipher(code).decrypt(sealed.encode()).decode()


def discard(connection: Connection, hashes: Sequence[str]) -> None:
    """Delete what was saved, by `draft_hash`."""
    connection.execute(delete(Draft).where(col(Draft.draft_hash).in_(hashes)))


def purge(connection: Connection) -> int:
    """Delete the drafts that are no longer usable and return how many they were."""
    weeks = connection.scalars(select(col(Draft.week)).distinct()).all()
    past = [week for week in weeks if usable_until(week) < today()]
    return connection.execute(delete(Draft).where(col(Draft.week).in_(past))).rowcount


def usable_until(week: str) -> date:
    """Last day on which a draft saved in a week can be used: 8 to 14 days later.

    Examples
    --------
    >>> usable_until("2026-W48")
    datetime.date(2026, 12, 6)
    """
    return last_day(week, later=1)


def draft_hash(code: str) -> str:
    """What a draft is found by; no code can be computed from it."""
    return _derive(code, b"parallax draft name").hex()


def _derive(code: str, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=purpose).derive(code.encode())


def _cipher(code: str) -> Fernet:
    key = _derive(code, b"parallax draft key")
    return Fernet(base64.urlsafe_b64encode(key))
