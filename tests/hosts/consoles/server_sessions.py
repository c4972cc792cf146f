"""Flask-Session: the session lies in a database, the browser has an id only."""

from flask import Flask, redirect, request
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from flask_session import Session
from flask_sqlalchemy import SQLAlchemy

from flask_twofactor import TwoFactor  # 2fa


class User(UserMixin):
    id = "ann"

    def verify_password(self, password):
        return password == "ann-password"


def make_app(folder):
    app = Flask(__name__, instance_path=str(folder))
    app.secret_key = "0123456789abcdef0123456789abcdef"
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{folder / 'console.sqlite'}"
    app.config.update(SESSION_TYPE="sqlalchemy", SESSION_SQLALCHEMY=SQLAlchemy(app), SESSION_PERMANENT=False)
    Session(app)
    manager = LoginManager(app)
    manager.login_view = "login"
    manager.user_loader(lambda name: User() if name == "ann" else None)

    @app.route("/login", methods=["GET", "POST"])
    def login():
        if request.method == "POST":
            if request.form["name"] == "ann" and User().verify_password(request.form["password"]):
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

    TwoFactor(app, login_endpoint="login")  # 2fa
    return app
