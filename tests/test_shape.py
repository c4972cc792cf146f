"""What ``doctor`` sees of a console: its kind, the lines that it lacks, and the doors past the gate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Request, jsonify, session
from flask_login import LoginManager, current_user, login_user

from flask_twofactor import TwoFactor
from flask_twofactor.shape import describe, missing_lines, open_doors
from flask_twofactor.wiring import complete
from tests.hosts.test_hosts import SHAPES, load
from tests.support.host import SECRET_KEY, Clock, User

LOG_IN = "log-in: by our pages in the place of yours, at login"


def create_access_token(identity: str) -> str:
    """Stand in for the function of that name in Flask-JWT-Extended."""
    return f"token of {identity}"


def seen(app: Flask) -> tuple[list[str], list[str], list[str]]:
    state = app.extensions["twofactor"]
    with app.app_context():
        complete(app, state)
        return list(describe(app, state)), list(missing_lines(app, state)), list(open_doors(app, state))


def console(folder: Path, **options: Any) -> Flask:
    app = Flask("console", instance_path=str(folder))
    app.config.update(SECRET_KEY=SECRET_KEY, TESTING=True)
    LoginManager(app).login_view = "login"
    app.add_url_rule("/login", "login", lambda: "", methods=["GET", "POST"])
    TwoFactor(app, **options)
    return app


@pytest.mark.parametrize("name", SHAPES)
def test_the_consoles_that_we_know_lack_nothing_and_leave_no_door_open(name: str, tmp_path: Path, clock: Clock) -> None:
    shape, missing, doors = seen(load(name, tmp_path / "console", clock))
    assert shape
    assert (missing, doors) == ([], [])


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
    shape, _, _ = seen(load(name, tmp_path / "console", clock))
    assert set(lines) <= set(shape)


def test_a_log_in_page_beside_ours_is_to_be_taken_over(tmp_path: Path) -> None:
    _, missing, _ = seen(console(tmp_path))
    assert missing == [
        "your log-in page 'login' stands beside ours: take it over, TwoFactor(app, login_endpoint=\"login\")"
    ]


def test_a_guard_that_clears_the_sessions_of_strangers_needs_the_step_in_the_form(tmp_path: Path) -> None:
    app = console(tmp_path, login_endpoint="login")

    @app.before_request
    def forget() -> None:
        if not current_user.is_authenticated:
            session.clear()

    _, missing, _ = seen(app)
    assert missing == ['forget seems to clear the sessions of strangers: app.config["TWOFACTOR_STEP"] = "form"']


def test_ways_in_past_the_login_manager_are_told_by_the_name_of_their_endpoint(tmp_path: Path) -> None:
    app = console(tmp_path, login_endpoint="login")
    two_factor: Any = app.extensions["twofactor"]

    def token() -> Any:
        return jsonify(token=create_access_token(identity="ann"))

    def checked() -> Any:
        return jsonify(token=two_factor.verify("ann") and create_access_token(identity="ann"))

    def own() -> str:
        session["user_id"] = 1
        return "in"

    def basket() -> str:
        session["basket"] = 1
        return "kept"

    def usual() -> str:
        login_user(two_factor)
        session["user_id"] = 1
        return "in"

    for view in (token, checked, own, basket, usual):
        app.add_url_rule(f"/{view.__name__}", view.__name__, view)
    _, _, doors = seen(app)
    assert [door.partition(" ")[0] for door in doors] == ["own", "token"]
    assert "two_factor.verify" in doors[1]


@pytest.mark.parametrize("checks", [False, True])
def test_a_request_loader_that_believes_a_posted_name_is_a_door(checks: bool, tmp_path: Path) -> None:
    app = console(tmp_path, login_endpoint="login")
    users: dict[str, User] = {}

    def believes(request: Request) -> Any:
        return users.get(request.form.get("username", ""))

    def asks(request: Request) -> Any:
        user = users.get(request.form.get("username", ""))
        return user if user and user.check_password(request.form["password"]) else None

    app.login_manager.request_loader(asks if checks else believes)  # type: ignore[attr-defined]
    doors = seen(app)[2]
    found = [door.partition(" seems ")[0] for door in doors]
    assert found == ([] if checks else ["the request_loader believes"])
