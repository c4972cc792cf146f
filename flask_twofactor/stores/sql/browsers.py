"""The verbs of what browsers hold: marks, and the trust that lets one skip a code."""

from __future__ import annotations

from ...core.records import Mark, Trusted
from .rows import trusted_values
from .verbs import Verbs, end_sessions, lock, set_budget, write_mark

_MAX_TRUSTED = 10
"""Trusted browsers of an account; the one that was used longest ago goes first."""


class Browsers(Verbs):
    """A group of the store's verbs."""

    def add_mark(self, mark: Mark, replaces: str = "") -> None:
        with self._database.transaction() as run:
            lock(run, mark.subject)
            if replaces:
                run.write("drop_mark", d=replaces)
            write_mark(run, mark)

    def touch_mark(self, digest: str, now: int) -> None:
        with self._database.transaction() as run:
            run.write("touch_mark", d=digest, t=now)

    def remove_mark(self, digest: str) -> bool:
        with self._database.transaction() as run:
            if (owner := run.row("owner", d=digest)) is None:
                return False
            lock(run, owner[0])  # in the one order of locks: all of an account's marks may be going
            return run.write("drop_mark", d=digest) == 1

    def marks(self, subject: str) -> list[Mark]:
        return [Mark(*row) for row in self._database.read_all("marks", s=subject)]

    def end_sessions(self, subject: str, refill: bool = False, mark: Mark | None = None) -> int:
        with self._database.transaction() as run:
            budget = lock(run, subject).budget
            if refill:
                set_budget(run, subject, budget.refilled())
            run.write("drop_pendings", s=subject)
            ended = end_sessions(run, subject)
            write_mark(run, mark)
            return ended

    def trusted(self, subject: str) -> list[Trusted]:
        return [Trusted(*row) for row in self._database.read_all("trusted", s=subject)]

    def trusted_browser(self, browser: str) -> Trusted | None:
        row = self._database.read("trusted_browser", i=browser)
        return None if row is None else Trusted(*row)

    def add_trusted(self, given: Trusted) -> bool:
        with self._database.transaction() as run:
            if lock(run, given.subject).factor != given.factor:
                return False
            for row in run.rows("trusted", s=given.subject)[_MAX_TRUSTED - 1 :]:
                run.write("drop_trusted_browser", s=given.subject, i=row[0])
            run.write("add_trusted", **trusted_values(given))
            return True

    def use_trusted(self, presented: Trusted, digest: str, now: int, mark: Mark) -> bool:
        subject, browser = presented.subject, presented.id
        with self._database.transaction() as run:
            if lock(run, subject).factor != presented.factor:
                return False
            if run.write("renew_trusted", s=subject, i=browser, d=presented.digest, new=digest, t=now) != 1:
                # Somebody has the value that followed this one: there are two who use it (TRB-05).
                run.write("drop_trusted_browser", s=subject, i=browser)
                return False
            write_mark(run, mark)
            return True

    def forget_trusted(self, subject: str, browser: str | None = None) -> int:
        with self._database.transaction() as run:
            lock(run, subject)
            if browser is None:
                return run.write("drop_trusted", s=subject)
            return run.write("drop_trusted_browser", s=subject, i=browser)
