"""Render: brand folder, host, then default template; the headers of every page."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from flask import Response, current_app, make_response, render_template, request, url_for
from flask_login import logout_user
from jinja2 import Template
from markupsafe import Markup

from ..core.records import Brand
from ..core.recovery import FEW
from ..core.texts import marked
from ..errors import (
    BadRequest,
    Forbidden,
    HookFailed,
    NotAForm,
    SignInAgain,
    StoreUnavailable,
    TooLarge,
    TwoFactorError,
    WiringError,
)
from ..flows import manage
from ..flows.factor import how_many
from . import session as browser
from .brands import css_url, template_of
from .current import Presence, current_state, settings_person
from .fields import missing_fields, with_note
from .languages import language
from .script import Script, script
from .seen import live_sessions, utc

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
CONTRACT = 1
"""The version of what templates of a host rely on: docs/reference/pages.md says what a change of it means."""
MAX_BODY = 16 * 1024
"""Bytes of a request to a page of ours (INP-02)."""
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
_RETRY_AFTER = 30
BASE_TEMPLATE = "twofactor/base.html"
IN_BLOCK = "twofactor/_in_block.html"
_SAID = ("title", "heading", "message", "error", "notice")
"""Values that are texts: they are marked where they stand and looked up in one place, as the page is made."""
_PROBLEMS = {
    400: (marked("This page was out of date"), marked("Go back, load the page again and send it once more.")),
    403: (
        marked("Not possible from here"),
        marked("Two-factor authentication is managed after a log-in on this site's own pages."),
    ),
    413: (
        marked("That was too long"),
        marked("What you sent is longer than this page takes. Please start again with less."),
    ),
    415: (marked("That was not a form"), marked("These pages take forms only.")),
    429: (
        marked("Too many attempts"),
        marked("That was wrong too often, so you were logged out. Please log in again."),
    ),
    503: (marked("Please try again later"), marked("Something on our side does not answer. Nothing was changed.")),
}


class Page:
    """The one name that templates get: ``twofactor``, with the page's values as attributes, None where unset."""

    contract = CONTRACT
    form: Any = None
    action: str | None = None
    error: str | None = None
    notice: str | None = None
    identifier: str | None = None
    account: str | None = None
    restart_url: str | None = None
    back_url: str | None = None
    settings_url: str | None = None
    retry_after: int | None = None
    embedded = False
    code_optional = False
    with_recovery = False
    other_url: str | None = None
    trust_days: int | None = None
    required = False
    rescued = False
    macros = "twofactor/_macros.html"

    def __init__(
        self, page: str, brand: Brand, layout: str | Template, content_block: str = "content", **values: Any
    ) -> None:
        self.page = page
        self.language = language()
        self.brand = brand
        self.bootstrap_css = current_state().settings.bootstrap_css
        self.layout = layout
        self.base_template = layout if content_block == "content" else IN_BLOCK
        self.__dict__.update(values)
        for name in _SAID:
            if text := values.get(name):
                setattr(self, name, self.language.gettext(text))

    @property
    def brand_css(self) -> str | None:
        """Give where the brand's colours are, to be linked after our own stylesheet."""
        return css_url(self.brand)

    @cached_property
    def script(self) -> Script | None:
        """The script that makes the page nicer, None where there is none."""
        return script()


def current_brand() -> Brand:
    """Give the brand of this request: what the host's ``brand_select`` says, else the one default.

    In templates the global ``twofactor_brand()``, for a layout around pages of the host's too.
    """
    state = current_state()
    chosen = state.hooks.ask("brand_select")
    if isinstance(chosen, Brand):
        if chosen.colours is not None and chosen not in (state.brand_default, state.brands.get(chosen.key)):
            raise WiringError(
                f"brand_select answered the brand {chosen.key}, whose colours have no address:\n"
                f"    TwoFactor(app, brands=[...])  # with this one in it"
            )
        return chosen
    if chosen is None:
        return state.brand_default
    if chosen not in state.brands:
        raise HookFailed("the hook brand_select answered a key that no brand has")
    return state.brands[chosen]


def brand_css() -> str | None:
    """Give where the colours of this request's brand are: the Jinja global ``twofactor_brand_css()``."""
    return css_url(current_brand())


def render(page: str, status: int = 200, **values: Any) -> Response:
    """Render one of our pages; the brand's template is preferred over the host's, the host's over ours."""
    context = _page(page, current_brand(), status=status, **values)
    text = _render(page, context, current_state().render)
    return make_response(_noted(context, text) if current_app.debug else text, status)


def _noted(context: Page, text: str) -> str:
    """Say on the page itself, in debug mode, what it must post and does not."""
    if context.form is None or (context.page == "manage" and context.required):
        return text
    asks_code = getattr(context, "asks_code", True)
    missing = missing_fields(context.page, text, asks_code=asks_code, with_recovery=context.with_recovery)
    template = current_app.jinja_env.select_template(_names(context, context.page))
    return with_note(text, str(template.name), missing)


