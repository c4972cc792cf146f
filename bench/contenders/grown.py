"""A console whose store has many enrolled accounts (``accounts``); its own users are made as they are asked for."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask, redirect

from bench import bulk
from bench.browser import Browser
from bench.bulk import OLD, Crowd
from bench.clock import PASSWORD, Clock
from bench.contender import Contender
from bench.contenders import plain
from bench.contenders.plain import User
from flask_twofactor import TwoFactor
from flask_twofactor.core.keyring import token_digest
from flask_twofactor.core.totp import code_at, step_at
from flask_twofactor.state import State, logger

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
_SAMPLE = 500
JOBS = {"gate's read": 20, "console page": 20, "log-in with a code": 1}
"""Jobs, and how often in a row each is done."""


def make_console(folder: Path, options: Mapping[str, str], clock: Clock, **config: Any) -> tuple[Flask, TwoFactor]:
    """Make the console on a database (``database``)."""
    app = plain.make_app(folder)
    app.config.update({"TWOFACTOR_DATABASE_URI": options["database"], "TWOFACTOR_AFTER_LOGIN": "/page", **config})
    plain.add_pages(app, plain.connect(folder), User)
    app.login_manager.session_protection = None  # type: ignore[attr-defined]  # sessions are made without a request
    logger.setLevel("ERROR")  # no advice of the start-up among the tables
    two_factor = TwoFactor(app, clock=clock)
    two_factor.user_lookup(User)
    app.add_url_rule("/login", "login", lambda: redirect("/page"))
    return app, two_factor


def make(folder: Path, options: Mapping[str, str]) -> Contender:
    """Fill the tables and make the contender."""
    still, moving = Clock(), Clock()
    app, _ = make_console(folder, options, still)
    site, _ = make_console(folder, options, moving)
    state: State = app.extensions["twofactor"]
    crowd = Crowd(state, int(options["accounts"]), SECRET)
    bulk.fill(crowd, options["database"])
    numbers = [number for number in _some(crowd.count) if number % OLD]
    browsers = itertools.cycle([_signed_in(app, crowd, number) for number in numbers])
    comers = itertools.cycle(numbers)
    marks = itertools.cycle([(crowd.name(number), token_digest(crowd.token(number))) for number in numbers])

    def read() -> None:
        assert state.store.standing(*next(marks)).digest is not None

    def page() -> None:
        next(browsers).get("/console")

    return Contender(
        app.wsgi_app,
        {
            "gate's read": read,
            "console page": page,
            "log-in with a code": lambda: _log_in(site, crowd.name(next(comers)), code_at(SECRET, step_at(moving()))),
        },
        {"log-in with a code": moving.next_step},
    )


def _some(count: int) -> list[int]:
    """Give some of the accounts, from everywhere and in no order."""
    return random.Random(7).sample(range(count), min(count, _SAMPLE))


def _signed_in(app: Flask, crowd: Crowd, number: int) -> Browser:
    """Give the browser of an account that has a session."""
    serializer: Any = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    value = {"_user_id": crowd.name(number), "_fresh": True, "_twofactor_mark": crowd.token(number)}
    return Browser(app.wsgi_app, {"session": serializer.dumps(value)})


def _log_in(site: Flask, name: str, code: str) -> None:
    browser = Browser(site.wsgi_app)
    page = browser.follow(browser.post("/two-factor/identify", identifier=name))
    browser.follow(browser.send("/two-factor/credential", page, password=PASSWORD, code=code))


def rotated(folder: Path, options: Mapping[str, str]) -> Flask:
    """Make the console with a new key, and the former one to open what it sealed."""
    key = hashlib.sha256(b"another key").hexdigest()
    return make_console(folder, options, Clock(), TWOFACTOR_KEY=key, TWOFACTOR_KEY_FALLBACKS=[plain.SECRET_KEY])[0]
