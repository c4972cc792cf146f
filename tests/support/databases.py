"""PostgreSQL, MariaDB and Redis, started for the run on free loopback ports and ended by their process id.

Each xdist worker has its own server of each kind, from the first test on that asks for it.
"""

from __future__ import annotations

import gc
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
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pymysql
import pytest
import redis
from psycopg import sql

from tests.support.programs import need

SECONDS_TO_START = 60
ATTEMPTS = 3


class Server:
    """A server on a free loopback port; stopped and started again it keeps port and data."""

    def __init__(
        self,
        command: Callable[[int], list[str]],
        answers: Callable[[int], None],
        not_yet: type[Exception],
        folder: Path,
        account: pwd.struct_passwd | None,
        ends_by: signal.Signals,
    ) -> None:
        self.port = 0
        self.log = folder / "log"
        self._command = command
        self._answers = answers
        self._not_yet = not_yet
        self._account = account
        self._ends_by = ends_by
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it unless it runs; the first time on a free port, which another process may take before it does."""
        if self._process is not None:
            return
        ports = [self.port] if self.port else [free_port() for _ in range(ATTEMPTS)]
        for port in ports:
            self._process = self._begin(port)
            if self._is_up(self._process, port):
                self.port = port
                return
            self.stop()
        pytest.fail(f"{self._command(0)[0]} did not start: {self.log.read_text(errors='replace')}")

    def stop(self) -> None:
        """End it in order, as an administrator does; nothing where it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(self._ends_by)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _begin(self, port: int) -> subprocess.Popen[bytes]:
        uid, gid, groups = _identity(self._account)
        with self.log.open("ab") as output:
            return subprocess.Popen(
                self._command(port),
                user=uid,
                group=gid,
                extra_groups=groups,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def _is_up(self, process: subprocess.Popen[bytes], port: int) -> bool:
        deadline = time.monotonic() + SECONDS_TO_START
        while process.poll() is None and time.monotonic() < deadline:
            try:
                self._answers(port)
            except self._not_yet:
                time.sleep(0.05)
            else:
                return process.poll() is None  # and it was not another server that answered
        return False


@contextmanager
def running(
    command: Callable[[int], list[str]],
    answers: Callable[[int], None],
    not_yet: type[Exception],
    folder: Path,
    account: pwd.struct_passwd | None,
    ends_by: signal.Signals = signal.SIGINT,
) -> Iterator[Server]:
    """Run a server until the block ends."""
    server = Server(command, answers, not_yet, folder, account, ends_by)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def running_postgresql() -> Iterator[Server]:
    """A fresh PostgreSQL cluster with the superuser ``tests`` and no password; stopping it is its fast shutdown."""
    programs = Path(need("initdb")).resolve().parent
    account = account_of("postgres", debian="postgresql")
    with folder_of(account) as folder:
        data = folder / "data"
        # Its locale is C, so that no setting of this machine changes a sort order.
        _run(
            account,
            *(str(programs / "initdb"), "--pgdata", str(data), "--username=tests", "--auth=trust"),
            *("--encoding=UTF8", "--locale=C", "--no-sync"),
        )

        def command(port: int) -> list[str]:
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

        with running(command, answers, psycopg.OperationalError, folder, account) as server:
            yield server


@contextmanager
def running_mariadb() -> Iterator[Server]:
    """A fresh MariaDB with the superuser ``root`` and no password, its settings those it was built with."""
    install, program = need("mariadb-install-db"), need("mariadbd")
    account = account_of("mysql", debian="mariadb-server")
    with folder_of(account) as folder:
        data = folder / "data"
        # As it is built it compares text in latin1, folding case: whatever needs more has to say so in its tables.
        # A folder of its own for temporary tables: several that start at once take each other's from /tmp.
        plain = ["--no-defaults", f"--tmpdir={folder}"]  # whatever /etc/mysql says
        options = ("--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
        _run(account, install, *plain, f"--datadir={data}", *options)

        def command(port: int) -> list[str]:
            where = [f"--datadir={data}", f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}"]
            network = ["--bind-address=127.0.0.1", f"--port={port}", "--skip-name-resolve", "--max-connections=300"]
            # Nothing here has to outlive a power cut.
            light = ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M", "--skip-log-bin"]
            return [program, *plain, *where, *network, *light]

        def answers(port: int) -> None:
            mariadb_connection(port).close()

        with running(command, answers, pymysql.err.OperationalError, folder, account, signal.SIGTERM) as server:
            yield server


@contextmanager
def running_redis(*, append_only: bool = False) -> Iterator[Server]:
    """A Redis that keeps nothing on disk, or with ``append_only`` all that it was told."""
    program = need("redis-server")
    with folder_of(None) as folder:

        def command(port: int) -> list[str]:
            where = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
            return [program, *where, "--save", "", "--appendonly", "yes" if append_only else "no"]

        def answers(port: int) -> None:
            with redis.Redis(host="127.0.0.1", port=port) as client:
                client.ping()

        with running(command, answers, redis.ConnectionError, folder, None) as server:
            yield server


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[int]:
    """A PostgreSQL of this run; gives its port."""
    with running_postgresql() as server:
        yield server.port


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


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[int]:
    """A MariaDB of this run; gives its port."""
    with running_mariadb() as server:
        yield server.port
        gc.collect()  # apps that were dropped close what they left open, while there is a server to hear it


@pytest.fixture
def mariadb_url(mariadb_server: int) -> str:
    """A SQLAlchemy URL of an empty MariaDB database; one test after another empties it."""
    with mariadb_connection(mariadb_server) as connection, connection.cursor() as cursor:
        # What an earlier test left open would keep its tables locked.
        cursor.execute("SELECT id FROM information_schema.processlist WHERE db = 'one_after_another'")
        for row in cursor.fetchall():
            with suppress(pymysql.err.OperationalError):  # it has ended by itself
                cursor.execute("KILL %s", row)
        cursor.execute("CREATE OR REPLACE DATABASE one_after_another")
    # To read the machine's certificates takes the driver longer than most tests.
    return f"mysql+pymysql://root@127.0.0.1:{mariadb_server}/one_after_another?ssl_disabled=1"


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """What kind of database `database_uri` is; a module that asks for fewer has a fixture of this name."""
    kind: str = request.param
    return kind


@pytest.fixture
def database_uri(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An SQLAlchemy URL of an empty database: an SQLite file, then PostgreSQL, then MariaDB."""
    if database_kind == "sqlite":
        return f"sqlite:///{tmp_path / 'twofactor.sqlite'}"
    if database_kind == "mariadb":
        url: str = request.getfixturevalue("mariadb_url")
        return url
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
    """A Redis of this run; gives its port."""
    with running_redis() as server:
        yield server.port


@pytest.fixture
def redis_url(redis_server: int) -> str:
    """The URL of an empty Redis, for this test alone."""
    with redis.Redis(host="127.0.0.1", port=redis_server) as client:
        client.flushall()
    return f"redis://127.0.0.1:{redis_server}/0"


def mariadb_connection(port: int) -> pymysql.Connection[pymysql.cursors.Cursor]:
    """Connect to a MariaDB of this run as its superuser."""
    return pymysql.connect(
        host="127.0.0.1", port=port, user="root", autocommit=True, connect_timeout=5, ssl_disabled=True
    )


def _address(port: int, database: str) -> str:
    return f"host=127.0.0.1 port={port} user=tests dbname={database}"


def account_of(name: str, *, debian: str) -> pwd.struct_passwd | None:
    """The account to run a server as, which must not be root. None: as ourselves."""
    if os.geteuid() != 0:
        return None
    for one in (name, "nobody"):
        try:
            return pwd.getpwnam(one)
        except KeyError:
            continue
    pytest.skip(f"needs an account that is not root for a server (Debian: {debian})")


@contextmanager
def folder_of(account: pwd.struct_passwd | None) -> Iterator[Path]:
    """A folder of that account, gone when the block ends."""
    # Not pytest's tmp_path: its parents are closed to the account that a server runs as.
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


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
