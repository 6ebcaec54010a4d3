"""Tickets: the codes leave the service, their hashes stay, in no telling order."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, select, text

from api import fieldwork, tickets
from api.codes import normalise, ticket_hash
from api.database import writing
from api.errors import FieldworkError, UnknownSurvey
from api.mixing import mix
from api.models import Ticket
from api.recording import Submission, _record


def test_only_sorted_hashes_are_kept(fielded: Engine) -> None:
    codes = tickets.issue(fielded, "invited", "DE", 200)
    assert len(set(codes)) == 200
    assert all(normalise(code) == code for code in codes)
    order = " ORDER BY ctid" if fielded.dialect.name == "postgresql" else ""
    with fielded.connect() as connection:
        rows = connection.execute(select(Ticket)).all()
        stored = connection.scalars(text(f"SELECT ticket_hash FROM tickets{order}"))
        assert stored.all() == sorted(map(ticket_hash, codes))
    assert {(row.survey, row.country) for row in rows} == {("invited", "DE")}
    kept = str(rows)
    assert not any(code in kept or code.replace("-", "") in kept for code in codes)


def test_a_ticket_gives_one_answer(
    fielded: Engine, submission: Callable[..., Submission]
) -> None:
    (code,) = tickets.issue(fielded, "invited", "GB", 1)
    hash_ = ticket_hash(normalise(code.lower()) or "")
    one = submission(survey="invited", submission_hash=hash_)
    two = submission(survey="invited", submission_hash=hash_, body="{}")
    with writing(fielded) as connection:
        outcomes = [_record(connection, each) for each in (one, one, two)]
    assert outcomes == ["recorded", "already_recorded", "conflict"]


def test_a_ticket_is_looked_up_before_the_first_question(
    fielded: Engine, submission: Callable[..., Submission]
) -> None:
    codes = tickets.issue(fielded, "invited", "GB", 3)
    waiting, mixed, valid = map(ticket_hash, codes)
    for hash_ in (mixed, waiting):
        one = submission(survey="invited", submission_hash=hash_)
        with writing(fielded) as connection:
            _record(connection, one)
        if hash_ == mixed:
            mix(fielded, "invited", minimum=1)
    found = [tickets.look_up(fielded, "invited", hash_) for hash_ in (waiting, mixed)]
    assert found == ["used", "used"]
    assert tickets.look_up(fielded, "invited", valid) == "valid"
    assert tickets.look_up(fielded, "opinions", valid) == "unknown"
    assert tickets.look_up(fielded, "invited", ticket_hash("x")) == "unknown"


@pytest.mark.parametrize(
    ("survey", "country", "count", "message"),
    [
        ("opinions", "DE", 1, "of tier T0"),
        ("invited", "CN", 1, "does not run in 'CN'; its countries are DE, GB"),
        ("invited", "DE", 0, "0 tickets cannot be issued"),
    ],
)
def test_tickets_that_nobody_could_use_are_not_issued(
    fielded: Engine, survey: str, country: str, count: int, message: str
) -> None:
    with pytest.raises(FieldworkError, match=message):
        tickets.issue(fielded, survey, country, count)
    with fielded.connect() as connection:
        assert connection.execute(select(Ticket)).all() == []


def test_a_closed_or_unknown_survey_has_no_tickets(fielded: Engine) -> None:
    fieldwork.close_survey(fielded, "invited")
    with pytest.raises(FieldworkError, match="is closed"):
        tickets.issue(fielded, "invited", "DE", 1)
    with pytest.raises(UnknownSurvey):
        tickets.issue(fielded, "nothing", "DE", 1)
