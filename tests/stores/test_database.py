"""What lies under the verbs: files, connections, forks, the cost in statements, and what a thief reads."""

from __future__ import annotations

import base64
import difflib
import gc
import itertools
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from flask_twofactor.core.budget import LIMITS, Attempt
from flask_twofactor.core.records import MAX_AUTHENTICATORS, Purge
from flask_twofactor.errors import LoginRefused, StoreUnavailable
from flask_twofactor.flows import login, setup
from flask_twofactor.state import State
from flask_twofactor.stores.sql import Database, SqlCounters, SqlStore
from flask_twofactor.stores.sql.verbs import lock
from flask_twofactor.testing.ground import enrolment_of
from tests.stores.records import STEP, make_confirmed, make_mark, make_pending, make_trusted, new_digest
from tests.support.host import START, Host
from tests.support.tracing import traced

DAY = 86400


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "instance" / "twofactor.sqlite"


@pytest.fixture
def sqlite_database(file: Path) -> Iterator[Database]:
    database = Database.connect(f"sqlite:///{file}")
    yield database
    database.close()


@pytest.fixture
def sqlite_store(sqlite_database: Database) -> SqlStore:
    store = SqlStore(sqlite_database)
    store.init()
    return store


def everything(uri: str) -> list[Any]:
    """Give every value of every table."""
    engine = create_engine(uri)
    try:
        with engine.connect() as connection:
            tables = inspect(connection).get_table_names()
            assert len(tables) >= 5
            return [
                value
                for table in tables
                for row in connection.execute(text(f"SELECT * FROM {table}"))  # noqa: S608
                for value in row
            ]
    finally:
        engine.dispose()


def spellings(secret: str) -> list[bytes]:
    """Give the forms in which somebody could have written a secret down."""
    raw = base64.b32decode(secret + "=" * (-len(secret) % 8))
    return [
        secret.encode(),
        secret.lower().encode(),
        raw,
        raw.hex().encode(),
        raw.hex().upper().encode(),
        base64.b64encode(raw).rstrip(b"="),
        base64.urlsafe_b64encode(raw).rstrip(b"="),
        base64.b64encode(secret.encode()).rstrip(b"=")[:-1],
    ]


def state_of(host: Host) -> State:
    state: State = host.app.extensions["twofactor"]
    return state


def log_in(host: Host, password: str, code: str | None, name: str = "alice", source: str = "192.0.2.1") -> bool:
    try:
        login.check(state_of(host), name, password, code, source)
    except LoginRefused:
        return False
    return True


# --- what a thief of the database reads


@pytest.mark.requirement("STO-01", "STO-05")
def test_no_row_holds_a_secret_a_code_or_a_sessions_value(make_app: Callable[..., Host], database_uri: str) -> None:
    host = make_app(TWOFACTOR_DATABASE_URI=database_uri)
    active = host.enroll("alice")
    pending = setup.begin(state_of(host), host.users["bob"], "2", "b" * 64, "Harbor").secret
    code = host.code("alice")
    done = login.check(state_of(host), "alice", "alice-password", code, "192.0.2.1")
    values = everything(database_uri)
    dumped = b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in values)
    assert b"key_check" in dumped
    for secret in (active, pending):
        assert [form for form in spellings(secret) if form in dumped] == []
    assert done.token.encode() not in dumped
    assert code not in [str(value) for value in values]
    assert b"alice-password" not in dumped
    assert host.app.config["SECRET_KEY"].encode() not in dumped


@pytest.mark.requirement("STO-01")
def test_no_byte_of_the_sqlite_files_is_a_secret(make_app: Callable[..., Host], tmp_path: Path) -> None:
    host = make_app()
    active = host.enroll("alice")
    pending = setup.begin(state_of(host), host.users["bob"], "2", "b" * 64, "Harbor").secret
    files = list(tmp_path.glob("twofactor.sqlite*"))
    raw = b"".join(one.read_bytes() for one in files)
    assert b"twofactor_enrolment" in raw
    assert [form for secret in (active, pending) for form in spellings(secret) if form in raw] == []


