"""Nobody's request: in it a page is drawn as the console would draw it, and nothing can be asked of anybody's account.

The state of the app is another one while it is previewed: without store, counters and keys of the console, with the
brand that the gallery says. What the host does before a request is done, for its layout's sake, and not what it does
with the answer; the browser's own cookies are not looked at.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import NoReturn

from flask import Flask, g
from werkzeug.exceptions import HTTPException

from ..core.records import Brand
from ..errors import StoreUnavailable
from ..state import State
from ..web.languages import speaking

TOKEN = "a token of the preview, good for nothing"  # noqa: S105
_BRAND = "_twofactor_previewed"


def without_accounts(state: State) -> State:
    """Give a state like this one that knows nobody: what asks for its store fails, its keys are made up."""
    hooks = replace(state.hooks, brand_select=lambda: g.get(_BRAND), account_name=str)
    return replace(
        state,
        hooks=hooks,
        make_store=_no_store,
        make_storage=_no_store,
        key_source=lambda: [secrets.token_bytes(32)],
        csrf=replace(state.csrf, token=lambda: TOKEN) if state.csrf else None,
    )


def _no_store() -> NoReturn:
    raise StoreUnavailable("the preview has no store: something that draws a page asked for an account")


@contextlib.contextmanager
def request_of_nobody(app: Flask, endpoint: str, base_url: str, brand: Brand, tag: str) -> Iterator[None]:
    """Be in a request for that page, by somebody who is not logged in, under that brand and in that language."""
    path = app.url_map.bind("localhost").build(endpoint)
    with app.app_context(), app.test_request_context(path, base_url=base_url):
        setattr(g, _BRAND, brand)
        setattr(g, app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token"), TOKEN)  # Flask-WTF makes none of its own then
        g.csrf_valid = True  # nor does it look for one
        with speaking(tag):
            _do_what_the_host_does_first(app)
            yield


def _do_what_the_host_does_first(app: Flask) -> None:
    """Let the host put on ``g`` what its layout reads; that it would lead elsewhere, or forbid, is no matter here."""
    for function in app.before_request_funcs.get(None, ()):
        if not str(getattr(function, "__module__", "")).startswith("flask_twofactor."):
            with contextlib.suppress(HTTPException):
                app.ensure_sync(function)()
