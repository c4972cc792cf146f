"""The store: each verb one transaction, each decision the affected-row count of one conditional write."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace

from ...core.budget import Attempt, Budget, Charge, Pool
from ...core.records import Enrolment, Event, Mark, Proof, Sheet, Standing, new_epoch
from ...core.steps import Spent
from ...errors import SchemaMismatch
from .database import Database, Transaction
from .rows import (
    budget_values,
    enrolment_values,
    mark_values,
    to_budget,
    to_enrolment,
    to_numbers,
    to_standing,
    to_text,
)
from .schema import SCHEMA_VERSION
from .statements import statements

_NO_STEP = -2
_MARK_LIFE = 400 * 86400
_PURGE_EVERY = 200


class SqlStore:
    """A `Store` on a `Database`; the lock order is account, enrolment, mark, everywhere."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._events = itertools.count()
        database.prepare(**statements(database.engine.dialect.name))

    def __repr__(self) -> str:
        return f"<SqlStore on {self._database.engine.dialect.name}>"

    def init(self) -> None:
        self._database.create_tables()
        if (found := self.keep_meta("schema", SCHEMA_VERSION)) != SCHEMA_VERSION:
            raise SchemaMismatch(
                f"the two-factor tables are of version {found}, this release needs version {SCHEMA_VERSION}; "
                "there is no way from one to the other before 1.0: start with an empty database"
            )

    def clock(self) -> int | None:
        if self._database.engine.dialect.name == "sqlite":
            return None
        row = self._database.read("clock")
        return None if row is None else int(row[0])

    def meta(self, name: str) -> str | None:
        row = self._database.read("meta", n=name)
        return None if row is None else str(row[0])

    def keep_meta(self, name: str, value: str) -> str:
        with self._database.transaction() as run:
            run.write("add_meta", name=name, value=value)
            row = run.row("meta", n=name)
        return value if row is None else str(row[0])

    def replace_meta(self, name: str, old: str, new: str) -> bool:
        with self._database.transaction() as run:
            return run.write("swap_meta", n=name, old=old, new=new) == 1

    def standing(self, subject: str, digest: str) -> Standing:
        return to_standing(self._database.read("standing", s=subject, d=digest))

    def enrolment(self, subject: str) -> Enrolment | None:
        return to_enrolment(self._database.read("enrolment", s=subject))

    def enrolments(self, after: tuple[str, str] = ("", "")) -> Iterator[Enrolment]:
        while found := to_enrolment(self._database.read("next_enrolment", s=after[0], s2=after[0], i=after[1])):
            yield found
            after = (found.subject, found.id)

    def reseal(self, subject: str, enrolment: str, old: str, new: str) -> bool:
        with self._database.transaction() as run:
            return run.write("reseal", s=subject, i=enrolment, old=old, new=new) == 1

    def charge(self, subject: str, now: int, pool: Pool) -> Charge:
        with self._database.transaction() as run:
            budget, charged = self._lock(run, subject).charge(now, pool)
            # Written back even where nothing was added: a spent budget costs the same work (THR-04).
            run.write("set_budget", s=subject, **budget_values(budget))
            return charged

    def spend(self, subject: str, enrolment: str, proof: Proof, attempt: Attempt | None, mark: Mark | None) -> bool:
        with self._database.transaction() as run:
            budget = self._lock(run, subject)
            if not self._spend(run, subject, enrolment, proof, budget, attempt):
                return False
            if mark is not None:
                self._write_mark(run, mark)
            return True

    def add_mark(self, mark: Mark, replaces: str = "") -> None:
        with self._database.transaction() as run:
            self._lock(run, mark.subject)
            if replaces:
                run.write("drop_mark", d=replaces)
            self._write_mark(run, mark)

    def touch_mark(self, digest: str, now: int) -> None:
        with self._database.transaction() as run:
            run.write("touch_mark", d=digest, t=now)

    def remove_mark(self, digest: str) -> bool:
        with self._database.transaction() as run:
            if (owner := run.row("owner", d=digest)) is None:
                return False
            self._lock(run, owner[0])  # in the one order of locks: all of an account's marks may be going
            return run.write("drop_mark", d=digest) == 1

    def open_enrolment(self, pending: Enrolment, not_before: int, max_tries: int) -> Enrolment:
        with self._database.transaction() as run:
            self._lock(run, pending.subject)
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
        self, subject: str, enrolment: str, step: int, now: int, mark: Mark, sheet: Sheet | None = None
    ) -> bool:
        with self._database.transaction() as run:
            budget = self._lock(run, subject)
            if run.row("enrolment", s=subject) is not None:
                return False
            if run.write("confirm", s=subject, i=enrolment, t=now, k=step) != 1:
                return False
            run.write("set_budget", s=subject, **budget_values(replace(budget, in_a_row=0)))
            run.write("drop_pendings", s=subject)
            self._replace_recovery(run, subject, enrolment, sheet)
            self._end_sessions(run, subject)
            self._write_mark(run, mark)
            return True

    def put_enrolment(self, enrolment: Enrolment) -> bool:
        with self._database.transaction() as run:
            budget = self._lock(run, enrolment.subject)
            if run.row("enrolment", s=enrolment.subject) is not None:
                return False
            run.write("set_budget", s=enrolment.subject, **budget_values(replace(budget, in_a_row=0)))
            run.write("drop_pendings", s=enrolment.subject)
            run.write("add_enrolment", **enrolment_values(enrolment))
            self._end_sessions(run, enrolment.subject)
            return True

    def disable(self, subject: str, enrolment: str, proof: Proof, attempt: Attempt, mark: Mark) -> bool:
        with self._database.transaction() as run:
            budget = self._lock(run, subject)
            if not self._spend(run, subject, enrolment, proof, budget, attempt):
                return False
            run.write("drop_enrolment", s=subject, i=enrolment)
            run.write("drop_pendings", s=subject)
            self._replace_recovery(run, subject, "", None)
            self._end_sessions(run, subject)
            self._write_mark(run, mark)
            return True

    def renew_recovery(
        self, subject: str, enrolment: str, step: int | None, attempt: Attempt | None, sheet: Sheet, mark: Mark | None
    ) -> bool:
        with self._database.transaction() as run:
            budget = self._lock(run, subject)
            if step is None:
                stands = run.row("spent", s=subject, i=enrolment) is not None
            else:
                stands = self._spend(run, subject, enrolment, step, budget, attempt)
            if not stands:
                return False
            self._replace_recovery(run, subject, enrolment, sheet)
            self._end_sessions(run, subject)
            if mark is not None:
                self._write_mark(run, mark)
            return True

    def recovery_left(self, subject: str) -> int:
        row = self._database.read("recovery_left", s=subject)
        return 0 if row is None else int(row[0])

    def take_sheet(self, subject: str, once: str) -> bool:
        with self._database.transaction() as run:
            return bool(once) and run.write("take_sheet", s=subject, o=once) == 1

    def reset(self, subject: str) -> bool:
        with self._database.transaction() as run:
            self._lock(run, subject)
            stood = run.row("enrolment", s=subject) is not None
            self._take_factors(run, subject)
            return stood

    def end_sessions(self, subject: str, refill: bool = False, mark: Mark | None = None) -> int:
        with self._database.transaction() as run:
            budget = self._lock(run, subject)
            if refill:
                run.write("set_budget", s=subject, **budget_values(replace(budget, unknown=(), known=())))
            run.write("drop_pendings", s=subject)
            ended = self._end_sessions(run, subject)
            if mark is not None:
                self._write_mark(run, mark)
            return ended

    def add_event(self, event: Event, not_before: int) -> None:
        details = json.dumps(event.details, sort_keys=True, default=str)
        with self._database.transaction() as run:
            run.write("add_event", **{**vars(event), "details": details})
        if next(self._events) % _PURGE_EVERY == 0:
            with self._database.transaction() as run:  # its own, so that it waits for rows while holding none
                run.write("drop_old_events", t=not_before)

    def events(self, subject: str | None, limit: int) -> list[Event]:
        read = self._database.read_all
        rows = read("events", m=limit) if subject is None else read("events_of", s=subject, m=limit)
        return [
            Event(kind, whose, at, source, agent, json.loads(text)) for at, kind, whose, source, agent, text in rows
        ]

    def forget(self, subject: str) -> None:
        with self._database.transaction() as run:
            self._lock(run, subject)
            run.write("drop_events", s=subject)
            self._take_factors(run, subject)

    @classmethod
    def _take_factors(cls, run: Transaction, subject: str) -> None:
        run.write("drop_enrolments", s=subject)
        cls._replace_recovery(run, subject, "", None)
        run.write("set_budget", s=subject, **budget_values(Budget()))
        cls._end_sessions(run, subject)

    @staticmethod
    def _replace_recovery(run: Transaction, subject: str, enrolment: str, sheet: Sheet | None) -> None:
        run.write("drop_recovery", s=subject)
        for digest in sheet.digests if sheet else ():
            run.write("add_recovery", subject=subject, digest=digest, enrolment=enrolment)
        run.write("set_sheet", s=subject, o=sheet.once if sheet else "")

    @staticmethod
    def _lock(run: Transaction, subject: str) -> Budget:
        """Lock the account's row, making it where it is missing, and give its budget."""
        row = run.row("lock_account", s=subject)
        if row is None:
            run.write("add_account", subject=subject, epoch=0, sheet="", **budget_values(Budget(), ""))
            row = run.row("lock_account", s=subject)
        return to_budget(row)

    @classmethod
    def _spend(
        cls, run: Transaction, subject: str, enrolment: str, proof: Proof, budget: Budget, attempt: Attempt | None
    ) -> bool:
        if isinstance(proof, str):
            done = run.write("spend_recovery", s=subject, i=enrolment, d=proof) == 1
        else:
            done = cls._spend_step(run, subject, enrolment, proof)
        if done and attempt is not None:
            run.write("set_budget", s=subject, **budget_values(budget.refund(attempt)))
        return done

    @staticmethod
    def _spend_step(run: Transaction, subject: str, enrolment: str, step: int) -> bool:
        row = run.row("spent", s=subject, i=enrolment)
        spent = Spent() if row is None else Spent(row[0], to_numbers(row[1]))
        after = spent.accept(step)
        # Written where nothing is accepted too, to no row: the same work (VER-07).
        old, kept = (spent.last, after.earlier) if after else (_NO_STEP, ())
        return run.write("spend_step", s=subject, i=enrolment, old=old, k=step, e=to_text(kept)) == 1

    @staticmethod
    def _end_sessions(run: Transaction, subject: str) -> int:
        run.write("set_epoch", s=subject, e=new_epoch())
        return run.write("drop_marks", s=subject)

    @staticmethod
    def _write_mark(run: Transaction, mark: Mark) -> None:
        run.write("drop_old_marks", s=mark.subject, t=mark.created_at - _MARK_LIFE)
        run.write("add_mark", **mark_values(mark))
