"""How the databases find the rows of every statement: by an index, but for those that go through a table by nature."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.sql import ClauseElement

from flask_twofactor.stores.sql import Database, SqlCounters, SqlStore, counters, statements
from tests.support.host import START

BY_NATURE = {
    "count_enrolments": "the length of the progress bar of rotate-keys: every row counts",
    "with_old_pendings": "purge, once a day: an index of their age would be one more to write at every set-up",
    "with_old_rescues": "purge, once a day: an index of their age would hold every recovery code of every account",
}
"""Statements that look through a table, and why. What they give is bounded: a number, or 500 rows at a time."""
FROM_THE_END = {
    "events": "the last events of all accounts, from the end of the primary key until there are enough",
    "events_like": "the same of one kind",
}
"""Statements that walk an index in its order, and stop at their limit."""

Explain = Callable[[str, Any], list[str]]
"""Gives the steps at which a plan looks through a whole table or index, or sorts."""


def clauses(dialect: str) -> Mapping[str, ClauseElement]:
    """Give every statement of the store and of the counters by its name."""
    return {**statements.statements(dialect), **counters._statements()}


def values_of(clause: ClauseElement, dialect: Dialect) -> dict[str, Any]:
    """Give a value for each parameter of a statement that has none: a text, which PostgreSQL reads as what it needs."""
    params = clause.compile(dialect=dialect).params
    return {name: "1" for name, value in params.items() if value is None}


def whole(database: Database, explain: Explain) -> dict[str, list[str]]:
    """Give what looks through a whole table, by the name of its statement."""
    SqlStore(database).init()
    SqlCounters(database, lambda: START)
    dialect = database.engine.dialect
    every = clauses(dialect.name)
    assert every.keys() == database.statements.keys()
    found = {}
    for name, clause in every.items():
        statement = database.statements[name]
        if steps := explain(statement.sql, statement.bind(values_of(clause, dialect))):
            found[name] = steps
    return found


def in_sqlite(connection: sqlite3.Connection) -> Explain:
    def explain(query: str, values: Any) -> list[str]:
        steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", values)]
        assert steps or query.startswith("INSERT"), query
        return [step for step in steps if step.startswith("SCAN")]

    return explain


def in_postgresql(connection: psycopg.Connection[Any]) -> Explain:
    def explain(query: str, values: Any) -> list[str]:
        row = connection.execute(f"EXPLAIN (FORMAT JSON) {query}".encode(), values).fetchone()
        assert row is not None
        nodes = list(nodes_of(row[0][0]["Plan"]))
        scans = [node for node in nodes if node["Node Type"].endswith("Scan")]
        assert scans or query.startswith("INSERT") or "clock_timestamp" in query, query
        # The heap's part of a bitmap scan looks where the index said.
        return [
            f"{node['Node Type']} on {node.get('Relation Name')}"
            for node in scans
            if "Index Cond" not in node and node["Node Type"] != "Bitmap Heap Scan"
        ]

    return explain


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes_of(below)


@pytest.fixture
def sqlite_file(tmp_path: Any) -> Iterator[Database]:
    database = Database.connect(f"sqlite:///{tmp_path / 'twofactor.sqlite'}")
    yield database
    database.close()


@pytest.fixture
def postgresql(postgresql_url: str) -> Iterator[tuple[Database, psycopg.Connection[Any]]]:
    """A database, and a connection that takes an index wherever there is one that serves, however few the rows."""
    database, address = Database.connect(postgresql_url), make_url(postgresql_url)
    with psycopg.connect(
        host=address.host, port=address.port, user=address.username, dbname=address.database, autocommit=True
    ) as connection:
        connection.execute("SET enable_seqscan = off")
        yield database, connection
    database.close()


def test_sqlite_finds_the_rows_of_every_statement_by_an_index(sqlite_file: Database) -> None:
    with closing(sqlite3.connect(str(sqlite_file.engine.url.database))) as connection:
        found = whole(sqlite_file, in_sqlite(connection))
    assert found.keys() == BY_NATURE.keys() | FROM_THE_END.keys(), found


def test_postgresql_finds_the_rows_of_every_statement_by_an_index(
    postgresql: tuple[Database, psycopg.Connection[Any]],
) -> None:
    database, connection = postgresql
    found = whole(database, in_postgresql(connection))
    assert found.keys() - FROM_THE_END.keys() == BY_NATURE.keys(), found


@pytest.mark.parametrize("name", FROM_THE_END)
def test_the_last_events_come_in_the_order_of_an_index_and_nothing_is_sorted(
    sqlite_file: Database, postgresql: tuple[Database, psycopg.Connection[Any]], name: str
) -> None:
    database, connection = postgresql
    for one in (sqlite_file, database):
        SqlStore(one).init()
    values = {"m": 10, "t": 1, "k": "x", "k2": "x"}
    statement = sqlite_file.statements[name]
    with closing(sqlite3.connect(str(sqlite_file.engine.url.database))) as file:
        plan = [row[3] for row in file.execute(f"EXPLAIN QUERY PLAN {statement.sql}", statement.bind(values))]
    assert plan == ["SCAN twofactor_event"]  # by its key: it would say so where it sorted
    connection.execute("SET enable_sort = off")  # of no rows, an order costs nothing
    statement = database.statements[name]
    row = connection.execute(f"EXPLAIN (FORMAT JSON) {statement.sql}".encode(), statement.bind(values)).fetchone()
    assert row is not None
    kinds = [node["Node Type"] for node in nodes_of(row[0][0]["Plan"])]
    assert kinds == ["Limit", "Index Scan"]
