"""`StoreContract` on every store that there is, and that it catches the ones that are wrong."""

from __future__ import annotations

import contextlib
import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import bindparam, update

from flask_twofactor.core.budget import Attempt, Charge, Pool
from flask_twofactor.core.records import Mark, Proof
from flask_twofactor.errors import StoreUnavailable
from flask_twofactor.stores.base import Store
from flask_twofactor.stores.sql import Database, SqlStore
from flask_twofactor.stores.sql.schema import enrolment
from flask_twofactor.testing import StoreContract
from flask_twofactor.testing.ground import enrolment_of
from tests.stores.memory import Data, MemoryStore
from tests.stores.wrong import WRONG
from tests.support.watching import VERBS

TESTS = sorted(name for name, _ in inspect.getmembers(StoreContract, inspect.isfunction) if name.startswith("test_"))


class Opened(StoreContract):
    """Opens the SQL store on an address, each handle with connections of its own."""

    uri: str
    close: contextlib.ExitStack
    kind: Callable[[Database], Store] = SqlStore

    def make_store(self) -> Store:
        database = Database.connect(self.uri)
        self.close.callback(database.close)
        return self.kind(database)


@pytest.mark.requirement("RPL-08")
class TestSqliteFile(Opened):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> Iterator[None]:
        self.uri = f"sqlite:///{tmp_path / 'twofactor.sqlite'}"
        with contextlib.ExitStack() as self.close:
            yield


@pytest.mark.requirement("RPL-08")
class TestPostgresql(Opened):
    @pytest.fixture(params=["postgresql"])
    def database_kind(self, request: pytest.FixtureRequest) -> str:
        kind: str = request.param
        return kind

    @pytest.fixture(autouse=True)
    def _place(self, database_uri: str) -> Iterator[None]:
        self.uri = database_uri
        with contextlib.ExitStack() as self.close:
            yield


@pytest.mark.requirement("RPL-08")
class TestSqliteInMemory(StoreContract):
    """One connection for all: its handles are stores on one `Database`."""

    @pytest.fixture(autouse=True)
    def _place(self) -> Iterator[None]:
        self.database = Database.connect("sqlite://")
        SqlStore(self.database).init()
        yield
        self.database.close()
        self.database.engine.dispose()

    def make_store(self) -> Store:
        return SqlStore(self.database)


@pytest.mark.requirement("RPL-08")
class TestMemory(StoreContract):
    """A store that knows no SQL passes too."""

    @pytest.fixture(autouse=True)
    def _place(self) -> None:
        self.data = Data()

    def make_store(self) -> Store:
        return MemoryStore(self.data)


# --- what is wrong is caught


class Wrong(StoreContract):
    """A contract on a store in memory that a test makes wrong."""

    def __init__(self, make: Callable[[Data], Store]) -> None:
        self.data = Data()
        self.make = make

    def make_store(self) -> Store:
        return self.make(self.data)


class Meeting:
    """Where every thread of a race waits for all others; who set the race up walks by."""

    def __init__(self, threads: int) -> None:
        self._barrier = threading.Barrier(threads, timeout=30)
        self._owner = threading.get_ident()

    def __call__(self) -> None:
        if threading.get_ident() != self._owner:
            self._barrier.wait()


RACES = [
    ("spend", "test_of_many_that_spend_one_step_one_does"),
    ("charge", "test_of_many_attempts_at_the_last_places_of_the_budget_so_many_are_charged"),
    ("count_try", "test_of_many_guesses_at_a_pending_secret_as_many_as_are_left_are_counted"),
    ("confirm_enrolment", "test_of_many_that_confirm_one_enrolment_one_does"),
    ("remove_mark", "test_of_many_that_remove_a_mark_one_does"),
    ("keep_meta", "test_of_many_that_keep_a_named_value_all_are_given_one"),
    ("replace_meta", "test_of_many_that_replace_a_named_value_one_does"),
    ("reseal", "test_of_many_that_reseal_a_secret_one_does"),
    ("renew_recovery", "test_of_many_that_make_recovery_codes_with_one_step_one_does"),
    ("take_sheet", "test_of_many_that_show_one_sheet_one_does"),
    ("open_enrolment", "test_of_many_that_open_set_up_in_one_sign_in_all_are_given_one_enrolment"),
    ("spend", "test_of_many_that_spend_one_recovery_code_one_does"),
    ("spend", "test_of_many_that_spend_one_rescue_code_one_does"),
    ("confirm_enrolment", "test_of_many_that_replace_a_factor_one_does"),
    ("use_trusted", "test_of_many_that_use_one_trusted_value_one_does_and_the_trust_ends"),
    ("add_authenticator", "test_of_many_that_add_an_authenticator_so_many_do_as_there_may_be"),
    ("remove_authenticator", "test_of_many_that_take_one_of_two_authenticators_away_one_does"),
    ("begin_grace", "test_of_many_that_begin_the_grace_all_are_given_one_time"),
]


