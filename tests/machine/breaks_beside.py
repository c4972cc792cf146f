"""Products that are broken on purpose in what stands beside the codes of an authenticator, one way each:
trusted browsers, recovery and rescue codes, further authenticators, the rule that makes the factor mandatory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from flask_twofactor.core.budget import Attempt
from flask_twofactor.core.records import Enrolment, Mark, Proof, Trusted, TrustToken
from flask_twofactor.flows import authenticators, factor, manage, recovery, trusted, verdicts
from flask_twofactor.flows.factor import Proven
from tests.machine.base import Break
from tests.machine.breaking import patched, settings, verbs
from tests.support.host import Host
from tests.support.watching import state_of


@contextlib.contextmanager
def trust_in_a_browser_is_good_for_every_account(host: Host) -> Iterator[None]:
    """Whoever ticked the box on an own account comes in to another's without a code."""
    store = state_of(host).store
    known = trusted._held

    def held(state: Any, subject: str, factor: str, tokens: Sequence[TrustToken]) -> trusted.Held | None:
        found = known(state, subject, factor, tokens)
        for token in tokens if factor and found is None else ():
            if (row := store.trusted_browser(token.browser)) is not None:
                other = replace(row, subject=subject, factor=factor)
                return trusted.Held(other, other)
        return found

    def use_trusted(presented: Trusted, digest: str, now: int, mark: Mark) -> bool:
        if not store.use_trusted(presented, digest, now, mark):
            store.add_mark(mark)
        return True

    with patched((trusted, "_held", held)), verbs(host, use_trusted=use_trusted):
        yield


@contextlib.contextmanager
def trust_survives_a_reset(host: Host) -> Iterator[None]:
    """What is reset stays trusted: with the next factor the browser is asked for no code."""
    store = state_of(host).store
    lost: list[Trusted] = []

    def reset(subject: str) -> bool:
        lost.extend(store.trusted(subject))
        return bool(store.reset(subject))

    def put_enrolment(enrolment: Enrolment) -> bool:
        done = bool(store.put_enrolment(enrolment))
        for row in lost if done else ():
            if row.subject == enrolment.subject:
                store.add_trusted(replace(row, factor=enrolment.id))
        return done

    with verbs(host, reset=reset, put_enrolment=put_enrolment):
        yield


@contextlib.contextmanager
def a_superseded_value_is_accepted(host: Host) -> Iterator[None]:
    """A copied cookie goes on beside the one that it was copied from."""
    known = trusted._held

    def held(*arguments: Any) -> trusted.Held | None:
        found = known(*arguments)
        return None if found is None else trusted.Held(found.row, found.row)

    with patched((trusted, "_held", held)):
        yield


@contextlib.contextmanager
def a_second_trust_stands_beside_the_first(host: Host) -> Iterator[None]:
    """A copy that was found out goes on by the other one."""
    add = trusted.add
    with patched((trusted, "add", lambda *arguments: add(*arguments[:4]))):
        yield


@contextlib.contextmanager
def trust_lasts_for_ever(host: Host) -> Iterator[None]:
    with settings(host, trusted_seconds=10**9):
        yield


@contextlib.contextmanager
def a_browser_of_another_account_is_forgotten(host: Host) -> Iterator[None]:
    """The id alone says which one goes."""
    store = state_of(host).store

    def forget_trusted(subject: str, browser: str | None = None) -> int:
        row = None if browser is None else store.trusted_browser(browser)
        return int(store.forget_trusted(subject if row is None else row.subject, browser))

    with verbs(host, forget_trusted=forget_trusted):
        yield


@contextlib.contextmanager
def a_recovery_code_works_again(host: Host) -> Iterator[None]:
    """It is looked up, and never taken away."""
    store = state_of(host).store

    def spend(subject: str, enrolment: str, proof: Proof, attempt: Attempt | None, mark: Mark | None) -> bool:
        if isinstance(proof, str) and proof:
            store.forget_trusted(subject)
            if mark is not None:
                store.add_mark(mark)
            return True
        return bool(store.spend(subject, enrolment, proof, attempt, mark))

    with verbs(host, spend=spend):
        yield


@contextlib.contextmanager
def a_rescue_session_is_a_full_one(host: Host) -> Iterator[None]:
    """Nobody is led to a new set-up, and the factor that was lost goes on."""
    of_mark = verdicts.of_mark

    def lenient(*arguments: Any) -> verdicts.Verdict:
        verdict = of_mark(*arguments)
        return "in" if verdict == "setup" else verdict

    with patched((verdicts, "of_mark", lenient)):
        yield


@contextlib.contextmanager
def a_rescue_code_is_good_for_everything(host: Host) -> Iterator[None]:
    """It takes a factor away, and makes new recovery codes."""
    known = factor.judge

    def judge(state: Any, guess: Any, *rest: Any) -> Any:
        return known(state, replace(guess, takes_rescue=True), *rest)

    with patched(*((module, "judge", judge) for module in (manage, recovery, authenticators))):
        yield


@contextlib.contextmanager
def a_removed_authenticator_goes_on(host: Host) -> Iterator[None]:
    """Its row is gone from the page, and its codes are right."""
    store = state_of(host).store
    gone: dict[str, list[Enrolment]] = {}

    def remove_authenticator(subject: str, authenticator: str, *rest: Any) -> bool:
        stood = store.factor(subject)
        done = bool(store.remove_authenticator(subject, authenticator, *rest))
        if done and stood is not None:
            gone.setdefault(subject, []).extend(one for one in stood.authenticators if one.id == authenticator)
        return done

    def match(state: Any, known: Sequence[Enrolment], code: str | None, now: int) -> Proven | None:
        found = factor_match(state, known, code, now)
        removed = gone.get(known[0].subject, []) if known and found is None else []
        return found or factor_match(state, removed[:1], code, now)

    def spend(subject: str, enrolment: str, proof: Proof, attempt: Attempt | None, mark: Mark | None) -> bool:
        if store.spend(subject, enrolment, proof, attempt, mark):
            return True
        if enrolment not in {one.id for one in gone.get(subject, [])}:
            return False
        if mark is not None:
            store.add_mark(mark)
        return True

    factor_match = factor.match
    with verbs(host, remove_authenticator=remove_authenticator, spend=spend), patched((factor, "match", match)):
        yield


@contextlib.contextmanager
def grace_never_ends(host: Host) -> Iterator[None]:
    with settings(host, grace_seconds=10**9):
        yield


BREAKS: dict[Break, int] = {
    trust_in_a_browser_is_good_for_every_account: 3,
    trust_survives_a_reset: 0,
    a_superseded_value_is_accepted: 2,
    a_second_trust_stands_beside_the_first: 0,
    trust_lasts_for_ever: 3,
    a_browser_of_another_account_is_forgotten: 5,
    a_recovery_code_works_again: 0,
    a_rescue_session_is_a_full_one: 3,
    a_rescue_code_is_good_for_everything: 7,
    a_removed_authenticator_goes_on: 1,
    grace_never_ends: 1,
}
"""Each break, with a seed at which the machine finds it soon; at another it takes longer."""
