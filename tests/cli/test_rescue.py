"""``flask twofactor rescue``: from the operator's terminal to the person's new authenticator."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest

from flask_twofactor.core.codes import parse_recovery_code
from flask_twofactor.core.records import Notice
from flask_twofactor.core.totp import code_at, step_at
from tests.cli.running import as_json, lock, run
from tests.support.host import Clock, Host, Person
from tests.support.watching import dump, rows, session_of

PAGES = ["settings", "manage", "recovery", "authenticators", "authenticators/add", "sessions", "activity"]


def rescue(host: Host, user: str = "alice") -> str:
    """Let ann make a code on bea's word; give it."""
    result = run(host, "rescue", user, "--with", "bea", "--by", "ann", "--yes")
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()[0]


def log_in(host: Host, code: str, password: str = "alice-password", name: str = "alice", **fields: Any) -> Person:
    person = host.person()
    person.identify(name)
    person.credential(password, code, **fields)
    return person


def is_rescued(person: Person) -> bool:
    """Tell whether somebody is led to set-up, and reaches nothing else."""
    return person.me is None and person.get("/me").location == "/two-factor/setup?next=/me"


# --- the whole way


@pytest.mark.requirement("LIF-07", "LIF-08", "REC-02")
def test_a_rescued_person_sets_up_anew_and_what_was_lost_opens_nothing(enrolled: Host, clock: Clock) -> None:
    lost = enrolled.secrets["alice"]
    with enrolled.app.app_context():
        sheet = enrolled.two_factor.new_recovery_codes(enrolled.users["alice"])
    code = rescue(enrolled)

    person = enrolled.person()
    person.identify("alice", "/open")
    answer = person.credential("alice-password", code)
    assert answer.location == "/two-factor/setup?next=/open"
    assert person.get("/open").text == "False"
    assert is_rescued(person)
    for name in PAGES:
        assert "/two-factor/setup" in person.get(f"/two-factor/{name}").location, name
    page = person.begin_setup()
    assert "You logged in with a rescue code." in page.text
    assert "two-factor is on" in run(enrolled, "status", "alice").output

    enrolled.secrets["alice"] = person.secret
    done = person.post("/two-factor/setup?next=/open", code=enrolled.code("alice"))
    assert done.location == "/two-factor/recovery-codes?next=/open"
    assert len(re.findall(r"<li><code>tfrc-", person.get(done.location).text)) == 10
    assert person.me == "alice"

    clock.move(60)
    for dead in (code_at(lost, step_at(clock.at)), sheet[0], code):
        assert log_in(enrolled, dead).me is None
    assert log_in(enrolled, enrolled.code("alice")).me == "alice"


@pytest.mark.requirement("REC-02")
def test_a_code_is_used_up_by_the_log_in_whether_or_not_a_set_up_follows(enrolled: Host) -> None:
    code = rescue(enrolled)
    first = log_in(enrolled, code)
    assert is_rescued(first)
    second = log_in(enrolled, code)
    assert second.get("/me").location == "/two-factor/identify?next=%2Fme"
    first.get("/logout")
    assert log_in(enrolled, "").me is None  # the factor is on as ever
    assert log_in(enrolled, enrolled.code("alice")).me == "alice"


@pytest.mark.parametrize(("seconds", "opens"), [(3600, True), (3601, False)])
def test_a_code_is_good_until_the_second_that_was_printed(
    enrolled: Host, clock: Clock, seconds: int, opens: bool
) -> None:
    made = run(enrolled, "rescue", "alice", "--with", "bea", "--by", "ann", "--yes").output
    assert "good once, until 2027-01-15T09:00:00Z" in made
    clock.move(seconds)
    assert is_rescued(log_in(enrolled, made.splitlines()[0])) is opens


