"""Recent activity: what a person is shown of the own account, and what a thief of the session must not learn."""

from __future__ import annotations

import html
import re

import pytest

from flask_twofactor import signals
from flask_twofactor.core.texts import Language
from flask_twofactor.flows import activity
from tests.support.host import Clock, Host, Person
from tests.support.watching import state_of

ACTIVITY = "/two-factor/activity"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"


def shown(person: Person) -> list[str]:
    """Give the lines of the page as a person reads them, the newest first."""
    page = person.get(ACTIVITY)
    assert page.status_code == 200, page.location
    lines = re.findall(r'<li class="tf-event">(.*?)</li>', page.text, re.S)
    return [html.unescape(" ".join(re.sub(r"<[^>]+>", " ", line).split())) for line in lines]


def what(person: Person) -> list[str]:
    """Give what the lines say has happened."""
    return [html.unescape(one) for one in re.findall(r'"tf-event-what">(.*?)<', person.get(ACTIVITY).text)]


def signed_in(host: Host, name: str) -> Person:
    person = host.person(REMOTE_ADDR="198.51.100.7", HTTP_USER_AGENT=FIREFOX)
    person.log_in(name)
    return person


def guess(host: Host, name: str, password: str, code: str | None = None) -> None:
    stranger = host.person(REMOTE_ADDR="203.0.113.9", HTTP_USER_AGENT="curl/8.8")
    stranger.identify(name)
    assert stranger.credential(password, code).status_code == 200


def test_a_person_reads_what_happened_when_from_where_and_with_which_browser(enrolled: Host, clock: Clock) -> None:
    guess(enrolled, "alice", "wrong", "000000")
    clock.move(3600 * 5 + 61)
    person = signed_in(enrolled, "alice")
    assert shown(person) == [
        "Login with password and code 15 January 2027, 13:01 UTC Firefox on Linux from 198.51.100.0/24",
        "A login was refused 15 January 2027, 08:00 UTC Unknown browser from 203.0.113.0/24",
        "Two-factor authentication was turned on 15 January 2027, 08:00 UTC Not by a browser",
    ]
    assert '<time datetime="2027-01-15T13:01:01+00:00">' in person.get(ACTIVITY).text


def test_the_whole_life_of_a_factor_is_told_in_words(host: Host, clock: Clock) -> None:
    person = signed_in(host, "bob")
    person.begin_setup()
    host.secrets["bob"] = person.secret
    person.post("/two-factor/setup", code=host.wrong_code("bob"))
    person.set_up("bob")
    clock.move(60)
    person.post("/two-factor/challenge", code=host.code("bob"))
    person.disable("bob", host.wrong_code("bob"))
    clock.move(60)
    person.post("/two-factor/recovery", code=host.code("bob"))
    person.post("/two-factor/password", password="wrong")
    person.post("/two-factor/password", password="bob-password")
    person.post("/two-factor/sessions")
    clock.move(60)
    person.disable("bob")
    host.enroll("bob")
    with host.app.app_context():
        host.two_factor.reset(host.users["bob"], by="ops")
    assert what(signed_in(host, "bob"))[::-1] == [
        "Login without a code",
        "A wrong code was given in the set-up",
        "Two-factor authentication was turned on",
        "A code was given to confirm",
        "A wrong code was given",
        "New recovery codes were made",
        "A wrong password was given where it was asked again",
        "The password was given again",
        "Logged out everywhere else",
        "Two-factor authentication was turned off",
        "Two-factor authentication was turned on",
        "Two-factor authentication was reset by an administrator",
        "Login without a code",
    ]


def test_a_log_in_with_a_recovery_code_is_told_as_that(host: Host) -> None:
    person = signed_in(host, "bob")
    sheet = person.get(str(person.set_up("bob").location)).text
    other = host.person()
    other.identify("bob")
    other.credential("bob-password", sheet.split("<code>")[1].split("</code>")[0])
    assert what(other)[:2] == ["Login with a recovery code", "A recovery code was used"]
    assert "ops" not in other.get(ACTIVITY).text


def test_the_last_fifty_events_are_shown(enrolled: Host, clock: Clock) -> None:
    for number in range(60):
        clock.move(60)
        state_of(enrolled).record("twofactor-password-confirmed", "1", number=number)
    person = signed_in(enrolled, "alice")
    lines = shown(person)
    assert len(lines) == 50
    assert lines[0].startswith("Login with")
    assert "09:00 UTC" in lines[1]
    assert "08:12 UTC" in lines[49]


