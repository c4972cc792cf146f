"""The view of set-up: a QR code, the key as text, and a code that turns the factor on."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from flask import current_app, redirect, request, url_for
from flask_login import logout_user

from ..core.texts import marked
from ..errors import AlreadyEnrolled, CodeRejected, SetupExpired
from ..flows import notices, requirement, setup
from ..state import State
from . import session as browser
from .answers import WRONG_CODE, after_login, first_error
from .current import Presence, current_state, settings_person
from .forms import submitted
from .languages import language
from .manage import entered, renewed, settings_url
from .pages import current_brand, render
from .qr import LABEL, qr_svg
from .recovery import to_sheet
from .redirects import safe_next

ENABLED = marked("Two-factor authentication is on.")
EXPIRED = marked("That key has expired. Scan the new one below and type its code.")


def setup_view() -> Any:
    """Show the key that this sign-in is setting up, and turn the factor on with a code made from it.

    Who logged in with a rescue code sets it up anew: what was lost stays until that is done.
    """
    person = entered(owing_setup=True)
    if not isinstance(person, Presence):
        return person
    if request.method == "HEAD":
        return ""
    state = current_state()
    form = state.forms["setup"]()
    if not submitted(form):
        return _setup_page(state, form, person, first_error(form))
    try:
        token, sealed = setup.confirm(
            state, person.subject, person.sign_in, form.code.data, person.password_at, replaces=person.rescued
        )
    except CodeRejected:
        return _setup_page(state, form, person, WRONG_CODE)
    except SetupExpired:
        return _setup_page(state, form, person, EXPIRED)
    notices.tell(state, person.user, notices.ENABLED)
    renewed(state, person, token)
    browser.keep_known(state, person.subject)  # the first log-in with the factor is none of a new browser
    onward = safe_next(request.args.get("next")) if person.verdict == "setup" else None
    return to_sheet(sealed, ENABLED, onward)


def _setup_page(state: State, form: Any, person: Presence, error: str | None) -> Any:
    issuer = current_brand().issuer
    try:
        shown = setup.begin(state, person.user, person.subject, person.sign_in, issuer, person.rescued)
    except AlreadyEnrolled:
        return redirect(url_for("twofactor.manage"))
    form.code.data = ""
    owing = person.verdict == "setup"
    return render(
        "setup",
        form=form,
        error=error,
        **key_values(state, person, shown),
        rescued=person.rescued is not None,
        required=owing and person.rescued is None,
        action=url_for("twofactor.setup", next=safe_next(request.args.get("next")) if owing else None),
        settings_url=None if owing else settings_url(state),
        log_out=state.forms["log_out"](formdata=None) if owing else None,
        log_out_url=url_for("twofactor.log_out"),
        title=marked("Set up two-factor authentication"),
    )


def key_values(state: State, person: Presence, shown: setup.Setup) -> dict[str, Any]:
    """Give what a page shows of a key that is being set up."""
    return {
        "qr": qr_svg(shown.uri, language().gettext(LABEL)),
        "key_groups": shown.groups,
        "uri": shown.uri,
        "minutes": max(1, (shown.expires_at - state.now) // 60),
        "account": str(state.hooks.ask("account_name", person.user)),
    }


def grace() -> Any:
    """Say, after a log-in, until when the factor has to be set up."""
    person = settings_person()
    if person is None:
        return current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
    state = current_state()
    onward = safe_next(request.args.get("next")) or after_login(state, person.user)
    standing = state.store.standing(person.subject, "")
    stage, until = requirement.stage(state, person.user, person.subject, standing)
    if stage != "grace":
        return redirect(onward)
    return render(
        "grace",
        until=datetime.fromtimestamp(until, timezone.utc),
        setup_url=url_for("twofactor.setup"),
        onward_url=onward,
        title=marked("Set up two-factor authentication soon"),
    )


def log_out() -> Any:
    """Log out somebody who cannot reach the host's own way out: the factor has to be set up first (LIF-07)."""
    if submitted(current_state().forms["log_out"]()):
        logout_user()
    return redirect(url_for("twofactor.identify"))
