"""SeaSurf asks every form for a token of its own."""

from flask import Flask, redirect, render_template_string, request
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from flask_seasurf import SeaSurf

from flask_twofactor import TwoFactor  # 2fa


class User(UserMixin):
    id = "ann"

    def check_password(self, password):
        return password == "ann-password"


def make_app(folder):
    app = Flask(__name__, instance_path=str(folder))
    app.secret_key = "0123456789abcdef0123456789abcdef"
    surf = SeaSurf(app)
    manager = LoginManager(app)
    manager.login_view = "login"
    manager.user_loader(lambda name: User() if name == "ann" else None)

    @app.route("/login", methods=["GET", "POST"])
    def login():
        if request.method == "POST" and request.form["name"] == "ann":
            if User().check_password(request.form["password"]):
                login_user(User())
                return redirect("/")
        return render_template_string("<form method=post><input name=_csrf_token value='{{ csrf_token() }}'></form>")

    @app.route("/logout")
    def logout():
        logout_user()
        return redirect("/login")

    @app.route("/")
    @login_required
    def home():
        return f"<h1>Hello, {current_user.id}</h1>"

    TwoFactor(app, login_endpoint="login", csrf=(app.jinja_env.globals["csrf_token"], "_csrf_token"))  # 2fa
    return app
