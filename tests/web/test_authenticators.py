"""Several authenticators by HTTP: added with a current code, each good for itself, removed one by one."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from flask_twofactor.core.records import MAX_AUTHENTICATORS, Notice
from flask_twofactor.signals import authenticator_added, authenticator_removed
from tests.core.test_budget import guesses_of_a_year
from tests.support.host import Host, Person, alert, csrf_token, secret_on
from tests.support.spares import ADD, LIST, NEW, REMOVE, added, code_of, how_many, id_of, logged_in, opened
from tests.support.watching import broken_store, dump, ghost, rows, state_of
from tests.web.test_recovery import enabled
from tests.web.test_replay import attempts_of, together
from tests.web.test_verification import ACCOUNT_HOOKS, trace_of, traced

WRONG = "That code is not right."
GONE = "That key has expired. Start again with a code."


@pytest.fixture
def alice(enrolled: Host) -> Person:
    """Somebody with the factor, logged in with a code half a minute ago."""
    return logged_in(enrolled)


def enters(host: Host, code: str, name: str = "alice") -> bool:
    person = host.person()
    person.identify(name)
    return person.credential(f"{name}-password", code).status_code == 302


def remove(person: Person, name: str, code: str, **fields: str) -> TestResponse:
    gone = id_of(person.host, name)
    return person.post(REMOVE, f"{REMOVE}?authenticator={gone}", authenticator=gone, code=code, **fields)


def names_on(page: TestResponse) -> list[str]:
    return re.findall(r'class="tf-row-title"><bdi>(.*?)</bdi>', page.text)


# Added


@pytest.mark.requirement("ENR-16", "VER-01")
def test_a_spare_authenticator_is_added_with_a_code_and_the_codes_of_both_log_in(enrolled: Host, alice: Person) -> None:
    assert names_on(alice.get(LIST)) == ["Authenticator app"]
    assert "turn two-factor authentication off" in alice.get(LIST).text
    secret = added(alice, "Tablet")
    page = alice.get(LIST)
    assert names_on(page) == ["Authenticator app", "Tablet"]
    assert "The authenticator was added." in page.text
    assert "Authenticators (2)" in alice.get("/two-factor/settings").text
    assert secret != enrolled.secrets["alice"]
    assert enters(enrolled, enrolled.code("alice"))
    assert enters(enrolled, code_of(enrolled, secret))
    assert alice.me == "alice"


@pytest.mark.requirement("LIF-01", "ENR-08")
@pytest.mark.parametrize("code", ["", "  ", "000000", "alice-password", None])
def test_a_session_alone_adds_none(enrolled: Host, alice: Person, code: str | None) -> None:
    assert alice.get(NEW).location == ADD
    answer = alice.post(ADD, name="Mine", code=enrolled.wrong_code("alice") if code == "000000" else code or "")
    assert answer.status_code == 200
    assert alert(answer)
    assert alice.get(NEW).location == ADD
    assert alice.post(NEW, ADD, code="123456").location == LIST
    assert how_many(enrolled) == 1
    assert not [row for row in rows(enrolled, "twofactor_enrolment") if row["confirmed_at"] is None]


@pytest.mark.parametrize("name", ["", "   ", "\t\n", "\x00", "\u200b\u202e", "x" * 65])
def test_a_name_is_needed(enrolled: Host, alice: Person, name: str) -> None:
    answer = alice.post(ADD, name=name, code=enrolled.code("alice"))
    assert answer.status_code == 200
    assert alert(answer) in ("Enter a name.", "That name is too long.")
    assert enters(enrolled, enrolled.code("alice")), "a form that is not complete spends no code"


@pytest.mark.requirement("INP-05")
@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("  Spare \t phone ", "Spare phone"),
        ("<b>&\"'", "&lt;b&gt;&amp;&#34;&#39;"),
        ("a\x00b\r\nc\u202ed", "a b c d"),
        ("{{ 7*7 }} %s", "{{ 7*7 }} %s"),
        ("x" * 64, "x" * 64),
    ],
)
def test_a_name_is_shown_as_text_on_one_line(enrolled: Host, alice: Person, typed: str, shown: str) -> None:
    answer = alice.post(ADD, name=typed, code=enrolled.code("alice"))
    assert answer.location == NEW
    page = alice.get(NEW)
    assert f"<bdi>{shown}</bdi>" in page.text
    alice.post(NEW, code=code_of(enrolled, secret_on(page)))
    assert names_on(alice.get(LIST))[1] == shown
    enrolled.clock.move(30)
    assert len(names_on(alice.get(LIST))) == 2


@pytest.mark.requirement("RPL-03", "RPL-01", "ENR-09")
def test_a_code_is_accepted_once_whatever_for_and_whosever_authenticator_it_is(enrolled: Host, alice: Person) -> None:
    code = enrolled.code("alice")
    assert alice.post(ADD, name="Tablet", code=code).location == NEW
    assert not enters(enrolled, code), "the code that opened the key"
    secret = secret_on(alice.get(NEW))
    first = code_of(enrolled, secret)
    assert alice.post(NEW, code=first).location == LIST
    assert not enters(enrolled, first), "the code that added it"
    enrolled.clock.move(30)
    one, other = enrolled.code("alice"), code_of(enrolled, secret)
    assert [enters(enrolled, given) for given in (one, other)] == [True, True]
    assert [enters(enrolled, given) for given in (one, other)] == [False, False]
    assert remove(alice, "Tablet", other).status_code == 200
    assert remove(alice, "Tablet", one).status_code == 200
    with enrolled.app.app_context():
        assert not enrolled.two_factor.verify(enrolled.users["alice"], other)
    assert how_many(enrolled) == 2


@pytest.mark.requirement("RPL-02")
def test_the_former_code_of_each_is_refused_after_a_newer_of_the_same_one_alone(enrolled: Host, alice: Person) -> None:
    secret = added(alice)
    assert enters(enrolled, enrolled.code("alice", 1))
    assert not enters(enrolled, enrolled.code("alice", 0))
    assert enters(enrolled, code_of(enrolled, secret, 0))


@pytest.mark.requirement("THR-02")
def test_there_are_three_at_most(enrolled: Host, alice: Person) -> None:
    for name in ("Tablet", "Safe"):
        added(alice, name)
    page = alice.get(LIST)
    assert "as many as an account may have" in page.text
    assert 'id="tf-add"' not in page.text
    assert alice.post(ADD, name="Fourth", code=enrolled.code("alice")).location == LIST
    assert alice.get(NEW).location == ADD
    assert how_many(enrolled) == 3
    assert enters(enrolled, enrolled.code("alice")), "no code was spent"


@pytest.mark.requirement("THR-02")
def test_a_year_of_guesses_at_all_three_stays_under_one_percent() -> None:
    right = 3 * MAX_AUTHENTICATORS / 10**6  # three steps of each
    assert 0.005 < 1 - (1 - right) ** guesses_of_a_year(0, "unknown") < 0.0059


@pytest.mark.requirement("THR-02", "RPL-06")
def test_a_key_that_is_opened_in_another_browser_takes_the_place_of_the_first(enrolled: Host, alice: Person) -> None:
    other = logged_in(enrolled)
    first = opened(alice, "First")
    second = opened(other, "Second")
    assert alice.get(NEW).location == ADD
    assert alice.post(NEW, ADD, code=code_of(enrolled, first)).location == LIST
    assert GONE in alice.get(LIST).text
    assert other.post(NEW, code=code_of(enrolled, second)).location == LIST
    assert how_many(enrolled) == 2


@pytest.mark.requirement("ENR-04")
def test_the_key_is_shown_to_the_session_that_opened_it_alone(enrolled: Host, alice: Person) -> None:
    other = logged_in(enrolled)
    secret = opened(alice)
    assert other.get(NEW).location == ADD
    assert other.post(NEW, ADD, code=code_of(enrolled, secret)).location == LIST
    assert GONE in other.get(LIST).text
    assert how_many(enrolled) == 1
    assert secret_on(alice.get(NEW)) == secret, "as often as its session asks"
    assert alice.client.head(NEW).text == ""
    alice.get("/logout")
    assert enrolled.person().log_in("alice").status_code == 302
    assert how_many(enrolled) == 1


@pytest.mark.requirement("ENR-04", "ENR-15")
def test_a_key_lives_ten_minutes(enrolled: Host, alice: Person) -> None:
    secret = opened(alice)
    enrolled.clock.move(571)
    code = code_of(enrolled, secret)
    answer = alice.post(NEW, LIST.replace("authenticators", "sessions"), code=code)
    assert answer.location == LIST
    assert GONE in alice.get(LIST).text
    assert how_many(enrolled) == 1


@pytest.mark.requirement("ENR-15")
def test_ten_wrong_codes_end_a_key_and_it_is_shown_no_more(enrolled: Host, alice: Person) -> None:
    secret = opened(alice)
    near = {code_of(enrolled, secret, steps) for steps in range(-2, 3)}
    wrong = next(code for code in ("000000", "111111", "222222") if code not in near)
    answers = [alice.post(NEW, code=wrong) for _ in range(9)]
    assert all(WRONG in alert(one) for one in answers)
    assert alice.post(NEW, code=wrong).location == LIST
    assert GONE in alice.get(LIST).text
    assert alice.get(NEW).location == ADD
    assert alice.post(NEW, ADD, code=code_of(enrolled, secret)).location == LIST
    assert how_many(enrolled) == 1
    enrolled.clock.move(30)
    assert opened(alice) != secret


def test_a_second_tab_with_another_name_gets_a_key_of_that_name(enrolled: Host, alice: Person) -> None:
    first = opened(alice, "Tablet")
    second = opened(alice, "Safe")
    assert first != second
    assert "Safe" in alice.get(NEW).text
    answer = alice.post(NEW, code=code_of(enrolled, first))
    assert WRONG in alert(answer)
    assert alice.post(NEW, code=code_of(enrolled, second)).location == LIST
    assert names_on(alice.get(LIST)) == ["Authenticator app", "Safe"]


@pytest.mark.requirement("RPL-07", "ENR-08")
def test_a_double_click_adds_one(enrolled: Host, alice: Person) -> None:
    secret = opened(alice)
    data = {"csrf_token": csrf_token(alice.get(NEW)), "code": code_of(enrolled, secret)}
    answers: list[TestResponse] = []

    def press(click: Person) -> None:
        answers.append(click.client.post(NEW, data=data))

    clicks = [enrolled.person(), enrolled.person()]
    for click in clicks:
        click.use_cookies(alice.cookies())
    together([partial(press, click) for click in clicks])
    assert {answer.location for answer in answers} == {LIST}
    assert how_many(enrolled) == 2


@pytest.mark.requirement("ENR-10", "RPL-06")
@pytest.mark.parametrize("change", ["disabled", "reset", "sessions ended", "set up anew"])
def test_a_key_that_is_being_added_goes_with_what_ends_its_session(enrolled: Host, alice: Person, change: str) -> None:
    secret = opened(alice)
    with enrolled.app.app_context():
        user = enrolled.users["alice"]
        if change == "sessions ended":
            enrolled.two_factor.end_sessions(user)
        elif change != "disabled":
            enrolled.two_factor.reset(user, by="admin")
    if change == "disabled":
        assert logged_in(enrolled).disable("alice").status_code == 302
    if change == "set up anew":
        enrolled.enroll("alice")
    assert alice.client.post(NEW, data={"code": code_of(enrolled, secret)}).status_code in (302, 400)
    assert not [row for row in rows(enrolled, "twofactor_enrolment") if row["confirmed_at"] is None]
    assert how_many(enrolled) == (0 if change in ("disabled", "reset") else 1)


def test_a_recovery_code_opens_a_key_for_whoever_lost_the_phone(host: Host) -> None:
    _, codes = enabled(host)
    person = host.person()
    person.identify("bob")
    used = person.credential("bob-password", codes[0])
    assert 'href="/two-factor/authenticators"' in person.get(str(used.location)).text
    assert person.post(ADD, name="New phone", code=codes[1]).location == NEW
    secret = secret_on(person.get(NEW))
    assert person.post(NEW, code=code_of(host, secret)).location == LIST
    host.clock.move(30)
    gone = id_of(host, "", "2")
    answer = person.post(REMOVE, f"{REMOVE}?authenticator={gone}", authenticator=gone, code=code_of(host, secret))
    assert answer.location == LIST
    assert names_on(person.get(LIST)) == ["New phone"]
    host.clock.move(30)
    assert not enters(host, host.code("bob"), "bob")
    assert enters(host, code_of(host, secret), "bob")
    assert enters(host, codes[2], "bob"), "the recovery codes are those of the factor, which stayed on"


# Removed


@pytest.mark.requirement("LIF-08", "LIF-01")
@pytest.mark.parametrize("gone", ["", "Tablet"])
@pytest.mark.parametrize("by", ["", "Tablet"])
def test_one_of_two_is_removed_with_a_code_of_either_and_its_codes_are_dead_at_once(
    enrolled: Host, alice: Person, gone: str, by: str
) -> None:
    secrets = {"": enrolled.secrets["alice"], "Tablet": added(alice)}
    assert remove(alice, gone, code_of(enrolled, secrets[by])).location == LIST
    page = alice.get(LIST)
    assert "The authenticator was removed" in page.text
    assert how_many(enrolled) == 1
    enrolled.clock.move(30)
    stays = "Tablet" if gone == "" else ""
    assert not enters(enrolled, code_of(enrolled, secrets[gone]))
    assert enters(enrolled, code_of(enrolled, secrets[stays]))


@pytest.mark.requirement("LIF-08", "SES-01", "SES-09")
def test_removing_one_ends_the_other_sessions_and_renews_this_one(enrolled: Host, alice: Person) -> None:
    secret = added(alice)
    other = enrolled.person()
    other.log_in("alice", remember="y")
    enrolled.clock.move(30)
    alice.get("/plant/pre/attacker")
    before = alice.cookies()
    assert remove(alice, "", code_of(enrolled, secret)).status_code == 302
    assert alice.me == "alice"
    assert alice.get("/planted/pre").text == "None"
    assert other.me is None
    copy = enrolled.person()
    copy.use_cookies(before)
    assert copy.me is None
    assert len(rows(enrolled, "twofactor_mark")) == 1


@pytest.mark.requirement("LIF-01")
@pytest.mark.parametrize("code", ["", "000000"])
def test_none_is_removed_without_a_right_code(enrolled: Host, alice: Person, code: str) -> None:
    added(alice)
    answer = remove(alice, "", enrolled.wrong_code("alice") if code else "")
    assert answer.status_code == 200
    assert alert(answer)
    assert how_many(enrolled) == 2


def test_the_last_one_is_not_removed_but_turned_off(enrolled: Host, alice: Person) -> None:
    last = id_of(enrolled, "")
    path = f"{REMOVE}?authenticator={last}"
    assert alice.get(path).location == "/two-factor/manage"
    data = {"authenticator": last, "code": enrolled.code("alice")}
    token = csrf_token(alice.get("/two-factor/manage"))
    assert alice.client.post(REMOVE, data={**data, "csrf_token": token}).location == "/two-factor/manage"
    assert how_many(enrolled) == 1
    assert alice.disable("alice").status_code == 302
    assert how_many(enrolled) == 0


@pytest.mark.requirement("RPL-06")
def test_two_that_are_removed_at_once_leave_one(enrolled: Host, alice: Person) -> None:
    secret = added(alice)
    page = alice.get(f"{REMOVE}?authenticator={id_of(enrolled, '')}")
    token, codes = csrf_token(page), {"": code_of(enrolled, secret), "Tablet": enrolled.code("alice")}
    clicks: list[Callable[[], object]] = []
    for name, code in codes.items():
        click = enrolled.person()
        click.use_cookies(alice.cookies())
        data = {"csrf_token": token, "authenticator": id_of(enrolled, name), "code": code}
        clicks.append(partial(click.client.post, REMOVE, data=data))
    together(clicks)
    assert how_many(enrolled) == 1


@pytest.mark.requirement("LIF-02", "REC-07")
def test_turning_the_factor_off_takes_all_of_them(enrolled: Host, alice: Person) -> None:
    secret = added(alice)
    assert alice.disable("alice", code_of(enrolled, secret)).status_code == 302
    assert how_many(enrolled) == 0
    enrolled.clock.move(30)
    person = enrolled.person()
    person.identify("alice")
    assert person.credential("alice-password").status_code == 302
    enrolled.enroll("alice")
    assert not enters(enrolled, code_of(enrolled, secret))


# Whose


@pytest.mark.requirement("LIF-03")
def test_the_authenticator_of_another_account_is_not_shown_and_not_removed(enrolled: Host, alice: Person) -> None:
    added(alice)
    mallory = logged_in(enrolled, "mallory")
    for one in (id_of(enrolled, ""), id_of(enrolled, "Tablet"), "", "' OR 1=1 --"):
        answer = mallory.get(REMOVE, query_string={"authenticator": one})
        assert answer.location == LIST
        token = csrf_token(mallory.get("/two-factor/manage"))
        data = {"csrf_token": token, "authenticator": one, "code": enrolled.code("mallory"), "user_id": "1"}
        assert mallory.client.post(REMOVE, data=data).location == LIST
    assert how_many(enrolled) == 2
    assert "Tablet" not in mallory.get(LIST).text
    mallory.post(ADD, name="Mine", code=enrolled.code("mallory"), user_id="1", subject="1")
    assert mallory.post(NEW, code=code_of(enrolled, secret_on(mallory.get(NEW))), user_id="1").location == LIST
    assert (how_many(enrolled), how_many(enrolled, "3")) == (2, 2)


@pytest.mark.requirement("ENR-05", "LIF-01")
@pytest.mark.parametrize("path", [LIST, ADD])
def test_an_old_password_is_asked_for_again_and_leads_back(enrolled: Host, alice: Person, path: str) -> None:
    enrolled.clock.move(901)
    asked = alice.get(path)
    assert str(asked.location).startswith("/two-factor/password?next=")
    assert alice.post(str(asked.location), password="alice-password").location == path


@pytest.mark.requirement("FLG-01", "FLG-04")
@pytest.mark.parametrize("path", [LIST, ADD, NEW, REMOVE])
def test_the_pages_are_closed_to_whoever_is_not_wholly_in(enrolled: Host, path: str) -> None:
    assert enrolled.person().get(path).location is not None
    owing = enrolled.person()
    owing.legacy("alice")
    assert str(owing.get(path).location).startswith("/two-factor/challenge")
    bob = enrolled.person()
    bob.log_in("bob")
    assert bob.get(path).location == "/two-factor/setup"
    token = enrolled.person(HTTP_X_TOKEN="bob")
    assert token.get(path).status_code == 403


@pytest.mark.requirement("CSR-01")
@pytest.mark.parametrize("path", [ADD, NEW, REMOVE, "/two-factor/browsers/forget", "/two-factor/log-out"])
def test_nothing_is_done_without_a_token(enrolled: Host, alice: Person, path: str) -> None:
    added(alice)
    secret = opened(alice, "Safe")
    codes = {NEW: code_of(enrolled, secret)}
    data = {"name": "x", "code": codes.get(path, enrolled.code("alice")), "authenticator": id_of(enrolled, "")}
    assert alice.client.post(path, data=data).status_code == 400
    assert how_many(enrolled) == 2
    assert alice.me == "alice"


# Counted and equal


@pytest.mark.requirement("THR-09")
@pytest.mark.parametrize("page", ["add", "remove"])
def test_wrong_codes_are_counted_on_the_accounts_budget_and_the_sixth_ends_the_session(
    enrolled: Host, alice: Person, page: str
) -> None:
    added(alice)

    def guess() -> TestResponse:
        wrong = enrolled.wrong_code("alice")
        return alice.post(ADD, name="x", code=wrong) if page == "add" else remove(alice, "", wrong)

    before = len(attempts_of(enrolled))
    assert [guess().status_code for _ in range(5)] == [200] * 5
    assert len(attempts_of(enrolled)) == before + 5
    assert guess().status_code == 429
    assert alice.me is None


@pytest.mark.requirement("VER-04", "VER-07")
@pytest.mark.parametrize("count", [1, 2, 3])
def test_as_many_codes_are_computed_for_every_name_as_the_account_with_most_of_them_takes(
    enrolled: Host, alice: Person, count: int
) -> None:
    for number in range(count - 1):
        added(alice, f"Spare {number}")
    absent = ghost(enrolled, box=True)
    given = [
        ("alice", "alice-password", enrolled.wrong_code("alice")),
        ("alice", "wrong", enrolled.code("alice")),
        ("mallory", "mallory-password", enrolled.wrong_code("mallory")),
        ("mallory", "wrong", "000000"),
        ("bob", "wrong", "000000"),
        (absent, "wrong", "000000"),
    ]
    traces = [[step for step in trace_of(enrolled, one) if step not in ACCOUNT_HOOKS] for one in given]
    assert [trace.count("hmac") for trace in traces] == [3 * count] * len(given)
    assert all(trace == traces[0] for trace in traces)


@pytest.mark.requirement("VER-04")
def test_the_work_is_the_same_whichever_authenticator_a_right_code_is_of(enrolled: Host, alice: Person) -> None:
    secrets = [enrolled.secrets["alice"], added(alice, "Tablet"), added(alice, "Safe")]
    counted = []
    for secret in secrets:
        person = enrolled.person()
        given = {"password": "alice-password", "code": code_of(enrolled, secret)}
        data = {"csrf_token": csrf_token(person.identify("alice")), **given}
        with traced(enrolled) as trace:
            answer = person.client.post("/two-factor/credential", data=data)
        assert answer.status_code == 302
        counted.append(trace.count("hmac"))
    assert counted == [9, 9, 9]


# Kept and told


@pytest.mark.requirement("STO-01", "STO-02", "LOG-02")
def test_each_key_is_sealed_for_its_own_row(enrolled: Host, alice: Person, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        secret = added(alice)
    assert secret not in repr(dump(enrolled)) + caplog.text + repr(alice.cookies())
    sealed = {row["sealed"] for row in dump(enrolled)["enrolment"]}
    assert len(sealed) == 3


@pytest.mark.requirement("STO-06")
def test_one_whose_key_does_not_open_leaves_the_others_working(enrolled: Host, alice: Person) -> None:
    secret = added(alice)
    with state_of(enrolled).store._database.engine.begin() as connection:  # type: ignore[attr-defined]
        connection.exec_driver_sql("UPDATE twofactor_enrolment SET sealed = '1.AAAA' WHERE subject = '1' AND name = ''")
    assert not enters(enrolled, enrolled.code("alice"))
    assert enters(enrolled, code_of(enrolled, secret))
    assert not enters(enrolled, "000000")


@pytest.mark.requirement("STO-07")
@pytest.mark.parametrize("verb", ["spend", "open_enrolment", "add_authenticator", "keep_meta", "remove_authenticator"])
def test_a_store_that_fails_changes_nothing(enrolled: Host, alice: Person, verb: str) -> None:
    secret = added(alice)
    key = opened(alice, "Safe") if verb in ("add_authenticator", "keep_meta") else ""
    gone = f"{REMOVE}?authenticator={id_of(enrolled, '')}"
    paths = {"add_authenticator": NEW, "keep_meta": NEW, "remove_authenticator": gone}
    path = paths.get(verb, ADD)
    token = csrf_token(alice.get(path))
    code = code_of(enrolled, key) if key else code_of(enrolled, secret)
    with broken_store(enrolled, verb) as failed:
        assert alice.client.post(path, data={"csrf_token": token, "name": "Safe", "code": code}).status_code == 503
    assert failed
    assert how_many(enrolled) == 2
    assert alice.me == "alice"


@pytest.mark.requirement("LIF-06", "ENR-12")
def test_adding_and_removing_are_announced_recorded_and_told_to_the_owner(enrolled: Host, alice: Person) -> None:
    told: list[Notice] = []
    heard: list[dict[str, Any]] = []
    enrolled.two_factor.notify(lambda user, notice: told.append(notice))

    def receive(_: Flask, **values: Any) -> None:
        heard.append(values)

    for signal in (authenticator_added, authenticator_removed):
        signal.connect(receive, sender=enrolled.app)
    secret = added(alice)
    assert remove(alice, "", code_of(enrolled, secret)).status_code == 302
    assert [notice.kind for notice in told] == ["authenticator-added", "authenticator-removed"]
    assert [(values["subject"], values["name"]) for values in heard] == [("1", "Tablet"), ("1", "Authenticator app")]
    kinds = [event.kind for event in state_of(enrolled).store.events("1", 20)]
    assert {"twofactor-authenticator-added", "twofactor-authenticator-removed"} <= set(kinds)
    activity = alice.get("/two-factor/activity").text
    assert "An authenticator was added" in activity
    assert "An authenticator was removed" in activity
    assert secret not in repr((told, heard)) + activity


def test_who_is_required_to_have_the_factor_may_replace_a_phone_but_not_turn_it_off(
    enrolled: Host, alice: Person
) -> None:
    state_of(enrolled).store.set_required("1", True)
    secret = added(alice, "New phone")
    assert remove(alice, "", code_of(enrolled, secret)).location == LIST
    enrolled.clock.move(30)
    assert "required" in alice.get("/two-factor/manage").text
    assert how_many(enrolled) == 1
