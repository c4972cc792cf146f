"""``rotate-keys`` and ``init-db``: the store and the keys that it is sealed with."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from ..flows import keys
from ..web.current import current_state
from .base import as_json, group, show


@group.command("rotate-keys")
@as_json
@with_appcontext
def rotate_keys(as_json: bool) -> None:
    """Seal every secret anew with the present key; repeat at will, while the console runs."""
    done = keys.rotate(current_state())
    values = {"resealed": done.resealed, "unopened": list(done.unopened)}
    lines = [f"{done.resealed} secrets sealed with the present key"]
    lines += [f"no key opens the secret of {subject}: reset it, or find its key" for subject in done.unopened]
    show(values, "\n".join(lines), as_json)
    if done.unopened:
        raise SystemExit(1)


@group.command("init-db")
@with_appcontext
def init_db() -> None:
    """Make the tables, and check that the present keys open the store."""
    bool(current_state().store)
    click.echo("the two-factor store is ready")
