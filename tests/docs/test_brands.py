"""The guide to brands: each way to choose one is run as it is printed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import flask
import flask_login
import pytest
from flask import Flask, g
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

import flask_twofactor
from flask_twofactor.errors import WiringError
from tests.support.host import Host, Person, make_host

GUIDE = Path(__file__).parents[2] / "docs/how-to/brands.md"
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.S)


def block(name: str) -> str:
    (found,) = [code for code in BLOCKS if name in code]
    return str(found)


@pytest.fixture
def build(tmp_path: Path) -> Callable[[str], Host]:
    """Build a console of the guide's brands, whose one is chosen by the block that has this name in it."""

    def make(name: str) -> Host:
        values: dict[str, Any] = {**vars(flask), "app": Flask("guide"), "current_user": flask_login.current_user}
        exec(block("brands = ["), values)  # noqa: S102
        assert isinstance(values["two_factor"], flask_twofactor.TwoFactor)

        def wire(two_factor: flask_twofactor.TwoFactor) -> None:
            exec(block(name), {**values, "two_factor": two_factor})  # noqa: S102

        return make_host(tmp_path, wire=wire, brands=values["brands"])

    return make


def shown(person: Person, **options: Any) -> str:
    """Give the name of the brand that the first page shows."""
    found = re.search(r'alt="([^"]+)"', person.get("/two-factor/identify", **options).text)
    return found.group(1) if found else ""


def test_by_the_host_name(build: Callable[[str], Host]) -> None:
    person = build("by_host_name").person()
    assert shown(person, base_url="https://console.northlight.example:8443") == "Northlight Freight"
    assert shown(person, base_url="https://console.harbor.example") == "Harbor Console"


def test_by_the_path(build: Callable[[str], Host]) -> None:
    app = build("by_path").app
    client = Client(DispatcherMiddleware(app.wsgi_app, {"/b/northlight": app.wsgi_app}))
    for prefix, name in (("/b/northlight", "Northlight Freight"), ("", "Harbor Console")):
        page = client.get(f"{prefix}/two-factor/identify")
        assert f'alt="{name}"' in page.text
        assert f'action="{prefix}/two-factor/identify"' in page.text
        assert f'href="{prefix}/two-factor/brand/' in page.text


def test_by_the_tenant(build: Callable[[str], Host]) -> None:
    host = build("by_tenant")

    @host.app.before_request
    def find_tenant() -> None:
        if flask.request.args.get("tenant"):
            g.tenant = SimpleNamespace(brand=flask.request.args["tenant"])

    assert shown(host.person(), query_string={"tenant": "northlight"}) == "Northlight Freight"
    assert shown(host.person()) == ""


def test_by_the_user(build: Callable[[str], Host]) -> None:
    host = build("by_user")
    host.users["bob"].__dict__["brand"] = "northlight"
    person = host.person()
    person.client.set_cookie("brand", "harbor")
    assert shown(person) == "Harbor Console"
    person.client.set_cookie("brand", "nobody's")
    assert shown(person) == ""
    person.log_in("bob")
    assert "Northlight" in person.begin_setup().text


def test_the_error_is_the_one_that_is_printed() -> None:
    printed = re.search(r"```text\nWiringError: (.*?)\n```", GUIDE.read_text(encoding="utf-8"), re.S)
    assert printed is not None
    with pytest.raises(WiringError) as refused:
        flask_twofactor.Colours("#ffcc00", on_accent="#fff")
    assert str(refused.value) == printed.group(1)


def test_every_colour_is_in_the_table() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert not [name for name in flask_twofactor.Colours.__dataclass_fields__ if f"| `{name}` |" not in text]
