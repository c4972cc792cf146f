"""The counters by themselves: what is counted, for how long, and what goes when it is over."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, insert, select

from flask_twofactor.stores.sql import Database, SqlCounters, SqlStore
from flask_twofactor.stores.sql.schema import counter
from tests.support.host import START, Clock

pytestmark = pytest.mark.requirement("THR-01")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counters(store: SqlStore, database: Database, clock: Clock) -> SqlCounters:
    return SqlCounters(database, clock)


def rows(database: Database) -> int:
    with database.engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(counter)).scalar_one())


def test_a_name_counts_for_its_seconds_and_then_begins_anew(counters: SqlCounters, clock: Clock) -> None:
    assert counters.count("one", 60) == 1
    clock.move(59)
    assert counters.count("one", 60, 3) == 4
    assert counters.total("one") == (4, START + 60)
    assert counters.totals(["one", "two"]) == {"one": (4, START + 60)}
    clock.move(1)
    assert counters.total("one") == (0, 0)
    assert counters.totals(["one"]) == {}
    assert counters.count("one", 30, 2) == 2
    assert counters.total("one") == (2, START + 90)


def test_many_are_counted_at_once_and_told_in_the_order_they_were_given_in(counters: SqlCounters, clock: Clock) -> None:
    names = [(f"name {one}", 60 + one) for one in reversed(range(20))]
    counters.count("name 7", 10, 5)
    assert counters.count_all(names) == [6 if name == "name 7" else 1 for name, _ in names]
    assert counters.totals([name for name, _ in names]) == {
        name: (6, START + 10) if name == "name 7" else (1, START + seconds) for name, seconds in names
    }
    clock.move(10)
    assert counters.count_all([("name 7", 60), ("name 8", 60)]) == [1, 2]


def test_what_is_given_back_is_one_of_each_and_never_below_nothing(counters: SqlCounters) -> None:
    counters.count("one", 60, 3)
    counters.count("two", 60)
    counters.count("three", 60, 9)
    counters.give_back(["one", "two", "never"], forget=["three"])
    counters.give_back(["two"])
    assert counters.totals(["one", "two", "three", "never"]) == {"one": (2, START + 60)}
    assert counters.count("two", 60) == 1
    counters.clear("one")
    assert counters.total("one") == (0, 0)


@pytest.mark.parametrize(
    "count",
    [lambda counters: counters.count("now", 9999), lambda counters: counters.count_all([("now", 9999)])],
    ids=["one", "all"],
)
def test_what_is_over_goes_at_every_200th_count_of_a_process(
    counters: SqlCounters, clock: Clock, database: Database, count: Callable[[SqlCounters], object]
) -> None:
    counters.count("over", 60)
    counters.count("not yet over", 61)
    clock.move(60)
    for _ in range(197):
        count(counters)
    assert rows(database) == 3
    count(counters)
    assert rows(database) == 2
    assert counters.total("not yet over") == (1, START + 61)
    clock.move(9999)
    for _ in range(199):
        counters.count("now", 5)
    assert rows(database) == 2
    counters.count("now", 5)
    assert rows(database) == 1


def test_a_sweep_forgets_what_is_over_however_much_that_is(
    counters: SqlCounters, clock: Clock, database: Database
) -> None:
    counters.count_all([(f"over {number}", 60) for number in range(60)])
    counters.count("not yet over", 61)
    clock.move(60)
    assert counters.sweep() == 60
    assert rows(database) == 1
    assert counters.sweep() == 0
    assert counters.total("not yet over") == (1, START + 61)


def test_a_sweep_goes_on_where_there_is_more_than_one_transaction_takes(
    counters: SqlCounters, database: Database
) -> None:
    with database.engine.begin() as connection:
        connection.execute(
            insert(counter), [{"name": f"over {one}", "hits": 1, "expires_at": START} for one in range(501)]
        )
    assert counters.sweep() == 501
    assert rows(database) == 0
