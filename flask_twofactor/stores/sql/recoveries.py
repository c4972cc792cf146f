"""The verbs of recovery codes and rescue codes."""

from __future__ import annotations

from ...core.budget import Attempt
from ...core.records import Mark, Recovery, Sheet
from .verbs import Verbs, end_sessions, lock, replace_recovery, spend, write_mark


class Recoveries(Verbs):
    """A group of the store's verbs."""

    def recovery(self, subject: str, digest: str = "") -> Recovery:
        row = self._database.read("recovery", s=subject, d=digest)
        left, rescue_until = row or (None, None)
        return Recovery(int(left or 0), int(rescue_until or 0))

    def renew_recovery(
        self, subject: str, enrolment: str, step: int | None, attempt: Attempt | None, sheet: Sheet, mark: Mark | None
    ) -> bool:
        with self._database.transaction() as run:
            locked = lock(run, subject)
            if locked.factor is None:
                return False
            if step is None:
                stands = locked.factor == enrolment
            else:
                stands = spend(run, subject, enrolment, step, locked.budget, attempt)
            if not stands:
                return False
            replace_recovery(run, subject, locked.factor, sheet)
            end_sessions(run, subject)
            write_mark(run, mark)
            return True

    def take_sheet(self, subject: str, once: str) -> bool:
        with self._database.transaction() as run:
            return bool(once) and run.write("take_sheet", s=subject, o=once) == 1

    def add_rescue(self, subject: str, factor: str, digest: str, expires_at: int) -> bool:
        with self._database.transaction() as run:
            if lock(run, subject).factor != factor:
                return False
            run.write("drop_rescue", s=subject)
            run.write("add_recovery", subject=subject, digest=digest, enrolment=factor, expires_at=expires_at)
            return True
