"""What a store owes to several authenticators of one account: added, taken away, and all replaced at once."""

from __future__ import annotations

import dataclasses

from ..core.budget import Attempt
from ..core.records import MAX_AUTHENTICATORS, Factor
from .ground import (
    NOW,
    STEP,
    TRIES,
    Ground,
    add_spare,
    enrol,
    enrolment_of,
    epoch_of,
    factor_of,
    ids_of,
    make_mark,
    make_pending,
    mark_stands,
    new_digest,
    open_pending,
    room,
    sign_in,
    someone,
    spend_budget,
    trust,
)
from .recovering import keep_rescue, keep_sheet, make_sheet

ATTEMPT = Attempt(NOW, "unknown")


class Authenticators(Ground):
    """Several authenticators of one factor."""

    def test_a_factor_has_the_id_of_the_enrolment_that_turned_it_on_and_all_authenticators_the_oldest_first(
        self,
    ) -> None:
        store = self.store()
        assert store.factor(someone()) is None
        life = enrol(store)
        third, second = add_spare(store, life, NOW + 9), add_spare(store, life, NOW + 5)
        assert store.factor(life.subject) == Factor(life.id, life.subject, (life, second, third))
        assert factor_of(store, life.subject).since == life.confirmed_at

    def test_an_authenticator_that_is_added_keeps_its_name_and_its_step_is_spent(self) -> None:
        store = self.store()
        life = enrol(store)
        pending = dataclasses.replace(make_pending(life.subject), name="An older phone \u00e9")
        assert store.open_enrolment(pending, NOW - 600, TRIES) == pending
        assert store.add_authenticator(life.subject, pending.id, life.id, STEP, NOW + 2) is True
        _, added = factor_of(store, life.subject).authenticators
        assert added == dataclasses.replace(pending, confirmed_at=NOW + 2, opened_by=None, last_step=STEP)
        spent = [store.spend(life.subject, pending.id, step, None, None) for step in (STEP, STEP + 1)]
        assert spent == [False, True]
        assert store.pending_enrolment(life.subject, pending.opened_by or "") is None

    def test_adding_an_authenticator_ends_nothing(self) -> None:
        store = self.store()
        life = enrol(store)
        sheet, mark, browser = keep_sheet(store, life), sign_in(store, life.subject, life.id), trust(store, life)
        epoch = epoch_of(store, life.subject)
        add_spare(store, life)
        assert mark_stands(store, mark)
        assert store.standing(life.subject, mark.digest).bound
        assert epoch_of(store, life.subject) == epoch
        assert store.trusted(life.subject) == [browser]
        assert store.spend(life.subject, life.id, sheet.digests[0], None, None) is True

    def test_each_authenticator_spends_steps_of_its_own(self) -> None:
        store = self.store()
        life = enrol(store)
        spare = add_spare(store, life)
        for one in (life, spare):
            spent = [store.spend(life.subject, one.id, STEP + 1, None, None) for _ in range(2)]
            assert spent == [True, False]
        assert [one.last_step for one in factor_of(store, life.subject).authenticators] == [STEP + 1] * 2

    def test_an_authenticator_is_added_once_and_to_the_factor_that_stands_alone(self) -> None:
        store = self.store()
        life, foreign, without = enrol(store), enrol(store), someone()
        pending, of_nobody = open_pending(store, life.subject), open_pending(store, without)
        for subject, enrolment, factor in (
            (life.subject, pending.id, foreign.id),
            (life.subject, pending.id, ""),
            (life.subject, "0" * 32, life.id),
            (life.subject, of_nobody.id, life.id),
            (foreign.subject, pending.id, foreign.id),
            (without, of_nobody.id, of_nobody.id),
            (without, of_nobody.id, ""),
        ):
            assert store.add_authenticator(subject, enrolment, factor, STEP, NOW) is False
        assert [store.factor(one) for one in (life.subject, without)] == [Factor(life.id, life.subject, (life,)), None]
        added = [store.add_authenticator(life.subject, pending.id, life.id, STEP, NOW) for _ in range(2)]
        assert added == [True, False]

    def test_there_are_at_most_so_many_authenticators(self) -> None:
        store = self.store()
        life, foreign = enrol(store), enrol(store)
        late = open_pending(store, life.subject)
        for _ in range(MAX_AUTHENTICATORS - 1):
            add_spare(store, life)
        assert store.add_authenticator(life.subject, late.id, life.id, STEP, NOW) is False
        assert len(factor_of(store, life.subject).authenticators) == MAX_AUTHENTICATORS
        assert store.pending_enrolment(life.subject, late.opened_by or "") == late
        add_spare(store, foreign)

    def test_the_first_authenticator_goes_and_the_factor_keeps_its_id(self) -> None:
        store = self.store()
        life, foreign = enrol(store), sign_in(store, someone())
        spare, sheet, old = add_spare(store, life), keep_sheet(store, life), sign_in(store, life.subject, life.id)
        pending, epoch = open_pending(store, life.subject), epoch_of(store, life.subject)
        mark, step = make_mark(life.subject, life.id), STEP + 1
        assert store.remove_authenticator(life.subject, life.id, spare.id, step, ATTEMPT, mark) is True
        left = dataclasses.replace(spare, last_step=step, earlier=(STEP,))
        assert store.factor(life.subject) == Factor(life.id, life.subject, (left,))
        assert [mark_stands(store, one) for one in (old, mark, foreign)] == [False, True, True]
        assert store.standing(life.subject, mark.digest).bound
        assert epoch_of(store, life.subject) not in (0, epoch)
        assert store.count_try(life.subject, pending.id, TRIES) is False
        assert store.spend(life.subject, life.id, step + 1, None, None) is False
        assert store.spend(life.subject, spare.id, step + 1, None, None) is True
        assert store.spend(life.subject, life.id, sheet.digests[0], None, None) is True

    def test_an_authenticator_goes_with_a_code_of_its_own_or_with_a_recovery_code(self) -> None:
        store = self.store()
        for recovers in (False, True):
            life = enrol(store)
            sheet, spare = keep_sheet(store, life), add_spare(store, life)
            whose, proof = (life.id, sheet.digests[0]) if recovers else (spare.id, STEP + 1)
            mark = make_mark(life.subject, life.id)
            assert store.remove_authenticator(life.subject, spare.id, whose, proof, ATTEMPT, mark) is True
            assert ids_of(store, life.subject) == [life.id]
            assert store.recovery(life.subject).left == (2 if recovers else 3)

    def test_the_last_authenticator_is_never_taken_away_and_nothing_is_spent(self) -> None:
        store = self.store()
        life = enrol(store)
        sheet, kept, lost = keep_sheet(store, life), sign_in(store, life.subject, life.id), make_mark(life.subject)
        spend_budget(store, life.subject, 10)
        open_pending(store, life.subject)
        for proof in (STEP, sheet.digests[0]):
            assert store.remove_authenticator(life.subject, life.id, life.id, proof, ATTEMPT, lost) is False
        assert enrolment_of(store, life.subject) == life
        assert store.recovery(life.subject).left == 3
        assert [mark_stands(store, one) for one in (kept, lost)] == [True, False]
        assert room(store, life.subject) == 0

    def test_no_other_authenticator_is_taken_away_and_nothing_is_spent(self) -> None:
        store = self.store()
        life, foreign = enrol(store), enrol(store)
        mine, theirs, pending = add_spare(store, life), add_spare(store, foreign), open_pending(store, life.subject)
        kept, lost = sign_in(store, life.subject, life.id), make_mark(life.subject, life.id)
        for subject, authenticator, enrolment, proof in (
            (life.subject, theirs.id, life.id, STEP),
            (life.subject, pending.id, life.id, STEP),
            (life.subject, "", life.id, STEP),
            (life.subject, mine.id, mine.id, STEP),  # it is spent
            (life.subject, mine.id, theirs.id, STEP + 1),
            (life.subject, mine.id, life.id, new_digest()),
            (foreign.subject, mine.id, foreign.id, STEP),
            (someone(), mine.id, mine.id, STEP + 1),
        ):
            assert store.remove_authenticator(subject, authenticator, enrolment, proof, ATTEMPT, lost) is False
        for one, spare in ((life, mine), (foreign, theirs)):
            assert factor_of(store, one.subject).authenticators == (one, spare)
        assert [mark_stands(store, one) for one in (kept, lost)] == [True, False]

    def test_taking_an_authenticator_away_gives_its_own_attempt_back_and_no_other(self) -> None:
        store = self.store()
        life = enrol(store)
        spare = add_spare(store, life)
        spend_budget(store, life.subject, 9)
        attempt = store.charge(life.subject, NOW + 7, "unknown").attempt
        assert attempt is not None
        mark = make_mark(life.subject, life.id)
        assert store.remove_authenticator(life.subject, spare.id, life.id, STEP, attempt, mark) is True
        assert room(store, life.subject) == 1

    def test_disabling_with_a_code_of_any_authenticator_takes_all_of_them_away(self) -> None:
        store = self.store()
        life = enrol(store)
        spare = add_spare(store, life)
        assert store.disable(life.subject, spare.id, STEP + 1, ATTEMPT, make_mark(life.subject)) is True
        assert store.factor(life.subject) is None
        assert ids_of(store, life.subject) == []

    def test_recovery_codes_are_made_with_a_code_of_any_authenticator_for_the_factor(self) -> None:
        store = self.store()
        life = enrol(store)
        spare, sheet = add_spare(store, life), make_sheet()
        assert store.renew_recovery(life.subject, spare.id, STEP + 1, None, sheet, None) is True
        assert store.renew_recovery(life.subject, spare.id, None, None, make_sheet(), None) is False
        assert store.spend(life.subject, spare.id, sheet.digests[0], None, None) is False
        assert store.spend(life.subject, life.id, sheet.digests[0], None, None) is True

    def test_a_factor_that_replaces_another_takes_all_away_that_hung_on_it(self) -> None:
        store = self.store()
        life = enrol(store)
        spare, sheet, rescue = add_spare(store, life), keep_sheet(store, life), keep_rescue(store, life)
        old, _, foreign = sign_in(store, life.subject, life.id), trust(store, life), trust(store, enrol(store))
        pending, other, epoch = (
            open_pending(store, life.subject),
            open_pending(store, life.subject),
            epoch_of(store, life.subject),
        )
        mark, fresh = make_mark(life.subject, pending.id), make_sheet(5)
        assert store.confirm_enrolment(life.subject, pending.id, STEP, NOW, mark, fresh, replaces=life.id) is True
        assert ids_of(store, life.subject) == [pending.id]
        assert factor_of(store, life.subject).id == pending.id
        assert [mark_stands(store, one) for one in (old, mark)] == [False, True]
        assert store.standing(life.subject, mark.digest).bound
        assert epoch_of(store, life.subject) not in (0, epoch)
        assert (store.trusted(life.subject), store.trusted(foreign.subject)) == ([], [foreign])
        assert store.recovery(life.subject, rescue) == (5, 0)
        for whose, proof in ((life.id, STEP), (spare.id, STEP + 1), (life.id, sheet.digests[0]), (life.id, rescue)):
            assert store.spend(life.subject, whose, proof, None, None) is False
        assert store.spend(life.subject, pending.id, fresh.digests[0], None, None) is True
        assert store.count_try(life.subject, other.id, TRIES) is False

    def test_a_factor_is_replaced_where_that_very_one_stands(self) -> None:
        store = self.store()
        life, foreign, without = enrol(store), enrol(store), someone()
        spare = add_spare(store, life)
        kept, late, of_nobody = (
            sign_in(store, life.subject, life.id),
            open_pending(store, life.subject),
            open_pending(store, without),
        )
        for subject, pending, replaces in (
            (life.subject, late, None),
            (life.subject, late, spare.id),
            (life.subject, late, foreign.id),
            (life.subject, late, ""),
            (without, of_nobody, life.id),
            (without, of_nobody, ""),
        ):
            lost = make_mark(subject)
            assert store.confirm_enrolment(subject, pending.id, STEP, NOW, lost, None, replaces) is False
            assert not mark_stands(store, lost)
        assert factor_of(store, life.subject).authenticators == (life, spare)
        assert mark_stands(store, kept)
        assert store.factor(without) is None
