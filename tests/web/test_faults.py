"""Every call of the store and of the counters made to fail once, in turn, in every journey: before it did anything,
and after it was done, when only the answer was lost."""

from __future__ import annotations

import copy
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from limits.storage import MemoryStorage

from flask_twofactor.errors import LoginRefused, StoreUnavailable
from flask_twofactor.flows import login, requirement
from tests.support.faults import Line, Unavailable, on_the_line, watch
from tests.support.host import Clock, Host, Person, make_host
from tests.support.watching import state_of
from tests.web.fault_journeys import JOURNEYS, NAME, PASSWORD, STEP, Journey, Things, log_in

LATE = {"nothing done": False, "answer lost": True}


@dataclass(frozen=True)
class Kept:
    """How everything is where a journey starts."""

    path: Path
    rows: sqlite3.Connection
    cookies: Any
    secrets: dict[str, str]
    at: float
    noted: dict[str, Any]


@dataclass
class Stage:
    """A console at the start of a journey, and what became of it."""

    host: Host
    person: Person
    journey: Journey
    kept: Kept

    def restart(self) -> None:
        """Put everything back to where the journey starts: rows, cookies, keys and the time."""
        with sqlite3.connect(self.kept.path) as rows:
            self.kept.rows.backup(rows)
        rows.close()
        self.person.client._cookies = copy.deepcopy(self.kept.cookies)
        self.host.secrets.clear()
        self.host.secrets.update(self.kept.secrets)
        self.host.clock.at, self.person.secret = self.kept.at, ""
        noted = vars(state_of(self.host))  # what the process has read since: a start makes those calls again
        noted.clear()
        noted.update(self.kept.noted)

    def run(self, line: Line, storage: MemoryStorage | None) -> Any:
        """Walk the journey; gives what it answered, or the error or 503 page that ended it."""
        with on_the_line(self.host, line, storage):
            try:
                return self.journey.walk(self.host, self.person)
            except (StoreUnavailable, Unavailable) as ended:
                return ended

    def who(self) -> str | None:
        return self.person.me

    def factor(self) -> bool:
        with self.host.app.app_context():
            return self.host.two_factor.is_enabled(self.host.users[NAME])

    def things(self) -> Things:
        store = state_of(self.host).store
        factor = store.factor("1")
        found = len(factor.authenticators) if factor else 0
        return Things(found, store.recovery("1").left, len(store.trusted("1")))

    def is_done(self) -> bool:
        """Whether all is as at the end of the journey."""
        journey = self.journey
        right = (self.who(), self.factor()) == (journey.who[1], journey.factor[1])
        return right and (journey.things is None or self.things() == journey.things[1])

    def learn_the_key(self) -> None:
        """Take the key of the authenticator that stands: one that was being set up may not be it."""
        state = state_of(self.host)
        factor = state.store.factor("1")
        if factor is not None:
            self.host.secrets[NAME] = state.open_secret(factor.authenticators[0]) or ""

    def opens(self, code: str) -> bool:
        """Whether the right password and ``code`` let a stranger in, or to the set-up that is owed."""
        state = state_of(self.host)
        with self.host.app.test_request_context():
            try:
                done = login.check(state, NAME, PASSWORD, code, "192.0.2.1")
            except LoginRefused:
                return False
            standing = state.store.standing("1", "")
            return bool(done.factor) or requirement.stage(state, done.user, "1", standing)[0] != "setup"


def stage(folder: Path, journey: Journey) -> Stage:
    """Make the console and prepare the journey, once for all its calls."""
    host = make_host(folder, Clock(), TWOFACTOR_TRUSTED_BROWSERS=True)
    person = host.person()
    watch(person)
    person.get("/open")
    host.person().get("/two-factor/identify")  # what a process notes at its first page of ours (test_sightings.py)
    journey.prepare(host, person)
    path, rows = folder / "twofactor.sqlite", sqlite3.connect(":memory:")
    with sqlite3.connect(path) as present:
        present.backup(rows)
    present.close()
    cookies = copy.deepcopy(person.client._cookies)
    noted = dict(vars(state_of(host)))
    return Stage(host, person, journey, Kept(path, rows, cookies, dict(host.secrets), host.clock.at, noted))


def storage_of(counters: str) -> MemoryStorage | None:
    return MemoryStorage() if counters == "limits" else None


def recorded(now: Stage, counters: str) -> list[str]:
    """Walk the journey undisturbed; gives the calls that were made."""
    line, journey = Line(), now.journey
    now.restart()
    answer = now.run(line, storage_of(counters))
    assert not isinstance(answer, Exception), answer
    assert now.is_done(), (now.who(), now.factor(), now.things())
    assert journey.answer is None or answer == journey.answer
    return line.calls


