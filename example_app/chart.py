"""Geometry of the line charts, computed here so that pages need neither script nor inline style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 600, 160


@dataclass(frozen=True)
class Line:
    """A line in a box of WIDTH by HEIGHT: SVG path data, and what the axis and the text say."""

    line: str
    area: str
    ticks: tuple[int, ...]
    low: int
    high: int
    last: int


def _ceiling(value: int) -> int:
    """Return the next round number that three even steps divide."""
    step = 1
    while True:
        for factor in (3, 6, 9, 12, 15, 18, 24):
            if factor * step >= value * 1.05:
                return factor * step
        step *= 10


def line(values: Sequence[int]) -> Line:
    """Draw values, oldest first, over the whole width of the box."""
    top = _ceiling(max(values))
    gap = WIDTH / (len(values) - 1)
    points = " L".join(f"{i * gap:.1f} {HEIGHT - value * HEIGHT / top:.1f}" for i, value in enumerate(values))
    return Line(
        line=f"M{points}",
        area=f"M0 {HEIGHT} L{points} L{WIDTH} {HEIGHT} Z",
        ticks=(top, top * 2 // 3, top // 3, 0),
        low=min(values),
        high=max(values),
        last=values[-1],
    )