@pytest.mark.requirement("STO-02")
def test_a_secret_copied_into_another_accounts_row_opens_nothing(
    make_app: Callable[..., Host], database_uri: str
) -> None:
    host = make_app(TWOFACTOR_DATABASE_URI=database_uri)
    host.enroll("alice")
    host.enroll("mallory")
    engine = create_engine(database_uri)
    with engine.begin() as connection:
        table = "twofactor_enrolment"
        theirs = connection.execute(text(f"SELECT sealed FROM {table} WHERE subject = '3'")).scalar_one()  # noqa: S608
        connection.execute(text(f"UPDATE {table} SET sealed = :s WHERE subject = '1'"), {"s": theirs})  # noqa: S608
    engine.dispose()
    assert log_in(host, "alice-password", host.code("mallory")) is False
    assert log_in(host, "alice-password", host.code("alice")) is False
    assert log_in(host, "mallory-password", host.code("mallory"), name="mallory") is True


@pytest.mark.requirement("STO-11")
def test_counters_hold_no_name_and_no_address(make_app: Callable[..., Host], database_uri: str) -> None:
    host = make_app(TWOFACTOR_DATABASE_URI=database_uri)
    assert log_in(host, "wrong", None, name="somebody-unknown", source="192.0.2.77") is False
    dumped = "\n".join(map(str, everything(database_uri)))
    assert "twofactor/pair/" in dumped
    assert "somebody-unknown" not in dumped
    assert "192.0.2.77" not in dumped


# --- files


def test_the_sqlite_file_and_its_wal_are_read_by_their_owner_only(sqlite_store: SqlStore, file: Path) -> None:
    umask = os.umask(0)
    try:
        sqlite_store.keep_meta("a", "b")
        modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in file.parent.iterdir()}
    finally:
        os.umask(umask)
    assert modes == dict.fromkeys(["twofactor.sqlite", "twofactor.sqlite-wal", "twofactor.sqlite-shm"], 0o600)


def test_a_file_made_under_an_open_umask_is_private_from_its_first_moment(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        Database.connect(f"sqlite:///{tmp_path / 'new.sqlite'}")
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "new.sqlite").stat().st_mode) == 0o600


def test_the_sqlite_file_is_in_wal_mode(sqlite_store: SqlStore, file: Path) -> None:
    sqlite_store.keep_meta("a", "b")
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_what_locks_a_file_is_waited_for(sqlite_store: SqlStore, sqlite_database: Database) -> None:
    with sqlite_database.engine.connect() as connection:
        assert connection.execute(text("PRAGMA busy_timeout")).scalar_one() == 15000


@pytest.mark.requirement("LOG-02")
def test_no_error_of_an_engine_of_ours_tells_a_value(sqlite_database: Database) -> None:
    with sqlite_database.engine.connect() as connection, pytest.raises(SQLAlchemyError) as error:
        connection.execute(text("SELECT :v FROM nowhere"), {"v": "a-secret"})
    assert "nowhere" in str(error.value)
    assert "a-secret" not in str(error.value)


@pytest.mark.parametrize("uri", ["sqlite://", "sqlite:///:memory:"])
def test_threads_take_turns_at_a_database_in_memory(uri: str) -> None:
    database = Database.connect(uri)
    store = SqlStore(database)
    store.init()
    counters = SqlCounters(database, lambda: START)

    def act(_: int) -> list[int]:
        return [counters.count("one", 60) for _ in range(50) if store.standing("alice", "") is not None]

    with ThreadPoolExecutor(8) as threads:
        found = [number for numbers in threads.map(act, range(8)) for number in numbers]
    assert sorted(found) == list(range(1, 401))
    database.close()


