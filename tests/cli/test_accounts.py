"""``flask twofactor list`` and ``status``: who has the factor, and all that there is to know of one account."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_twofactor import TwoFactor
from flask_twofactor.core.budget import HARD_STOP, Budget
from flask_twofactor.core.records import Account
from flask_twofactor.core.totp import code_at, step_at
from flask_twofactor.flows import accounts
from tests.cli.running import as_json, lock, run
from tests.support.host import Clock, Host, secret_on
from tests.support.watching import broken_store, dump, ghost, state_of, tamper

DAY = 86400
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"


def keys(host: Host, *filters: str) -> list[str]:
    return [one["key"] for one in as_json(host, "list", *filters)]


def status(host: Host, user: str) -> dict[str, Any]:
    [found] = as_json(host, "status", user)
    return found


def mandatory_for_bob(two_factor: TwoFactor) -> None:
    two_factor.requirement(lambda user: user.username == "bob")


@pytest.fixture
def mixed(enrolled: Host) -> Host:
    """Alice: on. Bob: required. Mallory: on, required and locked. Carol: nothing."""
    for name in ("bob", "mallory"):
        assert run(enrolled, "require", name, "--by", "ops").exit_code == 0
    lock(enrolled, "3")
    return enrolled


# --- list


@pytest.mark.parametrize(
    ("filters", "listed"),
    [
        ((), ["1", "3"]),
        (("--enabled",), ["1", "3"]),
        (("--required",), ["2", "3"]),
        (("--locked",), ["3"]),
        (("--enabled", "--required"), ["3"]),
        (("--required", "--locked"), ["3"]),
        (("--enabled", "--required", "--locked"), ["3"]),
    ],
)
def test_the_list_holds_those_for_whom_all_is_so_that_is_asked_for(
    mixed: Host, filters: tuple[str, ...], listed: list[str]
) -> None:
    assert keys(mixed, *filters) == listed


def test_a_row_says_whether_and_since_when_it_is_on_required_and_locked(mixed: Host) -> None:
    assert as_json(mixed, "list", "--required") == [
        {"key": "2", "enabled": False, "since": None, "required": True, "grace_until": None, "locked": False},
        {"key": "3", "enabled": True, "since": "2027-01-15T08:00:00Z", "required": True, "grace_until": None,
         "locked": True},
    ]  # fmt: skip
    assert run(mixed, "list", "--required").output == (
        "off                   2  required\n2027-01-15T08:00:00Z  3  required  locked\n"
    )


def test_the_grace_of_a_person_is_listed_once_it_has_begun(make_app: Callable[..., Host]) -> None:
    host = make_app(TWOFACTOR_GRACE_SECONDS=3 * DAY)
    run(host, "require", "bob", "--by", "ops")
    assert as_json(host, "list", "--required")[0]["grace_until"] is None
    host.person().log_in("bob")
    assert as_json(host, "list", "--required")[0]["grace_until"] == "2027-01-18T08:00:00Z"
    assert "2  required  grace until 2027-01-18T08:00:00Z\n" in run(host, "list", "--required").output


def test_rows_that_stand_in_for_no_account_are_never_listed(enrolled: Host) -> None:
    person = enrolled.person()
    person.identify(ghost(enrolled, box=True))
    person.credential("whatever", "123456")
    decoys = [row["subject"] for row in dump(enrolled)["account"] if row["subject"].startswith("decoy:")]
    assert decoys
    for decoy in decoys:
        lock(enrolled, decoy)
        state_of(enrolled).store.set_required(decoy, True)
    assert keys(enrolled) == ["1", "3"]
    assert keys(enrolled, "--locked") == keys(enrolled, "--required") == []


def test_a_lock_that_has_passed_is_listed_no_more(mixed: Host, clock: Clock) -> None:
    clock.move(DAY)
    assert keys(mixed, "--locked") == []


def test_an_account_that_was_turned_off_is_listed_no_more(enrolled: Host) -> None:
    run(enrolled, "reset", "alice", "--yes", "--by", "ops")
    assert keys(enrolled) == ["3"]


def test_a_key_that_would_do_something_to_a_terminal_is_shown_as_it_is_written(host: Host) -> None:
    state_of(host).store.set_required("x\x1b[2Jy", True)
    assert run(host, "list", "--required").output == f"{'off':20}  'x\\x1b[2Jy'  required\n"
    assert keys(host, "--required") == ["x\x1b[2Jy"]


def test_a_long_list_is_printed_while_it_is_read(host: Host) -> None:
    """Counted: of all the accounts that the store gives, no more than two are ever held."""
    alive = most = 0

    def gone() -> None:
        nonlocal alive
        alive -= 1

    class Many:
        def __init__(self, store: Any) -> None:
            self._store = store

        def __getattr__(self, verb: str) -> Any:
            return getattr(self._store, verb)

        def accounts(self) -> Iterator[Account]:
            nonlocal alive, most
            for number in range(5000):
                one = Account(f"{number:06}", "factor", number, False, 0, Budget())
                alive, most = alive + 1, max(most, alive + 1)
                weakref.finalize(one, gone)
                yield one
                del one

    state = state_of(host)
    state.__dict__["store"] = Many(state.store)
    assert run(host, "list").stdout.count("\n") == 5000
    assert most <= 2


def test_the_help_of_the_list_says_whom_the_filter_cannot_know(host: Host) -> None:
    assert "Not for whom the console's own rule does" in " ".join(run(host, "list", "--help").output.split())


# --- status


def test_the_status_of_an_account_that_was_never_seen(host: Host) -> None:
    assert status(host, "bob") == {
        "user": "bob", "key": "2", "enabled": False, "since": None, "authenticators": [], "recovery_codes_left": 0,
        "required": False, "required_by": [], "grace_until": None, "locked": False, "locked_until": None,
        "new_browsers_locked_until": None, "stopped": False, "sessions": [], "trusted_browsers": [], "events": [],
    }  # fmt: skip
    assert dump(host)["account"] == []


def test_the_status_says_everything_of_an_account_in_use(make_app: Callable[..., Host], clock: Clock) -> None:
    host = make_app(TWOFACTOR_TRUSTED_BROWSERS=True)
    host.enroll("alice")
    with host.app.app_context():
        host.two_factor.new_recovery_codes(host.users["alice"])
    clock.move(60)
    person = host.person(REMOTE_ADDR="198.51.100.7", HTTP_USER_AGENT=FIREFOX)
    person.log_in("alice", trust="y")
    clock.move(60)
    person.post("/two-factor/authenticators/add", name="Spare", code=host.code("alice"))
    spare = secret_on(person.get("/two-factor/authenticators/new"))
    person.post("/two-factor/authenticators/new", code=code_at(spare, step_at(clock.at)))
    found = status(host, "alice")
    assert found["authenticators"] == [
        {"name": "Authenticator app", "since": "2027-01-15T08:00:00Z", "last_used": "2027-01-15T08:02:00Z"},
        {"name": "Spare", "since": "2027-01-15T08:02:00Z", "last_used": "2027-01-15T08:02:00Z"},
    ]
    assert (found["enabled"], found["since"], found["recovery_codes_left"]) == (True, "2027-01-15T08:00:00Z", 10)
    place = {"since": "2027-01-15T08:01:00Z", "source": "198.51.100.0/24", "agent": FIREFOX}
    assert found["sessions"] == found["trusted_browsers"] == [{**place, "last_seen": "2027-01-15T08:01:00Z"}]
    assert [event["kind"] for event in found["events"]] == [
        "twofactor-authenticator-added", "twofactor-trusted-browser-added", "twofactor-logged-in",
        "twofactor-recovery-codes-renewed", "twofactor-enabled",
    ]  # fmt: skip
    assert run(host, "status", "alice").output.splitlines() == [
        "alice: two-factor is on since 2027-01-15T08:00:00Z",
        "  key: 1",
        "  authenticator: Authenticator app, since 2027-01-15T08:00:00Z, last used 2027-01-15T08:02:00Z",
        "  authenticator: Spare, since 2027-01-15T08:02:00Z, last used 2027-01-15T08:02:00Z",
        "  recovery codes left: 10",
        "  mandatory: no",
        "  codes: accepted",
        "  live sessions: 1",
        "    since 2027-01-15T08:01:00Z, last seen 2027-01-15T08:01:00Z, 198.51.100.0/24, Firefox on Linux",
        "  trusted browsers: 1",
        "    since 2027-01-15T08:01:00Z, last seen 2027-01-15T08:01:00Z, 198.51.100.0/24, Firefox on Linux",
        "  last events:",
        "    2027-01-15T08:02:00Z  authenticator-added  198.51.100.0/24  Firefox on Linux  name='Spare'",
        "    2027-01-15T08:01:00Z  trusted-browser-added  198.51.100.0/24  Firefox on Linux",
        "    2027-01-15T08:01:00Z  logged-in  198.51.100.0/24  Firefox on Linux  by='code'  factor=True  offset=0",
        "    2027-01-15T08:00:00Z  recovery-codes-renewed",
        "    2027-01-15T08:00:00Z  enabled",
    ]


def test_the_status_says_by_whom_the_factor_is_mandatory(make_app: Callable[..., Host]) -> None:
    host = make_app(wire=mandatory_for_bob)
    assert status(host, "bob")["required_by"] == ["hook"]
    run(host, "require", "bob", "--by", "ops")
    run(host, "require", "carol", "--by", "ops")
    assert status(host, "bob")["required_by"] == ["operator", "hook"]
    assert status(host, "carol")["required_by"] == ["operator"]
    assert [status(host, name)["required"] for name in ("alice", "bob", "carol")] == [False, True, True]
    operator, hook = "an operator says so (flask twofactor require)", "the console's own rule says so"
    assert f"  mandatory: yes; {operator}; {hook}\n" in run(host, "status", "bob").output


def test_who_looks_begins_nobody_s_grace(make_app: Callable[..., Host], clock: Clock) -> None:
    host = make_app(TWOFACTOR_GRACE_SECONDS=3 * DAY, wire=mandatory_for_bob)
    assert status(host, "bob")["grace_until"] is None
    clock.move(DAY)
    host.person().log_in("bob")
    assert status(host, "bob")["grace_until"] == "2027-01-19T08:00:00Z"
    assert "grace until 2027-01-19T08:00:00Z" in run(host, "status", "bob").output


def test_the_status_says_until_when_no_code_is_accepted(enrolled: Host, clock: Clock) -> None:
    lock(enrolled, "1")
    clock.move(3600)
    found = status(enrolled, "alice")
    assert (found["locked"], found["stopped"]) == (True, False)
    assert found["locked_until"] == found["new_browsers_locked_until"] == "2027-01-16T08:00:00Z"
    line = "none is accepted until 2027-01-16T08:00:00Z, after too many wrong ones; recovery codes are"
    assert f"  codes: {line}\n" in run(enrolled, "status", "alice").output
    clock.move(DAY - 3600)
    assert status(enrolled, "alice")["locked"] is False
    assert "  codes: accepted\n" in run(enrolled, "status", "alice").output


def test_the_status_says_where_new_browsers_alone_have_to_wait(enrolled: Host) -> None:
    lock(enrolled, "1", known=False)
    found = status(enrolled, "alice")
    assert (found["locked"], found["locked_until"]) == (False, None)
    assert found["new_browsers_locked_until"] == "2027-01-16T08:00:00Z"
    line = "accepted from browsers that were used before; from others not until 2027-01-16T08:00:00Z"
    assert f"  codes: {line}\n" in run(enrolled, "status", "alice").output


def test_the_status_says_that_no_waiting_helps_after_a_hundred_wrong_codes(enrolled: Host) -> None:
    tamper(enrolled, "UPDATE twofactor_account SET in_a_row = ? WHERE subject = '1'", HARD_STOP)
    found = status(enrolled, "alice")
    assert (found["locked"], found["stopped"], found["locked_until"]) == (True, True, None)
    assert "none is accepted until the factor is set up anew" in run(enrolled, "status", "alice").output


def test_sessions_that_have_ended_are_not_counted(enrolled: Host, clock: Clock) -> None:
    for _ in range(2):
        clock.move(30)
        person = enrolled.person()
        person.log_in("alice")
    person.get("/logout")
    assert len(status(enrolled, "alice")["sessions"]) == 1
    clock.move(DAY)
    assert status(enrolled, "alice")["sessions"] == []


def test_trust_that_is_switched_off_is_not_shown(make_app: Callable[..., Host]) -> None:
    host = make_app(TWOFACTOR_TRUSTED_BROWSERS=True)
    host.enroll("alice")
    host.person().log_in("alice", trust="y")
    assert len(status(host, "alice")["trusted_browsers"]) == 1
    assert status(make_app(), "alice")["trusted_browsers"] == []


def test_the_status_shows_the_last_few_events_alone(enrolled: Host) -> None:
    for _ in range(accounts.EVENTS + 5):
        run(enrolled, "end-sessions", "alice", "--by", "ops")
    assert len(status(enrolled, "alice")["events"]) == accounts.EVENTS


def test_a_hook_that_fails_is_told_in_a_line(make_app: Callable[..., Host]) -> None:
    def fails(user: Any) -> bool:
        raise KeyError(user.username)

    def wire(two_factor: TwoFactor) -> None:
        two_factor.requirement(fails)

    host = make_app(wire=wire)
    result = run(host, "status", "bob")
    assert (result.exit_code, result.stderr) == (1, "Error: the hook requirement raised KeyError\n")


@pytest.mark.parametrize(
    ("verb", "command"),
    [
        ("accounts", ["list"]),
        ("account", ["status", "alice"]),
        ("events", ["events"]),
        ("set_required", ["require", "alice"]),
        ("reset", ["reset", "alice", "--yes"]),
        ("add_rescue", ["rescue", "alice", "--with", "bea", "--by", "ann", "--yes"]),
        ("end_sessions", ["end-sessions", "alice"]),
        ("enrolments", ["rotate-keys"]),
        ("purge", ["purge"]),
    ],
)
def test_a_store_that_does_not_answer_is_told_in_a_line(enrolled: Host, verb: str, command: list[str]) -> None:
    with broken_store(enrolled, verb) as failed:
        result = run(enrolled, *command)
    assert failed == [verb]
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: a test made the store fail\n"
