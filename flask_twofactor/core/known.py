"""Known browsers: which accounts somebody logged in to with a browser before (rule 7 of the throttle policy).

It proves nothing and skips no code: a known browser is only measured by limits of its own, so that strangers
who fail on purpose do not keep an owner out (THR-06).
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Sequence
from typing import NamedTuple

KNOWN_SECONDS = 180 * 24 * 3600
MAX_ENTRIES = 4
"""Accounts that one browser is kept as known for; the oldest goes first."""
_ENTRY = struct.Struct(">16s16s16sQ")


class Known(NamedTuple):
    """One account of a browser: a random id, short keyed digests of account and typed name, and when (Unix seconds)."""

    id: bytes
    subject: bytes
    name: bytes
    at: int


def short(digest: str) -> bytes:
    """Give 128 bits of a keyed digest in hexadecimal."""
    return bytes.fromhex(digest[:32])


def pack(entries: Sequence[Known]) -> bytes:
    """Give the bytes to seal."""
    return b"".join(_ENTRY.pack(*one) for one in entries)


def unpack(plain: bytes, now: int) -> list[Known]:
    """Give the entries that are not too old."""
    if len(plain) % _ENTRY.size:
        return []
    return [one for one in map(Known._make, _ENTRY.iter_unpack(plain)) if 0 <= now - one.at <= KNOWN_SECONDS]


def remember(entries: Sequence[Known], subject: bytes, name: bytes | None, now: int) -> list[Known]:
    """Give the entries with one for this account, renewed, and the newest of the others.

    The id stays, and the name too where none is given.
    """
    new = Known(secrets.token_bytes(16), subject, bytes(16), now)
    before = next((one for one in entries if one.subject == subject), new)
    fresh = before._replace(name=before.name if name is None else name, at=now)
    return [fresh, *(one for one in entries if one.subject != subject)][:MAX_ENTRIES]
