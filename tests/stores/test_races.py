"""What must happen at most once, tried by real processes at the same moment, on SQLite and PostgreSQL.

On MariaDB the same is tried by ``tests/cluster``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, update

from flask_twofactor.core.budget import Attempt
from flask_twofactor.core.records import TrustToken
from flask_twofactor.core.totp import code_at, matching_step, step_at
from flask_twofactor.errors import AlreadyEnrolled, CodeRejected, LoginRefused, SetupExpired, TwoFactorError
from flask_twofactor.flows import login, manage, rescue, setup, trusted
from flask_twofactor.signals import code_rejected
from flask_twofactor.state import State
from flask_twofactor.stores.sql import Database, SqlStore
from flask_twofactor.stores.sql.schema import SCHEMA_VERSION, enrolment
from flask_twofactor.testing.ground import enrolment_of
from flask_twofactor.throttle import Ticket
from tests.stores.racing import race
from tests.stores.records import STEP, make_confirmed, make_mark, make_pending, new_digest
from tests.support.host import START, Clock, Host, make_host

MONTH = 31 * 86400
"""Seconds after which every budget is whole again."""


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """The database of these races."""
    kind: str = request.param
    return kind


def open_store(uri: str) -> SqlStore:
    """Open the store in a process of its own."""
    store = SqlStore(Database.connect(uri))
    store.init()
    return store


def open_host(uri: str, folder: Path, **config: Any) -> Host:
    """Make the console in a process of its own, on the database of all."""
    return make_host(folder, Clock(), TWOFACTOR_DATABASE_URI=uri, **config)


def open_state(uri: str, folder: Path, **config: Any) -> tuple[State, Clock, Host]:
    host = open_host(uri, folder, **config)
    state: State = host.app.extensions["twofactor"]
    state.throttle  # noqa: B018 - opens the store now, and not in the race
    return state, host.clock, host


def lift_the_visible_limits(state: State) -> None:
    """Let every log-in through to what is raced for; the visible limits have races of their own."""
    vars(state.throttle)["log_in"] = lambda *_: Ticket(())


# --- one code, submitted often


def submit_step(_: int, uri: str, subject: str, life: str, times: int) -> Callable[[int], int]:
    store = open_store(uri)
    return lambda _: sum(store.spend(subject, life, STEP, None, None) for _ in range(times))


@pytest.mark.slow
@pytest.mark.requirement("RPL-01")
def test_of_2000_submissions_of_one_step_by_8_processes_exactly_one_is_accepted(
    store: SqlStore, database_uri: str
) -> None:
    life = make_confirmed()
    assert store.put_enrolment(life)
    (accepted,) = race(8, 1, submit_step, database_uri, "alice", life.id, 250)
    assert sum(accepted) == 1


def submit_code(number: int, uri: str, folder: Path, secret: str, times: int) -> Callable[[int], list[str]]:
    """Post the code of the present step ``times`` times."""
    state, clock, _ = open_state(uri, folder)
    lift_the_visible_limits(state)

    def act(one: int) -> list[str]:
        clock.at = START + one * MONTH
        code = code_at(secret, step_at(clock.at))
        outcomes = []
        for turn in range(times):
            try:
                login.check(state, "alice", "alice-password", code, f"{number} {one} {turn}")
            except TwoFactorError as error:
                outcomes.append(error.code)
            else:
                outcomes.append("in")
        return outcomes

    return act


@pytest.mark.slow
@pytest.mark.requirement("RPL-01")
def test_of_400_log_ins_with_one_code_by_8_processes_exactly_one_is_accepted(
    make_app: Callable[..., Host], database_uri: str, tmp_path: Path
) -> None:
    secret = make_app(TWOFACTOR_DATABASE_URI=database_uri).enroll("alice")
    (answers,) = race(8, 1, submit_code, database_uri, tmp_path, secret, 50)
    outcomes = [outcome for mine in answers for outcome in mine]
    assert len(outcomes) == 400
    assert {outcome: outcomes.count(outcome) for outcome in set(outcomes)} == {"in": 1, "refused": 399}


@pytest.mark.requirement("RPL-01")
def test_of_12_processes_that_log_in_with_one_code_exactly_one_succeeds(
    make_app: Callable[..., Host], database_uri: str, tmp_path: Path
) -> None:
    secret = make_app(TWOFACTOR_DATABASE_URI=database_uri).enroll("alice")
    rounds = race(12, 4, submit_code, database_uri, tmp_path, secret, 1)
    assert len(rounds) == 4
    for answers in rounds:
        outcomes = [outcome for mine in answers for outcome in mine]
        assert (outcomes.count("in"), outcomes.count("refused")) == (1, 11)


# --- one recovery code


def use_recovery_code(number: int, uri: str, folder: Path, codes: list[str]) -> Callable[[int], str]:
    """Log in with the recovery code of the round."""
    state, _, _ = open_state(uri, folder)
    lift_the_visible_limits(state)

    def act(one: int) -> str:
        try:
            return f"in, {login.check(state, 'alice', 'alice-password', codes[one], f'{number} {one}').left} left"
        except TwoFactorError as error:
            return error.code

    return act


@pytest.mark.requirement("RPL-05", "REC-02")
def test_of_40_processes_that_log_in_with_one_recovery_code_exactly_one_succeeds(
    make_app: Callable[..., Host], database_uri: str, tmp_path: Path
) -> None:
    host = make_app(TWOFACTOR_DATABASE_URI=database_uri)
    host.enroll("alice")
    with host.app.app_context():
        codes = host.two_factor.new_recovery_codes(host.users["alice"])
    rounds = race(40, 2, use_recovery_code, database_uri, tmp_path, codes)
    assert len(rounds) == 2
    for one, answers in enumerate(rounds):
        assert answers.count("refused") == 39
        assert answers.count(f"in, {9 - one} left") == 1
    assert host.app.extensions["twofactor"].store.recovery("1").left == 8


def use_trust(number: int, uri: str, folder: Path, trust: list[TrustToken]) -> Callable[[int], str]:
    """Log in with the password and what the trusted browser of the round holds."""
    state, _, _ = open_state(uri, folder, TWOFACTOR_TRUSTED_BROWSERS=True)
    lift_the_visible_limits(state)

    def act(one: int) -> str:
        try:
            done = login.check(state, "alice", "alice-password", None, f"{number} {one}", trust=[trust[one]])
        except TwoFactorError as error:
            return error.code
        return done.by

    return act


@pytest.mark.requirement("RPL-08", "TRB-05")
def test_of_8_processes_that_log_in_with_one_value_of_a_trusted_browser_exactly_one_does_and_the_trust_ends(
    make_app: Callable[..., Host], database_uri: str, tmp_path: Path
) -> None:
    host = make_app(TWOFACTOR_DATABASE_URI=database_uri, TWOFACTOR_TRUSTED_BROWSERS=True)
    host.enroll("alice")
    state: State = host.app.extensions["twofactor"]
    factor = state.store.factor("1")
    assert factor is not None
    with host.app.app_context():
        given = [trusted.add(state, host.users["alice"], "1", factor.id) for _ in range(4)]
    held = [one for one in given if one is not None]
    rounds = race(8, 4, use_trust, database_uri, tmp_path, held)
    assert len(rounds) == 4
    for answers in rounds:
        assert (answers.count("trusted"), answers.count("refused")) == (1, 7)
    assert len(state.store.marks("1")) == 4
    assert state.store.trusted("1") == []


def use_rescue_code(number: int, uri: str, folder: Path, code: str) -> Callable[[int], str]:
    """Log in with the rescue code, or answer with it for a code that is owed."""
    state, _, host = open_state(uri, folder)
    lift_the_visible_limits(state)
    owing = login.SignIn(host.users["alice"], "1", str(number), 0, owes=True)

    def act(_: int) -> str:
        try:
            if number % 2:
                return login.answer(state, owing, code, str(number)).by
            return login.check(state, "alice", "alice-password", code, str(number)).by
        except TwoFactorError as error:
            return error.code

    return act


@pytest.mark.requirement("RPL-08")
def test_of_8_processes_that_log_in_or_answer_with_one_rescue_code_exactly_one_does(
    make_app: Callable[..., Host], database_uri: str, tmp_path: Path
) -> None:
    host = make_app(TWOFACTOR_DATABASE_URI=database_uri)
    host.enroll("alice")
    state: State = host.app.extensions["twofactor"]
    with host.app.app_context():
        code = rescue.issue(state, host.users["alice"], "ops", "boss").code
    (answers,) = race(8, 1, use_rescue_code, database_uri, tmp_path, code)
    assert answers.count("rescue") == 1
    assert set(answers) == {"rescue", "refused", "code-rejected"}
    [mark] = state.store.marks("1")
    assert mark.rescued == 1


def spend_in_round(_: int, uri: str, life: str) -> Callable[[int], bool]:
    store = open_store(uri)
    return lambda one: store.spend("alice", life, STEP + one, None, None)


@pytest.mark.requirement("RPL-01")
def test_of_40_processes_that_spend_one_step_exactly_one_does_in_each_of_20_rounds(
    store: SqlStore, database_uri: str
) -> None:
    life = make_confirmed()
    assert store.put_enrolment(life)
    rounds = race(40, 20, spend_in_round, database_uri, life.id)
    assert [sum(answers) for answers in rounds] == [1] * 20


def spend_for_every_purpose(number: int, uri: str, folder: Path, secret: str) -> Callable[[int], bool]:
    state, clock, host = open_state(uri, folder)
    user = host.users["alice"]

    def act(one: int) -> bool:
        clock.at = START + one * MONTH
        code = code_at(secret, step_at(clock.at))
        try:
            if number % 3 == 0:
                login.check(state, "alice", "alice-password", code, str(number))
            elif number % 3 == 1:
                login.answer(state, login.SignIn(user, "1", f"{number} {one}", 0, owes=True), code, str(number))
            else:
                return bool(manage.verify(state, user, code))
        except (LoginRefused, CodeRejected):
            return False
        return True

    return act


@pytest.mark.requirement("RPL-01", "RPL-03")
def test_one_code_is_accepted_once_across_log_in_challenge_and_a_hosts_dialogue(
    make_app: Callable[..., Host], database_uri: str, tmp_path: Path
) -> None:
    secret = make_app(TWOFACTOR_DATABASE_URI=database_uri).enroll("alice")
    rounds = race(9, 10, spend_for_every_purpose, database_uri, tmp_path, secret)
    assert [sum(answers) for answers in rounds] == [1] * 10


# --- the same race against a store that reads, checks and writes


def submit_naively(_: int, uri: str, life: str) -> Callable[[int], bool]:
    database = Database.connect(uri)
    store = SqlStore(database)
    write = update(enrolment).where(enrolment.c.id == bindparam("i")).values(last_step=bindparam("k"))
    database.prepare(write_what_was_checked=write)

    def act(one: int) -> bool:
        found = enrolment_of(store, "alice")
        assert found is not None
        if found.last_step >= STEP + one:
            return False
        with database.transaction() as run:
            return run.write("write_what_was_checked", i=life, k=STEP + one) == 1

    return act


@pytest.mark.requirement("RPL-01")
def test_the_same_race_catches_a_store_that_reads_checks_and_writes(store: SqlStore, database_uri: str) -> None:
    life = make_confirmed()
    assert store.put_enrolment(life)
    rounds = race(16, 20, submit_naively, database_uri, life.id)
    assert max(sum(answers) for answers in rounds) > 1


# --- the budget


@pytest.mark.requirement("RPL-04")
def test_of_40_guesses_at_once_with_5_left_exactly_5_are_evaluated(store: SqlStore, database_uri: str) -> None:
    rounds = 10
    for one in range(rounds):
        for _ in range(5):
            assert store.charge(f"round {one}", START, "unknown").attempt
    evaluated = race(40, rounds, guess_in_round, database_uri)
    assert [sum(answers) for answers in evaluated] == [5] * rounds


def guess_in_round(_: int, uri: str) -> Callable[[int], bool]:
    store = open_store(uri)
    return lambda one: store.charge(f"round {one}", START, "unknown").attempt is not None


def guess_wrongly(number: int, uri: str, folder: Path, secret: str) -> Callable[[int], int]:
    """Give how many of this process's guesses were looked at: the reasons that the app announces say it."""
    state, _, host = open_state(uri, folder)
    lift_the_visible_limits(state)
    wrong = next(
        code for code in ("000000", "111111", "222222", "333333") if matching_step(secret, code, START) is None
    )
    evaluated: list[str] = []

    def hear(_: object, reason: str, **__: object) -> None:
        evaluated.append(reason)

    code_rejected.connect(hear, sender=host.app, weak=False)

    def act(_: int) -> int:
        with pytest.raises(LoginRefused):
            login.check(state, "alice", "alice-password", wrong, str(number))
        return evaluated.count("wrong")

    return act


