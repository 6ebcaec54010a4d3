"""Wrong attempts to sign in make the next ones wait, longer each time.

What happens for a name does not depend on whether somebody has it. A browser in which
somebody signed in before has attempts of its own, so that the wrong ones of others
cannot keep its owner out.

References
----------
OWASP (2023). Slow down online guessing attacks with device cookies.
https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
"""

import hashlib
import hmac
import time

from sqlalchemy import Connection, Engine, delete, insert, select
from sqlmodel import col

from .database import writing
from .errors import TooManyAttempts
from .models import Attempts
from .security import new_token
from .settings import Settings

FREE_ATTEMPTS = 3
LONGEST_WAIT = 60
FORGET_SECONDS = 3600
"""Wrong attempts are forgotten after so long without another one."""

EVERYBODY = "everybody"
"""All attempts together, which never have to wait but get slower."""

SLOWEST, SLOWED_BY = 1.0, 100
"""All attempts are slowed by up to a second, reached after a hundred wrong ones."""


def wait_after(failures: int) -> int:
    """Seconds to wait after so many wrong attempts.

    Examples
    --------
    >>> [wait_after(failures) for failures in (1, 3, 4, 5, 6, 9, 10, 1000)]
    [0, 0, 2, 4, 8, 60, 60, 60]
    """
    beyond = min(failures - FREE_ATTEMPTS, LONGEST_WAIT)
    return min(2**beyond, LONGEST_WAIT) if beyond > 0 else 0


def begin(engine: Engine, settings: Settings, whose: str) -> None:
    """Count an attempt as wrong before it is looked at, so that none run in parallel.

    Parameters
    ----------
    engine : Engine
    settings : Settings
    whose : str
        Of `with_password` or `with_code`.

    Raises
    ------
    TooManyAttempts
        It is too early for another one, and it is not looked at.
    """
    with writing(engine) as connection:
        now = int(time.time())
        connection.execute(
            delete(Attempts).where(col(Attempts.wait_until) < now - FORGET_SECONDS)
        )
        failures, wait_until = _read(connection, settings, whose)
        if wait_until > now:
            raise TooManyAttempts(wait_until - now)
        wait_until = now + wait_after(failures + 1)
        _write(connection, settings, whose, failures + 1, wait_until)
        everybody, _ = _read(connection, settings, EVERYBODY)
        _write(connection, settings, EVERYBODY, everybody + 1, now)
    time.sleep(SLOWEST * min(everybody / SLOWED_BY, 1))


def forgive(connection: Connection, settings: Settings, whose: str) -> None:
    """Take an attempt back that was right, and forget the wrong ones before it."""
    now = int(time.time())
    _write(connection, settings, whose, 0, now)
    everybody, _ = _read(connection, settings, EVERYBODY)
    _write(connection, settings, EVERYBODY, max(everybody - 1, 0), now)


def with_password(settings: Settings, name: str, known: str) -> str:
    """Tell whose attempt it is: a name's, or a known browser's for that name."""
    nonce, _, hash_ = known.partition(".")
    expected = _hash(settings, f"browser {nonce} {name}")
    is_known = hmac.compare_digest(hash_.encode(), expected.encode())
    return f"browser {nonce} {name}" if is_known else f"name {name}"


def with_code(name: str) -> str:
    """Tell whose attempt it is to show a one-time code."""
    return f"code {name}"


def known_browser(settings: Settings, name: str) -> str:
    """Make what a browser keeps, to be known as one in which ``name`` signed in."""
    nonce = new_token()
    return f"{nonce}.{_hash(settings, f'browser {nonce} {name}')}"


def _read(connection: Connection, settings: Settings, whose: str) -> tuple[int, int]:
    """How many attempts went wrong, and until when none is looked at."""
    query = select(col(Attempts.failures), col(Attempts.wait_until)).where(
        col(Attempts.name_hash) == _hash(settings, f"attempts of {whose}")
    )
    row = connection.execute(query).one_or_none()
    return (row.failures, row.wait_until) if row else (0, 0)


def _write(
    connection: Connection,
    settings: Settings,
    whose: str,
    failures: int,
    wait_until: int,
) -> None:
    hash_ = _hash(settings, f"attempts of {whose}")
    connection.execute(delete(Attempts).where(col(Attempts.name_hash) == hash_))
    row = {"name_hash": hash_, "failures": failures, "wait_until": wait_until}
    connection.execute(insert(Attempts).values(row))


def _hash(settings: Settings, text: str) -> str:
    """Keyed, because people type passwords where their name should be."""
    key = settings.keys("attempts")[0]
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
