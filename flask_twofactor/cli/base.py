"""The group, and what its commands share: options, finding an account, printing."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import click

from ..errors import TwoFactorError
from ..web.current import current_state

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


def find(user: str) -> tuple[Any, str]:
    """Give the account of a user ID as typed at log-in, and the ID in normal form."""
    state = current_state()
    name = state.parse_identifier(user)
    account = None if name is None else state.hooks.ask("user_lookup", name)
    if account is None or name is None:
        raise click.ClickException(f"there is no account {user!r}")
    return account, name


def utc(at: int | None) -> str | None:
    """Give Unix seconds as ISO 8601 in UTC."""
    return None if at is None else datetime.fromtimestamp(at, timezone.utc).isoformat().replace("+00:00", "Z")


def show(values: dict[str, Any], text: str, as_json: bool) -> None:
    """Print one outcome, for a person or as one JSON object."""
    click.echo(json.dumps(values) if as_json else text)
