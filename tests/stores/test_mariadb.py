"""What MariaDB does in another way than SQLite and PostgreSQL: names, spaces, affected rows, locks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from flask_twofactor.core.records import Purge
from flask_twofactor.errors import StoreUnavailable
from flask_twofactor.stores.sql import Database, SqlCounters, SqlStore
from flask_twofactor.testing.ground import enrolment_of
from tests.stores.records import STEP, make_confirmed, make_mark, make_trusted
from tests.support.databases import mariadb_connection
from tests.support.host import START


@pytest.fixture(params=["mysql+pymysql", "mariadb+pymysql"])
def url(request: pytest.FixtureRequest, mariadb_url: str) -> str:
    """An empty MariaDB, by both of the names that SQLAlchemy has for it."""
    return mariadb_url.replace("mysql+pymysql", request.param)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database.connect(url)
    yield database
    database.close()


@pytest.fixture
def store(database: Database) -> SqlStore:
    store = SqlStore(database)
    store.init()
    return store


def at_once(count: int, act: Callable[[int], None]) -> list[BaseException]:
    """Let so many threads act at the same moment; gives what they raised."""
    start = threading.Barrier(count)
    problems: list[BaseException] = []

    def run(number: int) -> None:
        start.wait(30)
        try:
            act(number)
        except BaseException as problem:
            problems.append(problem)
            raise

    threads = [threading.Thread(target=run, args=[number], daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return problems


@pytest.mark.requirement("RPL-01", "RPL-08")
def test_mariadb_is_a_store_by_either_name(store: SqlStore) -> None:
    enrolment = make_confirmed()
    assert store.put_enrolment(enrolment) is True
    assert store.put_enrolment(make_confirmed()) is False
    mark = make_mark(enrolment=enrolment.id)
    assert store.spend("alice", enrolment.id, STEP, None, mark) is True
    assert store.spend("alice", enrolment.id, STEP, None, None) is False
    assert store.standing("alice", mark.digest).bound is True


def test_account_keys_that_differ_in_a_space_or_in_case_are_not_one_by_either_name(store: SqlStore) -> None:
    written = {key: make_confirmed(key) for key in ("alice", "alice ", "Alice", "álice", "alice\0")}
    assert [store.put_enrolment(life) for life in written.values()] == [True] * len(written)
    assert {key: enrolment_of(store, key) for key in written} == written


def test_a_row_that_is_written_as_it_was_counts_as_touched(store: SqlStore) -> None:
    store.keep_meta("name", "value")
    assert store.replace_meta("name", "value", "value") is True


def test_what_is_written_as_it_was_is_told_from_what_is_not_there(store: SqlStore) -> None:
    life = make_confirmed()
    assert store.put_enrolment(life)
    assert [store.set_required("alice", one) for one in (True, True, False)] == [True, False, True]
    browser = make_trusted(life.id)
    assert store.add_trusted(browser)
    mark = make_mark(enrolment=life.id)
    assert store.use_trusted(browser, browser.digest, browser.used_at, mark) is True
    assert store.use_trusted(browser, browser.digest, browser.used_at, make_mark(enrolment=life.id)) is True


@pytest.mark.requirement("RPL-08")
def test_a_purge_and_those_who_log_in_do_not_wait_for_each_other(store: SqlStore) -> None:
    lives = [make_confirmed(f"account {one}") for one in range(10)]
    for life in lives:
        assert store.put_enrolment(life)

    def act(number: int) -> None:
        for one, life in enumerate(lives):
            if number < 2:
                store.purge(Purge(*(START + one for _ in range(5))))
            elif number < 4:
                store.end_sessions(life.subject)
            else:
                store.spend(life.subject, life.id, STEP + number, None, make_mark(life.subject, life.id))
                store.add_trusted(make_trusted(life.id, life.subject))

    assert at_once(8, act) == []


def test_a_text_that_is_too_long_is_an_outage_and_not_cut(store: SqlStore) -> None:
    with pytest.raises(StoreUnavailable):
        store.keep_meta("name", "x" * 513)
    assert store.meta("name") is None


@pytest.mark.requirement("RPL-08")
def test_accounts_that_were_never_seen_do_not_wait_for_each_other(store: SqlStore) -> None:
    def act(number: int) -> None:
        for one in range(20):
            store.end_sessions(f"{one}-{number}")

    assert at_once(8, act) == []


@pytest.mark.requirement("RPL-08")
def test_one_account_that_was_never_seen_is_made_once_and_nobody_fails(store: SqlStore) -> None:
    def act(_: int) -> None:
        for one in range(20):
            store.add_mark(make_mark(f"new {one}"))

    assert at_once(8, act) == []
    assert [store.end_sessions(f"new {one}") for one in range(20)] == [8] * 20


@pytest.mark.requirement("THR-01")
def test_a_name_that_was_never_counted_is_counted_exactly_and_nobody_fails(store: SqlStore, database: Database) -> None:
    counters = SqlCounters(database, lambda: START)

    def act(_: int) -> None:
        for one in range(20):
            counters.count(f"new {one}", 900)

    assert at_once(8, act) == []
    assert [counters.total(f"new {one}")[0] for one in range(20)] == [8] * 20


def test_a_connection_that_the_server_ended_is_replaced(store: SqlStore, mariadb_server: int) -> None:
    life = make_confirmed()
    store.put_enrolment(life)
    for step in (STEP, STEP + 1):
        with mariadb_connection(mariadb_server) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id FROM information_schema.processlist WHERE db = 'one_after_another'")
            ended = [cursor.execute("KILL %s", row) for row in cursor.fetchall()]
        assert len(ended) == 1
        assert store.spend("alice", life.id, step, None, None) is True
