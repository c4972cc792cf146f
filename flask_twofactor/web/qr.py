"""The QR code of a key: inline, without a style."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup, escape

from ..core.texts import marked

LABEL = marked("QR code of the key below")
_QUIET_ZONE = 4


def qr_svg(uri: str, label: str = LABEL) -> Markup:
    """Draw ``uri`` as an inline SVG: one path, no style attribute, its own quiet zone (ISO/IEC 18004, level M).

    Each run of dark modules is a stroke of the middle of its row: half the bytes of a box around it.
    The mask is given, since choosing the best of eight costs more than drawing, and every mask scans.
    """
    from qrcode.constants import ERROR_CORRECT_M  # noqa: PLC0415 - at first use: most processes draw none
    from qrcode.main import QRCode  # noqa: PLC0415

    code: Any = QRCode(error_correction=ERROR_CORRECT_M, border=0, mask_pattern=0)
    code.add_data(uri.encode())
    code.make(fit=True)
    size = len(code.modules) + 2 * _QUIET_ZONE
    rows = [_strokes(row, y + _QUIET_ZONE) for y, row in enumerate(code.modules)]
    return Markup(  # noqa: S704 - numbers, and what is escaped
        f'<svg class="tf-qr-code" role="img" aria-label="{escape(label)}" viewBox="0 0 {size} {size}" '
        f'shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{size}v{size}H0z"/>'
        f'<path stroke="#000" d="{"".join(rows)}"/></svg>'
    )


def _strokes(row: list[bool], y: int) -> str:
    """Draw the dark runs of a row: to the first absolutely, to each further one from where the last ended."""
    drawn, end = f"M{_QUIET_ZONE} {y}.5", 0
    for start, length in _dark_runs(row):
        drawn += f"m{start - end} 0h{length}"
        end = start + length
    return drawn


def _dark_runs(row: list[bool]) -> list[tuple[int, int]]:
    runs, start = [], None
    for x, dark in enumerate([*row, False]):
        if dark and start is None:
            start = x
        elif not dark and start is not None:
            runs.append((start, x - start))
            start = None
    return runs
