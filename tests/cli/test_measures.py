"""``flask twofactor require``, ``reset`` and ``end-sessions``: what an operator does to one account."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from typing import Any

import pytest

from flask_twofactor import TwoFactor
from flask_twofactor.core.records import Notice
from tests.cli.running import as_json, run
from tests.support.host import Clock, Host
from tests.support.watching import Heard

HOUR = 3600


def mandatory_for_bob(two_factor: TwoFactor) -> None:
    two_factor.requirement(lambda user: user.username == "bob")


def last_event(host: Host, user: str = "alice") -> dict[str, Any]:
    return as_json(host, "events", user, "--limit", "1")[0]


# --- require


@pytest.mark.requirement("LIF-07")
def test_who_is_in_without_the_factor_is_led_to_set_up_once_it_is_required(host: Host) -> None:
    person = host.person()
    person.log_in("bob")
    assert person.me == "bob"
    result = run(host, "require", "bob", "--by", "ops")
    assert result.exit_code == 0
    assert result.output == "bob: two-factor is mandatory; it is off, and the next page leads to the set-up\n"
    assert person.me is None
    assert person.get("/me").location == "/two-factor/setup?next=/me"
    person.set_up("bob")
    assert person.me == "bob"


@pytest.mark.requirement("LIF-07")
def test_who_has_the_factor_cannot_turn_it_off_while_it_is_required(enrolled: Host, clock: Clock) -> None:
    result = run(enrolled, "require", "alice", "--by", "ops")
    assert result.output == "alice: two-factor is mandatory; it is on, and cannot be turned off\n"
    person = enrolled.person()
    person.log_in("alice")
    clock.move(30)
    assert 'name="code"' not in person.get("/two-factor/manage").text
    person.post("/two-factor/manage", page="/two-factor/recovery", code=enrolled.code("alice"))
    assert "two-factor is on" in run(enrolled, "status", "alice").output
    assert run(enrolled, "require", "alice", "--off").output == "alice: two-factor is not mandatory\n"
    clock.move(30)
    person.disable("alice")
    assert "two-factor is off" in run(enrolled, "status", "alice").output


def test_it_is_said_how_long_somebody_may_go_without(make_app: Callable[..., Host]) -> None:
    host = make_app(TWOFACTOR_GRACE_SECONDS=72 * HOUR)
    first = run(host, "require", "bob", "--by", "ops")
    within = "bob: two-factor is mandatory; it is off, and has to be set up within 72 hours of the next visit"
    assert first.output == within + "\n"
    person = host.person()
    person.log_in("bob")
    assert person.me == "bob"
    again = run(host, "require", "bob", "--by", "ops")
    until = "bob: two-factor is mandatory; it is off, and has to be set up by 2027-01-18T08:00:00Z (as it was)"
    assert (again.exit_code, again.output) == (1, until + "\n")


def test_the_console_s_own_rule_stays_where_an_operator_takes_theirs_back(make_app: Callable[..., Host]) -> None:
    host = make_app(wire=mandatory_for_bob)
    run(host, "require", "bob", "--by", "ops")
    result = run(host, "require", "bob", "--off", "--by", "ops")
    assert result.exit_code == 0
    assert result.output == "bob: no operator makes two-factor mandatory, but the console's own rule does\n"


@pytest.mark.requirement("LOG-01")
def test_a_requirement_is_recorded_with_by_whom_and_once(host: Host) -> None:
    assert [run(host, "require", "bob", "--by", " ops ").exit_code for _ in range(2)] == [0, 1]
    assert [run(host, "require", "bob", "--off", "--by", "ann").exit_code for _ in range(2)] == [0, 1]
    assert [(one["kind"], one["details"]) for one in as_json(host, "events", "bob")] == [
        ("twofactor-not-required", {"by": "ann"}),
        ("twofactor-required", {"by": "ops"}),
    ]


def test_a_requirement_as_json(make_app: Callable[..., Host]) -> None:
    host = make_app(wire=mandatory_for_bob)
    on, off = as_json(host, "require", "bob"), as_json(host, "require", "bob", "--off")
    always = {"user": "bob", "key": "2", "changed": True, "required": True, "enabled": False}
    assert [*on, *off] == [{**always, "required_by": ["operator", "hook"]}, {**always, "required_by": ["hook"]}]
    again = run(host, "require", "bob", "--off", "--json")
    assert again.exit_code == 1
    assert json.loads(again.stdout)["changed"] is False


def test_the_person_reads_in_the_recent_activity_that_an_administrator_did_it(enrolled: Host) -> None:
    run(enrolled, "require", "alice", "--by", "ops")
    run(enrolled, "require", "alice", "--off", "--by", "ops")
    person = enrolled.person()
    person.log_in("alice")
    page = person.get("/two-factor/activity").text
    assert "Two-factor authentication was made mandatory by an administrator" in page
    assert "Two-factor authentication is no longer made mandatory by an administrator" in page
    assert "ops" not in page


# --- reset


@pytest.mark.requirement("LIF-04", "LOG-01")
def test_a_reset_is_recorded_with_by_whom_and_why_and_the_owner_is_told(make_app: Callable[..., Host]) -> None:
    told: list[Notice] = []

    def tell(user: Any, notice: Notice) -> None:
        told.append(notice)

    host = make_app(wire=lambda two_factor: two_factor.notify(tell))
    host.enroll("alice")
    heard = Heard(host)
    assert run(host, "reset", "alice", "--yes", "--by", "ops", "--reason", " phone in the river ").exit_code == 0
    assert last_event(host)["details"] == {"by": "ops", "reason": "phone in the river"}
    [(name, sent)] = heard.events
    assert (name, sent["by"], sent["reason"]) == ("reset", "ops", "phone in the river")
    assert [notice.kind for notice in told] == ["reset"]


@pytest.mark.requirement("LIF-04")
def test_a_reset_without_a_reason_says_none(enrolled: Host) -> None:
    run(enrolled, "reset", "alice", "--yes", "--by", "ops")
    assert last_event(enrolled)["details"] == {"by": "ops"}


@pytest.mark.requirement("LIF-04")
def test_a_reset_from_python_takes_a_reason_too(enrolled: Host) -> None:
    with enrolled.app.app_context():
        assert enrolled.two_factor.reset(enrolled.users["alice"], by="ops", reason="lost")
    assert last_event(enrolled)["details"] == {"by": "ops", "reason": "lost"}


# --- end-sessions


@pytest.mark.requirement("SES-09", "LOG-01")
def test_every_session_of_an_account_ends_at_its_next_request_and_the_factor_stays(
    enrolled: Host, clock: Clock
) -> None:
    people = [enrolled.person() for _ in range(3)]
    for person, name in zip(people, ("alice", "alice", "mallory"), strict=True):
        person.log_in(name)
        clock.move(30)
    result = run(enrolled, "end-sessions", "alice", "--by", "ops")
    assert (result.exit_code, result.output) == (0, "alice: logged out everywhere (sessions: 2)\n")
    assert [person.me for person in people] == [None, None, "mallory"]
    assert "two-factor is on" in run(enrolled, "status", "alice").output
    assert last_event(enrolled)["details"] == {"by": "ops", "count": 2}
    assert as_json(enrolled, "end-sessions", "alice") == [{"user": "alice", "ended": 0}]


# --- who does it


@pytest.mark.parametrize("given", [[], ["--by", ""], ["--by", "  "]])
def test_it_is_the_user_of_this_machine_who_does_it_where_nobody_is_named(enrolled: Host, given: list[str]) -> None:
    run(enrolled, "reset", "alice", "--yes", *given)
    assert last_event(enrolled)["details"] == {"by": getpass.getuser()}


@pytest.mark.parametrize(
    "command",
    [["require", "alice"], ["reset", "alice", "--yes"], ["rescue", "alice", "--with", "bea", "--yes"],
     ["end-sessions", "alice"]],
)  # fmt: skip
@pytest.mark.parametrize("error", [KeyError("uid not found"), OSError("no user name")])
def test_nothing_is_done_where_nobody_can_be_named(
    enrolled: Host, monkeypatch: pytest.MonkeyPatch, command: list[str], error: Exception
) -> None:
    """As in a container, whose user has no name."""

    def fails() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", fails)
    before = as_json(enrolled, "events")
    result = run(enrolled, *command)
    assert result.exit_code == 2
    assert "say who does it, --by NAME" in result.stderr
    assert as_json(enrolled, "events") == before


@pytest.mark.parametrize("command", [["require"], ["reset", "--yes"], ["rescue", "--with", "bea"], ["end-sessions"]])
def test_a_measure_for_an_account_that_is_not_there_is_exit_status_1(host: Host, command: list[str]) -> None:
    result = run(host, *command, "nobody")
    assert (result.exit_code, result.stderr) == (1, "Error: there is no account 'nobody'\n")
