"""A clock that jumps, so that every log-in has a fresh code and every attempt is judged."""

from __future__ import annotations

import hashlib

PASSWORD = "correct horse battery staple"
NAMES = ("alice", "bob", *(f"user{number}" for number in range(18)))
"""Accounts of every console."""
SIGNED_IN, SIGNED_IN_WITH_CODE = "bob", "alice"
"""Who asks for pages."""
COMES, COMES_WITH_CODE = "user1", "user2"
"""Who logs in again and again."""
STEP = 30
DAY = 86400


class Clock:
    """Unix seconds that stand still until a job moves them."""

    def __init__(self, at: float = 1_800_000_000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        """Give Unix seconds."""
        return self.at

    def next_step(self) -> None:
        """Move to the next time step of a code."""
        self.at += STEP

    def next_month(self) -> None:
        """Move beyond every limit."""
        self.at += 31 * DAY


def cheap_hash(password: str) -> bytes:
    """Hash in microseconds, so that the hash does not drown what is measured."""
    return hashlib.sha256(password.encode()).digest()
