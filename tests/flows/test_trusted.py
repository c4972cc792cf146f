"""Trusted browsers without HTTP: who is one, what it holds, what ends the trust, and what is recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from flask_twofactor.core.keyring import token_digest
from flask_twofactor.core.records import Factor, Mark, Origin, Trusted, TrustToken
from flask_twofactor.flows import trusted
from flask_twofactor.state import State
from tests.flows.conftest import Calls
from tests.stores.records import make_mark
from tests.support.host import Clock, Host

DAY = 86400
FORGOTTEN = "twofactor-trusted-browser-forgotten"


@pytest.fixture(autouse=True)
def _on(state: State) -> None:
    switch(state, True)


def switch(state: State, on: bool) -> None:
    object.__setattr__(state, "settings", replace(state.settings, trusted_browsers=on))


def factor_of(state: State, subject: str = "1") -> Factor:
    found = state.store.factor(subject)
    assert found is not None
    return found


def add(host: Host, state: State, name: str = "alice") -> TrustToken:
    user = host.users[name]
    token = trusted.add(state, user, str(user.id), factor_of(state, str(user.id)).id)
    assert token is not None
    return token


def found_by(state: State, *trust: TrustToken, subject: str = "1") -> trusted.Held | None:
    factor = state.store.factor(subject)
    return trusted.present(state, subject, factor.id if factor else "", trust)


def events(state: State, subject: str = "1") -> list[tuple[str, object]]:
    return [(one.kind, dict(one.details)) for one in state.store.events(subject, 9) if "trusted" in one.kind]


# Adding


@pytest.mark.requirement("TRB-02", "TRB-08", "LIF-06")
def test_a_browser_that_is_trusted_holds_256_random_bits_and_the_store_their_digest(
    enrolled: Host, state: State
) -> None:
    told: list[tuple[str, str]] = []
    state.hooks.notify = lambda user, notice: told.append((user.username, notice.kind))
    object.__setattr__(state, "current_origin", lambda: Origin("192.0.2.0/24", "A browser"))
    token, other = add(enrolled, state), add(enrolled, state)
    now = state.now
    row = Trusted(
        token.browser, "1", factor_of(state).id, token_digest(token.value), now, now, "192.0.2.0/24", "A browser"
    )
    assert state.store.trusted_browser(token.browser) == row
    assert (len(token.browser), len(token.value)) == (32, 43)
    assert token.browser != other.browser
    assert token.value != other.value
    assert token.value not in f"{token!r} {row!r}"
    assert row.digest not in repr(row)
    assert told == [("alice", "trusted-browser-added")] * 2
    assert events(state) == [("twofactor-trusted-browser-added", {})] * 2


def test_a_browser_without_an_origin_is_trusted_too(enrolled: Host, state: State) -> None:
    row = state.store.trusted_browser(add(enrolled, state).browser)
    assert row is not None
    assert (row.source, row.agent) == ("", "")


@pytest.mark.requirement("TRB-02")
def test_no_browser_is_trusted_for_a_factor_that_is_gone(enrolled: Host, state: State) -> None:
    told: list[object] = []
    state.hooks.notify = lambda user, notice: told.append(notice)
    assert trusted.add(state, enrolled.users["alice"], "1", "another life") is None
    assert (events(state), told, state.store.trusted("1")) == ([], [], [])


# Who is one


@pytest.mark.requirement("TRB-01", "TRB-02")
def test_a_browser_skips_the_code_of_its_own_account_and_factor_with_its_present_value_alone(
    enrolled: Host, state: State
) -> None:
    mine, theirs = add(enrolled, state), add(enrolled, state, "mallory")
    factor = factor_of(state)
    assert trusted.skips(state, "1", factor.id, [mine]) is True
    assert trusted.skips(state, "1", factor.id, [theirs, mine]) is True
    for trust in ([], [theirs], [mine._replace(value=theirs.value)], [mine._replace(browser="another")]):
        assert trusted.skips(state, "1", factor.id, trust) is False
    assert trusted.skips(state, "3", factor_of(state, "3").id, [mine]) is False
    assert trusted.skips(state, "1", "another life", [mine]) is False
    assert trusted.skips(state, "1", "", [mine]) is False
    assert len(state.store.trusted("1")) == 1


@pytest.mark.requirement("TRB-01")
def test_where_trusted_browsers_are_off_none_is_one_and_none_is_looked_up(
    enrolled: Host, state: State, calls: Calls
) -> None:
    token = add(enrolled, state)
    switch(state, False)
    assert trusted.skips(state, "1", factor_of(state).id, [token]) is False
    assert found_by(state, token) is None
    assert calls.of("trusted_browser") == []


@pytest.mark.requirement("TRB-01", "TRB-04")
@pytest.mark.parametrize(("seconds", "trusts"), [(30 * DAY, True), (30 * DAY + 1, False)])
def test_trust_lasts_for_thirty_days_from_when_it_was_given_however_much_it_is_used(
    enrolled: Host, state: State, clock: Clock, seconds: int, trusts: bool
) -> None:
    token = add(enrolled, state)
    clock.move(DAY)
    found = found_by(state, token)
    assert found is not None
    used = trusted.use(state, found, make_mark("1"))
    assert used is not None
    clock.move(seconds - DAY)
    assert trusted.skips(state, "1", factor_of(state).id, [used]) is trusts
    assert len(trusted.listing(state, "1")) == trusts


def test_what_a_browser_presents_is_its_row_with_the_value_that_it_holds(enrolled: Host, state: State) -> None:
    token, theirs = add(enrolled, state), add(enrolled, state, "mallory")
    row = state.store.trusted_browser(token.browser)
    assert row is not None
    assert found_by(state, theirs, token) == trusted.Held(row, row)
    assert found_by(state, theirs) is None
    assert found_by(state, token, subject="2") is None


# Using


@pytest.mark.requirement("TRB-05")
def test_each_use_gives_another_value_and_keeps_the_mark(enrolled: Host, state: State, clock: Clock) -> None:
    token = add(enrolled, state)
    clock.move(5)
    found, mark = found_by(state, token), Mark("d" * 64, "1", factor_of(state).id, state.now, state.now, 7, 0)
    assert found is not None
    fresh = trusted.use(state, found, mark)
    assert fresh is not None
    assert fresh.browser == token.browser
    assert (len(fresh.value), fresh.value == token.value) == (43, False)
    assert state.store.trusted_browser(token.browser) == replace(
        found.row, digest=token_digest(fresh.value), used_at=state.now
    )
    assert state.store.standing("1", mark.digest).mark == mark
    assert [kind for kind, _ in events(state)] == ["twofactor-trusted-browser-added"]


@pytest.mark.requirement("TRB-05")
def test_a_value_of_before_ends_the_trust_in_that_browser_and_says_so(enrolled: Host, state: State) -> None:
    other, token = add(enrolled, state), add(enrolled, state)
    for _ in range(2):  # the second time there is nothing to end, and nothing to tell
        assert found_by(state, token._replace(value="an older one")) is None
    assert [one.id for one in state.store.trusted("1")] == [other.browser]
    assert [kind for kind, _ in events(state)].count(FORGOTTEN) == 1
    assert events(state)[0] == (FORGOTTEN, {"count": 1, "reason": "copied"})


@pytest.mark.requirement("TRB-05")
def test_of_two_that_hold_one_value_the_second_is_told_to_be_a_copy(enrolled: Host, state: State) -> None:
    token = add(enrolled, state)
    first, second = found_by(state, token), found_by(state, token)
    assert first is not None
    assert second is not None
    assert trusted.use(state, first, make_mark("1")) is not None
    lost = make_mark("1")
    assert trusted.use(state, second, lost) is None
    assert state.store.trusted("1") == []
    assert state.store.standing("1", lost.digest).mark is None
    assert events(state)[0] == (FORGOTTEN, {"count": 1, "reason": "copied"})


# Listing and forgetting


@pytest.mark.requirement("TRB-08", "TRB-04")
def test_the_owner_sees_the_browsers_that_are_trusted_and_forgets_one_or_all(
    enrolled: Host, state: State, clock: Clock
) -> None:
    tokens = []
    for _ in range(3):
        tokens.append(add(enrolled, state))
        clock.move(10)
    theirs = add(enrolled, state, "mallory")
    assert [one.id for one in trusted.listing(state, "1")] == [one.browser for one in tokens[::-1]]
    assert trusted.listing(state, "2") == []
    assert trusted.forget(state, "1", theirs.browser) == 0
    assert trusted.forget(state, "1", tokens[0].browser) == 1
    assert trusted.forget(state, "1", tokens[0].browser) == 0
    assert [one.id for one in trusted.listing(state, "1")] == [tokens[2].browser, tokens[1].browser]
    assert trusted.forget(state, "1", None) == 2
    assert trusted.forget(state, "1", None) == 0
    assert [one.id for one in trusted.listing(state, "3")] == [theirs.browser]
    assert [details for kind, details in events(state) if kind == FORGOTTEN] == [
        {"count": 2, "reason": "owner"},
        {"count": 1, "reason": "owner"},
    ]


@pytest.mark.requirement("TRB-04")
@pytest.mark.parametrize(
    "end",
    [
        lambda store: store.end_sessions("1"),
        lambda store: store.reset("1"),
        lambda store: store.forget("1"),
    ],
    ids=["sessions", "reset", "forget"],
)
def test_a_browser_whose_trust_has_ended_is_no_longer_one(
    enrolled: Host, state: State, end: Callable[[object], object]
) -> None:
    token, factor = add(enrolled, state), factor_of(state)
    found = found_by(state, token)
    assert found is not None
    end(state.store)
    assert trusted.skips(state, "1", factor.id, [token]) is False
    assert trusted.use(state, found, make_mark("1")) is None
