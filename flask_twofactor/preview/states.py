"""Every page in every state, in the order in which people meet them."""

from __future__ import annotations

from ..errors import Throttled
from ..flows.authenticators import FIRST
from ..web.answers import REFUSED, WRONG_CODE, waiting
from ..web.authenticators import ADDED, GONE, REMOVED
from ..web.current import current_state
from ..web.fresh import NOT_DONE
from ..web.languages import language
from ..web.login import INVALID_NAME, KEPT, expired
from ..web.manage import DISABLED
from ..web.sessions import FORGOTTEN, LOGGED_OUT
from ..web.setup import ENABLED, EXPIRED
from . import people, values
from .people import DEVICE, LONG_DEVICE, LONG_NAME, NAME, RTL_DEVICE, RTL_NAME
from .shown import At, Shown, Values, of
from .values import DAYS, blank, rejected

_MINUTES, _HOURS = 15 * 60, 5 * 3600


def _wait(seconds: int) -> Values:
    return {"error": waiting(Throttled(seconds)), "retry_after": seconds}


def _begin_again(name: str) -> Values:
    notice = f"{expired(current_state())} {language().gettext(KEPT)}"
    return {"form": blank("identify", identifier=name), "notice": notice}


def _wrong_code() -> Values:
    return {"error": WRONG_CODE}


def _for_a_recovery_code() -> Values:
    return {"with_recovery": True}


