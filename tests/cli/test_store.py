"""``flask twofactor rotate-keys`` and ``purge``, as an operator and as cron run them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.running import as_json, run
from tests.support.host import Clock, Host
from tests.support.watching import tamper

ROOT = Path(__file__).parents[2]
OLD, NEW = "old " * 10, "new " * 10
CONSOLE = f"""
from pathlib import Path
from tests.support.host import make_host
app = make_host(Path(__file__).parent, TWOFACTOR_KEY={NEW!r}, TWOFACTOR_KEY_FALLBACKS=[{OLD!r}]).app
"""


@pytest.fixture
def both(make_app: Callable[..., Host]) -> Host:
    """A console with a new key, whose two accounts with the factor were sealed with the old one."""
    old = make_app(TWOFACTOR_KEY=OLD)
    old.enroll("alice")
    old.enroll("mallory")
    return make_app(TWOFACTOR_KEY=NEW, TWOFACTOR_KEY_FALLBACKS=[OLD])


@pytest.mark.requirement("KEY-01")
def test_a_second_rotation_has_nothing_to_do(both: Host) -> None:
    first, second = run(both, "rotate-keys"), run(both, "rotate-keys")
    assert first.output == "secrets sealed with the present key: 2; that were so already: 0\n"
    assert second.output == "secrets sealed with the present key: 0; that were so already: 2\n"
    assert as_json(both, "rotate-keys") == [{"resealed": 0, "current": 2, "unopened": [], "lost": []}]


@pytest.mark.requirement("KEY-02")
def test_what_no_key_opens_is_named_and_the_status_is_1(both: Host) -> None:
    tamper(both, "UPDATE twofactor_enrolment SET sealed = '1.broken' WHERE subject = '1'")
    tamper(both, "UPDATE twofactor_meta SET value = '1.broken' WHERE name = 'recovery_key'")
    tamper(both, "INSERT INTO twofactor_meta VALUES ('recovery_key', '1.broken') ON CONFLICT DO NOTHING")
    result = run(both, "rotate-keys")
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "secrets sealed with the present key: 1; that were so already: 0",
        "no key opens the secret of 1: find its key, or make a rescue code",
        "no key opens the store's own recovery_key: find its key",
    ]
    again = run(both, "rotate-keys", "--json")
    assert again.exit_code == 1
    assert json.loads(again.stdout) == {"resealed": 0, "current": 1, "unopened": ["1"], "lost": ["recovery_key"]}


@pytest.mark.slow
@pytest.mark.usefixtures("both")
@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown_on_a_terminal_alone_and_never_on_standard_output(tmp_path: Path, terminal: bool) -> None:
    (tmp_path / "console.py").write_text(CONSOLE)
    command = [sys.executable, "-m", "flask", "--app", "console", "twofactor", "rotate-keys", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    screen, inside = pty.openpty()
    try:
        errors = inside if terminal else subprocess.PIPE
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=errors, cwd=tmp_path, env=environment, text=True, check=True
        )
        os.write(inside, b"the end")
        shown = os.read(screen, 65536).decode()
    finally:
        os.close(inside)
        os.close(screen)
    assert json.loads(done.stdout) == {"resealed": 2, "current": 0, "unopened": [], "lost": []}
    if terminal:
        assert "Sealing anew" in shown
        assert "100%" in shown
    else:
        assert (shown, done.stderr) == ("the end", "")


def test_a_purge_says_how_many_of_each_went(enrolled: Host, clock: Clock) -> None:
    enrolled.person().log_in("alice")
    person = enrolled.person()
    person.log_in("bob")
    person.begin_setup()
    run(enrolled, "rescue", "mallory", "--with", "bea", "--by", "ann", "--yes")
    clock.move(366 * 86400)
    first = run(enrolled, "purge")
    assert first.exit_code == 0
    told = "deleted: events 5, ended sessions 2, unfinished set-ups 1, trusted browsers 0, rescue codes 1, counters "
    assert first.output.startswith(told)
    assert int(first.output.removeprefix(told)) > 0
    assert as_json(enrolled, "purge") == [
        {"events": 0, "marks": 0, "pendings": 0, "trusted": 0, "rescues": 0, "counters": 0}
    ]


def test_after_a_purge_everybody_logs_in_as_before(enrolled: Host, clock: Clock) -> None:
    with enrolled.app.app_context():
        [code, *_] = enrolled.two_factor.new_recovery_codes(enrolled.users["alice"])
    clock.move(366 * 86400)
    run(enrolled, "purge")
    for name, given in (("mallory", enrolled.code("mallory")), ("alice", code)):
        person = enrolled.person()
        person.identify(name)
        person.credential(f"{name}-password", given)
        assert person.me == name
