"""The owner is told, outside the session, that a factor came or went."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from flask_twofactor import Brand, TwoFactor
from flask_twofactor.core.records import Notice
from tests.support.host import Host, Person


@pytest.fixture
def told(host: Host) -> list[tuple[str, Notice]]:
    """What the host's ``notify`` was given: user names and notices."""
    notices: list[tuple[str, Notice]] = []

    @host.two_factor.notify
    def notify(user: Any, notice: Notice) -> None:
        notices.append((user.username, notice))

    return notices


@pytest.mark.requirement("ENR-12")
def test_enabling_is_told_once_with_time_network_and_browser(host: Host, told: list[tuple[str, Notice]]) -> None:
    person = host.person(REMOTE_ADDR="203.0.113.77", HTTP_USER_AGENT="(Windows) Firefox/127.0")
    person.log_in("bob")
    assert person.set_up("bob").status_code == 302
    (name, notice), *more = told
    assert (name, notice.kind, notice.at, more) == ("bob", "enabled", int(host.clock.at), [])
    assert notice.title == "host: two-factor authentication was turned on"
    assert "Network: 203.0.113.0/24" in notice.body
    assert "Browser: Firefox on Windows" in notice.body
    assert "15 January 2027, 08:00 UTC" in notice.body
    assert person.secret not in repr(notice)
    assert host.code("bob") not in repr(notice)


def test_disabling_is_told(host: Host, client: Person, told: list[tuple[str, Notice]]) -> None:
    host.enroll("alice")
    client.log_in("alice")
    host.clock.move(30)
    client.disable("alice")
    assert [notice.kind for _, notice in told] == ["new-browser", "disabled"]


def test_a_reset_is_told_without_an_origin(host: Host, told: list[tuple[str, Notice]]) -> None:
    host.enroll("alice")
    with host.app.app_context():
        host.two_factor.reset(host.users["alice"], by="helpdesk")
        host.two_factor.reset(host.users["alice"], by="helpdesk")
    assert [(notice.kind, notice.origin) for _, notice in told] == [("reset", None)]
    assert "From:" not in told[0][1].body


def test_a_wrong_code_tells_nobody(host: Host, client: Person, told: list[tuple[str, Notice]]) -> None:
    client.log_in("bob")
    client.begin_setup()
    client.post("/two-factor/setup", code="000000")
    assert told == []


def test_a_hook_that_raises_undoes_nothing_and_is_logged(
    host: Host, client: Person, caplog: pytest.LogCaptureFixture
) -> None:
    @host.two_factor.notify
    def notify(user: Any, notice: Notice) -> None:
        raise RuntimeError(f"the mail server said {5 * 110}")

    client.log_in("bob")
    with caplog.at_level(logging.ERROR, "flask_twofactor"):
        assert client.set_up("bob").status_code == 302
    assert client.me == "bob"
    assert "the hook notify raised RuntimeError" in caplog.text
    assert "550" not in caplog.text


def test_control_characters_of_a_browser_s_name_do_not_reach_the_notice(
    host: Host, told: list[tuple[str, Notice]]
) -> None:
    person = host.person(HTTP_USER_AGENT="Bro\x1b[31mwser" + "x" * 500)
    person.log_in("bob")
    person.set_up("bob")
    origin = told[0][1].origin
    assert origin is not None
    assert origin.agent.startswith("Bro?[31mwserxxx")
    assert len(origin.agent) == 200


def test_what_a_browser_calls_itself_says_nothing_in_the_body(host: Host, told: list[tuple[str, Notice]]) -> None:
    person = host.person(HTTP_USER_AGENT="Chrome/1 Your account is blocked, call +1 555 0100")
    person.log_in("bob")
    person.set_up("bob")
    assert "Browser: Chrome\n" in told[0][1].body
    assert "0100" not in told[0][1].body


def test_an_ipv6_address_is_told_as_its_network(host: Host, told: list[tuple[str, Notice]]) -> None:
    person = host.person(REMOTE_ADDR="2001:db8:1:2:3:4:5:6")
    person.log_in("bob")
    person.set_up("bob")
    assert "Network: 2001:db8:1:2::/64" in told[0][1].body


@pytest.mark.requirement("RED-05")
def test_a_forged_host_header_does_not_reach_the_notice(
    make_app: Callable[..., Host],
) -> None:
    brand = Brand("harbor", "Harbor", "Harbor", support_url="https://console.example/help")
    told: list[Notice] = []

    def wire(two_factor: TwoFactor) -> None:
        two_factor.brand_select(lambda: brand)
        two_factor.notify(lambda user, notice: told.append(notice))

    person = make_app(wire=wire).person(HTTP_HOST="evil.test", HTTP_X_FORWARDED_HOST="evil.test")
    person.log_in("bob")
    person.set_up("bob")
    assert "https://console.example/help" in told[0].body
    assert "evil.test" not in repr(told[0])


