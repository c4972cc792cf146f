"""What a person typed, folded to six digits or to a recovery code: scripts, spaces, hyphens, look-alikes forgiven."""

from __future__ import annotations

import unicodedata

DIGITS = 6
MAX_LENGTH = 64
"""Characters; longer input is refused before any work is done on it (INP-01, OBS-17)."""

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Of recovery codes, five bits a character: without i, l, o and u, after Crockford's base 32."""
RECOVERY_LENGTH = 24
"""Characters: 120 bits."""
RECOVERY_PREFIX = "tfrc"
"""Stands before a recovery code, so that leak scanners know one when they see it; nobody has to type it."""
RESCUE_PREFIX = "tfrs"
"""Likewise before a rescue code."""

_CHARACTERS = frozenset(ALPHABET)
_LOOK_ALIKES = {"o": "0", "i": "1", "l": "1"}
# Every space separator, and what people paste with a code: tab, hyphens, zero-width marks.
_IGNORED = frozenset("\t-\u2010\u2011\u2012\u2013\u2014\u2212\u00ad\u200b\u200c\u200d\u2060\ufeff")


def parse_code(text: str | None) -> str | None:
    """Fold ``text`` to six ASCII digits, or None where it is no code (INP-03, VER-10).

    Every Unicode *decimal* digit counts (full-width, Arabic-Indic, mathematical ...); superscripts and
    circled digits do not. Spaces, hyphens and zero-width marks are dropped.
    """
    if text is None or len(text) > MAX_LENGTH:
        return None
    digits = "".join(map(_fold, text))
    return digits if len(digits) == DIGITS and digits.isdecimal() else None


def parse_recovery_code(text: str | None) -> str | None:
    """Fold ``text`` to the 24 characters of a recovery or rescue code, or None where it is none (REC-06).

    Either case counts, O for 0, I and L for 1, and the prefix may be there or not.
    """
    if text is None or len(text) > MAX_LENGTH:
        return None
    letters = "".join(map(_fold, text)).lower()
    folded = "".join(_LOOK_ALIKES.get(char, char) for char in letters)
    if len(folded) == len(RECOVERY_PREFIX) + RECOVERY_LENGTH and folded.startswith((RECOVERY_PREFIX, RESCUE_PREFIX)):
        folded = folded[len(RECOVERY_PREFIX) :]
    return folded if len(folded) == RECOVERY_LENGTH and set(folded) <= _CHARACTERS else None


def _fold(char: str) -> str:
    """Give the ASCII digit that a character stands for, "" for one that is ignored, itself for another."""
    if char in _IGNORED or unicodedata.category(char) == "Zs":
        return ""
    return str(unicodedata.decimal(char, char))
