"""The gallery: a WSGI app that shows every page in every state, in the console's own layout and with its own files.

It is no part of the console's app, which has no URL of it: it stands in front of that app, on loopback, as long as
the command runs. What a page loads (stylesheets, logos) is asked of the console's views; nothing else of it is open.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask
from jinja2 import Environment, FileSystemLoader
from werkzeug.exceptions import Forbidden, HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from ..core.records import Brand
from ..errors import WiringError
from ..web.languages import spoken_tags
from ..web.pages import HEADERS, POLICY
from .nobody import request_of_nobody, without_accounts
from .shown import Shown
from .states import JOURNEYS, STATES

ADDRESS = "/_preview/"
WIDTHS = {"wide": (1024, 720), "narrow": (390, 844)}
"""Pixels of the windows in which pages are shown and pictured."""
SCHEMES = ("light", "dark")
_PACKAGE = Path(__file__).parents[1]
_PAGES = _PACKAGE / "preview" / "pages"
_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
}
_IN_FRAMES = {
    **HEADERS,
    "Content-Security-Policy": POLICY.replace("form-action 'self'", "form-action 'none'").replace(
        "frame-ancestors 'none'", "frame-ancestors 'self'"
    ),
    "X-Frame-Options": "SAMEORIGIN",
}
"""The headers of our pages, but that they stand in frames of the gallery and send nothing."""
_FILES = ("font", "image", "manifest", "script", "style")
"""What a page loads, as ``Sec-Fetch-Dest`` says."""


class _Asked(Request):
    """A request to this machine by its own name: any other may be one that somebody lets point here."""

    trusted_hosts = ["127.0.0.1", ".localhost"]  # noqa: RUF012 - as Werkzeug has it


@dataclass(frozen=True)
class View:
    """How the pages are looked at: a brand's key, a language's tag, a width and a scheme."""

    brand: str
    language: str
    width: str
    scheme: str

    def but(self, **other: str) -> str:
        """Give the query of this view, or of one that differs in something."""
        return "?" + urlencode(vars(replace(self, **other)))


@dataclass(frozen=True)
class Group:
    """The states of a page, with the name of its template, and whether that is the console's ``own``."""

    page: str
    states: list[Shown]
    template: str
    own: bool


class Gallery:
    """Every page in every state, of the brands (keys) and languages (tags) that are named, or of all."""

    def __init__(self, app: Flask, brands: Sequence[str] = (), languages: Sequence[str] = ()) -> None:
        self._app = app
        state = app.extensions["twofactor"]
        with app.app_context():
            tags = spoken_tags()
        known = {brand.key: brand for brand in state.brands.values() or (state.brand_default,)}
        self.brands: dict[str, Brand] = {key: known[key] for key in _asked("brand", brands, list(known))}
        self.languages = _asked("language", languages, tags)
        app.extensions["twofactor"] = without_accounts(state)
        self._addresses = Map(
            [
                Rule(ADDRESS, endpoint=self._index),
                Rule(f"{ADDRESS}gallery.css", endpoint=self._stylesheet),
                Rule(f"{ADDRESS}<page>/<name>/", endpoint=self._variants),
                Rule(f"{ADDRESS}<page>/<name>/<brand>/<language>", endpoint=self._page),
            ]
        )
        self._templates = Environment(loader=FileSystemLoader(_PAGES), autoescape=True, trim_blocks=True)
        self._templates.globals.update(gallery=self, ADDRESS=ADDRESS, WIDTHS=WIDTHS, SCHEMES=SCHEMES)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        try:
            response = self._answer(_Asked(environ))
        except HTTPException as error:
            return error(environ, start_response)
        return response(environ, start_response)

    def address(self, shown: Shown, brand: str, language: str) -> str:
        """Give the path of a page in a state."""
        return f"{ADDRESS}{shown.page}/{shown.name}/{brand}/{language}"

    def draw(self, shown: Shown, brand: str, language: str, base_url: str = "http://127.0.0.1/") -> Response:
        """Draw a page in a state; what its templates raise is raised."""
        with request_of_nobody(self._app, shown.endpoint, base_url, self.brands[brand], language):
            drawn = shown.draw()
            return Response(drawn.get_data(), drawn.status_code, _IN_FRAMES, mimetype="text/html")

    def _answer(self, request: Request) -> Response:
        if not request.host or request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            raise Forbidden("The gallery is for whoever started it.")
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed(["GET", "HEAD"], "A page of the gallery sends nothing.")
        try:
            show, arguments = self._addresses.bind_to_environ(request.environ).match()
        except NotFound:
            return self._of_the_console(request)
        response: Response = show(request, **arguments)
        return response

    def _index(self, request: Request) -> Response:
        view = self._view(request)
        journeys = [(name, list(self._groups(states, view.brand))) for name, states in JOURNEYS]
        return self._own("index.html", view=view, journeys=journeys, count=len(STATES))

    def _variants(self, request: Request, page: str, name: str) -> Response:
        shown = _state(page, name)
        at = STATES.index(shown)
        before, after = STATES[at - 1], STATES[(at + 1) % len(STATES)]
        return self._own("state.html", view=self._view(request), shown=shown, before=before, after=after)

    def _page(self, request: Request, page: str, name: str, brand: str, language: str) -> Response:
        if brand not in self.brands or language not in self.languages:
            raise NotFound
        return self.draw(_state(page, name), brand, language, request.host_url)

    def _stylesheet(self, _: Request) -> Response:
        return Response((_PAGES / "gallery.css").read_bytes(), mimetype="text/css")

    def _own(self, template: str, status: int = 200, **values: Any) -> Response:
        html = self._templates.get_template(template).render(values)
        return Response(html, status, _HEADERS, mimetype="text/html")

    def _view(self, request: Request) -> View:
        """Give how somebody looks at the pages: what the query says of that, and else the first that there is."""

        def choice(name: str, there: Collection[str]) -> str:
            asked = request.args.get(name, "")
            return asked if asked in there else next(iter(there))

        return View(
            choice("brand", self.brands),
            choice("language", self.languages),
            choice("width", WIDTHS),
            choice("scheme", SCHEMES),
        )

    def _groups(self, states: Sequence[Shown], brand: str) -> Iterator[Group]:
        for page, group in itertools.groupby(states, lambda shown: shown.page):
            names = [f"twofactor/brands/{brand}/{page}.html", f"twofactor/{page}.html"]
            found = self._app.jinja_env.select_template(names)
            own = not Path(str(found.filename)).is_relative_to(_PACKAGE)
            yield Group(page, list(group), str(found.name), own)

    def _of_the_console(self, request: Request) -> Response:
        """Give a file as the console's own view does, to nobody; a link leads nowhere from here."""
        app = self._app
        with app.app_context(), app.test_request_context(request.full_path, base_url=request.host_url) as context:
            asked = context.request
            is_file = request.headers.get("Sec-Fetch-Dest") in _FILES or str(asked.endpoint).endswith("static")
            if asked.routing_exception is not None or not is_file:
                return self._own("nowhere.html", 404, path=request.path)
            view = app.ensure_sync(app.view_functions[str(asked.endpoint)])
            return app.make_response(view(**(asked.view_args or {})))


def _state(page: str, name: str) -> Shown:
    for shown in STATES:
        if (shown.page, shown.name) == (page, name):
            return shown
    raise NotFound


def _asked(kind: str, asked: Sequence[str], there: list[str]) -> list[str]:
    """Give what was asked for, or all that there is."""
    for one in asked:
        if one not in there:
            raise WiringError(f"there is no {kind} {one!r}; there are: {', '.join(there)}")
    return list(asked) or there
