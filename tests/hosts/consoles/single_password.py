"""One password in a settings file, no user table, no user name."""

import hmac
import json

from flask import Flask, redirect, request
from flask_login import LoginManager, UserMixin, login_required, login_user, logout_user

from flask_twofactor import TwoFactor  # 2fa


class Owner(UserMixin):
    id = "owner"


def make_app(folder):
    (folder / "settings.json").write_text(json.dumps({"password": "only-password"}))
    app = Flask(__name__, instance_path=str(folder))
    app.secret_key = "0123456789abcdef0123456789abcdef"
    manager = LoginManager(app)
    manager.login_view = "unlock"
    owner = Owner()
    manager.user_loader(lambda user_id: owner if user_id == "owner" else None)

    def is_right(password):
        kept = json.loads((folder / "settings.json").read_text())["password"]
        return hmac.compare_digest(kept.encode(), password.encode())

    @app.route("/unlock", methods=["GET", "POST"])
    def unlock():
        if request.method == "POST" and is_right(request.form["secret"]):
            login_user(owner, remember=True)
            return redirect("/")
        return "<form method=post><input name=secret type=password></form>"

    @app.route("/lock")
    def lock():
        logout_user()
        return redirect("/unlock")

    @app.route("/")
    @login_required
    def home():
        return "<h1>Hello, owner</h1>"

    two_factor = TwoFactor(app, login_endpoint="unlock", identifier_field=None)  # 2fa
    two_factor.user_lookup(lambda _: owner)  # 2fa
    two_factor.password_check(lambda _, password: is_right(password))  # 2fa
    two_factor.account_name(lambda _: "owner")  # 2fa
    return app