@pytest.mark.requirement("RPL-04", "THR-01")
def test_of_12_wrong_log_ins_at_once_with_5_left_exactly_5_are_evaluated(
    make_app: Callable[..., Host], database_uri: str, tmp_path: Path
) -> None:
    host = make_app(TWOFACTOR_DATABASE_URI=database_uri)
    secret = host.enroll("alice")
    for _ in range(5):
        assert host.app.extensions["twofactor"].store.charge("1", START, "unknown").attempt
    (evaluated,) = race(12, 1, guess_wrongly, database_uri, tmp_path, secret)
    assert sum(evaluated) == 5


# --- setting up and disabling


def confirm(number: int, uri: str, folder: Path, secrets: list[str]) -> Callable[[int], str]:
    state, _, _ = open_state(uri, folder)

    def act(one: int) -> str:
        try:
            setup.confirm(state, f"account {one}", opener(one), code_at(secrets[one], STEP), START)
        except (SetupExpired, AlreadyEnrolled, CodeRejected) as error:
            return error.code
        return "confirmed"

    return act


def opener(one: int) -> str:
    return f"{one:064}"


@pytest.mark.slow
@pytest.mark.requirement("ENR-08")
def test_of_12_processes_that_confirm_one_pending_key_exactly_one_does(
    make_app: Callable[..., Host], database_uri: str, tmp_path: Path
) -> None:
    host = make_app(TWOFACTOR_DATABASE_URI=database_uri)
    state: State = host.app.extensions["twofactor"]
    secrets = [
        setup.begin(state, host.users["alice"], f"account {one}", opener(one), "Harbor").secret for one in range(3)
    ]
    rounds = race(12, 3, confirm, database_uri, tmp_path, secrets)
    for one, answers in enumerate(rounds):
        assert answers.count("confirmed") == 1
        assert set(answers) == {"confirmed", "setup-expired"}
        assert enrolment_of(state.store, f"account {one}") is not None
    assert len(list(state.store.enrolments())) == 3


