"""get_id() is a token that is made anew at every log-in."""

import secrets

from flask import Flask, redirect, request
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user

from flask_twofactor import TwoFactor  # 2fa


class User(UserMixin):
    def __init__(self, uid, name):
        self.uid, self.name, self.token = uid, name, "None"

    def get_id(self):
        return self.token

    def check_password(self, password):
        return password == "ann-password"


def make_app(folder):
    app = Flask(__name__, instance_path=str(folder))
    app.secret_key = "0123456789abcdef0123456789abcdef"
    manager = LoginManager(app)
    manager.login_view = "login"
    ann = User(7, "ann")
    manager.user_loader(lambda token: ann if token == ann.token else None)

    def enter(user, remember=False):
        user.token = secrets.token_hex(8)
        return login_user(user, remember=remember)

    @app.route("/login", methods=["GET", "POST"])
    def login():
        if request.method == "POST" and request.form["name"] == "ann":
            if ann.check_password(request.form["password"]):
                enter(ann)
                return redirect("/")
        return "<form method=post><input name=name><input name=password type=password></form>"

    @app.route("/logout")
    def logout():
        logout_user()
        return redirect("/login")

    @app.route("/")
    @login_required
    def home():
        return f"<h1>Hello, {current_user.name}</h1>"

    two_factor = TwoFactor(app, login_endpoint="login")  # 2fa
    two_factor.user_lookup(lambda name: ann if name == "ann" else None)  # 2fa
    two_factor.user_key(lambda user: str(user.uid))  # 2fa
    two_factor.complete(lambda user, password, remember: enter(user, remember))  # 2fa
    return app
