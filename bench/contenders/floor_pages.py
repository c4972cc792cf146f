"""The floor once more, as the journey is: the user ID first, then password and code on a page of their own.

Forms are Flask-WTF's, as consoles have them, and their fields are rendered by themselves. What is checked, and how
little of it, is the floor's: it tells names apart, and has no limits by source or name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pyotp
from flask import Flask, redirect, render_template, session, url_for
from flask_wtf import FlaskForm
from jinja2 import DictLoader
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired

from bench.browser import Answer, Browser
from bench.clock import COMES, COMES_WITH_CODE, PASSWORD, Clock
from bench.contender import Contender
from bench.contenders import floor, plain

_PAGE = (
    "<!doctype html><title>Log in</title>{% if error %}<p role=alert>{{ error }}</p>{% endif %}<form method=post>"
    "{{ form.hidden_tag() }}{% for field in fields %}<p>{{ field.label }} {{ field() }}</p>{% endfor %}</form>"
)


class IdentifyForm(FlaskForm):
    """The first page."""

    identifier = StringField("User ID", [InputRequired()])


class CredentialForm(FlaskForm):
    """The second page; the code is asked for where the account has the factor."""

    password = PasswordField("Password")
    code = StringField("Code")


def make_console(folder: Path, clock: Callable[[], float]) -> tuple[Flask, floor.Accounts]:
    """Make the console."""
    app, accounts = plain.make_app(folder), floor.Accounts(folder)
    app.jinja_loader = DictLoader({**plain.TEMPLATES, "form.html": _PAGE})
    plain.add_pages(app, accounts.database, partial(floor.find, accounts))
    app.add_url_rule("/login", "login", _identify, methods=["GET", "POST"])
    app.add_url_rule("/password", "password", partial(_credential, accounts, clock), methods=["GET", "POST"])
    return app, accounts


def _identify() -> Any:
    form = IdentifyForm()
    if form.validate_on_submit():
        session["name"] = form.identifier.data
        return redirect(url_for("password"))
    return render_template("form.html", form=form, fields=[form.identifier])


def _credential(accounts: floor.Accounts, clock: Callable[[], float]) -> Any:
    form, name = CredentialForm(), session.get("name", "")
    error = None
    if form.validate_on_submit():
        if floor.enter(accounts, clock, name, form.password.data or "", form.code.data or ""):
            return redirect("/page")
        error = "That was not right."
    row = accounts.row(name)
    asked = row is not None and row[3] is not None
    return render_template("form.html", form=form, fields=[form.password, form.code][: 1 + asked], error=error)


def _submit(app: Flask, name: str, code: str = "") -> tuple[Browser, Answer]:
    browser = Browser(app.wsgi_app)
    page = browser.follow(browser.post("/login", identifier=name))
    return browser, browser.send("/password", page, password=PASSWORD, **({"code": code} if code else {}))


def _log_in(app: Flask, name: str, secret: str = "", clock: Callable[[], float] = float) -> None:
    browser, answer = _submit(app, name, pyotp.TOTP(secret).at(int(clock())) if secret else "")
    browser.follow(answer)


def _refuse(app: Flask) -> None:
    assert b"role=alert" in _submit(app, COMES_WITH_CODE, "000000")[1].body


def make(folder: Path, options: Mapping[str, str]) -> Contender:
    """Make the contender; it takes no options."""
    clock, secret = Clock(), pyotp.random_base32()
    app, accounts = make_console(folder, clock)
    accounts.enroll(COMES_WITH_CODE, secret)
    return Contender(
        app.wsgi_app,
        {
            "log-in": partial(_log_in, app, COMES),
            "log-in with a code": partial(_log_in, app, COMES_WITH_CODE, secret, clock),
            "refused code": partial(_refuse, app),
        },
        {"log-in with a code": clock.next_step, "refused code": partial(accounts.forgive, COMES_WITH_CODE)},
    )
