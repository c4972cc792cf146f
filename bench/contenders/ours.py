"""The same console with the extension, on SQLite (`ours_remote` has it on servers).

Two apps on the same accounts: the clock of one stands still, so that its sessions last, and that of the other jumps.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Flask

from bench.browser import Browser
from bench.clock import COMES, COMES_WITH_CODE, PASSWORD, SIGNED_IN, SIGNED_IN_WITH_CODE, Clock
from bench.contender import Contender, Job
from bench.contenders import plain
from bench.contenders.plain import User
from flask_twofactor import TwoFactor
from flask_twofactor.core.totp import code_at, step_at
from flask_twofactor.state import logger

SETTINGS = {"database": "TWOFACTOR_DATABASE_URI", "counters": "TWOFACTOR_THROTTLE_STORAGE_URI"}


def make_console(
    folder: Path, options: Mapping[str, str], clock: Callable[[], float] = time.time
) -> tuple[Flask, TwoFactor]:
    """Make the console with the extension attached."""
    app = plain.make_console(folder)
    app.config.update({name: options[key] for key, name in SETTINGS.items() if key in options})
    logger.setLevel("ERROR")  # no advice of the start-up among the tables
    two_factor = TwoFactor(app, clock=clock)
    return app, two_factor


def enroll(app: Flask, two_factor: TwoFactor, name: str) -> str:
    """Turn the factor on, anew where another run did; give the base32 secret."""
    with app.app_context():
        two_factor.reset(User(name), by="bench")
        return parse_qs(urlsplit(two_factor.enroll(User(name))).query)["secret"][0]


def log_in(app: Flask, name: str, code: str = "") -> Browser:
    """Log in by the two pages of the extension, and load the first page behind them: five requests."""
    browser = submit(app, name, code)
    browser.get("/page")
    return browser


def submit(app: Flask, name: str, code: str, entered: bool = True) -> Browser:
    """Submit both pages."""
    browser = Browser(app.wsgi_app)
    page = browser.follow(browser.post("/two-factor/identify", identifier=name))
    answer = browser.send("/two-factor/credential", page, password=PASSWORD, **({"code": code} if code else {}))
    assert (answer.status == 302) is entered, (answer.status, answer.body)
    assert entered or b'role="alert"' in answer.body
    return browser


def start(folder: Path, options: Mapping[str, str]) -> tuple[Any, str]:
    """Make the app and no more; gives it and its first page."""
    return make_console(folder, options)[0].wsgi_app, "/two-factor/identify"


def make(folder: Path, options: Mapping[str, str], clear: Job = lambda: None) -> Contender:
    """Make the contender; with the option ``without`` the two pages are asked for by somebody without the factor.

    ``clear`` is called before each log-in, to forget counters that no clock of ours moves.
    """
    still, moving = Clock(), Clock()
    app, two_factor = make_console(folder, options, still)
    site, _ = make_console(folder, options, moving)
    codes = {name: _code_of(enroll(app, two_factor, name)) for name in (SIGNED_IN_WITH_CODE, COMES_WITH_CODE)}

    def enter(name: str) -> Browser:
        return log_in(site, name, codes[name](moving))

    bob, alice = log_in(app, SIGNED_IN), log_in(app, SIGNED_IN_WITH_CODE, codes[SIGNED_IN_WITH_CODE](still))
    if "without" in options:
        return Contender(app.wsgi_app, plain.pages(bob))
    jobs: dict[str, Job] = {
        **plain.pages(alice),
        "log-in": partial(log_in, site, COMES),
        "log-in with a code": partial(enter, COMES_WITH_CODE),
        "refused code": partial(submit, site, COMES_WITH_CODE, "000000", entered=False),
        "set-up page": partial(bob.get, "/two-factor/setup"),
    }
    end = partial(_end_sessions, site, two_factor)
    refused = _before_refusal(moving, clear, partial(enter, COMES_WITH_CODE))
    before = dict.fromkeys(("log-in", "log-in with a code"), partial(_in_turn, moving.next_step, clear, end))
    return Contender(app.wsgi_app, jobs, {**before, "refused code": refused})


def _code_of(secret: str) -> Callable[[Callable[[], float]], str]:
    return lambda clock: code_at(secret, step_at(clock()))


def _in_turn(*steps: Job) -> None:
    for step in steps:
        step()


def _end_sessions(site: Flask, two_factor: TwoFactor) -> None:
    """Have as few live sessions before each log-in as people have: a log-in looks through those of its account."""
    with site.app_context():
        for name in (COMES, COMES_WITH_CODE):
            two_factor.end_sessions(User(name))


def _before_refusal(clock: Clock, clear: Job, enter: Job) -> Job:
    """Have every attempt judged: beyond every limit, and now and then a right one, so that the hard stop is far."""
    count = itertools.count()

    def before() -> None:
        clock.next_month()
        clear()
        if next(count) % 50 == 0:
            enter()

    return before
