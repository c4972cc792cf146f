"""Render: brand folder, host, then default template; the headers of every page; the QR code."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from flask import Response, current_app, g, make_response, render_template, request, url_for
from markupsafe import Markup

from ..core.records import Brand
from ..errors import BadRequest, Forbidden, HookFailed, StoreUnavailable, TwoFactorError
from ..flows import manage
from . import session as browser
from .current import current_state, settings_person

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_QUIET_ZONE = 4
_PROBLEMS = {
    400: ("This page was out of date", "Go back, load the page again and send it once more."),
    403: ("Not from here", "Two-factor authentication is managed after a log-in on this site's own pages."),
    413: ("That was too much", "What was sent is larger than any of our forms."),
    415: ("Not a form", "These pages take forms only."),
    503: ("Please try again later", "Something on our side does not answer. Nothing was changed."),
}


@dataclass(frozen=True)
class Problem:
    """An error page's status and the seconds to wait, if known."""

    status: int
    retry_after: int | None = None


class Page:
    """The one name that templates get: ``twofactor``, with the page's values as attributes."""

    def __init__(self, page: str, brand: Brand, base_template: str, **values: Any) -> None:
        self.page = page
        self.brand = brand
        self.base_template = base_template
        self.form: Any = None
        self.action = self.error = self.notice = None
        self.embedded = False
        self.__dict__.update(values)


def current_brand() -> Brand:
    """Give the brand of this request: what the host's ``brand_select`` says, else the one default."""
    state = current_state()
    chosen = state.hooks.ask("brand_select")
    if isinstance(chosen, Brand):
        return chosen
    if chosen is None:
        return state.brand_default
    if chosen not in state.brands:
        raise HookFailed("the hook brand_select answered a key that no brand has")
    return state.brands[chosen]


def render(page: str, status: int = 200, **values: Any) -> Response:
    """Render one of our pages; the brand's template is preferred over the host's, the host's over ours."""
    brand = current_brand()
    names = [f"twofactor/brands/{brand.key}/{page}.html", f"twofactor/{page}.html"]
    context = Page(page, brand, current_state().settings.base_template, **values)
    return make_response(render_template(names, twofactor=context), status)


def panel() -> Markup:
    """Render the settings panel inside a page of the host: the Jinja global ``twofactor_panel()``."""
    person = settings_person()
    if person is None:
        return Markup()
    values = panel_values(person.user)
    brand = current_brand()
    context = Page("settings", brand, current_state().settings.base_template, **values, embedded=True)
    return Markup(render_template([f"twofactor/brands/{brand.key}/_panel.html", "twofactor/_panel.html"], twofactor=context))  # noqa: S704


def panel_values(user: Any) -> dict[str, Any]:
    """Give what the settings panel shows of a user."""
    status = manage.status(current_state(), user)
    since = None if status.since is None else datetime.fromtimestamp(status.since, timezone.utc)
    return {
        "enabled": status.enabled,
        "since": since,
        "required": status.required,
        "notice": browser.take_notice(),
        "setup_url": url_for("twofactor.setup"),
        "manage_url": url_for("twofactor.manage"),
    }


def page(view: Callable[..., Any]) -> Callable[..., Response]:
    """Send the headers of our pages with whatever a view answers (HDR-01 to HDR-06)."""

    @functools.wraps(view)
    def with_headers(**arguments: Any) -> Response:
        g._twofactor_page = True
        return add_headers(make_response(view(**arguments)))

    return with_headers


def add_headers(response: Response) -> Response:
    """Add the headers of our pages."""
    for name, value in HEADERS.items():
        response.headers[name] = value
    response.vary.add("Cookie")
    return response


def problem(error: TwoFactorError) -> Response:
    """Answer an error that is not a form's: 400, 403 or 503, as a page that says what to do."""
    heading, message = _PROBLEMS[error.status]
    retry_after = 30 if error.status == 503 else None
    values = {"heading": heading, "message": message, "retry_after": retry_after, "title": heading}
    restart = url_for("twofactor.identify") if error.status == 400 else None
    response = render("problem", error.status, status=error.status, restart_url=restart, **values)
    if retry_after:
        response.headers["Retry-After"] = str(retry_after)
    return add_headers(response)


PROBLEMS: tuple[type[TwoFactorError], ...] = (BadRequest, Forbidden, HookFailed, StoreUnavailable)


def qr_svg(uri: str) -> Markup:
    """Draw ``uri`` as an inline SVG: one path, no style attribute, its own quiet zone (ISO/IEC 18004, level M).

    The mask is given, since choosing the best of eight costs more than drawing, and every mask scans.
    """
    from qrcode.constants import ERROR_CORRECT_M  # at first use: most processes never draw one
    from qrcode.main import QRCode

    code: Any = QRCode(error_correction=ERROR_CORRECT_M, border=0, mask_pattern=0)
    code.add_data(uri.encode())
    code.make(fit=True)
    size = len(code.modules) + 2 * _QUIET_ZONE
    runs = [
        f"M{start + _QUIET_ZONE} {y + _QUIET_ZONE}h{length}v1h-{length}z"
        for y, row in enumerate(code.modules)
        for start, length in _dark_runs(row)
    ]
    return Markup(
        f'<svg class="tf-qr-code" role="img" aria-label="QR code of the key below" viewBox="0 0 {size} {size}" '
        f'shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{size}v{size}H0z"/>'
        f'<path fill="#000" d="{"".join(runs)}"/></svg>'
    )


def _dark_runs(row: list[bool]) -> list[tuple[int, int]]:
    runs, start = [], None
    for x, dark in enumerate([*row, False]):
        if dark and start is None:
            start = x
        elif not dark and start is not None:
            runs.append((start, x - start))
            start = None
    return runs


def body_problem() -> Response | None:
    """Refuse a body that no form of ours has: over 16 kB, of unknown length, or no form at all (INP-02, CSR-05)."""
    if request.method != "POST":
        return None
    status = None
    if request.content_length is None and "Transfer-Encoding" in request.headers:
        status = 413
    elif (request.content_length or 0) > MAX_BODY:
        status = 413
    elif request.content_length and request.mimetype not in _FORM_TYPES:
        status = 415
    if status is None:
        return None
    heading, message = _PROBLEMS[status]
    values = {"heading": heading, "message": message, "title": heading, "retry_after": None, "restart_url": None}
    return add_headers(render("problem", status, status=status, **values))


MAX_BODY = 16 * 1024
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
