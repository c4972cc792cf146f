"""What a person typed, folded to a code: digits of any script, spaces and hyphens forgiven."""

from __future__ import annotations

import unicodedata

DIGITS = 6
MAX_LENGTH = 64
"""Characters; longer input is refused before any work is done on it (INP-01, OBS-17)."""

# Every space separator, and what people paste with a code: tab, hyphens, zero-width marks.
_IGNORED = frozenset("\t-\u2010\u2011\u2012\u2013\u2014\u2212\u00ad\u200b\u200c\u200d\u2060\ufeff")


def parse_code(text: str | None) -> str | None:
    """Fold ``text`` to six ASCII digits, or None where it is no code (INP-03, VER-10).

    Every Unicode *decimal* digit counts (full-width, Arabic-Indic, mathematical ...); superscripts and
    circled digits do not. Spaces, hyphens and zero-width marks are dropped.
    """
    if text is None or len(text) > MAX_LENGTH:
        return None
    digits = []
    for char in text:
        if char in _IGNORED or unicodedata.category(char) == "Zs":
            continue
        value = unicodedata.decimal(char, None)
        if value is None:
            return None
        digits.append(str(value))
    return "".join(digits) if len(digits) == DIGITS else None
