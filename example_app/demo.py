"""Fills a fresh instance with accounts for visitors: with the second factor, without it, and with one to set up."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from flask import Flask

from . import private, two_factor, users

PASSWORD = "harbor-demo-password"
WITHOUT = (
    ("sam@harbor.test", "Sam Keller", "Engineer"),
    ("noor@harbor.test", "Noor Haddad", "Administrator"),
)
WITH = (
    ("alex@harbor.test", "Alex Moreau", "Release manager"),
    ("vera@harbor.test", "Vera Lindqvist", "Administrator"),
)


@dataclass(frozen=True)
class Account:
    """What a visitor needs to log in; ``uri`` is given where the demo knows the authenticator's key."""

    email: str
    role: str
    password: str
    required: bool
    factor: bool
    uri: str | None

    @property
    def key(self) -> str:
        """Return the base32 key in the otpauth URI."""
        return parse_qs(urlsplit(self.uri or "").query).get("secret", [""])[0]


def _user(row: tuple[str, str, str]) -> users.User:
    return users.by_email(row[0]) or users.add(*row, password=PASSWORD)


def _enroll(row: tuple[str, str, str]) -> str:
    user = _user(row)
    if two_factor.is_enabled(user):
        two_factor.reset(user, by="demo")
    return two_factor.enroll(user)


def _uris(folder: str) -> dict[str, str]:
    # Only a demo does this: a key in plain text undoes the factor for whoever reads the file. The extension
    # itself keeps it sealed, and shows it to nobody again.
    path = Path(folder) / "demo-keys.json"
    if not path.exists():
        private.write_once(path, json.dumps({row[0]: _enroll(row) for row in WITH}, indent=2) + "\n")
    return {str(email): str(uri) for email, uri in json.loads(path.read_text(encoding="utf-8")).items()}


def _account(user: users.User, uris: dict[str, str]) -> Account:
    factor = two_factor.is_enabled(user)
    uri = uris.get(user.email) if factor else None
    return Account(user.email, user.role, PASSWORD, users.is_administrator(user), factor, uri)


def seed(app: Flask) -> list[Account]:
    """Make the accounts at the first run, and return them as they stand now."""
    with app.app_context():
        uris = _uris(app.instance_path)
        return [_account(_user(row), uris) for pair in zip(WITHOUT, WITH, strict=True) for row in pair]
