"""What a running console shows of how it is run, in three short named values of the store, whatever anybody sends.

A process that serves is kept with the time it was seen first and last: a worker that took another's place, or the
container of a newer release, comes after it; only what overlaps runs beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FORWARDED = "seen_forwarded"
"""Name of the value: what stands before us, and when that was seen."""
TLS = "seen_tls"
"""Name of the value: when a request over TLS was seen."""
PROCESSES = "seen_processes"
"""Name of the value: the `Server` processes."""

_KEPT = 11
_TOGETHER = 600
"""Seconds that two processes have to share: at a restart, one serves its last page while the next begins."""
_RECENT = 86400
_SERVER = re.compile(r"([0-9a-f]{8}):([0-9a-f]{8}):(\d{1,12}):(\d{1,12})")


@dataclass(frozen=True)
class Server:
    """A process that serves our pages: eight hexadecimal digits for its machine and for itself, Unix seconds."""

    machine: str
    process: str
    first: int
    last: int

    def runs_beside(self, other: Server) -> bool:
        """Tell whether both were there for some time at once."""
        return min(self.last, other.last) - max(self.first, other.first) >= _TOGETHER


@dataclass(frozen=True)
class Seen:
    """What was seen: ``near``, ``far`` or ``fixed`` forwarding headers, TLS, and how many served at once."""

    forwarded: str = ""
    forwarded_at: int = 0
    tls: bool = False
    processes: int = 0
    machines: int = 0


NOTHING = Seen()
"""What a console has noted that nobody has visited yet."""


def note(present: str | None, server: Server) -> str:
    """Give the value of `PROCESSES` with this process in it, in the place of what was known of it."""
    others = [one for one in _servers(present) if one.process != server.process]
    kept = [server, *sorted(others, key=lambda one: -one.last)][:_KEPT]
    return " ".join(f"{one.machine}:{one.process}:{one.first}:{one.last}" for one in kept)


def read(forwarded: str | None, tls: str | None, processes: str | None) -> Seen:
    """Give what the three values say."""
    kind, _, at = (forwarded or "").partition(" ")
    servers = _servers(processes)
    newest = max((one.last for one in servers), default=0)
    recent = [one for one in servers if one.last > newest - _RECENT]
    groups = [[other for other in recent if other is one or other.runs_beside(one)] for one in recent]
    return Seen(
        kind,
        int(at or 0),
        tls is not None,
        max((len(group) for group in groups), default=0),
        max((len({one.machine for one in group}) for group in groups), default=0),
    )


def _servers(text: str | None) -> list[Server]:
    found = _SERVER.findall(text or "")
    return [Server(machine, process, int(first), int(last)) for machine, process, first, last in found]
