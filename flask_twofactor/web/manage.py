"""The views of the settings: the panel's page, MANAGE, and logging out elsewhere."""

from __future__ import annotations

from typing import Any

from flask import current_app, redirect, url_for

from ..core.texts import marked
from ..errors import CodeRejected, FactorRequired
from ..flows import login, manage, notices
from ..state import State
from . import session as browser
from .answers import WRONG_CODE, after_login, first_error
from .current import Presence, current_state, settings_person
from .forms import other_kind, submitted, with_recovery
from .fresh import proof_url
from .pages import panel_values, render

DISABLED = marked("MFA DISABLED")
MANDATORY = marked("Two-factor authentication is mandatory for this account.")


def entered(*, owing_setup: bool = False) -> Presence | Any:
    """Give the person of a settings page, or the response that leads there: log-in, challenge, step-up."""
    person = settings_person(owing_setup=owing_setup)
    if person is None:
        return current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
    state = current_state()
    if person.proof is None or state.now - person.password_at > state.settings.password_seconds:
        return redirect(proof_url("twofactor.step_up"))
    return person


def settings_url(state: State) -> str:
    """Give the page with the settings panel."""
    return url_for(state.settings.settings_endpoint)


def settings() -> Any:
    """Show whether the factor is on, with the button that changes it."""
    person = entered()
    if not isinstance(person, Presence):
        return person
    back = after_login(current_state(), person.user)
    return render("settings", title=marked("Two-factor authentication"), back_url=back, **panel_values(person))


def manage_view() -> Any:
    """Take the factor away with a current code."""
    person = entered()
    if not isinstance(person, Presence):
        return person
    state = current_state()
    if not login.has_factor(state, person.subject):
        return redirect(url_for("twofactor.setup"))
    form = state.forms["manage"]()
    if not submitted(form):
        return _manage_page(state, form, person, first_error(form))
    try:
        known = is_known(state, person)
        token = manage.disable(state, person.user, form.code.data, person.sign_in, person.password_at, known)
    except CodeRejected:
        return _manage_page(state, form, person, WRONG_CODE)
    except FactorRequired:
        return _manage_page(state, form, person, MANDATORY)
    notices.tell(state, person.user, notices.DISABLED)
    return changed(state, person, token, DISABLED)


def changed(state: State, person: Presence, token: str, message: str) -> Any:
    """End what ended the account's other sessions: the present one renewed, the panel shown with a message."""
    renewed(state, person, token)
    browser.keep_notice(message)
    return redirect(settings_url(state))


def renewed(state: State, person: Presence, token: str) -> None:
    """Let the present session go on, and its remember cookie too, where all others ended."""
    if browser.has_remember_cookie():
        browser.companion_wanted(person.subject)
    browser.renew(state, token)


def is_known(state: State, person: Presence) -> bool:
    """Tell whether somebody logged in to this account with this browser before."""
    own = login.subject_digest(state, person.subject)
    return any(one.subject == own for one in browser.known_accounts(state))


def _manage_page(state: State, form: Any, person: Presence, error: str | None) -> Any:
    form.code.data = ""
    return render(
        "manage",
        form=form,
        error=error,
        required=manage.status(state, person.user).required,
        authenticators_url=url_for("twofactor.authenticators"),
        with_recovery=with_recovery(),
        other_url=url_for("twofactor.manage", kind=other_kind()),
        action=url_for("twofactor.manage"),
        settings_url=settings_url(state),
        title=marked("Manage two-factor authentication"),
    )
