"""A host console for tests, the clock that they move, and a person who walks its pages by HTTP."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Flask, Request, jsonify, request, session
from flask.testing import FlaskClient
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from werkzeug.test import TestResponse

from flask_twofactor import TwoFactor
from flask_twofactor.core.totp import code_at, step_at

START = 1_800_000_000
"""Unix seconds at which the clock of a test starts; a whole time step."""
SECRET_KEY = "a key for tests, long enough to be one: 0123456789abcdef"


@dataclass
class Clock:
    """The injected clock: stands still until a test moves it."""

    at: float = START

    def __call__(self) -> float:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += seconds


class User(UserMixin):
    """An account of the host: ``alice`` has number 1, and so on."""

    def __init__(self, number: int, name: str, password: str) -> None:
        self.id = number
        self.username = name
        self.password = password
        self.active = True
        self.checks = 0

    @property
    def is_active(self) -> bool:
        return self.active

    def check_password(self, password: str) -> bool:
        self.checks += 1
        return password == self.password


class ReadingClient(FlaskClient):
    """A client that reads each response to its end, as browsers do: what waits for that end is done then."""

    def open(self, *arguments: Any, **options: Any) -> TestResponse:
        return super().open(*arguments, **{"buffered": True, **options})


@dataclass
class Host:
    """The console: its app, extension, clock and accounts; every password is ``<name>-password``."""

    app: Flask
    two_factor: TwoFactor
    clock: Clock
    users: dict[str, User]
    secrets: dict[str, str] = field(default_factory=dict)

    def enroll(self, name: str) -> str:
        """Turn the factor on without the pages; gives the base32 secret."""
        with self.app.app_context():
            uri = self.two_factor.enroll(self.users[name])
        self.secrets[name] = parse_qs(urlsplit(uri).query)["secret"][0]
        return self.secrets[name]

    def code(self, name: str, steps: int = 0) -> str:
        """Give the account's code now, or ``steps`` steps away."""
        return code_at(self.secrets[name], step_at(self.clock.at) + steps)

    def wrong_code(self, name: str) -> str:
        """Give a well-formed code that no step near now has."""
        near = {self.code(name, steps) for steps in range(-3, 4)}
        return next(code for code in ("000000", "111111", "222222", "333333") if code not in near)

    def person(self, **environ: Any) -> Person:
        """Give a person with an empty cookie jar."""
        return Person(self, self.app.test_client(), environ)


class Person:
    """Somebody at a browser: keeps cookies, carries CSRF tokens, reads pages."""

    def __init__(self, host: Host, client: FlaskClient, environ: dict[str, Any]) -> None:
        self.host = host
        self.client = client
        self.environ = environ
        self.secret = ""

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.client.get(path, environ_overrides=self.environ, **options)

    def post(self, path: str, page: str | None = None, **fields: Any) -> TestResponse:
        """Load ``page`` (default: ``path``), take its CSRF token, and post ``fields`` to ``path``."""
        data = {"csrf_token": csrf_token(self.get(page or path)), **fields}
        return self.client.post(path, data=data, environ_overrides=self.environ)

    def identify(self, name: str, target: str | None = None) -> TestResponse:
        """Give the user ID and follow to the credential page."""
        query = f"?next={target}" if target else ""
        sent = self.post(f"/two-factor/identify{query}", identifier=name)
        assert sent.status_code == 302, sent.text
        assert sent.location is not None
        return self.get(sent.location)

    def credential(self, password: str | None = None, code: str | None = None, **fields: Any) -> TestResponse:
        given = {"password": password, "code": code, **fields}
        return self.post("/two-factor/credential", **{key: value for key, value in given.items() if value is not None})

    def log_in(self, name: str, **fields: Any) -> TestResponse:
        """Log in with everything right."""
        self.identify(name)
        code = self.host.code(name) if name in self.host.secrets else None
        return self.credential(f"{name}-password", code, **fields)

    def legacy(self, name: str, **query: Any) -> dict[str, Any]:
        """Use the host's own older log-in; gives what that view saw of ``current_user`` in the same request."""
        answer: dict[str, Any] = self.client.post(
            "/legacy", data={"name": name, "password": f"{name}-password", **query}, environ_overrides=self.environ
        ).get_json()
        return answer

    @property
    def me(self) -> str | None:
        """Give the name on a page that needs a log-in, None where the host sends this person away."""
        answer = self.get("/me")
        return answer.text if answer.status_code == 200 else None

    def begin_setup(self) -> TestResponse:
        """Open SETUP and scan the key."""
        page = self.get("/two-factor/setup")
        self.secret = secret_on(page)
        return page

    def set_up(self, name: str) -> TestResponse:
        """Set the factor up with the pages."""
        self.begin_setup()
        self.host.secrets[name] = self.secret
        return self.post("/two-factor/setup", code=self.host.code(name))

    def disable(self, name: str, code: str | None = None) -> TestResponse:
        return self.post("/two-factor/manage", code=self.host.code(name) if code is None else code)

    def cookies(self) -> dict[str, str]:
        """Copy the cookie jar."""
        return {key: cookie.value for (_, _, key), cookie in (self.client._cookies or {}).items()}

    def use_cookies(self, jar: dict[str, str]) -> None:
        """Put a copied jar in the place of this one."""
        for name in self.cookies():
            self.client.delete_cookie(name)
        for name, value in jar.items():
            self.client.set_cookie(name, value)


