"""The visible limits over HTTP, known browsers, the hard stop, notices and the alarm (section 3.5 of the policy)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import TestResponse

from flask_twofactor import TwoFactor, signals
from flask_twofactor.core.records import Notice
from flask_twofactor.throttle import LOOK_UPS, NAME, SOURCE
from tests.support.host import Clock, Host, Person, alert, csrf_token
from tests.support.watching import bare, ghost, rows, state_of

MakeApp = Callable[..., Host]
DAY = 24 * 3600
KINDS = ("enrolled", "without", "inactive", "absent with box", "absent without box")


def address(number: int) -> str:
    return f"10.{number // 250 + 1}.{number % 250}.7"


def fail(host: Host, name: str, source: str, password: str = "not it", code: str | None = None) -> TestResponse:
    """Submit once with a wrong password from a new browser at ``source``."""
    person = host.person(REMOTE_ADDR=source)
    person.identify(name)
    return person.credential(password, code)


def strangers(host: Host, name: str, count: int, clock: Clock, every: float = 0) -> list[int]:
    """Let so many strangers fail, each from an address of its own; gives the statuses."""
    seen = []
    for number in range(count):
        seen.append(fail(host, name, address(number)).status_code)
        clock.move(every)
    return seen


def name_of(host: Host, kind: str) -> str:
    if kind == "inactive":
        host.users["carol"].active = False
    given = {"enrolled": "alice", "without": "bob", "inactive": "carol"}
    return given.get(kind) or ghost(host, box=kind == "absent with box")


# --- the buckets


@pytest.mark.requirement("THR-05", "ENU-06")
def test_every_kind_of_name_reaches_each_limit_at_the_same_attempt(enrolled: Host, clock: Clock) -> None:
    """T8: the whole series of answers, from one source and then from many."""
    series = {}
    for number, kind in enumerate(KINDS):
        name = name_of(enrolled, kind)
        clock.move(2 * DAY)  # whatever the search for the name counted is over
        one = [fail(enrolled, name, f"192.0.2.{number + 1}") for _ in range(8)]
        many = [fail(enrolled, name, address(100 * number + other)) for other in range(20)]
        answers = [bare(answer, name) for answer in (*one, *many)]
        series[kind] = [
            (status, [pair for pair in headers if pair[0] != "Content-Length"]) for status, headers, _ in answers
        ]
        assert [answer.status_code for answer in one] == [200] * 5 + [429] * 3
        assert [answer.status_code for answer in many] == [200] * 15 + [429] * 5
    assert len({str(one) for one in series.values()}) == 1


@pytest.mark.requirement("THR-07")
def test_one_source_fails_30_times_in_ten_minutes_and_then_waits(enrolled: Host, clock: Clock) -> None:
    names = [f"nobody{number}" for number in range(31)]
    answers = [fail(enrolled, name, "192.0.2.1") for name in names]
    assert [answer.status_code for answer in answers] == [200] * SOURCE[0][0] + [429]
    assert answers[-1].headers["Retry-After"] == "600"
    assert fail(enrolled, "nobody99", "192.0.2.2").status_code == 200
    clock.move(600)
    assert fail(enrolled, "nobody98", "192.0.2.1").status_code == 200


@pytest.mark.requirement("THR-03")
def test_a_success_gives_a_source_back_its_own_attempt_alone(enrolled: Host) -> None:
    """Attack 45: a good log-in of the attacker's own does not refill his address."""
    for number in range(29):
        fail(enrolled, f"nobody{number}", "192.0.2.1")
        if number % 3 == 0:
            person = enrolled.person(REMOTE_ADDR="192.0.2.1")
            person.identify("bob")
            assert person.credential("bob-password").status_code == 302
    assert [fail(enrolled, name, "192.0.2.1").status_code for name in ("last", "over")] == [200, 429]


@pytest.mark.requirement("THR-16")
@pytest.mark.parametrize("name", ["alice", "bob", "nobody at all"])
def test_the_61st_look_up_of_a_source_waits_whatever_the_name(enrolled: Host, name: str) -> None:
    person = enrolled.person(REMOTE_ADDR="192.0.2.1")
    token = csrf_token(person.get("/two-factor/identify"))

    def ask(text: str) -> TestResponse:
        data = {"csrf_token": token, "identifier": text}
        return person.client.post("/two-factor/identify", data=data, environ_overrides=person.environ)

    for number in range(LOOK_UPS[0][0]):
        assert ask(f"name{number}").status_code == 302
    refused = ask(name)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "600"
    assert alert(refused).startswith("Too many attempts")


