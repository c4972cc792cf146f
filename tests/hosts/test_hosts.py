"""Thirteen shapes of console, written without us in mind: each takes ten lines at most, and the whole journey."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from werkzeug.middleware.dispatcher import DispatcherMiddleware

import flask_twofactor
from flask_twofactor import TwoFactor
from flask_twofactor.flows import setup
from flask_twofactor.state import State
from tests.support.authenticator import oathtool_code
from tests.support.browser import new_page, send_code
from tests.support.host import Clock
from tests.support.server import serve

FOLDER = Path(__file__).parent / "consoles"
GUIDES = Path(__file__).parents[2] / "docs" / "how-to"
MARK = "  # 2fa"


@dataclass(frozen=True)
class Shape:
    """A console: who logs in, where, and what its own log-in form takes."""

    own: dict[str, str]
    """What a person gives the console's own log-in form."""
    name: str | None = "ann"
    password: str = "ann-password"
    hello: str = "Hello, ann"
    login: str = "/login"
    home: str = "/"
    logout: str = "/logout"
    pages: str = "/two-factor"
    prefix: str = ""
    enter: Callable[[Page, Shape, str | None], None] | None = field(default=None, compare=False)
    """How a person logs in where it is not on our pages."""


def in_json(page: Page, shape: Shape, code: str | None) -> None:
    """Log in on a page of script."""
    page.get_by_label("Name").fill(str(shape.name))
    page.get_by_label("Pass phrase").fill(shape.password)
    page.get_by_label("Code").fill(code or "")
    page.get_by_role("button", name="Enter").click()
    expect(page.get_by_role("heading")).not_to_have_text("")


FORM = {"name": "ann", "password": "ann-password"}
SHAPES = {
    "factory_sqlalchemy": Shape(
        {"email": "ann@example.org", "password": "ann-password"},
        name="ann@example.org",
        hello="Hello, ann@example.org",
        login="/auth/login",
        logout="/auth/logout",
    ),
    "raw_sqlite": Shape({"username": "ann", "password": "ann-password"}),
    "single_password": Shape(
        {"secret": "only-password"},
        name=None,
        password="only-password",
        hello="Hello, owner",
        login="/unlock",
        logout="/lock",
    ),
    "json_users": Shape(FORM, login="/sign-in", enter=in_json),
    "inside_flask_admin": Shape(
        {"login": "ann", "password": "ann-password"}, login="/admin/login/", home="/admin/", logout="/admin/logout/"
    ),
    "ldap_like": Shape({"uid": "ann", "pass": "ann-password", "domain": "staff"}),
    "server_sessions": Shape(FORM),
    "cleared_sessions": Shape(FORM),
    "guarded_by_endpoint": Shape(FORM),
    "guarded_by_path": Shape(FORM, pages="/login/two-factor"),
    "seasurf": Shape(FORM),
    "behind_a_proxy": Shape(FORM, prefix="/tools/console"),
    "rotating_id": Shape(FORM),
    "two_kinds": Shape(FORM),
}
each_shape = pytest.mark.parametrize("name", SHAPES)


def source_of(name: str) -> str:
    return (FOLDER / f"{name}.py").read_text(encoding="utf-8")


def load(name: str, folder: Path, clock: Clock | None = None) -> Flask:
    """Run a console's program, without our lines where there is no clock for them; gives its app."""
    lines = source_of(name).splitlines()
    if clock is None:
        lines = [line for line in lines if not line.endswith(MARK)]
    module = ModuleType(f"tests.hosts.consoles.{name}")
    folder.mkdir(exist_ok=True)
    with (
        mock.patch.dict("os.environ", CONSOLE_FOLDER=str(folder)),
        mock.patch.dict(sys.modules, {module.__name__: module}),
        mock.patch.object(flask_twofactor, "TwoFactor", functools.partial(TwoFactor, clock=clock or Clock())),
    ):
        exec(compile("\n".join(lines), str(FOLDER / f"{name}.py"), "exec"), module.__dict__)  # noqa: S102
        app: Flask = module.make_app(folder)
    if prefix := SHAPES[name].prefix:  # behind the proxy that it expects
        app.wsgi_app = _Proxy(app.wsgi_app, prefix)  # type: ignore[method-assign]
    return app


@contextmanager
def served(app: Flask, shape: Shape) -> Iterator[str]:
    """Serve a console; gives the URL of its root."""
    with serve(app) as url:
        yield url + shape.prefix


def posts_its_own_fields(app: Flask, shape: Shape) -> str:
    """Do what a script did before we came: post to the console's own log-in; gives the page behind it then."""
    client = app.test_client()
    page = client.get(shape.prefix + shape.login)
    own = dict(shape.own)
    for token in ("csrf_token", "_csrf_token"):
        if found := re.search(rf'name="?{token}"?[^>]*value=["\']([^"\']+)', page.text):
            own[token] = found[1]
    if shape.enter is in_json:
        client.post("/api/login", json={**own, "code": ""})
    else:
        client.post(shape.prefix + shape.login, data=own)
    return client.get(shape.prefix + shape.home).text


