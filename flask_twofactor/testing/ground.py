"""What the tests of `StoreContract` stand on: records, and threads that act at the same moment."""

from __future__ import annotations

import dataclasses
import itertools
import secrets
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from ..core.budget import Pool
from ..core.records import Enrolment, Factor, Mark, Trusted, new_id
from ..core.totp import step_at
from ..stores.base import Store

T = TypeVar("T")

NOW = 1_800_000_000
STEP = step_at(NOW)
DAY = 86400
TRIES = 10
"""How often the tests let a pending secret be guessed at."""
_SECONDS = 60
_SWITCH_SECONDS = 1e-5


class Ground:
    """Where the stores come from, and how many act at once.

    Every test makes account keys and names of its own, so the data need not be empty, and several runs may share it.
    """

    threads = 8
    rounds = 20

    def make_store(self) -> Store:
        """Give a new handle on the data that all handles of this test share, as one more process would open it."""
        raise NotImplementedError("a subclass of StoreContract says how its store is opened: def make_store(self)")

    def open(self) -> Store:
        """Give a handle whose tables are made."""
        store = self.make_store()
        store.init()
        return store

    def store(self) -> Store:
        """Give two handles that take turns at each verb: what one wrote, the other has to know."""
        return cast(Store, _Turns(self.open(), self.open()))

    def race(self, act: Callable[[Store, int, int], T]) -> list[list[T]]:
        """Let every thread ``act(store, number, round)`` with a handle of its own, all at once, in each round.

        Gives the answers by round; raises what a thread raised.
        """
        barrier = threading.Barrier(self.threads)
        answers: list[list[T]] = [[] for _ in range(self.rounds)]

        def take_part(number: int) -> None:
            try:
                store = self.open()
                for one in range(self.rounds):
                    barrier.wait(_SECONDS)
                    answers[one].append(act(store, number, one))
            except BaseException:
                barrier.abort()
                raise

        before = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_SECONDS)  # so that stores written in Python alone are caught in the act, too
        try:
            with ThreadPoolExecutor(self.threads) as pool:
                done = [pool.submit(take_part, number) for number in range(self.threads)]
        finally:
            sys.setswitchinterval(before)
        problems = [problem for one in done if (problem := one.exception()) is not None]
        for problem in sorted(problems, key=lambda one: isinstance(one, threading.BrokenBarrierError)):
            raise problem  # who fails breaks the barrier for the others: the first cause is not theirs
        return answers

    def wins(self, act: Callable[[Store, int, int], bool], expected: int = 1) -> None:
        """Race, and require that in each round as many threads as ``expected`` are told that it was them."""
        won = [sum(answers) for answers in self.race(act)]
        assert won == [expected] * self.rounds, (
            f"of {self.threads} callers at once {expected} must win in each round; there won {won}"
        )


class _Turns:
    def __init__(self, *stores: Store) -> None:
        self._stores = itertools.cycle(stores)

    def __getattr__(self, verb: str) -> Any:
        return getattr(next(self._stores), verb)


def someone() -> str:
    """Give the key of an account that no other test has."""
    return f"contract-{new_id()}"


def new_digest() -> str:
    """Give a digest as marks and sign-ins have them: 64 hexadecimal digits."""
    return secrets.token_hex(32)


def make_mark(subject: str, enrolment: str = "") -> Mark:
    """Make a mark of a log-in."""
    return Mark(new_digest(), subject, enrolment, NOW, NOW + 1, NOW + 2, NOW + 3)


def make_pending(subject: str, opened_by: str | None = None, at: int = NOW) -> Enrolment:
    """Make a pending enrolment of a sign-in."""
    return Enrolment(new_id(), subject, "1.sealed", at, opened_by=opened_by or new_digest())


def make_confirmed(subject: str) -> Enrolment:
    """Make a confirmed enrolment."""
    return Enrolment(new_id(), subject, "1.sealed", NOW, confirmed_at=NOW + 1)


def enrol(store: Store, subject: str = "") -> Enrolment:
    """Write a confirmed enrolment."""
    enrolment = make_confirmed(subject or someone())
    assert store.put_enrolment(enrolment) is True
    return enrolment


def factor_of(store: Store, subject: str) -> Factor:
    """Give the factor of an account that has one."""
    factor = store.factor(subject)
    assert factor is not None
    return factor


def add_spare(store: Store, life: Enrolment, at: int = NOW + 2) -> Enrolment:
    """Add an authenticator beside those of a factor whose id is that of ``life``."""
    pending = open_pending(store, life.subject)
    assert store.add_authenticator(life.subject, pending.id, life.id, STEP, at) is True
    return dataclasses.replace(pending, confirmed_at=at, opened_by=None, last_step=STEP)


def make_trusted(life: Enrolment, at: int = NOW) -> Trusted:
    """Make a browser that is trusted for the factor whose id is that of ``life``."""
    return Trusted(new_id(), life.subject, life.id, new_digest(), at, at, "192.0.2.0/24", "A browser \u00e9")


def trust(store: Store, life: Enrolment, at: int = NOW) -> Trusted:
    """Write a trusted browser."""
    browser = make_trusted(life, at)
    assert store.add_trusted(browser) is True
    return browser


def enrolment_of(store: Store, subject: str) -> Enrolment | None:
    """Give the oldest authenticator of an account, None where it has no factor."""
    factor = store.factor(subject)
    return factor.authenticators[0] if factor else None


def open_pending(store: Store, subject: str, opened_by: str | None = None) -> Enrolment:
    """Open a pending enrolment."""
    pending = make_pending(subject, opened_by)
    assert store.open_enrolment(pending, NOW - 600, TRIES) == pending
    return pending


def sign_in(store: Store, subject: str, enrolment: str = "") -> Mark:
    """Write a mark."""
    mark = make_mark(subject, enrolment)
    store.add_mark(mark)
    return mark


def mark_stands(store: Store, mark: Mark) -> bool:
    """Tell whether a mark is found as it was written."""
    return store.standing(mark.subject, mark.digest).mark == mark


def epoch_of(store: Store, subject: str) -> int:
    """Give the account's epoch."""
    return store.standing(subject, "").epoch


def ids_of(store: Store, *subjects: str) -> list[str]:
    """Give the ids of every enrolment of these accounts, as they are listed."""
    return [one.id for one in store.enrolments() if one.subject in subjects]


def spend_budget(store: Store, subject: str, attempts: int, at: int = NOW) -> None:
    """Charge so many attempts."""
    for _ in range(attempts):
        assert store.charge(subject, at, "unknown").attempt is not None


def room(store: Store, subject: str, at: int = NOW, pool: Pool = "unknown") -> int:
    """Use up what is left of a pool, and tell how much it was."""
    charges = (store.charge(subject, at, pool) for _ in range(200))
    return sum(1 for _ in itertools.takewhile(lambda charge: charge.attempt is not None, charges))
