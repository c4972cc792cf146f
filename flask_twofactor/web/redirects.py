"""What ``next`` may be: a path of this site, outside the log-in itself (RED-01 to RED-03)."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import current_app, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect
from werkzeug.urls import iri_to_uri

from .current import current_state

MAX_LENGTH = 2048
_SETTINGS = ("twofactor.settings", "twofactor.setup", "twofactor.manage")


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


def safe_next(target: str | None) -> str | None:
    """Give ``target`` where it may be followed, else None: dropped silently."""
    if target is None or not is_local_path(target) or _leads_back(target):
        return None
    return target


def _leads_back(target: str) -> bool:
    """Tell whether the path is a page of the log-in or a log-out: following it would loop or undo."""
    path = urlsplit(target).path
    root = request.script_root
    if root and path.startswith(root + "/"):
        path = path[len(root) :]
    adapter = current_app.create_url_adapter(request)
    if adapter is None:
        return False
    try:
        endpoint, _ = adapter.match(path, method="GET")
    except RequestRedirect:
        return False
    except HTTPException:
        return False
    state = current_state()
    ours = endpoint.startswith("twofactor.") and endpoint not in _SETTINGS
    return ours or endpoint in state.login_endpoints or "logout" in endpoint.replace("_", "").lower()


def here() -> str | None:
    """Give the path of this request for a later ``next``; None where going there again is no GET."""
    if request.method not in ("GET", "HEAD"):
        return None
    return safe_next(iri_to_uri(request.script_root + request.full_path.rstrip("?")))
