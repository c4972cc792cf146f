"""Signals that are about nobody's account, or about anybody's: who asked, and who has to wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from blinker import NamedSignal
from flask.testing import FlaskClient

from flask_twofactor import signals
from tests.support.host import Clock, Host
from tests.support.watching import rows, state_of

Said = list[dict[str, Any]]


def heard(host: Host, signal: NamedSignal) -> Iterator[Said]:
    said: Said = []

    def hear(_: Any, **values: Any) -> None:
        said.append(values)

    with signal.connected_to(hear, sender=host.app):
        yield said


@pytest.fixture
def identified(enrolled: Host) -> Iterator[Said]:
    yield from heard(enrolled, signals.identified)


@pytest.fixture
def throttled(enrolled: Host) -> Iterator[Said]:
    yield from heard(enrolled, signals.throttled)


def attempt(host: Host, name: str, address: str = "198.51.100.7") -> int:
    someone = host.person(REMOTE_ADDR=address)
    someone.identify(name)
    return int(someone.credential("wrong").status_code)


@pytest.mark.requirement("ENU-01", "LOG-03")
def test_a_user_id_is_announced_by_a_keyed_digest_for_everybody_alike(
    enrolled: Host, identified: Said, clock: Clock
) -> None:
    for name in ("alice", "bob", "a password in the wrong box", "alice"):
        enrolled.person().identify(name)
    assert [set(one) for one in identified] == [{"subject", "at", "name"}] * 4
    assert {(one["subject"], one["at"]) for one in identified} == {("", int(clock.at))}
    names = [one["name"] for one in identified]
    assert {len(bytes.fromhex(name)) for name in names} == {16}
    assert names[0] == names[3]
    assert len(set(names)) == 3
    assert "wrong box" not in str(identified)


@pytest.mark.requirement("ENU-01")
def test_a_user_id_is_announced_once_the_response_is_sent(enrolled: Host, identified: Said) -> None:
    person = enrolled.person()
    person.get("/two-factor/identify")
    browser = enrolled.app.test_client()
    token = {"csrf_token": _token(browser), "identifier": "alice"}
    answer = browser.post("/two-factor/identify", data=token, buffered=False)
    assert (answer.status_code, identified) == (302, [])
    answer.close()
    assert len(identified) == 1


def _token(browser: FlaskClient) -> str:
    page = browser.get("/two-factor/identify").text
    return page.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]


def test_a_user_id_is_announced_from_a_known_browser_too_and_leaves_no_row(enrolled: Host, identified: Said) -> None:
    person = enrolled.person()
    person.log_in("bob")
    person.get("/logout")
    person.identify("bob")
    assert len(identified) == 2
    assert "identified" not in str(rows(enrolled, "twofactor_event"))


def test_nobody_is_announced_who_was_not_asked_on(enrolled: Host, identified: Said) -> None:
    person = enrolled.person()
    person.post("/two-factor/identify", identifier="")
    person.post("/two-factor/identify", identifier="x" * 400)
    assert identified == []


@pytest.mark.requirement("LOG-01")
def test_who_has_to_wait_is_announced_once_in_ten_minutes_a_source(
    enrolled: Host, throttled: Said, clock: Clock
) -> None:
    for _ in range(8):
        attempt(enrolled, "alice")
    source = state_of(enrolled).keyring.digest("source\n198.51.100.7")
    assert throttled == [{"subject": "1", "at": int(clock.at), "where": "log-in", "source": source}]
    clock.move(601)
    for _ in range(8):
        attempt(enrolled, "alice")
    assert len(throttled) == 2


@pytest.mark.requirement("LOG-03")
def test_who_has_to_wait_under_a_name_without_an_account_is_nobody(enrolled: Host, throttled: Said) -> None:
    for _ in range(8):
        attempt(enrolled, "nobody at all")
    assert [(one["subject"], one["where"]) for one in throttled] == [("", "log-in")]
    assert "nobody" not in str(throttled)


def test_a_session_that_ends_by_wrong_answers_is_announced(enrolled: Host, throttled: Said) -> None:
    person = enrolled.person()
    person.log_in("bob")
    statuses = [person.post("/two-factor/password", password="wrong").status_code for _ in range(6)]
    assert statuses[-1] == 429
    assert [(one["subject"], one["where"], one["source"]) for one in throttled] == [("2", "sign-in", "")]
