"""The log-in as a whole: password and code judged together, and every failure alike."""

from __future__ import annotations

import ast
import contextlib
import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pyotp.otp
import pytest
from flask_login import FlaskLoginClient
from werkzeug.test import TestResponse

import flask_twofactor
from flask_twofactor import TwoFactor
from flask_twofactor.errors import SettingError
from flask_twofactor.web.session import KNOWN_COOKIE
from tests.support.host import Clock, Host, Person, alert, csrf_token
from tests.support.watching import (
    Heard,
    WatchedVerbs,
    asks_code,
    bare,
    ghost,
    rows,
    session_of,
    state_of,
    tamper,
    watched_store,
)

MakeApp = Callable[..., Host]
Attempt = tuple[str, str, str | None]
"""Name, password, and code or None for a form without that field."""

DAY = 86400


def addresses() -> Iterator[str]:
    """Give addresses of strangers, each of another source."""
    for number in range(60000):
        yield f"10.{number // 250 + 1}.{number % 250}.7" if number % 2 else f"2001:db8:{number:x}::7"


def attempt(host: Host, given: Attempt, address: str) -> TestResponse:
    """Submit the credential page once, from a new browser at ``address``."""
    person = host.person(REMOTE_ADDR=address)
    return submit(person, csrf_token(person.get("/two-factor/identify")), given)


def submit(person: Person, token: str, given: Attempt) -> TestResponse:
    """Post both pages, with the token of the browser's session."""
    name, password, code = given
    sent = {"csrf_token": token, "identifier": name}
    answer = person.client.post("/two-factor/identify", data=sent, environ_overrides=person.environ)
    assert answer.location == "/two-factor/credential"
    person.get("/two-factor/credential")
    data = {"csrf_token": token, "password": password, **({} if code is None else {"code": code})}
    return person.client.post("/two-factor/credential", data=data, environ_overrides=person.environ)


def guess(host: Host, count: int, source: Iterator[str], name: str = "alice") -> list[TestResponse]:
    """Try ``count`` wrong codes after the right password, each from another address and session."""
    given = (name, f"{name}-password", host.wrong_code(name))
    return [attempt(host, given, next(source)) for _ in range(count)]


def right(host: Host, name: str = "alice") -> Attempt:
    return name, f"{name}-password", host.code(name)


# Every way to fail on a page with a code box: each prepares a host and gives the attempt that must fail.


def _absent(host: Host) -> Attempt:
    return ghost(host, box=True), "any password", "123456"


def _absent_without_code(host: Host) -> Attempt:
    return ghost(host, box=True), "any password", None


def _wrong_password(host: Host) -> Attempt:
    return "alice", "not hers", host.code("alice")


def _wrong_password_and_code(host: Host) -> Attempt:
    return "alice", "not hers", host.wrong_code("alice")


def _no_password(host: Host) -> Attempt:
    return "alice", "", host.code("alice")


def _missing_code(host: Host) -> Attempt:
    return "alice", "alice-password", None


def _empty_code(host: Host) -> Attempt:
    return "alice", "alice-password", ""


def _malformed_code(host: Host) -> Attempt:
    return "alice", "alice-password", "12345"


def _wrong_code(host: Host) -> Attempt:
    return "alice", "alice-password", host.wrong_code("alice")


def _replayed_code(host: Host) -> Attempt:
    assert host.person().log_in("alice").status_code == 302
    return right(host)


def _older_code(host: Host) -> Attempt:
    assert host.person().log_in("alice").status_code == 302
    return "alice", "alice-password", host.code("alice", -1)


def _code_of_another_account(host: Host) -> Attempt:
    return "alice", "alice-password", host.code("mallory")


def _code_five_steps_ahead(host: Host) -> Attempt:
    return "alice", "alice-password", host.code("alice", 5)


def _code_two_steps_behind(host: Host) -> Attempt:
    return "alice", "alice-password", host.code("alice", -2)


def _spent_budget(host: Host) -> Attempt:
    guess(host, 10, addresses())
    return right(host)


def _inactive(host: Host) -> Attempt:
    host.users["alice"].active = False
    return right(host)


def _inactive_with_wrong_password(host: Host) -> Attempt:
    host.users["alice"].active = False
    return "alice", "not hers", host.code("alice")


def _undecryptable_secret(host: Host) -> Attempt:
    assert tamper(host, "UPDATE twofactor_enrolment SET sealed = '1.' || hex(randomblob(48)) WHERE subject = '1'") == 1
    return right(host)


def _unparsable_secret(host: Host) -> Attempt:
    assert tamper(host, "UPDATE twofactor_enrolment SET sealed = '' WHERE subject = '1'") == 1
    return right(host)


FAILURES = (
    _absent,
    _absent_without_code,
    _wrong_password,
    _wrong_password_and_code,
    _no_password,
    _missing_code,
    _empty_code,
    _malformed_code,
    _wrong_code,
    _replayed_code,
    _older_code,
    _code_of_another_account,
    _code_five_steps_ahead,
    _code_two_steps_behind,
    _spent_budget,
    _inactive,
    _inactive_with_wrong_password,
    _undecryptable_secret,
    _unparsable_secret,
)
each_failure = pytest.mark.parametrize("prepare", FAILURES, ids=lambda prepare: prepare.__name__[1:])


@pytest.mark.requirement("VER-01", "VER-08")
def test_password_and_code_together_log_in(enrolled: Host) -> None:
    alice = enrolled.person()
    answer = alice.log_in("alice")
    assert answer.status_code in (302, 303)
    assert alice.me == "alice"


