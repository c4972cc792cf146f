"""The ways in that never pass the gate, and those that a host should know of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flask_login
import pytest
from flask import Request, jsonify, session
from flask.views import MethodView
from flask_login import login_user

from tests.doctor.consoles import found, make_console, one, severities
from tests.support.host import User

ANN = User(1, "ann", "ann-password")


def create_access_token(identity: str) -> str:
    """Stand in for the function of that name in Flask-JWT-Extended."""
    return f"token of {identity}"


def enter(user: User) -> bool:
    return bool(login_user(user))


def enter_by_way_of(user: User) -> bool:
    return enter(user)


def in_a_view() -> str:
    return str(login_user(ANN))


def by_the_module() -> str:
    return str(flask_login.login_user(ANN))


def by_a_helper() -> str:
    return str(enter_by_way_of(ANN))


class ByClass(MethodView):
    def post(self) -> str:
        return str(login_user(ANN))


def unrelated() -> str:
    return "a page"


def test_ways_in_past_the_login_manager_are_told_by_the_name_of_their_endpoint(tmp_path: Path) -> None:
    app = make_console(tmp_path)
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
        enter(ANN)
        session["user_id"] = 1
        return "in"

    for view in (token, checked, own, basket, usual):
        app.add_url_rule(f"/{view.__name__}", view.__name__, view)
    faults = [problem for problem in found(app) if problem.is_fault]
    assert [(fault.id, fault.text.partition(" ")[0]) for fault in faults] == [
        ("own-session-key", "own"),
        ("token-past-factor", "token"),
    ]
    assert "two_factor.verify" in faults[1].mend


def test_a_view_behind_flask_httpauth_is_told(tmp_path: Path) -> None:
    app = make_console(tmp_path)

    def api() -> str:
        return "in"

    api.__module__ = "flask_httpauth"
    app.add_url_rule("/api", "api", api)
    assert one(app, "http-auth").text.startswith("api is guarded by Flask-HTTPAuth")


@pytest.mark.requirement("FLG-02")
@pytest.mark.parametrize("view", [in_a_view, by_the_module, by_a_helper, ByClass.as_view("by_class")])
def test_a_view_that_logs_in_itself_is_told_and_is_no_fault(view: Any, tmp_path: Path) -> None:
    app = make_console(tmp_path)
    app.add_url_rule("/in", "in_itself", view, methods=["POST"])
    problem = one(app, "login-user")
    assert problem.text.startswith("in_itself calls login_user itself")
    assert 'login_endpoint="in_itself"' in problem.mend
    assert severities(app) == {"login-user": "told"}


def test_a_log_in_that_has_the_code_verified_is_not_told(tmp_path: Path) -> None:
    app = make_console(tmp_path)
    two_factor: Any = app.extensions["twofactor"]

    def in_json() -> str:
        return str(two_factor.verify(ANN, "123456") and enter(ANN))

    app.add_url_rule("/in", "in_json", in_json)
    assert severities(app) == {}


def test_a_log_in_view_that_was_taken_over_is_not_told(tmp_path: Path) -> None:
    app = make_console(tmp_path)
    app.view_functions["login"] = in_a_view
    app.add_url_rule("/page", "page", unrelated)
    assert severities(app) == {}


@pytest.mark.parametrize("checks", [False, True])
def test_a_request_loader_that_believes_a_posted_name_is_wrong_and_another_is_told(
    checks: bool, tmp_path: Path
) -> None:
    app = make_console(tmp_path)
    users: dict[str, User] = {}

    def believes(request: Request) -> Any:
        return users.get(request.form.get("username", ""))

    def asks(request: Request) -> Any:
        user = users.get(request.form.get("username", ""))
        return user if user and user.check_password(request.form["password"]) else None

    app.login_manager.request_loader(asks if checks else believes)  # type: ignore[attr-defined]
    assert severities(app) == ({"request-loader": "told"} if checks else {"request-loader-believes": "wrong"})


def test_a_request_loader_that_is_exempt_is_weak(tmp_path: Path) -> None:
    app = make_console(tmp_path)

    def by_token(request: Request) -> Any:
        return ANN if request.headers.get("X-Token") == "of a machine" else None

    app.login_manager.request_loader(by_token)  # type: ignore[attr-defined]
    app.extensions["twofactor"].exempt_loaders.append(by_token)
    assert severities(app) == {"request-loader-exempt": "weak"}
