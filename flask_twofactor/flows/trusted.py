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
    presented = _presented(state, subject, factor, trust)
    return presented is not None and presented[0].digest == presented[1].digest


def use(state: State, subject: str, factor: str, trust: Sequence[TrustToken], mark: Mark) -> TrustToken | None:
    """Begin a session without a code, and give the value that the browser holds from now on; None where it may not.

    A value that was used before is of a copy: the trust in that browser ends (TRB-05).
    """
    presented = _presented(state, subject, factor, trust)
    if presented is None:
        return None
    row, given = presented
    fresh = TrustToken(row.id, secrets.token_urlsafe(32))
    if state.store.use_trusted(given, token_digest(fresh.value), state.now, mark):
        return fresh
    state.announce(trusted_browser_forgotten, subject, count=1, reason="copied")
    return None


def _presented(state: State, subject: str, factor: str, trust: Sequence[TrustToken]) -> tuple[Trusted, Trusted] | None:
    """Give the row of the browser and the row as the browser would have it, where it is trusted for this account."""
    if not state.settings.trusted_browsers:
        return None
    not_before = state.now - state.settings.trusted_seconds
    for token in trust:
        row = state.store.trusted_browser(token.browser)
        if row is not None and (row.subject, row.factor) == (subject, factor) and row.created_at >= not_before:
            return row, replace(row, digest=token_digest(token.value))
    return None


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
