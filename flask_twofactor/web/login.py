"""The views of the log-in: identify, credential, challenge."""

from __future__ import annotations

from typing import Any

from flask import redirect, request, url_for

from ..core.keyring import token_digest
from ..core.known import Known
from ..core.records import Mark
from ..core.texts import marked
from ..errors import CodeRejected, LoginRefused, StoreUnavailable, Throttled, TwoFactorError, WiringError
from ..flows import login, requirement, trusted
from ..state import State, logger
from . import fresh
from . import session as browser
from .current import Presence, client_source, current_state, presence
from .forms import other_kind, submitted, switches, with_recovery
from .hand_on import HostView, led_on
from .languages import language
from .pages import render
from .redirects import safe_next, wanted

REFUSED = marked("These details are not right. Check them and try again.")
WRONG_CODE = marked("That code is not right. Wait for the next one in your authenticator app and try again.")
KEPT = marked("Your user ID is still filled in.")
NO_NAME = ""
"""The user ID of a console that has one account and asks for none."""
INVALID_NAME = marked("Enter your user ID as it is known here.")


def waiting(error: Throttled) -> str:
    """Say how long to wait, in words."""
    minutes, hours = -(-error.retry_after // 60), -(-error.retry_after // 3600)
    if minutes > 90:
        return language().ngettext(
            "Too many attempts. Try again in one hour.", "Too many attempts. Try again in %(count)s hours.", hours
        )
    return language().ngettext(
        "Too many attempts. Try again in one minute.", "Too many attempts. Try again in %(count)s minutes.", minutes
    )


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
    password, code = _value(form, "password") or "", _value(form, "code")
    remember = bool(_value(form, "remember"))
    known, trust = browser.known_accounts(state), browser.trust(state)
    try:
        if state.host_login.hands_on:
            done, answer = _hand_on(state, identifier, password, code, remember, known, target)
        else:
            done = login.check(state, identifier, password, code, client_source(), known, trust=trust)
            _keep_trust(state, done)
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
    _trust_browser(state, form, done)
    return answer


def _keep_trust(state: State, done: login.Login) -> None:
    """Hand the browser its new value, whatever becomes of the log-in: the old one is used up."""
    if done.trust is not None:
        browser.keep_trust(state, done.trust)


def _trust_browser(state: State, form: Any, done: login.Login) -> None:
    """Trust the browser where that was asked for on a page with a code, and one of the authenticator was right."""
    if not (state.settings.trusted_browsers and done.by == "code" and _value(form, "trust")):
        return
    try:
        token = trusted.add(state, done.user, done.subject, done.factor, browser.trust(state))
    except StoreUnavailable:  # the log-in itself stands; the next one asks for a code again
        logger.error("the store did not answer: a browser is not trusted")
        return
    if token is not None:
        browser.keep_trust(state, token)


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
        _keep_trust(state, done)
        detour = _detour(state, done, target)
        answer = view.keep(done.token, redirect(detour) if detour else None)
        stands = True
    finally:
        if not stands:
            view.undo()
    return done, answer


def _detour(state: State, done: login.Login, target: str | None) -> str | None:
    """Give what comes before the page that was wanted: set-up where it is owed, what a recovery code calls for."""
    if done.by == "rescue":
        return url_for("twofactor.setup", next=target)
    if done.by == "recovery":
        return url_for("twofactor.recovery_used", next=target)
    if done.factor:
        return None
    stage, _ = requirement.stage(state, done.user, done.subject, state.store.standing(done.subject, ""))
    if stage == "free":
        return None
    return url_for("twofactor.grace" if stage == "grace" else "twofactor.setup", next=target)


def _destination_of(state: State, done: login.Login, target: str | None) -> str:
    """Give where a log-in leads; where a hook of the host's fails at it, the session that would have begun ends."""
    try:
        return _destination(state, done, target)
    except TwoFactorError:
        state.store.remove_mark(token_digest(done.token))
        raise


def _destination(state: State, done: login.Login, target: str | None) -> str:
    return _detour(state, done, target) or target or after_login(state, done.user)


def _value(form: Any, name: str) -> Any:
    """Give a field's value; None where a host's own form class has no such field."""
    return form[name].data if name in form else None


def _credential_page(state: State, form: Any, identifier: str, target: str | None, **values: Any) -> Any:
    asks_code = login.identify(state, identifier, browser.trust(state))
    if _value(form, "code"):
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
        _keep_trust(state, done)
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
        _trust_browser(state, form, done)
    return _answered(state, found, done, _detour(state, done, target) or leads_to)


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


def trust_days(state: State) -> int | None:
    """Give for how many days a browser may be trusted, None where that is not offered."""
    settings = state.settings
    return max(1, settings.trusted_seconds // 86400) if settings.trusted_browsers else None


def first_error(form: Any) -> str | None:
    """Give the first thing that a form misses."""
    return next((str(error) for errors in form.errors.values() for error in errors), None)


def throttled(response: Any, error: Throttled) -> Any:
    """Make a page the answer to too many attempts: 429 and when to come back."""
    response.status_code = error.status
    response.headers["Retry-After"] = str(error.retry_after)
    return response


def after_login(state: State, user: Any) -> str:
    """Give where a log-in without ``next`` leads."""
    return str(state.hooks.ask("after_login_url", user))
