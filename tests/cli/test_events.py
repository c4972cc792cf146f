"""``flask twofactor events``: what has happened, to one account or to all."""

from __future__ import annotations

from typing import Any

import pytest

from flask_twofactor.core.records import Event
from tests.cli.running import as_json, run
from tests.support.host import Clock, Host
from tests.support.watching import state_of

CURL = {"REMOTE_ADDR": "198.51.100.7", "HTTP_USER_AGENT": "curl/8.8"}


def kinds(host: Host, *arguments: str) -> list[str]:
    return [one["kind"].removeprefix("twofactor-") for one in as_json(host, "events", *arguments)]


@pytest.fixture
def eventful(enrolled: Host, clock: Clock) -> Host:
    """Alice was guessed at and logged in, then bob; an hour later alice was reset."""
    guesser = enrolled.person(**CURL)
    guesser.identify("alice")
    guesser.credential("wrong", "000000")
    enrolled.person(**CURL).log_in("alice")
    enrolled.person().log_in("bob")
    clock.move(3600)
    run(enrolled, "reset", "alice", "--yes", "--by", "ops", "--reason", "lost phone")
    return enrolled


def test_the_events_of_a_person_come_newest_first(eventful: Host) -> None:
    assert kinds(eventful, "alice") == ["reset", "logged-in", "log-in-refused", "enabled"]
    assert kinds(eventful, "alice", "--limit", "2") == ["reset", "logged-in"]


def test_the_events_of_all_say_whose_they_are(eventful: Host) -> None:
    assert [one["key"] for one in as_json(eventful, "events")] == ["1", "2", "1", "1", "3", "1"]
    first = run(eventful, "events").output.splitlines()[0]
    assert first == "2027-01-15T09:00:00Z  reset  key=1  by='ops'  reason='lost phone'"


@pytest.mark.requirement("LOG-01")
def test_an_event_is_told_with_when_from_where_and_all_that_there_is_to_say(eventful: Host) -> None:
    [refused] = as_json(eventful, "events", "alice", "--kind", "log-in-refused")
    assert refused == {
        "at": "2027-01-15T08:00:00Z", "kind": "twofactor-log-in-refused", "key": "1",
        "source": "198.51.100.0/24", "agent": "curl/8.8", "details": {"reason": "password"},
    }  # fmt: skip
    line = "2027-01-15T08:00:00Z  log-in-refused  198.51.100.0/24  Unknown browser  reason='password'\n"
    assert run(eventful, "events", "alice", "--kind", "log-in-refused").output == line


def test_a_kind_is_named_with_or_without_what_all_kinds_begin_with(eventful: Host) -> None:
    assert kinds(eventful, "--kind", "enabled") == ["enabled", "enabled"]
    assert kinds(eventful, "--kind", "twofactor-enabled", "--limit", "1") == ["enabled"]
    assert kinds(eventful, "--kind", "nothing") == []


@pytest.mark.parametrize(("since", "count"), [("3599s", 1), ("60m", 4), ("1h", 4), ("1d", 4), ("1w", 4)])
def test_the_events_of_the_last_while(eventful: Host, since: str, count: int) -> None:
    assert len(kinds(eventful, "alice", "--since", since)) == count


def test_events_older_than_asked_for_are_left_out_and_may_be_all(eventful: Host, clock: Clock) -> None:
    clock.move(7200)
    assert kinds(eventful, "--since", "7199s") == []
    assert kinds(eventful, "--since", "2h") == ["reset"]


@pytest.mark.parametrize("wrong", ["", "1", "1y", "-1d", "1.5h", "d", "1234567s"])
def test_what_is_no_duration_is_exit_status_2_with_what_is_one(host: Host, wrong: str) -> None:
    result = run(host, "events", f"--since={wrong}")
    assert result.exit_code == 2
    assert "write 90s, 30m, 12h, 7d or 2w" in result.stderr


@pytest.mark.parametrize("wrong", [["--limit", "0"], ["--limit", "10001"], ["--limit", "x"], ["--key"]])
def test_what_cannot_be_asked_for_is_exit_status_2(host: Host, wrong: list[str]) -> None:
    assert run(host, "events", *wrong).exit_code == 2


def test_an_account_that_the_console_has_deleted_is_asked_for_by_its_key(eventful: Host) -> None:
    del eventful.users["alice"]
    missing = run(eventful, "events", "alice")
    assert (missing.exit_code, missing.stderr) == (1, "Error: there is no account 'alice'\n")
    assert kinds(eventful, "1", "--key") == ["reset", "logged-in", "log-in-refused", "enabled"]


@pytest.mark.requirement("LOG-04")
def test_nothing_that_somebody_wrote_does_anything_to_a_terminal(host: Host) -> None:
    hostile = "x\x1b[2J\r\n\u202e"
    details: dict[str, Any] = {"by": hostile}
    state_of(host).store.add_event(Event("twofactor-test", hostile, 0, "198.51.100.0/24", hostile, details), 0)
    output = run(host, "events").output
    assert output.count("\n") == 1
    assert output.removesuffix("\n").isprintable()
    [told] = as_json(host, "events")
    assert (told["key"], told["agent"], told["details"]) == (hostile, hostile, details)
