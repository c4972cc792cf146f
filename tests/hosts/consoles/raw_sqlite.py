"""A program in one file: users in raw sqlite3, forms by hand, no protection against CSRF, next in `url`."""

import os
import sqlite3

from flask import Flask, g, redirect, request
from flask_login import LoginManager, current_user, login_required, login_user, logout_user
from werkzeug.security import check_password_hash, generate_password_hash

from flask_twofactor import TwoFactor  # 2fa

FOLDER = os.environ["CONSOLE_FOLDER"]
app = Flask(__name__, instance_path=FOLDER)
app.secret_key = "0123456789abcdef0123456789abcdef"
manager = LoginManager(app)
manager.login_view = "login"


class Account:
    is_authenticated = is_active = True
    is_anonymous = False

    def __init__(self, row):
        self.number, self.name, self.hash = row

    def get_id(self):
        return str(self.number)


def db():
    if "db" not in g:
        g.db = sqlite3.connect(os.path.join(FOLDER, "console.db"))
    return g.db


@app.teardown_appcontext
def close(error):
    if "db" in g:
        g.pop("db").close()


def find(where, value):
    row = db().execute(f"SELECT number, name, hash FROM accounts WHERE {where} = ?", (value,)).fetchone()
    return Account(row) if row else None


@manager.user_loader
def load(number):
    return find("number", number)


NOBODY = generate_password_hash("nobody")


@app.route("/login", methods=["GET", "POST"])
def login():
    if request.method == "POST":
        account = find("name", request.form["username"])
        if account and check_password_hash(account.hash, request.form["password"]):
            login_user(account)
            return redirect(request.args.get("url") or "/")
        return "wrong", 401
    return "<form method=post><input name=username><input name=password type=password></form>"


@app.route("/logout")
def logout():
    logout_user()
    return redirect("/login")


@app.route("/")
@login_required
def home():
    return f"<h1>Hello, {current_user.name}</h1>"


two_factor = TwoFactor(app, login_endpoint="login", next_param="url")  # 2fa
two_factor.user_lookup(lambda name: find("name", name))  # 2fa
two_factor.user_key(lambda account: str(account.number))  # 2fa
two_factor.password_check(lambda a, p: check_password_hash(a.hash if a else NOBODY, p) and a is not None)  # 2fa


def make_app(folder):
    with sqlite3.connect(os.path.join(FOLDER, "console.db")) as connection:
        connection.execute("CREATE TABLE accounts (number INTEGER PRIMARY KEY, name TEXT, hash TEXT)")
        connection.execute(
            "INSERT INTO accounts (name, hash) VALUES (?, ?)", ("ann", generate_password_hash("ann-password"))
        )
    connection.close()
    return app