def test_the_setting_says_how_long_it_is_good(make_app: Callable[..., Host], clock: Clock) -> None:
    host = make_app(TWOFACTOR_RESCUE_SECONDS=300)
    host.enroll("alice")
    [made] = as_json(host, "rescue", "alice", "--with", "bea", "--by", "ann", "--yes")
    assert made["expires_at"] == "2027-01-15T08:05:00Z"
    clock.move(301)
    assert not is_rescued(log_in(host, made["code"]))


# --- what it does not do


@pytest.mark.requirement("VER-01", "VER-08")
def test_a_wrong_password_uses_no_code_up_and_lets_nobody_in(enrolled: Host) -> None:
    code = rescue(enrolled)
    assert not is_rescued(log_in(enrolled, code, password="wrong"))
    assert is_rescued(log_in(enrolled, code))


@pytest.mark.requirement("REC-01")
def test_the_code_of_one_account_is_none_of_another(enrolled: Host) -> None:
    code = rescue(enrolled)
    assert not is_rescued(log_in(enrolled, code, "mallory-password", "mallory"))
    assert is_rescued(log_in(enrolled, code))


@pytest.mark.requirement("LIF-01")
def test_it_neither_turns_the_factor_off_nor_changes_it_for_somebody_who_is_in(enrolled: Host, clock: Clock) -> None:
    person = log_in(enrolled, enrolled.code("alice"))
    code = rescue(enrolled)
    clock.move(30)
    for path in ("manage", "recovery", "authenticators/add"):
        fields = {"name": "Spare"} if path.endswith("add") else {}
        assert person.post(f"/two-factor/{path}", code=code, **fields).status_code == 200, path
    with enrolled.app.app_context():
        assert enrolled.two_factor.verify(enrolled.users["alice"], code) is False
    assert "two-factor is on" in run(enrolled, "status", "alice").output
    assert is_rescued(log_in(enrolled, code))  # and none of it used the code up


def test_the_console_s_own_log_in_takes_it_where_it_asks_for_the_code(enrolled: Host) -> None:
    code = rescue(enrolled)
    person = enrolled.person()
    person.legacy("alice")
    answer = person.post("/two-factor/challenge", code=code)
    assert answer.location == "/two-factor/setup"
    assert is_rescued(person)


@pytest.mark.requirement("SES-05")
def test_a_remembered_browser_owes_a_code_after_a_rescue_that_was_not_finished(enrolled: Host) -> None:
    person = log_in(enrolled, rescue(enrolled), remember="y")
    jar = {name: value for name, value in person.cookies().items() if name != "session"}
    person.use_cookies(jar)
    assert person.me is None
    assert "/two-factor/setup" not in str(person.get("/me").location)


@pytest.mark.requirement("TRB-03")
def test_a_browser_is_not_trusted_for_a_rescue_code(make_app: Callable[..., Host]) -> None:
    host = make_app(TWOFACTOR_TRUSTED_BROWSERS=True)
    host.enroll("alice")
    log_in(host, rescue(host), trust="y")
    assert rows(host, "twofactor_trusted") == []


@pytest.mark.requirement("THR-10")
def test_an_account_whose_codes_are_refused_after_too_many_wrong_ones_is_rescued(enrolled: Host, clock: Clock) -> None:
    lock(enrolled, "1")
    person = log_in(enrolled, rescue(enrolled))
    assert is_rescued(person)
    person.set_up("alice")
    assert person.me == "alice"


@pytest.mark.parametrize("ends", ["another", "reset", "recovery codes", "disabled"])
def test_a_code_ends_with_the_next_one_and_with_what_it_was_made_for(enrolled: Host, clock: Clock, ends: str) -> None:
    code = rescue(enrolled)
    if ends == "another":
        rescue(enrolled)
    elif ends == "reset":
        run(enrolled, "reset", "alice", "--yes", "--by", "ops")
        enrolled.enroll("alice")
    elif ends == "recovery codes":
        with enrolled.app.app_context():
            enrolled.two_factor.new_recovery_codes(enrolled.users["alice"])
    else:
        person = log_in(enrolled, enrolled.code("alice"))
        clock.move(30)
        person.disable("alice")
        person.set_up("alice")
    assert not is_rescued(log_in(enrolled, code))


