"""The view of set-up: a QR code, the key as text, and a code that turns the factor on."""

from __future__ import annotations

from typing import Any

from flask import redirect, request, url_for

from ..errors import AlreadyEnrolled, CodeRejected, SetupExpired
from ..flows import notices, setup
from ..state import State
from . import session as browser
from .current import Presence, current_state
from .forms import submitted
from .login import WRONG_CODE, first_error
from .manage import entered, renewed, settings_url
from .pages import current_brand, qr_svg, render
from .recovery import to_sheet

EXPIRED = "That key has expired. Scan the new one below and type its code."


def setup_view() -> Any:
    """Show the key that this sign-in is setting up, and turn the factor on with a code made from it."""
    person = entered()
    if not isinstance(person, Presence):
        return person
    if request.method == "HEAD":
        return ""
    state = current_state()
    form = state.forms["setup"]()
    if not submitted(form):
        return _setup_page(state, form, person, first_error(form))
    try:
        token, sealed = setup.confirm(state, person.subject, person.sign_in, form.code.data, person.password_at)
    except CodeRejected:
        return _setup_page(state, form, person, WRONG_CODE)
    except SetupExpired:
        return _setup_page(state, form, person, EXPIRED)
    notices.tell(state, person.user, notices.ENABLED)
    renewed(state, person, token)
    browser.keep_known(state, person.subject)  # the first log-in with the factor is none of a new browser
    return to_sheet(sealed, "Two-factor authentication is on.")


def _setup_page(state: State, form: Any, person: Presence, error: str | None) -> Any:
    try:
        shown = setup.begin(state, person.user, person.subject, person.sign_in, current_brand().issuer)
    except AlreadyEnrolled:
        return redirect(url_for("twofactor.manage"))
    form.code.data = ""
    return render(
        "setup",
        form=form,
        error=error,
        qr=qr_svg(shown.uri),
        key_groups=shown.groups,
        uri=shown.uri,
        minutes=max(1, (shown.expires_at - state.now) // 60),
        account=str(state.hooks.ask("account_name", person.user)),
        action=url_for("twofactor.setup"),
        settings_url=settings_url(state),
        title="Set up two-factor authentication",
    )
