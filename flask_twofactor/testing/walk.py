"""The walk through the routes of a console, by every way in: which of them open without the second factor."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, url_for
from flask.testing import FlaskClient

from .accounts import inside
from .answers import Answer, answer_of, passes, shows, told
from .routes import METHODS, Route, routes_of
from .ways import COMPLETE, HEADERS, STRANGER, Ways, store_set_aside

_ROUNDS = 4
"""Looks at a page that tells different words each time, before words say anything."""
_BODILESS = ("HEAD", "OPTIONS")
"""Methods that say nothing of whether a route is public, or reached, that GET does not."""


@dataclass(frozen=True)
class Walk:
    """What a walk that found no hole saw besides.

    ``public`` are the endpoints that are open to strangers; ``unreached`` the requests that even every factor did not
    get an answer to (each "METHOD rule: status"), of which the walk tells little: ``values`` may mend it; ``doors``
    the request loaders that the console declared exempt; ``requests`` how many were sent.
    """

    public: frozenset[str]
    unreached: tuple[str, ...]
    doors: tuple[str, ...]
    requests: int


@dataclass(frozen=True)
class Hole:
    """A request that was answered as none of its kind may be."""

    method: str
    rule: str
    endpoint: str
    way: str
    answered: str


@dataclass
class _Walker:
    """One walk under way."""

    ways: Ways
    ours: str
    doors: Collection[str]
    public: Collection[str] | None
    holes: list[Hole] = field(default_factory=list)
    open_to_all: set[str] = field(default_factory=set)
    unreached: list[str] = field(default_factory=list)
    requests: int = 0

    def look_at(self, route: Route) -> None:
        """Ask for a route with each of its methods, by every way in."""
        seen = {method: self._look(route, method) for method in route.methods}
        guarded = [one for one in seen.values() if not one[STRANGER].equals(one[COMPLETE])]
        options = seen.get("OPTIONS")
        if options and any(shows(options[STRANGER], one[COMPLETE], one[STRANGER]) for one in guarded):
            self._add(route, "OPTIONS", STRANGER, f"{options[STRANGER]}, with what the other methods guard")
        public = [method for method, answers in seen.items() if method not in _BODILESS and _is_public(answers)]
        if public:
            self.open_to_all.add(route.endpoint)
        if public and self.public is not None and route.endpoint not in self.public:
            self._add(route, ", ".join(public), STRANGER, f"{seen[public[0]][STRANGER]}, and it is not in public=")

    def _look(self, route: Route, method: str) -> dict[str, Answer]:
        answers = self._ask(route, method)
        complete, stranger = answers[COMPLETE], answers[STRANGER]
        if complete.status >= 400 and method not in _BODILESS:
            self.unreached.append(f"{method} {route.rule}: {complete.status}")
        for way, answer in answers.items():
            if way in (STRANGER, COMPLETE) or self._leads_to_us(answer):
                continue
            if way == HEADERS and route.endpoint in self.doors:
                continue
            if passes(answer, complete, stranger):
                self._add(route, method, way, f"{answer}; a stranger {stranger}, every factor {complete}")
            elif self._tells(route, method, way, told(answer, complete, stranger)):
                self._add(route, method, way, f"{answer}, with words that are for every factor")
        return answers

    def _tells(self, route: Route, method: str, way: str, words: frozenset[str]) -> bool:
        """Look again where words were told: what each look tells anew is the time of day, or chance."""
        for more in range(1, _ROUNDS):
            if not words:
                break
            answers = self._ask(route, method)
            words &= told(answers[way], answers[COMPLETE], answers[STRANGER])
            for _ in range(more):  # another number each time, for pages that take turns
                words -= self._send(self.ways.stranger(), route, method).words
        return bool(words)

    def _ask(self, route: Route, method: str) -> dict[str, Answer]:
        clients = self.ways.open()
        complete_last = sorted(clients, key=lambda way: way == COMPLETE)  # what it deletes is gone
        return {way: self._send(clients[way], route, method) for way in complete_last}

    def _send(self, client: FlaskClient, route: Route, method: str) -> Answer:
        self.requests += 1
        return answer_of(client.open(route.path, base_url=route.base_url, method=method, buffered=False))

    def _leads_to_us(self, answer: Answer) -> bool:
        return answer.location is not None and urlsplit(answer.location).path.startswith(self.ours)

    def _add(self, route: Route, method: str, way: str, answered: str) -> None:
        self.holes.append(Hole(method, route.rule, route.endpoint, way, answered))


def assert_every_route_needs_second_factor(
    app: Flask,
    user: Any,
    *,
    values: Mapping[str, Any] | None = None,
    methods: Collection[str] = METHODS,
    headers: Mapping[str, str] | None = None,
    session: Mapping[str, Any] | None = None,
    public: Collection[str] | None = None,
    doors: Collection[str] = (),
    skip: Collection[str] = (),
) -> Walk:
    """Ask for every route of ``app`` by every way in; an AssertionError lists those that open without the factor.

    ``user`` is an account of the console (a user, or a user ID) that may see what is to be looked at. For the walk it
    has a factor in a store of the walk's own: the app's store is not touched. ``values`` are for the variables of
    rules, by their names; ``headers`` are what a ``request_loader`` knows the account by; ``session`` is what the
    log-in of the console keeps in a session besides. ``public``, ``doors`` and ``skip`` are endpoints: all that may
    be open to strangers (None: any), those that an exempt ``request_loader`` may open, those that are not asked for.
    Requests have no body.
    """
    __tracebackhide__ = True  # pytest shows the table and the line of the test
    with inside(app) as state:
        loaders = tuple(sorted(str(getattr(one, "__name__", one)) for one in state.exempt_loaders))
    with store_set_aside(state), _errors_answered(app):
        ways = Ways(app, state, user, headers or {}, session or {})
        if headers and not ways.loads_by_headers():
            raise ValueError("the console's request_loader does not find this account by these headers")
        walker = _Walker(ways, _our_pages(app), doors, public)
        walker.holes.extend(_gate_holes(ways, f"{walker.ours}settings", bool(loaders)))
        for route in routes_of(app, values or {}, methods, skip):
            walker.look_at(route)
    if walker.holes:
        raise AssertionError(_table(walker.holes))
    return Walk(frozenset(walker.open_to_all), tuple(walker.unreached), loaders, walker.requests)


def _gate_holes(ways: Ways, url: str, exempt: bool) -> Iterator[Hole]:
    """Give who is logged in as far as ``current_user`` tells, and should not be."""
    clients = ways.open()
    if not ways.is_in(clients[COMPLETE], url):
        raise AssertionError(
            "a session with every factor is not logged in here, so there is nothing to compare with: does the "
            "user_loader find this account, may it log in, does the session's cookie reach this path, and is the gate "
            "still on the LoginManager?"
        )
    for way, client in clients.items():
        if way != COMPLETE and not (way == HEADERS and exempt) and ways.is_in(client, url):
            yield Hole("any", "current_user", "", way, "is logged in")


def _is_public(answers: Mapping[str, Answer]) -> bool:
    """Tell whether strangers were served, or were led where everybody is."""
    stranger = answers[STRANGER]
    return stranger.opens or (stranger.status < 400 and stranger.equals(answers[COMPLETE]))


def _our_pages(app: Flask) -> str:
    with app.test_request_context():
        return url_for("twofactor.settings").removesuffix("settings")


@contextlib.contextmanager
def _errors_answered(app: Flask) -> Iterator[None]:
    """Let a view that raises answer 500, as it does for people, and not end the walk."""
    before = app.config["PROPAGATE_EXCEPTIONS"]
    app.config["PROPAGATE_EXCEPTIONS"] = False
    try:
        yield
    finally:
        app.config["PROPAGATE_EXCEPTIONS"] = before


def _table(holes: list[Hole]) -> str:
    head = ("method", "rule", "endpoint", "way in", "answered")
    rows = [head, *((one.method, one.rule, one.endpoint, one.way, one.answered) for one in holes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n  ".join([f"{len(holes)} ways into this console without the second factor:", *lines])
