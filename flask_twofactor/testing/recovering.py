"""What a store owes to recovery codes: kept, spent, made anew, shown once, and gone with their enrolment."""

from __future__ import annotations

from ..core.budget import Attempt
from ..core.records import Enrolment, Sheet
from ..stores.base import Store
from .ground import (
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

ATTEMPT = Attempt(NOW, "recovery")


def make_sheet(count: int = 3) -> Sheet:
    """Make a sheet of so many codes."""
    return Sheet(tuple(new_digest() for _ in range(count)), new_digest())


def keep_sheet(store: Store, life: Enrolment, count: int = 3) -> Sheet:
    """Write recovery codes for an enrolment."""
    sheet = make_sheet(count)
    assert store.renew_recovery(life.subject, life.id, None, None, sheet, None) is True
    return sheet


def keep_rescue(store: Store, life: Enrolment, until: int = NOW + 3600) -> str:
    """Write a rescue code for the factor whose id is that of ``life``; gives its digest."""
    digest = new_digest()
    assert store.add_rescue(life.subject, life.id, digest, until) is True
    return digest


class Recovering(Ground):
    """Recovery codes and rescue codes."""

    def test_a_recovery_code_is_spent_once_and_leaves_the_others(self) -> None:
        store = self.store()
        life, other = enrol(store), enrol(store)
        sheet, foreign = keep_sheet(store, life), keep_sheet(store, other)
        assert store.recovery(life.subject).left == 3
        assert store.spend(life.subject, life.id, sheet.digests[0], None, None) is True
        assert store.spend(life.subject, life.id, sheet.digests[0], None, None) is False
        assert [store.recovery(one).left for one in (life.subject, other.subject, someone())] == [2, 3, 0]
        assert store.spend(life.subject, life.id, sheet.digests[1], None, None) is True
        assert store.spend(other.subject, other.id, foreign.digests[0], None, None) is True

    def test_a_recovery_code_of_another_account_or_enrolment_is_not_spent(self) -> None:
        store = self.store()
        mine, foreign = enrol(store), enrol(store)
        sheet, _ = keep_sheet(store, mine), keep_sheet(store, foreign)
        code = sheet.digests[0]
        for subject, enrolment, digest in (
            (foreign.subject, foreign.id, code),
            (foreign.subject, mine.id, code),
            (mine.subject, foreign.id, code),
            (mine.subject, "", code),
            (mine.subject, mine.id, new_digest()),
            (mine.subject, mine.id, ""),
        ):
            assert store.spend(subject, enrolment, digest, None, None) is False
        assert [store.recovery(one.subject).left for one in (mine, foreign)] == [3, 3]

    def test_who_spends_a_recovery_code_has_the_mark_and_that_attempt_back(self) -> None:
        store = self.store()
        life = enrol(store)
        sheet, won, lost = keep_sheet(store, life), make_mark(life.subject, life.id), make_mark(life.subject, life.id)
        for _ in range(99):
            assert store.charge(life.subject, NOW, "recovery").attempt is not None
        attempt = store.charge(life.subject, NOW + 7, "recovery").attempt
        assert store.spend(life.subject, life.id, sheet.digests[0], attempt, won) is True
        assert store.spend(life.subject, life.id, sheet.digests[0], ATTEMPT, lost) is False
        assert [mark_stands(store, mark) for mark in (won, lost)] == [True, False]
        assert room(store, life.subject, NOW + 7, "recovery") == 1

    def test_recovery_codes_come_with_the_enrolment_that_is_confirmed(self) -> None:
        store, subject = self.store(), someone()
        pending, sheet = open_pending(store, subject), make_sheet()
        mark = make_mark(subject, pending.id)
        assert store.confirm_enrolment(subject, pending.id, STEP, NOW, mark, sheet) is True
        assert store.recovery(subject).left == 3
        assert store.spend(subject, pending.id, sheet.digests[2], None, None) is True
        late = open_pending(store, subject)
        assert store.confirm_enrolment(subject, late.id, STEP, NOW, make_mark(subject, late.id), make_sheet(5)) is False
        assert store.recovery(subject).left == 2

    def test_new_recovery_codes_take_the_place_of_all_others_and_end_what_was(self) -> None:
        store = self.store()
        life = enrol(store)
        first, old = keep_sheet(store, life), sign_in(store, life.subject, life.id)
        foreign, epoch = sign_in(store, someone()), epoch_of(store, life.subject)
        second, mark = make_sheet(4), make_mark(life.subject, life.id)
        assert store.renew_recovery(life.subject, life.id, STEP, Attempt(NOW, "unknown"), second, mark) is True
        assert store.recovery(life.subject).left == 4
        assert [store.spend(life.subject, life.id, one, None, None) for one in first.digests] == [False] * 3
        assert store.spend(life.subject, life.id, second.digests[0], None, None) is True
        assert [mark_stands(store, one) for one in (old, mark, foreign)] == [False, True, True]
        assert epoch_of(store, life.subject) not in (0, epoch)
        assert ids_of(store, life.subject) == [life.id]

    def test_a_spent_step_makes_no_recovery_codes(self) -> None:
        store = self.store()
        life = enrol(store)
        first, lost = keep_sheet(store, life), make_mark(life.subject, life.id)
        assert store.spend(life.subject, life.id, STEP, None, None) is True
        assert store.renew_recovery(life.subject, life.id, STEP, Attempt(NOW, "unknown"), make_sheet(4), lost) is False
        assert store.recovery(life.subject).left == 3
        assert not mark_stands(store, lost)
        assert store.spend(life.subject, life.id, first.digests[0], None, None) is True

    def test_making_recovery_codes_gives_its_own_attempt_back_and_no_other(self) -> None:
        store = self.store()
        life = enrol(store)
        spend_budget(store, life.subject, 9)
        attempt = store.charge(life.subject, NOW + 7, "unknown").attempt
        assert store.renew_recovery(life.subject, life.id, STEP, attempt, make_sheet(), None) is True
        assert room(store, life.subject) == 1

    def test_recovery_codes_are_made_for_an_enrolment_that_stands_alone(self) -> None:
        store = self.store()
        life, pending = enrol(store), open_pending(store, someone())
        for subject, enrolment in (
            (pending.subject, pending.id), (someone(), ""), (someone(), life.id), (life.subject, "0" * 32),
            (life.subject, ""),
        ):  # fmt: skip
            for step in (None, STEP):
                assert store.renew_recovery(subject, enrolment, step, None, make_sheet(), None) is False
            assert store.recovery(subject).left == 0

    def test_a_sheet_is_shown_once_and_never_after_another_took_its_place(self) -> None:
        store = self.store()
        life, other = enrol(store), enrol(store)
        first = keep_sheet(store, life)
        assert store.take_sheet(other.subject, first.once) is False
        assert store.take_sheet(life.subject, new_digest()) is False
        assert [store.take_sheet(life.subject, first.once) for _ in range(2)] == [True, False]
        second, third = keep_sheet(store, life), keep_sheet(store, life)
        assert [store.take_sheet(life.subject, one.once) for one in (second, third)] == [False, True]
        assert [store.take_sheet(one, "") for one in (life.subject, other.subject, someone())] == [False] * 3

    def test_disabling_with_a_recovery_code_spends_it_and_takes_all_of_them_away(self) -> None:
        store = self.store()
        life = enrol(store)
        sheet, old, mark = keep_sheet(store, life), sign_in(store, life.subject, life.id), make_mark(life.subject)
        wrong = make_mark(life.subject)
        assert store.disable(life.subject, life.id, new_digest(), ATTEMPT, wrong) is False
        assert not mark_stands(store, wrong)
        assert store.disable(life.subject, life.id, sheet.digests[0], ATTEMPT, mark) is True
        assert ids_of(store, life.subject) == []
        assert [mark_stands(store, one) for one in (old, mark)] == [False, True]
        self.gone(store, life, sheet)

    def test_recovery_codes_go_with_the_enrolment(self) -> None:
        store = self.store()
        foreign = enrol(store)
        kept = keep_sheet(store, foreign)
        for end in ("disable", "reset", "forget"):
            life = enrol(store)
            sheet = keep_sheet(store, life)
            if end == "disable":
                assert store.disable(life.subject, life.id, STEP, ATTEMPT, make_mark(life.subject)) is True
            else:
                getattr(store, end)(life.subject)
            self.gone(store, life, sheet)
        assert store.recovery(foreign.subject).left == 3
        assert store.take_sheet(foreign.subject, kept.once) is True

    def test_a_rescue_code_is_told_from_a_recovery_code_and_is_not_counted(self) -> None:
        store = self.store()
        life, foreign = enrol(store), enrol(store)
        sheet, rescue = keep_sheet(store, life), keep_rescue(store, life, NOW + 77)
        theirs = keep_rescue(store, foreign)
        assert store.recovery(life.subject) == store.recovery(life.subject, sheet.digests[0]) == (3, 0)
        assert store.recovery(life.subject, rescue) == (3, NOW + 77)
        for digest in (theirs, new_digest()):
            assert store.recovery(life.subject, digest) == (3, 0)
        assert store.recovery(someone(), rescue) == (0, 0)

    def test_a_rescue_code_is_spent_once_and_leaves_the_recovery_codes(self) -> None:
        store = self.store()
        life, foreign = enrol(store), enrol(store)
        sheet, rescue, mark = keep_sheet(store, life), keep_rescue(store, life), make_mark(life.subject, life.id)
        for subject, factor in ((foreign.subject, foreign.id), (life.subject, foreign.id), (life.subject, "")):
            assert store.spend(subject, factor, rescue, None, None) is False
        assert store.spend(life.subject, life.id, rescue, None, mark) is True
        assert store.spend(life.subject, life.id, rescue, None, None) is False
        assert mark_stands(store, mark)
        assert store.recovery(life.subject, rescue) == (3, 0)
        assert store.spend(life.subject, life.id, sheet.digests[0], None, None) is True

    def test_a_rescue_code_takes_the_place_of_an_earlier_one_and_of_nothing_else(self) -> None:
        store = self.store()
        life, foreign = enrol(store), enrol(store)
        keep_sheet(store, life)
        first, theirs = keep_rescue(store, life), keep_rescue(store, foreign)
        second = keep_rescue(store, life)
        assert store.spend(life.subject, life.id, first, None, None) is False
        assert store.recovery(life.subject, first) == (3, 0)
        assert store.spend(life.subject, life.id, second, None, None) is True
        assert store.spend(foreign.subject, foreign.id, theirs, None, None) is True

    def test_a_rescue_code_is_kept_for_the_factor_that_stands_alone(self) -> None:
        store = self.store()
        life, foreign, pending = enrol(store), enrol(store), open_pending(store, someone())
        kept = keep_rescue(store, life)
        for subject, factor in (
            (life.subject, foreign.id), (life.subject, ""), (pending.subject, pending.id), (pending.subject, ""),
            (someone(), life.id),
        ):  # fmt: skip
            digest = new_digest()
            assert store.add_rescue(subject, factor, digest, NOW + 3600) is False
            assert store.recovery(subject, digest) == (0, 0)
        assert store.recovery(life.subject, kept) == (0, NOW + 3600)

    def test_a_rescue_code_goes_with_the_factor(self) -> None:
        store = self.store()
        kept = enrol(store)
        theirs = keep_rescue(store, kept)
        for end in ("disable", "reset", "forget"):
            life = enrol(store)
            rescue = keep_rescue(store, life)
            if end == "disable":
                assert store.disable(life.subject, life.id, STEP, ATTEMPT, make_mark(life.subject)) is True
            else:
                getattr(store, end)(life.subject)
            after = enrol(store, life.subject)
            assert store.recovery(life.subject, rescue) == (0, 0)
            for factor in (life.id, after.id):
                assert store.spend(life.subject, factor, rescue, None, None) is False
        assert store.spend(kept.subject, kept.id, theirs, None, None) is True

    def gone(self, store: Store, life: Enrolment, sheet: Sheet) -> None:
        """Require that nothing of the codes is left, and that an enrolment that follows does not revive them."""
        for _ in range(2):
            assert store.recovery(life.subject).left == 0
            assert store.take_sheet(life.subject, sheet.once) is False
            after = enrol(store, life.subject) if enrolment_of(store, life.subject) is None else life
            for enrolment in (life.id, after.id):
                assert store.spend(life.subject, enrolment, sheet.digests[1], None, None) is False
