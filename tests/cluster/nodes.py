"""What the cluster is made of: nodes of gunicorn, nginx before them, and the two servers that they share."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.cluster import site
from tests.support.databases import (
    SECONDS_TO_START,
    Server,
    account_of,
    folder_of,
    free_port,
    running,
    running_postgresql,
    running_redis,
)
from tests.support.programs import need

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 2
NGINX = """\
daemon off;
pid {folder}/pid;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream nodes {{ {servers} }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://nodes;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $http_host;
        }}
    }}
}}
"""


class Node:
    """A gunicorn of two workers in a process group of its own."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.port = free_port()
        self.log = log
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it unless it runs, and wait until it listens; the first page that it serves is a test's own."""
        if self._process is not None:
            return
        command = [sys.executable, "-m", "gunicorn", f"--workers={WORKERS}", "--threads=4"]
        command += [f"--bind=127.0.0.1:{self.port}", "--no-control-socket", "tests.cluster.site:create_app()"]
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + SECONDS_TO_START
        while not self._listens():
            assert self._process.poll() is None, self.log.read_text(errors="replace")
            assert time.monotonic() < deadline, self.log.read_text(errors="replace")
            time.sleep(0.05)

    def _listens(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS_TO_START)
        try:
            connection.connect()
        except ConnectionRefusedError:
            return False
        else:
            return True
        finally:
            connection.close()

    def kill(self) -> None:
        """Take the machine away: every process of the group at once, in the middle of what it does."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=SECONDS_TO_START)


@dataclass(frozen=True)
class Cluster:
    """Two nodes behind nginx, on one PostgreSQL and one Redis."""

    postgresql: Server
    redis: Server
    nodes: tuple[Node, Node]
    nginx: Server
    environment: dict[str, str] = field(repr=False)

    @property
    def ports(self) -> tuple[int, int]:
        return self.nodes[0].port, self.nodes[1].port

    def enrol(self, *names: str) -> dict[str, str]:
        """Turn the factor of these accounts on, by a script beside the nodes; gives their secrets."""
        command = [sys.executable, "-m", "tests.cluster.site", *names]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        secrets: dict[str, str] = json.loads(done.stdout)
        return secrets

    def log(self) -> str:
        """Give what the nodes have written."""
        return "".join(node.log.read_text(errors="replace") for node in self.nodes)

    @contextlib.contextmanager
    def without(self, server: Server) -> Iterator[None]:
        """Stop a server for the block, and start it again on the same port and data."""
        server.stop()
        try:
            yield
        finally:
            server.start()


def environment_of(postgresql: Server, redis: Server, database: str) -> dict[str, str]:
    """Give the environment of the nodes."""
    uri = f"postgresql+psycopg://tests@127.0.0.1:{postgresql.port}/{database}"
    return {**os.environ, site.DATABASE_URI: uri, site.COUNTERS_URI: f"redis://127.0.0.1:{redis.port}/0"}


def new_database(postgresql: Server, name: str) -> None:
    """Make an empty database."""
    address = f"host=127.0.0.1 port={postgresql.port} user=tests dbname=postgres"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")


@contextlib.contextmanager
def running_nodes(environment: dict[str, str], folder: Path, count: int) -> Iterator[tuple[Node, ...]]:
    """Run so many nodes until the block ends."""
    nodes = tuple(Node(environment, folder / f"node{number}.log") for number in range(1, count + 1))
    try:
        for node in nodes:
            node.start()
        yield nodes
    finally:
        for node in nodes:
            node.kill()


@contextlib.contextmanager
def running_nginx(nodes: tuple[Node, ...]) -> Iterator[Server]:
    """Run nginx before the nodes, as nobody in particular, until the block ends."""
    program = need("nginx")
    account = account_of("www-data", debian="nginx")
    with folder_of(account) as folder:
        servers = " ".join(f"server 127.0.0.1:{node.port} max_fails=1 fail_timeout=1s;" for node in nodes)
        config = folder / "nginx.conf"

        def command(port: int) -> list[str]:
            config.write_text(NGINX.format(folder=folder, servers=servers, port=port), encoding="utf-8")
            config.chmod(0o644)
            return [program, "-e", "stderr", "-p", str(folder), "-c", str(config)]

        def answers(port: int) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.connect()
            connection.close()

        with running(command, answers, ConnectionRefusedError, folder, account, signal.SIGTERM) as server:
            yield server


@contextlib.contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Run the whole until the block ends."""
    with contextlib.ExitStack() as stack:
        postgresql = stack.enter_context(running_postgresql())
        redis = stack.enter_context(running_redis(append_only=True))
        new_database(postgresql, "console")
        environment = environment_of(postgresql, redis, "console")
        one, two = stack.enter_context(running_nodes(environment, folder, 2))
        nginx = stack.enter_context(running_nginx((one, two)))
        yield Cluster(postgresql, redis, (one, two), nginx, environment)
