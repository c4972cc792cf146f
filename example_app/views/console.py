"""The pages of the console; all of them ask for a logged-in person."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required

from .. import chart, fleet, users
from ..forms import NameForm

blueprint = Blueprint("console", __name__)
blueprint.before_request(login_required(lambda: None))


@blueprint.get("/")
def home() -> ResponseReturnValue:
    """Lead to the dashboard."""
    return redirect(url_for("console.dashboard"))


@blueprint.get("/dashboard")
def dashboard() -> str:
    """Show the state of the fleet at a glance."""
    return render_template(
        "dashboard.html",
        figures=fleet.FIGURES,
        traffic=chart.line(fleet.TRAFFIC),
        troubled=[service for service in fleet.SERVICES if service.status in ("degraded", "down")],
        activity=fleet.ACTIVITY,
        regions=fleet.REGIONS,
    )


@blueprint.get("/services")
def services() -> str:
    """List the services, those that match ``?q=`` where it is given."""
    query = request.args.get("q", "").strip()[:80]
    found = fleet.search(query)
    return render_template("services.html", query=query, services=found, total=len(fleet.SERVICES))


@blueprint.get("/services/<service_id>")
def service(service_id: str) -> str:
    """Show one service."""
    found = fleet.by_id(service_id) or abort(404)
    return render_template(
        "service.html",
        service=found,
        latency=chart.line(fleet.latency(found)),
        deployments=fleet.deployments(found),
    )


@blueprint.route("/profile", methods=["GET", "POST"])
def profile() -> ResponseReturnValue:
    """Show the person's account and settings, and change the display name."""
    form = NameForm(name=current_user.name)
    if form.validate_on_submit():
        users.rename(current_user.id, str(form.name.data))
        flash("Display name saved.")
        return redirect(url_for("console.profile"))
    return render_template("profile.html", form=form)
