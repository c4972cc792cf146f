from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import redis
from limits.errors import StorageError
from limits.storage import Storage

from flask_twofactor.core.known import Known
from flask_twofactor.errors import LoginRefused, SettingError, SignInAgain, StoreUnavailable, Throttled
from flask_twofactor.flows import login
from flask_twofactor.state import State
from flask_twofactor.stores.sql import Database, SqlCounters, SqlStore
from flask_twofactor.throttle import (
    KNOWN,
    LOOK_UPS,
    NAME,
    PAIR_FREE,
    PAIR_WAITS,
    SIGN_IN,
    SOURCE,
    DatabaseStorage,
    Throttle,
    Ticket,
    storage_for,
)
from tests.stores.racing import race
from tests.support.host import START, Clock, Host, csrf_token, make_host

HOUR = 3600
DAY = 24 * HOUR
DIGEST = "0123456789abcdef" * 4
"""Names, sources, browsers and sign-ins come to the throttle as keyed digests of this length."""


@pytest.fixture
def database(database_uri: str) -> Iterator[Database]:
    """SQLite, then PostgreSQL, then MariaDB, with tables."""
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


def waits(act: Callable[[], object]) -> int:
    """Give the seconds that an act is told to wait; 0 where it was let through."""
    try:
        act()
    except Throttled as refused:
        return refused.retry_after
    return 0


def wait_of(throttle: Throttle, name: str = DIGEST, source: str = DIGEST, known: str = "") -> int:
    """Fail to log in; gives the seconds to wait."""
    return waits(lambda: throttle.log_in(name, source, known))


def succeed(throttle: Throttle, name: str = DIGEST, source: str = DIGEST) -> None:
    throttle.refund(throttle.log_in(name, source))


def use_up(throttle: Throttle, clock: Clock, waits: int) -> None:
    """Fail until so many waits have been imposed; the last one has just begun."""
    for _ in range(PAIR_FREE):
        assert wait_of(throttle) == 0
    for wait in PAIR_WAITS[: waits - 1]:
        clock.move(wait)
        assert wait_of(throttle) == 0


def digests() -> Iterator[str]:
    """Give names or sources, each another one."""
    return map("{:064x}".format, itertools.count(1))


@pytest.mark.requirement("THR-19")
def test_the_limits_are_those_of_the_policy() -> None:
    assert SOURCE == ((30, 600), (200, DAY))
    assert LOOK_UPS == ((60, 600),)
    assert NAME == ((20, HOUR), (100, DAY))
    assert KNOWN == ((10, 900), (20, DAY))
    assert SIGN_IN == ((5, 900),)
    assert (PAIR_FREE, PAIR_WAITS) == (5, (60, 120, 240, 480, 900))


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
    succeed(throttle)
    assert [wait_of(throttle) for _ in range(6)] == [0, 0, 0, 0, 0, 60]


def test_a_success_forgets_the_waits_too(throttle: Throttle, clock: Clock) -> None:
    use_up(throttle, clock, waits=3)
    clock.move(PAIR_WAITS[2])
    succeed(throttle)
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


@pytest.mark.parametrize("other", [{"name": "other"}, {"source": "other"}])
def test_one_pair_does_not_make_another_wait(throttle: Throttle, other: dict[str, str]) -> None:
    assert [wait_of(throttle) for _ in range(6)][-1] == 60
    assert wait_of(throttle, **other) == 0
    succeed(throttle, **other)
    assert wait_of(throttle) == 60


@pytest.mark.requirement("RPL-04")
def test_an_attempt_that_is_told_to_wait_counts_nowhere(throttle: Throttle) -> None:
    assert [wait_of(throttle) for _ in range(50)].count(0) == 5
    source, name = digests(), digests()
    assert [wait_of(throttle, DIGEST, next(source)) for _ in range(16)] == [0] * 15 + [HOUR]
    assert [wait_of(throttle, next(name), DIGEST) for _ in range(26)] == [0] * 25 + [600]


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
    assert in_threads(20, lambda: wait_of(throttle)).count(0) == 5


