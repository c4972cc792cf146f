"""Real processes that do one thing at the same moment.

They come from a fork server that has imported what they need, so that forty of them start in a second or two;
none of them shares a connection, a store or an app with another.
"""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any, TypeVar

T = TypeVar("T")

SECONDS = 120
_CONTEXT = multiprocessing.get_context("forkserver")
# The dialect and its driver too: SQLAlchemy imports them where they are first used, and that would be in each process.
_CONTEXT.set_forkserver_preload(
    ["tests.stores.test_races", "tests.test_throttle", "psycopg", "sqlalchemy.dialects.postgresql.psycopg"]
)

Act = Callable[[int], T]
"""What a process does in each round, which it is given the number of."""


def race(count: int, rounds: int, prepare: Callable[..., Act[T]], *arguments: Any) -> list[list[T]]:
    """Let ``count`` processes each ``prepare(number, *arguments)``, then act in each round at once.

    ``prepare`` is a function of a module. Gives the answers by round; raises what a process raised, as text.
    """
    barrier = _CONTEXT.Barrier(count)
    results: Queue[tuple[list[T], str]] = _CONTEXT.Queue()
    processes = [
        _CONTEXT.Process(target=_take_part, args=(barrier, results, rounds, prepare, number, arguments), daemon=True)
        for number in range(count)
    ]
    try:
        for process in processes:
            process.start()
        answers = [results.get(timeout=SECONDS) for _ in processes]
    finally:
        for process in processes:
            process.join(SECONDS)
        results.close()
    problems = [problem for _, problem in answers if problem]
    # Who fails breaks the barrier for the others: the first cause is not theirs.
    causes = [problem for problem in problems if "BrokenBarrierError" not in problem] or problems
    assert not causes, f"{len(problems)} of {count} processes failed:\n{causes[0]}"
    return [list(answered) for answered in zip(*(mine for mine, _ in answers), strict=True)]


def _take_part(
    barrier: Barrier,
    results: Queue[tuple[list[T], str]],
    rounds: int,
    prepare: Callable[..., Act[T]],
    number: int,
    arguments: tuple[Any, ...],
) -> None:
    try:
        act = prepare(number, *arguments)
        mine = []
        for one in range(rounds):
            barrier.wait(SECONDS)
            mine.append(act(one))
        results.put((mine, ""))
    except BaseException:
        barrier.abort()
        results.put(([], traceback.format_exc()))
        raise
