"""Fieldwork: a survey is published, opened, followed and closed."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Any, TypedDict

from sqlalchemy import (
    Connection,
    Engine,
    delete,
    func,
    insert,
    literal,
    select,
    union_all,
    update,
)
from sqlmodel import col

from surveys.checks import find_unwritten
from surveys.loading import load_files
from surveys.survey import Survey

from .database import writing
from .errors import FieldworkError, UnknownSurvey
from .mixing import mix
from .models import Draft, Inbox, PageCount, PublishedSurvey, Response, SurveyStatus
from .weeks import today, week_of

CHUNK = 2000
"""Responses read at a time."""


class Progress(TypedDict):
    """How far a survey is: plain totals, ready for JSON."""

    state: str
    responses: dict[str, int]
    """Responses by country."""
    waiting: int
    """How many of them wait to be mixed."""
    pages: dict[str, int]
    """How often each page was shown."""


def publish(engine: Engine, survey: Survey) -> bool:
    """Store a survey's files, so that it can be opened.

    A draft may be published again until it is opened; then only the same files are
    accepted, and nothing changes.

    Returns
    -------
    bool
        False if nothing changed.

    Raises
    ------
    FieldworkError
        The survey is open or closed and the files are others.
    """
    files = json.dumps(dict(survey.files), sort_keys=True)
    row = PublishedSurvey(
        name=survey.name,
        version=survey.version,
        files_hash=hashlib.sha256(files.encode()).hexdigest(),
        tier=survey.study.tier,
        state="draft",
        countries={},
        opened_week="",
        draft_translations=False,
        synthetic=False,
        files=dict(survey.files),
    )
    name = col(PublishedSurvey.name)
    with writing(engine) as connection:
        query = select(col(PublishedSurvey.state), col(PublishedSurvey.files_hash))
        published = connection.execute(query.where(name == survey.name)).one_or_none()
        if published is not None and published.state != "draft":
            if published.files_hash == row.files_hash:
                return False
            raise FieldworkError(
                f"survey {survey.name!r} is {published.state} and cannot change any"
                " more; publish the new files as a folder of another name"
            )
        connection.execute(delete(PublishedSurvey).where(name == survey.name))
        connection.execute(insert(PublishedSurvey).values(row.model_dump()))
    return True


def status(engine: Engine, name: str) -> SurveyStatus:
    """Return what is decided about a survey.

    Raises
    ------
    UnknownSurvey
    """
    with engine.connect() as connection:
        return _status(connection, name)


def list_surveys(engine: Engine) -> list[dict[str, Any]]:
    """Return the status of every survey by name, ready for JSON."""
    query = select(*_STATUS).order_by(col(PublishedSurvey.name))
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


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
) -> bool:
    """Open a survey for respondents; from now on it cannot change.

    Opening an open survey again does nothing, unless it is asked for in another way.

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
        The respondents are made up: every page says so, so that no approval is needed
        and texts may still be unwritten.

    Returns
    -------
    bool
        False if it was open already.

    Raises
    ------
    UnknownSurvey
    FieldworkError
        Something is missing, or the survey is closed or open in another way.
    """
    published = status(engine, name)
    survey = _load(engine, name, published.files_hash)
    if countries is None:
        countries = published.countries or survey.study.countries
    chosen = sorted(set(countries))
    required = set() if synthetic else {*survey.study.approval_required} & {*chosen}
    approvals = {
        country: (approval or "") if country in required else "" for country in chosen
    }
    if published.state != "draft":
        if approval is None and {*approvals} == {*published.countries}:
            approvals = published.countries
        asked = ("open", approvals, synthetic)
        if (published.state, published.countries, published.synthetic) != asked:
            raise FieldworkError(
                f"survey {name!r} is {published.state}; it opened in week"
                f" {published.opened_week} in {', '.join(published.countries)} and that"
                " cannot change any more; publish it as a folder of another name to"
                " field it again"
            )
        return False
    obstacles = list(
        _obstacles(
            survey,
            approvals,
            need_approval=required,
            accepts_drafts=accept_draft_translations,
            synthetic=synthetic,
        )
    )
    if obstacles:
        raise FieldworkError("\n".join([f"survey {name!r} stays a draft:", *obstacles]))
    opening = (
        update(PublishedSurvey)
        .where(
            col(PublishedSurvey.name) == name,
            col(PublishedSurvey.state) == "draft",
            col(PublishedSurvey.files_hash) == published.files_hash,
        )
        .values(
            state="open",
            version=survey.version,
            countries=approvals,
            opened_week=week_of(today()),
            draft_translations=bool(survey.draft_languages),
            synthetic=synthetic,
        )
    )
    with writing(engine) as connection:
        if connection.execute(opening).rowcount == 0:
            raise FieldworkError(
                f"survey {name!r} was opened or published anew meanwhile; look at"
                " `parallax survey list` and try again"
            )
    return True


def _obstacles(
    survey: Survey,
    approvals: Mapping[str, str],
    *,
    need_approval: Collection[str],
    accepts_drafts: bool,
    synthetic: bool,
) -> Iterator[str]:
    """Say everything that keeps a survey from opening in the countries."""
    unknown = set(approvals) - set(survey.study.countries)
    if unknown or not approvals:
        yield (
            f"It cannot open in {', '.join(sorted(unknown)) or 'no country'}; its"
            f" study.yaml names {', '.join(survey.study.countries)}."
        )
    unwritten, in_file = list(find_unwritten(survey)), attrgetter("file")
    if unwritten and not synthetic:
        places = "; ".join(
            f"{file}: {', '.join(text.where for text in texts)}"
            for file, texts in groupby(sorted(unwritten, key=in_file), key=in_file)
        )
        yield (
            "Texts are still to be written where [[double brackets]] stand"
            f" ({places}). Write them, and publish the survey again."
        )
    if survey.draft_languages and not accepts_drafts:
        yield (
            f"{len(survey.draft_languages)} of {len(survey.languages)} languages are"
            f" drafts ({', '.join(sorted(survey.draft_languages))}); have them"
            " adjudicated or open with --accept-draft-translations."
        )
    lacking = sorted(country for country in need_approval if not approvals[country])
    if lacking:
        yield (
            f"It needs an approval in {', '.join(lacking)}; open with --approval"
            " REFERENCE, or with --country for the others only."
        )


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
    """Count the responses and the shown pages of a survey.

    Raises
    ------
    UnknownSurvey
    """
    rows = union_all(
        *(
            select(
                col(table.country).label("country"), literal(waits).label("waits")
            ).where(col(table.survey) == name)
            for table, waits in ((Inbox, 1), (Response, 0))
        )
    ).subquery()
    by_country = select(rows.c.country, func.count(), func.sum(rows.c.waits)).group_by(
        rows.c.country
    )
    by_page = (
        select(col(PageCount.page), func.sum(col(PageCount.shown)))
        .where(col(PageCount.survey) == name)
        .group_by(col(PageCount.page))
    )
    with engine.connect() as connection:
        state = _status(connection, name).state
        counts = connection.execute(by_country).all()
        pages = connection.execute(by_page).all()
    return {
        "state": state,
        "responses": dict(
            sorted((country or "", count) for country, count, _ in counts)
        ),
        "waiting": sum(int(waits) for *_, waits in counts),
        "pages": {page: int(shown) for page, shown in pages},
    }


def records(engine: Engine, name: str) -> Iterator[dict[str, Any]]:
    """Read the mixed responses of a survey in the order of their random identifiers.

    Parameters
    ----------
    engine : Engine
    name : str

    Yields
    ------
    dict
        ``response_id``, ``country``, ``week``, ``language``,
        ``questionnaire_version`` and what begins with ``consent_``, as stored, and
        the dicts ``assignment`` and ``answers``.
    """
    left_out = {"survey", "body", "withdrawal_hash"}
    last = ""
    while True:
        query = (
            select(Response)
            .where(col(Response.survey) == name, col(Response.response_id) > last)
            .order_by(col(Response.response_id))
            .limit(CHUNK)
        )
        with engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        for row in rows:
            body = json.loads(row["body"])
            answers = {
                variable: tuple(answer) if isinstance(answer, list) else answer
                for variable, answer in body["answers"].items()
            }
            columns = {key: row[key] for key in row if key not in left_out}
            yield {**columns, "assignment": body["assignment"], "answers": answers}
        if len(rows) < CHUNK:
            return
        last = rows[-1]["response_id"]


_STATUS = tuple(getattr(PublishedSurvey, key) for key in SurveyStatus.model_fields)


def _status(connection: Connection, name: str) -> SurveyStatus:
    query = select(*_STATUS).where(col(PublishedSurvey.name) == name)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise UnknownSurvey(name)
    return SurveyStatus.model_validate(dict(row))


@lru_cache(maxsize=16)
def _load(engine: Engine, name: str, files_hash: str) -> Survey:
    query = select(col(PublishedSurvey.files)).where(
        col(PublishedSurvey.name) == name,
        col(PublishedSurvey.files_hash) == files_hash,
    )
    with engine.connect() as connection:
        files = connection.scalar(query)
    if files is None:  # published anew since the hash was read
        raise UnknownSurvey(name)
    return load_files(name, files)
