"""Researchers, their roles in each survey, and the keys of their programs."""

import re
import secrets
import time
from dataclasses import dataclass
from typing import Any

import pyotp
from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlmodel import col

from .audit import COMMAND_LINE, record
from .database import writing
from .errors import AccountError, UnknownSurvey
from .models import ApiKey, Grant, PublishedSurvey, Researcher, SignedIn
from .security import SecondFactor, check_password, hash_password, new_token, token_hash
from .settings import Settings
from .vocabulary import EVERY, ROLES, Role, Roles

NAME = re.compile(r"[a-z][a-z0-9._-]{1,63}")
DAY = 24 * 3600
LONGEST_KEY_DAYS = 366
KEY_PREFIX, KEY_ID_BYTES = "plx", 6


@dataclass(frozen=True)
class Enrolment:
    """What a new researcher is told once."""

    name: str
    password: str
    otpauth: str
    """The URI that an authenticator app reads."""

    @property
    def secret(self) -> str:
        """The secret in the URI, for those who type it."""
        return str(pyotp.parse_uri(self.otpauth).secret)


def may(roles: Roles, role: Role, survey: str) -> bool:
    """Tell whether the roles include a role, or a higher one, in a survey.

    Examples
    --------
    >>> may({"social_credit": "manager"}, "analyst", "social_credit")
    True
    >>> may({"social_credit": "manager"}, "viewer", "another")
    False
    >>> may({"*": "viewer", "social_credit": "owner"}, "owner", "social_credit")
    True
    """
    least = ROLES.index(role)
    held = (roles[key] for key in (survey, EVERY) if key in roles)
    return any(ROLES.index(one) >= least for one in held)


def narrowed(roles: Roles, scopes: Roles) -> dict[str, Role]:
    """Return what a key may do: its scopes, as far as its researcher's roles go.

    Examples
    --------
    >>> narrowed({"a": "viewer", "b": "owner"}, {"*": "analyst"})
    {'a': 'viewer', 'b': 'analyst'}
    """
    surveys = sorted({*roles, *scopes})
    both = {
        survey: [
            role
            for role in ROLES
            if may(roles, role, survey) and may(scopes, role, survey)
        ]
        for survey in surveys
    }
    return {survey: common[-1] for survey, common in both.items() if common}


def add(engine: Engine, settings: Settings, name: str, password: str) -> Enrolment:
    """Add a researcher, who may do nothing before a role is granted.

    Raises
    ------
    AccountError
        The name is malformed or was given before.
    WeakPassword
    """
    if not NAME.fullmatch(name):
        raise AccountError(
            f"{name!r} cannot be a researcher's name: 2 to 64 small letters, digits,"
            " dots, hyphens and underscores, the first one a letter"
        )
    stored, otpauth = _new_secrets(settings, name, password)
    with writing(engine) as connection:
        if _is_active(connection, name) is not None:
            raise AccountError(
                f"the name {name!r} was given before, and the audit log needs another;"
                f" `parallax researcher reset {name}` gives a new password"
            )
        row = {"name": name, "active": True, **stored}
        connection.execute(insert(Researcher).values(row))
        record(connection, COMMAND_LINE, "researcher_added", details={"name": name})
    return Enrolment(name, password, otpauth)


def reset(engine: Engine, settings: Settings, name: str, password: str) -> Enrolment:
    """Give a new password and a new secret for codes; end all sessions.

    Raises
    ------
    AccountError
        There is no such researcher.
    WeakPassword
    """
    stored, otpauth = _new_secrets(settings, name, password)
    with writing(engine) as connection:
        _need_active(connection, name)
        connection.execute(
            update(Researcher).where(col(Researcher.name) == name).values(stored)
        )
        connection.execute(delete(SignedIn).where(col(SignedIn.researcher) == name))
        record(connection, COMMAND_LINE, "researcher_reset", details={"name": name})
    return Enrolment(name, password, otpauth)


def revoke(engine: Engine, name: str) -> None:
    """Shut a researcher out now and for good: sessions, keys, roles and secrets go.

    Raises
    ------
    AccountError
        There is no such researcher.
    """
    with writing(engine) as connection:
        _need_active(connection, name)
        for table in (SignedIn, ApiKey, Grant):
            connection.execute(delete(table).where(col(table.researcher) == name))
        connection.execute(
            update(Researcher)
            .where(col(Researcher.name) == name)
            .values(active=False, password_hash="", totp_secret="")
        )
        record(connection, COMMAND_LINE, "researcher_revoked", details={"name": name})


