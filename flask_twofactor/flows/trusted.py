"""Trusted browsers: one that its owner asked to skip codes on, for a while, after a log-in with one (TRB-01 to -08).

It stands in for the code of a log-in alone: never for the password, and never for a code that a change asks for.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..core.keyring import token_digest
from ..core.records import Mark, Origin, Trusted, TrustToken, new_id
from ..signals import trusted_browser_added, trusted_browser_forgotten
from ..state import State
from .notices import TRUSTED_ADDED, tell


@dataclass(frozen=True)
class Held:
    """A trusted browser of an account as the store has it, and with the value that is presented for it."""

    row: Trusted
    given: Trusted

    @property
    def is_present(self) -> bool:
        """Tell whether the value is the one that the browser was given last."""
        return self.row.digest == self.given.digest


def skips(state: State, subject: str, factor: str, trust: Sequence[TrustToken]) -> bool:
    """Tell whether a browser that holds ``trust`` is asked for no code; nothing is used up."""
    held = _held(state, subject, factor, trust)
    return held is not None and held.is_present


def present(state: State, subject: str, factor: str, trust: Sequence[TrustToken]) -> Held | None:
    """Give what a log-in is presented in the place of a code; the same work whatever the password was (VER-07).

    A value that was used before is of a copy, or the copy was used first: the trust in that browser ends, whoever
    presents it and with whatever password and code (TRB-05).
    """
    held = _held(state, subject, factor, trust)
    if held is None or held.is_present:
        return held
    if state.store.forget_trusted(subject, held.row.id):
        _announce_copy(state, subject)
    return None


def use(state: State, held: Held, mark: Mark) -> TrustToken | None:
    """Begin a session without a code, and give the value that the browser holds from now on; None where it may not."""
    fresh = TrustToken(held.row.id, secrets.token_urlsafe(32))
    if state.store.use_trusted(held.given, token_digest(fresh.value), state.now, mark):
        return fresh
    _announce_copy(state, held.row.subject)
    return None


def _announce_copy(state: State, subject: str) -> None:
    state.announce(trusted_browser_forgotten, subject, count=1, reason="copied")


def _held(state: State, subject: str, factor: str, trust: Sequence[TrustToken]) -> Held | None:
    """Read each row that the browser names, whosever it is, and give the one that is of this account and factor."""
    if not state.settings.trusted_browsers:
        return None
    not_before = state.now - state.settings.trusted_seconds
    rows = [(state.store.trusted_browser(token.browser), token) for token in trust]
    for row, token in rows:
        if row is not None and (row.subject, row.factor) == (subject, factor) and row.created_at >= not_before:
            return Held(row, replace(row, digest=token_digest(token.value)))
    return None


def add(state: State, user: Any, subject: str, factor: str, trust: Sequence[TrustToken] = ()) -> TrustToken | None:
    """Trust a browser after a log-in with a code, and give what it holds; None where the factor is gone meanwhile.

    It takes the place of what that browser holds already in ``trust`` for the account: a second value beside it would
    go on in a copy when the first one gave the copy away (TRB-05).
    """
    origin = state.current_origin() or Origin("", "")
    rows = [row for token in trust if (row := state.store.trusted_browser(token.browser)) is not None]
    before = [row.id for row in rows if row.subject == subject]
    for browser in before:
        state.store.forget_trusted(subject, browser)
    token, now = TrustToken(before[0] if before else new_id(), secrets.token_urlsafe(32)), state.now
    row = Trusted(token.browser, subject, factor, token_digest(token.value), now, now, origin.address, origin.agent)
    if not state.store.add_trusted(row):
        return None
    state.announce(trusted_browser_added, subject)
    tell(state, user, TRUSTED_ADDED)
    return token


def listing(state: State, subject: str) -> list[Trusted]:
    """Give the trusted browsers of an account that still are, the one that was used last first (TRB-08)."""
    not_before = state.now - state.settings.trusted_seconds
    return [one for one in state.store.trusted(subject) if one.created_at >= not_before]


def forget(state: State, subject: str, browser: str | None) -> int:
    """End the trust in one browser of the account, in all where None; give how many that were."""
    count = state.store.forget_trusted(subject, browser)
    if count:
        state.announce(trusted_browser_forgotten, subject, count=count, reason="owner")
    return count
