"""Several authenticators without HTTP: added with a code of what there is, named, listed, and taken away."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from flask_twofactor.core.keyring import token_digest
from flask_twofactor.core.records import MAX_AUTHENTICATORS, Enrolment, Factor, Mark
from flask_twofactor.core.totp import code_at
from flask_twofactor.errors import (
    CodeRejected,
    NotEnrolled,
    SetupExpired,
    SignInAgain,
    StoreUnavailable,
    TooManyAuthenticators,
)
from flask_twofactor.flows import authenticators, rescue
from flask_twofactor.state import State
from tests.flows.conftest import Calls
from tests.support.host import Clock, Host
from tests.support.watching import Heard

BY = "b" * 64
"""What names the session."""
WRONG = r"^the code was not right$"


def factor_of(state: State) -> Factor:
    found = state.store.factor("1")
    assert found is not None
    return found


def begin(
    host: Host,
    state: State,
    text: str | None,
    name: str = "Spare",
    by: str = BY,
    known: bool = False,
    whose: str = "alice",
) -> None:
    authenticators.begin(state, host.users[whose], name, text, by, known, "Harbor")


def key(host: Host, state: State, by: str = BY) -> tuple[str, str] | None:
    """Give name and secret of what the session is adding."""
    found = authenticators.key(state, host.users["alice"], by, "Harbor")
    return None if found is None else (found[0], found[1].secret)


def code_of(host: Host, state: State, by: str = BY, steps: int = 0) -> str:
    found = key(host, state, by)
    assert found is not None
    return code_at(found[1], state.now // 30 + steps)


def add(host: Host, state: State, clock: Clock, name: str = "Spare", by: str = BY) -> Enrolment:
    """Add an authenticator, a time step later; ``host.secrets`` knows it by its name."""
    clock.move(30)
    begin(host, state, host.code("alice"), name, by)
    found = key(host, state, by)
    assert found is not None
    host.secrets[name] = found[1]
    clock.move(5)
    authenticators.confirm(state, host.users["alice"], host.code(name), by)
    return factor_of(state).authenticators[-1]


def remove(host: Host, state: State, which: str, text: str | None, by: str = BY, known: bool = False) -> str:
    return authenticators.remove(state, host.users["alice"], which, text, by, 5, known)


def events(state: State, *kinds: str) -> list[tuple[str, dict[str, Any]]]:
    found = [(one.kind.removeprefix("twofactor-"), dict(one.details)) for one in state.store.events("1", 99)]
    return [one for one in found if one[0] in kinds]


# Begin


@pytest.mark.requirement("ENR-16", "RPL-03")
def test_a_key_is_opened_with_a_code_of_what_there_is_which_is_spent(enrolled: Host, state: State) -> None:
    begin(enrolled, state, enrolled.code("alice"))
    found = authenticators.key(state, enrolled.users["alice"], BY, "Harbor")
    assert found is not None
    name, shown = found
    query = parse_qs(urlsplit(shown.uri).query)
    assert (name, query["secret"], query["issuer"]) == ("Spare", [shown.secret], ["Harbor"])
    assert urlsplit(shown.uri).path == "/Harbor:alice"
    assert shown.expires_at == state.now + 600
    assert len(factor_of(state).authenticators) == 1
    assert factor_of(state).authenticators[0].last_step == state.now // 30
    with pytest.raises(CodeRejected, match=WRONG):
        begin(enrolled, state, enrolled.code("alice"), by="c" * 64)
    assert key(enrolled, state, "c" * 64) is None
    assert events(state, "code-rejected") == [("code-rejected", {"reason": "replayed"})]


def test_a_recovery_code_opens_a_key_and_a_rescue_code_does_not(enrolled: Host, state: State) -> None:
    alice = enrolled.users["alice"]
    codes = enrolled.two_factor.new_recovery_codes(alice)
    with pytest.raises(CodeRejected):
        begin(enrolled, state, rescue.issue(state, alice, "ops", "boss").code)
    begin(enrolled, state, codes[0])
    assert key(enrolled, state) is not None
    assert state.store.recovery("1").left == 9


@pytest.mark.requirement("THR-09", "THR-05", "LOG-01")
def test_wrong_codes_open_nothing_and_the_sixth_ends_the_session(
    enrolled: Host, state: State, calls: Calls, heard: Heard
) -> None:
    for number in range(5):
        with pytest.raises(CodeRejected, match=WRONG):
            begin(enrolled, state, enrolled.wrong_code("alice"), known=bool(number % 2))
    with pytest.raises(SignInAgain):
        begin(enrolled, state, enrolled.code("alice"))
    assert key(enrolled, state) is None
    assert [pool for _, _, pool, _ in calls.of("charge")] == ["unknown", "known", "unknown", "known", "unknown"]
    assert heard.rejections == ["wrong"] * 5
    assert events(state, "code-rejected") == [("code-rejected", {"reason": "wrong"})] * 5
    begin(enrolled, state, enrolled.code("alice"), by="c" * 64)


@pytest.mark.requirement("THR-09", "THR-11")
def test_a_right_code_gives_its_attempts_back_and_the_owner_hears_of_wrong_ones(
    enrolled: Host, state: State, clock: Clock
) -> None:
    told: list[tuple[str, str]] = []
    state.hooks.notify = lambda user, notice: told.append((user.username, notice.kind))
    for _ in range(3):
        for _ in range(3):
            with pytest.raises(CodeRejected):
                begin(enrolled, state, enrolled.wrong_code("alice"))
        begin(enrolled, state, enrolled.code("alice"))
        clock.move(30)
    assert told == [("alice", "few")]


@pytest.mark.requirement("ENR-16")
def test_there_are_three_authenticators_at_most_and_no_code_is_asked_for_a_fourth(
    enrolled: Host, state: State, clock: Clock, calls: Calls
) -> None:
    for number in range(1, MAX_AUTHENTICATORS):
        add(enrolled, state, clock, f"Spare {number}")
    clock.move(30)
    del calls.made[:]
    with pytest.raises(TooManyAuthenticators, match=r"^an account has at most 3 authenticators$"):
        begin(enrolled, state, enrolled.code("alice"))
    assert calls.of("charge") == []


def test_who_has_no_factor_adds_to_none(enrolled: Host, state: State) -> None:
    message = r"^the account has no factor$"
    with pytest.raises(NotEnrolled, match=message):
        begin(enrolled, state, "123456", whose="bob")
    with pytest.raises(NotEnrolled, match=message):
        authenticators.confirm(state, enrolled.users["bob"], "123456", BY)
    with pytest.raises(NotEnrolled, match=message):
        authenticators.remove(state, enrolled.users["bob"], "x", "123456", BY, 5, False)


# The key


@pytest.mark.requirement("ENR-04")
@pytest.mark.parametrize(("seconds", "lives"), [(600, True), (601, False)])
def test_a_key_lives_for_ten_minutes_and_for_the_session_that_opened_it(
    enrolled: Host, state: State, clock: Clock, seconds: int, lives: bool
) -> None:
    begin(enrolled, state, enrolled.code("alice"))
    clock.move(seconds)
    assert (key(enrolled, state) is not None) is lives
    assert key(enrolled, state, "c" * 64) is None


@pytest.mark.requirement("STO-06")
def test_no_key_is_shown_that_does_not_open_or_whose_factor_is_gone(enrolled: Host, state: State) -> None:
    begin(enrolled, state, enrolled.code("alice"))
    [pending] = [one for one in state.store.enrolments() if one.confirmed_at is None]
    assert state.store.reseal("1", pending.id, pending.sealed, "1.nonsense")
    assert key(enrolled, state) is None
    assert state.store.reseal("1", pending.id, "1.nonsense", pending.sealed)
    assert key(enrolled, state) is not None

    class Gone(Calls):
        def factor(self, subject: str) -> None:
            return None

    Gone(state)
    assert key(enrolled, state) is None


# Confirm


@pytest.mark.requirement("ENR-16", "ENR-09", "LOG-01", "LIF-06")
def test_a_right_code_of_the_key_adds_the_authenticator_and_tells_the_owner(
    enrolled: Host, state: State, clock: Clock
) -> None:
    told: list[tuple[str, str]] = []
    state.hooks.notify = lambda user, notice: told.append((user.username, notice.kind))
    before = factor_of(state)
    added = add(enrolled, state, clock)
    assert factor_of(state) == Factor(before.id, "1", (*factor_of(state).authenticators[:1], added))
    assert (added.name, added.confirmed_at, added.last_step) == ("Spare", state.now, state.now // 30)
    assert state.open_secret(added) == enrolled.secrets["Spare"]
    assert told == [("alice", "authenticator-added")]
    assert events(state, "authenticator-added") == [("authenticator-added", {"name": "Spare"})]
    assert key(enrolled, state) is None


@pytest.mark.requirement("ENR-15")
def test_wrong_codes_of_the_key_add_nothing_and_the_tenth_ends_it(enrolled: Host, state: State) -> None:
    begin(enrolled, state, enrolled.code("alice"))
    near = {code_of(enrolled, state, steps=steps) for steps in range(-3, 4)}
    wrong = next(text for text in ("000000", "111111", "222222") if text not in near)
    right = code_of(enrolled, state)
    for number in range(10):
        with pytest.raises(CodeRejected if number < 9 else SetupExpired):
            authenticators.confirm(state, enrolled.users["alice"], wrong, BY)
    assert key(enrolled, state) is None
    for session in (BY, "c" * 64):
        with pytest.raises(SetupExpired):
            authenticators.confirm(state, enrolled.users["alice"], right, session)
    assert len(factor_of(state).authenticators) == 1
    assert events(state, "authenticator-added") == []


@pytest.mark.requirement("ENR-08")
def test_a_key_is_too_late_where_the_factor_was_changed_meanwhile(enrolled: Host, state: State) -> None:
    begin(enrolled, state, enrolled.code("alice"))
    text = code_of(enrolled, state)

    class Meanwhile(Calls):
        def count_try(self, subject: str, *arguments: Any) -> bool:
            counted: bool = self._store.count_try(subject, *arguments)
            self._store.reset(subject)
            return counted

    Meanwhile(state)
    with pytest.raises(SetupExpired, match=r"^the factor was changed meanwhile$"):
        authenticators.confirm(state, enrolled.users["alice"], text, BY)
    assert events(state, "authenticator-added") == []


# The list


def test_authenticators_are_listed_the_oldest_first_with_their_name_and_last_use(
    enrolled: Host, state: State, clock: Clock
) -> None:
    first, began = factor_of(state).authenticators[0], state.now
    assert authenticators.listing(state, "1") == [
        authenticators.Shown(first.id, "Authenticator app", began, None),
    ]
    clock.move(7)
    spare = add(enrolled, state, clock, "My tablet \u00e9")
    step = state.now // 30 * 30
    assert authenticators.listing(state, "1") == [
        authenticators.Shown(first.id, "Authenticator app", began, step),
        authenticators.Shown(spare.id, "My tablet \u00e9", state.now, step),
    ]
    assert authenticators.listing(state, "2") == []
    with pytest.raises(FrozenInstanceError):
        authenticators.listing(state, "1")[0].name = "x"  # type: ignore[misc]


def test_a_code_of_the_first_time_step_of_all_was_used(enrolled: Host, state: State) -> None:
    life = factor_of(state).authenticators[0]
    assert state.store.spend("1", life.id, 0, None, None)
    assert authenticators.listing(state, "1")[0].used_at == 0


# Remove


@pytest.mark.requirement("ENR-16", "LIF-08", "SES-09", "LOG-01", "LIF-06")
def test_an_authenticator_is_taken_away_with_a_code_and_every_other_session_ends(
    enrolled: Host, state: State, clock: Clock
) -> None:
    spare, first = add(enrolled, state, clock), factor_of(state).authenticators[0]
    told: list[tuple[str, str]] = []
    state.hooks.notify = lambda user, notice: told.append((user.username, notice.kind))
    _, other = state.new_mark("1", factor_of(state).id, password_at=1, code_at=1)
    state.store.add_mark(other)
    clock.move(30)
    token = remove(enrolled, state, first.id, enrolled.code("Spare"))
    factor, digest, now = factor_of(state), token_digest(token), state.now
    assert (factor.id, [one.id for one in factor.authenticators]) == (first.id, [spare.id])
    assert state.store.marks("1") == [Mark(digest, "1", first.id, now, now, 5, now)]
    assert told == [("alice", "authenticator-removed")]
    assert events(state, "authenticator-removed") == [("authenticator-removed", {"name": "Authenticator app"})]


@pytest.mark.parametrize("by", ["its own code", "a recovery code"])
def test_an_authenticator_goes_with_its_own_code_or_a_recovery_code_and_its_name_is_recorded(
    enrolled: Host, state: State, clock: Clock, by: str
) -> None:
    spare = add(enrolled, state, clock)
    codes = enrolled.two_factor.new_recovery_codes(enrolled.users["alice"])
    clock.move(30)
    remove(enrolled, state, spare.id, enrolled.code("Spare") if by == "its own code" else codes[0])
    assert len(factor_of(state).authenticators) == 1
    assert events(state, "authenticator-removed") == [("authenticator-removed", {"name": "Spare"})]
    assert state.store.recovery("1").left == (10 if by == "its own code" else 9)


@pytest.mark.requirement("THR-09", "THR-05", "LOG-01")
def test_wrong_codes_take_no_authenticator_away_and_the_sixth_ends_the_session(
    enrolled: Host, state: State, clock: Clock, calls: Calls
) -> None:
    spare = add(enrolled, state, clock)
    clock.move(30)
    del calls.made[:]
    rescued = rescue.issue(state, enrolled.users["alice"], "ops", "boss").code
    told: list[tuple[str, str]] = []
    state.hooks.notify = lambda user, notice: told.append((user.username, notice.kind))
    for number in range(5):
        with pytest.raises(CodeRejected, match=WRONG):
            remove(enrolled, state, spare.id, enrolled.wrong_code("alice") if number else rescued, known=number > 2)
    with pytest.raises(SignInAgain):
        remove(enrolled, state, spare.id, enrolled.code("alice"))
    assert [pool for _, _, pool, _ in calls.of("charge")] == ["recovery", "unknown", "unknown", "known", "known"]
    assert len(factor_of(state).authenticators) == 2
    assert events(state, "code-rejected") == [("code-rejected", {"reason": "wrong"})] * 5
    assert told == [("alice", "few")]
    assert remove(enrolled, state, spare.id, enrolled.code("alice"), "c" * 64)


@pytest.mark.requirement("THR-09")
def test_a_removal_forgets_the_wrong_codes_of_its_session(enrolled: Host, state: State, clock: Clock) -> None:
    spares = [add(enrolled, state, clock, name) for name in ("One", "Two")]
    for spare in spares:
        clock.move(30)
        for _ in range(3):
            with pytest.raises(CodeRejected):
                remove(enrolled, state, spare.id, enrolled.wrong_code("alice"))
        remove(enrolled, state, spare.id, enrolled.code("alice"))


@pytest.mark.requirement("LIF-03")
def test_the_last_authenticator_and_what_is_none_of_the_account_are_not_taken_away(
    enrolled: Host, state: State, clock: Clock, calls: Calls
) -> None:
    message = r"^that is none of several authenticators of the account$"
    theirs = state.store.factor("3")
    assert theirs is not None
    with pytest.raises(NotEnrolled, match=message):
        remove(enrolled, state, factor_of(state).authenticators[0].id, enrolled.code("alice"))
    add(enrolled, state, clock)
    clock.move(30)
    del calls.made[:]
    for which in (theirs.id, "", "nothing"):
        with pytest.raises(NotEnrolled, match=message):
            remove(enrolled, state, which, enrolled.code("alice"))
    assert calls.of("charge") == []
    assert len(factor_of(state).authenticators) == 2


@pytest.mark.requirement("STO-07")
def test_the_authenticator_is_gone_where_the_counters_fail_afterwards(
    enrolled: Host, state: State, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    spare = add(enrolled, state, clock)
    clock.move(30)

    def fail(*_: Any) -> None:
        raise StoreUnavailable("down")

    monkeypatch.setattr(type(state.throttle), "refund", fail)
    assert remove(enrolled, state, spare.id, enrolled.code("alice"))
    assert "the counters did not answer: a right code stays counted for its session" in caplog.text
    assert len(factor_of(state).authenticators) == 1