class _Proxy:
    """What a proxy does to a request: the prefix is taken off the path and told in a header."""

    def __init__(self, app: Any, prefix: str) -> None:
        self._app = DispatcherMiddleware(lambda environ, start: self._missing(start), {prefix: self._pass(app, prefix)})

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self._app(environ, start_response)

    @staticmethod
    def _missing(start_response: Any) -> list[bytes]:
        start_response("404 Not Found", [])
        return [b"not of this console"]

    @staticmethod
    def _pass(app: Any, prefix: str) -> Any:
        def call(environ: Any, start_response: Any) -> Any:
            return app({**environ, "SCRIPT_NAME": "", "HTTP_X_FORWARDED_PREFIX": prefix}, start_response)

        return call


class Codes:
    """An authenticator app that waits for the next code each time."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._secret, self._clock = secret, clock

    def next(self) -> str:
        """Give the next code."""
        self._clock.move(30)
        return oathtool_code(self._secret, self._clock.at)


def log_in(page: Page, url: str, shape: Shape, code: str | None = None) -> None:
    """Log in as a person does, from the console's own address of its log-in."""
    page.goto(url + shape.login)
    if shape.enter is not None:
        shape.enter(page, shape, code)
        return
    if shape.name is not None:
        page.get_by_label("User ID").fill(shape.name)
        page.get_by_role("button", name="Continue").click()
    page.get_by_label("Password").fill(shape.password)
    expect(page.get_by_label("Code", exact=True)).to_have_count(int(code is not None))
    if code is not None:
        send_code(page, code, "Log in")
    else:
        page.get_by_role("button", name="Log in").click()


@each_shape
def test_our_lines_are_ten_at_most(name: str) -> None:
    ours = [line for line in source_of(name).splitlines() if line.endswith(MARK)]
    assert 2 <= len(ours) <= 10
    rest = "\n".join(line for line in source_of(name).splitlines() if not line.endswith(MARK))
    assert not re.search(r"two.?factor", rest, re.I)


@each_shape
def test_the_guide_of_a_shape_has_its_lines_as_they_are_tested(name: str) -> None:
    guide = (GUIDES / "consoles" / f"{name.replace('_', '-')}.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", guide, re.S)
    ours = [line.removesuffix(MARK).strip() for line in source_of(name).splitlines() if line.endswith(MARK)]
    assert [line.strip() for line in block.splitlines() if line.strip()] == ours
    assert f"Lines: {len(ours)}." in guide
    assert f"(consoles/{name.replace('_', '-')}.md)" in (GUIDES / "which-console.md").read_text(encoding="utf-8")


@each_shape
def test_a_console_works_without_our_lines(name: str, tmp_path: Path) -> None:
    shape, app = SHAPES[name], load(name, tmp_path / "console")
    assert shape.hello in posts_its_own_fields(app, shape)


@each_shape
def test_the_whole_journey(name: str, tmp_path: Path, browser: Browser, clock: Clock) -> None:
    shape, app = SHAPES[name], load(name, tmp_path / "console", clock)
    with served(app, shape) as url, new_page(browser) as page:
        hello = page.get_by_role("heading", name=shape.hello, exact=True)
        log_in(page, url, shape)
        expect(hello).to_be_visible()

        page.goto(f"{url}{shape.pages}/settings")
        page.get_by_role("link", name="SETUP").click()
        key = str(page.locator('a[href^="otpauth:"]').get_attribute("href"))
        codes = Codes(key.partition("secret=")[2].partition("&")[0], clock)
        send_code(page, codes.next(), "Enable")
        expect(page.get_by_text("Two-factor authentication is on.")).to_be_visible()
        page.goto(url + shape.home)
        expect(hello).to_be_visible()

        page.goto(url + shape.logout)
        log_in(page, url, shape, "000000")
        expect(hello).to_have_count(0)
        page.goto(url + shape.home)
        expect(hello).to_have_count(0)
        code = codes.next()
        log_in(page, url, shape, code)
        expect(hello).to_be_visible()

        with new_page(browser) as other:  # the same code once more, elsewhere
            log_in(other, url, shape, code)
            other.goto(url + shape.home)
            expect(other.get_by_role("heading", name=shape.hello, exact=True)).to_have_count(0)

        page.goto(f"{url}{shape.pages}/manage")
        send_code(page, codes.next(), "DISABLE")
        expect(page.get_by_text("MFA DISABLED")).to_be_visible()


@each_shape
def test_the_consoles_own_fields_are_no_way_round(name: str, tmp_path: Path, clock: Clock) -> None:
    shape, app = SHAPES[name], load(name, tmp_path / "console", clock)
    state: State = app.extensions["twofactor"]
    with app.test_request_context():
        setup.enroll(state, state.hooks.ask("user_lookup", shape.name or ""), None, "Console")
    assert shape.hello not in posts_its_own_fields(app, shape)
