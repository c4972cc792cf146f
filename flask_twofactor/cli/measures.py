"""``require``, ``reset``, ``rescue`` and ``end-sessions``: what an operator does to one account."""

from __future__ import annotations

from typing import Any

import click
from flask.cli import with_appcontext

from ..flows import accounts, manage, requirement, rescue
from ..flows.accounts import Overview
from ..state import State
from ..web.current import current_state
from .base import actor, as_json, by, find, group, show, utc


@group.command()
@click.argument("user")
@click.option("--off", is_flag=True, help="Take your word back; the console's own rule stays.")
@by
@as_json
@with_appcontext
def require(user: str, off: bool, by: str | None, as_json: bool) -> None:
    """Make the factor mandatory for USER, who cannot turn it off then, and has to set it up; or no longer."""
    state, (account, name) = current_state(), find(user)
    changed = requirement.require(state, account, not off, actor(by))
    found = accounts.overview(state, account)
    values = {"user": name, "key": found.key, "changed": changed, "required": bool(found.rules)}
    values |= {"required_by": list(found.rules), "enabled": found.enabled}
    again = "" if changed else " (as it was)"
    show(values, f"{name}: {_outlook(state, found)}{again}", as_json)
    if not changed:
        raise SystemExit(1)


def _outlook(state: State, found: Overview) -> str:
    """Say what the requirement means for a person now."""
    if not found.rules:
        return "two-factor is not mandatory"
    if "operator" not in found.rules:
        return "no operator makes two-factor mandatory, but the console's own rule does"
    if found.enabled:
        return "two-factor is mandatory; it is on, and cannot be turned off"
    if found.grace_until:
        return f"two-factor is mandatory; it is off, and has to be set up by {utc(found.grace_until)}"
    if hours := state.settings.grace_seconds // 3600:
        return f"two-factor is mandatory; it is off, and has to be set up within {hours} hours of the next visit"
    return "two-factor is mandatory; it is off, and the next page leads to the set-up"


@group.command()
@click.argument("user")
@click.option("--yes", is_flag=True, help="Do not ask.")
@by
@click.option("--reason", default="", help="Why, for the record.")
@as_json
@with_appcontext
def reset(user: str, yes: bool, by: str | None, reason: str, as_json: bool) -> None:
    """Take every factor of USER away and end all sessions; the next log-in asks for the password only."""
    account, name = find(user)
    who = actor(by)
    if not yes:
        click.confirm(f"Take two-factor away from {name} and end all their sessions?", abort=True, err=True)
    stood = manage.reset(current_state(), account, who, reason.strip())
    show({"user": name, "reset": stood}, f"{name}: {'two-factor is off now' if stood else 'it was off'}", as_json)
    if not stood:
        raise SystemExit(1)


@group.command("rescue")
@click.argument("user")
@click.option("--with", "witness", required=True, help="Who vouches for it: somebody else than who does it.")
@by
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@with_appcontext
def rescue_account(user: str, witness: str, by: str | None, yes: bool, as_json: bool) -> None:
    """Make a code that logs USER in once, with the password, to set the factor up anew; the factor stays on."""
    state, (account, name), who = current_state(), find(user), actor(by)
    if state.parse_identifier(witness) == name:
        raise click.ClickException(f"{name} cannot vouch for {name}: it takes somebody who knows that it is them")
    if not yes:
        click.confirm(f"Make a rescue code for {name}, on the word of {witness}?", abort=True, err=True)
    made = rescue.issue(state, account, who, witness)
    values: dict[str, Any] = {"user": name, "key": state.subject_of(account), "code": made.code}
    values["expires_at"] = utc(made.expires_at)
    text = f"{made.code}\ngood once, until {utc(made.expires_at)}: the password, and this in the box for the code"
    show(values, text, as_json)


@group.command("end-sessions")
@click.argument("user")
@by
@as_json
@with_appcontext
def end_sessions(user: str, by: str | None, as_json: bool) -> None:
    """Log USER out everywhere, remembered and trusted browsers too; the factor stays."""
    account, name = find(user)
    count = manage.end_sessions(current_state(), account, by=actor(by))
    show({"user": name, "ended": count}, f"{name}: logged out everywhere (sessions: {count})", as_json)