def confirm_row(_: int, uri: str, lives: list[str]) -> Callable[[int], bool]:
    store = open_store(uri)
    return lambda one: store.confirm_enrolment(
        f"account {one}", lives[one], STEP, START, make_mark(f"account {one}", lives[one])
    )


@pytest.mark.requirement("ENR-08")
def test_of_40_processes_that_confirm_one_row_exactly_one_is_told_that_it_did(
    store: SqlStore, database_uri: str
) -> None:
    pendings = [make_pending(f"account {one}") for one in range(10)]
    for pending in pendings:
        store.open_enrolment(pending, START - 600, 10)
    rounds = race(40, 10, confirm_row, database_uri, [pending.id for pending in pendings])
    assert [sum(answers) for answers in rounds] == [1] * 10


def confirm_another(number: int, uri: str) -> Callable[[int], bool]:
    store = open_store(uri)

    def act(one: int) -> bool:
        subject = f"account {one}"
        pending = store.open_enrolment(make_pending(subject), START - 600, 10)
        if number % 2:
            return store.put_enrolment(make_confirmed(subject))
        return store.confirm_enrolment(subject, pending.id, STEP, START, make_mark(subject, pending.id))

    return act


@pytest.mark.requirement("ENR-08")
def test_of_16_sign_ins_that_each_set_up_a_key_of_their_own_one_account_gets_one_factor(
    store: SqlStore, database_uri: str
) -> None:
    rounds = race(16, 10, confirm_another, database_uri)
    assert [sum(answers) for answers in rounds] == [1] * 10
    assert len([found for found in store.enrolments() if found.confirmed_at is not None]) == 10


