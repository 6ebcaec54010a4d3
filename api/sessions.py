"""Signing in and out, the second factor, and how long a session lasts."""

import time
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlmodel import col

from . import attempts
from .accounts import roles_of
from .audit import record
from .database import writing
from .models import Researcher, SignedIn
from .security import (
    SecondFactor,
    csrf_token,
    new_token,
    token_hash,
    verify_password,
)
from .settings import Settings
from .vocabulary import Role

IDLE_SECONDS = 30 * 60
"""A session that was not used for so long has ended."""

LONGEST_SECONDS = 8 * 3600
"""So has one that began so long ago."""

FRESH_SECONDS = 30 * 60
"""How long a one-time code is good for, once it was shown."""

SEEN_EVERY = 60
"""A session's use is written down at most so often (seconds)."""


@dataclass(frozen=True)
class Session:
    """A researcher who is signed in; the token is in the browser only."""

    token: str = field(repr=False)
    researcher: str
    roles: dict[str, Role]
    strong: bool
    """Whether a one-time code was shown a short time ago."""

    @property
    def csrf(self) -> str:
        """What the forms of the session carry."""
        return csrf_token(self.token)


def sign_in(
    engine: Engine,
    settings: Settings,
    name: str,
    password: str,
    *,
    old: str = "",
    known: str = "",
) -> str | None:
    """Begin a session and return its token, or None if name or password are wrong.

    Parameters
    ----------
    engine : Engine
    settings : Settings
    name, password : str
    old : str
        The token of a session of the same browser, which ends.
    known : str
        What `attempts.known_browser` gave to this browser, if it did.

    Raises
    ------
    TooManyAttempts
        Nothing was looked at.
    """
    whose = attempts.with_password(settings, name, known)
    attempts.begin(engine, settings, whose)
    query = select(col(Researcher.password_hash)).where(
        col(Researcher.name) == name, col(Researcher.active)
    )
    with engine.connect() as connection:
        password_hash = connection.scalar(query)
    if not verify_password(password, password_hash):
        return None
    with writing(engine) as connection:
        if connection.scalar(query) != password_hash:  # revoked or reset meanwhile
            return None
        attempts.forgive(connection, settings, whose)
        now = int(time.time())
        connection.execute(
            delete(SignedIn).where(
                (col(SignedIn.token_hash) == token_hash(old))
                | (col(SignedIn.started) < now - LONGEST_SECONDS)
            )
        )
        token = _insert(connection, name, started=now, confirmed=0)
        record(connection, name, "signed_in")
    return token


def confirm(engine: Engine, settings: Settings, token: str, code: str) -> str | None:
    """Take a one-time code: the session goes on under a new token.

    Returns
    -------
    str or None
        The new token, or None if the code is wrong or the session has ended.

    Raises
    ------
    TooManyAttempts
        Nothing was looked at.
    """
    session = look_up(engine, token)
    if session is None:
        return None
    name = session.researcher
    whose = attempts.with_code(name)
    attempts.begin(engine, settings, whose)
    second_factor = SecondFactor(settings.keys("second factor"))
    query = select(
        col(Researcher.totp_secret),
        col(Researcher.totp_counter),
        col(SignedIn.started),
    ).join_from(Researcher, SignedIn, col(SignedIn.researcher) == col(Researcher.name))
    with writing(engine) as connection:
        row = connection.execute(
            query.where(col(SignedIn.token_hash) == token_hash(token))
        ).one_or_none()
        if row is None:
            return None
        now = time.time()
        step = second_factor.step(
            row.totp_secret, code, now=now, after=row.totp_counter
        )
        if step is None:
            return None
        connection.execute(
            update(Researcher)
            .where(col(Researcher.name) == name)
            .values(totp_counter=step)
        )
        attempts.forgive(connection, settings, whose)
        _delete(connection, token)
        new = _insert(connection, name, started=row.started, confirmed=int(now))
        record(connection, name, "confirmed")
    return new


def look_up(engine: Engine, token: str) -> Session | None:
    """Find the session of a token, if it goes on, and note that it was used."""
    query = select(SignedIn).where(col(SignedIn.token_hash) == token_hash(token))
    now = int(time.time())
    with engine.connect() as connection:
        row = connection.execute(query).mappings().one_or_none()
        if row is None:
            return None
        ended = now - row["seen"] > IDLE_SECONDS
        if ended or now - row["started"] > LONGEST_SECONDS:
            return None
        roles = roles_of(connection, row["researcher"])
    if now - row["seen"] > SEEN_EVERY:
        with writing(engine) as connection:
            connection.execute(
                update(SignedIn)
                .where(col(SignedIn.token_hash) == row["token_hash"])
                .values(seen=now)
            )
    strong = now - row["confirmed"] <= FRESH_SECONDS
    return Session(token, row["researcher"], roles, strong)


def sign_out(engine: Engine, token: str, *, everywhere: bool = False) -> None:
    """End a session, or all sessions of its researcher."""
    with writing(engine) as connection:
        name = connection.scalar(
            select(col(SignedIn.researcher)).where(
                col(SignedIn.token_hash) == token_hash(token)
            )
        )
        if name is None:
            return
        if everywhere:
            connection.execute(delete(SignedIn).where(col(SignedIn.researcher) == name))
        else:
            _delete(connection, token)
        record(connection, name, "signed_out", details={"everywhere": everywhere})


def count_sessions(engine: Engine, name: str) -> int:
    """Count the sessions of a researcher that go on."""
    now = int(time.time())
    query = select(col(SignedIn.token_hash)).where(
        col(SignedIn.researcher) == name,
        col(SignedIn.seen) >= now - IDLE_SECONDS,
        col(SignedIn.started) >= now - LONGEST_SECONDS,
    )
    with engine.connect() as connection:
        return len(connection.execute(query).all())


def _insert(connection: Connection, name: str, *, started: int, confirmed: int) -> str:
    token = new_token()
    connection.execute(
        insert(SignedIn).values(
            token_hash=token_hash(token),
            researcher=name,
            started=started,
            seen=int(time.time()),
            confirmed=confirmed,
        )
    )
    return token


def _delete(connection: Connection, token: str) -> None:
    connection.execute(
        delete(SignedIn).where(col(SignedIn.token_hash) == token_hash(token))
    )
