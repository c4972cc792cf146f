"""Rotate keys: seal anew, online, what former keys still open."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.keyring import META, SECRET
from ..state import META_NAMES, State


@dataclass(frozen=True)
class Rotation:
    """How many secrets were sealed anew, and the accounts whose secret no key opens."""

    resealed: int
    unopened: tuple[str, ...]


def rotate(state: State) -> Rotation:
    """Seal every secret, and the store's own values, with the present key; safe to repeat and to interrupt.

    A row that changed meanwhile is left as it is: whoever changed it sealed it with the present key.
    """
    resealed, unopened = 0, []
    for row in state.store.enrolments():
        fresh = state.keyring.reseal(SECRET, row.sealed, row.subject, row.id)
        if fresh is None:
            unopened.append(row.subject)
        elif state.store.reseal(row.subject, row.id, row.sealed, fresh):
            resealed += 1
    for name in META_NAMES:
        sealed = state.store.meta(name)
        fresh = state.keyring.reseal(META, sealed, name)
        if sealed and fresh:
            state.store.replace_meta(name, sealed, fresh)
    return Rotation(resealed, tuple(unopened))
