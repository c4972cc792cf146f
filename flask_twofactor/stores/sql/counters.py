"""Counters with an expiry, for the throttle: what several processes and machines count together."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from sqlalchemy import bindparam, case, delete, select, update

from .database import Database
from .schema import counter
from .store import insert_or_ignore

_PURGE_EVERY = 200
"""Counts of one process between two sweeps of what has expired."""


class SqlCounters:
    """Count under a name until it expires; each count is one atomic write."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._counted = itertools.count(1)
        over = counter.c.expires_at <= bindparam("now")
        database.prepare(
            add_counter=insert_or_ignore(counter, database.engine.dialect.name),
            count=update(counter)
            .where(counter.c.name == bindparam("n"))
            .values(
                hits=case((over, bindparam("amount")), else_=counter.c.hits + bindparam("amount2")),
                expires_at=case((over, bindparam("expiry")), else_=counter.c.expires_at),
            ),
            counted=select(counter.c.hits, counter.c.expires_at).where(counter.c.name == bindparam("n")),
            drop_counter=delete(counter).where(counter.c.name == bindparam("n")),
            drop_over=delete(counter).where(over),
        )

    def count(self, name: str, seconds: int, amount: int = 1) -> int:
        """Add ``amount`` and give the total; a new or expired name starts at 0 and lives ``seconds``."""
        now = int(self._clock())
        values = {"n": name, "now": now, "amount": amount, "amount2": amount, "expiry": now + seconds}
        with self._database.transaction() as run:
            if run.write("count", **values) == 0:
                run.write("add_counter", name=name, hits=0, expires_at=now + seconds)
                run.write("count", **values)
            row = run.row("counted", n=name)
        if next(self._counted) % _PURGE_EVERY == 0:
            with self._database.transaction() as run:  # its own, so that it waits for rows while holding none
                run.write("drop_over", now=now)
        return amount if row is None else int(row[0])

    def total(self, name: str) -> tuple[int, int]:
        """Give the count and when it expires (Unix seconds); (0, 0) where there is none."""
        row = self._database.read("counted", n=name)
        if row is None or row[1] <= self._clock():
            return 0, 0
        return int(row[0]), int(row[1])

    def clear(self, name: str) -> None:
        """Forget a count."""
        with self._database.transaction() as run:
            run.write("drop_counter", n=name)