def _page(page: str, brand: Brand, **values: Any) -> Page:
    """Give a page its layout and its macros: the brand's own where its folder has them."""
    settings, environment = current_state().settings, current_app.jinja_env
    layout = template_of(environment, brand, "base.html", settings.base_template)
    macros = template_of(environment, brand, "_macros.html", Page.macros)
    return Page(page, brand, layout, settings.content_block, macros=macros, **values)


def _names(context: Page, name: str) -> list[str | Template]:
    return [f"twofactor/brands/{context.brand.key}/{name}.html", f"twofactor/{name}.html"]


def _render(name: str, context: Page, by_host: Callable[..., Any] | None = None) -> str:
    if by_host is None:
        own = template_of(current_app.jinja_env, context.brand, f"{name}.html", f"twofactor/{name}.html")
        return render_template(own, twofactor=context)
    try:
        return str(by_host(_names(context, name), twofactor=context))
    except Exception as error:  # noqa: BLE001 - the host's own code, as in a hook
        raise current_state().hooks.failure("render", error) from None


def panel() -> Markup:
    """Render the settings panel inside a page of the host: the Jinja global ``twofactor_panel()``."""
    try:
        person = settings_person()
    except Forbidden:  # an identity of a request loader: the page is the host's, so only the panel is left out
        person = None
    if person is None:
        return Markup()
    values = panel_values(person)
    return Markup(_render("_panel", _page("settings", current_brand(), **values, embedded=True)))  # noqa: S704


def panel_values(person: Presence) -> dict[str, Any]:
    """Give what the settings panel shows of a person."""
    status = manage.status(current_state(), person.user)
    return {
        "enabled": status.enabled,
        "since": None if status.since is None else utc(status.since),
        "required": status.required,
        "grace_until": utc(status.grace_until) if status.grace_until else None,
        "sessions": live_sessions(current_state(), person),
        "authenticators": status.authenticators,
        "recovery_left": status.recovery_left,
        "recovery_few": status.enabled and status.recovery_left <= FEW,
        "how_many": how_many(language(), status.recovery_left),
        "notice": browser.take_notice(),
        "setup_url": url_for("twofactor.setup"),
        "manage_url": url_for("twofactor.manage"),
        "authenticators_url": url_for("twofactor.authenticators"),
        "recovery_url": url_for("twofactor.recovery"),
        "activity_url": url_for("twofactor.activity"),
        "sessions_url": url_for("twofactor.sessions"),
    }


def add_headers(response: Response) -> Response:
    """Add the headers of our pages (HDR-01 to HDR-06, HDR-08)."""
    for name, value in HEADERS.items():
        response.headers[name] = value
    response.vary.add("Cookie")
    return response


def problem(error: TwoFactorError) -> Response:
    """Answer an error that is not a form's, as a page that says what to do."""
    if isinstance(error, SignInAgain):
        logout_user()
        return problem_page(error.status, error.retry_after)
    return problem_page(error.status, _RETRY_AFTER if error.status == 503 else None)


def problem_page(status: int, retry_after: int | None = None) -> Response:
    """Render the page of an HTTP error of ours; ``retry_after`` says in seconds when to come back."""
    heading, message = _PROBLEMS[status]
    restart = url_for("twofactor.identify") if status in (400, 413, 415, 429) else None
    again = _try_again(retry_after) if retry_after else None
    values = {
        "heading": heading, "message": message, "again": again, "retry_after": retry_after, "restart_url": restart,
    }  # fmt: skip
    try:
        response = render("problem", status, title=heading, **values)
    except TwoFactorError:  # what failed may fail here too: in ``brand_select``, or in the host's layout
        plain = Page(
            "problem", current_state().brand_default, BASE_TEMPLATE, "content", status=status, title=heading, **values
        )
        response = make_response(_render("problem", plain), status)
    if retry_after:
        response.headers["Retry-After"] = str(retry_after)
    return add_headers(response)


def _try_again(seconds: int) -> str:
    if seconds < 90:
        return language().ngettext("Please try again in one second.", "Please try again in %(count)s seconds.", seconds)
    minutes = -(-seconds // 60)
    return language().ngettext("Please try again in one minute.", "Please try again in %(count)s minutes.", minutes)


PROBLEMS: tuple[type[TwoFactorError], ...] = (
    BadRequest, Forbidden, HookFailed, NotAForm, SignInAgain, StoreUnavailable, TooLarge,
)  # fmt: skip


def require_form() -> None:
    """Refuse a body that no form of ours has, before anybody reads it (INP-02, CSR-05)."""
    if request.method != "POST":
        return
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise Forbidden("a form of another site (CSR-08)")
    length = request.content_length
    if (length is None and "Transfer-Encoding" in request.headers) or (length or 0) > MAX_BODY:
        raise TooLarge("the body is larger than any form of ours")
    if length and request.mimetype not in _FORM_TYPES:
        raise NotAForm("the body is no form")
