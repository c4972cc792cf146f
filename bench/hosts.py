"""The hosts that are compared: plain Flask-Login by hand, and the same with the extension."""

from __future__ import annotations

import hashlib
import html
import io
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from flask import Flask, redirect, render_template, request
from flask_login import LoginManager, UserMixin, login_required, login_user
from jinja2 import DictLoader

from flask_twofactor import TwoFactor
from flask_twofactor.core.totp import code_at, step_at

PASSWORD = "correct horse battery staple"


def cheap_hash(password: str) -> bytes:
    """Hash in microseconds, so that the hash does not drown what is measured."""
    return hashlib.sha256(password.encode()).digest()


_HASH = cheap_hash(PASSWORD)
PAGE = (
    "<!doctype html><title>{{ title }}</title><h1>{{ title }}</h1>"
    "<p>{{ current_user.id }}</p><ul>"
    "{% for id, mail, role in rows %}<li>{{ id }} {{ mail }} {{ role }}</li>{% endfor %}</ul>"
)
LAYOUT = (
    "<!doctype html><title>{% block title %}{% endblock %}</title>"
    "<nav>{% for name in ('page', 'console', 'login') %}<a href=\"{{ url_for(name) }}\">{{ name }}</a>{% endfor %}"
    "<a href=\"{{ url_for('person', name=current_user.id) }}\">{{ current_user.id }}</a></nav>"
    "{% for message in get_flashed_messages() %}<p>{{ message }}</p>{% endfor %}"
    "<main>{% block main %}{% endblock %}</main>"
)
CONSOLE = (
    "{% extends 'layout.html' %}{% block title %}{{ title }}{% endblock %}{% block main %}<h1>{{ title }}</h1><table>"
    "{% for id, mail, role in rows %}<tr><td><a href=\"{{ url_for('person', name=id) }}\">{{ id }}</a>"
    "<td>{{ mail }}<td>{{ role }}{% endfor %}</table>{% endblock %}"
)
LOGIN = "<!doctype html><title>Log in</title><form method=post><input name=identifier><input name=password></form>"


class User(UserMixin):
    """An account of the bench."""

    def __init__(self, name: str, mail: str = "", role: str = "") -> None:
        self.id = name
        self.mail = mail
        self.role = role

    def check_password(self, password: str) -> bool:
        """Compare in one cheap hash."""
        return cheap_hash(password) == _HASH


def make_plain(folder: Path, *, with_a_read: bool = False) -> Flask:
    """Make a console with Flask-Login alone: users in SQLite, a log-in by hand, and two pages with a list of 20 rows.

    ``/page`` is about the least that a page can be; ``/console`` has a layout, and links by ``url_for`` as consoles do.
    ``with_a_read`` adds what no gate can do without: one row by its key, through the driver, at every request.
    """
    app = Flask("bench")
    app.config["SECRET_KEY"] = "bench " * 8
    app.jinja_loader = DictLoader(
        {"page.html": PAGE, "login.html": LOGIN, "layout.html": LAYOUT, "console.html": CONSOLE}
    )
    database = sqlite3.connect(folder / "console.sqlite", isolation_level=None)
    database.execute("CREATE TABLE IF NOT EXISTS user (id TEXT PRIMARY KEY, mail TEXT, role TEXT)")
    rows = [(name, f"{name}@console.test", "member") for name in ("alice", "bob", *(f"user{n}" for n in range(18)))]
    database.executemany("INSERT OR REPLACE INTO user VALUES (?, ?, ?)", rows)

    marks = sqlite3.connect(folder / "marks.sqlite", isolation_level=None)
    marks.execute("PRAGMA journal_mode=WAL")
    marks.execute("CREATE TABLE IF NOT EXISTS mark (digest TEXT PRIMARY KEY, subject TEXT, seen_at INTEGER)")
    marks.execute("INSERT OR REPLACE INTO mark VALUES ('a', 'alice', 1)")

    def find(name: str) -> User | None:
        if with_a_read:
            marks.execute("SELECT subject, seen_at FROM mark WHERE digest = ?", ("a",)).fetchone()
        row = database.execute("SELECT id, mail, role FROM user WHERE id = ?", (name,)).fetchone()
        return None if row is None else User(*row)

    LoginManager(app).user_loader(find)

    @app.get("/page")
    @login_required
    def page() -> str:
        listed = database.execute("SELECT id, mail, role FROM user ORDER BY id LIMIT 20").fetchall()
        return render_template("page.html", title="Page", rows=listed)

    @app.get("/console")
    @app.get("/console/<name>", endpoint="person")
    @login_required
    def console(name: str = "") -> str:
        listed = database.execute("SELECT id, mail, role FROM user ORDER BY id LIMIT 20").fetchall()
        return render_template("console.html", title=name or "People", rows=listed)

    @app.route("/login", methods=["GET", "POST"])
    def login() -> Any:
        user = find(request.form.get("identifier", ""))
        if user and user.check_password(request.form.get("password", "")):
            login_user(user)
            return redirect("/page")
        return render_template("login.html")

    return app


