"""Which time steps an enrolment still accepts: each at most once, and none before the last (RFC 6238 §5.2).

A clock that was ahead for a while leaves a last step in the future. Past `BOUND` the steps themselves count
instead of the last one, so that their owner is not locked out until the time has caught up (CLK-03).
"""

from __future__ import annotations

from typing import NamedTuple

BOUND = 60
"""Steps, half an hour: a clock that was set back by less re-opens nothing at all (CLK-02)."""
MEMORY = 16
"""Steps remembered besides the last; with all of them in use, none below the least is accepted."""


class Spent(NamedTuple):
    """What an enrolment has accepted: the last step, -1 for none, and those before it, oldest first."""

    last: int = -1
    earlier: tuple[int, ...] = ()

    def accept(self, step: int) -> Spent | None:
        """Give what is spent once ``step`` is; None where it is not accepted."""
        if self.last < 0:
            return Spent(step)
        known = (*self.earlier, self.last)
        full = len(self.earlier) >= MEMORY
        if step in known or 0 < self.last - step <= BOUND or (full and step < min(known)):
            return None
        return Spent(step, tuple(one for one in known if not full or one != min(known)))