def test_of_12_attempts_at_once_after_a_wait_exactly_one_is_let_through(throttle: Throttle, clock: Clock) -> None:
    use_up(throttle, clock, waits=1)
    for wait in (120, 240, 480):
        clock.move(PAIR_WAITS[PAIR_WAITS.index(wait) - 1])
        assert sorted(in_threads(12, lambda: wait_of(throttle))) == [0] + [wait] * 11


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
    return lambda one: wait_of(throttle, f"name {one}", f"source {one}")


@pytest.mark.slow
@pytest.mark.requirement("THR-13")
def test_eight_processes_share_one_count(database: Database, database_uri: str) -> None:
    rounds = race(8, 10, count_in_process, database_uri)
    assert [sorted(waits) for waits in rounds] == [[0] * 5 + [60] * 3] * 10


# --- the other buckets


Fail = Callable[[Throttle], int]
"""Fail once in a bucket; gives the seconds to wait."""


def from_one_source(throttle: Throttle) -> int:
    return wait_of(throttle, next(_OTHERS), DIGEST)


def of_one_name(throttle: Throttle) -> int:
    return wait_of(throttle, DIGEST, next(_OTHERS))


def looking_up(throttle: Throttle) -> int:
    return waits(lambda: throttle.look_up(DIGEST))


def signed_in(throttle: Throttle) -> int:
    return waits(lambda: throttle.sign_in(DIGEST))


_OTHERS = digests()
WINDOWS = [
    pytest.param(from_one_source, 30, 600, id="source, ten minutes"),
    pytest.param(of_one_name, 20, HOUR, id="name, an hour"),
    pytest.param(looking_up, 60, 600, id="look-ups"),
    pytest.param(signed_in, 5, 900, id="signed in"),
]
LONG_WINDOWS = [
    pytest.param(from_one_source, SOURCE, id="source, a day"),
    pytest.param(of_one_name, NAME, id="name, a day"),
]


@pytest.mark.requirement("THR-16", "THR-05")
@pytest.mark.parametrize(("fail", "limit", "seconds"), WINDOWS)
def test_the_last_place_of_a_window_is_given_and_then_all_wait_until_it_ends(
    throttle: Throttle, clock: Clock, fail: Fail, limit: int, seconds: int
) -> None:
    assert [fail(throttle) for _ in range(limit + 1)] == [0] * limit + [seconds]
    clock.move(seconds - 1)
    assert fail(throttle) == 1
    clock.move(1)
    assert fail(throttle) == 0


@pytest.mark.parametrize(("fail", "limits"), LONG_WINDOWS)
def test_the_window_of_a_day_ends_a_series_that_the_shorter_one_lets_through(
    throttle: Throttle, clock: Clock, fail: Fail, limits: tuple[tuple[int, int], ...]
) -> None:
    (short, seconds), (long, day) = limits
    start = clock.at
    for number in range(long):
        assert fail(throttle) == 0
        if (number + 1) % short == 0:
            clock.move(seconds)
    assert fail(throttle) == start + day - clock.at
    clock.at = start + day
    assert fail(throttle) == 0


@pytest.mark.requirement("RPL-04")
@pytest.mark.parametrize(("fail", "limit", "seconds"), WINDOWS)
def test_of_many_attempts_at_once_at_the_last_place_of_a_window_exactly_one_is_let_through(
    throttle: Throttle, fail: Fail, limit: int, seconds: int
) -> None:
    for _ in range(limit - 1):
        assert fail(throttle) == 0
    answers = in_threads(12, lambda: fail(throttle))
    assert answers.count(0) == 1
    assert set(answers) - {0, 1} <= {seconds}, "1: there was room again by the time it looked"
    assert fail(throttle) == seconds


def test_what_one_source_name_or_session_used_up_leaves_others_theirs(throttle: Throttle) -> None:
    for fail, limit in ((from_one_source, 30), (of_one_name, 20), (looking_up, 60), (signed_in, 5)):
        assert [fail(throttle) for _ in range(limit + 1)][-1] > 0
    assert wait_of(throttle, "another", "another") == 0
    throttle.look_up("another")
    throttle.sign_in("another")


