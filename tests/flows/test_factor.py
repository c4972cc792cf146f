"""How a code is judged: what is charged, what is spent, why it is refused, and who hears of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from flask_twofactor.core.budget import Attempt
from flask_twofactor.core.records import Enrolment
from flask_twofactor.flows.factor import Guess, Judged, judge, match
from flask_twofactor.signals import alarm_raised
from flask_twofactor.state import State
from flask_twofactor.testing.ground import enrolment_of
from tests.flows.conftest import Calls
from tests.support.host import Clock, Host
from tests.support.watching import Heard


def enrolment_of(state: State, subject: str = "1") -> Enrolment:
    found = enrolment_of(state.store, subject)
    assert found is not None
    return found


def spender(state: State, answer: bool | None = None) -> tuple[list[tuple[Any, ...]], Callable[..., bool]]:
    """Give what is called to spend: the store's own verb, or what answers as told; and what it was called with."""
    seen: list[tuple[Any, ...]] = []

    def spend(subject: str, life: str, step: int, attempt: Attempt) -> bool:
        seen.append((subject, life, step, attempt))
        return state.store.spend(subject, life, step, attempt, None) if answer is None else answer

    return seen, spend


def guess(host: Host, text: str | None, *, known: bool = False, armed: bool = True) -> Guess:
    return Guess("alice", host.users["alice"], text, known, armed)


@pytest.mark.requirement("VER-07", "THR-13")
@pytest.mark.parametrize("pool", ["unknown", "known"])
@pytest.mark.parametrize(("text", "armed"), [("right", False), ("12345", True), (None, True)])
def test_where_there_is_nothing_to_judge_a_decoy_is_charged_and_spends_what_no_row_accepts(
    enrolled: Host, state: State, calls: Calls, pool: str, text: str | None, armed: bool
) -> None:
    given = enrolled.code("alice") if text == "right" else text
    seen, spend = spender(state)
    life = enrolment_of(state)
    judged = judge(state, guess(enrolled, given, known=pool == "known", armed=armed), life, spend)
    decoy = state.decoy_subject("alice")
    assert judged == Judged("malformed", None)
    assert calls.of("charge") == [(decoy, state.now, pool)]
    assert seen == [(decoy, "", -1, Attempt(state.now, pool))]  # type: ignore[arg-type]


@pytest.mark.requirement("VER-07")
def test_without_an_enrolment_the_decoy_is_judged(enrolled: Host, state: State, calls: Calls) -> None:
    seen, spend = spender(state)
    assert judge(state, guess(enrolled, "123456"), None, spend) == Judged("no-factor", None)
    decoy = state.decoy_subject("alice")
    assert calls.of("charge") == [(decoy, state.now, "unknown")]
    assert seen == [(decoy, "", -1, Attempt(state.now, "unknown"))]


@pytest.mark.requirement("VER-07", "THR-05")
@pytest.mark.parametrize("pool", ["unknown", "known"])
def test_a_wrong_code_is_charged_to_the_account_and_spends_the_decoy_s(
    enrolled: Host, state: State, calls: Calls, heard: Heard, pool: str
) -> None:
    seen, spend = spender(state)
    wrong = guess(enrolled, enrolled.wrong_code("alice"), known=pool == "known")
    assert judge(state, wrong, enrolment_of(state), spend) == Judged("wrong", None)
    assert calls.of("charge") == [("1", state.now, pool)]
    assert seen == [(state.decoy_subject("alice"), "", -1, Attempt(state.now, pool))]  # type: ignore[arg-type]
    assert heard.rejections == ["wrong"]


@pytest.mark.requirement("VER-01", "CLK-04")
@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_a_right_code_is_spent_with_its_own_attempt_and_says_at_which_offset(
    enrolled: Host, state: State, offset: int
) -> None:
    life = enrolment_of(state)
    seen, spend = spender(state)
    step = state.now // 30 + offset
    assert judge(state, guess(enrolled, enrolled.code("alice", offset)), life, spend) == Judged("", offset)
    assert seen == [("1", life.id, step, Attempt(state.now, "unknown"))]
    assert enrolment_of(state).last_step == step


@pytest.mark.requirement("RPL-01", "RPL-09")
def test_a_code_that_is_not_spent_is_a_replay(enrolled: Host, state: State, heard: Heard) -> None:
    _, spend = spender(state, answer=False)
    assert judge(state, guess(enrolled, enrolled.code("alice")), enrolment_of(state), spend) == Judged("replayed", None)
    assert heard.rejections == ["replayed"]


