"""A guard in before_request lets strangers see what begins with /login only; and everything has a page: /<path:any>."""

from flask import Flask, redirect, request
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from flask_twofactor import TwoFactor  # 2fa


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
        if not request.path.startswith("/login") and not current_user.is_authenticated:
            return redirect("/login")
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

    @app.route("/", defaults={"any": ""})
    @app.route("/<path:any>")
    def page(any):
        return f"<h1>Hello, {current_user.id}</h1><p>/{any}</p>"

    app.config["TWOFACTOR_URL_PREFIX"] = "/login/two-factor"  # 2fa
    TwoFactor(app, login_endpoint="login")  # 2fa
    return app
