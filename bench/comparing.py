"""The jobs of every contender in turn, interleaved in one run; medians and ratios, never asserted."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import figures, places, servers, starting, tables
from bench.contender import BLOCKS, JOBS
from bench.crew import Absent, Entry, Worker, workers
from bench.figures import Samples
from bench.names import ALLAUTH, DJANGO, FLOOR, FLOOR_PAGES, OURS, PLAIN, POSTGRESQL, READ, REDIS, SECURITY, WITHOUT

HERE = (
    Entry(PLAIN, "plain"),
    Entry(READ, "plain", {"read": "1"}),
    Entry(FLOOR, "floor"),
    Entry(FLOOR_PAGES, "floor_pages"),
    Entry(WITHOUT, "ours", {"without": "1"}),
    Entry(OURS, "ours"),
    Entry(SECURITY, "security"),
    Entry(DJANGO, "django_site"),
    Entry(ALLAUTH, "django_site", {"allauth": "1"}),
)
STARTED = (PLAIN, FLOOR, OURS, SECURITY, DJANGO, ALLAUTH)
_WARM_UP = 5


def bases(job: str) -> dict[str, str]:
    """Give what each contender is measured by: pages by the same stack without a factor, else by the floor."""
    names = (PLAIN, READ, FLOOR, FLOOR_PAGES, WITHOUT, OURS, SECURITY, DJANGO, ALLAUTH, POSTGRESQL, REDIS)
    if "page" in job and job != "set-up page":
        return {name: DJANGO if name in (DJANGO, ALLAUTH) else PLAIN for name in names}
    return dict.fromkeys(names, FLOOR)


def entries(up: servers.Servers) -> list[Entry]:
    """Give the contenders that this machine has servers for."""
    found = list(HERE)
    if up.database:
        found.append(Entry(POSTGRESQL, "ours_remote", {"database": up.database()}))
        if up.redis:
            found.append(Entry(REDIS, "ours_remote", {"database": up.database(), "counters": up.redis}))
    return found


def measure(
    given: Sequence[Entry], folder: Path, rounds: int, samples: Mapping[str, Samples], warm_up: int = _WARM_UP
) -> tuple[dict[str, str], dict[str, int]]:
    """Run every job of every contender, ``rounds`` times in turn; gives who fell out and why, and the bytes of each."""
    with workers(given, folder) as (up, absent):
        for job in JOBS:
            able = {name: one for name, one in up.items() if job in one.jobs}
            _warm_up(job, able, warm_up, absent)
            _run(job, {name: one for name, one in able.items() if name not in absent}, rounds, samples[job])
        memory = {name: int(one.ask("memory")) for name, one in up.items() if name not in absent}
        return absent, memory


def _warm_up(job: str, able: Mapping[str, Worker], times: int, absent: dict[str, str]) -> None:
    for name, one in able.items():
        if name not in absent:
            try:
                one.ask(job, times)
            except Absent as why:
                absent[name] = f"{job}: {why}"


def _run(job: str, able: Mapping[str, Worker], rounds: int, samples: Samples) -> None:
    block, names = BLOCKS.get(job, 1), list(able)
    for round_ in range(rounds):
        turn = round_ % len(names) if names else 0
        for name in names[turn:] + names[:turn]:
            samples.add(name, able[name].ask(job, block))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument("--rounds", type=int, default=300, help="rounds of each job (300)")
    parser.add_argument("--generations", type=int, default=3, help="so often every process is started anew (3)")
    parser.add_argument("--starts", type=int, default=15, help="cold starts of each (15)")
    parser.add_argument("--to", type=Path, default=figures.FOLDER, help="the folder of the figures (bench/figures)")


def main(options: argparse.Namespace) -> None:
    """Measure, print, and keep."""
    samples = {job: Samples() for job in JOBS}
    memory = Samples()
    each = max(1, options.rounds // options.generations)
    absent: dict[str, str] = {}
    with places.folder() as folder, servers.running() as up:
        for number in range(options.generations):
            print(f"bench: generation {number + 1} of {options.generations}, {each} rounds of each job", flush=True)
            gone, left = measure(entries(up), folder / f"generation{number}", each, samples)
            absent |= gone
            for name, size in left.items():
                memory.add(name, [size])
        started = [one for one in HERE if one.name in STARTED and one.name not in absent]
        print(f"bench: {options.starts} cold starts of each", flush=True)
        starts = starting.measure(started, folder / "starting", options.starts)
    found: dict[str, Any] = {
        "rounds": each * options.generations,
        "absent": {**absent, **{line.partition(":")[0]: line for line in up.absent}},
        "jobs": {job: figures.summed_up(samples[job]) for job in JOBS},
        "ratios": {job: figures.ratios(samples[job], bases(job)) for job in JOBS},
        "starting": starts,
        "memory after": figures.summed_up(memory),
    }
    print(tables.everything("jobs", found))
    print(f"wrote {figures.write('jobs', found, options.to)}")