@pytest.mark.parametrize("in_memory", [False, True])
def test_a_database_that_is_dropped_leaves_no_connection_open(file: Path, in_memory: bool) -> None:
    database = Database.connect("sqlite://" if in_memory else f"sqlite:///{file}")
    SqlStore(database).init()
    opened: list[Any] = []
    event.listen(database.engine, "close", lambda connection, _: opened.append(connection))
    assert database.read("meta", n="schema") is not None
    del database
    gc.collect()
    assert len(opened) == 1


def test_a_reader_does_not_wait_for_a_writer(sqlite_store: SqlStore, sqlite_database: Database) -> None:
    with sqlite_database.transaction() as run:
        run.write("add_meta", name="a", value="b")
        assert sqlite_store.meta("a") is None
    assert sqlite_store.meta("a") == "b"


# --- the cost of a request


def test_the_gates_read_is_one_statement(sqlite_store: SqlStore, sqlite_database: Database) -> None:
    sqlite_store.put_enrolment(make_confirmed())
    sqlite_store.add_mark(mark := make_mark())
    with traced(sqlite_database) as seen:
        for _ in range(3):
            sqlite_store.standing("alice", mark.digest)
    assert len(seen) == 3
    assert all(statement.startswith("SELECT") for statement in seen)


@pytest.mark.parametrize("signed_in", [False, True])
def test_a_request_of_the_host_costs_one_statement_where_somebody_is_signed_in_and_none_where_nobody_is(
    make_app: Callable[..., Host], signed_in: bool
) -> None:
    host = make_app()
    host.enroll("alice")
    person = host.person()
    if signed_in:
        person.log_in("alice")
    database = state_of(host).store._database  # type: ignore[attr-defined]
    with traced(database) as seen:
        assert person.me == ("alice" if signed_in else None)
    assert len(seen) == (1 if signed_in else 0)


def test_a_log_in_costs_a_known_number_of_transactions(make_app: Callable[..., Host]) -> None:
    host = make_app()
    host.enroll("alice")
    database = state_of(host).store._database  # type: ignore[attr-defined]
    assert state_of(host).decoy_key  # made once in the life of a store
    with traced(database) as with_factor:
        assert log_in(host, "alice-password", host.code("alice"))
    with traced(database) as without:
        assert log_in(host, "bob-password", None, name="bob")
    # limits, budget, step and mark, limits again
    assert sum(one.startswith("BEGIN") for one in with_factor) == 4
    assert sum(one.startswith("BEGIN") for one in without) == 3
    assert len(with_factor) <= 42  # 28 of them for the visible limits: a look, five counts, seven refunds
    assert len(without) <= 33


@pytest.mark.requirement("VER-07")
def test_every_log_in_that_fails_runs_the_same_statements(make_app: Callable[..., Host]) -> None:
    host = make_app()
    host.enroll("alice")
    state = state_of(host)
    database = state.store._database  # type: ignore[attr-defined]
    assert log_in(host, "alice-password", host.code("alice"))
    for name in ("nobody", "somebody"):  # the decoy rows and all accounts' rows are made
        assert not log_in(host, "x", None, name=name)
        assert not log_in(host, "x", host.wrong_code("alice"), name="alice")
        assert not log_in(host, "x", None, name="bob")
    sources = itertools.count()

    def statements(name: str, password: str, code: str | None) -> list[str]:
        # In a request, so that what waits for the end of its response is left out: nobody can measure that (ENU-11).
        with host.app.test_request_context(), traced(database) as seen:
            assert not log_in(host, password, code, name=name, source=f"198.51.100.{next(sources)}")
        return seen

    wrong, replayed = host.wrong_code("alice"), host.code("alice")
    failures = {
        "absent": statements("nobody", "x", wrong),
        "absent, no code": statements("somebody", "x", None),
        "without a factor, wrong password": statements("bob", "x", None),
        "wrong password, right code": statements("alice", "x", host.code("alice", 1)),
        "wrong password, no code": statements("alice", "x", None),
        "right password, no code": statements("alice", "alice-password", None),
        "right password, wrong code": statements("alice", "alice-password", wrong),
        "replayed code": statements("alice", "alice-password", replayed),
    }
    while state.store.charge("1", state.now, "unknown").attempt:
        pass
    failures["spent budget, wrong code"] = statements("alice", "alice-password", wrong)
    failures["spent budget, right code"] = statements("alice", "alice-password", host.code("alice", 1))
    expected = failures["absent"]
    differ = {why: list(difflib.unified_diff(expected, seen, n=0)) for why, seen in failures.items()}
    assert {why: lines for why, lines in differ.items() if lines} == {}


