"""Settings of one installation, read from ``PARALLAX_...`` environment variables."""

import os
import secrets
import tempfile
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

SHORTEST_SECRET = 32
SECRET_FILE = "secret_key"


def _strong(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if text and (len(text) < SHORTEST_SECRET or len(set(text)) < 10):
        raise ValueError(
            f"a secret key needs at least {SHORTEST_SECRET} random characters; make"
            " one with `python -c 'import secrets; print(secrets.token_urlsafe(32))'`"
        )
    return secret


Secret = Annotated[SecretStr, AfterValidator(_strong)]


def _in_data_dir(data: dict[str, Any]) -> str:
    return f"sqlite:///{data.get('data_dir', '.')}/parallax.sqlite3"


class Settings(BaseSettings):
    """Settings of one installation; unsafe values are refused.

    Parameters
    ----------
    environment : {"development", "production"}
    data_dir : Path
        Where the SQLite database and the key of a development server are.
    database_url : str
        A SQLite file or a PostgreSQL database; SQLite in ``data_dir`` by default.
    secret_key : str
        Seals the pages and hashes withdrawal codes. Production refuses to start
        without one; development makes one and keeps it in ``data_dir``.
    previous_secret_keys : list of str
        Earlier keys, newest first: what they sealed is still understood.

    Examples
    --------
    >>> Settings(environment="production", secret_key="changethis")
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings
    secret_key
      Value error, a secret key needs at least 32 random characters; ...
    """

    model_config = SettingsConfigDict(
        env_prefix="PARALLAX_", frozen=True, hide_input_in_errors=True
    )

    environment: Literal["development", "production"] = "development"
    data_dir: Path = Path("var")
    database_url: Annotated[
        str, Field(repr=False, pattern=r"^(sqlite:///.|postgresql(\+psycopg)?://)")
    ] = Field(default_factory=_in_data_dir)
    secret_key: Secret = SecretStr("")
    previous_secret_keys: tuple[Secret, ...] = ()

    @model_validator(mode="after")
    def _production_is_safe(self) -> "Settings":
        if self.environment == "production" and not self.secret_key.get_secret_value():
            raise ValueError(
                "production needs PARALLAX_SECRET_KEY: at least"
                f" {SHORTEST_SECRET} random characters, kept for as long as codes"
                " and saved answers shall stay valid"
            )
        return self

    def keys(self, purpose: str) -> tuple[bytes, ...]:
        """32-byte keys for one purpose, newest first, derived with HKDF-SHA-256.

        Examples
        --------
        >>> settings = Settings(secret_key="0123456789abcdefghijklmnopqrstuv")
        >>> len(settings.keys("sealing")[0])
        32
        >>> settings.keys("sealing") == settings.keys("withdrawal")
        False
        """
        return tuple(
            HKDF(SHA256(), 32, salt=None, info=purpose.encode()).derive(secret.encode())
            for secret in self.secret_keys
        )

    @cached_property
    def secret_keys(self) -> tuple[str, ...]:
        """The secret keys, newest first; made now if a development server has none."""
        current = self.secret_key.get_secret_value()
        return (
            current or _kept_secret(self.data_dir / SECRET_FILE),
            *(secret.get_secret_value() for secret in self.previous_secret_keys),
        )


def _kept_secret(path: Path) -> str:
    """Read the secret in a file that is made, complete and private, when missing."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent) as file:  # mode 0600
            file.write(secrets.token_urlsafe(SHORTEST_SECRET))
            file.flush()
            with suppress(FileExistsError):  # another process was faster
                os.link(file.name, path)
    return path.read_text()
