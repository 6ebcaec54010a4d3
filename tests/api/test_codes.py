"""Codes survive being read aloud, typed and mistyped."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.codes import (
    ALPHABET,
    LONGEST_TYPED,
    new_code,
    normalise,
    ticket_hash,
    withdrawal_hashes,
)

CODE = "0000-0000-0000-0000-0000-0000-0011"  # 1 modulo 37 is 1


@pytest.mark.parametrize(("groups", "bits"), [(6, 115), (7, 135)])
def test_codes_use_the_whole_alphabet_in_every_place(groups: int, bits: int) -> None:
    codes = [new_code(groups).replace("-", "") for _ in range(2000)]
    assert {len(code) for code in codes} == {4 * groups} == {bits // 5 + 1}
    for place in range(bits // 5):
        # a symbol is missing from 2000 draws with a chance of 32 (31/32)^2000 < 1e-26
        assert {code[place] for code in codes} == set(ALPHABET)
    assert len(set(codes)) == 2000


@given(st.integers(0, 2**135 - 1), st.data())
def test_one_wrong_symbol_or_two_swapped_ones_are_noticed(
    number: int, data: st.DataObject
) -> None:
    symbols = [*"".join(ALPHABET[number >> 5 * i & 31] for i in range(26, -1, -1))]
    if number % 37 >= len(ALPHABET):
        return
    code = [*symbols, ALPHABET[number % 37]]
    assert (normalise("".join(code)) or "").replace("-", "") == "".join(code)
    place = data.draw(st.integers(0, len(code) - 1))
    wrong = data.draw(st.sampled_from(sorted(set(ALPHABET) - {code[place]})))
    assert normalise("".join([*code[:place], wrong, *code[place + 1 :]])) is None
    place = data.draw(st.integers(0, len(code) - 2))
    swapped = [*code]
    swapped[place : place + 2] = code[place + 1], code[place]
    assert swapped == code or normalise("".join(swapped)) is None


@pytest.mark.parametrize(
    "typed",
    [
        CODE,
        CODE.lower(),
        CODE.replace("-", ""),
        f"  {CODE.replace('-', ' ')}\n",
        CODE.replace("0", "o").replace("1", "l"),
        CODE.replace("0", "O").replace("1", "I"),
        CODE.replace("-", "\N{EN DASH}"),
        "".join(chr(ord(symbol) + 0xFEE0) for symbol in CODE),  # full width
        CODE.translate({0x30 + i: 0x660 + i for i in range(10)}),  # Arabic-Indic
    ],
)
def test_what_people_type_is_the_code_they_were_given(typed: str) -> None:
    assert normalise(typed) == CODE


@pytest.mark.parametrize(
    "typed",
    ["", " ", "0", "U0", "0U", CODE[:-1] + "2", "é" + CODE, "\0", "\ud800", "Ⅷ", "²1"],
)
def test_what_is_no_code_is_none(typed: str) -> None:
    assert normalise(typed) is None


def test_a_long_text_is_refused_unread() -> None:
    assert normalise("0" * LONGEST_TYPED) is not None
    assert normalise("0" * (LONGEST_TYPED + 1)) is None


@given(st.text())
def test_no_text_breaks_it_and_a_code_stays_itself(typed: str) -> None:
    code = normalise(typed)
    assert code is None or normalise(code) == code


def test_the_server_keeps_hashes() -> None:
    expected = hashlib.sha256(f"parallax ticket {CODE}".encode()).hexdigest()
    assert ticket_hash(CODE) == expected
    new, old = b"n" * 32, b"o" * 32
    assert withdrawal_hashes((new, old), CODE) == tuple(
        hmac.digest(key, CODE.encode(), "sha256").hex() for key in (new, old)
    )