# --- connections


def test_a_store_that_cannot_be_reached_is_unavailable() -> None:
    store = SqlStore(Database.connect("postgresql+psycopg://tests@127.0.0.1:1/none"))
    for verb in (store.init, lambda: store.standing("alice", ""), lambda: store.charge("alice", 1, "unknown")):
        with pytest.raises(StoreUnavailable):
            verb()


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "twofactor.sqlite").write_bytes(b"this is no database" * 1000)
    store = SqlStore(Database.connect(f"sqlite:///{tmp_path / 'twofactor.sqlite'}"))
    with pytest.raises(StoreUnavailable):
        store.init()


@pytest.mark.requirement("STO-07")
def test_missing_tables_are_an_outage_and_not_an_account_without_a_factor(store: SqlStore, database: Database) -> None:
    store.put_enrolment(make_confirmed())
    with database.engine.begin() as connection:
        for table in ("enrolment", "account"):
            connection.execute(text(f"DROP TABLE twofactor_{table}"))
    for read in (lambda: enrolment_of(store, "alice"), lambda: store.standing("alice", "")):
        with pytest.raises(StoreUnavailable):
            read()


def test_the_error_of_an_outage_holds_no_value(store: SqlStore, database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("DROP TABLE twofactor_meta"))
    with pytest.raises(StoreUnavailable) as caught:
        store.keep_meta("decoy_key", "1.sealed-value")
    assert "sealed-value" not in f"{caught.value} {caught.value.__cause__}"


def end_backends(url: str) -> int:
    """Terminate every connection to the database of ``url``, as a restart of the server does."""
    address = make_url(url)
    with psycopg.connect(
        host=address.host, port=address.port, user=address.username, dbname="postgres", autocommit=True
    ) as connection:
        query = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s"
        row = connection.execute(query, [address.database]).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("verb", ["read", "write"])
def test_the_store_connects_anew_after_postgresql_ended_its_connections(postgresql_url: str, verb: str) -> None:
    database = Database.connect(postgresql_url)
    store = SqlStore(database)
    store.init()
    life = make_confirmed()
    store.put_enrolment(life)
    for step in (STEP, STEP + 1):
        assert end_backends(postgresql_url) >= 1
        if verb == "read":
            assert enrolment_of(store, "alice") is not None
        else:
            assert store.spend("alice", life.id, step, None, None) is True
    database.close()


def test_a_connection_that_dies_in_the_middle_is_an_outage_and_nothing_is_done(postgresql_url: str) -> None:
    database = Database.connect(postgresql_url)
    store = SqlStore(database)
    store.init()
    with pytest.raises(StoreUnavailable), database.transaction() as run:  # noqa: PT012
        run.write("add_meta", name="half", value="done")
        end_backends(postgresql_url)
        run.write("add_meta", name="other", value="half")
    assert store.meta("half") is None
    database.close()


