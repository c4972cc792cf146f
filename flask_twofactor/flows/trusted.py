"""Trusted browsers: one that its owner asked to skip codes on, for a while, after a log-in with one (TRB-01 to -08).

It stands in for the code of a log-in alone: never for the password, and never for a code that a change asks for.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..core.keyring import token_digest
from ..core.records import Mark, Origin, Trusted, TrustToken, new_id
from ..signals import trusted_browser_added, trusted_browser_forgotten
from ..state import State
from .notices import TRUSTED_ADDED, tell


def skips(state: State, subject: str, factor: str, trust: Sequence[TrustToken]) -> bool:
    """Tell whether a browser that holds ``trust`` is asked for no code; nothing is used up."""
    found = _rows(state, subject, factor, trust)
    return any(row.digest == given.digest for row, given in found)


def presented(state: State, subject: str, factor: str, trust: Sequence[TrustToken]) -> Trusted | None:
    """Give the row of the browser that may skip the code of this factor, as the browser has it; None for none.

    Asked before anything else is known, so that it takes the same of every account and password. A value that was
    used before is of a copy: the trust in that browser ends (TRB-05).
    """
    live = None
    for row, given in _rows(state, subject, factor, trust):
        if row.digest == given.digest:
            live = given
        else:
            _end_copied(state, subject, row.id)
    return live


def use(state: State, given: Trusted, mark: Mark) -> TrustToken | None:
    """Begin a session without a code, and give the value that the browser holds from now on; None where it may not."""
    fresh = TrustToken(given.id, secrets.token_urlsafe(32))
    if state.store.use_trusted(given, token_digest(fresh.value), state.now, mark):
        return fresh
    _end_copied(state, given.subject, given.id)
    return None


def _end_copied(state: State, subject: str, browser: str) -> None:
    state.store.forget_trusted(subject, browser)
    state.announce(trusted_browser_forgotten, subject, count=1, reason="copied")


def _rows(state: State, subject: str, factor: str, trust: Sequence[TrustToken]) -> list[tuple[Trusted, Trusted]]:
    """Give each row of this factor that the browser presents, and the same as the browser has it.

    Each value is looked up, whosever it is: the same work whether the account has a factor.
    """
    if not state.settings.trusted_browsers:
        return []
    not_before = state.now - state.settings.trusted_seconds
    found = []
    for token in trust:
        row, digest = state.store.trusted_browser(token.browser), token_digest(token.value)
        if row is not None and (row.subject, row.factor) == (subject, factor) and row.created_at >= not_before:
            found.append((row, replace(row, digest=digest)))
    return found


def add(state: State, user: Any, subject: str, factor: str) -> TrustToken | None:
    """Trust a browser after a log-in with a code, and give what it holds; None where the factor is gone meanwhile."""
    origin = state.current_origin() or Origin("", "")
    token, now = TrustToken(new_id(), secrets.token_urlsafe(32)), state.now
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
