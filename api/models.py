"""The tables: what is kept about surveys, about respondents and about researchers.

Rows about respondents have no time finer than the ISO week, no address, no device and
no order: their keys are random or hashes, and on SQLite they are the tables'
only order (``WITHOUT ROWID``). docs/privacy.md gives the reason for each column.
Times of researchers are whole seconds since 1970 (UTC). No row is about both.
"""

from typing import Any

from sqlalchemy import DDL, JSON, BigInteger, CheckConstraint, Text, event
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = {
    "pk": "pk_%(table_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

HASH = 64
NAME = 64
UNORDERED: dict[str, Any] = {"sqlite_with_rowid": False}
CONSENTED = "consent_participate AND consent_adult AND consent_opinions"


class SurveyStatus(SQLModel):
    """What is decided about a survey, and how far its fieldwork is."""

    name: str = Field(primary_key=True, max_length=NAME)
    version: str = Field(max_length=HASH)
    files_hash: str = Field(max_length=HASH)
    tier: str = Field(max_length=2)
    state: str = Field(max_length=6)
    countries: dict[str, str] = Field(sa_type=JSON)
    """Open countries, each with the reference of its approval or an empty text."""
    opened_week: str = Field(max_length=8)
    draft_translations: bool
    synthetic: bool


class PublishedSurvey(SurveyStatus, table=True):
    """A survey as it was published."""

    __tablename__ = "surveys"
    __table_args__ = (
        CheckConstraint("state IN ('draft', 'open', 'closed')", name="state"),
    )

    files: dict[str, str] = Field(sa_type=JSON)


class ReleaseRecord(SQLModel, table=True):
    """That a release was made: the folder itself never changes."""

    __tablename__ = "releases"
    __table_args__ = UNORDERED

    release_id: str = Field(primary_key=True, max_length=HASH)
    """SHA-256 of its ``datapackage.json``, so that every copy can be found here."""
    survey: str = Field(max_length=NAME)
    profile: str = Field(max_length=10)
    week: str = Field(max_length=8)
    n_responses: int
    folders: list[str] = Field(sa_type=JSON)
    """Where it was written on this computer; more than one if it was made again."""
    superseded_by: str = Field(max_length=HASH)
    """The release that replaces it, or empty."""


class Ticket(SQLModel, table=True):
    """The right to answer once; the code itself is not kept."""

    __tablename__ = "tickets"
    __table_args__ = UNORDERED

    ticket_hash: str = Field(primary_key=True, max_length=HASH)
    survey: str = Field(max_length=NAME)
    country: str = Field(max_length=2)


class ResponseColumns(SQLModel):
    """What a response carries from the inbox to its final place."""

    survey: str = Field(max_length=NAME)
    country: str | None = Field(default=None, max_length=2)
    week: str = Field(max_length=8)
    language: str = Field(max_length=35)
    questionnaire_version: str = Field(max_length=HASH)
    consent_version: str = Field(max_length=NAME)
    consent_language: str = Field(max_length=35)
    consent_hash: str = Field(max_length=HASH)
    consent_participate: bool
    consent_adult: bool
    consent_opinions: bool
    consent_publication: bool
    body: str = Field(sa_type=Text)
    withdrawal_hash: str | None = Field(default=None, max_length=HASH, index=True)


class Inbox(ResponseColumns, table=True):
    """Responses that are stored durably and wait to be mixed."""

    __tablename__ = "inbox"
    __table_args__ = (CheckConstraint(CONSENTED, name="consented"), UNORDERED)

    submission_hash: str = Field(primary_key=True, max_length=HASH)


class Spent(SQLModel, table=True):
    """Submissions whose responses were mixed: they cannot be submitted again."""

    __tablename__ = "spent"
    __table_args__ = UNORDERED

    submission_hash: str = Field(primary_key=True, max_length=HASH)
    survey: str = Field(max_length=NAME)


class Response(ResponseColumns, table=True):
    """Mixed responses; nothing says which submission or ticket one came from."""

    __tablename__ = "responses"
    __table_args__ = (CheckConstraint(CONSENTED, name="consented"), UNORDERED)

    response_id: str = Field(primary_key=True, max_length=32)


class Tombstone(SQLModel, table=True):
    """Withdrawals, kept so that a restored backup cannot bring a response back."""

    __tablename__ = "tombstones"
    __table_args__ = UNORDERED

    withdrawal_hash: str = Field(primary_key=True, max_length=HASH)


class Draft(SQLModel, table=True):
    """Unfinished answers, readable only with the respondent's resume code."""

    __tablename__ = "drafts"
    __table_args__ = UNORDERED

    draft_hash: str = Field(primary_key=True, max_length=HASH)
    survey: str = Field(max_length=NAME)
    week: str = Field(max_length=8)
    sealed: str = Field(sa_type=Text)


class PageCount(SQLModel, table=True):
    """How often a page was shown: a plain total of nobody in particular."""

    __tablename__ = "page_counts"
    __table_args__ = UNORDERED

    survey: str = Field(primary_key=True, max_length=NAME)
    country: str = Field(primary_key=True, max_length=2)
    page: str = Field(primary_key=True, max_length=NAME)
    shown: int


RESPONDENT_TABLES = tuple(
    SQLModel.metadata.tables[model.__tablename__]
    for model in (Inbox, Spent, Response, Tombstone, Ticket, Draft, PageCount)
)
"""All tables with anything about respondents."""


class Researcher(SQLModel, table=True):
    """Somebody who may sign in; a name is given once and never again."""

    __tablename__ = "researchers"

    name: str = Field(primary_key=True, max_length=NAME)
    active: bool
    password_hash: str = Field(max_length=255)
    totp_secret: str = Field(max_length=255)
    """Sealed with the secret key."""
    totp_counter: int = Field(sa_type=BigInteger)
    """The step of time of the last code used; only later ones are taken."""


class Grant(SQLModel, table=True):
    """The role of a researcher in a survey, or in all of them (``*``)."""

    __tablename__ = "grants"
    __table_args__ = (
        CheckConstraint("role IN ('viewer', 'analyst', 'manager', 'owner')", "role"),
    )

    researcher: str = Field(primary_key=True, max_length=NAME)
    survey: str = Field(primary_key=True, max_length=NAME)
    role: str = Field(max_length=7)


class SignedIn(SQLModel, table=True):
    """A session: a researcher's browser holds the token, this is its hash."""

    __tablename__ = "sessions"

    token_hash: str = Field(primary_key=True, max_length=HASH)
    researcher: str = Field(max_length=NAME, index=True)
    started: int = Field(sa_type=BigInteger)
    seen: int = Field(sa_type=BigInteger)
    confirmed: int = Field(sa_type=BigInteger)
    """When the second factor was shown last; 0 if it was not."""


class ApiKey(SQLModel, table=True):
    """What a researcher's program shows instead of a password; only its hash."""

    __tablename__ = "api_keys"

    key_id: str = Field(primary_key=True, max_length=16)
    key_hash: str = Field(max_length=HASH)
    researcher: str = Field(max_length=NAME, index=True)
    scopes: dict[str, str] = Field(sa_type=JSON)
    """The highest role in each survey (``*``: in all), never above the researcher's."""
    expires: int = Field(sa_type=BigInteger)


class Attempts(SQLModel, table=True):
    """Failed attempts for a name, known or not, and until when none is looked at."""

    __tablename__ = "attempts"

    name_hash: str = Field(primary_key=True, max_length=HASH)
    failures: int
    wait_until: int = Field(sa_type=BigInteger)


class Act(SQLModel, table=True):
    """One act of a researcher; see `audit` for the chain of hashes."""

    __tablename__ = "acts"

    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: str = Field(max_length=20)
    researcher: str = Field(max_length=NAME)
    act: str = Field(max_length=NAME)
    survey: str = Field(max_length=NAME)
    details: str = Field(sa_type=Text)
    hash: str = Field(max_length=HASH)


APPEND_ONLY = {
    "sqlite": (
        "CREATE TRIGGER acts_update BEFORE UPDATE ON acts"
        " BEGIN SELECT RAISE(ABORT, 'acts are append-only'); END",
        "CREATE TRIGGER acts_delete BEFORE DELETE ON acts"
        " BEGIN SELECT RAISE(ABORT, 'acts are append-only'); END",
        # INSERT OR REPLACE would delete without a DELETE
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
"""What makes each database refuse to change or delete an act."""

for _dialect, _statements in APPEND_ONLY.items():
    for _statement in _statements:
        event.listen(
            SQLModel.metadata.tables["acts"],
            "after_create",
            DDL(_statement).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]
        )

RESEARCHER_TABLES = tuple(
    SQLModel.metadata.tables[model.__tablename__]
    for model in (Researcher, Grant, SignedIn, ApiKey, Attempts, Act)
)
"""All tables about researchers; nothing in them is about a respondent."""
