"""The gate: who counts as logged in, answered once, behind every way in that Flask-Login has.

It stands behind the loading of the user (session, remember cookie, ``request_loader``) and behind
``login_user``, on the app's own LoginManager, whichever was set up first: it is bound when the extension is
attached, or when an app context is pushed and there is a manager by then, and again at a request that finds
another manager. It is bound to the manager and not to a loader, so that no later registration removes it
(FLG-03). Flask-Login first finds its user, then the gate judges: a refusal never makes Flask-Login fall
through to a weaker source (FLG-05).
"""

from __future__ import annotations

import functools
from typing import Any

import flask_login.signals
from flask import Flask, appcontext_pushed, current_app, g, redirect, session, url_for
from flask.globals import app_ctx
from flask_login import (
    LoginManager,
    session_protected,
    user_loaded_from_cookie,
    user_loaded_from_request,
    user_logged_in,
    user_logged_out,
)

from ..core.records import Note, Standing
from ..flows import login, requirement, verdicts
from ..state import State
from . import session as browser
from .current import Presence, Source, current_state, is_true, presence
from .fresh import proof_url
from .redirects import way_back

BOUND = "_twofactor_bound"


def watch(app: Flask) -> None:
    """Stand the gate for ``app``, and hear what Flask-Login announces there."""
    bind(app)
    if not hasattr(app, "login_manager"):
        appcontext_pushed.connect(bind_early, app)
    user_logged_in.connect(_on_login, app)
    user_logged_out.connect(_on_logout, app)
    user_loaded_from_cookie.connect(_on_cookie, app)
    user_loaded_from_request.connect(_on_request, app)
    session_protected.connect(_on_protected, app)
    if from_header := getattr(flask_login.signals, "_user_loaded_from_header", None):  # gone in Flask-Login 0.7
        from_header.connect(_on_request, app)  # only where there is no request loader that could be exempt


def bind(app: Flask) -> bool:
    """Put the gate on the app's LoginManager unless it is there; tell whether this call did."""
    manager = app.__dict__.get("login_manager")
    if manager is None or BOUND in manager.__dict__:
        return False
    load, unauthorized = manager._load_user, manager.unauthorized
    manager._load_user = functools.partial(_load, manager, load)
    from_cookie = manager._load_user_from_remember_cookie
    manager._load_user_from_remember_cookie = functools.partial(_load_from_cookie, from_cookie)
    manager.unauthorized = functools.partial(_unauthorized, unauthorized)
    setattr(manager, BOUND, True)
    return True


def bind_early(app: Flask, **_: Any) -> None:
    """Bind as soon as there is a manager: nothing of the host's runs in a context before that."""
    if bind(app):
        appcontext_pushed.disconnect(bind_early, app)


def bind_again(app: Flask) -> None:
    """Bind a manager that took the place of another, and forget whom it has loaded unseen."""
    manager = app.__dict__.get("login_manager")
    if manager is not None and BOUND not in manager.__dict__ and bind(app):
        g.pop("_login_user", None)


def _load(manager: LoginManager, load: Any) -> None:
    context = app_ctx._get_current_object()  # type: ignore[attr-defined]  # one look-up: this runs at every request
    state = context.app.extensions.get("twofactor")
    if state is None:  # one LoginManager may serve an app without us
        load()
        return
    found = context.g
    found._twofactor_source = "session"
    found._twofactor_presence = None
    load()
    user = found._login_user
    claimed = None if user is None else user.is_authenticated
    if not claimed:
        return
    entered = False
    try:
        if claimed is True or is_true(claimed):  # a method that says no is what ``login_required`` takes for a yes
            found._twofactor_presence = judged = _judge(state, user, found._twofactor_source)
            entered = judged.verdict == "in"
    finally:
        if not entered:
            manager._update_request_context_with_user()  # nobody


def _load_from_cookie(load: Any, cookie: str) -> Any:
    """Load by a remember cookie; nobody by one at which Flask-Login would raise."""
    return load(cookie) if browser.can_be_decoded(cookie) else None


