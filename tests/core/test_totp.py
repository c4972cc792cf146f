from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_twofactor.core import totp
from tests.support.authenticator import oathtool_code

ROOT = Path(__file__).resolve().parents[2]
RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()
NOW = 1_800_000_000

RFC_4226_D = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
RFC_6238_B = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}
HOSTILE = {
    "colon": "a:b:c",
    "ampersand": "a&secret=AAAA&b",
    "percent": "100%41%3A%",
    "newline": "a\r\nSet-Cookie: b",
    "right-to-left marks": "a\u202egnp.b\u200f\u2066c",
    "3000 letters": "x" * 3000,
    "3000 characters of three bytes": "語" * 3000,
    "quotes and markup": "\"'><svg onload=x>",
    "question mark, hash, slash": "a?b#c/d",
    "lone surrogate": "a\ud800b",
    "NUL": "a\x00b",
    "only what is dropped": " :\u202e\n ",
    "nothing": "",
}


def reference_code(secret: str, step: int) -> str:
    """RFC 4226 §5.3, written anew with the standard library alone."""
    digest = hmac.digest(base64.b32decode(secret), step.to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**6:06}"


def label_of(uri: str) -> str:
    return unquote(urlsplit(uri).path.removeprefix("/"))


@pytest.fixture
def count_hmacs(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], int]:
    """Give a function that runs another and tells how many HMACs pyotp has asked for."""
    calls: list[int] = []
    original = hmac.new

    def counting(*arguments: Any, **named: Any) -> hmac.HMAC:
        calls.append(1)
        return original(*arguments, **named)

    monkeypatch.setattr(hmac, "new", counting)

    def count(run: Callable[[], object]) -> int:
        calls.clear()
        run()
        return len(calls)

    return count


# --- codes


@pytest.mark.parametrize(("counter", "code"), list(enumerate(RFC_4226_D)))
def test_the_codes_are_those_of_rfc_4226_appendix_d(counter: int, code: str) -> None:
    assert totp.code_at(RFC_SECRET, counter) == code


@pytest.mark.parametrize(("at", "digits"), RFC_6238_B.items())
def test_the_codes_are_those_of_rfc_6238_appendix_b(at: int, digits: str) -> None:
    assert totp.code_at(RFC_SECRET, totp.step_at(at)) == digits[-6:]


@pytest.mark.parametrize("at", [59, NOW, NOW + 0.999, NOW + 29.999, 2**31 + 5, 4_417_977_600])
def test_oathtool_makes_the_same_code(at: float) -> None:
    secret = totp.new_secret()
    assert totp.code_at(secret, totp.step_at(at)) == oathtool_code(secret, at)


@given(st.integers(0, 2**40))
def test_a_step_is_the_whole_number_of_periods_since_1970(at: int) -> None:
    assert totp.step_at(at) == totp.step_at(at + 0.75) == at // 30


@pytest.mark.requirement("RPL-10")
@pytest.mark.parametrize("year", [2040, 2110])
def test_a_code_of_the_years_2040_and_2110_is_matched_and_agrees_with_oathtool(year: int) -> None:
    at = datetime(year, 6, 1, 12, tzinfo=timezone.utc).timestamp()
    code = oathtool_code(RFC_SECRET, at)
    assert totp.matching_step(RFC_SECRET, code, at) == int(at) // 30


@pytest.mark.requirement("RPL-10")
def test_a_step_beyond_32_bits_is_matched() -> None:
    step = 2**33 + 7
    assert totp.matching_step(RFC_SECRET, reference_code(RFC_SECRET, step), step * 30) == step


# --- the window