@pytest.mark.requirement("RPL-04")
def test_a_refund_gives_back_one_and_no_more(throttle: Throttle) -> None:
    source, name = digests(), digests()
    for _ in range(20 - 1):
        assert wait_of(throttle, DIGEST, next(source)) == 0
    ticket = throttle.log_in(DIGEST, DIGEST)
    for _ in range(30 - 1):
        assert wait_of(throttle, next(name), DIGEST) == 0
    throttle.refund(ticket)
    assert [wait_of(throttle, DIGEST, next(source)) for _ in range(3)] == [0, HOUR, HOUR]
    assert [wait_of(throttle, next(name), DIGEST) for _ in range(3)] == [0, 600, 600]


@pytest.mark.requirement("RPL-04")
def test_a_success_at_the_last_place_leaves_it_for_the_next(throttle: Throttle) -> None:
    source = digests()
    for _ in range(20 - 1):
        assert wait_of(throttle, DIGEST, next(source)) == 0
    for _ in range(5):
        succeed(throttle, DIGEST, next(source))
    assert [wait_of(throttle, DIGEST, next(source)) for _ in range(2)] == [0, HOUR]


def test_a_refund_after_the_window_ended_gives_the_next_one_nothing(throttle: Throttle, clock: Clock) -> None:
    ticket = throttle.log_in(DIGEST, DIGEST)
    clock.move(DAY)
    throttle.refund(ticket)
    assert [of_one_name(throttle) for _ in range(21)] == [0] * 20 + [HOUR]


@pytest.mark.requirement("THR-05")
def test_the_longest_of_the_waits_is_told(throttle: Throttle) -> None:
    for _ in range(30):
        assert from_one_source(throttle) == 0
    for _ in range(20):
        assert of_one_name(throttle) == 0
    assert wait_of(throttle) == HOUR


def test_a_right_answer_of_a_session_gives_it_all_its_places_back(throttle: Throttle) -> None:
    for _ in range(4):
        assert signed_in(throttle) == 0
    throttle.refund(throttle.sign_in(DIGEST))
    assert [signed_in(throttle) for _ in range(6)] == [0] * 5 + [900]


@pytest.mark.requirement("THR-06", "THR-17")
def test_a_known_browser_is_counted_by_itself_alone(throttle: Throttle) -> None:
    for _ in range(31):
        from_one_source(throttle)
    for _ in range(21):
        of_one_name(throttle)
    assert wait_of(throttle) > 0
    ticket = throttle.log_in(DIGEST, DIGEST, "browser")
    assert ticket.known
    assert [wait_of(throttle, known="browser") for _ in range(10)] == [0] * 9 + [HOUR]


@pytest.mark.parametrize(("times", "seconds"), [(10, 900), (20, DAY)])
def test_a_known_browser_that_fails_too_often_counts_as_an_unknown_one_until_its_window_ends(
    throttle: Throttle, clock: Clock, times: int, seconds: int
) -> None:
    start = clock.at
    for number in range(times):
        assert throttle.log_in(DIGEST, DIGEST, "browser").known
        if number == 9:
            clock.move(900 if times > 10 else 0)
    seen: list[Ticket] = []
    for number in range(PAIR_FREE):
        seen.append(throttle.log_in(DIGEST, DIGEST, "browser"))
        assert wait_of(throttle, f"{number}", f"{number}") == 0
    assert not any(one.known for one in seen)
    assert wait_of(throttle, known="browser") == 60, "the pair waits"
    assert throttle.log_in(DIGEST, DIGEST, "another browser").known
    clock.at = start + seconds
    assert throttle.log_in(DIGEST, DIGEST, "browser").known


@pytest.mark.requirement("RPL-04")
def test_a_known_browser_at_once_at_its_last_place_is_known_once(throttle: Throttle) -> None:
    for _ in range(9):
        assert throttle.log_in(DIGEST, DIGEST, "browser").known
    sources = digests()
    answers = in_threads(12, lambda: int(throttle.log_in(DIGEST, next(sources), "browser").known))
    assert sum(answers) == 1


@pytest.mark.requirement("RPL-04")
def test_a_success_of_a_known_browser_gives_its_own_attempt_back_and_forgets_no_pair(throttle: Throttle) -> None:
    assert [wait_of(throttle) for _ in range(6)][-1] == 60
    for _ in range(9):
        assert throttle.log_in(DIGEST, DIGEST, "browser").known
    for _ in range(3):
        ticket = throttle.log_in(DIGEST, DIGEST, "browser")
        assert ticket.known
        throttle.refund(ticket)
    assert throttle.log_in(DIGEST, DIGEST, "browser").known
    assert wait_of(throttle, known="browser") == 60, "the eleventh is unknown, and the pair still waits"


