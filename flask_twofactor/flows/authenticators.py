"""Several authenticators of one account, a phone and a spare: added with a current code, removed one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..core.budget import Attempt
from ..core.records import MAX_AUTHENTICATORS, Enrolment, Factor
from ..core.texts import marked
from ..core.totp import PERIOD, provisioning_uri
from ..errors import CodeRejected, NotEnrolled, SetupExpired, StoreUnavailable, TooManyAuthenticators
from ..signals import authenticator_added, authenticator_removed, code_rejected
from ..state import State, logger
from .factor import Guess, Proven, judge
from .login import session_ticket
from .notices import AUTHENTICATOR_ADDED, AUTHENTICATOR_REMOVED, tell
from .setup import Setup, judge_key, open_key, pending

MAX_NAME = 64
"""Characters."""
FIRST = marked("Authenticator app")
"""What the first one is called, which nobody is asked to name."""


@dataclass(frozen=True)
class Shown:
    """An authenticator as its owner sees it: since when, and when a code of it was accepted last (Unix seconds)."""

    id: str
    name: str
    since: int
    used_at: int | None


def listing(state: State, subject: str) -> list[Shown]:
    """Give the authenticators of an account, the oldest first."""
    factor = state.store.factor(subject)
    return [_shown(state, one) for one in factor.authenticators] if factor else []


def _shown(state: State, one: Enrolment) -> Shown:
    used_at = one.last_step * PERIOD if one.last_step >= 0 else None
    return Shown(one.id, one.name or state.language(None).gettext(FIRST), one.confirmed_at or one.created_at, used_at)


def begin(state: State, user: Any, name: str, text: str | None, sign_in: str, known: bool, issuer: str) -> None:
    """Open the key of a further authenticator, with a right code or recovery code of what the account has.

    ``sign_in`` names the session, ``known`` says that the browser is a known one. Raises `TooManyAuthenticators`,
    `NotEnrolled`, `CodeRejected` or `SignInAgain`.
    """
    subject = state.subject_of(user)
    factor = _factor(state, subject)
    if len(factor.authenticators) >= MAX_AUTHENTICATORS:
        raise TooManyAuthenticators(f"an account has at most {MAX_AUTHENTICATORS} authenticators")
    ticket = session_ticket(state, subject, sign_in)

    def spend(account: str, proven: Proven, attempt: Attempt) -> bool:
        return state.store.spend(account, proven.enrolment, proven.proof, attempt, None)

    _judge(state, Guess(subject, user, text, known), factor, spend)
    state.throttle.refund(ticket)
    open_key(state, user, subject, sign_in, issuer, name)


def key(state: State, user: Any, sign_in: str, issuer: str) -> tuple[str, Setup] | None:
    """Give the name and the key of the authenticator that this session is adding, None where there is none."""
    subject = state.subject_of(user)
    found = pending(state, subject, sign_in)
    secret = state.open_secret(found) if found is not None else None
    if found is None or secret is None or state.store.factor(subject) is None:
        return None
    uri = provisioning_uri(secret, str(state.hooks.ask("account_name", user)), issuer)
    return found.name, Setup(secret, uri, found.created_at + state.settings.setup_seconds)


def confirm(state: State, user: Any, text: str | None, sign_in: str) -> None:
    """Add the authenticator with a code made from its key.

    Raises `CodeRejected` or `SetupExpired` (`judge_key`), the latter also where there are too many meanwhile.
    """
    subject = state.subject_of(user)
    factor = _factor(state, subject)
    found, step = judge_key(state, subject, sign_in, text)
    state.note_authenticators(len(factor.authenticators) + 1)
    if not state.store.add_authenticator(subject, found.id, factor.id, step, state.now):
        raise SetupExpired("the factor was changed meanwhile")
    state.announce(authenticator_added, subject, name=found.name)
    tell(state, user, AUTHENTICATOR_ADDED)


def remove(
    state: State, user: Any, authenticator: str, text: str | None, sign_in: str, password_at: int, known: bool
) -> str:
    """Take one of several authenticators away with a right code or recovery code; give the session's new value.

    Ends every other session. The last one goes with the factor (`manage.disable`), never by this. Raises
    `NotEnrolled` where it is no authenticator of the account or the last one, `CodeRejected` or `SignInAgain`.
    """
    subject = state.subject_of(user)
    factor = _factor(state, subject)
    gone = next((one for one in factor.authenticators if one.id == authenticator), None)
    if gone is None or len(factor.authenticators) < 2:
        raise NotEnrolled("that is none of several authenticators of the account")
    ticket = session_ticket(state, subject, sign_in)
    token, mark = state.new_mark(subject, factor.id, password_at=password_at, code_at=state.now)

    def spend(account: str, proven: Proven, attempt: Attempt) -> bool:
        return state.store.remove_authenticator(account, gone.id, proven.enrolment, proven.proof, attempt, mark)

    _judge(state, Guess(subject, user, text, known), factor, spend)
    try:
        state.throttle.refund(ticket)
    except StoreUnavailable:  # it is gone, whatever becomes of the count
        logger.error("the counters did not answer: a right code stays counted for its session")
    state.announce(authenticator_removed, subject, name=gone.name or FIRST)
    tell(state, user, AUTHENTICATOR_REMOVED)
    return token


def _factor(state: State, subject: str) -> Factor:
    factor = state.store.factor(subject)
    if factor is None:
        raise NotEnrolled("the account has no factor")
    return factor


def _judge(state: State, guess: Guess, factor: Factor, spend: Any) -> None:
    judged = judge(state, guess, factor, spend)
    if judged.reason:
        state.record(code_rejected.name, factor.subject, reason=judged.reason)
        raise CodeRejected("the code was not right")
