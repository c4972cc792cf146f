"""Notices: tell the owner of an account, outside the session, what became of it (ENR-12, LIF-06)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ..core.agents import family
from ..core.records import Brand, Notice, Origin
from ..core.texts import Language, marked
from ..errors import HookFailed
from ..state import State, logger

ENABLED = "enabled"
DISABLED = "disabled"
RESET = "reset"
RECOVERY_USED = "recovery-used"
RENEWED = "recovery-renewed"
NEW_BROWSER = "new-browser"
TRUSTED_ADDED = "trusted-browser-added"
AUTHENTICATOR_ADDED = "authenticator-added"
AUTHENTICATOR_REMOVED = "authenticator-removed"
RESCUE_ISSUED = "rescue-issued"
RESCUE_USED = "rescue-used"
SESSIONS_ENDED = "sessions-ended"


@dataclass(frozen=True)
class _Words:
    """What a kind of notice says: its title, what has happened, and what to do where it was not the owner."""

    title: str
    what: str
    advice: str


_WORDS = {
    ENABLED: _Words(
        marked("%(brand)s: two-factor authentication was turned on"),
        marked("Two-factor authentication was turned on for your account %(account)s at %(brand)s."),
        marked(
            "If this was not you, somebody knows your password, and the codes are theirs: ask the people who run "
            "%(brand)s to reset two-factor authentication, and change your password."
        ),
    ),
    DISABLED: _Words(
        marked("%(brand)s: two-factor authentication was turned off"),
        marked("Two-factor authentication was turned off for your account %(account)s at %(brand)s."),
        marked(
            "If this was not you, change your password now, log out everywhere else in your settings, and turn "
            "two-factor authentication on again."
        ),
    ),
    RESET: _Words(
        marked("%(brand)s: two-factor authentication was reset by an administrator"),
        marked(
            "Two-factor authentication was reset by an administrator for your account %(account)s at %(brand)s. "
            "The password alone logs in to it now."
        ),
        marked(
            "If you did not ask for this, tell the people who run %(brand)s, change your password now, and set "
            "two-factor authentication up again."
        ),
    ),
    RECOVERY_USED: _Words(
        marked("%(brand)s: a recovery code was used"),
        marked("A recovery code was used for your account %(account)s at %(brand)s."),
        marked(
            "If this was not you, somebody has your password and your recovery codes: change your password now, log "
            "out everywhere else in your settings, and make new recovery codes."
        ),
    ),
    RENEWED: _Words(
        marked("%(brand)s: new recovery codes were made"),
        marked(
            "New recovery codes were made for your account %(account)s at %(brand)s, and the earlier ones no longer "
            "work."
        ),
        marked(
            "If this was not you, change your password now, log out everywhere else in your settings, and make new "
            "recovery codes."
        ),
    ),
    NEW_BROWSER: _Words(
        marked("%(brand)s: a login with a new browser"),
        marked(
            "Somebody logged in to your account %(account)s at %(brand)s with a browser that was not seen there before."
        ),
        marked(
            "If this was not you, change your password now, log out everywhere else in your settings, and set "
            "two-factor authentication up anew."
        ),
    ),
    TRUSTED_ADDED: _Words(
        marked("%(brand)s: a browser is trusted"),
        marked("Your account %(account)s at %(brand)s trusts a browser: it is not asked for a code for some time."),
        marked(
            "If this was not you, change your password now, log out everywhere else, and forget the browser, all in "
            "your settings."
        ),
    ),
    AUTHENTICATOR_ADDED: _Words(
        marked("%(brand)s: an authenticator was added"),
        marked("One more authenticator makes codes for your account %(account)s at %(brand)s."),
        marked(
            "If this was not you, remove it in your settings, change your password now, and log out everywhere else."
        ),
    ),
    AUTHENTICATOR_REMOVED: _Words(
        marked("%(brand)s: an authenticator was removed"),
        marked("An authenticator was removed from your account %(account)s at %(brand)s: its codes no longer work."),
        marked(
            "If this was not you, change your password now, log out everywhere else in your settings, and look which "
            "authenticators are left."
        ),
    ),
    RESCUE_ISSUED: _Words(
        marked("%(brand)s: a rescue code was made for you"),
        marked(
            "The people who run %(brand)s made a rescue code for your account %(account)s. It logs in once in the "
            "place of a code, together with your password."
        ),
        marked("If you did not ask for it, tell the people who run %(brand)s, and change your password now."),
    ),
    RESCUE_USED: _Words(
        marked("%(brand)s: a rescue code was used"),
        marked("A rescue code was used for your account %(account)s at %(brand)s."),
        marked("If this was not you, tell the people who run %(brand)s, and change your password now."),
    ),
    SESSIONS_ENDED: _Words(
        marked("%(brand)s: your other sessions were ended"),
        marked(
            "Your account %(account)s at %(brand)s was logged out everywhere, but for the browser in which this was "
            "done."
        ),
        marked("If this was not you, change your password now."),
    ),
    "few": _Words(
        marked("%(brand)s: somebody has your password"),
        marked(
            "Somebody gave the right password and wrong codes for your account %(account)s at %(brand)s, three times "
            "in a day."
        ),
        marked("If this was not you, change your password now: it is only the code that has kept them out."),
    ),
    "many": _Words(
        marked("%(brand)s: somebody has your password and goes on guessing codes"),
        marked(
            "Somebody gave the right password and wrong codes for your account %(account)s at %(brand)s, ten times in "
            "a day."
        ),
        marked("If this was not you, change your password now: it is only the code that has kept them out."),
    ),
    "stopped": _Words(
        marked("%(brand)s: no code is accepted any more"),
        marked(
            "After a hundred wrong codes in a row no code is accepted any more for your account %(account)s at "
            "%(brand)s."
        ),
        marked(
            "If this was not you, change your password now. Ask the people who run %(brand)s to reset two-factor "
            "authentication, so that you can set it up again."
        ),
    ),
}


def tell(state: State, user: Any, kind: str, more: Callable[[Language], str] = lambda _: "") -> None:
    """Hand the host's ``notify`` a notice of what has happened, once the response is sent (ENU-11).

    ``more`` gives a sentence for its body. It is in the language that the hook ``locale`` names for the owner, else in
    that of this request. A hook that raises undoes nothing, and is logged.
    """
    if state.hooks.notify is None:
        return
    try:
        brand, origin, at, here = state.current_brand(), state.current_origin(), state.now, state.language(None)
    except HookFailed:
        logger.error("a notice was not delivered: kind=%s", kind)
        return

    def deliver(person: Any) -> None:
        try:
            tag = state.hooks.ask("locale", person)
            language = state.language(tag) if tag else here
            account = str(state.hooks.ask("account_name", person))
            notice = _write(kind, account, brand, origin, at, more(language), language)
            state.hooks.ask("notify", person, notice)
        except HookFailed:
            logger.error("a notice was not delivered: kind=%s", kind)

    state.later(user, deliver)


def _write(
    kind: str, account: str, brand: Brand, origin: Origin | None, at: int, more: str, language: Language
) -> Notice:
    words = _WORDS[kind]

    def say(text: str) -> str:
        return language.gettext(text, account=account, brand=brand.name)

    facts = [language.gettext("When: %(when)s", when=language.moment(datetime.fromtimestamp(at, timezone.utc)))]
    if origin is not None:  # the browser in our words: what it calls itself is chosen by whoever did this
        facts.append(language.gettext("Network: %(place)s", place=origin.address))
        facts.append(language.gettext("Browser: %(browser)s", browser=family(origin.agent, language)))
    parts = [
        language.gettext("Hello,"),
        f"{say(words.what)} {more}".rstrip(),
        "\n".join(facts),
        say(words.advice),
        *([language.gettext("Help: %(url)s", url=brand.support_url)] if brand.support_url else []),
    ]
    return Notice(kind, at, origin, say(words.title), "\n\n".join(parts) + "\n")
