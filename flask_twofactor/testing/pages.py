"""The walk through the two log-in pages, as a browser does it."""

from __future__ import annotations

import html
import re
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse


def log_in(
    client: FlaskClient, identifier: str, password: str, code: str | None = None, prefix: str = "/two-factor"
) -> TestResponse:
    """Fill in the two pages in turn and give the answer to the last form that was sent: a redirect where it was right.

    The first page's answer is given where it lets nobody on. ``prefix`` is ``TWOFACTOR_URL_PREFIX``. What a console
    does not ask for is not sent: the user ID where it has one account.
    """
    page = client.get(f"{prefix}/identify")
    if (form := _form_with(page, "identifier")) is not None:
        page = _send(client, page, form, {"identifier": identifier})
    if page.location is not None:
        page = client.get(_path(page, page.location))
    if (form := _form_with(page, "password")) is None:
        return page
    fields = {"password": password} if code is None else {"password": password, "code": code}
    return _send(client, page, form, fields)


def _send(client: FlaskClient, page: TestResponse, form: str, fields: dict[str, str]) -> TestResponse:
    """Send a form of the page to where it says, with what it hides: the CSRF token, the step between the pages."""
    hidden = [tag for tag in re.findall(r"<input\b[^>]*>", form) if _attribute(tag, "type") == "hidden"]
    kept = {_attribute(tag, "name"): _attribute(tag, "value") for tag in hidden}
    return client.post(_path(page, _attribute(form, "action")), data={**kept, **fields})


def _form_with(page: TestResponse, field: str) -> str | None:
    """Give the form of a page that asks for ``field`` beside those of the console's own layout; None for none."""
    if page.location is not None:
        return None
    asks = rf'<input\b[^>]*\bname="{field}"'
    forms: list[str] = re.findall(r"<form\b.*?</form>", page.text, re.S)
    return next((form for form in forms if re.search(asks, form)), None)


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return html.unescape(found.group(1)) if found else ""


def _path(page: TestResponse, url: str) -> str:
    """Give what a client takes as the path of ``url``, seen from a page: without the root that it adds itself."""
    parts, root = urlsplit(url), page.request.root_path.rstrip("/")
    path = parts.path.removeprefix(root) if parts.path.startswith(f"{root}/") else parts.path or page.request.path
    return f"{path}?{parts.query}" if parts.query else path
