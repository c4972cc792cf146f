"""How a code is judged: what is charged, what is spent, why it is refused, and who hears of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from flask_twofactor.core.budget import Attempt
from flask_twofactor.core.codes import parse_recovery_code
from flask_twofactor.core.records import MAX_AUTHENTICATORS, Enrolment, Factor, new_id
from flask_twofactor.core.recovery import recovery_digest
from flask_twofactor.core.texts import ENGLISH
from flask_twofactor.core.totp import code_at, matching_step, new_secret
from flask_twofactor.flows import rescue
from flask_twofactor.flows.factor import Guess, Judged, Proven, how_many, judge, match
from flask_twofactor.signals import alarm_raised, recovery_code_used, rescue_used
from flask_twofactor.state import State
from tests.flows.conftest import Calls
from tests.support.host import Clock, Host
from tests.support.watching import Heard


def factor_of(state: State, subject: str = "1") -> Factor:
    found = state.store.factor(subject)
    assert found is not None
    return found


def first_of(state: State) -> Enrolment:
    return factor_of(state).authenticators[0]


def spender(state: State, answer: bool | None = None) -> tuple[list[tuple[Any, ...]], Callable[..., bool]]:
    """Give what is called to spend: the store's own verb, or what answers as told; and what it was called with."""
    seen: list[tuple[Any, ...]] = []

    def spend(subject: str, proven: Proven, attempt: Attempt) -> bool:
        seen.append((subject, proven, attempt))
        return state.store.spend(subject, proven.enrolment, proven.proof, attempt, None) if answer is None else answer

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
    judged = judge(state, guess(enrolled, given, known=pool == "known", armed=armed), factor_of(state), spend)
    decoy = state.decoy_subject("alice")
    assert judged == Judged("malformed", None)
    assert calls.of("charge") == [(decoy, state.now, pool, 1)]
    assert seen == [(decoy, Proven("", -1), Attempt(state.now, pool))]  # type: ignore[arg-type]


@pytest.mark.requirement("VER-07")
def test_without_an_enrolment_the_decoy_is_judged(enrolled: Host, state: State, calls: Calls) -> None:
    seen, spend = spender(state)
    assert judge(state, guess(enrolled, "123456"), None, spend) == Judged("no-factor", None)
    decoy = state.decoy_subject("alice")
    assert calls.of("charge") == [(decoy, state.now, "unknown", 1)]
    assert seen == [(decoy, Proven("", -1), Attempt(state.now, "unknown"))]


@pytest.mark.requirement("VER-07", "THR-05")
@pytest.mark.parametrize("pool", ["unknown", "known"])
def test_a_wrong_code_is_charged_to_the_account_and_spends_the_decoy_s(
    enrolled: Host, state: State, calls: Calls, heard: Heard, pool: str
) -> None:
    seen, spend = spender(state)
    wrong = guess(enrolled, enrolled.wrong_code("alice"), known=pool == "known")
    assert judge(state, wrong, factor_of(state), spend) == Judged("wrong", None)
    assert calls.of("charge") == [("1", state.now, pool, 1)]
    assert seen == [(state.decoy_subject("alice"), Proven("", -1), Attempt(state.now, pool))]  # type: ignore[arg-type]
    assert heard.rejections == ["wrong"]


@pytest.mark.requirement("VER-01", "CLK-04")
@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_a_right_code_is_spent_with_its_own_attempt_and_says_at_which_offset(
    enrolled: Host, state: State, offset: int
) -> None:
    seen, spend = spender(state)
    step = state.now // 30 + offset
    given = guess(enrolled, enrolled.code("alice", offset))
    assert judge(state, given, factor_of(state), spend) == Judged("", offset)
    assert seen == [("1", Proven(first_of(state).id, step), Attempt(state.now, "unknown"))]
    assert first_of(state).last_step == step


@pytest.mark.requirement("RPL-01", "RPL-09")
def test_a_code_that_is_not_spent_is_a_replay(enrolled: Host, state: State, heard: Heard) -> None:
    _, spend = spender(state, answer=False)
    assert judge(state, guess(enrolled, enrolled.code("alice")), factor_of(state), spend) == Judged("replayed", None)
    assert heard.rejections == ["replayed"]