@pytest.mark.requirement("THR-14", "THR-12")
def test_an_attempt_that_must_wait_asks_no_password_and_takes_no_time(enrolled: Host) -> None:
    for _ in range(5):
        fail(enrolled, "alice", "192.0.2.1")
    before = enrolled.users["alice"].checks
    answers = [fail(enrolled, "alice", "192.0.2.1") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {429}
    assert all(int(answer.headers["Retry-After"]) <= 60 for answer in answers)
    assert enrolled.users["alice"].checks == before


# --- known browsers


@pytest.mark.requirement("THR-06", "THR-17")
@pytest.mark.parametrize("name", ["alice", "bob"])
def test_strangers_do_not_keep_an_owner_out_of_a_known_browser(enrolled: Host, clock: Clock, name: str) -> None:
    """Attack 55: the name's limit is full, and the source's too."""
    owner = enrolled.person(REMOTE_ADDR="192.0.2.1")
    owner.log_in(name)
    owner.get("/logout")
    clock.move(60)
    for number in range(40):
        fail(enrolled, name, address(number))
        fail(enrolled, f"nobody{number}", "192.0.2.1")
    assert fail(enrolled, name, "198.51.100.1").status_code == 429
    assert fail(enrolled, "nobody else", "192.0.2.1").status_code == 429
    assert owner.log_in(name).status_code == 302
    assert owner.me == name


@pytest.mark.requirement("THR-17")
def test_a_known_browser_asks_about_its_own_name_without_limit_and_about_no_other(enrolled: Host) -> None:
    owner = enrolled.person(REMOTE_ADDR="192.0.2.1")
    owner.log_in("bob")
    owner.get("/logout")
    for number in range(LOOK_UPS[0][0] - 1):  # one was bob's own, before the browser was known
        assert owner.post("/two-factor/identify", identifier=f"name{number}").status_code == 302
    assert owner.post("/two-factor/identify", identifier="alice").status_code == 429
    assert owner.post("/two-factor/identify", identifier=" BOB ").status_code == 302


@pytest.mark.requirement("TRB-07")
def test_a_known_browser_gives_a_code_all_the_same(enrolled: Host, clock: Clock) -> None:
    owner = enrolled.person()
    owner.log_in("alice")
    owner.get("/logout")
    clock.move(30)
    owner.identify("alice")
    assert alert(owner.credential("alice-password"))
    assert owner.me is None


def test_a_known_browser_that_fails_too_often_counts_as_an_unknown_one(enrolled: Host, clock: Clock) -> None:
    owner = enrolled.person(REMOTE_ADDR="192.0.2.1")
    owner.log_in("bob")
    owner.get("/logout")
    statuses = []
    for _ in range(16):
        owner.identify("bob")
        statuses.append(owner.credential("wrong").status_code)
    assert statuses == [200] * 15 + [429]  # ten of its own, then five as everybody
    clock.move(900)
    assert owner.log_in("bob").status_code == 302


def test_the_cookie_of_one_account_makes_no_browser_known_to_another(enrolled: Host, clock: Clock) -> None:
    mallory = enrolled.person(REMOTE_ADDR="192.0.2.1")
    mallory.log_in("mallory")
    mallory.get("/logout")
    statuses = []
    for _ in range(6):
        mallory.identify("alice")
        statuses.append(mallory.credential("guess", "123456").status_code)
    assert statuses == [200] * 5 + [429]


def test_a_browser_of_several_people_is_known_to_the_last_four(make_app: MakeApp, clock: Clock) -> None:
    host = make_app()
    person = host.person()
    lengths = set()
    for name in ("alice", "bob", "mallory", "carol"):
        person.log_in(name)
        lengths.add(len(person.cookies()["twofactor_known"]))
        person.get("/logout")
    with host.app.test_request_context(headers={"Cookie": f"twofactor_known={person.cookies()['twofactor_known']}"}):
        from_cookie = state_of(host).keyring.open("known", person.cookies()["twofactor_known"])
    assert from_cookie is not None
    assert len(from_cookie) == 4 * 56
    assert max(lengths) < 400


@pytest.mark.requirement("SES-16", "SES-07")
def test_the_known_browser_cookie_is_sealed_http_only_and_lax(enrolled: Host) -> None:
    person = enrolled.person()
    answer = person.log_in("alice")
    line = next(one for one in answer.headers.getlist("Set-Cookie") if one.startswith("twofactor_known="))
    assert "HttpOnly" in line
    assert "SameSite=Lax" in line
    assert "alice" not in line
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_browser_that_was_away_for_180_days_is_known_no_longer(enrolled: Host, clock: Clock) -> None:
    owner = enrolled.person(REMOTE_ADDR="192.0.2.1")
    owner.log_in("bob")
    owner.get("/logout")
    clock.move(180 * DAY + 1)
    statuses = []
    for _ in range(6):
        owner.identify("bob")
        statuses.append(owner.credential("wrong").status_code)
    assert statuses[-1] == 429


# --- the unlock link


@pytest.mark.requirement("THR-06", "CSR-04")
def test_the_unlock_link_makes_a_browser_known_by_its_button_and_nothing_else(enrolled: Host, clock: Clock) -> None:
    with enrolled.app.test_request_context():
        path = enrolled.two_factor.unlock_path(enrolled.users["alice"])
    strangers(enrolled, "alice", NAME[0][0], clock)
    fresh = enrolled.person(REMOTE_ADDR="203.0.113.5")
    page = fresh.get(path)
    assert page.status_code == 200
    assert "twofactor_known" not in fresh.cookies()
    fresh.identify("alice")
    assert fresh.credential("alice-password", enrolled.code("alice")).status_code == 429
    assert fresh.post(path).location == "/two-factor/identify"
    assert fresh.me is None
    fresh.identify("alice")
    assert alert(fresh.credential("alice-password")).startswith("These details")
    assert fresh.log_in("alice").status_code == 302


@pytest.mark.parametrize("token", ["", "1.junk", "late"])
def test_an_unlock_link_that_is_forged_or_old_does_nothing(enrolled: Host, clock: Clock, token: str) -> None:
    with enrolled.app.test_request_context():
        path = enrolled.two_factor.unlock_path(enrolled.users["alice"], seconds=60)
    if token == "late":
        clock.move(61)
    else:
        path = f"/two-factor/unlock?token={token}"
    person = enrolled.person()
    assert person.get(path).status_code == 400
    assert "twofactor_known" not in person.cookies()


# --- the session's own bucket


@pytest.mark.requirement("LIF-01")
def test_the_sixth_wrong_disable_code_of_a_session_ends_it(enrolled: Host, clock: Clock) -> None:
    """Bucket G; attack 79."""
    owner = enrolled.person()
    owner.log_in("alice")
    clock.move(30)
    wrong = enrolled.wrong_code("alice")
    stolen = enrolled.person()
    stolen.use_cookies(owner.cookies())
    for _ in range(5):
        assert alert(stolen.disable("alice", wrong))
    refused = stolen.disable("alice", wrong)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert stolen.me is None
    assert owner.me is None
    assert rows(enrolled, "twofactor_enrolment")


def test_the_sixth_wrong_password_of_a_session_ends_it(enrolled: Host, clock: Clock) -> None:
    owner = enrolled.person()
    owner.log_in("bob")
    clock.move(1000)
    statuses = [owner.post("/two-factor/password", password="wrong").status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    assert owner.me is None


def test_the_sixth_wrong_code_of_a_session_that_owes_it_ends_it(enrolled: Host) -> None:
    person = enrolled.person()
    person.legacy("alice")
    wrong = enrolled.wrong_code("alice")
    statuses = [person.post("/two-factor/challenge", code=wrong).status_code for _ in range(5)]
    assert statuses == [200] * 5
    token_page = person.get("/two-factor/challenge")
    data = {"csrf_token": csrf_token(token_page), "code": enrolled.code("alice")}
    assert person.client.post("/two-factor/challenge", data=data).status_code == 429
    assert person.me is None


# --- the silent budget


@pytest.mark.requirement("THR-10", "THR-11")
def test_after_a_hundred_wrong_codes_in_a_row_no_code_is_right_until_a_reset(make_app: MakeApp, clock: Clock) -> None:
    notices: list[Notice] = []

    def wire(two_factor: TwoFactor) -> None:
        two_factor.notify(lambda user, notice: notices.append(notice))

    host = make_app(wire=wire)
    host.enroll("alice")
    with host.app.app_context():
        for number in range(100):
            if number and number % 8 == 0:
                clock.move(5 * DAY)  # within 10 a day and 50 in 30 days
            assert not host.two_factor.verify(host.users["alice"], host.wrong_code("alice"))
        clock.move(40 * DAY)
        assert not host.two_factor.verify(host.users["alice"], host.code("alice"))
        assert notices[-1].kind == "stopped"
        host.two_factor.reset(host.users["alice"], by="helpdesk")
        host.enroll("alice")
        assert host.two_factor.verify(host.users["alice"], host.code("alice"))


@pytest.mark.requirement("THR-11", "ENU-11", "LIF-06")
def test_the_owner_is_told_at_three_and_at_ten_wrong_codes_and_not_more_often(make_app: MakeApp) -> None:
    notices: list[Notice] = []

    def wire(two_factor: TwoFactor) -> None:
        two_factor.notify(lambda user, notice: notices.append(notice))

    host = make_app(wire=wire)
    host.enroll("alice")
    notices.clear()
    told = []
    for number in range(12):
        fail(host, "alice", address(number), "alice-password", host.wrong_code("alice"))
        told.append(len(notices))
    assert told == [0, 0, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2]
    assert [notice.kind for notice in notices] == ["few", "many"]
    assert all(host.secrets["alice"] not in notice.body for notice in notices)
    assert notices[0].origin is not None


@pytest.mark.requirement("ENU-11")
def test_a_notice_goes_out_when_the_response_is_sent(make_app: MakeApp) -> None:
    order: list[str] = []

    def wire(two_factor: TwoFactor) -> None:
        two_factor.notify(lambda user, notice: order.append(f"told {user.username}"))

    host = make_app(wire=wire)
    person = host.person()
    person.log_in("alice")

    def end(response: Any) -> Any:
        order.append("response made")
        return response

    page = person.begin_setup()
    host.secrets["alice"] = person.secret
    host.app.after_request_funcs[None].insert(0, end)
    data = {"csrf_token": csrf_token(page), "code": host.code("alice")}
    raw = person.client.post("/two-factor/setup", data=data, buffered=False)
    assert order == ["response made"]
    raw.close()
    assert order == ["response made", "told alice"]


@pytest.mark.requirement("THR-18")
def test_a_wave_of_wrong_codes_raises_the_alarm_once_an_hour(
    make_app: MakeApp, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    host = make_app(TWOFACTOR_ALARM=4)
    for name in ("alice", "mallory"):
        host.enroll(name)
    raised: list[int] = []

    def receive(_: Any, count: int, **__: Any) -> None:
        raised.append(count)

    with signals.alarm_raised.connected_to(receive, sender=host.app), caplog.at_level(logging.WARNING):
        for number in range(9):
            name = ("alice", "mallory")[number % 2]
            fail(host, name, address(number), f"{name}-password", host.wrong_code(name))
        assert raised == [4]
        assert "alarm" in caplog.text
        clock.move(3600)
        for number in range(4):
            fail(host, "mallory", address(number), "mallory-password", host.wrong_code("mallory"))
        assert raised == [4, 4]
    fail(host, "alice", address(99), "not her password", host.wrong_code("alice"))
    assert raised == [4, 4]


@pytest.mark.requirement("THR-03")
def test_a_new_password_from_a_complete_session_clears_the_budget_and_one_from_outside_does_not(
    enrolled: Host, clock: Clock
) -> None:
    user = enrolled.users["alice"]

    def spent() -> bool:
        row = next(one for one in rows(enrolled, "twofactor_account") if one["subject"] == "1")
        return len(row["unknown"].split(",")) >= 10

    for number in range(10):
        fail(enrolled, "alice", address(number), "alice-password", enrolled.wrong_code("alice"))
    with enrolled.app.app_context():
        enrolled.two_factor.end_sessions(user)
    assert spent()

    clock.move(2 * DAY)
    owner = enrolled.person()
    owner.log_in("alice")
    clock.move(30)
    for number in range(10):
        fail(enrolled, "alice", address(number), "alice-password", enrolled.wrong_code("alice"))
    assert spent()
    enrolled.app.view_functions["open_page"] = lambda: str(enrolled.two_factor.end_sessions(user))
    assert owner.get("/open").status_code == 200
    assert not spent()
    assert owner.me is None


# --- other


@pytest.mark.requirement("CSR-08")
@pytest.mark.parametrize("path", ["identify", "credential", "challenge", "setup", "manage", "password", "unlock"])
def test_a_form_of_another_site_is_refused(enrolled: Host, path: str) -> None:
    person = enrolled.person()
    person.log_in("bob")
    data = {"csrf_token": csrf_token(person.get("/two-factor/identify?switch=1"))}
    crossing = person.client.post(f"/two-factor/{path}", data=data, headers={"Sec-Fetch-Site": "cross-site"})
    assert crossing.status_code == 403
    for site in ("same-origin", "same-site", "none"):
        assert person.client.post(f"/two-factor/{path}", data=data, headers={"Sec-Fetch-Site": site}).status_code != 403


@pytest.mark.requirement("FLG-04")
def test_a_request_loader_is_exempt_by_name_alone(enrolled: Host) -> None:
    machine = enrolled.person()
    token = {"headers": {"X-Token": "alice"}}
    assert machine.get("/me", **token).status_code != 200
    manager: Any = enrolled.app.extensions and enrolled.app.login_manager  # type: ignore[attr-defined]
    enrolled.two_factor.request_exemption(lambda request: None)
    assert machine.get("/me", **token).status_code != 200
    enrolled.two_factor.request_exemption(manager._request_callback)
    assert machine.get("/me", **token).text == "alice"
    assert machine.get("/two-factor/settings", **token).status_code == 403
    assert Person(enrolled, enrolled.app.test_client(), {}).me is None
