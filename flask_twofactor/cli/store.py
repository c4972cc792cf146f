"""``rotate-keys``, ``purge`` and ``init-db``: the store, and the keys that it is sealed with."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

import click
from flask.cli import with_appcontext

from ..flows import keys, upkeep
from ..web.current import current_state
from .base import as_json, group, plain, show

_PURGED = (
    "deleted: events {events}, ended sessions {marks}, unfinished set-ups {pendings}, trusted browsers {trusted}, "
    "rescue codes {rescues}, counters {counters}"
)


@group.command("rotate-keys")
@as_json
@with_appcontext
def rotate_keys(as_json: bool) -> None:
    """Seal every secret anew with the present key, while the console runs; a run that was killed is taken up again."""
    state = current_state()
    with _progress(state.store.count_enrolments) as seen:
        done = keys.rotate(state, seen)
    lines = [f"secrets sealed with the present key: {done.resealed}; that were so already: {done.current}"]
    lines += [f"no key opens the secret of {plain(key)}: find its key, or make a rescue code" for key in done.unopened]
    lines += [f"no key opens the store's own {name}: find its key" for name in done.lost]
    show(dict(vars(done)), "\n".join(lines), as_json)
    if done.unopened or done.lost:
        raise SystemExit(1)


@contextlib.contextmanager
def _progress(length: Callable[[], int]) -> Iterator[Callable[[], object]]:
    """Show on a terminal how far it is; gives what is to be called for each."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    with click.progressbar(length=length(), label="Sealing anew", file=sys.stderr) as bar:
        yield lambda: bar.update(1)


@group.command()
@as_json
@with_appcontext
def purge(as_json: bool) -> None:
    """Delete what has had its time: old events, ended sessions, expired codes and counters; for a daily cron."""
    done = upkeep.purge(current_state())
    values = {**vars(done.rows), "counters": done.counters}
    show(values, _PURGED.format(**values), as_json)


@group.command("init-db")
@with_appcontext
def init_db() -> None:
    """Make the tables, and check that the present keys open the store."""
    bool(current_state().store)
    click.echo("the two-factor store is ready")
