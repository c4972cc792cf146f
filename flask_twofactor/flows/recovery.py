"""Recovery codes: made and handed over once, made anew, and how many are left."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

from ..core.budget import Attempt
from ..core.codes import RECOVERY_LENGTH
from ..core.keyring import RECOVERY, token_digest
from ..core.records import Mark, Sheet
from ..core.recovery import new_codes, printed, recovery_digest
from ..errors import CodeRejected, NotEnrolled
from ..signals import code_rejected, recovery_renewed
from ..state import State
from .factor import Guess, Proven, judge
from .login import session_ticket
from .notices import RENEWED, tell

SHOW_SECONDS = 600
"""How long new codes wait to be shown."""


@dataclass(frozen=True)
class NewCodes:
    """Recovery codes just made: as they are shown, sealed for the browser that may show them, and as they are kept."""

    shown: list[str] = field(repr=False)
    sealed: str = field(repr=False)
    sheet: Sheet


def make(state: State, subject: str, enrolment: str) -> NewCodes:
    """Make codes for an enrolment; nothing is kept yet."""
    codes = new_codes()
    plain = struct.pack(">Q", state.now) + "".join(codes).encode()
    sealed = state.keyring.seal(RECOVERY, plain, subject)
    digests = tuple(recovery_digest(state.recovery_key, subject, enrolment, code) for code in codes)
    return NewCodes([printed(code) for code in codes], sealed, Sheet(digests, token_digest(sealed)))


def show(state: State, subject: str, sealed: str | None) -> list[str] | None:
    """Give the new codes that a browser holds sealed, to the first who asks within ten minutes (ENR-11, REC-03)."""
    plain = state.keyring.open(RECOVERY, sealed, subject)
    if plain is None or sealed is None:
        return None
    (made_at,), codes = struct.unpack_from(">Q", plain), plain[8:].decode()
    if state.now - made_at > SHOW_SECONDS or not state.store.take_sheet(subject, token_digest(sealed)):
        return None
    return [printed(codes[at : at + RECOVERY_LENGTH]) for at in range(0, len(codes), RECOVERY_LENGTH)]


def renew(state: State, user: Any, text: str | None, sign_in: str, password_at: int, known: bool) -> tuple[str, str]:
    """Put new codes in the place of all others with a right code of the authenticator (REC-04).

    Gives the session's new value and the codes sealed for it; ends every other session. ``sign_in`` names the
    present one, ``known`` says that the browser is a known one. Raises `CodeRejected` or `SignInAgain`.
    """
    subject = state.subject_of(user)
    ticket = session_ticket(state, subject, sign_in)
    factor = state.store.factor(subject)
    life = factor.id if factor else ""
    made = make(state, subject, life)
    token, mark = state.new_mark(subject, life, password_at=password_at, code_at=state.now)

    def spend(account: str, proven: Proven, attempt: Attempt) -> bool:
        step = proven.proof
        return not isinstance(step, str) and state.store.renew_recovery(
            account, proven.enrolment, step, attempt, made.sheet, mark
        )

    judged = judge(state, Guess(subject, user, text, known, takes_recovery=False), factor, spend)
    if judged.reason:
        state.record(code_rejected.name, subject, reason=judged.reason)
        raise CodeRejected("the code was not right")
    _announce(state, user, subject)
    state.throttle.refund(ticket)
    return token, made.sealed


def renew_from_python(state: State, user: Any, password_at: int, present: Mark | None) -> tuple[list[str], str]:
    """Put new codes in the place of all others for a caller who has asked for a code itself.

    Gives them as they are shown, and the value of the ``present`` session, "" where there is none.
    Raises `NotEnrolled`.
    """
    subject = state.subject_of(user)
    factor = state.store.factor(subject)
    life = factor.id if factor else ""
    made = make(state, subject, life)
    code_at, rescued = (present.code_at, present.rescued) if present else (0, 0)
    token, mark = state.new_mark(subject, life, password_at=password_at, code_at=code_at, rescued=rescued)
    shown_here = Sheet(made.sheet.digests, "")
    if not state.store.renew_recovery(subject, life, None, None, shown_here, mark if present else None):
        raise NotEnrolled("the account has no factor that recovery codes could stand in for")
    _announce(state, user, subject)
    return made.shown, token if present else ""


def _announce(state: State, user: Any, subject: str) -> None:
    state.announce(recovery_renewed, subject)
    tell(state, user, RENEWED)
