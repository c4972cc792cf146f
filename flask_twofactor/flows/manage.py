"""Manage: the state of an account's factor, and taking it away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..core.budget import Attempt
from ..core.records import Factor, Mark
from ..errors import CodeRejected, FactorRequired, StoreUnavailable
from ..signals import code_accepted, code_rejected, factor_disabled, factor_reset, sessions_ended
from ..state import State, logger
from . import requirement
from .factor import Guess, Proven, judge
from .login import session_ticket
from .notices import RESET, SESSIONS_ENDED, tell
from .verdicts import is_alive


@dataclass(frozen=True)
class Status:
    """Whether the factor is on, since when, whether it is mandatory, and what hangs on it.

    ``grace_until`` says until when somebody may go without who has to have it, 0 where there is no such time.
    Times are Unix seconds.
    """

    enabled: bool
    since: int | None
    required: bool
    grace_until: int = 0
    recovery_left: int = 0
    authenticators: int = 0


def status(state: State, user: Any) -> Status:
    """Give the state of a user's factor."""
    subject = state.subject_of(user)
    standing, factor = state.store.standing(subject, ""), state.store.factor(subject)
    required = requirement.is_required(state, user, standing)
    if factor is None:
        until = requirement.grace_end(state, standing.grace_from) if required else 0
        return Status(False, None, required, until)
    left = state.store.recovery(subject).left
    return Status(True, factor.since, required, 0, left, len(factor.authenticators))


def disable(state: State, user: Any, text: str | None, sign_in: str, password_at: int, known: bool) -> str:
    """Take the factor away with a right, unspent code or recovery code; give the session's new value (LIF-01).

    Conditional on the enrolment that the code was judged against (RPL-06); ends every other session.
    ``sign_in`` names the present one, ``known`` says that the browser is a known one. Raises `CodeRejected`,
    `SignInAgain`, or `FactorRequired` where the host says that it must stay.
    """
    subject = state.subject_of(user)
    if requirement.is_required(state, user, state.store.standing(subject, "")):
        raise FactorRequired("the factor is mandatory for this account")
    ticket = session_ticket(state, subject, sign_in)
    factor = state.store.factor(subject)
    token, mark = state.new_mark(subject, "", password_at=password_at, code_at=0)

    def spend(account: str, proven: Proven, attempt: Attempt) -> bool:
        return state.store.disable(account, proven.enrolment, proven.proof, attempt, mark)

    judged = judge(state, Guess(subject, user, text, known), factor, spend)
    if judged.reason:
        state.record(code_rejected.name, subject, reason=judged.reason)
        raise CodeRejected("the code was not right")
    try:
        state.throttle.refund(ticket)
    except StoreUnavailable:  # the factor is off, whatever becomes of the count
        logger.error("the counters did not answer: a right code stays counted for its session")
    state.announce(factor_disabled, subject, offset=judged.offset)
    return token


def verify(state: State, user: Any, text: str) -> str:
    """Spend a right code, for a host's own dialogue; give the id of the factor that it was right for, "" for none.

    Charged to the budget.
    """
    subject = state.subject_of(user)

    def spend(account: str, proven: Proven, attempt: Attempt) -> bool:
        return state.store.spend(account, proven.enrolment, proven.proof, attempt, None)

    factor: Factor | None = state.store.factor(subject)
    judged = judge(state, Guess(subject, user, text, known=False), factor, spend)
    if judged.reason or factor is None:
        state.record(code_rejected.name, subject, reason=judged.reason)
        return ""
    state.record(code_accepted.name, subject, offset=judged.offset)
    return factor.id


def reset(state: State, user: Any, by: str, reason: str = "") -> bool:
    """Take every factor, mark and attempt away; True where a factor stood (LIF-04).

    ``by`` says who did it, ``reason`` why, both for the record.
    """
    subject = state.subject_of(user)
    stood = state.store.reset(subject)
    why: dict[str, Any] = {"reason": reason} if reason else {}
    state.announce(factor_reset, subject, by=by, **why)
    if stood:
        tell(state, user, RESET)
    return stood


def end_sessions(state: State, user: Any, refill: bool = False, by: str = "") -> int:
    """End every session of the account at its next request; give how many marks that were.

    ``refill`` clears the account's second-factor attempts: for a change by somebody who gave every factor. ``by`` says
    which operator did it.
    """
    subject = state.subject_of(user)
    count = state.store.end_sessions(subject, refill)
    who: dict[str, Any] = {"by": by} if by else {}
    state.announce(sessions_ended, subject, count=count, **who)
    tell(state, user, SESSIONS_ENDED)
    return count


def end_other_sessions(state: State, subject: str, password_at: int, present: Mark | None) -> str:
    """End every session of the account but the present one; give that one's new value (SES-09).

    ``present`` is its mark, None where the host logged it in.
    """
    life, code_at, rescued = (present.enrolment, present.code_at, present.rescued) if present else ("", 0, 0)
    token, mark = state.new_mark(subject, life, password_at=password_at, code_at=code_at, rescued=rescued)
    ended = state.store.end_sessions(subject, mark=mark)
    state.announce(sessions_ended, subject, count=ended - (present is not None))
    return token


@dataclass(frozen=True)
class Session:
    """A session of an account that is alive: since when, when it was seen last, from where, and whether it is this one.

    Times are Unix seconds.
    """

    began_at: int
    seen_at: int
    source: str
    agent: str
    present: bool


def sessions(state: State, subject: str, digest: str) -> list[Session]:
    """Give the live sessions of an account, the present one (by the ``digest`` of its mark) first (SES-09, ASVS 7.5.2).

    A log-in that the host did itself to an account without the factor has no mark, so it is not among them.
    """
    factor = state.store.standing(subject, "").factor
    alive = [mark for mark in state.store.marks(subject) if is_alive(state, mark, factor)]
    listed = [Session(one.created_at, one.seen_at, one.source, one.agent, one.digest == digest) for one in alive]
    return sorted(listed, key=lambda one: not one.present)