@pytest.mark.requirement("RPL-08")
@pytest.mark.parametrize(("verb", "race"), RACES)
def test_a_racy_store_fails_the_contract(verb: str, race: str) -> None:
    meeting = Meeting(StoreContract.threads)
    contract = Wrong(lambda data: MemoryStore(data, racy=verb, meet=meeting))
    with pytest.raises(AssertionError, match=r"must win|two values|two secrets|two times"):
        getattr(contract, race)()


@pytest.mark.requirement("RPL-08")
@pytest.mark.parametrize("verb", ["put_enrolment", "disable"])
def test_a_store_with_one_racy_verb_of_two_that_race_fails_the_contract(verb: str) -> None:
    """Half of the threads call the other verb, so half of them meet."""
    meeting = Meeting(StoreContract.threads // 2)
    contract = Wrong(lambda data: MemoryStore(data, racy=verb, meet=meeting))
    with pytest.raises(AssertionError, match="must win"):
        {
            "put_enrolment": contract.test_of_many_that_each_confirm_or_write_their_own_enrolment_one_does,
            "disable": contract.test_of_many_that_disable_or_log_in_with_one_step_one_does,
        }[verb]()


class Naive(SqlStore):
    """Reads a step, checks it and writes it, as one would who does not think of others."""

    def __init__(self, database: Database, meet: Callable[[], None]) -> None:
        super().__init__(database)
        self.database, self.meet = database, meet
        write = update(enrolment).where(enrolment.c.id == bindparam("i")).values(last_step=bindparam("k"))
        database.prepare(write_what_was_checked=write)

    def spend(self, subject: str, enrolment: str, proof: Proof, attempt: Attempt | None, mark: Mark | None) -> bool:
        found = enrolment_of(self, subject)
        if found is None or not isinstance(proof, int) or found.last_step >= proof:
            return False
        self.meet()
        with self.database.transaction() as run:
            return run.write("write_what_was_checked", i=enrolment, k=proof) == 1


@pytest.mark.requirement("RPL-08")
@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])
def test_a_naive_sql_store_fails_the_contract(database_uri: str) -> None:
    """All threads meet in its window: whether chance would bring them there says nothing about the contract."""
    contract, meeting = Opened(), Meeting(StoreContract.threads)
    contract.uri, contract.kind = database_uri, lambda database: Naive(database, meeting)
    with contextlib.ExitStack() as contract.close, pytest.raises(AssertionError, match="must win"):
        contract.test_of_many_that_spend_one_step_one_does()


class ChargesMeanwhile(MemoryStore):
    """Charges between what another's `spend` read and what it writes, where that verb takes no lock."""

    def charge(self, subject: str, now: int, pool: Pool, authenticators: int = 1) -> Charge:
        charged = super().charge(subject, now, pool, authenticators)
        self._meet()
        return charged


@pytest.mark.requirement("RPL-08")
def test_a_store_whose_refund_undoes_charges_fails_the_contract() -> None:
    meeting = Meeting(StoreContract.threads)
    contract = Wrong(lambda data: ChargesMeanwhile(data, racy="spend", meet=meeting))
    with pytest.raises(AssertionError, match="a charge or a refund was lost"):
        contract.test_a_refund_among_charges_loses_none_of_them()


@pytest.mark.requirement("RPL-08")
@pytest.mark.parametrize("store", WRONG, ids=lambda store: store.__name__)
def test_a_store_that_is_wrong_without_a_race_fails_the_contract(store: type[MemoryStore]) -> None:
    contract = Wrong(store)
    with pytest.raises(AssertionError):
        getattr(contract, WRONG[store])()


# --- the contract itself


def test_the_contract_calls_every_verb() -> None:
    called: set[str] = set()

    class Watched:
        def __init__(self, store: Store) -> None:
            self.store = store

        def __getattr__(self, verb: str) -> Any:
            called.add(verb)
            return getattr(self.store, verb)

    contract = Wrong(lambda data: cast(Store, Watched(MemoryStore(data))))
    for name in TESTS:
        getattr(contract, name)()
    assert called == set(VERBS)


def test_a_store_that_raises_in_a_race_is_told_with_what_it_raised() -> None:
    class Fails(MemoryStore):
        def remove_mark(self, digest: str) -> bool:
            raise StoreUnavailable("a test made the store fail")

    with pytest.raises(StoreUnavailable, match="a test made"):
        Wrong(Fails).test_of_many_that_remove_a_mark_one_does()


def test_a_race_leaves_the_interpreter_as_it_was() -> None:
    before = sys.getswitchinterval()
    Wrong(MemoryStore).test_of_many_that_remove_a_mark_one_does()
    assert sys.getswitchinterval() == before


def test_a_contract_without_make_store_says_what_to_write() -> None:
    with pytest.raises(NotImplementedError, match="def make_store"):
        StoreContract().test_a_step_is_spent_once()
