"""The picture of the docs: each contender's jobs as bars, drawn by hand as an SVG that follows light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from bench.names import ALLAUTH, DJANGO, FLOOR, OURS, PLAIN, SECURITY
from bench.tables import seconds

JOBS = {
    "console page": "A page of the console",
    "log-in": "Log-in without the factor",
    "log-in with a code": "Log-in with a code",
    "refused code": "Refused code",
    "set-up page": "Set-up page with its QR code",
}
CONTENDERS = (PLAIN, FLOOR, OURS, SECURITY, DJANGO, ALLAUTH)
_WIDTH, _LEFT, _RIGHT = 760, 190, 110
_BAR, _GAP, _TITLE, _TOP = 16, 4, 30, 16
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1b1f24}.job{font-weight:600;font-size:14px}.bar{fill:#8b98a8}"
    ".own{fill:#0b6bcb}.spread{stroke:#1b1f24;stroke-width:1.5}"
    "@media (prefers-color-scheme:dark){text{fill:#e6e9ee}.bar{fill:#6b7889}.own{fill:#4da3ff}.spread{stroke:#e6e9ee}}"
)


def draw(found: Mapping[str, Any]) -> str:
    """Draw what the jobs took: a bar up to the median, a line from the 5th to the 95th percentile."""
    drawn, top = [], _TOP
    for job, title in JOBS.items():
        if not (group := found["jobs"].get(job)):
            continue
        shown = [name for name in CONTENDERS if name in group]
        drawn.append(_job(title, group, shown, top))
        top += _TITLE + len(shown) * (_BAR + _GAP) + _TOP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title described" '
        f'viewBox="0 0 {_WIDTH} {top}" width="{_WIDTH}" height="{top}">\n'
        f'<title id="title">What each job takes, by contender</title>\n<desc id="described">{_told(found)}</desc>\n'
        f"<style>{_STYLE}</style>\n" + "".join(drawn) + "</svg>\n"
    )


def _job(title: str, group: Mapping[str, Any], names: Sequence[str], top: int) -> str:
    most = max(group[name]["median"] for name in names)
    room = _WIDTH - _LEFT - _RIGHT
    lines = [f'<text class="job" x="0" y="{top + 14}">{escape(title)}</text>\n']
    for number, name in enumerate(names):
        kind = "own" if name == OURS else "bar"
        y, one = top + _TITLE + number * (_BAR + _GAP), group[name]
        low, median, high = (min(one[key] / most, 1.05) * room for key in ("low", "median", "high"))
        middle = y + _BAR / 2
        lines.append(
            f'<text x="0" y="{y + 13}">{escape(name)}</text>'
            f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{median:.1f}" height="{_BAR}"/>'
            f'<path class="spread" d="M{_LEFT + low:.1f} {middle}H{_LEFT + high:.1f}"/>'
            f'<text x="{_LEFT + max(median, high) + 8:.1f}" y="{y + 13}">{seconds(one["median"])}</text>\n'
        )
    return "".join(lines)


def _told(found: Mapping[str, Any]) -> str:
    """Say in words what the bars show."""
    parts = []
    for job, title in JOBS.items():
        group = found["jobs"].get(job, {})
        each = [f"{name} {seconds(group[name]['median'])}" for name in CONTENDERS if name in group]
        if each:
            parts.append(f"{title}: {', '.join(each)}.")
    return escape(" ".join(parts))
