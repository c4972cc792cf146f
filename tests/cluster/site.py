"""The console that each node serves, and the script that enrols its people.

``python -m tests.cluster.site NAME ...`` enrols those accounts and prints their secrets as JSON.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import sys
from urllib.parse import parse_qs, urlsplit

from flask import Flask, Response
from flask_login import LoginManager, UserMixin, current_user, login_required, logout_user
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_twofactor import TwoFactor

DATABASE_URI = "CLUSTER_DATABASE_URI"
"""The environment variable with the database that all nodes share."""
COUNTERS_URI = "CLUSTER_COUNTERS_URI"
"""The environment variable with the counters that all nodes share."""
WORKER = "X-Worker"
"""The header that tells which process answered."""


class User(UserMixin):
    """An account: every name of letters, a hyphen and digits has one, and its password is ``<name>-password``."""

    def __init__(self, name: str) -> None:
        self.id = name
        # A fast hash: a thousand log-ins are not to measure a slow one.
        self._hash = hashlib.sha256(f"{name}-password".encode()).digest()

    def check_password(self, password: str) -> bool:
        return hmac.compare_digest(hashlib.sha256(password.encode()).digest(), self._hash)


def find(name: str) -> User | None:
    return User(name) if re.fullmatch(r"[a-z]+-\d+", name) else None


two_factor = TwoFactor()
two_factor.user_lookup(find)


def create_app() -> Flask:
    """Make the console of a node behind one proxy, on the databases that the environment names."""
    app = Flask("cluster", root_path=os.path.dirname(__file__))
    app.config.update(
        SECRET_KEY="a key for the cluster, long enough to be one: 0123456789",
        SESSION_COOKIE_SAMESITE="Lax",
        TWOFACTOR_KEY="the key that seals, the same on all nodes: 0123456789",
        TWOFACTOR_DATABASE_URI=os.environ[DATABASE_URI],
        TWOFACTOR_THROTTLE_STORAGE_URI=os.environ[COUNTERS_URI],
    )
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    LoginManager(app).user_loader(find)
    two_factor.init_app(app)

    @app.get("/me")
    @login_required
    def me() -> str:
        return str(current_user.id)

    @app.get("/logout")
    def logout() -> str:
        logout_user()
        return "out"

    @app.after_request
    def tell_worker(response: Response) -> Response:
        response.headers[WORKER] = str(os.getpid())
        return response

    return app


def enrol(names: list[str]) -> dict[str, str]:
    """Turn the factor of these accounts on; gives their base32 secrets."""
    with create_app().app_context():
        uris = {name: two_factor.enroll(User(name)) for name in names}
    return {name: parse_qs(urlsplit(uri).query)["secret"][0] for name, uri in uris.items()}


if __name__ == "__main__":
    print(json.dumps(enrol(sys.argv[1:])))
