"""Where the time of an authenticated request goes, by layer and piece by piece; and that of a log-in, by package."""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sqlite3
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flask import Flask, g, session

from bench import figures, packages, places, tables
from bench.clock import SIGNED_IN_WITH_CODE, Clock
from bench.contenders import ours
from bench.contenders.plain import User
from flask_twofactor.core.keyring import token_digest
from flask_twofactor.core.totp import code_at, step_at
from flask_twofactor.flows import verdicts
from flask_twofactor.state import State
from flask_twofactor.stores.sql.rows import to_standing
from flask_twofactor.web import gate, languages
from flask_twofactor.web import session as browser

_OURS = Path(languages.__file__).parent.parent


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument("--requests", type=int, default=5_000, help="that are profiled (5000)")
    parser.add_argument("--loops", type=int, default=20_000, help="of each piece (20000)")
    parser.add_argument("--to", type=Path, default=figures.FOLDER, help="the folder of the figures (bench/figures)")


def main(options: argparse.Namespace) -> None:
    """Profile, print and keep."""
    with places.folder() as folder:
        clock = Clock()
        app, two_factor = ours.make_console(folder, {}, clock)
        secret = ours.enroll(app, two_factor, SIGNED_IN_WITH_CODE)
        person = ours.log_in(app, SIGNED_IN_WITH_CODE, code_at(secret, step_at(clock())))
        found = {
            "requests": options.requests,
            "layers": by_layer(lambda: person.get("/console"), options.requests),
            "log-in": packages.log_ins(folder, max(1, options.requests // 20)),
            "pieces": pieces(app, folder, person.cookies["session"], options.loops),
        }
    print(tables.everything("profile", found))
    print(f"wrote {figures.write('profile', found, options.to)}")


def by_layer(job: Callable[[], object], times: int) -> dict[str, dict[str, float]]:
    """Give calls, own seconds and share of each module of ours, a request; the driver's read is the store's.

    Own time is what the profiler sees: it makes each call dearer, so that shares say more than seconds.
    """
    for _ in range(50):
        job()
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(times):
        job()
    profiler.disable()
    stats: Mapping[Any, Any] = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    calls: dict[str, float] = {}
    seconds: dict[str, float] = {}
    for (file, _, name), (_, count, own, _, callers) in stats.items():
        if layer := _layer(file):
            calls[layer] = calls.get(layer, 0) + count / times
            seconds[layer] = seconds.get(layer, 0) + own / times
        elif file == "~":  # in C: it belongs to whoever called it
            for (caller, _, _), (_, count_here, own_here, _) in callers.items():
                if layer := _layer(caller):
                    where = f"{layer}, in the driver" if "sqlite3" in name else layer
                    calls[where] = calls.get(where, 0) + count_here / times
                    seconds[where] = seconds.get(where, 0) + own_here / times
    whole = sum(seconds.values()) or 1
    ordered = sorted(seconds, key=lambda layer: -seconds[layer])
    return {
        layer: {
            "calls": figures.round_to(calls[layer]),
            "seconds": figures.round_to(seconds[layer]),
            "share": figures.round_to(seconds[layer] / whole),
        }
        for layer in ordered
    }


def _layer(file: str) -> str:
    path = Path(file)
    if not path.is_relative_to(_OURS):
        return ""
    return str(path.relative_to(_OURS).with_suffix("")).replace("/", ".")


def pieces(app: Flask, folder: Path, cookie: str, loops: int) -> dict[str, float]:
    """Give the seconds of each piece of the gate, and of what a page of ours asks for each text."""
    state: State = app.extensions["twofactor"]
    bare = sqlite3.connect(folder / "twofactor.sqlite", isolation_level=None)
    user = User(SIGNED_IN_WITH_CODE)
    with app.test_request_context("/console", headers={"Cookie": f"session={cookie}"}):
        app.preprocess_request()
        token, digest = session[browser.MARK_KEY], browser.mark_digest()
        standing = state.store.standing(user.id, digest)
        row = tuple(standing)
        g._login_user = None
        first, every, last = _frames(app)
        return {
            "the session's value and its hash": _each(browser.mark_digest, loops),
            "of that, the hash": _each(lambda: token_digest(token), loops),
            "the account's key from the host's user": _each(lambda: state.subject_of(user), loops),
            "the store's read": _each(lambda: state.store.standing(user.id, digest), loops),
            "of that, the row made a record": _each(lambda: to_standing(row), loops),
            "a bare read of one row by the driver": _each(
                lambda: bare.execute("SELECT * FROM twofactor_account WHERE subject = ?", (user.id,)).fetchone(), loops
            ),
            "the verdict": _each(lambda: verdicts.of_mark(state, user.id, standing), loops),
            "all that the gate judges": _each(lambda: gate._judge(state, user, "session"), loops),
            "before every request": _each(lambda: every("page", {}), loops),
            "after every request": _each(lambda: last(first), loops),
            "the language of a text, without Flask-Babel": _each(languages.language, loops),
        }


def _frames(app: Flask) -> tuple[Any, Callable[..., Any], Callable[..., Any]]:
    """Give an empty response, and what we run before and after every request of the app."""
    return app.response_class(), app.url_value_preprocessors[None][0], app.after_request_funcs[None][0]


def _each(work: Callable[[], object], loops: int) -> float:
    """Give the median of ten loops, less what the loop itself takes."""
    return figures.round_to(max(0.0, _loop(work, loops // 10) - _loop(lambda: None, loops // 10)))


def _loop(work: Callable[[], object], loops: int) -> float:
    taken = []
    for _ in range(10):
        began = time.perf_counter()
        for _ in range(loops):
            work()
        taken.append((time.perf_counter() - began) / loops)
    return statistics.median(taken)
