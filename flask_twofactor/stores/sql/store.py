"""The store: each verb one transaction, each decision the affected-row count of one conditional write."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

from ...core.budget import Attempt, Budget, Charge, Pool
from ...core.records import Enrolment, Event, Mark, Standing, new_epoch
from ...core.steps import Spent
from ...errors import SchemaMismatch
from .database import Database, Row, Transaction
from .schema import SCHEMA_VERSION, enrolment, mark
from .statements import statements

_NO_STEP = -2
_ENROLMENT = tuple(column.name for column in enrolment.c)
_BLANK: Row = ("",) * len(_ENROLMENT)
_MARK_LIFE = 400 * 86400
_PURGE_EVERY = 200
_record: Any = tuple.__new__
"""Makes a named tuple of a row without its constructor: this runs at every request."""


def _to_numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, filter(None, text.split(","))))


def _to_text(numbers: tuple[int, ...]) -> str:
    return ",".join(map(str, numbers))


def _to_budget(row: Row | None) -> Budget:
    values: list[Any] = [_to_numbers(one) if isinstance(one, str) else one for one in row or ()]
    return Budget(*values)


def _budget_values(budget: Budget, prefix: str = "b_") -> dict[str, Any]:
    values = {one.name: getattr(budget, one.name) for one in fields(Budget)}
    return {prefix + name: _to_text(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _mark_values(given: Mark) -> dict[str, Any]:
    return {column.name: getattr(given, column.name) for column in mark.c}


def _enrolment_values(given: Enrolment) -> dict[str, Any]:
    values = {column.name: getattr(given, column.name) for column in enrolment.c}
    return {**values, "earlier": _to_text(given.earlier)}


def _to_enrolment(row: Row | None) -> Enrolment | None:
    # Made of a blank row where there is none: the same work for a name without an account (VER-07).
    values = dict(zip(_ENROLMENT, row or _BLANK, strict=True))
    values["earlier"] = _to_numbers(values["earlier"])
    found = Enrolment(**values)
    return None if row is None else found


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
        row = self._database.read("standing", s=subject, d=digest)
        if row is None:
            return Standing()
        if row[2] is None:
            return Standing(*row[:2])
        return _record(Standing, row)  # type: ignore[no-any-return]

    def enrolment(self, subject: str) -> Enrolment | None:
        return _to_enrolment(self._database.read("enrolment", s=subject))

    def enrolments(self, after: tuple[str, str] = ("", "")) -> Iterator[Enrolment]:
        while found := _to_enrolment(self._database.read("next_enrolment", s=after[0], s2=after[0], i=after[1])):
            yield found
            after = (found.subject, found.id)

    def reseal(self, subject: str, enrolment: str, old: str, new: str) -> bool:
        with self._database.transaction() as run:
            return run.write("reseal", s=subject, i=enrolment, old=old, new=new) == 1

    def charge(self, subject: str, now: int, pool: Pool) -> Charge:
        with self._database.transaction() as run:
            budget, charged = self._lock(run, subject).charge(now, pool)
            # Written back even where nothing was added: a spent budget costs the same work (THR-04).
            run.write("set_budget", s=subject, **_budget_values(budget))
            return charged

    def spend_step(self, subject: str, enrolment: str, step: int, attempt: Attempt | None, mark: Mark | None) -> bool:
        with self._database.transaction() as run:
            budget = self._lock(run, subject)
            if not self._spend(run, subject, enrolment, step, budget, attempt):
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
            run.write("add_pending", **_enrolment_values(pending))
            row = run.row("pending", s=pending.subject, o=pending.opened_by)
        return _to_enrolment(row) or pending

    def pending_enrolment(self, subject: str, opened_by: str) -> Enrolment | None:
        return _to_enrolment(self._database.read("pending", s=subject, o=opened_by))

    def count_try(self, subject: str, enrolment: str, max_tries: int) -> bool:
        with self._database.transaction() as run:
            return run.write("count_try", s=subject, i=enrolment, m=max_tries) == 1

    def confirm_enrolment(self, subject: str, enrolment: str, step: int, now: int, mark: Mark) -> bool:
        with self._database.transaction() as run:
            budget = self._lock(run, subject)
            if run.row("enrolment", s=subject) is not None:
                return False
            if run.write("confirm", s=subject, i=enrolment, t=now, k=step) != 1:
                return False
            run.write("set_budget", s=subject, **_budget_values(replace(budget, in_a_row=0)))
            run.write("drop_pendings", s=subject)
            self._end_sessions(run, subject)
            self._write_mark(run, mark)
            return True

    def put_enrolment(self, enrolment: Enrolment) -> bool:
        with self._database.transaction() as run:
            budget = self._lock(run, enrolment.subject)
            if run.row("enrolment", s=enrolment.subject) is not None:
                return False
            run.write("set_budget", s=enrolment.subject, **_budget_values(replace(budget, in_a_row=0)))
            run.write("drop_pendings", s=enrolment.subject)
            run.write("add_enrolment", **_enrolment_values(enrolment))
            self._end_sessions(run, enrolment.subject)
            return True

    def disable(self, subject: str, enrolment: str, step: int, attempt: Attempt, mark: Mark) -> bool:
        with self._database.transaction() as run:
            budget = self._lock(run, subject)
            if not self._spend(run, subject, enrolment, step, budget, attempt):
                return False
            run.write("drop_enrolment", s=subject, i=enrolment)
            run.write("drop_pendings", s=subject)
            self._end_sessions(run, subject)
            self._write_mark(run, mark)
            return True

    def reset(self, subject: str) -> bool:
        with self._database.transaction() as run:
            self._lock(run, subject)
            stood = run.row("enrolment", s=subject) is not None
            run.write("drop_enrolments", s=subject)
            run.write("set_budget", s=subject, **_budget_values(Budget()))
            self._end_sessions(run, subject)
            return stood

    def end_sessions(self, subject: str, refill: bool = False, mark: Mark | None = None) -> int:
        with self._database.transaction() as run:
            budget = self._lock(run, subject)
            if refill:
                run.write("set_budget", s=subject, **_budget_values(replace(budget, unknown=(), known=())))
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
            run.write("drop_enrolments", s=subject)
            run.write("drop_events", s=subject)
            run.write("set_budget", s=subject, **_budget_values(Budget()))
            self._end_sessions(run, subject)

    @staticmethod
    def _lock(run: Transaction, subject: str) -> Budget:
        """Lock the account's row, making it where it is missing, and give its budget."""
        row = run.row("lock_account", s=subject)
        if row is None:
            run.write("add_account", subject=subject, epoch=0, **_budget_values(Budget(), ""))
            row = run.row("lock_account", s=subject)
        return _to_budget(row)

    @staticmethod
    def _spend(
        run: Transaction, subject: str, enrolment: str, step: int, budget: Budget, attempt: Attempt | None
    ) -> bool:
        row = run.row("spent", s=subject, i=enrolment)
        spent = Spent() if row is None else Spent(row[0], _to_numbers(row[1]))
        after = spent.accept(step)
        # Written where nothing is accepted too, to no row: the same work (VER-07).
        old, kept = (spent.last, after.earlier) if after else (_NO_STEP, ())
        if run.write("spend", s=subject, i=enrolment, old=old, k=step, e=_to_text(kept)) != 1:
            return False
        if attempt is not None:
            run.write("set_budget", s=subject, **_budget_values(budget.refund(attempt)))
        return True

    @staticmethod
    def _end_sessions(run: Transaction, subject: str) -> int:
        run.write("set_epoch", s=subject, e=new_epoch())
        return run.write("drop_marks", s=subject)

    @staticmethod
    def _write_mark(run: Transaction, mark: Mark) -> None:
        run.write("drop_old_marks", s=mark.subject, t=mark.created_at - _MARK_LIFE)
        run.write("add_mark", **_mark_values(mark))
