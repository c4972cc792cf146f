"""What can be wrong with how a host set things up: checked at the first request, and told by ``doctor``."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from flask import Flask

from .core.sightings import NOTHING, Seen
from .doctor import running
from .doctor.doors import open_doors
from .doctor.lines import missing_lines
from .doctor.problem import Problem, of_error
from .doctor.production import weak_points
from .doctor.template_set import template_set
from .doctor.templates import templates
from .errors import SettingError, TwoFactorError, WiringError
from .settings import Settings
from .state import State, logger
from .web.blueprint import take_over


class Wiring:
    """The check at the first request, when the host has set everything up; repeated until it is right once."""

    def __init__(self, app: Flask, state: State) -> None:
        self._app, self._state = app, state
        self._lock = threading.Lock()
        self._warned = False
        app.before_request_funcs.setdefault(None, []).insert(0, self.check)

    def check(self) -> None:
        """Raise what is wrong, with the line that mends it; step out of the way once nothing is."""
        with self._lock:
            complete(self._app, self._state)
            if not self._warned:
                self._warned = True
                for problem in weaknesses(self._app, self._state):
                    if problem.is_fault:
                        logger.warning("%s: %s", problem.text, problem.mend)
            if self._state.is_reachable():
                # A new list: requests under way go on with the one they iterate over.
                funcs = self._app.before_request_funcs
                funcs[None] = [one for one in funcs[None] if one != self.check]


def complete(app: Flask, state: State) -> None:
    """Do what had to wait for the host: its LoginManager, its log-in views, its keys; raise what is missing."""
    manager: Any = getattr(app, "login_manager", None)
    if manager is None:
        raise WiringError(
            "this app has no LoginManager; make one:\n    LoginManager().init_app(app)  # from flask_login"
        )
    if manager.login_view is None and not state.host_login.endpoints:
        manager.login_view = "twofactor.identify"
    for endpoint in state.host_login.endpoints:
        if endpoint not in app.view_functions:
            known = ", ".join(sorted(app.view_functions))
            raise WiringError(f"login_endpoint={endpoint!r} is no endpoint of this app; there are: {known}")
        take_over(app, state, endpoint)
    if Settings.from_config(app.config) != state.settings:
        raise SettingError("a TWOFACTOR_* setting changed after TwoFactor(app); set it before")
    bool(state.keyring)


def weaknesses(app: Flask, state: State, seen: Seen = NOTHING) -> Iterator[Problem]:
    """Give what is weak or wrong in production; in a test run or in debug mode, that it is not looked for."""
    if app.testing or app.debug:
        yield Problem(
            "not-production",
            "told",
            "this is a test run or debug mode: keys, cookies, hooks, proxy and processes are not looked at",
            "run doctor as the console runs in production, without --debug",
        )
        return
    yield from weak_points(app, state, seen)


def examine(app: Flask, state: State) -> Iterator[Problem]:
    """Give all that is wrong or weak, or that a host should know; what hangs on a thing that is broken is left out."""
    seen, stopped = NOTHING, _stopped_by(app, state)
    if stopped is not None:
        yield stopped
    yield from missing_lines(app, state)
    yield from open_doors(app, state)
    if stopped is None:
        seen = running.seen(state)
        yield from templates(app, state)
        yield from template_set(app, state)
        yield from running.of_the_store(state)
    yield from weaknesses(app, state, seen)


def _stopped_by(app: Flask, state: State) -> Problem | None:
    """Do what the first request does; give what it would raise."""
    if getattr(app, "login_manager", None) is None:
        return Problem(
            "no-login-manager",
            "wrong",
            "this app has no LoginManager",
            "LoginManager().init_app(app)  # from flask_login",
        )
    try:
        complete(app, state)
        bool(state.store)
    except TwoFactorError as error:
        return of_error(error)
    return None
