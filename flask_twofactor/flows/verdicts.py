"""Verdicts: who a session is, by the mark or the note that it has, asked at every request."""

from __future__ import annotations

from typing import Literal

from ..core.records import Mark, Note, Standing
from ..state import State

Verdict = Literal["in", "due", "setup", "out"]
"""Who a session is: in, owing the code, owing the set-up of a factor, or nobody."""
WITHOUT_FACTOR_SECONDS = 31 * 86400
"""Longest pause of a log-in of an account without the factor: what Flask allows its cookie."""
_TOUCHES = 12
"""A mark in use is written so many times in its idle limit: seldom enough to cost nothing."""


def of_mark(state: State, subject: str, standing: Standing) -> Verdict:
    """Tell who a session is whose mark was found, inside the mark's absolute and idle limits (SES-08).

    Notes now and then that the mark was seen.
    """
    _, factor, _, _, digest, owner, enrolment, created_at, seen_at, _, _, rescued = standing
    now = int(state.clock())
    alive, idle = _limits(state, factor, enrolment or "", created_at, seen_at, now)
    if not alive or owner != subject or digest is None:
        return "out"
    if factor is not None and factor != enrolment:
        return "due"
    if now - seen_at > idle // _TOUCHES:
        state.store.touch_mark(digest, now)
    return "setup" if rescued else "in"


def _limits(state: State, factor: str | None, life: str, created_at: int, seen_at: int, now: int) -> tuple[bool, int]:
    """Tell whether a mark is inside its limits, and its longest pause in seconds."""
    if not life:
        return now - seen_at <= WITHOUT_FACTOR_SECONDS, WITHOUT_FACTOR_SECONDS
    longest = state.settings.session_seconds
    idle = state.settings.idle_seconds or longest
    return factor is not None and now - created_at <= longest and now - seen_at <= idle, idle


def is_alive(state: State, mark: Mark, factor: str | None) -> bool:
    """Tell whether a mark opens the account still, while this factor stands."""
    alive, _ = _limits(state, factor, mark.enrolment, mark.created_at, mark.seen_at, state.now)
    return alive and (factor or "") == mark.enrolment


def of_note(state: State, subject: str, standing: Standing, note: Note | None) -> Verdict:
    """Tell who a session is that has no mark, by its note; None where it has none.

    A session value without a row comes as a `Note` of another epoch.
    """
    if note is None:  # a session that Flask-Login knows and we do not: good while nothing was ever ended
        return "in" if standing.epoch == 0 and standing.factor is None else "out"
    if note.subject != subject or note.epoch != standing.epoch:
        return "out"
    if standing.factor is None:
        return "in"
    return "due" if state.now - note.at <= state.settings.pending_seconds else "out"


def remembered(standing: Standing) -> Verdict:
    """Tell who a browser is that holds a remember cookie of the account's present epoch.

    The cookie opens an account without a factor, and stands for the password alone where there is one (SES-05).
    """
    return "in" if standing.factor is None else "due"
