"""What a store owes to its own values, to the gate and to marks."""

from __future__ import annotations

import time

from ..core.records import Standing
from .ground import (
    DAY,
    NOW,
    STEP,
    Ground,
    enrol,
    enrolment_of,
    epoch_of,
    ids_of,
    make_mark,
    mark_stands,
    new_digest,
    open_pending,
    room,
    sign_in,
    someone,
    spend_budget,
)


class Sessions(Ground):
    """The store's own values, the gate's read, marks, and the end of sessions."""

    def test_to_open_the_store_again_changes_nothing(self) -> None:
        store = self.store()
        life = enrol(store)
        mark = sign_in(store, life.subject, life.id)
        store.init()
        self.open().init()
        assert enrolment_of(store, life.subject) == life
        assert mark_stands(store, mark)

    def test_the_clock_of_the_database_gives_unix_seconds_where_it_has_one(self) -> None:
        found = self.store().clock()
        assert found is None or abs(found - time.time()) < DAY

    def test_a_named_value_that_nobody_wrote_is_none(self) -> None:
        assert self.store().meta(someone()) is None

    def test_the_first_named_value_stands(self) -> None:
        store, name = self.store(), someone()
        assert store.keep_meta(name, "first") == "first"
        assert store.keep_meta(name, "second") == "first"
        assert store.meta(name) == "first"

    def test_a_named_value_is_replaced_once_by_who_knows_it(self) -> None:
        store, name = self.store(), someone()
        store.keep_meta(name, "first")
        assert store.replace_meta(name, "other", "second") is False
        assert store.replace_meta(name, "first", "second") is True
        assert store.replace_meta(name, "first", "third") is False
        assert store.meta(name) == "second"

    def test_a_named_value_that_does_not_exist_is_not_replaced(self) -> None:
        store, name = self.store(), someone()
        assert store.replace_meta(name, "", "second") is False
        assert store.meta(name) is None

    def test_an_account_that_was_never_seen_stands_at_nothing(self) -> None:
        assert self.store().standing(someone(), new_digest()) == Standing()

    def test_a_mark_is_found_as_it_was_written_and_for_its_account_only(self) -> None:
        store, other = self.store(), someone()
        mark = sign_in(store, someone())
        sign_in(store, other)
        assert store.standing(mark.subject, mark.digest).mark == mark
        assert store.standing(other, mark.digest).mark is None
        assert store.standing(mark.subject, new_digest()).mark is None

    def test_a_mark_is_bound_to_the_enrolment_that_stands_and_to_no_other(self) -> None:
        store = self.store()
        life, foreign = enrol(store), enrol(store)
        bound = store.standing(life.subject, sign_in(store, life.subject, life.id).digest)
        assert (bound.factor, bound.enabled, bound.bound) == (life.id, True, True)
        for enrolment in ("", foreign.id):
            found = store.standing(life.subject, sign_in(store, life.subject, enrolment).digest)
            assert (found.factor, found.bound) == (life.id, False)

    def test_a_pending_enrolment_enables_nothing(self) -> None:
        store, subject = self.store(), someone()
        pending = open_pending(store, subject)
        found = store.standing(subject, sign_in(store, subject, pending.id).digest)
        assert (found.enabled, found.bound) == (False, False)
        assert enrolment_of(store, subject) is None

    def test_a_new_mark_takes_the_place_of_the_one_that_it_replaces(self) -> None:
        store, subject = self.store(), someone()
        old, other, new = sign_in(store, subject), sign_in(store, subject), make_mark(subject)
        store.add_mark(new, replaces=old.digest)
        assert [mark_stands(store, mark) for mark in (old, other, new)] == [False, True, True]

    def test_a_touched_mark_was_seen_then(self) -> None:
        store = self.store()
        mark = sign_in(store, someone())
        store.touch_mark(mark.digest, NOW + 50)
        assert mark_stands(store, mark._replace(seen_at=NOW + 50))

    def test_a_removed_mark_is_not_brought_back_by_touching_it(self) -> None:
        store = self.store()
        mark = sign_in(store, someone())
        assert store.remove_mark(mark.digest) is True
        store.touch_mark(mark.digest, NOW + 50)
        assert store.standing(mark.subject, mark.digest).mark is None

    def test_a_mark_is_removed_once_and_alone(self) -> None:
        store, subject = self.store(), someone()
        mark, other = sign_in(store, subject), sign_in(store, subject)
        assert store.remove_mark(mark.digest) is True
        assert store.remove_mark(mark.digest) is False
        assert not mark_stands(store, mark)
        assert mark_stands(store, other)

    def test_the_marks_of_an_account_are_given_whole_the_one_that_was_seen_last_first(self) -> None:
        store, subject = self.store(), someone()
        sign_in(store, someone())
        first, second, third = (make_mark(subject)._replace(seen_at=NOW + 10 * one) for one in (1, 3, 2))
        here = first._replace(source="192.0.2.0/24", agent="A browser \u00e9", rescued=1)
        for mark in (here, second, third):
            store.add_mark(mark)
        assert store.marks(subject) == [second, third, here]
        store.touch_mark(here.digest, NOW + 50)
        assert store.marks(subject) == [here._replace(seen_at=NOW + 50), second, third]
        assert store.marks(someone()) == []

    def test_a_mark_that_a_rescue_code_made_says_so(self) -> None:
        store = self.store()
        life = enrol(store)
        mark = make_mark(life.subject, life.id)._replace(rescued=1)
        assert store.spend(life.subject, life.id, STEP, None, mark) is True
        found = store.standing(life.subject, mark.digest)
        assert (found.rescued, found.mark) == (1, mark)
        assert store.standing(life.subject, sign_in(store, life.subject, life.id).digest).rescued == 0

    def test_ending_sessions_takes_marks_and_pending_enrolments_and_tells_how_many_marks(self) -> None:
        store = self.store()
        life = enrol(store)
        marks = [sign_in(store, life.subject, life.id) for _ in range(3)]
        foreign = sign_in(store, someone())
        open_pending(store, life.subject)
        assert store.end_sessions(life.subject) == 3
        assert store.end_sessions(life.subject) == 0
        assert not any(mark_stands(store, mark) for mark in marks)
        assert mark_stands(store, foreign)
        assert ids_of(store, life.subject) == [life.id]
        assert enrolment_of(store, life.subject) == life

    def test_ending_all_sessions_but_one_writes_the_mark_of_that_one(self) -> None:
        store, subject = self.store(), someone()
        others, present = [sign_in(store, subject) for _ in range(2)], make_mark(subject)
        assert store.end_sessions(subject, mark=present) == 2
        assert [mark_stands(store, one) for one in (*others, present)] == [False, False, True]

    def test_ending_sessions_changes_the_epoch_of_the_account_and_of_no_other(self) -> None:
        store = self.store()
        life, foreign = enrol(store), enrol(store)
        before, others = epoch_of(store, life.subject), epoch_of(store, foreign.subject)
        store.end_sessions(life.subject)
        assert epoch_of(store, life.subject) not in (0, before)
        assert epoch_of(store, foreign.subject) == others

    def test_ending_sessions_leaves_the_budget_as_it_is(self) -> None:
        store, subject = self.store(), someone()
        spend_budget(store, subject, 10)
        store.end_sessions(subject)
        assert room(store, subject) == 0

    def test_ending_sessions_with_a_refill_clears_the_attempts_at_a_code(self) -> None:
        store, subject = self.store(), someone()
        spend_budget(store, subject, 10)
        store.end_sessions(subject, refill=True)
        assert room(store, subject) == 10
