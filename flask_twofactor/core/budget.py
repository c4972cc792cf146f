"""The second-factor budget of an account: sliding windows over the times of its attempts, and the hard stop.

Charged before a code is judged, and given back for a complete success alone (rule 1 of the policy, RPL-04).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

Limit = tuple[int, int]
"""So many attempts in so many seconds."""
Pool = Literal["unknown", "known", "recovery"]
"""Who guesses: a browser that nobody logged in with before, one that somebody did, or at a recovery code."""
Warn = Literal["", "few", "many", "stopped"]
"""What the owner is told if the attempt turns out wrong."""

DAY = 24 * 3600
AHEAD = 1800
"""Seconds: times further in the future are of a clock that was ahead, and count as now."""
LIMITS: dict[Pool, tuple[Limit, ...]] = {
    "unknown": ((10, DAY), (50, 30 * DAY)),
    "known": ((20, DAY), (100, 30 * DAY)),
    "recovery": ((100, DAY),),
}
"""Buckets E, F and R. E: under 650 guesses a year, 0.2 % at three codes in a million (THR-02, RFC 4226 §7.3)."""
HARD_STOP = 100
"""Bucket H: wrong codes in a row after which no code is right (THR-10, SP 800-63B-4 §3.2.2)."""
FEW, MANY = 3, 10
"""The owner is told at so many wrong codes after a right password in 24 hours (THR-11)."""


@dataclass(frozen=True)
class Attempt:
    """One charged attempt: its time (Unix seconds), the pool that it was charged to, what the owner was told for it."""

    at: int
    pool: Pool
    warn: Warn = field(default="", compare=False)


class Charge(NamedTuple):
    """What a charge came to: the attempt, None where no budget was left, and what to tell the owner if it fails."""

    attempt: Attempt | None
    warn: Warn = ""


@dataclass(frozen=True)
class Budget:
    """An account's attempts by pool (Unix seconds, rising), those in a row, and when its owner was told last."""

    unknown: tuple[int, ...] = ()
    known: tuple[int, ...] = ()
    recovery: tuple[int, ...] = ()
    in_a_row: int = 0
    told_few: int = 0
    told_many: int = 0

    def charge(self, now: int, pool: Pool, authenticators: int = 1) -> tuple[Budget, Charge]:
        """Add an attempt; no attempt, and the budget as it was, where none is left or the hard stop is reached.

        A known browser's attempts fall to the pool of the unknown ones where their own is spent. Each of several
        ``authenticators`` multiplies the odds of a guess, so known browsers share theirs among them: whoever has one
        of those and the password stays under 1 % a year (THR-02).
        """
        here = self._back_from_the_future(now)
        for one in () if self._is_stopped(pool) else _pools(pool):
            share = authenticators if one == "known" else 1
            times = add_attempt(getattr(here, one), now, [(count // share, span) for count, span in LIMITS[one]])
            if times is not None:
                changes: dict[str, Any] = {one: tuple(times)}
                charged = replace(here, **changes)
                return charged._count(now, one) if pool != "recovery" else (charged, Charge(Attempt(now, one)))
        return here, Charge(None)

    def _back_from_the_future(self, now: int) -> Budget:
        """Count the times of a clock that was ahead as now: they would else count until it is as late (CLK-03)."""
        times = (*self.unknown, *self.known, *self.recovery, self.told_few, self.told_many)
        if max(times) <= now + AHEAD:
            return self

        def pulled(at: int) -> int:
            return now if at > now + AHEAD else at

        return replace(
            self,
            unknown=tuple(sorted(map(pulled, self.unknown))),
            known=tuple(sorted(map(pulled, self.known))),
            recovery=tuple(sorted(map(pulled, self.recovery))),
            told_few=pulled(self.told_few),
            told_many=pulled(self.told_many),
        )

    def _count(self, now: int, pool: Pool) -> tuple[Budget, Charge]:
        """Count an attempt in the row of wrong ones, and tell what its owner has to hear; each at most once a day."""
        recent = sum(1 for at in (*self.unknown, *self.known) if at > now - DAY)
        counted = replace(self, in_a_row=self.in_a_row + 1)
        warn: Warn = ""
        if counted.in_a_row >= HARD_STOP:
            warn = "stopped"
        elif recent >= MANY and self.told_many <= now - DAY:
            counted, warn = replace(counted, told_many=now), "many"
        elif recent >= FEW and self.told_few <= now - DAY:
            counted, warn = replace(counted, told_few=now), "few"
        return counted, Charge(Attempt(now, pool, warn), warn)

    def refund(self, attempt: Attempt) -> Budget:
        """Take one attempt out again: a complete success, which ends the row of wrong ones too.

        One with a recovery code does not: after the hard stop the authenticator is to be set up anew (THR-10).
        """
        changes: dict[str, Any] = {attempt.pool: tuple(remove_attempt(getattr(self, attempt.pool), attempt.at))}
        if attempt.warn in ("few", "many"):  # announced for this very attempt, and it was right
            changes[f"told_{attempt.warn}"] = 0
        in_a_row = self.in_a_row if attempt.pool == "recovery" else 0
        return replace(self, in_a_row=in_a_row, **changes)

    def is_locked(self, now: int) -> bool:
        """Tell whether no code of the authenticator is right at present, whatever browser it comes from."""
        return self.charge(now, "known")[1].attempt is None

    def opens_at(self, now: int, pool: Pool) -> int | None:
        """Give when (Unix seconds) there is budget for an attempt of that pool again, ``now`` where there is already.

        None where no waiting helps: after the hard stop.
        """
        if self._is_stopped(pool):
            return None
        here = self._back_from_the_future(now)
        return min(_has_room_at(getattr(here, one), now, LIMITS[one]) for one in _pools(pool))

    def _is_stopped(self, pool: Pool) -> bool:
        return pool != "recovery" and self.in_a_row >= HARD_STOP

    def refilled(self) -> Budget:
        """Give the budget without the attempts at a code; the hard stop stays."""
        return replace(self, unknown=(), known=())


def _pools(pool: Pool) -> tuple[Pool, ...]:
    """Give where an attempt may be charged, in this order."""
    return ("known", "unknown") if pool == "known" else (pool,)


def _has_room_at(times: Sequence[int], now: int, limits: Sequence[Limit]) -> int:
    """Give when another attempt fits: once, for each limit, the last that it counts is too old."""
    return max([now, *(sorted(times)[-count] + seconds for count, seconds in limits if len(times) >= count)])


def add_attempt(times: Sequence[int], now: int, limits: Sequence[Limit]) -> list[int] | None:
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
