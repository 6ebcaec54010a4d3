"""Researchers, keys and the audit log on the command line."""

import json
import re

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from api import accounts
from api.cli import app
from api.database import create_engine_for, writing
from api.settings import Settings

pytestmark = pytest.mark.usefixtures("quick_passwords")


@pytest.fixture
def parallax(tmp_path, monkeypatch):
    """Run the command in an empty installation; returns status, output and errors."""
    monkeypatch.setenv("PARALLAX_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.delenv("PARALLAX_DATABASE_URL", raising=False)

    def run(*arguments, typed=None):
        result = CliRunner().invoke(app, list(arguments), input=typed)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.exit_code, result.stdout, result.stderr

    return run


def test_a_researcher_is_added_listed_and_revoked(parallax):
    assert "no researcher yet" in parallax("researcher", "list")[1]
    status, told, _ = parallax("researcher", "add", "anna", "--role", "owner")
    assert status == 0
    assert re.search(r"^password  [0-9A-Z-]{24}$", told, re.MULTILINE)
    (secret,) = re.findall(r"^secret    ([A-Z2-7]{32})$", told, re.MULTILINE)
    assert f"as URI    otpauth://totp/Parallax:anna?secret={secret}" in told
    assert "has no role yet" in parallax("researcher", "add", "bo")[1]
    assert parallax("researcher", "grant", "bo", "viewer")[0] == 0
    rows = json.loads(parallax("researcher", "list", "--json")[1])
    assert [row["roles"] for row in rows] == [{"*": "owner"}, {"*": "viewer"}]
    assert "left every survey" in parallax("researcher", "grant", "bo")[1]
    assert parallax("researcher", "revoke", "anna")[0] == 0
    listed = parallax("researcher", "list")[1].splitlines()
    assert listed == ["anna  revoked", "bo  no role"]


def test_a_typed_password_is_not_shown(parallax):
    for command in ("add", "reset"):
        status, told, _ = parallax(
            *("researcher", command, "anna", "--type-password"),
            typed="correct horse battery\n" * 2,
        )
        assert status == 0
        assert "correct horse" not in told
        assert "secret    " in told
    status, _, error = parallax(
        "researcher", "add", "bo", "--type-password", typed="password\n" * 2
    )
    assert (status, "12 to 128 characters" in error) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("researcher", "add", "Anna"), "cannot be a researcher's name"),
        (("researcher", "revoke", "nobody"), "no researcher 'nobody'"),
        (("researcher", "grant", "anna", "king"), "king"),
        (("researcher", "grant", "anna", "viewer", "--survey", "x"), "not published"),
        (("key", "add", "anna", "--scope", "social_credit"), "SURVEY:ROLE"),
        (("key", "add", "anna", "--scope", "x:king"), "SURVEY:ROLE"),
        (("key", "add", "anna", "--scope", "x:viewer", "--days", "400"), "366 days"),
        (("key", "revoke", "nothing"), "no key 'nothing'"),
    ],
)
def test_mistakes_are_usage_errors(parallax, arguments, message):
    parallax("researcher", "add", "anna")
    status, _, error = parallax(*arguments)
    assert (status, message in error) == (2, True)


def test_a_key_is_added_listed_and_revoked(parallax):
    parallax("researcher", "add", "anna", "--role", "analyst")
    scopes = ("--scope", "social_credit:viewer", "--scope", "*:analyst")
    key = parallax("key", "add", "anna", *scopes, "--days", "30")[1].strip()
    (row,) = json.loads(parallax("key", "list", "--json")[1])
    assert row["scopes"] == {"social_credit": "viewer", "*": "analyst"}
    assert key.startswith(f"plx_{row['key_id']}_")
    listed = parallax("key", "list")[1]
    assert "anna  social_credit:viewer, *:analyst  until 2" in listed
    assert key not in listed
    assert parallax("key", "revoke", row["key_id"])[0] == 0
    assert "there is no key" in parallax("key", "list")[1]


def test_the_audit_log_is_shown_and_checked(parallax):
    assert "nobody has done anything yet" in parallax("audit", "show")[1]
    parallax("researcher", "add", "anna")
    accounts_made = parallax("audit", "show")[1]
    assert 'command line  researcher_added   {"name": "anna"}' in accounts_made
    (act,) = json.loads(parallax("audit", "show", "--json")[1])
    assert act["details"] == {"name": "anna"}
    status, told, _ = parallax("audit", "verify")
    noted = told.splitlines()[-1]
    assert (status, told.startswith("1 acts")) == (0, True)
    parallax("researcher", "revoke", "anna")
    assert parallax("audit", "verify", "--known", noted)[0] == 0
    engine = create_engine_for(Settings())
    with writing(engine) as connection:
        connection.execute(text("DROP TRIGGER acts_update"))
        connection.execute(text("UPDATE acts SET researcher = 'bo' WHERE number = 1"))
    engine.dispose()
    status, _, error = parallax("audit", "verify")
    assert (status, "entry 1" in error) == (1, True)


def test_every_role_is_explained():
    assert accounts.ROLES == ("viewer", "analyst", "manager", "owner")
    told = CliRunner().invoke(app, ["researcher", "add", "--help"]).stdout
    assert all(f"{role}:" in told for role in accounts.ROLES)
