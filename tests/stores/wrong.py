"""Stores in memory that are each wrong in one way, without a race, and the test of the contract that says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from flask_twofactor.core.budget import Attempt, Budget
from flask_twofactor.core.records import Account, Enrolment, Event, Mark, Proof, Purge, Recovery, Sheet, Trusted
from tests.stores.memory import MemoryStore


class KeepsEpoch(MemoryStore):
    def end_sessions(self, subject: str, refill: bool = False, mark: Mark | None = None) -> int:
        epoch = self._data.epochs.get(subject, 1)
        ended = super().end_sessions(subject, refill, mark)
        self._data.epochs[subject] = epoch
        return ended


class KeepsMarks(MemoryStore):
    def end_sessions(self, subject: str, refill: bool = False, mark: Mark | None = None) -> int:
        marks = dict(self._data.marks)
        ended = super().end_sessions(subject, refill, mark)
        self._data.marks.update(marks)
        return ended


class KeepsPendings(MemoryStore):
    def end_sessions(self, subject: str, refill: bool = False, mark: Mark | None = None) -> int:
        kept = {(one.subject, one.id): one for one in self._of(subject) if one.confirmed_at is None}
        ended = super().end_sessions(subject, refill, mark)
        self._data.enrolments.update(kept)
        return ended


class EndsEverybody(MemoryStore):
    def end_sessions(self, subject: str, refill: bool = False, mark: Mark | None = None) -> int:
        ended = super().end_sessions(subject, refill, mark)
        self._data.marks.clear()
        return ended


class RefundsLosers(MemoryStore):
    def spend(self, subject: str, enrolment: str, proof: Proof, attempt: Attempt | None, mark: Mark | None) -> bool:
        spent = super().spend(subject, enrolment, proof, attempt, mark)
        if not spent:
            self._refund(subject, self._budget(subject), attempt)
        return spent


class RefundsAll(MemoryStore):
    def _refund(self, subject: str, budget: Budget, attempt: Attempt | None) -> None:
        self._data.budgets[subject] = Budget()


class RefundsNothing(MemoryStore):
    def _refund(self, subject: str, budget: Budget, attempt: Attempt | None) -> None:
        pass


class RemembersByHandle(MemoryStore):
    """Trusts what it read once, whatever another process wrote since."""

    def _spendable(self, subject: str, enrolment: str, proof: Proof) -> Enrolment | None:
        assert isinstance(proof, int)
        seen: dict[tuple[str, str], Enrolment | None] = self.__dict__.setdefault("seen", {})
        found = seen.setdefault((subject, enrolment), self._data.enrolments.get((subject, enrolment)))
        if found is None or found.confirmed_at is None or found.last_step >= proof:
            return None
        seen[subject, enrolment] = replace(found, last_step=proof)
        return seen[subject, enrolment]


class DisablesWhatStands(MemoryStore):
    def disable(self, subject: str, enrolment: str, proof: Proof, attempt: Attempt, mark: Mark) -> bool:
        stands = self._data.factors.get(subject, enrolment)
        return super().disable(subject, stands, proof, attempt, mark)


class ConfirmsOver(MemoryStore):
    def confirm_enrolment(
        self,
        subject: str,
        enrolment: str,
        step: int,
        now: int,
        mark: Mark,
        sheet: Sheet | None = None,
        replaces: str | None = None,
    ) -> bool:
        stands = self._data.factors.get(subject)
        return super().confirm_enrolment(subject, enrolment, step, now, mark, sheet, stands)


class SpendsWhoseverCode(MemoryStore):
    """Takes a recovery code of any account."""

    def spend(self, subject: str, enrolment: str, proof: Proof, attempt: Attempt | None, mark: Mark | None) -> bool:
        codes = self._data.recovery.items()
        owner = next(((whose, life) for (whose, code), (life, _) in codes if code == proof), None)
        return super().spend(*(owner or (subject, enrolment)), proof, attempt, mark)


class KeepsRecoveryCodes(MemoryStore):
    """Leaves the codes of an enrolment that is gone, or those that others took the place of."""

    def _replace_recovery(self, subject: str, enrolment: str, sheet: Sheet | None) -> None:
        kept = dict(self._data.recovery)
        super()._replace_recovery(subject, enrolment, sheet)
        self._data.recovery.update(kept)


class ShowsTwice(MemoryStore):
    def take_sheet(self, subject: str, once: str) -> bool:
        return bool(once) and self._data.sheets.get(subject) == once


class FoldsCase(MemoryStore):
    def _of(self, subject: str) -> list[Enrolment]:
        return [one for one in self._data.enrolments.values() if one.subject.lower() == subject.lower()]


class ListsFromTheStart(MemoryStore):
    def enrolments(self, after: tuple[str, str] = ("", "")) -> Iterator[Enrolment]:
        return super().enrolments()


class KeepsTrust(MemoryStore):
    def end_sessions(self, subject: str, refill: bool = False, mark: Mark | None = None) -> int:
        trusted = dict(self._data.trusted)
        ended = super().end_sessions(subject, refill, mark)
        self._data.trusted.update(trusted)
        return ended


class TrustsAfterRecovery(MemoryStore):
    def spend(self, subject: str, enrolment: str, proof: Proof, attempt: Attempt | None, mark: Mark | None) -> bool:
        trusted = dict(self._data.trusted)
        spent = super().spend(subject, enrolment, proof, attempt, mark)
        self._data.trusted.update(trusted)
        return spent


class TrustsForAnyFactor(MemoryStore):
    def add_trusted(self, given: Trusted) -> bool:
        self._data.trusted[given.id] = given
        return True


class TrustsAnyNumber(MemoryStore):
    def add_trusted(self, given: Trusted) -> bool:
        if self._data.factors.get(given.subject) != given.factor:
            return False
        self._data.trusted[given.id] = given
        return True


class TrustsCopies(MemoryStore):
    """Refuses a value that was used before, and trusts its browser still."""

    def use_trusted(self, presented: Trusted, digest: str, now: int, mark: Mark) -> bool:
        found = self._data.trusted.get(presented.id)
        if found is not None and found.digest != presented.digest:
            return False
        return super().use_trusted(presented, digest, now, mark)


class TrustsOneValueForEver(MemoryStore):
    def use_trusted(self, presented: Trusted, digest: str, now: int, mark: Mark) -> bool:
        return super().use_trusted(presented, presented.digest, now, mark)


class TrustsForWhomever(MemoryStore):
    """Takes a browser of any account."""

    def use_trusted(self, presented: Trusted, digest: str, now: int, mark: Mark) -> bool:
        found = self._data.trusted.get(presented.id)
        owner = found.subject if found else presented.subject
        return super().use_trusted(replace(presented, subject=owner), digest, now, mark)


class TrustsForFactorsOfBefore(MemoryStore):
    def use_trusted(self, presented: Trusted, digest: str, now: int, mark: Mark) -> bool:
        stands = self._data.factors.get(presented.subject, "")
        return super().use_trusted(replace(presented, factor=stands), digest, now, mark)


class ForgetsWhoseverBrowser(MemoryStore):
    def forget_trusted(self, subject: str, browser: str | None = None) -> int:
        if browser is not None and (found := self._data.trusted.get(browser)) is not None:
            subject = found.subject
        return super().forget_trusted(subject, browser)


class RemovesTheLast(MemoryStore):
    def remove_authenticator(
        self, subject: str, authenticator: str, enrolment: str, proof: Proof, attempt: Attempt, mark: Mark
    ) -> bool:
        if len(self._confirmed(subject)) == 1:
            return self.disable(subject, enrolment, proof, attempt, mark)
        return super().remove_authenticator(subject, authenticator, enrolment, proof, attempt, mark)


class RemovesWithoutACode(MemoryStore):
    def remove_authenticator(
        self, subject: str, authenticator: str, enrolment: str, proof: Proof, attempt: Attempt, mark: Mark
    ) -> bool:
        if len(self._confirmed(subject)) < 2 or (subject, authenticator) not in self._data.enrolments:
            return False
        del self._data.enrolments[subject, authenticator]
        self.end_sessions(subject, mark=mark)
        return True


class AddsAnyNumber(MemoryStore):
    def add_authenticator(self, subject: str, enrolment: str, factor: str, step: int, now: int) -> bool:
        found = self._pending(subject, enrolment)
        if found is None or self._data.factors.get(subject) != factor:
            return False
        self._keep(replace(found, confirmed_at=now, opened_by=None, last_step=step))
        return True


class AddsToAnyFactor(MemoryStore):
    def add_authenticator(self, subject: str, enrolment: str, factor: str, step: int, now: int) -> bool:
        stands = self._data.factors.get(subject, factor)
        return super().add_authenticator(subject, enrolment, stands, step, now)


class AddsUnspent(MemoryStore):
    """Leaves the step good that an authenticator was added with."""

    def add_authenticator(self, subject: str, enrolment: str, factor: str, step: int, now: int) -> bool:
        return super().add_authenticator(subject, enrolment, factor, -1, now)


class ReplacesWhateverStands(MemoryStore):
    def confirm_enrolment(
        self,
        subject: str,
        enrolment: str,
        step: int,
        now: int,
        mark: Mark,
        sheet: Sheet | None = None,
        replaces: str | None = None,
    ) -> bool:
        stands = self._data.factors.get(subject) if replaces is not None else None
        return super().confirm_enrolment(subject, enrolment, step, now, mark, sheet, stands)


class KeepsReplacedAuthenticators(MemoryStore):
    def confirm_enrolment(
        self,
        subject: str,
        enrolment: str,
        step: int,
        now: int,
        mark: Mark,
        sheet: Sheet | None = None,
        replaces: str | None = None,
    ) -> bool:
        kept = {(one.subject, one.id): one for one in self._confirmed(subject)}
        confirmed = super().confirm_enrolment(subject, enrolment, step, now, mark, sheet, replaces)
        self._data.enrolments.update(kept)
        return confirmed


class RescuesCountAsLeft(MemoryStore):
    def recovery(self, subject: str, digest: str = "") -> Recovery:
        _, until = super().recovery(subject, digest)
        return Recovery(sum(1 for whose, _ in self._data.recovery if whose == subject), until)


class KeepsEarlierRescues(MemoryStore):
    def add_rescue(self, subject: str, factor: str, digest: str, expires_at: int) -> bool:
        kept = dict(self._data.recovery)
        added = super().add_rescue(subject, factor, digest, expires_at)
        self._data.recovery.update(kept)
        return added


class RescuesWithoutAFactor(MemoryStore):
    def add_rescue(self, subject: str, factor: str, digest: str, expires_at: int) -> bool:
        if self._data.factors.get(subject) != factor:
            self._data.recovery[subject, digest] = factor, expires_at
            return False
        return super().add_rescue(subject, factor, digest, expires_at)


class KeepsGrace(MemoryStore):
    def set_required(self, subject: str, required: bool) -> bool:
        since = self._data.grace.get(subject, 0)
        changed = super().set_required(subject, required)
        self._data.grace[subject] = since
        return changed


class BeginsGraceAnew(MemoryStore):
    def begin_grace(self, subject: str, now: int) -> int:
        self._data.grace[subject] = 0
        return super().begin_grace(subject, now)


class ForgetsNoRule(MemoryStore):
    def forget(self, subject: str) -> None:
        required = self._data.required.get(subject, False)
        super().forget(subject)
        self._data.required[subject] = required


class PurgesTheYoung(MemoryStore):
    def purge(self, before: Purge) -> Purge:
        return super().purge(replace(before, marks=before.marks + 1))


class PurgesConfirmed(MemoryStore):
    def purge(self, before: Purge) -> Purge:
        for one in [one for one in self._data.enrolments.values() if one.created_at < before.pendings]:
            self._data.enrolments[one.subject, one.id] = replace(one, confirmed_at=None)
        return super().purge(before)


class PurgesWithoutCounting(MemoryStore):
    def purge(self, before: Purge) -> Purge:
        super().purge(before)
        return Purge(0, 0, 0, 0, 0)


class ListsAccountsFromTheStart(MemoryStore):
    def accounts(self, after: str = "") -> Iterator[Account]:
        return super().accounts()


class ListsAccountsWithAFactorAlone(MemoryStore):
    def accounts(self, after: str = "") -> Iterator[Account]:
        return (one for one in super().accounts(after) if one.factor is not None)


class GivesMarksAsTheyWereMade(MemoryStore):
    def marks(self, subject: str) -> list[Mark]:
        return [mark for mark in self._data.marks.values() if mark.subject == subject]


class GivesEventsOfAnyKind(MemoryStore):
    def events(self, subject: str | None, limit: int, kind: str = "", since: int = 0) -> list[Event]:
        return super().events(subject, limit, since=since)


class GivesEventsHoweverOld(MemoryStore):
    def events(self, subject: str | None, limit: int, kind: str = "", since: int = 0) -> list[Event]:
        return super().events(subject, limit, kind)


class LooksForAKindAmongTheLastAlone(MemoryStore):
    def events(self, subject: str | None, limit: int, kind: str = "", since: int = 0) -> list[Event]:
        return [one for one in super().events(subject, limit, since=since) if kind in ("", one.kind)]


class TellsOfTheNextAccount(MemoryStore):
    def account(self, subject: str) -> Account | None:
        return super().account(subject) or next(iter(self.accounts()), None)


WRONG: dict[type[MemoryStore], str] = {
    KeepsEpoch: "test_ending_sessions_changes_the_epoch_of_the_account_and_of_no_other",
    KeepsMarks: "test_confirming_ends_what_was_and_leaves_the_new_mark",
    KeepsPendings: "test_ending_sessions_takes_marks_and_pending_enrolments_and_tells_how_many_marks",
    EndsEverybody: "test_ending_sessions_takes_marks_and_pending_enrolments_and_tells_how_many_marks",
    RefundsLosers: "test_who_does_not_spend_a_step_gets_no_attempt_back",
    RefundsAll: "test_who_spends_a_step_is_given_that_attempt_back_and_no_other",
    RefundsNothing: "test_disabling_gives_its_own_attempt_back_and_no_other",
    RemembersByHandle: "test_each_step_is_spent_once_whichever_handle_is_asked",
    DisablesWhatStands: "test_disabling_an_enrolment_of_before_leaves_the_newer_one",
    ConfirmsOver: "test_nothing_is_confirmed_where_an_enrolment_stands",
    SpendsWhoseverCode: "test_a_recovery_code_of_another_account_or_enrolment_is_not_spent",
    KeepsRecoveryCodes: "test_new_recovery_codes_take_the_place_of_all_others_and_end_what_was",
    ShowsTwice: "test_a_sheet_is_shown_once_and_never_after_another_took_its_place",
    FoldsCase: "test_account_keys_are_compared_exactly",
    ListsFromTheStart: "test_all_enrolments_are_listed_in_order_from_where_one_asks",
    KeepsTrust: "test_whatever_changes_the_factor_or_ends_sessions_ends_the_trust_in_all_browsers_of_the_account",
    TrustsAfterRecovery: (
        "test_whatever_changes_the_factor_or_ends_sessions_ends_the_trust_in_all_browsers_of_the_account"
    ),
    TrustsForAnyFactor: "test_a_browser_is_trusted_for_the_factor_that_stands_alone",
    TrustsAnyNumber: "test_of_many_trusted_browsers_the_one_that_was_used_longest_ago_goes",
    TrustsCopies: "test_a_value_that_was_used_before_ends_the_trust_in_its_browser_and_in_no_other",
    TrustsOneValueForEver: "test_who_uses_the_present_value_has_the_mark_and_another_value_takes_its_place",
    TrustsForWhomever: "test_a_browser_is_used_for_its_own_account_and_its_factor_alone_and_others_cannot_end_it",
    TrustsForFactorsOfBefore: (
        "test_a_browser_is_used_for_its_own_account_and_its_factor_alone_and_others_cannot_end_it"
    ),
    ForgetsWhoseverBrowser: "test_the_trust_in_one_browser_or_in_all_of_an_account_is_ended_once",
    RemovesTheLast: "test_the_last_authenticator_is_never_taken_away_and_nothing_is_spent",
    RemovesWithoutACode: "test_no_other_authenticator_is_taken_away_and_nothing_is_spent",
    AddsAnyNumber: "test_there_are_at_most_so_many_authenticators",
    AddsToAnyFactor: "test_an_authenticator_is_added_once_and_to_the_factor_that_stands_alone",
    AddsUnspent: "test_an_authenticator_that_is_added_keeps_its_name_and_its_step_is_spent",
    ReplacesWhateverStands: "test_a_factor_is_replaced_where_that_very_one_stands",
    KeepsReplacedAuthenticators: "test_a_factor_that_replaces_another_takes_all_away_that_hung_on_it",
    RescuesCountAsLeft: "test_a_rescue_code_is_told_from_a_recovery_code_and_is_not_counted",
    KeepsEarlierRescues: "test_a_rescue_code_takes_the_place_of_an_earlier_one_and_of_nothing_else",
    RescuesWithoutAFactor: "test_a_rescue_code_is_kept_for_the_factor_that_stands_alone",
    KeepsGrace: "test_grace_is_noted_once_and_begins_anew_with_the_rule",
    BeginsGraceAnew: "test_grace_is_noted_once_and_begins_anew_with_the_rule",
    ForgetsNoRule: "test_a_reset_takes_the_grace_and_a_forgotten_account_the_rule_too",
    PurgesTheYoung: "test_what_is_old_is_deleted_and_nothing_else_and_how_many_is_told",
    PurgesConfirmed: "test_what_is_old_is_deleted_and_nothing_else_and_how_many_is_told",
    PurgesWithoutCounting: "test_what_is_old_is_deleted_and_nothing_else_and_how_many_is_told",
    ListsAccountsFromTheStart: "test_accounts_are_listed_from_where_one_asks",
    ListsAccountsWithAFactorAlone: "test_every_account_that_was_seen_is_listed_with_what_is_known_of_it",
    GivesMarksAsTheyWereMade: "test_the_marks_of_an_account_are_given_whole_the_one_that_was_seen_last_first",
    GivesEventsOfAnyKind: "test_events_are_asked_for_by_kind_and_by_when_they_happened",
    GivesEventsHoweverOld: "test_events_are_asked_for_by_kind_and_by_when_they_happened",
    LooksForAKindAmongTheLastAlone: "test_events_are_asked_for_by_kind_and_by_when_they_happened",
    TellsOfTheNextAccount: "test_one_account_is_told_of_as_in_the_list_of_all",
}
"""Each of them, and the test of the contract that catches it."""
