"""What the store tells of the running console: what it noted of itself, its clock, its keys."""

from __future__ import annotations

from collections.abc import Iterator

from ..core import sightings
from ..core.sightings import FORWARDED, PROCESSES, TLS, Seen
from ..state import State
from .keys import sealed_secrets
from .problem import Problem

_WEAK_SECONDS, _WRONG_SECONDS = 15, 30


def seen(state: State) -> Seen:
    """Give what the running console noted of itself."""
    forwarded, tls, processes = (state.store.meta(name) for name in (FORWARDED, TLS, PROCESSES))
    return sightings.read(forwarded, tls, processes)


def of_the_store(state: State) -> Iterator[Problem]:
    """Give what is wrong with clock and keys."""
    theirs = state.store.clock()
    off = 0 if theirs is None else state.now - theirs
    if abs(off) > _WEAK_SECONDS:
        yield Problem(
            "clock-off",
            "wrong" if abs(off) > _WRONG_SECONDS else "weak",
            f"this machine's clock is {abs(off)} seconds {'ahead of' if off > 0 else 'behind'} the database's: "
            "codes are judged by the wrong time",
            "let both take the time from the network: timedatectl set-ntp true",
        )
    yield from sealed_secrets(state)
