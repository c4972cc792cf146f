"""Products that are broken on purpose, one way each: what the machine has to find."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from flask_twofactor.core.budget import Attempt
from flask_twofactor.core.records import Enrolment, Mark, Proof, Standing
from flask_twofactor.flows import setup, verdicts
from flask_twofactor.flows.factor import Proven
from flask_twofactor.testing.ground import enrolment_of
from flask_twofactor.web import gate
from tests.machine.base import Break
from tests.machine.breaking import patched, settings, verbs
from tests.support.host import Host
from tests.support.watching import state_of


@contextlib.contextmanager
def every_step_is_accepted(host: Host) -> Iterator[None]:
    """A code logs in as often as one likes."""
    store = state_of(host).store

    def spend(subject: str, enrolment: str, proof: Proof, attempt: Attempt | None, mark: Mark | None) -> bool:
        if store.spend(subject, enrolment, proof, attempt, mark):
            return True
        if isinstance(proof, str) or proof < 0:
            return False
        if mark is not None:
            store.add_mark(mark)
        return True

    with verbs(host, spend=spend):
        yield


@contextlib.contextmanager
def a_spent_code_disables(host: Host) -> Iterator[None]:
    """Each purpose counts its own steps."""
    store = state_of(host).store

    def disable(subject: str, enrolment: str, proof: Proof, attempt: Attempt, mark: Mark) -> bool:
        if store.disable(subject, enrolment, proof, attempt, mark):
            return True
        if isinstance(proof, str) or proof < 0:
            return False
        store.reset(subject)
        store.add_mark(mark)
        return True

    with verbs(host, disable=disable):
        yield


@contextlib.contextmanager
def disabling_takes_nothing_away(host: Host) -> Iterator[None]:
    """The page says MFA DISABLED, and the code is asked for as before."""
    store = state_of(host).store

    def disable(subject: str, enrolment: str, proof: Proof, attempt: Attempt, mark: Mark) -> bool:
        kept = mark._replace(enrolment=store.standing(subject, "").factor or "")
        return bool(store.spend(subject, enrolment, proof, attempt, kept))

    with verbs(host, disable=disable):
        yield


@contextlib.contextmanager
def log_out_keeps_the_mark(host: Host) -> Iterator[None]:
    """A cookie that was copied before the log-out goes on."""
    with verbs(host, remove_mark=lambda digest: True):
        yield


@contextlib.contextmanager
def sessions_are_not_ended(host: Host) -> Iterator[None]:
    """``end_sessions`` does nothing."""
    with verbs(host, end_sessions=lambda *_, **__: 0):
        yield


@contextlib.contextmanager
def reset_keeps_the_factor(host: Host) -> Iterator[None]:
    """``reset`` ends the sessions alone."""
    store = state_of(host).store

    def reset(subject: str) -> bool:
        store.end_sessions(subject)
        return enrolment_of(store, subject) is not None

    with verbs(host, reset=reset):
        yield


@contextlib.contextmanager
def whoever_owes_the_code_is_in(host: Host) -> Iterator[None]:
    """The gate takes *due* for *in*."""
    of_note = verdicts.of_note

    def lenient(*arguments: Any) -> verdicts.Verdict:
        verdict = of_note(*arguments)
        return "in" if verdict == "due" else verdict

    def lenient_too(_: Standing) -> verdicts.Verdict:
        return "in"

    with patched((verdicts, "of_note", lenient), (verdicts, "remembered", lenient_too)):
        yield


@contextlib.contextmanager
def a_token_passes_the_gate(host: Host) -> Iterator[None]:
    """An identity of the ``request_loader`` is in, whatever factor it has."""
    judge = gate._judge

    def lenient(state: Any, user: Any, source: Any) -> Any:
        found = judge(state, user, source)
        return found._replace(verdict="in") if source == "request" else found

    with patched((gate, "_judge", lenient)):
        yield


@contextlib.contextmanager
def any_code_enables(host: Host) -> Iterator[None]:
    """SETUP looks at no code."""

    def any_step(_: Any, pending: list[Enrolment], __: str | None, now: int) -> Proven:
        return Proven(pending[0].id, now // 30)

    with patched((setup, "match", any_step)):
        yield


@contextlib.contextmanager
def the_window_is_two_steps(host: Host) -> Iterator[None]:
    with settings(host, window=2):
        yield


@contextlib.contextmanager
def the_window_is_closed_to_old_codes(host: Host) -> Iterator[None]:
    """A right code is refused: the machine looks in both directions."""
    with settings(host, window=0):
        yield


@contextlib.contextmanager
def a_log_in_lives_for_ever(host: Host) -> Iterator[None]:
    with settings(host, session_seconds=10**9):
        yield


@contextlib.contextmanager
def the_first_page_is_good_for_ever(host: Host) -> Iterator[None]:
    with settings(host, pending_seconds=10**9):
        yield


@contextlib.contextmanager
def the_key_of_a_set_up_is_good_for_ever(host: Host) -> Iterator[None]:
    with settings(host, setup_seconds=10**9):
        yield


@contextlib.contextmanager
def enabling_leaves_the_other_sessions_alive(host: Host) -> Iterator[None]:
    """The factor comes, and a session from before it is taken for one with it."""
    store = state_of(host).store
    marks: dict[str, Mark] = {}

    def add_mark(mark: Mark, replaces: str = "") -> None:
        store.add_mark(mark, replaces)
        marks[mark.digest] = mark

    def confirm_enrolment(subject: str, enrolment: str, *rest: Any) -> bool:
        done = bool(store.confirm_enrolment(subject, enrolment, *rest))
        for kept in marks.values() if done else ():
            if kept.subject == subject:
                store.add_mark(kept._replace(enrolment=enrolment))
        marks.clear()
        return done

    with verbs(host, add_mark=add_mark, confirm_enrolment=confirm_enrolment):
        yield


BREAKS: dict[Break, int] = {
    every_step_is_accepted: 0,
    a_spent_code_disables: 11,
    disabling_takes_nothing_away: 4,
    log_out_keeps_the_mark: 0,
    sessions_are_not_ended: 0,
    reset_keeps_the_factor: 0,
    whoever_owes_the_code_is_in: 0,
    a_token_passes_the_gate: 0,
    any_code_enables: 12,
    the_window_is_two_steps: 0,
    the_window_is_closed_to_old_codes: 0,
    a_log_in_lives_for_ever: 1,
    the_first_page_is_good_for_ever: 1,
    the_key_of_a_set_up_is_good_for_ever: 0,
    enabling_leaves_the_other_sessions_alive: 1,
}
"""Each break, with a seed at which the machine finds it soon; at another it takes longer."""
