"""The views of recovery codes: how many are left and new ones, the sheet that is shown once, and after one was used."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from flask import current_app, redirect, request, url_for

from ..core.recovery import COUNT
from ..core.texts import marked
from ..errors import CodeRejected
from ..flows import login, manage, recovery
from ..flows.factor import how_many
from ..state import State
from . import session as browser
from .answers import WRONG_CODE, after_login, first_error
from .current import Presence, current_state, settings_person
from .forms import submitted
from .languages import language
from .manage import entered, is_known, renewed, settings_url
from .pages import current_brand, render
from .redirects import safe_next


def recovery_view() -> Any:
    """Say how many codes are left, and make new ones with a code of the authenticator."""
    person = entered()
    if not isinstance(person, Presence):
        return person
    state = current_state()
    if not login.has_factor(state, person.subject):
        return redirect(url_for("twofactor.setup"))
    form = state.forms["recovery"]()
    if not submitted(form):
        return _recovery_page(state, form, person, first_error(form))
    try:
        token, sealed = recovery.renew(
            state, person.user, form.code.data, person.sign_in, person.password_at, is_known(state, person)
        )
    except CodeRejected:
        return _recovery_page(state, form, person, WRONG_CODE)
    renewed(state, person, token)
    return to_sheet(sealed)


def to_sheet(sealed: str, message: str | None = None, onward: str | None = None) -> Any:
    """Lead to the page that shows new codes, once; ``message`` says what else has happened, ``onward`` where then."""
    browser.keep_sheet(sealed)
    if message is not None:
        browser.keep_notice(message)
    return redirect(url_for("twofactor.recovery_codes", next=onward))


def _recovery_page(state: State, form: Any, person: Presence, error: str | None) -> Any:
    form.code.data = ""
    left = manage.status(state, person.user).recovery_left
    return render(
        "recovery",
        form=form,
        error=error,
        recovery_left=left,
        how_many=how_many(language(), left),
        action=url_for("twofactor.recovery"),
        settings_url=settings_url(state),
        title=marked("Recovery codes"),
    )


def recovery_codes() -> Any:
    """Show the codes that were made just now; to the first who asks (REC-03)."""
    person = settings_person()
    if person is None:
        return current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
    if request.method == "HEAD":
        return ""
    state = current_state()
    codes = recovery.show(state, person.subject, browser.take_sheet())
    if codes is None:
        return redirect(url_for("twofactor.recovery"))
    account, today = str(state.hooks.ask("account_name", person.user)), datetime.fromtimestamp(state.now, timezone.utc)
    return render(
        "recovery_codes",
        notice=browser.take_notice(),
        codes=codes,
        account=account,
        date=today,
        count=COUNT,
        download=as_file(codes, account, today),
        filename=f"recovery-codes-{current_brand().key}.txt",
        settings_url=safe_next(request.args.get("next")) or settings_url(state),
        title=marked("Your recovery codes"),
    )


def as_file(codes: list[str], account: str, today: datetime) -> str:
    """Give the codes as a text file in a URL: a link to it asks nobody for them a second time."""
    speaks = language()
    lines = [
        speaks.gettext("Recovery codes for two-factor authentication at %(brand)s", brand=current_brand().name),
        speaks.gettext("Account: %(account)s", account=account),
        speaks.gettext("Made: %(date)s", date=speaks.date(today)),
        "",
        *codes,
        "",
        speaks.gettext("Each works once, in the place of a code from your authenticator app."),
        speaks.gettext("Keep them where nobody else can read them."),
    ]
    return "data:text/plain;charset=utf-8," + quote("".join(f"{line}\r\n" for line in lines))


def recovery_used() -> Any:
    """Say after a log-in with a recovery code how many are left, and what to do now (REC-05, REC-10)."""
    person = settings_person()
    if person is None:
        return current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
    state = current_state()
    onward = safe_next(request.args.get("next")) or after_login(state, person.user)
    found = manage.status(state, person.user)
    if not found.enabled:
        return redirect(onward)
    return render(
        "recovery_used",
        recovery_left=found.recovery_left,
        how_many=how_many(language(), found.recovery_left),
        required=found.required,
        onward_url=onward,
        recovery_url=url_for("twofactor.recovery"),
        authenticators_url=url_for("twofactor.authenticators"),
        manage_url=url_for("twofactor.manage"),
        title=marked("You used a recovery code"),
    )