@pytest.mark.requirement("THR-04")
def test_a_right_code_is_wrong_once_the_budget_is_spent(enrolled: Host, state: State, heard: Heard) -> None:
    _, spend = spender(state)
    for _ in range(10):
        state.store.charge("1", state.now, "unknown")
    assert judge(state, guess(enrolled, enrolled.code("alice")), factor_of(state), spend) == Judged("budget", None)
    assert heard.rejections == ["budget"]
    assert first_of(state).last_step == -1


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
            judge(state, guess(enrolled, enrolled.wrong_code("alice")), factor_of(state), spend)
            assert len(raised) == (number >= 2)
    assert raised == [("", 3)]
    assert "alarm: 3 wrong codes after a right password within an hour" in caplog.text


@pytest.mark.requirement("THR-11")
def test_the_user_is_told_at_the_third_wrong_code(enrolled: Host, state: State, clock: Clock) -> None:
    told: list[tuple[str, str]] = []
    state.hooks.notify = lambda user, notice: told.append((user.username, notice.kind))
    for _ in range(4):
        _, spend = spender(state)
        judge(state, guess(enrolled, enrolled.wrong_code("alice")), factor_of(state), spend)
    assert told == [("alice", "few")]
    clock.move(86401)
    for _ in range(3):
        _, spend = spender(state, answer=False)
        judge(state, guess(enrolled, enrolled.code("alice")), factor_of(state), spend)
    assert told == [("alice", "few"), ("alice", "few")]


