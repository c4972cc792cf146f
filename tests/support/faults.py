"""A line that breaks once: at any one call of the store, or of the counters, before it was done or after."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from limits.errors import StorageError
from limits.storage import MemoryStorage
from werkzeug.test import TestResponse

from flask_twofactor.errors import StoreUnavailable
from flask_twofactor.throttle import Throttle
from tests.support.host import Host, Person
from tests.support.watching import state_of

Refusal = Callable[[], Exception]


class Unavailable(Exception):
    """A page answered 503."""

    def __init__(self, page: TestResponse) -> None:
        super().__init__(page.status)
        self.page = page


class Line:
    """Counts the calls that go by it, and breaks at one of them; ``late``: after it was done."""

    def __init__(self, number: int | None = None, *, late: bool = False) -> None:
        self.calls: list[str] = []
        self.broke = ""
        self._number = number
        self._late = late

    def call(self, name: str, verb: Callable[..., Any], refuse: Refusal, *arguments: Any, **named: Any) -> Any:
        here = len(self.calls) == self._number
        self.calls.append(name)
        if here:
            self.broke = name
        if here and not self._late:
            raise refuse()
        answer = verb(*arguments, **named)
        if here:
            raise refuse()
        return answer


class Behind:
    """Something behind the line: each call of a public method of it goes by there, whatever its name."""

    def __init__(self, thing: Any, line: Line, kind: str, refuse: Refusal) -> None:
        self._thing, self._line, self._kind, self._refuse = thing, line, kind, refuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._thing, name)
        if name.startswith("_") or not callable(found) or isinstance(found, type):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            return self._line.call(f"{self._kind}.{name}", found, self._refuse, *arguments, **named)

        return call


def store_down() -> Exception:
    return StoreUnavailable("a test broke the line to the database")


def counters_down() -> Exception:
    return StorageError(OSError("a test broke the line to the counters"))


@contextlib.contextmanager
def on_the_line(host: Host, line: Line, storage: MemoryStorage | None) -> Iterator[None]:
    """Put the line before the app's store and its counters: those of its database, or a ``limits`` storage."""
    state = state_of(host)
    store, throttle = state.store, state.throttle
    if storage is None:
        state.__dict__["store"] = Behind(store, line, "store", store_down)
        broken = Throttle.__new__(Throttle)
        kept = {name: value for name, value in vars(throttle).items() if value is not state.clock}
        assert kept, "the throttle keeps its counters in no attribute of its own any more"
        behind = {name: Behind(value, line, "counters", store_down) for name, value in kept.items()}
        broken.__dict__.update({**vars(throttle), **behind})
    else:
        counters: Any = Behind(storage, line, "limits", counters_down)
        broken = Throttle(counters, state.clock)
    state.__dict__["throttle"] = broken
    try:
        yield
    finally:
        state.__dict__.update(store=store, throttle=throttle)


def watch(person: Person) -> None:
    """Let a page that answers 503 end the person's journey there."""
    client: Any = person.client
    load = client.open

    def opened(*arguments: Any, **options: Any) -> TestResponse:
        page: TestResponse = load(*arguments, **options)
        if page.status_code == 503:
            raise Unavailable(page)
        return page

    client.open = opened
