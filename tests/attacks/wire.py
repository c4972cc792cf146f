"""Raw bytes to a real server, and what comes back: for attacks that no client library would send."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.attacks.site import Site
from tests.support.server import serve


class Wire:
    """A server on loopback that is talked to in bytes."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address

    def send(self, raw: bytes) -> bytes:
        """Send bytes on a new connection and read until the server closes; b"" where it only closes."""
        with socket.create_connection(self._address, timeout=10) as connection:
            connection.sendall(raw)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            received = []
            with contextlib.suppress(ConnectionError):
                while data := connection.recv(65536):
                    received.append(data)
            return b"".join(received)

    def ask(self, method: str, target: str | bytes, headers: dict[str, str] | None = None, body: bytes = b"") -> bytes:
        """Send one request with ``target`` as it is, and ``Connection: close``."""
        path = target.encode() if isinstance(target, str) else target
        lines = {"Host": "localhost", "Connection": "close", **(headers or {})}
        head = b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in lines.items())
        return self.send(method.encode() + b" " + path + b" HTTP/1.1\r\n" + head + b"\r\n" + body)


@contextlib.contextmanager
def served(site: Site) -> Iterator[Wire]:
    """Serve the site on loopback."""
    with serve(site.app) as url:
        parts = urlsplit(url)
        yield Wire((parts.hostname or "", parts.port or 0))


def status_of(answer: bytes) -> int:
    """Give the status of an answer; 0 where there was none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0


def header_of(answer: bytes, name: str) -> list[bytes]:
    """Give the values of a header as they were on the wire."""
    head = answer.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    wanted = name.lower().encode()
    return [value.strip() for key, _, value in (line.partition(b":") for line in head) if key.lower() == wanted]


def jar_header(cookies: dict[str, str]) -> dict[str, str]:
    """Give the Cookie header of a jar."""
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
