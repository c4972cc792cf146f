"""A store in memory: a right one, and one that loses a race of any one verb, on purpose."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from flask_twofactor.core.budget import Attempt, Budget, Charge, Pool
from flask_twofactor.core.records import (
    MAX_AUTHENTICATORS,
    Account,
    Enrolment,
    Event,
    Factor,
    Mark,
    Proof,
    Purge,
    Recovery,
    Sheet,
    Standing,
    Trusted,
    new_epoch,
)
from flask_twofactor.core.steps import Spent

K = TypeVar("K")
V = TypeVar("V")


@dataclass
class Data:
    """What all handles share."""

    meta: dict[str, str] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    budgets: dict[str, Budget] = field(default_factory=dict)
    enrolments: dict[tuple[str, str], Enrolment] = field(default_factory=dict)
    factors: dict[str, str] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    recovery: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    """By account and digest: the factor's id, and until when it is a rescue code, 0 for none."""
    sheets: dict[str, str] = field(default_factory=dict)
    trusted: dict[str, Trusted] = field(default_factory=dict)
    required: dict[str, bool] = field(default_factory=dict)
    grace: dict[str, int] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    lock: Any = field(default_factory=threading.RLock)


MAX_TRUSTED = 10


def _confirmed(pending: Enrolment, step: int, now: int) -> Enrolment:
    return replace(pending, confirmed_at=now, opened_by=None, last_step=step)


def _drop(rows: dict[K, V], goes: Callable[[V], bool]) -> int:
    gone = [key for key, one in rows.items() if goes(one)]
    for key in gone:
        del rows[key]
    return len(gone)


def nobody() -> None:
    """Wait for nobody."""


