"""TwoFactor: builds one State per app, registers the pages and the gate; the hooks that a host may give."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from flask import Flask, Response, current_app, request
from limits.storage import Storage

from . import cli
from .core.records import Brand, CsrfField, HostLogin, Mark
from .defaults import hash_for_nobody, make_hooks
from .errors import CodeRejected, WiringError
from .flows import login, manage, notices, recovery, setup, transfer
from .settings import Settings, as_bytes
from .state import Clock, State
from .stores.sql import Database, SqlCounters, SqlStore
from .throttle import DatabaseStorage, storage_for
from .web import session as browser
from .web.blueprint import attach
from .web.current import Presence, current_origin, current_state, later, presence
from .web.forms import DEFAULT_FORMS
from .web.fresh import require_fresh
from .web.languages import language
from .web.pages import current_brand
from .web.unlock import unlock_path
from .wiring import Wiring

Hook = TypeVar("Hook", bound=Callable[..., Any])


class TwoFactor:
    """Two-factor authentication for a Flask-Login console: ``TwoFactor(app)``.

    ``clock`` gives Unix seconds; ``login_endpoint`` names the host's log-in views that our first page
    takes over in place, and ``next_param`` the parameter (or several, or a function that gives the target) in which
    its links say where to go then; ``forms`` swaps form classes by endpoint name; ``brands`` are the brands that
    ``brand_select`` may answer by key. One object may serve several apps: what belongs to one app is in
    its ``app.extensions["twofactor"]``.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        clock: Callable[[], float] = time.time,
        login_endpoint: str | Iterable[str] = (),
        next_param: str | Iterable[str] | Callable[[], str | None] = (),
        identifier_field: str | None = "identifier",
        password_field: str | None = None,
        remember_field: str | None = None,
        extra_fields: Mapping[str, str] | None = None,
        csrf: tuple[Callable[[], str], str] | CsrfField | None = None,
        render: Callable[..., Any] | None = None,
        forms: Mapping[str, type] | None = None,
        brands: Iterable[Brand] = (),
    ) -> None:
        self._clock = clock
        self._host_login = HostLogin(
            _names(login_endpoint),
            next_param if callable(next_param) else _names(next_param),
            identifier_field,
            password_field,
            remember_field,
            dict(extra_fields or {}),
        )
        if password_field is not None and not self._host_login.endpoints:
            raise WiringError('password_field= hands the log-in on to a view of yours: name it, login_endpoint="..."')
        self._csrf = CsrfField(csrf[1], csrf[0]) if isinstance(csrf, tuple) else csrf
        self._render = render
        unknown = set(forms or ()) - set(DEFAULT_FORMS)
        if unknown:
            raise WiringError(f"no page takes the form {sorted(unknown)}; the pages are {sorted(DEFAULT_FORMS)}")
        self._forms = {**DEFAULT_FORMS, **(forms or {})}
        self._brands = _by_key(brands)
        self._hooks = make_hooks()
        self._exempt_loaders: list[Any] = []
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Attach to an app: read its ``TWOFACTOR_*`` settings, register the pages, stand the gate."""
        if "twofactor" in app.extensions:
            raise WiringError("this app already has a TwoFactor; attach one only")
        settings = Settings.from_config(app.config)
        clock = Clock(self._clock)
        database = functools.cache(lambda: _database(app, settings))

        def make_storage() -> Storage:
            uri = settings.throttle_storage_uri
            return storage_for(uri) if uri else DatabaseStorage(SqlCounters(database(), clock))

        name = settings.issuer or app.name
        state = State(
            settings=settings,
            clock=clock,
            hooks=self._hooks,
            make_store=lambda: SqlStore(database()),
            make_storage=make_storage,
            key_source=lambda: _keys(app, settings),
            sender=app,
            forms=self._forms,
            brands=self._brands,
            brand_default=_only(self._brands) or Brand("default", name, name),
            current_brand=lambda: current_brand() if request else current_state().brand_default,
            current_origin=current_origin,
            later=later,
            language=language,
            hash_for_nobody=hash_for_nobody,
            host_login=self._host_login,
            csrf=self._csrf,
            render=self._render,
            exempt_loaders=self._exempt_loaders,
        )
        app.extensions["twofactor"] = state
        attach(app, state)
        Wiring(app, state)
        app.cli.add_command(cli.group)

    # Hooks: decorators, each with a default (`defaults.py`)

    def user_lookup(self, hook: Hook) -> Hook:
        """``(identifier: str) -> user or None``: find a user by what was typed, in normal form."""
        return self._set("user_lookup", hook)

    def password_check(self, hook: Hook) -> Hook:
        """``(user or None, password: str) -> bool``: with None, do the same work and answer False."""
        return self._set("password_check", hook)

    def user_key(self, hook: Hook) -> Hook:
        """``(user) -> str``: stable for the life of the account."""
        return self._set("user_key", hook)

    def may_login(self, hook: Hook) -> Hook:
        """``(user) -> bool``: the host's own gates (confirmed, not banned)."""
        return self._set("may_login", hook)

    def complete(self, hook: Hook) -> Hook:
        """``(user, password, remember)``: what the host does at log-in; False refuses."""
        return self._set("complete", hook)

    def account_name(self, hook: Hook) -> Hook:
        """``(user) -> str``: the name that the authenticator app shows."""
        return self._set("account_name", hook)

    def brand_select(self, hook: Hook) -> Hook:
        """``() -> Brand or its key or None``: the brand of this request."""
        return self._set("brand_select", hook)

    def requirement(self, hook: Hook) -> Hook:
        """``(user) -> bool``: True where the factor is mandatory; its owner cannot disable it then."""
        return self._set("requirement", hook)

    def after_login_url(self, hook: Hook) -> Hook:
        """``(user) -> url``: where a log-in without ``next`` leads."""
        return self._set("after_login_url", hook)

    def normal_form(self, hook: Hook) -> Hook:
        """``(typed: str) -> str``: the one form of a user ID, before look-up, throttle and decoy."""
        return self._set("normal_form", hook)

    def notify(self, hook: Hook) -> Hook:
        """``(user, notice)``: tell the owner, by mail for one, that the factor was turned on, off or reset."""
        return self._set("notify", hook)

    def locale(self, hook: Hook) -> Hook:
        """``(user) -> str or None``: the language of a user's notices ("de"), where Flask-Babel is set up."""
        return self._set("locale", hook)

    def request_exemption(self, loader: Hook) -> Hook:
        """Declare a ``request_loader`` safe: whom it finds is logged in without the factor. It is a door past it."""
        if not callable(loader):
            raise WiringError("@two_factor.request_exemption decorates a function")
        self._exempt_loaders.append(loader)
        return loader

    def _set(self, name: str, hook: Hook) -> Hook:
        if not callable(hook):
            raise WiringError(f"@two_factor.{name} decorates a function")
        setattr(self._hooks, name, hook)
        return hook

    # From Python, inside an app context

    def is_enabled(self, user: Any) -> bool:
        """Tell whether a confirmed enrolment stands."""
        state = current_state()
        return login.has_factor(state, state.subject_of(user))

    def enroll(self, user: Any, secret: str | None = None) -> str:
        """Write a confirmed enrolment without the pages; give the otpauth URI.

        ``secret`` is base32 of at least 128 bits, made where None. Raises `AlreadyEnrolled`.
        """
        state = current_state()
        return setup.enroll(state, user, secret, state.current_brand().issuer)

    def import_factors(
        self, rows: Iterable[tuple[Any, str | None]], source: str = "base32", secrets: Mapping[str, str] | None = None
    ) -> transfer.Imported:
        """Take over factors that a console already has, from its own query: pairs of a user (or its key) and a secret.

        ``source`` says how it kept them: "base32", "flask-security" (with ``secrets``, its ``SECURITY_TOTP_SECRETS``),
        "django-otp" (hexadecimal) or "twofactor" (otpauth URIs). A factor that stands is not overwritten.
        """
        wallet = {str(tag): value.encode() for tag, value in (secrets or {}).items()}
        return transfer.import_factors(current_state(), rows, source, wallet)

    def verify(self, user: Any, code: str) -> bool:
        """Tell whether ``code`` is right, and spend it; every call is charged to the account's budget.

        A ``login_user`` of the same user later in the same request is a log-in with the factor: for a log-in
        in JSON, which checks the password itself.
        """
        state = current_state()
        life = manage.verify(state, user, code)
        if life and request:
            browser.note_verified(state.subject_of(user), life)
        return bool(life)

    def begin(self, user: Any, sign_in: str = "") -> setup.Setup:
        """Give the key that is being set up for ``user``: ``secret``, ``uri``, ``expires_at`` (Unix seconds).

        The same one until it expires, to the same session; without one, to the same ``sign_in``, what names the
        client (the id of its token): nobody else is shown it (ENR-04). Ask for the password before (ENR-05).
        Raises `AlreadyEnrolled`.
        """
        state = current_state()
        subject = state.subject_of(user)
        opened_by, _ = _sign_in_of(state, subject, sign_in)
        return setup.begin(state, user, subject, opened_by, state.current_brand().issuer)

    def confirm(self, user: Any, code: str, sign_in: str = "") -> bool:
        """Turn the factor on with a code made from the key that `begin` gave; False for a wrong one.

        Every other session of the account ends; the present one goes on, where it is a session of ``user``.
        No recovery codes are made: `new_recovery_codes` makes them.
        Raises `SetupExpired` where the key is gone: `begin` gives another.
        """
        state = current_state()
        subject = state.subject_of(user)
        opened_by, password_at = _sign_in_of(state, subject, sign_in)
        try:
            token, _ = setup.confirm(state, subject, opened_by, code, password_at, with_codes=False)
        except CodeRejected:
            return False
        notices.tell(state, user, notices.ENABLED)
        if request and _own_session(subject) is not None:
            browser.renew(state, token)
        return True

    def new_recovery_codes(self, user: Any) -> list[str]:
        """Make ten recovery codes in the place of all others, for pages of your own: show them once, and keep none.

        Ask for a code before (`verify`). Every other session of the account ends; the present one goes on, where it
        is a session of ``user``. Raises `NotEnrolled`.
        """
        state = current_state()
        own = _own_session(state.subject_of(user))
        mark = own.proof if own is not None and isinstance(own.proof, Mark) else None
        codes, token = recovery.renew_from_python(state, user, own.password_at if own is not None else 0, mark)
        if token:
            browser.renew(state, token)
        return codes

    def reset(self, user: Any, by: str, reason: str = "") -> bool:
        """Take every factor and mark of the account away; True where a factor stood.

        ``by`` says who did it, ``reason`` why: both are recorded.
        """
        return manage.reset(current_state(), user, by, reason)

    def end_sessions(self, user: Any) -> int:
        """End every session of the account at its next request; give how many were known.

        Called by somebody who is signed in to that account with a code (a password change, for one), it clears
        the account's wrong codes too; a password reset from outside clears nothing (rule 3 of the policy).
        """
        state = current_state()
        found = presence() if request else None
        proof = found.proof if found is not None and found.verdict == "in" else None
        by_owner = isinstance(proof, Mark) and proof.code_at > 0 and proof.subject == state.subject_of(user)
        return manage.end_sessions(state, user, refill=by_owner)

    def unlock_path(self, user: Any, seconds: int = 3600) -> str:
        """Give the path of a page that makes a browser a known one, to be mailed to the owner of an account.

        It proves nothing and skips nothing: it only keeps strangers' failures from blocking that browser.
        Put your site's own origin before it, not the request's ``Host`` (RED-05).
        """
        state = current_state()
        return unlock_path(state, state.subject_of(user), seconds)

    def forget(self, user_key: str) -> None:
        """Delete all rows of an account that is deleted (STO-09)."""
        current_state().store.forget(user_key)

    def require_fresh(self, seconds: int = 300) -> Response | None:
        """Ask for the code again (the password, without a factor) where the last one is older, inside a view.

        Give its answer where it is not None: ``if (asked := two_factor.require_fresh()) is not None: return asked``.
        """
        return require_fresh(seconds)

    def fresh(self, seconds: int = 300) -> Callable[[Hook], Hook]:
        """Decorate a view, an async one too: the same before it runs."""

        def decorate(view: Hook) -> Hook:
            @functools.wraps(view)
            def guarded(*arguments: Any, **named: Any) -> Any:
                asked = require_fresh(seconds)
                return current_app.ensure_sync(view)(*arguments, **named) if asked is None else asked

            return cast(Hook, guarded)

        return decorate


