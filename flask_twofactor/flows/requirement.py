"""The requirement: for whom the factor is mandatory, and how long they may still go without (LIF-07)."""

from __future__ import annotations

from typing import Any, Literal

from ..core.records import Standing
from ..state import State

Stage = Literal["free", "grace", "setup"]
"""Whether somebody need not set the factor up, need not yet, or has to before anything else."""


def is_required(state: State, user: Any, standing: Standing) -> bool:
    """Tell whether the factor is mandatory: the host's hook says so, or an operator did (``twofactor require``)."""
    return bool(standing.required) or state.hooks.is_yes("requirement", user)


def grace_until(state: State, subject: str, standing: Standing) -> int:
    """Give until when (Unix seconds) somebody may go without, who has to have the factor.

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
    """Give how far the rule has gone for somebody, and until when they may go without (Unix seconds)."""
    if standing.factor is not None or not is_required(state, user, standing):
        return "free", 0
    until = grace_until(state, subject, standing)
    return ("setup" if state.now > until else "grace"), until
