"""Two consoles on loopback for a person to walk: Harbor, the example, and a plain host that shows our pages bare."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from flask import Flask, get_flashed_messages, redirect, render_template_string
from flask_login import login_required
from playwright.sync_api import Page

import example_app
from example_app import demo
from flask_twofactor import Brand, TwoFactor
from tests.support.authenticator import oathtool_code
from tests.support.host import SECRET_KEY, Clock, Host, make_host
from tests.support.server import serve

STEP = 30
"""Seconds of a time step."""
_KEYS = """<!doctype html><html lang="en"><title>Keys</title><main><h1>Keys</h1>
{% for message in messages %}<p role="status">{{ message }}</p>{% endfor %}
<p>Revoked: {{ revoked|length }}</p>
<form method="post" action="/keys/revoke"><button>Revoke</button></form></main></html>"""


@dataclass(kw_only=True)
class Account:
    """Who may log in; ``secret`` is the key in the person's authenticator app, "" while the factor is off."""

    name: str
    password: str
    secret: str = ""


@dataclass(kw_only=True)
class Site:
    """A console that is being served, its clock, and two accounts: one without the factor, one with it."""

    url: str
    app: Flask
    clock: Clock
    off: Account
    on: Account
    panel: str
    """The page with the settings panel."""
    older_log_in: Callable[[Page, Account], None]
    """Log in by the view that the console had before; leaves the page where that view leads."""
    host: Host | None = None
    mandatory: set[str] = field(default_factory=set)
    """Names of the accounts that must have the factor (the plain host only)."""

    def code(self, secret: str) -> str:
        """Give the code that the authenticator app shows now."""
        return oathtool_code(secret, self.clock.at)

    def next_code(self, secret: str) -> str:
        """Wait for the next code, as a person does who has used the present one."""
        self.clock.move(STEP)
        return self.code(secret)

    def wrong_code(self, secret: str) -> str:
        """Give six digits that the app shows at no time near now."""
        near = {oathtool_code(secret, self.clock.at + STEP * steps) for steps in range(-3, 4)}
        return next(code for code in ("000000", "111111", "222222", "333333", "444444", "555555") if code not in near)


@contextmanager
def harbor(folder: Path, clock: Clock) -> Iterator[Site]:
    """Serve the example console with its demo accounts; its time is ``clock``."""
    with mock.patch.object(example_app.two_factor, "_clock", clock):
        app = example_app.create_app({"INSTANCE_PATH": str(folder), "SECRET_KEY": SECRET_KEY})
        off, on, *_ = (Account(name=one.email, password=one.password, secret=one.key) for one in demo.seed(app))
        with serve(app) as url:

            def older_log_in(page: Page, account: Account) -> None:
                page.goto(f"{url}/legacy-login")
                page.get_by_label("Email", exact=True).fill(account.name)
                page.get_by_label("Password", exact=True).fill(account.password)
                page.get_by_role("button", name="Log in", exact=True).click()
                page.wait_for_load_state("load")

            yield Site(url=url, app=app, clock=clock, off=off, on=on, panel="/profile", older_log_in=older_log_in)


def _guard_keys(host: Host) -> None:
    """Give the host a page whose form is sent to a URL of POST alone, which wants a proof of a minute."""
    revoked: list[str] = []

    @host.app.get("/keys")
    @login_required
    def keys() -> str:
        return render_template_string(_KEYS, messages=get_flashed_messages(), revoked=revoked)

    @host.app.post("/keys/revoke")
    @login_required
    @host.two_factor.fresh(seconds=60)
    def revoke() -> Any:
        revoked.append("one key")
        return redirect("/keys")


@contextmanager
def plain(folder: Path, clock: Clock, **settings: Any) -> Iterator[Site]:
    """Serve the host of most tests: our pages in our own layout, with a brand that has a support page."""
    brand = Brand("northlight", "Northlight Console", "Northlight", support_url="/open")
    mandatory: set[str] = set()

    def wire(two_factor: TwoFactor) -> None:
        two_factor.brand_select(lambda: brand)
        two_factor.requirement(lambda user: user.username in mandatory)

    config = {"TWOFACTOR_AFTER_LOGIN": "/profile", "TWOFACTOR_TRUSTED_BROWSERS": True}
    host = make_host(folder, clock, wire, **config, **settings)
    _guard_keys(host)
    on = Account(name="alice", password="alice-password", secret=host.enroll("alice"))
    off = Account(name="bob", password="bob-password")
    with serve(host.app) as url:

        def older_log_in(page: Page, account: Account) -> None:
            page.request.post(f"{url}/legacy", form={"name": account.name, "password": account.password})
            page.goto(f"{url}/me")

        yield Site(
            url=url,
            app=host.app,
            clock=clock,
            off=off,
            on=on,
            panel="/two-factor/settings",
            older_log_in=older_log_in,
            host=host,
            mandatory=mandatory,
        )
