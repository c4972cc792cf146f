"""Which identifiers that no account has are shown a code box (ENU-02, section 4 of the security notes)."""

from __future__ import annotations

import hashlib
import hmac

KEY_BYTES = 32
RATIO = 0.25
"""Share of absent names that are shown a code box."""


def shows_code_box(key: bytes, identifier: str, ratio: float = RATIO) -> bool:
    """Tell by a keyed hash of the normalised ``identifier``: always the same answer for the same name.

    ``key`` is the store's own random key, so that rotating ``SECRET_KEY`` flips no name (ENU-03).
    """
    digest = hmac.new(key, identifier.encode(errors="replace"), hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") < ratio * 2**64
