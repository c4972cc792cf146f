"""The console with the extension on PostgreSQL, with the option ``counters`` on Redis too; and a bare round trip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import psycopg
import redis
from sqlalchemy.engine import make_url

from bench.contender import Contender, Job
from bench.contenders import ours

start = ours.start


def make(folder: Path, options: Mapping[str, str]) -> Contender:
    """Make the contender; the option ``database`` is an SQLAlchemy URL."""
    made = ours.make(folder, options, _clearing(options.get("counters", "")))
    return replace(made, jobs={**made.jobs, "round trip": _round_trip(options["database"])})


def _clearing(uri: str) -> Job:
    """Give what forgets the counters of Redis, which go by its own clock."""
    if not uri:
        return lambda: None
    client = redis.Redis.from_url(uri)
    return lambda: client.flushdb()


def _round_trip(uri: str) -> Job:
    address = make_url(uri)
    connection = psycopg.connect(
        host=address.host, port=address.port, user=address.username, dbname=address.database, autocommit=True
    )
    query = "SELECT value FROM twofactor_meta WHERE name = %s"
    return lambda: connection.execute(query, ["schema"]).fetchone()
