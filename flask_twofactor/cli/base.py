"""The group, and what its commands share: options, finding an account, printing."""

from __future__ import annotations

import getpass
import json
import re
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import click

from ..core.agents import family
from ..core.records import Event
from ..core.texts import ENGLISH
from ..errors import TwoFactorError
from ..web.current import current_state

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")
by = click.option("--by", help="Who does it, for the record; the user of this machine, where absent.")

KINDS = "twofactor-"
"""What the kinds of events begin with, which nobody has to type."""
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


class Group(click.Group):
    """A group whose commands say what went wrong in a line, without a traceback, and are imported at first use."""

    load: Callable[[], object] = staticmethod(lambda: None)
    """Imports the modules of the commands, each of which adds its own: no server that starts has a use for them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names of all."""
        self.load()
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Give the command of that name."""
        self.load()
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except TwoFactorError as error:
            raise click.ClickException(str(error)) from error


@click.group("twofactor", cls=Group)
def group() -> None:
    """Two-factor authentication: who has it, take it away, keys, and what is wrong."""


def duration(text: str) -> int:
    """Give the seconds of "90s", "30m", "12h", "7d" or "2w": the type of an option."""
    found = re.fullmatch(r"([0-9]{1,6})([smhdw])", text)
    if found is None:
        raise click.BadParameter(f"{text!r} is no duration: write 90s, 30m, 12h, 7d or 2w")
    return int(found[1]) * _SECONDS[found[2]]


def find(user: str) -> tuple[Any, str]:
    """Give the account of a user ID as typed at log-in, and the ID in normal form."""
    state = current_state()
    name = state.parse_identifier(user)
    account = None if name is None else state.hooks.ask("user_lookup", name)
    if account is None or name is None:
        raise click.ClickException(f"there is no account {user!r}")
    return account, name


def actor(given: str | None) -> str:
    """Give who does it: the name that was given, or the user of this machine."""
    if given and given.strip():
        return given.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container, say
        raise click.UsageError("this machine has no name for you: say who does it, --by NAME") from None


def utc(at: int | None) -> str | None:
    """Give Unix seconds as ISO 8601 in UTC."""
    return None if at is None else datetime.fromtimestamp(at, timezone.utc).isoformat().replace("+00:00", "Z")


def plain(text: str) -> str:
    """Give a text that somebody else wrote so that it does nothing to a terminal (LOG-04)."""
    return text if text.isprintable() else repr(text)


def event_values(event: Event) -> dict[str, Any]:
    """Give an event for JSON."""
    values = {"at": utc(event.at), "kind": event.kind, "key": event.subject}
    return {**values, "source": event.source, "agent": event.agent, "details": dict(event.details)}


def event_line(event: Event, with_key: bool) -> str:
    """Give an event as a line: when, what, whose, from where, and what else there is to say of it."""
    where = (event.source, family(event.agent, ENGLISH)) if event.source else ()
    facts = (f"{name}={value!r}" for name, value in event.details.items())
    whose = (f"key={plain(event.subject)}",) if with_key and event.subject else ()
    return "  ".join([str(utc(event.at)), event.kind.removeprefix(KINDS), *whose, *where, *facts])


def show(values: dict[str, Any], text: str, as_json: bool) -> None:
    """Print one outcome, for a person or as one JSON object."""
    click.echo(json.dumps(values) if as_json else text)