@pytest.mark.requirement("RPL-06")
def test_a_disable_that_races_with_a_new_enrolment_never_takes_the_newer_one_away(
    store: SqlStore, database_uri: str
) -> None:
    rounds = 15
    lives = [make_confirmed(f"account {one}") for one in range(rounds)]
    for life in lives:
        assert store.put_enrolment(life)
    answers = race(8, rounds, disable_and_enrol_again, database_uri, [life.id for life in lives])
    for one, round_ in enumerate(answers):
        assert sum(disabled for disabled, _ in round_) == 1, "the old one is disabled once"
        written = [life for _, life in round_ if life]
        found = enrolment_of(store, f"account {one}")
        assert [found.id if found else None] == written, "the new one stands"


def disable_and_enrol_again(number: int, uri: str, lives: list[str]) -> Callable[[int], tuple[bool, str]]:
    """Disable the old enrolment with a step of one's own; who did so enrols anew while the others still try."""
    store = open_store(uri)

    def act(one: int) -> tuple[bool, str]:
        subject = f"account {one}"
        disabled, written = False, ""
        for turn in range(6):
            step = STEP + number * 10 + turn
            if store.disable(subject, lives[one], step, Attempt(START, "unknown"), make_mark(subject)):
                newer = make_confirmed(subject)
                disabled = True
                written = newer.id if store.put_enrolment(newer) else "refused"
        return disabled, written

    return act


# --- the first start


def open_first(number: int, folder_or_uri: list[str], folder: Path) -> Callable[[int], str]:
    def act(one: int) -> str:
        state, _, _ = open_state(folder_or_uri[one], folder)
        state.store.standing("alice", new_digest())
        return state.decoy_key.hex()

    return act


@pytest.mark.slow
@pytest.mark.requirement("KEY-04")
def test_8_processes_that_open_a_new_store_at_once_make_its_tables_and_one_decoy_key(
    database_kind: str, database_uri: str, tmp_path: Path
) -> None:
    uris = [database_uri]
    if database_kind == "sqlite":
        uris = [f"sqlite:///{tmp_path / str(one) / 'twofactor.sqlite'}" for one in range(10)]
    rounds = race(8, len(uris), open_first, uris, tmp_path)
    assert [len(set(keys)) for keys in rounds] == [1] * len(uris)
    assert len({keys[0] for keys in rounds}) == len(uris)
    for uri in uris:
        assert open_store(uri).meta("schema") == SCHEMA_VERSION
