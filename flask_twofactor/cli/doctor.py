"""``doctor``: what is wrong or weak in how a console is set up."""

from __future__ import annotations

from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext

from ..doctor.shape import describe
from ..web.current import current_state
from ..wiring import examine
from .base import as_json, group, show


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
        show({**values, **told}, text, as_json)
        told = {}  # the first line alone
    if any(problem.is_fault for problem in found):
        raise SystemExit(1)
    show({"problem": None, **told}, "nothing wrong was found", as_json)
