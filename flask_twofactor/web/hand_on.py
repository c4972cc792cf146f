"""Hand on: our pages ask, and the host's own log-in view judges the password and logs the person in.

What the host does around its password stays: LDAP, its limits, last log-in, decrypting, ``next``. Nobody is in before
the code was right too: what the view did to the session is undone else, and its answer is not sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import current_app, g, request, session
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import HTTPException

from ..core.records import HostLogin
from ..state import State, logger
from . import session as browser
from .redirects import followed


class HostView:
    """One submission to the log-in view of the host: run it, then `keep` what it did or `undo` it."""

    def __init__(self, state: State, identifier: str, remember: bool) -> None:
        self._state = state
        self._identifier = identifier
        self._remember = remember
        self._before, self._modified = dict(session), session.modified
        self._replaced = browser.mark_digest()
        self._waiting = list(_after_request_functions())
        self._answer: Any = None

    def judge(self, user: Any, password: str) -> bool:
        """Tell whether the view logged in exactly this user, given the password; it is run for nobody too."""
        subject = "" if user is None else self._state.subject_of(user)
        browser.clear(self._state, ("csrf_token", current_app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token")))
        # Many views lead whoever is in already away; the session is empty now, and so is ``current_user``.
        current_app.login_manager._update_request_context_with_user()  # type: ignore[attr-defined]
        with browser.completing(subject) as entered, _form(self._fields(password)):
            self._answer = self._run()
        found = session.get("_user_id")
        if found is not None and entered != [subject]:
            logger.error("the log-in view of the host let somebody in whom the hook user_lookup does not find")
        return user is not None and entered == [subject]

    def keep(self, token: str, instead: Any = None) -> Any:
        """Let the log-in stand, with its mark; give the view's answer, or what comes in its place."""
        if self._replaced:
            self._state.store.remove_mark(self._replaced)
        browser.renew(self._state, token, keep_all=True)
        if instead is None:
            g._twofactor_page = False  # the answer is the host's page, under the host's headers
        return instead or self._answer

    def undo(self) -> None:
        """Leave nothing of what the view did in this browser."""
        browser.undo(self._before, self._modified)
        _after_request_functions()[:] = self._waiting  # cookies of a log-in that does not stand

    def _fields(self, password: str) -> dict[str, str]:
        login = self._state.host_login
        token = current_app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token")
        names = (token, *([self._state.csrf.field_name] if self._state.csrf else []))
        fields = {name: request.form[name] for name in names if name in request.form}
        fields |= login.extra_fields
        if login.remember_field and self._remember:
            fields[login.remember_field] = "y"
        if login.identifier_field:
            fields[login.identifier_field] = self._identifier
        fields[login.password_field] = password
        return fields

    def _run(self) -> Any:
        login: HostLogin = self._state.host_login
        endpoint = request.endpoint if request.endpoint in self._state.taken_over else login.endpoints[0]
        try:
            return _answer(self._state.taken_over[str(endpoint)])
        except Exception as error:  # noqa: BLE001 - the host's own code, as in a hook
            self.undo()
            raise self._state.hooks.failure(f"view {endpoint}", error) from None


def led_on(state: State) -> str | None:
    """Give where the host's own log-in view, at this endpoint, leads whoever is in already; None for nowhere."""
    view = state.taken_over.get(str(request.endpoint))
    return None if view is None else followed(_answer(view).location)


def _answer(view: Callable[..., Any]) -> Any:
    try:
        return current_app.make_response(current_app.ensure_sync(view)(**(request.view_args or {})))
    except HTTPException as error:  # a view may answer by abort(401)
        return error.get_response()


class _form:  # noqa: N801 - a context manager
    """Bracket what reads the form: it finds other fields than were posted."""

    def __init__(self, fields: dict[str, str]) -> None:
        self._fields = fields
        self._request: Any = request._get_current_object()  # type: ignore[attr-defined]

    def __enter__(self) -> None:
        self._posted = self._request.form
        self._set(ImmutableMultiDict(self._fields))

    def __exit__(self, *_: object) -> None:
        self._set(self._posted)

    def _set(self, form: Any) -> None:
        vars(self._request)["form"] = form
        vars(self._request).pop("values", None)  # made of the form, and kept


def _after_request_functions() -> list[Any]:
    from flask.globals import request_ctx  # noqa: PLC0415

    functions: list[Any] = request_ctx._after_request_functions
    return functions
