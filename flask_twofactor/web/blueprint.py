"""The blueprint, and what runs around every request of the app."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, current_app, request
from jinja2 import ChoiceLoader, FileSystemLoader, PrefixLoader

from ..state import State
from . import gate, login, manage, pages, setup
from . import session as browser
from .current import current_state

_TEMPLATES = Path(__file__).parent.parent / "templates"


def make_blueprint(url_prefix: str) -> Blueprint:
    """Make the blueprint: a page an endpoint, GET and POST only."""
    blueprint = Blueprint("twofactor", __name__, url_prefix=url_prefix, static_folder="../static/twofactor")
    ours = FileSystemLoader(_TEMPLATES)
    # Under a second name too, so that a host's own twofactor/setup.html can extend ours and change a block.
    blueprint.jinja_loader = ChoiceLoader(
        [ours, PrefixLoader({"twofactor/default": FileSystemLoader(_TEMPLATES / "twofactor")})]
    )
    both = ["GET", "POST"]
    blueprint.add_url_rule("/identify", "identify", login.identify, methods=both)
    blueprint.add_url_rule("/credential", "credential", login.credential, methods=both)
    blueprint.add_url_rule("/challenge", "challenge", login.challenge, methods=both)
    blueprint.add_url_rule("/settings", "settings", manage.settings, methods=["GET"])
    blueprint.add_url_rule("/setup", "setup", setup.setup_view, methods=both)
    blueprint.add_url_rule("/manage", "manage", manage.manage_view, methods=both)
    blueprint.add_url_rule("/password", "step_up", manage.step_up, methods=both)
    return blueprint


def attach(app: Flask, state: State, check_wiring: Callable[[], None]) -> None:
    """Register the pages, the gate and what runs around each request, before anything of the host's."""
    app.register_blueprint(make_blueprint(state.settings.url_prefix))
    app.jinja_env.globals["twofactor_panel"] = pages.panel
    for error in pages.PROBLEMS:
        app.register_error_handler(error, pages.problem)
    gate.watch(app)
    gate.bind(app)
    app.before_request_funcs.setdefault(None, []).insert(0, functools.partial(_before, check_wiring))
    app.after_request(_finish)


def take_over(app: Flask, endpoint: str) -> None:
    """Put our first page in the place of a log-in view of the host: URL, endpoint and links stay."""
    app.view_functions[endpoint] = login.identify


def is_ours(endpoint: str | None) -> bool:
    """Tell by the endpoint's name whether a page of ours answers (FLG-10)."""
    if endpoint is None:
        return False
    return endpoint.startswith("twofactor.") or endpoint in current_state().login_endpoints


def _before(check_wiring: Callable[[], None]) -> Any:
    gate.bind(current_app)  # where a context pushed before there was a manager serves many requests
    check_wiring()
    return pages.body_problem() if is_ours(request.endpoint) else None


def _finish(response: Response) -> Response:
    if is_ours(request.endpoint) and request.endpoint != "twofactor.static":
        pages.add_headers(response)  # whatever answered: the view, an error handler, OPTIONS
    return browser.finish(current_app.extensions["twofactor"], response)
