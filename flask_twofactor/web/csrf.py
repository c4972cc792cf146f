"""CSRF tokens that need no session, for consoles that clear the sessions of anonymous visitors (``TWOFACTOR_STEP``).

A double submit: the token is sealed under our key for the browser's cookie and for the mark of whoever is logged in,
so that neither a planted cookie nor somebody else's token helps (OWASP CSRF Prevention, signed double-submit cookie).
"""

from __future__ import annotations

import struct
from typing import Any

from flask import current_app
from wtforms import ValidationError
from wtforms.csrf.core import CSRF

from ..core.keyring import CSRF as PURPOSE
from ..state import State
from . import session as browser
from .current import current_state


class CookieCSRF(CSRF):
    """What Flask-WTF's own does, on a cookie in the place of the session."""

    def generate_csrf_token(self, csrf_token_field: Any) -> str:
        """Give a token for this browser."""
        return make_token(current_state())

    def validate_csrf_token(self, form: Any, field: Any) -> None:
        """Raise where the posted token is missing, too old or of another browser."""
        if not is_valid(current_state(), field.data):
            raise ValidationError("The CSRF token is missing, wrong or too old.")


def make_token(state: State) -> str:
    """Seal the time for this browser; it gets its cookie with the response."""
    return state.keyring.seal(PURPOSE, struct.pack(">Q", state.now), browser.csrf_cookie(), browser.mark_digest())


def is_valid(state: State, token: str | None) -> bool:
    """Tell whether a token was made for this browser, and not too long ago."""
    plain = state.keyring.open(PURPOSE, token, browser.csrf_cookie(), browser.mark_digest())
    if plain is None:
        return False
    age = state.now - struct.unpack(">Q", plain)[0]
    limit = current_app.config.get("WTF_CSRF_TIME_LIMIT", 3600)
    return age >= 0 and (limit is None or age <= int(limit))
