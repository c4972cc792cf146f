"""Where the time of a whole log-in goes, by the package whose code runs: the extension beside the floors."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import figures
from bench.contender import Contender
from bench.contenders import floor, floor_pages, ours
from bench.names import FLOOR, FLOOR_PAGES, OURS

KINDS = {
    "Flask, Werkzeug, the session's cookie": ("flask", "werkzeug", "itsdangerous", "flask_login", "blinker"),
    "pages: Jinja": ("jinja2", "markupsafe", "templates"),
    "forms: WTForms and Flask-WTF": ("wtforms", "flask_wtf"),
    "the extension's own code": ("flask_twofactor",),
    "SQLite's driver": ("sqlite3",),
}
REST = "all else: the standard library, the console's own code"
_JOB = "log-in with a code"


def log_ins(folder: Path, times: int) -> dict[str, dict[str, float]]:
    """Give the own seconds a log-in by kind of code, of both floors and of the extension."""
    found = {}
    for name, module in ((FLOOR, floor), (FLOOR_PAGES, floor_pages), (OURS, ours)):
        (folder / module.__name__).mkdir()
        found[name] = _by_kind(module.make(folder / module.__name__, {}), times)
    return found


def _by_kind(contender: Contender, times: int) -> dict[str, float]:
    job, before, profiler = contender.jobs[_JOB], contender.before[_JOB], cProfile.Profile()
    for number in range(times + 5):
        before()
        if number >= 5:
            profiler.enable()
        job()
        profiler.disable()
    stats: Mapping[Any, Any] = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    seconds = dict.fromkeys((*KINDS, REST), 0.0)
    for (file, _, name), (_, _, own, _, callers) in stats.items():
        if file != "~":
            seconds[_kind(file)] += own
        elif "sqlite3" in name:
            seconds["SQLite's driver"] += own
        else:  # in C: it belongs to whoever called it
            for (caller, _, _), (_, _, own_here, _) in callers.items():
                seconds[_kind(caller)] += own_here
    return {kind: figures.round_to(value / times) for kind, value in seconds.items()}


def _kind(file: str) -> str:
    parts = Path(file).parts
    found = [kind for kind, packages in KINDS.items() if any(package in parts for package in packages)]
    return ("pages: Jinja" if "templates" in parts else found[0]) if found else REST
