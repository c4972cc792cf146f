"""The one script of the pages: where a browser finds it, and the hash that it is held against."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import url_for

from ..state import logger
from .current import current_state

FILE = Path(__file__).parent.parent / "static" / "twofactor" / "twofactor.js"


@dataclass(frozen=True, kw_only=True)
class Script:
    """What the element in the page says."""

    url: str
    integrity: str


def script() -> Script | None:
    """Give the script for a page of ours; None where the host turned it off, or where its file is gone."""
    digest = _digest(FILE) if current_state().settings.script else None
    if digest is None:
        return None
    url = url_for("twofactor.static", filename=FILE.name, v=digest.hex()[:12])  # no cache has another release's
    return Script(url=url, integrity=f"sha384-{b64encode(digest).decode()}")


@cache
def _digest(path: Path) -> bytes | None:
    """Give the hash of the file as this process finds it, however it was packed; None where there is none."""
    try:
        return hashlib.sha384(path.read_bytes()).digest()
    except OSError:
        logger.warning("%s cannot be read: the pages go without their script", path.name)
        return None
