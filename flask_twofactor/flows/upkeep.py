"""Upkeep: delete what has had its time, so that the store grows with its accounts and not with its days."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.records import Purge
from ..state import State
from .verdicts import WITHOUT_FACTOR_SECONDS


@dataclass(frozen=True)
class Purged:
    """How many of each went: the store's own (`Purge`), and the throttle's counters that had expired."""

    rows: Purge
    counters: int


def purge(state: State) -> Purged:
    """Delete what counts for nothing any more; safe to repeat, to interrupt, and while the console runs."""
    return Purged(state.store.purge(bounds(state)), state.throttle.sweep())


def bounds(state: State) -> Purge:
    """Give the times (Unix seconds) before which each is dead, whatever becomes of its account."""
    now, settings = state.now, state.settings
    return Purge(
        events=now - settings.event_days * 86400,
        # By when it was seen last: no session pauses longer, with the factor or without.
        marks=now - max(settings.session_seconds, WITHOUT_FACTOR_SECONDS),
        pendings=now - settings.setup_seconds,
        trusted=now - settings.trusted_seconds,
        rescues=now,
    )
