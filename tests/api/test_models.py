"""What is kept about respondents is a list, and nothing is added to it unseen."""

import pytest
from sqlalchemy import Column, DateTime, Engine, Float, Integer, Table, inspect, text

from api.models import RESEARCHER_TABLES, RESPONDENT_TABLES

CARRIED = {
    "survey": "VARCHAR(64)",
    "country": "VARCHAR(2)",
    "week": "VARCHAR(8)",
    "language": "VARCHAR(35)",
    "questionnaire_version": "VARCHAR(64)",
    "consent_version": "VARCHAR(64)",
    "consent_language": "VARCHAR(35)",
    "consent_hash": "VARCHAR(64)",
    "consent_participate": "BOOLEAN",
    "consent_adult": "BOOLEAN",
    "consent_opinions": "BOOLEAN",
    "consent_publication": "BOOLEAN",
    "body": "TEXT",
    "withdrawal_hash": "VARCHAR(64)",
}
ALLOWED = {
    "tickets": {
        "ticket_hash": "VARCHAR(64)",
        "survey": "VARCHAR(64)",
        "country": "VARCHAR(2)",
    },
    "inbox": {**CARRIED, "submission_hash": "VARCHAR(64)"},
    "spent": {"submission_hash": "VARCHAR(64)", "survey": "VARCHAR(64)"},
    "responses": {**CARRIED, "response_id": "VARCHAR(32)"},
    "tombstones": {"withdrawal_hash": "VARCHAR(64)"},
    "drafts": {
        "draft_hash": "VARCHAR(64)",
        "survey": "VARCHAR(64)",
        "week": "VARCHAR(8)",
        "sealed": "TEXT",
    },
    "page_counts": {
        "survey": "VARCHAR(64)",
        "country": "VARCHAR(2)",
        "page": "VARCHAR(64)",
        "shown": "INTEGER",
    },
}


def columns_in(engine: Engine) -> dict[str, dict[str, str]]:
    """Columns of all respondent tables as the database has them."""
    inspector = inspect(engine)
    staff = {"surveys", "releases", "alembic_version"}
    staff |= {table.name for table in RESEARCHER_TABLES}
    return {
        table: {
            column["name"]: str(column["type"])
            for column in inspector.get_columns(table)
        }
        for table in inspector.get_table_names()
        if table not in staff
    }


def test_respondent_tables_hold_only_what_is_allowed(engine: Engine) -> None:
    assert columns_in(engine) == ALLOWED


@pytest.mark.parametrize("kind", [DateTime(), Integer(), Float()])
def test_a_column_that_tells_the_time_would_be_noticed(
    engine: Engine, kind: DateTime
) -> None:
    name = kind.compile(engine.dialect)
    with engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE responses ADD COLUMN created_at {name}"))
    assert columns_in(engine) != ALLOWED


@pytest.mark.parametrize("table", RESPONDENT_TABLES, ids=lambda table: table.name)
def test_tables_have_no_order_of_their_own_on_sqlite(table: Table) -> None:
    assert table.dialect_options["sqlite"]["with_rowid"] is False
    keys: list[Column[object]] = list(table.primary_key)
    assert not any(isinstance(key.type, Integer) for key in keys)
    assert not any(column.default or column.server_default for column in table.columns)


@pytest.mark.parametrize("table", ["inbox", "responses"])
@pytest.mark.parametrize("missing", ["participate", "adult", "opinions"])
def test_no_consent_no_row(engine: Engine, table: str, missing: str) -> None:
    names = list(ALLOWED[table])
    values = {
        name: name != f"consent_{missing}" if name.startswith("consent_") else name[:2]
        for name in names
    }
    values |= dict.fromkeys(("consent_version", "consent_language"), "x")
    values["consent_hash"] = "x"
    parameters = ", ".join(f":{name}" for name in names)
    statement = text(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({parameters})")
    with (
        pytest.raises(Exception, match=f"ck_{table}_consented"),
        engine.begin() as connection,
    ):
        connection.execute(statement, values)
    with engine.begin() as connection:
        connection.execute(statement, values | {f"consent_{missing}": True})