@pytest.mark.requirement("RPL-04")
def test_tickets_of_several_buckets_are_refunded_together(throttle: Throttle) -> None:
    for _ in range(4):
        assert (wait_of(throttle), signed_in(throttle)) == (0, 0)
    throttle.refund(throttle.sign_in(DIGEST), throttle.log_in(DIGEST, DIGEST))
    assert [signed_in(throttle) for _ in range(6)] == [0] * 5 + [900]
    assert [wait_of(throttle) for _ in range(6)] == [0] * 5 + [60]


@pytest.mark.requirement("THR-18")
def test_the_alarm_is_raised_exactly_at_its_limit_and_once_an_hour(throttle: Throttle, clock: Clock) -> None:
    for _ in range(2):
        assert [throttle.alarms(5) for _ in range(20)] == [False] * 4 + [True] + [False] * 15
        clock.move(HOUR - 1)
        assert not throttle.alarms(5)
        clock.move(1)


@pytest.mark.requirement("THR-18", "VER-07")
def test_another_failure_does_the_alarm_s_work_and_never_raises_it(throttle: Throttle) -> None:
    assert not any(throttle.alarms(2, counts=False) for _ in range(5))
    assert [throttle.alarms(2), throttle.alarms(2, counts=False), throttle.alarms(2)] == [False, False, True]


@pytest.mark.requirement("THR-18")
def test_of_many_wrong_codes_at_once_one_raises_the_alarm(throttle: Throttle) -> None:
    assert sum(in_threads(12, lambda: int(throttle.alarms(7)))) == 1


def take_last_place(_: int, uri: str) -> Callable[[int], int]:
    clock = Clock()
    database = Database.connect(uri)
    throttle = Throttle(DatabaseStorage(SqlCounters(database, clock)), clock)
    return lambda one: waits(lambda: throttle.sign_in(f"sign-in {one}"))


@pytest.mark.slow
@pytest.mark.requirement("THR-13", "RPL-04")
def test_eight_processes_at_the_last_place_of_a_window_get_one_of_them_through(
    throttle: Throttle, database_uri: str
) -> None:
    for one, _ in itertools.product(range(10), range(4)):
        throttle.sign_in(f"sign-in {one}")
    rounds = race(8, 10, take_last_place, database_uri)
    assert [answers.count(0) for answers in rounds] == [1] * 10


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
    assert left <= 60 + 20  # alive, and what came since the last purge


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


VERBS: list[Callable[[Throttle], object]] = [
    lambda throttle: throttle.log_in(DIGEST, DIGEST),
    lambda throttle: throttle.log_in(DIGEST, DIGEST, DIGEST),
    lambda throttle: throttle.look_up(DIGEST),
    lambda throttle: throttle.sign_in(DIGEST),
    lambda throttle: throttle.refund(Ticket((DIGEST,), ("x",))),
    lambda throttle: throttle.alarms(50),
]


@pytest.mark.parametrize("error", [OSError("gone"), StorageError(OSError("gone")), StoreUnavailable("gone")])
def test_counters_that_do_not_answer_let_nobody_through(error: Exception, clock: Clock) -> None:
    throttle = Throttle(Broken(error), clock)
    for verb in VERBS:
        with pytest.raises(StoreUnavailable):
            verb(throttle)


def test_a_database_without_its_counters_lets_nobody_through(throttle: Throttle, database: Database) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE twofactor_counter")
    for verb in VERBS:
        with pytest.raises(StoreUnavailable):
            verb(throttle)


def test_a_redis_that_is_down_lets_nobody_through(clock: Clock) -> None:
    throttle = Throttle(storage_for("redis://127.0.0.1:1/0"), clock)
    for verb in VERBS:
        with pytest.raises(StoreUnavailable):
            verb(throttle)


