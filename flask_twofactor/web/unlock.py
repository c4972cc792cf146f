"""The view of the unlock link: it makes a browser a known one, proves nothing and skips nothing (rule 5 of 3.5)."""

from __future__ import annotations

import struct
from typing import Any

from flask import redirect, request, url_for

from ..core.keyring import UNLOCK
from ..core.texts import marked
from ..errors import BadRequest
from ..flows.login import subject_digest
from ..state import State
from . import session as browser
from .current import current_state
from .forms import submitted
from .pages import render


def unlock_path(state: State, subject: str, seconds: int) -> str:
    """Give the path of the page, good for so many seconds."""
    plain = struct.pack(">Q16s", state.now + seconds, subject_digest(state, subject))
    return url_for("twofactor.unlock", token=state.keyring.seal(UNLOCK, plain))


def unlock() -> Any:
    """Show a button, and make the browser a known one where it is pressed: a mail scanner only looks."""
    state = current_state()
    token = request.args.get("token", "")
    plain = state.keyring.open(UNLOCK, token)
    expires_at, account = struct.unpack(">Q16s", plain) if plain is not None else (0, b"")
    if state.now > expires_at:
        raise BadRequest("an unlock link that is no longer good")
    form = state.forms["unlock"]()
    if not submitted(form):
        return render(
            "unlock", form=form, action=url_for("twofactor.unlock", token=token), title=marked("Use this browser")
        )
    browser.keep_known_account(state, account)
    return redirect(url_for("twofactor.identify"))
