"""Unsafe settings stop the service before it starts."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from api.settings import Settings

STRONG = "0123456789abcdefghijklmnopqrstuvwxyz"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PARALLAX_{name.upper()}", raising=False)


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"environment": "production"}, "needs PARALLAX_SECRET_KEY"),
        ({"environment": "production", "secret_key": "changethis"}, "secret_key"),
        ({"environment": "production", "secret_key": "a" * 64}, "secret_key"),
        ({"secret_key": STRONG[:31]}, "secret_key"),
        ({"secret_key": STRONG, "previous_secret_keys": ["short"]}, "previous"),
        ({"database_url": "sqlite://"}, "database_url"),
        ({"database_url": "mysql://localhost/parallax"}, "database_url"),
        ({"environment": "staging"}, "environment"),
    ],
)
def test_unsafe_values_are_refused_without_repeating_them(
    values: dict[str, object], where: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(**values)  # type: ignore[arg-type]
    message = str(caught.value)
    assert where in message
    for secret in ("changethis", "a" * 64, STRONG[:31], "'short'", "mysql"):
        assert secret not in message


def test_the_environment_sets_everything(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PARALLAX_ENVIRONMENT", "production")
    monkeypatch.setenv("PARALLAX_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PARALLAX_SECRET_KEY", STRONG)
    monkeypatch.setenv("PARALLAX_PREVIOUS_SECRET_KEYS", f'["{STRONG[::-1]}"]')
    settings = Settings()
    assert settings.database_url == f"sqlite:///{tmp_path}/parallax.sqlite3"
    assert settings.secret_keys == (STRONG, STRONG[::-1])
    assert STRONG not in repr(settings)
    assert list(tmp_path.iterdir()) == []  # production leaves no key in a file


def test_development_makes_one_private_key_however_many_start_at_once(
    tmp_path: Path,
) -> None:
    def secret(_: int) -> str:
        return Settings(data_dir=tmp_path / "new" / "data").secret_keys[0]

    with ThreadPoolExecutor(8) as pool:
        secrets = set(pool.map(secret, range(32)))
    assert len(secrets) == 1
    assert len(secrets.pop()) >= 32
    folder = tmp_path / "new" / "data"
    assert [path.name for path in folder.iterdir()] == ["secret_key"]
    assert stat.S_IMODE((folder / "secret_key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_keys_are_apart_by_purpose_and_follow_the_rotation() -> None:
    old = Settings(secret_key=STRONG)
    new = Settings(secret_key=STRONG[::-1], previous_secret_keys=[STRONG])
    assert new.keys("withdrawal")[1:] == old.keys("withdrawal")
    keys = {*new.keys("withdrawal"), *new.keys("form state")}
    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}
