"""How long a console takes to start, and what memory that takes: a process for each start, in turn."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.crew import ENVIRONMENT, Entry
from bench.figures import Group, Samples, summed_up

STAGES = ("import", "app", "first page", "start", "memory")


def measure(entries: Sequence[Entry], folder: Path, rounds: int) -> dict[str, Group]:
    """Start each contender ``rounds`` times, in turn; the first start, which fills caches on disk, does not count."""
    samples: dict[str, Samples] = {stage: Samples() for stage in STAGES}
    for round_ in range(-1, rounds):
        for number, entry in enumerate(entries):
            found = _start(entry, folder / str(number))
            for stage in STAGES if round_ >= 0 else ():
                samples[stage].add(entry.name, [found[stage]])
    return {stage: summed_up(samples[stage]) for stage in STAGES}


def _start(entry: Entry, folder: Path) -> dict[str, float]:
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "bench.cold", entry.module, str(folder), json.dumps(dict(entry.options))]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