@pytest.mark.requirement("RPL-08")
def test_a_verb_that_waited_for_an_account_counts_what_stands_then_whatever_the_server_s_default_is(
    postgresql_url: str,
) -> None:
    """A database may give its transactions one view of things from their first statement on."""
    address = make_url(postgresql_url)
    with psycopg.connect(host=address.host, port=address.port, user=address.username, dbname=address.database) as own:
        own.autocommit = True
        own.execute(f'ALTER DATABASE "{address.database}" SET default_transaction_isolation = "repeatable read"')
        database = Database.connect(postgresql_url)
        store = SqlStore(database)
        store.init()
        life, *spares = make_confirmed(), make_pending(), make_pending(), make_pending()
        assert store.put_enrolment(life)
        for one in spares:
            assert store.open_enrolment(one, 0, 10) == one
        assert store.add_authenticator("alice", spares[0].id, life.id, STEP, START)
        with ThreadPoolExecutor(1) as thread:
            with database.transaction() as run:
                lock(run, "alice")
                late = thread.submit(store.add_authenticator, "alice", spares[1].id, life.id, STEP, START)
                waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                while not (own.execute(waiting).fetchone() or [0])[0]:
                    assert not late.done()
                assert run.write("confirm", s="alice", i=spares[2].id, t=START, k=STEP) == 1
            assert late.result(60) is False
        database.close()


def test_one_connection_serves_one_thread_after_another(sqlite_store: SqlStore, sqlite_database: Database) -> None:
    for number in range(20):
        sqlite_store.keep_meta(f"name {number}", "value")
        sqlite_store.standing("alice", "")
    assert len(sqlite_database._idle) == 1


# --- forks


