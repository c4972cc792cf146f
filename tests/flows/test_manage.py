"""MANAGE without HTTP: the state of a factor, the sessions of an account, and what they carry on."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from flask_twofactor.core.keyring import token_digest
from flask_twofactor.core.records import Mark
from flask_twofactor.flows import manage, recovery
from flask_twofactor.state import State
from tests.stores.records import STEP, make_mark, make_pending
from tests.support.host import Clock, Host

DAY = 86400


def life_of(state: State) -> str:
    factor = state.store.factor("1")
    assert factor is not None
    return factor.id


def sign_in(state: State, life: str = "", at: int = 0, subject: str = "1", source: str = "", agent: str = "") -> Mark:
    mark = make_mark(subject, life, state.now + at)._replace(source=source, agent=agent)
    state.store.add_mark(mark)
    return mark


@pytest.mark.requirement("SES-09")
def test_the_sessions_of_an_account_are_listed_the_present_one_first_and_then_by_when_they_were_seen(
    enrolled: Host, state: State
) -> None:
    life, now = life_of(state), state.now
    present = sign_in(state, life, -30, source="192.0.2.0/24", agent="Firefox")
    recent, older = sign_in(state, life, -10, agent="Chrome"), sign_in(state, life, -20)
    sign_in(state, "", -5, subject="2")
    state.store.touch_mark(older.digest, now - 15)
    assert manage.sessions(state, "1", present.digest) == [
        manage.Session(now - 30, now - 30, "192.0.2.0/24", "Firefox", True),
        manage.Session(now - 10, now - 10, "", "Chrome", False),
        manage.Session(now - 20, now - 15, "", "", False),
    ]
    assert [one.present for one in manage.sessions(state, "1", "another")] == [False] * 3
    assert manage.sessions(state, "1", recent.digest)[0].agent == "Chrome"
    assert manage.sessions(state, "4", "") == []


@pytest.mark.requirement("SES-09", "SES-08")
def test_sessions_that_are_over_or_of_another_factor_are_not_listed(enrolled: Host, state: State) -> None:
    life = life_of(state)
    for mark in ((life, -DAY - 1), ("", 0), ("another life", 0)):
        sign_in(state, *mark)
    alive = sign_in(state, life, -DAY)
    assert [one.began_at for one in manage.sessions(state, "1", "")] == [alive.created_at]
    without = sign_in(state, "", -31 * DAY, subject="2")
    sign_in(state, "", -31 * DAY - 1, subject="2")
    assert [one.began_at for one in manage.sessions(state, "2", "")] == [without.created_at]


def test_a_session_in_the_list_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        manage.Session(1, 2, "", "", True).present = False  # type: ignore[misc]


@pytest.mark.parametrize("rescued", [0, 1])
@pytest.mark.parametrize("end", ["the other sessions", "the recovery codes"])
def test_a_session_that_goes_on_stays_what_it_was_where_a_rescue_code_began_it(
    enrolled: Host, state: State, rescued: int, end: str
) -> None:
    present = sign_in(state, life_of(state))._replace(rescued=rescued, code_at=4)
    if end == "the other sessions":
        token = manage.end_other_sessions(state, "1", 5, present)
    else:
        _, token = recovery.renew_from_python(state, enrolled.users["alice"], 5, present)
    kept = state.store.standing("1", token_digest(token)).mark
    assert kept is not None
    assert (kept.rescued, kept.password_at, kept.code_at) == (rescued, 5, 4)


def test_without_a_session_new_recovery_codes_leave_none(enrolled: Host, state: State) -> None:
    codes, token = recovery.renew_from_python(state, enrolled.users["alice"], 5, None)
    assert (len(codes), token, state.store.marks("1")) == (10, "", [])


def test_a_status_that_says_nothing_more_says_none() -> None:
    bare = manage.Status(False, None, False)
    assert (bare.grace_until, bare.recovery_left, bare.authenticators) == (0, 0, 0)


def test_the_status_says_what_hangs_on_the_factor(enrolled: Host, state: State, clock: Clock) -> None:
    alice, began = enrolled.users["alice"], state.now
    clock.move(60)
    assert manage.status(state, alice) == manage.Status(True, began, False, 0, recovery_left=0, authenticators=1)
    recovery.renew_from_python(state, alice, 5, None)
    pending = make_pending("1", at=state.now)
    state.store.open_enrolment(pending, 0, 10)
    assert state.store.add_authenticator("1", pending.id, life_of(state), STEP, state.now)
    state.store.set_required("1", True)
    object.__setattr__(state, "settings", replace(state.settings, grace_seconds=9))
    assert manage.status(state, alice) == manage.Status(True, began, True, 0, recovery_left=10, authenticators=2)
    assert manage.status(state, enrolled.users["bob"]) == manage.Status(False, None, False, 0, 0, 0)
