"""What the hooks do where the host gives none, on Flask-Login and Werkzeug."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from flask import current_app, request
from flask_login import login_user
from werkzeug.security import check_password_hash, generate_password_hash

from .core.records import Brand
from .errors import WiringError
from .state import Hooks


def user_lookup(identifier: str) -> Any:
    """Give the identifier to Flask-Login's ``user_loader``."""
    loader = current_app.login_manager._user_callback  # type: ignore[attr-defined]
    if loader is None:
        raise WiringError(
            "no way to find a user by the typed user ID; give one:\n"
            "    @two_factor.user_lookup\n    def find(identifier): return User.by_email(identifier)"
        )
    return loader(identifier)


def password_check(user: Any, password: str) -> bool:
    """Ask ``user.check_password`` or ``user.verify_password``; for nobody, do the work of Werkzeug's own hash."""
    if user is None:
        return hash_for_nobody(password)
    for name in ("check_password", "verify_password"):
        method = getattr(user, name, None)
        if callable(method) and _takes_one(method):
            answer: bool = method(password)
            return answer
    raise WiringError(
        f"no way to check a password of {type(user).__name__}; give one:\n"
        "    @two_factor.password_check\n    def check(user, password): ...  # of None, do the work too and say False"
    )


def hash_for_nobody(password: str) -> bool:
    """Do the work of Werkzeug's own hash and answer no."""
    return check_password_hash(_hash_of_nobody(), password) and False


@functools.cache
def _hash_of_nobody() -> str:
    return generate_password_hash("the password of nobody")


def _takes_one(method: Callable[..., Any]) -> bool:
    parameters = inspect.signature(method).parameters.values()
    plain = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    return len(plain) == 1 and len(list(parameters)) == 1


def user_key(user: Any) -> str:
    """Give ``str(user.id)``; never ``get_id()``, which hosts let change (STO-08)."""
    key = getattr(user, "id", None)
    if key is None:
        raise WiringError(
            f"{type(user).__name__} has no id; give what stays the same for the life of an account:\n"
            "    @two_factor.user_key\n    def key(user): return str(user.number)"
        )
    return str(key)


def may_login(user: Any) -> bool:
    """Give ``user.is_active``, attribute or method."""
    active = getattr(user, "is_active", True)
    return bool(active() if callable(active) else active)


def complete(user: Any, _password: str | None, remember: bool) -> bool:
    """Log in by Flask-Login, its answer honoured."""
    return bool(login_user(user, remember=remember))


def make_account_name(key_of: Callable[[Any], str]) -> Callable[[Any], str]:
    """Make the default name in the authenticator: e-mail, user name, else the account's key."""

    def account_name(user: Any) -> str:
        named = getattr(user, "email", None) or getattr(user, "username", None)
        return str(named) if named else key_of(user)

    return account_name


def brand_select() -> Brand | str | None:
    """Give the one default brand."""
    return None


def requirement(_user: Any) -> bool:
    """Make the factor mandatory for nobody."""
    return False


def after_login_url(_user: Any) -> str:
    """Give ``TWOFACTOR_AFTER_LOGIN``, else the root of the app."""
    configured = current_app.extensions["twofactor"].settings.after_login
    return str(configured or (request.script_root + "/"))


def make_hooks() -> Hooks:
    """Make the hooks of a `TwoFactor` that the host has not given yet."""
    hooks = Hooks(
        user_lookup=user_lookup,
        password_check=password_check,
        user_key=user_key,
        may_login=may_login,
        complete=complete,
        account_name=make_account_name(lambda user: hooks.user_key(user)),
        brand_select=brand_select,
        requirement=requirement,
        after_login_url=after_login_url,
    )
    return hooks
