"""The log-in is a view of Flask-Admin's, inside its index; get_id() changes with the password."""

import hashlib

from flask import Flask, redirect, request, url_for
from flask_admin import Admin, AdminIndexView, expose
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_sqlalchemy import SQLAlchemy
from werkzeug.security import check_password_hash, generate_password_hash

from flask_twofactor import TwoFactor  # 2fa

db = SQLAlchemy()


class User(UserMixin, db.Model):
    id = db.Column(db.Integer, primary_key=True)
    login = db.Column(db.String(80), unique=True)
    password = db.Column(db.String(256))

    def get_id(self):
        return f"{self.id}-{hashlib.sha256(self.password.encode()).hexdigest()[:16]}"


def load(user_id):
    user = db.session.get(User, int(user_id.partition("-")[0]))
    return user if user is not None and user.get_id() == user_id else None


class Index(AdminIndexView):
    @expose("/")
    def index(self):
        if not current_user.is_authenticated:
            return redirect(url_for(".login_view"))
        return f"<h1>Hello, {current_user.login}</h1>"

    @expose("/login/", methods=("GET", "POST"))
    def login_view(self):
        if request.method == "POST":
            user = db.session.scalar(db.select(User).filter_by(login=request.form["login"]))
            if user and check_password_hash(user.password, request.form["password"]):
                login_user(user)
                return redirect(url_for(".index"))
        return "<form method=post><input name=login><input name=password type=password></form>"

    @expose("/logout/")
    def logout_view(self):
        logout_user()
        return redirect(url_for(".index"))


def make_app(folder):
    app = Flask(__name__, instance_path=str(folder))
    app.secret_key = "0123456789abcdef0123456789abcdef"
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{folder / 'console.sqlite'}"
    db.init_app(app)
    manager = LoginManager(app)
    manager.user_loader(load)
    Admin(app, "Console", index_view=Index())
    with app.app_context():
        db.create_all()
        db.session.add(User(login="ann", password=generate_password_hash("ann-password")))
        db.session.commit()
    two_factor = TwoFactor(app, login_endpoint="admin.login_view")  # 2fa
    two_factor.user_lookup(lambda name: db.session.scalar(db.select(User).filter_by(login=name)))  # 2fa
    nobody = generate_password_hash("nobody")  # 2fa
    two_factor.password_check(lambda u, p: check_password_hash(u.password if u else nobody, p) and u is not None)  # 2fa
    two_factor.after_login_url(lambda _: url_for("admin.index"))  # 2fa
    return app
