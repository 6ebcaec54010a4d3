"""Codes that people keep and type: tickets, withdrawal codes and resume codes.

A code is random and written in Crockford's base 32, which has no I, L, O and U. Its
last symbol is a check symbol (modulo 37), so that a mistyped code is told from a wrong
one before anything is looked up. Only codes whose check symbol is a letter or a digit
are drawn.

References
----------
Crockford, D. (2019). Base 32. https://www.crockford.com/base32.html
"""

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Iterable

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LONGEST_TYPED = 100
_ALIKE = str.maketrans("OIL", "011")


def new_code(groups: int = 7) -> str:
    """Draw a code of groups of four symbols.

    Parameters
    ----------
    groups : int
        Seven groups carry 135 random bits, six carry 115.

    Examples
    --------
    >>> code = new_code()
    >>> len(code), normalise(code.lower().replace("-", " ")) == code
    (34, True)
    """
    symbols = 4 * groups - 1
    while True:
        number = secrets.randbits(5 * symbols)
        if number % 37 < len(ALPHABET):
            break
    shifts = range(5 * (symbols - 1), -1, -5)
    body = "".join(ALPHABET[number >> shift & 31] for shift in shifts)
    return _grouped(body + ALPHABET[number % 37])


def normalise(typed: str) -> str | None:
    """Return the code somebody meant, in its printed form, or None if it is not one.

    Case, spaces and hyphens do not matter, O is read as 0, I and L as 1; wide letters
    and the digits of other scripts are understood.

    Examples
    --------
    >>> normalise("zzzz") is None
    True
    """
    if len(typed) > LONGEST_TYPED:
        return None
    kept = (
        str(unicodedata.digit(symbol)) if symbol.isdigit() else symbol.upper()
        for symbol in unicodedata.normalize("NFKC", typed)
        if symbol.isalnum()
    )
    symbols = "".join(kept).translate(_ALIKE)
    if len(symbols) < 2 or not set(symbols) <= set(ALPHABET):
        return None
    number = 0
    for symbol in symbols[:-1]:
        number = number << 5 | ALPHABET.index(symbol)
    if number % 37 != ALPHABET.index(symbols[-1]):
        return None
    return _grouped(symbols)


def ticket_hash(code: str) -> str:
    """SHA-256 of a ticket in its printed form: all that the server keeps of it."""
    return hashlib.sha256(b"parallax ticket " + code.encode()).hexdigest()


def withdrawal_hashes(keys: Iterable[bytes], code: str) -> tuple[str, ...]:
    """HMAC-SHA-256 of a withdrawal code under each key, newest first.

    A response stores the first one. Withdrawing looks for all of them, so that codes
    survive a new secret key.

    Parameters
    ----------
    keys : iterable of bytes
        ``Settings.keys("withdrawal")``.
    code : str
        In its printed form.
    """
    message = code.encode()
    return tuple(hmac.new(key, message, hashlib.sha256).hexdigest() for key in keys)


def _grouped(symbols: str) -> str:
    return "-".join(symbols[i : i + 4] for i in range(0, len(symbols), 4))
