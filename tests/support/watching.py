"""What tests see from the side: store calls, signals, rows, sessions; and a store that fails on demand."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from werkzeug.test import TestResponse

from flask_twofactor import signals
from flask_twofactor.errors import StoreUnavailable
from flask_twofactor.state import State
from flask_twofactor.stores.base import Store
from tests.support.host import Host, Person

VERBS = sorted(name for name in vars(Store) if not name.startswith("_"))
"""Every verb of the store's protocol."""
SIGNALS = (
    signals.logged_in,
    signals.code_rejected,
    signals.factor_enabled,
    signals.factor_disabled,
    signals.factor_reset,
    signals.sessions_ended,
)


def state_of(host: Host) -> State:
    """Give the state of the host's app."""
    state: State = host.app.extensions["twofactor"]
    return state


class WatchedVerbs:
    """The app's store, or its throttle, behind a callable that hears each verb first, and may raise."""

    def __init__(self, watched: object, before: Callable[[str], None]) -> None:
        self._watched = watched
        self._before = before

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._watched, name)

        def call(*arguments: Any, **named: Any) -> Any:
            self._before(name)
            return verb(*arguments, **named)

        return call


@contextlib.contextmanager
def watched_store(host: Host, before: Callable[[str], None]) -> Iterator[None]:
    """Tell ``before`` of every verb that the app calls on its store."""
    state = state_of(host)
    store = state.store
    state.__dict__["store"] = WatchedVerbs(store, before)
    try:
        yield
    finally:
        state.__dict__["store"] = store


@contextlib.contextmanager
def broken_store(host: Host, verb: str) -> Iterator[list[str]]:
    """Let ``verb`` of the app's store fail as an outage does; gives what failed."""
    failed: list[str] = []

    def before(name: str) -> None:
        if name == verb:
            failed.append(name)
            raise StoreUnavailable("a test made the store fail")

    with watched_store(host, before):
        yield failed


class Heard:
    """The signals of one app, in order: pairs of a short name and what came with it."""

    def __init__(self, host: Host) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._receivers = [self._receiver(signal.name.removeprefix("twofactor-")) for signal in SIGNALS]
        for signal, receiver in zip(SIGNALS, self._receivers, strict=True):
            signal.connect(receiver, sender=host.app)

    def _receiver(self, name: str) -> Callable[..., None]:
        def receive(_: Any, **values: Any) -> None:
            self.events.append((name, values))

        return receive

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    @property
    def rejections(self) -> list[str]:
        """Give the reasons of every rejected code."""
        return [values["reason"] for name, values in self.events if name == "code-rejected"]


def database_of(host: Host) -> str:
    """Give the path of the host's default database."""
    return f"{host.app.instance_path}/twofactor.sqlite"


def tamper(host: Host, statement: str, *values: Any) -> int:
    """Change rows behind the extension's back; gives how many."""
    with contextlib.closing(sqlite3.connect(database_of(host))) as connection, connection:
        return connection.execute(statement, values).rowcount


def rows(host: Host, table: str) -> list[dict[str, Any]]:
    """Read a table behind the extension's back."""
    with contextlib.closing(sqlite3.connect(database_of(host))) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2")]  # noqa: S608


def dump(host: Host) -> dict[str, list[dict[str, Any]]]:
    """Read every table of the extension but that of the events."""
    names = ("meta", "account", "enrolment", "recovery", "trusted", "mark", "counter")
    return {name: rows(host, f"twofactor_{name}") for name in names}


def session_of(person: Person) -> dict[str, Any]:
    """Decode the person's session cookie as the app does."""
    interface: Any = person.host.app.session_interface
    value = person.cookies().get("session")
    if value is None:
        return {}
    opened: dict[str, Any] = interface.get_signing_serializer(person.host.app).loads(value)
    return opened


def asks_code(page: TestResponse) -> bool:
    """Tell whether a credential page has the code box."""
    return 'name="code"' in page.text


def ghosts(host: Host, *, box: bool) -> Iterator[str]:
    """Give absent names of five letters that are shown a code box, or that are not."""
    for number in range(1000):
        name = f"gh{number:03}"
        if asks_code(host.person(REMOTE_ADDR="192.0.2.250").identify(name)) is box:
            yield name


def ghost(host: Host, *, box: bool) -> str:
    """Give one absent name of five letters that is shown a code box, or that is not."""
    return next(ghosts(host, box=box))


def bare(answer: TestResponse, name: str) -> tuple[str, list[tuple[str, str]], str]:
    """Give status, headers and body without what differs by nature: the CSRF token and the typed name."""
    body = re.sub(r'(name="csrf_token"[^>]*value=")[^"]+', r"\1", answer.text)
    return answer.status, list(answer.headers.items()), body.replace(f'value="{name}"', 'value="NAME"')
