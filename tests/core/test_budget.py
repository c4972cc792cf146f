from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_twofactor.core.budget import (
    FEW,
    HARD_STOP,
    LIMITS,
    MANY,
    Attempt,
    Budget,
    Charge,
    Pool,
    Warn,
    add_attempt,
    remove_attempt,
)

DAY = 24 * 3600
START = 1_800_000_000
E = LIMITS["unknown"]
POOLS: tuple[Pool, ...] = ("unknown", "known", "recovery")


def full_day() -> list[int]:
    return [START + 60 * n for n in range(10)]


def guess(budget: Budget, times: int, at: int = START, pool: Pool = "unknown") -> tuple[Budget, list[Charge]]:
    """Charge so many attempts of one moment; gives what each came to."""
    charges = []
    for _ in range(times):
        budget, charged = budget.charge(at, pool)
        charges.append(charged)
    return budget, charges


def count(budget: Budget, pool: Pool, at: int = START) -> int:
    """Give how many attempts are left."""
    return sum(one.attempt is not None for one in guess(budget, 300, at, pool)[1])


def warnings(charges: list[Charge]) -> list[Warn]:
    return [one.warn for one in charges]


# --- the limits


@pytest.mark.requirement("THR-02")
def test_the_limits_are_those_of_the_policy() -> None:
    assert LIMITS["unknown"] == ((10, DAY), (50, 30 * DAY))
    assert LIMITS["known"] == ((20, DAY), (100, 30 * DAY))
    assert LIMITS["recovery"] == ((100, DAY),)
    assert (HARD_STOP, FEW, MANY) == (100, 3, 10)


def test_the_tenth_attempt_of_a_day_is_counted_and_the_eleventh_is_not() -> None:
    times: list[int] = []
    for n in range(10):
        added = add_attempt(times, START + n, E)
        assert added == [*times, START + n]
        times = added
    assert add_attempt(times, START + 10, E) is None


@pytest.mark.parametrize(("later", "counted"), [(-1, False), (0, True), (1, True)])
def test_an_attempt_leaves_the_day_exactly_a_day_later(later: int, counted: bool) -> None:
    assert (add_attempt(full_day(), START + DAY + later, E) is not None) is counted


def test_the_day_slides_and_does_not_begin_anew() -> None:
    times = add_attempt(full_day(), START + DAY, E)
    assert times is not None
    assert add_attempt(times, START + DAY + 59, E) is None
    assert add_attempt(times, START + DAY + 60, E) is not None


@pytest.mark.parametrize(("later", "counted"), [(-1, False), (0, True)])
def test_the_fiftieth_of_thirty_days_is_the_last_until_the_first_leaves(later: int, counted: bool) -> None:
    times = [START + day * DAY + n for day in range(5) for n in range(10)]
    assert (add_attempt(times, START + 30 * DAY + later, E) is not None) is counted


def test_what_is_older_than_thirty_days_is_dropped() -> None:
    assert add_attempt([START, START + 1], START + 30 * DAY, E) == [START + 1, START + 30 * DAY]


def test_a_spent_budget_is_not_lengthened_by_further_attempts() -> None:
    budget = Budget(unknown=tuple(full_day()))
    for n in range(600, 0, -1):
        budget, charged = budget.charge(START + DAY - n, "unknown")
        assert charged == Charge(None)
    assert budget == Budget(unknown=tuple(full_day()))
    assert budget.charge(START + DAY, "unknown")[1].attempt is not None


def test_a_clock_that_jumps_back_opens_nothing() -> None:
    assert add_attempt(full_day(), START - 3 * DAY, E) is None


@pytest.mark.requirement("THR-02")
@pytest.mark.parametrize("pool", POOLS)
@given(moments=st.lists(st.integers(0, 40 * DAY), max_size=300))
def test_no_series_of_attempts_gets_more_than_the_limits_into_a_window(pool: Pool, moments: list[int]) -> None:
    times: list[int] = []
    evaluated = []
    for now in sorted(moments):
        if added := add_attempt(times, now, LIMITS[pool]):
            times = added
            evaluated.append(now)
    for limit, seconds in LIMITS[pool]:
        for first, last in zip(evaluated, evaluated[limit:], strict=False):
            assert last - first >= seconds


