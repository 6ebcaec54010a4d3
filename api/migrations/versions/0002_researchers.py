"""Researchers, their roles, sessions, keys and acts."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = {
    "sqlite": (
        "CREATE TRIGGER acts_update BEFORE UPDATE ON acts"
        " BEGIN SELECT RAISE(ABORT, 'acts are append-only'); END",
        "CREATE TRIGGER acts_delete BEFORE DELETE ON acts"
        " BEGIN SELECT RAISE(ABORT, 'acts are append-only'); END",
        "CREATE TRIGGER acts_insert BEFORE INSERT ON acts WHEN NEW.number IS NOT"
        " (SELECT coalesce(max(number), 0) + 1 FROM acts)"
        " BEGIN SELECT RAISE(ABORT, 'acts are append-only'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION keep_acts() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'acts are append-only'; END$$",
        "CREATE TRIGGER acts_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON acts"
        " EXECUTE FUNCTION keep_acts()",
        "ALTER TABLE acts ENABLE ALWAYS TRIGGER acts_append_only",
    ),
}


def upgrade() -> None:
    op.create_table(
        "researchers",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("totp_secret", sa.String(255), nullable=False),
        sa.Column("totp_counter", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_researchers")),
    )
    op.create_table(
        "grants",
        sa.Column("researcher", sa.String(64), nullable=False),
        sa.Column("survey", sa.String(64), nullable=False),
        sa.Column("role", sa.String(7), nullable=False),
        sa.CheckConstraint(
            "role IN ('viewer', 'analyst', 'manager', 'owner')",
            name=op.f("ck_grants_role"),
        ),
        sa.PrimaryKeyConstraint("researcher", "survey", name=op.f("pk_grants")),
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("researcher", sa.String(64), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("confirmed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_researcher"), "sessions", ["researcher"])
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("researcher", sa.String(64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_api_keys")),
    )
    op.create_index(op.f("ix_api_keys_researcher"), "api_keys", ["researcher"])
    op.create_table(
        "attempts",
        sa.Column("name_hash", sa.String(64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("wait_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name_hash", name=op.f("pk_attempts")),
    )
    op.create_table(
        "acts",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(20), nullable=False),
        sa.Column("researcher", sa.String(64), nullable=False),
        sa.Column("act", sa.String(64), nullable=False),
        sa.Column("survey", sa.String(64), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_acts")),
    )
    for statement in APPEND_ONLY[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    for table in ("acts", "attempts", "api_keys", "sessions", "grants", "researchers"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION keep_acts()")
