"""Every call of the store and of the counters made to fail once, in turn, in every journey: before it did anything,
and after it was done, when only the answer was lost."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from limits.errors import StorageError
from limits.storage import MemoryStorage
from werkzeug.test import TestResponse

from flask_twofactor.errors import StoreUnavailable
from flask_twofactor.throttle import Throttle
from tests.support.host import Clock, Host, Person, make_host
from tests.support.watching import state_of

STEP = 30
NAME, PASSWORD = "alice", "alice-password"
Call = Callable[[Host, Person], Any]
Refusal = Callable[[], Exception]
LATE = {"nothing done": False, "answer lost": True}


class Unavailable(Exception):
    """A page answered 503."""

    def __init__(self, page: TestResponse) -> None:
        super().__init__(page.status)
        self.page = page


class Line:
    """Counts the calls that go by it, and breaks at one of them; ``late``: after it was done."""

    def __init__(self, number: int | None = None, *, late: bool = False) -> None:
        self.calls: list[str] = []
        self.broke = ""
        self._number = number
        self._late = late

    def call(self, name: str, verb: Callable[..., Any], refuse: Refusal, *arguments: Any, **named: Any) -> Any:
        here = len(self.calls) == self._number
        self.calls.append(name)
        if here:
            self.broke = name
        if here and not self._late:
            raise refuse()
        answer = verb(*arguments, **named)
        if here:
            raise refuse()
        return answer


class Behind:
    """Something behind the line: each call of a public method of it goes by there, whatever its name."""

    def __init__(self, thing: Any, line: Line, kind: str, refuse: Refusal) -> None:
        self._thing, self._line, self._kind, self._refuse = thing, line, kind, refuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._thing, name)
        if name.startswith("_") or not callable(found) or isinstance(found, type):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            return self._line.call(f"{self._kind}.{name}", found, self._refuse, *arguments, **named)

        return call


def store_down() -> Exception:
    return StoreUnavailable("a test broke the line to the database")


def counters_down() -> Exception:
    return StorageError(OSError("a test broke the line to the counters"))


@contextlib.contextmanager
def on_the_line(host: Host, line: Line, storage: MemoryStorage | None) -> Iterator[None]:
    """Put the line before the app's store and its counters: those of its database, or a ``limits`` storage."""
    state = state_of(host)
    store, throttle = state.store, state.throttle
    if storage is None:
        state.__dict__["store"] = Behind(store, line, "store", store_down)
        broken = Throttle.__new__(Throttle)
        kept = {name: value for name, value in vars(throttle).items() if value is not state.clock}
        assert kept, "the throttle keeps its counters in no attribute of its own any more"
        behind = {name: Behind(value, line, "counters", store_down) for name, value in kept.items()}
        broken.__dict__.update({**vars(throttle), **behind})
    else:
        counters: Any = Behind(storage, line, "limits", counters_down)
        broken = Throttle(counters, state.clock)
    state.__dict__["throttle"] = broken
    try:
        yield
    finally:
        state.__dict__.update(store=store, throttle=throttle)


@dataclass(frozen=True)
class Journey:
    """What a person does, where it starts and ends: who is in, and whether the account has the factor."""

    prepare: Call
    walk: Call
    who: tuple[str | None, str | None]
    factor: tuple[bool, bool]
    answer: Any = None
    """What a call from Python answers at the end, None for a page."""
    or_else: tuple[str | None, ...] = ()
    """Who may be in as well after a fault."""


def watch(person: Person) -> None:
    """Let a page that answers 503 end the person's journey there."""
    client: Any = person.client
    load = client.open

    def opened(*arguments: Any, **options: Any) -> TestResponse:
        page: TestResponse = load(*arguments, **options)
        if page.status_code == 503:
            raise Unavailable(page)
        return page

    client.open = opened


# Where journeys start


def _anew(host: Host, person: Person) -> None:
    pass


def _enrolled(host: Host, person: Person) -> None:
    host.enroll(NAME)


def _in_without_factor(host: Host, person: Person) -> None:
    person.log_in(NAME)


def _ended_before(host: Host, person: Person) -> None:
    with host.app.app_context():
        host.two_factor.end_sessions(host.users[NAME])


def _in_with_factor(host: Host, person: Person) -> None:
    host.enroll(NAME)
    person.log_in(NAME)
    host.clock.move(STEP)


