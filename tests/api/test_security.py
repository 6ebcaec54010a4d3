"""Passwords and codes: strong, sealed, used once, never told apart by time."""

import base64

import pyotp
import pytest

from api import security
from api.errors import WeakPassword
from api.security import (
    SecondFactor,
    check_password,
    csrf_token,
    hash_password,
    new_password,
    new_token,
    token_hash,
    verify_password,
)

RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("password", "is_good"),
    [
        ("elevenchars", False),
        ("twelve chars", True),
        ("correct horse battery staple", True),
        ("意见与评分的研究员需要密码", True),
        ("aaaaabbbbbccccc", False),
        ("my Parallax password", False),
        ("ANNA has a long one", False),
        ("x" * 100 + "abcdefghijklmnopqrstuvwxyzab", True),
        ("x" * 101 + "abcdefghijklmnopqrstuvwxyzab", False),
    ],
)
def test_weak_passwords_are_refused(password: str, is_good: bool) -> None:
    if is_good:
        check_password(password, "anna")
    else:
        with pytest.raises(WeakPassword) as caught:
            check_password(password, "anna")
        assert password not in str(caught.value)


def test_drawn_passwords_are_good_and_never_the_same() -> None:
    drawn = {new_password() for _ in range(200)}
    assert len(drawn) == 200
    for password in drawn:
        check_password(password, "anna")


def test_passwords_are_hashed_with_argon2id() -> None:
    stored = hash_password("correct horse battery")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert stored != hash_password("correct horse battery")
    assert verify_password("correct horse battery", stored)
    assert not verify_password("correct horse batterY", stored)
    # the same letters, typed on a system that composes them differently
    assert verify_password(
        "Gru\u0308\u00dfe an alle", hash_password("Gr\u00fcße an alle")
    )


@pytest.mark.parametrize("stored", [None, "a hash"])
def test_a_check_costs_the_same_whether_there_is_a_hash_or_not(
    monkeypatch: pytest.MonkeyPatch, stored: str | None
) -> None:
    hashes = []
    known = hash_password("correct horse battery")
    security._nobodys_hash()

    def verify(_: str, password_hash: str) -> bool:
        hashes.append(password_hash.rsplit("$", 2)[0])
        return True  # even if the password were nobody's

    monkeypatch.setattr(security._passwords, "verify", verify)
    assert verify_password("any", stored and known) is (stored is not None)
    assert hashes == ["$argon2id$v=19$m=65536,t=3,p=1"]


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    """Appendix B; its codes have eight digits, ours are the last six of them."""
    second_factor = SecondFactor([bytes(32)])
    sealed = second_factor._fernet.encrypt(RFC_SECRET.encode()).decode()
    step = second_factor.step(sealed, code, now=seconds, after=0)
    assert step == seconds // 30


@pytest.mark.parametrize(
    ("written", "later", "is_taken"),
    [
        ("{}", 0, True),
        ("{}", 30, True),
        ("{}", -30, True),
        ("{}", 60, False),
        ("{}", -60, False),
        (" {} ", 0, True),
        ("{}0", 0, False),
        ("{}\u0660", 0, False),
        ("-{}", 0, False),
        ("", 0, False),
    ],
)
def test_codes_hold_for_one_step_before_and_after(
    written: str, later: int, is_taken: bool
) -> None:
    second_factor = SecondFactor([bytes(32)])
    sealed, uri = second_factor.enrol("anna")
    at = 30 * 1_000_000
    code = written.format(pyotp.parse_uri(uri).at(at))
    step = second_factor.step(sealed, code, now=at + later, after=0)
    assert (step == 1_000_000) is is_taken
    assert second_factor.step(sealed, code, now=at + later, after=1_000_000) is None


def test_secrets_are_sealed_and_survive_a_new_key() -> None:
    old, new = bytes(32), bytes([1] * 32)
    sealed, uri = SecondFactor([old]).enrol("anna")
    totp = pyotp.parse_uri(uri)
    assert (totp.name, totp.issuer) == ("anna", "Parallax")
    assert len(totp.secret) == 32  # 160 bits
    assert totp.secret not in sealed
    code = totp.at(59)
    assert SecondFactor([new, old]).step(sealed, code, now=59, after=0) == 1
    assert SecondFactor([new]).step(sealed, code, now=59, after=0) is None


def test_what_is_kept_of_a_token_says_nothing_about_it() -> None:
    token = new_token()
    assert len(base64.urlsafe_b64decode(token + "=")) == 32
    kept = {token, token_hash(token), csrf_token(token), token_hash(csrf_token(token))}
    assert len(kept) == 4
