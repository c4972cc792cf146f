"""What a store owes where several act at the same moment: read, check and write is one move, or somebody wins twice."""

from __future__ import annotations

from ..core.budget import Attempt
from ..core.records import MAX_AUTHENTICATORS
from ..stores.base import Store
from .ground import (
    NOW,
    STEP,
    TRIES,
    Ground,
    add_spare,
    enrol,
    enrolment_of,
    factor_of,
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
    trust,
)
from .recovering import keep_rescue, keep_sheet, make_sheet

PLACES = 3
"""How much is left where more than that come at once."""
CHARGES = 7
"""How many are charged while another is refunded."""


class Races(Ground):
    """Threads that begin together, each with a handle of its own, in many rounds."""

    def test_many_may_make_the_tables_at_once(self) -> None:
        self.race(lambda store, _, __: store.init())
        assert enrolment_of(self.open(), someone()) is None

    def test_of_many_that_spend_one_step_one_does(self) -> None:
        life = enrol(self.open())
        self.wins(lambda store, _, one: store.spend(life.subject, life.id, STEP + one, None, None))

    def test_of_many_that_spend_one_step_one_has_a_mark(self) -> None:
        life = enrol(self.open())
        marks = [[make_mark(life.subject, life.id) for _ in range(self.threads)] for _ in range(self.rounds)]
        won = self.race(
            lambda store, number, one: (
                marks[one][number],
                store.spend(life.subject, life.id, STEP + one, None, marks[one][number]),
            )
        )
        store = self.open()
        for answers in won:
            assert all(mark_stands(store, mark) is spent for mark, spent in answers), "a mark without a spent step"

    def test_of_many_attempts_at_the_last_places_of_the_budget_so_many_are_charged(self) -> None:
        before, subjects = self.open(), [someone() for _ in range(self.rounds)]
        for subject in subjects:
            spend_budget(before, subject, 10 - PLACES)
        self.wins(lambda store, _, one: store.charge(subjects[one], NOW, "unknown").attempt is not None, PLACES)

    def test_a_refund_among_charges_loses_none_of_them(self) -> None:
        store = self.open()
        lives = [enrol(store) for _ in range(self.rounds)]
        attempts = [store.charge(life.subject, NOW, "unknown").attempt for life in lives]

        def act(store: Store, number: int, one: int) -> bool:
            life = lives[one]
            if number == 0:
                return store.spend(life.subject, life.id, STEP, attempts[one], None)
            return number > CHARGES or store.charge(life.subject, NOW + 1, "unknown").attempt is not None

        self.wins(act, self.threads)
        left = [room(store, life.subject, NOW + 1) for life in lives]
        assert left == [10 - CHARGES] * self.rounds, "a charge or a refund was lost"

    def test_of_many_guesses_at_a_pending_secret_as_many_as_are_left_are_counted(self) -> None:
        store = self.open()
        pendings = [open_pending(store, someone()) for _ in range(self.rounds)]
        for pending in pendings:
            for _ in range(TRIES - PLACES):
                assert store.count_try(pending.subject, pending.id, TRIES) is True
        self.wins(lambda store, _, one: store.count_try(pendings[one].subject, pendings[one].id, TRIES), PLACES)

    def test_of_many_that_open_set_up_in_one_sign_in_all_are_given_one_enrolment(self) -> None:
        openers = [(someone(), new_digest()) for _ in range(self.rounds)]
        opened = self.race(lambda store, _, one: store.open_enrolment(make_pending(*openers[one]), NOW - 600, TRIES).id)
        assert [len(set(ids)) for ids in opened] == [1] * self.rounds, "one sign-in was given two secrets"

    def test_of_many_that_confirm_one_enrolment_one_does(self) -> None:
        store = self.open()
        pendings = [open_pending(store, someone()) for _ in range(self.rounds)]

        def act(store: Store, _: int, one: int) -> bool:
            subject, life = pendings[one].subject, pendings[one].id
            return store.confirm_enrolment(subject, life, STEP, NOW, make_mark(subject, life))

        self.wins(act)

    def test_of_many_that_each_confirm_or_write_their_own_enrolment_one_does(self) -> None:
        store = self.open()
        subjects = [someone() for _ in range(self.rounds)]
        pendings = [[open_pending(store, subject) for _ in range(self.threads)] for subject in subjects]

        def act(store: Store, number: int, one: int) -> bool:
            subject, life = subjects[one], pendings[one][number].id
            if number % 2:
                return store.put_enrolment(make_confirmed(subject))
            return store.confirm_enrolment(subject, life, STEP, NOW, make_mark(subject, life))

        self.wins(act)
        found = [one for one in store.enrolments() if one.subject in subjects and one.confirmed_at is not None]
        assert len(found) == self.rounds, "an account has two factors"

    def test_of_many_that_disable_or_log_in_with_one_step_one_does(self) -> None:
        store = self.open()
        lives = [enrol(store) for _ in range(self.rounds)]

        def act(store: Store, number: int, one: int) -> bool:
            life = lives[one]
            if number % 2:
                return store.spend(life.subject, life.id, STEP, None, None)
            return store.disable(life.subject, life.id, STEP, Attempt(NOW, "unknown"), make_mark(life.subject))

        self.wins(act)

    def test_of_many_that_spend_one_recovery_code_one_does(self) -> None:
        store = self.open()
        life = enrol(store)
        sheet = keep_sheet(store, life, self.rounds)
        self.wins(lambda store, _, one: store.spend(life.subject, life.id, sheet.digests[one], None, None))
        assert store.recovery(life.subject).left == 0

    def test_of_many_that_spend_one_rescue_code_one_does(self) -> None:
        store = self.open()
        lives = [enrol(store) for _ in range(self.rounds)]
        codes = [keep_rescue(store, life) for life in lives]
        self.wins(lambda store, _, one: store.spend(lives[one].subject, lives[one].id, codes[one], None, None))

    def test_of_many_that_use_one_trusted_value_one_does_and_the_trust_ends(self) -> None:
        store = self.open()
        lives = [enrol(store) for _ in range(self.rounds)]
        browsers = [trust(store, life) for life in lives]

        def act(store: Store, _: int, one: int) -> bool:
            return store.use_trusted(browsers[one], new_digest(), NOW, make_mark(lives[one].subject, lives[one].id))

        self.wins(act)
        left = [len(store.marks(life.subject)) for life in lives]
        assert left == [1] * self.rounds, "a mark without the use of a value"
        assert [store.trusted_browser(one.id) for one in browsers] == [None] * self.rounds, "a copy is trusted"

    def test_of_many_that_add_an_authenticator_so_many_do_as_there_may_be(self) -> None:
        store = self.open()
        lives = [enrol(store) for _ in range(self.rounds)]
        pendings = [[open_pending(store, life.subject).id for _ in range(self.threads)] for life in lives]

        def act(store: Store, number: int, one: int) -> bool:
            return store.add_authenticator(lives[one].subject, pendings[one][number], lives[one].id, STEP, NOW)

        self.wins(act, MAX_AUTHENTICATORS - 1)
        left = [len(factor_of(store, life.subject).authenticators) for life in lives]
        assert left == [MAX_AUTHENTICATORS] * self.rounds

    def test_of_many_that_take_one_of_two_authenticators_away_one_does(self) -> None:
        store = self.open()
        lives = [enrol(store) for _ in range(self.rounds)]
        spares = [add_spare(store, life) for life in lives]

        def act(store: Store, number: int, one: int) -> bool:
            life, spare = lives[one], spares[one]
            gone, other = (life, spare) if number % 2 else (spare, life)
            step, mark = STEP + 1 + number, make_mark(life.subject, life.id)
            return store.remove_authenticator(life.subject, gone.id, other.id, step, Attempt(NOW, "unknown"), mark)

        self.wins(act)
        assert [len(factor_of(store, life.subject).authenticators) for life in lives] == [1] * self.rounds

    def test_of_many_that_replace_a_factor_one_does(self) -> None:
        store = self.open()
        lives = [enrol(store) for _ in range(self.rounds)]
        pendings = [[open_pending(store, life.subject).id for _ in range(self.threads)] for life in lives]

        def act(store: Store, number: int, one: int) -> bool:
            life, pending = lives[one], pendings[one][number]
            mark = make_mark(life.subject, pending)
            return store.confirm_enrolment(life.subject, pending, STEP, NOW, mark, replaces=life.id)

        self.wins(act)
        left = [len(factor_of(store, life.subject).authenticators) for life in lives]
        assert left == [1] * self.rounds, "an account has two factors"

    def test_of_many_that_begin_the_grace_all_are_given_one_time(self) -> None:
        subjects = [someone() for _ in range(self.rounds)]
        begun = self.race(lambda store, number, one: store.begin_grace(subjects[one], NOW + number))
        assert [len(set(times)) for times in begun] == [1] * self.rounds, "an account was given two times of grace"

    def test_of_many_that_make_recovery_codes_with_one_step_one_does(self) -> None:
        life = enrol(self.open())
        self.wins(
            lambda store, _, one: store.renew_recovery(life.subject, life.id, STEP + one, None, make_sheet(), None)
        )
        assert self.open().recovery(life.subject).left == len(make_sheet().digests), "two sheets stand, or none"

    def test_of_many_that_show_one_sheet_one_does(self) -> None:
        store = self.open()
        lives = [enrol(store) for _ in range(self.rounds)]
        sheets = [keep_sheet(store, life) for life in lives]
        self.wins(lambda store, _, one: store.take_sheet(lives[one].subject, sheets[one].once))

    def test_of_many_that_keep_a_named_value_all_are_given_one(self) -> None:
        names = [someone() for _ in range(self.rounds)]
        kept = self.race(lambda store, number, one: store.keep_meta(names[one], str(number)))
        assert [len(set(values)) for values in kept] == [1] * self.rounds, "two values stood under one name"
        store = self.open()
        assert [store.meta(name) for name in names] == [values[0] for values in kept]

    def test_of_many_that_replace_a_named_value_one_does(self) -> None:
        store = self.open()
        names = [someone() for _ in range(self.rounds)]
        for name in names:
            store.keep_meta(name, "old")
        self.wins(lambda store, number, one: store.replace_meta(names[one], "old", str(number)))

    def test_of_many_that_reseal_a_secret_one_does(self) -> None:
        store = self.open()
        lives = [enrol(store) for _ in range(self.rounds)]
        self.wins(lambda store, number, one: store.reseal(lives[one].subject, lives[one].id, "1.sealed", f"1.{number}"))

    def test_of_many_that_remove_a_mark_one_does(self) -> None:
        store = self.open()
        marks = [sign_in(store, someone()) for _ in range(self.rounds)]
        self.wins(lambda store, _, one: store.remove_mark(marks[one].digest))
