"""The challenge: the code that a session still owes, or that step-up asks for again."""

from __future__ import annotations

from typing import Any

from flask import redirect, request, url_for

from ..core.records import Mark
from ..core.texts import marked
from ..errors import CodeRejected, Throttled
from ..flows import login
from ..state import State
from . import fresh
from . import session as browser
from .answers import (
    WRONG_CODE,
    after_login,
    detour,
    first_error,
    keep_trust,
    throttled,
    trust_browser,
    trust_days,
    waiting,
)
from .current import Presence, client_source, current_state, presence
from .forms import other_kind, submitted, with_recovery
from .pages import render
from .redirects import safe_next


def challenge() -> Any:
    """Ask for the code that a session owes, or that step-up wants again."""
    state = current_state()
    target = safe_next(request.args.get("next"))
    found = presence()
    if found is None or found.verdict == "out" or found.source == "request":
        return redirect(url_for("twofactor.identify", next=target))
    if found.verdict == "setup":
        return redirect(url_for("twofactor.setup", next=target))
    if found.verdict == "in" and not login.has_factor(state, found.subject):
        return redirect(target or after_login(state, found.user))
    if request.method == "GET" and (done := login.answer_by_trust(state, _sign_in(found), browser.trust(state))):
        keep_trust(state, done)
        return _answered(state, found, done, target or after_login(state, found.user))
    form = state.forms["challenge"]()
    if not submitted(form):
        return _challenge_page(state, form, found, target, first_error(form))
    try:
        leads_to = target or after_login(state, found.user)  # asked first: a hook that raises uses up no code
        known = browser.known_accounts(state)
        done = login.answer(state, _sign_in(found), form.code.data, client_source(), known)
    except CodeRejected:
        return _challenge_page(state, form, found, target, WRONG_CODE)
    except Throttled as error:
        page = _challenge_page(state, form, found, target, waiting(error), error.retry_after)
        return throttled(page, error)
    if found.verdict == "due":
        trust_browser(state, form, done)
    return _answered(state, found, done, detour(state, done, target) or leads_to)


def _answered(state: State, found: Presence, done: login.Login, leads_to: str) -> Any:
    """Let the session go on with its new mark, and lead on."""
    browser.renew(state, done.token, keep_all=True)
    browser.keep_known(state, found.subject)
    if found.verdict == "due":
        login.entered(state, done, browser.known_accounts(state))
    else:
        login.confirmed(state, done)
    fresh.proven()
    return redirect(leads_to)


def _sign_in(found: Presence) -> login.SignIn:
    replaces = found.proof.digest if isinstance(found.proof, Mark) else ""
    return login.SignIn(found.user, found.subject, found.sign_in, found.password_at, found.verdict == "due", replaces)


def _challenge_page(
    state: State, form: Any, found: Presence, target: str | None, error: str | None, retry_after: int | None = None
) -> Any:
    form.code.data = ""
    return render(
        "challenge",
        form=form,
        error=error,
        retry_after=retry_after,
        notice=fresh.notice(),
        confirms=found.verdict == "in",
        trust_days=trust_days(state) if found.verdict == "due" else None,
        with_recovery=with_recovery(),
        other_url=url_for("twofactor.challenge", kind=other_kind(), next=target, resend=fresh.resend()),
        account=str(state.hooks.ask("account_name", found.user)),
        action=url_for("twofactor.challenge", next=target, resend=fresh.resend()),
        restart_url=url_for("twofactor.identify", switch=1, next=target),
        title=marked("Enter your code"),
    )
