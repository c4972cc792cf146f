"""The kinds of console that doctor tells apart, and that it finds nothing at those that we know."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from flask_twofactor.doctor.shape import describe
from flask_twofactor.wiring import complete
from tests.doctor.consoles import severities
from tests.hosts.test_hosts import SHAPES, load
from tests.support.host import Clock

LOG_IN = "log-in: by our pages in the place of yours, at login"


def shape_of(app: Flask) -> list[str]:
    state = app.extensions["twofactor"]
    with app.app_context():
        complete(app, state)
        return list(describe(app, state))


@pytest.mark.parametrize("name", SHAPES)
def test_the_consoles_that_we_know_lack_nothing_and_leave_no_door_open(name: str, tmp_path: Path, clock: Clock) -> None:
    app = load(name, tmp_path / "console", clock)
    app.testing = True
    assert shape_of(app)
    assert severities(app) == {"not-production": "told"}


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("ldap_like", ["log-in: handed on to your view, at login", "step between the pages: in the form"]),
        ("single_password", ["accounts: one, without a user name"]),
        ("raw_sqlite", [LOG_IN, "hooks of yours: password_check, user_key, user_lookup"]),
        ("factory_sqlalchemy", ["beside us: Flask-SQLAlchemy, Flask-WTF's CSRFProtect"]),
        ("server_sessions", ["beside us: Flask-SQLAlchemy, sessions by flask_session"]),
        ("inside_flask_admin", ["beside us: Flask-SQLAlchemy, Flask-Admin"]),
        ("cleared_sessions", [LOG_IN, "step between the pages: in the form"]),
        ("json_users", ["log-in: our pages, at twofactor.identify"]),
    ],
)
def test_the_kind_of_a_console_is_told(name: str, lines: list[str], tmp_path: Path, clock: Clock) -> None:
    assert set(lines) <= set(shape_of(load(name, tmp_path / "console", clock)))
