"""What waits for the end of a response is done once, however the server treats it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Response, request
from werkzeug.test import EnvironBuilder

from tests.support.host import Host
from tests.support.watching import state_of


class Sent:
    """A request to the app as a server makes it, of which each step is the test's."""

    def __init__(self, host: Host, method: str = "POST") -> None:
        self.headers: dict[str, str] = {}
        environ = EnvironBuilder("/happens", method=method).get_environ()
        self.body: Any = host.app(environ, self._start)
        self.chunks: Iterator[bytes] = iter(self.body)

    def _start(self, status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
        self.headers = dict(headers)


@pytest.fixture
def happening(host: Host) -> Host:
    """A console one of whose views has something happen."""

    @host.app.route("/happens", methods=["GET", "POST"])
    def happens() -> Any:
        state_of(host).record("twofactor-test", "2")
        if request.method == "GET":
            return Response(iter(["done", " in parts"]))
        return "done"

    return host


def count(host: Host) -> int:
    return len(state_of(host).store.events("2", 9))


@pytest.mark.requirement("LOG-01", "ENU-11")
def test_it_is_done_when_the_body_was_sent_where_the_server_closes_no_response(happening: Host) -> None:
    """Werkzeug's own does not where the browser has hung up."""
    sent = Sent(happening)
    assert next(sent.chunks) == b"done"
    assert count(happening) == 0
    assert list(sent.chunks) == []
    assert count(happening) == 1
    assert sent.headers["Content-Length"] == "4"


@pytest.mark.requirement("LOG-01")
def test_it_is_done_when_a_response_is_closed_that_nobody_read(happening: Host) -> None:
    Sent(happening).body.close()
    assert count(happening) == 1


@pytest.mark.requirement("LOG-01")
@pytest.mark.parametrize("method", ["POST", "GET", "HEAD"])
def test_it_is_done_once_where_the_server_does_both(happening: Host, method: str) -> None:
    sent = Sent(happening, method)
    assert b"".join(sent.chunks) == {"POST": b"done", "GET": b"done in parts", "HEAD": b""}[method]
    sent.body.close()
    assert count(happening) == 1