def in_child(work: Callable[[], bool]) -> Callable[[], bool]:
    """Run ``work`` in a forked child; gives what waits for it and tells whether it said True."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if work() else 2
        finally:
            os._exit(status)
    return lambda: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_forked_child_uses_a_connection_of_its_own(store: SqlStore, database: Database) -> None:
    life = make_confirmed()
    store.put_enrolment(life)
    waits = []
    for number in range(4):

        def work(number: int = number) -> bool:
            found = all(enrolment_of(store, "alice") == life for _ in range(50))
            return found and store.keep_meta(f"child {number}", "here") == "here"

        waits.append(in_child(work))
    for _ in range(50):
        assert enrolment_of(store, "alice") == life
    assert [wait() for wait in waits] == [True] * 4
    assert [store.meta(f"child {number}") for number in range(4)] == ["here"] * 4


def test_what_a_forked_child_writes_stays_where_its_parent_closes_the_file(
    sqlite_store: SqlStore, sqlite_database: Database, file: Path
) -> None:
    sqlite_store.keep_meta("before", "here")
    from_child, to_parent = os.pipe()
    from_parent, to_child = os.pipe()

    def work() -> bool:
        sqlite_store.keep_meta("first", "here")
        os.write(to_parent, b".")
        os.read(from_parent, 1)
        sqlite_store.keep_meta("second", "here")
        return sqlite_store.meta("second") == "here"

    wait = in_child(work)
    os.read(from_child, 1)
    assert sqlite_store.meta("first") == "here"
    sqlite_database.close()  # were it the last, SQLite would delete the WAL that the child writes to
    os.write(to_child, b".")
    assert wait() is True
    for end in (from_child, to_parent, from_parent, to_child):
        os.close(end)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT value FROM twofactor_meta WHERE name = 'second'").fetchone() == ("here",)


# --- threads


def test_threads_that_mix_every_verb_on_one_account_neither_block_nor_fail(store: SqlStore) -> None:
    problems: list[BaseException] = []
    start = threading.Barrier(9)

    def spend(number: int) -> None:
        found = enrolment_of(store, "alice")
        attempt = store.charge("alice", START + number, "unknown").attempt
        if attempt and found:
            store.spend("alice", found.id, STEP + number, attempt, make_mark(enrolment=found.id))

    def set_up(_: int) -> None:
        pending = store.open_enrolment(make_pending(), START - 600, 10)
        store.count_try("alice", pending.id, 10)
        store.confirm_enrolment("alice", pending.id, STEP, START, make_mark(enrolment=pending.id))

    def disable(number: int) -> None:
        if found := enrolment_of(store, "alice"):
            store.disable("alice", found.id, STEP + 1000 + number, Attempt(START, "unknown"), make_mark())

    def add_and_remove(number: int) -> None:
        if found := store.factor("alice"):
            pending = store.open_enrolment(make_pending(), START - 600, 10)
            store.add_authenticator("alice", pending.id, found.id, STEP + number, START)
            mark = make_mark(enrolment=found.id)
            store.remove_authenticator(
                "alice", pending.id, pending.id, STEP + 2000 + number, Attempt(START, "unknown"), mark
            )

    def trust(number: int) -> None:
        if found := store.factor("alice"):
            browser = make_trusted(found.id)
            store.add_trusted(browser)
            store.use_trusted(browser, new_digest(), START + number, make_mark(enrolment=found.id))
            store.add_rescue("alice", found.id, new_digest(), START)
            store.forget_trusted("alice", browser.id)

    def purge(number: int) -> None:
        store.purge(Purge(*(START + number for _ in range(5))))

    def sign_in_and_out(_: int) -> None:
        mark = make_mark()
        store.add_mark(mark)
        store.touch_mark(mark.digest, START + 1)
        store.standing("alice", mark.digest)
        store.remove_mark(mark.digest)

    def end(number: int) -> None:
        if number % 3 == 0:
            store.reset("alice")
        elif number % 3 == 1:
            store.forget("alice")
        else:
            store.end_sessions("alice")

    def run(work: Callable[[int], None]) -> None:
        start.wait(30)
        for number in range(20):
            try:
                work(number)
            except BaseException as problem:
                problems.append(problem)
                raise

    threads = [
        threading.Thread(target=run, args=[work], daemon=True)
        for work in (spend, spend, set_up, disable, add_and_remove, trust, purge, sign_in_and_out, end)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert problems == []
    assert sum(one.confirmed_at is not None for one in store.enrolments()) <= MAX_AUTHENTICATORS
    stands = store.standing("alice", "").factor is not None
    assert any(one.confirmed_at is not None for one in store.enrolments()) is stands


def test_threads_charge_one_budget_exactly(store: SqlStore) -> None:
    store.charge("alice", START, "unknown")
    start = threading.Barrier(8)
    won: list[bool] = []

    def run() -> None:
        start.wait(30)
        won.extend(store.charge("alice", START, "unknown").attempt is not None for _ in range(5))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(won), sum(won)) == (40, 9)


@pytest.mark.requirement("THR-02")
def test_a_year_of_greedy_guessing_against_the_store_evaluates_at_most_650(
    sqlite_store: SqlStore, record_property: Callable[[str, object], None]
) -> None:
    """The owner logs in with a known browser, often enough that no row of a hundred wrong codes comes about."""
    life = make_confirmed()
    sqlite_store.put_enrolment(life)
    evaluated: list[int] = []
    now = START
    while now < START + 365 * DAY:
        if sqlite_store.charge("alice", now, "unknown").attempt:
            evaluated.append(now)
            if len(evaluated) % 50 == 0:
                owner = sqlite_store.charge("alice", now, "known").attempt
                assert sqlite_store.spend("alice", life.id, STEP + len(evaluated), owner, None)
        else:  # the first moment at which an attempt leaves one of the windows
            now = min(at + seconds for at in evaluated[-50:] for _, seconds in LIMITS["unknown"] if at + seconds > now)
    record_property("figure", f"a simulated year of greedy guessing: {len(evaluated)} guesses evaluated (at most 650)")
    assert 550 <= len(evaluated) <= 650


def test_an_account_key_of_any_text_is_only_ever_a_value(sqlite_store: SqlStore) -> None:
    hostile = "x'); DROP TABLE twofactor_mark; --"
    sqlite_store.add_mark(mark := make_mark(hostile))
    assert sqlite_store.standing(hostile, mark.digest).mark == mark
    assert sqlite_store.standing("alice", new_digest()).mark is None
