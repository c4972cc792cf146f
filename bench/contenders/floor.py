"""The floor: the least that a correct second factor can do, written by hand into the console.

The secret is sealed; password and code are on one page; an attempt is reserved by one conditional UPDATE before it is
judged; a code is spent, and the session begun, by another; the session's value lies in the user's row, which is loaded
anyway. It has no limits by source or name, no recovery codes, one session an account, and tells names apart.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pyotp
import qrcode
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import Flask, redirect, render_template, request, session
from flask_login import current_user, login_required, login_user
from jinja2 import DictLoader
from qrcode.image.svg import SvgPathImage

from bench.browser import Browser
from bench.clock import COMES, COMES_WITH_CODE, PASSWORD, SIGNED_IN, SIGNED_IN_WITH_CODE, STEP, Clock
from bench.contender import Contender
from bench.contenders import plain
from bench.contenders.plain import User

_CIPHER = AESGCM(hashlib.sha256(b"sealing " + plain.SECRET_KEY.encode()).digest())
_TRIES = 10
_SETUP = (
    "<!doctype html><title>Set up</title><form method=post>"
    '<input type=hidden name="csrf_token" value="{{ token }}">{{ picture|safe }}<code>{{ secret }}</code>'
    "<input name=code></form>"
)


def seal(name: str, secret: str) -> bytes:
    """Seal a secret for one account's row."""
    nonce = os.urandom(12)
    return nonce + _CIPHER.encrypt(nonce, secret.encode(), name.encode())


def unseal(name: str, sealed: bytes) -> str | None:
    """Open a secret; None where it does not open."""
    try:
        return _CIPHER.decrypt(sealed[:12], sealed[12:], name.encode()).decode()
    except InvalidTag:
        return None


