"""The person's side, by programs that are not ours: oathtool makes the code, zbarimg reads the QR,
and rsvg-convert draws an SVG that zbarimg is to read."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.programs import need


def oathtool_code(secret_base32: str, at: float) -> str:
    """Give the six digits for the Unix time ``at``; spaces in the key, as pages show it, do no harm."""
    command = [need("oathtool"), "--totp", "--base32", f"--now=@{int(at)}", "-"]
    secret = secret_base32.replace(" ", "").upper()
    return subprocess.run(command, input=secret, capture_output=True, text=True, check=True).stdout.strip()


def rsvg_draw(svg: str, png: Path) -> Path:
    """Draw the SVG on white, large enough for a camera; gives ``png`` back."""
    command = [need("rsvg-convert"), "--width=600", "--keep-aspect-ratio", "--background-color=white"]
    subprocess.run([*command, "--output", str(png)], input=svg, text=True, check=True)
    return png


def zbar_read(png: Path) -> str:
    """Read the one QR code in the picture."""
    command = [need("zbarimg"), "--raw", "-q", "-Sdisable", "-Sqrcode.enable", str(png)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = done.stdout.splitlines()
    assert len(found) == 1, f"{png}: {len(found)} QR codes found. {done.stderr}"
    return found[0]
