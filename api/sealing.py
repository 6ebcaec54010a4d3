"""Form state that only this service can read and nobody can change.

Between pages the answers of a respondent travel in one hidden field of the form:
compact JSON, compressed, padded and encrypted. The server keeps nothing.
"""

import base64
import json
import zlib
from collections.abc import Iterable, Mapping
from time import time
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from .errors import StateExpired, StateInvalid

TIME_TO_LIVE = 48 * 3600
"""Seconds after which a form can no longer be sent."""

BLOCK = 512
"""Bytes; the length of a sealed state tells no more than how many blocks it has."""

LARGEST = 1_000_000
"""Bytes of an unsealed state."""

HOUR = 3600


class Seal:
    """Seals and unseals form state.

    Parameters
    ----------
    keys : iterable of bytes
        32 bytes each, ``Settings.keys("form state")``. The first one seals; the others
        unseal what was sealed before the secret key was changed.

    Examples
    --------
    >>> seal = Seal([bytes(32)])
    >>> seal.unseal(seal.seal({"page": "age"}))
    {'page': 'age'}
    """

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._fernet = MultiFernet(
            [Fernet(base64.urlsafe_b64encode(key)) for key in keys]
        )

    def seal(self, state: Mapping[str, Any]) -> str:
        """Seal a state of JSON values; the hour is the finest time in the text."""
        packed = zlib.compress(
            json.dumps(state, ensure_ascii=False, separators=(",", ":")).encode()
        )
        padded = packed + bytes(-len(packed) % BLOCK)
        now = int(time()) // HOUR * HOUR
        return self._fernet.encrypt_at_time(padded, now).decode()

    def unseal(self, text: str) -> dict[str, Any]:
        """Return a sealed state.

        Raises
        ------
        StateInvalid
            When the text was not sealed here, or was changed since.
        StateExpired
            When it was sealed more than two days ago.
        """
        try:
            token = text.encode("ascii")
            if base64.urlsafe_b64encode(base64.urlsafe_b64decode(token)) != token:
                raise InvalidToken
            sealed_at = self._fernet.extract_timestamp(token)
            padded = self._fernet.decrypt(token)
        except (InvalidToken, ValueError):
            raise StateInvalid("the form state was not sealed here") from None
        if time() - sealed_at > TIME_TO_LIVE + HOUR:
            raise StateExpired("the form state is more than two days old")
        unpacked = zlib.decompressobj().decompress(padded, LARGEST)
        state: dict[str, Any] = json.loads(unpacked)
        return state