@pytest.mark.parametrize("pool", POOLS)
@given(moments=st.lists(st.integers(0, 40 * DAY), max_size=150).map(sorted))
def test_the_times_that_are_kept_rise_and_are_bounded_in_number(pool: Pool, moments: list[int]) -> None:
    times: list[int] = []
    for now in moments:
        times = add_attempt(times, now, LIMITS[pool]) or times
        assert len(times) <= max(limit for limit, _ in LIMITS[pool])
        assert all(one <= other for one, other in pairwise(times))


# --- the pools


@pytest.mark.parametrize(("pool", "left"), [("unknown", 10), ("known", 20 + 10), ("recovery", 100)])
def test_a_fresh_budget_takes_so_many_attempts_in_a_day(pool: Pool, left: int) -> None:
    assert count(Budget(), pool) == left


def test_a_known_browser_s_attempts_are_charged_to_its_own_pool_and_then_to_that_of_the_unknown() -> None:
    budget, charges = guess(Budget(), 31, pool="known")
    assert [one.attempt for one in charges] == [
        *[Attempt(START, "known")] * 20,
        *[Attempt(START, "unknown")] * 10,
        None,
    ]
    assert (len(budget.known), len(budget.unknown)) == (20, 10)


@pytest.mark.requirement("THR-06")
def test_what_strangers_spend_leaves_a_known_browser_its_own() -> None:
    budget, _ = guess(Budget(), 20, pool="unknown")
    assert count(budget, "unknown") == 0
    assert count(budget, "known") == 20


@pytest.mark.requirement("THR-08")
def test_a_recovery_code_has_a_budget_of_its_own_that_no_hard_stop_ends() -> None:
    budget, _ = guess(Budget(), 30, pool="known")
    assert count(budget, "known") == 0
    assert count(budget, "recovery") == 100
    assert count(replace(budget, in_a_row=HARD_STOP), "recovery") == 100


def test_wrong_recovery_codes_neither_count_in_the_row_nor_warn_nor_spend_another_pool() -> None:
    budget, charges = guess(Budget(), 100, pool="recovery")
    assert set(warnings(charges)) == {""}
    assert budget == Budget(recovery=(START,) * 100)


# --- refunds


def test_a_refund_takes_one_attempt_of_that_moment_and_no_other() -> None:
    assert remove_attempt([1, 5, 5, 9], 5) == [1, 5, 9]


def test_a_refund_of_what_was_never_counted_changes_nothing() -> None:
    assert remove_attempt([1, 5], 4) == [1, 5]


@given(st.lists(st.integers(0, 100), max_size=9).map(sorted), st.integers(100, 200))
def test_an_attempt_and_its_refund_leave_what_was_there(times: list[int], now: int) -> None:
    added = add_attempt(times, now, E)
    assert added is not None
    assert remove_attempt(added, now) == times


@pytest.mark.requirement("RPL-04")
@pytest.mark.parametrize("pool", POOLS)
def test_a_refund_gives_one_attempt_back_to_the_pool_that_it_was_charged_to(pool: Pool) -> None:
    full = Budget(unknown=(START,) * 5, known=(START,) * 5, recovery=(START,) * 5)
    left = full.refund(Attempt(START, pool))
    assert {one: len(getattr(left, one)) for one in POOLS} == {one: 5 - (one == pool) for one in POOLS}


@pytest.mark.requirement("RPL-04")
def test_an_attempt_that_fell_to_the_other_pool_is_refunded_there() -> None:
    budget, _ = guess(Budget(), 20, pool="known")
    budget, charged = budget.charge(START + 1, "known")
    assert charged.attempt == Attempt(START + 1, "unknown")
    left = budget.refund(charged.attempt)
    assert (len(left.known), left.unknown) == (20, ())


# --- the hard stop


