"""The statements that SQLite runs for a database of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from flask_twofactor.stores.sql import Database


@contextmanager
def traced(database: Database) -> Iterator[list[str]]:
    """Note every statement that SQLite runs for ``database``, its values replaced by ``?``."""
    seen: list[str] = []
    watching = [True]

    def note(statement: str) -> None:
        if watching:
            seen.append(re.sub(r"'(?:[^']|'')*'|-?\b\d+\b", "?", statement))

    def trace(connection: Any, _: Any) -> None:
        connection.set_trace_callback(note)

    database.close()
    event.listen(database.engine, "connect", trace)
    try:
        yield seen
    finally:
        watching.clear()  # closing has statements of its own
        event.remove(database.engine, "connect", trace)
        database.close()