def _in_for_long(host: Host, person: Person) -> None:
    _in_with_factor(host, person)
    host.clock.move(40000)


def _in_as_another(host: Host, person: Person) -> None:
    host.enroll(NAME)
    person.log_in("bob")


def _remembered(host: Host, person: Person) -> None:
    _ended_before(host, person)
    person.log_in(NAME, remember="y")
    _close(person)


def _remembered_with_factor(host: Host, person: Person) -> None:
    host.enroll(NAME)
    person.log_in(NAME, remember="y")
    _close(person)
    host.clock.move(STEP)


def _close(person: Person) -> None:
    person.use_cookies({name: value for name, value in person.cookies().items() if name != "session"})


# What people do


def _log_in(host: Host, person: Person) -> None:
    page = "/two-factor/identify?switch=1"
    person.post("/two-factor/identify", page, identifier=NAME)
    code = host.code(NAME) if NAME in host.secrets else ""
    person.post("/two-factor/credential", page, password=PASSWORD, code=code)


def _log_in_remembered(_: Host, person: Person) -> None:
    person.log_in(NAME, remember="y")


def _legacy(host: Host, person: Person) -> None:
    person.client.post("/legacy", data={"name": NAME, "password": PASSWORD})


def _legacy_and_challenge(host: Host, person: Person) -> None:
    _legacy(host, person)
    _challenge(host, person)


def _challenge(host: Host, person: Person) -> None:
    person.post("/two-factor/challenge", code=host.code(NAME))


def _return_and_challenge(host: Host, person: Person) -> None:
    person.get("/me")
    _challenge(host, person)


def _set_up(host: Host, person: Person) -> None:
    person.begin_setup()
    host.secrets[NAME] = person.secret
    person.post("/two-factor/setup", code=host.code(NAME))


def _step_up_and_go_on(host: Host, person: Person) -> None:
    person.post("/two-factor/password", password=PASSWORD)
    person.get("/two-factor/settings")


def _getting(path: str) -> Call:
    return lambda _, person: person.get(path)


def _python(name: str, *arguments: Any) -> Call:
    def call(host: Host, _: Person) -> Any:
        with host.app.app_context():
            given = [host.code(NAME) if one is code else one for one in arguments]
            return getattr(host.two_factor, name)(host.users[NAME], *given)

    return call


def _forget(host: Host, _: Person) -> None:
    with host.app.app_context():
        host.two_factor.forget("1")


code = object()
NOBODY, HER, SHE_GOES = (None, None), (NAME, NAME), (NAME, None)
COMES, ANOTHER = (None, NAME), ("bob", NAME)
OFF, ON, TURNED_ON, TURNED_OFF = (False, False), (True, True), (False, True), (True, False)
JOURNEYS = {
    "log in without factor": Journey(_anew, _log_in, COMES, OFF),
    "log in with factor": Journey(_enrolled, _log_in, COMES, ON),
    "log in over another": Journey(_in_as_another, _log_in, ANOTHER, ON),
    # The host let her in, and she has no factor: nothing of ours was passed by.
    "legacy log-in without factor": Journey(_anew, _legacy, COMES, OFF, or_else=(NAME,)),
    "legacy log-in and challenge": Journey(_enrolled, _legacy_and_challenge, COMES, ON),
    "legacy log-in over another": Journey(_in_as_another, _legacy_and_challenge, ANOTHER, ON),
    "log in to be remembered": Journey(_ended_before, _log_in_remembered, COMES, OFF),
    "come back remembered": Journey(_remembered, _getting("/me"), HER, OFF),
    "remember me with factor": Journey(_remembered_with_factor, _return_and_challenge, COMES, ON),
    "set up": Journey(_in_without_factor, _set_up, HER, TURNED_ON),
    "disable": Journey(_in_with_factor, lambda _, person: person.disable(NAME), HER, TURNED_OFF),
    "password again": Journey(_in_with_factor, _step_up_and_go_on, HER, ON),
    "password again without factor": Journey(_in_without_factor, _step_up_and_go_on, HER, OFF),
    "log out everywhere else": Journey(_in_with_factor, lambda _, person: person.post("/two-factor/sessions"), HER, ON),
    "code again": Journey(_in_with_factor, _challenge, HER, ON),
    "log out": Journey(_in_with_factor, _getting("/logout"), SHE_GOES, ON),
    "the gate on a page of the host": Journey(_in_for_long, _getting("/me"), HER, ON),
    "the panel": Journey(_in_with_factor, _getting("/profile"), HER, ON),
    "the settings page": Journey(_in_with_factor, _getting("/two-factor/settings"), HER, ON),
    "verify": Journey(_enrolled, _python("verify", code), NOBODY, ON, answer=True),
    "is_enabled": Journey(_enrolled, _python("is_enabled"), NOBODY, ON, answer=True),
    "reset": Journey(_in_with_factor, _python("reset", "a test"), SHE_GOES, TURNED_OFF, answer=True),
    "end_sessions": Journey(_in_with_factor, _python("end_sessions"), SHE_GOES, ON, answer=1),
    "forget": Journey(_in_with_factor, _forget, SHE_GOES, TURNED_OFF),
}


