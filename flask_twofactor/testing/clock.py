"""A clock that stands still until a test moves it, in the place of an app's own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from flask import Flask

from ..core.totp import PERIOD, step_at
from ..state import State
from ..web.current import current_state


@dataclass
class FrozenClock:
    """Unix seconds: ``clock()`` and ``clock.at`` give them, ``clock.move(seconds)`` moves them on."""

    at: float

    def __call__(self) -> float:
        """Give the present time."""
        return self.at

    def move(self, seconds: float) -> None:
        """Move on, or back where ``seconds`` is negative."""
        self.at += seconds


@contextlib.contextmanager
def frozen_clock(app: Flask) -> Iterator[FrozenClock]:
    """Let every decision of the app's `TwoFactor` ask a clock that stands still; its own comes back afterwards.

    It starts at the beginning of the present time step, so that 29 seconds later the code is still the same.
    """
    with app.app_context():
        state: State = current_state()
    before = state.clock.source
    frozen = FrozenClock(step_at(before()) * PERIOD)
    state.clock.source = frozen
    try:
        yield frozen
    finally:
        state.clock.source = before
