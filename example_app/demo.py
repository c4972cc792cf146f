"""Fills a fresh instance with two accounts for visitors, one of them with the second factor on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from flask import Flask

from . import private, two_factor, users

PASSWORD = "harbor-demo-password"
WITHOUT = ("sam@harbor.test", "Sam Keller", "Engineer")
WITH = ("alex@harbor.test", "Alex Moreau", "Administrator")


@dataclass(frozen=True)
class Account:
    """What a visitor needs to log in; ``uri`` is given where the demo knows the authenticator's key."""

    email: str
    password: str
    factor: bool
    uri: str | None

    @property
    def key(self) -> str:
        """Return the base32 key in the otpauth URI."""
        return parse_qs(urlsplit(self.uri or "").query).get("secret", [""])[0]


def _account(row: tuple[str, str, str]) -> users.User:
    return users.by_email(row[0]) or users.add(*row, password=PASSWORD)


def _uri(folder: str) -> str:
    # Only a demo does this: a key in plain text undoes the factor for whoever reads the file. The extension
    # itself keeps it sealed, and shows it to nobody again.
    path = Path(folder) / "demo-accounts.json"
    if not path.exists():
        alex = _account(WITH)
        if two_factor.is_enabled(alex):
            two_factor.reset(alex, by="demo")
        private.write_once(path, json.dumps({WITH[0]: two_factor.enroll(alex)}, indent=2) + "\n")
    return str(json.loads(path.read_text(encoding="utf-8"))[WITH[0]])


def seed(app: Flask) -> list[Account]:
    """Make the accounts at the first run, and return them as they stand now."""
    with app.app_context():
        uri = _uri(app.instance_path)
        sam, alex = _account(WITHOUT), _account(WITH)
        on = two_factor.is_enabled(alex)
        return [
            Account(sam.email, PASSWORD, two_factor.is_enabled(sam), None),
            Account(alex.email, PASSWORD, on, uri if on else None),
        ]
