from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_twofactor.core.budget import SECOND_FACTOR, add_attempt, remove_attempt

DAY = 24 * 3600
START = 1_800_000_000


def full_day() -> list[int]:
    return [START + 60 * n for n in range(10)]


def next_chance(times: list[int], now: int) -> int:
    """Give the first moment after ``now`` at which an attempt leaves one of the windows."""
    return min(at + seconds for at in times for _, seconds in SECOND_FACTOR if at + seconds > now)


def test_the_budget_is_ten_in_a_day_and_fifty_in_thirty_days() -> None:
    assert SECOND_FACTOR == ((10, DAY), (50, 30 * DAY))


def test_the_tenth_attempt_of_a_day_is_counted_and_the_eleventh_is_not() -> None:
    times: list[int] = []
    for n in range(10):
        added = add_attempt(times, START + n)
        assert added == [*times, START + n]
        times = added
    assert add_attempt(times, START + 10) is None


@pytest.mark.parametrize(("later", "counted"), [(-1, False), (0, True), (1, True)])
def test_an_attempt_leaves_the_day_exactly_a_day_later(later: int, counted: bool) -> None:
    assert (add_attempt(full_day(), START + DAY + later) is not None) is counted


def test_the_day_slides_and_does_not_begin_anew() -> None:
    times = add_attempt(full_day(), START + DAY)
    assert times is not None
    assert add_attempt(times, START + DAY + 59) is None
    assert add_attempt(times, START + DAY + 60) is not None


@pytest.mark.parametrize(("later", "counted"), [(-1, False), (0, True)])
def test_the_fiftieth_of_thirty_days_is_the_last_until_the_first_leaves(later: int, counted: bool) -> None:
    times = [START + day * DAY + n for day in range(5) for n in range(10)]
    assert (add_attempt(times, START + 30 * DAY + later) is not None) is counted


def test_what_is_older_than_thirty_days_is_dropped() -> None:
    assert add_attempt([START, START + 1], START + 30 * DAY) == [START + 1, START + 30 * DAY]


@pytest.mark.requirement("THR-02")
@pytest.mark.parametrize("begin", [0, 1, 29])
def test_a_year_of_greedy_guessing_evaluates_at_most_650_guesses(begin: int) -> None:
    times: list[int] = []
    evaluated, now, end = 0, START + begin, START + begin + 365 * DAY
    while now < end:
        added = add_attempt(times, now)
        if added is None:
            now = next_chance(times, now)  # not one second is lost
        else:
            times = added
            evaluated += 1
    assert 550 <= evaluated <= 650


@pytest.mark.requirement("THR-02")
@given(st.lists(st.integers(0, 40 * DAY), max_size=300))
def test_no_series_of_attempts_gets_more_than_the_limits_into_a_window(moments: list[int]) -> None:
    times: list[int] = []
    evaluated = []
    for now in sorted(moments):
        if added := add_attempt(times, now):
            times = added
            evaluated.append(now)
    for count, seconds in SECOND_FACTOR:
        for first, last in zip(evaluated, evaluated[count:], strict=False):
            assert last - first >= seconds


def test_a_spent_budget_is_not_lengthened_by_further_attempts() -> None:
    times = full_day()
    assert all(add_attempt(times, START + DAY - n) is None for n in range(1, 600))
    assert add_attempt(times, START + DAY) is not None


def test_a_refund_takes_one_attempt_of_that_moment_and_no_other() -> None:
    assert remove_attempt([1, 5, 5, 9], 5) == [1, 5, 9]


def test_a_refund_of_what_was_never_counted_changes_nothing() -> None:
    assert remove_attempt([1, 5], 4) == [1, 5]


@given(st.lists(st.integers(0, 100), max_size=9).map(sorted), st.integers(100, 200))
def test_an_attempt_and_its_refund_leave_what_was_there(times: list[int], now: int) -> None:
    added = add_attempt(times, now)
    assert added is not None
    assert remove_attempt(added, now) == times


def test_a_clock_that_jumps_back_opens_nothing() -> None:
    assert add_attempt(full_day(), START - 3 * DAY) is None


@given(st.lists(st.integers(0, 40 * DAY), max_size=100).map(sorted))
def test_the_times_that_are_kept_rise_and_are_at_most_fifty(moments: list[int]) -> None:
    times: list[int] = []
    for now in moments:
        times = add_attempt(times, now) or times
        assert len(times) <= 50
        assert all(one <= other for one, other in pairwise(times))
