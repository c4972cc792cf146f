"""What is recorded of each outcome, where, and that the client sees none of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Response, request

from flask_twofactor.core.records import Event
from tests.support.host import Clock, Host
from tests.support.watching import broken_store, ghost, rows, state_of

AGENT = "Mozilla/5.0 (X11; Linux) Testing/1"
SOURCE = "198.51.100.0/24"


def events(host: Host, subject: str | None = "1") -> list[Event]:
    """Give the events of alice (key 1), or of all, oldest first."""
    return state_of(host).store.events(subject, 1000)[::-1]


def kinds(host: Host, subject: str | None = "1") -> list[str]:
    return [event.kind.removeprefix("twofactor-") for event in events(host, subject)]


def person(host: Host) -> Any:
    return host.person(REMOTE_ADDR="198.51.100.7", HTTP_USER_AGENT=AGENT)


def attempt(host: Host, name: str, password: str, code: str | None = None) -> int:
    someone = person(host)
    someone.identify(name)
    return int(someone.credential(password, code).status_code)


@pytest.mark.requirement("LOG-01")
def test_a_log_in_is_recorded_with_when_from_where_by_what_and_at_which_offset(enrolled: Host, clock: Clock) -> None:
    before = len(events(enrolled))
    assert attempt(enrolled, "alice", "alice-password", enrolled.code("alice", -1)) == 302
    [entered] = events(enrolled)[before:]
    details = {"factor": True, "by": "code", "offset": -1}
    assert entered == Event("twofactor-logged-in", "1", int(clock.at), SOURCE, AGENT, details)


@pytest.mark.requirement("LOG-01")
@pytest.mark.parametrize(
    ("name", "password", "code", "reason"),
    [
        ("alice", "wrong", "right", "password"),
        ("alice", "alice-password", "000000", "wrong"),
        ("alice", "alice-password", "now and again", "malformed"),
        ("alice", "alice-password", None, "malformed"),
        ("bob", "wrong", None, "password"),
        ("carol", "carol-password", None, "may-login"),
    ],
)
def test_a_refused_log_in_is_recorded_with_its_reason(
    enrolled: Host, clock: Clock, name: str, password: str, code: str | None, reason: str
) -> None:
    enrolled.users["carol"].active = False
    subject = str(enrolled.users[name].id)
    given = enrolled.code("alice") if code == "right" else code
    assert attempt(enrolled, name, password, given) == 200
    refused = next(one for one in events(enrolled, subject) if one.kind == "twofactor-log-in-refused")
    assert refused == Event("twofactor-log-in-refused", subject, int(clock.at), SOURCE, AGENT, {"reason": reason})


@pytest.mark.requirement("LOG-01", "LOG-03")
def test_a_name_without_an_account_is_recorded_as_a_digest(enrolled: Host) -> None:
    absent = ghost(enrolled, box=False)
    attempt(enrolled, absent, "whatever")
    [refused] = events(enrolled, "")
    assert refused.details["reason"] == "no-account"
    assert len(bytes.fromhex(refused.details["name"])) >= 8
    assert absent not in str(rows(enrolled, "twofactor_event"))


@pytest.mark.requirement("LOG-01", "RPL-09")
@pytest.mark.parametrize(("codes", "reason"), [(["000000"], "wrong"), (["now", "now"], "replayed")])
def test_a_wrong_code_after_a_right_password_is_recorded_with_its_reason(
    enrolled: Host, codes: list[str], reason: str
) -> None:
    for code in codes:
        attempt(enrolled, "alice", "alice-password", enrolled.code("alice") if code == "now" else code)
    assert events(enrolled)[-1].kind == "twofactor-log-in-refused"
    assert events(enrolled)[-1].details == {"reason": reason}


@pytest.mark.requirement("LOG-01")
def test_the_life_of_a_factor_is_recorded(host: Host, clock: Clock) -> None:
    someone = person(host)
    someone.log_in("bob")
    someone.begin_setup()
    host.secrets["bob"] = someone.secret
    someone.post("/two-factor/setup", code=host.wrong_code("bob"))
    someone.set_up("bob")
    clock.move(60)
    someone.disable("bob", host.wrong_code("bob"))
    someone.disable("bob")
    host.enroll("bob")
    with host.app.app_context():
        host.two_factor.reset(host.users["bob"], by="ops")
        host.two_factor.end_sessions(host.users["bob"])
    assert kinds(host, "2") == [
        "logged-in", "set-up-refused", "enabled", "code-rejected", "disabled",
        "enabled", "reset", "sessions-ended",
    ]  # fmt: skip
    reset = next(one for one in events(host, "2") if one.kind == "twofactor-reset")
    assert (reset.source, reset.details) == ("", {"by": "ops"})


@pytest.mark.requirement("LOG-01")
def test_the_password_asked_again_is_recorded(enrolled: Host, clock: Clock) -> None:
    someone = person(enrolled)
    someone.log_in("alice")
    clock.move(1000)
    before = len(events(enrolled))
    someone.post("/two-factor/password", password="wrong")
    someone.post("/two-factor/password", password="alice-password")
    assert kinds(enrolled)[before:] == ["password-refused", "password-confirmed"]


@pytest.mark.requirement("LOG-01")
def test_who_has_to_wait_is_recorded_once_in_ten_minutes_a_source(enrolled: Host, clock: Clock) -> None:
    statuses = [attempt(enrolled, "alice", "wrong") for _ in range(9)]
    assert statuses.count(429) == 4
    waits = [one.details for one in events(enrolled) if one.kind == "twofactor-throttled"]
    assert waits == [{"reason": "log-in"}]
    clock.move(601)
    attempt(enrolled, "alice", "wrong")
    attempt(enrolled, "alice", "wrong")
    assert kinds(enrolled).count("throttled") == 2


@pytest.mark.requirement("LOG-01")
def test_the_client_is_shown_no_reason(enrolled: Host) -> None:
    someone = person(enrolled)
    someone.identify("alice")
    for password, code in (("wrong", "000000"), ("alice-password", "000000")):
        answer = someone.credential(password, code)
        assert not {"reason", "wrong", "replayed", "budget"} & set(answer.get_data(as_text=True).lower().split())
        assert "reason" not in str(answer.headers).lower()


@pytest.mark.requirement("LOG-04", "LOG-01")
def test_what_a_browser_calls_itself_is_kept_without_control_characters(enrolled: Host) -> None:
    someone = enrolled.person(REMOTE_ADDR="198.51.100.7", HTTP_USER_AGENT="Evil\x1b[31m\u2028" + "x" * 900)
    someone.identify("alice")
    someone.credential("wrong")
    kept = events(enrolled)[-1].agent
    assert kept.isprintable()
    assert len(kept) == 200


@pytest.mark.requirement("LOG-01")
def test_an_event_that_cannot_be_kept_undoes_nothing_and_is_told_to_the_operator(
    enrolled: Host, caplog: pytest.LogCaptureFixture
) -> None:
    with broken_store(enrolled, "add_event") as failed:
        assert attempt(enrolled, "alice", "alice-password", enrolled.code("alice")) == 302
    assert failed
    assert "an event was not kept: twofactor-logged-in" in caplog.text


@pytest.mark.requirement("LOG-01")
def test_an_event_is_kept_where_the_host_fails_after_the_request(
    make_app: Callable[..., Host],
) -> None:
    host = make_app()

    @host.app.after_request
    def fail(response: Response) -> Response:
        if request.method == "POST" and request.endpoint == "twofactor.credential":
            raise RuntimeError("the host's after_request failed")
        return response

    host.app.config["PROPAGATE_EXCEPTIONS"] = False
    assert attempt(host, "bob", "wrong") == 500
    assert kinds(host, "2") == ["log-in-refused"]


@pytest.mark.requirement("LOG-01", "LIF-04")
def test_events_go_after_the_days_that_the_host_set(make_app: Callable[..., Host], clock: Clock) -> None:
    host = make_app(TWOFACTOR_EVENT_DAYS=30)
    store = state_of(host).store
    attempt(host, "bob", "wrong")
    clock.move(31 * 86400)
    for _ in range(200):
        state_of(host).record("twofactor-test", "other")
    assert events(host, "2") == []
    assert len(store.events("other", 1000)) == 200


@pytest.mark.requirement("LOG-05")
def test_what_tells_that_a_password_was_right_is_in_the_audit_log_alone(
    enrolled: Host, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        attempt(enrolled, "alice", "wrong", "000000")
        attempt(enrolled, "alice", "alice-password", "000000")
        attempt(enrolled, "alice", "alice-password", enrolled.code("alice"))
        attempt(enrolled, "alice", "alice-password", enrolled.code("alice"))
    loggers = {record.name for record in caplog.records if "subject='1'" in record.getMessage()}
    assert loggers == {"flask_twofactor.audit"}
    for reason in ("password", "wrong", "replayed"):
        assert f"reason={reason!r}" in caplog.text
    silent = [record for record in caplog.records if record.name != "flask_twofactor.audit"]
    assert not [record for record in silent if record.name.startswith("flask_twofactor")]


@pytest.mark.requirement("LOG-05")
def test_the_audit_log_can_be_sent_elsewhere_alone(enrolled: Host, caplog: pytest.LogCaptureFixture) -> None:
    audit = logging.getLogger("flask_twofactor.audit")
    audit.propagate = False
    try:
        with caplog.at_level(logging.DEBUG):
            attempt(enrolled, "alice", "alice-password", "000000")
    finally:
        audit.propagate = True
    assert "code" not in caplog.text


def test_an_unknown_number_of_days_is_an_error(make_app: Callable[..., Host]) -> None:
    with pytest.raises(Exception, match="TWOFACTOR_EVENT_DAYS must be at least 1"):
        make_app(TWOFACTOR_EVENT_DAYS=0)
