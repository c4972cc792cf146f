"""For whom the factor is mandatory, and how long they may go without."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flask_twofactor.core.records import Standing
from flask_twofactor.errors import HookFailed
from flask_twofactor.flows import manage, requirement
from flask_twofactor.state import State
from tests.flows.conftest import Calls
from tests.support.host import Clock, Host

GRACE = 7 * 86400


def grant(state: State, seconds: int = GRACE) -> None:
    object.__setattr__(state, "settings", replace(state.settings, grace_seconds=seconds))


def standing(state: State, subject: str = "2") -> Standing:
    return state.store.standing(subject, "")


def owes(host: Host, state: State, name: str = "bob") -> bool:
    user = host.users[name]
    return requirement.owes_setup(state, user, str(user.id), standing(state, str(user.id)))


@pytest.mark.requirement("LIF-07")
@pytest.mark.parametrize("by_hook", [False, True])
@pytest.mark.parametrize("by_operator", [0, 1])
def test_the_factor_is_mandatory_where_the_hook_or_an_operator_says_so(
    enrolled: Host, state: State, by_hook: bool, by_operator: int
) -> None:
    asked: list[Any] = []

    def hook(user: Any) -> bool:
        asked.append(user)
        return by_hook

    state.hooks.requirement = hook
    bob = enrolled.users["bob"]
    assert requirement.is_required(state, bob, Standing(required=by_operator)) is bool(by_hook or by_operator)
    assert asked == ([] if by_operator else [bob])


@pytest.mark.requirement("LIF-07")
def test_a_hook_that_fails_lets_nobody_off(enrolled: Host, state: State) -> None:
    state.hooks.requirement = lambda user: 1  # type: ignore[assignment,return-value]
    with pytest.raises(HookFailed):
        owes(enrolled, state)


@pytest.mark.requirement("LIF-07")
def test_without_grace_who_has_no_factor_owes_it_at_once_and_who_has_one_never(
    enrolled: Host, state: State, calls: Calls
) -> None:
    assert [owes(enrolled, state, name) for name in ("alice", "bob")] == [False, False]
    state.store.set_required("2", True)
    state.store.set_required("1", True)
    assert [owes(enrolled, state, name) for name in ("alice", "bob", "carol")] == [False, True, False]
    state.hooks.requirement = lambda user: user in (enrolled.users["alice"], enrolled.users["carol"])
    assert [owes(enrolled, state, name) for name in ("alice", "carol")] == [False, True]
    assert requirement.grace_until(state, "2", standing(state)) == 0
    assert calls.of("begin_grace") == []


@pytest.mark.requirement("LIF-07")
def test_grace_lasts_from_the_first_log_in_under_the_rule(
    enrolled: Host, state: State, clock: Clock, calls: Calls
) -> None:
    grant(state)
    begun = state.now
    assert owes(enrolled, state) is False
    assert calls.of("begin_grace") == []
    state.store.set_required("2", True)
    assert owes(enrolled, state) is False
    assert standing(state).grace_from == begun
    clock.move(GRACE)
    assert requirement.grace_until(state, "2", standing(state)) == begun + GRACE
    assert owes(enrolled, state) is False
    clock.move(1)
    assert owes(enrolled, state) is True
    assert calls.of("begin_grace") == [("2", begun)]


@pytest.mark.requirement("LIF-07")
def test_grace_that_another_request_has_begun_meanwhile_counts(enrolled: Host, state: State, clock: Clock) -> None:
    grant(state)
    state.store.set_required("2", True)
    stale = standing(state)
    state.store.begin_grace("2", state.now - 50)
    assert requirement.grace_until(state, "2", stale) == state.now - 50 + GRACE


@pytest.mark.requirement("LIF-07")
def test_who_looks_at_an_account_begins_no_grace(enrolled: Host, state: State, clock: Clock, calls: Calls) -> None:
    grant(state)
    state.store.set_required("2", True)
    bob, now = enrolled.users["bob"], state.now
    assert manage.status(state, bob) == manage.Status(False, None, True, grace_until=0)
    assert calls.of("begin_grace") == []
    assert owes(enrolled, state) is False
    assert manage.status(state, bob) == manage.Status(False, None, True, grace_until=now + GRACE)
    grant(state, 0)
    assert manage.status(state, bob) == manage.Status(False, None, True, grace_until=0)
    state.store.set_required("2", False)
    grant(state)
    state.store.begin_grace("2", now)
    assert manage.status(state, bob) == manage.Status(False, None, False, grace_until=0)
