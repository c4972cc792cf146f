"""Trust in a browser ends with whatever ends sessions, and a value that was used before exposes a copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import TestResponse

from flask_twofactor.flows import rescue
from tests.support.host import Host, Person, csrf_token, secret_on
from tests.support.trusting import DAY, gets_in, holding, password_alone, ticked, trusted_rows, trusting, value_of
from tests.support.watching import asks_code, rows, state_of

MakeApp = Callable[..., Host]
Event = Callable[[Host, Person], Any]


@pytest.fixture
def site(make_app: MakeApp) -> Host:
    """A console with trusted browsers; alice and mallory have the factor."""
    return trusting(make_app)


def elsewhere(host: Host) -> Person:
    """Give alice at another browser, with a code that is not spent."""
    person = host.person()
    host.clock.move(30)
    person.log_in("alice")
    host.clock.move(30)
    return person


def enter_code(person: Person, page: str, **fields: str) -> TestResponse:
    answer = person.post(f"/two-factor/{page}", code=person.host.code("alice"), **fields)
    assert answer.status_code == 302, answer.text
    return answer


def disable(host: Host, _: Person) -> None:
    enter_code(elsewhere(host), "manage")
    host.enroll("alice")


def re_enrol(host: Host, _: Person) -> None:
    person = elsewhere(host)
    enter_code(person, "manage")
    assert person.set_up("alice").status_code == 302
    host.clock.move(30)


def change_password(host: Host, _: Person) -> None:
    with host.app.app_context():
        host.two_factor.end_sessions(host.users["alice"])


def use_recovery_code(host: Host, _: Person) -> None:
    with host.app.app_context():
        code = host.two_factor.new_recovery_codes(host.users["alice"])[0]
    trust_again(host, _)
    person = host.person()
    person.identify("alice")
    assert person.credential("alice-password", code).status_code == 302


def use_rescue_code(host: Host, _: Person) -> None:
    with host.app.app_context():
        code = rescue.issue(state_of(host), host.users["alice"], "ops", "desk").code
    person = host.person()
    person.identify("alice")
    assert person.credential("alice-password", code).status_code == 302


def make_recovery_codes(host: Host, _: Person) -> None:
    enter_code(elsewhere(host), "recovery")


def reset(host: Host, _: Person) -> None:
    with host.app.app_context():
        host.two_factor.reset(host.users["alice"], by="admin")
    host.enroll("alice")


def sign_out_everywhere(host: Host, _: Person) -> None:
    assert elsewhere(host).post("/two-factor/sessions").status_code == 302


def sign_out_everywhere_here(host: Host, person: Person) -> None:
    assert person.post("/two-factor/sessions").status_code == 302


def expire(host: Host, _: Person) -> None:
    host.clock.move(30 * DAY + 1)


def forget_one(host: Host, _: Person) -> None:
    [row] = [row for row in trusted_rows(host) if row["subject"] == "1"]
    assert elsewhere(host).post("/two-factor/browsers/forget", "/two-factor/sessions", browser=row["id"])


def forget_all(host: Host, _: Person) -> None:
    assert elsewhere(host).post("/two-factor/browsers/forget", "/two-factor/sessions")


def remove_authenticator(host: Host, _: Person) -> None:
    person = elsewhere(host)
    enter_code(person, "authenticators/add", name="Tablet")
    host.secrets["alice"] = secret_on(person.get("/two-factor/authenticators/new"))
    enter_code(person, "authenticators/new")
    host.clock.move(30)
    [old] = [row for row in rows(host, "twofactor_enrolment") if row["subject"] == "1" and not row["name"]]
    enter_code(person, f"authenticators/remove?authenticator={old['id']}", authenticator=old["id"])
    host.clock.move(30)


def delete_the_account(host: Host, _: Person) -> None:
    with host.app.app_context():
        host.two_factor.forget("1")
    host.enroll("alice")


def trust_again(host: Host, person: Person) -> None:
    """Tick the box anew where the preparation of an event ended the trust; the old values stay dead."""
    if not [row for row in trusted_rows(host) if row["subject"] == "1"]:
        person.get("/logout")
        ticked(host, "alice", person)


EVENTS: dict[str, Event] = {
    "disable": disable, "re-enrol": re_enrol, "password change": change_password,
    "recovery code used": use_recovery_code, "rescue code used": use_rescue_code,
    "recovery codes made": make_recovery_codes, "admin reset": reset, "sign out everywhere": sign_out_everywhere,
    "sign out everywhere, in this browser": sign_out_everywhere_here, "expiry": expire, "forget one": forget_one,
    "forget all": forget_all, "authenticator removed": remove_authenticator, "account deleted": delete_the_account,
}  # fmt: skip


@pytest.mark.requirement("TRB-04", "ENR-10", "LIF-02", "SES-10", "REC-10", "LIF-08")
@pytest.mark.parametrize("event", EVENTS)
def test_the_old_cookie_is_worth_nothing_after(site: Host, event: str) -> None:
    person = ticked(site)
    mallory = value_of(ticked(site, "mallory"))
    values = [value_of(person)]
    EVENTS[event](site, person)
    values.append(value_of(person))
    for value in values:
        assert asks_code(holding(site, value).identify("alice"))
        assert not gets_in(site, value)
        owing = holding(site, value)
        owing.legacy("alice")
        assert owing.get("/two-factor/challenge").status_code == 200
        assert owing.me is None
    site.clock.move(30)
    assert site.person().log_in("alice").status_code == 302
    if event != "expiry":
        assert gets_in(site, mallory, "mallory"), "an event of one account ended the trust of another"


@pytest.mark.requirement("TRB-04", "ENR-10")
def test_it_ends_when_the_factor_is_set_up_anew_after_a_rescue(site: Host) -> None:
    with site.app.app_context():
        code = rescue.issue(state_of(site), site.users["alice"], "ops", "desk").code
    rescued = site.person()
    rescued.identify("alice")
    rescued.credential("alice-password", code)
    value = value_of(ticked(site))  # somebody who has the old authenticator, meanwhile
    assert rescued.set_up("alice").status_code == 302
    assert not gets_in(site, value)
    assert not trusted_rows(site)


@pytest.mark.requirement("TRB-04")
@pytest.mark.parametrize("change", ["log out", "wrong code", "authenticator added", "log in elsewhere"])
def test_what_changes_nothing_about_who_may_get_in_leaves_it(site: Host, change: str) -> None:
    person = ticked(site)
    value = value_of(person)
    if change == "log out":
        person.get("/logout")
    elif change == "wrong code":
        person.post("/two-factor/manage", code=site.wrong_code("alice"))
    elif change == "log in elsewhere":
        elsewhere(site)
    else:
        enter_code(person, "authenticators/add", name="Tablet")
        site.secrets["alice"] = secret_on(person.get("/two-factor/authenticators/new"))
        enter_code(person, "authenticators/new")
    assert gets_in(site, value)


# Theft


def copied_events(host: Host) -> list[dict[str, Any]]:
    events = state_of(host).store.events("1", 100)
    return [dict(one.details) for one in events if one.kind == "twofactor-trusted-browser-forgotten"]


@pytest.mark.requirement("TRB-05")
def test_the_value_changes_at_each_use_and_the_former_ends_the_trust(site: Host) -> None:
    first = value_of(ticked(site))
    second = gets_in(site, first)
    third = gets_in(site, second)
    assert len({first, second, third}) == 3
    assert len(trusted_rows(site)) == 1
    assert not gets_in(site, first)
    assert not trusted_rows(site)
    assert not gets_in(site, third)
    assert copied_events(site) == [{"count": 1, "reason": "copied"}]


@pytest.mark.requirement("TRB-05")
@pytest.mark.parametrize("answer", ["nothing", "a wrong code", "a right code", "a wrong password"])
def test_an_owner_whose_cookie_was_copied_and_used_first_ends_the_thief_s(site: Host, answer: str) -> None:
    owner = ticked(site)
    thief = gets_in(site, value_of(owner))
    assert thief
    owner.get("/logout")
    assert asks_code(owner.identify("alice"))
    password = "wrong" if answer == "a wrong password" else "alice-password"
    codes = {"a wrong code": site.wrong_code("alice"), "a right code": site.code("alice")}
    entered = owner.credential(password, codes.get(answer))
    assert (entered.status_code == 302) is (answer == "a right code")
    assert not gets_in(site, thief)
    assert copied_events(site) == [{"count": 1, "reason": "copied"}]


@pytest.mark.requirement("TRB-05")
def test_a_copy_is_exposed_at_the_challenge_too(site: Host) -> None:
    owner = ticked(site)
    thief = gets_in(site, value_of(owner))
    owner.get("/logout")
    owner.legacy("alice")
    assert owner.get("/two-factor/challenge").status_code == 200
    assert not gets_in(site, thief)
    assert copied_events(site)
    owner.post("/two-factor/challenge", code=site.code("alice"))
    assert owner.me == "alice"


@pytest.mark.requirement("TRB-05")
def test_looking_at_the_first_page_ends_nothing(site: Host) -> None:
    value = value_of(ticked(site))
    later = gets_in(site, value)
    stranger = holding(site, value)
    for _ in range(3):
        assert asks_code(stranger.identify("alice"))
    assert gets_in(site, later)


@pytest.mark.requirement("TRB-05", "TRB-02")
def test_an_old_value_of_one_account_ends_no_trust_of_another(site: Host) -> None:
    alice, mallory = value_of(ticked(site)), value_of(ticked(site, "mallory"))
    later = gets_in(site, mallory, "mallory")
    assert not gets_in(site, mallory)  # the log-in is alice's
    assert gets_in(site, later, "mallory")
    assert gets_in(site, alice)


@pytest.mark.requirement("TRB-05")
def test_a_browser_whose_trust_ended_can_be_trusted_anew(site: Host) -> None:
    person = ticked(site)
    gets_in(site, value_of(person))
    person.get("/logout")
    password_alone(person)
    ticked(site, "alice", person)
    person.get("/logout")
    page = person.identify("alice")
    assert not asks_code(page)
    token = csrf_token(page)
    assert person.client.post("/two-factor/credential", data={"csrf_token": token, "password": "alice-password"})
    assert person.me == "alice"


@pytest.mark.requirement("TRB-05")
def test_a_browser_that_is_trusted_twice_has_one_value_and_a_copy_of_both_gets_in_by_neither(make_app: MakeApp) -> None:
    """With the uniform page the box is there again on a browser that is trusted already."""
    host = trusting(make_app, TWOFACTOR_PROMPT="uniform")
    owner = ticked(host)
    first = value_of(owner)
    owner.get("/logout")
    ticked(host, "alice", owner)
    copied = value_of(owner)
    assert len(trusted_rows(host)) == 1
    later = gets_in(host, copied)
    assert later
    assert not gets_in(host, copied)
    assert not gets_in(host, copied)
    assert not gets_in(host, first)
    assert not gets_in(host, later)
    assert not trusted_rows(host)


@pytest.mark.requirement("TRB-05", "TRB-02")
def test_a_copy_of_before_the_box_was_ticked_again_gives_itself_away(make_app: MakeApp) -> None:
    host = trusting(make_app, TWOFACTOR_PROMPT="uniform")
    owner = ticked(host)
    copied = value_of(owner)
    owner.get("/logout")
    ticked(host, "mallory", owner)
    owner.get("/logout")
    ticked(host, "alice", owner)
    assert not gets_in(host, copied)
    assert not gets_in(host, value_of(owner))
    assert gets_in(host, value_of(owner), "mallory"), "the trust for another account in that browser stays"
    assert len(copied_events(host)) == 1