@pytest.mark.requirement("LIF-03")
def test_only_the_account_that_is_signed_in_is_shown_whatever_the_request_says(enrolled: Host) -> None:
    guess(enrolled, "alice", "wrong")
    person = signed_in(enrolled, "mallory")
    mine = shown(person)
    assert len(mine) == 2
    page = person.get(f"{ACTIVITY}?subject=1&user_id=1&user=alice&id=1", headers={"X-Token": "alice"})
    assert page.text == person.get(ACTIVITY).text
    assert person.client.post(ACTIVITY, data={"subject": "1"}).status_code == 405


@pytest.mark.requirement("LOG-05")
def test_a_wrong_password_and_a_wrong_code_after_the_right_one_read_the_same(enrolled: Host) -> None:
    for name, password in (("alice", "wrong"), ("mallory", "mallory-password")):
        for _ in range(4):
            guess(enrolled, name, password, "000000")
    alice, mallory = signed_in(enrolled, "alice"), signed_in(enrolled, "mallory")
    assert shown(alice) == shown(mallory)
    assert (
        shown(alice)[1:5] == ["A login was refused 15 January 2027, 08:00 UTC Unknown browser from 203.0.113.0/24"] * 4
    )
    assert "reason" not in alice.get(ACTIVITY).text


@pytest.mark.requirement("LOG-05")
def test_a_clock_that_jumped_which_is_told_after_a_right_password_only_is_not_shown(
    enrolled: Host, clock: Clock
) -> None:
    clock.move(3600)
    enrolled.person().log_in("alice")
    clock.move(-3600)
    guess(enrolled, "alice", "alice-password", enrolled.wrong_code("alice"))
    assert "twofactor-clock-jumped" in [event.kind for event in state_of(enrolled).store.events("1", 9)]
    assert what(signed_in(enrolled, "alice"))[1] == "A login was refused"
    assert "clock" not in str(what(signed_in(enrolled, "alice"))).lower()


def test_every_signal_has_words_but_those_that_are_about_no_account_or_the_operator_s() -> None:
    sent = {value.name for value in vars(signals).values() if hasattr(value, "send")}
    kept_back = {"identified", "alarm", "clock-jumped"}
    assert sent - set(activity._WORDS) == {signals.logged_in.name, *(f"twofactor-{kind}" for kind in kept_back)}


@pytest.mark.requirement("LIF-01")
def test_it_takes_a_recent_password(enrolled: Host, clock: Clock) -> None:
    person = signed_in(enrolled, "alice")
    clock.move(901)
    asked = person.get(ACTIVITY)
    assert asked.location == f"/two-factor/password?next={ACTIVITY}"
    assert person.post(str(asked.location), password="alice-password").location == ACTIVITY
    assert person.get(ACTIVITY).status_code == 200


def test_nobody_sees_it_without_a_whole_log_in_of_a_session(enrolled: Host) -> None:
    assert str(enrolled.person().get(ACTIVITY).location).startswith("/two-factor/identify")
    owing = enrolled.person()
    owing.legacy("alice")
    assert owing.get(ACTIVITY).location == f"/two-factor/challenge?next={ACTIVITY}"
    assert enrolled.app.test_client().get(ACTIVITY, headers={"X-Token": "bob"}).status_code == 403


def test_the_panel_links_to_it(host: Host) -> None:
    assert f'href="{ACTIVITY}">Recent activity</a>' in signed_in(host, "bob").get("/two-factor/settings").text


class Loud(Language):
    """A language of capitals."""

    def gettext(self, text: str, **values: object) -> str:
        return super().gettext(text, **values).upper()


def test_words_are_looked_up_in_the_language_of_the_request(enrolled: Host) -> None:
    person = signed_in(enrolled, "alice")
    object.__setattr__(state_of(enrolled), "language", lambda tag: Loud())
    assert what(person)[0] == "LOGIN WITH PASSWORD AND CODE"


def test_who_has_no_events_left_reads_that_there_is_nothing(host: Host) -> None:
    person = signed_in(host, "bob")
    state_of(host).store.__dict__["events"] = lambda subject, limit: []
    assert "Nothing yet." in person.get(ACTIVITY).text
