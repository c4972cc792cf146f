"""Accounts as an operator sees them: a list of many, and all that there is to know of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..core.budget import Budget
from ..core.records import Account, Event, Trusted
from ..state import DECOY, State
from . import authenticators, requirement, trusted
from .authenticators import Shown
from .manage import Session, sessions
from .requirement import Rule

EVENTS = 10
"""Of one account, in what there is to know of it."""


@dataclass(frozen=True)
class Listed:
    """One account of a list. ``required`` is an operator's word: the host's hook cannot be asked without a user.

    Times are Unix seconds, None for none.
    """

    key: str
    enabled: bool
    since: int | None
    required: bool
    grace_until: int | None
    locked: bool


@dataclass(frozen=True)
class Lock:
    """Whether codes of the authenticator are judged; recovery codes have a budget of their own.

    ``until`` is when they are again where no code is right at present, ``until_new`` where none is that comes from a
    browser which is not known (Unix seconds), each None where they are judged. ``stopped`` says that no waiting helps.
    """

    stopped: bool
    until: int | None
    until_new: int | None

    @property
    def locked(self) -> bool:
        """Tell whether no code is right at present, whatever browser it comes from."""
        return self.stopped or self.until is not None


@dataclass(frozen=True)
class Overview:
    """All that there is to know of one account; ``rules`` say by whom the factor is mandatory. Times as in `Listed`."""

    key: str
    enabled: bool
    since: int | None
    authenticators: tuple[Shown, ...]
    recovery_left: int
    rules: tuple[Rule, ...]
    grace_until: int | None
    lock: Lock
    sessions: tuple[Session, ...]
    trusted: tuple[Trusted, ...]
    events: tuple[Event, ...]


def listing(state: State, *, enabled: bool = False, required: bool = False, locked: bool = False) -> Iterator[Listed]:
    """Give the accounts for which all of this is so, by rising key, in bounded memory.

    Those that have the factor, where nothing is asked for.
    """
    enabled = enabled or not (required or locked)
    for account in state.store.accounts():
        if account.subject.startswith(DECOY):
            continue
        one = _listed(state, account)
        if (one.enabled or not enabled) and (one.required or not required) and (one.locked or not locked):
            yield one


def _listed(state: State, account: Account) -> Listed:
    enabled = account.factor is not None
    waits = account.required and not enabled
    until = requirement.grace_end(state, account.grace_from) if waits else 0
    locked = account.budget.is_locked(state.now)
    return Listed(account.subject, enabled, account.since, account.required, until or None, locked)


def overview(state: State, user: Any) -> Overview:
    """Give all that there is to know of a user's account; looking changes nothing: no grace begins."""
    subject = state.subject_of(user)
    standing, account = state.store.standing(subject, ""), state.store.account(subject)
    rules, enabled = requirement.rules(state, user, standing), standing.factor is not None
    until = requirement.grace_end(state, standing.grace_from) if rules and not enabled else 0
    return Overview(
        key=subject,
        enabled=enabled,
        since=account.since if account else None,
        authenticators=tuple(authenticators.listing(state, subject)),
        recovery_left=state.store.recovery(subject).left,
        rules=rules,
        grace_until=until or None,
        lock=_lock(account.budget if account else Budget(), state.now),
        sessions=tuple(sessions(state, subject, "")),
        trusted=tuple(trusted.listing(state, subject)) if state.settings.trusted_browsers else (),
        events=tuple(state.store.events(subject, EVENTS)),
    )


def _lock(budget: Budget, now: int) -> Lock:
    known, new = budget.opens_at(now, "known"), budget.opens_at(now, "unknown")
    stopped = known is None
    return Lock(stopped, _later(known, now), _later(new, now))


def _later(at: int | None, now: int) -> int | None:
    return at if at is not None and at > now else None
