"""The outside programs that tests use, and how each is found."""

from __future__ import annotations

import glob
import os
import re
import shutil
import signal
from dataclasses import dataclass

import pytest


@dataclass(frozen=True, kw_only=True)
class Program:
    """Where to look: names on PATH first, then places (globs) that are on nobody's PATH."""

    debian: str
    names: tuple[str, ...]
    places: tuple[str, ...] = ()


PROGRAMS = {
    "chromium": Program(
        debian="chromium-headless-shell",
        # The shell is the same engine without the window around it, for half of the work.
        names=("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
        places=(
            "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
            "/Applications/Chromium.app/Contents/MacOS/Chromium",
        ),
    ),
    "initdb": Program(debian="postgresql", names=("initdb",), places=("/usr/lib/postgresql/*/bin/initdb",)),
    "mariadb-install-db": Program(debian="mariadb-server", names=("mariadb-install-db",)),
    "mariadbd": Program(debian="mariadb-server", names=("mariadbd",), places=("/usr/sbin/mariadbd",)),
    "nginx": Program(debian="nginx", names=("nginx",), places=("/usr/sbin/nginx",)),
    "oathtool": Program(debian="oathtool", names=("oathtool",)),
    "redis-server": Program(debian="redis-server", names=("redis-server",)),
    "rsvg-convert": Program(debian="librsvg2-bin", names=("rsvg-convert",)),
    "zbarimg": Program(debian="zbar-tools", names=("zbarimg",)),
}


def find(program: str) -> str | None:
    """Give the path of ``program`` (a key of PROGRAMS), or None."""
    wanted = PROGRAMS[program]
    for name in wanted.names:
        if path := shutil.which(name):
            return path
    found = [path for place in wanted.places for path in glob.glob(place) if os.access(path, os.X_OK)]
    return max(found, key=_numbers, default=None)


def need(program: str) -> str:
    """Give the path of ``program``, or skip the test and say what is missing."""
    path = find(program)
    if path is None:
        pytest.skip(f"needs {program} (Debian: {PROGRAMS[program].debian})")
    return path


def _numbers(path: str) -> list[int]:
    """Order paths by the versions in them: 9 before 15."""
    return [int(number) for number in re.findall(r"\d+", path)]


def hears_ctrl_c() -> None:
    """Let a program that is started (``preexec_fn``) end by SIGINT, also in a run that a script began with ``&``.

    A shell without job control has its background jobs ignore that signal, and whatever they start inherits it.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
