"""The lines that a console probably still needs: its log-in pages, its guards, its CSRF token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from ..state import State
from .code import functions_around, modules_of, name_of, names_in
from .problem import Problem


def missing_lines(app: Flask, state: State) -> Iterator[Problem]:
    """Give what this console probably still needs."""
    manager: Any = getattr(app, "login_manager", None)
    if manager is not None and manager._user_callback is None:
        yield Problem(
            "no-user-loader",
            "wrong",
            "the LoginManager has no user_loader: nobody stays logged in",
            "@login_manager.user_loader, and a function that finds a user by get_id()",
        )
    for view in sorted(_login_views(app)):
        yield from _log_in_page(app, state, view)
    if state.settings.step == "session" and not state.host_login.hands_on:
        for guard in functions_around(app):
            names = names_in(guard)
            if {"session", "clear"} <= names and names & {"is_authenticated", "is_anonymous", "current_user"}:
                yield Problem(
                    "sessions-cleared",
                    "weak",
                    f"{name_of(guard)} seems to clear the sessions of strangers",
                    'app.config["TWOFACTOR_STEP"] = "form"',
                )
    if "seasurf" in modules_of(functions_around(app)) and state.csrf is None:
        yield Problem(
            "seasurf",
            "weak",
            "SeaSurf asks our forms for its token",
            'TwoFactor(app, csrf=(seasurf._get_token, "_csrf_token"))',
        )


def log_in_endpoints(app: Flask) -> set[str]:
    """Give the endpoints to which Flask-Login sends whoever is not logged in."""
    return {_endpoint_of(app, view) for view in _login_views(app)}


def _login_views(app: Flask) -> set[str]:
    manager: Any = getattr(app, "login_manager", None)
    of_blueprints = (getattr(manager, "blueprint_login_views", None) or {}).values()
    return {str(view) for view in (getattr(manager, "login_view", None), *of_blueprints) if view}


def _log_in_page(app: Flask, state: State, view: str) -> Iterator[Problem]:
    endpoint = _endpoint_of(app, view)
    if endpoint in state.host_login.endpoints or endpoint.startswith("twofactor."):
        return
    if endpoint in app.view_functions:
        yield Problem(
            "login-view",
            "weak",
            f"your log-in page {view!r} stands beside ours",
            f'take it over, TwoFactor(app, login_endpoint="{endpoint}")',
        )
    elif view.startswith(("/", "http:", "https:")):
        yield Problem(
            "login-view-elsewhere",
            "told",
            f"whoever has to log in is sent to {view}, which is no page of this app",
            "nothing, where people are to log in there; else leave login_manager.login_view unset",
        )
    else:
        yield Problem(
            "login-view-unknown",
            "wrong",
            f"login_view {view!r} is no endpoint of this app: whoever has to log in gets an error",
            'leave login_manager.login_view unset, or "twofactor.identify"',
        )


def _endpoint_of(app: Flask, view: str) -> str:
    """Give the endpoint of a log-in view that may be given as a path."""
    if not view.startswith("/"):
        return view
    try:
        endpoint, _ = app.url_map.bind("localhost").match(view)
    except RequestRedirect:
        return view
    except HTTPException:
        return view
    return str(endpoint)
