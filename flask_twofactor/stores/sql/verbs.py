"""What the store's verbs share: the lock on an account, and what ends or changes with its factor.

The order of locks is account, enrolment, recovery code, trusted browser, mark, everywhere.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ...core.budget import Attempt, Budget
from ...core.records import Mark, Proof, Sheet, new_epoch
from ...core.steps import Spent
from .database import Database, Transaction
from .rows import budget_values, mark_values, to_budget, to_numbers, to_text

_NO_STEP = -2
_MARK_LIFE = 400 * 86400


class Locked(NamedTuple):
    """An account whose row is locked: its budget, the id of its factor, and since when it has grace."""

    budget: Budget
    factor: str | None
    grace_from: int


class Verbs:
    """The base of each group of verbs."""

    def __init__(self, database: Database) -> None:
        self._database = database


def lock(run: Transaction, subject: str) -> Locked:
    """Lock the account's row, making it where it is missing."""
    row = run.row("lock_account", s=subject)
    if row is None:
        blank: dict[str, Any] = {"epoch": 0, "factor": None, "required": 0, "grace_from": 0, "sheet": ""}
        run.write("add_account", subject=subject, **blank, **budget_values(Budget(), ""))
        row = run.row("lock_account", s=subject)
    *budget, factor, grace_from = row or (None, 0)
    return Locked(to_budget(tuple(budget)), factor, grace_from)


def set_budget(run: Transaction, subject: str, budget: Budget) -> None:
    """Write an account's budget."""
    run.write("set_budget", s=subject, **budget_values(budget))


def spend(
    run: Transaction, subject: str, enrolment: str, proof: Proof, budget: Budget, attempt: Attempt | None
) -> bool:
    """Spend a proof and give its attempt back; nothing where it is not accepted."""
    done = (
        _spend_recovery(run, subject, enrolment, proof)
        if isinstance(proof, str)
        else _spend_step(run, subject, enrolment, proof)
    )
    if done and attempt is not None:
        set_budget(run, subject, budget.refund(attempt))
    return done


def _spend_recovery(run: Transaction, subject: str, factor: str, digest: str) -> bool:
    if run.write("spend_recovery", s=subject, i=factor, d=digest) != 1:
        return False
    run.write("drop_trusted", s=subject)  # who needs one may have lost a browser too (REC-10)
    return True


def _spend_step(run: Transaction, subject: str, enrolment: str, step: int) -> bool:
    row = run.row("spent", s=subject, i=enrolment)
    spent = Spent() if row is None else Spent(row[0], to_numbers(row[1]))
    after = spent.accept(step)
    # Written where nothing is accepted too, to no row: the same work (VER-07).
    old, kept = (spent.last, after.earlier) if after else (_NO_STEP, ())
    return run.write("spend_step", s=subject, i=enrolment, old=old, k=step, e=to_text(kept)) == 1


def replace_recovery(run: Transaction, subject: str, factor: str, sheet: Sheet | None) -> None:
    """Put the codes of a sheet in the place of all others, rescue codes too."""
    run.write("drop_recovery", s=subject)
    for digest in sheet.digests if sheet else ():
        run.write("add_recovery", subject=subject, digest=digest, enrolment=factor, expires_at=0)
    run.write("set_sheet", s=subject, o=sheet.once if sheet else "")


def end_sessions(run: Transaction, subject: str) -> int:
    """End every session of the account, remembered and trusted browsers too; give how many marks there were."""
    run.write("set_epoch", s=subject, e=new_epoch())
    run.write("drop_trusted", s=subject)
    return run.write("drop_marks", s=subject)


def write_mark(run: Transaction, mark: Mark | None) -> None:
    """Write the mark of a session that begins or goes on, where there is one."""
    if mark is not None:
        run.write("drop_old_marks", s=mark.subject, t=mark.created_at - _MARK_LIFE)
        run.write("add_mark", **mark_values(mark))


def end_factor(run: Transaction, subject: str) -> None:
    """Take the factor away with all that hangs on it (LIF-02)."""
    run.write("drop_enrolments", s=subject)
    run.write("set_factor", s=subject, f=None)
    replace_recovery(run, subject, "", None)
    end_sessions(run, subject)
