"""Chromium without a window, spoken to over its own pipe: no driver and no library is needed for a picture.

The protocol is JSON, each message ended by a zero byte, on the file descriptors 3 and 4 of the browser
(https://chromedevtools.github.io/devtools-protocol/, ``--remote-debugging-pipe``).
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from typing import Any

PROGRAMS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge",
    "chromium-headless-shell", "chrome-headless-shell",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)  # fmt: skip
_ARGUMENTS = (
    "--headless", "--remote-debugging-pipe", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
    "--no-default-browser-check", "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
_PATIENCE = 60
"""Seconds that the browser may take for an answer."""


def find() -> str | None:
    """Give the path of a browser that is installed, None where there is none."""
    return next((path for path in map(shutil.which, PROGRAMS) if path), None)


@contextlib.contextmanager
def running(program: str) -> Iterator[Browser]:
    """Run a browser with a profile of its own, and end it. What fails in it is an `OSError`."""
    ours, theirs = socket.socketpair()
    with ours, theirs, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = _start(program, profile, theirs)
        theirs.close()  # so that its end of the pipe closes with it
        try:
            ours.settimeout(_PATIENCE)
            yield Browser(ours)
        finally:
            os.kill(process, signal.SIGTERM)
            os.waitpid(process, 0)


def _start(program: str, profile: str, pipe: socket.socket) -> int:
    arguments = [program, *_ARGUMENTS, f"--user-data-dir={profile}"]
    if os.geteuid() == 0:  # its sandbox is not for root: in a container, say
        arguments.append("--no-sandbox")
    pipe.set_inheritable(True)
    silent = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
    piped = [(os.POSIX_SPAWN_DUP2, pipe.fileno(), there) for there in (3, 4)]
    return os.posix_spawn(program, arguments, os.environ, file_actions=[*silent, *piped])


class Browser:
    """A browser that takes pictures."""

    def __init__(self, pipe: socket.socket) -> None:
        self._pipe = pipe
        self._buffer = b""
        self._last = 0
        self._told: set[str] = set()
        self._session: str | None = None
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._ask("Page.enable")

    def picture(self, url: str, width: int, height: int, scheme: str) -> bytes:
        """Give the whole page as a PNG, in a window of that size, for a reader who likes that scheme."""
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        self._ask("Emulation.setEmulatedMedia", features=[{"name": name, "value": features[name]} for name in features])
        self._told.clear()
        if failed := self._ask("Page.navigate", url=url).get("errorText"):
            raise ConnectionError(f"the browser does not get the page: {failed}")
        while "Page.loadEventFired" not in self._told:
            self._read()
        page = self._ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": width, "height": max(height, page["height"]), "scale": 1}
        return base64.b64decode(self._ask("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)["data"])

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask the browser, and wait for its answer."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._pipe.sendall(json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._last:
            pass
        if "error" in answer:
            raise ConnectionError(f"the browser does not do {method}: {answer['error'].get('message')}")
        result: dict[str, Any] = answer["result"]
        return result

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            received = self._pipe.recv(1 << 20)
            if not received:
                raise ConnectionError("the browser has ended")
            self._buffer += received
        message, _, self._buffer = self._buffer.partition(b"\0")
        read: dict[str, Any] = json.loads(message)
        self._told.add(str(read.get("method")))
        return read
