"""Saved answers open with their code only, and not for ever."""

import time
from datetime import date

import pytest
from sqlalchemy import Engine, select

from api import drafts, recording
from api.codes import new_code
from api.database import writing
from api.models import Draft
from api.recording import Recorder

CONTENT = "Grüße, 意见 and a canary"


def test_a_draft_is_found_with_its_code_and_survey_only(engine: Engine) -> None:
    code = new_code()
    with writing(engine) as connection:
        drafts.save(connection, "opinions", code, CONTENT)
        assert drafts.find(connection, "opinions", code) == CONTENT
        assert drafts.find(connection, "opinions", new_code()) is None
        assert drafts.find(connection, "invited", code) is None


def test_the_row_gives_nothing_away(engine: Engine) -> None:
    code = new_code()
    with writing(engine) as connection:
        drafts.save(connection, "opinions", code, CONTENT)
        (row,) = connection.execute(select(Draft)).all()
    kept = str(row)
    for secret in ("canary", code, code.replace("-", "")):
        assert secret not in kept
    assert "gAAAAAAAAAAA" in row.sealed  # the token's clock stands at zero


def test_saving_again_replaces_and_discarding_deletes(engine: Engine) -> None:
    code = new_code()
    with writing(engine) as connection:
        for content in ("first", "second"):
            drafts.save(connection, "opinions", code, content)
        assert drafts.find(connection, "opinions", code) == "second"
        assert len(connection.execute(select(Draft)).all()) == 1
        drafts.discard(connection, [drafts.draft_hash(code)])
        assert connection.execute(select(Draft)).all() == []


@pytest.mark.parametrize(
    ("saved", "purged"),
    [
        (date(2026, 11, 23), date(2026, 12, 7)),  # Monday: 14 days
        (date(2026, 11, 29), date(2026, 12, 7)),  # Sunday of the same week: 8 days
        (date(2026, 12, 31), date(2027, 1, 11)),  # week 53
    ],
)
def test_a_draft_lives_until_the_end_of_the_following_week(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, saved: date, purged: date
) -> None:
    code = new_code()
    monkeypatch.setattr(drafts, "today", lambda: saved)
    with writing(engine) as connection:
        drafts.save(connection, "opinions", code, CONTENT)
        (week,) = connection.scalars(select(Draft.week))
        last = drafts.usable_until(week)
        assert (purged - last).days == 1
        assert 8 <= (purged - saved).days <= 14
        monkeypatch.setattr(drafts, "today", lambda: last)
        assert drafts.purge(connection) == 0
        assert drafts.find(connection, "opinions", code) == CONTENT
        monkeypatch.setattr(drafts, "today", lambda: purged)
        assert drafts.purge(connection) == 1
        assert drafts.find(connection, "opinions", code) is None


def test_a_running_recorder_purges_again_and_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "HOUSEKEEPING_SECONDS", 0.05)
    recorder = Recorder(engine)
    recorder.start()
    for _ in range(2):  # what was there at the start, and what came later
        with writing(engine) as connection:
            monkeypatch.setattr(drafts, "today", lambda: date(2020, 1, 1))
            drafts.save(connection, "opinions", new_code(), CONTENT)
            monkeypatch.undo()
            monkeypatch.setattr(recording, "HOUSEKEEPING_SECONDS", 0.05)
        deadline = time.monotonic() + 10
        left = 1
        while left and time.monotonic() < deadline:
            time.sleep(0.02)
            with engine.connect() as connection:
                left = len(connection.execute(select(Draft)).all())
        assert left == 0
    recorder.stop()
