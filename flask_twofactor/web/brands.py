"""What a brand changes of the pages: its templates, and its colours as a stylesheet that any cache may keep."""

from __future__ import annotations

import hashlib
from typing import Any
from weakref import WeakKeyDictionary

from flask import Response, current_app, request, url_for
from jinja2 import Environment, TemplateNotFound
from werkzeug.datastructures import Headers

from ..core.palettes import Colours, stylesheet
from ..core.records import Brand
from .current import current_state

_YEAR = 365 * 86400
_MOST_ABSENT = 4096
_ABSENT: WeakKeyDictionary[Environment, set[str]] = WeakKeyDictionary()
"""Templates that brands have not."""


class Sheet(Response):
    """A stylesheet for everybody: no cookie goes with it, whatever the host's session does after every request."""

    default_mimetype = "text/css"

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:
        """Give the headers at the very end, after the session was saved."""
        headers = super().get_wsgi_headers(environ)
        headers.remove("Set-Cookie")
        headers.remove("Vary")  # it is the same for every request
        return headers


def brand_css(brand: str) -> Response:
    """Give the colours of a brand; to keep for good where the URL names these very ones."""
    colours = _colours_of(brand)
    if colours is None:
        return Response("There is no such stylesheet.\n", 404, mimetype="text/plain")
    sheet, version = stylesheet(colours), _version(colours)
    response = Sheet(sheet)
    kept_alone = issubclass(Sheet, current_app.response_class)  # another class drops ours, and a cookie might go along
    if request.args.get("v") == version:
        response.headers["Cache-Control"] = f"{'public' if kept_alone else 'private'}, max-age={_YEAR}, immutable"
    else:
        response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.set_etag(version)
    response.make_conditional(request)
    return response


def css_url(brand: Brand) -> str | None:
    """Give where the brand's colours are, None where it has none."""
    if brand.colours is None:
        return None
    return url_for("twofactor.brand_css", brand=brand.key, v=_version(brand.colours))


def template_of(environment: Environment, brand: Brand, name: str, otherwise: str) -> str:
    """Give the brand's own template of that name, where its folder has it.

    Jinja keeps what it found and looks again, in every folder, for what it did not; that is remembered here, where
    templates are loaded once.
    """
    own = f"twofactor/brands/{brand.key}/{name}"
    absent = _ABSENT.setdefault(environment, set())
    if own in absent:
        return otherwise
    try:
        return str(environment.get_template(own).name)
    except TemplateNotFound:
        if not environment.auto_reload and len(absent) < _MOST_ABSENT:
            absent.add(own)
        return otherwise


def _colours_of(key: str) -> Colours | None:
    state = current_state()
    brand = state.brands.get(key)
    if brand is None and key == state.brand_default.key:
        brand = state.brand_default
    return None if brand is None else brand.colours


def _version(colours: Colours) -> str:
    return hashlib.sha256(stylesheet(colours).encode()).hexdigest()[:16]
