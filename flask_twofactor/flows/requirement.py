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


def grace_until(state: State, standing: Standing) -> int:
    """Give until when (Unix seconds) somebody may go without, who has to have the factor.

    It is counted from the first log-in under the rule; 0 where there was none yet, and where there is no grace.
    """
    seconds = state.settings.grace_seconds
    return standing.grace_from + seconds if seconds and standing.grace_from else 0


def owes_setup(state: State, user: Any, subject: str, standing: Standing) -> bool:
    """Tell whether somebody has to set the factor up before anything else."""
    return stage(state, user, subject, standing)[0] == "setup"


def stage(state: State, user: Any, subject: str, standing: Standing) -> tuple[Stage, int]:
    """Give how far the rule has gone for somebody who logs in, and until when they may go without (Unix seconds).

    Their first log-in under the rule is noted.
    """
    if standing.factor is not None or not is_required(state, user, standing):
        return "free", 0
    if state.settings.grace_seconds and not standing.grace_from:
        standing = standing._replace(grace_from=state.store.begin_grace(subject, state.now))
    until = grace_until(state, standing)
    return ("setup" if state.now > until else "grace"), until