def _own_session(subject: str) -> Presence | None:
    """Give who this request's session is, where it is one of that account that may set the factor up."""
    found = presence() if request else None
    if found is None or found.source == "request" or found.subject != subject:
        return None
    return found if found.verdict in ("in", "setup") else None


def _sign_in_of(state: State, subject: str, sign_in: str) -> tuple[str, int]:
    """Give what a pending key of the account is bound to, and when that gave the password (0: not that we know)."""
    found = _own_session(subject)
    if found is not None:
        return found.sign_in, found.password_at
    return state.keyring.digest(f"set-up from Python\n{subject}\n{sign_in}"), 0


def _by_key(brands: Iterable[Brand]) -> dict[str, Brand]:
    found: dict[str, Brand] = {}
    for brand in brands:
        if not isinstance(brand, Brand):
            raise WiringError(f"brands= takes Brand(...), not {type(brand).__name__}")
        # Case does not count: some file systems do not tell such folders apart.
        if brand.key.casefold() in {key.casefold() for key in found}:
            raise WiringError(f"two brands have the key {brand.key}: give each its own, which names its folder")
        found[brand.key] = brand
    return found


def _only(brands: Mapping[str, Brand]) -> Brand | None:
    """Give the brand of a console that has one, and needs no ``brand_select``."""
    return next(iter(brands.values())) if len(brands) == 1 else None


