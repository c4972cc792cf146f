"""Manage: the state of an account's factor, and taking it away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..core.budget import Attempt
from ..core.records import Mark, Proof
from ..errors import CodeRejected, FactorRequired, StoreUnavailable
from ..signals import code_accepted, code_rejected, factor_disabled, factor_reset, sessions_ended
from ..state import State, logger
from .factor import Guess, judge
from .login import session_ticket
from .notices import RESET, SESSIONS_ENDED, tell


@dataclass(frozen=True)
class Status:
    """Whether the factor is on, since when (Unix seconds), whether it is mandatory, and the recovery codes left."""

    enabled: bool
    since: int | None
    required: bool
    recovery_left: int


def status(state: State, user: Any) -> Status:
    """Give the state of a user's factor."""
    subject = state.subject_of(user)
    enrolment = state.store.enrolment(subject)
    required = state.hooks.is_yes("requirement", user)
    if enrolment is None:
        return Status(False, None, required, 0)
    return Status(True, enrolment.confirmed_at, required, state.store.recovery_left(subject))


def disable(state: State, user: Any, text: str | None, sign_in: str, password_at: int, known: bool) -> str:
    """Take the factor away with a right, unspent code or recovery code; give the session's new value (LIF-01).

    Conditional on the enrolment that the code was judged against (RPL-06); ends every other session.
    ``sign_in`` names the present one, ``known`` says that the browser is a known one. Raises `CodeRejected`,
    `SignInAgain`, or `FactorRequired` where the host says that it must stay.
    """
    if state.hooks.is_yes("requirement", user):
        raise FactorRequired("the factor is mandatory for this account")
    subject = state.subject_of(user)
    ticket = session_ticket(state, subject, sign_in)
    enrolment = state.store.enrolment(subject)
    token, mark = state.new_mark(subject, "", password_at=password_at, code_at=0)

    def spend(account: str, life: str, proof: Proof, attempt: Attempt) -> bool:
        return state.store.disable(account, life, proof, attempt, mark)

    judged = judge(state, Guess(subject, user, text, known), enrolment, spend)
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
    """Spend a right code, for a host's own dialogue; give the enrolment that it was right for, "" for none.

    Charged to the budget.
    """
    subject = state.subject_of(user)

    def spend(account: str, life: str, proof: Proof, attempt: Attempt) -> bool:
        return state.store.spend(account, life, proof, attempt, None)

    enrolment = state.store.enrolment(subject)
    judged = judge(state, Guess(subject, user, text, known=False), enrolment, spend)
    if judged.reason or enrolment is None:
        state.record(code_rejected.name, subject, reason=judged.reason)
        return ""
    state.record(code_accepted.name, subject, offset=judged.offset)
    return enrolment.id


def reset(state: State, user: Any, by: str) -> bool:
    """Take every factor, mark and attempt away; True where a factor stood (LIF-04)."""
    subject = state.subject_of(user)
    stood = state.store.reset(subject)
    state.announce(factor_reset, subject, by=by)
    if stood:
        tell(state, user, RESET)
    return stood


def end_sessions(state: State, user: Any, refill: bool = False) -> int:
    """End every session of the account at its next request; give how many marks that were.

    ``refill`` clears the account's second-factor attempts: for a change by somebody who gave every factor.
    """
    subject = state.subject_of(user)
    count = state.store.end_sessions(subject, refill)
    state.announce(sessions_ended, subject, count=count)
    tell(state, user, SESSIONS_ENDED)
    return count


def end_other_sessions(state: State, subject: str, password_at: int, present: Mark | None) -> str:
    """End every session of the account but the present one; give that one's new value (SES-09).

    ``present`` is its mark, None where the host logged it in.
    """
    life, code_at = (present.enrolment, present.code_at) if present else ("", 0)
    token, mark = state.new_mark(subject, life, password_at=password_at, code_at=code_at)
    ended = state.store.end_sessions(subject, mark=mark)
    state.announce(sessions_ended, subject, count=ended - (present is not None))
    return token