def make_extended(folder: Path, clock: Callable[[], float], **config: Any) -> tuple[Flask, str]:
    """Make the same console with the extension, ``alice`` enrolled; gives her secret too."""
    app = make_plain(folder)
    app.instance_path = str(folder)
    app.config.update(config)
    app.debug = True  # no start-up warnings in the table
    two_factor = TwoFactor(app, clock=clock)
    app.debug = False
    with app.app_context():
        uri = two_factor.enroll(User("alice"))
    return app, parse_qs(urlsplit(uri).query)["secret"][0]


@dataclass
class Browser:
    """Raw WSGI calls with a cookie jar: less of its own cost than a test client."""

    app: Flask
    cookies: dict[str, str] = field(default_factory=dict)

    def call(self, path: str, form: dict[str, str] | None = None) -> tuple[str, dict[str, str], bytes]:
        """Send one request; gives status, headers and body."""
        body = urlencode(form).encode() if form else b""
        path, _, query = path.partition("?")
        environ = {
            "REQUEST_METHOD": "POST" if form else "GET", "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": query,
            "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1",
            "HTTP_COOKIE": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "CONTENT_TYPE": "application/x-www-form-urlencoded" if form else "", "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(), "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False,
        }  # fmt: skip
        answer: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
            answer["status"], answer["headers"] = status, headers

        content = b"".join(self.app.wsgi_app(environ, start))
        for name, value in answer["headers"]:
            if name == "Set-Cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
        return answer["status"], dict(answer["headers"]), content

    def post(self, path: str, **form: str) -> tuple[str, dict[str, str], bytes]:
        """Load a page of the extension, and post its form."""
        _, _, content = self.call(path)
        found = re.search(rb'name="csrf_token"[^>]*value="([^"]+)"', content)
        assert found, content[:200]
        return self.call(path, {"csrf_token": html.unescape(found.group(1).decode()), **form})


def log_in_plain(app: Flask) -> Browser:
    """Log in by the host's own page: two requests."""
    browser = Browser(app)
    browser.call("/login")
    status, _, _ = browser.call("/login", {"identifier": "bob", "password": PASSWORD})
    assert status.startswith("302")
    return browser


def log_in_extended(app: Flask, name: str, code: str = "") -> Browser:
    """Log in by the extension's two pages: four requests."""
    browser = Browser(app)
    browser.post("/two-factor/identify", identifier=name)
    form = {"password": PASSWORD, **({"code": code} if code else {})}
    status, _, content = browser.post("/two-factor/credential", **form)
    assert status.startswith("302"), content
    return browser


def refuse(app: Flask, name: str, password: str, code: str) -> None:
    """Submit what is refused: four requests."""
    browser = Browser(app)
    browser.post("/two-factor/identify", identifier=name)
    browser.post("/two-factor/credential", password=password, code=code)


def code_of(secret: str, clock: Callable[[], float]) -> str:
    """Give the present code."""
    return code_at(secret, step_at(clock()))
