"""A store in memory: a right one, and one that loses a race of any one verb, on purpose."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from flask_twofactor.core.budget import Attempt, Budget, Charge, Pool
from flask_twofactor.core.records import Enrolment, Event, Mark, Proof, Sheet, Standing, new_epoch
from flask_twofactor.core.steps import Spent


@dataclass
class Data:
    """What all handles share."""

    meta: dict[str, str] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    budgets: dict[str, Budget] = field(default_factory=dict)
    enrolments: dict[tuple[str, str], Enrolment] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    recovery: dict[tuple[str, str], str] = field(default_factory=dict)
    sheets: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    lock: Any = field(default_factory=threading.RLock)


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
            factor = self.enrolment(subject)
            mark = self._data.marks.get(digest)
            mine = mark if mark is not None and mark.subject == subject else ()
            return Standing(self._data.epochs.get(subject, 0), factor.id if factor else None, *mine)

    def enrolment(self, subject: str) -> Enrolment | None:
        with self._data.lock:
            confirmed = (one for one in self._of(subject) if one.confirmed_at is not None)
            return next(confirmed, None)

    def enrolments(self, after: tuple[str, str] = ("", "")) -> Iterator[Enrolment]:
        with self._data.lock:
            found = sorted(key for key in self._data.enrolments if key > after)
        yield from (self._data.enrolments[key] for key in found)

    def reseal(self, subject: str, enrolment: str, old: str, new: str) -> bool:
        with self._turn("reseal") as checked:
            found = self._data.enrolments.get((subject, enrolment))
            checked()
            if found is None or found.sealed != old:
                return False
            self._keep(replace(found, sealed=new))
            return True

    def charge(self, subject: str, now: int, pool: Pool) -> Charge:
        with self._turn("charge") as checked:
            budget, charged = self._budget(subject).charge(now, pool)
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
        self, subject: str, enrolment: str, step: int, now: int, mark: Mark, sheet: Sheet | None = None
    ) -> bool:
        with self._turn("confirm_enrolment") as checked:
            found, standing = self._pending(subject, enrolment), self.enrolment(subject)
            checked()
            if found is None or standing is not None:
                return False
            self._begin(replace(found, confirmed_at=now, opened_by=None, last_step=step))
            self._replace_recovery(subject, enrolment, sheet)
            self._data.marks[mark.digest] = mark
            return True

    def put_enrolment(self, enrolment: Enrolment) -> bool:
        with self._turn("put_enrolment") as checked:
            standing = self.enrolment(enrolment.subject)
            checked()
            if standing is not None:
                return False
            self._begin(enrolment)
            return True

    def disable(self, subject: str, enrolment: str, proof: Proof, attempt: Attempt, mark: Mark) -> bool:
        with self._turn("disable") as checked:
            found, budget = self._spendable(subject, enrolment, proof), self._budget(subject)
            checked()
            if found is None:
                return False
            self._data.enrolments.pop((subject, enrolment), None)
            self._replace_recovery(subject, "", None)
            self._refund(subject, budget, attempt)
            self.end_sessions(subject)
            self._data.marks[mark.digest] = mark
            return True

    def renew_recovery(
        self, subject: str, enrolment: str, step: int | None, attempt: Attempt | None, sheet: Sheet, mark: Mark | None
    ) -> bool:
        with self._turn("renew_recovery") as checked:
            stands, budget = self.enrolment(subject), self._budget(subject)
            found = stands if step is None else self._spendable(subject, enrolment, step)
            checked()
            if found is None or found.id != enrolment:
                return False
            self._keep(found)
            self._refund(subject, budget, attempt)
            self._replace_recovery(subject, enrolment, sheet)
            self.end_sessions(subject, mark=mark)
            return True

    def recovery_left(self, subject: str) -> int:
        return sum(1 for whose, _ in list(self._data.recovery) if whose == subject)

    def take_sheet(self, subject: str, once: str) -> bool:
        with self._turn("take_sheet") as checked:
            waits = bool(once) and self._data.sheets.get(subject) == once
            checked()
            if waits:
                self._data.sheets.pop(subject, None)
            return waits

    def reset(self, subject: str) -> bool:
        with self._data.lock:
            stood = self.enrolment(subject) is not None
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
            self._data.epochs[subject] = new_epoch()
            if mark is not None:
                self._data.marks[mark.digest] = mark
            return len(mine)

    def add_event(self, event: Event, not_before: int) -> None:
        with self._data.lock:
            self._data.events[:] = [event, *(one for one in self._data.events if one.at >= not_before)]

    def events(self, subject: str | None, limit: int) -> list[Event]:
        return [one for one in self._data.events if subject in (None, one.subject)][:limit]

    def forget(self, subject: str) -> None:
        with self._data.lock:
            self._clear(subject)
            self._data.events[:] = [one for one in self._data.events if one.subject != subject]

    def _clear(self, subject: str) -> None:
        with self._data.lock:
            for one in self._of(subject):
                del self._data.enrolments[subject, one.id]
            self._data.budgets.pop(subject, None)
            self._replace_recovery(subject, "", None)
            self.end_sessions(subject)

    def _of(self, subject: str) -> list[Enrolment]:
        return [one for one in list(self._data.enrolments.values()) if one.subject == subject]

    def _keep(self, enrolment: Enrolment) -> None:
        self._data.enrolments[enrolment.subject, enrolment.id] = enrolment

    def _begin(self, enrolment: Enrolment) -> None:
        """Let an enrolment stand, and end what was before."""
        with self._data.lock:
            self._keep(enrolment)
            self._data.budgets[enrolment.subject] = replace(self._budget(enrolment.subject), in_a_row=0)
            self.end_sessions(enrolment.subject)

    def _pending(self, subject: str, enrolment: str) -> Enrolment | None:
        found = self._data.enrolments.get((subject, enrolment))
        return found if found is not None and found.confirmed_at is None else None

    def _replace_recovery(self, subject: str, enrolment: str, sheet: Sheet | None) -> None:
        with self._data.lock:
            for key in [key for key in self._data.recovery if key[0] == subject]:
                del self._data.recovery[key]
            for digest in sheet.digests if sheet else ():
                self._data.recovery[subject, digest] = enrolment
            self._data.sheets[subject] = sheet.once if sheet else ""

    def _spent(self, enrolment: Enrolment, proof: Proof) -> None:
        self._keep(enrolment)
        if isinstance(proof, str):
            self._data.recovery.pop((enrolment.subject, proof), None)

    def _spendable(self, subject: str, enrolment: str, proof: Proof) -> Enrolment | None:
        """Give the enrolment as it is once a time step or a recovery code is spent."""
        found = self._data.enrolments.get((subject, enrolment))
        if found is None or found.confirmed_at is None:
            return None
        if isinstance(proof, str):
            return found if self._data.recovery.get((subject, proof)) == enrolment else None
        spent = Spent(found.last_step, found.earlier).accept(proof)
        return spent and replace(found, last_step=spent.last, earlier=spent.earlier)

    def _budget(self, subject: str) -> Budget:
        return self._data.budgets.get(subject, Budget())

    def _refund(self, subject: str, budget: Budget, attempt: Attempt | None) -> None:
        if attempt is not None:
            self._data.budgets[subject] = budget.refund(attempt)
