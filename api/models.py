"""The tables: what is kept about surveys, and all that is kept about respondents.

Rows about respondents have no time finer than the ISO week, no address, no device and
no order: their keys are random or hashes, and on SQLite they are the tables'
only order (``WITHOUT ROWID``). docs/privacy.md gives the reason for each column.
"""

from typing import Any

from sqlalchemy import JSON, CheckConstraint, Text
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
