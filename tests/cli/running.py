"""Run ``flask twofactor`` as an operator does, in the app of a test's console."""

from __future__ import annotations

import json
from typing import Any

from click.testing import Result

from tests.support.host import Host
from tests.support.watching import state_of


def run(host: Host, *arguments: str, answer: str | None = None) -> Result:
    return host.app.test_cli_runner().invoke(args=["twofactor", *arguments], input=answer)


def as_json(host: Host, *arguments: str) -> list[dict[str, Any]]:
    """Run a command that is done and says nothing else; give the objects that it prints."""
    result = run(host, *arguments, "--json")
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def lock(host: Host, key: str, known: bool = True) -> None:
    """Guess at the code of an account until no attempt is judged any more, from whatever browser or from new ones."""
    state = state_of(host)
    while state.store.charge(key, state.now, "known" if known else "unknown").attempt:
        pass
