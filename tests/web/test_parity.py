"""Flask-Login 0.6 is as it was for a console that attaches us and enrols nobody: each documented behaviour, both ways.

The same steps on the same console without us and with us; what is seen must be the same but for our own keys of the
session, our cookies and ``Cache-Control`` of a log-in (docs/explanation/flask-login.md lists the exceptions).
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, get_flashed_messages, render_template_string, request, session
from flask_login import (
    AnonymousUserMixin,
    FlaskLoginClient,
    LoginManager,
    UserMixin,
    confirm_login,
    current_user,
    decode_cookie,
    encode_cookie,
    fresh_login_required,
    login_fresh,
    login_remembered,
    login_required,
    login_user,
    logout_user,
    set_login_view,
    signals,
)

from flask_twofactor import TwoFactor
from tests.support.host import SECRET_KEY

OURS = ("_twofactor", "twofactor_")
SIGNALS = (
    "user_logged_in", "user_logged_out", "user_loaded_from_cookie", "user_loaded_from_request", "user_login_confirmed",
    "user_unauthorized", "user_needs_refresh", "user_accessed", "session_protected",
)  # fmt: skip


class User(UserMixin):
    """An account."""

    def __init__(self, number: int, name: str, *, active: bool = True) -> None:
        self.id, self.name, self._active = number, name, active

    @property
    def is_active(self) -> bool:
        return self._active


class Guest(AnonymousUserMixin):
    """A host's own anonymous user."""

    name = "guest"


class Console:
    """A console on Flask-Login alone, or with us; notes everything that a browser and a receiver of signals see."""

    def __init__(self, folder: Path, attached: bool, **config: Any) -> None:
        self.app = app = Flask("console", instance_path=str(folder))
        app.config.update({"SECRET_KEY": SECRET_KEY, "TESTING": True, **config})
        app.test_client_class = FlaskLoginClient
        self.users = {1: User(1, "ann"), 2: User(2, "ben", active=False)}
        self.manager = LoginManager(app)
        self.manager.login_view = "log_in"
        self.manager.user_loader(lambda number: self.users.get(int(number)))
        self.seen: list[Any] = []
        if attached:
            TwoFactor(app)
        self._views()
        self._heard: list[Any] = []
        for name in SIGNALS:
            receiver = self._receiver(name)
            getattr(signals, name).connect(receiver, app)
            self._heard.append(receiver)
        self.client = app.test_client()
        self.agent = "one"

    def _receiver(self, name: str) -> Callable[..., None]:
        def receive(_: Any, **values: Any) -> None:
            self.seen.append((name, getattr(values.get("user"), "name", None)))

        return receive

    def _views(self) -> None:
        app = self.app

        @app.get("/log-in")
        def log_in() -> str:
            return "the log-in page"

        @app.route("/enter", methods=["GET", "POST"])
        def enter() -> str:
            given = request.args
            days = given.get("days", type=int)
            entered = login_user(
                self.users[int(given.get("who", "1"))],
                remember="remember" in given,
                duration=datetime.timedelta(days=days) if days else None,
                force="force" in given,
                fresh="stale" not in given,
            )
            return f"{entered} {current_user.is_authenticated}"

        @app.get("/leave")
        def leave() -> str:
            return f"{logout_user()} {current_user.is_authenticated}"

        @app.get("/confirm")
        def confirm() -> str:
            confirm_login()
            return str(login_fresh())

        @app.route("/closed", methods=["GET", "POST", "OPTIONS"])
        @login_required
        def closed() -> str:
            return f"closed to {getattr(current_user, 'name', None)}"

        @app.get("/fresh")
        @fresh_login_required
        def fresh() -> str:
            return f"fresh for {getattr(current_user, 'name', None)}"

        @app.get("/who")
        def who() -> str:
            facts = [current_user.is_authenticated, current_user.is_active, current_user.is_anonymous]
            facts += [current_user.get_id(), getattr(current_user, "name", None), login_fresh(), login_remembered()]
            return f"{facts} {get_flashed_messages(with_categories=True)}"

        @app.get("/template")
        def template() -> str:
            return render_template_string("{{ current_user is defined and current_user.get_id() }}")

        part = Blueprint("part", __name__, url_prefix="/part")

        @part.get("/closed")
        @login_required
        def part_closed() -> str:
            return "closed"

        @part.get("/log-in")
        def part_log_in() -> str:
            return "the part's own log-in page"

        app.register_blueprint(part)

    def go(self, path: str, method: str = "GET", **options: Any) -> None:
        """Send a request and note what came back."""
        options.setdefault("headers", {})["User-Agent"] = self.agent
        answer = self.client.open(path, method=method, **options)
        cookies = sorted(self._cookie(one) for one in answer.headers.getlist("Set-Cookie") if not one.startswith(OURS))
        self.seen.append((answer.status_code, answer.location, answer.text, cookies))
        with self.client.session_transaction() as kept:
            ours = {key: value for key, value in kept.items() if not key.startswith(OURS)}
        self.seen.append({key: ours[key] for key in sorted(ours)})

    @staticmethod
    def _cookie(text: str) -> str:
        name, _, rest = text.partition("=")
        value, _, attributes = rest.partition(";")
        parts = sorted(part.strip() for part in attributes.split(";"))
        if name == "session":
            return f"session {[part for part in parts if not part.startswith('Expires')]}"
        lifetime = [part for part in parts if part.startswith("Expires")]
        when = f"{lifetime[0][8:24]}" if lifetime else ""
        return f"{name}={value[:2]} {when} {[part for part in parts if not part.startswith('Expires')]}"


