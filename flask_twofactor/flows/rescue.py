"""Rescue codes: an operator's way to let somebody back in who has lost everything, with the factor left on.

One use, short-lived, made by two people: one who does it and one who vouches for it. It stands in for the code of a
log-in, and the session that begins only leads to a new set-up, which takes the place of what was lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..core.codes import RESCUE_PREFIX
from ..core.recovery import new_code, printed, recovery_digest
from ..errors import NotEnrolled, TwoFactorError
from ..signals import rescue_issued
from ..state import State
from .notices import RESCUE_ISSUED, tell


@dataclass(frozen=True)
class Rescue:
    """A rescue code as it is shown, once, and until when it is good (Unix seconds)."""

    code: str = field(repr=False)
    expires_at: int


def issue(state: State, user: Any, by: str, witness: str) -> Rescue:
    """Make a rescue code in the place of an earlier one.

    ``by`` and ``witness`` are two people, for the record. Raises `NotEnrolled` where the account has no factor.
    """
    by, witness = by.strip(), witness.strip()
    if not by or not witness or by.casefold() == witness.casefold():
        raise TwoFactorError("a rescue code takes two people: one who makes it, and another who vouches for it")
    subject = state.subject_of(user)
    factor = state.store.factor(subject)
    code, expires_at = new_code(), state.now + state.settings.rescue_seconds
    if factor is None or not state.store.add_rescue(
        subject, factor.id, recovery_digest(state.recovery_key, subject, factor.id, code), expires_at
    ):
        raise NotEnrolled("the account has no factor: its password alone logs in")
    state.announce(rescue_issued, subject, by=by, witness=witness, expires_at=expires_at)
    tell(state, user, RESCUE_ISSUED)
    return Rescue(printed(code, RESCUE_PREFIX), expires_at)