def test_nothing_resets_every_count_at_once(counters: SqlCounters) -> None:
    storage = DatabaseStorage(counters)
    counters.count("a", 60)
    with pytest.raises(StoreUnavailable):
        storage.reset()
    assert storage.check() is True
    assert storage.get("a") == 1


@pytest.mark.requirement("STO-07")
def test_a_log_in_is_answered_503_where_the_counters_do_not_answer(make_app: Callable[..., Host]) -> None:
    before = make_app().person()
    before.identify("alice")
    person = make_app(TWOFACTOR_THROTTLE_STORAGE_URI="redis://127.0.0.1:1/0").person()
    assert person.post("/two-factor/identify", identifier="alice").status_code == 503
    person.use_cookies(before.cookies())  # the step between the pages, from when they still answered
    assert person.credential("alice-password").status_code == 503
    assert person.me is None


# --- other storages


def test_redis_counts_by_its_uri_and_its_own_clock(redis_url: str, clock: Clock) -> None:
    throttle = Throttle(storage_for(redis_url), clock)
    assert [wait_of(throttle) for _ in range(4)] == [0] * 4
    ticket = throttle.log_in(DIGEST, DIGEST)
    assert 1 <= waits(lambda: throttle.log_in(DIGEST, DIGEST)) <= 60
    assert wait_of(throttle, "other") == 0
    with redis.Redis.from_url(redis_url) as server:
        lives = {key: server.ttl(key) for key in server.keys("*")}
    assert len(lives) == 2 + 2 * 2 + 2 + 2  # of source, of two names, of two pairs, and the wait of one
    assert all(0 < seconds <= DAY for seconds in lives.values())
    throttle.refund(ticket)
    assert [wait_of(throttle) for _ in range(5)] == [0] * 5


def redis_clock() -> float:
    """The clock of this machine, which Redis counts by."""
    return time.time()


def test_every_bucket_counts_in_redis_and_gives_back_there(redis_url: str) -> None:
    throttle = Throttle(storage_for(redis_url), redis_clock)
    for fail, limit, seconds in ((from_one_source, 30, 600), (looking_up, 60, 600), (signed_in, 5, 900)):
        answers = [fail(throttle) for _ in range(limit + 1)]
        assert answers[:limit] == [0] * limit
        assert seconds - 60 <= answers[limit] <= seconds + 1  # Redis tells the rest in whole seconds
    source = digests()
    for _ in range(19):
        assert wait_of(throttle, DIGEST, next(source)) == 0
    for _ in range(3):
        succeed(throttle, DIGEST, next(source))
    assert wait_of(throttle, DIGEST, next(source)) == 0
    assert HOUR - 60 <= wait_of(throttle, DIGEST, next(source)) <= HOUR + 1
    assert [throttle.log_in(DIGEST, DIGEST, "browser").known for _ in range(10)] == [True] * 10
    assert wait_of(throttle, known="browser") >= HOUR - 60
    assert [throttle.alarms(3) for _ in range(5)] == [False, False, True, False, False]


def test_two_apps_share_one_count_in_redis(redis_url: str, clock: Clock) -> None:
    one, other = Throttle(storage_for(redis_url), clock), Throttle(storage_for(redis_url), clock)
    assert [wait_of(throttle) for throttle in (one, other, one, other, one)] == [0] * 5
    assert wait_of(other) > 0


def test_of_20_attempts_at_once_redis_lets_exactly_five_through(redis_url: str, clock: Clock) -> None:
    throttle = Throttle(storage_for(redis_url), clock)
    assert in_threads(20, lambda: wait_of(throttle)).count(0) == 5


def test_of_12_attempts_at_once_at_the_last_place_redis_lets_one_through(redis_url: str) -> None:
    throttle = Throttle(storage_for(redis_url), redis_clock)
    for _ in range(4):
        throttle.sign_in(DIGEST)
    assert in_threads(12, lambda: signed_in(throttle)).count(0) == 1


def test_an_async_storage_is_refused_by_the_name_of_its_key() -> None:
    with pytest.raises(SettingError, match="TWOFACTOR_THROTTLE_STORAGE_URI"):
        storage_for("async+memory://")


# --- in its place


def state_of(host: Host) -> State:
    state: State = host.app.extensions["twofactor"]
    return state


