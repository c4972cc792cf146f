"""The same console with Flask-Security-Too and its authenticator, on the same host: Flask, SQLAlchemy and SQLite."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask, render_template
from flask_security import Security, SQLAlchemyUserDatastore, auth_required
from flask_security.models import fsqla_v2 as models
from flask_sqlalchemy import SQLAlchemy

from bench.browser import Answer, Browser
from bench.clock import COMES, COMES_WITH_CODE, NAMES, PASSWORD, SIGNED_IN, SIGNED_IN_WITH_CODE
from bench.contender import Contender
from bench.contenders import plain

_WITH_CODE = (SIGNED_IN_WITH_CODE, COMES_WITH_CODE)


def make_console(folder: Path) -> tuple[Flask, Any, dict[str, str]]:
    """Make the console; gives the extension, and the sealed secrets of those who have the factor, too."""
    app = plain.make_app(folder)
    app.config.update(
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder / 'security.sqlite'}",
        SECURITY_PASSWORD_SALT="bench",
        SECURITY_PASSWORD_HASH="plaintext",
        SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
        SECURITY_POST_LOGIN_VIEW="/page",
        SECURITY_TWO_FACTOR=True,
        SECURITY_TWO_FACTOR_ENABLED_METHODS=["authenticator"],
        SECURITY_TOTP_SECRETS={"1": "a key of the bench alone"},
        SECURITY_TOTP_ISSUER="bench",
    )
    db = SQLAlchemy(app)
    models.FsModels.set_db_info(db)
    role = type("Role", (db.Model, models.FsRoleMixin), {})
    user = type("User", (db.Model, models.FsUserMixin), {})
    store = SQLAlchemyUserDatastore(db, user, role)
    security = Security(app, store)
    secrets: dict[str, str] = {}
    with app.app_context():
        db.create_all()
        for name in NAMES:
            if (person := store.find_user(email=_mail(name))) is None:
                person = store.create_user(email=_mail(name), password=PASSWORD)
                if name in _WITH_CODE:
                    secret = security.totp_factory.generate_totp_secret()
                    store.tf_set(person, "authenticator", totp_secret=secret)
            if name in _WITH_CODE:
                secrets[name] = person.tf_totp_secret
        store.commit()
    _add_pages(app, folder)
    return app, security, secrets


def _mail(name: str) -> str:
    return f"{name}@console.example"


def _add_pages(app: Flask, folder: Path) -> None:
    database = plain.connect(folder)

    @app.get("/page")
    @auth_required()
    def page() -> str:
        return render_template("page.html", title="Page", rows=database.execute(plain.LIST).fetchall())

    @app.get("/console")
    @app.get("/console/<name>", endpoint="person")
    @auth_required()
    def console(name: str = "") -> str:
        return render_template("console.html", title=name or "People", rows=database.execute(plain.LIST).fetchall())

    app.add_url_rule("/log-in", "login", lambda: "")


def start(folder: Path, options: Mapping[str, str]) -> tuple[Any, str]:
    """Make the app and no more; gives it and its first page."""
    return make_console(folder)[0].wsgi_app, "/login"


def make(folder: Path, options: Mapping[str, str]) -> Contender:
    """Make the contender; it takes no options. It takes a code as often as it is given, so no clock has to move."""
    app, security, secrets = make_console(folder)

    def password(name: str) -> tuple[Browser, Answer]:
        browser = Browser(app.wsgi_app)
        answer = browser.post("/login", email=_mail(name), password=PASSWORD)
        return browser, browser.follow(answer)

    def code(name: str) -> Browser:
        browser, page = password(name)
        right = security.totp_factory._totp.from_source(secrets[name]).generate().token
        browser.follow(browser.send("/tf-validate", page, code=right))
        return browser

    def refuse() -> None:
        browser, page = password(COMES_WITH_CODE)
        assert browser.send("/tf-validate", page, code="000000").status == 200

    bob, _ = password(SIGNED_IN)

    def set_up() -> None:
        page = bob.post("/tf-setup", setup="authenticator")
        assert b"data:image/svg" in page.body, page.body

    return Contender(
        app.wsgi_app,
        {
            **plain.pages(code(SIGNED_IN_WITH_CODE)),
            "log-in": partial(password, COMES),
            "log-in with a code": partial(code, COMES_WITH_CODE),
            "refused code": refuse,
            "set-up page": set_up,
        },
    )
