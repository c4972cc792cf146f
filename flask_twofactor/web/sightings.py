"""Note for ``doctor``, which sees no requests, what those for our pages show of how the console is run.

Nothing is decided by it. It is looked at on our own pages alone, never at the gate, and written once the response
is sent: three rows, whatever is sent, at most once an hour in a process.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import request

from ..core.sightings import FORWARDED, PROCESSES, TLS, Server, note
from ..state import State
from .current import later

_HEADERS = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_FORWARDED")
_PROXY_FIX = "werkzeug.proxy_fix.orig"
_HOUR = 3600
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass
class _Process:
    """This process, as long as it serves: what it has noted, and when it is to be noted again."""

    pid: int
    first: int
    due: int
    name: str = field(default_factory=lambda: secrets.token_hex(4))
    noted: set[str] = field(default_factory=set)


class Sightings:
    """What the processes of one app have seen."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._process = _Process(0, 0, 0)

    def look(self) -> None:
        """Look at the present request, and note later what this process has not noted within the hour."""
        process, now = self._process, self._state.now
        if process.pid != os.getpid():  # the first page, or a fork
            process = self._process = _Process(os.getpid(), now, now)
        if now >= process.due:
            process.due = now + _HOUR
            process.noted.clear()
            later(None, lambda _: self._note_process(process, now))
        if request.is_secure and TLS not in process.noted:
            process.noted.add(TLS)
            later(None, lambda _: self._state.store.keep_meta(TLS, str(now)))
        kind = forwarded_by(request.environ)
        if kind and kind not in process.noted:
            process.noted.add(kind)
            later(None, lambda _: self._note_forwarded(kind, now))

    def _note_process(self, process: _Process, now: int) -> None:
        machine = self._state.keyring.digest("machine\n" + _machine())[:8]
        store, server = self._state.store, Server(machine, process.name, process.first, now)
        first = note(None, server)
        stands = store.keep_meta(PROCESSES, first)
        if stands != first:  # where another process writes at the same moment, this one is noted in an hour
            store.replace_meta(PROCESSES, stands, note(stands, server))

    def _note_forwarded(self, kind: str, now: int) -> None:
        store, value = self._state.store, f"{kind} {now}"
        stands = store.meta(FORWARDED)
        if stands is None and kind != "fixed":
            store.keep_meta(FORWARDED, value)
        elif stands is not None and _says_more(kind, stands.partition(" ")[0]):
            store.replace_meta(FORWARDED, stands, value)


def forwarded_by(environ: Mapping[str, Any]) -> str:
    """Tell what stands before us, by one request: "" for nothing.

    ``fixed``: ProxyFix has read the headers. ``near``: nobody has, and they come from an address of this machine or
    net, as a proxy's do. ``far``: they come from a public address, so a proxy of others wrote them, or a visitor.
    """
    if _PROXY_FIX in environ:
        return "fixed"
    if not any(name in environ for name in _HEADERS):
        return ""
    peer = str(environ.get("REMOTE_ADDR") or "")
    if peer and str(environ.get("HTTP_X_FORWARDED_FOR", "")).rpartition(",")[2].strip() == peer:
        return ""  # the server that runs us has read them
    try:
        return "far" if ipaddress.ip_address(peer).is_global else "near"
    except ValueError:  # a socket of this machine
        return "near"


def _says_more(kind: str, known: str) -> bool:
    return kind != known and (kind, known) != ("far", "near")


def _machine() -> str:
    """Name the machine: by the start of its kernel, which its containers share; by its name, where that is not told."""
    try:
        return _BOOT.read_text(encoding="ascii")
    except OSError:
        return socket.gethostname()
