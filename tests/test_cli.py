"""``flask twofactor``, as an operator types it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result

from tests.support.commands import commands
from tests.support.host import Host


def run(host: Host, *arguments: str, answer: str | None = None) -> Result:
    return host.app.test_cli_runner().invoke(args=["twofactor", *arguments], input=answer)


def test_status_says_that_the_factor_is_on_and_since_when(enrolled: Host) -> None:
    result = run(enrolled, "status", "alice")
    assert result.exit_code == 0
    assert result.output.startswith("alice: two-factor is on since 2027-01-15T08:00:00Z\n")


def test_status_as_json_holds_the_account_key(enrolled: Host) -> None:
    result = run(enrolled, "status", "bob", "--json")
    expected = {"user": "bob", "key": "2", "enabled": False, "since": None, "required": False}
    assert expected.items() <= json.loads(result.output).items()


def test_an_unknown_account_is_exit_status_1(host: Host) -> None:
    result = run(host, "status", "nobody")
    assert result.exit_code == 1
    assert "there is no account 'nobody'" in result.output


def test_a_missing_argument_is_exit_status_2(host: Host) -> None:
    assert run(host, "status").exit_code == 2


@pytest.mark.parametrize("command", sorted(commands()))
def test_each_command_has_help(host: Host, command: str) -> None:
    result = run(host, command, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_list_names_enrolled_accounts_and_no_pending_ones(enrolled: Host) -> None:
    person = enrolled.person()
    person.log_in("bob")
    person.begin_setup()
    lines = [json.loads(line) for line in run(enrolled, "list", "--json").output.splitlines()]
    assert [line["key"] for line in lines] == ["1", "3"]


@pytest.mark.requirement("LIF-08")
def test_reset_takes_the_factor_away_at_the_next_request(enrolled: Host) -> None:
    person = enrolled.person()
    person.log_in("alice")
    assert person.me == "alice"
    result = run(enrolled, "reset", "alice", "--yes", "--by", "helpdesk")
    assert (result.exit_code, result.output) == (0, "alice: two-factor is off now\n")
    assert person.me is None
    del enrolled.secrets["alice"]
    person.log_in("alice")
    assert person.me == "alice"


def test_reset_asks_first_and_does_nothing_on_no(enrolled: Host) -> None:
    result = run(enrolled, "reset", "alice", answer="n\n")
    assert result.exit_code == 1
    assert "on since" in run(enrolled, "status", "alice").output


def test_reset_of_an_account_without_the_factor_is_exit_status_1(host: Host) -> None:
    assert run(host, "reset", "bob", "--yes").exit_code == 1


@pytest.mark.requirement("KEY-01")
def test_rotate_keys_leaves_no_row_that_needs_the_old_key(make_app: Callable[..., Host], tmp_path: Path) -> None:
    old = make_app(TWOFACTOR_KEY="old " * 10)
    old.enroll("alice")
    both = make_app(TWOFACTOR_KEY="new " * 10, TWOFACTOR_KEY_FALLBACKS=["old " * 10])
    both.secrets = old.secrets
    done = json.loads(run(both, "rotate-keys", "--json").output)
    assert done == {"resealed": 1, "current": 0, "unopened": [], "lost": []}
    new = make_app(TWOFACTOR_KEY="new " * 10)
    new.secrets = old.secrets
    person = new.person()
    person.log_in("alice")
    assert person.me == "alice"


def test_rotate_keys_names_the_accounts_whose_secret_no_key_opens(enrolled: Host, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "twofactor.sqlite")) as database, database:
        database.execute("UPDATE twofactor_enrolment SET sealed = '1.broken' WHERE subject = '1'")
    result = run(enrolled, "rotate-keys")
    assert result.exit_code == 1
    assert "no key opens the secret of 1" in result.output


def test_init_db_makes_the_store(host: Host, tmp_path: Path) -> None:
    assert run(host, "init-db").exit_code == 0
    assert (tmp_path / "twofactor.sqlite").exists()


def test_a_wrong_key_is_told_in_a_line_that_mends_it(make_app: Callable[..., Host]) -> None:
    make_app(TWOFACTOR_KEY="old " * 10).enroll("alice")
    result = run(make_app(TWOFACTOR_KEY="new " * 10), "init-db")
    assert result.exit_code == 1
    assert "TWOFACTOR_KEY_FALLBACKS" in result.output
    assert "Traceback" not in result.output


def test_doctor_finds_nothing_wrong_with_a_host_that_is_set_up(host: Host) -> None:
    result = run(host, "doctor")
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "log-in: our pages, at twofactor.identify",
        "hooks of yours: user_lookup",
        "step between the pages: in the session",
        "beside us: Flask-Login alone",
        "",
        "told  request-loader: the request_loader by_token finds nobody who has the factor: "
        "such accounts cannot use its way in",
        "       nothing, where that is wanted; else let it find accounts of machines, which have no factor",
        "told  login-user: legacy calls login_user itself: who has the factor owes the code then, "
        "and the gate asks for it",
        '       nothing has to be done; for our pages in its place: TwoFactor(app, login_endpoint="legacy")',
        "told  not-production: this is a test run or debug mode: "
        "keys, cookies, hooks, proxy and processes are not looked at",
        "       run doctor as the console runs in production, without --debug",
        "nothing wrong was found",
    ]


def test_doctor_says_what_is_weak_in_production(make_app: Callable[..., Host]) -> None:
    host = make_app(TESTING=False)
    result = run(host, "doctor", "--json")
    lines = [json.loads(line) for line in result.output.splitlines()]
    problems = [line["problem"] for line in lines]
    assert result.exit_code == 1
    assert all({"id", "severity", "problem", "mend"} <= set(line) for line in lines)
    assert ["shape" in line for line in lines] == [True, *[False] * (len(lines) - 1)]
    assert any("SESSION_COOKIE_SECURE" in problem for problem in problems)
    assert any("TWOFACTOR_KEY is not set" in problem for problem in problems)