Steps = Callable[[Console], None]
SCENARIOS: dict[str, tuple[Steps, dict[str, Any]]] = {}


def scenario(name: str, **config: Any) -> Callable[[Steps], Steps]:
    def add(steps: Steps) -> Steps:
        SCENARIOS[name] = steps, config
        return steps

    return add


def paths(name: str, *steps: str, **config: Any) -> None:
    """A scenario of requests alone; ``-`` before a path drops the session cookie first, ``~`` changes the browser."""

    def walk(console: Console) -> None:
        for step in steps:
            if step[0] == "-":
                console.client.delete_cookie("session")
            console.agent = "another" if step[0] == "~" else console.agent
            console.go(step.lstrip("-~"))

    SCENARIOS[name] = walk, config


paths("a stranger is sent to the log-in page, told why, and where to go then", "/closed?x=1", "/who")
paths("a person who logs in is known from then on", "/enter", "/who", "/closed", "/fresh", "/template")
paths("a stale log-in is not fresh", "/enter?stale=1", "/who", "/closed", "/fresh", "/who", "/confirm", "/fresh")
paths("an inactive account is refused, unless forced", "/enter?who=2", "/who", "/enter?who=2&force=1", "/who")
paths("a log-out ends it", "/enter", "/leave", "/who", "/closed")
paths("a log-out of nobody", "/leave", "/who")
paths("a log-in over another", "/enter", "/enter?who=2&force=1", "/who", "/leave", "/who")
paths("to be remembered", "/enter?remember=1", "-/who", "/who", "/closed", "/fresh", "/confirm", "/fresh")
paths("to be remembered for a day", "/enter?remember=1&days=1", "-/who")
paths("a log-out forgets", "/enter?remember=1", "/leave", "-/who", "/who")
paths("remembered again at every request", "/enter?remember=1", "/who", REMEMBER_COOKIE_REFRESH_EACH_REQUEST=True)
paths(
    "a remember cookie of the host's own kind", "/enter?remember=1", "-/who", "/leave",
    REMEMBER_COOKIE_NAME="stay", REMEMBER_COOKIE_DURATION=datetime.timedelta(days=3), REMEMBER_COOKIE_PATH="/",
    REMEMBER_COOKIE_SECURE=False, REMEMBER_COOKIE_HTTPONLY=False, REMEMBER_COOKIE_SAMESITE="Strict",
)  # fmt: skip
paths("a duration in seconds", "/enter?remember=1", "-/who", REMEMBER_COOKIE_DURATION=3600)
paths("next in the session", "/closed?x=1", "/who", USE_SESSION_FOR_NEXT=True)
paths("a check that is turned off", "/closed", "/fresh", LOGIN_DISABLED=True)
paths("another browser, basic protection", "/enter", "~/who", "/fresh", "/closed", SESSION_PROTECTION="basic")
paths("another browser, strong protection", "/enter", "~/who", "/closed", SESSION_PROTECTION="strong")
paths("another browser, strong, remembered", "/enter?remember=1", "~/who", "/who", SESSION_PROTECTION="strong")
paths("another browser, no protection", "/enter", "~/who", "/fresh", SESSION_PROTECTION=None)


@scenario("a method that is exempt")
def _(console: Console) -> None:
    console.go("/closed", "OPTIONS")
    console.go("/closed", "POST")


@scenario("words, categories and languages of the host's own")
def _(console: Console) -> None:
    console.manager.login_message, console.manager.login_message_category = "Who are you?", "info"
    console.manager.localize_callback = str.upper
    console.go("/closed")
    console.go("/who")


@scenario("no words")
def _(console: Console) -> None:
    console.manager.login_message = None
    console.go("/closed")
    console.go("/who")


