from __future__ import annotations

from collections.abc import Iterator

import pytest

from flask_twofactor.stores.sql import Database, SqlStore


@pytest.fixture
def database(database_uri: str) -> Iterator[Database]:
    """A database of SQLite, of PostgreSQL and of MariaDB, without tables."""
    database = Database.connect(database_uri)
    yield database
    database.close()


@pytest.fixture
def store(database: Database) -> SqlStore:
    """A store on SQLite, on PostgreSQL and on MariaDB, with tables."""
    store = SqlStore(database)
    store.init()
    return store
