"""Where the site of an attack is served: six mounts, so that every attack runs against each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cachelib import FileSystemCache
from flask import Flask
from flask_session import Session  # type: ignore[import-untyped]
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]
INNER_HOST = "backend.internal:8000"
PROXY_ADDRESS = "10.0.0.9"


@dataclass(frozen=True)
class Mount:
    """One way to serve the app: what a browser sees of it, and what the host configures for that."""

    origin: str = "http://localhost"
    root: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    prepare: Callable[[Flask, Path], None] = lambda app, folder: None
    wrap: Callable[[Flask], Wsgi] = lambda app: app.wsgi_app


class Proxy:
    """A proxy that ends TLS, takes a path prefix off and says so in the headers it sets, as nginx does."""

    def __init__(self, app: Wsgi, host: str, prefix: str) -> None:
        self._app, self._host, self._prefix = app, host, prefix

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if not path.startswith(self._prefix + "/"):
            return NotFound()(environ, start_response)
        before = environ.get("HTTP_X_FORWARDED_FOR")
        address = environ.get("REMOTE_ADDR", "127.0.0.1")
        inner = {
            **environ,
            "PATH_INFO": path.removeprefix(self._prefix),
            "HTTP_X_FORWARDED_FOR": f"{before}, {address}" if before else address,
            "HTTP_X_FORWARDED_PROTO": "https",
            "HTTP_X_FORWARDED_HOST": self._host,
            "HTTP_X_FORWARDED_PREFIX": self._prefix,
            "HTTP_HOST": INNER_HOST,
            "SERVER_NAME": INNER_HOST.partition(":")[0],
            "SERVER_PORT": INNER_HOST.partition(":")[2],
            "REMOTE_ADDR": PROXY_ADDRESS,
            "wsgi.url_scheme": "http",
        }
        return self._app(inner, start_response)


def _behind_proxy(app: Flask) -> Wsgi:
    return Proxy(ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_prefix=1), "site.test", "/svc")


def _under_app(app: Flask) -> Wsgi:
    return DispatcherMiddleware(NotFound(), {"/app": app.wsgi_app})


def _on_console(app: Flask, _: Path) -> None:
    app.url_map.default_subdomain = "console"


def _keep_sessions(app: Flask, folder: Path) -> None:
    cache = FileSystemCache(str(folder / "sessions"))
    app.config.update(SESSION_TYPE="cachelib", SESSION_CACHELIB=cache, SESSION_PERMANENT=False)
    Session(app)


MOUNTS: dict[str, Mount] = {
    "plain": Mount(),
    "prefix": Mount(config={"TWOFACTOR_URL_PREFIX": "/x/y"}),
    "application_root": Mount(root="/app", config={"APPLICATION_ROOT": "/app"}, wrap=_under_app),
    "subdomain": Mount(
        origin="http://console.site.test",
        config={"SERVER_NAME": "site.test", "SESSION_COOKIE_DOMAIN": "site.test"},
        options={"subdomain_matching": True},
        prepare=_on_console,
    ),
    "proxied": Mount(
        origin="https://site.test",
        root="/svc",
        config={
            "APPLICATION_ROOT": "/svc",
            "SESSION_COOKIE_SECURE": True,
            "REMEMBER_COOKIE_SECURE": True,
            "REMEMBER_COOKIE_PATH": "/svc",
        },
        wrap=_behind_proxy,
    ),
    "server_sessions": Mount(prepare=_keep_sessions),
}


def only(*names: str) -> pytest.MarkDecorator:
    """Say that an attack is about these mounts alone."""
    return pytest.mark.parametrize("mount", names, indirect=True)


COUNTED = ("plain", "proxied", "server_sessions")
"""For `only`: long series of requests, where address and session differ; the other mounts differ in paths alone."""
