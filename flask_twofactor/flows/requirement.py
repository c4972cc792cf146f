"""The requirement: for whom the factor is mandatory, and how long they may still go without (LIF-07)."""

from __future__ import annotations

from typing import Any, Literal

from ..core.records import Standing
from ..state import State

Stage = Literal["free", "grace", "setup"]
"""Whether somebody need not set the factor up, need not yet, or has to before anything else."""
Rule = Literal["operator", "hook"]
"""Who says that the factor is mandatory: an operator (``twofactor require``), or the host's hook."""
REQUIRED = "twofactor-required"
NOT_REQUIRED = "twofactor-not-required"
"""Kinds of events: an operator made the factor mandatory for an account, or no longer."""


def is_required(state: State, user: Any, standing: Standing) -> bool:
    """Tell whether the factor is mandatory: the host's hook says so, or an operator did (``twofactor require``)."""
    return bool(standing.required) or state.hooks.is_yes("requirement", user)


def rules(state: State, user: Any, standing: Standing) -> tuple[Rule, ...]:
    """Give who says that the factor is mandatory for somebody."""
    operator: tuple[Rule, ...] = ("operator",) if standing.required else ()
    return (*operator, "hook") if state.hooks.is_yes("requirement", user) else operator


def require(state: State, user: Any, required: bool, by: str) -> bool:
    """Make the factor mandatory for an account, or no longer, by an operator's word; False where it was so.

    ``by`` is who does it, for the record.
    """
    subject = state.subject_of(user)
    changed = state.store.set_required(subject, required)
    if changed:
        state.record(REQUIRED if required else NOT_REQUIRED, subject, by=by)
    return changed


def grace_until(state: State, subject: str, standing: Standing) -> int:
    """Give until when (Unix seconds) somebody who logs in may go without, who has to have the factor; 0 for no grace.

    It is counted from the first log-in under the rule, which is noted where it was not.
    """
    if not state.settings.grace_seconds:
        return 0
    return grace_end(state, standing.grace_from or state.store.begin_grace(subject, state.now))


def grace_end(state: State, since: int) -> int:
    """Give until when it lasts that began at ``since``; 0 where none has begun, or there is none."""
    return since + state.settings.grace_seconds if since and state.settings.grace_seconds else 0


def owes_setup(state: State, user: Any, subject: str, standing: Standing) -> bool:
    """Tell whether somebody has to set the factor up before anything else."""
    return stage(state, user, subject, standing)[0] == "setup"


def stage(state: State, user: Any, subject: str, standing: Standing) -> tuple[Stage, int]:
    """Give how far the rule has gone for somebody who logs in, and until when they may go without (Unix seconds).

    Their first log-in under the rule is noted.
    """
    if standing.factor is not None or not is_required(state, user, standing):
        return "free", 0
    until = grace_until(state, subject, standing)
    return ("setup" if state.now > until else "grace"), until
