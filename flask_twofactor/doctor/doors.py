"""The ways in that the gate does not see, or sees in a way that a host should know."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from flask import Flask

from ..state import State
from .code import modules_of, name_of, names_in, names_within, writes_who
from .lines import log_in_endpoints
from .problem import Problem

_TOKENS = {"create_access_token", "create_refresh_token", "create_token", "generate_auth_token"}
"""What libraries and hosts call that which gives out a token of an API."""
_POSTED = {"form", "values", "args", "json", "get_json"}
"""What a request brings that anybody can write."""
_CHECKS = ("password", "check", "verify", "token", "load", "decode", "sign", "digest", "hash", "hmac", "key")
"""Parts of the names of what would check it."""


def open_doors(app: Flask, state: State) -> Iterator[Problem]:
    """Give the request loader, and each view that lets somebody in by itself."""
    yield from _request_loader(app, state)
    asked_for = log_in_endpoints(app)
    for endpoint, view in sorted(app.view_functions.items()):
        inner = inspect.unwrap(state.taken_over.get(endpoint, view))
        if endpoint.startswith("twofactor.") or inner in state.exempt_loaders:
            continue
        yield from _past_the_gate(endpoint, view, inner)
        if endpoint not in state.taken_over and endpoint not in asked_for:
            yield from _log_in(endpoint, view)


def _request_loader(app: Flask, state: State) -> Iterator[Problem]:
    loader = getattr(getattr(app, "login_manager", None), "_request_callback", None)
    if loader is None:
        return
    name, names = name_of(loader), names_in(inspect.unwrap(loader))
    if names & _POSTED and not any(part in one.lower() for one in names for part in _CHECKS):
        yield Problem(
            "request-loader-believes",
            "wrong",
            f"the request_loader {name} seems to believe a name that anybody can post: "
            "whoever names an account without a factor is that account",
            "let it check a token or a password",
        )
    elif loader not in state.exempt_loaders:
        yield Problem(
            "request-loader",
            "told",
            f"the request_loader {name} finds nobody who has the factor: such accounts cannot use its way in",
            "nothing, where that is wanted; else let it find accounts of machines, which have no factor",
        )


def _past_the_gate(endpoint: str, view: Any, inner: Any) -> Iterator[Problem]:
    names = names_in(inner)
    if tokens := sorted(names & _TOKENS):
        if "verify" not in names:
            yield Problem(
                "token-past-factor",
                "weak",
                f"{endpoint} gives out a token ({tokens[0]}) past the factor",
                "call two_factor.verify before it",
            )
    elif "session" in names and writes_who(inner) and "login_user" not in names_within(view):
        yield Problem(
            "own-session-key",
            "weak",
            f"{endpoint} keeps who is logged in in the session itself, past Flask-Login: the gate does not see it",
            "log in by login_user, and ask current_user who it is",
        )
    if "flask_httpauth" in modules_of([view]):
        yield Problem(
            "http-auth",
            "weak",
            f"{endpoint} is guarded by Flask-HTTPAuth: its password or token opens it, and no code is asked for",
            "call two_factor.verify where it gives out a token, or guard it by @login_required",
        )


def _log_in(endpoint: str, view: Any) -> Iterator[Problem]:
    names = names_within(view)
    if "login_user" in names and "verify" not in names:
        yield Problem(
            "login-user",
            "told",
            f"{endpoint} calls login_user itself: who has the factor owes the code then, and the gate asks for it",
            f'nothing has to be done; for our pages in its place: TwoFactor(app, login_endpoint="{endpoint}")',
        )
