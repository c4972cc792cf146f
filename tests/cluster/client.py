"""Somebody at a browser of their own address, by ``http.client`` over real sockets."""

from __future__ import annotations

import html
import http.client
import itertools
import re
import time
from dataclasses import dataclass
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from tests.cluster.site import WORKER
from tests.support.authenticator import oathtool_code

SECONDS = 30
_addresses = itertools.count(1)


class Unanswered(Exception):
    """The request met an error on its way: nothing is known of what it did."""


class Unavailable(Exception):
    """A page of the log-in answered 503: it is not known yet who that is, and nobody was logged in."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def worker(self) -> str:
        return self.headers.get(WORKER, "")


class Browser:
    """A cookie jar at an address of its own; ``port`` says which server it talks to, and may be changed."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}
        number = next(_addresses)
        # Every address of 127/8 is this machine: so each browser is another source, for nginx too.
        self.address = f"127.1.{number // 250}.{number % 250 + 1}"

    def copy(self, port: int) -> Browser:
        """Give the same browser at another server: its address, which Flask-Login looks at too, and its cookies."""
        copy = Browser(port)
        copy.address, copy.cookies = self.address, dict(self.cookies)
        return copy

    def get(self, path: str) -> Answer:
        return self._send("GET", path)

    def post(self, path: str, **fields: str) -> Answer:
        return self._send("POST", path, urlencode(fields))

    def _send(self, method: str, path: str, body: str | None = None) -> Answer:
        headers = {"Connection": "close", "X-Forwarded-For": self.address}  # nginx says so itself
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=SECONDS, source_address=(self.address, 0)
        )
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read().decode())
        except (OSError, http.client.HTTPException) as error:
            raise Unanswered(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()
        if answer.status in (502, 504):
            raise Unanswered(f"{method} {path}: nginx answered {answer.status}")
        self._keep_cookies(answer)
        return answer

    def _keep_cookies(self, answer: Answer) -> None:
        for header in answer.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(header).items():
                if morsel["max-age"] == "0" or "1970" in morsel["expires"]:
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value

    def begin(self, name: str) -> Form:
        """Give the user ID and load the credential page; gives its form, not sent yet."""
        page = self._page("/two-factor/identify")
        sent = self.post("/two-factor/identify", csrf_token=token_of(page), identifier=name)
        if sent.status == 503:
            raise Unavailable(sent.text)
        assert sent.status == 302, (sent.status, sent.text)
        return Form(self, token_of(self._page("/two-factor/credential")))

    def _page(self, path: str) -> Answer:
        page = self.get(path)
        if page.status == 503:
            raise Unavailable(page.text)
        assert page.status == 200, (page.status, page.text)
        return page

    def log_in(self, name: str, secret: str | None = None, *, steps: int = 0) -> Answer:
        """Log in with everything right."""
        return self.begin(name).send(f"{name}-password", secret and code_of(secret, steps))

    @property
    def me(self) -> str | None:
        """The name on a page that needs a log-in; None where this browser is sent away."""
        answer = self.get("/me")
        assert answer.status in (200, 302), (answer.status, answer.text)
        return answer.text if answer.status == 200 else None


@dataclass(frozen=True)
class Form:
    """A loaded credential page."""

    browser: Browser
    token: str

    def send(self, password: str, code: str | None = None) -> Answer:
        fields = {"csrf_token": self.token, "password": password}
        return self.browser.post("/two-factor/credential", **fields, **({"code": code} if code else {}))


def token_of(page: Answer) -> str:
    """Take the CSRF token out of a page."""
    found = re.search(r'<input[^>]*name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert found, (page.status, page.text[:300])
    return html.unescape(found.group(1))


def code_of(secret: str, steps: int = 0) -> str:
    """Give the code that an authenticator shows now, or will show ``steps`` steps later."""
    return oathtool_code(secret, time.time() + 30 * steps)


def wrong_code_of(secret: str) -> str:
    """Give a well-formed code that is wrong for some minutes."""
    near = {code_of(secret, steps) for steps in range(-3, 7)}
    return next(code for code in ("000000", "111111", "222222", "333333", "444444") if code not in near)