def places(calls: list[str], journey: Journey, counters: str) -> list[int]:
    """Give the places of the calls to break: all, but in one journey only of those to a ``limits`` storage.

    A log-in makes dozens of these in a row, one for each limit: of each verb the first and the last stand for them.
    """
    if counters == "database" or journey is JOURNEYS["log in with factor"]:
        return list(range(len(calls)))
    first = {name: place for place, name in reversed(list(enumerate(calls)))}
    last = {name: place for place, name in enumerate(calls)}
    return sorted({*first.values(), *last.values()})


def look_at_what_the_person_is_told(ended: Any) -> None:
    """A 503 page that says to try again and when, or our error where Python asked."""
    if isinstance(ended, Unavailable):
        page = ended.page
        assert "Please try again later" in page.text
        assert int(page.headers["Retry-After"]) > 0
        assert page.headers["Cache-Control"] == "no-store"
        assert not any(hidden in page.text for hidden in ("otpauth", PASSWORD, "Traceback"))


def look_at_what_stands(now: Stage, ended: Any, *, late: bool) -> None:
    """Nobody came in by the fault, and the factor is as it was, or as it was to become: nothing between."""
    before, after = now.journey.who
    walked_on = not isinstance(ended, Exception)
    may_be = {after} if walked_on else {before, None}
    assert now.who() in may_be | set(now.journey.or_else)
    was, becomes = now.journey.factor
    assert now.factor() in ({becomes} if walked_on else {was, becomes} if late else {was})
    if now.journey.things is not None:
        assert now.things() in (now.journey.things[1:] if walked_on else now.journey.things)


def look_whether_the_account_is_whole(now: Stage) -> None:
    """The password alone opens an account without the factor only; with it, a right code does."""
    now.host.clock.move(STEP)
    now.learn_the_key()
    factor = now.factor()
    assert now.opens("") is (not factor and not now.journey.owes_setup)
    if factor:
        assert now.opens(now.host.code(NAME))
        now.host.clock.move(STEP)


def complete(now: Stage) -> None:
    """The same person, in the same browser, gets to the end of the journey after all."""
    journey, host, person = now.journey, now.host, now.person
    assert person.get("/open").status_code == 200
    if now.is_done():
        return
    if now.factor() != journey.factor[1]:
        if journey.who[0] == NAME and now.who() != NAME:
            log_in(host, person)
            host.clock.move(STEP)
        journey.walk(host, person)
    elif journey.who[1] is None:
        person.get("/logout")
    elif now.who() != journey.who[1]:
        log_in(host, person)
    if not now.is_done():
        host.clock.move(STEP)
        journey.walk(host, person)
    assert now.is_done(), (now.who(), now.factor(), now.things())


@pytest.mark.slow
@pytest.mark.requirement("STO-07", "VER-01", "ENR-03", "SES-03", "LIF-02", "RPL-01")
@pytest.mark.parametrize("counters", ["database", "limits"])
@pytest.mark.parametrize("late", LATE.values(), ids=LATE.keys())
@pytest.mark.parametrize("journey", JOURNEYS.values(), ids=JOURNEYS.keys())
def test_a_call_that_fails_once_lets_nobody_in_and_can_be_made_good(
    tmp_path: Path, journey: Journey, late: bool, counters: str
) -> None:
    """Attack 101, at every call of the journey."""
    now = stage(tmp_path / "instance", journey)
    calls = recorded(now, counters)
    for number in places(calls, journey, counters):
        name = calls[number]
        line = Line(number, late=late)
        now.restart()
        ended = now.run(line, storage_of(counters))
        try:
            assert (line.broke, line.calls[:number]) == (name, calls[:number])
            look_at_what_the_person_is_told(ended)
            look_at_what_stands(now, ended, late=late)
            look_whether_the_account_is_whole(now)
            complete(now)
        except AssertionError as error:
            pytest.fail(f"call {number} of {calls}: {name}, {ended!r}: {error}")


@pytest.mark.requirement("STO-07")
def test_the_journeys_make_the_calls_that_the_test_before_breaks(tmp_path: Path) -> None:
    """Each journey asks the store, but for none from a person who is nobody to it."""
    for name, journey in JOURNEYS.items():
        calls = recorded(stage(tmp_path / name, journey), "database")
        assert any(call.startswith("store.") for call in calls), name
    log_in = recorded(stage(tmp_path / "limits", JOURNEYS["log in with factor"]), "limits")
    assert any(call.startswith("limits.") for call in log_in)
