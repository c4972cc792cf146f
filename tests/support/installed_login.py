"""Run by the Python of a new environment, outside of this repository: log in through the installed package.

A console as a host would write it, and the test client in place of a browser.
"""

from __future__ import annotations

import secrets
import sys
from html.parser import HTMLParser
from pathlib import Path

import flask_login
from flask import Flask
from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.test import TestResponse

import flask_twofactor

PASSWORD = "correct horse battery staple"


class User(flask_login.UserMixin):
    id = "alice"
    password_hash = generate_password_hash(PASSWORD)

    def check_password(self, password: str) -> bool:
        return check_password_hash(self.password_hash, password)


class Fields(HTMLParser):
    """The named inputs of a page and their values."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "input" and (name := attributes.get("name")):
            self.values[name] = attributes.get("value") or ""


def make_console(folder: Path) -> Flask:
    app = Flask("console", instance_path=str(folder / "instance"), root_path=str(folder))
    app.secret_key = secrets.token_hex(32)
    login_manager = flask_login.LoginManager(app)
    flask_twofactor.TwoFactor(app)

    @login_manager.user_loader
    def load(key: str) -> User | None:
        return User() if key == User.id else None

    @app.get("/")
    @flask_login.login_required
    def dashboard() -> str:
        return f"Hello {flask_login.current_user.id}"

    return app


def main() -> None:
    installed = Path(flask_twofactor.__file__).resolve()
    assert installed.is_relative_to(Path(sys.prefix).resolve()), f"{installed} is not in the new environment"
    client = make_console(Path.cwd()).test_client()

    def submit(url: str, **typed: str) -> TestResponse:
        page = client.get(url)
        assert page.status_code == 200, (url, page.status)
        token = Fields(page.text).values["csrf_token"]
        answer = client.post(url, data={"csrf_token": token, **typed})
        assert answer.status_code in {302, 303}, (url, answer.status, answer.text)
        return answer

    assert client.get("/").status_code in {302, 303}, "the dashboard is open to strangers"
    identified = submit("/two-factor/identify", identifier="alice")
    assert identified.location.split("?")[0].endswith("/two-factor/credential"), identified.location
    submit(identified.location, password=PASSWORD)
    dashboard = client.get("/")
    assert (dashboard.status_code, dashboard.text) == (200, "Hello alice"), dashboard.status
    stylesheets = [rule for rule in client.application.url_map.iter_rules() if "static" in rule.endpoint]
    assert any(rule.endpoint.startswith("twofactor") for rule in stylesheets), "no static files are served"
    print("logged in")


if __name__ == "__main__":
    main()
