"""The verbs of enrolments and the factor: opened, confirmed, added, taken away, reset."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...core.budget import Attempt, Budget
from ...core.records import MAX_AUTHENTICATORS, Enrolment, Factor, Mark, Proof, Sheet
from .database import Transaction
from .rows import enrolment_values, to_enrolment, to_factor
from .verbs import Verbs, end_factor, end_sessions, lock, replace_recovery, set_budget, spend, write_mark


class Factors(Verbs):
    """A group of the store's verbs."""

    def factor(self, subject: str) -> Factor | None:
        return to_factor(subject, self._database.read_all("factor", s=subject))

    def enrolments(self, after: tuple[str, str] = ("", "")) -> Iterator[Enrolment]:
        while page := self._database.read_all("enrolments", s=after[0], s2=after[0], i=after[1]):
            found = [one for row in page if (one := to_enrolment(row)) is not None]
            yield from found
            after = (found[-1].subject, found[-1].id)

    def count_enrolments(self) -> int:
        row = self._database.read("count_enrolments")
        return 0 if row is None else int(row[0])

    def reseal(self, subject: str, enrolment: str, old: str, new: str) -> bool:
        with self._database.transaction() as run:
            return run.write("reseal", s=subject, i=enrolment, old=old, new=new) == 1

    def open_enrolment(self, pending: Enrolment, not_before: int, max_tries: int) -> Enrolment:
        with self._database.transaction() as run:
            lock(run, pending.subject)
            run.write("drop_stale_pendings", s=pending.subject, t=not_before, m=max_tries)
            run.write("add_pending", **enrolment_values(pending))
            row = run.row("pending", s=pending.subject, o=pending.opened_by)
        return to_enrolment(row) or pending

    def pending_enrolment(self, subject: str, opened_by: str) -> Enrolment | None:
        return to_enrolment(self._database.read("pending", s=subject, o=opened_by))

    def count_try(self, subject: str, enrolment: str, max_tries: int) -> bool:
        with self._database.transaction() as run:
            return run.write("count_try", s=subject, i=enrolment, m=max_tries) == 1

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
        with self._database.transaction() as run:
            locked = lock(run, subject)
            if locked.factor != replaces or run.write("confirm", s=subject, i=enrolment, t=now, k=step) != 1:
                return False
            run.write("drop_others", s=subject, i=enrolment)
            self._begin(run, subject, enrolment, locked.budget, sheet)
            write_mark(run, mark)
            return True

    def put_enrolment(self, enrolment: Enrolment) -> bool:
        with self._database.transaction() as run:
            locked = lock(run, enrolment.subject)
            if locked.factor is not None:
                return False
            run.write("add_enrolment", **enrolment_values(enrolment))
            self._begin(run, enrolment.subject, enrolment.id, locked.budget, None)
            return True

    def add_authenticator(self, subject: str, enrolment: str, factor: str, step: int, now: int) -> bool:
        with self._database.transaction() as run:
            if lock(run, subject).factor != factor or self._confirmed(run, subject) >= MAX_AUTHENTICATORS:
                return False
            return run.write("confirm", s=subject, i=enrolment, t=now, k=step) == 1

    def remove_authenticator(
        self, subject: str, authenticator: str, enrolment: str, proof: Proof, attempt: Attempt, mark: Mark
    ) -> bool:
        with self._database.transaction() as run:
            budget = lock(run, subject).budget
            if self._confirmed(run, subject) < 2 or run.row("spent", s=subject, i=authenticator) is None:
                return False
            if not spend(run, subject, enrolment, proof, budget, attempt):
                return False
            run.write("drop_enrolment", s=subject, i=authenticator)
            run.write("drop_pendings", s=subject)
            end_sessions(run, subject)
            write_mark(run, mark)
            return True

    def disable(self, subject: str, enrolment: str, proof: Proof, attempt: Attempt, mark: Mark) -> bool:
        with self._database.transaction() as run:
            if not spend(run, subject, enrolment, proof, lock(run, subject).budget, attempt):
                return False
            end_factor(run, subject)
            write_mark(run, mark)
            return True

    def reset(self, subject: str) -> bool:
        with self._database.transaction() as run:
            stood = lock(run, subject).factor is not None
            self._clear(run, subject)
            return stood

    def forget(self, subject: str) -> None:
        with self._database.transaction() as run:
            lock(run, subject)
            run.write("drop_events", s=subject)
            run.write("set_required", s=subject, r=0, r2=0)
            self._clear(run, subject)

    @staticmethod
    def _begin(run: Transaction, subject: str, factor: str, budget: Budget, sheet: Sheet | None) -> None:
        """Let a factor stand, and end what was before."""
        set_budget(run, subject, replace(budget, in_a_row=0))
        run.write("drop_pendings", s=subject)
        run.write("set_factor", s=subject, f=factor)
        replace_recovery(run, subject, factor, sheet)
        end_sessions(run, subject)

    @staticmethod
    def _clear(run: Transaction, subject: str) -> None:
        end_factor(run, subject)
        set_budget(run, subject, Budget())
        run.write("set_grace", s=subject, t=0)

    @staticmethod
    def _confirmed(run: Transaction, subject: str) -> int:
        row = run.row("confirmed", s=subject)
        return 0 if row is None else int(row[0])
