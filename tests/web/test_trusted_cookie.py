"""The cookie of trusted browsers, bit by bit, and with everything in it that a key of ours could ever have signed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_twofactor.web import session as browser
from tests.support.host import Host, Person
from tests.support.trusting import gets_in, holding, password_alone, ticked, trusted_rows, trusting, value_of
from tests.support.watching import asks_code, state_of
from tests.web.test_fuzz import NASTY, as_cookie, mutants

PATHS = ("/two-factor/credential", "/two-factor/challenge", "/two-factor/sessions", "/two-factor/identify", "/open")


@pytest.fixture
def site(make_app: Callable[..., Host]) -> Host:
    return trusting(make_app)


def read(host: Host, cookie: str) -> list[Any]:
    """Give what the product reads in a cookie."""
    given = {"HTTP_COOKIE": f"{browser.TRUSTED_COOKIE}={cookie}"}
    with host.app.test_request_context(environ_overrides=given):
        return list(browser.trust(state_of(host)))


def signed(host: Host, value: Any) -> str:
    """Sign what no version of ours ever wrote, with the right key and salt."""
    signer = browser._signer(state_of(host))
    signer.serializer_kwargs = {"ensure_ascii": True}  # lone surrogates can be written no other way
    text = signer.dumps(value)
    return text if isinstance(text, str) else text.decode()


def nested(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = [value]
    return value


def shapes(pair: list[str]) -> Iterator[Any]:
    """Give what is no list of pairs of an id and a value, made from a right one."""
    key, value = pair
    yield from (None, True, 0, -1, 1.5, 10**30, "", "null", key, value, [], {}, pair, {key: value}, [{key: value}])
    yield from ([[key]], [[value]], [[key, value, value]], [[key, value, None]], [[value, key]], [[[key, value]]])
    yield from ([[key, None]], [[None, value]], [[key, 1]], [[1, value]], [[key, [value]]], [[[key], value]])
    yield from ([[key.upper(), value]], [[key, value[:-1]]], [[key, value + "A"]], [[key[:-1], value]], [key + value])
    yield from ([[key + "\n", value]], [[f" {key}", value]], [[key, f"{value}\0"]], [["\0" * 32, value]], [["%", "%"]])
    yield from (
        [["\ud800" * 32, "\ud800" * 43]],
        [["\u202e" + key, value]],
        [["' OR '1'='1", value]],
        [[key, "é" * 43]],
    )
    yield from ([["a" * 3000, value]], [[key, "a" * 3000]], [["a", "b"]] * 500, [None] * 1000, nested(pair, 900))
    yield from (
        [[text.decode("latin-1"), value] for text in NASTY[:60]],
        [[key, text.decode("latin-1")] for text in NASTY],
    )


@pytest.mark.requirement("INP-06", "TRB-02", "TRB-05")
@pytest.mark.parametrize("number", range(len([*shapes(["a" * 32, "b" * 43])])))
def test_a_signed_cookie_of_another_shape_is_no_error_skips_no_code_and_ends_no_trust(site: Host, number: int) -> None:
    kept = value_of(ticked(site))
    [[key, value]] = read(site, kept)
    person = holding(site, signed(site, [*shapes([key, value])][number]))
    assert [person.get(path).status_code for path in PATHS][-2:] == [200, 200]
    assert asks_code(person.identify("alice"))
    assert person.credential("alice-password", "").status_code == 200
    person.legacy("alice")
    assert person.get("/two-factor/challenge").status_code == 200
    assert person.me is None
    assert gets_in(site, kept)


@pytest.mark.requirement("INP-06", "TRB-05")
def test_the_right_pair_among_rubbish_that_was_signed_counts(site: Host) -> None:
    kept = value_of(ticked(site))
    pair = list(read(site, kept)[0])
    assert gets_in(site, signed(site, [None, [], ["a", "b"], pair, 5]))


@pytest.mark.slow
@pytest.mark.requirement("TRB-02", "TRB-06")
def test_a_cookie_that_differs_in_any_bit_is_none(site: Host) -> None:
    value = value_of(ticked(site))
    assert len(read(site, value)) == 1
    tried = 0
    for other in mutants(value):
        if as_cookie(other) != value:
            assert read(site, other) == [], other
            tried += 1
    assert tried > 1000
    assert gets_in(site, value)


@pytest.fixture
def owner(site: Host) -> Person:
    person = ticked(site)
    person.get("/logout")
    return person


@pytest.mark.requirement("INP-06", "TRB-02")
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(cookie=st.binary(max_size=80) | st.sampled_from(NASTY), cut=st.integers(0, 200))
def test_no_bytes_in_its_place_are_an_error_or_a_way_in(owner: Person, cookie: bytes, cut: int) -> None:
    host, right = owner.host, value_of(owner)
    known = read(host, right)
    for text in (cookie.decode("latin-1"), right[:cut] + cookie.decode("latin-1"), cookie.decode("latin-1") + right):
        given = {"HTTP_COOKIE": f"{browser.TRUSTED_COOKIE}={text}"}
        answer = host.person().client.get("/two-factor/identify", environ_overrides=given)
        assert answer.status_code == 200
        # Of what is written after the right text base64 leaves some out: it is the right text still.
        assert read(host, text) == [] or (right in text and read(host, text) == known)


@pytest.mark.requirement("INP-06", "LIF-03", "TRB-08")
@pytest.mark.parametrize("named", [*NASTY[:50], b"%" * 32, b"0" * 32, b"A" * 5000], ids=ascii)
def test_a_browser_that_is_none_is_not_forgotten_and_no_error(site: Host, named: bytes) -> None:
    """But for none named at all, which is all of them (`Forget all`)."""
    person = ticked(site)
    text = named.decode("utf-8", "replace")
    answer = person.post("/two-factor/browsers/forget", "/two-factor/sessions", browser=text)
    assert (answer.status_code, answer.location) == (302, "/two-factor/sessions")
    assert len(trusted_rows(site)) == (1 if text else 0)
    other = site.person()
    assert password_alone(other).status_code == 200
