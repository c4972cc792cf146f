"""Rescue codes: who makes one, how long it is good, what is recorded, and that there is one at most."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, replace

import pytest

from flask_twofactor.core.codes import parse_recovery_code
from flask_twofactor.core.records import Recovery
from flask_twofactor.core.recovery import recovery_digest
from flask_twofactor.errors import NotEnrolled, TwoFactorError
from flask_twofactor.flows import rescue
from flask_twofactor.state import State
from tests.flows.conftest import Calls
from tests.support.host import Host


def kept(state: State, code: str) -> Recovery:
    """Give what the store knows of a code of alice."""
    factor, folded = state.store.factor("1"), parse_recovery_code(code)
    assert factor is not None
    assert folded is not None
    return state.store.recovery("1", recovery_digest(state.recovery_key, "1", factor.id, folded))


@pytest.mark.requirement("STO-04", "LOG-01", "LIF-06")
def test_a_rescue_code_is_shown_once_kept_as_a_digest_and_recorded_under_two_names(
    enrolled: Host, state: State
) -> None:
    told: list[tuple[str, str]] = []
    state.hooks.notify = lambda user, notice: told.append((user.username, notice.kind))
    made = rescue.issue(state, enrolled.users["alice"], "ops", "boss")
    assert re.fullmatch(r"tfrs(-[0-9a-hjkmnp-tv-z]{4}){6}", made.code)
    assert made.expires_at == state.now + 3600
    assert kept(state, made.code) == (0, made.expires_at)
    assert told == [("alice", "rescue-issued")]
    [event] = [one for one in state.store.events("1", 9) if one.kind == "twofactor-rescue-issued"]
    assert event.details == {"by": "ops", "witness": "boss", "expires_at": made.expires_at}
    assert made.code not in repr(made)
    with pytest.raises(FrozenInstanceError):
        made.code = "x"  # type: ignore[misc]


def test_a_rescue_code_takes_the_place_of_an_earlier_one_and_lives_as_long_as_is_set(
    enrolled: Host, state: State
) -> None:
    first = rescue.issue(state, enrolled.users["alice"], "ops", "boss")
    object.__setattr__(state, "settings", replace(state.settings, rescue_seconds=300))
    second = rescue.issue(state, enrolled.users["alice"], "ops", "boss")
    assert second.expires_at == state.now + 300
    assert [kept(state, one.code).rescue_until for one in (first, second)] == [0, second.expires_at]


@pytest.mark.parametrize(
    ("by", "witness"), [("ops", "ops"), ("ops", " OPS "), ("Strasse", "STRAßE"), ("", "boss"), ("ops", " ")]
)
def test_a_rescue_code_takes_two_people(enrolled: Host, state: State, calls: Calls, by: str, witness: str) -> None:
    message = r"^a rescue code takes two people: one who makes it, and another who vouches for it$"
    with pytest.raises(TwoFactorError, match=message):
        rescue.issue(state, enrolled.users["alice"], by, witness)
    assert calls.of("add_rescue") == []


def test_there_is_no_rescue_code_without_a_factor(enrolled: Host, state: State) -> None:
    told: list[object] = []
    state.hooks.notify = lambda user, notice: told.append(notice)
    with pytest.raises(NotEnrolled, match=r"^the account has no factor: its password alone logs in$"):
        rescue.issue(state, enrolled.users["bob"], "ops", "boss")

    class Meanwhile(Calls):
        def add_rescue(self, subject: str, factor: str, digest: str, expires_at: int) -> bool:
            self._store.reset(subject)
            added: bool = self._store.add_rescue(subject, factor, digest, expires_at)
            return added

    Meanwhile(state)
    with pytest.raises(NotEnrolled):
        rescue.issue(state, enrolled.users["alice"], "ops", "boss")
    assert told == []
    assert state.store.events("1", 9)[0].kind != "twofactor-rescue-issued"
