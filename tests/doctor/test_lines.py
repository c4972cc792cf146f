"""The lines that a console lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask, session
from flask_login import LoginManager, current_user

from tests.doctor.consoles import make_console, one, severities


def console(folder: Path, login_view: str | None, **options: Any) -> Flask:
    app = make_console(folder, **options)
    app.login_manager.login_view = login_view  # type: ignore[attr-defined]
    return app


@pytest.mark.parametrize("view", ["login", "/login"])
def test_a_log_in_page_beside_ours_is_to_be_taken_over(view: str, tmp_path: Path) -> None:
    app = console(tmp_path, view, login_endpoint=())
    problem = one(app, "login-view")
    assert severities(app) == {"login-view": "weak"}
    assert problem.text == f"your log-in page {view!r} stands beside ours"
    assert problem.mend == 'take it over, TwoFactor(app, login_endpoint="login")'


def test_a_log_in_page_of_a_blueprint_beside_ours_is_found(tmp_path: Path) -> None:
    app = console(tmp_path, "login")
    app.add_url_rule("/staff", "staff", lambda: "")
    app.login_manager.blueprint_login_views = {"office": "staff", "shop": "login"}  # type: ignore[attr-defined]
    assert "'staff'" in one(app, "login-view").text


@pytest.mark.parametrize("view", ["login", "/login", "twofactor.identify", None])
def test_a_log_in_page_that_is_ours_or_was_taken_over_is_right(view: str | None, tmp_path: Path) -> None:
    assert severities(console(tmp_path, view)) == {}


def test_a_log_in_view_that_is_no_endpoint_is_wrong(tmp_path: Path) -> None:
    assert severities(console(tmp_path, "log_in")) == {"login-view-unknown": "wrong"}


@pytest.mark.parametrize("view", ["https://sso.example/log-in", "/elsewhere"])
def test_a_log_in_view_of_another_app_is_told(view: str, tmp_path: Path) -> None:
    assert severities(console(tmp_path, view)) == {"login-view-elsewhere": "told"}


def test_a_login_manager_without_a_user_loader_is_wrong(tmp_path: Path) -> None:
    app = make_console(tmp_path)
    LoginManager(app).login_view = "login"
    assert severities(app) == {"no-user-loader": "wrong"}


def clear_strangers() -> None:
    if not current_user.is_authenticated:
        session.clear()


def test_a_guard_that_clears_the_sessions_of_strangers_needs_the_step_in_the_form(tmp_path: Path) -> None:
    app = make_console(tmp_path)
    app.before_request(clear_strangers)
    problem = one(app, "sessions-cleared")
    assert problem.text == "clear_strangers seems to clear the sessions of strangers"
    assert problem.mend == 'app.config["TWOFACTOR_STEP"] = "form"'
    right = make_console(tmp_path / "right", config={"TWOFACTOR_STEP": "form"})
    right.before_request(clear_strangers)
    assert severities(right) == {}


def test_a_view_that_clears_the_session_is_no_guard(tmp_path: Path) -> None:
    app = make_console(tmp_path)

    @app.get("/forget")
    def forget() -> str:
        clear_strangers()
        session.clear()
        return str(current_user.is_authenticated)

    assert severities(app) == {}


def test_seasurf_without_its_token_in_our_forms_is_found(tmp_path: Path) -> None:
    app = make_console(tmp_path)
    guard: Any = lambda: None  # noqa: E731
    guard.__module__ = "flask_seasurf"
    app.before_request(guard)
    assert severities(app) == {"seasurf": "weak"}
