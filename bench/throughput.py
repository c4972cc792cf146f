"""Requests a second under gunicorn, with and without the extension, in turn; and how long the slow ones take."""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import figures, places, servers, tables
from bench.browser import Browser
from bench.clock import SIGNED_IN, SIGNED_IN_WITH_CODE
from bench.contenders import floor, ours, plain
from bench.crew import ENVIRONMENT, ROOT
from bench.figures import Samples
from bench.load import ask, connect
from bench.names import FLOOR, OURS, PLAIN, POSTGRESQL, WITHOUT
from flask_twofactor.core.totp import code_at, step_at
from tests.support.databases import free_port

_TO_START = 60
_PAGE = "/console"


@dataclass(frozen=True)
class Site:
    """A server to be measured: its name, what it serves, and the session of whoever asks for its page."""

    name: str
    module: str
    options: dict[str, str]
    log_in: Callable[[Path, dict[str, str]], Browser]


def _plainly(folder: Path, _: dict[str, str]) -> Browser:
    return plain.log_in(plain.make_console(folder), SIGNED_IN)


def _on_the_floor(folder: Path, _: dict[str, str]) -> Browser:
    return plain.log_in(floor.make_console(folder, time.time), SIGNED_IN)


def _without(folder: Path, options: dict[str, str]) -> Browser:
    return ours.log_in(ours.make_console(folder, options)[0], SIGNED_IN)


def _with_a_code(folder: Path, options: dict[str, str]) -> Browser:
    app, two_factor = ours.make_console(folder, options)
    secret = ours.enroll(app, two_factor, SIGNED_IN_WITH_CODE)
    return ours.log_in(app, SIGNED_IN_WITH_CODE, code_at(secret, step_at(time.time())))


def _sites(up: servers.Servers) -> list[Site]:
    found = [
        Site(PLAIN, "plain", {}, _plainly),
        Site(FLOOR, "floor", {}, _on_the_floor),
        Site(WITHOUT, "ours", {}, _without),
        Site(OURS, "ours", {}, _with_a_code),
    ]
    if up.database:
        found.append(Site(POSTGRESQL, "ours", {"database": up.database()}, _with_a_code))
    return found


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument("--rounds", type=int, default=20, help="rounds of each server (20)")
    parser.add_argument("--seconds", type=float, default=3, help="of each round (3)")
    parser.add_argument("--connections", type=int, default=8, help="at once (8)")
    parser.add_argument("--workers", type=int, default=2, help="of gunicorn (2)")
    parser.add_argument("--threads", type=int, default=4, help="of each worker (4)")
    parser.add_argument("--to", type=Path, default=figures.FOLDER, help="the folder of the figures (bench/figures)")


def main(options: argparse.Namespace) -> None:
    """Serve, ask in turn, print and keep."""
    rates, times = Samples(), Samples()
    with places.folder() as folder, servers.running() as up, contextlib.ExitStack() as stack:
        asked: dict[str, tuple[int, bytes]] = {}
        for number, site in enumerate(_sites(up)):
            where = folder / str(number)
            where.mkdir()
            request = _request(site.log_in(where, site.options))
            port = stack.enter_context(_gunicorn(site, where, options))
            asked[site.name] = port, request
            _load(port, request, 1, options.connections)
        for round_ in range(options.rounds):
            print(f"throughput: round {round_ + 1} of {options.rounds}", flush=True)
            turn, names = round_ % len(asked), list(asked)
            for name in names[turn:] + names[:turn]:
                done = _load(*asked[name], options.seconds, options.connections)
                rates.add(name, [len(done["taken"]) / done["seconds"]])
                times.add(name, done["taken"])
    found = {
        **{key: getattr(options, key) for key in ("rounds", "seconds", "connections", "workers", "threads")},
        "servers": {name: _summed_up(rates, times, name) for name in asked},
        "shares": figures.ratios(rates, dict.fromkeys(asked, PLAIN)),
    }
    print(tables.everything("throughput", found))
    print(f"wrote {figures.write('throughput', found, options.to)}")


def _summed_up(rates: Samples, times: Samples, name: str) -> dict[str, Any]:
    values = [value for one in times.rounds[name] for value in one]
    slow = {f"p{percent}": figures.percentile(values, percent) for percent in (50, 95, 99)}
    rate = figures.figure([value for one in rates.rounds[name] for value in one])
    return {"rate": rate, **slow, "requests": len(values)}


def _request(browser: Browser) -> bytes:
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    return f"GET {_PAGE} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookies}\r\n\r\n".encode()


def _load(port: int, request: bytes, seconds: float, connections: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.load", str(port), str(seconds), str(connections)]
    done = subprocess.run(command, input=request, env=ENVIRONMENT, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"throughput: {done.stderr.decode(errors='replace')}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextlib.contextmanager
def _gunicorn(site: Site, folder: Path, options: argparse.Namespace) -> Iterator[int]:
    """Run gunicorn until the block ends; its workers are up when it begins."""
    port, log = free_port(), folder / "gunicorn.log"
    words = ", ".join(json.dumps(one) for one in (site.module, str(folder), json.dumps(site.options)))
    command = [
        sys.executable, "-m", "gunicorn", "--no-control-socket", "--bind", f"127.0.0.1:{port}",
        "--workers", str(options.workers), "--worker-class", "gthread", "--threads", str(options.threads),
        "--keep-alive", "60", f"bench.served:app({words})",
    ]  # fmt: skip
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=ENVIRONMENT, cwd=ROOT)
    try:
        _wait(process, port, log)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _TO_START
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), connect(port) as connection:
            if ask(connection, b"GET /login HTTP/1.1\r\nHost: localhost\r\n\r\n"):
                return
        time.sleep(0.1)
    raise SystemExit(f"throughput: gunicorn did not start:\n{log.read_text(errors='replace')}")