# --- the terminal


def test_the_code_is_printed_with_its_prefix_and_is_of_120_bits(enrolled: Host) -> None:
    code = rescue(enrolled)
    assert re.fullmatch(r"tfrs(-[0-9a-hjkmnp-tv-z]{4}){6}", code)
    assert rescue(enrolled) != code


def test_the_code_as_json(enrolled: Host) -> None:
    [made] = as_json(enrolled, "rescue", "alice", "--with", "bea", "--by", "ann", "--yes")
    assert is_rescued(log_in(enrolled, made.pop("code")))
    assert made == {"user": "alice", "key": "1", "expires_at": "2027-01-15T09:00:00Z"}


def test_it_asks_first_on_standard_error_and_makes_nothing_on_no(enrolled: Host) -> None:
    asked = run(enrolled, "rescue", "alice", "--with", "bea", "--by", "ann", answer="n\n")
    assert (asked.exit_code, asked.stdout) == (1, "")
    assert "Make a rescue code for alice, on the word of bea?" in asked.stderr
    assert dump(enrolled)["recovery"] == []
    agreed = run(enrolled, "rescue", "alice", "--with", "bea", "--by", "ann", "--json", answer="y\n")
    assert json.loads(agreed.stdout)["user"] == "alice"


@pytest.mark.parametrize(
    ("by", "witness"), [("ann", "ann"), ("ann", " ANN "), ("ann", "  "), ("ann", "alice"), ("ann", " Alice ")]
)
def test_it_takes_two_people_and_the_owner_is_none_of_those_who_vouch(enrolled: Host, by: str, witness: str) -> None:
    result = run(enrolled, "rescue", "alice", "--by", by, "--with", witness, "--yes")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "people" in result.stderr or "alice cannot vouch for alice" in result.stderr
    assert result.stderr.count("\n") == 1
    assert dump(enrolled)["recovery"] == []


def test_nobody_who_vouches_is_exit_status_2(enrolled: Host) -> None:
    assert run(enrolled, "rescue", "alice", "--by", "ann", "--yes").exit_code == 2


def test_an_account_without_the_factor_needs_none(enrolled: Host) -> None:
    result = run(enrolled, "rescue", "bob", "--with", "bea", "--by", "ann", "--yes")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: the account has no factor: its password alone logs in\n"


# --- the record


@pytest.mark.requirement("LOG-01", "LIF-06")
def test_both_names_are_recorded_and_the_owner_is_told(make_app: Callable[..., Host]) -> None:
    told: list[str] = []

    def tell(user: Any, notice: Notice) -> None:
        told.append(notice.kind)

    host = make_app(wire=lambda two_factor: two_factor.notify(tell))
    host.enroll("alice")
    log_in(host, rescue(host))
    kinds = {one["kind"]: one["details"] for one in as_json(host, "events", "alice")}
    assert kinds["twofactor-rescue-issued"] == {"by": "ann", "witness": "bea", "expires_at": int(host.clock.at) + 3600}
    assert kinds["twofactor-logged-in"] == {"by": "rescue", "factor": True, "offset": None}
    assert "twofactor-rescue-used" in kinds
    assert told == ["rescue-issued", "rescue-used"]


@pytest.mark.requirement("LOG-02", "STO-04")
def test_the_code_is_in_no_log_no_table_and_no_session(enrolled: Host, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        code = rescue(enrolled)
        before = repr(dump(enrolled)) + repr(rows(enrolled, "twofactor_event"))
        person = log_in(enrolled, code)
        log_in(enrolled, code)
    after = repr(dump(enrolled)) + repr(rows(enrolled, "twofactor_event"))
    seen = before + after + caplog.text + repr([vars(one) for one in caplog.records]) + repr(session_of(person))
    assert "rescue-issued" in caplog.text
    for text in (code, str(parse_recovery_code(code)), code.removeprefix("tfrs-")):
        assert text not in seen
