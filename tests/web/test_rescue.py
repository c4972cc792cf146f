"""Rescue codes by HTTP: made by two people, once, for an hour, with the factor left on and a new set-up at the end."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from flask_twofactor.core.codes import parse_recovery_code
from flask_twofactor.core.records import Notice
from flask_twofactor.errors import NotEnrolled, TwoFactorError
from flask_twofactor.flows import rescue
from flask_twofactor.signals import rescue_issued, rescue_used
from tests.support.host import Host, Person, alert, csrf_token
from tests.support.spares import added, code_of, how_many, logged_in
from tests.support.watching import broken_store, dump, rows, state_of
from tests.web.test_recovery import SHEET, codes_on, enabled
from tests.web.test_replay import together
from tests.web.test_requirement import is_nobody

SETUP = "/two-factor/setup"


def issued(host: Host, name: str = "alice") -> str:
    """Make a rescue code."""
    with host.app.app_context():
        return rescue.issue(state_of(host), host.users[name], "ops", "desk").code


def submit(host: Host, code: str, name: str = "alice", password: str | None = None, target: str = "") -> Any:
    """Log in with a code of any kind in a new browser; gives the person and the answer."""
    person = host.person()
    person.identify(name, target or None)
    return person, person.credential(password or f"{name}-password", code)


def rescued(host: Host, name: str = "alice") -> Person:
    """Give somebody who has logged in with a rescue code."""
    person, answer = submit(host, issued(host, name), name)
    assert answer.location == SETUP
    assert isinstance(person, Person)
    return person


def enters(host: Host, code: str, name: str = "alice") -> bool:
    return bool(submit(host, code, name)[1].status_code == 302)


# Made


@pytest.mark.parametrize(("by", "witness"), [("ops", "ops"), ("ops", " OPS "), ("", "desk"), ("ops", "  ")])
def test_it_takes_two_people(enrolled: Host, by: str, witness: str) -> None:
    with enrolled.app.app_context(), pytest.raises(TwoFactorError, match="two people"):
        rescue.issue(state_of(enrolled), enrolled.users["alice"], by, witness)
    assert not rows(enrolled, "twofactor_recovery")


def test_an_account_without_the_factor_needs_none(enrolled: Host) -> None:
    with enrolled.app.app_context(), pytest.raises(NotEnrolled):
        rescue.issue(state_of(enrolled), enrolled.users["bob"], "ops", "desk")


@pytest.mark.requirement("LOG-02", "STO-04", "LIF-06")
def test_it_is_recorded_under_two_names_told_to_the_owner_and_kept_as_a_digest(
    enrolled: Host, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Notice] = []
    heard: list[dict[str, Any]] = []
    enrolled.two_factor.notify(lambda user, notice: told.append(notice))

    def receive(_: Flask, **values: Any) -> None:
        heard.append(values)

    for signal in (rescue_issued, rescue_used):
        signal.connect(receive, sender=enrolled.app)
    with caplog.at_level(logging.DEBUG):
        code = issued(enrolled)
        assert enters(enrolled, code)
    assert re.fullmatch(r"tfrs(-[0-9a-hjkmnp-tv-z]{4}){6}", code)
    at = int(enrolled.clock.at)
    made = {"subject": "1", "at": at, "by": "ops", "witness": "desk", "expires_at": at + 3600}
    assert heard == [made, {"subject": "1", "at": at}]
    assert [notice.kind for notice in told] == ["rescue-issued", "rescue-used"]
    [kept] = [one for one in state_of(enrolled).store.events("1", 9) if one.kind == "twofactor-rescue-issued"]
    assert dict(kept.details) == {"by": "ops", "witness": "desk", "expires_at": at + 3600}
    everything = caplog.text + repr((told, heard, dump(enrolled), rows(enrolled, "twofactor_event")))
    for secret in (code, str(parse_recovery_code(code))):
        assert secret not in everything


@pytest.mark.requirement("REC-02", "RPL-05")
def test_a_second_takes_the_place_of_the_first_and_each_works_once(enrolled: Host) -> None:
    first, second = issued(enrolled), issued(enrolled)
    assert not enters(enrolled, first)
    assert enters(enrolled, second)
    assert not enters(enrolled, second)


@pytest.mark.parametrize(("seconds", "good"), [(3600, True), (3601, False)])
def test_it_lives_for_an_hour(enrolled: Host, seconds: int, good: bool) -> None:
    code = issued(enrolled)
    enrolled.clock.move(seconds)
    assert enters(enrolled, code) is good


@pytest.mark.requirement("RPL-05", "REC-02")
def test_of_two_uses_at_once_one_gets_in(enrolled: Host) -> None:
    code = issued(enrolled)
    people = [enrolled.person(REMOTE_ADDR=f"192.0.2.{number}") for number in range(4)]
    answers: list[TestResponse] = []

    def press(person: Person, token: str) -> None:
        data = {"csrf_token": token, "password": "alice-password", "code": code}
        answers.append(person.client.post("/two-factor/credential", data=data, environ_overrides=person.environ))

    together([partial(press, person, csrf_token(person.identify("alice"))) for person in people])
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 302]


# What it opens


@pytest.mark.requirement("LIF-07", "REC-10")
def test_it_leads_to_a_new_set_up_and_nowhere_else_with_the_factor_left_on(enrolled: Host) -> None:
    person, answer = submit(enrolled, issued(enrolled), target="/me")
    assert answer.location == f"{SETUP}?next=/me"
    assert is_nobody(person)
    page = person.get(SETUP)
    assert "You logged in with a rescue code." in page.text
    assert 'id="tf-cancel"' not in page.text
    assert 'action="/two-factor/log-out"' in page.text
    for path in ("settings", "manage", "recovery", "authenticators", "authenticators/add", "sessions", "activity"):
        assert str(person.get(f"/two-factor/{path}").location).partition("?")[0] == SETUP
    with enrolled.app.app_context():
        assert enrolled.two_factor.is_enabled(enrolled.users["alice"])
    assert submit(enrolled, "")[1].status_code == 200, "the password alone is not enough"
    assert enters(enrolled, enrolled.code("alice")), "what was not lost after all goes on working"
    assert is_nobody(person)


@pytest.mark.requirement("ENR-10", "LIF-08", "REC-07", "REC-10")
def test_the_new_set_up_takes_the_place_of_all_that_was_lost(host: Host) -> None:
    _, codes = enabled(host)
    lost = host.secrets["bob"]
    other = host.person()
    other.log_in("bob")
    host.clock.move(30)
    person = rescued(host, "bob")
    answer = person.set_up("bob")
    assert answer.location == SHEET
    assert person.me == "bob"
    assert other.me is None
    fresh = codes_on(person.get(SHEET))
    assert len(fresh) == 10
    host.clock.move(30)
    assert not enters(host, code_of(host, lost), "bob")
    assert not any(enters(host, code, "bob") for code in codes[:2])
    assert enters(host, host.code("bob"), "bob")
    assert enters(host, fresh[0], "bob")
    assert how_many(host, "2") == 1


@pytest.mark.requirement("LIF-08")
def test_it_takes_the_place_of_several_authenticators(enrolled: Host) -> None:
    secret = added(logged_in(enrolled))
    person = rescued(enrolled)
    lost = [secret, enrolled.secrets["alice"]]
    assert person.set_up("alice").status_code == 302
    enrolled.clock.move(30)
    assert [enters(enrolled, code_of(enrolled, one)) for one in lost] == [False, False]
    assert enters(enrolled, enrolled.code("alice"))
    assert how_many(enrolled) == 1


@pytest.mark.requirement("LIF-08")
def test_a_set_up_that_is_not_finished_changes_nothing_but_that_the_code_is_used_up(enrolled: Host) -> None:
    code = issued(enrolled)
    person, _ = submit(enrolled, code)
    person.get(SETUP)
    token = csrf_token(person.get(SETUP))
    person.client.post("/two-factor/log-out", data={"csrf_token": token})
    assert "/two-factor/identify" in str(person.get(SETUP).location)
    assert not enters(enrolled, code)
    assert enters(enrolled, enrolled.code("alice"))


def test_it_answers_for_a_session_that_owes_a_code(enrolled: Host) -> None:
    person = enrolled.person()
    person.legacy("alice")
    answer = person.post("/two-factor/challenge?next=/me", code=issued(enrolled))
    assert answer.location == f"{SETUP}?next=/me"
    assert is_nobody(person)
    assert person.set_up("alice").status_code == 302
    assert person.me == "alice"


@pytest.mark.requirement("ENR-05")
def test_the_password_again_keeps_the_session_to_the_set_up(enrolled: Host) -> None:
    person = rescued(enrolled)
    enrolled.clock.move(901)
    asked = person.get(SETUP)
    assert str(asked.location).startswith("/two-factor/password")
    assert person.post(str(asked.location), password="alice-password").location == SETUP
    assert is_nobody(person)
    assert "You logged in with a rescue code." in person.get(SETUP).text


@pytest.mark.requirement("FLG-05", "SES-05")
def test_neither_a_remember_cookie_nor_another_source_makes_more_of_it(enrolled: Host) -> None:
    person = enrolled.person()
    person.identify("alice")
    person.credential("alice-password", issued(enrolled), remember="y")
    assert is_nobody(person)
    for name in ("alice", "bob"):
        assert person.get("/open", headers={"X-Token": name}).text == "False"
    person.client.delete_cookie("session")
    assert person.me is None
    assert str(person.get("/me").location).startswith("/two-factor/challenge")
    legacy = rescued(enrolled)
    legacy.legacy("alice")
    assert str(legacy.get("/me").location).startswith("/two-factor/challenge")


@pytest.mark.requirement("SES-02", "SES-10")
@pytest.mark.parametrize("event", ["sessions ended", "reset", "recovery codes", "factor set up anew"])
def test_what_ends_sessions_ends_it_too(enrolled: Host, event: str) -> None:
    person = rescued(enrolled)
    user = enrolled.users["alice"]
    with enrolled.app.app_context():
        if event == "sessions ended":
            enrolled.two_factor.end_sessions(user)
        elif event == "recovery codes":
            enrolled.two_factor.new_recovery_codes(user)
        else:
            enrolled.two_factor.reset(user, by="admin")
    if event == "factor set up anew":
        enrolled.enroll("alice")
    assert is_nobody(person)
    assert "/two-factor/identify" in str(person.get(SETUP).location)


@pytest.mark.requirement("SES-08")
def test_it_ends_with_its_time(enrolled: Host) -> None:
    person = rescued(enrolled)
    enrolled.clock.move(86401)
    assert "/two-factor/identify" in str(person.get(SETUP).location)


# What it does not open


@pytest.mark.requirement("VER-08", "VER-01")
def test_a_wrong_password_uses_it_not_up(enrolled: Host) -> None:
    code = issued(enrolled)
    assert submit(enrolled, code, password="wrong")[1].status_code == 200
    assert enters(enrolled, code)


@pytest.mark.requirement("REC-01", "VER-09")
def test_it_is_none_of_another_account_nor_of_another_life_of_the_factor(enrolled: Host) -> None:
    code = issued(enrolled)
    assert not enters(enrolled, code, "mallory")
    assert logged_in(enrolled).disable("alice").status_code == 302
    enrolled.enroll("alice")
    assert not enters(enrolled, code)
    code = issued(enrolled)
    with enrolled.app.app_context():
        enrolled.two_factor.new_recovery_codes(enrolled.users["alice"])
    assert not enters(enrolled, code), "new recovery codes take the place of all"


@pytest.mark.requirement("LIF-01", "THR-09")
def test_it_changes_nothing_in_the_settings_and_is_no_step_up(enrolled: Host) -> None:
    person, code = logged_in(enrolled), issued(enrolled)
    for path, fields in (
        ("manage", {}), ("recovery", {}), ("challenge", {}), ("authenticators/add", {"name": "Mine"}),
    ):  # fmt: skip
        answer = person.post(f"/two-factor/{path}", code=code, **fields)
        assert answer.status_code == 200, path
        assert alert(answer), path
    with enrolled.app.app_context():
        assert not enrolled.two_factor.verify(enrolled.users["alice"], code)
        assert enrolled.two_factor.is_enabled(enrolled.users["alice"])
    assert how_many(enrolled) == 1
    assert enters(enrolled, code), "and is not used up by it"


@pytest.mark.requirement("THR-08", "THR-10")
def test_it_works_when_no_code_does_any_more_and_the_set_up_clears_the_stop(enrolled: Host) -> None:
    with state_of(enrolled).store._database.engine.begin() as connection:  # type: ignore[attr-defined]
        connection.exec_driver_sql("UPDATE twofactor_account SET in_a_row = 100 WHERE subject = '1'")
    assert not enters(enrolled, enrolled.code("alice"))
    person = rescued(enrolled)
    assert person.set_up("alice").status_code == 302
    enrolled.clock.move(30)
    assert enters(enrolled, enrolled.code("alice"))


@pytest.mark.requirement("THR-08")
def test_guesses_at_it_are_counted_as_those_at_recovery_codes(enrolled: Host) -> None:
    assert not enters(enrolled, "tfrs-0000-0000-0000-0000-0000-0000")
    [row] = [row for row in rows(enrolled, "twofactor_account") if row["subject"] == "1"]
    assert (row["recovery"], row["unknown"]) == (str(int(enrolled.clock.at)), "")


@pytest.mark.requirement("VER-06", "ENU-01")
def test_an_expired_one_is_refused_as_any_wrong_code(enrolled: Host) -> None:
    code = issued(enrolled)
    enrolled.clock.move(3601)
    strip: Callable[[str], str] = partial(re.sub, r'name="csrf_token"[^>]*value="[^"]+"', "")
    pages = [strip(submit(enrolled, one)[1].text) for one in (code, "000000", "tfrs-" + "-".join(["0000"] * 6))]
    assert pages[0] == pages[1] == pages[2]


def test_it_is_not_counted_among_the_recovery_codes(enrolled: Host) -> None:
    issued(enrolled)
    assert state_of(enrolled).store.recovery("1").left == 0
    assert "No recovery code is left." in logged_in(enrolled).get("/two-factor/settings").text


@pytest.mark.requirement("STO-07")
@pytest.mark.parametrize("verb", ["recovery", "spend", "confirm_enrolment"])
def test_a_store_that_fails_lets_nobody_in(enrolled: Host, verb: str) -> None:
    code = issued(enrolled)
    if verb == "confirm_enrolment":
        person = rescued(enrolled)
        person.begin_setup()
        enrolled.secrets["alice"], before = person.secret, enrolled.secrets["alice"]
        token = csrf_token(person.get(SETUP))
        with broken_store(enrolled, verb) as failed:
            data = {"csrf_token": token, "code": enrolled.code("alice")}
            assert person.client.post(SETUP, data=data).status_code == 503
        assert failed
        assert is_nobody(person)
        assert enters(enrolled, code_of(enrolled, before))
        return
    with broken_store(enrolled, verb) as failed:
        person, answer = submit(enrolled, code)
    assert failed
    assert answer.status_code == 503
    assert is_nobody(person)
    assert enters(enrolled, code)