def hundred_wrong(right_at: int | None = None) -> tuple[Budget, list[Charge]]:
    """Guess ten times a day; one that is right, if any, is refunded."""
    budget, charges = Budget(), []
    for number in range(HARD_STOP):
        pool: Pool = "known" if number % 2 else "unknown"
        budget, charged = budget.charge(START + number // 10 * 7 * DAY + number, pool)
        assert charged.attempt is not None
        charges.append(charged)
        if number == right_at:
            budget = budget.refund(charged.attempt)
    return budget, charges


@pytest.mark.requirement("THR-10")
def test_after_a_hundred_wrong_codes_in_a_row_of_both_pools_no_code_is_judged_ever_again() -> None:
    budget, charges = hundred_wrong()
    assert warnings(charges).count("stopped") == 1
    assert charges[-1].warn == "stopped"
    for years in (1, 5):
        for pool in ("unknown", "known"):
            assert budget.charge(START + years * 365 * DAY, pool) == (budget, Charge(None))


@pytest.mark.requirement("THR-10")
def test_the_ninety_ninth_wrong_code_stops_nothing() -> None:
    budget, charged = Budget(in_a_row=HARD_STOP - 2).charge(START, "unknown")
    assert (budget.in_a_row, charged.warn) == (HARD_STOP - 1, "")
    assert budget.charge(START, "unknown")[1] == Charge(Attempt(START, "unknown"), "stopped")


@pytest.mark.requirement("THR-10")
@pytest.mark.parametrize("right_at", [0, 50, HARD_STOP - 2])
def test_a_right_code_begins_the_row_anew(right_at: int) -> None:
    budget, charges = hundred_wrong(right_at)
    assert budget.in_a_row == HARD_STOP - 1 - right_at
    assert "stopped" not in warnings(charges)
    assert budget.charge(START + 365 * DAY, "unknown")[1].attempt is not None


@pytest.mark.requirement("THR-10")
def test_the_hundredth_code_ends_the_row_where_it_is_right() -> None:
    budget, charged = Budget(in_a_row=HARD_STOP - 1).charge(START, "unknown")
    assert charged == Charge(Attempt(START, "unknown"), "stopped")
    assert charged.attempt is not None
    assert budget.refund(charged.attempt) == Budget()


# --- the warnings


@pytest.mark.requirement("THR-11")
def test_the_owner_is_warned_at_the_third_and_at_the_tenth_wrong_code_of_a_day() -> None:
    _, charges = guess(Budget(), 10)
    assert warnings(charges) == ["", "", "few", "", "", "", "", "", "", "many"]


@pytest.mark.requirement("THR-11")
def test_the_wrong_codes_of_known_and_unknown_browsers_are_warned_about_together() -> None:
    budget, seen = Budget(), []
    for number in range(10):
        budget, charged = budget.charge(START + number, "known" if number % 2 else "unknown")
        seen.append(charged.warn)
    assert seen == ["", "", "few", "", "", "", "", "", "", "many"]


@pytest.mark.requirement("THR-11")
def test_wrong_codes_that_lie_a_day_apart_are_not_warned_about() -> None:
    budget, seen = Budget(), []
    for number in range(30):
        budget, charged = budget.charge(START + number * DAY // 2, "unknown")
        seen.append(charged.warn)
    assert set(seen) == {""}


@pytest.mark.requirement("THR-11")
def test_each_warning_comes_at_most_once_a_day() -> None:
    budget = Budget()
    told: dict[Warn, list[int]] = {"few": [], "many": []}
    for now in range(START, START + 3 * DAY, 600):
        budget, charged = budget.charge(now, "known")
        if charged.warn:
            told[charged.warn].append(now)
    assert len(told["few"]) >= 2
    assert len(told["many"]) >= 2
    assert all(later - one >= DAY for moments in told.values() for one, later in pairwise(moments))


@pytest.mark.requirement("THR-11")
@pytest.mark.parametrize(("later", "warn"), [(DAY - 1, ""), (DAY, "few")])
def test_a_day_after_a_warning_the_next_one_comes(later: int, warn: Warn) -> None:
    budget, _ = guess(Budget(), FEW)
    budget, _ = guess(budget, FEW, START + 10)
    assert budget.charge(START + later, "unknown")[1].warn == warn


@pytest.mark.requirement("THR-11")
@pytest.mark.parametrize(("before", "warn"), [(FEW - 1, "few"), (MANY - 1, "many")])
def test_a_warning_is_taken_back_where_that_very_attempt_was_right(before: int, warn: Warn) -> None:
    budget, _ = guess(Budget(), before)
    budget, charged = budget.charge(START + 5, "unknown")
    assert charged.warn == warn
    assert charged.attempt is not None
    budget = budget.refund(charged.attempt)
    assert budget.charge(START + 9, "unknown")[1].warn == warn, "the next wrong one is told"


@pytest.mark.requirement("THR-11")
@pytest.mark.parametrize(("before", "name"), [(FEW, "told_few"), (MANY, "told_many")])
def test_a_warning_stands_where_a_later_attempt_was_right(before: int, name: str) -> None:
    budget, _ = guess(Budget(), before, pool="known")
    budget, charged = budget.charge(START + 5, "known")
    assert charged.attempt is not None
    budget = budget.refund(charged.attempt)
    assert getattr(budget, name) == START
    assert budget.charge(START + 9, "known")[1].warn == ""


# --- what lists say


@pytest.mark.requirement("THR-10")
def test_an_account_is_locked_while_no_code_of_its_authenticator_is_right_from_any_browser() -> None:
    strangers, _ = guess(Budget(), 10)
    both, _ = guess(strangers, 20, pool="known")
    assert [one.is_locked(START) for one in (Budget(), strangers, both)] == [False, False, True]
    assert both.is_locked(START + DAY - 1) is True
    assert both.is_locked(START + DAY) is False
    assert Budget(in_a_row=HARD_STOP - 1).is_locked(START) is False
    assert Budget(in_a_row=HARD_STOP).is_locked(START + 400 * DAY) is True
    assert Budget(recovery=(START,) * 100).is_locked(START) is False


@pytest.mark.requirement("THR-03")
def test_a_refill_clears_the_attempts_at_a_code_and_nothing_else() -> None:
    full = Budget((1,), (2,), (3,), 4, 5, 6)
    assert full.refilled() == Budget((), (), (3,), 4, 5, 6)


# --- a year


def guesses_of_a_year(begin: int, pool: Pool) -> int:
    """Guess at every moment at which a budget has room; the owner's log-ins end the row of wrong ones."""
    budget = Budget()
    evaluated, now, end = 0, START + begin, START + begin + 365 * DAY
    while now < end:
        charged_budget, charged = budget.charge(now, pool)
        if charged.attempt is None:  # not one second is lost
            now = min(
                at + seconds
                for one, times in (("unknown", budget.unknown), ("known", budget.known))
                for at in times
                for _, seconds in LIMITS[one]  # type: ignore[index]
                if at + seconds > now
            )
        else:
            budget = replace(charged_budget, in_a_row=0)
            evaluated += 1
    return evaluated


@pytest.mark.requirement("THR-02")
@pytest.mark.parametrize("begin", [0, 1, 29])
def test_a_year_of_greedy_guessing_evaluates_at_most_650_guesses(begin: int) -> None:
    assert 550 <= guesses_of_a_year(begin, "unknown") <= 650


@pytest.mark.requirement("THR-02")
@pytest.mark.parametrize("begin", [0, 29])
def test_a_year_of_greedy_guessing_with_a_known_browser_too_stays_under_1_percent(begin: int) -> None:
    evaluated = guesses_of_a_year(begin, "known")
    assert 1650 <= evaluated <= 1950  # both pools: three times 650
    assert 1 - (1 - 3e-6) ** evaluated < 0.01


@pytest.mark.requirement("THR-02", "THR-10")
@pytest.mark.parametrize("pool", ["unknown", "known"])
def test_without_a_log_in_of_the_owner_a_year_of_guessing_ends_at_a_hundred(pool: Pool) -> None:
    budget, evaluated = Budget(), 0
    for now in range(START, START + 365 * DAY, 3600):
        budget, charged = budget.charge(now, pool)
        evaluated += charged.attempt is not None
    assert evaluated == HARD_STOP


def test_a_success_in_the_same_second_takes_no_warning_of_another_attempt_back() -> None:
    budget = Budget()
    for _ in range(3):
        budget, _charge = budget.charge(START, "unknown")
    budget, charged = budget.charge(START, "known")
    assert charged.attempt is not None
    assert budget.refund(charged.attempt).charge(START + 1, "unknown")[1].warn == ""


def test_a_fresh_budget_holds_nothing() -> None:
    assert Budget() == Budget(unknown=(), known=(), recovery=(), in_a_row=0, told_few=0, told_many=0)
    assert Attempt(START, "known").warn == ""


@pytest.mark.requirement("RPL-04")
@pytest.mark.parametrize("pool", POOLS)
def test_the_refund_of_the_only_attempt_leaves_a_fresh_budget(pool: Pool) -> None:
    budget, charged = Budget().charge(START, pool)
    assert charged.attempt is not None
    assert budget.refund(charged.attempt) == Budget()


@pytest.mark.requirement("THR-11")
@pytest.mark.parametrize(("before", "name"), [(FEW - 1, "told_few"), (MANY - 1, "told_many")])
def test_a_warning_that_is_taken_back_was_never_given(before: int, name: str) -> None:
    budget, charged = guess(Budget(), before)[0].charge(START + 5, "unknown")
    assert charged.attempt is not None
    assert getattr(budget.refund(charged.attempt), name) == 0


@pytest.mark.requirement("THR-11")
@pytest.mark.parametrize(("later", "warn"), [(DAY - 1, ""), (DAY, "many")])
def test_a_day_after_the_second_warning_it_comes_again(later: int, warn: Warn) -> None:
    budget = Budget(known=(START + 10,) * MANY, told_few=START + 10, told_many=START)
    assert budget.charge(START + later, "known")[1].warn == warn


# --- when there is room again


@pytest.mark.requirement("THR-02")
@pytest.mark.parametrize("pool", POOLS)
@given(moments=st.lists(st.integers(0, 40 * DAY), max_size=200).map(sorted), later=st.integers(0, 2 * DAY))
def test_a_budget_opens_when_it_is_said_to_and_not_a_second_earlier(pool: Pool, moments: list[int], later: int) -> None:
    budget = Budget()
    for moment in moments:
        budget, _ = budget.charge(START + moment, pool)
    budget = replace(budget, in_a_row=0)
    now = START + max(moments, default=0) + later
    opens = budget.opens_at(now, pool)
    assert opens is not None
    assert opens >= now
    assert budget.charge(opens, pool)[1].attempt is not None
    assert opens == now or budget.charge(opens - 1, pool)[1].attempt is None


@pytest.mark.requirement("THR-02")
def test_a_known_browser_waits_for_whichever_pool_has_room_first() -> None:
    budget = guess(guess(Budget(), 10, START)[0], 20, START + 60, "known")[0]
    assert budget.opens_at(START + 61, "unknown") == START + DAY
    assert budget.opens_at(START + 61, "known") == START + DAY
    assert guess(Budget(), 20, pool="known")[0].opens_at(START + 1, "known") == START + 1


@pytest.mark.requirement("THR-10")
def test_after_the_hard_stop_no_waiting_helps_but_for_recovery_codes() -> None:
    stopped = Budget(in_a_row=HARD_STOP)
    assert (stopped.opens_at(START, "known"), stopped.opens_at(START, "unknown")) == (None, None)
    assert stopped.opens_at(START, "recovery") == START


@pytest.mark.requirement("CLK-03")
def test_attempts_of_a_clock_that_was_far_ahead_are_waited_for_from_now_on() -> None:
    budget = Budget(unknown=(START + 90 * DAY,) * 10)
    assert budget.opens_at(START, "unknown") == START + DAY


@pytest.mark.requirement("THR-02")
@pytest.mark.parametrize(("authenticators", "a_day", "in_30_days"), [(1, 20, 100), (2, 10, 50), (3, 6, 33)])
def test_several_authenticators_share_the_attempts_of_known_browsers(
    authenticators: int, a_day: int, in_30_days: int
) -> None:
    budget, taken = Budget(), []
    for at in range(0, 30 * DAY, 3600):
        budget, charge = replace(budget, in_a_row=0).charge(START + at, "known", authenticators)
        taken += [at for attempt in [charge.attempt] if attempt is not None and attempt.pool == "known"]
    assert sum(1 for at in taken if at < DAY) == a_day
    assert len(taken) == in_30_days
    # Of both pools in a year, at three codes in a million for each authenticator.
    a_year = 13 * (50 + in_30_days) * 3e-6 * authenticators
    assert a_year < 0.01
