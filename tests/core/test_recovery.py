"""Recovery codes: how many bits, how they are shown, typed and kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_twofactor.core.codes import ALPHABET, MAX_LENGTH, RESCUE_PREFIX, parse_code, parse_recovery_code
from flask_twofactor.core.recovery import COUNT, new_code, new_codes, printed, recovery_digest

CODE = "0123456789abcdefghjkmnpq"
SCANNED = re.compile(r"\btfrc(-[0-9a-hjkmnp-tv-z]{4}){6}\b")
"""What the docs give to leak scanners."""


@pytest.mark.requirement("REC-01")
def test_a_sheet_has_ten_codes_of_24_characters_of_an_alphabet_of_32_without_look_alikes() -> None:
    assert len(ALPHABET) == len(set(ALPHABET)) == 32
    assert not set("iloIOLUu") & set(ALPHABET)
    codes = new_codes()
    assert len(codes) == COUNT == 10
    assert all(re.fullmatch(f"[{ALPHABET}]{{24}}", code) for code in codes)


@pytest.mark.requirement("REC-01")
def test_ten_thousand_codes_are_distinct_and_use_every_character_at_every_place() -> None:
    codes = [code for _ in range(1000) for code in new_codes()]
    assert len(set(codes)) == 10_000
    assert {frozenset(code[at] for code in codes) for at in range(24)} == {frozenset(ALPHABET)}


def test_a_code_is_shown_with_a_prefix_and_in_groups_of_four_as_leak_scanners_know_it() -> None:
    assert printed(CODE) == "tfrc-0123-4567-89ab-cdef-ghjk-mnpq"
    assert all(SCANNED.fullmatch(printed(code)) for code in new_codes())


def test_a_rescue_code_is_shown_with_a_prefix_of_its_own_and_read_as_a_code_of_24_characters() -> None:
    shown = printed(new_code(), RESCUE_PREFIX)
    assert re.fullmatch(r"tfrs(-[0-9a-hjkmnp-tv-z]{4}){6}", shown)
    assert not SCANNED.fullmatch(shown)
    assert parse_recovery_code(shown) == parse_recovery_code(shown.upper()) == shown[5:].replace("-", "")


@pytest.mark.requirement("REC-06")
@pytest.mark.parametrize(
    "text",
    [
        CODE,
        printed(CODE),
        printed(CODE).upper(),
        f"  {printed(CODE)}\t",
        printed(CODE).replace("-", " "),
        printed(CODE).replace("-", "\u2013"),
        CODE.replace("0", "O").replace("1", "l"),
        CODE.replace("0", "o").replace("1", "I"),
        "TFRC" + CODE.upper(),
        CODE.replace("5", "\uff15"),
        printed(CODE).ljust(MAX_LENGTH),
    ],
)
def test_a_code_is_read_however_it_is_written(text: str) -> None:
    assert parse_recovery_code(text) == CODE


@pytest.mark.requirement("VER-10")
@pytest.mark.parametrize(
    "text",
    [None, "", "123456", CODE[:-1], CODE + "a", "tfrd" + CODE, CODE.replace("a", "u"), CODE.replace("a", "\u00e4"),
     CODE.replace("a", "@"), printed(CODE).ljust(MAX_LENGTH + 1), "tfrc" * 7 + "a", "\ufdfa" * 24],
)  # fmt: skip
def test_what_is_no_code_is_none(text: str | None) -> None:
    assert parse_recovery_code(text) is None


@pytest.mark.requirement("REC-06")
def test_the_folding_makes_no_two_codes_one() -> None:
    assert [parse_recovery_code(char * 24) for char in ALPHABET] == [char * 24 for char in ALPHABET]
    folded = {char: parse_recovery_code(char * 24) for char in string.ascii_letters + string.digits}
    assert {char for char, read in folded.items() if read is None} == {"u", "U"}


@given(st.text(ALPHABET, min_size=24, max_size=24))
def test_what_is_shown_is_read_and_is_no_code_of_six_digits(code: str) -> None:
    assert parse_recovery_code(printed(code)) == parse_recovery_code(code) == code
    assert parse_code(printed(code)) is parse_code(code) is None


@given(st.text(max_size=80))
def test_a_text_is_a_code_of_one_kind_at_most(text: str) -> None:
    code = parse_recovery_code(text)
    assert code is None or parse_code(text) is None
    assert code is None or parse_recovery_code(code) == code


def test_spaces_and_digits_of_all_scripts_count() -> None:
    spaces = [char for char in map(chr, range(0x3100)) if unicodedata.category(char) == "Zs"]
    assert all(parse_recovery_code(CODE[:7] + space + CODE[7:]) == CODE for space in spaces)
    assert parse_recovery_code(CODE.replace("7", "\u0667")) == CODE


@pytest.mark.requirement("STO-04")
def test_what_is_kept_is_an_hmac_of_code_enrolment_and_account() -> None:
    key, life = b"k" * 32, "f" * 32
    kept = recovery_digest(key, "alice", life, CODE)
    assert kept == hmac.new(key, f"{CODE}\n{life}\nalice".encode(), hashlib.sha256).hexdigest()
    others = {
        recovery_digest(*values)
        for values in (
            (b"l" * 32, "alice", life, CODE), (key, "bob", life, CODE), (key, "alice", "e" * 32, CODE),
            (key, "alice", life, CODE[::-1]), (key, "alice\n", life, CODE),
        )
    }  # fmt: skip
    assert len(others | {kept}) == 6
    assert len(recovery_digest(key, "\ud800", life, CODE)) == 64
