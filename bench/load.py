"""``python -m bench.load PORT SECONDS CONNECTIONS``: ask one page over and over on kept connections.

A closed loop: each connection sends its next request when it has the answer of the last. The request comes on the
standard input; prints JSON, the seconds of each answer. It parses no more of HTTP than the length of an answer: what
the generator costs would be taken from the server, which runs on the same processors.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
import time

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.I)
_SECONDS_TO_ANSWER = 30


def connect(port: int) -> socket.socket:
    """Open a connection to this machine."""
    made = socket.create_connection(("127.0.0.1", port), timeout=_SECONDS_TO_ANSWER)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def ask(connection: socket.socket, request: bytes) -> bool:
    """Send a request and read its answer, which has to be a 200; tell whether the connection stays open."""
    connection.sendall(request)
    received = b""
    while (head := received.find(b"\r\n\r\n")) < 0:
        received += _some(connection)
    top = received[:head]
    if not top.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"load: {top[:200]!r}")
    found = _LENGTH.search(top)
    missing = (int(found[1]) if found else 0) - (len(received) - head - 4)
    while missing > 0:
        missing -= len(_some(connection))
    return _CLOSES.search(top) is None


def _some(connection: socket.socket) -> bytes:
    some = connection.recv(65536)
    if not some:
        raise ConnectionError("the server hung up in the middle of an answer")
    return some


def one(port: int, request: bytes, until: float, taken: list[float]) -> None:
    """Ask until the time is over."""
    connection = connect(port)
    while (began := time.perf_counter()) < until:
        stays = ask(connection, request)
        taken.append(time.perf_counter() - began)
        if not stays:
            connection.close()
            connection = connect(port)
    connection.close()


def main() -> None:
    """Ask on every connection at once."""
    port, seconds, connections = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    request, until = sys.stdin.buffer.read(), time.perf_counter() + seconds
    taken: list[list[float]] = [[] for _ in range(connections)]
    threads = [threading.Thread(target=one, args=(port, request, until, each)) for each in taken]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    values = [value for each in taken for value in each]
    print(json.dumps({"seconds": time.perf_counter() - began, "taken": values}))


if __name__ == "__main__":
    main()