def grant(engine: Engine, name: str, survey: str, role: Role | None) -> None:
    """Give a researcher a role in a survey, or `EVERY`, instead of any there is.

    Parameters
    ----------
    engine : Engine
    name, survey : str
    role : str or None
        None takes the role away.

    Raises
    ------
    AccountError
        There is no such researcher.
    UnknownSurvey
    """
    with writing(engine) as connection:
        _need_active(connection, name)
        if survey != EVERY and not _is_published(connection, survey):
            raise UnknownSurvey(survey)
        same = (col(Grant.researcher) == name, col(Grant.survey) == survey)
        connection.execute(delete(Grant).where(*same))
        if role is not None:
            row = {"researcher": name, "survey": survey, "role": role}
            connection.execute(insert(Grant).values(row))
        details = {"name": name, "role": role}
        record(connection, COMMAND_LINE, "role_granted", survey, details)


def roles_of(connection: Connection, name: str) -> dict[str, Role]:
    """Read a researcher's roles."""
    query = (
        select(col(Grant.survey), col(Grant.role))
        .where(col(Grant.researcher) == name)
        .order_by(col(Grant.survey))
    )
    rows: Any = connection.execute(query)
    return dict(rows.all())


def list_researchers(engine: Engine) -> list[dict[str, Any]]:
    """List all researchers, also revoked ones, ready for JSON."""
    query = select(col(Researcher.name), col(Researcher.active))
    with engine.connect() as connection:
        return [
            {"name": name, "active": active, "roles": roles_of(connection, name)}
            for name, active in connection.execute(query.order_by(col(Researcher.name)))
        ]


def add_key(engine: Engine, name: str, scopes: Roles, days: int) -> str:
    """Make a key for a researcher's program; it is shown once and nowhere else.

    Parameters
    ----------
    engine : Engine
    name : str
    scopes : mapping of str to str
        The highest role in each survey, or in `EVERY`; it gives nothing that the
        researcher may not do.
    days : int
        From 1 to 366.

    Raises
    ------
    AccountError
        There is no such researcher, no scope, or the life is too long.
    """
    if not scopes or not 1 <= days <= LONGEST_KEY_DAYS:
        raise AccountError(
            f"a key needs a scope and a life of 1 to {LONGEST_KEY_DAYS} days"
        )
    key_id = secrets.token_hex(KEY_ID_BYTES)
    key = f"{KEY_PREFIX}_{key_id}_{new_token()}"
    row = {
        "key_id": key_id,
        "key_hash": token_hash(key),
        "researcher": name,
        "scopes": dict(scopes),
        "expires": int(time.time()) + days * DAY,
    }
    with writing(engine) as connection:
        _need_active(connection, name)
        connection.execute(insert(ApiKey).values(row))
        details = {"name": name, "key": key_id, "scopes": dict(scopes), "days": days}
        record(connection, COMMAND_LINE, "key_added", details=details)
    return key


def revoke_key(engine: Engine, key_id: str) -> None:
    """Make a key useless from now on.

    Raises
    ------
    AccountError
        There is no such key.
    """
    with writing(engine) as connection:
        gone = connection.execute(delete(ApiKey).where(col(ApiKey.key_id) == key_id))
        if not gone.rowcount:
            raise AccountError(f"there is no key {key_id!r}; see `parallax key list`")
        record(connection, COMMAND_LINE, "key_revoked", details={"key": key_id})


def list_keys(engine: Engine) -> list[dict[str, Any]]:
    """List the keys, ready for JSON, without what would let anybody use them."""
    columns = (ApiKey.key_id, ApiKey.researcher, ApiKey.scopes, ApiKey.expires)
    query = select(*map(col, columns)).order_by(
        col(ApiKey.researcher), col(ApiKey.key_id)
    )
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def key_holder(connection: Connection, key: str) -> tuple[str, dict[str, Role]] | None:
    """Return whose key it is and what it may do, or None if it is good for nothing."""
    query = select(col(ApiKey.researcher), col(ApiKey.scopes)).where(
        col(ApiKey.key_hash) == token_hash(key), col(ApiKey.expires) > int(time.time())
    )
    found = connection.execute(query).one_or_none()
    if found is None:
        return None
    return found.researcher, narrowed(
        roles_of(connection, found.researcher), found.scopes
    )


def _new_secrets(
    settings: Settings, name: str, password: str
) -> tuple[dict[str, Any], str]:
    """What is stored about a password and a new secret for codes, and its URI."""
    check_password(password, name)
    sealed, otpauth = SecondFactor(settings.keys("second factor")).enrol(name)
    columns = {
        "password_hash": hash_password(password),
        "totp_secret": sealed,
        "totp_counter": 0,
    }
    return columns, otpauth


def _is_active(connection: Connection, name: str) -> bool | None:
    """Tell whether a researcher may sign in; None if there never was one."""
    query = select(col(Researcher.active)).where(col(Researcher.name) == name)
    return connection.scalar(query)


def _need_active(connection: Connection, name: str) -> None:
    if not _is_active(connection, name):
        raise AccountError(
            f"there is no researcher {name!r}, or not any more;"
            " see `parallax researcher list`"
        )


def _is_published(connection: Connection, survey: str) -> bool:
    query = select(col(PublishedSurvey.name)).where(col(PublishedSurvey.name) == survey)
    return connection.scalar(query) is not None
