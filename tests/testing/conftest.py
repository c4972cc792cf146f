"""What hosts have under these names: an app, and a user; and a console of two pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Request
from flask_login import LoginManager, login_required

from flask_twofactor import TwoFactor
from tests.support.host import SECRET_KEY, Clock, Host, User


@pytest.fixture
def app(host: Host) -> Flask:
    return host.app


@pytest.fixture
def alice(host: Host) -> User:
    return host.users["alice"]


@pytest.fixture
def make_small(tmp_path: Path, clock: Clock) -> Callable[..., Host]:
    """Make a console with ``alice`` and one page, for a walk that does not take long."""

    def make(*, subdomain_matching: bool = False, **config: Any) -> Host:
        app = Flask("small", instance_path=str(tmp_path), static_folder=None, subdomain_matching=subdomain_matching)
        app.config.update(SECRET_KEY=SECRET_KEY, TESTING=True, **config)
        alice = User(1, "alice", "alice-password")
        two_factor = TwoFactor(app, clock=clock)
        two_factor.user_lookup({"alice": alice}.get)
        manager = LoginManager(app)
        manager.user_loader({"1": alice}.get)
        manager.request_loader(by_token)
        app.add_url_rule("/me", "me", login_required(lambda: "alice"))
        return Host(app, two_factor, clock, {"alice": alice})

    return make


@pytest.fixture
def small(make_small: Callable[..., Host]) -> Host:
    return make_small()


def by_token(incoming: Request) -> User | None:
    return User(1, "alice", "alice-password") if incoming.headers.get("X-Token") == "alice" else None