@pytest.mark.requirement("VER-01")
def test_a_right_password_with_a_wrong_code_leaves_no_trace_in_the_session(enrolled: Host) -> None:
    person = enrolled.person()
    page = person.identify("alice")
    before = person.cookies()
    data = {"csrf_token": csrf_token(page), "password": "alice-password", "code": enrolled.wrong_code("alice")}
    answer = person.client.post("/two-factor/credential", data=data)
    assert answer.status_code == 200
    assert alert(answer)
    assert "Set-Cookie" not in answer.headers
    assert person.cookies() == before
    assert person.me is None


@each_failure
@pytest.mark.requirement("VER-01", "SES-11")
def test_a_failure_leaves_the_session_cookie_as_it_was_byte_for_byte(
    enrolled: Host, prepare: Callable[[Host], Attempt]
) -> None:
    name, password, code = prepare(enrolled)
    person = enrolled.person()
    page = person.identify(name)
    before = person.cookies()
    assert "session" in before
    data = {"csrf_token": csrf_token(page), "password": password, **({} if code is None else {"code": code})}
    answer = person.client.post("/two-factor/credential", data=data)
    assert answer.status_code == 200
    assert answer.headers.getlist("Set-Cookie") == []
    assert person.cookies() == before
    assert person.me is None
    assert person.get("/open").text == "False"


@each_failure
@pytest.mark.requirement("VER-06")
def test_every_failure_is_the_same_page_byte_for_byte(enrolled: Host, prepare: Callable[[Host], Attempt]) -> None:
    given = prepare(enrolled)
    failed = attempt(enrolled, given, "192.0.2.1")
    usual = attempt(enrolled, ("carol", "not hers", "123456"), "192.0.2.2")
    assert not asks_code(usual), "carol has no factor: her page is of the other kind"
    reference = attempt(enrolled, ("alice", "not hers", "000000"), "192.0.2.3")
    assert reference.status_code == 200
    assert alert(reference) == "These details are not right. Check them and try again."
    assert bare(failed, given[0]) == bare(reference, "alice")


@pytest.mark.requirement("VER-06", "ENU-06")
def test_an_absent_name_without_a_code_box_fails_as_a_password_only_account_does(host: Host) -> None:
    absent = ghost(host, box=False)
    failed = attempt(host, (absent, "any password", None), "192.0.2.1")
    wrong = attempt(host, ("carol", "not hers", None), "192.0.2.2")
    host.users["carol"].active = False
    inactive = attempt(host, ("carol", "carol-password", None), "192.0.2.3")
    assert alert(failed)
    assert not asks_code(failed)
    assert bare(failed, absent) == bare(wrong, "carol") == bare(inactive, "carol")


@pytest.mark.requirement("VER-06", "ENU-01")
def test_the_page_before_the_submission_is_the_same_for_a_decoy_and_an_account(enrolled: Host) -> None:
    absent = ghost(enrolled, box=True)
    decoy, real = enrolled.person().identify(absent), enrolled.person().identify("alice")
    assert asks_code(decoy)
    assert _without_cookie(bare(decoy, absent)) == _without_cookie(bare(real, "alice"))


def _without_cookie(found: tuple[str, list[tuple[str, str]], str]) -> tuple[str, list[tuple[str, str]], str]:
    status, headers, body = found
    return status, [(key, "" if key == "Set-Cookie" else value) for key, value in headers], body


# What is done, whatever failed


