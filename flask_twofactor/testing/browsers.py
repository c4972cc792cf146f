"""What a browser holds after a log-in, put into a test client without the pages: by name, in tests only (FLG-11)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from flask import Flask, session
from flask.testing import FlaskClient
from flask_login import COOKIE_NAME, login_user, logout_user
from werkzeug.http import parse_cookie
from werkzeug.wrappers import Response

from ..state import State
from ..web import session as browser
from ..web.current import current_state
from .accounts import user_of


def enter(client: FlaskClient, account: Any, more: Mapping[str, Any] = MappingProxyType({})) -> str:
    """Log an account in as by password and code: a mark in the store, its value and ``more`` in the client's session.

    What the console does at a log-in (``complete``) is done too, without a password. Gives the mark's digest.
    """
    with _at(client) as state:
        user = user_of(state, account)
        subject, now = state.subject_of(user), state.now
        factor = state.store.factor(subject)
        life, code_at = (factor.id, now) if factor else ("", 0)
        token, mark = state.new_mark(subject, life, password_at=now, code_at=code_at)
        state.store.add_mark(mark)
        if not browser.begin(state, user, subject, token, None, remember=False):
            raise AssertionError("the console itself refuses this log-in: the account may not be active")
        _keep(client, {**session, **more})
    return mark.digest


def enter_by_password(client: FlaskClient, account: Any, more: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Log an account in as a view of the console's own does that knows the password only: by ``login_user``."""
    with _at(client) as state:
        _call_login_user(state, account, remember=False)
        _keep(client, {**session, **more})


def be_remembered(client: FlaskClient, account: Any) -> None:
    """Give the client what is left of a log-in with "remember me" once the session is over: the cookies of it."""
    with _at(client) as state:
        _call_login_user(state, account, remember=True)
        app: Any = client.application
        response = app.response_class()
        app.login_manager._update_remember_cookie(response)
        browser.finish(state, response)
        _take_cookies(client, response, app)


def leave(client: FlaskClient) -> None:
    """Log out by ``logout_user``, and forget what Flask-Login and the extension remember the browser by."""
    with client.session_transaction() as kept:
        values = dict(kept)
    if "_user_id" in values:
        with _at(client):
            session.update(values)
            logout_user()
            _keep(client, dict(session))
    config = client.application.config
    for name in (config.get("REMEMBER_COOKIE_NAME", COOKIE_NAME), browser.COMPANION_COOKIE):
        client.delete_cookie(name, path=config.get("REMEMBER_COOKIE_PATH") or "/")


def holds_mark(client: FlaskClient) -> bool:
    """Tell whether the client's session holds the value of a mark."""
    with client.session_transaction() as kept:
        return browser.MARK_KEY in kept


@contextlib.contextmanager
def _at(client: FlaskClient) -> Iterator[State]:
    """Give the state inside a request of this client's browser that has no session yet; nothing is sent."""
    with client.application.test_request_context(environ_base=client.environ_base):
        yield current_state()


def _call_login_user(state: State, account: Any, *, remember: bool) -> None:
    if not login_user(user_of(state, account), remember=remember):
        raise AssertionError("Flask-Login refuses this log-in: the account is not active")


def _keep(client: FlaskClient, values: dict[str, Any]) -> None:
    with client.session_transaction() as kept:
        kept.clear()
        kept.update(values)


def _take_cookies(client: FlaskClient, response: Response, app: Flask) -> None:
    host = (app.config.get("SERVER_NAME") or "localhost").partition(":")[0]
    for header in response.headers.getlist("Set-Cookie"):
        (name, value), *rest = parse_cookie(header).items()
        attributes = {key.lower(): text for key, text in rest}
        client.set_cookie(name, value, domain=attributes.get("domain") or host, path=attributes.get("path") or "/")
