"""Sessions rotate, expire and end; wrong attempts wait, for known and unknown names."""

import threading

import pyotp
import pytest
from sqlalchemy import Engine, select
from sqlmodel import SQLModel

from api import accounts, attempts, audit, sessions
from api.attempts import FORGET_SECONDS, known_browser
from api.errors import TooManyAttempts
from api.models import Attempts, SignedIn
from api.sessions import (
    FRESH_SECONDS,
    IDLE_SECONDS,
    LONGEST_SECONDS,
    confirm,
    count_sessions,
    look_up,
    sign_in,
    sign_out,
)
from api.settings import Settings

PASSWORD = "correct horse battery"

pytestmark = pytest.mark.usefixtures("quick_passwords", "clock")


class Clock:
    """A clock that goes when it is told to; sleeping makes it go."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (attempts, sessions):
        monkeypatch.setattr(module, "time", clock)
    return clock


class Anna:
    """A researcher at the door."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self.engine, self.settings = engine, settings
        enrolment = accounts.add(engine, settings, "anna", PASSWORD)
        self.app = pyotp.parse_uri(enrolment.otpauth)

    def sign_in(
        self, password: str = PASSWORD, name: str = "anna", **browser: str
    ) -> str | None:
        return sign_in(self.engine, self.settings, name, password, **browser)

    def session(self, token: str | None) -> sessions.Session | None:
        return look_up(self.engine, token or "")

    def confirm(self, token: str | None, code: str) -> str | None:
        return confirm(self.engine, self.settings, token or "", code)


@pytest.fixture
def anna(engine: Engine, settings: Settings) -> Anna:
    return Anna(engine, settings)


def test_a_session_is_its_researcher_s_and_its_token_is_not_stored(anna: Anna) -> None:
    accounts.grant(anna.engine, "anna", "*", "viewer")
    token = anna.sign_in()
    session = anna.session(token)
    assert session
    assert (session.researcher, session.roles) == ("anna", {"*": "viewer"})
    assert not session.strong
    accounts.grant(anna.engine, "anna", "*", "owner")
    later = anna.session(token)
    assert later
    assert later.roles == {"*": "owner"}  # roles are never kept in a session
    with anna.engine.connect() as connection:
        for table in SQLModel.metadata.sorted_tables:
            rows = str(connection.execute(select(table)).all())
            assert session.token not in rows
            assert session.csrf not in rows


def test_wrong_names_and_passwords_get_the_same_answer(anna: Anna) -> None:
    assert anna.sign_in()
    assert anna.sign_in(PASSWORD + "!") is None
    for name in ("bo", "", "everybody", "anna "):
        assert anna.sign_in(name=name) is None


def test_signing_in_again_ends_the_session_of_the_same_browser(anna: Anna) -> None:
    first = anna.sign_in()
    elsewhere = anna.sign_in()
    second = anna.sign_in(old=first or "")
    assert len({first, second, elsewhere}) == 3
    assert anna.session(first) is None
    assert anna.session(second)
    assert anna.session(elsewhere)
    assert count_sessions(anna.engine, "anna") == 2
    assert anna.session("made up by an attacker") is None


def test_a_session_ends_when_it_is_not_used(anna: Anna, clock: Clock) -> None:
    token = anna.sign_in()
    for _ in range(3):
        clock.now += IDLE_SECONDS
        assert anna.session(token)
    clock.now += IDLE_SECONDS + 1
    assert count_sessions(anna.engine, "anna") == 0
    assert anna.session(token) is None


def test_a_session_ends_after_eight_hours_however_much_it_is_used(
    anna: Anna, clock: Clock
) -> None:
    token = anna.sign_in()
    begin = clock.now
    while clock.now < begin + LONGEST_SECONDS - 600:
        clock.now += 600
        assert anna.session(token)
    token = anna.confirm(token, anna.app.at(int(clock.now)))
    assert anna.session(token)
    clock.now = begin + LONGEST_SECONDS + 1
    assert anna.session(token) is None  # a one-time code prolongs nothing
    anna.sign_in()
    with anna.engine.connect() as connection:
        assert len(connection.execute(select(SignedIn)).all()) == 1  # swept up


def test_signing_out_ends_one_session_or_all(anna: Anna) -> None:
    first, second, third = (anna.sign_in() or "" for _ in range(3))
    sign_out(anna.engine, first)
    assert [bool(anna.session(each)) for each in (first, second, third)] == [
        False,
        True,
        True,
    ]
    sign_out(anna.engine, first)  # nothing to end
    sign_out(anna.engine, second, everywhere=True)
    assert anna.session(third) is None
    with anna.engine.connect() as connection:
        acts = [act["act"] for act in audit.latest(connection, 9)]
    assert acts == ["researcher_added", *["signed_in"] * 3, *["signed_out"] * 2]


