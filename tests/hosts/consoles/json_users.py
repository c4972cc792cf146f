"""Users in a JSON file, a page of script, and a log-in in JSON."""

import json

from flask import Flask, jsonify, request
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from werkzeug.security import check_password_hash, generate_password_hash

from flask_twofactor import TwoFactor  # 2fa

PAGE = """<!doctype html><title>Console</title><h1></h1>
<label>Name <input id=name></label> <label>Pass phrase <input id=password type=password></label>
<label>Code <input id=code></label> <button>Enter</button>
<script>
document.querySelector("button").onclick = async () => {
  const value = id => document.getElementById(id).value;
  const answer = await fetch("/api/login", {method: "POST", headers: {"Content-Type": "application/json"},
    body: JSON.stringify({name: value("name"), password: value("password"), code: value("code")})});
  document.querySelector("h1").textContent = answer.ok ? "Hello, " + (await answer.json()).name : "Refused";
};
</script>"""


class User(UserMixin):
    def __init__(self, name, entry):
        self.id, self.hash = name, entry["hash"]


def make_app(folder):
    (folder / "users.json").write_text(json.dumps({"ann": {"hash": generate_password_hash("ann-password")}}))
    app = Flask(__name__, instance_path=str(folder))
    app.secret_key = "0123456789abcdef0123456789abcdef"
    manager = LoginManager(app)

    @manager.user_loader
    def load(name):
        entry = json.loads((folder / "users.json").read_text()).get(name)
        return User(name, entry) if entry else None

    @manager.unauthorized_handler
    def unauthorized():
        return jsonify(error="log in"), 401

    @app.route("/sign-in")
    def sign_in():
        return PAGE

    @app.route("/api/login", methods=["POST"])
    def login():
        given = request.get_json()
        user = load(given["name"])
        if user is None or not check_password_hash(user.hash, given["password"]):
            return jsonify(error="no"), 401
        if two_factor.is_enabled(user) and not two_factor.verify(user, given["code"]):  # 2fa
            return jsonify(error="no"), 401  # 2fa
        login_user(user)
        return jsonify(name=user.id)

    @app.route("/logout")
    def logout():
        logout_user()
        return "bye"

    @app.route("/")
    @login_required
    def home():
        return f"<h1>Hello, {current_user.id}</h1>"

    two_factor = TwoFactor(app)  # 2fa
    nobody = generate_password_hash("nobody")  # 2fa
    two_factor.password_check(lambda u, p: check_password_hash(u.hash if u else nobody, p) and u is not None)  # 2fa
    return app
