from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from limits.errors import StorageError
from limits.storage import Storage

from flask_twofactor.core.budget import SECOND_FACTOR
from flask_twofactor.errors import LoginRefused, SettingError, StoreUnavailable, Throttled
from flask_twofactor.flows import login
from flask_twofactor.state import State
from flask_twofactor.stores.sql import Database, SqlCounters, SqlStore
from flask_twofactor.throttle import PAIR_FREE, PAIR_WAITS, DatabaseStorage, Throttle, storage_for
from tests.stores.racing import race
from tests.support.host import START, Clock, Host, csrf_token, make_host

PAIR = "0123456789abcdef" * 4


@pytest.fixture
def database(database_uri: str) -> Iterator[Database]:
    """SQLite, then PostgreSQL, with tables."""
    database = Database.connect(database_uri)
    SqlStore(database).init()
    yield database
    database.close()


@pytest.fixture
def counters(database: Database, clock: Clock) -> SqlCounters:
    return SqlCounters(database, clock)


@pytest.fixture
def throttle(counters: SqlCounters, clock: Clock) -> Throttle:
    return Throttle(DatabaseStorage(counters), clock)


def wait_of(throttle: Throttle, pair: str = PAIR) -> int:
    """Give the seconds that an attempt is told to wait; 0 where it was let through."""
    try:
        throttle.charge(pair)
    except Throttled as refused:
        return refused.retry_after
    return 0


def use_up(throttle: Throttle, clock: Clock, waits: int, pair: str = PAIR) -> None:
    """Fail until so many waits have been imposed; the last one has just begun."""
    for _ in range(PAIR_FREE):
        assert wait_of(throttle, pair) == 0
    for wait in PAIR_WAITS[: waits - 1]:
        clock.move(wait)
        assert wait_of(throttle, pair) == 0


# --- the pair bucket


def test_five_failures_are_free_and_the_sixth_attempt_waits(throttle: Throttle) -> None:
    assert [wait_of(throttle) for _ in range(6)] == [0, 0, 0, 0, 0, 60]


def test_the_waits_are_of_1_2_4_8_and_15_minutes_and_stay_at_15(throttle: Throttle, clock: Clock) -> None:
    use_up(throttle, clock, waits=1)
    seen = []
    for _ in range(7):
        wait = wait_of(throttle)
        seen.append(wait)
        clock.move(wait - 1)
        assert wait_of(throttle) == 1, "a second early"
        clock.move(1)
        assert wait_of(throttle) == 0
    assert seen == [60, 120, 240, 480, 900, 900, 900]


def test_retry_after_counts_down_with_the_clock(throttle: Throttle, clock: Clock) -> None:
    use_up(throttle, clock, waits=1)
    assert wait_of(throttle) == 60
    clock.move(20)
    assert wait_of(throttle) == 40
    clock.move(39.5)
    assert wait_of(throttle) == 1


def test_an_attempt_that_is_told_to_wait_does_not_lengthen_the_wait(throttle: Throttle, clock: Clock) -> None:
    use_up(throttle, clock, waits=1)
    for _ in range(30):
        assert wait_of(throttle) == 60
    clock.move(60)
    assert wait_of(throttle) == 0
    assert wait_of(throttle) == 120


def test_a_success_forgets_the_failures(throttle: Throttle) -> None:
    for _ in range(4):
        assert wait_of(throttle) == 0
    throttle.clear(PAIR)
    assert [wait_of(throttle) for _ in range(6)] == [0, 0, 0, 0, 0, 60]


def test_a_success_forgets_the_waits_too(throttle: Throttle, clock: Clock) -> None:
    use_up(throttle, clock, waits=3)
    throttle.clear(PAIR)
    assert [wait_of(throttle) for _ in range(6)] == [0, 0, 0, 0, 0, 60]


def test_four_failures_are_forgotten_after_15_minutes(throttle: Throttle, clock: Clock) -> None:
    for _ in range(4):
        assert wait_of(throttle) == 0
    clock.move(899)
    assert wait_of(throttle) == 0
    assert wait_of(throttle) == 60


def test_the_window_of_15_minutes_begins_with_the_first_failure(throttle: Throttle, clock: Clock) -> None:
    for _ in range(4):
        assert wait_of(throttle) == 0
    clock.move(900)
    assert [wait_of(throttle) for _ in range(6)] == [0, 0, 0, 0, 0, 60]


