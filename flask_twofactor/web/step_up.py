"""The view of step-up: the password again, where the last check is too old for what comes next."""

from __future__ import annotations

from typing import Any

from flask import current_app, redirect, request, url_for

from ..core.records import Mark
from ..core.texts import marked
from ..errors import LoginRefused
from ..flows import login
from ..state import State
from . import fresh
from . import session as browser
from .answers import REFUSED, first_error
from .current import Presence, current_state, settings_person
from .forms import submitted
from .manage import settings_url
from .pages import render
from .redirects import safe_next


def step_up() -> Any:
    """Ask for the password again (ENR-05, LIF-01)."""
    person = settings_person(owing_setup=True)
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
    fresh.proven()
    return redirect(target or settings_url(state))


def _step_up_page(state: State, form: Any, person: Presence, target: str | None, error: str | None) -> Any:
    owing = person.verdict == "setup"  # no other page is open then
    return render(
        "step_up",
        form=form,
        error=error,
        notice=fresh.notice(),
        account=str(state.hooks.ask("account_name", person.user)),
        action=url_for("twofactor.step_up", next=target, resend=fresh.resend()),
        settings_url=None if owing else settings_url(state),
        log_out=state.forms["log_out"](formdata=None) if owing else None,
        log_out_url=url_for("twofactor.log_out"),
        title=marked("Confirm your password"),
    )
