"""A console in production with nothing wrong, which a test makes wrong in one way; and what is found then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask
from flask_login import LoginManager

from flask_twofactor import TwoFactor
from flask_twofactor.doctor.problem import Problem
from flask_twofactor.flows import setup
from flask_twofactor.wiring import examine
from tests.support.host import Clock, User

RIGHT = {
    "SECRET_KEY": "b1946ac92492d2347c6235b4d2611184f39e0c7a55d86e21",
    "TWOFACTOR_KEY": "591785b794601e212b260e25925636fd07c3d94e8ba1f862",
    "SESSION_COOKIE_SECURE": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
    "REMEMBER_COOKIE_SECURE": True,
    "REMEMBER_COOKIE_SAMESITE": "Strict",
}


def make_console(
    folder: Path, clock: Clock | None = None, config: dict[str, Any] | None = None, **options: Any
) -> Flask:
    """Make a console with a log-in view that our pages take over; ``config`` is laid over what is right."""
    app = Flask("console", instance_path=str(folder), template_folder=str(folder / "templates"))
    app.config.update({**RIGHT, **(config or {})})
    manager = LoginManager(app)
    manager.login_view = "login"
    manager.user_loader({"1": User(1, "alice", "alice-password")}.get)
    app.add_url_rule("/login", "login", lambda: "", methods=["GET", "POST"])
    two_factor = TwoFactor(clock=clock or Clock(), **{"login_endpoint": "login", **options})
    two_factor.notify(lambda user, notice: None)
    two_factor.init_app(app)
    return app


def enrol(app: Flask, key: int) -> None:
    """Turn the factor of the account on, without the pages."""
    state = app.extensions["twofactor"]
    with app.app_context():
        setup.enroll(state, User(key, f"user {key}", ""), None, "Console")


def found(app: Flask) -> list[Problem]:
    """Give all that doctor finds."""
    with app.app_context():
        return list(examine(app, app.extensions["twofactor"]))


def severities(app: Flask) -> dict[str, str]:
    """Give the ids of what doctor finds, each with its severity."""
    return {problem.id: problem.severity for problem in found(app)}


def one(app: Flask, name: str) -> Problem:
    """Give the one problem of that id."""
    (problem,) = [one for one in found(app) if one.id == name]
    return problem
