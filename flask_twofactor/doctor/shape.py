"""What kind of console this is, as far as its objects tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask

from ..state import State
from .code import module_of


def describe(app: Flask, state: State) -> Iterator[str]:
    """Give, a line each, what the extension sees of the console."""
    login = state.host_login
    if not login.endpoints:
        yield "log-in: our pages, at twofactor.identify"
    else:
        how = "handed on to your view" if login.hands_on else "by our pages in the place of yours"
        yield f"log-in: {how}, at {', '.join(login.endpoints)}"
    if login.identifier_field is None:
        yield "accounts: one, without a user name"
    hooks = [name for name, hook in vars(state.hooks).items() if hook is not None and _is_of_host(hook)]
    yield f"hooks of yours: {', '.join(sorted(hooks)) or 'none'}"
    yield f"step between the pages: in the {'form' if state.carries_step else 'session'}"
    extensions = {"sqlalchemy": "Flask-SQLAlchemy", "csrf": "Flask-WTF's CSRFProtect", "admin": "Flask-Admin"}
    found = [name for key, name in extensions.items() if key in app.extensions]
    interface = type(app.session_interface)
    if not interface.__module__.startswith("flask.sessions"):
        found.append(f"sessions by {interface.__module__.partition('.')[0]}")
    yield f"beside us: {', '.join(found) or 'Flask-Login alone'}"


def _is_of_host(hook: Any) -> bool:
    return not module_of(hook).startswith("flask_twofactor.")
