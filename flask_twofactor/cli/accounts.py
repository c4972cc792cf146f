"""``list`` and ``status``: who has the factor, and all that there is to know of one account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from flask.cli import with_appcontext

from ..core.agents import family
from ..core.records import Trusted
from ..core.texts import ENGLISH
from ..flows import accounts
from ..flows.accounts import Listed, Lock, Overview
from ..flows.manage import Session
from ..web.current import current_state
from .base import as_json, event_line, event_values, find, group, plain, show, utc

_RULES = {"operator": "an operator says so (flask twofactor require)", "hook": "the console's own rule says so"}


@group.command("list")
@click.option("--enabled", is_flag=True, help="Those that have the factor; so it is without any of these, too.")
@click.option(
    "--required",
    is_flag=True,
    help="Those for whom an operator made it mandatory. Not for whom the console's own rule does: that needs a user.",
)
@click.option(
    "--locked", is_flag=True, help="Those whose codes are not accepted at present, after too many wrong ones."
)
@as_json
@with_appcontext
def list_accounts(enabled: bool, required: bool, locked: bool, as_json: bool) -> None:
    """List accounts by their key: those that have the factor, or for which all that you ask for is so."""
    for one in accounts.listing(current_state(), enabled=enabled, required=required, locked=locked):
        values = {"key": one.key, "enabled": one.enabled, "since": utc(one.since), "required": one.required}
        values |= {"grace_until": utc(one.grace_until), "locked": one.locked}
        show(values, _row(one), as_json)


def _row(one: Listed) -> str:
    grace = f"grace until {utc(one.grace_until)}" if one.grace_until else ""
    facts = ("required" if one.required else "", grace, "locked" if one.locked else "")
    return "  ".join([f"{utc(one.since) or 'off':20}", plain(one.key), *filter(None, facts)])


@group.command()
@click.argument("user")
@as_json
@with_appcontext
def status(user: str, as_json: bool) -> None:
    """Say all that there is to know of the account of USER, the user ID as typed at log-in; it changes nothing."""
    account, name = find(user)
    found = accounts.overview(current_state(), account)
    show({"user": name, **_values(found)}, "\n".join(_lines(name, found)), as_json)


def _values(found: Overview) -> dict[str, Any]:
    return {
        "key": found.key,
        "enabled": found.enabled,
        "since": utc(found.since),
        "authenticators": [
            {"name": one.name, "since": utc(one.since), "last_used": utc(one.used_at)} for one in found.authenticators
        ],
        "recovery_codes_left": found.recovery_left,
        "required": bool(found.rules),
        "required_by": list(found.rules),
        "grace_until": utc(found.grace_until),
        "locked": found.lock.locked,
        "locked_until": utc(found.lock.until),
        "new_browsers_locked_until": utc(found.lock.until_new),
        "stopped": found.lock.stopped,
        "sessions": [_place(one.began_at, one.seen_at, one) for one in found.sessions],
        "trusted_browsers": [_place(one.created_at, one.used_at, one) for one in found.trusted],
        "events": [event_values(event) for event in found.events],
    }


def _place(since: int, last: int, one: Session | Trusted) -> dict[str, Any]:
    return {"since": utc(since), "last_seen": utc(last), "source": one.source, "agent": one.agent}


def _lines(name: str, found: Overview) -> Iterator[str]:
    yield f"{name}: two-factor is {f'on since {utc(found.since)}' if found.enabled else 'off'}"
    yield f"  key: {plain(found.key)}"
    for one in found.authenticators:
        used = f"last used {utc(one.used_at)}" if one.used_at is not None else "never used"
        yield f"  authenticator: {plain(one.name)}, since {utc(one.since)}, {used}"
    if found.enabled:
        yield f"  recovery codes left: {found.recovery_left}"
    yield f"  mandatory: {_mandatory(found)}"
    yield f"  codes: {_codes(found.lock)}"
    yield f"  live sessions: {len(found.sessions)}"
    yield from (_seen(one.began_at, one.seen_at, one) for one in found.sessions)
    yield f"  trusted browsers: {len(found.trusted)}"
    yield from (_seen(one.created_at, one.used_at, one) for one in found.trusted)
    yield "  last events:" if found.events else "  last events: none"
    yield from (f"    {event_line(event, with_key=False)}" for event in found.events)


def _mandatory(found: Overview) -> str:
    grace = [f"grace until {utc(found.grace_until)}"] if found.grace_until else []
    return "; ".join(["yes", *(_RULES[one] for one in found.rules), *grace]) if found.rules else "no"


def _codes(lock: Lock) -> str:
    if lock.stopped:
        return "none is accepted until the factor is set up anew (a hundred wrong ones in a row)"
    if lock.until is not None:
        return f"none is accepted until {utc(lock.until)}, after too many wrong ones; recovery codes are"
    if lock.until_new is not None:
        return f"accepted from browsers that were used before; from others not until {utc(lock.until_new)}"
    return "accepted"


def _seen(since: int, last: int, one: Session | Trusted) -> str:
    return (
        f"    since {utc(since)}, last seen {utc(last)}, {one.source or 'unknown place'}, {family(one.agent, ENGLISH)}"
    )
