"""Pictures of every page in every state: wide and narrow, light and dark."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from .chromium import running
from .gallery import SCHEMES, WIDTHS, Gallery
from .states import STATES


class _Quiet(WSGIRequestHandler):
    """A handler that writes no line for each of the hundreds of files that pages load."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write nothing."""


def listen(application: object, port: int) -> BaseWSGIServer:
    """Give a server for this machine alone."""
    return make_server("127.0.0.1", port, application, threaded=True, request_handler=_Quiet)  # type: ignore[arg-type]


def take(gallery: Gallery, folder: Path, program: str) -> Iterator[Path]:
    """Take the pictures into ``folder``, a folder for each brand and in it for each language; give each path."""
    with _served(gallery) as url, running(program) as browser:
        for brand in gallery.brands:
            for language in gallery.languages:
                place = folder / brand / language
                place.mkdir(parents=True, exist_ok=True)
                for shown in STATES:
                    gallery.draw(shown, brand, language)  # a template that fails fails here, and is not pictured
                    address = url + gallery.address(shown, brand, language)
                    for width, (across, down) in WIDTHS.items():
                        for scheme in SCHEMES:
                            path = place / f"{shown.page}-{shown.name}-{width}-{scheme}.png"
                            path.write_bytes(browser.picture(address, across, down, scheme))
                            yield path


@contextlib.contextmanager
def _served(gallery: Gallery) -> Iterator[str]:
    server = listen(gallery, 0)
    thread = threading.Thread(target=server.serve_forever, name="flask_twofactor.preview", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
