"""Set up: begin shows a key, confirm turns the factor on; enrol does both for imports and fixtures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..core.codes import parse_code
from ..core.records import Enrolment, new_id
from ..core.totp import in_groups, new_secret, parse_secret, provisioning_uri, step_at
from ..errors import AlreadyEnrolled, CodeRejected, SetupExpired, StoreUnavailable, TwoFactorError
from ..signals import factor_enabled
from ..state import State
from . import recovery
from .factor import match

MAX_TRIES = 10
"""Guesses at one pending secret (ENR-15, RFC 4226 §7.3)."""


@dataclass(frozen=True)
class Setup:
    """What the set-up page shows; the key in base32, whole, in groups and as an otpauth URI."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)
    expires_at: int

    @property
    def groups(self) -> list[str]:
        """Give the key in groups of four."""
        return in_groups(self.secret)


def begin(state: State, user: Any, subject: str, opened_by: str, issuer: str, replaces: str | None = None) -> Setup:
    """Give the key that this sign-in is setting up: the same one until it expires (ENR-07).

    ``opened_by`` is the digest of the sign-in, ``replaces`` the id of the factor that is set up anew. Raises
    `AlreadyEnrolled` where another stands.
    """
    factor = state.store.factor(subject)
    if (factor.id if factor else None) != replaces:
        raise AlreadyEnrolled("the account already has a factor")
    return open_key(state, user, subject, opened_by, issuer)


def open_key(state: State, user: Any, subject: str, opened_by: str, issuer: str, name: str = "") -> Setup:
    """Keep a pending enrolment of this sign-in and give the key to show; always a new one for an authenticator's name.

    Of a name the code was asked for just now: it takes the place of what was begun and not finished (ENR-07 is of the
    set-up, which may be opened as often as one likes).
    """
    account = str(state.hooks.ask("account_name", user))
    now, life = state.now, new_id()
    sealed = state.seal_secret(new_secret(), subject, life)
    fresh = Enrolment(life, subject, sealed, now, opened_by=opened_by, name=name)
    oldest = now + 1 if name else now - state.settings.setup_seconds
    for not_before in (oldest, now + 1):  # anew where the first does not open
        kept = state.store.open_enrolment(fresh, not_before, MAX_TRIES)
        if secret := state.open_secret(kept):
            uri = provisioning_uri(secret, account, issuer)
            return Setup(secret, uri, kept.created_at + state.settings.setup_seconds)
    raise StoreUnavailable("the key that was kept just now does not open")


def pending(state: State, subject: str, opened_by: str) -> Enrolment | None:
    """Give the enrolment that this sign-in is setting up, None where its key is gone."""
    found = state.store.pending_enrolment(subject, opened_by)
    if found is None or found.tries >= MAX_TRIES or state.now - found.created_at > state.settings.setup_seconds:
        return None
    return found


def judge_key(state: State, subject: str, opened_by: str, text: str | None) -> tuple[Enrolment, int]:
    """Give the pending enrolment of this sign-in, and the step that ``text`` is the code of (ENR-03).

    Raises `CodeRejected` for a wrong code, `SetupExpired` where the key is gone: too old, or guessed at ten times.
    """
    found = pending(state, subject, opened_by)
    if found is None:
        raise SetupExpired("the key that was being set up is gone: too old, or guessed at ten times")
    code = parse_code(text)
    if code is None:
        raise CodeRejected("that is no code of six digits")
    if not state.store.count_try(subject, found.id, MAX_TRIES):
        raise SetupExpired("too many wrong codes for one key")
    proven = match(state, [found], code, state.now)
    if proven is None or isinstance(proven.proof, str):
        state.record("twofactor-set-up-refused", subject, reason="code")
        if found.tries + 1 >= MAX_TRIES:  # that was the last guess: the next page shows a new key
            raise SetupExpired("too many wrong codes for one key")
        raise CodeRejected("the code was not right")
    return found, proven.proof


def confirm(
    state: State,
    subject: str,
    opened_by: str,
    text: str | None,
    password_at: int,
    *,
    replaces: str | None = None,
    with_codes: bool = True,
) -> tuple[str, str]:
    """Turn the factor on with a code made from the pending key, and make recovery codes.

    ``replaces`` is the id of the factor that goes with this. Gives the session's new value and the codes sealed for
    it, "" without them. Raises as `judge_key` does, `SetupExpired` also where the factor was set up meanwhile.
    Ends every other session of the account (ENR-10).
    """
    found, step = judge_key(state, subject, opened_by, text)
    now = state.now
    token, mark = state.new_mark(subject, found.id, password_at=password_at, code_at=now)
    made = recovery.make(state, subject, found.id) if with_codes else None
    sheet = made.sheet if made else None
    if not state.store.confirm_enrolment(subject, found.id, step, now, mark, sheet, replaces):
        raise SetupExpired("the factor was set up meanwhile")
    state.announce(factor_enabled, subject, offset=step - step_at(now))
    return token, made.sealed if made else ""


def enroll(state: State, user: Any, secret: str | None, issuer: str) -> str:
    """Write a confirmed enrolment without the pages; give the otpauth URI.

    ``secret`` is base32 of 128 to 512 bits, made where None. Raises `AlreadyEnrolled`.
    """
    subject = state.subject_of(user)
    known = new_secret() if secret is None else parse_secret(secret)
    if known is None:
        raise TwoFactorError("a secret is base32 text of 128 to 512 bits (RFC 4226 §4 R6)")
    account = str(state.hooks.ask("account_name", user))  # asked first: a key that nobody is shown locks the owner out
    if not state.store.put_enrolment(confirmed(state, subject, known)):
        raise AlreadyEnrolled("the account already has a factor; reset it first")
    state.announce(factor_enabled, subject)
    return provisioning_uri(known, account, issuer)


def confirmed(state: State, subject: str, secret: str, last_step: int = -1) -> Enrolment:
    """Give a confirmed enrolment of a secret, to be put into the store; steps up to ``last_step`` are spent."""
    life, now = new_id(), state.now
    sealed = state.seal_secret(secret, subject, life)
    return Enrolment(life, subject, sealed, now, confirmed_at=now, last_step=last_step)
