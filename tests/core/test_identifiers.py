from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_twofactor.core import identifiers
from flask_twofactor.core.identifiers import MAX_LENGTH, normal_form, parse_identifier

ALICE = ["alice", "Alice", "ALICE", "alice ", " \u00a0alice\u3000", "ａｌｉｃｅ", "ＡＬＩＣＥ", "𝐚𝐥𝐢𝐜𝐞", "ⓐlice"]
REFUSED = {
    "nothing": None,
    "empty": "",
    "only spaces": " \u00a0\u3000",
    "NUL": "ali\x00ce",
    "newline": "ali\nce",
    "escape": "ali\x1bce",
    "delete": "ali\x7fce",
    "C1 control": "ali\x85ce",
    "lone surrogate": "ali\ud800ce",
    "low surrogate": "\udfffalice",
    "321 characters": "a" * 321,
    "161 characters of two bytes": "é" * 161,
    "a megabyte": "a" * 1_000_000,
    "a megabyte of combining marks": "\u0301\u0316" * 500_000,
    "grows eighteen-fold when folded": "\ufdfa" * 100,
}


@pytest.mark.requirement("INP-04")
@pytest.mark.parametrize("typed", ALICE)
def test_case_width_and_space_around_make_no_other_name(typed: str) -> None:
    assert parse_identifier(typed) == "alice"


@pytest.mark.requirement("INP-04")
@pytest.mark.parametrize(
    ("one", "other"),
    [("Straße", "STRASSE"), ("é", "e\u0301"), ("ﬁona", "FIONA"), ("Ω", "ω"), ("\u212bngström", "ångström")],
)
def test_two_spellings_of_one_name_have_one_normal_form(one: str, other: str) -> None:
    assert parse_identifier(one) == parse_identifier(other) is not None


@pytest.mark.parametrize(("one", "other"), [("alice", "alice2"), ("a b", "ab"), ("аlice", "alice"), ("a.b", "ab")])
def test_different_names_stay_different(one: str, other: str) -> None:
    assert parse_identifier(one) != parse_identifier(other)


@pytest.mark.parametrize("typed", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_a_user_id_is_refused(typed: str | None) -> None:
    assert parse_identifier(typed) is None


def test_a_name_of_320_bytes_is_read() -> None:
    assert parse_identifier("A" * MAX_LENGTH) == "a" * MAX_LENGTH


@pytest.mark.requirement("INP-04")
@given(st.text())
def test_the_normal_form_of_a_normal_form_is_itself(text: str) -> None:
    assert normal_form(normal_form(text)) == normal_form(text)


@pytest.mark.requirement("INP-04")
def test_the_normal_form_of_every_single_character_is_stable() -> None:
    unstable = [
        f"U+{point:04X}"
        for point in range(sys.maxunicode + 1)
        if unicodedata.category(chr(point)) not in ("Cn", "Co", "Cs")
        and normal_form(normal_form("a" + chr(point))) != normal_form("a" + chr(point))
    ]
    assert unstable == []


@given(st.text(alphabet=st.characters(), max_size=400))
def test_what_is_read_is_bounded_clean_and_reads_as_itself(typed: str) -> None:
    name = parse_identifier(typed)
    if name is not None:
        assert 0 < len(name.encode()) <= MAX_LENGTH
        assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in name)
        assert parse_identifier(name) == name


@pytest.mark.requirement("INP-01")
@pytest.mark.parametrize("typed", ["\u0301\u0316" * 500_000, "a" * 321, " " * 1_000_000])
def test_a_name_that_is_too_long_is_refused_before_any_work(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Unread(str):
        """Tells its length, and fails where anything else is asked of it."""

        def strip(self, *_: object) -> str:
            raise AssertionError("it was stripped")

        def encode(self, *_: object) -> bytes:
            raise AssertionError("it was encoded")

    def unused(_: str) -> str:
        raise AssertionError("it was folded")

    monkeypatch.setattr(identifiers, "unicodedata", None)
    assert parse_identifier(Unread(typed), unused) is None


def test_a_hosts_own_normal_form_is_used() -> None:
    assert parse_identifier("DOMAIN\\Alice", lambda typed: typed.rpartition("\\")[2].upper()) == "ALICE"


@pytest.mark.parametrize("answer", ["", " ", "a\x00", "a" * 321, "\ud800"])
def test_what_a_hosts_own_normal_form_answers_is_checked_too(answer: str) -> None:
    assert parse_identifier("alice", lambda _: answer) is None
