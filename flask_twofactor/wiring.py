"""What can be wrong with how a host set things up: checked at the first request, and told by ``doctor``."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from flask import Flask

from .errors import SettingError, WiringError
from .settings import MIN_KEY_BYTES, Settings, as_bytes
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
                    logger.warning(problem)
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


def weaknesses(app: Flask, state: State) -> Iterator[str]:
    """Give, a line each, what works but is weak in production; nothing in a test run or in debug mode."""
    config = app.config
    if app.testing or app.debug:
        return
    if state.settings.key is None:
        yield "TWOFACTOR_KEY is not set: secrets are sealed with a key derived from SECRET_KEY"
        if len(as_bytes(app.secret_key or "")) < MIN_KEY_BYTES:
            yield f"SECRET_KEY is short: use at least {MIN_KEY_BYTES} random bytes"
    for name in ("SESSION_COOKIE_SECURE", "REMEMBER_COOKIE_SECURE"):
        if not config.get(name):
            yield f"{name} is off: set it to True where the site has TLS, or the cookie travels in the clear too"
    for name in ("SESSION_COOKIE_SAMESITE", "REMEMBER_COOKIE_SAMESITE"):
        if config.get(name) not in ("Lax", "Strict"):
            yield f'{name} is not set: "Lax" keeps the cookie out of cross-site posts'
    if state.hooks.notify is None:
        yield "no @two_factor.notify: nobody is told when their factor is turned on, off or reset"
    for loader in state.exempt_loaders:
        yield f"the request loader {getattr(loader, '__name__', loader)!r} is exempt: whom it finds gives no code"
    if config.get("WTF_CSRF_ENABLED") is False:
        yield "WTF_CSRF_ENABLED is off: only the two-factor pages check a CSRF token"
    if (state.settings.throttle_storage_uri or "").startswith("memory:"):
        yield "TWOFACTOR_THROTTLE_STORAGE_URI is in memory: each worker process counts alone (THR-13)"
