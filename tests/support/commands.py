"""The commands of ``flask twofactor``."""

from __future__ import annotations

import click

from flask_twofactor import cli


def commands() -> dict[str, click.Command]:
    """Give every command by its name: they are imported when the group is asked for them."""
    context = click.Context(cli.group)
    found = {name: cli.group.get_command(context, name) for name in cli.group.list_commands(context)}
    assert found
    return {name: command for name, command in found.items() if command is not None}
