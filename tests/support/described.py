"""What the code says of itself, as Markdown: the parts that `tests.support.reference` puts into the reference."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from flask import Flask
from flask_login import LoginManager

from flask_twofactor import Brand, Colours, TwoFactor, cli, errors, signals
from flask_twofactor.settings import PREFIX, Settings
from flask_twofactor.state import Hooks
from flask_twofactor.web.forms import BESIDE, DEFAULT_FORMS
from tests.support import commands as registered

TEMPLATES = Path(cli.__file__).parents[1] / "templates" / "twofactor"
_IDS = re.compile(
    r"\s*\((?:rule \d+ of the policy|bucket \w+ of the policy|[A-Z]{3}-\d\d(?:(?:, | to )[A-Z]{3}-\d\d)*)\)"
)


def prose(docstring: str) -> str:
    """Give a docstring as Markdown, without the ids of requirements."""
    return _IDS.sub("", inspect.cleandoc(docstring)).replace("``", "`")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _table(*rows: tuple[str, ...]) -> str:
    head, *body = rows
    lines = [head, ("---",) * len(head), *body]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n".replace("|  |", "| |") for line in lines)


def settings() -> str:
    """Give the table of all settings."""
    rows = []
    for item in fields(Settings):
        default = "" if item.default in (None, ()) else f"`{item.default!r}`".replace("'", '"')
        rows.append((f"`{PREFIX}{item.name.upper()}`", default, item.metadata["help"]))
    return _table(("key", "default", "what it does"), *rows)


def signal_table() -> str:
    """Give the table of the signals, from the docstring under each."""
    tree = ast.parse(inspect.getsource(signals)).body
    rows = []
    for node, after in pairwise(tree):
        if isinstance(node, ast.Assign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            (target,) = node.targets
            rows.append((f"`{ast.unparse(target)}`", prose(str(after.value.value))))
    return _table(("signal", "when, and what it adds"), *rows)


def error_table() -> str:
    """Give the table of the errors."""
    found = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, errors.TwoFactorError)]
    found.sort(key=lambda one: inspect.getsourcelines(one)[1])
    rows = [(f"`{one.__name__}`", f"`{one.code}`", str(one.status), prose(one.__doc__ or "")) for one in found]
    return _table(("error", "`code`", "`status`", "when"), *rows)


def endpoint_table() -> str:
    """Give the table of the pages: from the URL map, the form classes, and the views' docstrings."""
    with TemporaryDirectory() as folder:
        app = Flask("console", instance_path=folder)
        app.config["SECRET_KEY"] = "only to make forms with"
        LoginManager(app)
        TwoFactor(app)
    rows = []
    for rule in app.url_map.iter_rules():
        page = rule.endpoint.removeprefix("twofactor.")
        if page != rule.endpoint and page != "static":
            methods = ", ".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}))
            said = prose(inspect.getdoc(app.view_functions[rule.endpoint]) or "").partition("\n\n")[0]
            rows.append((f"`{rule.endpoint}`", f"`{rule}`", methods, ", ".join(_fields(app, page)), said))
    return _table(("endpoint", "address", "methods", "fields of its form", "what it does"), *rows)


def _fields(app: Flask, page: str) -> Iterator[str]:
    """Give the fields of a page's form besides the token."""
    if page in DEFAULT_FORMS:
        with app.test_request_context():
            names = [field.name for field in DEFAULT_FORMS[page]() if field.name != "csrf_token"]
        yield from (f"`{name}`" for name in names)
        if not names:
            yield "the token alone"


def template_table() -> str:
    """Give the table of the templates and their blocks."""
    rows = []
    for path in sorted([*TEMPLATES.glob("*.html"), TEMPLATES / "sets/default/_set.html"], key=lambda path: path.name):
        text = path.read_text(encoding="utf-8")
        blocks = re.findall(r"{%-? block (\w+)", text)
        comment = re.match(r"{#-? (.*?[.:])[\s:]", text, re.S)
        what = comment[1].rstrip(".:") if comment else "a page"
        rows.append((f"`{path.name}`", what, " ".join(f"`{block}`" for block in blocks)))
    return _table(("template", "what", "blocks"), *rows)


def form_names() -> str:
    """Give the names under which forms are swapped."""
    return ", ".join(f"`{name}`" for name in DEFAULT_FORMS if name not in BESIDE) + ".\n"


def commands() -> str:
    """Give each command with its arguments and options, as ``--help`` says."""
    return "\n".join(_command(name, command) for name, command in sorted(registered.commands().items()))


def _command(name: str, command: click.Command) -> str:
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    names = (str(one.name).upper() if one.required else f"[{str(one.name).upper()}]" for one in arguments)
    said = f"### {' '.join((name, *names))}\n\n{prose(command.help or '')}\n"
    rows = [
        (f"`{_option(one)}`", f"{one.help}{' Must be given.' if one.required else ''}{_default(one)}")
        for one in command.params
        if isinstance(one, click.Option)
    ]
    return f"{said}\n{_table(('option', 'what'), *rows)}" if rows else said


def _default(option: click.Option) -> str:
    return f" {option.default}, where absent." if option.show_default else ""


def _option(option: click.Option) -> str:
    if option.is_flag:
        return option.opts[0]
    kind = "|".join(option.type.choices) if isinstance(option.type, click.Choice) else option.type.name.upper()
    return f"{option.opts[0]} {kind.removesuffix(' RANGE')}"


def python_calls() -> str:
    """Give the calls of `TwoFactor` from Python, with their docstrings."""
    return "\n".join(_call("two_factor.", one) for one in _methods() if one.__name__ not in _hook_names())


def python_hooks() -> str:
    """Give the hooks, with their docstrings."""
    hooks = [one for one in _methods() if one.__name__ in _hook_names()]
    rows = [(f"`@two_factor.{one.__name__}`", prose(one.__doc__ or "")) for one in hooks]
    return _table(("hook", "is called with, and gives"), *rows)


def python_classes() -> str:
    """Give the records and the constructor."""
    return f"{_call('', TwoFactor)}\n{_call('', Brand)}\n{_call('', Colours)}"


def _hook_names() -> set[str]:
    return set(Hooks.__dataclass_fields__)


def _methods() -> list[Any]:
    return [one for name, one in vars(TwoFactor).items() if inspect.isfunction(one) and not name.startswith("_")]


def _call(before: str, thing: Any) -> str:
    """Give a function or class under a heading: its signature, and its docstring."""
    signature = inspect.signature(thing)
    shown = signature.replace(parameters=[one for one in signature.parameters.values() if one.name != "self"])
    text = str(shown).replace(": 'Any'", "").replace("<built-in function time>", "time.time")
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", text).replace("'", '"')
    return f"### {before}{thing.__name__}\n\n`{before}{thing.__name__}{text}`\n\n{prose(thing.__doc__ or '')}\n"