@dataclass
class Stage:
    """A console at the start of a journey, and what became of it."""

    host: Host
    person: Person
    journey: Journey

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

    def opens(self, code: str) -> bool:
        """Whether the right password and ``code`` let a stranger's browser in."""
        other = self.host.person(REMOTE_ADDR="192.0.2.1")
        other.identify(NAME)
        other.credential(PASSWORD, code)
        return other.me == NAME


def stage(folder: Path, journey: Journey) -> Stage:
    shutil.rmtree(folder, ignore_errors=True)
    host = make_host(folder, Clock())
    person = host.person()
    watch(person)
    person.get("/open")
    journey.prepare(host, person)
    return Stage(host, person, journey)


def storage_of(counters: str) -> MemoryStorage | None:
    return MemoryStorage() if counters == "limits" else None


def recorded(folder: Path, journey: Journey, counters: str) -> list[str]:
    """Walk the journey undisturbed; gives the calls that were made."""
    line, now = Line(), stage(folder, journey)
    answer = now.run(line, storage_of(counters))
    assert not isinstance(answer, Exception), answer
    assert (now.who(), now.factor()) == (journey.who[1], journey.factor[1])
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


def look_whether_the_account_is_whole(now: Stage) -> None:
    """The password alone opens an account without the factor only; with it, a right code does."""
    now.host.clock.move(STEP)
    factor = now.factor()
    assert now.opens("") is not factor
    if factor:
        assert now.opens(now.host.code(NAME))
        now.host.clock.move(STEP)


def complete(now: Stage) -> None:
    """The same person, in the same browser, gets to the end of the journey after all."""
    journey, host, person = now.journey, now.host, now.person
    assert person.get("/open").status_code == 200
    if (now.who(), now.factor()) == (journey.who[1], journey.factor[1]):
        return
    if now.factor() == journey.factor[1] and journey.who[1] is None:
        person.get("/logout")
    elif now.factor() == journey.factor[1] and journey.who[1] is not None:
        _log_in(host, person)
    else:
        if journey.who[0] == NAME and now.who() != NAME:
            _log_in(host, person)
            host.clock.move(STEP)
        journey.walk(host, person)
    assert (now.who(), now.factor()) == (journey.who[1], journey.factor[1])


@pytest.mark.slow
@pytest.mark.requirement("STO-07", "VER-01", "ENR-03", "SES-03", "LIF-02", "RPL-01")
@pytest.mark.parametrize("counters", ["database", "limits"])
@pytest.mark.parametrize("late", LATE.values(), ids=LATE.keys())
@pytest.mark.parametrize("journey", JOURNEYS.values(), ids=JOURNEYS.keys())
def test_a_call_that_fails_once_lets_nobody_in_and_can_be_made_good(
    tmp_path: Path, journey: Journey, late: bool, counters: str
) -> None:
    """Attack 101, at every call of the journey."""
    folder = tmp_path / "instance"
    calls = recorded(folder, journey, counters)
    for number in places(calls, journey, counters):
        name = calls[number]
        line, now = Line(number, late=late), stage(folder, journey)
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
        calls = recorded(tmp_path / "instance", journey, "database")
        assert any(call.startswith("store.") for call in calls), name
    log_in = recorded(tmp_path / "instance", JOURNEYS["log in with factor"], "limits")
    assert any(call.startswith("limits.") for call in log_in)