@pytest.mark.requirement("VER-03")
@pytest.mark.parametrize(("steps", "accepted"), [(-3, False), (-2, False), (2, False), (3, False)])
@pytest.mark.parametrize("into", [0, 15, 29.9])
def test_a_code_two_steps_away_is_refused(steps: int, accepted: bool, into: float) -> None:
    code = totp.code_at(RFC_SECRET, NOW // 30 + steps)
    assert (totp.matching_step(RFC_SECRET, code, NOW + into) is not None) is accepted


@pytest.mark.requirement("VER-03", "VER-04")
@pytest.mark.parametrize("steps", [-1, 0, 1])
@pytest.mark.parametrize("into", [0, 15, 29.9])
def test_a_code_at_most_one_step_away_gives_its_own_step(steps: int, into: float) -> None:
    code = totp.code_at(RFC_SECRET, NOW // 30 + steps)
    assert totp.matching_step(RFC_SECRET, code, NOW + into) == NOW // 30 + steps


@pytest.mark.requirement("VER-03")
@pytest.mark.parametrize("steps", [-1, 1])
def test_with_a_window_of_0_the_present_code_alone_is_accepted(steps: int) -> None:
    step = NOW // 30
    assert totp.matching_step(RFC_SECRET, totp.code_at(RFC_SECRET, step), NOW, window=0) == step
    assert totp.matching_step(RFC_SECRET, totp.code_at(RFC_SECRET, step + steps), NOW, window=0) is None


def test_where_two_steps_share_a_code_the_later_one_is_spent() -> None:
    step = 910_737  # found by trying them all
    code = reference_code(RFC_SECRET, step)
    assert code == reference_code(RFC_SECRET, step + 1)
    assert totp.matching_step(RFC_SECRET, code, step * 30) == step + 1


def test_there_is_no_step_before_the_first() -> None:
    assert totp.matching_step(RFC_SECRET, totp.code_at(RFC_SECRET, 0), 0) == 0
    assert totp.matching_step(RFC_SECRET, "000000", 0) is None


def test_another_secret_has_another_code() -> None:
    code = totp.code_at(RFC_SECRET, NOW // 30)
    others = [totp.matching_step(totp.new_secret(), code, NOW) for _ in range(100)]
    assert others.count(None) >= 98  # three in a million each


@pytest.mark.requirement("VER-04")
@pytest.mark.parametrize("steps", [-1, 0, 1, 9])
def test_three_hmacs_are_made_whatever_matched(steps: int, count_hmacs: Callable[[Callable[[], object]], int]) -> None:
    code = reference_code(RFC_SECRET, NOW // 30 + steps)
    assert count_hmacs(lambda: totp.matching_step(RFC_SECRET, code, NOW)) == 3


@pytest.mark.requirement("VER-04")
@pytest.mark.parametrize("steps", [-1, 0, 1, 9])
def test_every_candidate_is_compared_in_constant_time_as_bytes(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[Any, Any]] = []
    original = hmac.compare_digest

    def recording(one: Any, other: Any) -> bool:
        compared.append((one, other))
        return original(one, other)

    monkeypatch.setattr(hmac, "compare_digest", recording)
    code = reference_code(RFC_SECRET, NOW // 30 + steps)
    totp.matching_step(RFC_SECRET, code, NOW)
    candidates = [reference_code(RFC_SECRET, NOW // 30 + near).encode() for near in (-1, 0, 1)]
    assert compared == [(candidate, code.encode()) for candidate in candidates]


@given(st.integers(0, 999_999), st.integers(0, 2**35))
def test_a_matched_step_is_near_and_has_that_code(number: int, at: int) -> None:
    code = f"{number:06}"
    step = totp.matching_step(RFC_SECRET, code, at)
    if step is not None:
        assert abs(step - at // 30) <= 1
        assert reference_code(RFC_SECRET, step) == code


# --- time zones

_IN_NEW_YORK = """
import json, sys, time
from flask_twofactor.core import totp
secret, moments = json.load(sys.stdin)
json.dump([
    [time.localtime(at).tm_hour, time.localtime(at).tm_isdst, totp.step_at(at)]
    + [totp.matching_step(secret, code, at) for code in codes]
    for at, codes in moments
], sys.stdout)
"""


@pytest.mark.requirement("VER-05", "CLK-05")
def test_in_the_repeated_hour_of_new_york_right_codes_pass_and_those_of_an_hour_ago_fail() -> None:
    first = int(datetime(2026, 11, 1, 5, 30, tzinfo=timezone.utc).timestamp())
    moments = [first + 60 * minutes for minutes in range(-45, 121, 15)]
    asked = [(at, [reference_code(RFC_SECRET, (at + away) // 30) for away in (0, -3600, 3600)]) for at in moments]
    done = subprocess.run(
        [sys.executable, "-c", _IN_NEW_YORK],
        input=json.dumps([RFC_SECRET, asked]),
        env={**os.environ, "TZ": "America/New_York", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    seen = json.loads(done.stdout)
    hours = [(hour, summer) for hour, summer, *_ in seen]
    assert (1, 1) in hours, "this machine knows no time zones"
    assert (1, 0) in hours
    assert [found for _, _, *found in seen] == [[at // 30, at // 30, None, None] for at in moments]


# --- secrets


@pytest.mark.requirement("ENR-01")
def test_a_secret_has_20_bytes_of_the_systems_random_source(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def source(count: int) -> bytes:
        asked.append(count)
        return bytes(range(count))

    monkeypatch.setattr("secrets.token_bytes", source)
    assert base64.b32decode(totp.new_secret()) == bytes(range(20))
    assert asked == [20]


@pytest.mark.requirement("ENR-01")
def test_ten_thousand_secrets_are_distinct_and_each_has_160_bits() -> None:
    made = {totp.new_secret() for _ in range(10_000)}
    assert len(made) == 10_000
    assert {len(base64.b32decode(secret)) for secret in made} == {20}


@given(st.binary(min_size=totp.MIN_SECRET_BYTES, max_size=totp.MAX_SECRET_BYTES))
def test_a_given_secret_is_read_in_groups_in_small_letters_and_with_padding(raw: bytes) -> None:
    padded = base64.b32encode(raw).decode()
    plain = padded.rstrip("=")
    spelled = [plain, padded, plain.lower(), " ".join(totp.in_groups(plain)), "-".join(totp.in_groups(plain))]
    assert {totp.parse_secret(text) for text in spelled} == {plain}


@pytest.mark.parametrize("size", [0, 1, 10, 15, 65, 100])
def test_a_given_secret_of_fewer_than_128_or_more_than_512_bits_is_refused(size: int) -> None:
    assert totp.parse_secret(base64.b32encode(bytes(size)).decode()) is None


@pytest.mark.parametrize("text", ["", "not base32!", "A" * 33, "0189" * 8, "é" * 32, "A" * 1_000_000])
def test_a_given_text_that_is_no_base32_is_refused(text: str) -> None:
    assert totp.parse_secret(text) is None


@pytest.mark.parametrize("size", [10, 13, 14, 15])
def test_an_imported_secret_of_80_bits_or_more_makes_the_codes_of_oathtool(size: int) -> None:
    """pyotp's own floor is 80 bits or 112, by its release."""
    secret = totp.parse_secret(base64.b32encode(bytes(range(size))).decode(), totp.LEAST_SECRET_BYTES)
    assert secret is not None
    assert totp.matching_step(secret, oathtool_code(secret, NOW), NOW) == totp.step_at(NOW)
    assert parse_qs(urlsplit(totp.provisioning_uri(secret, "a", "b")).query)["secret"] == [secret]


@pytest.mark.parametrize("size", [0, 1, 9, 65])
def test_an_imported_secret_of_fewer_than_80_bits_is_refused(size: int) -> None:
    assert totp.parse_secret(base64.b32encode(bytes(size)).decode(), totp.LEAST_SECRET_BYTES) is None


@given(st.text())
def test_reading_a_secret_never_raises_and_what_it_gives_makes_codes(text: str) -> None:
    secret = totp.parse_secret(text)
    assert secret is None or len(totp.code_at(secret, 1)) == 6


@given(st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", max_size=64))
def test_groups_put_together_are_the_secret(secret: str) -> None:
    groups = totp.in_groups(secret)
    assert "".join(groups) == secret
    assert all(len(one) == 4 for one, _ in pairwise(groups))


def test_a_secret_is_shown_in_groups_of_four_or_of_another_size() -> None:
    assert totp.in_groups("ABCDEFGHIJ") == ["ABCD", "EFGH", "IJ"]
    assert totp.in_groups("ABCDEFGHIJ", 5) == ["ABCDE", "FGHIJ"]


@pytest.mark.requirement("ENR-01")
def test_the_sizes_of_secrets_are_those_of_rfc_4226_and_no_other() -> None:
    for size, read in ((15, False), (16, True), (64, True), (65, False)):
        assert (totp.parse_secret(base64.b32encode(bytes(size)).decode()) is not None) is read, size


# --- the otpauth URI


@pytest.mark.requirement("ENR-13")
def test_the_uri_says_only_what_every_app_honours() -> None:
    uri = totp.provisioning_uri(RFC_SECRET, "alice@example.test", "Harbor Console")
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert label_of(uri) == "Harbor Console:alice@example.test"
    query = parse_qs(parts.query, strict_parsing=True)
    assert query["issuer"] == ["Harbor Console"]
    assert query["secret"] == [RFC_SECRET]
    assert query.get("algorithm", ["SHA1"]) == ["SHA1"]
    assert query.get("digits", ["6"]) == ["6"]
    assert query.get("period", ["30"]) == ["30"]
    assert set(query) <= {"issuer", "secret", "algorithm", "digits", "period"}


@pytest.mark.requirement("ENR-13")
def test_the_uri_has_no_padding_in_the_secret() -> None:
    secret = totp.parse_secret(base64.b32encode(bytes(16)).decode())
    assert secret is not None
    assert "=" not in parse_qs(urlsplit(totp.provisioning_uri(secret, "a", "b")).query)["secret"][0]


@pytest.mark.requirement("ENR-13")
@pytest.mark.parametrize("issuer", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("account", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_issuer_or_account_still_gives_a_bounded_label_that_parses_back(account: str, issuer: str) -> None:
    uri = totp.provisioning_uri(RFC_SECRET, account, issuer)
    label = label_of(uri)
    assert uri.isascii()
    assert uri.isprintable()
    assert len(label.encode()) <= 128
    assert label.count(":") == 1
    assert label.isprintable(), "no control, no bidi mark"
    named, _, shown = label.partition(":")
    assert named
    assert shown
    parsed = pyotp.parse_uri(uri)
    assert (parsed.issuer, parsed.name, parsed.secret) == (named, shown, RFC_SECRET)
    assert parse_qs(urlsplit(uri).query)["issuer"] == [named]


@pytest.mark.requirement("ENR-13")
@given(st.text(), st.text())
def test_any_issuer_and_account_give_a_uri_that_parses_back_to_the_same_secret(account: str, issuer: str) -> None:
    uri = totp.provisioning_uri(RFC_SECRET, account, issuer)
    parsed = pyotp.parse_uri(uri)
    assert (parsed.secret, parsed.digits) == (RFC_SECRET, 6)
    assert label_of(uri) == f"{parsed.issuer}:{parsed.name}"
    assert len(label_of(uri).encode()) <= 128


def test_an_ordinary_name_is_not_altered() -> None:
    uri = totp.provisioning_uri(RFC_SECRET, "Zoë Müller & Söhne 100%", "Café – 語")
    assert label_of(uri) == "Café – 語:Zoë Müller & Söhne 100%"


@pytest.mark.requirement("ENR-13")
def test_names_of_nothing_that_can_be_shown_are_replaced() -> None:
    assert label_of(totp.provisioning_uri(RFC_SECRET, " : \n", "\u202e:")) == "Console:account"


@pytest.mark.requirement("ENR-13")
def test_a_long_issuer_takes_48_bytes_and_a_long_account_the_rest_of_128() -> None:
    assert label_of(totp.provisioning_uri(RFC_SECRET, "a" * 300, "i" * 300)) == "i" * 48 + ":" + "a" * 79
    assert label_of(totp.provisioning_uri(RFC_SECRET, "a" * 300, "i")) == "i:" + "a" * 126


@pytest.mark.requirement("ENR-13")
def test_what_is_dropped_from_a_label_leaves_one_space() -> None:
    uri = totp.provisioning_uri(RFC_SECRET, "a:b\u200ec  d", " The \n Console ")
    assert label_of(uri) == "The Console:a b c d"


@pytest.mark.requirement("ENR-13")
def test_a_letter_that_would_be_cut_in_two_is_left_out() -> None:
    assert label_of(totp.provisioning_uri(RFC_SECRET, "a", "x" + "é" * 40)) == "x" + "é" * 23 + ":a"
