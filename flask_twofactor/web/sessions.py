"""The views of sessions and trusted browsers: where the account is logged in, and the end of it."""

from __future__ import annotations

from typing import Any

from flask import redirect, request, url_for

from ..core.records import Mark
from ..core.texts import marked
from ..flows import manage, notices, trusted
from ..state import State
from . import session as browser
from .answers import trust_days
from .current import Presence, current_state
from .forms import submitted
from .manage import changed, entered, settings_url
from .pages import render
from .seen import live_sessions, trusted_browsers

LOGGED_OUT = marked("You are logged out everywhere else.")
FORGOTTEN = marked("From now on that browser is asked for a code.")
ALL_FORGOTTEN = marked("From now on every browser is asked for a code.")


def sessions() -> Any:
    """Show the live sessions and the trusted browsers, and end every other session of the account (SES-09)."""
    person = entered()
    if not isinstance(person, Presence):
        return person
    state = current_state()
    form = state.forms["sessions"]()
    if not submitted(form):
        return _page(state, person, form)
    mark = person.proof if isinstance(person.proof, Mark) else None
    token = manage.end_other_sessions(state, person.subject, person.password_at, mark)
    notices.tell(state, person.user, notices.SESSIONS_ENDED)
    return changed(state, person, token, LOGGED_OUT)


def forget_browser() -> Any:
    """End the trust in one browser, or in all of them (TRB-08)."""
    person = entered()
    if not isinstance(person, Presence):
        return person
    if submitted(current_state().forms["forget_browser"]()):
        which = request.form.get("browser") or None
        trusted.forget(current_state(), person.subject, which)
        browser.keep_notice(ALL_FORGOTTEN if which is None else FORGOTTEN)
    return redirect(url_for("twofactor.sessions"))


def _page(state: State, person: Presence, form: Any) -> Any:
    return render(
        "sessions",
        form=form,
        notice=browser.take_notice(),
        sessions=live_sessions(state, person),
        trusted=trusted_browsers(state, person),
        trust_days=trust_days(state),
        forget_form=state.forms["forget_browser"](formdata=None),
        forget_url=url_for("twofactor.forget_browser"),
        action=url_for("twofactor.sessions"),
        settings_url=settings_url(state),
        title=marked("Sessions and browsers"),
    )
