"""The one normal form of a user ID, used before look-up, throttle and decoy (INP-04)."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

MAX_LENGTH = 320
"""Characters, and bytes of UTF-8: an e-mail address has 64 + 1 + 255 (RFC 5321 §4.5.3.1)."""


def normal_form(text: str) -> str:
    """Strip, NFKC, casefold: case, width and space around make no other name."""
    folded = unicodedata.normalize("NFKC", text.strip()).casefold()
    return unicodedata.normalize("NFKC", folded).strip()


def _acceptable(text: str) -> bool:
    if len(text) > MAX_LENGTH or not text.strip():
        return False
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        return False
    return len(text.encode()) <= MAX_LENGTH


def parse_identifier(text: str | None, form: Callable[[str], str] = normal_form) -> str | None:
    """Give the normal form of what was typed, or None where it cannot be a user ID (INP-01, INP-06).

    Refused: nothing, more than 320 characters or bytes before or after folding, control characters,
    lone surrogates. The length is checked before any work is done.
    """
    if text is None or not _acceptable(text):
        return None
    folded = form(text)
    return folded if _acceptable(folded) else None
