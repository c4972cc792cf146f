"""The console that the guides speak of: its users, its log-in view, and what else their blocks take for given."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, g, request
from flask_login import LoginManager, UserMixin, current_user, login_required
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import FlaskForm
from jinja2 import DictLoader
from werkzeug.security import check_password_hash, generate_password_hash
from wtforms import IntegerField

from flask_twofactor import TwoFactor
from tests.support.host import SECRET_KEY

OTP_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


class TransferForm(FlaskForm):
    """A form of the console's own."""

    amount = IntegerField()


class Mailer:
    """Takes mails, by either way that the guides call it."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, to: str, subject: str, body: str) -> None:
        self.sent.append(f"{to}: {subject}: {body}")


def make_console(folder: Path) -> dict[str, Any]:
    """Make the console, without the extension attached; gives the names that blocks use."""
    app = Flask("console", instance_path=str(folder))
    app.jinja_loader = DictLoader({"layout.html": "{% block content %}{% endblock %}"})
    users = f"sqlite:///{folder / 'users.sqlite'}"
    app.config.update(SECRET_KEY=SECRET_KEY, TESTING=True, SQLALCHEMY_DATABASE_URI=users)
    db = SQLAlchemy(app)
    user_class = _make_users(db)
    LoginManager(app).user_loader(lambda key: db.session.get(user_class, int(key)))
    auth = Blueprint("auth", __name__)
    auth.add_url_rule("/log-in", "login", lambda: "the console's own log-in", methods=["GET", "POST"])
    app.register_blueprint(auth)
    with app.app_context():
        db.create_all()
        db.session.add(user_class(email="ann@example.org", name="Ann"))
        db.session.add(user_class(email="bea@example.org", name="Bea", otp_enabled=True, otp_secret=OTP_SECRET))
        db.session.commit()
    mail = Mailer()
    return {
        "HASH_OF_NOBODY": generate_password_hash("nobody"),
        "TransferForm": TransferForm,
        "User": user_class,
        "app": app,
        "check_password_hash": check_password_hash,
        "current_user": current_user,
        "db": db,
        "g": g,
        "find": lambda name: db.session.scalar(db.select(user_class).filter_by(name=name)),
        "json": json,
        "logging": logging,
        "login_required": login_required,
        "mail": mail,
        "os": os,
        "pytest": pytest,
        "request": request,
        "send_mail": mail.send,
        "two_factor": TwoFactor(),
    }


def _make_users(db: SQLAlchemy) -> Any:
    class User(UserMixin, db.Model):  # type: ignore[name-defined]
        id = db.Column(db.Integer, primary_key=True)
        email = db.Column(db.String, unique=True)
        name = db.Column(db.String)
        hash = db.Column(db.String)
        is_admin = db.Column(db.Boolean, default=False)
        otp_enabled = db.Column(db.Boolean, default=False)
        otp_secret = db.Column(db.String)

        def check_password(self, password: str) -> bool:
            return check_password_hash(self.hash, password)

    return User