def test_a_day_after_the_first_wait_a_pair_begins_anew(throttle: Throttle, clock: Clock) -> None:
    use_up(throttle, clock, waits=4)
    clock.move(24 * 3600)
    assert [wait_of(throttle) for _ in range(6)] == [0, 0, 0, 0, 0, 60]


def test_one_pair_does_not_make_another_wait(throttle: Throttle) -> None:
    assert [wait_of(throttle) for _ in range(6)][-1] == 60
    assert wait_of(throttle, "other") == 0
    throttle.clear("other")
    assert wait_of(throttle) == 60


def in_threads(count: int, work: Callable[[], int]) -> list[int]:
    start = threading.Barrier(count)
    answers: list[int] = []
    problems: list[BaseException] = []

    def run() -> None:
        try:
            start.wait(30)
            answers.append(work())
        except BaseException as problem:
            problems.append(problem)
            raise

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []
    assert len(answers) == count
    return answers


def test_of_20_attempts_at_once_exactly_five_are_let_through(throttle: Throttle) -> None:
    waits = in_threads(20, lambda: wait_of(throttle))
    assert waits.count(0) == 5


def test_of_20_attempts_at_once_after_a_wait_exactly_one_is_let_through(throttle: Throttle, clock: Clock) -> None:
    use_up(throttle, clock, waits=1)
    for wait in (120, 240, 480):
        clock.move(PAIR_WAITS[PAIR_WAITS.index(wait) - 1])
        waits = in_threads(20, lambda: wait_of(throttle))
        assert sorted(waits) == [0] + [wait] * 19


def test_attempts_at_once_do_not_lengthen_the_first_wait(throttle: Throttle, clock: Clock) -> None:
    assert set(in_threads(20, lambda: wait_of(throttle))) == {0, 60}
    clock.move(60)
    assert wait_of(throttle) == 0
    assert wait_of(throttle) == 120


def count_in_process(_: int, uri: str) -> Callable[[int], int]:
    clock = Clock()
    database = Database.connect(uri)
    SqlStore(database).init()
    throttle = Throttle(DatabaseStorage(SqlCounters(database, clock)), clock)
    return lambda one: wait_of(throttle, f"pair {one}")


@pytest.mark.requirement("THR-13")
def test_eight_processes_share_one_count(database: Database, database_uri: str) -> None:
    rounds = race(8, 10, count_in_process, database_uri)
    assert [sorted(waits) for waits in rounds] == [[0] * 5 + [60] * 3] * 10


# --- the counters


def test_a_count_starts_at_nothing_adds_up_and_expires(counters: SqlCounters, clock: Clock) -> None:
    assert counters.total("a") == (0, 0)
    assert [counters.count("a", 60), counters.count("a", 600), counters.count("a", 1, 5)] == [1, 2, 7]
    assert counters.total("a") == (7, START + 60)
    clock.move(60)
    assert counters.total("a") == (0, 0)
    assert counters.count("a", 30) == 1
    assert counters.total("a") == (1, START + 90)


def test_a_cleared_count_is_forgotten_and_no_other(counters: SqlCounters) -> None:
    counters.count("a", 60)
    counters.count("b", 60)
    counters.clear("a")
    counters.clear("never counted")
    assert counters.total("a") == (0, 0)
    assert counters.total("b")[0] == 1


def test_counts_at_once_lose_nothing(counters: SqlCounters) -> None:
    def work() -> int:
        return max(counters.count("a", 60) for _ in range(10))

    assert max(in_threads(8, work)) == 80
    assert counters.total("a")[0] == 80


