"""Sample data: names of people who do not exist, a key and codes that nobody has, and what became of an account."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone

from ..core.agents import family
from ..core.records import Event
from ..core.recovery import COUNT, printed
from ..core.totp import provisioning_uri
from ..flows import activity
from ..flows.activity import Line
from ..flows.setup import Setup
from ..web.current import current_state
from ..web.languages import language
from ..web.seen import Seen

NAME = "sam.keller@example.com"
LONG_NAME = "maximiliane.von.wolkenstein-oberhausen@department-of-harbour-operations.northern-region.example.com"
RTL_NAME = "ليلى.حداد@مثال.إختبار"
DEVICE = "Spare phone"
LONG_DEVICE = "Tablet in the harbour master’s office, second floor, by the door"
RTL_DEVICE = "הטלפון של נועה"
NOW = datetime(2027, 1, 15, 8, 0, tzinfo=timezone.utc)
"""When all of this is, so that two pictures of a page are the same."""
CODES = [printed(letter * 24) for letter in "0123456789"[:COUNT]]
SECRET = "THISKEYISASAMPLETHATNOBODYHASXXX"  # noqa: S105 - base32, and of no account

_FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
_SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Mobile/15E148 Safari/604.1"
_CHROME = "Mozilla/5.0 (X11; Linux x86_64) Chrome/138.0.0.0 Safari/537.36"
_AGENTS = (_FIREFOX, _SAFARI, _CHROME, "curl/8.8")
_PLACES = ("198.51.100.0/24", "2001:db8:1f3:a2b0::/64", "203.0.113.0/24", "")


def key(account: str) -> Setup:
    """Give a key as the set-up shows one."""
    state = current_state()
    uri = provisioning_uri(SECRET, account, state.current_brand().issuer)
    return Setup(SECRET, uri, state.now + state.settings.setup_seconds)


def sessions(count: int) -> list[Seen]:
    """Give so many live sessions, this one first."""
    return [_seen(number, "", present=number == 0) for number in range(count)]


def browsers(count: int) -> list[Seen]:
    """Give so many trusted browsers, this one first."""
    return [_seen(number, f"sample-{number}", present=number == 0) for number in range(count)]


def _seen(number: int, name: str, *, present: bool) -> Seen:
    began, last = NOW - timedelta(days=9 * number, hours=3), NOW - timedelta(hours=7 * number)
    which = number % len(_AGENTS)
    return Seen(name, family(_AGENTS[which], language()), _PLACES[which], began, last, present)


def lines() -> list[Line]:
    """Give a line of everything that can have happened to an account."""
    log_ins = [(activity.LOGGED_IN, by) for by in activity.LOGINS]
    kinds = [*log_ins, *((kind, "") for kind in activity.KINDS)]
    return activity.in_words([_event(number, *kind) for number, kind in enumerate(kinds)], language())


def _event(number: int, kind: str, by: str) -> Event:
    at, which = NOW - timedelta(hours=5 * number), number % len(_AGENTS)
    return Event(kind, "", int(at.timestamp()), _PLACES[which], _AGENTS[which], {"by": by})


def authenticators(*names: str) -> list[dict[str, object]]:
    """Give authenticators as their page shows them; the second one was never used."""
    used = itertools.chain([NOW, None], itertools.repeat(NOW - timedelta(days=40)))
    return [
        {"id": f"sample-{number}", "name": name, "since": NOW - timedelta(days=200 - 60 * number), "used": when}
        for number, (name, when) in enumerate(zip(names, used, strict=False))
    ]
