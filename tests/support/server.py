"""A real HTTP server on loopback, for browsers and for races."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.serving import make_server


@contextmanager
def serve(app: Callable[[dict[str, Any], Any], Iterable[bytes]], *, tls: bool = False) -> Iterator[str]:
    """Serve ``app`` from a thread of this process; gives the base URL, without a slash at its end.

    With ``tls``, under a certificate that nobody signed.
    """
    server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context="adhoc" if tls else None)
    thread = threading.Thread(target=server.serve_forever, name="tests.support.server", daemon=True)
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
