"""Cookies, hooks, the proxy, and what several processes and machines share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client

from flask_twofactor.core.sightings import FORWARDED, PROCESSES, TLS, Server, note
from tests.doctor.consoles import make_console, one, severities
from tests.support.host import START, Clock

HOUR = 3600


def noted(app: Flask, name: str, value: str) -> Flask:
    """Let the running console have noted something."""
    store = app.extensions["twofactor"].store
    assert store.keep_meta(name, value) == value
    return app


def run_by(app: Flask, *machines: str) -> Flask:
    """Let a process of each of the machines have served for an hour, all at once."""
    value = None
    for number, machine in enumerate(machines):
        value = note(value, Server(machine * 8, f"{number:08x}", START + number, START + HOUR + number))
    return noted(app, PROCESSES, str(value))


def visit(app: Any, peer: str = "127.0.0.1", scheme: str = "http", **headers: str) -> None:
    environ = {f"HTTP_{name}": value for name, value in headers.items()}
    answer = Client(app).get(
        "/two-factor/identify",
        base_url=f"{scheme}://console.example",
        environ_overrides={"REMOTE_ADDR": peer, **environ},
    )
    answer.close()
    assert answer.status_code == 200


@pytest.mark.requirement("SES-16")
@pytest.mark.parametrize(
    ("setting", "value", "name"),
    [
        ("SESSION_COOKIE_SECURE", False, "cookie-not-secure"),
        ("REMEMBER_COOKIE_SECURE", None, "cookie-not-secure"),
        ("SESSION_COOKIE_SAMESITE", "None", "cookie-across-sites"),
        ("REMEMBER_COOKIE_SAMESITE", None, "cookie-across-sites"),
        ("SESSION_COOKIE_HTTPONLY", False, "cookie-for-scripts"),
        ("REMEMBER_COOKIE_HTTPONLY", False, "cookie-for-scripts"),
        ("WTF_CSRF_ENABLED", False, "csrf-off"),
    ],
)
def test_a_weak_setting_is_told_with_its_name(setting: str, value: object, name: str, tmp_path: Path) -> None:
    app = make_console(tmp_path, config={setting: value})
    assert severities(app) == {name: "weak"}
    assert setting in one(app, name).mend


@pytest.mark.requirement("SES-16")
def test_a_cookie_without_secure_is_wrong_where_people_come_over_tls(tmp_path: Path) -> None:
    app = make_console(tmp_path, config={"SESSION_COOKIE_SECURE": False})
    assert severities(app) == {"cookie-not-secure": "weak"}
    visit(app, scheme="https")
    assert severities(app) == {"cookie-not-secure": "wrong"}
    right = make_console(tmp_path)
    visit(right, scheme="https")
    assert severities(right) == {}


def test_a_console_without_the_notice_hook_is_weak(tmp_path: Path) -> None:
    app = make_console(tmp_path)
    app.extensions["twofactor"].hooks.notify = None
    assert severities(app) == {"no-notify": "weak"}


# --- the proxy


@pytest.mark.requirement("THR-07")
@pytest.mark.parametrize("peer", ["127.0.0.1", "10.1.2.3", "::1", "", "unix:"])
@pytest.mark.parametrize("header", ["X_FORWARDED_FOR", "X_FORWARDED_PROTO", "FORWARDED"])
def test_a_proxy_whose_headers_nobody_reads_is_wrong(header: str, peer: str, tmp_path: Path) -> None:
    app = make_console(tmp_path)
    visit(app, peer, **{header: "203.0.113.9"})
    problem = one(app, "no-proxy-fix")
    assert severities(app) == {"no-proxy-fix": "wrong"}
    assert "seen on 2027-01-15" in problem.text
    assert problem.mend.startswith("app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1")
    assert "203.0.113.9" not in problem.text


def test_a_proxy_fix_in_the_app_is_right(tmp_path: Path) -> None:
    app = make_console(tmp_path)
    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
    visit(app, X_FORWARDED_FOR="203.0.113.9")
    assert severities(app) == {}


def test_a_proxy_fix_that_was_added_mends_it(tmp_path: Path) -> None:
    app = make_console(tmp_path)
    visit(app, X_FORWARDED_FOR="203.0.113.9")
    inner = ProxyFix(app.wsgi_app)

    def around(environ: Any, start_response: Any) -> Any:
        return inner(environ, start_response)

    around.app = inner  # type: ignore[attr-defined]
    app.wsgi_app = around  # type: ignore[method-assign]
    assert severities(app) == {}


def test_a_proxy_fix_around_the_app_mends_it_at_the_next_page(tmp_path: Path) -> None:
    visit(make_console(tmp_path), X_FORWARDED_FOR="203.0.113.9")
    app = make_console(tmp_path)
    assert severities(app) == {"no-proxy-fix": "wrong"}
    visit(ProxyFix(app), X_FORWARDED_FOR="203.0.113.9")
    assert severities(app) == {}


def test_a_proxy_fix_that_was_taken_away_is_wrong_again(tmp_path: Path) -> None:
    for wrap, found in ((False, {"no-proxy-fix": "wrong"}), (True, {}), (False, {"no-proxy-fix": "wrong"})):
        app = make_console(tmp_path)
        visit(ProxyFix(app) if wrap else app, X_FORWARDED_FOR="203.0.113.9")
        assert severities(app) == found


def test_a_server_that_has_read_the_headers_itself_is_right(tmp_path: Path) -> None:
    app = make_console(tmp_path)
    visit(app, "203.0.113.9", X_FORWARDED_FOR="192.0.2.1, 203.0.113.9")
    assert severities(app) == {}


def test_headers_that_a_visitor_wrote_are_told_and_no_fault(tmp_path: Path) -> None:
    app = make_console(tmp_path)
    visit(app, "93.184.216.34", X_FORWARDED_FOR="203.0.113.9")
    assert severities(app) == {"forwarded-from-afar": "told"}
    visit(app, "127.0.0.1", X_FORWARDED_FOR="203.0.113.9")
    assert severities(app) == {"no-proxy-fix": "wrong"}
    visit(make_console(tmp_path), "93.184.216.34", X_FORWARDED_FOR="203.0.113.9")
    assert severities(app) == {"no-proxy-fix": "wrong"}, "a visitor's own header hides no proxy"


def test_a_console_without_a_proxy_is_right(tmp_path: Path) -> None:
    app = make_console(tmp_path)
    visit(app)
    assert severities(app) == {}


def test_what_was_noted_is_not_looked_at_in_debug_mode(tmp_path: Path) -> None:
    app = noted(make_console(tmp_path, config={"DEBUG": True}), FORWARDED, f"near {START}")
    assert severities(noted(app, TLS, str(START))) == {"not-production": "told"}


# --- what is shared


@pytest.mark.requirement("THR-13")
def test_counters_in_memory_are_weak_and_wrong_where_several_processes_count(tmp_path: Path) -> None:
    memory = {"TWOFACTOR_THROTTLE_STORAGE_URI": "memory://"}
    alone, several = make_console(tmp_path / "alone", config=memory), make_console(tmp_path / "several", config=memory)
    assert severities(run_by(alone, "a")) == {"throttle-in-memory": "weak"}
    assert severities(run_by(several, "a", "a", "a")) == {"throttle-in-memory": "wrong"}
    assert "3 processes count alone" in one(several, "throttle-in-memory").text


@pytest.mark.requirement("THR-13")
def test_several_processes_that_count_in_the_database_are_right(tmp_path: Path) -> None:
    assert severities(run_by(make_console(tmp_path), "a", "a")) == {}


def test_an_sqlite_file_that_several_machines_use_is_wrong(tmp_path: Path) -> None:
    app = run_by(make_console(tmp_path), "a", "b", "a")
    assert severities(app) == {"sqlite-on-several-machines": "wrong"}
    assert one(app, "sqlite-on-several-machines").text.startswith("2 machines")


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_several_machines_on_a_database_server_are_right(database_uri: str, tmp_path: Path) -> None:
    clock = Clock()
    app = make_console(tmp_path, clock, config={"TWOFACTOR_DATABASE_URI": database_uri})
    run_by(app, "a", "b")
    clock.at = app.extensions["twofactor"].store.clock()
    assert severities(app) == {}


@pytest.mark.parametrize("uri", ["sqlite://", "sqlite:///:memory:"])
def test_a_store_in_memory_is_wrong(uri: str, tmp_path: Path) -> None:
    assert severities(make_console(tmp_path, config={"TWOFACTOR_DATABASE_URI": uri})) == {"store-in-memory": "wrong"}
