"""Colours as ``#rrggbb``: reading them, their contrast (WCAG 2.2), and the nearest one that has enough of it."""

from __future__ import annotations

import re
from collections.abc import Iterable

BLACK, WHITE = "#000000", "#ffffff"
TEXT_NEEDS = 4.5
"""Contrast of text to its ground (WCAG 2.2, 1.4.3, level AA)."""
CONTROL_NEEDS = 3.0
"""Contrast of borders and focus rings to what is beside them (WCAG 2.2, 1.4.11, level AA)."""
_HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})")


def parse_colour(text: object) -> str | None:
    """Give ``#rgb`` or ``#rrggbb`` as ``#rrggbb``, None for anything else."""
    written = text.strip().lower() if isinstance(text, str) else ""
    if not _HEX.fullmatch(written):
        return None
    return written if len(written) == 7 else "#" + "".join(2 * digit for digit in written[1:])


def luminance(colour: str) -> float:
    """Give how light a colour is, 0 for black to 1 for white.

    The relative luminance of https://www.w3.org/TR/WCAG22/#dfn-relative-luminance.
    """
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Give the contrast of two colours, 1 to 21 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def mix(one: str, other: str, share: float) -> str:
    """Give ``one`` with that share of ``other`` in it, 0 to 1."""
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(here + (there - here) * share):02x}" for here, there in pairs)


def legible(colour: str, grounds: Iterable[str], needs: float) -> str:
    """Give the nearest darker or lighter colour that has so much contrast to each ground.

    Black or white where none has: whoever needs to be sure measures.
    """
    grounds = tuple(grounds)
    end = max((BLACK, WHITE), key=lambda pole: _least(pole, grounds))
    steps = (mix(colour, end, percent / 100) for percent in range(101))
    return next((step for step in steps if _least(step, grounds) >= needs), end)


def _least(colour: str, grounds: tuple[str, ...]) -> float:
    return min(contrast(colour, ground) for ground in grounds)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _linear(channel: float) -> float:
    """Undo the transfer function of sRGB (IEC 61966-2-1)."""
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
