"""What ``next`` may be: a path of this site, outside the log-in itself (RED-01 to RED-03)."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from flask import current_app, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect
from werkzeug.urls import iri_to_uri

from .current import current_state

MAX_LENGTH = 2048
SAFE_METHODS = ("GET", "HEAD")
_SETTINGS = tuple(
    f"twofactor.{page}"
    for page in (
        "settings", "setup", "manage", "recovery", "sessions", "activity", "authenticators", "add_authenticator",
        "remove_authenticator",
    )
)  # fmt: skip
_LOGOUT = ("logout", "logoff", "signout", "signoff")
"""What names of endpoints that end a session contain."""


def is_local_path(target: str) -> bool:
    """Tell whether a browser, given ``target`` as a Location, surely stays on this site.

    Nothing is removed or decoded first: printable ASCII, exactly one slash in front, no backslash,
    empty scheme and host.
    """
    if not 0 < len(target) <= MAX_LENGTH or not all("!" <= char <= "~" for char in target):
        return False
    if not target.startswith("/") or target.startswith("//") or "\\" in target:
        return False
    try:
        parts = urlsplit(target)
    except ValueError:
        return False
    return not parts.scheme and not parts.netloc


def wanted() -> str | None:
    """Give where the request of a log-in page asks to go to then, as the host's links say it; None for nowhere."""
    param = current_state().host_login.next_param
    names = ("next",) if callable(param) else ("next", *param)
    given = [request.args.get(name) for name in names]
    if callable(param):
        given.append(_ask(param))
    return next(filter(None, map(followed, given)), None)


def _ask(param: Callable[[], str | None]) -> str | None:
    try:
        return param()
    except Exception as error:  # noqa: BLE001 - the host's own code, as in a hook
        raise current_state().hooks.failure("next_param", error) from None


def followed(target: str | None) -> str | None:
    """Give what the host's links or views lead to, as a path, where it may be followed; else None."""
    return safe_next(_without_origin(target)) if target else None


def _without_origin(target: str) -> str:
    """Take this site's own origin off a URL of the host's links: nothing but a path is ever followed (RED-01)."""
    host, origin = current_state().host_login, request.host_url.rstrip("/")
    of_host = host.next_param or request.endpoint in host.endpoints
    return target[len(origin) :] if of_host and target.startswith(origin + "/") else target


def safe_next(target: str | None) -> str | None:
    """Give ``target`` where it may be followed, else None: dropped silently."""
    if target is None or not is_local_path(target) or _leads_back(target):
        return None
    return target


def _leads_back(target: str) -> bool:
    """Tell whether the path is a page of the log-in or a log-out: following it would loop or undo."""
    endpoint = _served_by(target)
    if endpoint is None:
        return False
    ours = endpoint.startswith("twofactor.") and endpoint not in _SETTINGS
    named = endpoint.lower().replace("_", "").replace("-", "")
    return ours or endpoint in current_state().host_login.endpoints or any(word in named for word in _LOGOUT)


def _served_by(target: str) -> str | None:
    """Give the endpoint that answers a GET of ``target``, None where this app has none."""
    path = _as_served(urlsplit(target).path)
    root = request.script_root
    if root and path.startswith(root + "/"):
        path = path[len(root) :]
    return _endpoint_of(path)


def _as_served(path: str) -> str:
    """Give the path that the app will see: escapes decoded, dot segments and doubled slashes folded."""
    plain = unquote(path)
    return posixpath.normpath("/" + plain.lstrip("/")) + ("/" if plain.endswith("/") and plain.strip("/") else "")


def _endpoint_of(path: str) -> str | None:
    adapter = current_app.create_url_adapter(request)
    if adapter is None:
        return None
    try:
        return str(adapter.match(path, method="GET")[0])
    except RequestRedirect as moved:  # a slash more at the end
        path = urlsplit(moved.new_url).path
    except HTTPException:
        return None
    try:
        return str(adapter.match(path.removeprefix(request.script_root), method="GET")[0])
    except HTTPException:
        return None


def here() -> str | None:
    """Give the path of this request for a later ``next``; None where going there again is no GET."""
    return safe_next(_this_path()) if request.method in SAFE_METHODS else None


def way_back() -> str | None:
    """Give where the person of this request can go on later; None for nowhere.

    That is here, where a GET is answered here, else the page that had the form.
    """
    here_again = here() if request.method in SAFE_METHODS else _page(_this_path())
    return here_again or sent_from()


def sent_from() -> str | None:
    """Give the page of this site that made the browser send this request, None where it was none or is not told."""
    try:
        parts = urlsplit(request.headers.get("Referer", ""))
    except ValueError:
        return None
    # The scheme may differ: behind a proxy that ends TLS a console may think that it has none.
    if parts.netloc.lower() != request.host.lower():
        return None
    return _page(parts._replace(scheme="", netloc="", fragment="").geturl())


def _this_path() -> str:
    return iri_to_uri(request.script_root + request.full_path.rstrip("?"))


def _page(target: str) -> str | None:
    """Give ``target`` where it may be followed and this app answers a GET of it."""
    return target if safe_next(target) and _served_by(target) else None
