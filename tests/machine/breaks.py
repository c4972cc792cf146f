"""Products that are broken on purpose, one way each: what the machine has to find."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from flask_twofactor.core.budget import Attempt
from flask_twofactor.core.records import Mark, Sheet, Standing
from flask_twofactor.flows import login, setup
from flask_twofactor.testing.ground import enrolment_of
from flask_twofactor.web import gate
from tests.machine.machine import Break
from tests.support.host import Host
from tests.support.watching import state_of


class BrokenStore:
    """The app's store with some verbs replaced."""

    def __init__(self, store: Any, **verbs: Callable[..., Any]) -> None:
        self._store = store
        self.__dict__.update(verbs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@contextlib.contextmanager
def _verbs(host: Host, **verbs: Callable[..., Any]) -> Iterator[None]:
    state = state_of(host)
    store = state.store
    state.__dict__["store"] = BrokenStore(store, **verbs)
    try:
        yield
    finally:
        state.__dict__["store"] = store


@contextlib.contextmanager
def _patched(*replaced: tuple[Any, str, Any]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for where, name, value in replaced:
            patch.setattr(where, name, value)
        yield


@contextlib.contextmanager
def every_step_is_accepted(host: Host) -> Iterator[None]:
    """A code logs in as often as one likes."""
    store = state_of(host).store

    def spend(subject: str, enrolment: str, step: int, attempt: Attempt | None, mark: Mark | None) -> bool:
        if not store.spend(subject, enrolment, step, attempt, mark) and step >= 0 and mark is not None:
            store.add_mark(mark)
        return step >= 0

    with _verbs(host, spend=spend):
        yield


@contextlib.contextmanager
def a_spent_code_disables(host: Host) -> Iterator[None]:
    """Each purpose counts its own steps."""
    store = state_of(host).store

    def disable(subject: str, enrolment: str, step: int, attempt: Attempt, mark: Mark) -> bool:
        if step < 0:
            return False
        if not store.disable(subject, enrolment, step, attempt, mark):
            store.reset(subject)
            store.add_mark(mark)
        return True

    with _verbs(host, disable=disable):
        yield


@contextlib.contextmanager
def disabling_takes_nothing_away(host: Host) -> Iterator[None]:
    """The page says MFA DISABLED, and the code is asked for as before."""
    store = state_of(host).store

    def disable(subject: str, enrolment: str, step: int, attempt: Attempt, mark: Mark) -> bool:
        kept = mark._replace(enrolment=enrolment)
        return bool(store.spend(subject, enrolment, step, attempt, kept))

    with _verbs(host, disable=disable):
        yield


@contextlib.contextmanager
def log_out_keeps_the_mark(host: Host) -> Iterator[None]:
    """A cookie that was copied before the log-out goes on."""
    with _verbs(host, remove_mark=lambda digest: True):
        yield


@contextlib.contextmanager
def sessions_are_not_ended(host: Host) -> Iterator[None]:
    """``end_sessions`` does nothing."""
    with _verbs(host, end_sessions=lambda *_: 0):
        yield


@contextlib.contextmanager
def reset_keeps_the_factor(host: Host) -> Iterator[None]:
    """``reset`` ends the sessions alone."""
    store = state_of(host).store

    def reset(subject: str) -> bool:
        store.end_sessions(subject)
        return enrolment_of(store, subject) is not None

    with _verbs(host, reset=reset):
        yield


@contextlib.contextmanager
def whoever_owes_the_code_is_in(host: Host) -> Iterator[None]:
    """The gate takes *due* for *in*."""
    of_note = login.verdict_of_note

    def lenient(*arguments: Any) -> login.Verdict:
        verdict = of_note(*arguments)
        return "in" if verdict == "due" else verdict

    def lenient_too(_: Standing) -> login.Verdict:
        return "in"

    with _patched((login, "verdict_of_note", lenient), (login, "remembered", lenient_too)):
        yield


@contextlib.contextmanager
def a_token_passes_the_gate(host: Host) -> Iterator[None]:
    """An identity of the ``request_loader`` is in, whatever factor it has."""
    judge = gate._judge

    def lenient(state: Any, user: Any, source: Any) -> Any:
        found = judge(state, user, source)
        return found._replace(verdict="in") if source == "request" else found

    with _patched((gate, "_judge", lenient)):
        yield


@contextlib.contextmanager
def any_code_enables(host: Host) -> Iterator[None]:
    """SETUP looks at no code."""
    with _patched((setup, "match", lambda state, enrolment, code, now: now // 30)):
        yield


@contextlib.contextmanager
def _settings(host: Host, **values: Any) -> Iterator[None]:
    host.app.test_client().get("/open")  # the settings are compared at the first request
    state = state_of(host)
    kept = state.settings
    changed = replace(kept)
    for name, value in values.items():
        object.__setattr__(changed, name, value)  # behind the back of its checks
    object.__setattr__(state, "settings", changed)
    try:
        yield
    finally:
        object.__setattr__(state, "settings", kept)


@contextlib.contextmanager
def the_window_is_two_steps(host: Host) -> Iterator[None]:
    with _settings(host, window=2):
        yield


@contextlib.contextmanager
def the_window_is_closed_to_old_codes(host: Host) -> Iterator[None]:
    """A right code is refused: the machine looks in both directions."""
    with _settings(host, window=0):
        yield


@contextlib.contextmanager
def a_log_in_lives_for_ever(host: Host) -> Iterator[None]:
    with _settings(host, session_seconds=10**9):
        yield


@contextlib.contextmanager
def the_first_page_is_good_for_ever(host: Host) -> Iterator[None]:
    with _settings(host, pending_seconds=10**9):
        yield


@contextlib.contextmanager
def the_key_of_a_set_up_is_good_for_ever(host: Host) -> Iterator[None]:
    with _settings(host, setup_seconds=10**9):
        yield


@contextlib.contextmanager
def enabling_leaves_the_other_sessions_alive(host: Host) -> Iterator[None]:
    """The factor comes, and a session from before it is taken for one with it."""
    store = state_of(host).store
    marks: dict[str, Mark] = {}

    def add_mark(mark: Mark, replaces: str = "") -> None:
        store.add_mark(mark, replaces)
        marks[mark.digest] = mark

    def confirm_enrolment(subject: str, enrolment: str, step: int, now: int, mark: Mark, sheet: Sheet) -> bool:
        done = store.confirm_enrolment(subject, enrolment, step, now, mark, sheet)
        for kept in marks.values() if done else ():
            if kept.subject == subject:
                store.add_mark(kept._replace(enrolment=enrolment))
        marks.clear()
        return done

    with _verbs(host, add_mark=add_mark, confirm_enrolment=confirm_enrolment):
        yield


BREAKS: dict[Break, int] = {
    every_step_is_accepted: 4,
    a_spent_code_disables: 11,
    disabling_takes_nothing_away: 2,
    log_out_keeps_the_mark: 1,
    sessions_are_not_ended: 3,
    reset_keeps_the_factor: 3,
    whoever_owes_the_code_is_in: 3,
    a_token_passes_the_gate: 0,
    any_code_enables: 3,
    the_window_is_two_steps: 8,
    the_window_is_closed_to_old_codes: 1,
    a_log_in_lives_for_ever: 3,
    the_first_page_is_good_for_ever: 0,
    the_key_of_a_set_up_is_good_for_ever: 7,
    enabling_leaves_the_other_sessions_alive: 15,
}
"""Each break, with a seed at which the machine finds it soon; at another it takes longer."""
