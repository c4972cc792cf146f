"""What a store owes to whoever runs the place: accounts, the requirement, and what has had its time.

`Listing` deletes what is of the first hour of 1970, whosever it is: no other test and no console has such rows.
"""

from __future__ import annotations

import dataclasses

from ..core.budget import Budget
from ..core.records import Account, Event, Purge
from ..stores.base import Store
from .ground import (
    NOW,
    TRIES,
    Ground,
    enrol,
    enrolment_of,
    make_confirmed,
    make_pending,
    make_trusted,
    mark_stands,
    open_pending,
    sign_in,
    someone,
    spend_budget,
)
from .recovering import keep_rescue, keep_sheet

LONG_AGO = 1000
BEFORE = Purge(events=LONG_AGO, marks=LONG_AGO, pendings=LONG_AGO, trusted=LONG_AGO, rescues=LONG_AGO)
NOTHING = Purge(0, 0, 0, 0, 0)


class Listing(Ground):
    """Accounts in a row, the requirement and its grace, and the purge."""

    def test_all_enrolments_are_counted_pending_ones_too(self) -> None:
        store = self.store()
        life = enrol(store)
        open_pending(store, life.subject)
        listed = len(list(store.enrolments()))
        assert listed >= 2
        counted = store.count_enrolments()
        assert listed <= counted <= len(list(store.enrolments()))

    def test_every_account_that_was_seen_is_listed_with_what_is_known_of_it(self) -> None:
        store = self.store()
        with_factor, pending, guessed, required, forgotten = (someone() for _ in range(5))
        life = enrol(store, with_factor)
        open_pending(store, with_factor)
        open_pending(store, pending)
        spend_budget(store, guessed, 2)
        assert store.set_required(required, True) is True
        assert store.begin_grace(required, NOW + 3) == NOW + 3
        enrol(store, forgotten)
        store.set_required(forgotten, True)
        store.forget(forgotten)
        expected = [
            Account(with_factor, life.id, life.confirmed_at, False, 0, Budget()),
            Account(pending, None, None, False, 0, Budget()),
            Account(guessed, None, None, False, 0, Budget(unknown=(NOW, NOW), in_a_row=2)),
            Account(required, None, None, True, NOW + 3, Budget()),
            Account(forgotten, None, None, False, 0, Budget()),
        ]
        subjects = [one.subject for one in expected]
        found = [one for one in store.accounts() if one.subject in subjects]
        assert found == sorted(expected, key=lambda one: one.subject)

    def test_accounts_are_listed_from_where_one_asks(self) -> None:
        store = self.store()
        subjects = sorted(enrol(store).subject for _ in range(4))
        for seen, last in enumerate(subjects, 1):
            assert [one.subject for one in store.accounts(after=last) if one.subject in subjects] == subjects[seen:]

    def test_the_factor_is_mandatory_for_an_account_and_no_longer(self) -> None:
        store = self.store()
        subject, other = enrol(store).subject, someone()
        changes = [store.set_required(subject, one) for one in (False, True, True)]
        assert changes == [False, True, False]
        assert [store.standing(one, "").required for one in (subject, other)] == [1, 0]
        assert [store.set_required(subject, False) for _ in range(2)] == [True, False]
        assert store.standing(subject, "").required == 0

    def test_grace_is_noted_once_and_begins_anew_with_the_rule(self) -> None:
        store, subject, other = self.store(), someone(), someone()
        assert store.begin_grace(other, NOW + 1) == NOW + 1
        assert [store.begin_grace(subject, NOW + more) for more in (5, 9, 2)] == [NOW + 5] * 3
        assert store.standing(subject, "").grace_from == NOW + 5
        assert store.set_required(subject, False) is False
        assert store.standing(subject, "").grace_from == NOW + 5
        for required in (True, False):
            assert store.set_required(subject, required) is True
            assert store.standing(subject, "").grace_from == 0
            assert store.begin_grace(subject, NOW + 20) == NOW + 20
        assert store.standing(other, "").grace_from == NOW + 1

    def test_a_reset_takes_the_grace_and_a_forgotten_account_the_rule_too(self) -> None:
        store, subject = self.store(), someone()
        assert store.set_required(subject, True) is True
        for end, required in ((store.reset, 1), (store.forget, 0)):
            store.begin_grace(subject, NOW)
            end(subject)
            found = store.standing(subject, "")
            assert (found.required, found.grace_from) == (required, 0)

    def test_the_gate_is_told_of_rule_and_grace_beside_factor_and_mark(self) -> None:
        store = self.store()
        life = enrol(store)
        mark = sign_in(store, life.subject, life.id)
        assert store.set_required(life.subject, True) is True
        assert store.begin_grace(life.subject, NOW) == NOW
        found = store.standing(life.subject, mark.digest)
        assert (found.required, found.grace_from, found.factor, found.mark) == (1, NOW, life.id, mark)
        assert mark_stands(store, mark)

    def test_what_is_old_is_deleted_and_nothing_else_and_how_many_is_told(self) -> None:
        store = self.store()
        store.purge(BEFORE)  # what a run that was broken off has left
        young = Purge(*(LONG_AGO - 100 for _ in range(5)))
        one, other = self.filled(store), self.filled(store)
        assert store.purge(young) == NOTHING
        assert store.purge(BEFORE) == Purge(events=2, marks=4, pendings=2, trusted=2, rescues=2)
        assert store.purge(BEFORE) == NOTHING
        for subject in (one, other):
            self.has_what_is_young(store, subject)

    def filled(self, store: Store) -> str:
        """Make an account with old and young rows of every kind; gives its key."""
        old = LONG_AGO - 1
        life = dataclasses.replace(make_confirmed(someone()), created_at=old)
        assert store.put_enrolment(life) is True
        keep_sheet(store, life)
        keep_rescue(store, life, old)
        marks = [sign_in(store, life.subject, life.id) for _ in range(4)]
        for mark, seen_at in zip(marks, (old, old, LONG_AGO), strict=False):
            store.touch_mark(mark.digest, seen_at)
        for at in (old, LONG_AGO):
            store.open_enrolment(make_pending(life.subject, at=at), 0, TRIES)
            assert store.add_trusted(dataclasses.replace(make_trusted(life, at), used_at=NOW)) is True
            store.add_event(Event("twofactor-logged-in", life.subject, at), 0)
        return life.subject

    def has_what_is_young(self, store: Store, subject: str) -> None:
        """Require that an account has lost what is old alone."""
        life = enrolment_of(store, subject)
        assert life is not None
        assert sorted(mark.seen_at for mark in store.marks(subject)) == [LONG_AGO, NOW + 1]
        left = [one for one in store.enrolments() if one.subject == subject]
        assert sorted(one.created_at for one in left) == [LONG_AGO - 1, LONG_AGO]
        assert life in left
        assert [one.created_at for one in store.trusted(subject)] == [LONG_AGO]
        assert [event.at for event in store.events(subject, 9)] == [LONG_AGO]
        assert store.recovery(subject).left == 3
        keep_rescue(store, life, LONG_AGO)
        assert store.purge(BEFORE).rescues == 0
        assert store.reset(subject) is True
