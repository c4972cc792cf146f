"""The views of several authenticators: which there are, one more with a current code, and one less."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from flask import redirect, request, url_for

from ..core.records import MAX_AUTHENTICATORS
from ..core.texts import marked
from ..errors import CodeRejected, NotEnrolled, SetupExpired, TooManyAuthenticators
from ..flows import authenticators, login
from ..flows.authenticators import Shown
from ..state import State
from . import session as browser
from .answers import WRONG_CODE, first_error
from .current import Presence, current_state
from .forms import other_kind, submitted, with_recovery
from .manage import entered, is_known, renewed, settings_url
from .pages import current_brand, render
from .setup import key_values

ADDED = marked("The authenticator was added. From now on its codes work too.")
REMOVED = marked("The authenticator was removed, and you are logged out everywhere else.")
GONE = marked("That key has expired. Start again with a code.")


def listing() -> Any:
    """Show the authenticators of the account."""
    person = _enrolled()
    if not isinstance(person, Presence):
        return person
    state = current_state()
    shown = authenticators.listing(state, person.subject)
    return render(
        "authenticators",
        notice=browser.take_notice(),
        authenticators=[{**vars(one), "since": _utc(one.since), "used": _utc(one.used_at)} for one in shown],
        may_add=len(shown) < MAX_AUTHENTICATORS,
        most=MAX_AUTHENTICATORS,
        add_url=url_for("twofactor.add_authenticator"),
        manage_url=url_for("twofactor.manage"),
        settings_url=settings_url(state),
        title=marked("Authenticators"),
    )


def add() -> Any:
    """Ask for a name and a current code, before the key of a further authenticator is shown."""
    person = _enrolled()
    if not isinstance(person, Presence):
        return person
    state = current_state()
    form = state.forms["add_authenticator"]()
    if not submitted(form):
        return _add_page(state, form, first_error(form))
    try:
        authenticators.begin(
            state,
            person.user,
            form.name.data,
            form.code.data,
            person.sign_in,
            is_known(state, person),
            current_brand().issuer,
        )
    except CodeRejected:
        return _add_page(state, form, WRONG_CODE)
    except TooManyAuthenticators:
        return redirect(url_for("twofactor.authenticators"))
    return redirect(url_for("twofactor.new_authenticator"))


def new() -> Any:
    """Show the key of the authenticator that is being added, and add it with a code made from it."""
    person = _enrolled()
    if not isinstance(person, Presence):
        return person
    if request.method == "HEAD":
        return ""
    state = current_state()
    form = state.forms["new_authenticator"]()
    if not submitted(form):
        return _new_page(state, form, person, first_error(form))
    try:
        authenticators.confirm(state, person.user, form.code.data, person.sign_in)
    except CodeRejected:
        return _new_page(state, form, person, WRONG_CODE)
    except (SetupExpired, NotEnrolled):
        return _start_again()
    browser.keep_notice(ADDED)
    return redirect(url_for("twofactor.authenticators"))


def remove() -> Any:
    """Take one of several authenticators away with a current code."""
    person = _enrolled()
    if not isinstance(person, Presence):
        return person
    state = current_state()
    wanted = request.form.get("authenticator") or request.args.get("authenticator")
    shown = authenticators.listing(state, person.subject)
    gone = next((one for one in shown if one.id == wanted), None)
    if gone is None or len(shown) < 2:
        return redirect(url_for("twofactor.authenticators" if gone is None else "twofactor.manage"))
    form = state.forms["remove_authenticator"]()
    if not submitted(form):
        return _remove_page(state, form, gone, first_error(form))
    try:
        known = is_known(state, person)
        token = authenticators.remove(
            state, person.user, gone.id, form.code.data, person.sign_in, person.password_at, known
        )
    except CodeRejected:
        return _remove_page(state, form, gone, WRONG_CODE)
    except NotEnrolled:  # another browser was quicker
        return redirect(url_for("twofactor.authenticators"))
    renewed(state, person, token)
    browser.keep_notice(REMOVED)
    return redirect(url_for("twofactor.authenticators"))


def _enrolled() -> Presence | Any:
    """Give the person of these pages, or the response that leads elsewhere: there is a factor to add to."""
    person = entered()
    if isinstance(person, Presence) and not login.has_factor(current_state(), person.subject):
        return redirect(url_for("twofactor.setup"))
    return person


def _start_again() -> Any:
    browser.keep_notice(GONE)
    return redirect(url_for("twofactor.authenticators"))


def _add_page(state: State, form: Any, error: str | None) -> Any:
    form.code.data = ""
    return render(
        "add_authenticator",
        form=form,
        error=error,
        with_recovery=with_recovery(),
        other_url=url_for("twofactor.add_authenticator", kind=other_kind()),
        action=url_for("twofactor.add_authenticator"),
        back_url=url_for("twofactor.authenticators"),
        settings_url=settings_url(state),
        title=marked("Add an authenticator"),
    )


def _new_page(state: State, form: Any, person: Presence, error: str | None) -> Any:
    found = authenticators.key(state, person.user, person.sign_in, current_brand().issuer)
    if found is None:
        return _start_again() if request.method == "POST" else redirect(url_for("twofactor.add_authenticator"))
    name, shown = found
    form.code.data = ""
    return render(
        "new_authenticator",
        form=form,
        error=error,
        name=name,
        **key_values(state, person, shown),
        action=url_for("twofactor.new_authenticator"),
        settings_url=url_for("twofactor.authenticators"),
        title=marked("Add an authenticator"),
    )


def _remove_page(state: State, form: Any, gone: Shown, error: str | None) -> Any:
    form.code.data = ""
    form.authenticator.data = gone.id
    return render(
        "remove_authenticator",
        form=form,
        error=error,
        name=gone.name,
        with_recovery=with_recovery(),
        other_url=url_for("twofactor.remove_authenticator", authenticator=gone.id, kind=other_kind()),
        action=url_for("twofactor.remove_authenticator"),
        back_url=url_for("twofactor.authenticators"),
        settings_url=settings_url(state),
        title=marked("Remove an authenticator"),
    )


def _utc(at: int | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, timezone.utc)
