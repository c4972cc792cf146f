"""Every fenced block of the documentation is run, or held against what it speaks of."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
from jinja2 import nodes

from flask_twofactor import cli
from tests.docs.blocks import DOCS, PAGES, ROOT, Block, blocks_in_language, blocks_of
from tests.docs.console import make_console
from tests.docs.reader import TUTORIAL
from tests.support.commands import commands
from tests.support.host import Host

CHECKED = {"python", "sh", "console", "jinja", "css", "json", "diff"}
UNCHECKED = {"text"}  # what a program prints, a crontab, an expression: read below for commands alone
RUN_ELSEWHERE = {
    TUTORIAL: "tests/docs/test_tutorial.py",
    ROOT / "README.md": "tests/test_docs.py",
    DOCS / "how-to/test-your-console.md": "tests/test_testing.py",
    **dict.fromkeys((DOCS / "how-to/consoles").glob("*.md"), "tests/hosts/test_hosts.py"),
}
HAVE_PYTHON = [page for page in PAGES if any(block.language == "python" for block in blocks_of(page))]
RUN_HERE = [page for page in HAVE_PYTHON if page not in RUN_ELSEWHERE]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
PROGRAMS = {"cat", "flask", "make", "psql", "sqlite3", "umask"}
"""What guides have people call; a new one is looked at by whoever writes it."""


def test_every_block_is_in_a_language_that_is_looked_at() -> None:
    blocks = [block for page in PAGES for block in blocks_of(page) if not block.language.startswith("{")]
    assert len(blocks) > 50
    assert not [str(block) for block in blocks if block.language not in CHECKED | UNCHECKED]


# --- Python


def python_of(page: Path) -> list[Block]:
    return [block for block in blocks_of(page) if block.language == "python"]


def run_blocks(page: Path, names: dict[str, Any]) -> None:
    """Run a page's blocks one after the other, as one program; attach where the page leaves that to its reader."""
    blocks = python_of(page)
    text = "".join(block.text for block in blocks)
    app, two_factor = names["app"], names["two_factor"]
    makes_its_own = "TwoFactor(" in text
    sets = 'app.config["TWOFACTOR_' in text  # read where it is attached, so before
    if makes_its_own and sets:
        blocks.sort(key=lambda block: 'app.config["' not in block.text)
    with app.app_context():
        names["user"] = names["find"]("Ann")
        if not (makes_its_own or sets):
            two_factor.init_app(app)
            two_factor.enroll(names["user"])
        for block in blocks:
            exec(compile("\n" * block.line + block.text, str(page), "exec"), names)  # noqa: S102
        if not makes_its_own and sets:
            two_factor.init_app(app)


