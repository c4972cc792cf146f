"""What a store owes to trusted browsers: kept, used once a value, and gone with whatever ends the trust."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from ..core.budget import Attempt
from ..core.records import Enrolment
from ..stores.base import Store
from .ground import (
    NOW,
    STEP,
    Ground,
    add_spare,
    enrol,
    make_mark,
    make_trusted,
    mark_stands,
    new_digest,
    open_pending,
    someone,
    trust,
)
from .recovering import keep_rescue, keep_sheet, make_sheet

ATTEMPT = Attempt(NOW, "unknown")
MANY = 40
"""More trusted browsers than any store keeps of an account."""


def _replace(store: Store, life: Enrolment) -> None:
    pending, mark = open_pending(store, life.subject), make_mark(life.subject)
    assert store.confirm_enrolment(life.subject, pending.id, STEP, NOW, mark, replaces=life.id) is True


def _remove_spare(store: Store, life: Enrolment) -> None:
    spare, mark = add_spare(store, life), make_mark(life.subject)
    assert store.remove_authenticator(life.subject, spare.id, life.id, STEP, ATTEMPT, mark) is True


def _recover(store: Store, life: Enrolment) -> None:
    sheet = keep_sheet(store, life)
    trust(store, life)
    assert store.spend(life.subject, life.id, sheet.digests[0], None, None) is True


def _rescue(store: Store, life: Enrolment) -> None:
    assert store.spend(life.subject, life.id, keep_rescue(store, life), None, None) is True


def _reset(store: Store, life: Enrolment) -> None:
    assert store.reset(life.subject) is True


def _forget(store: Store, life: Enrolment) -> None:
    store.forget(life.subject)


def _end_sessions(store: Store, life: Enrolment) -> None:
    store.end_sessions(life.subject)


def _disable(store: Store, life: Enrolment) -> None:
    assert store.disable(life.subject, life.id, STEP, ATTEMPT, make_mark(life.subject)) is True


def _renew(store: Store, life: Enrolment) -> None:
    assert store.renew_recovery(life.subject, life.id, STEP, None, make_sheet(), None) is True


ENDS: dict[str, Callable[[Store, Enrolment], None]] = {
    "another factor in its place": _replace,
    "an authenticator that goes": _remove_spare,
    "a recovery code that is used": _recover,
    "a rescue code that is used": _rescue,
    "a reset": _reset,
    "an account that is forgotten": _forget,
    "sessions that are ended": _end_sessions,
    "a factor that is disabled": _disable,
    "new recovery codes": _renew,
}
"""What ends the trust in every browser of an account (TRB-04)."""


class Trusting(Ground):
    """Browsers that may skip a code."""

    def test_a_trusted_browser_comes_back_as_it_was_written_and_for_its_account_only(self) -> None:
        store = self.store()
        life, foreign = enrol(store), enrol(store)
        browser, other = trust(store, life), trust(store, foreign)
        assert store.trusted(life.subject) == [browser]
        assert [store.trusted_browser(one.id) for one in (browser, other)] == [browser, other]
        assert store.trusted_browser(make_trusted(life).id) is None
        assert store.trusted(someone()) == []

    def test_trusted_browsers_are_given_by_their_last_use_the_latest_first(self) -> None:
        store = self.store()
        life = enrol(store)
        first, third, second = (trust(store, life, NOW + more) for more in (0, 20, 10))
        assert store.trusted(life.subject) == [third, second, first]
        digest, mark = new_digest(), make_mark(life.subject, life.id)
        assert store.use_trusted(first, digest, NOW + 30, mark) is True
        used = dataclasses.replace(first, digest=digest, used_at=NOW + 30)
        assert store.trusted(life.subject) == [used, third, second]

    def test_a_browser_is_trusted_for_the_factor_that_stands_alone(self) -> None:
        store = self.store()
        life, foreign, pending = enrol(store), enrol(store), open_pending(store, someone())
        spare = add_spare(store, life)
        for subject, factor in (
            (life.subject, foreign.id),
            (life.subject, spare.id),
            (life.subject, ""),
            (pending.subject, pending.id),
            (someone(), life.id),
        ):
            browser = dataclasses.replace(make_trusted(life), subject=subject, factor=factor)
            assert store.add_trusted(browser) is False
            assert store.trusted_browser(browser.id) is None
        assert store.trusted(life.subject) == []

    def test_of_many_trusted_browsers_the_one_that_was_used_longest_ago_goes(self) -> None:
        store = self.store()
        life = enrol(store)
        foreign, oldest, used = trust(store, enrol(store)), trust(store, life, NOW + 1), trust(store, life)
        digest, mark = new_digest(), make_mark(life.subject, life.id)
        assert store.use_trusted(used, digest, NOW + MANY, mark) is True
        browsers = [trust(store, life, NOW + 2 + one) for one in range(MANY - 5)]
        left = store.trusted(life.subject)
        assert 1 < len(left) < MANY
        assert left[0].id == used.id
        assert left[1:] == browsers[::-1][: len(left) - 1]
        assert store.trusted_browser(oldest.id) is None
        assert store.trusted_browser(foreign.id) == foreign

    def test_who_uses_the_present_value_has_the_mark_and_another_value_takes_its_place(self) -> None:
        store = self.store()
        life = enrol(store)
        browser, other, mark = trust(store, life), trust(store, life), make_mark(life.subject, life.id)
        digest = new_digest()
        assert store.use_trusted(browser, digest, NOW + 5, mark) is True
        assert mark_stands(store, mark)
        assert store.trusted_browser(browser.id) == dataclasses.replace(browser, digest=digest, used_at=NOW + 5)
        assert store.trusted_browser(other.id) == other

    def test_a_value_that_was_used_before_ends_the_trust_in_its_browser_and_in_no_other(self) -> None:
        store = self.store()
        life = enrol(store)
        browser, other, digest = trust(store, life), trust(store, life), new_digest()
        assert store.use_trusted(browser, digest, NOW + 5, make_mark(life.subject, life.id)) is True
        lost = make_mark(life.subject, life.id)
        assert store.use_trusted(browser, new_digest(), NOW + 6, lost) is False
        assert store.trusted(life.subject) == [other]
        present = dataclasses.replace(browser, digest=digest)
        assert store.use_trusted(present, new_digest(), NOW + 7, lost) is False
        assert not mark_stands(store, lost)

    def test_a_browser_is_used_for_its_own_account_and_its_factor_alone_and_others_cannot_end_it(self) -> None:
        store = self.store()
        life, foreign = enrol(store), enrol(store)
        browser = trust(store, life)
        changes: tuple[dict[str, Any], ...] = (
            {"subject": foreign.subject},
            {"subject": foreign.subject, "factor": foreign.id},
            {"subject": foreign.subject, "factor": foreign.id, "digest": new_digest()},
            {"factor": foreign.id},
            {"factor": ""},
            {"id": make_trusted(life).id},
            {"id": ""},
        )
        for change in changes:
            lost = make_mark(change.get("subject", life.subject), life.id)
            assert store.use_trusted(dataclasses.replace(browser, **change), new_digest(), NOW, lost) is False
            assert not mark_stands(store, lost)
        assert store.trusted_browser(browser.id) == browser

    def test_the_trust_in_one_browser_or_in_all_of_an_account_is_ended_once(self) -> None:
        store = self.store()
        life, foreign = enrol(store), enrol(store)
        browsers, theirs = [trust(store, life) for _ in range(3)], trust(store, foreign)
        gone = [store.forget_trusted(life.subject, browsers[0].id) for _ in range(2)]
        assert gone == [1, 0]
        assert store.forget_trusted(foreign.subject, browsers[1].id) == 0
        assert store.forget_trusted(someone()) == 0
        assert {one.id for one in store.trusted(life.subject)} == {browsers[1].id, browsers[2].id}
        assert [store.forget_trusted(life.subject) for _ in range(2)] == [2, 0]
        assert store.trusted(life.subject) == []
        assert store.trusted(foreign.subject) == [theirs]

    def test_whatever_changes_the_factor_or_ends_sessions_ends_the_trust_in_all_browsers_of_the_account(self) -> None:
        store = self.store()
        foreign = trust(store, enrol(store))
        for what, end in ENDS.items():
            life = enrol(store)
            browsers = [trust(store, life) for _ in range(2)]
            end(store, life)
            assert store.trusted(life.subject) == [], what
            lost = make_mark(life.subject, life.id)
            for browser in browsers:
                assert store.trusted_browser(browser.id) is None, what
                assert store.use_trusted(browser, new_digest(), NOW, lost) is False, what
            assert not mark_stands(store, lost)
        assert store.trusted(foreign.subject) == [foreign]

    def test_what_changes_nothing_leaves_the_trust_in_browsers(self) -> None:
        store = self.store()
        life = enrol(store)
        sheet, browser, lost = keep_sheet(store, life), trust(store, life), make_mark(life.subject)
        assert store.spend(life.subject, life.id, STEP, None, make_mark(life.subject, life.id)) is True
        spare = add_spare(store, life)
        assert store.spend(life.subject, spare.id, sheet.digests[0], None, lost) is False
        assert store.disable(life.subject, life.id, STEP, ATTEMPT, lost) is False
        assert store.remove_authenticator(life.subject, spare.id, spare.id, STEP, ATTEMPT, lost) is False
        assert store.renew_recovery(life.subject, life.id, STEP, None, make_sheet(), lost) is False
        assert store.set_required(life.subject, True) is True
        assert store.trusted(life.subject) == [browser]
