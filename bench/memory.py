"""How much memory a process has, and had at most."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def resident() -> int:
    """Give the bytes of this process that are in memory now; the most that ever were, on other systems."""
    return _line("VmRSS") or _most()


def peak() -> int:
    """Give the most bytes of this process that ever were in memory."""
    return _line("VmHWM") or _most()


def _line(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", _STATUS.read_text()) if _STATUS.exists() else None
    return int(found[1]) * 1024 if found else 0


def _most() -> int:
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024