@contextlib.contextmanager
def traced(host: Host) -> Iterator[list[str]]:
    """Note, in order, each verb of store and throttle, each hook and user loaded, and each HMAC of a code.

    What waits for the end of the response is among them.
    """
    trace: list[str] = []
    state, manager = state_of(host), vars(host.app)["login_manager"]
    hooks: Any = state.hooks

    def noting(name: str, called: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            trace.append(name)
            return called(*arguments, **named)

        return call

    before = dict(vars(hooks))
    real = vars(pyotp.otp)["hmac"]
    with watched_store(host, lambda verb: trace.append(f"store.{verb}")):
        for name, hook in before.items():
            setattr(hooks, name, noting(f"hook.{name}", hook))
        vars(pyotp.otp)["hmac"] = SimpleNamespace(new=noting("hmac", real.new), compare_digest=real.compare_digest)
        throttle, loader = state.throttle, manager._user_callback
        state.__dict__["throttle"] = WatchedVerbs(throttle, lambda verb: trace.append(f"throttle.{verb}"))
        manager._user_callback = noting("user_loader", loader)
        try:
            yield trace
        finally:
            state.__dict__["throttle"] = throttle
            manager._user_callback = loader
            vars(pyotp.otp)["hmac"] = real
            vars(hooks).update(before)


def trace_of(host: Host, given: Attempt) -> list[str]:
    """Give what the submission of ``given`` alone makes the app do."""
    name, password, code = given
    person = host.person(REMOTE_ADDR="192.0.2.9")
    page = person.identify(name)
    data = {"csrf_token": csrf_token(page), "password": password, **({} if code is None else {"code": code})}
    with traced(host) as trace:
        answer = person.client.post("/two-factor/credential", data=data, environ_overrides=person.environ)
    assert answer.status_code == 200
    assert alert(answer)
    return trace


ACCOUNT_HOOKS = ("hook.user_key", "hook.may_login")
"""Hooks that take an account, so that there is nobody to call them with where there is none."""


@each_failure
@pytest.mark.requirement("VER-07")
def test_every_failure_does_the_same_work_in_the_same_order(enrolled: Host, prepare: Callable[[Host], Attempt]) -> None:
    given = prepare(enrolled)
    trace = trace_of(enrolled, given)
    reference = trace_of(enrolled, ("mallory", "mallory-password", enrolled.wrong_code("mallory")))
    assert reference.count("hook.password_check") == 1
    assert reference.count("hmac") == 3
    assert reference.count("throttle.alarms") == 1
    verbs = ["store.factor", "store.charge", "store.meta", "store.spend"]
    assert [step for step in reference if step.startswith("store.")][:4] == verbs
    if given[0] not in enrolled.users:
        trace, reference = ([step for step in one if step not in ACCOUNT_HOOKS] for one in (trace, reference))
    assert trace == reference


@pytest.mark.requirement("VER-07", "THR-04")
def test_a_spent_budget_does_the_work_of_a_wrong_code(enrolled: Host) -> None:
    before = trace_of(enrolled, ("alice", "alice-password", enrolled.wrong_code("alice")))
    guess(enrolled, 9, addresses())
    heard = Heard(enrolled)
    assert trace_of(enrolled, right(enrolled)) == before
    assert heard.rejections == ["budget"]


@pytest.mark.requirement("VER-04")
@pytest.mark.parametrize("steps", [-1, 0, 1, 5])
def test_three_hmacs_are_made_and_compared_whatever_matched(enrolled: Host, steps: int) -> None:
    person = enrolled.person()
    page = person.identify("alice")
    data = {"csrf_token": csrf_token(page), "password": "alice-password", "code": enrolled.code("alice", steps)}
    with traced(enrolled) as trace:
        answer = person.client.post("/two-factor/credential", data=data)
    assert (answer.status_code == 302) is (steps in (-1, 0, 1))
    assert trace.count("hmac") == 3


# Whether a code is needed


@pytest.mark.requirement("VER-02")
def test_the_need_for_a_code_is_computed_for_the_name_that_is_submitted(enrolled: Host) -> None:
    """Attack 3: a password-only account on page one, another one's name in the form."""
    person = enrolled.person()
    assert not asks_code(person.identify("bob"))
    answer = person.credential("alice-password", identifier="alice")
    assert answer.status_code == 200
    assert alert(answer)
    assert person.me is None


@pytest.mark.requirement("VER-02")
def test_a_name_in_the_form_never_gets_in_by_the_password_of_the_name_on_page_one(enrolled: Host) -> None:
    person = enrolled.person()
    person.identify("bob")
    answer = person.credential("bob-password", identifier="alice")
    assert answer.status_code == 200
    assert person.me is None


@pytest.mark.requirement("VER-02")
@pytest.mark.parametrize("field", ["asks_code", "needs_code", "enabled", "skip", "subject", "user", "user_id"])
def test_no_form_field_waives_the_code(enrolled: Host, field: str) -> None:
    for value in ("", "0", "false", "2"):
        person = enrolled.person(REMOTE_ADDR=f"192.0.2.{len(value)}")
        person.identify("alice")
        answer = person.credential("alice-password", **{field: value})
        assert answer.status_code == 200
        assert person.me is None


@pytest.mark.requirement("VER-02")
def test_no_value_planted_in_the_session_waives_the_code(enrolled: Host) -> None:
    person = enrolled.person()
    for key in ("asks_code", "_twofactor_mark", "_twofactor_note", "verified", "mfa", "_user_id", "_fresh"):
        person.get(f"/plant/{key}/1")
    person.identify("alice")
    assert person.credential("alice-password").status_code == 200
    assert person.me is None


@pytest.mark.requirement("VER-02")
def test_two_tabs_with_two_names_never_log_the_other_name_in(enrolled: Host) -> None:
    """Attack 7: tab one has mallory's page, tab two made alice the session's name."""
    person = enrolled.person()
    first = person.identify("mallory")
    person.identify("alice")
    sent = {"csrf_token": csrf_token(first), "password": "mallory-password", "code": enrolled.code("mallory")}
    answer = person.client.post("/two-factor/credential", data={**sent, "identifier": "mallory"})
    assert answer.status_code == 302
    assert person.me == "mallory"


@pytest.mark.requirement("VER-02")
def test_a_tab_that_carries_no_name_is_judged_by_the_last_name_given(enrolled: Host) -> None:
    person = enrolled.person()
    first = person.identify("mallory")
    person.identify("alice")
    sent = {"csrf_token": csrf_token(first), "password": "mallory-password", "code": enrolled.code("mallory")}
    answer = person.client.post("/two-factor/credential", data=sent)
    assert answer.status_code == 200
    assert person.me is None


@pytest.mark.requirement("VER-02")
def test_a_factor_disabled_between_the_pages_is_not_asked_for(enrolled: Host) -> None:
    """Attack 9: the page had a code box, the account no longer has a factor."""
    person, owner = enrolled.person(), enrolled.person()
    assert asks_code(person.identify("alice"))
    owner.log_in("alice")
    enrolled.clock.move(30)
    assert owner.disable("alice").status_code == 302
    assert person.credential("alice-password", "junk").status_code == 302
    assert person.me == "alice"


@pytest.mark.requirement("VER-02")
def test_a_factor_disabled_between_the_pages_tells_nothing_without_the_password(enrolled: Host) -> None:
    person, owner = enrolled.person(), enrolled.person()
    person.identify("alice")
    owner.log_in("alice")
    enrolled.clock.move(30)
    owner.disable("alice")
    answer = person.credential("not hers", "123456")
    assert alert(answer) == "These details are not right. Check them and try again."


@pytest.mark.requirement("VER-02")
def test_a_factor_enabled_between_the_pages_is_asked_for(host: Host) -> None:
    person = host.person()
    assert not asks_code(person.identify("bob"))
    host.enroll("bob")
    assert person.credential("bob-password").status_code == 200
    assert person.me is None


# Nothing between the pages is a log-in


def _pages(host: Host) -> list[str]:
    rules = host.app.url_map.iter_rules()
    return sorted(rule.rule for rule in rules if not rule.arguments and "GET" in (rule.methods or ()))


@pytest.mark.requirement("VER-01")
def test_every_page_is_anonymous_after_step_one(enrolled: Host) -> None:
    """Attack 1: forced browsing."""
    person = enrolled.person()
    person.identify("alice")
    pages = _pages(enrolled)
    assert {"/me", "/profile", "/two-factor/settings", "/two-factor/setup", "/two-factor/manage"} <= set(pages)
    for path in pages:
        answer = person.get(path)
        assert "otpauth" not in answer.text
        if path in ("/two-factor/identify", "/two-factor/credential", "/open", "/logout"):
            continue
        if path == "/two-factor/unlock":  # without a link of ours it opens nothing, to nobody
            assert answer.status_code == 400
            continue
        assert answer.status_code == 302, path
        assert answer.location is not None
        assert answer.location.startswith("/two-factor/identify"), path
    assert person.get("/open").text == "False"
    assert person.me is None


@pytest.mark.requirement("VER-01")
def test_every_page_is_anonymous_after_a_right_password_and_a_wrong_code(enrolled: Host) -> None:
    person = enrolled.person()
    person.identify("alice")
    person.credential("alice-password", enrolled.wrong_code("alice"))
    for path in ("/me", "/profile", "/two-factor/settings", "/two-factor/setup", "/two-factor/challenge"):
        assert person.get(path).status_code == 302
    assert person.me is None


@pytest.mark.requirement("VER-01")
def test_a_client_that_rewrites_the_answer_gains_nothing(enrolled: Host) -> None:
    """Attack 11: the browser goes on as if the refusal had been a redirect."""
    person = enrolled.person()
    person.identify("alice")
    person.credential("alice-password", enrolled.wrong_code("alice"))
    for path in ("/", "/me", "/two-factor/settings"):
        person.get(path)
    assert person.me is None
    assert "_user_id" not in session_of(person)


@pytest.mark.requirement("VER-01")
def test_right_parts_of_two_submissions_do_not_add_up(enrolled: Host) -> None:
    person = enrolled.person()
    person.identify("alice")
    person.credential("alice-password", enrolled.wrong_code("alice"))
    answer = person.credential("not hers", enrolled.code("alice"))
    assert answer.status_code == 200
    assert person.me is None


@pytest.mark.requirement("VER-08")
def test_a_code_given_with_a_wrong_password_is_not_spent(enrolled: Host) -> None:
    person = enrolled.person()
    code = enrolled.code("alice")
    person.identify("alice")
    assert person.credential("not hers", code).status_code == 200
    assert person.credential("alice-password", code).status_code == 302
    assert person.me == "alice"


@pytest.mark.requirement("VER-08", "VER-13")
def test_a_code_given_for_an_inactive_account_is_not_spent(enrolled: Host) -> None:
    person = enrolled.person()
    code = enrolled.code("alice")
    enrolled.users["alice"].active = False
    person.identify("alice")
    assert person.credential("alice-password", code).status_code == 200
    enrolled.users["alice"].active = True
    assert person.credential("alice-password", code).status_code == 302


@pytest.mark.requirement("VER-09")
def test_a_code_of_another_account_is_refused(enrolled: Host) -> None:
    """Attack 5: mallory's own code on alice's account."""
    person = enrolled.person()
    person.identify("alice")
    assert person.credential("alice-password", enrolled.code("mallory")).status_code == 200
    assert person.me is None


# The window, the clock


@pytest.mark.requirement("VER-03")
def test_one_step_either_side_passes_once_each_in_order(enrolled: Host) -> None:
    enrolled.clock.move(15)
    codes = {steps: enrolled.code("alice", steps) for steps in range(-2, 3)}
    assert len(set(codes.values())) == 5
    answers = {}
    for number, steps in enumerate((-2, 2, -1, 0, 1, -1, 0, 1)):
        given = ("alice", "alice-password", codes[steps])
        answers[number, steps] = attempt(enrolled, given, f"192.0.2.{number}").status_code
    assert list(answers.values()) == [200, 200, 302, 302, 302, 200, 200, 200]


@pytest.mark.requirement("VER-03")
def test_a_window_of_nothing_accepts_the_present_step_only(make_app: MakeApp) -> None:
    host = make_app(TWOFACTOR_WINDOW=0)
    host.enroll("alice")
    answers = [
        attempt(host, ("alice", "alice-password", host.code("alice", steps)), f"192.0.2.{steps + 2}").status_code
        for steps in (-1, 1, 0)
    ]
    assert answers == [200, 200, 302]


@pytest.mark.requirement("VER-03")
@pytest.mark.parametrize("window", [2, 10, -1, "1", None, True, 0.5])
def test_a_wider_window_is_refused_at_start_up(make_app: MakeApp, window: object) -> None:
    with pytest.raises(SettingError, match="TWOFACTOR_WINDOW"):
        make_app(TWOFACTOR_WINDOW=window)


@pytest.mark.requirement("VER-03", "VER-05")
def test_a_code_passes_in_the_first_and_the_last_second_of_its_window(enrolled: Host, clock: Clock) -> None:
    code = enrolled.code("alice")
    clock.move(-30)
    assert attempt(enrolled, ("alice", "alice-password", code), "192.0.2.1").status_code == 302
    code = enrolled.code("mallory", 1)
    clock.move(30 + 59)
    assert attempt(enrolled, ("mallory", "mallory-password", code), "192.0.2.2").status_code == 302
    code = enrolled.code("alice", -1)
    clock.move(31)
    assert attempt(enrolled, ("alice", "alice-password", code), "192.0.2.3").status_code == 200


@pytest.fixture
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Live in a zone whose clocks are put back on 1 November 2026."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.requirement("VER-05", "CLK-05")
@pytest.mark.usefixtures("new_york")
def test_the_repeated_hour_of_a_time_zone_has_no_effect(enrolled: Host, clock: Clock) -> None:
    clock.at = datetime(2026, 11, 1, 6, 30, tzinfo=timezone.utc).timestamp()
    assert time.localtime(clock.at)[3:5] == time.localtime(clock.at - 3600)[3:5] == (1, 30)
    hour_ago = enrolled.code("alice", -120)
    assert attempt(enrolled, ("alice", "alice-password", hour_ago), "192.0.2.1").status_code == 200
    assert attempt(enrolled, right(enrolled), "192.0.2.2").status_code == 302


@pytest.mark.requirement("VER-05", "CLK-01")
def test_a_time_that_the_client_gives_counts_for_nothing(enrolled: Host, clock: Clock) -> None:
    old = enrolled.code("alice", -10)
    person = enrolled.person()
    page = person.identify("alice")
    then = clock.at - 300
    date = datetime.fromtimestamp(then, timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
    data = {"csrf_token": csrf_token(page), "password": "alice-password", "code": old}
    answer = person.client.post(
        "/two-factor/credential",
        data={**data, "time": str(then), "now": str(then), "step": str(int(then) // 30)},
        headers={"Date": date, "X-Time": str(then)},
    )
    assert answer.status_code == 200
    assert person.me is None


@pytest.mark.requirement("VER-12")
@pytest.mark.parametrize("steps", [-10, -5, -2, 2, 5, 10, 120])
def test_no_hint_is_given_of_a_clock_that_is_off(enrolled: Host, steps: int) -> None:
    """Attack 51."""
    near = attempt(enrolled, ("alice", "alice-password", enrolled.code("alice", steps)), "192.0.2.1")
    random = attempt(enrolled, ("alice", "alice-password", enrolled.wrong_code("alice")), "192.0.2.2")
    assert bare(near, "alice") == bare(random, "alice")


# What is no code


def _digits(first: str) -> dict[int, str]:
    return {ord("0") + number: chr(ord(first) + number) for number in range(10)}


SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
CIRCLED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")
IDEOGRAPHS = str.maketrans("0123456789", "〇一二三四五六七八九")
FULLSTOPPED = str.maketrans("0123456789", "🄀⒈⒉⒊⒋⒌⒍⒎⒏⒐")
NOT_CODES: tuple[Callable[[str], str], ...] = (
    lambda code: "",
    lambda code: " ",
    lambda code: "\t \u00a0-",
    lambda code: "0",
    lambda code: code[:5],
    lambda code: code[1:],
    lambda code: code + "0",
    lambda code: "0" + code,
    lambda code: code + code,
    lambda code: f"{code} {code}",
    lambda code: code + "\n",
    lambda code: "\n" + code,
    lambda code: code + "\r\n",
    lambda code: code[:3] + "\n" + code[3:],
    lambda code: code + "\0",
    lambda code: "\0" + code,
    lambda code: code[:3] + "\0" + code[3:],
    lambda code: code + "\x0b",
    lambda code: code + "\x1b[0m",
    lambda code: code + "\u2028",
    lambda code: "+" + code,
    lambda code: code + ".",
    lambda code: code + ".0",
    lambda code: code[:3] + "." + code[3:],
    lambda code: code[:3] + "," + code[3:],
    lambda code: code[:3] + "_" + code[3:],
    lambda code: code[:3] + "/" + code[3:],
    lambda code: code + "e0",
    lambda code: "0x" + code,
    lambda code: code + "L",
    lambda code: f'"{code}"',
    lambda code: f"'{code}'",
    lambda code: f"b'{code}'",
    lambda code: f"[{code}]",
    lambda code: f'["{code}"]',
    lambda code: f'{{"code": "{code}"}}',
    lambda code: f"({code},)",
    lambda code: "null",
    lambda code: "None",
    lambda code: "undefined",
    lambda code: "true",
    lambda code: "False",
    lambda code: "NaN",
    lambda code: "Infinity",
    lambda code: "[]",
    lambda code: "{}",
    lambda code: "*",
    lambda code: "%",
    lambda code: "______",
    lambda code: r"\d{6}",
    lambda code: f"{code}' OR '1'='1",
    lambda code: f"{code}; DROP TABLE twofactor_enrolment",
    lambda code: "{{ twofactor.code }}",
    lambda code: code.translate(SUPERSCRIPTS),
    lambda code: code.translate(CIRCLED),
    lambda code: code.translate(IDEOGRAPHS),
    lambda code: code.translate(FULLSTOPPED),
    lambda code: code[:5] + "½",
    lambda code: "OOOOOO",
    lambda code: "abcdef",
    lambda code: code + "\u0301",
    lambda code: code[0] + "\u20e3" + code[1:],
    lambda code: code + "\udcff",
    lambda code: "\ud800" + code,
    lambda code: code + "\ufffd",
    lambda code: code + " " * 59,
    lambda code: code + "\u200b" * 1000,
    lambda code: "\u0301\u0316" * 1000,
    lambda code: "\ufdfa" * 1000,
    lambda code: "9" * 10_000,
)


@pytest.mark.requirement("VER-10", "INP-03", "INP-06")
def test_what_is_no_code_of_six_digits_is_a_failure_like_any_other(enrolled: Host) -> None:
    assert len(NOT_CODES) >= 60
    reference = attempt(enrolled, ("alice", "alice-password", enrolled.wrong_code("alice")), "192.0.2.1")
    code = enrolled.code("alice")
    source, heard = addresses(), Heard(enrolled)
    unlike = []
    for number, make in enumerate(NOT_CODES):
        if number % 10 == 0:
            enrolled.clock.move(DAY)  # of one name, so many are let in
        person = enrolled.person(REMOTE_ADDR=next(source))
        page = person.identify("alice")
        fields = {"csrf_token": csrf_token(page), "password": "alice-password", "code": make(code)}
        answer = person.client.post(
            "/two-factor/credential",
            data=urlencode(fields, errors="surrogatepass").encode(),
            content_type="application/x-www-form-urlencoded",
            environ_overrides=person.environ,
        )
        same = len(answer.data) > 0 and bare(answer, "alice") == bare(reference, "alice")
        if not same or person.me is not None:
            unlike.append((make(code)[:20], answer.status))
    assert unlike == []
    assert heard.rejections == [], "what is malformed never reaches the account's budget (rule 4 of 3.5)"
    assert attempt(enrolled, right(enrolled), "192.0.2.3").status_code == 302


@pytest.mark.requirement("VER-10", "INP-03")
@pytest.mark.parametrize(
    "form",
    [
        lambda code: f" {code[:3]} {code[3:]} ",
        lambda code: f"{code[:3]}-{code[3:]}",
        lambda code: f"{code[:3]}\u00a0{code[3:]}\u200b",
        lambda code: code.translate(_digits("\uff10")),
        lambda code: code.translate(_digits("\u0660")),
        lambda code: code.translate(_digits("\u0966")),
        lambda code: code.translate(_digits("\U0001d7ce")),
    ],
)
def test_digits_of_any_script_and_spaces_between_are_the_code(enrolled: Host, form: Callable[[str], str]) -> None:
    given = ("alice", "alice-password", form(enrolled.code("alice")))
    assert attempt(enrolled, given, "192.0.2.1").status_code == 302


@pytest.mark.requirement("VER-10", "THR-15")
def test_two_codes_in_one_submission_are_not_judged(enrolled: Host) -> None:
    person = enrolled.person()
    page = person.identify("alice")
    fields = [
        ("csrf_token", csrf_token(page)),
        ("password", "alice-password"),
        ("code", enrolled.wrong_code("alice")),
        ("code", enrolled.code("alice")),
    ]
    heard = Heard(enrolled)
    answer = person.client.post(
        "/two-factor/credential", data=urlencode(fields), content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 400
    assert heard.events == []
    assert person.me is None


@pytest.mark.requirement("VER-10", "CSR-05")
def test_a_code_in_the_query_counts_for_nothing(enrolled: Host) -> None:
    person = enrolled.person()
    page = person.identify("alice")
    data = {"csrf_token": csrf_token(page), "password": "alice-password"}
    answer = person.client.post(f"/two-factor/credential?code={enrolled.code('alice')}", data=data)
    assert answer.status_code == 200
    assert person.me is None


# No bypass


@pytest.mark.requirement("VER-11")
@pytest.mark.parametrize("testing", [True, False])
@pytest.mark.parametrize("debug", [True, False])
def test_testing_and_debug_waive_nothing(enrolled: Host, testing: bool, debug: bool) -> None:
    enrolled.app.config["TESTING"], enrolled.app.debug = testing, debug
    for number, code in enumerate((None, "", "000000", "123456", "999999")):
        person = enrolled.person(REMOTE_ADDR=f"192.0.2.{number}")
        person.identify("alice")
        assert person.credential("alice-password", code).status_code == 200
        assert person.me is None
    assert attempt(enrolled, right(enrolled), "192.0.2.9").status_code == 302


@pytest.mark.requirement("VER-11")
def test_a_test_run_without_csrf_still_asks_for_the_code(make_app: MakeApp) -> None:
    host = make_app(WTF_CSRF_ENABLED=False)
    host.enroll("alice")
    client = host.app.test_client()
    client.post("/two-factor/identify", data={"identifier": "alice"})
    assert client.post("/two-factor/credential", data={"password": "alice-password"}).status_code == 200
    sent = {"password": "alice-password", "code": host.code("alice")}
    assert client.post("/two-factor/credential", data=sent).status_code == 302


@pytest.mark.requirement("VER-11", "FLG-11")
def test_the_test_client_of_flask_login_does_not_pass_the_factor(enrolled: Host) -> None:
    enrolled.app.test_client_class = FlaskLoginClient
    client = enrolled.app.test_client(user=enrolled.users["alice"])
    assert client.get("/me").status_code == 302
    assert enrolled.app.test_client(user=enrolled.users["bob"]).get("/me").text == "bob"


@pytest.mark.requirement("VER-11")
@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", ""])
def test_no_header_and_no_address_waives_the_code(enrolled: Host, address: str) -> None:
    person = enrolled.person(REMOTE_ADDR=address)
    page = person.identify("alice")
    names = ("X-Forwarded-For", "X-Real-IP", "X-Forwarded-Host", "Forwarded", "X-Original-URL", "X-Skip-2FA", "X-MFA")
    answer = person.client.post(
        "/two-factor/credential",
        data={"csrf_token": csrf_token(page), "password": "alice-password"},
        headers=dict.fromkeys(names, "127.0.0.1"),
        environ_overrides=person.environ,
    )
    assert answer.status_code == 200
    assert person.me is None


@pytest.mark.requirement("VER-11")
def test_the_source_asks_for_testing_and_debug_in_four_known_places_only() -> None:
    found = set()
    for path, tree in _sources():
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                found |= {(path, function.name) for node in ast.walk(function) if _names_a_mode(node)}
    told = {("wiring.py", "weaknesses"), ("web/pages.py", "render"), ("cli/preview.py", "preview")}
    assert found == {("web/forms.py", "csrf_is_on"), *told}
    outside = [path for path, tree in _sources() for node in tree.body if _names_a_mode_at_top(node)]
    assert outside == []


@pytest.mark.requirement("VER-11", "THR-07")
def test_the_source_reads_four_headers_and_no_forwarded_address() -> None:
    found = []
    for path, tree in _sources():
        if path.startswith("preview/"):  # a program of its own, which has no accounts
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "request":
                read = ("headers", "environ", "access_route", "authorization", "remote_user", "user_agent", "host")
                if node.attr in read:
                    found.append((path, node.attr))
    places = [("web/fresh.py", "headers"), *[("web/pages.py", "headers")] * 2, ("web/redirects.py", "headers")]
    told = [("web/current.py", "user_agent"), ("web/redirects.py", "host"), ("web/sightings.py", "environ")]
    assert sorted(found) == sorted([*told, *places])
    naming = re.compile(r'"([\w-]+)" in request\.headers|request\.headers\.get\("([\w-]+)"')
    package = Path(flask_twofactor.__file__).parent
    read_there = [name for path, _ in places for name in naming.findall((package / path).read_text())]
    names = {one or other for one, other in read_there}
    # Where a page came from, and whether a script asks, only say what the answer looks like.
    assert names == {"Sec-Fetch-Site", "Transfer-Encoding", "Referer", "X-Requested-With"}


def _sources() -> Iterator[tuple[str, ast.Module]]:
    folder = Path(flask_twofactor.__file__).parent
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder).as_posix()
        if name != "testing.py":  # for the tests of hosts; nothing of the package imports it
            yield name, ast.parse(path.read_text())


def _names_a_mode(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in ("testing", "debug")
    return isinstance(node, ast.Constant) and node.value in ("TESTING", "DEBUG", "ENV", "FLASK_DEBUG", "FLASK_ENV")


def _names_a_mode_at_top(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return False
    return any(_names_a_mode(node) for node in ast.walk(statement))


# The host's last word


@pytest.mark.requirement("VER-13")
@pytest.mark.parametrize("name", ["alice", "bob"])
def test_an_inactive_account_is_never_marked(enrolled: Host, name: str) -> None:
    enrolled.users[name].active = False
    person = enrolled.person()
    person.identify(name)
    answer = person.credential(f"{name}-password", enrolled.code("alice") if name == "alice" else None)
    assert alert(answer) == "These details are not right. Check them and try again."
    assert person.me is None
    assert rows(enrolled, "twofactor_mark") == []


@pytest.mark.requirement("VER-13")
def test_a_refusal_of_login_user_leaves_the_session_as_it_was(make_app: MakeApp) -> None:
    def wire(two_factor: TwoFactor) -> None:
        two_factor.may_login(lambda user: True)

    host = make_app(wire=wire)
    host.enroll("alice")
    host.users["alice"].active = False
    person = host.person()
    page = person.identify("alice")
    before = person.cookies()
    data = {"csrf_token": csrf_token(page), "password": "alice-password", "code": host.code("alice")}
    answer = person.client.post("/two-factor/credential", data=data)
    assert alert(answer) == "These details are not right. Check them and try again."
    assert answer.headers.getlist("Set-Cookie") == []
    assert person.cookies() == before
    assert rows(host, "twofactor_mark") == []
    host.users["alice"].active = True
    assert person.me is None


@pytest.mark.requirement("VER-13")
def test_a_complete_hook_that_answers_false_is_a_failure_like_any_other(make_app: MakeApp) -> None:
    def wire(two_factor: TwoFactor) -> None:
        two_factor.complete(lambda user, password, remember: False)

    host = make_app(wire=wire)
    host.enroll("alice")
    refused = attempt(host, right(host), "192.0.2.1")
    wrong = attempt(host, ("alice", "not hers", host.code("alice")), "192.0.2.2")
    assert bare(refused, "alice") == bare(wrong, "alice")
    assert rows(host, "twofactor_mark") == []


@pytest.mark.requirement("VER-06", "VER-07", "ENU-01")
@pytest.mark.parametrize("answer", ["raises", "None"])
def test_a_password_check_that_fails_for_nobody_tells_no_names_apart(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    hashes: list[str] = []

    def wire(two_factor: TwoFactor) -> None:
        def check(user: Any, password: str) -> Any:
            return user.check_password(password) if answer == "raises" else user and user.check_password(password)

        two_factor.password_check(check)

    monkeypatch.setattr("flask_twofactor.defaults.check_password_hash", lambda _, password: hashes.append(password))
    host = make_app(wire=wire)
    host.enroll("alice")
    absent = ghost(host, box=True)
    known = attempt(host, ("alice", "not hers", "123456"), "192.0.2.1")
    assert hashes == []
    unknown = attempt(host, (absent, "any password", "123456"), "192.0.2.2")
    assert bare(known, "alice") == bare(unknown, absent)
    assert hashes == ["any password"]  # the work of a hash all the same
    assert "the hook password_check" in caplog.text
    assert "any password" not in caplog.text


@pytest.mark.requirement("VER-06")
def test_a_password_check_that_fails_for_an_account_still_says_so(make_app: MakeApp) -> None:
    def wire(two_factor: TwoFactor) -> None:
        two_factor.password_check(lambda user, password: 1)

    assert attempt(make_app(wire=wire), ("bob", "bob-password", None), "192.0.2.1").status_code == 503


# Guessing


@pytest.mark.requirement("THR-01", "THR-04")
def test_ten_wrong_codes_from_ten_addresses_and_sessions_spend_the_budget(enrolled: Host) -> None:
    """Attack 41."""
    source, heard = addresses(), Heard(enrolled)
    answers = guess(enrolled, 10, source)
    assert {answer.status_code for answer in answers} == {200}
    assert attempt(enrolled, right(enrolled), next(source)).status_code == 200
    assert heard.rejections == ["wrong"] * 10 + ["budget"]


@pytest.mark.requirement("THR-01")
def test_nine_wrong_codes_leave_the_owner_a_way_in(enrolled: Host) -> None:
    source = addresses()
    guess(enrolled, 9, source)
    assert attempt(enrolled, right(enrolled), next(source)).status_code == 302


@pytest.mark.requirement("THR-04", "VER-06")
def test_a_spent_budget_cannot_be_told_from_a_wrong_code(enrolled: Host) -> None:
    """Attack 53: every answer before and after, compared byte for byte."""
    source = addresses()
    answers = guess(enrolled, 15, source)
    answers.append(attempt(enrolled, right(enrolled), next(source)))
    assert len({str(bare(answer, "alice")) for answer in answers}) == 1


@pytest.mark.requirement("THR-01", "RPL-04")
def test_a_day_of_guessing_in_one_browser_gets_ten_codes_judged(enrolled: Host, clock: Clock) -> None:
    """Attack 39: whoever has the password guesses as fast as the visible limit lets them."""
    person, heard = enrolled.person(), Heard(enrolled)
    end = clock.at + DAY - 1
    token = csrf_token(person.get("/two-factor/identify"))
    sent = 0
    while clock.at < end:
        answer = submit(person, token, ("alice", "alice-password", f"{sent:06}"))
        if answer.status_code == 429:
            clock.move(int(answer.headers["Retry-After"]))
            continue
        sent += 1
        assert answer.status_code == 200
    assert sent > 50, "the visible limit alone would let these through"
    assert heard.rejections.count("wrong") == 10
    assert heard.rejections.count("budget") == sent - 10


@pytest.mark.parametrize("before", [86390, 3600])
def test_the_window_of_a_day_slides(enrolled: Host, clock: Clock, before: int) -> None:
    """Attack 49: ten guesses just before midnight, ten just after."""
    clock.at += -clock.at % DAY + before
    source, heard = addresses(), Heard(enrolled)
    guess(enrolled, 10, source)
    clock.move(20)
    guess(enrolled, 10, source)
    clock.move(DAY - 21)
    guess(enrolled, 5, source)
    assert heard.rejections.count("wrong") == 10
    clock.move(1)
    assert attempt(enrolled, right(enrolled), next(source)).status_code == 302


def test_fifty_guesses_in_thirty_days_are_judged(enrolled: Host, clock: Clock) -> None:
    source, heard = addresses(), Heard(enrolled)
    start = clock.at
    for _ in range(6):
        guess(enrolled, 11, source)
        clock.move(DAY)
    assert heard.rejections.count("wrong") == 50
    clock.at = start + 30 * DAY - 1
    assert attempt(enrolled, right(enrolled), next(source)).status_code == 200
    clock.at = start + 30 * DAY
    assert attempt(enrolled, right(enrolled), next(source)).status_code == 302


@pytest.mark.requirement("THR-09")
def test_every_door_draws_on_one_budget(enrolled: Host, clock: Clock) -> None:
    """Attack 47: challenge, DISABLE, step-up and the Python call are doors to the same lock.

    None of these browsers is a known one: all that they try is charged to one pool.
    """
    owner, other = unknown_after_log_in(enrolled), enrolled.person()
    clock.move(30)
    heard = Heard(enrolled)
    other.legacy("alice")
    wrong = enrolled.wrong_code("alice")
    for _ in range(3):
        assert alert(other.post("/two-factor/challenge", code=wrong))
        assert alert(owner.disable("alice", wrong))
    assert alert(owner.post("/two-factor/challenge", code=wrong))
    with enrolled.app.app_context():
        assert not any(enrolled.two_factor.verify(enrolled.users["alice"], wrong) for _ in range(3))
        assert heard.rejections == ["wrong"] * 10
        assert not enrolled.two_factor.verify(enrolled.users["alice"], enrolled.code("alice"))
    assert other.post("/two-factor/challenge", code=enrolled.code("alice")).status_code == 200
    assert owner.disable("alice").status_code == 200
    assert attempt(enrolled, right(enrolled), "192.0.2.1").status_code == 200
    assert heard.rejections == ["wrong"] * 10 + ["budget"] * 4


def unknown_after_log_in(host: Host) -> Person:
    """Give somebody who is logged in as alice in a browser that is not a known one."""
    person = host.person()
    person.log_in("alice")
    person.client.delete_cookie(KNOWN_COOKIE)
    return person


@pytest.mark.requirement("THR-09")
def test_every_door_of_a_known_browser_draws_on_the_budget_of_known_browsers_and_then_on_that_of_all(
    enrolled: Host, clock: Clock
) -> None:
    owner = enrolled.person()
    owner.log_in("alice")
    clock.move(30)
    jar, heard, wrong = owner.cookies(), Heard(enrolled), enrolled.wrong_code("alice")
    source = addresses()
    guess(enrolled, 10, source)
    assert heard.rejections == ["wrong"] * 10
    challenged, logging_in = enrolled.person(), enrolled.person()
    for person in (challenged, logging_in):
        person.use_cookies({KNOWN_COOKIE: jar[KNOWN_COOKIE]})
    challenged.legacy("alice")
    for _ in range(2):
        assert alert(owner.disable("alice", wrong))
        assert alert(owner.post("/two-factor/challenge", code=wrong))
        assert alert(challenged.post("/two-factor/challenge", code=wrong))
        logging_in.identify("alice")
        assert alert(logging_in.credential("alice-password", wrong))
    assert heard.rejections == ["wrong"] * 18
    [account] = [row for row in rows(enrolled, "twofactor_account") if row["subject"] == "1"]
    assert [len(account[pool].split(",")) for pool in ("unknown", "known")] == [10, 8]
    guess(enrolled, 1, source)
    assert heard.rejections[18:] == ["budget"], "of unknown browsers"
    assert owner.disable("alice").status_code == 302


@pytest.mark.requirement("THR-03")
def test_successes_of_the_owner_and_of_others_refill_nothing(enrolled: Host, clock: Clock) -> None:
    source, heard = addresses(), Heard(enrolled)
    for _ in range(3):
        guess(enrolled, 3, source)
        assert attempt(enrolled, right(enrolled, "mallory"), "192.0.2.7").status_code == 302
        assert attempt(enrolled, right(enrolled), "192.0.2.8").status_code == 302
        clock.move(30)
    guess(enrolled, 3, source)
    assert heard.rejections == ["wrong"] * 10 + ["budget"] * 2