def test_a_code_makes_the_session_strong_for_a_while_under_a_new_token(
    anna: Anna, clock: Clock
) -> None:
    weak = anna.sign_in()
    strong = anna.confirm(weak, anna.app.at(int(clock.now)))
    assert strong
    assert anna.session(weak) is None
    session = anna.session(strong)
    assert session
    assert session.strong
    clock.now += FRESH_SECONDS - 1
    session = anna.session(strong)
    assert session
    assert session.strong
    clock.now += 2
    session = anna.session(strong)
    assert session
    assert not session.strong


def test_a_code_works_once_in_all_sessions(anna: Anna, clock: Clock) -> None:
    code = anna.app.at(int(clock.now))
    first, second = anna.sign_in(), anna.sign_in()
    assert anna.confirm(first, code)
    assert anna.confirm(second, code) is None
    assert anna.confirm(second, anna.app.at(int(clock.now) - 30)) is None
    clock.now += 30
    assert anna.confirm(second, anna.app.at(int(clock.now)))


def test_a_code_needs_a_session(anna: Anna, clock: Clock) -> None:
    assert anna.confirm("made up", anna.app.at(int(clock.now))) is None
    token = anna.sign_in()
    assert anna.confirm(token, "123456" * 2) is None
    session = anna.session(token)
    assert session
    assert not session.strong


def waits(attempt: object, clock: Clock, count: int) -> list[int]:
    """Seconds that each of some wrong attempts had to wait for."""
    found = []
    for _ in range(count):
        try:
            assert attempt() is None
            found.append(0)
        except TooManyAttempts as error:
            found.append(error.seconds)
            clock.now += error.seconds
            assert attempt() is None
    return found


@pytest.mark.parametrize("name", ["anna", "nobody.has.it"])
def test_wrong_attempts_wait_longer_each_time(
    anna: Anna, clock: Clock, name: str
) -> None:
    found = waits(lambda: anna.sign_in("wrong", name), clock, 12)
    assert found == [0, 0, 0, 0, 2, 4, 8, 16, 32, 60, 60, 60]
    with pytest.raises(TooManyAttempts):
        anna.sign_in(PASSWORD, name)  # not even looked at
    assert anna.sign_in("wrong", "somebody.else") is None
    clock.now += 60
    assert bool(anna.sign_in(PASSWORD, name)) == (name == "anna")


def test_the_right_password_and_time_wipe_the_slate(anna: Anna, clock: Clock) -> None:
    waits(lambda: anna.sign_in("wrong"), clock, 5)
    clock.now += 60
    assert anna.sign_in()
    assert waits(lambda: anna.sign_in("wrong"), clock, 5) == [0, 0, 0, 0, 2]
    clock.now += FORGET_SECONDS + 61
    assert waits(lambda: anna.sign_in("wrong"), clock, 2) == [0, 0]


def test_wrong_codes_wait_too_and_do_not_shut_the_door(
    anna: Anna, clock: Clock
) -> None:
    token = anna.sign_in()
    found = waits(lambda: anna.confirm(token, "000000"), clock, 6)
    assert found == [0, 0, 0, 0, 2, 4]
    assert anna.sign_in()


def test_many_wrong_attempts_for_many_names_slow_all_down(
    anna: Anna, clock: Clock
) -> None:
    for number in range(120):
        anna.sign_in("wrong", f"name{number}")
    assert clock.slept[:3] == [0, 0.01, 0.02]
    assert clock.slept[-1] == 1.0
    assert anna.sign_in()  # and never shut anybody out
    with anna.engine.connect() as connection:
        assert "name7" not in str(connection.execute(select(Attempts)).all())


def test_others_cannot_keep_somebody_out_of_a_browser_that_is_known(
    anna: Anna, clock: Clock
) -> None:
    known = known_browser(anna.settings, "anna")
    others = known_browser(anna.settings, "bo")
    waits(lambda: anna.sign_in("wrong"), clock, 12)
    for browser in ("", others, known[:-1] + "0", "." + known.partition(".")[2], "ä.ä"):
        with pytest.raises(TooManyAttempts):
            anna.sign_in(known=browser)
    assert anna.sign_in(known=known)
    found = waits(lambda: anna.sign_in("wrong", known=known), clock, 6)
    assert found == [0, 0, 0, 0, 2, 4]  # whoever stole it has to wait too


def test_attempts_at_the_same_time_count_each(anna: Anna) -> None:
    outcomes = []

    def attempt() -> None:
        try:
            outcomes.append(anna.sign_in("wrong"))
        except TooManyAttempts:
            outcomes.append("refused")

    threads = [threading.Thread(target=attempt) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == ["None"] * 4 + ["refused"] * 8
