"""``events``: what has happened, to one account or to all."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from ..web.current import current_state
from .base import KINDS, as_json, duration, event_line, event_values, find, group, show


@group.command()
@click.argument("user", required=False)
@click.option("--key", "is_key", is_flag=True, help="USER is the account's key: of one that is deleted, say.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="So many at most.")
@click.option("--since", type=duration, help="None that is older: 90s, 30m, 12h, 7d or 2w.")
@click.option("--kind", default="", help="Of one kind alone: logged-in, log-in-refused, reset, ...")
@as_json
@with_appcontext
def events(user: str | None, is_key: bool, limit: int, since: int | None, kind: str, as_json: bool) -> None:
    """Say what has happened, to the account of USER or to all, the newest first; times are in UTC."""
    if is_key and user is None:
        raise click.UsageError("--key says that USER is a key: give one")
    state = current_state()
    subject = user if user is None or is_key else state.subject_of(find(user)[0])
    kind = kind and KINDS + kind.removeprefix(KINDS)
    oldest = 0 if since is None else max(1, state.now - since)
    for event in state.store.events(subject, limit, kind, oldest):
        show(event_values(event), event_line(event, with_key=subject is None), as_json)
