"""The view of recent activity: what became of one's own account."""

from __future__ import annotations

from typing import Any

from flask import url_for

from ..core.texts import marked
from ..flows import activity
from .current import Presence, current_state
from .manage import entered, settings_url
from .pages import render


def activity_view() -> Any:
    """Show what happened lately to the account that is signed in, and to no other (LIF-03)."""
    person = entered()
    if not isinstance(person, Presence):
        return person
    state = current_state()
    return render(
        "activity",
        lines=activity.recent(state, person.subject),
        sessions_url=url_for("twofactor.sessions"),
        settings_url=settings_url(state),
        title=marked("Recent activity"),
    )