def attempt(
    host: Host, name: str = "alice", password: str = "x", source: str = "192.0.2.1", known: Sequence[Known] = ()
) -> int:
    """Try to log in; gives the status that the pages would answer with."""
    try:
        login.check(state_of(host), name, password, None, source, known)
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
        seen.append(store.charge("1", START, "unknown").attempt is not None)
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
    charges = [state.store.charge("1", int(host.clock.at), "unknown") for _ in range(20)]
    assert sum(charged.attempt is not None for charged in charges) == 10


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


def known_browser(host: Host, name: str = "alice") -> list[Known]:
    """Give what the cookie of a browser says that somebody logged in with before."""
    state = state_of(host)
    subject = login.subject_digest(state, str(host.users[name].id))
    return [Known(b"b" * 16, subject, login.name_digest(state, name), START)]


@pytest.mark.requirement("THR-06")
def test_whoever_fails_elsewhere_keeps_no_owner_out_of_a_known_browser(host: Host) -> None:
    sources = digests()
    assert [attempt(host, source=next(sources)) for _ in range(21)] == [200] * 20 + [429]
    assert attempt(host, password="alice-password", source="192.0.2.1") == 429
    assert attempt(host, password="alice-password", source="192.0.2.1", known=known_browser(host)) == 302


@pytest.mark.requirement("THR-06")
def test_a_browser_that_is_known_for_one_account_is_unknown_to_another(host: Host) -> None:
    sources = digests()
    for _ in range(20):
        attempt(host, name="bob", source=next(sources))
    assert attempt(host, name="bob", password="bob-password", known=known_browser(host, "alice")) == 429


@pytest.mark.requirement("THR-06", "THR-17")
def test_all_of_a_shared_source_wait_but_known_browsers(host: Host) -> None:
    names = digests()
    assert [attempt(host, name=next(names)) for _ in range(31)] == [200] * 30 + [429]
    assert attempt(host, name="bob", password="bob-password") == 429
    assert attempt(host, name="bob", password="bob-password", known=known_browser(host, "bob")) == 302


@pytest.mark.requirement("THR-16", "THR-17")
def test_the_61st_name_that_a_source_asks_about_waits_whatever_it_is_but_in_a_browser_that_knows_it(host: Host) -> None:
    state, names = state_of(host), digests()
    for _ in range(60):
        login.look_up(state, next(names), "192.0.2.1", ())
    for name in ("alice", "bob", "nobody"):
        assert waits(lambda name=name: login.look_up(state, name, "192.0.2.1", ())) == 600  # type: ignore[misc]
    login.look_up(state, "alice", "192.0.2.1", known_browser(host))
    login.look_up(state, "alice", "192.0.2.2", ())


def test_the_sixth_wrong_password_of_a_session_in_step_up_ends_it(host: Host) -> None:
    state, user = state_of(host), host.users["alice"]
    for _ in range(5):
        with pytest.raises(LoginRefused):
            login.confirm_password(state, user, "x", "sign-in", None)
    checks = user.checks
    with pytest.raises(SignInAgain) as refused:
        login.confirm_password(state, user, "alice-password", "sign-in", None)
    assert (refused.value.status, refused.value.retry_after, user.checks) == (429, 900, checks)
    assert login.confirm_password(state, user, "alice-password", "another sign-in", None)


def test_a_storage_of_limits_is_not_swept_since_it_lets_go_by_itself(clock: Clock) -> None:
    throttle = Throttle(storage_for("memory://"), clock)
    throttle.look_up(DIGEST)
    assert throttle.sweep() == 0


def test_the_database_s_own_counts_are_swept_once_they_are_over(throttle: Throttle, clock: Clock) -> None:
    throttle.look_up(DIGEST)
    assert throttle.sweep() == 0
    clock.move(LOOK_UPS[0][1])
    assert throttle.sweep() == 1


def test_a_sweep_of_counters_that_do_not_answer_says_so(clock: Clock) -> None:
    class Broken:
        def __getattr__(self, verb: str) -> object:
            raise StoreUnavailable("no answer")

    with pytest.raises(StoreUnavailable, match="counters did not answer"):
        Throttle(DatabaseStorage(Broken()), clock).sweep()  # type: ignore[arg-type]
