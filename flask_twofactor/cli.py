"""``flask twofactor``: what an operator needs at 3 a.m.; exit status 0, 1 (no, or wrong) or 2 (usage)."""

from __future__ import annotations

import getpass
import json
from datetime import datetime, timezone
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext

from .doctor.shape import describe
from .errors import TwoFactorError
from .flows import keys, manage
from .web.current import current_state
from .wiring import examine

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")


class _Group(click.Group):
    """A group whose commands say what went wrong in a line, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except TwoFactorError as error:
            raise click.ClickException(str(error)) from error


@click.group("twofactor", cls=_Group)
def group() -> None:
    """Two-factor authentication: who has it, take it away, keys, and what is wrong."""


@group.command()
@click.argument("user")
@as_json
@with_appcontext
def status(user: str, as_json: bool) -> None:
    """Say whether USER (the user ID as typed at log-in) has the factor."""
    account, name = _find(user)
    found = manage.status(current_state(), account)
    values = {"user": name, "key": current_state().subject_of(account), "enabled": found.enabled}
    values |= {"since": _utc(found.since), "required": found.required}
    since = f" since {values['since']}" if found.enabled else ""
    _print(values, f"{name}: two-factor is {'on' if found.enabled else 'off'}{since}", as_json)


@group.command("list")
@as_json
@with_appcontext
def list_accounts(as_json: bool) -> None:
    """List the accounts that have the factor, by their key."""
    for row in current_state().store.enrolments():
        if row.confirmed_at is not None:
            values = {"key": row.subject, "since": _utc(row.confirmed_at)}
            _print(values, f"{values['since']}  {row.subject}", as_json)


@group.command()
@click.argument("user")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--by", default=None, help="Who does it, for the record; you, where absent.")
@as_json
@with_appcontext
def reset(user: str, yes: bool, by: str | None, as_json: bool) -> None:
    """Take every factor of USER away and end all sessions; the next log-in asks for the password only."""
    account, name = _find(user)
    if not yes:
        click.confirm(f"Take two-factor away from {name} and end all their sessions?", abort=True, err=True)
    stood = manage.reset(current_state(), account, by or getpass.getuser())
    _print({"user": name, "reset": stood}, f"{name}: {'two-factor is off now' if stood else 'it was off'}", as_json)
    if not stood:
        raise SystemExit(1)


@group.command("rotate-keys")
@as_json
@with_appcontext
def rotate_keys(as_json: bool) -> None:
    """Seal every secret anew with the present key; repeat at will, while the console runs."""
    done = keys.rotate(current_state())
    values = {"resealed": done.resealed, "unopened": list(done.unopened)}
    lines = [f"{done.resealed} secrets sealed with the present key"]
    lines += [f"no key opens the secret of {subject}: reset it, or find its key" for subject in done.unopened]
    _print(values, "\n".join(lines), as_json)
    if done.unopened:
        raise SystemExit(1)


@group.command("init-db")
@with_appcontext
def init_db() -> None:
    """Make the tables, and check that the present keys open the store."""
    bool(current_state().store)
    click.echo("the two-factor store is ready")


@group.command()
@as_json
@with_appcontext
def doctor(as_json: bool) -> None:
    """Say what kind of console this is, what is wrong or weak in how it is set up, and how to mend it."""
    app: Any = current_app._get_current_object()  # type: ignore[attr-defined]
    state = current_state()
    found = list(examine(app, state))
    told: dict[str, Any] = {"shape": list(describe(app, state))}
    if not as_json:
        click.echo("\n".join(told["shape"]) + "\n")
    for problem in found:
        values = {"id": problem.id, "severity": problem.severity, "problem": problem.text, "mend": problem.mend}
        text = f"{problem.severity}  {problem.id}: {problem.text}\n       {problem.mend}"
        _print({**values, **told}, text, as_json)
        told = {}  # the first line alone
    if any(problem.is_fault for problem in found):
        raise SystemExit(1)
    _print({"problem": None, **told}, "nothing wrong was found", as_json)


def _find(user: str) -> tuple[Any, str]:
    state = current_state()
    name = state.parse_identifier(user)
    account = None if name is None else state.hooks.ask("user_lookup", name)
    if account is None or name is None:
        raise click.ClickException(f"there is no account {user!r}")
    return account, name


def _utc(at: int | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, timezone.utc).isoformat().replace("+00:00", "Z")


def _print(values: dict[str, Any], text: str, as_json: bool) -> None:
    click.echo(json.dumps(values) if as_json else text)
