"""The blueprint, and what runs around every request of the app."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, current_app, g
from jinja2 import ChoiceLoader, DictLoader, FileSystemLoader, PrefixLoader

from ..settings import Settings
from ..state import State
from . import (
    activity,
    authenticators,
    brands,
    challenge,
    gate,
    languages,
    login,
    manage,
    pages,
    recovery,
    sessions,
    setup,
    step_up,
    unlock,
)
from . import session as browser
from .current import run_later
from .sightings import Sightings

TEMPLATES = Path(__file__).parent.parent / "templates" / "twofactor"
_IN_BLOCK = (
    "{% extends twofactor.layout %}{% block BLOCK %}{% block content %}{% endblock content %}{% endblock BLOCK %}"
)
"""A layout that has `content` in another block of the host's."""

_FOR_EVERYBODY = ("twofactor.static", "twofactor.brand_css")
"""What is no page: the same for every visitor."""


def make_blueprint(settings: Settings) -> Blueprint:
    """Make the blueprint: a page an endpoint, GET and POST only."""
    url_prefix, block = settings.url_prefix, settings.content_block
    blueprint = Blueprint("twofactor", __name__, url_prefix=url_prefix, static_folder="../static/twofactor")
    ours = FileSystemLoader([TEMPLATES / "sets" / settings.template_set, TEMPLATES])
    # Under a second name too, so that a host's own twofactor/setup.html can extend ours and change a block.
    blueprint.jinja_loader = ChoiceLoader(
        [
            PrefixLoader({"twofactor": ours}),
            PrefixLoader({"twofactor": PrefixLoader({"default": ours})}),
            DictLoader({pages.IN_BLOCK: _IN_BLOCK.replace("BLOCK", block)}),
        ]
    )
    both = ["GET", "POST"]
    blueprint.add_url_rule("/identify", "identify", login.identify, methods=both)
    blueprint.add_url_rule("/credential", "credential", login.credential, methods=both)
    blueprint.add_url_rule("/challenge", "challenge", challenge.challenge, methods=both)
    blueprint.add_url_rule("/settings", "settings", manage.settings, methods=["GET"])
    blueprint.add_url_rule("/setup", "setup", setup.setup_view, methods=both)
    blueprint.add_url_rule("/manage", "manage", manage.manage_view, methods=both)
    blueprint.add_url_rule("/recovery", "recovery", recovery.recovery_view, methods=both)
    blueprint.add_url_rule("/recovery-codes", "recovery_codes", recovery.recovery_codes, methods=["GET"])
    blueprint.add_url_rule("/recovery-used", "recovery_used", recovery.recovery_used, methods=["GET"])
    blueprint.add_url_rule("/authenticators", "authenticators", authenticators.listing, methods=["GET"])
    blueprint.add_url_rule("/authenticators/add", "add_authenticator", authenticators.add, methods=both)
    blueprint.add_url_rule("/authenticators/new", "new_authenticator", authenticators.new, methods=both)
    blueprint.add_url_rule("/authenticators/remove", "remove_authenticator", authenticators.remove, methods=both)
    blueprint.add_url_rule("/sessions", "sessions", sessions.sessions, methods=both)
    blueprint.add_url_rule("/activity", "activity", activity.activity_view, methods=["GET"])
    blueprint.add_url_rule("/browsers/forget", "forget_browser", sessions.forget_browser, methods=["POST"])
    blueprint.add_url_rule("/grace", "grace", setup.grace, methods=["GET"])
    blueprint.add_url_rule("/log-out", "log_out", setup.log_out, methods=["POST"])
    blueprint.add_url_rule("/password", "step_up", step_up.step_up, methods=both)
    blueprint.add_url_rule("/unlock", "unlock", unlock.unlock, methods=both)
    blueprint.add_url_rule("/brand/<brand>.css", "brand_css", brands.brand_css, methods=["GET"])
    return blueprint


def attach(app: Flask, state: State) -> None:
    """Register the pages, the gate, and what frames the requests of our pages."""
    blueprint = make_blueprint(state.settings)
    # Preprocessors run before any before_request of the host's: a global CSRFProtect would read the body.
    frame = functools.partial(_frame_page, Sightings(state))
    blueprint.url_value_preprocessor(frame)
    taken_over = _make_preprocessor(app, state.host_login.endpoints, frame)
    app.url_value_preprocessors.setdefault(None, []).insert(0, taken_over)
    app.register_blueprint(blueprint)
    app.jinja_env.globals.update(
        languages.IN_TEMPLATES,
        twofactor_panel=pages.panel,
        twofactor_brand=pages.current_brand,
        twofactor_brand_css=pages.brand_css,
    )
    for error in pages.PROBLEMS:
        app.register_error_handler(error, pages.problem)
    gate.watch(app)
    app.after_request_funcs.setdefault(None, []).insert(0, functools.partial(_finish, app))
    app.teardown_request(functools.partial(_leave_nothing, app))


def take_over(app: Flask, state: State, endpoint: str) -> None:
    """Put our first page in the place of a log-in view of the host: URL, endpoint and links stay."""
    if app.view_functions[endpoint] is not login.identify:
        state.taken_over[endpoint] = app.view_functions[endpoint]
        app.view_functions[endpoint] = login.identify


def _frame_page(sightings: Sightings, endpoint: str | None, _: Any) -> None:
    """Note that this is a page of ours, known by its endpoint and never by the path (FLG-10), and look at its body."""
    g._twofactor_page = endpoint not in _FOR_EVERYBODY
    if g._twofactor_page:
        sightings.look()
    pages.require_form()


def _make_preprocessor(
    app: Flask, taken_over: tuple[str, ...], frame: Callable[[str | None, Any], None]
) -> Callable[[str | None, Any], None]:
    """Make what runs first at every request: the gate is on, and a log-in page that we stand in for is framed."""
    attributes = app.__dict__

    def preprocess(endpoint: str | None, values: Any) -> None:
        manager = attributes.get("login_manager")
        if manager is not None and gate.BOUND not in manager.__dict__:
            gate.bind_again(app)
        if endpoint in taken_over:
            frame(endpoint, values)

    return preprocess


def _finish(app: Flask, response: Response) -> Response:
    """Run last at every response, so that the headers of our pages are what is sent."""
    marks: dict[str, Any] = g._get_current_object().__dict__
    if "_twofactor_page" in marks or "_twofactor_touched" in marks or "_twofactor_companion" in marks:
        if marks.get("_twofactor_page"):
            pages.add_headers(response)  # whatever answered: the view, an error handler, OPTIONS
        browser.finish(current_app.extensions["twofactor"], response)
    if "_twofactor_later" in marks:
        _once_sent(response, functools.partial(run_later, app, marks.pop("_twofactor_later")))
    return response


def _once_sent(response: Response, work: Callable[[], None]) -> None:
    """Do ``work`` when the server asks for more than there is of a response, and when it closes it.

    Werkzeug's own server closes none whose browser has hung up by then.
    """
    if response.is_sequence:
        body = response.get_data()
        response.content_length = len(body)
        response.response = itertools.chain([body], _nothing_after(work))
    response.call_on_close(work)


def _nothing_after(work: Callable[[], None]) -> Iterator[bytes]:
    work()
    yield from ()


def _leave_nothing(app: Flask, _: BaseException | None) -> None:
    """Do what no response took along, since an ``after_request`` of the host's raised before `_finish`."""
    if waiting := g.pop("_twofactor_later", None):
        run_later(app, waiting)