def csrf_token(page: TestResponse) -> str:
    """Take the token out of a page."""
    found = re.search(r'<input[^>]*name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert found, f"no token on the page ({page.status}, {page.location}): {page.text[:300]}"
    return html.unescape(found.group(1))


def alert(page: TestResponse) -> str:
    """Give the words of the page's alert, "" where it has none."""
    found = re.search(r'<(\w+)[^>]*role="alert"[^>]*>(.*?)</\1>', page.text, re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", found.group(2)).split()) if found else ""


def secret_on(page: TestResponse) -> str:
    """Take the base32 key out of the otpauth link of a set-up page."""
    found = re.search(r'href="(otpauth://[^"]+)"', page.text)
    assert found, page.text[:500]
    return parse_qs(urlsplit(html.unescape(found.group(1))).query)["secret"][0]


def masked(page: TestResponse) -> str:
    """Give a page without what differs by nature: the CSRF token."""
    return re.sub(r'(name="csrf_token"[^>]*value=")[^"]+', r"\1", page.text)


def make_host(
    folder: Path, clock: Clock | None = None, wire: Callable[[TwoFactor], None] | None = None, **config: Any
) -> Host:
    """Make a console in ``folder``; ``config`` sets configuration keys, ``wire`` gives hooks before it is attached."""
    clock = clock or Clock()
    options = {key: config.pop(key) for key in ("login_endpoint", "forms", "brands", "render") if key in config}
    app = Flask("host", instance_path=str(folder))
    app.test_client_class = ReadingClient
    app.config.update({"SECRET_KEY": SECRET_KEY, "TESTING": True, **config})
    names = ("alice", "bob", "mallory", "carol")
    users = {name: User(number, name, f"{name}-password") for number, name in enumerate(names, 1)}
    two_factor = TwoFactor(clock=clock, **options)
    two_factor.user_lookup(users.get)
    if wire is not None:
        wire(two_factor)
    two_factor.init_app(app)
    _console(app, users)
    return Host(app, two_factor, clock, users)


def _console(app: Flask, users: dict[str, User]) -> None:
    manager = LoginManager(app)
    by_id = {str(user.id): user for user in users.values()}

    @manager.user_loader
    def load(user_id: str) -> User | None:
        found = by_id.get(user_id)
        return found if found and users.get(found.username) is found else None

    @manager.request_loader
    def by_token(incoming: Request) -> User | None:
        return users.get(incoming.headers.get("X-Token", ""))

    @app.get("/me")
    @login_required
    def me() -> str:
        return str(current_user.username)

    @app.get("/open")
    def open_page() -> str:
        return str(current_user.is_authenticated)

    @app.post("/legacy")
    def legacy() -> Any:
        user = users.get(request.form.get("name", ""))
        if user is None or request.form.get("password") != user.password:
            return jsonify(entered=False, authenticated=False), 401
        entered = login_user(user, remember="remember" in request.form)
        return jsonify(entered=entered, authenticated=bool(current_user.is_authenticated))

    @app.get("/logout")
    def logout() -> str:
        logout_user()
        return "out"

    @app.get("/plant/<key>/<value>")
    def plant(key: str, value: str) -> str:
        session[key] = value
        return "planted"

    @app.get("/planted/<key>")
    def planted(key: str) -> str:
        return str(session.get(key))

    @app.get("/profile")
    @login_required
    def profile() -> str:
        return str(app.jinja_env.from_string("<h1>Profile</h1>{{ twofactor_panel() }}").render())
