"""The pages for what went wrong."""

from __future__ import annotations

from flask import Flask, render_template
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import NotFound


def _not_found(error: NotFound) -> ResponseReturnValue:
    text = "The page may have moved, or the service was retired."
    return render_template("error.html", heading="Page not found", text=text), 404


def _csrf(error: CSRFError) -> ResponseReturnValue:
    text = "It was open for too long, or came from another site. Go back, reload the page and try again."
    return render_template("error.html", heading="This form is no longer valid", text=text), 400


def register(app: Flask) -> None:
    """Attach the pages to the app."""
    app.register_error_handler(NotFound, _not_found)
    app.register_error_handler(CSRFError, _csrf)
