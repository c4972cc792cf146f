"""Sessions and trusted browsers as their owner sees them: when, from where, and which browser."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import NamedTuple

from ..core.agents import family
from ..core.records import Mark
from ..flows import manage, trusted
from ..state import State
from . import session as browser
from .current import Presence


class Seen(NamedTuple):
    """A session or a trusted browser; ``present`` says that it is this one, ``id`` is "" of a session."""

    id: str
    browser: str
    place: str
    began: datetime
    last: datetime
    present: bool


def live_sessions(state: State, person: Presence) -> list[Seen]:
    """Give the live sessions of a person's account, this one first."""
    digest = person.proof.digest if isinstance(person.proof, Mark) else ""
    return [
        Seen("", family(one.agent, state.language(None)), one.source, utc(one.began_at), utc(one.seen_at), one.present)
        for one in manage.sessions(state, person.subject, digest)
    ]


def trusted_browsers(state: State, person: Presence) -> list[Seen]:
    """Give the trusted browsers of a person's account, the one that was used last first."""
    held = {token.browser for token in browser.trust(state)}
    return [
        Seen(
            one.id,
            family(one.agent, state.language(None)),
            one.source,
            utc(one.created_at),
            utc(one.used_at),
            one.id in held,
        )
        for one in trusted.listing(state, person.subject)
    ]


def utc(at: int) -> datetime:
    """Give Unix seconds as an aware time."""
    return datetime.fromtimestamp(at, timezone.utc)
