from __future__ import annotations

import base64
import itertools
import os
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_twofactor.core import keyring
from flask_twofactor.core.keyring import PURPOSES, SECRET, Keyring, token_digest

KEY = b"a present key, of more than thirty-two bytes"
FORMER = b"a former key, of more than thirty-two bytes"
RING = Keyring([KEY])
SEALED = RING.seal(SECRET, b"the secret", "alice", "first")

PAIRS = list(itertools.permutations(PURPOSES, 2))

purposes = st.sampled_from(PURPOSES)
contexts = st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20), max_size=3)


def raw_of(sealed: str) -> bytes:
    text = sealed.partition(".")[2]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sealed_of(raw: bytes) -> str:
    return "1." + base64.urlsafe_b64encode(raw).decode().rstrip("=")


@given(purposes, st.binary(max_size=200), contexts)
def test_what_was_sealed_opens(purpose: str, plain: bytes, context: list[str]) -> None:
    assert RING.open(purpose, RING.seal(purpose, plain, *context), *context) == plain


@pytest.mark.requirement("STO-01")
def test_any_flipped_bit_of_the_ciphertext_fails() -> None:
    raw = raw_of(SEALED)
    assert RING.open(SECRET, sealed_of(raw), "alice", "first") == b"the secret"
    for bit in range(len(raw) * 8):
        altered = bytearray(raw)
        altered[bit // 8] ^= 1 << bit % 8
        assert RING.open(SECRET, sealed_of(bytes(altered)), "alice", "first") is None, bit


@pytest.mark.requirement("STO-01")
@pytest.mark.parametrize("length", [9, 10, 11])
def test_any_flipped_bit_of_the_text_fails(length: int) -> None:
    sealed = RING.seal(SECRET, b"x" * length)
    for at, bit in itertools.product(range(len(sealed)), range(8)):
        altered = sealed[:at] + chr(ord(sealed[at]) ^ 1 << bit) + sealed[at + 1 :]
        assert RING.open(SECRET, altered) is None, (at, bit)


@pytest.mark.requirement("STO-01")
def test_any_other_character_in_any_place_fails() -> None:
    for at, char in itertools.product(range(len(SEALED)), string.printable):
        if SEALED[at] != char:
            assert RING.open(SECRET, SEALED[:at] + char + SEALED[at + 1 :], "alice", "first") is None, (at, char)


def test_a_shortened_text_fails() -> None:
    assert [n for n in range(len(SEALED)) if RING.open(SECRET, SEALED[:n], "alice", "first") is not None] == []


@pytest.mark.parametrize("more", ["A", "AAAA", "=", " ", "\n"])
def test_a_lengthened_text_fails(more: str) -> None:
    assert RING.open(SECRET, SEALED + more, "alice", "first") is None


@pytest.mark.requirement("STO-03")
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_a_text_of_one_purpose_is_refused_for_every_other(one: str, other: str) -> None:
    assert RING.open(other, RING.seal(one, b"plain", "alice"), "alice") is None


@pytest.mark.requirement("STO-03")
def test_the_key_of_each_purpose_is_another_and_none_is_the_raw_one() -> None:
    raw = bytes(range(32))
    keys = [keyring._derive(raw, label) for label in (*PURPOSES, "throttle/digest")]
    assert len({raw, *keys}) == 1 + len(PURPOSES) + 1
    assert {len(key) for key in keys} == {32}


@pytest.mark.requirement("STO-03")
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_the_keys_alone_keep_the_purposes_apart(one: str, other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "_associated", lambda *_: b"")
    sealed = RING.seal(one, b"plain")
    assert RING.open(one, sealed) == b"plain"
    assert RING.open(other, sealed) is None


@pytest.mark.parametrize("purpose", PURPOSES)
def test_the_associated_data_alone_keeps_the_purposes_apart(purpose: str) -> None:
    spoken = {keyring._associated(one, ()) for one in PURPOSES}
    assert len(spoken) == len(PURPOSES)
    assert keyring._associated(purpose, ("a", "b")) != keyring._associated(purpose, ("ab",))


@given(contexts, contexts)
def test_a_text_opens_in_its_own_context_only(one: list[str], other: list[str]) -> None:
    opened = RING.open(SECRET, RING.seal(SECRET, b"plain", *one), *other)
    assert (opened == b"plain") is (one == other)


@pytest.mark.requirement("STO-02")
@pytest.mark.parametrize(
    "context",
    [
        ("mallory", "first"),
        ("alice", "second"),
        ("first", "alice"),
        ("alice",),
        ("alicefirst",),
        ("alice", "first", ""),
    ],
)
def test_a_secret_moved_to_another_account_or_enrolment_does_not_open(context: tuple[str, ...]) -> None:
    assert RING.open(SECRET, SEALED, *context) is None


@given(st.binary(min_size=1, max_size=64))
def test_another_key_opens_nothing(key: bytes) -> None:
    assert (Keyring([key]).open(SECRET, SEALED, "alice", "first") is None) is (key != KEY)


@pytest.mark.requirement("KEY-01")
def test_a_former_key_opens_and_does_not_seal() -> None:
    both = Keyring([KEY, FORMER])
    old = Keyring([FORMER])
    assert both.open(SECRET, old.seal(SECRET, b"plain")) == b"plain"
    assert old.open(SECRET, both.seal(SECRET, b"plain")) is None
    assert RING.open(SECRET, both.seal(SECRET, b"plain")) == b"plain"


def test_two_seals_of_one_text_differ() -> None:
    assert len({RING.seal(SECRET, b"plain") for _ in range(1000)}) == 1000


def test_a_sealed_text_shows_nothing_of_the_plain_one() -> None:
    sealed = RING.seal(SECRET, b"JBSWY3DPEHPK3PXP")
    assert b"JBSWY3DP" not in raw_of(sealed)
    assert "JBSWY3DP" not in sealed


@pytest.mark.requirement("STO-12")
def test_a_keyring_shows_no_key() -> None:
    ring = Keyring([KEY, FORMER])
    shown = f"{ring!r} {ring!s}"
    assert shown == "<Keyring of 2> <Keyring of 2>"


@pytest.mark.parametrize("keys", [[], [b""], [KEY, b""]])
def test_a_keyring_without_a_key_or_with_an_empty_one_is_refused(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="at least one key"):
        Keyring(keys)


@pytest.mark.parametrize(
    "text",
    [None, "", "1", "1.", "1.=", "1.é", "1.\ud800", "1. ", "1.AAAA", "1." + "A" * 5000],
)
def test_a_malformed_text_does_not_open_and_does_not_raise(text: str | None) -> None:
    assert RING.open(SECRET, text) is None


@pytest.mark.parametrize("version", ["2.", "0.", "1", "11.", ""])
def test_a_text_of_another_version_does_not_open(version: str) -> None:
    assert RING.open(SECRET, version + SEALED[2:], "alice", "first") is None


@given(st.text(), purposes)
def test_no_text_raises(text: str, purpose: str) -> None:
    assert RING.open(purpose, text) is None
    assert RING.open(purpose, "1." + text) is None


@given(st.binary(max_size=80))
def test_no_bytes_raise(raw: bytes) -> None:
    assert RING.open(SECRET, sealed_of(raw)) is None


@given(st.text(), st.text())
def test_a_context_that_is_no_text_of_unicode_does_not_raise(one: str, other: str) -> None:
    assert RING.open(SECRET, RING.seal(SECRET, b"plain", one + "\ud800"), one + "\ud800") == b"plain"


@pytest.mark.requirement("STO-11")
def test_a_digest_is_keyed_and_does_not_show_its_text() -> None:
    assert RING.digest("alice") == RING.digest("alice")
    assert RING.digest("alice") != Keyring([FORMER]).digest("alice")
    assert RING.digest("alice") != token_digest("alice")
    assert "alice" not in RING.digest("alice")


def test_the_digest_follows_the_present_key_alone() -> None:
    assert Keyring([KEY, FORMER]).digest("alice") == RING.digest("alice")


def test_digests_of_different_texts_differ() -> None:
    texts = {os.urandom(8).hex() for _ in range(1000)}
    assert len({RING.digest(text) for text in texts}) == len({token_digest(text) for text in texts}) == len(texts)


@given(st.text())
def test_a_digest_never_raises(text: str) -> None:
    for one in (text, text + "\ud800"):
        assert len(RING.digest(one)) == len(token_digest(one)) == 64


# Sealed by version 0.1.0 under `KEY`, for the account alice.
FROM_BEFORE = {
    "secret": "1.PLC5a4EajLLxTPn4lvBPN2B0_TeHqcmmE-VugXroDNA",
    "meta": "1.NKls11IIBrwYoKjY6FhN2pggM7QNMjyjaM2EjTjdP08",
    "pending": "1.UXNtawgausZISp9DBxcusVMGFEqQ-bkL-pd01Gif60E",
    "note": "1.w4EZQzl1-IvxWXoUvAxZ5LWemkCpbH0a4mKAjoSa8sg",
    "remember": "1.F7N2YMYkFtj6Nj6udoB4SfFaYikE-NMHpnTv8AXoKc4",
    "known": "1.mZY5u08OCDFT8Mj0YJm22A2_HY3vkAy2lDU9VkOQkbU",
    "recovery": "1.MYltZkUW3XE00pqsWtGTmy-5tXoMqKkQl-XAsWmCNRU",
    "unlock": "1.uBW6DSM57dH9Klk_qz_f9jj-vED6QQgqxq7H9h3m4bU",
    "throttle": "1.qr9zs0xQxRuJINKVm6AJvdanTl2dHMq1EGHuXIxTGU4",
    "csrf": "1.gLYYbqnS94GuMWfsCdmaQeCOpn3wKx2NnmQ97IxRLVE",
}


@pytest.mark.parametrize(("purpose", "sealed"), FROM_BEFORE.items(), ids=FROM_BEFORE)
def test_what_an_earlier_release_sealed_still_opens(purpose: str, sealed: str) -> None:
    assert RING.open(purpose, sealed, "alice") == b"kept"


def test_the_purposes_are_those_of_earlier_releases() -> None:
    named = [keyring.SECRET, keyring.META, keyring.PENDING, keyring.NOTE]
    named += [keyring.REMEMBER, keyring.KNOWN, keyring.RECOVERY, keyring.UNLOCK, keyring.THROTTLE, keyring.CSRF]
    assert [*FROM_BEFORE] == [*PURPOSES] == named


def test_the_names_of_counters_and_marks_are_those_of_earlier_releases() -> None:
    assert RING.digest("alice") == "995f997bd041ee1096c35c5c0d432bf3f48ce935342f2615484a8a17a0bb180a"
    assert token_digest("token") == "7b3efc0a1c4bc54e7398811f7e474e461a9c00cbc951f33b886a5f207c820ef2"


@pytest.mark.parametrize(("length", "opens"), [(4096, True), (4097, False)])
def test_a_text_of_4096_characters_opens_and_a_longer_one_does_not(length: int, opens: bool) -> None:
    plain = b"x" * ((length - 2) * 3 // 4 - 28)
    sealed = RING.seal(SECRET, plain)
    assert len(sealed) == length
    assert (RING.open(SECRET, sealed) == plain) is opens


@pytest.mark.requirement("KEY-01")
def test_a_text_is_current_where_the_present_key_sealed_it_for_that_purpose_and_context() -> None:
    both = Keyring([KEY, FORMER])
    of_former = Keyring([FORMER]).seal(SECRET, b"the secret", "alice", "first")
    assert both.is_current(SECRET, SEALED, "alice", "first")
    assert both.open(SECRET, of_former, "alice", "first") == b"the secret"
    assert not both.is_current(SECRET, of_former, "alice", "first")
    assert both.is_current(SECRET, both.reseal(SECRET, of_former, "alice", "first"), "alice", "first")


@pytest.mark.requirement("KEY-01", "STO-02")
def test_what_the_present_key_does_not_open_is_not_current() -> None:
    assert not RING.is_current(SECRET, SEALED, "alice", "second")
    assert not RING.is_current(keyring.META, SEALED, "alice", "first")
    assert not RING.is_current(SECRET, None)
    assert not RING.is_current(SECRET, "1.broken", "alice", "first")
