"""What the views answer alike: what was wrong, how long to wait, and where a log-in leads."""

from __future__ import annotations

from typing import Any

from flask import url_for

from ..core.texts import marked
from ..errors import StoreUnavailable, Throttled
from ..flows import login, requirement, trusted
from ..state import State, logger
from . import session as browser
from .forms import value_of
from .languages import language

REFUSED = marked("These details are not right. Check them and try again.")
WRONG_CODE = marked("That code is not right. Wait for the next one in your authenticator app and try again.")


def waiting(error: Throttled) -> str:
    """Say how long to wait, in words."""
    minutes, hours = -(-error.retry_after // 60), -(-error.retry_after // 3600)
    if minutes > 90:
        return language().ngettext(
            "Too many attempts. Try again in one hour.", "Too many attempts. Try again in %(count)s hours.", hours
        )
    return language().ngettext(
        "Too many attempts. Try again in one minute.", "Too many attempts. Try again in %(count)s minutes.", minutes
    )


def keep_trust(state: State, done: login.Login) -> None:
    """Hand the browser its new value, whatever becomes of the log-in: the old one is used up."""
    if done.trust is not None:
        browser.keep_trust(state, done.trust)


def trust_browser(state: State, form: Any, done: login.Login) -> None:
    """Trust the browser where that was asked for on a page with a code, and one of the authenticator was right."""
    if not (state.settings.trusted_browsers and done.by == "code" and value_of(form, "trust")):
        return
    try:
        token = trusted.add(state, done.user, done.subject, done.factor, browser.trust(state))
    except StoreUnavailable:  # the log-in itself stands; the next one asks for a code again
        logger.error("the store did not answer: a browser is not trusted")
        return
    if token is not None:
        browser.keep_trust(state, token)


def after_login(state: State, user: Any) -> str:
    """Give where a log-in without ``next`` leads."""
    return str(state.hooks.ask("after_login_url", user))


def detour(state: State, done: login.Login, target: str | None) -> str | None:
    """Give what comes before the page that was wanted: set-up where it is owed, what a recovery code calls for."""
    if done.by == "rescue":
        return url_for("twofactor.setup", next=target)
    if done.by == "recovery":
        return url_for("twofactor.recovery_used", next=target)
    if done.factor:
        return None
    stage, _ = requirement.stage(state, done.user, done.subject, state.store.standing(done.subject, ""))
    if stage == "free":
        return None
    return url_for("twofactor.grace" if stage == "grace" else "twofactor.setup", next=target)


def trust_days(state: State) -> int | None:
    """Give for how many days a browser may be trusted, None where that is not offered."""
    settings = state.settings
    return max(1, settings.trusted_seconds // 86400) if settings.trusted_browsers else None


def first_error(form: Any) -> str | None:
    """Give the first thing that a form misses."""
    return next((str(error) for errors in form.errors.values() for error in errors), None)


def throttled(response: Any, error: Throttled) -> Any:
    """Make a page the answer to too many attempts: 429 and when to come back."""
    response.status_code = error.status
    response.headers["Retry-After"] = str(error.retry_after)
    return response
