"""The verbs of outcomes, of what an operator says of accounts, and of what has had its time."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

from ...core.records import Account, Event, Purge
from .database import Database
from .rows import to_account
from .verbs import Verbs, lock

_PURGE_EVERY = 200


class Recording(Verbs):
    """A group of the store's verbs."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._events = itertools.count()

    def add_event(self, event: Event, not_before: int) -> None:
        details = json.dumps(event.details, sort_keys=True, default=str)
        with self._database.transaction() as run:
            run.write("add_event", **{**vars(event), "details": details})
        if next(self._events) % _PURGE_EVERY == 0:
            with self._database.transaction() as run:  # its own, so that it waits for rows while holding none
                run.write("drop_old_events", t=not_before)

    def events(self, subject: str | None, limit: int, kind: str = "", since: int = 0) -> list[Event]:
        values: dict[str, Any] = {"m": limit} if subject is None else {"m": limit, "s": subject}
        name = "events" if subject is None else "events_of"
        if kind or since:
            name, values = f"{name}_like", {**values, "k": kind, "k2": kind, "t": since}
        rows = self._database.read_all(name, **values)
        return [
            Event(kind, whose, at, source, agent, json.loads(text)) for at, kind, whose, source, agent, text in rows
        ]

    def accounts(self, after: str = "") -> Iterator[Account]:
        while page := self._database.read_all("accounts", s=after):
            yield from map(to_account, page)
            after = page[-1][0]

    def account(self, subject: str) -> Account | None:
        row = self._database.read("account", s=subject)
        return None if row is None else to_account(row)

    def set_required(self, subject: str, required: bool) -> bool:
        with self._database.transaction() as run:
            lock(run, subject)
            if run.write("set_required", s=subject, r=int(required), r2=int(required)) != 1:
                return False
            run.write("set_grace", s=subject, t=0)
            return True

    def begin_grace(self, subject: str, now: int) -> int:
        with self._database.transaction() as run:
            if since := lock(run, subject).grace_from:
                return since
            run.write("set_grace", s=subject, t=now)
            return now

    def purge(self, before: Purge) -> Purge:
        return Purge(
            events=self._purge_events(before.events),
            marks=self._purge("marks", before.marks),
            pendings=self._purge("pendings", before.pendings),
            trusted=self._purge("trusted", before.trusted),
            rescues=self._purge("rescues", before.rescues),
        )

    def _purge(self, what: str, before: int) -> int:
        """Delete an account at a time, so that a log-in waits for none long, and in the one order of locks.

        What is deleted is old when it is: a session that was seen meanwhile goes on.
        """
        gone = 0
        while found := self._database.read_all(f"with_old_{what}", t=before):
            for subject in {row[0] for row in found}:
                with self._database.transaction() as run:
                    lock(run, subject)
                    gone += run.write(f"drop_old_{what}", s=subject, t=before)
        return gone

    def _purge_events(self, before: int) -> int:
        gone = 0
        while page := self._database.read_all("old_events", t=before):
            with self._database.transaction() as run:
                for (number,) in page:
                    gone += run.write("drop_event", i=number)
        return gone
