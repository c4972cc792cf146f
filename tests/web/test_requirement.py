"""The factor as a duty: who owes the set-up is nobody to the host, by every way in, until it is done (LIF-07)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from flask import jsonify, request
from flask_login import current_user, login_user

from flask_twofactor.flows import manage
from flask_twofactor.web.session import COMPANION_COOKIE
from tests.support.host import Host, Person, alert, csrf_token, secret_on
from tests.support.watching import asks_code, dump, rows, state_of
from tests.web.test_takeover import HAND_ON, Console

MakeApp = Callable[..., Host]
Rule = Callable[[Host], None]
Way = Callable[[Host], Person]
SETUP = "/two-factor/setup"
GRACE = 7 * 86400


def by_hook(host: Host) -> None:
    host.two_factor.requirement(lambda user: user.username in ("bob", "alice"))


def by_flag(host: Host) -> None:
    for key in ("1", "2"):
        assert state_of(host).store.set_required(key, True)


RULES: dict[str, Rule] = {"hook": by_hook, "flag": by_flag}
each_rule = pytest.mark.parametrize("rule", RULES)


def lifted(host: Host) -> None:
    host.two_factor.requirement(lambda user: False)
    for key in ("1", "2"):
        state_of(host).store.set_required(key, False)


def owing(host: Host, target: str | None = None) -> Person:
    """Give bob, who is required to have the factor and has logged in without."""
    person = host.person()
    person.identify("bob", target)
    assert str(person.credential("bob-password").location).startswith(SETUP)
    return person


def is_nobody(person: Person) -> bool:
    """Tell whether the host takes this person for nobody, on its pages for all and on its own."""
    return person.me is None and person.get("/open").text == "False" and "tf-panel" not in person.get("/profile").text


# Before the set-up


@each_rule
@pytest.mark.requirement("LIF-07")
def test_a_log_in_without_the_factor_leads_to_the_set_up_and_nowhere_else(host: Host, rule: str) -> None:
    RULES[rule](host)
    person = host.person()
    person.identify("bob", "/me")
    answer = person.credential("bob-password")
    assert (answer.status_code, answer.location) == (302, f"{SETUP}?next=/me")
    assert is_nobody(person)
    assert person.get("/me").location == f"{SETUP}?next=/me"
    page = person.get(SETUP)
    assert page.status_code == 200
    assert "Your account is required to use two-factor authentication. Set it up to go on." in page.text
    assert 'id="tf-cancel"' not in page.text
    assert is_nobody(person)


@pytest.mark.requirement("LIF-07")
@pytest.mark.parametrize(
    "path",
    [
        "settings", "manage", "recovery", "recovery-codes", "recovery-used", "authenticators", "authenticators/add",
        "authenticators/new", "authenticators/remove", "sessions", "activity", "challenge", "grace", "identify",
    ],
)  # fmt: skip
def test_every_other_page_of_ours_leads_to_the_set_up(host: Host, path: str) -> None:
    by_hook(host)
    answer = owing(host).get(f"/two-factor/{path}")
    assert (answer.status_code, str(answer.location).partition("?")[0]) == (302, SETUP)


@pytest.mark.requirement("LIF-07")
@pytest.mark.parametrize("path", ["manage", "recovery", "sessions", "browsers/forget", "authenticators/add"])
def test_no_change_is_made_by_a_post_either(host: Host, path: str) -> None:
    by_hook(host)
    person = owing(host)
    before = dump(host)
    token = csrf_token(person.get(SETUP))
    before["enrolment"] = dump(host)["enrolment"]
    data = {"csrf_token": token, "code": "123456", "name": "x"}
    answer = person.client.post(f"/two-factor/{path}", data=data)
    assert str(answer.location).partition("?")[0] == SETUP
    assert dump(host) == before


@each_rule
@pytest.mark.requirement("LIF-07", "SES-01")
def test_after_the_set_up_the_person_is_in_and_led_to_where_the_log_in_was_for(host: Host, rule: str) -> None:
    RULES[rule](host)
    person = owing(host, "/me")
    person.get("/plant/pre/attacker")
    page = person.get(f"{SETUP}?next=/me")
    host.secrets["bob"] = secret_on(page)
    action = re.search(r'id="tf-form" method="post" action="([^"]+)"', page.text)
    assert action is not None
    data = {"csrf_token": csrf_token(page), "code": host.code("bob")}
    answer = person.client.post(action[1].replace("&amp;", "&"), data=data)
    assert answer.location == "/two-factor/recovery-codes?next=/me"
    assert person.me == "bob"
    assert person.get("/planted/pre").text == "None"
    assert re.search(r'id="tf-done" href="/me"', person.get(answer.location).text)
    host.clock.move(30)
    assert host.person().log_in("bob").location == "/"


@pytest.mark.requirement("RED-01", "LIF-07")
@pytest.mark.parametrize("target", ["https://evil.test/", "//evil.test", "/\\evil.test", "/logout", "javascript:x"])
def test_a_target_elsewhere_is_dropped_on_the_way_through_the_set_up(host: Host, target: str) -> None:
    by_hook(host)
    person = owing(host)
    page = person.get(SETUP, query_string={"next": target})
    host.secrets["bob"] = secret_on(page)
    data = {"csrf_token": csrf_token(page), "code": host.code("bob")}
    answer = person.client.post(SETUP, query_string={"next": target}, data=data)
    assert answer.location == "/two-factor/recovery-codes"
    assert "evil" not in page.text + person.get(answer.location).text


@pytest.mark.requirement("LIF-07")
def test_a_wrong_code_in_the_set_up_lets_nobody_in(host: Host) -> None:
    by_hook(host)
    person = owing(host, "/me")
    answer = person.post(f"{SETUP}?next=/me", code="000000")
    assert answer.status_code == 200
    assert alert(answer)
    assert 'action="/two-factor/setup?next=/me"' in answer.text
    assert is_nobody(person)


@pytest.mark.requirement("LIF-07", "SES-03")
def test_who_does_not_want_to_can_log_out(host: Host) -> None:
    by_hook(host)
    person = owing(host)
    page = person.get(SETUP)
    assert 'action="/two-factor/log-out"' in page.text
    before = person.cookies()
    answer = person.client.post("/two-factor/log-out", data={"csrf_token": csrf_token(page)})
    assert answer.location == "/two-factor/identify"
    assert "/two-factor/identify" in str(person.get(SETUP).location)
    copy = host.person()
    copy.use_cookies(before)
    assert "/two-factor/identify" in str(copy.get(SETUP).location)
    assert not rows(host, "twofactor_mark")
    assert person.get("/two-factor/log-out").status_code == 405


@pytest.mark.requirement("LIF-07")
def test_somebody_else_can_log_in_in_that_browser(host: Host) -> None:
    by_hook(host)
    person = owing(host)
    assert person.get("/two-factor/identify?switch=1").status_code == 200
    assert person.post("/two-factor/identify?switch=1", identifier="carol").status_code == 302
    assert person.credential("carol-password").status_code == 302
    assert person.me == "carol"


@pytest.mark.requirement("ENR-05", "LIF-07")
def test_an_old_password_is_asked_for_before_the_key_is_shown_and_leads_back(host: Host) -> None:
    by_hook(host)
    person = owing(host)
    host.clock.move(901)
    asked = person.get(f"{SETUP}?next=/me")
    assert str(asked.location).startswith("/two-factor/password?next=")
    page = person.get(str(asked.location))
    assert 'action="/two-factor/log-out"' in page.text
    assert "Back to User Settings" not in page.text
    answer = person.post(str(asked.location), password="bob-password")
    assert answer.location == f"{SETUP}?next=/me"
    assert person.get(answer.location).status_code == 200
    assert is_nobody(person)


@each_rule
@pytest.mark.requirement("LIF-07")
def test_when_the_rule_is_lifted_the_session_is_an_ordinary_one(host: Host, rule: str) -> None:
    RULES[rule](host)
    person = owing(host)
    lifted(host)
    assert person.me == "bob"
    assert 'id="tf-cancel"' in person.get(SETUP).text


# By every way in


def by_our_pages(host: Host) -> Person:
    person = host.person()
    person.log_in("bob")
    return person


def by_the_hosts_view(host: Host) -> Person:
    person = host.person()
    assert person.legacy("bob") == {"entered": True, "authenticated": False}
    return person


def by_a_remember_cookie(host: Host) -> Person:
    person = host.person()
    person.legacy("bob", remember="y")
    person.client.delete_cookie("session")
    return person


def by_a_remember_cookie_of_ours(host: Host) -> Person:
    with host.app.app_context():
        host.two_factor.end_sessions(host.users["bob"])  # from now on a companion is needed
    person = host.person()
    person.log_in("bob", remember="y")
    assert COMPANION_COOKIE in person.cookies()
    person.client.delete_cookie("session")
    return person


def by_a_session_of_flask_login(host: Host) -> Person:
    person = host.person()
    with person.client.session_transaction() as held:
        held.update(_user_id="2", _fresh=True)
    return person


WAYS: dict[str, Way] = {
    "our pages": by_our_pages, "login_user in a view": by_the_hosts_view, "remember cookie": by_a_remember_cookie,
    "remember cookie with a companion": by_a_remember_cookie_of_ours, "session": by_a_session_of_flask_login,
}  # fmt: skip


@each_rule
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.requirement("LIF-07", "FLG-01", "FLG-02")
def test_who_owes_the_set_up_is_nobody_by_whichever_way(host: Host, rule: str, way: str) -> None:
    RULES[rule](host)
    person = WAYS[way](host)
    assert is_nobody(person)
    assert str(person.get("/me").location).startswith(SETUP)
    answer = person.get(SETUP)
    if answer.status_code == 302:  # who came by a cookie gave no password yet
        assert str(answer.location).startswith("/two-factor/password")
        person.post("/two-factor/password", password="bob-password")
    assert is_nobody(person)
    assert person.set_up("bob").status_code == 302
    assert person.me == "bob"


@each_rule
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.requirement("LIF-07", "FLG-01")
def test_a_session_that_exists_when_the_rule_comes_owes_it_at_its_next_request(host: Host, rule: str, way: str) -> None:
    lifted(host)
    if way == "login_user in a view":
        person = host.person()
        assert person.legacy("bob") == {"entered": True, "authenticated": True}
    else:
        person = WAYS[way](host)
    assert person.me == "bob"
    RULES[rule](host)
    assert is_nobody(person)
    assert str(person.get("/me").location).startswith(SETUP)


@each_rule
@pytest.mark.requirement("FLG-01", "FLG-04", "LIF-07")
def test_an_identity_of_a_request_loader_is_nobody(host: Host, rule: str) -> None:
    RULES[rule](host)
    token = host.person(HTTP_X_TOKEN="bob")
    assert token.get("/me").status_code in (302, 401)
    assert SETUP not in str(token.get("/me").location), "it has no session to set anything up from"
    assert token.get("/open").text == "False"
    assert token.get(SETUP).status_code in (302, 401, 403)
    assert host.person(HTTP_X_TOKEN="carol").me == "carol"


@pytest.mark.requirement("FLG-04")
def test_an_exempt_request_loader_is_a_door_past_the_duty_too(host: Host) -> None:
    by_hook(host)
    host.two_factor.request_exemption(host.app.login_manager._request_callback)  # type: ignore[attr-defined]
    token = host.person(HTTP_X_TOKEN="bob")
    assert token.me == "bob"
    assert token.get(SETUP).status_code == 403


@pytest.mark.requirement("FLG-05")
def test_a_session_that_owes_it_falls_through_to_no_weaker_source(host: Host) -> None:
    by_hook(host)
    person = owing(host)
    for name in ("carol", "bob"):
        assert person.get("/open", headers={"X-Token": name}).text == "False"
        assert person.get("/me", headers={"X-Token": name}).status_code == 302


@pytest.mark.requirement("FLG-02")
def test_login_user_before_each_request_lets_nobody_in_who_owes_it(host: Host) -> None:
    by_hook(host)

    @host.app.before_request
    def by_proxy_header() -> None:
        if name := request.headers.get("X-Remote-User"):
            login_user(host.users[name])

    person = host.person(HTTP_X_REMOTE_USER="bob")
    for _ in range(2):
        assert person.get("/open").text == "False"
        assert str(person.get("/me").location).startswith(SETUP)
    assert host.person(HTTP_X_REMOTE_USER="carol").me == "carol"


@pytest.mark.requirement("LIF-07", "FLG-02")
def test_a_log_in_in_json_sees_nobody_and_its_next_request_is_sent_to_the_set_up(host: Host) -> None:
    by_hook(host)

    @host.app.post("/api/log-in")
    def log_in() -> Any:
        entered = login_user(host.users[request.get_json()["name"]])
        return jsonify(entered=entered, name=getattr(current_user, "username", None))

    person = host.person()
    answer = person.client.post("/api/log-in", json={"name": "bob"})
    assert answer.get_json() == {"entered": True, "name": None}
    assert str(person.get("/me").location).startswith(SETUP)
    assert person.client.post("/api/log-in", json={"name": "carol"}).get_json()["name"] == "carol"


@pytest.mark.requirement("LIF-07")
@pytest.mark.parametrize("grace", [0, GRACE])
def test_a_log_in_that_is_handed_on_is_led_there_too(tmp_path: Any, clock: Any, grace: int) -> None:
    console = Console(tmp_path, clock, HAND_ON, TWOFACTOR_GRACE_SECONDS=grace)
    console.two_factor.requirement(lambda user: user.username == "ben")
    visit = console.visit()
    answer = visit.log_in("ben", "ben-password", at="/sign-in/acme?next=/me")
    page = "grace" if grace else "setup"
    assert answer.location == f"/two-factor/{page}?next=/me"
    assert visit.me == ("ben" if grace else "nobody")
    assert visit.get(str(answer.location)).status_code == 200
    assert console.visit().log_in("ann", "ann-password", at="/sign-in/acme?next=/me").location == "/me"


@pytest.mark.requirement("LIF-07")
def test_the_duty_holds_where_the_step_rides_in_the_form(make_app: MakeApp) -> None:
    host = make_app(TWOFACTOR_STEP="form")
    by_hook(host)
    person = host.person()
    page = person.post("/two-factor/identify", identifier="bob")
    hidden = dict(re.findall(r'<input[^>]*name="(csrf_token|step)"[^>]*value="([^"]*)"', page.text))
    answer = person.client.post("/two-factor/credential", data={**hidden, "password": "bob-password"})
    assert answer.location == SETUP
    assert is_nobody(person)
    assert person.set_up("bob").status_code == 302
    assert person.me == "bob"


# Who has the factor


@each_rule
@pytest.mark.requirement("LIF-07")
def test_who_has_the_factor_sees_no_difference_at_log_in(enrolled: Host, rule: str) -> None:
    RULES[rule](enrolled)
    person = enrolled.person()
    assert asks_code(person.identify("alice", "/me"))
    assert person.credential("alice-password", enrolled.code("alice")).location == "/me"
    assert person.me == "alice"
    token = enrolled.person(HTTP_X_TOKEN="alice")
    assert token.get("/open").text == "False"
    other = enrolled.person()
    other.legacy("alice")
    assert str(other.get("/me").location).startswith("/two-factor/challenge")


@each_rule
@pytest.mark.requirement("LIF-07", "LIF-01")
def test_it_cannot_be_turned_off_by_its_owner_and_the_pages_say_why(enrolled: Host, rule: str) -> None:
    RULES[rule](enrolled)
    person = enrolled.person()
    person.log_in("alice")
    enrolled.clock.move(30)
    assert "Required for your account." in person.get("/two-factor/settings").text
    page = person.get("/two-factor/manage")
    assert "Two-factor authentication is required for your account." in page.text
    assert "DISABLE" not in page.text
    token = csrf_token(person.get("/two-factor/recovery"))
    code = enrolled.code("alice")
    answer = person.client.post("/two-factor/manage", data={"csrf_token": token, "code": code})
    assert answer.status_code == 200
    assert "Two-factor authentication is required for your account." in answer.text
    with enrolled.app.app_context():
        assert enrolled.two_factor.is_enabled(enrolled.users["alice"])
        assert enrolled.two_factor.verify(enrolled.users["alice"], code), "the code was not spent"


@pytest.mark.requirement("LIF-04", "LIF-07")
def test_after_an_admins_reset_the_set_up_is_owed_again(enrolled: Host) -> None:
    by_hook(enrolled)
    person = enrolled.person()
    person.log_in("alice")
    with enrolled.app.app_context():
        enrolled.two_factor.reset(enrolled.users["alice"], by="admin")
    assert person.me is None
    del enrolled.secrets["alice"]
    again = enrolled.person()
    assert again.log_in("alice").location == SETUP
    assert is_nobody(again)


@pytest.mark.requirement("ENU-01")
def test_the_pages_before_the_log_in_do_not_tell_who_is_required(host: Host) -> None:
    before = host.person().identify("bob").text
    by_flag(host)
    by_hook(host)
    after = host.person().identify("bob").text
    strip = re.compile(r'name="csrf_token"[^>]*value="[^"]+"')
    assert strip.sub("", before) == strip.sub("", after)


# A hook that fails


@pytest.mark.requirement("LIF-07", "STO-07")
@pytest.mark.parametrize("answer", ["raises", "None", "1", "yes"])
def test_a_hook_that_fails_lets_nobody_in_who_has_no_factor(enrolled: Host, answer: str) -> None:
    before = enrolled.person()
    before.log_in("carol")

    def requirement(_: Any) -> Any:
        if answer == "raises":
            raise RuntimeError("a directory is down")
        return {"None": None, "1": 1, "yes": "yes"}[answer]

    enrolled.two_factor.requirement(requirement)
    person = enrolled.person()
    person.identify("bob")
    assert person.credential("bob-password").status_code == 503
    assert person.get("/open").text == "False"
    assert before.get("/me").status_code == 503
    assert enrolled.person(HTTP_X_TOKEN="bob").get("/me").status_code == 503
    legacy = enrolled.person()
    assert legacy.client.post("/legacy", data={"name": "bob", "password": "bob-password"}).status_code == 503
    assert legacy.get("/me").status_code in (302, 401, 503)
    alice = enrolled.person()
    assert alice.log_in("alice").status_code == 302
    assert alice.me == "alice", "who has the factor is not asked about"
    enrolled.two_factor.requirement(lambda user: True)
    for one in (person, before, legacy):
        assert one.me is None
    enrolled.two_factor.requirement(lambda user: False)
    assert [person.me, before.me] == [None, "carol"]


# Grace


@pytest.fixture
def graceful(make_app: MakeApp) -> Host:
    """A console that gives a week."""
    return make_app(TWOFACTOR_GRACE_SECONDS=GRACE)


def words(host: Host, seconds: float = GRACE) -> str:
    until = datetime.fromtimestamp(host.clock.at + seconds, timezone.utc)
    return f"{until.day} {until:%B %Y, %H:%M} UTC"


@each_rule
@pytest.mark.requirement("LIF-07")
def test_within_the_grace_a_page_after_the_log_in_says_until_when_and_leads_on(graceful: Host, rule: str) -> None:
    RULES[rule](graceful)
    until = words(graceful)
    person = graceful.person()
    person.identify("bob", "/me")
    answer = person.credential("bob-password")
    assert answer.location == "/two-factor/grace?next=/me"
    page = person.get(answer.location)
    assert until in page.text
    assert 'id="tf-continue" href="/me"' in page.text
    assert 'id="tf-setup" href="/two-factor/setup"' in page.text
    assert person.me == "bob"
    panel = person.get("/profile").text
    assert "Your account is required to use two-factor authentication" in panel
    assert until in panel
    assert 'id="tf-cancel"' in person.get(SETUP).text, "it is no duty yet"


@each_rule
@pytest.mark.requirement("LIF-07")
def test_it_runs_from_the_first_log_in_under_the_rule_and_the_set_up_is_owed_then(graceful: Host, rule: str) -> None:
    RULES[rule](graceful)
    graceful.clock.move(90 * 86400)
    until, person = words(graceful), graceful.person()
    assert person.log_in("bob").location == "/two-factor/grace"
    graceful.clock.move(GRACE)
    again = graceful.person()
    assert until in again.get(str(again.log_in("bob").location)).text
    assert [person.me, again.me] == ["bob", "bob"]
    graceful.clock.move(1)
    for one in (person, again):
        assert is_nobody(one)
        assert str(one.get("/me").location).startswith(SETUP)
    late = graceful.person()
    assert late.log_in("bob").location == SETUP
    assert is_nobody(late)
    assert graceful.person(HTTP_X_TOKEN="bob").get("/open").text == "False"


@pytest.mark.requirement("LIF-07")
def test_a_session_of_before_the_rule_has_it_from_its_next_request_on(graceful: Host) -> None:
    person = graceful.person()
    person.log_in("bob")
    by_flag(graceful)
    until = words(graceful)
    assert person.me == "bob"
    graceful.clock.move(GRACE)
    assert until in person.get("/profile").text
    graceful.clock.move(1)
    assert is_nobody(person)


@pytest.mark.requirement("LIF-07")
def test_who_has_not_logged_in_loses_none_of_it_by_being_looked_up(graceful: Host) -> None:
    by_flag(graceful)
    with graceful.app.app_context():
        found = manage.status(state_of(graceful), graceful.users["bob"])
    assert (found.required, found.grace_until) == (True, 0)
    runner = graceful.app.test_cli_runner()
    assert runner.invoke(args=["twofactor", "status", "bob"]).exit_code in (0, 1)
    graceful.person().identify("bob")
    wrong = graceful.person()
    wrong.identify("bob")
    wrong.credential("wrong")
    graceful.clock.move(GRACE + 1)
    assert graceful.person().log_in("bob").location == "/two-factor/grace"


@pytest.mark.requirement("LIF-07")
@pytest.mark.parametrize("again", ["reset", "the flag set anew"])
def test_it_begins_anew_after(graceful: Host, again: str) -> None:
    by_flag(graceful)
    graceful.person().log_in("bob")
    graceful.clock.move(GRACE + 1)
    assert graceful.person().log_in("bob").location == SETUP
    if again == "reset":
        with graceful.app.app_context():
            graceful.two_factor.reset(graceful.users["bob"], by="admin")
    else:
        state_of(graceful).store.set_required("2", False)
        state_of(graceful).store.set_required("2", True)
    assert graceful.person().log_in("bob").location == "/two-factor/grace"


def test_the_page_of_the_grace_leads_on_whoever_has_none(graceful: Host) -> None:
    graceful.enroll("alice")
    by_hook(graceful)
    for name in ("alice", "carol"):
        person = graceful.person()
        assert person.log_in(name).location == "/"
        assert person.get("/two-factor/grace?next=/me").location == "/me"
        assert person.get("/two-factor/grace?next=//evil.test").location == "/"
    assert "/two-factor/identify" in str(graceful.person().get("/two-factor/grace").location)


@pytest.mark.requirement("LIF-07")
def test_who_sets_it_up_within_the_grace_is_asked_no_more(graceful: Host) -> None:
    by_flag(graceful)
    person = graceful.person()
    person.log_in("bob")
    assert person.set_up("bob").status_code == 302
    graceful.clock.move(GRACE + 30)
    assert graceful.person().log_in("bob").location == "/"
