"""What a journey costs, counted: statements, hashes, bytes. Bounds are what it was when they were written.

How long that takes is measured (`make bench`), and never asserted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.host import Host, Person
from tests.support.tracing import traced

Journey = Callable[[Host, Person], object]


@contextmanager
def counted(host: Host) -> Iterator[Counter[str]]:
    """Count the statements of a block by their first word: all of its requests, and what follows a response."""
    found: Counter[str] = Counter()
    state: Any = host.app.extensions["twofactor"]
    with traced(state.store._database) as seen:
        yield found
        found.update(statement.split()[0] for statement in seen)


def log_in(host: Host, person: Person) -> None:
    assert person.log_in("bob").status_code == 302


def log_in_with_a_code(host: Host, person: Person) -> None:
    assert person.log_in("alice").status_code == 302


def refuse(host: Host, person: Person) -> None:
    person.identify("alice")
    assert person.credential("alice-password", host.wrong_code("alice")).status_code == 200


def see_a_page(host: Host, person: Person) -> None:
    assert person.me == "carol"


def open_setup(host: Host, person: Person) -> None:
    assert person.get("/two-factor/setup").status_code == 200


def set_up(host: Host, person: Person) -> None:
    assert person.set_up("carol").status_code == 302


def log_out(host: Host, person: Person) -> None:
    assert person.get("/logout").text == "out"


JOURNEYS: dict[Journey, dict[str, int]] = {
    see_a_page: {"SELECT": 1},
    log_in: {"SELECT": 9, "INSERT": 3, "UPDATE": 11, "DELETE": 4, "BEGIN": 5, "COMMIT": 5},
    log_in_with_a_code: {"SELECT": 11, "INSERT": 2, "UPDATE": 13, "DELETE": 4, "BEGIN": 6, "COMMIT": 6},
    refuse: {"SELECT": 13, "INSERT": 1, "UPDATE": 9, "BEGIN": 6, "COMMIT": 6},
    open_setup: {"SELECT": 4, "INSERT": 1, "DELETE": 1, "BEGIN": 1, "COMMIT": 1},
    set_up: {"SELECT": 13, "INSERT": 15, "UPDATE": 6, "DELETE": 8, "BEGIN": 6, "COMMIT": 6},
    log_out: {"SELECT": 3, "DELETE": 1, "BEGIN": 1, "COMMIT": 1},
}
"""Statements of all requests of a journey, of which most are for the limits that are counted in the database."""
PAGES = {
    "identify": 1_750,
    "credential": 3_400,
    "settings": 4_100,
    "setup": 7_800,
    "sessions": 3_200,
    "activity": 3_100,
}
"""Bytes of a page; performance.md allows the set-up page 16 kB."""
COOKIES = {"session": 330, "twofactor_known": 130}
"""Bytes of each cookie after a log-in with a code, its name with it: the session is Flask-Login's own too."""


@pytest.fixture
def warm(enrolled: Host) -> tuple[Host, Person]:
    """A console that was used before, and ``carol``, who is signed in: keys, decoys and first rows are made."""
    for name in ("alice", "bob"):
        enrolled.person().log_in(name)
    enrolled.clock.move(30)
    refuse(enrolled, enrolled.person())
    enrolled.clock.move(30)
    carol = enrolled.person()
    carol.log_in("carol")
    carol.get("/two-factor/setup")
    return enrolled, carol


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda journey: journey.__name__)
def test_a_journey_runs_no_more_statements_than_it_did(warm: tuple[Host, Person], journey: Journey) -> None:
    host, carol = warm
    person = host.person() if journey in (log_in, log_in_with_a_code, refuse) else carol
    with counted(host) as found:
        journey(host, person)
    assert found.total() > 0
    assert found <= Counter(JOURNEYS[journey]), found - Counter(JOURNEYS[journey])


def test_nobody_who_is_not_signed_in_costs_a_statement(warm: tuple[Host, Person]) -> None:
    host, _ = warm
    person = host.person()
    with counted(host) as found:
        assert person.me is None
        assert person.get("/two-factor/identify").status_code == 200
    assert found == Counter()


def test_no_page_is_larger_than_it_was(warm: tuple[Host, Person]) -> None:
    host, carol = warm
    alice = host.person()
    seen: dict[str, TestResponse] = {
        "identify": alice.get("/two-factor/identify"),
        "credential": alice.identify("alice"),
    }
    alice.credential("alice-password", host.code("alice"))
    seen["setup"] = carol.get("/two-factor/setup")
    seen |= {name: alice.get(f"/two-factor/{name}") for name in ("settings", "sessions", "activity")}
    assert {name: page.status_code for name, page in seen.items()} == dict.fromkeys(PAGES, 200)
    too_large = {name: len(page.data) for name, page in seen.items() if len(page.data) > PAGES[name]}
    assert too_large == {}


def test_no_cookie_is_larger_than_it_was(warm: tuple[Host, Person]) -> None:
    host, _ = warm
    person = host.person()
    person.log_in("alice")
    sizes = {name: len(f"{name}={value}") for name, value in person.cookies().items()}
    assert sizes.keys() == COOKIES.keys()
    assert {name: size for name, size in sizes.items() if size > COOKIES[name]} == {}