def matching_step(secret: str, code: str, now: float) -> int | None:
    """Give the step that the code is of, all three computed."""
    totp, found = pyotp.TOTP(secret), None
    for step in range(int(now) // STEP - 1, int(now) // STEP + 2):
        if secrets.compare_digest(totp.generate_otp(step), code):
            found = step
    return found


class Accounts:
    """The accounts, and the conditional writes that decide."""

    def __init__(self, folder: Path) -> None:
        self.database = plain.connect(folder)
        columns = {row[1] for row in self.database.execute("PRAGMA table_info(user)")}
        if "sealed" not in columns:
            for column in ("sealed BLOB", "pending BLOB", "last_step INTEGER", "tries INTEGER", "mark TEXT"):
                self.database.execute(f"ALTER TABLE user ADD COLUMN {column}")
            self.database.execute("UPDATE user SET last_step = -1, tries = 0, mark = ''")

    def row(self, name: str) -> tuple[Any, ...] | None:
        """Read an account, its session's value with it: the one read of a request."""
        query = "SELECT id, mail, role, sealed, mark FROM user WHERE id = ?"
        found: tuple[Any, ...] | None = self.database.execute(query, (name,)).fetchone()
        return found

    def reserve(self, name: str) -> bool:
        """Reserve an attempt before it is judged."""
        query = "UPDATE user SET tries = tries + 1 WHERE id = ? AND tries < ?"
        return self.database.execute(query, (name, _TRIES)).rowcount == 1

    def enter(self, name: str, mark: str, step: int | None) -> bool:
        """Spend the step and begin the session, in one conditional write."""
        query = "UPDATE user SET last_step = ?1, tries = 0, mark = ?2 WHERE id = ?3 AND last_step < ?1"
        if step is None:
            query = "UPDATE user SET tries = 0, mark = ?2 WHERE id = ?3 AND sealed IS NULL AND ?1 = 0"
        return self.database.execute(query, (step or 0, mark, name)).rowcount == 1

    def enroll(self, name: str, secret: str) -> None:
        """Turn the factor on."""
        query = "UPDATE user SET sealed = ?, last_step = -1 WHERE id = ?"
        self.database.execute(query, (seal(name, secret), name))

    def forgive(self, name: str) -> None:
        """Have the next attempt judged, whatever there were before."""
        self.database.execute("UPDATE user SET tries = 0 WHERE id = ?", (name,))


def make_console(folder: Path, clock: Callable[[], float]) -> Flask:
    """Make the console."""
    app, accounts = plain.make_app(folder), Accounts(folder)
    app.jinja_loader = DictLoader({**plain.TEMPLATES, "setup.html": _SETUP})

    plain.add_pages(app, accounts.database, partial(find, accounts))
    app.add_url_rule("/login", "login", partial(_login, accounts, clock), methods=["GET", "POST"])
    app.add_url_rule("/setup", "setup", login_required(partial(_setup, accounts)), methods=["GET"])
    return app


def find(accounts: Accounts, name: str) -> User | None:
    """Load the user of a session, whose value the row must have."""
    row = accounts.row(name)
    if row is None or not row[4] or digest(session.get("mark", "")) != row[4]:
        return None
    return User(*row[:3])


def digest(value: str) -> str:
    """Give what the row keeps of a session's value."""
    return hashlib.blake2b(value.encode(), digest_size=32).hexdigest()


def _login(accounts: Accounts, clock: Callable[[], float]) -> Any:
    if request.method == "POST" and plain.token_is_right():
        form = request.form
        if enter(accounts, clock, *(form.get(name, "") for name in ("identifier", "password", "code"))):
            return redirect("/page")
        return render_template("login.html", token=plain.csrf_token(), asks=True, error="That was not right.")
    return render_template("login.html", token=plain.csrf_token(), asks=True)


def enter(accounts: Accounts, clock: Callable[[], float], name: str, password: str, code: str) -> bool:
    """Judge a log-in, and begin the session."""
    row = accounts.row(name)
    if row is None or not accounts.reserve(row[0]):
        return False
    user, sealed, step = User(*row[:3]), row[3], None
    if not user.check_password(password):
        return False
    if sealed is not None:
        secret = unseal(user.id, sealed)
        step = None if secret is None else matching_step(secret, code, clock())
        if step is None:
            return False
    value = secrets.token_urlsafe(32)
    if not accounts.enter(user.id, digest(value), step):
        return False
    session["mark"] = value
    return bool(login_user(user))


def _setup(accounts: Accounts) -> str:
    name, secret = current_user.id, pyotp.random_base32()
    accounts.database.execute("UPDATE user SET pending = ? WHERE id = ?", (seal(name, secret), name))
    uri = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name="bench")
    drawn = io.BytesIO()
    qrcode.make(uri, image_factory=SvgPathImage).save(drawn)
    return render_template("setup.html", token=plain.csrf_token(), picture=drawn.getvalue().decode(), secret=secret)


def start(folder: Path, options: Mapping[str, str]) -> tuple[Any, str]:
    """Make the app and no more; gives it and its first page."""
    return make_console(folder, Clock()).wsgi_app, "/login"


def make(folder: Path, options: Mapping[str, str]) -> Contender:
    """Make the contender; it takes no options."""
    clock, secret = Clock(), pyotp.random_base32()
    app, accounts = make_console(folder, clock), Accounts(folder)
    for name in (SIGNED_IN_WITH_CODE, COMES_WITH_CODE):
        accounts.enroll(name, secret)

    def come(name: str) -> Browser:
        return plain.log_in(app, name, code=pyotp.TOTP(secret).at(int(clock())))

    def refuse() -> None:
        answer = Browser(app.wsgi_app).post("/login", identifier=COMES_WITH_CODE, password=PASSWORD, code="000000")
        assert b"role=alert" in answer.body

    return Contender(
        app.wsgi_app,
        {
            **plain.pages(come(SIGNED_IN_WITH_CODE)),
            "log-in": partial(plain.log_in, app, COMES),
            "log-in with a code": partial(come, COMES_WITH_CODE),
            "refused code": refuse,
            "set-up page": partial(plain.log_in(app, SIGNED_IN).get, "/setup"),
        },
        {"log-in with a code": clock.next_step, "refused code": partial(accounts.forgive, COMES_WITH_CODE)},
    )
