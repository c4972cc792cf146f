"""The console's own user table: plain sqlite3, untouched by the extension."""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from flask import current_app
from flask_login import UserMixin
from werkzeug.security import check_password_hash, generate_password_hash

SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    active INTEGER NOT NULL DEFAULT 1
)
"""
BY_ID = "SELECT id, email, name, role, active FROM users WHERE id = ?"
BY_EMAIL = "SELECT id, email, name, role, active FROM users WHERE email = ?"
HASH = "SELECT password_hash FROM users WHERE id = ?"
ADD = "INSERT INTO users (email, name, role, password_hash) VALUES (?, ?, ?, ?)"

# What a password is compared with where there is no account: the same work, never a match.
_NOBODY = generate_password_hash(secrets.token_urlsafe())


@dataclass(frozen=True)
class User(UserMixin):
    """A row of the table without its password hash."""

    id: int
    email: str
    name: str
    role: str
    active: bool

    @property
    def is_active(self) -> bool:
        """Tell Flask-Login whether the account may log in."""
        return self.active

    @property
    def initials(self) -> str:
        """Return the letters of the avatar."""
        return "".join(word[0] for word in self.name.split()[:2]).upper()


def _open(folder: str | None = None) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(Path(folder or current_app.instance_path) / "console.sqlite"))


def _user(row: tuple[int, str, str, str, int] | None) -> User | None:
    return User(*row[:4], active=bool(row[4])) if row else None


def create_table(folder: str) -> None:
    """Make the table where it is missing."""
    with _open(folder) as db, db:
        db.execute(SCHEMA)


def by_id(user_id: str) -> User | None:
    """Return the account of a session (Flask-Login's user loader); one that was closed is nobody."""
    with _open() as db:
        user = _user(db.execute(BY_ID, (user_id,)).fetchone())
    return user if user and user.active else None


def by_email(email: str) -> User | None:
    """Return the account of an e-mail address; addresses are stored in lower case."""
    with _open() as db:
        return _user(db.execute(BY_EMAIL, (email,)).fetchone())


def check_password(user: User | None, password: str) -> bool:
    """Tell whether the password is the user's; no user costs the same time and is False."""
    with _open() as db:
        row = db.execute(HASH, (user.id if user else 0,)).fetchone()
    return check_password_hash(row[0] if row else _NOBODY, password) and row is not None


def add(email: str, name: str, role: str, password: str) -> User:
    """Store a new account and return it."""
    values = (email.lower(), name, role, generate_password_hash(password))
    with _open() as db, db:
        user_id = db.execute(ADD, values).lastrowid
    return User(user_id or 0, email.lower(), name, role, active=True)


def is_administrator(user: User) -> bool:
    """Tell whether somebody must have the second factor (the extension's ``requirement``)."""
    return user.role == "Administrator"


def rename(user_id: int, name: str) -> None:
    """Change the name that the console shows."""
    with _open() as db, db:
        db.execute("UPDATE users SET name = ? WHERE id = ?", (name, user_id))
