"""Under /tools/console behind a proxy that says so in X-Forwarded-Prefix; cookies are bound to that path."""

from flask import Flask, redirect, request, url_for
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_twofactor import TwoFactor  # 2fa


class User(UserMixin):
    id = "ann"

    def check_password(self, password):
        return password == "ann-password"


def make_app(folder):
    app = Flask(__name__, instance_path=str(folder))
    app.secret_key = "0123456789abcdef0123456789abcdef"
    app.config["SESSION_COOKIE_PATH"] = "/tools/console"
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_prefix=1)
    manager = LoginManager(app)
    manager.login_view = "login"
    manager.user_loader(lambda name: User() if name == "ann" else None)

    @app.route("/login", methods=["GET", "POST"])
    def login():
        if request.method == "POST" and request.form["name"] == "ann":
            if User().check_password(request.form["password"]):
                login_user(User())
                return redirect(url_for("home"))
        return "<form method=post><input name=name><input name=password type=password></form>"

    @app.route("/logout")
    def logout():
        logout_user()
        return redirect(url_for("login"))

    @app.route("/")
    @login_required
    def home():
        return f"<h1>Hello, {current_user.id}</h1>"

    TwoFactor(app, login_endpoint="login")  # 2fa
    return app
