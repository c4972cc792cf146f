"""What works, but is weak or wrong in production: cookies, keys, the proxy, what several processes share."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from ..core.sightings import Seen
from ..state import State
from .code import name_of
from .keys import weak_keys
from .problem import Problem, Severity

_MIDDLEWARE = ("app", "wsgi_app", "application")
"""What wrappers of WSGI applications call the one that they wrap."""
_DEPTH = 20
_PROXY_FIX = "app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # from werkzeug.middleware.proxy_fix"


def weak_points(app: Flask, state: State, seen: Seen) -> Iterator[Problem]:
    """Give what is weak or wrong in production; ``seen`` is what the running console noted of itself."""
    yield from weak_keys(state, app.secret_key or "", app.config.get("SECRET_KEY_FALLBACKS") or ())
    yield from _cookies(app, seen)
    yield from _hooks(app, state)
    yield from _proxy(app, seen)
    yield from _shared(state, seen)


def _cookies(app: Flask, seen: Seen) -> Iterator[Problem]:
    over_tls = seen.tls or app.config.get("PREFERRED_URL_SCHEME") == "https"
    severity: Severity = "wrong" if over_tls else "weak"
    why = "though people come over TLS" if over_tls else "set it where the site has TLS"
    for kind in ("SESSION", "REMEMBER"):
        if not app.config.get(f"{kind}_COOKIE_SECURE"):
            name = f"{kind}_COOKIE_SECURE"
            text = f"{name} is off, {why}: the cookie travels in the clear too"
            yield Problem("cookie-not-secure", severity, text, f'app.config["{name}"] = True')
        if app.config.get(f"{kind}_COOKIE_HTTPONLY") is False:
            name = f"{kind}_COOKIE_HTTPONLY"
            text = f"{name} is off: every script of the site reads the cookie"
            yield Problem("cookie-for-scripts", "weak", text, f'app.config["{name}"] = True')
        if app.config.get(f"{kind}_COOKIE_SAMESITE") not in ("Lax", "Strict"):
            name = f"{kind}_COOKIE_SAMESITE"
            text = f"{name} is not set: the cookie goes along with posts of other sites"
            yield Problem("cookie-across-sites", "weak", text, f'app.config["{name}"] = "Lax"')


def _hooks(app: Flask, state: State) -> Iterator[Problem]:
    if state.hooks.notify is None:
        yield Problem(
            "no-notify",
            "weak",
            "no @two_factor.notify: nobody is told when their factor is turned on, off or reset",
            "@two_factor.notify, and a function that mails notice.body to the user",
        )
    for loader in state.exempt_loaders:
        yield Problem(
            "request-loader-exempt",
            "weak",
            f"the request loader {name_of(loader)!r} is exempt: whom it finds gives no code",
            "take @two_factor.request_exemption away, or let it find accounts of machines only",
        )
    if app.config.get("WTF_CSRF_ENABLED") is False:
        yield Problem(
            "csrf-off",
            "weak",
            "WTF_CSRF_ENABLED is off: only the two-factor pages check a CSRF token",
            'app.config["WTF_CSRF_ENABLED"] = True',
        )


def _proxy(app: Flask, seen: Seen) -> Iterator[Problem]:
    if seen.forwarded not in ("near", "far") or _has_proxy_fix(app):
        return
    since = datetime.fromtimestamp(seen.forwarded_at, timezone.utc).date()
    if seen.forwarded == "near":
        yield Problem(
            "no-proxy-fix",
            "wrong",
            f"a proxy stands before the app (seen on {since}), and nothing reads what it forwards: all people share "
            "its address, and one's failures are everybody's",
            _PROXY_FIX,
        )
    else:
        yield Problem(
            "forwarded-from-afar",
            "told",
            f"forwarding headers came from a public address (seen on {since}): a proxy of others, or a visitor's own",
            f"where that is a proxy that you use: {_PROXY_FIX}",
        )


def _has_proxy_fix(app: Flask) -> bool:
    one: Any = app.wsgi_app
    for _ in range(_DEPTH):
        if one is None or isinstance(one, ProxyFix):
            return one is not None
        one = next((inner for name in _MIDDLEWARE if (inner := getattr(one, name, None)) is not None), None)
    return False


def _shared(state: State, seen: Seen) -> Iterator[Problem]:
    several = max(seen.processes, seen.machines) > 1
    if (state.settings.throttle_storage_uri or "").startswith("memory:"):
        count = f"and {seen.processes} processes count" if several else "each worker process counts"
        yield Problem(
            "throttle-in-memory",
            "wrong" if several else "weak",
            f"TWOFACTOR_THROTTLE_STORAGE_URI is in memory: {count} alone, and a restart forgets (THR-13)",
            "leave it unset, so that the database counts, or give a redis:// address",
        )
    if (state.settings.database_uri or "") in ("sqlite://", "sqlite:///:memory:"):
        yield Problem(
            "store-in-memory",
            "wrong",
            "the store is in memory: each process has its own, and a restart takes every factor away",
            "leave TWOFACTOR_DATABASE_URI unset, for a file in the instance folder, or name a database",
        )
    elif seen.machines > 1 and state.store.clock() is None:
        yield Problem(
            "sqlite-on-several-machines",
            "wrong",
            f"{seen.machines} machines use the store, which is an SQLite file: over a network it breaks, and codes "
            "are good twice",
            'app.config["TWOFACTOR_DATABASE_URI"] = "postgresql+psycopg://..."',
        )
