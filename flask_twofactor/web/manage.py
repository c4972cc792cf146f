"""The views of the settings: the panel's page, MANAGE, and the password again."""

from __future__ import annotations

from typing import Any

from flask import current_app, flash, redirect, request, url_for

from ..core.records import Mark
from ..errors import CodeRejected, FactorRequired, LoginRefused
from ..flows import login, manage, notices
from ..state import State
from . import session as browser
from .current import Presence, current_state, settings_person
from .forms import other_kind, submitted, with_recovery
from .login import REFUSED, WRONG_CODE, after_login, first_error
from .pages import panel_values, render
from .redirects import here, safe_next

DISABLED = "MFA DISABLED"
LOGGED_OUT = "You are logged out everywhere else."


def entered() -> Presence | Any:
    """Give the person of a settings page, or the response that leads there: log-in, challenge, step-up."""
    person = settings_person()
    if person is None:
        return current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
    state = current_state()
    if person.proof is None or state.now - person.password_at > state.settings.password_seconds:
        return redirect(url_for("twofactor.step_up", next=here()))
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
    return render("settings", title="Two-factor authentication", back_url=back, **panel_values(person.user))


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
        return _manage_page(state, form, person, "Two-factor authentication is mandatory for this account.")
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
        required=state.hooks.is_yes("requirement", person.user),
        with_recovery=with_recovery(),
        other_url=url_for("twofactor.manage", kind=other_kind()),
        action=url_for("twofactor.manage"),
        settings_url=settings_url(state),
        title="Manage two-factor authentication",
    )


def sessions() -> Any:
    """End every other session of the account (SES-09)."""
    person = entered()
    if not isinstance(person, Presence):
        return person
    state = current_state()
    form = state.forms["sessions"]()
    if not submitted(form):
        return render(
            "sessions",
            form=form,
            action=url_for("twofactor.sessions"),
            settings_url=settings_url(state),
            title="Log out everywhere else",
        )
    mark = person.proof if isinstance(person.proof, Mark) else None
    token = manage.end_other_sessions(state, person.subject, person.password_at, mark)
    return changed(state, person, token, LOGGED_OUT)


def step_up() -> Any:
    """Ask for the password again where the last check is too old for what comes next (ENR-05, LIF-01)."""
    person = settings_person()
    if person is None:
        return current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
    state = current_state()
    target = safe_next(request.args.get("next"))
    form = state.forms["step_up"]()
    if not submitted(form):
        return _step_up_page(state, form, person, target, first_error(form))
    mark = person.proof if isinstance(person.proof, Mark) else None
    try:
        token = login.confirm_password(state, person.user, form.password.data, person.sign_in, mark)
    except LoginRefused:
        return _step_up_page(state, form, person, target, REFUSED)
    browser.renew(state, token)
    return redirect(target or settings_url(state))


def _step_up_page(state: State, form: Any, person: Presence, target: str | None, error: str | None) -> Any:
    return render(
        "step_up",
        form=form,
        error=error,
        account=str(state.hooks.ask("account_name", person.user)),
        action=url_for("twofactor.step_up", next=target),
        settings_url=settings_url(state),
        title="Confirm your password",
    )


def step_up_response(seconds: int) -> Any:
    """Give the response that asks for a proof again where the last is older than ``seconds``; None where not.

    The proof is a code, or the password where the account has no factor. A GET is resumed; what was
    posted has to be sent again, and the person is told so.
    """
    found = settings_person()
    if found is None:
        return current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
    mark = found.proof if isinstance(found.proof, Mark) else None
    with_code = mark is not None and mark.enrolment != ""
    proven_at = mark.code_at if mark is not None and with_code else found.password_at
    if proven_at and current_state().now - proven_at <= seconds:
        return None
    if request.method not in ("GET", "HEAD"):
        flash("That needed a fresh proof that it is you. Please send it again.", "twofactor")
    endpoint = "twofactor.challenge" if with_code else "twofactor.step_up"
    return redirect(url_for(endpoint, next=here()), 303)
