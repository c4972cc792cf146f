"""A guard in before_request lets strangers see a list of endpoints only."""

from flask import Flask, redirect, request, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from flask_twofactor import TwoFactor  # 2fa

OPEN = {"login", "static"}
OPEN |= {f"twofactor.{page}" for page in ("identify", "credential", "challenge", "static")}  # 2fa


class User(UserMixin):
    id = "ann"

    def check_password(self, password):
        return password == "ann-password"


def make_app(folder):
    app = Flask(__name__, instance_path=str(folder))
    app.secret_key = "0123456789abcdef0123456789abcdef"
    manager = LoginManager(app)
    manager.user_loader(lambda name: User() if name == "ann" else None)

    @app.before_request
    def guard():
        if request.endpoint not in OPEN and not current_user.is_authenticated:
            return redirect(url_for("login"))
        return None

    @app.route("/login", methods=["GET", "POST"])
    def login():
        if request.method == "POST" and request.form["name"] == "ann":
            if User().check_password(request.form["password"]):
                login_user(User())
                return redirect("/")
        return "<form method=post><input name=name><input name=password type=password></form>"

    @app.route("/logout")
    def logout():
        logout_user()
        return redirect("/login")

    @app.route("/")
    def home():
        return f"<h1>Hello, {current_user.id}</h1>"

    TwoFactor(app, login_endpoint="login")  # 2fa
    return app
