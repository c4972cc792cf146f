"""How the journeys and the commands grow with the number of enrolled accounts, on SQLite and on PostgreSQL."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import bulk, figures, places, servers, tables
from bench.contenders.grown import JOBS
from bench.crew import ENVIRONMENT, Absent, Entry, Worker, workers
from bench.figures import Samples

COMMANDS = (("list",), ("purge", "--json"), ("rotate-keys", "--json"))
_BYTES = 5000
"""Of an account in an SQLite file, with all that hangs on it."""
_WARM_UP = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument("--sqlite", type=int, nargs="+", default=[1_000, 100_000, 1_000_000], metavar="ACCOUNTS")
    parser.add_argument("--postgresql", type=int, nargs="*", default=[1_000, 100_000], metavar="ACCOUNTS")
    parser.add_argument("--rounds", type=int, default=200, help="rounds of each job (200)")
    parser.add_argument("--to", type=Path, default=figures.FOLDER, help="the folder of the figures (bench/figures)")


def main(options: argparse.Namespace) -> None:
    """Fill, measure, print and keep."""
    found: dict[str, Any] = {"rounds": options.rounds, "databases": {}, "absent": {}}
    needs = _BYTES * sum(options.sqlite + options.postgresql)
    with places.folder(max(needs, 2**30)) as folder, servers.running() as up:
        uris = {count: f"sqlite:///{folder / f'{count}.sqlite'}" for count in options.sqlite}
        found["databases"]["SQLite"] = measure("SQLite", uris, folder / "sqlite", options.rounds)
        if up.database and options.postgresql:
            uris = {count: up.database() for count in options.postgresql}
            figures.write("growth", found, options.to)  # what takes an hour is kept as far as it came
            found["databases"]["PostgreSQL"] = measure("PostgreSQL", uris, folder / "postgresql", options.rounds)
        found["absent"] = {line.partition(":")[0]: line for line in up.absent}
    print(tables.everything("growth", found))
    print(f"wrote {figures.write('growth', found, options.to)}")


def measure(kind: str, uris: Mapping[int, str], folder: Path, rounds: int, warm_up: int = _WARM_UP) -> dict[str, Any]:
    """Measure each size of a kind: the journeys in turn, then the commands, which change what is there."""
    print(f"growth: filling {kind} with {', '.join(map(str, uris))} accounts", flush=True)
    given = [Entry(str(count), "grown", {"database": uri, "accounts": str(count)}) for count, uri in uris.items()]
    with workers(given, folder) as (up, absent):
        if absent:
            raise SystemExit(f"growth: {absent}")
        print(f"growth: {rounds} rounds of each journey", flush=True)
        samples = {job: Samples() for job in JOBS}
        for job, block in JOBS.items():
            for one in up.values():
                one.ask(job, warm_up)
            _run(job, block, up, rounds, samples[job])
    groups = {job: figures.summed_up(one) for job, one in samples.items()}
    return {
        str(count): {
            "bytes": bulk.size(uri),
            "jobs": {job: groups[job][str(count)] for job in JOBS},
            "commands": _commands(folder / str(number), given[number], count),
        }
        for number, (count, uri) in enumerate(uris.items())
    }


def _run(job: str, block: int, up: Mapping[str, Worker], rounds: int, samples: Samples) -> None:
    names = list(up)
    for round_ in range(rounds):
        turn = round_ % len(names)
        for name in names[turn:] + names[:turn]:
            samples.add(name, up[name].ask(job, block))


def _commands(folder: Path, entry: Entry, count: int) -> dict[str, Any]:
    found = {}
    for words in COMMANDS:
        print(f"growth: flask twofactor {words[0]} on {count} accounts", flush=True)
        measured = _command(folder, entry, words)
        found[f"flask twofactor {words[0]}"] = {**measured, "rows": _rows(words[0], folder, count)}
    return found


def _command(folder: Path, entry: Entry, words: Sequence[str]) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.command", str(folder), json.dumps(dict(entry.options)), *words]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Absent(f"{' '.join(words)}: {done.stderr}")
    measured: dict[str, float] = json.loads(done.stdout)
    return {name: figures.round_to(value) for name, value in measured.items()}


def _rows(command: str, folder: Path, count: int) -> int:
    """Give how many rows a command went through, by what it printed."""
    text = (folder / "output").read_text(encoding="utf-8")
    if command == "list":
        seen = len(text.splitlines())
        assert seen == count, f"{seen} of {count} accounts were listed"
        return seen
    values = json.loads(text)
    if command == "rotate-keys":
        assert values["resealed"] == count, values
        return count
    return sum(values.values())
