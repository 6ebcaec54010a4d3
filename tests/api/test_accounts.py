"""Researchers, roles and keys: what is given can be taken, and all is written down."""

import json
from itertools import product

import pytest
from sqlalchemy import Engine, select
from sqlmodel import SQLModel

from api import accounts, audit, sessions
from api.accounts import may, narrowed
from api.errors import AccountError, ApiError, UnknownSurvey, WeakPassword
from api.models import RESEARCHER_TABLES, RESPONDENT_TABLES
from api.settings import Settings
from api.vocabulary import EVERY, ROLES

PASSWORD = "correct horse battery"


pytestmark = pytest.mark.usefixtures("quick_passwords")


@pytest.fixture
def staffed(fielded: Engine, settings: Settings) -> Engine:
    """A database with a researcher, anna, who has no role yet."""
    accounts.add(fielded, settings, "anna", PASSWORD)
    return fielded


def log(engine: Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        return [(act["act"], act["survey"]) for act in audit.latest(connection, 99)]


def stored(engine: Engine) -> str:
    """Everything in every table, as text."""
    with engine.connect() as connection:
        return "\n".join(
            str(dict(row))
            for table in SQLModel.metadata.sorted_tables
            for row in connection.execute(select(table)).mappings()
        )


def holder(engine: Engine, key: str) -> object:
    with engine.connect() as connection:
        return accounts.key_holder(connection, key)


@pytest.mark.parametrize("name", ["a", "Anna", "1anna", "an na", "änna", "a" * 65, ""])
def test_names_are_plain(engine: Engine, settings: Settings, name: str) -> None:
    with pytest.raises(AccountError, match="cannot be a researcher's name"):
        accounts.add(engine, settings, name, PASSWORD)


def test_a_weak_password_adds_nobody(engine: Engine, settings: Settings) -> None:
    with pytest.raises(WeakPassword):
        accounts.add(engine, settings, "anna", "password")
    assert accounts.list_researchers(engine) == []
    assert log(engine) == []


def test_secrets_are_shown_once_and_stored_nowhere(
    staffed: Engine, settings: Settings
) -> None:
    enrolment = accounts.add(staffed, settings, "bo", "Tr0ub4dor & three")
    key = accounts.add_key(staffed, "bo", {EVERY: "viewer"}, days=1)
    content = stored(staffed)
    assert "$argon2id$" in content
    for secret in (enrolment.password, enrolment.secret, key, key.split("_", 2)[2]):
        assert len(secret) > 16
        assert secret not in content


def test_a_role_is_given_changed_and_taken(staffed: Engine) -> None:
    for role, survey in (("viewer", "opinions"), ("owner", EVERY)):
        accounts.grant(staffed, "anna", survey, role)
    accounts.grant(staffed, "anna", "opinions", "manager")
    (row,) = accounts.list_researchers(staffed)
    assert row["roles"] == {EVERY: "owner", "opinions": "manager"}
    accounts.grant(staffed, "anna", EVERY, None)
    (row,) = accounts.list_researchers(staffed)
    assert row["roles"] == {"opinions": "manager"}
    with pytest.raises(UnknownSurvey):
        accounts.grant(staffed, "anna", "nothing", "viewer")
    with pytest.raises(AccountError, match="no researcher 'bo'"):
        accounts.grant(staffed, "bo", "opinions", "viewer")
    assert log(staffed) == [
        ("researcher_added", ""),
        ("role_granted", "opinions"),
        ("role_granted", EVERY),
        ("role_granted", "opinions"),
        ("role_granted", EVERY),
    ]


def test_revoking_ends_everything_at_once_and_for_good(
    staffed: Engine, settings: Settings
) -> None:
    accounts.grant(staffed, "anna", EVERY, "owner")
    key = accounts.add_key(staffed, "anna", {EVERY: "owner"}, days=9)
    token = sessions.sign_in(staffed, settings, "anna", PASSWORD)
    assert token
    accounts.revoke(staffed, "anna")
    assert sessions.look_up(staffed, token) is None
    assert holder(staffed, key) is None
    assert sessions.sign_in(staffed, settings, "anna", PASSWORD) is None
    assert accounts.list_keys(staffed) == []
    assert accounts.list_researchers(staffed) == [
        {"name": "anna", "active": False, "roles": {}}
    ]
    assert "$argon2id$" not in stored(staffed)
    for again in (
        lambda: accounts.add(staffed, settings, "anna", PASSWORD),
        lambda: accounts.reset(staffed, settings, "anna", PASSWORD),
        lambda: accounts.grant(staffed, "anna", EVERY, "owner"),
        lambda: accounts.add_key(staffed, "anna", {EVERY: "owner"}, days=9),
        lambda: accounts.revoke(staffed, "anna"),
    ):
        with pytest.raises(AccountError):
            again()
    assert log(staffed)[-1] == ("researcher_revoked", "")


def test_a_reset_ends_sessions_and_gives_new_secrets(
    staffed: Engine, settings: Settings
) -> None:
    token = sessions.sign_in(staffed, settings, "anna", PASSWORD)
    assert token
    accounts.reset(staffed, settings, "anna", "another long one")
    assert sessions.look_up(staffed, token) is None
    assert sessions.sign_in(staffed, settings, "anna", PASSWORD) is None
    assert sessions.sign_in(staffed, settings, "anna", "another long one")


def test_a_key_does_what_its_scopes_and_its_researcher_may(staffed: Engine) -> None:
    accounts.grant(staffed, "anna", EVERY, "analyst")
    key = accounts.add_key(staffed, "anna", {"opinions": "owner"}, days=1)
    assert holder(staffed, key) == ("anna", {"opinions": "analyst"})
    accounts.grant(staffed, "anna", "opinions", "manager")
    assert holder(staffed, key) == ("anna", {"opinions": "manager"})
    accounts.grant(staffed, "anna", EVERY, None)
    accounts.grant(staffed, "anna", "opinions", None)
    assert holder(staffed, key) == ("anna", {})
    for wrong in ("", key[:-1], key + "x", key.upper(), key.split("_")[1]):
        assert holder(staffed, wrong) is None


def test_a_key_expires_and_can_be_revoked(
    staffed: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.grant(staffed, "anna", EVERY, "viewer")
    short = accounts.add_key(staffed, "anna", {EVERY: "viewer"}, days=1)
    long = accounts.add_key(staffed, "anna", {EVERY: "viewer"}, days=366)
    listed = accounts.list_keys(staffed)
    assert {row["key_id"] for row in listed} == {
        key.split("_")[1] for key in (short, long)
    }
    assert json.dumps(listed)
    now = accounts.time.time()
    monkeypatch.setattr(accounts.time, "time", lambda: now + 86_401)
    assert (holder(staffed, short), bool(holder(staffed, long))) == (None, True)
    accounts.revoke_key(staffed, long.split("_")[1])
    assert holder(staffed, long) is None
    with pytest.raises(AccountError, match="no key"):
        accounts.revoke_key(staffed, long.split("_")[1])


@pytest.mark.parametrize(("scopes", "days"), [({}, 1), ({"*": "viewer"}, 0), ({}, 367)])
def test_a_key_without_scope_or_end_is_refused(
    staffed: Engine, scopes: dict, days: int
) -> None:
    with pytest.raises(ApiError, match="1 to 366 days"):
        accounts.add_key(staffed, "anna", scopes, days)


def test_narrowing_is_having_both() -> None:
    kinds = [{}, *({"a": role} for role in ROLES), *({EVERY: role} for role in ROLES)]
    kinds += [{"a": "viewer", EVERY: "owner"}, {"a": "owner", "b": "viewer"}]
    for roles, scopes in product(kinds, kinds):
        both = narrowed(roles, scopes)
        for role, survey in product(ROLES, ("a", "b", "c")):
            assert may(both, role, survey) == (
                may(roles, role, survey) and may(scopes, role, survey)
            )


def test_no_table_is_about_respondents_and_researchers() -> None:
    assert set(RESPONDENT_TABLES).isdisjoint(RESEARCHER_TABLES)
    words = ("response", "submission", "ticket", "answer", "address", "agent", "draft")
    columns = {column.name for table in RESEARCHER_TABLES for column in table.columns}
    assert not [name for name in columns if any(word in name for word in words)]
