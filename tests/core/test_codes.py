from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_twofactor.core import codes
from flask_twofactor.core.codes import parse_code

ACCEPTED = {
    "plain": "123456",
    "Arabic-Indic": "\u0661\u0662\u0663\u0664\u0665\u0666",
    "extended Arabic-Indic": "\u06f1\u06f2\u06f3\u06f4\u06f5\u06f6",
    "Devanagari": "\u0967\u0968\u0969\u096a\u096b\u096c",
    "full-width": "\uff11\uff12\uff13\uff14\uff15\uff16",
    "mathematical bold": "\U0001d7cf\U0001d7d0\U0001d7d1\U0001d7d2\U0001d7d3\U0001d7d4",
    "mixed scripts": "1\uff12\u0663\u096a5\U0001d7d4",
    "grouped by a space": "123 456",
    "spaced all over": " 1 2 3 4 5 6 ",
    "no-break space": "123\u00a0456",
    "narrow no-break space": "123\u202f456",
    "figure space": "123\u2007456",
    "ideographic space": "123\u3000456",
    "zero-width space": "123\u200b456",
    "word joiner": "123\u2060456",
    "byte order mark": "\ufeff123456",
    "hyphen": "123-456",
    "no-break hyphen": "123\u2011456",
    "en dash": "123–456",
    "minus": "123−456",
    "soft hyphen": "123\u00ad456",
    "tab": "123\t456",
}
REFUSED = {
    "nothing": None,
    "empty": "",
    "only spaces": "      ",
    "five digits": "12345",
    "seven digits": "1234567",
    "a newline at the end": "123456\n",
    "a newline inside": "123\n456",
    "carriage return": "123456\r",
    "letters": "abcdef",
    "a letter among digits": "12345a",
    "letter O for zero": "12345O",
    "letter X between digits": "123X456",
    "superscripts": "\u00b9\u00b2\u00b3\u2074\u2075\u2076",
    "subscripts": "\u2081\u2082\u2083\u2084\u2085\u2086",
    "circled": "\u2460\u2461\u2462\u2463\u2464\u2465",
    "full stops in": "\u2488\u2489\u248a\u248b\u248c\u248d",
    "Roman numerals": "\u2160\u2161\u2162\u2163\u2164\u2165",
    "ideographs for numbers": "一二三四五六",
    "fraction": "12345\u00bd",
    "one superscript": "12345\u00b2",
    "plus": "+12345",
    "point": "12.3456",
    "comma": "123,456",
    "hexadecimal": "0x1234",
    "exponent": "1e5000",
    "underscore": "123_456",
    "NUL": "123456\x00",
    "control": "123456\x1b",
    "lone surrogate": "12345\ud800",
    "combining mark": "123456\u0301",
    "right-to-left mark": "\u202e123456",
    "line separator": "123456\u2028",
    "percent": "%31%32%33%34%35%36",
    "markup": "<b>123456",
    "65 characters": "123456" + " " * 59,
    "a megabyte of digits": "1" * 1_000_000,
    "a megabyte of combining marks": "\u0301\u0316" * 500_000,
}


@pytest.mark.requirement("INP-03")
@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_a_code_is_read_in_any_form_that_people_and_keyboards_make(text: str) -> None:
    assert parse_code(text) == "123456"


@pytest.mark.requirement("INP-03")
@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_is_no_code_of_six_digits_is_refused(text: str | None) -> None:
    assert parse_code(text) is None


@pytest.mark.requirement("INP-03")
def test_every_decimal_digit_of_unicode_folds_to_its_value() -> None:
    digits = [chr(point) for point in range(sys.maxunicode + 1) if unicodedata.category(chr(point)) == "Nd"]
    assert len(digits) >= 600
    for digit in digits:
        assert parse_code("12345" + digit) == f"12345{unicodedata.digit(digit)}"


@pytest.mark.requirement("INP-03")
def test_no_number_of_unicode_that_is_no_decimal_digit_passes() -> None:
    others = [chr(point) for point in range(sys.maxunicode + 1) if unicodedata.category(chr(point)) in ("No", "Nl")]
    assert len(others) >= 900
    assert [other for other in others if parse_code("12345" + other) or parse_code("123456" + other)] == []


def test_leading_zeros_stay() -> None:
    assert parse_code("000 042") == "000042"


@pytest.mark.requirement("INP-03")
@given(st.text())
def test_whatever_is_typed_gives_six_ascii_digits_or_nothing(text: str) -> None:
    code = parse_code(text)
    assert code is None or (code.isascii() and code.isdigit() and len(code) == 6)


@given(st.text(alphabet=st.characters(categories=["Nd", "Zs", "Pd", "Cf"]), max_size=70))
def test_what_was_read_reads_as_itself(text: str) -> None:
    code = parse_code(text)
    assert code is None or parse_code(code) == code


@given(st.text(alphabet=st.characters(categories=["Nd"]), min_size=6, max_size=6), st.integers(0, 6))
def test_a_space_anywhere_changes_nothing(digits: str, at: int) -> None:
    assert parse_code(digits[:at] + " " + digits[at:]) == parse_code(digits) is not None


@pytest.mark.requirement("INP-01")
@pytest.mark.parametrize("text", ["\u0301\u0316" * 500_000, "1" * 65, " " * 1_000_000])
def test_a_code_that_is_too_long_is_refused_before_any_character_is_looked_at(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes, "unicodedata", None)
    monkeypatch.setattr(codes, "_IGNORED", None)
    assert parse_code(text) is None


def test_sixty_four_characters_are_still_read() -> None:
    assert parse_code("123456".ljust(64)) == "123456"
