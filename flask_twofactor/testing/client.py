"""A test client that logs people in with every factor that their account has."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ..flows import setup
from . import browsers
from .accounts import code_for, inside, user_id_of, user_of
from .authenticator import Authenticator
from .pages import log_in


class TwoFactorClient(FlaskClient):
    """The app's own test client, with log-in and log-out.

    An account is a user of the console, or a user ID as people type it.
    """

    def enroll(self, account: Any, secret: str | None = None) -> Authenticator:
        """Turn the factor on without the pages and give the authenticator; ends the account's sessions."""
        with inside(self.application) as state:
            uri = setup.enroll(state, user_of(state, account), secret, state.current_brand().issuer)
        return Authenticator(uri)

    def login(self, account: Any, password: str | None = None) -> TestResponse | None:
        """Log in with every factor; who was in before is logged out.

        With the password it is done on the pages, and the answer to the last form is given. Without one, a session is
        written as if it had been: nothing that the console keeps of a password is there. An AssertionError says
        where the log-in was refused.
        """
        self.logout()
        if password is None:
            browsers.enter(self, account)
            return None
        with inside(self.application) as state:
            identifier, prefix = user_id_of(state, account), state.settings.url_prefix
            user = user_of(state, account)
            enrolled = state.store.factor(state.subject_of(user)) is not None
        code = code_for(self.application, user) if enrolled else None
        answer = log_in(self, identifier, password, code, prefix)
        if not browsers.holds_mark(self):
            raise AssertionError(f"the log-in pages let nobody in: the last answer is {answer.status}")
        return answer

    def logout(self) -> None:
        """Log out, whatever page the console has for it: the session ends, on the server too."""
        browsers.leave(self)


def two_factor_client(app: Flask) -> TwoFactorClient:
    """Make a client of ``app.test_client_class`` that can log in besides."""
    base = app.test_client_class or FlaskClient
    kind: Any = type("TwoFactorClient", (TwoFactorClient, base), {})
    made: TwoFactorClient = kind(app, app.response_class, use_cookies=True)
    return made
