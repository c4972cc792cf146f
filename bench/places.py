"""Where a run writes: in memory where the machine has room there, so that no disk is measured."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108


@contextlib.contextmanager
def folder(needs: int = 1024**3) -> Iterator[Path]:
    """Give a folder with room for so many bytes, gone when the block ends."""
    in_memory = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > needs
    with tempfile.TemporaryDirectory(prefix="bench_", dir=_MEMORY if in_memory else None) as made:
        yield Path(made)
