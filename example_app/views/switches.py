"""Keeps what a person chose of language and appearance."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, request, url_for

from .. import preferences

blueprint = Blueprint("switches", __name__)
_YEAR = 365 * 86400


@blueprint.post("/preferences")
def save() -> Response:
    """Keep both choices, and lead back to the page that was on."""
    target = request.form.get("next", "")
    is_ours = target.startswith("/") and not target.startswith(("//", "/\\"))
    response = make_response(redirect(target if is_ours else url_for("console.home")))
    _keep(response, preferences.LANGUAGE_COOKIE, request.form.get("language", ""), preferences.LANGUAGES)
    _keep(response, preferences.THEME_COOKIE, request.form.get("theme", ""), preferences.THEMES)
    return response


def _keep(response: Response, cookie: str, choice: str, choices: dict[str, str]) -> None:
    if choice in choices:
        response.set_cookie(cookie, choice, max_age=_YEAR, httponly=True, samesite="Lax")
    else:
        response.delete_cookie(cookie, httponly=True, samesite="Lax")
