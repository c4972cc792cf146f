"""Connections, transactions and statements that are compiled once.

The gate reads at every request, so a read must cost little more than its driver call: the SQL is built by
SQLAlchemy Core once for the dialect, and run on a connection that is kept at hand between requests
(a pool check-out costs as much as the read itself). Every connection is in AUTOCOMMIT; what needs several
statements brackets them itself.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.engine import Connection, Dialect, Engine, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool, StaticPool
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql import ClauseElement

from ...errors import StoreUnavailable
from .schema import MYSQL, metadata

_BUSY_SECONDS = 15
_SCHEMA_LOCK = 0x7F2FA  # any number, the same in every process
_WAL_TRIES = 100
_BEGIN = {
    "sqlite": "BEGIN IMMEDIATE",
    # Whatever the server or the role has for its default: what is read once a row is locked must be what stands then.
    "postgresql": "BEGIN ISOLATION LEVEL READ COMMITTED",
}

Row = tuple[Any, ...]

_statements: weakref.WeakKeyDictionary[ClauseElement, dict[tuple[type, str], Statement]] = weakref.WeakKeyDictionary()
"""What was compiled in this process, by clause and kind of database: a suite of tests makes hundreds of apps."""


class Statement:
    """One statement as the driver wants it: text, and the order or the names of its parameters."""

    @classmethod
    def of(cls, clause: ClauseElement, dialect: Dialect) -> Statement:
        """Give the clause as a database of this kind wants it, compiled once in this process."""
        kind = type(dialect), dialect.paramstyle
        compiled = _statements.setdefault(clause, {})
        if kind not in compiled:
            compiled[kind] = cls(clause, dialect)
        return compiled[kind]

    def __init__(self, clause: ClauseElement, dialect: Dialect) -> None:
        compiled: Any = clause.compile(dialect=dialect)
        self.sql = str(compiled)
        self._defaults = {name: value for name, value in compiled.params.items() if value is not None}
        self._order = list(compiled.positiontup) if compiled.positional else None
        self.bind: Callable[[dict[str, Any]], Any] = self._bind
        """Gives the parameters in the driver's own form."""
        if self._order and len(self._order) > 1 and not self._defaults:
            self.bind = itemgetter(*self._order)  # the same in C; it gives a tuple for two names and more only

    def _bind(self, values: dict[str, Any]) -> Any:
        values = {**self._defaults, **values}
        return values if self._order is None else tuple(values[name] for name in self._order)


class Transaction:
    """Several statements, all or none."""

    def __init__(self, database: Database, cursor: Any) -> None:
        self._database = database
        self._cursor = cursor

    def row(self, statement: str, /, **values: Any) -> Row | None:
        """Run a query and give its first row."""
        self._run(statement, values)
        found: Row | None = self._cursor.fetchone()
        return found

    def rows(self, statement: str, /, **values: Any) -> list[Row]:
        """Run a query and give all its rows."""
        self._run(statement, values)
        return list(self._cursor.fetchall())

    def write(self, statement: str, /, **values: Any) -> int:
        """Run a change and give how many rows it touched."""
        self._run(statement, values)
        return int(self._cursor.rowcount)

    def _run(self, name: str, values: dict[str, Any]) -> None:
        statement = self._database.statements[name]
        self._cursor.execute(statement.sql, statement.bind(values))


