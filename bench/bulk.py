"""Many enrolled accounts at once: sealed rows written straight into the tables, as fast as the database takes them.

Every account has a confirmed factor, ten recovery codes, a session and an event; one in ten of the sessions and of the
events has had its time, and one account in ten has a counter that has, so that `purge` has something to do (what
is old of the events goes before, at the first log-in of a process).
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import Table
from sqlalchemy.engine import make_url

from bench.clock import DAY
from flask_twofactor.core.keyring import token_digest
from flask_twofactor.core.records import Mark
from flask_twofactor.state import State
from flask_twofactor.stores.sql import schema

AT_ONCE = 5_000
OLD = 10
"""One in so many has had its time."""
RECOVERY_CODES = 10
"""Of an account."""
_LONG_AGO = 500 * DAY
Row = dict[str, Any]


@dataclass(frozen=True)
class Crowd:
    """So many accounts that share a secret, each sealed by itself; names and session values follow from the number."""

    state: State
    count: int
    secret: str

    def name(self, number: int) -> str:
        """Give the key of an account."""
        return f"account-{number:07}"

    def token(self, number: int) -> str:
        """Give the value that the account's session holds."""
        return f"session-of-{number:07}"

    def factor(self, number: int) -> str:
        """Give the id of its factor."""
        return f"{number:032x}"

    def rows(self, numbers: Sequence[int]) -> Iterator[tuple[Table, list[Row]]]:
        """Give the rows of some accounts, table by table."""
        yield schema.account, [self._account(number) for number in numbers]
        yield schema.enrolment, [self._enrolment(number) for number in numbers]
        yield schema.recovery, [row for number in numbers for row in self._recovery(number)]
        yield schema.mark, [self._mark(number) for number in numbers]
        yield schema.event, [self._event(number) for number in numbers]
        yield schema.counter, [self._counter(number) for number in numbers if number % OLD == 0]

    def _account(self, number: int) -> Row:
        return {
            "subject": self.name(number), "epoch": number + 1, "factor": self.factor(number), "required": 0,
            "grace_from": 0, "unknown": "", "known": "", "recovery": "", "in_a_row": 0, "told_few": 0, "told_many": 0,
            "sheet": "",
        }  # fmt: skip

    def _enrolment(self, number: int) -> Row:
        subject, factor = self.name(number), self.factor(number)
        return {
            "subject": subject, "id": factor, "sealed": self.state.seal_secret(self.secret, subject, factor),
            "created_at": self._at, "confirmed_at": self._at, "opened_by": None, "last_step": -1, "tries": 0,
            "earlier": "", "name": "",
        }  # fmt: skip

    def _recovery(self, number: int) -> list[Row]:
        subject, factor = self.name(number), self.factor(number)
        digests = (f"{number:063x}{code}" for code in range(RECOVERY_CODES))
        return [{"subject": subject, "digest": one, "enrolment": factor, "expires_at": 0} for one in digests]

    def _mark(self, number: int) -> Row:
        at = self._at if number % OLD else self._at - _LONG_AGO
        kept = token_digest(self.token(number)), self.name(number), self.factor(number), at, at, at, at, 0
        return Mark(*kept, "192.0.2.0/24", "a browser")._asdict()

    def _event(self, number: int) -> Row:
        at = self._at if number % OLD else self._at - _LONG_AGO
        return {
            "at": at, "kind": "twofactor-logged-in", "subject": self.name(number), "source": "192.0.2.0/24",
            "agent": "a browser", "details": "{}",
        }  # fmt: skip

    def _counter(self, number: int) -> Row:
        return {"name": f"twofactor/name/{number}/3600", "hits": 1, "expires_at": self._at - DAY}

    @property
    def _at(self) -> int:
        return self.state.now


def fill(crowd: Crowd, uri: str) -> None:
    """Write the crowd into the tables, which are there."""
    bool(crowd.state.store)
    write = _into_sqlite if uri.startswith("sqlite") else _into_postgresql
    numbers = iter(range(crowd.count))
    write(uri, (crowd.rows(some) for some in iter(lambda: list(itertools.islice(numbers, AT_ONCE)), [])))


def _into_sqlite(uri: str, batches: Iterable[Iterable[tuple[Table, list[Row]]]]) -> None:
    database = sqlite3.connect(str(make_url(uri).database), isolation_level=None)
    database.execute("PRAGMA synchronous=OFF")
    for batch in batches:
        database.execute("BEGIN")
        for table, rows in batch:
            names = list(rows[0])
            places = ", ".join("?" * len(names))
            query = f"INSERT INTO {table.name} ({_columns(names)}) VALUES ({places})"  # noqa: S608 - names of ours
            database.executemany(query, [tuple(row.values()) for row in rows])
        database.execute("COMMIT")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def _into_postgresql(uri: str, batches: Iterable[Iterable[tuple[Table, list[Row]]]]) -> None:
    address = make_url(uri)
    with psycopg.connect(
        host=address.host, port=address.port, user=address.username, dbname=address.database
    ) as database:
        for batch in batches:
            for table, rows in batch:
                names = list(rows[0])
                with (
                    database.cursor() as cursor,
                    cursor.copy(f"COPY {table.name} ({_columns(names)}) FROM STDIN") as copy,
                ):
                    for row in rows:
                        copy.write_row(tuple(row.values()))
        database.commit()
        database.autocommit = True
        database.execute("ANALYZE")


def _columns(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def size(uri: str) -> int:
    """Give the bytes of a database."""
    address = make_url(uri)
    if uri.startswith("sqlite"):
        with sqlite3.connect(str(address.database)) as database:
            pages: tuple[int] = database.execute("PRAGMA page_count").fetchone()
            each: tuple[int] = database.execute("PRAGMA page_size").fetchone()
            return pages[0] * each[0]
    with psycopg.connect(
        host=address.host, port=address.port, user=address.username, dbname=address.database
    ) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        assert row is not None
        return int(row[0])
