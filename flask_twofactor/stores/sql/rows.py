"""Rows of the tables as the core's records, and back."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from ...core.budget import Budget
from ...core.records import Account, Enrolment, Factor, Mark, Standing, Trusted
from .database import Row
from .schema import enrolment, mark, trusted

_ENROLMENT = tuple(column.name for column in enrolment.c)
_BLANK: Row = ("",) * len(_ENROLMENT)
_record: Any = tuple.__new__
"""Makes a named tuple of a row without its constructor: this runs at every request."""


def to_numbers(text: str) -> tuple[int, ...]:
    """Read numbers separated by commas."""
    return tuple(map(int, filter(None, text.split(","))))


def to_text(numbers: tuple[int, ...]) -> str:
    """Write numbers separated by commas."""
    return ",".join(map(str, numbers))


def to_budget(row: Row | None) -> Budget:
    """Make an account's budget, an empty one where there is no row."""
    values: list[Any] = [to_numbers(one) if isinstance(one, str) else one for one in row or ()]
    return Budget(*values)


def budget_values(budget: Budget, prefix: str = "b_") -> dict[str, Any]:
    """Give a budget's columns, under the names of the statement that sets them."""
    values = {one.name: getattr(budget, one.name) for one in fields(Budget)}
    return {prefix + name: to_text(value) if isinstance(value, tuple) else value for name, value in values.items()}


def mark_values(given: Mark) -> dict[str, Any]:
    """Give a mark's columns."""
    return {column.name: getattr(given, column.name) for column in mark.c}


def enrolment_values(given: Enrolment) -> dict[str, Any]:
    """Give an enrolment's columns."""
    values = {column.name: getattr(given, column.name) for column in enrolment.c}
    return {**values, "earlier": to_text(given.earlier)}


def to_enrolment(row: Row | None) -> Enrolment | None:
    """Make an enrolment; of a blank row where there is none: the same work."""
    values = dict(zip(_ENROLMENT, row or _BLANK, strict=True))
    values["earlier"] = to_numbers(values["earlier"])
    found = Enrolment(**values)
    return None if row is None else found


def to_factor(subject: str, rows: list[Row]) -> Factor | None:
    """Make a factor of its id and each of its authenticators; the same work where there is none (VER-07)."""
    found = [to_enrolment(row[1:]) for row in rows if row[1] is not None] or [to_enrolment(None)]
    return Factor(rows[0][0], subject, tuple(one for one in found if one is not None)) if rows else None


def to_account(row: Row) -> Account:
    """Make an account of a list."""
    subject, factor, since, required, grace_from, *budget = row
    return Account(subject, factor, since if factor else None, bool(required), grace_from, to_budget(tuple(budget)))


def trusted_values(given: Trusted) -> dict[str, Any]:
    """Give a trusted browser's columns."""
    return {column.name: getattr(given, column.name) for column in trusted.c}


def to_standing(row: Row | None) -> Standing:
    """Make what the gate reads."""
    if row is None:
        return Standing()
    if row[4] is None:
        return Standing(*row[:4])
    return _record(Standing, row)  # type: ignore[no-any-return]
