"""What a store owes to enrolments: read, opened, confirmed, disabled, reset and forgotten."""

from __future__ import annotations

import dataclasses

from ..core.budget import Attempt
from ..core.records import Standing
from .ground import (
    NOW,
    STEP,
    TRIES,
    Ground,
    enrol,
    enrolment_of,
    epoch_of,
    ids_of,
    make_confirmed,
    make_mark,
    make_pending,
    mark_stands,
    new_digest,
    open_pending,
    room,
    sign_in,
    someone,
    spend_budget,
)

ATTEMPT = Attempt(NOW, "unknown")


class Factors(Ground):
    """Enrolments, pending and confirmed."""

    def test_an_enrolment_comes_back_as_it_was_written(self) -> None:
        store = self.store()
        assert enrolment_of(store, someone()) is None
        life = enrol(store)
        assert enrolment_of(store, life.subject) == life

    def test_account_keys_are_compared_exactly(self) -> None:
        store, key = self.store(), someone()
        keys = [key, key.upper(), f"{key} ", f" {key}", f"{key}á", f"{key}a\u0301", f"{key}%", f"{key}' OR '1'='1"]
        written = {one: enrol(store, one) for one in keys}
        assert {one: enrolment_of(store, one) for one in keys} == written

    def test_all_enrolments_are_listed_in_order_from_where_one_asks(self) -> None:
        store = self.store()
        subjects = [someone() for _ in range(4)]
        written = [enrol(store, subject) for subject in subjects[1:]]
        written += [open_pending(store, subject) for subject in [*subjects, *subjects]]
        ordered = sorted(written, key=lambda one: (one.subject, one.id))
        assert [one for one in store.enrolments() if one.subject in subjects] == ordered
        for seen, last in enumerate(ordered, 1):
            page = store.enrolments(after=(last.subject, last.id))
            assert [one for one in page if one.subject in subjects] == ordered[seen:]

    def test_a_secret_is_resealed_once_by_who_read_the_present_one(self) -> None:
        store = self.store()
        life = enrol(store)
        assert store.reseal(life.subject, life.id, "1.other", "1.new") is False
        assert store.reseal(someone(), life.id, "1.sealed", "1.new") is False
        assert store.reseal(life.subject, "0" * 32, "1.sealed", "1.new") is False
        assert store.reseal(life.subject, life.id, "1.sealed", "1.new") is True
        assert store.reseal(life.subject, life.id, "1.sealed", "1.newer") is False
        assert enrolment_of(store, life.subject) == dataclasses.replace(life, sealed="1.new")

    def test_a_sign_in_that_opens_set_up_again_is_given_the_same_enrolment(self) -> None:
        store, subject, opener = self.store(), someone(), new_digest()
        first = open_pending(store, subject, opener)
        assert store.open_enrolment(make_pending(subject, opener, NOW + 600), NOW, TRIES) == first
        assert ids_of(store, subject) == [first.id]

    def test_an_expired_pending_enrolment_gives_way_to_a_new_one(self) -> None:
        store, subject, opener = self.store(), someone(), new_digest()
        first, second = open_pending(store, subject, opener), make_pending(subject, opener, NOW + 601)
        assert store.open_enrolment(second, NOW + 1, TRIES) == second
        assert ids_of(store, subject) == [second.id]
        assert store.count_try(subject, first.id, TRIES) is False

    def test_a_pending_enrolment_without_tries_gives_way_to_a_new_one(self) -> None:
        store, subject, opener = self.store(), someone(), new_digest()
        first, second = open_pending(store, subject, opener), make_pending(subject, opener)
        assert [store.count_try(subject, first.id, TRIES) for _ in range(12)] == [True] * TRIES + [False] * 2
        assert store.open_enrolment(second, NOW - 600, TRIES) == second
        assert ids_of(store, subject) == [second.id]

    def test_a_pending_enrolment_belongs_to_the_sign_in_that_opened_it(self) -> None:
        store, subject = self.store(), someone()
        mine, other = open_pending(store, subject), open_pending(store, subject)
        assert store.pending_enrolment(subject, mine.opened_by or "") == mine
        assert store.pending_enrolment(subject, other.opened_by or "") == other
        assert store.pending_enrolment(subject, new_digest()) is None
        assert store.pending_enrolment(someone(), mine.opened_by or "") is None

    def test_tries_are_counted_for_the_pending_enrolments_of_the_account_only(self) -> None:
        store = self.store()
        life, pending = enrol(store), open_pending(store, someone())
        assert store.count_try(life.subject, life.id, TRIES) is False
        assert store.count_try(life.subject, pending.id, TRIES) is False
        assert store.count_try(pending.subject, pending.id, TRIES) is True
        found = store.pending_enrolment(pending.subject, pending.opened_by or "")
        assert found == dataclasses.replace(pending, tries=1)

    def test_a_pending_enrolment_is_confirmed_once_and_its_step_is_spent(self) -> None:
        store, subject = self.store(), someone()
        pending = open_pending(store, subject)
        assert store.confirm_enrolment(subject, pending.id, STEP, NOW + 5, make_mark(subject, pending.id)) is True
        assert store.confirm_enrolment(subject, pending.id, STEP + 1, NOW + 6, make_mark(subject)) is False
        confirmed = dataclasses.replace(pending, confirmed_at=NOW + 5, opened_by=None, last_step=STEP)
        assert enrolment_of(store, subject) == confirmed
        assert store.spend(subject, pending.id, STEP, None, None) is False

    def test_confirming_ends_what_was_and_leaves_the_new_mark(self) -> None:
        store, subject = self.store(), someone()
        before, foreign = sign_in(store, subject), sign_in(store, someone())
        pending, _ = open_pending(store, subject), open_pending(store, subject)
        epoch, mark = epoch_of(store, subject), make_mark(subject, pending.id)
        assert store.confirm_enrolment(subject, pending.id, STEP, NOW, mark) is True
        assert [mark_stands(store, one) for one in (before, foreign, mark)] == [False, True, True]
        assert store.standing(subject, mark.digest).bound
        assert epoch_of(store, subject) not in (0, epoch)
        assert ids_of(store, subject) == [pending.id]

    def test_nothing_is_confirmed_where_an_enrolment_stands(self) -> None:
        store = self.store()
        life = enrol(store)
        kept, late, lost = sign_in(store, life.subject), open_pending(store, life.subject), make_mark(life.subject)
        epoch = epoch_of(store, life.subject)
        assert store.confirm_enrolment(life.subject, late.id, STEP, NOW, lost) is False
        assert enrolment_of(store, life.subject) == life
        assert [mark_stands(store, one) for one in (kept, lost)] == [True, False]
        assert epoch_of(store, life.subject) == epoch

    def test_the_pending_enrolment_of_another_account_is_not_confirmed(self) -> None:
        store, subject = self.store(), someone()
        pending = open_pending(store, someone())
        assert store.confirm_enrolment(subject, pending.id, STEP, NOW, make_mark(subject)) is False
        assert enrolment_of(store, subject) is None
        assert enrolment_of(store, pending.subject) is None

    def test_writing_an_enrolment_ends_what_was(self) -> None:
        store, subject = self.store(), someone()
        mark, _ = sign_in(store, subject), open_pending(store, subject)
        epoch = epoch_of(store, subject)
        life = enrol(store, subject)
        assert not mark_stands(store, mark)
        assert epoch_of(store, subject) not in (0, epoch)
        assert ids_of(store, subject) == [life.id]

    def test_an_enrolment_is_not_written_over_one_that_stands(self) -> None:
        store = self.store()
        life = enrol(store)
        mark = sign_in(store, life.subject, life.id)
        assert store.put_enrolment(make_confirmed(life.subject)) is False
        assert enrolment_of(store, life.subject) == life
        assert mark_stands(store, mark)

    def test_disabling_ends_what_was_and_leaves_the_new_mark(self) -> None:
        store = self.store()
        life = enrol(store)
        old, mark, _ = sign_in(store, life.subject), make_mark(life.subject), open_pending(store, life.subject)
        epoch = epoch_of(store, life.subject)
        assert store.disable(life.subject, life.id, STEP, ATTEMPT, mark) is True
        assert ids_of(store, life.subject) == []
        assert [mark_stands(store, one) for one in (old, mark)] == [False, True]
        assert not store.standing(life.subject, mark.digest).enabled
        assert epoch_of(store, life.subject) not in (0, epoch)

    def test_a_spent_step_does_not_disable(self) -> None:
        store = self.store()
        life = enrol(store)
        lost = make_mark(life.subject)
        assert store.spend(life.subject, life.id, STEP, None, None) is True
        assert store.disable(life.subject, life.id, STEP, ATTEMPT, lost) is False
        assert enrolment_of(store, life.subject) == dataclasses.replace(life, last_step=STEP)
        assert not mark_stands(store, lost)

    def test_disabling_an_enrolment_of_before_leaves_the_newer_one(self) -> None:
        store = self.store()
        old = enrol(store)
        assert store.disable(old.subject, old.id, STEP, ATTEMPT, make_mark(old.subject)) is True
        newer = enrol(store, old.subject)
        kept = sign_in(store, old.subject, newer.id)
        assert store.disable(old.subject, old.id, STEP + 1, ATTEMPT, make_mark(old.subject)) is False
        assert enrolment_of(store, old.subject) == newer
        assert mark_stands(store, kept)

    def test_a_pending_enrolment_cannot_be_disabled(self) -> None:
        store, subject = self.store(), someone()
        pending = open_pending(store, subject)
        assert store.disable(subject, pending.id, STEP, ATTEMPT, make_mark(subject)) is False
        assert ids_of(store, subject) == [pending.id]

    def test_disabling_gives_its_own_attempt_back_and_no_other(self) -> None:
        store = self.store()
        life = enrol(store)
        spend_budget(store, life.subject, 9)
        attempt = store.charge(life.subject, NOW + 7, "unknown").attempt
        assert attempt is not None
        assert store.disable(life.subject, life.id, STEP, attempt, make_mark(life.subject)) is True
        assert room(store, life.subject) == 1

    def test_a_reset_takes_everything_of_the_account_and_says_whether_a_factor_stood(self) -> None:
        store = self.store()
        life, foreign = enrol(store), enrol(store)
        mark, _ = sign_in(store, life.subject, life.id), open_pending(store, life.subject)
        epoch = epoch_of(store, life.subject)
        spend_budget(store, life.subject, 10)
        assert store.reset(life.subject) is True
        assert ids_of(store, life.subject, foreign.subject) == [foreign.id]
        assert not mark_stands(store, mark)
        assert epoch_of(store, life.subject) not in (0, epoch)
        assert room(store, life.subject) == 10
        assert store.reset(life.subject) is False

    def test_a_reset_with_a_pending_enrolment_alone_says_that_no_factor_stood(self) -> None:
        store, subject = self.store(), someone()
        open_pending(store, subject)
        assert store.reset(subject) is False
        assert ids_of(store, subject) == []

    def test_a_forgotten_account_leaves_nothing_but_a_new_epoch(self) -> None:
        store = self.store()
        life, foreign = enrol(store), enrol(store)
        mark, _ = sign_in(store, life.subject, life.id), open_pending(store, life.subject)
        spend_budget(store, life.subject, 10)
        epoch = epoch_of(store, life.subject)
        store.forget(life.subject)
        left = store.standing(life.subject, mark.digest)
        assert left == Standing(left.epoch)
        assert left.epoch not in (0, epoch)
        assert ids_of(store, life.subject, foreign.subject) == [foreign.id]
        assert room(store, life.subject) == 10
        store.forget(someone())
