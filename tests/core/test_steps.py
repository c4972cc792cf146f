"""Which time steps are still accepted: each once, in order, and what a clock that was ahead leaves behind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_twofactor.core.steps import BOUND, MEMORY, Spent

NOW = 59_000_000


def accepted(spent: Spent, *steps: int) -> tuple[Spent, list[bool]]:
    """Present steps one after another; gives what is spent, and which were accepted."""
    answers = []
    for step in steps:
        after = spent.accept(step)
        answers.append(after is not None)
        spent = after or spent
    return spent, answers


@pytest.mark.requirement("RPL-01")
def test_a_step_is_accepted_once() -> None:
    assert accepted(Spent(), NOW, NOW) == (Spent(NOW), [True, False])


@pytest.mark.requirement("RPL-02", "CLK-02")
@pytest.mark.parametrize("back", [1, 2, 20, BOUND])
def test_no_step_before_the_last_is_accepted_within_the_bound(back: int) -> None:
    assert Spent(NOW).accept(NOW - back) is None


@pytest.mark.requirement("CLK-03")
def test_a_last_step_further_ahead_than_the_bound_does_not_stand_in_the_way() -> None:
    assert Spent(NOW + BOUND + 1).accept(NOW) == Spent(NOW, (NOW + BOUND + 1,))


@pytest.mark.requirement("CLK-03", "RPL-01")
def test_what_was_accepted_on_a_clock_ahead_is_not_accepted_again_when_its_time_comes() -> None:
    spent, answers = accepted(Spent(), NOW - 3, NOW + 120, NOW + 122, NOW, NOW, NOW + 1)
    assert answers == [True, True, True, True, False, True]
    assert accepted(spent, NOW + 119, NOW + 120, NOW + 121, NOW + 122, NOW + 123)[1] == [True, False, True, False, True]


@pytest.mark.requirement("CLK-03")
def test_as_many_as_are_remembered_are_kept_and_the_least_is_forgotten_first() -> None:
    spent, _ = accepted(Spent(), *range(NOW, NOW + MEMORY + 1))
    assert spent == Spent(NOW + MEMORY, tuple(range(NOW, NOW + MEMORY)))
    assert spent.accept(NOW + MEMORY + 5) == Spent(NOW + MEMORY + 5, tuple(range(NOW + 1, NOW + MEMORY + 1)))


@pytest.mark.requirement("CLK-03", "RPL-01")
def test_below_a_full_memory_nothing_is_accepted() -> None:
    """What was forgotten may have been any of them: the lock-out is the safe side."""
    ahead, _ = accepted(Spent(), *range(NOW + 1000, NOW + 1001 + MEMORY))
    assert ahead.accept(NOW) is None


@pytest.mark.requirement("CLK-03")
def test_with_room_for_one_the_owner_is_not_locked_out() -> None:
    spent, _ = accepted(Spent(), NOW - 9, *range(NOW + 1000, NOW + 1000 + MEMORY))
    assert len(spent.earlier) == MEMORY
    assert accepted(spent, NOW, NOW, NOW + 1, NOW + 2, NOW + 2, NOW + 900, NOW + 1000, NOW + 1000 + MEMORY)[1] == [
        True, False, True, True, False, True, False, True,
    ]  # fmt: skip


@pytest.mark.requirement("RPL-01", "CLK-03")
@given(st.lists(st.integers(0, 40 * BOUND), max_size=120))
def test_no_step_is_ever_accepted_twice_whatever_the_clock_does(steps: list[int]) -> None:
    _, answers = accepted(Spent(), *steps)
    passed = [step for step, answer in zip(steps, answers, strict=True) if answer]
    assert len(passed) == len(set(passed))


@pytest.mark.requirement("RPL-10")
def test_steps_of_more_than_32_bits_are_accepted_in_order() -> None:
    assert accepted(Spent(), 2**31, 2**33, 2**40, 2**33)[1] == [True, True, True, False]
