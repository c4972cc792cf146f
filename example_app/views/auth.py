"""Log out, and the log-in page that the console had before the extension."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_user, logout_user

from .. import users
from ..forms import LegacyLoginForm

blueprint = Blueprint("auth", __name__)


@blueprint.route("/legacy-login", methods=["GET", "POST"])
def legacy_login() -> ResponseReturnValue:
    """Log in by user and password alone, as the console did before.

    Left in place to show the gate: it knows nothing of the second factor and only calls ``login_user``, yet a
    person whose account has the factor is still asked for the code before any page of the console opens.
    """
    form = LegacyLoginForm()
    wrong = False
    if form.validate_on_submit():
        user = users.by_email(str(form.email.data).lower())
        if users.check_password(user, str(form.password.data)) and login_user(user):
            return redirect(url_for("console.dashboard"))
        wrong = True
    return render_template("legacy_login.html", form=form, wrong=wrong)


@blueprint.post("/logout")
def logout() -> ResponseReturnValue:
    """End the session; the start page leads to the log-in."""
    logout_user()
    return redirect(url_for("console.home"))
