"""Fieldwork: a survey is published, opened, followed and closed."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select, union_all, update
from sqlmodel import col

from surveys.loading import Survey, load_files

from .database import writing
from .errors import FieldworkError, UnknownSurvey
from .mixing import mix
from .models import Draft, Inbox, PageCount, PublishedSurvey, Response, SurveyStatus
from .weeks import today, week_of

CHUNK = 2000
"""Responses read at a time."""


@dataclass(frozen=True)
class Progress:
    """How far a survey is.

    Attributes
    ----------
    responses : dict
        Responses per country, waiting and mixed.
    waiting : int
        How many of them wait to be mixed.
    shown : dict
        How often each page was shown.
    """

    responses: dict[str, int]
    waiting: int
    shown: dict[str, int]


def publish(engine: Engine, survey: Survey) -> SurveyStatus:
    """Store a survey's files, so that it can be opened.

    A draft may be published again until it is opened; then only the same files are
    accepted, and nothing changes.

    Raises
    ------
    FieldworkError
        The survey is open or closed and the files are others.
    """
    files = dict(survey.files)
    row = {
        "version": survey.version,
        "files": files,
        "files_hash": hashlib.sha256(
            json.dumps(files, sort_keys=True).encode()
        ).hexdigest(),
        "tier": survey.study.tier,
    }
    name = col(PublishedSurvey.name)
    with writing(engine) as connection:
        try:
            published = _status(connection, survey.name)
        except UnknownSurvey:
            connection.execute(
                insert(PublishedSurvey).values(
                    name=survey.name,
                    state="draft",
                    countries={},
                    opened_week="",
                    draft_translations=False,
                    synthetic=False,
                    **row,
                )
            )
        else:
            if published.state == "draft":
                connection.execute(
                    update(PublishedSurvey).where(name == survey.name).values(**row)
                )
            elif published.files_hash != row["files_hash"]:
                raise FieldworkError(
                    f"survey {survey.name!r} is {published.state} with version"
                    f" {published.version[:12]} and cannot change any more; publish"
                    " the new files under another folder name"
                )
        return _status(connection, survey.name)


def status(engine: Engine, name: str) -> SurveyStatus:
    """Return what is decided about a survey.

    Raises
    ------
    UnknownSurvey
    """
    with engine.connect() as connection:
        return _status(connection, name)


def statuses(engine: Engine) -> list[SurveyStatus]:
    """Return what is decided about every survey, by name."""
    query = select(*_STATUS).order_by(col(PublishedSurvey.name))
    with engine.connect() as connection:
        rows = connection.execute(query).mappings().all()
    return [SurveyStatus.model_validate(dict(row)) for row in rows]


def load_published(engine: Engine, name: str) -> Survey:
    """Return a published survey, loaded from its stored files once per process.

    Raises
    ------
    UnknownSurvey
    """
    return _load(engine, name, status(engine, name).files_hash)


def open_survey(
    engine: Engine,
    name: str,
    *,
    countries: Collection[str] | None = None,
    accept_draft_translations: bool = False,
    approval: str | None = None,
    synthetic: bool = False,
) -> SurveyStatus:
    """Open a survey for respondents; from now on it cannot change.

    Opening an open survey again in the same way does nothing.

    Parameters
    ----------
    engine : Engine
    name : str
    countries : collection of str, optional
        Where it opens; all countries of the study by default.
    accept_draft_translations : bool
        Needed when a translation is still a draft.
    approval : str, optional
        Reference of the ethics or legal approval, stored with each country that
        needs one.
    synthetic : bool
        The respondents are made up: no approval is needed, and the data say so.

    Raises
    ------
    UnknownSurvey
    FieldworkError
        Something is missing, or the survey is closed or open in another way.
    """
    survey = load_published(engine, name)
    chosen = sorted(survey.study.countries if countries is None else set(countries))
    need = [] if synthetic else sorted(set(survey.study.approval_required) & set(chosen))
    _check(survey, chosen, accept_draft_translations, need, approval)
    row = {
        "countries": {
            country: (approval or "") if country in need else "" for country in chosen
        },
        "draft_translations": bool(survey.draft_languages),
        "synthetic": synthetic,
    }
    with writing(engine) as connection:
        current = _status(connection, name)
        if current.version != survey.version:
            raise FieldworkError(f"survey {name!r} was just published anew; try again")
        if current.state == "draft":
            connection.execute(
                update(PublishedSurvey)
                .where(col(PublishedSurvey.name) == name)
                .values(state="open", opened_week=week_of(today()), **row)
            )
        elif current.state == "closed" or any(
            getattr(current, key) != value for key, value in row.items()
        ):
            raise FieldworkError(
                f"survey {name!r} is {current.state}"
                f" ({', '.join(current.countries)}) and that cannot change any more;"
                " publish it under another folder name to field it again"
            )
        return _status(connection, name)


def close_survey(engine: Engine, name: str) -> int:
    """Close a survey, delete its drafts and mix what still waits.

    The last batch is mixed however small it is, because nothing will join it: with
    fewer than five responses its anonymity set is that small.

    Returns
    -------
    int
        Responses mixed.
    """
    with writing(engine) as connection:
        if _status(connection, name).state == "draft":
            raise FieldworkError(f"survey {name!r} is not open; open it first")
        connection.execute(
            update(PublishedSurvey)
            .where(col(PublishedSurvey.name) == name)
            .values(state="closed")
        )
        connection.execute(delete(Draft).where(col(Draft.survey) == name))
    return mix(engine, name, minimum=0)


def count_page(connection: Connection, survey: str, country: str, page: str) -> None:
    """Add one to the times a page was shown; ``country`` is empty while unknown."""
    same = (
        col(PageCount.survey) == survey,
        col(PageCount.country) == country,
        col(PageCount.page) == page,
    )
    more = update(PageCount).where(*same).values(shown=col(PageCount.shown) + 1)
    if connection.execute(more).rowcount == 0:
        connection.execute(
            insert(PageCount).values(survey=survey, country=country, page=page, shown=1)
        )


def progress(engine: Engine, name: str) -> Progress:
    """Count the responses of a survey by country, and its pages."""
    tables = [
        select(col(table.country), mixed) ...
    ]


def records(engine: Engine, name: str) -> Iterator[dict[str, Any]]:
    """Yield the mixed responses of a survey by their random identifiers.

    Yields
    ------
    dict
        The columns of `models.Response` without ``survey``, ``body`` and
        ``withdrawal_hash``, and ``assignment`` and ``answers`` as dicts.
    """
