"""The views of the log-in: identify, credential."""

from __future__ import annotations

from typing import Any

from flask import redirect, request, url_for

from ..core.keyring import token_digest
from ..core.known import Known
from ..core.texts import marked
from ..errors import LoginRefused, Throttled, TwoFactorError, WiringError
from ..flows import login
from ..state import State
from . import session as browser
from .answers import (
    REFUSED,
    after_login,
    detour,
    first_error,
    keep_trust,
    throttled,
    trust_browser,
    trust_days,
    waiting,
)
from .current import client_source, current_state, presence
from .forms import other_kind, submitted, switches, value_of, with_recovery
from .hand_on import HostView, led_on
from .languages import language
from .pages import render
from .redirects import safe_next, wanted

KEPT = marked("Your user ID is still filled in.")
NO_NAME = ""
"""The user ID of a console that has one account and asks for none."""
INVALID_NAME = marked("Enter your user ID as it is known here.")


def expired(state: State) -> str:
    """Say that the second page was too long in coming."""
    minutes = max(1, state.settings.pending_seconds // 60)
    return language().ngettext(
        "That took longer than one minute, so please start again.",
        "That took longer than %(count)s minutes, so please start again.",
        minutes,
    )


def identify(**_: Any) -> Any:
    """Ask who wants to log in; also stands in for the host's own log-in endpoints."""
    state = current_state()
    target = wanted()
    if request.method == "GET" and "switch" not in request.args and (found := presence()):
        if found.verdict == "in":
            # Some roots lead to the log-in, and the log-in view of the host leads on: without it, round and round.
            return redirect(target or led_on(state) or after_login(state, found.user))
        if found.verdict in ("due", "setup"):
            return redirect(
                url_for("twofactor.challenge" if found.verdict == "due" else "twofactor.setup", next=target)
            )
    if request.method == "POST" and state.carries_step and "step" in request.form:
        return credential()
    form = state.forms["identify"]()
    if state.host_login.identifier_field is None:
        return _go_on(state, NO_NAME, target)
    error = None
    if submitted(form):
        identifier = state.parse_identifier(form.identifier.data)
        if identifier is not None:
            try:
                login.look_up(state, identifier, client_source(), browser.known_accounts(state))
            except Throttled as error_:
                page = _identify_page(form, target, waiting(error_), retry_after=error_.retry_after)
                return throttled(page, error_)
            return _go_on(state, identifier, target)
        error = INVALID_NAME
    return _identify_page(form, target, error or first_error(form))


def _go_on(state: State, identifier: str, target: str | None) -> Any:
    """Lead to the second page; where the step rides in the form, that page is the answer itself."""
    if state.carries_step:
        return _credential_page(state, state.forms["credential"](formdata=None), identifier, target)
    browser.keep_pending(state, identifier, target)
    rest = None if browser.keeps_next(target) else target
    return redirect(url_for("twofactor.credential", next=rest))


def _is_taken_over(state: State) -> bool:
    """Tell whether this is a page of the host's in whose place ours stands."""
    return request.endpoint in state.host_login.endpoints


def _identify_page(
    form: Any, target: str | None, error: str | None, notice: str | None = None, retry_after: int | None = None
) -> Any:
    stays = current_state().host_login.hands_on and _is_taken_over(current_state())
    action = _here() if stays else url_for("twofactor.identify", next=target)
    return render(
        "identify",
        form=form,
        action=action,
        error=error,
        notice=notice,
        retry_after=retry_after,
        title=marked("Log in"),
    )


def credential() -> Any:
    """Ask for the password, or the password and the code together, and judge them as one."""
    state = current_state()
    step = browser.pending(state, request.form.get("step", "") if state.carries_step else None)
    if step is None:
        return redirect(url_for("twofactor.identify", next=wanted()))
    target = wanted() or safe_next(step.target)
    if state.now - step.at > state.settings.pending_seconds:
        return _start_again(state, step.identifier, target)
    form = state.forms["credential"]()
    identifier = step.identifier
    submitted(form)  # a bad token ends here; what is missing is judged with the rest
    if request.method != "POST" or switches():
        return _credential_page(state, form, identifier, target)
    # The page's own name is a claim like any other: it is judged, whatever another tab made of the session.
    claimed = request.form.get("identifier")
    if claimed is not None:
        identifier = state.parse_identifier(claimed) or identifier
    return _judge_credential(state, form, identifier, target)


def _judge_credential(state: State, form: Any, identifier: str, target: str | None) -> Any:
    password, code = value_of(form, "password") or "", value_of(form, "code")
    remember = bool(value_of(form, "remember"))
    known, trust = browser.known_accounts(state), browser.trust(state)
    try:
        if state.host_login.hands_on:
            done, answer = _hand_on(state, identifier, password, code, remember, known, target)
        else:
            done = login.check(state, identifier, password, code, client_source(), known, trust=trust)
            keep_trust(state, done)
            answer = redirect(_destination_of(state, done, target))  # asked first: a hook that raises lets nobody in
            if not browser.begin(state, done.user, done.subject, done.token, password, remember):
                raise LoginRefused("the host's log-in refused")
    except LoginRefused:
        return _credential_page(state, form, identifier, target, error=REFUSED)
    except Throttled as error:
        values = {"error": waiting(error), "retry_after": error.retry_after}
        return throttled(_credential_page(state, form, identifier, target, **values), error)
    browser.keep_known(state, done.subject, identifier)
    login.entered(state, done, known)
    trust_browser(state, form, done)
    return answer


def _hand_on(
    state: State,
    identifier: str,
    password: str,
    code: str | None,
    remember: bool,
    known: list[Known],
    target: str | None,
) -> tuple[login.Login, Any]:
    """Let the host's own view judge the password; give the log-in and the view's answer."""
    view, stands = HostView(state, identifier, remember), False
    try:
        trust = browser.trust(state)
        done = login.check(state, identifier, password, code, client_source(), known, view.judge, trust)
        keep_trust(state, done)
        first = detour(state, done, target)
        answer = view.keep(done.token, redirect(first) if first else None)
        stands = True
    finally:
        if not stands:
            view.undo()
    return done, answer


def _destination_of(state: State, done: login.Login, target: str | None) -> str:
    """Give where a log-in leads; where a hook of the host's fails at it, the session that would have begun ends."""
    try:
        return _destination(state, done, target)
    except TwoFactorError:
        state.store.remove_mark(token_digest(done.token))
        raise


def _destination(state: State, done: login.Login, target: str | None) -> str:
    return detour(state, done, target) or target or after_login(state, done.user)


def _credential_page(state: State, form: Any, identifier: str, target: str | None, **values: Any) -> Any:
    asks_code = login.identify(state, identifier, browser.trust(state))
    if value_of(form, "code"):
        form.code.data = ""
    rest = None if browser.keeps_next(target) else target
    action = url_for("twofactor.credential", next=rest)
    other_url = None if state.carries_step else url_for("twofactor.credential", kind=other_kind(), next=rest)
    if state.carries_step:
        if "step" not in form:
            raise WiringError("the form class of the credential page has no field `step`; let it inherit from ours")
        form.step.data = browser.seal_pending(state, identifier)
        action = _here() if _is_taken_over(state) else url_for("twofactor.credential", next=target)
    elif "step" in form:
        del form.step
    return render(
        "credential",
        form=form,
        asks_code=asks_code,
        code_optional=state.settings.prompt == "uniform",
        trust_days=trust_days(state) if asks_code else None,
        with_recovery=with_recovery(),
        other_url=other_url,
        identifier=identifier or None,
        action=action,
        restart_url=url_for("twofactor.identify", next=target),
        title=marked("Log in"),
        **values,
    )


def _here() -> str:
    """Give this very page with its query, for a form that is sent to the host's own address."""
    return request.script_root + request.full_path.rstrip("?")


def _start_again(state: State, identifier: str, target: str | None) -> Any:
    """Go back to the first page with the name kept, and say why (ACC-06)."""
    if identifier == NO_NAME:
        browser.keep_pending(state, identifier, target)
        form = state.forms["credential"](formdata=None)
        return _credential_page(state, form, identifier, target, notice=expired(state))
    form = state.forms["identify"](formdata=None, data={"identifier": identifier})
    return _identify_page(form, target, None, notice=f"{expired(state)} {language().gettext(KEPT)}")
