"""Raw WSGI calls with a cookie jar: less of its own cost than a test client."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode


@dataclass
class Answer:
    """A response: its status, headers and body."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Browser:
    """Somebody at a browser; ``call`` is one request, the body read and closed as a server does."""

    wsgi: Callable[..., Any]
    cookies: dict[str, str] = field(default_factory=dict)
    token: str = "csrf_token"
    """What the hidden field is called that every form of this console carries back."""

    def call(self, path: str, form: dict[str, str] | None = None) -> Answer:
        """Send one request: a GET, or a POST of ``form``."""
        head: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
            head["status"], head["headers"] = status, headers

        content = self.wsgi(self._environ(path, form), start)
        try:
            body = b"".join(content)
        finally:
            if (close := getattr(content, "close", None)) is not None:
                close()
        self._keep(head["headers"])
        return Answer(int(head["status"][:3]), dict(head["headers"]), body)

    def get(self, path: str) -> Answer:
        """Load a page that has to be there."""
        answer = self.call(path)
        assert answer.status == 200, (path, answer.status, answer.headers)
        return answer

    def post(self, path: str, **form: str) -> Answer:
        """Load a page, and post its form."""
        return self.send(path, self.get(path), **form)

    def send(self, path: str, page: Answer, **form: str) -> Answer:
        """Post the form of a page that was loaded."""
        found = re.search(rb'name="%b"[^>]*value="([^"]+)"' % self.token.encode(), page.body)
        assert found, page.body[:500]
        return self.call(path, {self.token: html.unescape(found[1].decode()), **form})

    def follow(self, answer: Answer) -> Answer:
        """Load where a redirect leads."""
        assert answer.status in (302, 303), (answer.status, answer.body[-1500:])
        return self.get(answer.headers["Location"])

    def _keep(self, headers: list[tuple[str, str]]) -> None:
        for name, value in headers:
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]

    def _environ(self, path: str, form: dict[str, str] | None) -> dict[str, Any]:
        body = urlencode(form).encode() if form else b""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        path, _, query = path.partition("?")
        return {
            "REQUEST_METHOD": "POST" if form else "GET", "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": query,
            "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "localhost", "HTTP_COOKIE": cookies,
            "CONTENT_TYPE": "application/x-www-form-urlencoded" if form else "", "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(), "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False,
        }  # fmt: skip
