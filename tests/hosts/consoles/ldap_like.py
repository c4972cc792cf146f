"""The password is known to a directory only; the view counts, writes a history and keeps what only the password opens."""

from flask import Flask, flash, get_flashed_messages, redirect, render_template_string, request, session
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user

from flask_twofactor import TwoFactor  # 2fa


class Directory:
    """Stands in for LDAP: bind or refuse."""

    def bind(self, name, password):
        return {"mail": "ann@example.org"} if (name, password) == ("uid=ann", "ann-password") else None


class User(UserMixin):
    def __init__(self, uid):
        self.id = uid


def make_app(folder):
    app = Flask(__name__, instance_path=str(folder))
    app.secret_key = "0123456789abcdef0123456789abcdef"
    manager = LoginManager(app)
    manager.login_view = "login"
    manager.user_loader(lambda uid: User(uid) if uid == "ann" else None)
    directory, history = Directory(), []

    @app.route("/login", methods=["GET", "POST"])
    def login():
        if request.method == "POST":
            entry = directory.bind(f"uid={request.form['uid']}", request.form["pass"])
            if entry and request.form["domain"] == "staff":
                login_user(User(request.form["uid"]), remember="stay" in request.form)
                session["mail"] = entry["mail"]
                history.append(request.form["uid"])
                return redirect(request.args.get("next") or "/")
            flash("The directory says no.")
        return render_template_string("<form method=post>{{ get_flashed_messages() }}</form>")

    @app.route("/logout")
    def logout():
        logout_user()
        return redirect("/login")

    @app.route("/")
    @login_required
    def home():
        return f"<h1>Hello, {current_user.id}</h1><p>{session['mail']}, {len(history)} times</p>"

    app.config["TWOFACTOR_SESSION_KEEP"] = ["mail"]  # 2fa
    TwoFactor(  # 2fa
        app,  # 2fa
        login_endpoint="login",  # 2fa
        identifier_field="uid",  # 2fa
        password_field="pass",  # 2fa
        remember_field="stay",  # 2fa
        extra_fields={"domain": "staff"},  # 2fa
    )  # 2fa
    return app