@pytest.mark.parametrize("page", RUN_HERE, ids=lambda page: page.name)
def test_the_python_of_a_guide_runs_in_a_console(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWOFACTOR_KEY", "ab" * 32)
    names = make_console(tmp_path)
    run_blocks(page, names)
    if "db.internal" not in page.read_text(encoding="utf-8"):  # of somebody's net
        assert names["app"].test_client().get("/two-factor/identify").status_code == 200


@pytest.mark.parametrize("name", ["existing-console", "notices", "recovery-codes"])
def test_the_hook_of_a_guide_sends_the_mail(name: str, tmp_path: Path) -> None:
    names = make_console(tmp_path)
    run_blocks(DOCS / f"how-to/{name}.md", names)
    with names["app"].app_context():
        if not names["two_factor"].is_enabled(names["user"]):
            names["two_factor"].enroll(names["user"])
        assert names["two_factor"].reset(names["user"], by="somebody")
    assert {mail.partition(":")[0] for mail in names["mail"].sent} == {"ann@example.org"}


def test_the_import_of_the_guide_takes_the_factors_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_blocks(DOCS / "how-to/migrate.md", make_console(tmp_path))
    assert capsys.readouterr().out == "1 0 0 () ()\n"


def test_the_formatter_of_the_signals_page_writes_json(tmp_path: Path) -> None:
    names = make_console(tmp_path)
    run_blocks(DOCS / "reference/signals.md", names)
    record = names["logging"].LogRecord("flask_twofactor.audit", 20, "", 0, "", None, None)
    record.twofactor = {"kind": "twofactor-logged-in"}
    assert json.loads(names["AsJson"]().format(record)) == {"kind": "twofactor-logged-in"}


# --- the shell


def typed(block: Block) -> str:
    """Give the commands of a block: all of it, or what stands after a prompt."""
    if block.language == "sh":
        return block.text
    return "".join(re.findall(r"^\$ (.*\n(?:    .*\n)*)", block.text, re.M))


SHELL = [block for block in blocks_in_language("sh", "console") if block.page != TUTORIAL]


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_the_commands_of_a_block_are_there(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = typed(block)
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    for name in ("users.csv", "devices.csv", "secrets.json", "factors.sealed"):
        (tmp_path / name).touch()
    for words in commands_in(text):
        assert words[0] in PROGRAMS, words
        if words[0] == "make":
            assert words[1] in TARGETS, words
        if words[0] == "flask":
            takes(words)


def commands_in(text: str) -> list[list[str]]:
    """Take shell text apart into commands, without comments and redirections."""
    lexer = shlex.shlex(text.replace("\\\n", " "), posix=True, punctuation_chars=True)
    lexer.whitespace = " \t"
    found: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("\n;|&"):
            found.append([])
        else:
            found[-1].append(word)
    return [words[: words.index(">")] if ">" in words else words for words in found if words]


def takes(words: list[str]) -> None:
    """Fail where ``flask twofactor`` would not take what was typed."""
    _, *rest = words[words.index("twofactor") :]
    command = commands()[rest[0]]
    with command.make_context(rest[0], rest[1:], parent=click.Context(cli.group)):
        pass


def test_what_a_command_does_not_take_is_noticed() -> None:
    with pytest.raises(click.UsageError):
        takes(["flask", "twofactor", "list", "--nobody"])
    with pytest.raises(KeyError):
        takes(["flask", "twofactor", "lists"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_named_in_a_page_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"flask (?:--app \S+ )?twofactor ([a-z][a-z-]+)", text)
    assert not set(named) - set(commands())
    assert not set(re.findall(r"`make ([a-z][a-z-]*)", text)) - TARGETS


# --- templates, stylesheets, JSON, diffs


@pytest.mark.parametrize("block", blocks_in_language("jinja"), ids=str)
def test_a_template_compiles_and_changes_blocks_that_are_there(block: Block, host: Host) -> None:
    env = host.app.jinja_env
    env.from_string(block.text)
    tree = env.parse(block.text)
    for extended in tree.find_all(nodes.Extends):
        parent = env.get_template(extended.template.as_const())
        assert {one.name for one in tree.find_all(nodes.Block)} <= set(parent.blocks)


@pytest.mark.parametrize("block", blocks_in_language("css"), ids=str)
def test_a_stylesheet_sets_properties_that_are_there(block: Block) -> None:
    ours = (ROOT / "flask_twofactor/static/twofactor/twofactor.css").read_text(encoding="utf-8")
    named = re.findall(r"--tf-[\w-]+", block.text)
    assert named
    assert all(f"var({name})" in ours for name in named)


@pytest.mark.parametrize("block", blocks_in_language("json"), ids=str)
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", blocks_in_language("diff"), ids=str)
def test_a_diff_adds_python_or_is_typed_by_the_tutorial(block: Block) -> None:
    added = [line[1:] for line in block.text.splitlines() if line.startswith("+")]
    assert added
    assert all(line[:1] in {"+", "-", " ", "@"} for line in block.text.splitlines())
    if block.page != TUTORIAL:
        assert any("two_factor" in line or "TwoFactor" in line for line in added)
