"""Activity: what became of an account lately, in words for its owner.

A session may be a thief's, who must not learn from here which password was right (LOG-05). So no line says why a
log-in was refused. A wrong code is named where the page that took it comes after a right password anyway.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone

from ..core.agents import family
from ..core.records import Event
from ..core.texts import Language, marked
from ..signals import (
    authenticator_added,
    authenticator_removed,
    code_accepted,
    code_rejected,
    factor_disabled,
    factor_enabled,
    factor_reset,
    logged_in,
    recovery_code_used,
    recovery_renewed,
    rescue_issued,
    rescue_used,
    sessions_ended,
    throttled,
    trusted_browser_added,
    trusted_browser_forgotten,
)
from ..state import State
from .requirement import NOT_REQUIRED, REQUIRED

LIMIT = 50
"""Events that are looked at."""
LOGGED_IN = logged_in.name
LOGINS = {
    "password": marked("Login without a code"),
    "code": marked("Login with password and code"),
    "recovery": marked("Login with a recovery code"),
    "rescue": marked("Login with a rescue code"),
    "trusted": marked("Login with a trusted browser"),
}
_WORDS = {
    "twofactor-log-in-refused": marked("A login was refused"),
    throttled.name: marked("Somebody had to wait after too many attempts"),
    code_rejected.name: marked("A wrong code was given"),
    code_accepted.name: marked("A code was given to confirm"),
    "twofactor-password-confirmed": marked("The password was given again"),
    "twofactor-password-refused": marked("A wrong password was given where it was asked again"),
    "twofactor-set-up-refused": marked("A wrong code was given in the set-up"),
    factor_enabled.name: marked("Two-factor authentication was turned on"),
    factor_disabled.name: marked("Two-factor authentication was turned off"),
    factor_reset.name: marked("Two-factor authentication was reset by an administrator"),
    recovery_code_used.name: marked("A recovery code was used"),
    recovery_renewed.name: marked("New recovery codes were made"),
    rescue_issued.name: marked("An administrator made a rescue code"),
    rescue_used.name: marked("A rescue code was used"),
    trusted_browser_added.name: marked("A browser was trusted"),
    trusted_browser_forgotten.name: marked("A browser is no longer trusted"),
    authenticator_added.name: marked("An authenticator was added"),
    authenticator_removed.name: marked("An authenticator was removed"),
    REQUIRED: marked("Two-factor authentication was made mandatory by an administrator"),
    NOT_REQUIRED: marked("Two-factor authentication is no longer made mandatory by an administrator"),
    sessions_ended.name: marked("Logged out everywhere else"),
}
"""Every kind that is shown; a clock that jumped, say, is told of after a right password only, and is not."""
KINDS = tuple(_WORDS)
"""Those beside `LOGGED_IN`, which says by what."""


@dataclass(frozen=True)
class Line:
    """What has happened, when, from which network ("" where no browser did it), and with which browser."""

    what: str
    when: datetime
    source: str
    browser: str


def recent(state: State, subject: str) -> list[Line]:
    """Give what happened to an account lately, the newest first, in the language of the request."""
    return in_words(state.store.events(subject, LIMIT), state.language(None))


def in_words(events: Iterable[Event], language: Language) -> list[Line]:
    """Give events as their owner reads them, without those that are not shown."""
    shown = [(event, _words(event)) for event in events]
    return [
        Line(
            language.gettext(words),
            datetime.fromtimestamp(event.at, timezone.utc),
            event.source,
            family(event.agent, language),
        )
        for event, words in shown
        if words
    ]


def _words(event: Event) -> str:
    return LOGINS[event.details["by"]] if event.kind == LOGGED_IN else _WORDS.get(event.kind, "")
