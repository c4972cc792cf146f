"""``status``, ``list`` and ``reset``: who has the factor, and taking it away."""

from __future__ import annotations

import getpass

import click
from flask.cli import with_appcontext

from ..flows import manage
from ..web.current import current_state
from .base import as_json, find, group, show, utc


@group.command()
@click.argument("user")
@as_json
@with_appcontext
def status(user: str, as_json: bool) -> None:
    """Say whether USER (the user ID as typed at log-in) has the factor."""
    account, name = find(user)
    found = manage.status(current_state(), account)
    values = {"user": name, "key": current_state().subject_of(account), "enabled": found.enabled}
    values |= {"since": utc(found.since), "required": found.required}
    since = f" since {values['since']}" if found.enabled else ""
    show(values, f"{name}: two-factor is {'on' if found.enabled else 'off'}{since}", as_json)


@group.command("list")
@as_json
@with_appcontext
def list_accounts(as_json: bool) -> None:
    """List the accounts that have the factor, by their key."""
    for row in current_state().store.enrolments():
        if row.confirmed_at is not None:
            values = {"key": row.subject, "since": utc(row.confirmed_at)}
            show(values, f"{values['since']}  {row.subject}", as_json)


@group.command()
@click.argument("user")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--by", default=None, help="Who does it, for the record; you, where absent.")
@as_json
@with_appcontext
def reset(user: str, yes: bool, by: str | None, as_json: bool) -> None:
    """Take every factor of USER away and end all sessions; the next log-in asks for the password only."""
    account, name = find(user)
    if not yes:
        click.confirm(f"Take two-factor away from {name} and end all their sessions?", abort=True, err=True)
    stood = manage.reset(current_state(), account, by or getpass.getuser())
    show({"user": name, "reset": stood}, f"{name}: {'two-factor is off now' if stood else 'it was off'}", as_json)
    if not stood:
        raise SystemExit(1)