_LOG_IN = (
    *of(
        values.identify,
        At("empty", "Where everybody begins"),
        At("nothing-typed", "Sent with nothing typed", lambda: rejected("identify", identifier="")),
        At(
            "no-user-id",
            "What was typed cannot be a user ID",
            lambda: {"form": blank("identify", identifier=NAME), "error": INVALID_NAME},
        ),
        At("expired", "The second page took too long, and the name is kept", lambda: _begin_again(NAME)),
        At("long-name", "A long name", lambda: _begin_again(LONG_NAME)),
        At("rtl-name", "A name from right to left", lambda: _begin_again(RTL_NAME)),
        At("throttled", "Too many attempts, for minutes", lambda: _wait(_MINUTES), 429),
    ),
    *of(
        values.credential,
        At("password", "Without two-factor: the password alone"),
        At("password-wrong", "A wrong password", lambda: {"error": REFUSED}),
        At("code", "With two-factor: password and code", lambda: {"asks_code": True}),
        At("code-wrong", "A wrong password or code", lambda: {"asks_code": True, "error": REFUSED}),
        At("recovery", "For a recovery code", lambda: {"asks_code": True, **_for_a_recovery_code()}),
        At(
            "trust",
            "With the box that asks for no code for a while",
            lambda: {"asks_code": True, "trust_days": DAYS},
        ),
        At("optional", "The same page for everybody", lambda: {"asks_code": True, "code_optional": True}),
        At("no-name", "A console with one account", lambda: {"identifier": None, "notice": expired(current_state())}),
        At("long-name", "A long name", lambda: {"asks_code": True, "identifier": LONG_NAME}),
        At("rtl-name", "A name from right to left", lambda: {"asks_code": True, "identifier": RTL_NAME}),
        At("throttled", "Too many attempts, for minutes", lambda: {"asks_code": True, **_wait(_MINUTES)}, 429),
        At("throttled-long", "Too many attempts, for hours", lambda: _wait(_HOURS), 429),
    ),
    *of(
        values.challenge,
        At("code", "A log-in of your own view owes the code"),
        At("wrong", "A wrong code", _wrong_code),
        At("nothing-typed", "Sent with nothing typed", lambda: rejected("challenge", code="")),
        At("recovery", "For a recovery code", _for_a_recovery_code),
        At("trust", "With the box that asks for no code for a while", lambda: {"trust_days": DAYS}),
        At("confirm", "Asked again before something dangerous", lambda: {"confirms": True}),
        At("send-again", "What was sent is not done", lambda: {"confirms": True, "notice": NOT_DONE}),
        At("long-name", "A long name", lambda: {"account": LONG_NAME}),
        At("rtl-name", "A name from right to left", lambda: {"account": RTL_NAME}),
        At("throttled", "Too many attempts", lambda: _wait(_MINUTES), 429),
    ),
    *of(
        values.recovery_used,
        At("some-left", "After a log-in with a recovery code"),
        At("last", "After the last one", lambda: {"left": 0, "required": True}),
    ),
    *of(
        values.step_up,
        At("password", "The password again"),
        At("wrong", "A wrong password", lambda: {"error": REFUSED}),
        At("send-again", "What was sent is not done", lambda: {"notice": NOT_DONE}),
        At("owing", "Before a set-up that has to be", lambda: {"owing": True}),
        At("long-name", "A long name", lambda: {"account": LONG_NAME}),
        At("rtl-name", "A name from right to left", lambda: {"account": RTL_NAME}),
    ),
    *of(values.unlock, At("button", "Behind the link in the mail to somebody who was guessed at")),
)
_SET_UP = (
    *of(
        values.setup,
        At("key", "The key to scan"),
        At("wrong", "A wrong code", _wrong_code),
        At("expired", "The key was shown too long ago", lambda: {"error": EXPIRED}),
        At("required", "Before anything else", lambda: {"owing": True, "required": True}),
        At("rescued", "After a rescue code", lambda: {"owing": True, "rescued": True}),
        At("long-name", "A long name", lambda: {"account": LONG_NAME}),
        At("rtl-name", "A name from right to left", lambda: {"account": RTL_NAME}),
    ),
    *of(
        values.recovery_codes,
        At("enabled", "At the end of the set-up", lambda: {"notice": ENABLED}),
        At("new", "New codes"),
        At("long-name", "A long name", lambda: {"account": LONG_NAME}),
        At("rtl-name", "A name from right to left", lambda: {"account": RTL_NAME}),
    ),
    *of(values.grace, At("until", "After a log-in, while one may go without")),
)
_MANAGE = (
    *of(
        values.settings,
        At("off", "Two-factor is off", lambda: {"enabled": False}),
        At("on", "Two-factor is on"),
        At("enabled", "Just turned on", lambda: {"notice": ENABLED}),
        At("disabled", "Just turned off", lambda: {"enabled": False, "notice": DISABLED}),
        At("owed", "Off, and it has to be on", lambda: {"enabled": False, "required": True}),
        At(
            "grace",
            "Off, and it has to be on from some day",
            lambda: {"enabled": False, "required": True, "grace_until": people.NOW},
        ),
        At("required", "On, and it has to stay on", lambda: {"required": True}),
        At("few-codes", "Few recovery codes are left", lambda: {"left": 2}),
        At("no-codes", "No recovery code is left", lambda: {"left": 0}),
        At("several", "Several authenticators", lambda: {"authenticators": 3}),
        At("sessions", "Logged in at many places", lambda: {"sessions": 7}),
        At("no-sessions", "Logged in by a page of yours", lambda: {"enabled": False, "sessions": 0}),
        At("logged-out", "Logged out everywhere else", lambda: {"notice": LOGGED_OUT}),
        At("embedded", "As twofactor_panel() puts it into a page of yours", lambda: {"embedded": True}),
    ),
    *of(
        values.manage,
        At("code", "To turn it off"),
        At("wrong", "A wrong code", _wrong_code),
        At("recovery", "For a recovery code", _for_a_recovery_code),
        At("required", "It has to stay on", lambda: {"required": True}),
    ),
    *of(
        values.recovery,
        At("all-left", "No recovery code was used"),
        At("none-left", "All were used", lambda: {"left": 0}),
        At("wrong", "A wrong code", _wrong_code),
    ),
    *of(
        values.authenticators,
        At("one", "One"),
        At("two", "A second one, just added", lambda: {"names": (FIRST, DEVICE), "notice": ADDED}),
        At("three", "As many as there may be", lambda: {"names": (FIRST, LONG_DEVICE, RTL_DEVICE)}),
        At("removed", "One was removed", lambda: {"notice": REMOVED}),
        At("expired", "A key that was shown too long ago", lambda: {"notice": GONE}),
    ),
    *of(
        values.add_authenticator,
        At("empty", "A name and a code"),
        At("nothing-typed", "Sent with nothing typed", lambda: rejected("add_authenticator", name="", code="")),
        At("wrong", "A wrong code", lambda: {"form": blank("add_authenticator", name=LONG_DEVICE), **_wrong_code()}),
        At("recovery", "For a recovery code", _for_a_recovery_code),
    ),
    *of(
        values.new_authenticator,
        At("key", "The key to scan"),
        At("wrong", "A wrong code", _wrong_code),
        At("long-name", "Long names", lambda: {"name": LONG_DEVICE, "account": LONG_NAME}),
        At("rtl-name", "Names from right to left", lambda: {"name": RTL_DEVICE, "account": RTL_NAME}),
    ),
    *of(
        values.remove_authenticator,
        At("code", "With a code"),
        At("wrong", "A wrong code", _wrong_code),
        At("recovery", "For a recovery code", _for_a_recovery_code),
        At("long-name", "A long name", lambda: {"name": LONG_DEVICE}),
        At("rtl-name", "A name from right to left", lambda: {"name": RTL_DEVICE}),
    ),
    *of(
        values.sessions,
        At("one", "This browser alone"),
        At("many", "Many, and no browser is trusted", lambda: {"live": 5, "trust_days": DAYS}),
        At("trusted", "A browser that is asked for no code", lambda: {"trusted": 1, "trust_days": DAYS}),
        At("all-trusted", "Several of them", lambda: {"live": 3, "trusted": 4, "trust_days": DAYS}),
        At("forgotten", "One was forgotten", lambda: {"trust_days": DAYS, "notice": FORGOTTEN}),
        At("none", "Logged in by a page of yours", lambda: {"live": 0}),
    ),
    *of(
        values.activity,
        At("full", "Everything that can happen"),
        At("empty", "Nothing yet", lambda: {"lines": []}),
    ),
)
_PROBLEMS = of(
    values.problem,
    At("out-of-date", "A form without its token", status=400),
    At("not-from-here", "A form of another site, or no session", status=403),
    At("too-long", "More than any form of ours", status=413),
    At("no-form", "No form at all", status=415),
    At("too-often", "Too many wrong codes: logged out", lambda: {"retry_after": 600}, 429),
    At("later", "The store does not answer", lambda: {"retry_after": 30}, 503),
)
JOURNEYS: tuple[tuple[str, tuple[Shown, ...]], ...] = (
    ("Log in", _LOG_IN),
    ("Set up", _SET_UP),
    ("Manage", _MANAGE),
    ("When something is wrong", _PROBLEMS),
)
STATES = tuple(shown for _, states in JOURNEYS for shown in states)
