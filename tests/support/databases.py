"""PostgreSQL and Redis, started for the run on free loopback ports and ended by their process id.

Each xdist worker has its own server of each kind, from the first test on that asks for it.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis
from psycopg import sql

from tests.support.programs import need

SECONDS_TO_START = 60
ATTEMPTS = 3


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[int]:
    """A fresh PostgreSQL cluster with the superuser ``tests`` and no password; gives its port."""
    programs = Path(need("initdb")).resolve().parent
    account = _account_for_postgresql()
    with _folder(account) as folder:
        data = folder / "data"
        # Its locale is C, so that no setting of this machine changes a sort order.
        _run(
            account,
            *(str(programs / "initdb"), "--pgdata", str(data), "--username=tests", "--auth=trust"),
            *("--encoding=UTF8", "--locale=C", "--no-sync"),
        )

        def start(port: int) -> list[str]:
            settings = {
                "listen_addresses": "127.0.0.1",
                "port": str(port),
                "unix_socket_directories": "",
                "max_connections": "200",
                # Nothing here has to outlive a power cut.
                "fsync": "off",
                "synchronous_commit": "off",
                "full_page_writes": "off",
            }
            options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
            return [str(programs / "postgres"), "-D", str(data), *options]

        def answers(port: int) -> None:
            psycopg.connect(_address(port, "postgres"), connect_timeout=5).close()

        with _server(start, answers, psycopg.OperationalError, folder, account) as port:
            yield port


@pytest.fixture
def postgresql_url(postgresql_server: int) -> Iterator[str]:
    """A SQLAlchemy URL of an empty database, for this test alone."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(_address(postgresql_server, "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield f"postgresql+psycopg://tests@127.0.0.1:{postgresql_server}/{name}"
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def postgresql_database(postgresql_server: int) -> str:
    """A database of PostgreSQL that one test after another empties: to make one takes longer than most tests."""
    with psycopg.connect(_address(postgresql_server, "postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE one_after_another")
    return "one_after_another"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An SQLAlchemy URL of an empty database: an SQLite file, then PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'twofactor.sqlite'}"
    port, name = request.getfixturevalue("postgresql_server"), request.getfixturevalue("postgresql_database")
    with psycopg.connect(_address(port, name), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return f"postgresql+psycopg://tests@127.0.0.1:{port}/{name}"


@pytest.fixture(scope="session")
def redis_server() -> Iterator[int]:
    """A Redis that keeps nothing on disk; gives its port."""
    program = need("redis-server")
    with _folder(None) as folder:

        def start(port: int) -> list[str]:
            where = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
            return [program, *where, "--save", "", "--appendonly", "no"]

        def answers(port: int) -> None:
            with redis.Redis(host="127.0.0.1", port=port) as client:
                client.ping()

        with _server(start, answers, redis.ConnectionError, folder, None) as port:
            yield port


@pytest.fixture
def redis_url(redis_server: int) -> str:
    """The URL of an empty Redis, for this test alone."""
    with redis.Redis(host="127.0.0.1", port=redis_server) as client:
        client.flushall()
    return f"redis://127.0.0.1:{redis_server}/0"


def _address(port: int, database: str) -> str:
    return f"host=127.0.0.1 port={port} user=tests dbname={database}"


def _account_for_postgresql() -> pwd.struct_passwd | None:
    """The account to run PostgreSQL as: it refuses to run as root. None: as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    pytest.skip("needs an account that is not root for PostgreSQL (Debian: postgresql)")


@contextmanager
def _folder(account: pwd.struct_passwd | None) -> Iterator[Path]:
    # Not pytest's tmp_path: its parents are closed to the account that PostgreSQL runs as.
    folder = Path(tempfile.mkdtemp(prefix="flask_twofactor_"))
    try:
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(account: pwd.struct_passwd | None, *command: str) -> None:
    uid, gid, groups = _identity(account)
    done = subprocess.run(
        command,
        user=uid,
        group=gid,
        extra_groups=groups,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"


def _identity(account: pwd.struct_passwd | None) -> tuple[int | None, int | None, list[int] | None]:
    return (None, None, None) if account is None else (account.pw_uid, account.pw_gid, [])


@contextmanager
def _server(
    start: Callable[[int], list[str]],
    answers: Callable[[int], None],
    not_yet: type[Exception],
    folder: Path,
    account: pwd.struct_passwd | None,
) -> Iterator[int]:
    """Run a server until the block ends; another process may take the port first, so try a few."""
    log = folder / "log"
    uid, gid, groups = _identity(account)
    for _ in range(ATTEMPTS):
        port = _free_port()
        with log.open("wb") as output:
            process = subprocess.Popen(
                start(port),
                user=uid,
                group=gid,
                extra_groups=groups,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            if _is_up(process, lambda: answers(port), not_yet):  # noqa: B023  # called in this very turn
                yield port
                return
        finally:
            _end(process)
    pytest.fail(f"{start(0)[0]} did not start: {log.read_text(errors='replace')}")


def _is_up(process: subprocess.Popen[bytes], answers: Callable[[], None], not_yet: type[Exception]) -> bool:
    deadline = time.monotonic() + SECONDS_TO_START
    while process.poll() is None and time.monotonic() < deadline:
        try:
            answers()
        except not_yet:
            time.sleep(0.05)
        else:
            return process.poll() is None  # and it was not another server that answered
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGINT: PostgreSQL's fast shutdown, and Redis's ordinary one."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
