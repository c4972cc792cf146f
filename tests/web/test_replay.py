"""A step is accepted once, for one purpose, in order; what is judged is charged before."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from functools import partial

import pytest
from werkzeug.test import TestResponse

from flask_twofactor.signals import clock_jumped, code_accepted
from tests.support.host import Clock, Host, Person, alert, csrf_token
from tests.support.watching import Heard, bare, rows, tamper, watched_store

Jar = dict[str, str]
Purpose = Callable[[Host, str, Jar], bool]
"""Spend a code; the jar is of a session of alice. Gives whether the code was accepted."""


def submit(host: Host, code: str, address: str = "192.0.2.1", name: str = "alice") -> TestResponse:
    """Log in from a new browser with the right password and ``code``."""
    person = host.person(REMOTE_ADDR=address)
    person.identify(name)
    return person.credential(f"{name}-password", code)


def passes(host: Host, code: str, name: str = "alice") -> bool:
    return submit(host, code, name=name).status_code == 302


def verifies(host: Host, code: str, name: str = "alice") -> bool:
    with host.app.app_context():
        return host.two_factor.verify(host.users[name], code)


def attempts_of(host: Host, subject: str = "1") -> list[str]:
    """Give the times that the account's budget holds, in all its pools."""
    [row] = [row for row in rows(host, "twofactor_account") if row["subject"] == subject]
    return [time for pool in ("unknown", "known", "recovery") for time in row[pool].split(",") if time]


