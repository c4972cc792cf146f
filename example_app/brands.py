"""Three brands of one console, chosen by host name (northlight.localhost) or by path (/b/northlight/...)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import request

from flask_twofactor import Brand, Colours

ALL = (
    Brand("harbor", "Harbor", "Harbor", colours=Colours("#0b62b4")),
    Brand("northlight", "Northlight", "Northlight", colours=Colours("#0a7d5a", accent_dark="#3fd0a0")),
    Brand(
        "meridian",
        "Meridian",
        "Meridian Rail",
        logo="/static/meridian-logo.svg",
        logo_dark="/static/meridian-logo-dark.svg",
        colours=Colours("#f2b705", surface="#fffdf8", text="#2b2416", surface_dark="#1e1a13", text_dark="#f6efdf"),
    ),
)
BY_KEY = {brand.key: brand for brand in ALL}


def choose() -> str:
    """Give the key of the brand of this request (the extension's ``brand_select``)."""
    by_path = request.script_root.rpartition("/b/")[2]
    by_host = request.host.partition(".")[0]
    return next((key for key in (by_path, by_host) if key in BY_KEY), "harbor")


class ByPath:
    """WSGI middleware: /b/<key> is where that brand's console is mounted, so that every link stays in it."""

    def __init__(self, console: Callable[..., Iterable[bytes]]) -> None:
        self._console = console

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Move the brand from the path that is asked for to the one that the console is under."""
        _, first, key, *rest = [*environ["PATH_INFO"].split("/", 3), "", ""][:4]
        if first == "b" and key in BY_KEY:
            environ["SCRIPT_NAME"] = f"{environ.get('SCRIPT_NAME', '')}/b/{key}"
            environ["PATH_INFO"] = "/" + "".join(rest)
        return self._console(environ, start_response)
