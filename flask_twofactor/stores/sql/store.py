"""The store: each verb one transaction, each decision the affected-row count of one conditional write."""

from __future__ import annotations

from ...core.budget import Attempt, Charge, Pool
from ...core.records import Mark, Proof, Standing
from ...errors import SchemaMismatch
from .browsers import Browsers
from .database import Database
from .factors import Factors
from .recording import Recording
from .recoveries import Recoveries
from .rows import to_standing
from .schema import SCHEMA_VERSION
from .statements import statements
from .verbs import lock, set_budget, spend, write_mark


class SqlStore(Factors, Recoveries, Browsers, Recording):
    """A `Store` on a `Database`: its own values, the gate's read, what is charged and spent; the rest by concern."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
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

    def charge(self, subject: str, now: int, pool: Pool, authenticators: int = 1) -> Charge:
        with self._database.transaction() as run:
            budget, charged = lock(run, subject).budget.charge(now, pool, authenticators)
            # Written back even where nothing was added: a spent budget costs the same work (THR-04).
            set_budget(run, subject, budget)
            return charged

    def spend(self, subject: str, enrolment: str, proof: Proof, attempt: Attempt | None, mark: Mark | None) -> bool:
        with self._database.transaction() as run:
            if not spend(run, subject, enrolment, proof, lock(run, subject).budget, attempt):
                return False
            write_mark(run, mark)
            return True
