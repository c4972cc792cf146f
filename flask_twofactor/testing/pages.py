"""The walk through the two log-in pages, as a browser does it."""

from __future__ import annotations

import html
import re

from flask.testing import FlaskClient
from werkzeug.test import TestResponse


def log_in(
    client: FlaskClient, identifier: str, password: str, code: str | None = None, prefix: str = "/two-factor"
) -> TestResponse:
    """Fill in the two pages in turn and give the answer to the last form that was sent: a redirect where it was right.

    The first page's answer is given where it lets nobody on. ``prefix`` is ``TWOFACTOR_URL_PREFIX``.
    """
    first = f"{prefix}/identify"
    answer = client.post(first, data={**_token(client.get(first)), "identifier": identifier})
    if answer.location is None:
        return answer
    fields = {"password": password} if code is None else {"password": password, "code": code}
    return client.post(answer.location, data={**_token(client.get(answer.location)), **fields})


def _token(page: TestResponse) -> dict[str, str]:
    """Take the CSRF token out of a page; nothing where the page has none (a test run that turned CSRF off)."""
    field = re.search(r'<input[^>]*\bname="csrf_token"[^>]*>', page.text)
    value = re.search(r'\bvalue="([^"]*)"', field.group()) if field else None
    return {"csrf_token": html.unescape(value.group(1))} if value else {}