def _names(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _keys(app: Flask, settings: Settings) -> list[bytes]:
    """Give the key material: the present key, then the former ones, which only open."""
    first = settings.key or app.secret_key
    if not first:
        raise WiringError(
            "this app has no SECRET_KEY; set one that all its processes share:\n"
            '    app.config["SECRET_KEY"] = ...  # python -c "import secrets; print(secrets.token_hex(32))"'
        )
    former = [*settings.key_fallbacks, *(app.config.get("SECRET_KEY_FALLBACKS") or ())]
    return [as_bytes(key) for key in (first, *former)]


def _database(app: Flask, settings: Settings) -> Database:
    uri = settings.database_uri
    if uri == "flask-sqlalchemy":
        return Database(_flask_sqlalchemy_engine(app), keep_idle=False)
    return Database.connect(uri or f"sqlite:///{Path(app.instance_path) / 'twofactor.sqlite'}")


def _flask_sqlalchemy_engine(app: Flask) -> Any:
    extension = app.extensions.get("sqlalchemy")
    if extension is None:
        raise WiringError(
            "TWOFACTOR_DATABASE_URI is flask-sqlalchemy, but that extension is not set up: db.init_app(app)"
        )
    with app.app_context():  # Flask-SQLAlchemy 2 keeps a state there, and itself in it
        return extension.engine if hasattr(extension, "engine") else extension.db.engine
