"""Secrets of researchers: passwords, one-time codes, tokens."""

import base64
import hashlib
import secrets
import unicodedata
from collections.abc import Iterable
from functools import cache

import pyotp
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pyotp.exceptions import OTPVerificationError

from .codes import new_code
from .errors import WeakPassword

SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 128
FEWEST_DIFFERENT = 6
ISSUER = "Parallax"

_passwords = PasswordHash(
    [Argon2Hasher(time_cost=3, memory_cost=65_536, parallelism=1)]
)


def new_password() -> str:
    """Draw a password of 95 random bits that is easily typed.

    Examples
    --------
    >>> len(new_password())
    24
    """
    return new_code(5)


def check_password(password: str, name: str) -> None:
    """Refuse a password that is easily guessed; no kinds of characters are asked for.

    Raises
    ------
    WeakPassword
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise WeakPassword(
            f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
        )
    plain = password.casefold()
    if len(set(plain)) < FEWEST_DIFFERENT or name in plain or "parallax" in plain:
        raise WeakPassword(
            f"a password has at least {FEWEST_DIFFERENT} different characters, and"
            " neither the researcher's name nor the word parallax in it"
        )


def hash_password(password: str) -> str:
    """Argon2id hash of a password; takes a quarter of a second and 64 MB."""
    return _passwords.hash(_normalised(password))


def verify_password(password: str, password_hash: str | None) -> bool:
    """Tell whether a password is the one; without a hash it takes as long to say no."""
    nobodys = _nobodys_hash()
    if len(password) > LONGEST_PASSWORD:
        return False
    right = _passwords.verify(_normalised(password), password_hash or nobodys)
    return right and password_hash is not None


@cache
def _nobodys_hash() -> str:
    return hash_password(secrets.token_urlsafe())


def _normalised(password: str) -> str:
    """The same characters whatever keyboard and system they were typed on."""
    return unicodedata.normalize("NFKC", password)


def new_token() -> str:
    """Draw 256 random bits for a session or a key."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """SHA-256 of a token: all that the server keeps of it."""
    return hashlib.sha256(b"parallax token " + token.encode()).hexdigest()


def csrf_token(token: str) -> str:
    """What the forms of a session carry: follows from its token, not the reverse."""
    return hashlib.sha256(b"parallax form " + token.encode()).hexdigest()


class SecondFactor:
    """Time-based one-time codes (RFC 6238) with sealed secrets.

    Parameters
    ----------
    keys : iterable of bytes
        32 bytes each, ``Settings.keys("second factor")``.

    Examples
    --------
    >>> second_factor = SecondFactor([bytes(32)])
    >>> sealed, uri = second_factor.enrol("anna")
    >>> code = pyotp.parse_uri(uri).at(59)
    >>> second_factor.step(sealed, code, now=59, after=0)
    1
    >>> second_factor.step(sealed, code, now=59, after=1) is None
    True
    """

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._fernet = MultiFernet(
            [Fernet(base64.urlsafe_b64encode(key)) for key in keys]
        )

    def enrol(self, name: str) -> tuple[str, str]:
        """Make a secret; returns it sealed, and as the URI that apps read."""
        secret = pyotp.random_base32()
        sealed = self._fernet.encrypt(secret.encode()).decode()
        return sealed, pyotp.TOTP(secret).provisioning_uri(
            name=name, issuer_name=ISSUER
        )

    def step(self, sealed: str, code: str, *, now: float, after: int) -> int | None:
        """Return the step of time of a right code, or None.

        The clocks may differ by one step of 30 seconds. Steps up to ``after`` are
        used up: a code works once.
        """
        digits = "".join(code.split())
        if not (digits.isascii() and digits.isdecimal()):
            return None
        try:
            totp = pyotp.TOTP(self._fernet.decrypt(sealed).decode())
            step = totp.verify_and_get_timecode(digits, for_time=now, valid_window=1)
        except (InvalidToken, OTPVerificationError):
            return None
        return step if step > after else None
