"""``python -m bench``: the jobs in turn, interleaved in one run; medians and ratios, never asserted.

``--rounds`` rounds of each job (default 400); ``--json FILE`` writes the figures.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import hosts

Job = Callable[[], object]
BLOCK = 20
"""Requests in a row of one app: a worker serves one, so alternating would measure the processor's caches."""
GOALS = {f"{page}, {factor} factor": 1.05 for page in ("bare page", "console") for factor in ("without", "with")}


class Clock:
    """A clock that jumps a time step when a log-in needs a fresh code."""

    at = 1_800_000_000.0

    def __call__(self) -> float:
        """Give Unix seconds."""
        return self.at


def memory_folder() -> str | None:
    """Give a file system in memory where there is one, so that no disk is measured."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108


def make_jobs(folder: Path) -> dict[str, dict[str, Job]]:
    """Make the groups of jobs; in each the first is the measure of the others."""
    clock = Clock()
    plain = hosts.make_plain(folder)
    extended, secret = hosts.make_extended(folder, clock)
    by_plain = hosts.log_in_plain(plain)
    by_floor = hosts.log_in_plain(hosts.make_plain(folder, with_a_read=True))
    without = hosts.log_in_extended(extended, "bob")
    with_factor = hosts.log_in_extended(extended, "alice", hosts.code_of(secret, clock))

    def log_in_with_factor() -> None:
        clock.at += 30
        hosts.log_in_extended(extended, "alice", hosts.code_of(secret, clock))

    def refused(password: str) -> Job:
        def job() -> None:
            clock.at += 3600 * 24  # beyond every limit, so that each attempt is judged
            hosts.refuse(extended, "alice", password, "000000")

        return job

    def get(browser: hosts.Browser, path: str) -> Job:
        def job() -> None:
            status, _, _ = browser.call(path)
            assert status.startswith("200"), status

        return job

    def pages(path: str) -> dict[str, Job]:
        return {
            "plain Flask-Login": get(by_plain, path),
            "and one bare read": get(by_floor, path),
            "without factor": get(without, path),
            "with factor": get(with_factor, path),
        }

    return {
        "bare page": pages("/page"),
        "console": pages("/console"),
        "log-in": {
            "plain Flask-Login": lambda: hosts.log_in_plain(plain),
            "without factor": lambda: hosts.log_in_extended(extended, "bob"),
            "with factor": log_in_with_factor,
        },
        "refused": {"wrong password": refused("wrong"), "wrong code": refused(hosts.PASSWORD)},
    }


def measure(jobs: dict[str, Job], rounds: int, block: int) -> dict[str, list[float]]:
    """Run the jobs in turn, ``block`` times each, ``rounds`` times over; gives seconds."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        for _ in range(20):
            job()
    gc.collect()
    gc.disable()
    for _ in range(rounds):
        for name, job in jobs.items():
            for _ in range(block):
                start = time.perf_counter()
                job()
                times[name].append(time.perf_counter() - start)
    gc.enable()
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures = {}
    with tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
        for group, jobs in make_jobs(Path(folder)).items():
            times = measure(jobs, arguments.rounds, BLOCK if group in ("bare page", "console") else 1)
            base = statistics.median(next(iter(times.values())))
            for name, values in times.items():
                median = statistics.median(values)
                low, high = statistics.quantiles(values, n=20)[0], statistics.quantiles(values, n=20)[-1]
                goal = GOALS.get(f"{group}, {name}")
                shown = f"  (goal {goal})" if goal else ""
                spread = f"{low * 1e6:8.0f} to {high * 1e6:8.0f}"
                print(f"{group:9} {name:20} {median * 1e6:9.1f} µs  {spread} µs  x {median / base:.3f}{shown}")
                figures[f"{group}, {name}"] = {"median": median, "ratio": median / base, "p5": low, "p95": high}
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
