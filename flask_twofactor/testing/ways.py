"""Every way into a console: a stranger, who gave every factor, and those who gave or kept less than that."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from flask_login import current_user

from ..core.records import Enrolment, new_id
from ..core.totp import new_secret
from ..state import State
from ..stores.sql import Database, SqlCounters, SqlStore
from ..throttle import DatabaseStorage, Throttle
from ..web.current import is_true
from . import browsers
from .accounts import inside, user_of

STRANGER = "a stranger"
COMPLETE = "every factor"
PASSWORD = "the password alone"  # noqa: S105 - no password
REMEMBERED = "a remember cookie"
LOGGED_OUT = "an old cookie after log-out"
RESET = "a session from before a reset"
HEADERS = "the headers of a request_loader"

_OF_THE_STORE = ("store", "throttle", "decoy_key", "recovery_key", "decoy_enrolment")


class Ways:
    """The ways into one console for one account, which has a factor in a store of the walk's own."""

    def __init__(
        self, app: Flask, state: State, account: Any, headers: Mapping[str, str], session: Mapping[str, Any]
    ) -> None:
        self._app = app
        self._state = state
        self._account = account
        self._headers = headers
        self._session = session
        with inside(app):
            self.subject = state.subject_of(user_of(state, account))

    def open(self) -> dict[str, FlaskClient]:
        """Give a new browser for each way, the sessions all alive at once where they are.

        Those who end come first: some consoles end the other sessions of an account at a log-in.
        """
        clients = {way: self._app.test_client() for way in (RESET, LOGGED_OUT, COMPLETE, PASSWORD, REMEMBERED)}
        self._enrol()
        browsers.enter(clients[RESET], self._account, self._session)
        self._state.store.reset(self.subject)
        self._enrol()
        ended = browsers.enter(clients[LOGGED_OUT], self._account, self._session)
        self._state.store.remove_mark(ended)
        browsers.enter(clients[COMPLETE], self._account, self._session)
        browsers.enter_by_password(clients[PASSWORD], self._account, self._session)
        browsers.be_remembered(clients[REMEMBERED], self._account)
        if self._headers:
            clients[HEADERS] = self._app.test_client()
            clients[HEADERS].environ_base.update(_environ(self._headers))
        return {STRANGER: self.stranger(), **clients}

    def stranger(self) -> FlaskClient:
        """Give a browser that has never been here."""
        return self._app.test_client()

    def is_in(self, client: FlaskClient, url: str) -> bool:
        """Tell whether the console takes this client for somebody who is logged in."""
        with client:
            answer = client.get(url)
            if answer.status_code >= 500:
                raise AssertionError(f"{url} answers {answer.status}: see the log")
            return is_true(current_user.is_authenticated)

    def loads_by_headers(self) -> bool:
        """Tell whether the console's ``request_loader`` finds the account by the headers, whatever the gate says."""
        loader = self._app.login_manager._request_callback  # type: ignore[attr-defined]
        with self._app.test_request_context(headers=dict(self._headers)) as context:
            found = None if loader is None else loader(context.request)
            return found is not None and self._state.subject_of(found) == self.subject

    def _enrol(self) -> None:
        """Give the account a factor if it has none, without a word to anybody."""
        life, now = new_id(), self._state.now
        sealed = self._state.seal_secret(new_secret(), self.subject, life)
        self._state.store.put_enrolment(Enrolment(life, self.subject, sealed, now, confirmed_at=now))


@contextlib.contextmanager
def store_set_aside(state: State) -> Iterator[None]:
    """Let the app use an empty store in memory, and its own again afterwards, as if nothing had been."""
    values = vars(state)
    kept = {name: values.pop(name) for name in _OF_THE_STORE if name in values}
    database = Database.connect("sqlite://")
    values["store"] = SqlStore(database)
    values["store"].init()
    values["throttle"] = Throttle(DatabaseStorage(SqlCounters(database, state.clock)), state.clock)
    try:
        yield
    finally:
        for name in _OF_THE_STORE:
            values.pop(name, None)
        values.update(kept)
        database.close()


def _environ(headers: Mapping[str, str]) -> dict[str, str]:
    return {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
