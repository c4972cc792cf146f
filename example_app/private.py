"""Files of the instance folder that only the console's own account may read."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path


def make_folder(path: str) -> None:
    """Make the instance folder where it is missing, closed to other accounts of the machine."""
    Path(path).mkdir(mode=0o700, parents=True, exist_ok=True)


def write_once(path: Path, text: str) -> str:
    """Write a file of mode 0600 unless it exists, and return what the file holds.

    The file appears whole or not at all, so that of several processes one wins and all read the same.
    """
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(name)
    return path.read_text(encoding="utf-8")


def secret_key(folder: str) -> str:
    """Return the SECRET_KEY of this instance, made at the first start."""
    path = Path(folder) / "secret_key"
    if path.exists():
        return path.read_text(encoding="utf-8")
    return write_once(path, secrets.token_urlsafe(48))