def together(actions: list[Callable[[], object]]) -> None:
    """Run all at once, each in a thread of its own."""
    gate = threading.Barrier(len(actions))

    def run(action: Callable[[], object]) -> None:
        gate.wait()
        action()

    threads = [threading.Thread(target=run, args=[action]) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.requirement("RPL-01")
def test_a_code_logs_in_once(enrolled: Host) -> None:
    code = enrolled.code("alice")
    assert passes(enrolled, code)
    assert not passes(enrolled, code)
    assert not passes(enrolled, code)


@pytest.mark.requirement("RPL-01")
def test_a_code_that_is_still_in_the_window_later_is_spent_all_the_same(enrolled: Host, clock: Clock) -> None:
    code = enrolled.code("alice", 1)
    assert passes(enrolled, code)
    for _ in range(3):
        clock.move(20)
        assert not passes(enrolled, code)


@pytest.mark.requirement("RPL-01")
def test_one_of_nine_threads_with_the_same_code_gets_in(enrolled: Host) -> None:
    for name in ("alice", "mallory"):
        code = enrolled.code(name)
        people = [enrolled.person(REMOTE_ADDR=f"192.0.2.{number}") for number in range(9)]
        data = [
            {"csrf_token": csrf_token(person.identify(name)), "password": f"{name}-password", "code": code}
            for person in people
        ]
        statuses: list[int] = []

        def press(person: Person, fields: dict[str, str], statuses: list[int] = statuses) -> None:
            answer = person.client.post("/two-factor/credential", data=fields, environ_overrides=person.environ)
            statuses.append(answer.status_code)

        together([partial(press, *one) for one in zip(people, data, strict=True)])
        assert sorted(statuses) == [200] * 8 + [302]
        assert [person.me for person in people].count(name) == 1


@pytest.mark.requirement("RPL-02")
def test_an_older_code_is_refused_after_a_newer_one(enrolled: Host) -> None:
    """Attack 77."""
    assert passes(enrolled, enrolled.code("alice"))
    assert not passes(enrolled, enrolled.code("alice", -1))
    assert passes(enrolled, enrolled.code("alice", 1))
    assert not passes(enrolled, enrolled.code("alice"))


@pytest.mark.requirement("RPL-02", "CLK-02")
def test_a_clock_that_jumps_back_opens_no_spent_code(enrolled: Host, clock: Clock) -> None:
    spent = enrolled.code("alice")
    assert passes(enrolled, spent)
    clock.move(-600)
    for steps in (-1, 0, 1):
        assert not passes(enrolled, enrolled.code("alice", steps))
    assert not passes(enrolled, spent)
    clock.move(600)
    assert not passes(enrolled, spent)


# Every purpose is the same lock


def _by_log_in(host: Host, code: str, _: Jar) -> bool:
    return passes(host, code)


def _by_challenge(host: Host, code: str, _: Jar) -> bool:
    person = host.person()
    person.legacy("alice")
    return person.post("/two-factor/challenge", code=code).status_code == 302


def _by_verify(host: Host, code: str, _: Jar) -> bool:
    return verifies(host, code)


def _by_disable(host: Host, code: str, jar: Jar) -> bool:
    """Disable in a session that began with the code of the step before."""
    person = host.person()
    person.use_cookies(jar)
    return person.disable("alice", code).status_code == 302


def _by_step_up(host: Host, code: str, jar: Jar) -> bool:
    person = host.person()
    person.use_cookies(jar)
    assert person.me == "alice"
    return person.post("/two-factor/challenge", code=code).status_code == 302


PURPOSES = (_by_log_in, _by_challenge, _by_verify, _by_step_up, _by_disable)


@pytest.mark.requirement("RPL-03")
@pytest.mark.parametrize("second", PURPOSES, ids=lambda purpose: purpose.__name__[1:])
@pytest.mark.parametrize("first", PURPOSES[:-1], ids=lambda purpose: purpose.__name__[1:])
def test_what_was_spent_for_one_purpose_is_spent_for_every_other(
    enrolled: Host, clock: Clock, first: Purpose, second: Purpose
) -> None:
    owner = enrolled.person()
    owner.log_in("alice")
    jar = owner.cookies()
    clock.move(30)
    code = enrolled.code("alice")
    assert first(enrolled, code, jar)
    if first is _by_step_up:  # that renewed the session: the owner goes on with another
        jar = _another_session(enrolled, clock)
        clock.move(-30)
    assert not second(enrolled, code, jar)
    with enrolled.app.app_context():
        assert enrolled.two_factor.is_enabled(enrolled.users["alice"])


def _another_session(host: Host, clock: Clock) -> dict[str, str]:
    clock.move(30)
    person = host.person()
    person.log_in("alice")
    return person.cookies()


@pytest.mark.requirement("RPL-03")
def test_the_code_of_a_log_in_does_not_disable(enrolled: Host, clock: Clock) -> None:
    person = enrolled.person()
    person.log_in("alice")
    answer = person.disable("alice")
    assert answer.status_code == 200
    assert alert(answer)
    clock.move(30)
    assert person.disable("alice").status_code == 302


@pytest.mark.requirement("RPL-03")
def test_the_code_that_disabled_logs_in_nowhere_after_the_same_key_is_enrolled_again(
    enrolled: Host, clock: Clock
) -> None:
    """A host that imports the same secret twice starts a new enrolment: its steps are its own, its budget is not."""
    person = enrolled.person()
    person.log_in("alice")
    clock.move(30)
    code = enrolled.code("alice")
    assert person.disable("alice", code).status_code == 302
    other = enrolled.person()
    other.identify("alice")
    assert other.credential("alice-password", code).status_code == 302, "no factor stands: the code is not looked at"


# Charged first


@pytest.mark.requirement("RPL-04")
@pytest.mark.parametrize("right", [True, False])
def test_the_attempt_is_charged_before_the_code_is_judged(enrolled: Host, right: bool) -> None:
    seen: list[tuple[str, int]] = []

    def before(verb: str) -> None:
        seen.append((verb, len(attempts_of(enrolled))))

    code = enrolled.code("alice") if right else enrolled.wrong_code("alice")
    person = enrolled.person()
    page = person.identify("alice")
    data = {"csrf_token": csrf_token(page), "password": "alice-password", "code": code}
    with watched_store(enrolled, before):
        person.client.post("/two-factor/credential", data=data)
    assert [step for step in seen if step[0] in ("charge", "spend")] == [("charge", 0), ("spend", 1)]
    assert len(attempts_of(enrolled)) == (0 if right else 1)


@pytest.mark.requirement("RPL-04", "THR-03")
def test_a_success_gives_back_its_own_attempt_and_no_other(enrolled: Host, clock: Clock) -> None:
    submit(enrolled, enrolled.wrong_code("alice"))
    wrong = attempts_of(enrolled)
    assert len(wrong) == 1
    clock.move(30)
    assert passes(enrolled, enrolled.code("alice"))
    assert attempts_of(enrolled) == wrong


@pytest.mark.requirement("RPL-04")
def test_a_replay_is_charged(enrolled: Host) -> None:
    code = enrolled.code("alice")
    assert passes(enrolled, code)
    assert attempts_of(enrolled) == []
    assert not passes(enrolled, code)
    assert len(attempts_of(enrolled)) == 1


@pytest.mark.requirement("RPL-04")
def test_of_parallel_guesses_as_many_are_judged_as_the_budget_has_left(enrolled: Host) -> None:
    """Attack 43, in threads: five of the ten are left, and five of fifteen are judged: of a name no more are let in."""
    wrong, heard = enrolled.wrong_code("alice"), Heard(enrolled)
    for number in range(5):
        submit(enrolled, wrong, f"198.51.100.{number}")
    people = [enrolled.person(REMOTE_ADDR=f"192.0.2.{number}") for number in range(15)]
    data = [
        {"csrf_token": csrf_token(person.identify("alice")), "password": "alice-password", "code": wrong}
        for person in people
    ]

    def press(person: Person, fields: dict[str, str]) -> None:
        person.client.post("/two-factor/credential", data=fields, environ_overrides=person.environ)

    together([partial(press, *one) for one in zip(people, data, strict=True)])
    assert heard.rejections.count("wrong") == 10
    assert heard.rejections.count("budget") == 10


# Bound to the enrolment that was seen


@contextlib.contextmanager
def meanwhile(host: Host, verb: str, action: Callable[[], object]) -> Iterator[None]:
    """Run ``action`` once, just before the app's next call of ``verb``."""
    waiting = [action]

    def before(name: str) -> None:
        if name == verb and waiting:
            waiting.pop()()

    with watched_store(host, before):
        yield
    assert not waiting, f"{verb} was never called"


def _enrolled_anew(host: Host) -> Callable[[], None]:
    def action() -> None:
        with host.app.app_context():
            host.two_factor.reset(host.users["alice"], by="a test")
        host.enroll("alice")

    return action


@pytest.mark.requirement("RPL-06")
def test_a_disable_never_removes_a_newer_enrolment(enrolled: Host, clock: Clock) -> None:
    person = enrolled.person()
    person.log_in("alice")
    clock.move(30)
    with meanwhile(enrolled, "disable", _enrolled_anew(enrolled)):
        answer = person.disable("alice")
    assert answer.status_code in (200, 302)
    with enrolled.app.app_context():
        assert enrolled.two_factor.is_enabled(enrolled.users["alice"])
    clock.move(30)
    assert passes(enrolled, enrolled.code("alice"))


@pytest.mark.requirement("RPL-06")
def test_a_log_in_is_judged_by_the_enrolment_that_stands_when_it_is_spent(enrolled: Host) -> None:
    person = enrolled.person()
    page = person.identify("alice")
    data = {"csrf_token": csrf_token(page), "password": "alice-password", "code": enrolled.code("alice")}
    with meanwhile(enrolled, "spend", _enrolled_anew(enrolled)):
        answer = person.client.post("/two-factor/credential", data=data)
    assert answer.status_code == 200
    assert person.me is None
    assert rows(enrolled, "twofactor_mark") == []


@pytest.mark.requirement("RPL-06", "ENR-08")
def test_an_enable_never_stands_beside_a_newer_enrolment(host: Host) -> None:
    person = host.person()
    person.log_in("bob")
    page = person.begin_setup()
    host.secrets["bob"] = person.secret
    data = {"csrf_token": csrf_token(page), "code": host.code("bob")}
    heard = Heard(host)
    with meanwhile(host, "confirm_enrolment", partial(host.enroll, "bob")):
        person.client.post("/two-factor/setup", data=data)
    assert heard.names == ["enabled"], "the import alone"
    assert [row["confirmed_at"] is not None for row in rows(host, "twofactor_enrolment")] == [True]
    assert passes(host, host.code("bob"), "bob"), "the imported key opens the account"


# Twice


@pytest.mark.requirement("RPL-07", "SES-11")
@pytest.mark.parametrize("winner_last", [True, False])
def test_a_double_click_ends_in_one_session_whichever_answer_comes_last(enrolled: Host, winner_last: bool) -> None:
    browser = enrolled.person()
    page = browser.identify("alice")
    data = {"csrf_token": csrf_token(page), "password": "alice-password", "code": enrolled.code("alice")}
    jar = browser.cookies()
    clicks = [enrolled.person(), enrolled.person()]
    answers: list[TestResponse] = []
    for click in clicks:
        click.use_cookies(jar)

    def press(click: Person) -> None:
        answers.append(click.client.post("/two-factor/credential", data=data))

    together([partial(press, click) for click in clicks])
    assert sorted(answer.status_code for answer in answers) == [200, 302]
    loser = next(answer for answer in answers if answer.status_code == 200)
    assert loser.headers.getlist("Set-Cookie") == []
    for answer in sorted(answers, key=lambda one: (one.status_code == 302) is winner_last):
        for header in answer.headers.getlist("Set-Cookie"):
            name, value = header.partition(";")[0].split("=", 1)
            browser.client.set_cookie(name, value)
    assert browser.me == "alice"
    assert len(rows(enrolled, "twofactor_mark")) == 1


@pytest.mark.requirement("RPL-09")
def test_a_replay_is_announced_as_one_and_told_to_nobody(enrolled: Host, clock: Clock) -> None:
    heard = Heard(enrolled)
    code = enrolled.code("alice")
    assert passes(enrolled, code)
    replayed = submit(enrolled, code)
    wrong = submit(enrolled, enrolled.wrong_code("alice"))
    assert heard.events[1:] == [
        ("code-rejected", {"subject": "1", "at": int(clock.at), "reason": "replayed"}),
        ("code-rejected", {"subject": "1", "at": int(clock.at), "reason": "wrong"}),
    ]
    assert bare(replayed, "alice") == bare(wrong, "alice")


@pytest.mark.requirement("RPL-09")
@pytest.mark.parametrize("purpose", PURPOSES, ids=lambda purpose: purpose.__name__[1:])
def test_a_replay_is_announced_wherever_it_is_tried(enrolled: Host, clock: Clock, purpose: Purpose) -> None:
    owner = enrolled.person()
    owner.log_in("alice")
    jar = owner.cookies()
    clock.move(30)
    code = enrolled.code("alice")
    assert verifies(enrolled, code)
    heard = Heard(enrolled)
    assert not purpose(enrolled, code, jar)
    assert heard.rejections == ["replayed"]


@pytest.mark.requirement("RPL-10")
@pytest.mark.parametrize("year", [2038, 2040, 2110, 2999])
def test_codes_pass_once_in_far_years(enrolled: Host, clock: Clock, year: int) -> None:
    clock.at = datetime(year, 3, 1, 12, 0, 7, tzinfo=timezone.utc).timestamp()
    code = enrolled.code("alice")
    assert passes(enrolled, code)
    assert not passes(enrolled, code)
    [row] = [row for row in rows(enrolled, "twofactor_enrolment") if row["subject"] == "1"]
    assert row["last_step"] == int(clock.at) // 30


@pytest.mark.requirement("RPL-10")
def test_a_step_of_more_than_32_bits_is_kept_whole(enrolled: Host, clock: Clock) -> None:
    clock.at = float(2**33 * 30)
    assert passes(enrolled, enrolled.code("alice"))
    assert tamper(enrolled, "UPDATE twofactor_enrolment SET tries = tries WHERE last_step = ?", 2**33) == 1
    assert not passes(enrolled, enrolled.code("alice"))
    assert passes(enrolled, enrolled.code("alice", 1))


# A clock that was ahead


def hear_of_jumps(host: Host) -> list[tuple[str, int]]:
    jumps: list[tuple[str, int]] = []

    def jumped(_: object, subject: str, ahead: int, **__: object) -> None:
        jumps.append((subject, ahead))

    clock_jumped.connect(jumped, host.app, weak=False)
    return jumps


@pytest.mark.requirement("CLK-03")
def test_a_clock_that_was_an_hour_ahead_locks_nobody_out(
    enrolled: Host, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    jumps = hear_of_jumps(enrolled)
    clock.move(3600)
    ahead = enrolled.code("alice")
    assert passes(enrolled, ahead)
    clock.move(-3600)
    code = enrolled.code("alice")
    assert passes(enrolled, code)
    assert jumps == [("1", 120)]
    assert "lies 120 time steps ahead" in caplog.text
    assert not passes(enrolled, code)
    assert jumps == [("1", 120)]
    clock.move(3600)
    assert not passes(enrolled, ahead)
    assert passes(enrolled, enrolled.code("alice", 1))


@pytest.mark.requirement("CLK-03")
def test_codes_of_an_account_are_counted_again_once_the_clock_is_right(enrolled: Host, clock: Clock) -> None:
    """A budget spent on a clock a year ahead comes back a day after the clock was mended."""
    clock.move(365 * 86400)
    for _ in range(11):
        verifies(enrolled, "000000")
    clock.move(-365 * 86400)
    assert not verifies(enrolled, enrolled.code("alice"))
    clock.move(86400)
    assert verifies(enrolled, enrolled.code("alice"))


@pytest.mark.requirement("CLK-04")
def test_the_offsets_at_which_codes_match_are_exported(enrolled: Host, clock: Clock) -> None:
    offsets: Counter[int] = Counter()

    def count(_: object, offset: int, **__: object) -> None:
        offsets[offset] += 1

    with code_accepted.connected_to(count, enrolled.app):
        for steps in (0, 1, -1, 1):
            clock.move(120)
            assert passes(enrolled, enrolled.code("alice", steps))
    assert offsets == {-1: 1, 0: 1, 1: 2}
