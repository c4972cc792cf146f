"""A console on Bootstrap 5: its own copy of Bootstrap, a layout, and pages of ours in both."""

from __future__ import annotations

from importlib.resources import files

from flask import Flask, Response, render_template
from flask_login import login_required
from jinja2 import DictLoader

URL = "/bootstrap/bootstrap.min.css"
BARE = {"TWOFACTOR_TEMPLATE_SET": "bootstrap5", "TWOFACTOR_BOOTSTRAP_CSS": URL}
"""Settings of a console whose pages of ours stand alone."""
IN_LAYOUT = {"TWOFACTOR_TEMPLATE_SET": "bootstrap5", "TWOFACTOR_BASE_TEMPLATE": "console.html"}
"""Settings of a console with a layout."""
_LAYOUT = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{% block title %}Console{% endblock %} · Northlight</title>
  <link rel="stylesheet" href="/bootstrap/bootstrap.min.css">
</head>
<body>
  <header class="navbar bg-body-tertiary border-bottom mb-4"><nav class="container" aria-label="Console">
    <a class="navbar-brand" href="/profile">Northlight Console</a>
    <a class="link-body-emphasis" href="/profile">Profile</a>
  </nav></header>
  <main class="container pb-5">{% block content %}{% endblock %}</main>
</body>
</html>"""
_PROFILE = """{% extends "console.html" %}{% block content %}
<h1 class="h3">Profile</h1>{{ twofactor_panel() }}{% endblock %}"""


def stylesheet() -> str:
    """Give Bootstrap's own text."""
    file = files("flask_bootstrap") / "static" / "bootstrap5" / "css" / "bootstrap.min.css"
    return file.read_text(encoding="utf-8")


def put_on(app: Flask) -> None:
    """Have a console serve Bootstrap, give it a layout that is called ``console.html``, and its profile page that."""
    app.jinja_loader = DictLoader({"console.html": _LAYOUT, "profile.html": _PROFILE})
    app.add_url_rule(URL, "bootstrap", lambda: Response(stylesheet(), mimetype="text/css"))
    if "profile" in app.view_functions:
        app.view_functions["profile"] = login_required(lambda: render_template("profile.html"))
