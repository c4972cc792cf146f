"""Rotate keys: seal anew, online, what former keys still open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..core.keyring import META, SECRET
from ..core.records import Enrolment
from ..state import META_NAMES, State


@dataclass(frozen=True)
class Rotation:
    """How many secrets were sealed anew, how many were current already, and what no key opens.

    ``unopened`` are accounts, ``lost`` are names of the store's own values.
    """

    resealed: int
    current: int
    unopened: tuple[str, ...]
    lost: tuple[str, ...]


def rotate(state: State, seen: Callable[[], object] = lambda: None) -> Rotation:
    """Seal every secret, and the store's own values, with the present key; safe to repeat and to interrupt.

    What is sealed with it is left, so that a second run goes on where the first was killed. A row that changed
    meanwhile is left too: whoever changed it sealed it with the present key. ``seen`` is called for each enrolment.
    """
    resealed, current, unopened = 0, 0, []
    for row in state.store.enrolments():
        if state.keyring.is_current(SECRET, row.sealed, row.subject, row.id):
            current += 1
        elif (done := _reseal(state, row)) is None:
            unopened.append(row.subject)
        else:
            resealed += done
        seen()
    # The last of all: as long as a former key is needed for one of them, the app does not start without it.
    lost = tuple(name for name in META_NAMES if not _reseal_meta(state, name))
    return Rotation(resealed, current, tuple(unopened), lost)


def _reseal(state: State, row: Enrolment) -> bool | None:
    """Seal a secret anew; False where its row changed meanwhile, None where no key opens it."""
    fresh = state.keyring.reseal(SECRET, row.sealed, row.subject, row.id)
    return None if fresh is None else state.store.reseal(row.subject, row.id, row.sealed, fresh)


def _reseal_meta(state: State, name: str) -> bool:
    """Seal a value of the store's own anew, where there is one that needs it; False where no key opens it."""
    sealed = state.store.meta(name)
    if sealed is None or state.keyring.is_current(META, sealed, name):
        return True
    fresh = state.keyring.reseal(META, sealed, name)
    if fresh is not None:
        state.store.replace_meta(name, sealed, fresh)
    return fresh is not None
