"""The one place where a code is judged, for every purpose: charged, matched, spent (RPL-03, RPL-04)."""

from __future__ import annotations

from collections.abc import Callable

from ..core.budget import SECOND_FACTOR
from ..core.codes import parse_code
from ..core.records import Enrolment
from ..core.totp import matching_step
from ..signals import code_rejected
from ..state import State

Spend = Callable[[str, str, int, int], bool]
"""``(subject, enrolment id, step, attempt) -> accepted``: the conditional write that decides.

``attempt`` is the time under which this very attempt was charged, to be refunded.
"""


def judge(state: State, name: str, enrolment: Enrolment | None, text: str | None, spend: Spend, *, armed: bool) -> bool:
    """Tell whether ``text`` is a right code of ``enrolment`` that ``spend`` accepted.

    Every step is taken whatever an earlier one said (VER-07): where there is nothing to judge
    (``armed`` is False, no enrolment, no code in ``text``), a decoy row of ``name`` is charged, a decoy
    secret is matched and a step that no row accepts is spent. Only a well-formed code after a right
    password reaches the account's own budget; a spent budget answers "wrong" (THR-04).
    """
    now = state.now
    code = parse_code(text)
    live = enrolment if armed and code is not None else None
    decoy = state.decoy_subject(name)
    in_budget = state.store.charge(live.subject if live else decoy, now, SECOND_FACTOR)
    step = match(state, enrolment, code, now)
    if live is None or not in_budget or step is None:
        spend(decoy, "", -1, now)
        if live is not None:
            reason = "wrong" if in_budget else "budget"
            state.announce(code_rejected, live.subject, reason=reason)
        return False
    if not spend(live.subject, live.id, step, now):
        state.announce(code_rejected, live.subject, reason="replayed")
        return False
    return True


def match(state: State, enrolment: Enrolment | None, code: str | None, now: int) -> int | None:
    """Give the step that ``code`` has by the secret of ``enrolment``; the same work where there is neither.

    The secret stays in this frame: none that a store or a hook is called from shows it in a traceback (STO-12).
    """
    opened = None if enrolment is None else state.open_secret(enrolment)
    step = matching_step(opened or state.decoy_secret, code or "000000", now, state.settings.window)
    return step if opened is not None and code is not None else None
