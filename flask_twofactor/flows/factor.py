"""The one place where a code is judged, for every purpose: charged, matched, spent (RPL-03, RPL-04)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..core.budget import Attempt, Pool
from ..core.codes import parse_code, parse_recovery_code
from ..core.records import Enrolment, Proof
from ..core.recovery import FEW, recovery_digest
from ..core.totp import matching_step, step_at
from ..signals import alarm_raised, clock_jumped, code_accepted, code_rejected, recovery_code_used
from ..state import State, logger
from .notices import RECOVERY_USED, tell

Spend = Callable[[str, str, Proof, Attempt], bool]
"""``(subject, enrolment id, proof, attempt) -> accepted``: the conditional write that decides.

``attempt`` is how this very attempt was charged, to be refunded.
"""


@dataclass(frozen=True)
class Guess:
    """What somebody presents: whose it is to be, the text as typed, and whether the browser is a known one.

    ``user`` is who is told of wrong codes. Without ``armed`` the guess is wrong whatever it says; without
    ``takes_recovery`` a recovery code is no code.
    """

    name: str
    user: Any
    text: str | None = field(repr=False)
    known: bool
    armed: bool = True
    takes_recovery: bool = True


class Judged(NamedTuple):
    """What became of a guess: why it was refused, "" where it was accepted.

    ``offset`` is the time step that a code was made for less the server's, ``left`` how many recovery codes there
    are after one was used; each None where no such code was accepted.
    """

    reason: str
    offset: int | None = None
    left: int | None = None


def judge(state: State, guess: Guess, enrolment: Enrolment | None, spend: Spend) -> Judged:
    """Tell whether the guess is a right code of ``enrolment`` that ``spend`` accepted; the caller records it.

    Every step is taken whatever an earlier one said (VER-07): where there is nothing to judge
    (not armed, no enrolment, no code in the text), a decoy row of the name is charged, a decoy
    secret is matched and a step that no row accepts is spent. Only a well-formed code after a right
    password reaches the account's own budget; a spent budget answers "wrong" (THR-04).
    """
    now = state.now
    code = parse_code(guess.text)
    recovery = parse_recovery_code(guess.text) if guess.takes_recovery else None
    live = enrolment if guess.armed and (code or recovery) is not None else None
    decoy = state.decoy_subject(guess.name)
    pool: Pool = "recovery" if recovery else "known" if guess.known else "unknown"
    charged = live.subject if live else decoy
    attempt, warn = state.store.charge(charged, now, pool)
    proof = match(state, enrolment, code, now) if recovery is None else _digest(state, enrolment, recovery)
    # Read of everybody, and before a code is used up: a store that fails here costs none.
    left = 0 if recovery is None else state.store.recovery_left(charged)
    if live is not None and recovery is None and (ahead := live.last_step - step_at(now)) > state.settings.window:
        _report_clock(state, live.subject, ahead)
    if live is None or attempt is None or proof is None:
        spend(decoy, "", -1 if recovery is None else "", Attempt(now, pool))
        if live is None:
            # A worker that goes on counting is busy for the next request: so it is after every failure.
            state.later(None, lambda _: state.throttle.alarms(state.settings.alarm, counts=False))
            return Judged("no-factor" if enrolment is None else "malformed")
        return _reject(state, guess.user, live.subject, "budget" if attempt is None else "wrong", warn)
    if not spend(live.subject, live.id, proof, attempt):
        return _reject(state, guess.user, live.subject, "replayed" if recovery is None else "wrong", warn)
    if isinstance(proof, str):
        return _recovered(state, guess.user, live.subject, left - 1)
    offset = proof - step_at(now)
    state.send(code_accepted, live.subject, offset=offset)
    return Judged("", offset)


def _recovered(state: State, user: Any, subject: str, left: int) -> Judged:
    """Announce a recovery code that was used, and tell the account's owner (REC-05)."""
    state.announce(recovery_code_used, subject, left=left)
    tell(state, user, RECOVERY_USED, how_many(left) + (" Make new ones in your settings." if left <= FEW else ""))
    return Judged("", left=left)


def how_many(left: int) -> str:
    """Say how many recovery codes there are still."""
    return {0: "No recovery code is left.", 1: "One recovery code is left."}.get(
        left, f"{left} recovery codes are left."
    )


def _digest(state: State, enrolment: Enrolment | None, code: str) -> str | None:
    """Give what a recovery code is kept as; the same work where there is no enrolment."""
    own = enrolment or state.decoy_enrolment
    digest = recovery_digest(state.recovery_key, own.subject, own.id, code)
    return None if enrolment is None else digest


def _reject(state: State, user: Any, subject: str, reason: str, warn: str) -> Judged:
    """Announce a wrong code after a right password, and raise the alarm where there are many of them.

    All of it once the response is sent: the time that it takes must not tell that the password was right.
    """

    def announce(_: Any) -> None:
        state.send(code_rejected, subject, reason=reason)
        if state.throttle.alarms(state.settings.alarm):
            logger.warning("alarm: %d wrong codes after a right password within an hour", state.settings.alarm)
            state.announce(alarm_raised, "", count=state.settings.alarm)

    state.later(None, announce)
    if warn:
        tell(state, user, warn)
    return Judged(reason)


def _report_clock(state: State, subject: str, ahead: int) -> None:
    origin = state.current_origin()

    def report(_: Any) -> None:
        logger.warning("clock: the last code of subject=%r lies %d time steps ahead of this server", subject, ahead)
        state.announce(clock_jumped, subject, origin, ahead=ahead)

    state.later(None, report)


def match(state: State, enrolment: Enrolment | None, code: str | None, now: int) -> int | None:
    """Give the step that ``code`` has by the secret of ``enrolment``; the same work where there is neither.

    The secret stays in this frame: none that a store or a hook is called from shows it in a traceback (STO-12).
    """
    opened = state.open_secret(enrolment or state.decoy_enrolment)
    step = matching_step(opened or state.decoy_secret, code or "000000", now, state.settings.window)
    return step if enrolment is not None and opened is not None and code is not None else None
