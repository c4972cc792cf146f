"""What an app and its accounts look like to a test: the state, the user that is meant, the code of the moment."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from flask import Flask, current_app, has_app_context

from ..core.records import Enrolment
from ..core.steps import Spent
from ..core.totp import PERIOD, code_at, step_at
from ..errors import NotEnrolled, TwoFactorError
from ..state import State
from ..web.current import current_state
from .clock import FrozenClock


@contextlib.contextmanager
def inside(app: Flask) -> Iterator[State]:
    """Give the app's state inside an app context: the one that is there, where it is this app's."""
    there = has_app_context() and current_app._get_current_object() is app  # type: ignore[attr-defined]
    with contextlib.nullcontext() if there else app.app_context():
        yield current_state()


def user_of(state: State, account: Any) -> Any:
    """Give the user whom ``account`` means: a user ID as people type it, or a user of the host's itself."""
    if not isinstance(account, str):
        return account
    user = state.hooks.ask("user_lookup", state.parse_identifier(account) or account)
    if user is None:
        raise LookupError(f"no account has the user ID {account!r}")
    return user


def user_id_of(state: State, account: Any) -> str:
    """Give what a person types as the user ID of an account; "" where the console asks for none."""
    if isinstance(account, str) or state.host_login.identifier_field is None:
        return account if isinstance(account, str) else ""
    subject = state.subject_of(account)
    for name in (str(state.hooks.ask("account_name", account)), subject):
        identifier = state.parse_identifier(name)
        found = None if identifier is None else state.hooks.ask("user_lookup", identifier)
        if found is not None and state.subject_of(found) == subject:
            return name
    raise LookupError("what is this account's user ID? Give that, as people type it, in place of the user")


def code_for(app: Flask, account: Any) -> str:
    """Give a code of the account that is good now: it was not spent yet.

    Where the present one was, a frozen clock moves on to the next time step. Without a frozen clock a code of the
    next step does as far as the window reaches; after that an AssertionError says so. Raises `NotEnrolled`.
    """
    with inside(app) as state:
        factor = state.store.factor(state.subject_of(user_of(state, account)))
        if factor is None:
            raise NotEnrolled("this account has no factor: two_factor_client.enroll(user) gives it one")
        enrolment = next(iter(factor.authenticators), None)
        secret = None if enrolment is None else state.open_secret(enrolment)
        if enrolment is None or secret is None:
            raise TwoFactorError("the present keys do not open this account's secret")
        return code_at(secret, _unspent_step(state, enrolment))


def _unspent_step(state: State, enrolment: Enrolment) -> int:
    spent, clock = Spent(enrolment.last_step, enrolment.earlier), state.clock.source
    now = step_at(state.now)
    for step in range(now, now + 1 if isinstance(clock, FrozenClock) else now + state.settings.window + 1):
        if spent.accept(step) is not None:
            return step
    if not isinstance(clock, FrozenClock):
        raise AssertionError(
            "every code of this moment is spent, and the next one comes in up to 30 seconds: "
            "let the test ask for `two_factor_clock`, which moves on by itself, or move a clock of your own"
        )
    clock.at = (now + 1) * PERIOD
    return _unspent_step(state, enrolment)
