"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def response_columns() -> tuple[sa.Column[str] | sa.Column[bool], ...]:
    return (
        sa.Column("survey", sa.String(64), nullable=False),
        sa.Column("country", sa.String(2), nullable=True),
        sa.Column("week", sa.String(8), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("questionnaire_version", sa.String(64), nullable=False),
        sa.Column("consent_version", sa.String(64), nullable=False),
        sa.Column("consent_language", sa.String(35), nullable=False),
        sa.Column("consent_hash", sa.String(64), nullable=False),
        sa.Column("consent_participate", sa.Boolean(), nullable=False),
        sa.Column("consent_adult", sa.Boolean(), nullable=False),
        sa.Column("consent_opinions", sa.Boolean(), nullable=False),
        sa.Column("consent_publication", sa.Boolean(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("withdrawal_hash", sa.String(64), nullable=True),
    )


def upgrade() -> None:
    op.create_table(
        "surveys",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("files_hash", sa.String(64), nullable=False),
        sa.Column("tier", sa.String(2), nullable=False),
        sa.Column("state", sa.String(6), nullable=False),
        sa.Column("countries", sa.JSON(), nullable=False),
        sa.Column("opened_week", sa.String(8), nullable=False),
        sa.Column("draft_translations", sa.Boolean(), nullable=False),
        sa.Column("synthetic", sa.Boolean(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "state IN ('draft', 'open', 'closed')", name=op.f("ck_surveys_state")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_surveys")),
    )
    op.create_table(
        "tickets",
        sa.Column("ticket_hash", sa.String(64), nullable=False),
        sa.Column("survey", sa.String(64), nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.PrimaryKeyConstraint("ticket_hash", name=op.f("pk_tickets")),
        sqlite_with_rowid=False,
    )
    for table, key, length in (
        ("inbox", "submission_hash", 64),
        ("responses", "response_id", 32),
    ):
        op.create_table(
            table,
            *response_columns(),
            sa.Column(key, sa.String(length), nullable=False),
            sa.CheckConstraint(
                "consent_participate AND consent_adult AND consent_opinions",
                name=op.f(f"ck_{table}_consented"),
            ),
            sa.PrimaryKeyConstraint(key, name=op.f(f"pk_{table}")),
            sqlite_with_rowid=False,
        )
        op.create_index(op.f(f"ix_{table}_withdrawal_hash"), table, ["withdrawal_hash"])
    op.create_table(
        "spent",
        sa.Column("submission_hash", sa.String(64), nullable=False),
        sa.Column("survey", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("submission_hash", name=op.f("pk_spent")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tombstones",
        sa.Column("withdrawal_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("withdrawal_hash", name=op.f("pk_tombstones")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "drafts",
        sa.Column("draft_hash", sa.String(64), nullable=False),
        sa.Column("survey", sa.String(64), nullable=False),
        sa.Column("week", sa.String(8), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("draft_hash", name=op.f("pk_drafts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "page_counts",
        sa.Column("survey", sa.String(64), nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("page", sa.String(64), nullable=False),
        sa.Column("shown", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "survey", "country", "page", name=op.f("pk_page_counts")
        ),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for table in (
        "page_counts",
        "drafts",
        "tombstones",
        "spent",
        "responses",
        "inbox",
        "tickets",
        "surveys",
    ):
        op.drop_table(table)
