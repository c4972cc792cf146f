"""Every verb of `stores.base.Store` on SQLite, PostgreSQL and MariaDB, its losing side too."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import pytest

from flask_twofactor.core.budget import HARD_STOP, Attempt, Budget, Charge, Pool
from flask_twofactor.core.records import Account, Enrolment, Event, Mark, Purge, Sheet, Standing
from flask_twofactor.errors import StoreUnavailable
from flask_twofactor.stores.base import Store
from flask_twofactor.stores.sql import Database, SqlStore
from flask_twofactor.stores.sql.rows import budget_values, enrolment_values, mark_values
from flask_twofactor.stores.sql.schema import SCHEMA_VERSION
from flask_twofactor.testing.ground import enrolment_of
from tests.stores.records import STEP, make_confirmed, make_mark, make_pending, make_trusted, new_digest
from tests.support.host import START

DAY = 86400
MORE_THAN_A_PAGE = 501
"""Rows."""


def enrol(store: Store, subject: str = "alice") -> Enrolment:
    enrolment = make_confirmed(subject)
    assert store.put_enrolment(enrolment)
    return enrolment


def keep(store: Store, pending: Enrolment) -> Enrolment:
    assert store.open_enrolment(pending, START - 600, 10) == pending
    return pending


def sign_in(store: Store, subject: str = "alice", enrolment: str = "") -> Mark:
    mark = make_mark(subject, enrolment)
    store.add_mark(mark)
    return mark


def attempt(at: int = START, pool: Pool = "unknown") -> Attempt:
    return Attempt(at, pool)


def spend_budget(store: Store, subject: str = "alice", attempts: int = 10, at: int = START) -> None:
    for _ in range(attempts):
        assert store.charge(subject, at, "unknown").attempt == attempt(at)


def room(store: Store, subject: str = "alice", at: int = START, pool: Pool = "unknown") -> int:
    """Use up what is left of the budget, and tell how much it was."""
    return sum(store.charge(subject, at, pool).attempt is not None for _ in range(99))


def test_the_sql_store_is_a_store(store: SqlStore) -> None:
    typed: Store = store
    assert typed.meta("schema") == SCHEMA_VERSION


# --- the store itself


def test_a_server_s_clock_is_told_and_a_file_has_none(store: SqlStore, database: Database) -> None:
    before, found, after = int(time.time()), store.clock(), time.time()
    if database.engine.dialect.name == "sqlite":
        assert found is None
    else:
        assert found is not None
        assert before <= found <= after


def test_tables_that_stand_are_left_as_they_are(store: SqlStore, database: Database) -> None:
    enrolment = enrol(store)
    store.init()
    SqlStore(database).init()
    assert enrolment_of(store, "alice") == enrolment


def test_a_store_opened_anew_finds_what_was_written(store: SqlStore, database_uri: str) -> None:
    enrolment = enrol(store)
    again = Database.connect(database_uri)
    try:
        assert enrolment_of(SqlStore(again), "alice") == enrolment
    finally:
        again.close()


def test_a_store_shows_no_address_and_no_password(store: SqlStore) -> None:
    assert repr(store) in ("<SqlStore on sqlite>", "<SqlStore on postgresql>", "<SqlStore on mysql>")


def test_a_named_value_that_nobody_wrote_is_none(store: Store) -> None:
    assert store.meta("decoy_key") is None


def test_the_first_named_value_stands(store: Store) -> None:
    assert store.keep_meta("decoy_key", "first") == "first"
    assert store.keep_meta("decoy_key", "second") == "first"
    assert store.meta("decoy_key") == "first"


def test_a_named_value_is_replaced_by_who_knows_it_and_only_once(store: Store) -> None:
    store.keep_meta("decoy_key", "first")
    assert store.replace_meta("decoy_key", "other", "second") is False
    assert store.replace_meta("decoy_key", "first", "second") is True
    assert store.replace_meta("decoy_key", "first", "third") is False
    assert store.meta("decoy_key") == "second"


def test_a_named_value_that_does_not_exist_is_not_replaced(store: Store) -> None:
    assert store.replace_meta("decoy_key", "", "second") is False
    assert store.meta("decoy_key") is None


# --- the gate's read


def test_an_account_that_was_never_seen_stands_at_nothing(store: Store) -> None:
    assert store.standing("alice", "") == store.standing("alice", new_digest()) == Standing()


def test_a_mark_is_found_by_its_digest_for_its_account(store: Store) -> None:
    mark = sign_in(store)
    assert store.standing("alice", mark.digest) == Standing(0, None, 0, 0, *mark[:-2])


def test_a_mark_of_another_account_is_not_found(store: Store) -> None:
    sign_in(store, "alice")
    mark = sign_in(store, "mallory")
    assert store.standing("alice", mark.digest).mark is None


def test_a_mark_of_the_enrolment_that_stands_is_bound(store: Store) -> None:
    enrolment = enrol(store)
    mark = sign_in(store, enrolment=enrolment.id)
    found = store.standing("alice", mark.digest)
    assert (found.enabled, found.mark, found.bound) == (True, mark, True)


def test_a_mark_made_without_a_factor_or_for_another_enrolment_is_not_bound(store: Store) -> None:
    enrol(store)
    foreign = enrol(store, "mallory")
    for life in ("", foreign.id, "0" * 32):
        found = store.standing("alice", sign_in(store, enrolment=life).digest)
        assert (found.enabled, found.bound) == (True, False)


def test_a_pending_enrolment_enables_nothing_and_binds_nothing(store: Store) -> None:
    pending = keep(store, make_pending())
    found = store.standing("alice", sign_in(store, enrolment=pending.id).digest)
    assert (found.enabled, found.bound) == (False, False)


def test_an_enabled_account_without_a_mark_is_enabled(store: Store) -> None:
    enrol(store)
    found = store.standing("alice", "")
    assert (found.enabled, found.mark, found.bound) == (True, None, False)
    assert found.epoch != 0


# --- reading enrolments


def test_an_account_without_an_enrolment_has_none(store: Store) -> None:
    assert enrolment_of(store, "alice") is None


@pytest.mark.requirement("ENR-03")
def test_a_pending_enrolment_is_not_the_enrolment_of_the_account(store: Store) -> None:
    keep(store, make_pending())
    assert enrolment_of(store, "alice") is None


def test_an_enrolment_comes_back_as_it_was_written(store: Store) -> None:
    enrolment = enrol(store)
    assert enrolment_of(store, "alice") == enrolment


def test_account_keys_are_compared_exactly(store: Store) -> None:
    keys = [
        "alice",
        "Alice",
        "alice ",
        " alice",
        "álice",
        "a\u0301lice",
        "1",
        "01",
        "' OR '1'='1",
        "%",
        "x" * 255,
        "語" * 80,
    ]
    written = {key: enrol(store, key) for key in keys}
    assert {key: enrolment_of(store, key) for key in keys} == written


def test_all_enrolments_come_in_order_the_pending_ones_too(store: Store) -> None:
    written = [enrol(store, f"user {number}") for number in range(5)]
    written += [keep(store, make_pending(f"user {number}")) for number in (1, 3, 7)]
    found = list(store.enrolments())
    assert found == sorted(written, key=lambda one: (one.subject, one.id))
    assert list(store.enrolments(after=(found[2].subject, found[2].id))) == found[3:]


def test_no_enrolments_are_an_empty_list(store: Store) -> None:
    assert list(store.enrolments()) == []


def test_a_secret_is_resealed_by_who_read_the_present_one_and_only_once(store: Store) -> None:
    enrolment = enrol(store)
    assert store.reseal("alice", enrolment.id, "1.other", "1.new") is False
    assert store.reseal("mallory", enrolment.id, "1.sealed", "1.new") is False
    assert store.reseal("alice", "0" * 32, "1.sealed", "1.new") is False
    assert store.reseal("alice", enrolment.id, "1.sealed", "1.new") is True
    assert store.reseal("alice", enrolment.id, "1.sealed", "1.newer") is False
    assert enrolment_of(store, "alice") == dataclasses.replace(enrolment, sealed="1.new")


# --- the budget


@pytest.mark.requirement("THR-01")
def test_the_eleventh_attempt_of_a_day_is_refused(store: Store) -> None:
    assert room(store) == 10
    assert store.charge("alice", START + DAY - 1, "unknown") == Charge(None)
    assert store.charge("alice", START + DAY, "unknown").attempt == attempt(START + DAY)


def test_the_budget_of_one_account_is_not_that_of_another(store: Store) -> None:
    spend_budget(store, "alice")
    assert room(store, "mallory") == 10


def test_the_fifty_first_attempt_of_thirty_days_is_refused(store: Store) -> None:
    for day in range(5):
        spend_budget(store, at=START + day * DAY)
    assert room(store, at=START + 29 * DAY) == 0
    assert room(store, at=START + 30 * DAY) == 10


def test_a_budget_comes_back_as_it_was_written_whatever_its_pools_hold(store: Store) -> None:
    assert room(store, pool="known") == 20 + 10
    assert room(store) == room(store, pool="known") == 0
    assert room(store, pool="recovery") == 99
    assert store.charge("alice", START, "recovery").attempt == attempt(pool="recovery")
    assert room(store, pool="recovery") == 0
    assert room(store, at=START + DAY) == 10


@pytest.mark.requirement("THR-11")
def test_the_owner_is_warned_at_three_and_ten_and_the_store_remembers_it(store: Store) -> None:
    warned = [store.charge("alice", START + number, "known").warn for number in range(20)]
    assert warned == ["", "", "few", *[""] * 6, "many", *[""] * 10]


@pytest.mark.requirement("THR-11", "RPL-04")
def test_a_warning_is_taken_back_in_the_transaction_that_spends_the_step(store: Store) -> None:
    life = enrol(store).id
    spend_budget(store, attempts=2)
    charged = store.charge("alice", START + 7, "unknown")
    assert charged == Charge(attempt(START + 7), "few")
    assert store.spend("alice", life, STEP, charged.attempt, None)
    assert store.charge("alice", START + 8, "unknown").warn == "few"


def wrong_in_a_row(store: Store, count: int) -> int:
    """Charge so many known attempts, ten a week, as often as there is room; gives how many there was room for."""
    charges = [store.charge("alice", START + number // 10 * 7 * DAY, "known") for number in range(count)]
    return sum(one.attempt is not None for one in charges)


@pytest.mark.requirement("THR-10")
def test_after_a_hundred_in_a_row_nothing_is_charged_any_more_until_somebody_resets(store: Store) -> None:
    assert wrong_in_a_row(store, HARD_STOP + 30) == HARD_STOP
    assert store.charge("alice", START + 1000 * DAY, "unknown") == Charge(None)
    assert room(store, pool="recovery") == 99
    store.reset("alice")
    assert room(store) == 10


@pytest.mark.requirement("THR-10")
@pytest.mark.parametrize("verb", ["spend", "confirm_enrolment", "put_enrolment"])
def test_a_complete_success_and_a_new_key_end_the_row_of_wrong_codes(store: Store, verb: str) -> None:
    life = enrol(store).id if verb == "spend" else keep(store, make_pending()).id
    assert wrong_in_a_row(store, HARD_STOP - 1) == HARD_STOP - 1
    later = START + 1000 * DAY
    if verb == "spend":
        charged = store.charge("alice", later, "known")
        assert charged == Charge(attempt(later, "known"), "stopped")
        assert store.spend("alice", life, STEP, charged.attempt, None)
    else:
        assert store.charge("alice", later, "known").warn == "stopped"
        assert store.charge("alice", later, "known") == Charge(None)
        if verb == "put_enrolment":
            enrol(store)
        else:
            assert store.confirm_enrolment("alice", life, STEP, later, make_mark())
    assert store.charge("alice", later, "known") == Charge(attempt(later, "known"))


# --- spending a step


@pytest.mark.requirement("RPL-01")
def test_a_step_is_spent_once(store: Store) -> None:
    life = enrol(store).id
    assert store.spend("alice", life, STEP, None, None) is True
    assert store.spend("alice", life, STEP, None, None) is False


@pytest.mark.requirement("RPL-02")
def test_after_a_step_the_one_before_is_refused_and_the_next_is_accepted(store: Store) -> None:
    life = enrol(store).id
    assert store.spend("alice", life, STEP, None, None) is True
    assert store.spend("alice", life, STEP - 1, None, None) is False
    assert store.spend("alice", life, STEP + 1, None, None) is True


@pytest.mark.requirement("RPL-10")
def test_a_step_beyond_32_bits_is_spent_once(store: Store) -> None:
    life = enrol(store).id
    for step in (2**31, 2**33, 2**40):
        assert store.spend("alice", life, step, None, None) is True
        assert store.spend("alice", life, step, None, None) is False


def test_a_step_of_a_pending_enrolment_is_not_spent(store: Store) -> None:
    pending = keep(store, make_pending())
    assert store.spend("alice", pending.id, STEP, None, None) is False


def test_a_step_is_not_spent_on_another_account_or_enrolment(store: Store) -> None:
    mine, foreign = enrol(store, "alice"), enrol(store, "mallory")
    assert store.spend("alice", foreign.id, STEP, None, None) is False
    assert store.spend("mallory", mine.id, STEP, None, None) is False
    assert store.spend("alice", "", -1, None, None) is False
    assert store.spend("nobody", "", -1, None, None) is False
    assert store.spend("alice", mine.id, STEP, None, None) is True


@pytest.mark.requirement("RPL-04")
def test_who_spends_a_step_is_given_exactly_that_attempt_back(store: Store) -> None:
    life = enrol(store).id
    spend_budget(store, attempts=9)
    assert store.charge("alice", START + 7, "unknown").attempt
    assert store.spend("alice", life, STEP, attempt(START + 7), None) is True
    assert room(store) == 1


@pytest.mark.requirement("RPL-04")
def test_who_does_not_spend_a_step_gets_no_attempt_back(store: Store) -> None:
    life = enrol(store).id
    assert store.spend("alice", life, STEP, None, None) is True
    spend_budget(store)
    assert store.spend("alice", life, STEP, attempt(), None) is False
    assert room(store) == 0


def test_who_spends_a_step_has_the_mark_and_who_does_not_has_none(store: Store) -> None:
    life = enrol(store).id
    won, lost = make_mark(enrolment=life), make_mark(enrolment=life)
    assert store.spend("alice", life, STEP, None, won) is True
    assert store.spend("alice", life, STEP, None, lost) is False
    assert store.standing("alice", won.digest).mark == won
    assert store.standing("alice", lost.digest).mark is None


# --- marks


def test_a_new_mark_takes_the_place_of_the_old_one(store: Store) -> None:
    old, new = sign_in(store), make_mark()
    store.add_mark(new, replaces=old.digest)
    assert store.standing("alice", old.digest).mark is None
    assert store.standing("alice", new.digest).mark == new


def test_a_mark_stands_beside_those_of_other_browsers(store: Store) -> None:
    marks = [sign_in(store) for _ in range(3)]
    assert [store.standing("alice", mark.digest).mark for mark in marks] == marks


def test_a_touched_mark_was_seen_then(store: Store) -> None:
    mark = sign_in(store)
    store.touch_mark(mark.digest, START + 50)
    assert store.standing("alice", mark.digest).mark == mark._replace(seen_at=START + 50)


def test_touching_a_mark_that_has_ended_does_not_bring_it_back(store: Store) -> None:
    mark = sign_in(store)
    assert store.remove_mark(mark.digest)
    store.touch_mark(mark.digest, START + 50)
    assert store.standing("alice", mark.digest).mark is None


def test_a_mark_is_removed_once(store: Store) -> None:
    mark, other = sign_in(store), sign_in(store)
    assert store.remove_mark(mark.digest) is True
    assert store.remove_mark(mark.digest) is False
    assert store.standing("alice", mark.digest).mark is None
    assert store.standing("alice", other.digest).mark == other


def test_marks_that_nobody_used_for_400_days_go_at_the_next_log_in(store: Store) -> None:
    old = sign_in(store)
    store.add_mark(make_mark(at=START + 401 * DAY))
    assert store.standing("alice", old.digest).mark is None


# --- setting up


@pytest.mark.requirement("ENR-07")
def test_a_sign_in_that_opens_set_up_again_is_given_the_same_enrolment(store: Store) -> None:
    first = keep(store, make_pending(opened_by="a" * 64))
    assert store.open_enrolment(make_pending(opened_by="a" * 64, at=START + 600), START, 10) == first


@pytest.mark.requirement("ENR-04")
def test_an_expired_pending_enrolment_gives_way_to_a_new_one(store: Store) -> None:
    first = keep(store, make_pending(opened_by="a" * 64))
    second = make_pending(opened_by="a" * 64, at=START + 601)
    assert store.open_enrolment(second, START + 1, 10) == second
    assert list(store.enrolments()) == [second]
    assert store.count_try("alice", first.id, 10) is False


@pytest.mark.requirement("ENR-15")
def test_a_pending_enrolment_that_was_guessed_at_ten_times_gives_way_to_a_new_one(store: Store) -> None:
    first = keep(store, make_pending(opened_by="a" * 64))
    assert [store.count_try("alice", first.id, 10) for _ in range(12)] == [True] * 10 + [False] * 2
    second = make_pending(opened_by="a" * 64)
    assert store.open_enrolment(second, START - 600, 10) == second
    assert list(store.enrolments()) == [second]


@pytest.mark.requirement("ENR-04")
def test_a_pending_enrolment_belongs_to_the_sign_in_that_opened_it(store: Store) -> None:
    mine = keep(store, make_pending(opened_by="a" * 64))
    other = keep(store, make_pending(opened_by="b" * 64))
    assert store.pending_enrolment("alice", "a" * 64) == mine
    assert store.pending_enrolment("alice", "b" * 64) == other
    assert store.pending_enrolment("alice", "c" * 64) is None
    assert store.pending_enrolment("mallory", "a" * 64) is None


def test_tries_are_counted_for_pending_enrolments_only(store: Store) -> None:
    assert store.count_try("alice", enrol(store).id, 10) is False
    assert store.count_try("alice", "0" * 32, 10) is False


@pytest.mark.requirement("ENR-08")
def test_a_pending_enrolment_is_confirmed_once(store: Store) -> None:
    pending = keep(store, make_pending())
    mark = make_mark(enrolment=pending.id)
    assert store.confirm_enrolment("alice", pending.id, STEP, START + 5, mark) is True
    assert store.confirm_enrolment("alice", pending.id, STEP, START + 6, make_mark()) is False
    assert enrolment_of(store, "alice") == dataclasses.replace(
        pending, confirmed_at=START + 5, opened_by=None, last_step=STEP
    )
    found = store.standing("alice", mark.digest)
    assert (found.mark, found.bound) == (mark, True)


@pytest.mark.requirement("ENR-09")
def test_the_step_that_confirmed_is_spent(store: Store) -> None:
    pending = keep(store, make_pending())
    assert store.confirm_enrolment("alice", pending.id, STEP, START, make_mark())
    assert store.spend("alice", pending.id, STEP, None, None) is False
    assert store.spend("alice", pending.id, STEP + 1, None, None) is True


@pytest.mark.requirement("ENR-08")
def test_of_two_pending_enrolments_one_is_confirmed_and_the_other_is_gone(store: Store) -> None:
    one, other = keep(store, make_pending()), keep(store, make_pending())
    assert store.confirm_enrolment("alice", one.id, STEP, START, make_mark()) is True
    assert store.confirm_enrolment("alice", other.id, STEP, START, make_mark()) is False
    assert [found.id for found in store.enrolments()] == [one.id]


@pytest.mark.requirement("RPL-06")
def test_nothing_is_confirmed_where_an_enrolment_stands(store: Store) -> None:
    pending = keep(store, make_pending())
    standing = enrol(store)
    late = keep(store, make_pending())
    lost = make_mark()
    assert store.confirm_enrolment("alice", pending.id, STEP, START, lost) is False
    assert store.confirm_enrolment("alice", late.id, STEP, START, lost) is False
    assert enrolment_of(store, "alice") == standing
    assert store.standing("alice", lost.digest).mark is None


def test_the_pending_enrolment_of_another_account_is_not_confirmed(store: Store) -> None:
    pending = keep(store, make_pending("mallory"))
    assert store.confirm_enrolment("alice", pending.id, STEP, START, make_mark()) is False
    assert enrolment_of(store, "alice") is None
    assert enrolment_of(store, "mallory") is None


@pytest.mark.requirement("ENR-10")
def test_confirming_ends_the_accounts_other_sessions_and_nobody_elses(store: Store) -> None:
    before, foreign = sign_in(store), sign_in(store, "mallory")
    epoch = store.standing("alice", "").epoch
    pending = keep(store, make_pending())
    assert store.confirm_enrolment("alice", pending.id, STEP, START, make_mark(enrolment=pending.id))
    found = store.standing("alice", before.digest)
    assert found.mark is None
    assert found.epoch not in (0, epoch)
    assert store.standing("mallory", foreign.digest) == Standing(0, None, 0, 0, *foreign[:-2])


def test_an_enrolment_is_not_written_over_one_that_stands(store: Store) -> None:
    standing = enrol(store)
    assert store.put_enrolment(make_confirmed()) is False
    assert enrolment_of(store, "alice") == standing


def test_writing_an_enrolment_ends_sessions_and_pending_enrolments(store: Store) -> None:
    mark, pending = sign_in(store), keep(store, make_pending())
    enrolment = enrol(store)
    assert store.standing("alice", mark.digest).mark is None
    assert list(store.enrolments()) == [enrolment]
    assert store.count_try("alice", pending.id, 10) is False


# --- taking away


def test_disabling_takes_the_enrolment_and_the_sessions_away_and_leaves_the_new_mark(store: Store) -> None:
    life = enrol(store).id
    other, pending = sign_in(store, enrolment=life), keep(store, make_pending())
    epoch = store.standing("alice", "").epoch
    mark = make_mark()
    assert store.disable("alice", life, STEP, attempt(), mark) is True
    assert enrolment_of(store, "alice") is None
    assert store.count_try("alice", pending.id, 10) is False
    assert store.standing("alice", other.digest).mark is None
    found = store.standing("alice", mark.digest)
    assert (found.enabled, found.mark) == (False, mark)
    assert found.epoch not in (0, epoch)


@pytest.mark.requirement("RPL-03")
def test_a_step_that_was_spent_on_a_log_in_does_not_disable(store: Store) -> None:
    enrolment = enrol(store)
    assert store.spend("alice", enrolment.id, STEP, None, None)
    lost = make_mark()
    assert store.disable("alice", enrolment.id, STEP, attempt(), lost) is False
    assert enrolment_of(store, "alice") == dataclasses.replace(enrolment, last_step=STEP)
    assert store.standing("alice", lost.digest).mark is None


@pytest.mark.requirement("RPL-06")
def test_disabling_an_enrolment_of_before_leaves_the_newer_one(store: Store) -> None:
    old = enrol(store)
    assert store.disable("alice", old.id, STEP, attempt(), make_mark()) is True
    newer = enrol(store)
    kept = sign_in(store, enrolment=newer.id)
    assert store.disable("alice", old.id, STEP + 1, attempt(), make_mark()) is False
    assert enrolment_of(store, "alice") == newer
    assert store.standing("alice", kept.digest).mark == kept


def test_a_pending_enrolment_cannot_be_disabled(store: Store) -> None:
    pending = keep(store, make_pending())
    assert store.disable("alice", pending.id, STEP, attempt(), make_mark()) is False
    assert list(store.enrolments()) == [pending]


def test_disabling_gives_its_own_attempt_back_and_no_other(store: Store) -> None:
    life = enrol(store).id
    spend_budget(store, attempts=9)
    assert store.charge("alice", START + 7, "unknown").attempt
    assert store.disable("alice", life, STEP, attempt(START + 7), make_mark()) is True
    assert room(store) == 1


def test_a_reset_takes_everything_of_the_account_and_says_whether_a_factor_stood(store: Store) -> None:
    life, foreign = enrol(store).id, enrol(store, "mallory")
    mark = sign_in(store, enrolment=life)
    keep(store, make_pending())
    epoch = store.standing("alice", "").epoch
    spend_budget(store)
    assert store.reset("alice") is True
    assert list(store.enrolments()) == [foreign]
    found = store.standing("alice", mark.digest)
    assert (found.enabled, found.mark) == (False, None)
    assert found.epoch not in (0, epoch)
    assert room(store) == 10
    assert store.reset("alice") is False


def test_a_reset_of_an_account_with_a_pending_enrolment_says_that_no_factor_stood(store: Store) -> None:
    keep(store, make_pending())
    assert store.reset("alice") is False
    assert list(store.enrolments()) == []


def test_ending_sessions_tells_how_many_and_leaves_the_factor_and_the_budget(store: Store) -> None:
    enrolment = enrol(store)
    marks = [sign_in(store, enrolment=enrolment.id) for _ in range(3)]
    foreign = sign_in(store, "mallory")
    pending = keep(store, make_pending())
    epoch = store.standing("alice", "").epoch
    spend_budget(store)
    assert store.end_sessions("alice") == 3
    assert store.end_sessions("alice") == 0
    assert [store.standing("alice", mark.digest).mark for mark in marks] == [None] * 3
    assert store.standing("alice", "").epoch not in (0, epoch)
    assert store.standing("mallory", foreign.digest).mark == foreign
    assert enrolment_of(store, "alice") == enrolment
    assert store.count_try("alice", pending.id, 10) is False
    assert room(store) == 0


@pytest.mark.requirement("THR-03")
def test_ending_sessions_clears_the_wrong_codes_only_where_it_is_told_to(store: Store) -> None:
    assert room(store, pool="known") == 30
    assert room(store, pool="recovery") == 99
    store.end_sessions("alice")
    assert room(store, pool="known") == 0
    store.end_sessions("alice", refill=True)
    assert room(store, pool="known") == 30
    assert room(store, pool="recovery") <= 1


@pytest.mark.requirement("STO-09")
def test_a_forgotten_account_leaves_nothing_for_who_gets_its_key(store: Store) -> None:
    life, foreign = enrol(store).id, enrol(store, "mallory")
    mark = sign_in(store, enrolment=life)
    keep(store, make_pending())
    spend_budget(store)
    epoch = store.standing("alice", mark.digest).epoch
    store.forget("alice")
    left = store.standing("alice", mark.digest)
    assert left == Standing(left.epoch)
    assert left.epoch not in (0, epoch)
    assert list(store.enrolments()) == [foreign]
    assert room(store) == 10
    store.forget("nobody")


@pytest.mark.requirement("STO-09")
def test_two_lives_of_an_account_key_have_different_epochs(store: Store) -> None:
    enrol(store)
    epoch = store.standing("alice", "").epoch
    store.forget("alice")
    enrol(store)
    assert store.standing("alice", "").epoch not in (0, epoch)


# --- all or nothing


def test_a_verb_that_fails_half_way_leaves_nothing_done(store: Store) -> None:
    enrolment = enrol(store)
    mark = sign_in(store, enrolment=enrolment.id)
    before = list(store.enrolments()), store.standing("alice", mark.digest)
    with pytest.raises(StoreUnavailable):  # its last statement writes a digest that stands already
        store.spend("alice", enrolment.id, STEP, None, mark)
    with pytest.raises(StoreUnavailable):
        store.add_mark(mark)
    foreign = sign_in(store, "mallory")
    with pytest.raises(StoreUnavailable):
        store.disable("alice", enrolment.id, STEP, attempt(), foreign)
    pending, browser = keep(store, make_pending()), make_trusted(enrolment.id)
    assert store.add_trusted(browser)
    with pytest.raises(StoreUnavailable):
        store.use_trusted(browser, new_digest(), START, foreign)
    with pytest.raises(StoreUnavailable):
        store.confirm_enrolment("alice", pending.id, STEP, START, foreign, replaces=enrolment.id)
    with pytest.raises(StoreUnavailable):
        store.end_sessions("alice", mark=foreign)
    assert store.add_authenticator("alice", pending.id, enrolment.id, STEP, START)
    with pytest.raises(StoreUnavailable):
        store.remove_authenticator("alice", pending.id, enrolment.id, STEP, attempt(), foreign)
    assert store.trusted("alice") == [browser]
    assert [one.id for one in store.enrolments()] == sorted([enrolment.id, pending.id])
    assert store.standing("alice", mark.digest) == before[1]
    before = list(store.enrolments()), before[1]
    assert (list(store.enrolments()), store.standing("alice", mark.digest)) == before
    assert store.spend("alice", enrolment.id, STEP, None, None) is True


def test_an_exception_inside_a_transaction_rolls_it_back(store: Store, database: Database) -> None:
    class OddError(Exception):
        pass

    with pytest.raises(OddError), database.transaction() as run:  # noqa: PT012
        run.write("add_meta", name="half", value="done")
        raise OddError
    assert store.meta("half") is None


# --- what goes with time


@pytest.mark.requirement("SES-08")
@pytest.mark.parametrize(("age", "goes"), [(400 * DAY, False), (400 * DAY + 1, True)])
def test_a_mark_that_was_not_seen_for_400_days_goes_at_the_next_log_in(store: Store, age: int, goes: bool) -> None:
    old = sign_in(store)
    store.add_mark(make_mark(at=START + age))
    assert (store.standing("alice", old.digest).mark is None) is goes


@pytest.mark.requirement("LOG-01")
def test_events_that_are_too_old_go_at_the_first_of_every_200_of_a_process(store: Store) -> None:
    def add(kind: str, at: int) -> None:
        store.add_event(Event(kind, "alice", at, "", "", {}), START - DAY)

    add("first", START)
    for kind, at in (("old", START - DAY - 1), ("young", START - DAY)):
        add(kind, at)
    for _ in range(197):
        add("new", START)
    assert "old" in {one.kind for one in store.events("alice", 999)}
    add("new", START)
    assert {one.kind for one in store.events("alice", 999)} == {"first", "young", "new"}


def test_a_purge_deletes_in_rounds_what_is_old_of_more_accounts_than_are_read_at_once(
    store: SqlStore, database: Database
) -> None:
    with database.transaction() as run:
        for number in range(MORE_THAN_A_PAGE):
            run.write("add_mark", **mark_values(make_mark(f"account {number}")))
            run.write("add_event", **{**vars(Event("old", "alice", START)), "details": "{}"})
    kept = sign_in(store)
    store.touch_mark(kept.digest, START + 1)
    store.add_event(Event("young", "alice", START + 1), 0)
    gone = store.purge(Purge(*(START + 1 for _ in range(5))))
    assert gone == Purge(MORE_THAN_A_PAGE, MORE_THAN_A_PAGE, 0, 0, 0)
    assert store.marks("alice") == [kept._replace(seen_at=START + 1)]
    assert [one.kind for one in store.events(None, 9)] == ["young"]


def test_a_session_that_is_used_while_a_purge_is_under_way_goes_on(store: SqlStore, database: Database) -> None:
    """Between what the purge reads and what it deletes."""
    mark, other = sign_in(store), sign_in(store)
    read = database.read_all

    def read_and_use(name: str, **values: Any) -> list[Any]:
        found = read(name, **values)
        if name == "with_old_marks":
            store.touch_mark(mark.digest, START + 9)
        return found

    vars(database)["read_all"] = read_and_use
    assert store.purge(Purge(0, START + 1, 0, 0, 0)).marks == 1
    del vars(database)["read_all"]
    assert store.marks("alice") == [mark._replace(seen_at=START + 9)]
    assert store.standing("alice", other.digest).mark is None


# --- lists


def test_lists_of_more_rows_than_are_read_at_once_are_whole_and_in_order(store: SqlStore, database: Database) -> None:
    names = [f"account {number:04}" for number in range(MORE_THAN_A_PAGE)]
    blank = {"epoch": 0, "factor": None, "required": 0, "grace_from": 0, "sheet": ""}
    with database.transaction() as run:
        for name in reversed(names):
            run.write("add_account", subject=name, **blank, **budget_values(Budget(), ""))
            run.write("add_enrolment", **enrolment_values(make_confirmed(name)))
    assert [one.subject for one in store.accounts()] == names
    assert [one.subject for one in store.accounts(after=names[-2])] == names[-1:]
    assert [one.subject for one in store.enrolments()] == names
    assert store.count_enrolments() == MORE_THAN_A_PAGE


def test_what_is_listed_of_an_account_is_what_stands(store: Store) -> None:
    life, spare = enrol(store), keep(store, make_pending())
    assert store.add_authenticator("alice", spare.id, life.id, STEP, START + 5)
    keep(store, make_pending("bob"))
    assert list(store.accounts()) == [
        Account("alice", life.id, START, False, 0, Budget()),
        Account("bob", None, None, False, 0, Budget()),
    ]


# --- trusted browsers


@pytest.mark.requirement("TRB-01")
def test_an_account_has_ten_trusted_browsers_at_most(store: Store) -> None:
    life = enrol(store).id
    browsers = [make_trusted(life, at=START + number) for number in range(12)]
    assert [store.add_trusted(one) for one in browsers] == [True] * 12
    assert store.trusted("alice") == browsers[:1:-1]


@pytest.mark.requirement("TRB-05")
def test_the_end_of_a_copied_trust_stands_though_the_verb_says_no(store: Store) -> None:
    life = enrol(store).id
    browser = make_trusted(life)
    assert store.add_trusted(browser)
    copy = dataclasses.replace(browser, digest=new_digest())
    assert store.use_trusted(copy, new_digest(), START, make_mark(enrolment=life)) is False
    assert store.trusted_browser(browser.id) is None
    assert store.marks("alice") == []


@pytest.mark.requirement("REC-04")
def test_new_recovery_codes_end_a_rescue_code_too(store: Store) -> None:
    life = enrol(store).id
    assert store.add_rescue("alice", life, "a" * 64, START + 60)
    sheet = Sheet(("b" * 64,), "c" * 64)
    assert store.renew_recovery("alice", life, STEP, None, sheet, None) is True
    assert store.recovery("alice", "a" * 64) == (1, 0)


@pytest.mark.requirement("THR-10")
def test_an_enrolment_that_is_written_begins_without_wrong_codes(store: Store) -> None:
    spend_budget(store, attempts=3)
    enrol(store)
    for day in range(1, HARD_STOP):
        assert store.charge("alice", START + day * DAY * 31, "unknown").attempt is not None
    assert store.charge("alice", START + HARD_STOP * DAY * 31, "unknown").attempt is not None
    assert store.charge("alice", START + (HARD_STOP + 1) * DAY * 31, "unknown").attempt is None
