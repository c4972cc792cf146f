"""What upkeep deletes: all that counts for nothing any more, to the second, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flask_twofactor.core.records import Event, Mark, Purge, Trusted
from flask_twofactor.flows import rescue, upkeep, verdicts
from flask_twofactor.flows.upkeep import Purged
from flask_twofactor.state import State
from tests.support.host import Clock, Host
from tests.support.watching import broken_store, state_of

DAY = 86400
NOTHING = Purged(Purge(0, 0, 0, 0, 0), 0)


@pytest.fixture
def quiet(enrolled: Host, clock: Clock) -> Host:
    """The console long after what made it ready: nothing but what a test puts there is old."""
    with enrolled.app.app_context():
        clock.move(400 * DAY)
        upkeep.purge(state_of(enrolled))
    return enrolled


def gone(host: Host) -> Purged:
    with host.app.app_context():
        return upkeep.purge(state_of(host))


def test_what_is_in_use_stays(enrolled: Host) -> None:
    person = enrolled.person()
    person.log_in("alice")
    other = enrolled.person()
    other.log_in("bob")
    other.begin_setup()
    with enrolled.app.app_context():
        rescue.issue(state_of(enrolled), enrolled.users["mallory"], "ann", "bea")
    assert gone(enrolled) == NOTHING
    assert (person.me, other.me) == ("alice", "bob")


def test_events_stay_for_as_long_as_the_setting_says(quiet: Host, clock: Clock) -> None:
    store = state_of(quiet).store
    store.add_event(Event("twofactor-test", "1", int(clock.at)), 0)
    clock.move(365 * DAY)
    assert gone(quiet).rows.events == 0
    clock.move(1)
    assert gone(quiet).rows.events == 1


@pytest.mark.parametrize(("life", "config"), [(31 * DAY, {}), (40 * DAY, {"TWOFACTOR_SESSION_SECONDS": 40 * DAY})])
def test_a_mark_goes_once_it_opens_nothing_whatever_the_account_has(
    make_app: Callable[..., Host], clock: Clock, life: int, config: dict[str, int]
) -> None:
    host = make_app(**config)
    host.enroll("alice")
    state, at = state_of(host), int(clock.at)
    factor = state.store.factor("1")
    assert factor is not None
    marks = [Mark("a" * 64, "1", factor.id, at, at, at, at), Mark("b" * 64, "2", "", at, at, at, 0)]
    for mark in marks:
        state.store.add_mark(mark)
    clock.move(life)
    assert gone(host).rows.marks == 0
    clock.move(1)
    assert not any(verdicts.is_alive(state, mark, factor.id if mark.enrolment else None) for mark in marks)
    assert gone(host).rows.marks == 2


def test_a_set_up_that_nobody_finished_goes_after_ten_minutes(quiet: Host, clock: Clock) -> None:
    person = quiet.person()
    person.log_in("bob")
    person.begin_setup()
    clock.move(600)
    assert gone(quiet).rows.pendings == 0
    clock.move(1)
    assert gone(quiet).rows.pendings == 1
    with quiet.app.app_context():
        assert quiet.two_factor.is_enabled(quiet.users["alice"])  # the factors that stand are as old as anything


def test_a_trusted_browser_goes_when_its_time_is_over(quiet: Host, clock: Clock) -> None:
    state, at = state_of(quiet), int(clock.at)
    factor = state.store.factor("1")
    assert factor is not None
    state.store.add_trusted(Trusted("a" * 32, "1", factor.id, "d" * 64, at, at + 20 * DAY))
    clock.move(30 * DAY)
    assert gone(quiet).rows.trusted == 0
    clock.move(1)
    assert gone(quiet).rows.trusted == 1


def test_a_rescue_code_goes_when_it_has_expired_and_recovery_codes_never(quiet: Host, clock: Clock) -> None:
    state = state_of(quiet)
    with quiet.app.app_context():
        quiet.two_factor.new_recovery_codes(quiet.users["alice"])
        rescue.issue(state, quiet.users["alice"], "ann", "bea")
    clock.move(3600)
    assert gone(quiet).rows.rescues == 0
    clock.move(1)
    assert gone(quiet).rows.rescues == 1
    assert state.store.recovery("1").left == 10


def test_counters_go_when_they_have_expired(quiet: Host, clock: Clock) -> None:
    quiet.person().identify("bob")
    clock.move(DAY)
    assert gone(quiet).counters > 0
    assert gone(quiet) == NOTHING


def test_the_bounds_are_those_of_the_settings(make_app: Callable[..., Host], clock: Clock) -> None:
    host = make_app(TWOFACTOR_EVENT_DAYS=7, TWOFACTOR_SETUP_SECONDS=60, TWOFACTOR_TRUSTED_SECONDS=3600)
    state: State = state_of(host)
    now = int(clock.at)
    assert upkeep.bounds(state) == Purge(now - 7 * DAY, now - 31 * DAY, now - 60, now - 3600, now)


def test_a_purge_that_breaks_off_is_repeated(quiet: Host, clock: Clock) -> None:
    quiet.person().identify("bob")
    clock.move(400 * DAY)
    with broken_store(quiet, "purge"):
        result = quiet.app.test_cli_runner().invoke(args=["twofactor", "purge"])
    assert (result.exit_code, result.stderr) == (1, "Error: a test made the store fail\n")
    assert gone(quiet) != NOTHING