class Database:
    """One engine, its idle connections, and the named statements that run on it."""

    def __init__(self, engine: Engine, *, keep_idle: bool) -> None:
        """Take an engine; ``keep_idle`` only for one that is ours alone (a host's pool must not be drained)."""
        self.engine = engine
        self.statements: dict[str, Statement] = {}
        self._keep_idle = keep_idle
        self._idle: deque[tuple[Connection, Any]] = deque()
        weakref.finalize(self, _close_all, self._idle)  # an app that is dropped leaves no file open
        # One connection for all threads (SQLite in memory) takes one of them at a time.
        self._turn = threading.RLock() if isinstance(engine.pool, StaticPool) else None
        self._errors: tuple[type[BaseException], ...] = (SQLAlchemyError, engine.dialect.dbapi.Error)  # type: ignore[union-attr]
        name = engine.dialect.name
        self._begin = [_BEGIN.get(name, "BEGIN")]
        if name in MYSQL:
            # Its own default, REPEATABLE READ, also locks the gaps between rows: log-ins of two accounts that
            # lie side by side, or of one that is new, would deadlock. For this transaction, not for the session:
            # the connection may be the host's.
            self._begin.insert(0, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        reference = weakref.ref(self)

        def before_fork() -> None:
            if database := reference():
                database.close()

        def after_fork() -> None:
            if database := reference():
                database._forget_connections()

        os.register_at_fork(before=before_fork, after_in_child=after_fork)

    @classmethod
    def connect(cls, uri: str) -> Database:
        """Make a database of our own for an SQLAlchemy URL; nothing is opened yet."""
        url = make_url(uri)
        options: dict[str, Any] = {"hide_parameters": True, "poolclass": NullPool, "future": True}
        if url.get_backend_name() == "sqlite":
            options["connect_args"] = {"timeout": _BUSY_SECONDS, "check_same_thread": False}
            if url.database in (None, "", ":memory:"):
                options["poolclass"] = StaticPool
            elif not str(url.database).startswith("file:"):
                try:
                    _make_private(Path(str(url.database)))
                except OSError as error:
                    raise StoreUnavailable(f"the store's file cannot be made: {error}") from error
        engine = create_engine(url, **options)
        database = cls(engine, keep_idle=True)
        weakref.finalize(database, engine.dispose)  # a database in memory is one connection that its pool keeps
        return database

    def prepare(self, **clauses: ClauseElement) -> None:
        """Keep statements at hand by name."""
        self.statements.update({name: Statement.of(clause, self.engine.dialect) for name, clause in clauses.items()})

    def read(self, name: str, **values: Any) -> Row | None:
        """Run a query outside any transaction and give its first row."""
        found = self.read_all(name, **values)
        return found[0] if found else None

    def read_all(self, name: str, **values: Any) -> list[Row]:
        """Run a query outside any transaction and give its rows; retried once on a fresh connection."""
        statement = self.statements[name]
        parameters = statement.bind(values)
        if self._turn is not None:
            with self._turn:
                return self._read_afresh(statement, parameters)
        try:
            connection = self._idle.pop()
        except IndexError:
            return self._read_afresh(statement, parameters)
        try:
            cursor = connection[1].cursor()
            cursor.execute(statement.sql, parameters)
            found: list[Row] = cursor.fetchall()
            cursor.close()
        except self._errors:
            self._discard(connection)
            return self._read_afresh(statement, parameters)
        self._idle.append(connection)
        return found

    def _read_afresh(self, statement: Statement, parameters: Any) -> list[Row]:
        with self._guard(self._open()) as connection:
            cursor = connection[1].cursor()
            cursor.execute(statement.sql, parameters)
            found: list[Row] = cursor.fetchall()
            cursor.close()
            return found

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Bracket statements: committed at the end of the block, rolled back where it raises."""
        with self._turn or contextlib.nullcontext(), self._guard(self._begun()) as connection:
            cursor = connection[1].cursor()
            try:
                yield Transaction(self, cursor)
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")
            cursor.close()

    def _begun(self) -> tuple[Connection, Any]:
        """Give a connection with an open transaction; one that went stale while idle is replaced."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._open()
        else:
            try:
                self._start(connection)
            except self._errors:
                self._discard(connection)
                connection = self._open()
            else:
                return connection
        try:
            self._start(connection)
        except self._errors as error:
            self._discard(connection)
            raise StoreUnavailable("the store did not begin a transaction") from error
        return connection

    def _start(self, connection: tuple[Connection, Any]) -> None:
        cursor = connection[1].cursor()
        for statement in self._begin:
            cursor.execute(statement)

    @contextlib.contextmanager
    def _guard(self, connection: tuple[Connection, Any]) -> Iterator[tuple[Connection, Any]]:
        try:
            yield connection
        except self._errors as error:
            self._discard(connection)
            raise StoreUnavailable("the store did not answer") from error
        except BaseException:
            self._release(connection)
            raise
        self._release(connection)

    def _open(self) -> tuple[Connection, Any]:
        try:
            connection = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            return connection, connection.connection.dbapi_connection
        except self._errors as error:
            raise StoreUnavailable("the store cannot be reached") from error

    def _release(self, connection: tuple[Connection, Any]) -> None:
        if self._keep_idle:
            self._idle.append(connection)
        else:
            connection[0].close()

    def _discard(self, connection: tuple[Connection, Any]) -> None:
        """Drop a connection that failed, and every idle one: what broke it broke them too."""
        for one in [connection, *_take_all(self._idle)]:
            with contextlib.suppress(*self._errors):  # it is broken already; closing may say so again
                one[0].invalidate()
                one[0].close()

    def _forget_connections(self) -> None:
        """In a forked child: leave the connections that the parent's threads use alone, neither used nor closed."""
        self._inherited = _take_all(self._idle)
        self.engine.dispose(close=False)

    def close(self) -> None:
        """Close what is idle; the next use opens anew.

        Before a fork too: SQLite counts a file's locks by process, so a child that inherits an open file takes
        its parent's locks for its own, and loses its writes when the parent closes (sqlite.org/howtocorrupt.html).
        """
        _close_all(self._idle)

    def create_tables(self) -> None:
        """Make what is missing of the tables; eight processes may do so at once."""
        with self._turn or contextlib.nullcontext():
            self._create_tables()

    def _create_tables(self) -> None:
        with self._guard(self._open()) as connection:
            self._write_ahead(connection[1])
        with self._guard(self._begun()) as connection:
            cursor = connection[1].cursor()
            if self.engine.dialect.name == "postgresql":
                cursor.execute(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")
            for table in metadata.sorted_tables:
                cursor.execute(str(CreateTable(table, if_not_exists=True).compile(dialect=self.engine.dialect)))
            cursor.execute("COMMIT")
            cursor.close()

    def _write_ahead(self, raw: Any) -> None:
        """Switch an SQLite file to WAL; the switch does not wait for locks by itself, so it is tried again."""
        if self.engine.dialect.name != "sqlite":
            return
        for attempt in range(_WAL_TRIES):
            try:
                cursor = raw.cursor()
                if cursor.execute("PRAGMA journal_mode").fetchone()[0] not in ("wal", "memory"):
                    cursor.execute("PRAGMA journal_mode=WAL").fetchone()
                return
            except self.engine.dialect.dbapi.OperationalError:  # type: ignore[union-attr]  # locked, for one
                if attempt + 1 == _WAL_TRIES:
                    raise
                time.sleep(0.05)


def _take_all(idle: deque[tuple[Connection, Any]]) -> list[tuple[Connection, Any]]:
    """Empty the deque; safe while other threads take from it and give back."""
    taken = []
    with contextlib.suppress(IndexError):
        while True:
            taken.append(idle.pop())
    return taken


def _close_all(idle: deque[tuple[Connection, Any]]) -> None:
    for connection, _ in _take_all(idle):
        with contextlib.suppress(SQLAlchemyError):  # it may be broken, and says so
            connection.close()


def _make_private(path: Path) -> None:
    """Make an SQLite file that only this user reads (0600); its WAL takes the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