def _judge(state: State, user: Any, source: Source) -> Presence:
    """Judge whom Flask-Login found: one read of the store."""
    subject = state.subject_of(user)
    if source == "request" and _is_exempt(state):
        return Presence(user, subject, source, "in", None)
    digest = browser.mark_digest()
    standing = state.store.standing(subject, digest)
    if source == "request":
        free = standing.factor is None and not requirement.owes_setup(state, user, subject, standing)
        return Presence(user, subject, source, "in" if free else "out", None)
    proof: Standing | Note | None
    if standing.digest is not None:
        proof, verdict = standing, verdicts.of_mark(state, subject, standing)
    else:
        proof = None if digest else browser.note_of(state, subject)
        if proof is None and (digest or source == "cookie"):
            proof = browser.dead_note(subject)  # a mark that ended; of a cookie the companion says whether it counts
        verdict = verdicts.of_note(state, subject, standing, proof)
    if verdict == "out" and _is_remembered(state, subject, standing, source):
        verdict = verdicts.remembered(standing)
        proof = browser.keep_note(state, subject, standing.epoch, 0) if standing.epoch else proof
    if verdict == "in" and requirement.owes_setup(state, user, subject, standing):
        verdict = "setup"
    return Presence(user, subject, source, verdict, proof)


def _is_exempt(state: State) -> bool:
    """Tell whether the host declared its request loader safe by name: a door past the factor (FLG-04)."""
    manager: Any = current_app.login_manager  # type: ignore[attr-defined]
    return manager._request_callback in state.exempt_loaders


def _is_remembered(state: State, subject: str, standing: Standing, source: Source) -> bool:
    """Tell whether the browser holds a remember cookie that was issued in the account's present epoch."""
    known = source == "cookie" or browser.has_remember_cookie()
    return known and standing.epoch == browser.companion_epoch(state, subject)


def _on_cookie(_: Flask, **__: Any) -> None:
    g._twofactor_source = "cookie"


def _on_request(_: Flask, **__: Any) -> None:
    g._twofactor_source = "request"


def _on_protected(app: Flask, **_: Any) -> None:
    """Forget what this browser proved, where strong session protection took its user away: nothing is left behind."""
    manager: LoginManager = app.login_manager  # type: ignore[attr-defined]
    mode = app.config.get("SESSION_PROTECTION", manager.session_protection)
    if mode == "strong" and not session.permanent:
        browser.drop_mark()


def _on_login(_: Flask, user: Any, **__: Any) -> None:
    """Judge a ``login_user``: the end of our own log-in, or one of the host's, in this very request (FLG-02)."""
    if user is None:
        return
    current_app.login_manager._update_request_context_with_user()  # type: ignore[attr-defined]
    state = current_state()
    subject = state.subject_of(user)
    if session.get("_remember") == "set":
        browser.companion_wanted(subject)
    if browser.completes(subject):
        current_app.login_manager._update_request_context_with_user(user)  # type: ignore[attr-defined]
        return
    if ended := browser.drop_mark():
        state.store.remove_mark(ended)
    standing = state.store.standing(subject, "")
    verified = browser.take_verified(subject)
    if verified and verified == standing.factor:
        _enter(state, user, subject, verified)
        return
    if standing.factor is not None:
        browser.clear(state, ("_user_id", "_fresh", "_id", "_remember", "_remember_seconds"))
    note = browser.keep_note(state, subject, standing.epoch, state.now if session.get("_fresh") else 0)
    verdict = verdicts.remembered(standing)
    if verdict == "in" and requirement.owes_setup(state, user, subject, standing):
        verdict = "setup"
    g._twofactor_presence = Presence(user, subject, "session", verdict, note)
    if verdict == "in":
        current_app.login_manager._update_request_context_with_user(user)  # type: ignore[attr-defined]


def _enter(state: State, user: Any, subject: str, life: str) -> None:
    """Complete a log-in of the host's, which had the code verified in this very request."""
    password_at = state.now if session.get("_fresh") else 0
    token, mark = state.new_mark(subject, life, password_at=password_at, code_at=state.now)
    state.store.add_mark(mark)
    browser.renew(state, token)
    g._twofactor_presence = Presence(user, subject, "session", "in", state.store.standing(subject, mark.digest))
    current_app.login_manager._update_request_context_with_user(user)  # type: ignore[attr-defined]
    login.entered(state, login.Login(user, subject, token, life, "code"), browser.known_accounts(state))


def _on_logout(_: Flask, **__: Any) -> None:
    """End the mark on the server, so that a copied cookie is dead (SES-03)."""
    g._twofactor_presence = None
    browser.companion_unwanted()
    for key in (browser.PENDING_KEY, browser.NEXT_KEY, browser.NOTICE_KEY, browser.SHEET_KEY):
        session.pop(key, None)
    if digest := browser.mark_digest():  # ended before it is dropped: where the store is down, a second try ends it
        current_state().store.remove_mark(digest)
    browser.drop_mark()


def _unauthorized(unauthorized: Any) -> Any:
    found = presence()
    if found is not None and found.verdict == "due":
        return redirect(proof_url("twofactor.challenge"))
    if found is not None and found.verdict == "setup":
        return redirect(url_for("twofactor.setup", next=way_back()))
    return unauthorized()
