"""PostgreSQL and Redis for a run, the same that the tests start; None where this machine has no such program."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest

from tests.support.databases import running_postgresql, running_redis


@dataclass(frozen=True)
class Servers:
    """What is there: makes the URL of an empty database, and has that of a Redis."""

    database: Callable[[], str] | None
    redis: str | None
    absent: tuple[str, ...] = ()
    """Why something is not."""


@contextlib.contextmanager
def running() -> Iterator[Servers]:
    """Run what this machine has until the block ends."""
    absent: list[str] = []
    with contextlib.ExitStack() as stack:
        database = redis = None
        try:
            port = stack.enter_context(running_postgresql()).port
            database = _databases(port)
        except pytest.skip.Exception as why:
            absent.append(f"PostgreSQL: {why}")
        try:
            redis = f"redis://127.0.0.1:{stack.enter_context(running_redis()).port}/0"
        except pytest.skip.Exception as why:
            absent.append(f"Redis: {why}")
        yield Servers(database, redis, tuple(absent))


def _databases(port: int) -> Callable[[], str]:
    def make() -> str:
        name = f"bench_{uuid.uuid4().hex}"
        with psycopg.connect(f"host=127.0.0.1 port={port} user=tests dbname=postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://tests@127.0.0.1:{port}/{name}"

    return make
