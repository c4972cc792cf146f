"""What kind of console this is, as far as its objects tell: the lines that it lacks, and the doors past the gate.

For ``doctor``. Nothing is called: views are read, by the names that their code mentions.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from flask import Flask

from .state import State

_TOKENS = {"create_access_token", "create_refresh_token", "create_token", "generate_auth_token"}
"""What libraries and hosts call that which gives out a token of an API."""
_POSTED = {"form", "values", "args", "json", "get_json"}
"""What a request brings that anybody can write."""
_CHECKS = ("password", "check", "verify", "token", "load", "decode", "sign", "digest", "hash", "hmac", "key")
"""Parts of the names of what would check it."""
_OWN_KEYS = {"user_id", "user", "username", "logged_in", "uid", "account_id"}
"""Keys under which consoles without a login manager keep who is logged in."""


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


def missing_lines(app: Flask, state: State) -> Iterator[str]:
    """Give, a line each, what this console probably still needs."""
    manager: Any = getattr(app, "login_manager", None)
    view = getattr(manager, "login_view", None)
    login = state.host_login
    if view in app.view_functions and view not in login.endpoints and not str(view).startswith("twofactor."):
        yield f'your log-in page {view!r} stands beside ours: take it over, TwoFactor(app, login_endpoint="{view}")'
    if state.settings.step == "session" and not login.hands_on:
        for guard in _functions_around(app):
            names = _names(guard)
            if {"session", "clear"} <= names and names & {"is_authenticated", "is_anonymous", "current_user"}:
                name = getattr(guard, "__name__", "a function")
                yield f'{name} seems to clear the sessions of strangers: app.config["TWOFACTOR_STEP"] = "form"'
    if "seasurf" in _modules(_functions_around(app)) and state.csrf is None:
        yield 'SeaSurf asks our forms for its token: TwoFactor(app, csrf=(seasurf._get_token, "_csrf_token"))'


def open_doors(app: Flask, state: State) -> Iterator[str]:
    """Give, a line each, the ways in that the gate does not see, or sees for accounts with a factor only."""
    if (loader := getattr(getattr(app, "login_manager", None), "_request_callback", None)) is not None:
        names = _names(inspect.unwrap(loader))
        if names & _POSTED and not any(part in name.lower() for name in names for part in _CHECKS):
            name = getattr(loader, "__name__", "of yours")
            yield (
                f"the request_loader {name} seems to believe a name that anybody can post: "
                "whoever names an account without a factor is that account"
            )
    for endpoint, view in sorted(app.view_functions.items()):
        inner = inspect.unwrap(state.taken_over.get(endpoint, view))
        if endpoint.startswith("twofactor.") or inner in state.exempt_loaders:
            continue
        names = _names(inner)
        if tokens := sorted(names & _TOKENS):
            if "verify" not in names:
                yield f"{endpoint} gives out a token ({tokens[0]}) past the factor: call two_factor.verify before it"
        elif "session" in names and "login_user" not in names and _writes_who(inner):
            yield f"{endpoint} keeps who is logged in in the session itself, past Flask-Login: the gate does not see it"
        if "flask_httpauth" in _modules([view]):
            yield f"{endpoint} is guarded by Flask-HTTPAuth: its password or token opens it, and no code is asked for"


def _is_of_host(hook: Any) -> bool:
    return not _module(hook).startswith("flask_twofactor.")


def _functions_around(app: Flask) -> list[Callable[..., Any]]:
    around: list[list[Any]] = [*app.before_request_funcs.values(), *app.after_request_funcs.values()]
    return [one for functions in around for one in functions if not _module(one).startswith("flask_twofactor")]


def _module(function: Any) -> str:
    return str(getattr(getattr(function, "func", function), "__module__", None) or "")


def _modules(functions: list[Callable[..., Any]]) -> str:
    """Give the modules of functions and of what they wrap, as one text."""
    seen: list[str] = []
    for one in functions:
        seen += [_module(one), str(getattr(getattr(one, "__code__", None), "co_filename", ""))]
    return " ".join(seen)


def _names(function: Any) -> set[str]:
    """Give every name that a function's code mentions, the functions inside it too."""
    code = getattr(function, "__code__", None)
    return set() if code is None else set(_of_codes(code, lambda one: one.co_names + one.co_freevars))


def _of_codes(code: CodeType, give: Callable[[CodeType], tuple[Any, ...]]) -> Iterator[Any]:
    yield from give(code)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _of_codes(constant, give)


def _writes_who(function: Any) -> bool:
    """Tell whether a view stores into something under a key that names who is logged in."""
    code = getattr(function, "__code__", None)
    if code is None:
        return False
    import dis  # noqa: PLC0415 - doctor alone needs it

    keys: list[Any] = []
    for step in dis.get_instructions(code):
        if step.opname == "STORE_SUBSCR" and keys and keys[-1] in _OWN_KEYS:
            return True
        if step.opname == "LOAD_CONST":
            keys.append(step.argval)
    return False