@pytest.mark.requirement("THR-04")
def test_a_right_code_is_wrong_once_the_budget_is_spent(enrolled: Host, state: State, heard: Heard) -> None:
    _, spend = spender(state)
    for _ in range(10):
        state.store.charge("1", state.now, "unknown")
    assert judge(state, guess(enrolled, enrolled.code("alice")), enrolment_of(state), spend) == Judged("budget", None)
    assert heard.rejections == ["budget"]
    assert enrolment_of(state).last_step == -1


@pytest.mark.requirement("THR-18")
def test_the_alarm_is_raised_once_with_how_many_there_were(
    enrolled: Host, state: State, caplog: pytest.LogCaptureFixture
) -> None:
    raised: list[tuple[str, int]] = []

    def alarm(_: object, subject: str, count: int, **__: object) -> None:
        raised.append((subject, count))

    object.__setattr__(state, "settings", replace(state.settings, alarm=3))
    with alarm_raised.connected_to(alarm, enrolled.app), caplog.at_level(logging.WARNING, "flask_twofactor"):
        for number in range(5):
            _, spend = spender(state)
            judge(state, guess(enrolled, enrolled.wrong_code("alice")), enrolment_of(state), spend)
            assert len(raised) == (number >= 2)
    assert raised == [("", 3)]
    assert "alarm: 3 wrong codes after a right password within an hour" in caplog.text


@pytest.mark.requirement("THR-11")
def test_the_user_is_told_at_the_third_wrong_code(enrolled: Host, state: State, clock: Clock) -> None:
    told: list[tuple[str, str]] = []
    state.hooks.notify = lambda user, notice: told.append((user.username, notice.kind))
    for _ in range(4):
        _, spend = spender(state)
        judge(state, guess(enrolled, enrolled.wrong_code("alice")), enrolment_of(state), spend)
    assert told == [("alice", "few")]
    clock.move(86401)
    for _ in range(3):
        _, spend = spender(state, answer=False)
        judge(state, guess(enrolled, enrolled.code("alice")), enrolment_of(state), spend)
    assert told == [("alice", "few"), ("alice", "few")]


@pytest.mark.requirement("CLK-03")
@pytest.mark.parametrize(("ahead", "reported"), [(1, False), (2, True), (500, True)])
def test_a_last_step_outside_the_window_is_reported(
    enrolled: Host, state: State, caplog: pytest.LogCaptureFixture, ahead: int, reported: bool
) -> None:
    life = replace(enrolment_of(state), last_step=state.now // 30 + ahead)
    _, spend = spender(state)
    judge(state, guess(enrolled, enrolled.wrong_code("alice")), life, spend)
    line = f"clock: the last code of subject='1' lies {ahead} time steps ahead of this server"
    assert (line in caplog.text) is reported
    kinds = [one.kind for one in state.store.events("1", 9)]
    assert ("twofactor-clock-jumped" in kinds) is reported


@pytest.mark.requirement("VER-07")
def test_the_work_of_a_match_is_done_without_a_secret_and_without_a_code(enrolled: Host, state: State) -> None:
    life, code, now = enrolment_of(state), enrolled.code("alice"), state.now
    assert match(state, life, code, now) == now // 30
    assert match(state, None, code, now) is None
    assert match(state, life, None, now) is None
    assert match(state, None, None, now) is None
    assert match(state, replace(life, sealed="1.nonsense"), code, now) is None


@pytest.mark.requirement("VER-03")
def test_a_match_is_looked_for_in_the_window_of_the_settings(enrolled: Host, state: State) -> None:
    life, now = enrolment_of(state), state.now
    object.__setattr__(state, "settings", replace(state.settings, window=0))
    assert match(state, life, enrolled.code("alice", 1), now) is None
    assert match(state, life, enrolled.code("alice"), now) == now // 30


@pytest.mark.requirement("LOG-02")
def test_a_guess_shows_no_code_and_does_not_change(enrolled: Host) -> None:
    given = Guess("alice", None, "123456", known=False)
    assert "123456" not in repr(given)
    assert given.armed is True
    with pytest.raises(FrozenInstanceError):
        given.armed = False  # type: ignore[misc]


@pytest.mark.requirement("VER-07")
def test_a_secret_is_opened_where_there_is_an_enrolment_and_where_there_is_none(
    enrolled: Host, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    life, code, opened = enrolment_of(state), enrolled.code("alice"), []
    keyring, whole = type(state.keyring), type(state.keyring).open

    def watch(self: Any, *arguments: Any) -> bytes | None:
        plain: bytes | None = whole(self, *arguments)
        opened.append(len(plain or b""))
        return plain

    monkeypatch.setattr(keyring, "open", watch)
    match(state, None, code, state.now)
    match(state, life, code, state.now)
    assert opened == [32, 32]
