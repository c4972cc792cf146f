"""Staff and customers in two tables whose numbers overlap, under one user_loader."""

from flask import Flask, redirect, request
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user

from flask_twofactor import TwoFactor  # 2fa


class Person(UserMixin):
    def __init__(self, number, name):
        self.id, self.name = number, name

    def get_id(self):
        return f"{type(self).__name__}:{self.id}"

    def check_password(self, password):
        return password == f"{self.name}-password"


class Staff(Person):
    pass


class Customer(Person):
    pass


PEOPLE = {person.name: person for person in (Staff(1, "ann"), Customer(1, "ben"))}
BY_ID = {person.get_id(): person for person in PEOPLE.values()}


def make_app(folder):
    app = Flask(__name__, instance_path=str(folder))
    app.secret_key = "0123456789abcdef0123456789abcdef"
    manager = LoginManager(app)
    manager.login_view = "login"
    manager.user_loader(BY_ID.get)

    @app.route("/login", methods=["GET", "POST"])
    def login():
        person = PEOPLE.get(request.form.get("name", ""))
        if person is not None and person.check_password(request.form["password"]):
            login_user(person)
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
    two_factor.user_lookup(PEOPLE.get)  # 2fa
    two_factor.user_key(lambda person: person.get_id())  # 2fa
    return app
