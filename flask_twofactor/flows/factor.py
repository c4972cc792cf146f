"""The one place where a code is judged, for every purpose: charged, matched, spent (RPL-03, RPL-04)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..core.budget import Attempt, Pool
from ..core.codes import parse_code, parse_recovery_code
from ..core.records import Enrolment, Factor, Proof
from ..core.recovery import FEW, recovery_digest
from ..core.texts import Language
from ..core.totp import matching_step, step_at
from ..signals import alarm_raised, clock_jumped, code_accepted, code_rejected, recovery_code_used, rescue_used
from ..state import State, logger
from .notices import RECOVERY_USED, RESCUE_USED, tell


class Proven(NamedTuple):
    """What a right code proves: whose it is (`Store.spend`), as what it is spent, and whether it is a rescue code."""

    enrolment: str
    proof: Proof
    rescue: bool = False


Spend = Callable[[str, Proven, Attempt], bool]
"""``(subject, proven, attempt) -> accepted``: the conditional write that decides.

``attempt`` is how this very attempt was charged, to be refunded.
"""


@dataclass(frozen=True)
class Guess:
    """What somebody presents: whose it is to be, the text as typed, and whether the browser is a known one.

    ``user`` is who is told of wrong codes. Without ``armed`` the guess is wrong whatever it says; without
    ``takes_recovery`` a recovery code is no code, and without ``takes_rescue`` a rescue code is a wrong one.
    """

    name: str
    user: Any
    text: str | None = field(repr=False)
    known: bool
    armed: bool = True
    takes_recovery: bool = True
    takes_rescue: bool = False


class Judged(NamedTuple):
    """What became of a guess: why it was refused, "" where it was accepted.

    ``offset`` is the time step that a code was made for less the server's, ``left`` how many recovery codes there
    are after one was used; each None where no such code was accepted. ``rescued`` says that it was a rescue code.
    """

    reason: str
    offset: int | None = None
    left: int | None = None
    rescued: bool = False


def judge(state: State, guess: Guess, factor: Factor | None, spend: Spend) -> Judged:
    """Tell whether the guess is a right code of ``factor`` that ``spend`` accepted; the caller records it.

    Every step is taken whatever an earlier one said (VER-07): where there is nothing to judge
    (not armed, no factor, no code in the text), a decoy row of the name is charged, a decoy
    secret is matched and a step that no row accepts is spent. Only a well-formed code after a right
    password reaches the account's own budget; a spent budget answers "wrong" (THR-04).
    """
    now = state.now
    code = parse_code(guess.text)
    recovery = parse_recovery_code(guess.text) if guess.takes_recovery else None
    live = factor if guess.armed and (code or recovery) is not None else None
    decoy = state.decoy_subject(guess.name)
    pool: Pool = "recovery" if recovery else "known" if guess.known else "unknown"
    charged = live.subject if live else decoy
    attempt, warn = state.store.charge(charged, now, pool, len(live.authenticators) or 1 if live else 1)
    left = 0
    if recovery is None:
        proven = match(state, factor.authenticators if factor else (), code, now)
    else:  # what is left is read of everybody, and before a code is used up: a store that fails here costs none
        proven, left = _look_up(state, guess, factor, recovery, charged)
    ahead = _last_step(factor) - step_at(now)
    if live is not None and recovery is None and ahead > state.settings.window:
        _report_clock(state, live.subject, ahead)
    if live is None or attempt is None or proven is None:
        spend(decoy, Proven("", -1 if recovery is None else ""), Attempt(now, pool))
        if live is None:
            # A worker that goes on counting is busy for the next request: so it is after every failure.
            state.later(None, lambda _: state.throttle.alarms(state.settings.alarm, counts=False))
            return Judged("no-factor" if factor is None else "malformed")
        return _reject(state, guess.user, live.subject, "budget" if attempt is None else "wrong", warn)
    if not spend(live.subject, proven, attempt):
        return _reject(state, guess.user, live.subject, "replayed" if recovery is None else "wrong", warn)
    if proven.rescue:
        return _rescued(state, guess.user, live.subject)
    if isinstance(proven.proof, str):
        return _recovered(state, guess.user, live.subject, left - 1)
    offset = proven.proof - step_at(now)
    state.send(code_accepted, live.subject, offset=offset)
    return Judged("", offset)


def _recovered(state: State, user: Any, subject: str, left: int) -> Judged:
    """Announce a recovery code that was used, and tell the account's owner (REC-05)."""
    state.announce(recovery_code_used, subject, left=left)
    tell(state, user, RECOVERY_USED, lambda language: _left_over(language, left))
    return Judged("", left=left)


def _rescued(state: State, user: Any, subject: str) -> Judged:
    """Announce a rescue code that was used, and tell the account's owner."""
    state.announce(rescue_used, subject)
    tell(state, user, RESCUE_USED)
    return Judged("", rescued=True)


def how_many(language: Language, left: int) -> str:
    """Say how many recovery codes there are still."""
    if not left:
        return language.gettext("No recovery code is left.")
    return language.ngettext("One recovery code is left.", "%(count)s recovery codes are left.", left)


def _left_over(language: Language, left: int) -> str:
    advice = language.gettext("Make new ones in your settings.") if left <= FEW else ""
    return f"{how_many(language, left)} {advice}".rstrip()


def _look_up(state: State, guess: Guess, factor: Factor | None, code: str, charged: str) -> tuple[Proven | None, int]:
    """Give what a recovery or rescue code may be spent as, and how many there are; the same work without a factor."""
    subject, life = (factor.subject, factor.id) if factor else ("decoy:", "decoy")
    digest = recovery_digest(state.recovery_key, subject, life, code)
    left, rescue_until = state.store.recovery(charged, digest)
    rescue = rescue_until > 0
    if factor is None or (rescue and not (guess.takes_rescue and state.now <= rescue_until)):
        return None, left
    return Proven(life, digest, rescue), left


def _last_step(factor: Factor | None) -> int:
    return max((one.last_step for one in factor.authenticators), default=-1) if factor else -1


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


def match(state: State, authenticators: Sequence[Enrolment], code: str | None, now: int) -> Proven | None:
    """Give the authenticator whose ``code`` this is, and the step; the same work however many there are (VER-07).

    That is as many as any account of this store ever had: three HMACs where nobody has a spare one.
    The secrets stay in this frame: none that a store or a hook is called from shows them in a traceback (STO-12).
    """
    proven = None
    decoys = [state.decoy_enrolment] * (state.most_authenticators() - len(authenticators))
    for number, one in enumerate((*authenticators, *decoys)):
        opened = state.open_secret(one)
        step = matching_step(opened or state.decoy_secret, code or "000000", now, state.settings.window)
        if number < len(authenticators) and opened is not None and code is not None and step is not None:
            proven = Proven(one.id, step)
    return proven
