"""The console with Flask-Login alone: users in SQLite, a log-in by hand, two pages with a list of 20 rows.

``/page`` is about the least that a page can be; ``/console`` has a layout, and links by ``url_for`` as consoles do.
"""

from __future__ import annotations

import hmac
import secrets
import sqlite3
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask, redirect, render_template, request, session
from flask_login import LoginManager, UserMixin, login_required, login_user
from jinja2 import DictLoader

from bench.browser import Browser
from bench.clock import COMES, NAMES, PASSWORD, SIGNED_IN, cheap_hash
from bench.contender import Contender, Job

SECRET_KEY = "bench " * 8
_HASH = cheap_hash(PASSWORD)
_PAGE = (
    "<!doctype html><title>{{ title }}</title><h1>{{ title }}</h1>"
    "<p>{{ current_user.id }}</p><ul>"
    "{% for id, mail, role in rows %}<li>{{ id }} {{ mail }} {{ role }}</li>{% endfor %}</ul>"
)
_LAYOUT = (
    "<!doctype html><title>{% block title %}{% endblock %}</title>"
    "<nav>{% for name in ('page', 'console', 'login') %}<a href=\"{{ url_for(name) }}\">{{ name }}</a>{% endfor %}"
    "<a href=\"{{ url_for('person', name=current_user.id) }}\">{{ current_user.id }}</a></nav>"
    "{% for message in get_flashed_messages() %}<p>{{ message }}</p>{% endfor %}"
    "<main>{% block main %}{% endblock %}</main>"
)
_CONSOLE = (
    "{% extends 'layout.html' %}{% block title %}{{ title }}{% endblock %}{% block main %}<h1>{{ title }}</h1><table>"
    "{% for id, mail, role in rows %}<tr><td><a href=\"{{ url_for('person', name=id) }}\">{{ id }}</a>"
    "<td>{{ mail }}<td>{{ role }}{% endfor %}</table>{% endblock %}"
)
LOGIN = (
    "<!doctype html><title>Log in</title>{% if error %}<p role=alert>{{ error }}</p>{% endif %}<form method=post>"
    '<input type=hidden name="csrf_token" value="{{ token }}">'
    "<input name=identifier><input type=password name=password>{% if asks %}<input name=code>{% endif %}</form>"
)
TEMPLATES = {"page.html": _PAGE, "login.html": LOGIN, "layout.html": _LAYOUT, "console.html": _CONSOLE}
LIST = "SELECT id, mail, role FROM user ORDER BY id LIMIT 20"


class User(UserMixin):
    """An account of the console."""

    def __init__(self, name: str, mail: str = "", role: str = "") -> None:
        self.id = name
        self.mail = mail
        self.role = role

    def check_password(self, password: str) -> bool:
        """Compare in one cheap hash."""
        return hmac.compare_digest(cheap_hash(password), _HASH)


def connect(folder: Path) -> sqlite3.Connection:
    """Open the console's own database, made where it is missing."""
    database = sqlite3.connect(folder / "console.sqlite", isolation_level=None, check_same_thread=False, timeout=15)
    database.execute("CREATE TABLE IF NOT EXISTS user (id TEXT PRIMARY KEY, mail TEXT, role TEXT)")
    rows = [(name, f"{name}@console.test", "member") for name in NAMES]
    database.executemany("INSERT OR IGNORE INTO user (id, mail, role) VALUES (?, ?, ?)", rows)
    return database


def make_app(folder: Path) -> Flask:
    """Make the app with its pages and its users, and no way to log in."""
    app = Flask("bench", instance_path=str(folder))
    app.config["SECRET_KEY"] = SECRET_KEY
    app.jinja_loader = DictLoader(TEMPLATES)
    return app


def add_pages(app: Flask, database: sqlite3.Connection, find: Callable[[str], User | None]) -> None:
    """Give the app its two pages, for whom ``find`` finds."""
    LoginManager(app).user_loader(find)

    @app.get("/page")
    @login_required
    def page() -> str:
        return render_template("page.html", title="Page", rows=database.execute(LIST).fetchall())

    @app.get("/console")
    @app.get("/console/<name>", endpoint="person")
    @login_required
    def console(name: str = "") -> str:
        return render_template("console.html", title=name or "People", rows=database.execute(LIST).fetchall())


def make_console(folder: Path, *, with_a_read: bool = False) -> Flask:
    """Make the whole console; ``with_a_read`` adds what no gate does without: one row by its key."""
    app, database = make_app(folder), connect(folder)
    marks = sqlite3.connect(folder / "marks.sqlite", isolation_level=None, check_same_thread=False, timeout=15)
    marks.execute("PRAGMA journal_mode=WAL")
    marks.execute("CREATE TABLE IF NOT EXISTS mark (digest TEXT PRIMARY KEY, subject TEXT, seen_at INTEGER)")
    marks.execute("INSERT OR IGNORE INTO mark VALUES ('a', 'alice', 1)")

    def find(name: str) -> User | None:
        if with_a_read:
            marks.execute("SELECT subject, seen_at FROM mark WHERE digest = ?", ("a",)).fetchone()
        row = database.execute("SELECT id, mail, role FROM user WHERE id = ?", (name,)).fetchone()
        return None if row is None else User(*row)

    add_pages(app, database, find)

    @app.route("/login", methods=["GET", "POST"])
    def login() -> Any:
        if request.method == "POST" and token_is_right():
            user = find(request.form.get("identifier", ""))
            if user and user.check_password(request.form.get("password", "")):
                login_user(user)
                return redirect("/page")
            return render_template("login.html", token=csrf_token(), error="That was not right.")
        return render_template("login.html", token=csrf_token())

    return app


def csrf_token() -> str:
    """Give the session's token, by hand."""
    token: str = session.setdefault("csrf", secrets.token_urlsafe(32))
    return token


def token_is_right() -> bool:
    """Compare the token of a form."""
    return hmac.compare_digest(request.form.get("csrf_token", ""), session.get("csrf", ""))


def log_in(app: Flask, name: str, **code: str) -> Browser:
    """Log in by the console's one page and load the first page behind it: three requests."""
    browser = Browser(app.wsgi_app)
    browser.follow(browser.post("/login", identifier=name, password=PASSWORD, **code))
    return browser


def pages(browser: Browser) -> dict[str, Job]:
    """Give the two jobs of somebody who is logged in."""
    return {"bare page": partial(browser.get, "/page"), "console page": partial(browser.get, "/console")}


def start(folder: Path, options: Mapping[str, str]) -> tuple[Any, str]:
    """Make the app and no more; gives it and its first page."""
    return make_console(folder).wsgi_app, "/login"


def make(folder: Path, options: Mapping[str, str]) -> Contender:
    """Make the contender; with the option ``read`` a bare read is made at every request, and no other job is given."""
    app = make_console(folder, with_a_read="read" in options)
    jobs = pages(log_in(app, SIGNED_IN))
    if "read" not in options:
        jobs["log-in"] = partial(log_in, app, COMES)
    return Contender(app.wsgi_app, jobs)
