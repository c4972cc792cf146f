"""Counters with an expiry, for the throttle: what several processes and machines count together."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from sqlalchemy import bindparam, case, delete, select, update
from sqlalchemy.sql import ClauseElement

from .database import Database, Row, Transaction
from .schema import counter
from .statements import InsertOrIgnore

_PURGE_EVERY = 200
"""Counts of one process between two sweeps of what has expired."""
_AT_ONCE = 8
"""Names that one statement asks for."""
_PAGE = 500
"""Counts that one transaction sweeps away."""


class SqlCounters:
    """Count under a name until it expires; each count is one atomic write."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._counted = itertools.count(1)
        database.prepare(**_statements())

    def count(self, name: str, seconds: int, amount: int = 1) -> int:
        """Add ``amount`` and give the total; a new or expired name starts at 0 and lives ``seconds``."""
        with self._database.transaction() as run:
            self._add(run, name, seconds, amount)
            row = run.row("counted", n=name)
        self._purge()
        return amount if row is None else int(row[0])

    def count_all(self, names: Sequence[tuple[str, int]]) -> list[int]:
        """Add one to each (name, seconds) and give the totals, in one transaction and in one order of locks."""
        with self._database.transaction() as run:
            for name, seconds in sorted(names):
                self._add(run, name, seconds, 1)
            totals = {row[0]: int(row[1]) for row in self._rows(run.rows, [name for name, _ in names])}
        self._purge()
        return [totals.get(name, 1) for name, _ in names]

    def give_back(self, names: Sequence[str], forget: Sequence[str] = ()) -> None:
        """Take one from each name that still counts, and forget others, in one transaction."""
        now = int(self._clock())
        with self._database.transaction() as run:
            for name in sorted({*names, *forget}):
                if name in forget:
                    run.write("drop_counter", n=name)
                else:
                    run.write("uncount", n=name, now=now)

    def totals(self, names: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Give the count and its expiry of each name that counts."""
        rows, now = self._rows(self._database.read_all, names), self._clock()
        return {name: (int(hits), int(expires_at)) for name, hits, expires_at in rows if hits > 0 and expires_at > now}

    @staticmethod
    def _rows(read: Callable[..., list[Row]], names: Sequence[str]) -> list[Row]:
        found: list[Row] = []
        for start in range(0, len(names), _AT_ONCE):
            some = [*names[start : start + _AT_ONCE], *[""] * _AT_ONCE][:_AT_ONCE]
            found += read("counted_all", **{f"n{number}": name for number, name in enumerate(some)})
        return found

    def _add(self, run: Transaction, name: str, seconds: int, amount: int) -> None:
        now = int(self._clock())
        values = {"n": name, "now": now, "amount": amount, "amount2": amount, "expiry": now + seconds}
        if run.write("count", **values) == 0:
            run.write("add_counter", name=name, hits=0, expires_at=now + seconds)
            run.write("count", **values)

    def sweep(self) -> int:
        """Forget what has expired, in short transactions; give how many that were."""
        gone, now = 0, int(self._clock())
        while page := self._database.read_all("over", now=now):
            with self._database.transaction() as run:
                gone += sum(run.write("drop_if_over", n=name, now=now) for (name,) in page)
        return gone

    def _purge(self) -> None:
        if next(self._counted) % _PURGE_EVERY == 0:
            with self._database.transaction() as run:  # its own, so that it waits for rows while holding none
                run.write("drop_over", now=int(self._clock()))

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


@functools.cache
def _statements() -> Mapping[str, ClauseElement]:
    over = counter.c.expires_at <= bindparam("now")
    return MappingProxyType(
        {
            "add_counter": InsertOrIgnore(counter),
            "count": update(counter)
            .where(counter.c.name == bindparam("n"))
            .values(
                hits=case((over, bindparam("amount")), else_=counter.c.hits + bindparam("amount2")),
                expires_at=case((over, bindparam("expiry")), else_=counter.c.expires_at),
            ),
            "uncount": update(counter)
            .where(counter.c.name == bindparam("n"), counter.c.hits > 0, counter.c.expires_at > bindparam("now"))
            .values(hits=counter.c.hits - 1),
            "counted": select(counter.c.hits, counter.c.expires_at).where(counter.c.name == bindparam("n")),
            "counted_all": select(counter.c.name, counter.c.hits, counter.c.expires_at).where(
                counter.c.name.in_([bindparam(f"n{number}") for number in range(_AT_ONCE)])
            ),
            "drop_counter": delete(counter).where(counter.c.name == bindparam("n")),
            "drop_over": delete(counter).where(over),
            "over": select(counter.c.name).where(over).order_by(counter.c.expires_at, counter.c.name).limit(_PAGE),
            "drop_if_over": delete(counter).where(counter.c.name == bindparam("n"), over),
        }
    )
