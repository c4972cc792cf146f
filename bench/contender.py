"""What every contender gives to the run: its jobs by name, each a whole piece of work of one person."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Job = Callable[[], object]
JOBS = {
    "bare page": "about the least that a page can be",
    "console page": "a page with a layout and 20 links, as consoles have them",
    "log-in": "the log-in page to the first page behind it, no factor",
    "log-in with a code": "the same with the factor",
    "refused code": "the right password and a wrong code, to the page that says no",
    "set-up page": "the page with the QR code",
    "round trip": "one row by its key, through the driver alone",
}
"""Jobs in the order of the tables, and what each is: every HTTP request of it."""
BLOCKS = {"bare page": 20, "console page": 20, "round trip": 20}
"""Jobs that are done so often in a row: a worker serves one app, and alternating would measure its caches."""


@dataclass(frozen=True)
class Contender:
    """A console that is up: its WSGI application, its jobs, and what is done before each of one, not timed."""

    wsgi: Callable[..., Any]
    jobs: Mapping[str, Job]
    before: Mapping[str, Job] = field(default_factory=dict)


def run(contender: Contender, job: str, times: int) -> list[float]:
    """Do a job so often in a row; give the seconds of each."""
    work, before, taken = contender.jobs[job], contender.before.get(job), []
    for _ in range(times):
        if before is not None:
            before()
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return taken
