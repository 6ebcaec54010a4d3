"""Tickets: the right to answer once, given by somebody who never sees the answers.

The codes are printed or sent by a custodian. The server keeps their hashes only,
sorted, and a respondent's answer under nothing that leads back to one after mixing.
"""

from typing import Literal

from sqlalchemy import Engine, insert, select, union_all
from sqlmodel import col

from .codes import new_code, ticket_hash
from .database import writing
from .errors import FieldworkError
from .fieldwork import load_published, status
from .models import Inbox, Spent, Ticket

GROUPS = 6
"""Groups of four symbols in a ticket: 115 random bits."""


def issue(engine: Engine, survey: str, country: str, count: int) -> list[str]:
    """Issue tickets for a country of a T1 survey.

    Parameters
    ----------
    engine : Engine
    survey : str
    country : str
        ISO 3166-1 alpha-2.
    count : int

    Returns
    -------
    list of str
        The codes. They are nowhere else: what is lost cannot be shown again.

    Raises
    ------
    UnknownSurvey
    FieldworkError
        The survey has no tickets, does not run in that country, or is closed.
    """
    published = status(engine, survey)
    if published.state == "closed" or published.tier != "T1":
        raise FieldworkError(
            f"survey {survey!r} is {published.state} and of tier {published.tier};"
            " tickets are for surveys of tier T1 that are not closed"
        )
    countries = published.countries or load_published(engine, survey).study.countries
    if country not in countries:
        raise FieldworkError(
            f"survey {survey!r} does not run in {country!r};"
            f" its countries are {', '.join(countries)}"
        )
    if count < 1:
        raise FieldworkError(f"{count} tickets cannot be issued; ask for 1 or more")
    codes = [new_code(GROUPS) for _ in range(count)]
    rows = [
        {"ticket_hash": hash_, "survey": survey, "country": country}
        for hash_ in sorted(map(ticket_hash, codes))
    ]
    with writing(engine) as connection:
        connection.execute(insert(Ticket), rows)
    return codes


def look_up(
    engine: Engine, survey: str, ticket_hash: str
) -> Literal["unknown", "used", "valid"]:
    """Tell whether a ticket of a survey exists and still gives the right to answer."""
    issued = select(col(Ticket.ticket_hash)).where(
        col(Ticket.ticket_hash) == ticket_hash, col(Ticket.survey) == survey
    )
    used = union_all(
        *(
            select(col(table.survey)).where(col(table.submission_hash) == ticket_hash)
            for table in (Inbox, Spent)
        )
    )
    with engine.connect() as connection:
        if connection.scalar(issued) is None:
            return "unknown"
        return "valid" if connection.scalar(used) is None else "used"