def test_a_host_without_the_hook_hears_of_it_from_doctor(make_app: Callable[..., Host]) -> None:
    host = make_app(TESTING=False)
    result = host.app.test_cli_runner().invoke(args=["twofactor", "doctor"])
    assert "no @two_factor.notify" in result.output


@pytest.mark.requirement("THR-11", "RPL-09")
def test_a_code_that_was_used_before_is_a_wrong_one_that_the_owner_is_told_about(
    host: Host, told: list[tuple[str, Notice]]
) -> None:
    host.enroll("alice")
    used = host.code("alice")
    host.person().log_in("alice")
    stranger = host.person(REMOTE_ADDR="203.0.113.77")
    for code in (host.wrong_code("alice"), host.wrong_code("alice"), used):
        stranger.identify("alice")
        assert stranger.credential("alice-password", code).status_code == 200
    assert [(name, notice.kind) for name, notice in told] == [("alice", "new-browser"), ("alice", "few")]


def kinds(told: list[tuple[str, Notice]], name: str = "alice") -> list[str]:
    return [notice.kind for of, notice in told if of == name]


@pytest.mark.requirement("LIF-06")
def test_a_log_in_from_a_browser_that_was_not_seen_before_is_told_once(
    enrolled: Host, told: list[tuple[str, Notice]]
) -> None:
    person = enrolled.person(REMOTE_ADDR="203.0.113.77", HTTP_USER_AGENT="(iPhone) Version/17.5 Safari/604.1")
    assert person.log_in("alice").status_code == 302
    assert kinds(told) == ["new-browser"]
    assert "Network: 203.0.113.0/24\nBrowser: Safari on iPhone\n" in told[0][1].body
    for _ in range(2):
        person.get("/logout")
        enrolled.clock.move(30)
        person.log_in("alice")
    assert kinds(told) == ["new-browser"]
    person.get("/logout")
    enrolled.clock.move(30)
    person.log_in("mallory")
    assert (kinds(told), kinds(told, "mallory")) == (["new-browser"], ["new-browser"])


@pytest.mark.requirement("LIF-06")
def test_a_code_that_a_log_in_of_the_host_owed_tells_of_a_new_browser_too_and_step_up_does_not(
    enrolled: Host, told: list[tuple[str, Notice]]
) -> None:
    person = enrolled.person()
    person.legacy("alice")
    assert kinds(told) == []
    assert person.post("/two-factor/challenge", code=enrolled.code("alice")).status_code == 302
    assert kinds(told) == ["new-browser"]
    person.client.delete_cookie("twofactor_known")
    enrolled.clock.move(30)
    assert person.post("/two-factor/challenge", code=enrolled.code("alice")).status_code == 302
    assert kinds(told) == ["new-browser"]


@pytest.mark.requirement("LIF-06")
@pytest.mark.parametrize("by_host", [False, True])
def test_the_first_log_in_after_enabling_in_the_same_browser_tells_of_no_new_one(
    host: Host, told: list[tuple[str, Notice]], by_host: bool
) -> None:
    person = host.person()
    if by_host:
        person.legacy("bob")
    else:
        person.log_in("bob")
    person.set_up("bob")
    person.get("/logout")
    host.clock.move(30)
    assert person.log_in("bob").status_code == 302
    assert kinds(told, "bob") == ["enabled"]
    host.clock.move(30)
    host.person().log_in("bob")
    assert kinds(told, "bob") == ["enabled", "new-browser"]


@pytest.mark.requirement("LIF-06")
def test_neither_a_log_in_without_the_factor_nor_a_refused_one_tells_of_a_browser(
    enrolled: Host, told: list[tuple[str, Notice]]
) -> None:
    enrolled.person().log_in("bob")
    person = enrolled.person()
    person.identify("alice")
    person.credential("alice-password", enrolled.wrong_code("alice"))
    assert told == []


@pytest.mark.requirement("LIF-06")
def test_logging_out_everywhere_is_told_whoever_did_it(enrolled: Host, told: list[tuple[str, Notice]]) -> None:
    person = enrolled.person()
    person.log_in("alice")
    person.post("/two-factor/sessions")
    with enrolled.app.app_context():
        enrolled.two_factor.end_sessions(enrolled.users["alice"])
    assert kinds(told) == ["new-browser", "sessions-ended", "sessions-ended"]
    assert [notice.origin is None for _, notice in told] == [False, False, True]


@pytest.mark.requirement("LIF-06")
def test_the_third_and_the_tenth_wrong_code_after_the_right_password_are_told_with_advice(
    enrolled: Host, told: list[tuple[str, Notice]]
) -> None:
    counts = []
    for number in range(11):
        stranger = enrolled.person(REMOTE_ADDR=f"203.0.113.{number}")
        stranger.identify("alice")
        assert stranger.credential("alice-password", enrolled.wrong_code("alice")).status_code == 200
        counts.append(len(told))
        enrolled.clock.move(900)
    assert counts == [0, 0, 1, 1, 1, 1, 1, 1, 1, 2, 2]
    assert kinds(told) == ["few", "many"]
    assert all("If this was not you, change your password now" in notice.body for _, notice in told)