@pytest.mark.requirement("CLK-03")
@pytest.mark.parametrize(("ahead", "reported"), [(1, False), (2, True), (500, True)])
@pytest.mark.parametrize("of_the_spare", [False, True])
def test_a_last_step_outside_the_window_is_reported(
    enrolled: Host, state: State, caplog: pytest.LogCaptureFixture, ahead: int, reported: bool, of_the_spare: bool
) -> None:
    one = first_of(state)
    steps = (-1, state.now // 30 + ahead) if of_the_spare else (state.now // 30 + ahead, 5)
    both = tuple(replace(one, last_step=step) for step in steps)
    _, spend = spender(state)
    judge(state, guess(enrolled, enrolled.wrong_code("alice")), replace(factor_of(state), authenticators=both), spend)
    line = f"clock: the last code of subject='1' lies {ahead} time steps ahead of this server"
    assert (line in caplog.text) is reported
    kinds = [one.kind for one in state.store.events("1", 9)]
    assert ("twofactor-clock-jumped" in kinds) is reported


@pytest.mark.requirement("STO-06")
def test_a_factor_without_an_authenticator_stands_and_no_code_is_right(enrolled: Host, state: State) -> None:
    bare = replace(factor_of(state), authenticators=())
    seen, spend = spender(state)
    assert judge(state, guess(enrolled, enrolled.code("alice")), bare, spend) == Judged("wrong", None)
    assert seen == [(state.decoy_subject("alice"), Proven("", -1), Attempt(state.now, "unknown"))]


# Recovery codes and rescue codes


def recovery_codes(host: Host) -> list[str]:
    return host.two_factor.new_recovery_codes(host.users["alice"])


def digest_of(state: State, code: str) -> str:
    folded = parse_recovery_code(code)
    assert folded is not None
    return recovery_digest(state.recovery_key, "1", factor_of(state).id, folded)


def rescue_code(host: Host, state: State) -> str:
    return rescue.issue(state, host.users["alice"], "ops", "boss").code


@pytest.mark.requirement("RPL-05", "REC-05", "THR-08")
def test_a_recovery_code_is_spent_as_its_digest_for_the_factor_and_tells_how_many_are_left(
    enrolled: Host, state: State, calls: Calls
) -> None:
    told: list[tuple[str, str]] = []
    codes = recovery_codes(enrolled)
    state.hooks.notify = lambda user, notice: told.append((notice.kind, notice.body))
    heard: list[tuple[str, int]] = []

    def hear(_: object, subject: str, left: int, **__: object) -> None:
        heard.append((subject, left))

    with recovery_code_used.connected_to(hear, enrolled.app):
        for number in range(10):
            seen, spend = spender(state)
            life, digest, left = factor_of(state).id, digest_of(state, codes[number]), 9 - number
            judged = judge(state, guess(enrolled, codes[number], known=True), factor_of(state), spend)
            assert judged == Judged("", None, left)
            assert seen == [("1", Proven(life, digest), Attempt(state.now, "recovery"))]
            assert calls.of("charge")[-1] == ("1", state.now, "recovery", 1)
    assert heard == [("1", left) for left in range(9, -1, -1)]
    assert [kind for kind, _ in told] == ["recovery-used"] * 10
    warned = ["Make new ones in your settings." in body for _, body in told]
    assert warned == [False] * 6 + [True] * 4
    assert all(how_many(ENGLISH, 9 - number) in body for number, (_, body) in enumerate(told))
    assert [how_many(ENGLISH, left) for left in (0, 1, 2)] == [
        "No recovery code is left.",
        "One recovery code is left.",
        "2 recovery codes are left.",
    ]


@pytest.mark.requirement("RPL-05", "REC-02")
@pytest.mark.parametrize("answer", [None, False])
def test_a_recovery_code_that_is_spent_or_lost_a_race_is_wrong(
    enrolled: Host, state: State, heard: Heard, answer: bool | None
) -> None:
    code = recovery_codes(enrolled)[0]
    if answer is None:
        judge(state, guess(enrolled, code), factor_of(state), spender(state)[1])
    _, spend = spender(state, answer)
    assert judge(state, guess(enrolled, code), factor_of(state), spend) == Judged("wrong", None)
    assert heard.rejections == ["wrong"]


@pytest.mark.requirement("VER-07")
@pytest.mark.parametrize("why", ["no factor", "not armed", "budget"])
def test_where_a_recovery_code_is_not_judged_a_decoy_is_charged_read_and_spent(
    enrolled: Host, state: State, calls: Calls, why: str
) -> None:
    code = recovery_codes(enrolled)[0]
    factor = None if why == "no factor" else factor_of(state)
    if why == "budget":
        for _ in range(100):
            state.store.charge("1", state.now, "recovery")
    del calls.made[:]
    seen, spend = spender(state)
    judged = judge(state, guess(enrolled, code, armed=why != "not armed"), factor, spend)
    decoy = state.decoy_subject("alice")
    charged = "1" if why == "budget" else decoy
    digest = recovery_digest(state.recovery_key, "decoy:", "decoy", str(parse_recovery_code(code)))
    read = digest if factor is None else digest_of(state, code)
    assert judged.reason == {"no factor": "no-factor", "not armed": "malformed", "budget": "budget"}[why]
    assert calls.of("charge") == [(charged, state.now, "recovery", 1)]
    assert calls.of("recovery") == [(charged, read)]
    assert seen == [(decoy, Proven("", ""), Attempt(state.now, "recovery"))]


@pytest.mark.requirement("REC-06")
def test_where_no_recovery_code_is_taken_it_is_no_code(enrolled: Host, state: State, calls: Calls) -> None:
    code = recovery_codes(enrolled)[0]
    del calls.made[:]
    given = replace(guess(enrolled, code), takes_recovery=False)
    assert judge(state, given, factor_of(state), spender(state)[1]) == Judged("malformed", None)
    assert (calls.of("recovery"), calls.of("charge")[0][2]) == ([], "unknown")


def test_a_rescue_code_is_spent_where_one_is_taken_and_its_owner_is_told(enrolled: Host, state: State) -> None:
    told: list[str] = []
    recovery_codes(enrolled)
    code = rescue_code(enrolled, state)
    state.hooks.notify = lambda user, notice: told.append(notice.kind)
    used: list[str] = []

    def hear(_: object, subject: str, **__: object) -> None:
        used.append(subject)

    given = replace(guess(enrolled, code), takes_rescue=True)
    with rescue_used.connected_to(hear, enrolled.app):
        seen, spend = spender(state)
        assert judge(state, given, factor_of(state), spend) == Judged("", rescued=True)
    life = factor_of(state).id
    assert seen == [("1", Proven(life, digest_of(state, code), rescue=True), Attempt(state.now, "recovery"))]
    assert (told, used) == (["rescue-used"], ["1"])
    assert [one.kind for one in state.store.events("1", 1)] == ["twofactor-rescue-used"]
    assert judge(state, given, factor_of(state), spender(state)[1]) == Judged("wrong", None)
    assert state.store.recovery("1").left == 10


@pytest.mark.parametrize(("seconds", "takes", "right"), [(3600, True, True), (3601, True, False), (0, False, False)])
def test_a_rescue_code_is_wrong_after_its_hour_and_where_none_is_taken(
    enrolled: Host, state: State, clock: Clock, seconds: int, takes: bool, right: bool
) -> None:
    code = rescue_code(enrolled, state)
    clock.move(seconds)
    seen, spend = spender(state)
    judged = judge(state, replace(guess(enrolled, code), takes_rescue=takes), factor_of(state), spend)
    assert judged == (Judged("", rescued=True) if right else Judged("wrong", None))
    assert (seen[0][0] == "1") is right
    assert Guess("alice", None, code, known=False).takes_rescue is False


# Several authenticators


def spare_of(state: State) -> tuple[Enrolment, str]:
    """Add an authenticator to alice's; gives it and its secret."""
    secret, life = new_secret(), new_id()
    sealed = state.seal_secret(secret, "1", life)
    pending = Enrolment(life, "1", sealed, state.now, opened_by="f" * 64)
    state.store.open_enrolment(pending, 0, 10)
    assert state.store.add_authenticator("1", life, factor_of(state).id, 1, state.now + 1)
    return factor_of(state).authenticators[-1], secret


@pytest.mark.requirement("ENR-16")
def test_a_code_of_any_authenticator_is_right_and_is_spent_for_that_one(enrolled: Host, state: State) -> None:
    spare, secret = spare_of(state)
    step = state.now // 30
    for code, life in ((code_at(secret, step), spare.id), (enrolled.code("alice"), first_of(state).id)):
        seen, spend = spender(state)
        assert judge(state, guess(enrolled, code), factor_of(state), spend) == Judged("", 0)
        assert seen == [("1", Proven(life, step), Attempt(state.now, "unknown"))]
    assert [one.last_step for one in factor_of(state).authenticators] == [step, step]


@pytest.mark.requirement("VER-07")
def test_the_work_of_a_match_is_done_without_a_secret_and_without_a_code(enrolled: Host, state: State) -> None:
    one, code, now = first_of(state), enrolled.code("alice"), state.now
    assert match(state, [one], code, now) == Proven(one.id, now // 30)
    assert match(state, [], code, now) is None
    assert match(state, [one], None, now) is None
    assert match(state, [], None, now) is None
    assert match(state, [replace(one, sealed="1.nonsense")], code, now) is None
    assert match(state, [replace(one, sealed="1.nonsense"), one], code, now) == Proven(one.id, now // 30)


def test_no_code_of_a_decoy_is_right(state: State) -> None:
    code = code_at(state.decoy_secret, state.now // 30)
    assert match(state, [], code, state.now) is None
    spoilt = replace(first_of(state), sealed="1.nonsense")
    assert match(state, [spoilt], code, state.now) is None


@pytest.mark.requirement("VER-03")
def test_a_match_is_looked_for_in_the_window_of_the_settings(enrolled: Host, state: State) -> None:
    one, now = first_of(state), state.now
    object.__setattr__(state, "settings", replace(state.settings, window=0))
    assert match(state, [one], enrolled.code("alice", 1), now) is None
    assert match(state, [one], enrolled.code("alice"), now) == Proven(one.id, now // 30)


@pytest.mark.requirement("LOG-02")
def test_a_guess_shows_no_code_and_does_not_change(enrolled: Host) -> None:
    given = Guess("alice", None, "123456", known=False)
    assert "123456" not in repr(given)
    assert (given.armed, given.takes_recovery) == (True, True)
    with pytest.raises(FrozenInstanceError):
        given.armed = False  # type: ignore[misc]


@pytest.mark.requirement("VER-07")
def test_as_many_secrets_are_opened_and_compared_as_any_account_ever_had(
    enrolled: Host, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, (spare, _), code = first_of(state), spare_of(state), enrolled.code("alice")
    opened, compared = [], []
    keyring, whole = type(state.keyring), type(state.keyring).open

    def watch(self: Any, *arguments: Any) -> bytes | None:
        plain: bytes | None = whole(self, *arguments)
        opened.append(len(plain or b""))
        return plain

    def compare(secret: str, text: str, now: int, window: int) -> int | None:
        compared.append((len(secret), text))
        return matching_step(secret, text, now, window)

    monkeypatch.setattr(keyring, "open", watch)
    monkeypatch.setattr("flask_twofactor.flows.factor.matching_step", compare)
    for most in range(1, MAX_AUTHENTICATORS + 1):
        state.note_authenticators(most)
        for authenticators in ([], [one], [one, spare], [one, spare, one])[: most + 1]:
            given = code if authenticators else None
            del opened[:], compared[:]
            match(state, authenticators, given, state.now)
            assert opened == [32] * most
            assert compared == [(32, given or "000000")] * most
    state.note_authenticators(1)
    assert state.most_authenticators() == MAX_AUTHENTICATORS, "it never falls"
