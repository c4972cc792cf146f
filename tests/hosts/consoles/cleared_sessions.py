"""Whoever is not logged in has no session: it is emptied at every request."""

from flask import Flask, redirect, request, session
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user

from flask_twofactor import TwoFactor  # 2fa


class User(UserMixin):
    id = "ann"

    def check_password(self, password):
        return password == "ann-password"


def make_app(folder):
    app = Flask(__name__, instance_path=str(folder))
    app.secret_key = "0123456789abcdef0123456789abcdef"
    manager = LoginManager(app)
    manager.login_view = "login"
    manager.user_loader(lambda name: User() if name == "ann" else None)

    @app.before_request
    def forget_strangers():
        if not current_user.is_authenticated:
            session.clear()

    @app.after_request
    def forget_strangers_again(response):
        if not current_user.is_authenticated:
            session.clear()
        return response

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
    @login_required
    def home():
        return f"<h1>Hello, {current_user.id}</h1>"

    app.config["TWOFACTOR_STEP"] = "form"  # 2fa
    TwoFactor(app, login_endpoint="login")  # 2fa
    return app