class MemoryStore:
    """A handle on `Data`. Where a verb is ``racy`` it takes no lock, and ``meets`` others between check and write."""

    def __init__(self, data: Data, racy: str = "", meet: Callable[[], None] = nobody) -> None:
        self._data = data
        self._racy = racy
        self._meet = meet

    @contextlib.contextmanager
    def _turn(self, verb: str) -> Iterator[Callable[[], None]]:
        """Bracket a verb; gives what it calls between what it read and what it writes."""
        if verb == self._racy:
            yield self._meet
        else:
            with self._data.lock:
                yield nobody

    def init(self) -> None:
        """There are no tables."""

    def clock(self) -> int | None:
        """There is no clock but this machine's."""

    def meta(self, name: str) -> str | None:
        return self._data.meta.get(name)

    def keep_meta(self, name: str, value: str) -> str:
        with self._turn("keep_meta") as checked:
            stands = self._data.meta.get(name)
            checked()
            if stands is None:
                self._data.meta[name] = stands = value
            return stands

    def replace_meta(self, name: str, old: str, new: str) -> bool:
        with self._turn("replace_meta") as checked:
            same = self._data.meta.get(name) == old
            checked()
            if same:
                self._data.meta[name] = new
            return same

    def standing(self, subject: str, digest: str) -> Standing:
        with self._data.lock:
            mark = self._data.marks.get(digest)
            mine = mark[:-2] if mark is not None and mark.subject == subject else ()
            required, grace = self._data.required.get(subject, False), self._data.grace.get(subject, 0)
            return Standing(
                self._data.epochs.get(subject, 0), self._data.factors.get(subject), int(required), grace, *mine
            )

    def factor(self, subject: str) -> Factor | None:
        with self._data.lock:
            life = self._data.factors.get(subject)
            return None if life is None else Factor(life, subject, tuple(self._confirmed(subject)))

    def enrolments(self, after: tuple[str, str] = ("", "")) -> Iterator[Enrolment]:
        with self._data.lock:
            found = sorted(key for key in self._data.enrolments if key > after)
        yield from (self._data.enrolments[key] for key in found)

    def count_enrolments(self) -> int:
        return len(self._data.enrolments)

    def accounts(self, after: str = "") -> Iterator[Account]:
        data = self._data
        with data.lock:
            held = {subject for subject, _ in data.enrolments}
            seen = held.union(data.epochs, data.budgets, data.required, data.grace)
        for subject in sorted(one for one in seen if one > after):
            found = self.factor(subject)
            life, since = (found.id, found.since) if found else (None, None)
            required, grace = data.required.get(subject, False), data.grace.get(subject, 0)
            yield Account(subject, life, since, required, grace, self._budget(subject))

    def account(self, subject: str) -> Account | None:
        return next((one for one in self.accounts() if one.subject == subject), None)

    def reseal(self, subject: str, enrolment: str, old: str, new: str) -> bool:
        with self._turn("reseal") as checked:
            found = self._data.enrolments.get((subject, enrolment))
            checked()
            if found is None or found.sealed != old:
                return False
            self._keep(replace(found, sealed=new))
            return True

    def charge(self, subject: str, now: int, pool: Pool, authenticators: int = 1) -> Charge:
        with self._turn("charge") as checked:
            budget, charged = self._budget(subject).charge(now, pool, authenticators)
            checked()
            self._data.budgets[subject] = budget
            return charged

    def spend(self, subject: str, enrolment: str, proof: Proof, attempt: Attempt | None, mark: Mark | None) -> bool:
        with self._turn("spend") as checked:
            found, budget = self._spendable(subject, enrolment, proof), self._budget(subject)
            checked()
            if found is None:
                return False
            self._spent(found, proof)
            self._refund(subject, budget, attempt)
            if mark is not None:
                self._data.marks[mark.digest] = mark
            if isinstance(proof, str):
                self.forget_trusted(subject)
            return True

    def add_mark(self, mark: Mark, replaces: str = "") -> None:
        with self._data.lock:
            self._data.marks.pop(replaces, None)
            self._data.marks[mark.digest] = mark

    def touch_mark(self, digest: str, now: int) -> None:
        with self._data.lock:
            found = self._data.marks.get(digest)
            if found is not None:
                self._data.marks[digest] = found._replace(seen_at=now)

    def remove_mark(self, digest: str) -> bool:
        with self._turn("remove_mark") as checked:
            stands = digest in self._data.marks
            checked()
            self._data.marks.pop(digest, None)
            return stands

    def marks(self, subject: str) -> list[Mark]:
        with self._data.lock:
            mine = [mark for mark in self._data.marks.values() if mark.subject == subject]
            return sorted(mine, key=lambda mark: (-mark.seen_at, mark.digest))

    def open_enrolment(self, pending: Enrolment, not_before: int, max_tries: int) -> Enrolment:
        with self._turn("open_enrolment") as checked:
            for one in self._of(pending.subject):
                if one.confirmed_at is None and (one.created_at < not_before or one.tries >= max_tries):
                    del self._data.enrolments[one.subject, one.id]
            found = self.pending_enrolment(pending.subject, pending.opened_by or "")
            checked()
            if found is None:
                self._keep(pending)
            return found or pending

    def pending_enrolment(self, subject: str, opened_by: str) -> Enrolment | None:
        with self._data.lock:
            return next((one for one in self._of(subject) if one.opened_by == opened_by), None)

    def count_try(self, subject: str, enrolment: str, max_tries: int) -> bool:
        with self._turn("count_try") as checked:
            found = self._pending(subject, enrolment)
            checked()
            if found is None or found.tries >= max_tries:
                return False
            self._keep(replace(found, tries=found.tries + 1))
            return True

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
        with self._turn("confirm_enrolment") as checked:
            found, standing = self._pending(subject, enrolment), self._data.factors.get(subject)
            checked()
            if found is None or standing != replaces:
                return False
            for one in self._confirmed(subject):
                self._data.enrolments.pop((subject, one.id), None)
            self._begin(_confirmed(found, step, now), sheet)
            self._data.marks[mark.digest] = mark
            return True

    def put_enrolment(self, enrolment: Enrolment) -> bool:
        with self._turn("put_enrolment") as checked:
            standing = self._data.factors.get(enrolment.subject)
            checked()
            if standing is not None:
                return False
            self._begin(enrolment, None)
            return True

    def add_authenticator(self, subject: str, enrolment: str, factor: str, step: int, now: int) -> bool:
        with self._turn("add_authenticator") as checked:
            found, count = self._pending(subject, enrolment), len(self._confirmed(subject))
            stands = self._data.factors.get(subject) == factor
            checked()
            if found is None or not stands or count >= MAX_AUTHENTICATORS:
                return False
            self._keep(_confirmed(found, step, now))
            return True

    def remove_authenticator(
        self, subject: str, authenticator: str, enrolment: str, proof: Proof, attempt: Attempt, mark: Mark
    ) -> bool:
        with self._turn("remove_authenticator") as checked:
            ids = [one.id for one in self._confirmed(subject)]
            found, budget = self._spendable(subject, enrolment, proof), self._budget(subject)
            checked()
            if found is None or len(ids) < 2 or authenticator not in ids:
                return False
            self._spent(found, proof)
            self._refund(subject, budget, attempt)
            self._data.enrolments.pop((subject, authenticator), None)
            self.end_sessions(subject, mark=mark)
            return True

    def disable(self, subject: str, enrolment: str, proof: Proof, attempt: Attempt, mark: Mark) -> bool:
        with self._turn("disable") as checked:
            found, budget = self._spendable(subject, enrolment, proof), self._budget(subject)
            checked()
            if found is None:
                return False
            self._refund(subject, budget, attempt)
            self._end_factor(subject)
            self._data.marks[mark.digest] = mark
            return True

    def renew_recovery(
        self, subject: str, enrolment: str, step: int | None, attempt: Attempt | None, sheet: Sheet, mark: Mark | None
    ) -> bool:
        with self._turn("renew_recovery") as checked:
            life, budget = self._data.factors.get(subject), self._budget(subject)
            found = None if step is None else self._spendable(subject, enrolment, step)
            checked()
            if life is None or (found is None and (step is not None or life != enrolment)):
                return False
            if found is not None:
                self._keep(found)
            self._refund(subject, budget, attempt)
            self._replace_recovery(subject, life, sheet)
            self.end_sessions(subject, mark=mark)
            return True

    def recovery(self, subject: str, digest: str = "") -> Recovery:
        with self._data.lock:
            mine = {code: until for (whose, code), (_, until) in self._data.recovery.items() if whose == subject}
            return Recovery(sum(1 for until in mine.values() if not until), mine.get(digest, 0))

    def add_rescue(self, subject: str, factor: str, digest: str, expires_at: int) -> bool:
        with self._data.lock:
            if self._data.factors.get(subject) != factor:
                return False
            self._drop_recovery(lambda whose, until: whose == subject and until > 0)
            self._data.recovery[subject, digest] = factor, expires_at
            return True

    def take_sheet(self, subject: str, once: str) -> bool:
        with self._turn("take_sheet") as checked:
            waits = bool(once) and self._data.sheets.get(subject) == once
            checked()
            if waits:
                self._data.sheets.pop(subject, None)
            return waits

    def reset(self, subject: str) -> bool:
        with self._data.lock:
            stood = subject in self._data.factors
            self._clear(subject)
            return stood

    def end_sessions(self, subject: str, refill: bool = False, mark: Mark | None = None) -> int:
        with self._data.lock:
            if refill:
                self._data.budgets[subject] = replace(self._budget(subject), unknown=(), known=())
            for one in self._of(subject):
                if one.confirmed_at is None:
                    self._data.enrolments.pop((subject, one.id), None)
            mine = [digest for digest, mark in self._data.marks.items() if mark.subject == subject]
            for digest in mine:
                del self._data.marks[digest]
            self.forget_trusted(subject)
            self._data.epochs[subject] = new_epoch()
            if mark is not None:
                self._data.marks[mark.digest] = mark
            return len(mine)

    def add_trusted(self, given: Trusted) -> bool:
        with self._data.lock:
            if self._data.factors.get(given.subject) != given.factor:
                return False
            for one in self.trusted(given.subject)[MAX_TRUSTED - 1 :]:
                del self._data.trusted[one.id]
            self._data.trusted[given.id] = given
            return True

    def trusted(self, subject: str) -> list[Trusted]:
        with self._data.lock:
            mine = [one for one in self._data.trusted.values() if one.subject == subject]
            return sorted(mine, key=lambda one: (-one.used_at, one.id))

    def trusted_browser(self, browser: str) -> Trusted | None:
        return self._data.trusted.get(browser)

    def use_trusted(self, presented: Trusted, digest: str, now: int, mark: Mark) -> bool:
        with self._turn("use_trusted") as checked:
            found, subject = self._data.trusted.get(presented.id), presented.subject
            stands = self._data.factors.get(subject) == presented.factor
            checked()
            if found is None or found.subject != subject or not stands:
                return False
            if found.digest != presented.digest:
                self.forget_trusted(subject, found.id)
                return False
            self._data.trusted[found.id] = replace(found, digest=digest, used_at=now)
            self._data.marks[mark.digest] = mark
            return True

    def forget_trusted(self, subject: str, browser: str | None = None) -> int:
        with self._data.lock:
            gone = [one.id for one in self.trusted(subject) if browser in (None, one.id)]
            for one in gone:
                del self._data.trusted[one]
            return len(gone)

    def set_required(self, subject: str, required: bool) -> bool:
        with self._data.lock:
            changed = self._data.required.get(subject, False) != required
            if changed:
                self._data.required[subject] = required
                self._data.grace[subject] = 0
            return changed

    def begin_grace(self, subject: str, now: int) -> int:
        with self._turn("begin_grace") as checked:
            since = self._data.grace.get(subject, 0)
            checked()
            if not since:
                self._data.grace[subject] = since = now
            return since

    def purge(self, before: Purge) -> Purge:
        data = self._data
        with data.lock:
            rescues = self._drop_recovery(lambda _, until: 0 < until < before.rescues)
            events = [one for one in data.events if one.at >= before.events]
            gone_events, data.events[:] = len(data.events) - len(events), events
            return Purge(
                events=gone_events,
                marks=_drop(data.marks, lambda one: one.seen_at < before.marks),
                pendings=_drop(
                    data.enrolments, lambda one: one.confirmed_at is None and one.created_at < before.pendings
                ),
                trusted=_drop(data.trusted, lambda one: one.created_at < before.trusted),
                rescues=rescues,
            )

    def add_event(self, event: Event, not_before: int) -> None:
        with self._data.lock:
            self._data.events[:] = [event, *(one for one in self._data.events if one.at >= not_before)]

    def events(self, subject: str | None, limit: int, kind: str = "", since: int = 0) -> list[Event]:
        found = (one for one in self._data.events if subject in (None, one.subject))
        return [one for one in found if kind in ("", one.kind) and one.at >= since][:limit]

    def forget(self, subject: str) -> None:
        with self._data.lock:
            self._clear(subject)
            self._data.required.pop(subject, None)
            self._data.events[:] = [one for one in self._data.events if one.subject != subject]

    def _clear(self, subject: str) -> None:
        with self._data.lock:
            self._end_factor(subject)
            self._data.budgets.pop(subject, None)
            self._data.grace.pop(subject, None)

    def _end_factor(self, subject: str) -> None:
        with self._data.lock:
            for one in self._of(subject):
                self._data.enrolments.pop((subject, one.id), None)
            self._data.factors.pop(subject, None)
            self._replace_recovery(subject, "", None)
            self.end_sessions(subject)

    def _confirmed(self, subject: str) -> list[Enrolment]:
        confirmed = [one for one in self._of(subject) if one.confirmed_at is not None]
        return sorted(confirmed, key=lambda one: (one.confirmed_at or 0, one.id))

    def _of(self, subject: str) -> list[Enrolment]:
        return [one for one in list(self._data.enrolments.values()) if one.subject == subject]

    def _keep(self, enrolment: Enrolment) -> None:
        self._data.enrolments[enrolment.subject, enrolment.id] = enrolment

    def _begin(self, enrolment: Enrolment, sheet: Sheet | None) -> None:
        """Let an enrolment be the factor, and end what was before."""
        with self._data.lock:
            subject = enrolment.subject
            self._keep(enrolment)
            self._data.factors[subject] = enrolment.id
            self._data.budgets[subject] = replace(self._budget(subject), in_a_row=0)
            self._replace_recovery(subject, enrolment.id, sheet)
            self.end_sessions(subject)

    def _pending(self, subject: str, enrolment: str) -> Enrolment | None:
        found = self._data.enrolments.get((subject, enrolment))
        return found if found is not None and found.confirmed_at is None else None

    def _drop_recovery(self, goes: Callable[[str, int], bool]) -> int:
        gone = [(whose, code) for (whose, code), (_, until) in self._data.recovery.items() if goes(whose, until)]
        for key in gone:
            del self._data.recovery[key]
        return len(gone)

    def _replace_recovery(self, subject: str, factor: str, sheet: Sheet | None) -> None:
        with self._data.lock:
            self._drop_recovery(lambda whose, _: whose == subject)
            for digest in sheet.digests if sheet else ():
                self._data.recovery[subject, digest] = factor, 0
            self._data.sheets[subject] = sheet.once if sheet else ""

    def _spent(self, enrolment: Enrolment, proof: Proof) -> None:
        if isinstance(proof, str):
            self._data.recovery.pop((enrolment.subject, proof), None)
        else:
            self._keep(enrolment)

    def _spendable(self, subject: str, enrolment: str, proof: Proof) -> Enrolment | None:
        """Give what is spent: an enrolment as it is once a time step is, any of the account for a recovery code."""
        if isinstance(proof, str):
            life, _ = self._data.recovery.get((subject, proof), ("", 0))
            return next(iter(self._confirmed(subject)), None) if life and life == enrolment else None
        found = self._data.enrolments.get((subject, enrolment))
        if found is None or found.confirmed_at is None:
            return None
        spent = Spent(found.last_step, found.earlier).accept(proof)
        return spent and replace(found, last_step=spent.last, earlier=spent.earlier)

    def _budget(self, subject: str) -> Budget:
        return self._data.budgets.get(subject, Budget())

    def _refund(self, subject: str, budget: Budget, attempt: Attempt | None) -> None:
        if attempt is not None:
            self._data.budgets[subject] = budget.refund(attempt)