def test_counts_at_once_of_expired_names_lose_nothing_while_old_ones_are_purged(
    counters: SqlCounters, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_twofactor.stores.sql.counters._PURGE_EVERY", 1)
    names = [f"name {number}" for number in range(8)]
    for name in names:
        counters.count(name, 1)
    clock.move(5)

    def work() -> int:
        return sum(counters.count(name, 60) > 0 for name in names)

    assert in_threads(8, work) == [8] * 8
    assert [counters.total(name)[0] for name in names] == [8] * 8


@pytest.mark.requirement("STO-11")
def test_counters_that_are_over_are_purged(
    counters: SqlCounters, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_twofactor.stores.sql.counters._PURGE_EVERY", 20)
    for number in range(600):
        counters.count(f"name {number}", 60)
        clock.move(1)
    with database.engine.connect() as connection:
        left = connection.exec_driver_sql("SELECT count(*) FROM twofactor_counter").scalar_one()
    assert left < 60 + 20 * 15  # alive, and what a purge by chance may leave: (19/20)^300 is 2 in 10 million


# --- it fails closed


class Broken(Storage):
    """Counters that answer every call with an error of their own kind."""

    STORAGE_SCHEME = None

    def __init__(self, error: Exception) -> None:
        super().__init__(wrap_exceptions=True)
        self._error = error

    @property
    def base_exceptions(self) -> type[Exception]:
        return OSError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        raise self._error

    def get(self, key: str) -> int:
        raise self._error

    def get_expiry(self, key: str) -> float:
        raise self._error

    def check(self) -> bool:
        raise self._error

    def reset(self) -> int | None:
        raise self._error

    def clear(self, key: str) -> None:
        raise self._error


@pytest.mark.parametrize("error", [OSError("gone"), StorageError(OSError("gone")), StoreUnavailable("gone")])
def test_counters_that_do_not_answer_let_nobody_through(error: Exception, clock: Clock) -> None:
    throttle = Throttle(Broken(error), clock)
    for verb in (throttle.charge, throttle.clear):
        with pytest.raises(StoreUnavailable):
            verb(PAIR)


def test_a_database_without_its_counters_lets_nobody_through(throttle: Throttle, database: Database) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE twofactor_counter")
    for verb in (throttle.charge, throttle.clear):
        with pytest.raises(StoreUnavailable):
            verb(PAIR)


def test_a_redis_that_is_down_lets_nobody_through(clock: Clock) -> None:
    throttle = Throttle(storage_for("redis://127.0.0.1:1/0"), clock)
    for verb in (throttle.charge, throttle.clear):
        with pytest.raises(StoreUnavailable):
            verb(PAIR)


def test_nothing_resets_every_count_at_once(counters: SqlCounters) -> None:
    storage = DatabaseStorage(counters)
    counters.count("a", 60)
    with pytest.raises(StoreUnavailable):
        storage.reset()
    assert storage.check() is True
    assert storage.get("a") == 1


@pytest.mark.requirement("STO-07")
def test_a_log_in_is_answered_503_where_the_counters_do_not_answer(make_app: Callable[..., Host]) -> None:
    host = make_app(TWOFACTOR_THROTTLE_STORAGE_URI="redis://127.0.0.1:1/0")
    person = host.person()
    person.identify("alice")
    answer = person.credential("alice-password")
    assert answer.status_code == 503
    assert person.me is None


# --- other storages


def test_redis_counts_by_its_uri_and_its_own_clock(redis_url: str, clock: Clock) -> None:
    throttle = Throttle(storage_for(redis_url), clock)
    assert [wait_of(throttle) for _ in range(5)] == [0] * 5
    assert 1 <= wait_of(throttle) <= 900
    assert wait_of(throttle, "other") == 0
    with redis.Redis.from_url(redis_url) as server:
        lives = {key: server.ttl(key) for key in server.keys("*pair*")}
    assert len(lives) == 4
    assert all(0 < seconds <= 24 * 3600 for seconds in lives.values())
    throttle.clear(PAIR)
    assert wait_of(throttle) == 0


def test_two_apps_share_one_count_in_redis(redis_url: str, clock: Clock) -> None:
    one, other = Throttle(storage_for(redis_url), clock), Throttle(storage_for(redis_url), clock)
    assert [wait_of(throttle) for throttle in (one, other, one, other, one)] == [0] * 5
    assert wait_of(other) > 0


def test_of_20_attempts_at_once_redis_lets_exactly_five_through(redis_url: str, clock: Clock) -> None:
    throttle = Throttle(storage_for(redis_url), clock)
    assert in_threads(20, lambda: wait_of(throttle)).count(0) == 5


def test_an_async_storage_is_refused_by_the_name_of_its_key() -> None:
    with pytest.raises(SettingError, match="TWOFACTOR_THROTTLE_STORAGE_URI"):
        storage_for("async+memory://")


# --- in its place


def state_of(host: Host) -> State:
    state: State = host.app.extensions["twofactor"]
    return state


def attempt(host: Host, name: str = "alice", password: str = "x", source: str = "192.0.2.1") -> int:
    """Try to log in; gives the status that the pages would answer with."""
    try:
        login.check(state_of(host), name, password, None, source)
    except (LoginRefused, Throttled) as error:
        return error.status
    return 302


@pytest.mark.requirement("THR-13")
def test_the_counts_survive_a_restart(database_uri: str, tmp_path: Path) -> None:
    clock = Clock()
    seen = []
    for _ in range(7):
        host = make_host(tmp_path, clock, TWOFACTOR_DATABASE_URI=database_uri)
        seen.append(attempt(host))
        state_of(host).store._database.close()  # type: ignore[attr-defined]
    assert seen == [200] * 5 + [429] * 2


@pytest.mark.requirement("THR-13")
def test_the_budget_survives_a_restart(database_uri: str, tmp_path: Path) -> None:
    clock = Clock()
    seen = []
    for _ in range(12):
        store = state_of(make_host(tmp_path, clock, TWOFACTOR_DATABASE_URI=database_uri)).store
        seen.append(store.charge("1", START, SECOND_FACTOR))
        store._database.close()  # type: ignore[attr-defined]
    assert seen == [True] * 10 + [False] * 2


@pytest.mark.requirement("THR-13")
def test_counters_in_memory_are_warned_about(make_app: Callable[..., Host], caplog: pytest.LogCaptureFixture) -> None:
    host = make_app(TWOFACTOR_THROTTLE_STORAGE_URI="memory://")
    host.app.testing = False
    with caplog.at_level(logging.WARNING, "flask_twofactor"):
        host.person().get("/open")
    assert [one for one in caplog.messages if "THR-13" in one]


@pytest.mark.requirement("THR-14")
def test_an_attempt_that_has_to_wait_hashes_no_password(host: Host) -> None:
    assert [attempt(host) for _ in range(5)] == [200] * 5
    checks = host.users["alice"].checks
    assert attempt(host, password="alice-password") == 429
    assert host.users["alice"].checks == checks == 5


@pytest.mark.requirement("INP-04")
def test_spellings_of_one_name_share_one_count(host: Host) -> None:
    spellings = ["alice", "ALICE", "alice ", "ａｌｉｃｅ", "Alice", " aLiCe"]
    statuses = []
    for spelling in spellings:
        person = host.person()
        person.identify(spelling)
        statuses.append(person.credential("x").status_code)
    assert statuses == [200] * 5 + [429]


@pytest.mark.parametrize("name", ["alice", "nobody", "bob"])
def test_the_page_of_a_wait_is_429_with_retry_after(enrolled: Host, name: str) -> None:
    person = enrolled.person()
    for _ in range(5):
        person.identify(name)
        assert person.credential("x", "000000").status_code == 200
    person.identify(name)
    answer = person.credential("x", "000000")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    enrolled.clock.move(15)
    person.identify(name)
    assert person.credential("x", "000000").headers["Retry-After"] == "45"


def test_a_success_forgets_the_pair_and_a_refused_one_does_not(enrolled: Host) -> None:
    state = state_of(enrolled)
    for _ in range(4):
        assert attempt(enrolled) == 200
    login.check(state, "alice", "alice-password", enrolled.code("alice"), "192.0.2.1")
    assert [attempt(enrolled) for _ in range(6)] == [200] * 5 + [429]


def test_the_pair_is_of_name_and_source(host: Host) -> None:
    assert [attempt(host) for _ in range(6)][-1] == 429
    assert attempt(host, source="192.0.2.2") == 200
    assert attempt(host, name="bob") == 200


@pytest.mark.requirement("RPL-04")
def test_a_clock_that_ticks_between_two_looks_still_gives_the_attempt_back(make_app: Callable[..., Host]) -> None:
    host = make_app()
    host.enroll("alice")
    state = state_of(host)
    for _ in range(12):
        host.clock.move(60)
        code = host.code("alice")
        ticking = TickingClock(host.clock)
        object.__setattr__(state, "clock", ticking)
        login.check(state, "alice", "alice-password", code, "192.0.2.1")
        object.__setattr__(state, "clock", host.clock)
        assert ticking.looks > 2
    assert sum(state.store.charge("1", int(host.clock.at), SECOND_FACTOR) for _ in range(20)) == 10


class TickingClock:
    """A clock that moves on by a second whenever it is looked at."""

    def __init__(self, start: Clock) -> None:
        self._start = start.at
        self.looks = 0

    def __call__(self) -> float:
        self.looks += 1
        return self._start + self.looks


def test_the_token_of_the_form_is_still_on_the_page_of_a_wait(host: Host) -> None:
    person = host.person()
    for _ in range(6):
        person.identify("alice")
        answer = person.credential("x")
    assert answer.status_code == 429
    assert csrf_token(answer)
