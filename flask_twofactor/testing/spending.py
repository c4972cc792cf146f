"""What a store owes to the budget and to time steps."""

from __future__ import annotations

import dataclasses

from ..core.budget import HARD_STOP, Attempt, Budget, Charge, Pool
from ..core.steps import BOUND
from ..stores.base import Store
from .ground import (
    DAY,
    NOW,
    STEP,
    Ground,
    enrol,
    enrolment_of,
    make_mark,
    mark_stands,
    open_pending,
    room,
    someone,
    spend_budget,
)


def charge_both(store: Store, subject: str, budget: Budget, at: int, pool: Pool) -> tuple[Budget, Charge]:
    """Charge the store's budget and one kept by hand, which must agree."""
    budget, expected = budget.charge(at, pool)
    assert store.charge(subject, at, pool) == expected, f"at {at - NOW} s, in the pool {pool!r}"
    return budget, expected


class Spending(Ground):
    """Charges, refunds and steps."""

    def test_the_budget_is_charged_and_refunded_as_the_rules_say(self) -> None:
        store = self.store()
        life, budget = enrol(store), Budget()
        pools: list[Pool] = ["unknown", "known", "recovery"]
        refused = 0
        for turn in range(150):
            at = NOW + turn * 2500
            budget, charge = charge_both(store, life.subject, budget, at, pools[turn % 3])
            refused += charge.attempt is None
            if charge.attempt is not None and turn % 7 == 0:
                budget = budget.refund(charge.attempt)
                assert store.spend(life.subject, life.id, STEP + turn, charge.attempt, None) is True
        assert refused

    def test_known_browsers_share_their_attempts_among_several_authenticators(self) -> None:
        store = self.store()
        for authenticators, expected in ((1, 20), (2, 10), (3, 6)):
            subject = someone()
            charges = [store.charge(subject, NOW, "known", authenticators).attempt for _ in range(20)]
            assert [one.pool for one in charges if one is not None].count("known") == expected

    def test_the_hard_stop_is_reached_and_kept_as_the_rules_say(self) -> None:
        store, subject, budget = self.store(), someone(), Budget()
        warns = set()
        for turn in range(103):
            budget, charge = charge_both(store, subject, budget, NOW + turn * 5 * 3600, "known")
            warns.add(charge.warn)
        assert warns == {"", "few", "stopped"}
        assert room(store, subject, NOW + 400 * DAY) == 0

    def test_a_new_enrolment_ends_the_hard_stop(self) -> None:
        store = self.store()
        for confirmed_by_code in (False, True):
            subject = someone()
            for turn in range(HARD_STOP):
                assert store.charge(subject, NOW + turn * 5 * 3600, "known").attempt is not None
            if confirmed_by_code:
                pending = open_pending(store, subject)
                assert store.confirm_enrolment(subject, pending.id, STEP, NOW, make_mark(subject, pending.id)) is True
            else:
                enrol(store, subject)
            assert store.charge(subject, NOW + 400 * DAY, "known").attempt is not None

    def test_the_budget_of_one_account_is_not_that_of_another(self) -> None:
        store, one, other = self.store(), someone(), someone()
        spend_budget(store, one, 10)
        assert room(store, other) == 10

    def test_a_step_is_spent_once(self) -> None:
        store = self.store()
        life = enrol(store)
        assert store.spend(life.subject, life.id, STEP, None, None) is True
        assert store.spend(life.subject, life.id, STEP, None, None) is False
        assert enrolment_of(store, life.subject) == dataclasses.replace(life, last_step=STEP)

    def test_each_step_is_spent_once_whichever_handle_is_asked(self) -> None:
        store = self.store()
        life = enrol(store)
        steps = [STEP, STEP, STEP + 1, STEP + 1]
        assert [store.spend(life.subject, life.id, step, None, None) for step in steps] == [True, False] * 2

    def test_after_a_step_the_one_before_is_refused_and_the_next_is_accepted(self) -> None:
        store = self.store()
        life = enrol(store)
        spent = [store.spend(life.subject, life.id, STEP + more, None, None) for more in (0, -1, 1)]
        assert spent == [True, False, True]

    def test_a_last_step_of_a_clock_that_was_ahead_does_not_stand_in_the_way(self) -> None:
        store = self.store()
        life = enrol(store)
        steps = [STEP + BOUND + 2, STEP, STEP, STEP + 1, STEP + BOUND + 2, STEP + BOUND + 3]
        spent = [store.spend(life.subject, life.id, step, None, None) for step in steps]
        assert spent == [True, True, False, True, False, True]
        found = enrolment_of(store, life.subject)
        assert found is not None
        assert (found.last_step, found.earlier) == (STEP + BOUND + 3, (STEP + BOUND + 2, STEP, STEP + 1))

    def test_a_step_beyond_32_bits_is_spent_once(self) -> None:
        store = self.store()
        life = enrol(store)
        for step in (2**31, 2**33, 2**40):
            assert store.spend(life.subject, life.id, step, None, None) is True
            assert store.spend(life.subject, life.id, step, None, None) is False

    def test_a_step_is_not_spent_on_another_account_or_enrolment_or_a_pending_one(self) -> None:
        store = self.store()
        mine, foreign = enrol(store), enrol(store)
        pending = open_pending(store, mine.subject)
        for subject, enrolment in (
            (mine.subject, foreign.id),
            (foreign.subject, mine.id),
            (someone(), mine.id),
            (mine.subject, pending.id),
            (mine.subject, ""),
        ):
            assert store.spend(subject, enrolment, STEP, None, None) is False
        assert enrolment_of(store, mine.subject) == mine
        assert enrolment_of(store, foreign.subject) == foreign

    def test_who_spends_a_step_is_given_that_attempt_back_and_no_other(self) -> None:
        store = self.store()
        life = enrol(store)
        spend_budget(store, life.subject, 9)
        attempt = store.charge(life.subject, NOW + 7, "unknown").attempt
        assert store.spend(life.subject, life.id, STEP, attempt, None) is True
        assert room(store, life.subject) == 1

    def test_who_does_not_spend_a_step_gets_no_attempt_back(self) -> None:
        store = self.store()
        life = enrol(store)
        assert store.spend(life.subject, life.id, STEP, None, None) is True
        spend_budget(store, life.subject, 10)
        assert store.spend(life.subject, life.id, STEP, Attempt(NOW, "unknown"), None) is False
        assert room(store, life.subject) == 0

    def test_who_spends_a_step_has_the_mark_and_who_does_not_has_none(self) -> None:
        store = self.store()
        life = enrol(store)
        won, lost = make_mark(life.subject, life.id), make_mark(life.subject, life.id)
        assert store.spend(life.subject, life.id, STEP, None, won) is True
        assert store.spend(life.subject, life.id, STEP, None, lost) is False
        assert mark_stands(store, won)
        assert store.standing(life.subject, lost.digest).mark is None
