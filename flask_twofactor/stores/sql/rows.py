"""Rows of the tables as the core's records, and back."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from ...core.budget import Budget
from ...core.records import Enrolment, Mark, Standing
from .database import Row
from .schema import enrolment, mark

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
    """Make an enrolment; of a blank row where there is none, the same work for a name without an account (VER-07)."""
    values = dict(zip(_ENROLMENT, row or _BLANK, strict=True))
    values["earlier"] = to_numbers(values["earlier"])
    found = Enrolment(**values)
    return None if row is None else found


def to_standing(row: Row | None) -> Standing:
    """Make what the gate reads."""
    if row is None:
        return Standing()
    if row[2] is None:
        return Standing(*row[:2])
    return _record(Standing, row)  # type: ignore[no-any-return]
