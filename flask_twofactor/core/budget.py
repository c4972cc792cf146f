"""The second-factor budget of an account: a sliding window over the times of its attempts."""

from __future__ import annotations

from collections.abc import Sequence

Limit = tuple[int, int]
"""So many attempts in so many seconds."""

SECOND_FACTOR: tuple[Limit, ...] = ((10, 24 * 3600), (50, 30 * 24 * 3600))
"""Bucket E: under 650 guesses a year, 0.2 % at three codes in a million (THR-02, RFC 4226 §7.3)."""


def add_attempt(times: Sequence[int], now: int, limits: Sequence[Limit] = SECOND_FACTOR) -> list[int] | None:
    """Give ``times`` (Unix seconds, rising) with ``now`` added and what is too old left out; None where full."""
    for count, seconds in limits:
        if sum(1 for at in times if at > now - seconds) >= count:
            return None
    longest = max(seconds for _, seconds in limits)
    return [at for at in times if at > now - longest] + [now]


def remove_attempt(times: Sequence[int], at: int) -> list[int]:
    """Give ``times`` with one attempt of ``at`` taken out: the refund of a complete success."""
    left = list(times)
    if at in left:
        left.remove(at)
    return left
