"""Trusted browsers: one that its owner asked to skip codes on, for a while, after a log-in with one (TRB-01 to -08).

It stands in for the code of a log-in alone: never for the password, and never for a code that a change asks for.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ..core.keyring import token_digest
from ..core.records import Factor, Mark, Origin, Trusted, TrustToken, new_id
from ..signals import trusted_browser_added, trusted_browser_forgotten
from ..state import State
from .notices import TRUSTED, tell


class Presented(NamedTuple):
    """The row of a browser that is trusted for an account, and the row as the browser would have it."""

    row: Trusted
    given: Trusted

    @property
    def is_present(self) -> bool:
        """Tell whether the value is the one that was handed out last."""
        return self.row.digest == self.given.digest


def presented(state: State, subject: str, factor: Factor | None, trust: Sequence[TrustToken]) -> Presented | None:
    """Look a browser up that holds ``trust``; None where it is not trusted for this account and its factor.

    Asked of every name, whether there is such a factor or not: the same reads (VER-07).
    """
    if not state.settings.trusted_browsers:
        return None
    life, not_before = factor.id if factor else "", state.now - state.settings.trusted_seconds
    for token in trust:
        row = state.store.trusted_browser(token.browser)
        if row is not None and (row.subject, row.factor) == (subject, life) and row.created_at >= not_before:
            return Presented(row, replace(row, digest=token_digest(token.value)))
    return None


def skips(state: State, subject: str, factor: Factor | None, trust: Sequence[TrustToken]) -> bool:
    """Tell whether a browser that holds ``trust`` is asked for no code; nothing is used up."""
    found = presented(state, subject, factor, trust)
    return found is not None and found.is_present


def use(state: State, found: Presented, mark: Mark) -> TrustToken | None:
    """Begin a session without a code, and give the value that the browser holds from now on; None where it may not.

    A value that was used before is of a copy: the trust in that browser ends (TRB-05).
    """
    fresh = TrustToken(found.row.id, secrets.token_urlsafe(32))
    if state.store.use_trusted(found.given, token_digest(fresh.value), state.now, mark):
        return fresh
    state.announce(trusted_browser_forgotten, found.row.subject, count=1, reason="copied")
    return None


def expose(state: State, found: Presented | None) -> None:
    """End the trust in a browser whose value was used by another, where its owner gave a code instead (TRB-05)."""
    if found is not None and not found.is_present and state.store.forget_trusted(found.row.subject, found.row.id):
        state.announce(trusted_browser_forgotten, found.row.subject, count=1, reason="copied")


def add(state: State, user: Any, subject: str, factor: str) -> TrustToken | None:
    """Trust a browser after a log-in with a code, and give what it holds; None where the factor is gone meanwhile."""
    origin = state.current_origin() or Origin("", "")
    token, now = TrustToken(new_id(), secrets.token_urlsafe(32)), state.now
    row = Trusted(token.browser, subject, factor, token_digest(token.value), now, now, origin.address, origin.agent)
    if not state.store.add_trusted(row):
        return None
    state.announce(trusted_browser_added, subject)
    tell(state, user, TRUSTED)
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