@scenario("a log-in page at another site")
def _(console: Console) -> None:
    console.manager.login_view = "https://sso.example.org/log-in"
    console.go("/closed?x=1")


@scenario("a log-in page of a blueprint's own")
def _(console: Console) -> None:
    console.manager.blueprint_login_views = {"part": "part.part_log_in"}
    console.go("/part/closed")
    console.go("/closed")


@scenario("a log-in page that is set later")
def _(console: Console) -> None:
    with console.app.app_context():
        set_login_view("part.part_log_in", console.app.blueprints["part"])
    console.go("/part/closed")


@scenario("a refusal of the host's own")
def _(console: Console) -> None:
    console.manager.unauthorized_handler(lambda: ("no entry", 403))
    console.manager.needs_refresh_handler(lambda: ("once more", 403))
    console.go("/closed")
    console.go("/enter?stale=1")
    console.go("/fresh")


@scenario("a page to refresh a log-in")
def _(console: Console) -> None:
    console.manager.refresh_view, console.manager.needs_refresh_message = "log_in", "Once more, please."
    console.manager.needs_refresh_message_category = "warning"
    console.go("/enter?stale=1")
    console.go("/fresh?x=1")
    console.go("/who")


@scenario("an anonymous user of the host's own")
def _(console: Console) -> None:
    console.manager.anonymous_user = Guest
    console.go("/who")
    console.go("/enter")
    console.go("/leave")
    console.go("/who")


@scenario("a request loader")
def _(console: Console) -> None:
    console.manager.request_loader(lambda incoming: console.users.get(incoming.args.get("key", 0, int)))
    for path in ("/who?key=1", "/closed?key=1", "/who?key=9", "/fresh?key=1", "/who"):
        console.go(path)
    console.go("/enter")
    console.go("/who?key=2")


@scenario("an account that is gone")
def _(console: Console) -> None:
    console.go("/enter?remember=1")
    del console.users[1]
    console.go("/who")
    console.go("/closed")


@scenario("a session of somebody who never was")
def _(console: Console) -> None:
    with console.client.session_transaction() as kept:
        kept["_user_id"], kept["_fresh"] = "7", True
    console.go("/who")


@scenario("a remember cookie of somebody else's making")
def _(console: Console) -> None:
    for value in ("1", "1|", "1|0123", "|", "1|" + "0" * 128, "2|x|y"):
        console.client.set_cookie("remember_token", value)
        console.go("/who")


@scenario("the test client of Flask-Login")
def _(console: Console) -> None:
    console.client = console.app.test_client(user=console.users[1], fresh_login=False)
    console.go("/who")
    console.go("/fresh")
    console.client = console.app.test_client(user=console.users[1])
    console.go("/fresh")


@scenario("cookies made by hand")
def _(console: Console) -> None:
    with console.app.test_request_context():
        cookie = encode_cookie("1")
        console.seen.append(
            (cookie, decode_cookie(cookie), decode_cookie(cookie + "0"), decode_cookie("1|" + "0" * 128))
        )
    console.client.set_cookie("remember_token", cookie)
    console.go("/who")
    console.go("/fresh")


@scenario("an account without an id")
def _(console: Console) -> None:
    with console.app.test_request_context():
        for user in (UserMixin(), AnonymousUserMixin()):
            try:
                console.seen.append(user.get_id())
            except NotImplementedError as error:
                console.seen.append(str(error))


@scenario("no user loader at all")
def _(console: Console) -> None:
    console.manager._user_callback = None
    with console.client.session_transaction() as kept:
        kept["_user_id"] = "1"
    with pytest.raises(Exception, match="user_loader") as error:
        console.go("/who")
    console.seen.append(str(error.value))


@scenario("in one request")
def _(console: Console) -> None:
    with console.app.test_request_context(headers={"User-Agent": "one"}):
        facts = [current_user.is_authenticated]
        login_user(console.users[1])
        facts += [current_user.is_authenticated, current_user.name, login_fresh()]
        facts += sorted(key for key in session if not key.startswith(OURS))
        logout_user()
        facts += [current_user.is_authenticated, login_fresh()]
        console.seen.append(facts)


@pytest.mark.requirement("FLG-02", "FLG-03")
@pytest.mark.parametrize("name", SCENARIOS)
def test_flask_login_is_as_it_was(name: str, tmp_path: Path) -> None:
    steps, config = SCENARIOS[name]
    seen = []
    for attached in (False, True):
        console = Console(tmp_path / str(attached), attached, **config)
        if "SESSION_PROTECTION" in config:
            console.manager.session_protection = config["SESSION_PROTECTION"]
        steps(console)
        seen.append(console.seen)
    assert seen[1] == seen[0]
    assert seen[0]
