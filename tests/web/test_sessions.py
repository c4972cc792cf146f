"""What a browser keeps, and what it is worth afterwards: marks, copied cookies, remember-me, limits."""

from __future__ import annotations

import json
import logging
import re
import secrets
import struct
import time
from collections.abc import Callable
from hashlib import sha512
from hmac import new as hmac_new
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Request, Response, session
from flask.sessions import SecureCookieSessionInterface, SessionInterface, SessionMixin
from flask_login import login_user
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from werkzeug.datastructures import CallbackDict
from werkzeug.test import TestResponse

import flask_twofactor
from flask_twofactor import TwoFactor
from flask_twofactor.core.keyring import NOTE, Keyring, token_digest
from flask_twofactor.core.keyring import REMEMBER as REMEMBERED
from flask_twofactor.web.session import (
    COMPANION_COOKIE,
    KEYS,
    KNOWN_COOKIE,
    MARK_KEY,
    NEXT_KEY,
    NOTE_KEY,
    NOTICE_KEY,
    PENDING_KEY,
    SHEET_KEY,
    TRUSTED_COOKIE,
)
from tests.support.host import SECRET_KEY, Clock, Host, Person, User, csrf_token, make_host
from tests.support.watching import state_of
from tests.web.test_log_scan import live

REMEMBER = "remember_token"
MonthAgo = type("MonthAgo", (TimestampSigner,), {"get_timestamp": lambda _: int(time.time()) - 30 * 86400})


def serializer(host: Host) -> URLSafeTimedSerializer:
    interface = host.app.session_interface
    assert isinstance(interface, SecureCookieSessionInterface)
    made = interface.get_signing_serializer(host.app)
    assert made is not None
    return made


def held(person: Person) -> dict[str, Any]:
    """What the session cookie says, read as its holder may."""
    cookie = person.cookies().get("session")
    found: dict[str, Any] = {} if cookie is None else serializer(person.host).loads(cookie)
    return found


def forged(host: Host, **values: Any) -> Person:
    """Somebody who signs a session of their own with the real SECRET_KEY."""
    person = host.person()
    person.use_cookies({"session": str(serializer(host).dumps(values))})
    return person


def copy_of(person: Person) -> Person:
    """Another browser with the same cookies."""
    other = person.host.person()
    other.use_cookies(person.cookies())
    return other


def only_remembered(person: Person) -> Person:
    """The same browser after its session cookie is gone."""
    other = person.host.person()
    other.use_cookies({name: value for name, value in person.cookies().items() if name != "session"})
    return other


def log_in_over(person: Person, name: str) -> TestResponse:
    """Log in as somebody else in a browser where somebody is logged in."""
    person.post("/two-factor/identify?switch=1", identifier=name)
    code = person.host.code(name) if name in person.host.secrets else None
    return person.credential(f"{name}-password", code)


def logged_in(host: Host, name: str, **fields: Any) -> Person:
    person = host.person()
    assert person.log_in(name, **fields).status_code == 302
    assert person.me == name
    return person


def owes_the_code(person: Person) -> bool:
    answer = person.get("/me")
    return answer.status_code == 302 and str(answer.location).startswith("/two-factor/challenge")


def set_cookies(answer: TestResponse) -> list[str]:
    return answer.headers.getlist("Set-Cookie")


# Cleared and renewed


def enable(person: Person) -> None:
    person.set_up("bob")


def step_up(person: Person) -> None:
    person.host.clock.move(1000)
    assert person.post("/two-factor/password", password="bob-password").status_code == 302


@pytest.mark.requirement("SES-01")
def test_a_value_planted_before_the_log_in_does_not_survive_it(enrolled: Host) -> None:
    person = enrolled.person()
    person.get("/plant/pre/attacker")
    person.log_in("alice")
    assert person.me == "alice"
    assert person.get("/planted/pre").text == "None"


@pytest.mark.requirement("SES-01")
@pytest.mark.parametrize("act", [enable, step_up])
def test_a_planted_value_does_not_survive_enabling_or_the_password_again(host: Host, act: Any) -> None:
    person = logged_in(host, "bob")
    person.get("/plant/pre/attacker")
    act(person)
    assert person.me == "bob"
    assert person.get("/planted/pre").text == "None"


@pytest.mark.requirement("SES-01")
def test_a_planted_value_does_not_survive_disabling(enrolled: Host) -> None:
    person = logged_in(enrolled, "alice")
    person.get("/plant/pre/attacker")
    enrolled.clock.move(30)
    assert person.disable("alice").status_code == 302
    assert person.me == "alice"
    assert person.get("/planted/pre").text == "None"


@pytest.mark.requirement("SES-01")
def test_a_planted_value_does_not_survive_the_hosts_own_log_in_of_somebody_with_the_factor(enrolled: Host) -> None:
    person = enrolled.person()
    person.get("/plant/pre/attacker")
    person.legacy("alice")
    assert person.get("/planted/pre").text == "None"


@pytest.mark.requirement("SES-01")
def test_a_key_that_the_host_declared_survives_each_renewal(make_app: Callable[..., Host]) -> None:
    host = make_app(TWOFACTOR_SESSION_KEEP=["basket"])
    person = host.person()
    person.get("/plant/basket/full")
    person.log_in("bob")
    enable(person)
    host.clock.move(30)
    assert person.disable("bob").status_code == 302
    assert person.get("/planted/basket").text == "full"


@pytest.mark.requirement("SES-01")
def test_a_planted_session_helps_nobody_after_the_log_in_of_its_victim(enrolled: Host) -> None:
    attacker = enrolled.person()
    attacker.identify("mallory", "/planted/x")
    victim = copy_of(attacker)
    victim.log_in("alice")
    assert victim.me == "alice"
    assert attacker.me is None
    assert held(victim).keys().isdisjoint({PENDING_KEY, NEXT_KEY})
    assert held(victim).get("csrf_token") != held(attacker)["csrf_token"]


class ServerSession(CallbackDict[str, Any], SessionMixin):
    """A session whose values stay on the server."""

    def __init__(self, sid: str, initial: dict[str, Any]) -> None:
        def changed(_: CallbackDict[str, Any]) -> None:
            self.modified = True

        super().__init__(initial, changed)
        self.sid = sid
        self.modified = False


class ServerSessions(SessionInterface):
    """A tiny server-side interface of the shape that Flask-Session has."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}

    def open_session(self, app: Flask, request: Request) -> ServerSession:
        sid = request.cookies.get("session", "")
        if sid in self.rows:
            return ServerSession(sid, dict(self.rows[sid]))
        return ServerSession(secrets.token_hex(16), {})

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        assert isinstance(session, ServerSession)
        if session.modified:
            self.rows[session.sid] = dict(session)
            response.set_cookie("session", session.sid, httponly=True)

    def regenerate(self, session: ServerSession) -> None:
        self.rows.pop(session.sid, None)
        session.sid = secrets.token_hex(16)


@pytest.fixture
def server_side(host: Host) -> Host:
    host.app.session_interface = ServerSessions()
    return host


@pytest.mark.requirement("SES-01")
def test_the_id_of_a_server_side_session_changes_at_log_in_and_the_old_one_is_nobody(server_side: Host) -> None:
    attacker = server_side.person()
    attacker.get("/plant/pre/attacker")
    victim = copy_of(attacker)
    victim.log_in("bob")
    assert victim.me == "bob"
    assert attacker.me is None
    assert victim.cookies()["session"] != attacker.cookies()["session"]


@pytest.mark.requirement("SES-01")
@pytest.mark.parametrize("act", [enable, step_up])
def test_the_id_of_a_server_side_session_changes_at_enabling_and_step_up(server_side: Host, act: Any) -> None:
    person = logged_in(server_side, "bob")
    before = copy_of(person)
    act(person)
    assert person.me == "bob"
    assert before.cookies()["session"] != person.cookies()["session"]
    assert before.me is None


@pytest.mark.requirement("SES-01")
def test_the_id_of_a_server_side_session_changes_at_disabling(server_side: Host) -> None:
    server_side.enroll("alice")
    person = logged_in(server_side, "alice")
    before = copy_of(person)
    server_side.clock.move(30)
    person.disable("alice")
    assert person.me == "alice"
    assert before.cookies()["session"] != person.cookies()["session"]
    assert before.me is None


# The mark


def mark_digest(person: Person) -> str:
    return token_digest(held(person)[MARK_KEY])


@pytest.mark.requirement("SES-02")
def test_whoever_has_no_row_is_anonymous_at_once(enrolled: Host) -> None:
    person = logged_in(enrolled, "alice")
    with enrolled.app.app_context():
        assert enrolled.app.extensions["twofactor"].store.remove_mark(mark_digest(person)) is True
    assert person.me is None
    assert not owes_the_code(person)


@pytest.mark.requirement("SES-02")
def test_a_mark_is_worth_nothing_for_another_account(enrolled: Host) -> None:
    mallory = logged_in(enrolled, "mallory")
    mixed = forged(enrolled, **{**held(mallory), "_user_id": "1"})
    assert mixed.me is None


@pytest.mark.requirement("SES-02")
def test_a_mark_of_a_log_in_without_the_factor_is_worth_nothing_once_there_is_one(host: Host) -> None:
    person = logged_in(host, "bob")
    host.enroll("bob")
    assert person.me is None


def reset(host: Host, _: Person) -> None:
    with host.app.app_context():
        host.two_factor.reset(host.users["alice"], by="admin")


def end_sessions(host: Host, _: Person) -> None:
    with host.app.app_context():
        host.two_factor.end_sessions(host.users["alice"])


def disable(host: Host, person: Person) -> None:
    host.clock.move(30)
    assert person.disable("alice").status_code == 302


def enable_again(host: Host, person: Person) -> None:
    disable(host, person)
    host.clock.move(30)
    assert person.set_up("alice").status_code == 302


def log_out(_: Host, person: Person) -> None:
    person.get("/logout")


ENDS = [log_out, disable, enable_again, reset, end_sessions]


@pytest.mark.requirement("SES-02", "SES-03", "SES-10")
@pytest.mark.parametrize("end", ENDS)
def test_a_copied_cookie_is_dead_after_each_event_that_ends_a_session(enrolled: Host, end: Any) -> None:
    person = logged_in(enrolled, "alice")
    copied = copy_of(person)
    assert copied.me == "alice"
    end(enrolled, person)
    assert copied.me is None
    assert not owes_the_code(copied)


@pytest.mark.requirement("SES-02", "SES-10")
@pytest.mark.parametrize("end", [disable, enable_again, reset, end_sessions])
def test_the_other_browser_of_the_account_is_out_after_each_event(enrolled: Host, end: Any) -> None:
    elsewhere = logged_in(enrolled, "alice")
    enrolled.clock.move(30)
    person = logged_in(enrolled, "alice")
    end(enrolled, person)
    assert elsewhere.me is None


@pytest.mark.requirement("SES-03")
def test_log_out_kills_a_copied_cookie_of_an_account_without_the_factor_too(host: Host) -> None:
    person = logged_in(host, "bob")
    copied = copy_of(person)
    person.get("/logout")
    assert copied.me is None


@pytest.mark.requirement("SES-03")
def test_log_out_kills_a_copied_cookie_of_a_log_in_that_ended_in_the_challenge(enrolled: Host) -> None:
    person = enrolled.person()
    person.legacy("alice")
    owing = copy_of(person)
    person.post("/two-factor/challenge", code=enrolled.code("alice"))
    copied = copy_of(person)
    person.get("/logout")
    assert copied.me is None
    assert owing.me is None


@pytest.mark.requirement("SES-10")
def test_ended_sessions_include_a_log_in_that_the_host_did_itself(host: Host) -> None:
    person = host.person()
    assert person.legacy("bob")["authenticated"] is True
    with host.app.app_context():
        host.two_factor.end_sessions(host.users["bob"])
    assert person.me is None


@pytest.mark.requirement("SES-10")
def test_after_sessions_were_ended_the_account_logs_in_as_before(enrolled: Host) -> None:
    end_sessions(enrolled, enrolled.person())
    assert logged_in(enrolled, "alice").me == "alice"


# Forged with the real SECRET_KEY


def remember_token(user_id: str) -> str:
    digest = hmac_new(SECRET_KEY.encode(), user_id.encode(), sha512).hexdigest()
    return f"{user_id}|{digest}"


@pytest.mark.requirement("SES-04")
@pytest.mark.parametrize(
    "values",
    [
        {},
        {MARK_KEY: "A" * 43},
        {MARK_KEY: ""},
        {MARK_KEY: None},
        {MARK_KEY: True},
        {MARK_KEY: ["A" * 43]},
        {MARK_KEY: {"subject": "1"}},
        {NOTE_KEY: "1.AAAA"},
        {NOTE_KEY: None},
        {PENDING_KEY: "1.AAAA"},
        {"_remember": "set"},
    ],
)
def test_a_session_forged_with_the_real_key_is_nobody(enrolled: Host, values: dict[str, Any]) -> None:
    person = forged(enrolled, _user_id="1", _fresh=True, **values)
    assert person.me is None
    assert person.get("/open").text == "False"


@pytest.mark.requirement("SES-04")
def test_what_stands_in_the_store_makes_no_session(enrolled: Host) -> None:
    person = logged_in(enrolled, "alice")
    thief = forged(enrolled, _user_id="1", _fresh=True, **{MARK_KEY: mark_digest(person)})
    assert thief.me is None


@pytest.mark.requirement("SES-04")
def test_a_forged_session_is_nobody_for_an_account_that_once_had_the_factor(enrolled: Host) -> None:
    reset(enrolled, enrolled.person())
    assert forged(enrolled, _user_id="1", _fresh=True).me is None


@pytest.mark.requirement("SES-04", "SES-05")
def test_a_forged_remember_cookie_is_nobody(enrolled: Host) -> None:
    person = enrolled.person()
    person.use_cookies({REMEMBER: remember_token("1")})
    assert person.me is None
    assert not owes_the_code(person)


@pytest.mark.requirement("SES-04")
def test_a_token_of_one_purpose_is_nothing_in_the_place_of_another(enrolled: Host) -> None:
    person = enrolled.person()
    person.legacy("alice", remember="y")
    note = held(person)[NOTE_KEY]
    companion = person.cookies()[COMPANION_COOKIE]
    walker = enrolled.person()
    walker.identify("alice")
    pending = held(walker)[PENDING_KEY]
    for token in (note, companion, pending):
        for key in (MARK_KEY, NOTE_KEY, PENDING_KEY):
            swapped = forged(enrolled, _user_id="1", _fresh=True, **{key: token})
            assert swapped.me is None
            assert owes_the_code(swapped) is (key == NOTE_KEY and token == note)
        raw = enrolled.person()
        raw.use_cookies({"session": token, REMEMBER: token, COMPANION_COOKIE: token})
        assert raw.me is None


@pytest.mark.requirement("SES-04", "SES-05")
@pytest.mark.parametrize("knows_the_epoch", [True, False])
def test_notes_and_companions_forged_with_keys_derived_from_the_real_one_pass_no_factor(
    enrolled: Host, knows_the_epoch: bool
) -> None:
    keys = Keyring([SECRET_KEY.encode()])
    with enrolled.app.app_context():
        stands = enrolled.app.extensions["twofactor"].store.standing("1", "").epoch
    epoch = stands if knows_the_epoch else 0
    now = int(enrolled.clock.at)
    note = keys.seal(NOTE, struct.pack(">qQQ", epoch, now, now) + bytes(16), "1")
    by_note = forged(enrolled, _user_id="1", _fresh=True, **{NOTE_KEY: note})
    by_cookie = enrolled.person()
    companion = keys.seal(REMEMBERED, struct.pack(">q", epoch), "1")
    by_cookie.use_cookies({REMEMBER: remember_token("1"), COMPANION_COOKIE: companion})
    for person in (by_note, by_cookie):
        assert person.get("/open").text == "False"
        assert person.me is None
        assert owes_the_code(person) is knows_the_epoch  # a random number that is in the store alone


# Remember-me


@pytest.mark.requirement("SES-05")
def test_a_remember_cookie_of_somebody_with_the_factor_leads_to_the_challenge_alone(enrolled: Host) -> None:
    person = only_remembered(logged_in(enrolled, "alice", remember="y"))
    assert set(person.cookies()) == {REMEMBER, COMPANION_COOKIE, KNOWN_COOKIE}
    assert person.get("/open").text == "False"
    assert owes_the_code(person)
    enrolled.clock.move(30)
    person.post("/two-factor/challenge?next=/me", code=enrolled.code("alice"))
    assert person.me == "alice"


@pytest.mark.requirement("SES-05")
@pytest.mark.parametrize("door", ["ours", "the host's"])
def test_a_remember_cookie_from_before_enabling_is_anonymous(host: Host, door: str) -> None:
    person = host.person()
    if door == "ours":
        person.log_in("alice", remember="y")
    else:
        person.legacy("alice", remember="y")
    before = only_remembered(person)
    assert copy_of(before).me == "alice"
    host.enroll("alice")
    assert before.me is None
    assert not owes_the_code(before)


@pytest.mark.requirement("SES-05")
def test_a_remember_cookie_without_its_companion_is_anonymous(enrolled: Host) -> None:
    person = only_remembered(logged_in(enrolled, "alice", remember="y"))
    person.client.delete_cookie(COMPANION_COOKIE)
    assert person.me is None
    assert not owes_the_code(person)


@pytest.mark.requirement("SES-05")
def test_the_companion_of_one_account_is_worth_nothing_for_another(enrolled: Host) -> None:
    mallory = only_remembered(logged_in(enrolled, "mallory", remember="y"))
    thief = enrolled.person()
    thief.use_cookies({REMEMBER: remember_token("1"), COMPANION_COOKIE: mallory.cookies()[COMPANION_COOKIE]})
    assert thief.me is None
    assert not owes_the_code(thief)


@pytest.mark.requirement("SES-05")
def test_after_disabling_the_old_remember_cookies_are_dead_and_a_new_one_works(enrolled: Host) -> None:
    old = only_remembered(logged_in(enrolled, "alice", remember="y"))
    enrolled.clock.move(30)
    person = logged_in(enrolled, "alice")
    disable(enrolled, person)
    del enrolled.secrets["alice"]
    assert old.me is None
    assert only_remembered(logged_in(enrolled, "alice", remember="y")).me == "alice"


@pytest.mark.requirement("SES-05")
@pytest.mark.parametrize("end", [reset, end_sessions])
def test_a_remember_cookie_is_dead_after_reset_and_after_sessions_were_ended(enrolled: Host, end: Any) -> None:
    old = only_remembered(logged_in(enrolled, "alice", remember="y"))
    end(enrolled, old)
    assert old.me is None
    assert not owes_the_code(old)


@pytest.mark.requirement("SES-05")
def test_enabling_in_a_remembered_browser_keeps_it_remembered_and_no_other(host: Host) -> None:
    person = logged_in(host, "bob", remember="y")
    elsewhere = only_remembered(logged_in(host, "bob", remember="y"))
    person.set_up("bob")
    assert owes_the_code(only_remembered(person))
    assert elsewhere.me is None
    assert not owes_the_code(elsewhere)


@pytest.mark.requirement("SES-05")
def test_disabling_in_a_remembered_browser_keeps_it_remembered(enrolled: Host) -> None:
    person = logged_in(enrolled, "alice", remember="y")
    disable(enrolled, person)
    assert only_remembered(person).me == "alice"


@pytest.mark.requirement("SES-05")
def test_a_session_that_a_remember_cookie_left_behind_grants_nothing_by_itself(enrolled: Host) -> None:
    person = enrolled.person()
    person.use_cookies({REMEMBER: remember_token("1")})
    assert person.me is None
    assert held(person)["_user_id"] == "1"  # what Flask-Login writes although the user was refused (OBS-6)
    person.client.delete_cookie(REMEMBER)
    for path in ("/me", "/profile", "/two-factor/settings", "/two-factor/setup", "/two-factor/manage"):
        assert person.get(path).status_code == 302
    assert person.get("/me", headers={"X-Token": "alice"}).status_code == 302


@pytest.mark.requirement("SES-05")
def test_log_out_takes_the_remember_cookie_and_its_companion_away(enrolled: Host) -> None:
    person = logged_in(enrolled, "alice", remember="y")
    person.get("/logout")
    assert person.cookies().keys().isdisjoint({REMEMBER, COMPANION_COOKIE})
    assert person.me is None


def test_a_host_that_enrols_nobody_keeps_remember_me_as_it_was(host: Host) -> None:
    person = host.person()
    person.legacy("bob", remember="y")
    assert COMPANION_COOKIE not in person.cookies()
    assert only_remembered(person).me == "bob"


def test_no_companion_is_sent_where_nobody_asked_to_be_remembered(enrolled: Host) -> None:
    assert COMPANION_COOKIE not in logged_in(enrolled, "alice").cookies()


# The step between the two pages, and an owed code


@pytest.mark.requirement("SES-06")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_pending_step_of_eleven_minutes_ago_leads_back_to_the_first_page(enrolled: Host, method: str) -> None:
    person = enrolled.person()
    token = csrf_token(person.identify("alice"))
    enrolled.clock.move(660)
    fields = {"csrf_token": token, "password": "alice-password", "code": enrolled.code("alice")}
    answer = person.client.open("/two-factor/credential", method=method, data=fields if method == "POST" else None)
    assert 'id="tf-identify"' in answer.text
    assert 'value="alice"' in answer.text
    assert person.me is None


@pytest.mark.requirement("SES-06")
def test_a_pending_step_of_ten_minutes_ago_still_serves(enrolled: Host) -> None:
    person = enrolled.person()
    person.identify("alice")
    enrolled.clock.move(600)
    person.credential("alice-password", enrolled.code("alice"))
    assert person.me == "alice"


@pytest.mark.requirement("SES-06")
@pytest.mark.parametrize("seconds", [600, 601])
def test_a_code_is_owed_for_ten_minutes_and_no_longer(enrolled: Host, seconds: int) -> None:
    person = enrolled.person()
    person.legacy("alice")
    enrolled.clock.move(seconds)
    assert owes_the_code(person) is (seconds == 600)
    assert person.me is None


@pytest.mark.requirement("SES-06")
@pytest.mark.parametrize("seconds", [600, 601])
def test_a_code_is_owed_for_ten_minutes_also_where_no_password_was_checked(enrolled: Host, seconds: int) -> None:
    @enrolled.app.get("/single-sign-on")
    def single_sign_on() -> str:
        return str(login_user(enrolled.users["alice"], fresh=False))

    person = enrolled.person()
    person.get("/single-sign-on")
    enrolled.clock.move(seconds)
    assert owes_the_code(person) is (seconds == 600)
    assert person.me is None


# What a cookie says


@pytest.mark.requirement("SES-07")
def test_cookies_are_alike_for_every_kind_of_name_and_say_nothing(enrolled: Host) -> None:
    names = ["alice", "bob", *(f"ghost{number}" for number in range(12)), "somebody@a.very.long.example.test"]
    boxes, shapes, lengths = set(), set(), set()
    for name in names:
        person = enrolled.person()
        boxes.add('name="code"' in person.identify(name).text)
        values = held(person)
        shapes.add((tuple(person.cookies()), tuple(sorted(values))))
        # Not the cookie's own length: Flask compresses it, which varies by chance with the cipher's bytes.
        lengths.add((len(values[PENDING_KEY]), len(json.dumps(values))))
        assert len(name) < 5 or name not in json.dumps(values)  # by chance a sealed text holds three letters
        assert "_user_id" not in values
    assert boxes == {True, False}
    assert len(shapes) == 1
    assert len(lengths) == 1


@pytest.mark.requirement("SES-07")
def test_the_pending_name_is_not_readable_in_the_cookie_with_the_secret_key(enrolled: Host) -> None:
    person = enrolled.person()
    person.identify("alice")
    sealed = held(person)[PENDING_KEY]
    again = enrolled.person()
    again.identify("alice")
    assert sealed != held(again)[PENDING_KEY]


@pytest.mark.requirement("SES-12")
@pytest.mark.parametrize("name", [pytest.param("n" * size, id=f"{size}") for size in (1, 96, 97, 320)])
@pytest.mark.parametrize("length", [2, 150, 200, 201, 2048])
def test_what_we_add_to_the_session_stays_under_512_bytes(host: Host, name: str, length: int) -> None:
    person = host.person()
    person.identify(name, "/" + "x" * (length - 1))
    ours = {key: value for key, value in held(person).items() if key in KEYS}
    assert len(json.dumps(ours, separators=(",", ":"))) <= 512


@pytest.mark.requirement("SES-12")
def test_a_next_of_8_kb_is_not_stored_and_log_out_sticks(enrolled: Host) -> None:
    person = enrolled.person()
    person.identify("alice", "/" + "x" * 8191)
    assert NEXT_KEY not in held(person)
    assert len(person.cookies()["session"]) < 1024
    person.credential("alice-password", enrolled.code("alice"))
    assert person.me == "alice"
    assert len(person.cookies()["session"]) < 1024
    person.get("/logout")
    assert person.me is None


@pytest.mark.requirement("SES-12")
@pytest.mark.parametrize("name", ["bob", pytest.param("n" * 97 + "@example.test", id="long")])
@pytest.mark.parametrize("length", [2, 150, 200, 201, 2048])
def test_a_next_of_any_lawful_length_is_followed(host: Host, name: str, length: int) -> None:
    host.users[name] = host.users["bob"]
    person = host.person()
    target = "/" + "x" * (length - 1)
    sent = person.post(f"/two-factor/identify?next={target}", identifier=name)
    page = person.get(str(sent.location))
    action = re.search(r'action="([^"]+)"', page.text)
    assert action is not None
    fields = {"csrf_token": csrf_token(page), "password": "bob-password"}
    assert person.client.post(action.group(1).replace("&amp;", "&"), data=fields).location == target


# Failures


def fail_identify(person: Person) -> TestResponse:
    return person.post("/two-factor/identify", identifier="")


def fail_credential(person: Person) -> TestResponse:
    return person.credential("wrong")


@pytest.mark.requirement("SES-11")
@pytest.mark.parametrize("name", ["alice", "bob", "ghost"])
@pytest.mark.parametrize("right", ["nothing", "the password", "the code"])
def test_a_log_in_that_fails_sets_no_cookie(enrolled: Host, name: str, right: str) -> None:
    if name == "bob" and right == "the password":
        enrolled.enroll("bob")
    person = enrolled.person()
    person.identify(name)
    password = f"{name}-password" if right == "the password" else "wrong"
    code = enrolled.code("alice") if right == "the code" else "000000"
    before = person.cookies()
    answer = person.credential(password, code)
    assert answer.status_code == 200
    assert set_cookies(answer) == []
    assert person.cookies() == before


@pytest.mark.requirement("SES-11")
def test_a_rejected_form_of_each_page_sets_no_cookie(enrolled: Host) -> None:
    stranger = enrolled.person()
    stranger.get("/two-factor/identify")
    assert set_cookies(fail_identify(stranger)) == []
    owing = enrolled.person()
    owing.legacy("alice")
    owing.get("/two-factor/challenge")
    assert set_cookies(owing.post("/two-factor/challenge", code=enrolled.wrong_code("alice"))) == []
    alice = logged_in(enrolled, "alice")
    alice.get("/two-factor/manage")
    assert set_cookies(alice.post("/two-factor/manage", code=enrolled.wrong_code("alice"))) == []
    assert set_cookies(alice.post("/two-factor/password", password="wrong")) == []
    bob = logged_in(enrolled, "bob")
    bob.begin_setup()
    assert set_cookies(bob.post("/two-factor/setup", code="nonsense")) == []


@pytest.mark.requirement("SES-11")
@pytest.mark.parametrize("failure", ["refuses", "raises"])
def test_a_complete_hook_that_fails_after_login_user_leaves_nobody_logged_in(tmp_path: Path, failure: str) -> None:
    def wire(two_factor: TwoFactor) -> None:
        @two_factor.complete
        def complete(user: User, password: str, remember: bool) -> bool:
            login_user(user, remember=True)
            if failure == "raises":
                raise OSError("the host's own table is locked")
            return False

    host = make_host(tmp_path, Clock(), wire)
    person = host.person()
    person.get("/plant/basket/full")
    person.identify("bob")
    before = held(person)
    answer = person.credential("bob-password")
    assert answer.status_code == (503 if failure == "raises" else 200)
    assert person.me is None
    assert held(person).items() >= before.items()
    assert set(person.cookies()) == {"session"}
    with host.app.app_context():
        assert host.two_factor.end_sessions(host.users["bob"]) == 0


# Parallel requests


@pytest.mark.requirement("SES-13")
@pytest.mark.parametrize("end", ENDS)
def test_a_late_response_of_a_slow_request_brings_no_state_back(enrolled: Host, end: Any) -> None:
    person = logged_in(enrolled, "alice")
    slow = copy_of(person)
    slow.get("/plant/slow/request")
    late = slow.cookies()["session"]
    end(enrolled, person)
    person.client.set_cookie("session", late)
    assert person.me is None
    assert not owes_the_code(person)


@pytest.mark.requirement("SES-13")
def test_a_late_response_of_the_first_page_does_not_undo_a_log_in_of_another_kind(enrolled: Host) -> None:
    person = enrolled.person()
    person.identify("mallory")
    late = person.cookies()["session"]
    person.log_in("alice")
    person.client.set_cookie("session", late)
    assert person.me is None


# One meaning a key


@pytest.mark.requirement("SES-14")
def test_the_session_holds_no_key_of_ours_that_is_not_in_the_inventory(host: Host) -> None:
    seen: dict[str, set[str]] = {}
    person = host.person()

    def look(where: str) -> None:
        for key in held(person):
            if key.startswith("_twofactor"):
                seen.setdefault(key, set()).add(where)

    person.identify("bob", "/me")
    look("pending")
    person.credential("bob-password")
    look("in")
    person.set_up("bob")
    look("enabled")
    person.get("/two-factor/settings")
    look("settings")
    host.clock.move(30)
    person.disable("bob")
    look("disabled")
    person.get("/logout")
    look("out")
    host.enroll("alice")
    person.legacy("alice")
    look("owing")
    assert seen == {
        PENDING_KEY: {"pending"},
        NEXT_KEY: {"pending"},
        MARK_KEY: {"in", "enabled", "settings", "disabled"},
        NOTICE_KEY: {"enabled", "disabled"},
        SHEET_KEY: {"enabled", "settings"},
        NOTE_KEY: {"owing"},
    }
    assert set(seen) == set(KEYS)


@pytest.mark.requirement("SES-14", "TRB-07")
def test_a_whole_life_writes_no_key_and_no_cookie_that_is_not_in_the_inventory(make_app: Callable[..., Host]) -> None:
    host = make_app(TWOFACTOR_TRUSTED_BROWSERS=True)
    keys: set[str] = set()
    cookies: set[str] = set()

    @host.app.after_request
    def look(response: Response) -> Response:
        keys.update(key for key in session if key.startswith("_twofactor"))
        return response

    served = host.app.wsgi_app

    def outside(environ: Any, start_response: Any) -> Any:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            cookies.update(value.partition("=")[0] for name, value in headers if name == "Set-Cookie")
            return start_response(status, headers, *rest)

        return served(environ, start)

    host.app.wsgi_app = outside  # type: ignore[method-assign]
    live(host)
    assert keys == {MARK_KEY, PENDING_KEY, NOTICE_KEY, SHEET_KEY}
    assert cookies - {"session", REMEMBER} == {COMPANION_COOKIE, KNOWN_COOKIE, TRUSTED_COOKIE}


@pytest.mark.requirement("SES-14")
def test_only_one_module_writes_into_the_session() -> None:
    package = Path(flask_twofactor.__file__).parent
    writes = re.compile(r"\bsession\[[^\]]+\]\s*=[^=]|\bsession\.(update|setdefault|clear)\(")
    writers = {str(file.relative_to(package)) for file in package.rglob("*.py") if writes.search(file.read_text())}
    assert writers == {"web/session.py", "testing/browsers.py"}, "the second one is for tests, by an explicit call"


# Another person in the same browser


@pytest.mark.requirement("SES-15")
def test_logging_in_as_another_ends_the_first_persons_mark(enrolled: Host) -> None:
    person = logged_in(enrolled, "alice")
    alice = person.cookies()
    assert log_in_over(person, "mallory").status_code == 302
    assert person.me == "mallory"
    person.use_cookies({**person.cookies(), **alice})
    assert person.me is None
    assert not owes_the_code(person)


@pytest.mark.requirement("SES-15")
def test_the_hosts_own_log_in_of_another_ends_the_first_persons_mark(enrolled: Host) -> None:
    person = logged_in(enrolled, "alice")
    copied = copy_of(person)
    person.legacy("bob")
    assert person.me == "bob"
    assert copied.me is None


@pytest.mark.requirement("SES-15")
def test_logging_in_anew_as_the_same_person_ends_the_former_log_in_of_that_browser(enrolled: Host) -> None:
    person = logged_in(enrolled, "alice")
    copied = copy_of(person)
    enrolled.clock.move(30)
    log_in_over(person, "alice")
    assert person.me == "alice"
    assert copied.me is None


@pytest.mark.requirement("SES-15")
def test_a_log_in_over_another_that_fails_ends_nobodys_mark(enrolled: Host) -> None:
    person = logged_in(enrolled, "alice")
    person.post("/two-factor/identify?switch=1", identifier="mallory")
    person.credential("wrong", "000000")
    assert person.me == "alice"


@pytest.mark.requirement("SES-15")
def test_a_key_that_the_first_person_was_setting_up_is_not_the_next_ones(host: Host) -> None:
    person = logged_in(host, "bob")
    person.begin_setup()
    first = person.secret
    log_in_over(person, "carol")
    person.begin_setup()
    assert person.secret != first
    host.secrets["bob"] = first
    answer = person.post("/two-factor/setup", code=host.code("bob"))
    assert answer.status_code == 200
    with host.app.app_context():
        assert not host.two_factor.is_enabled(host.users["carol"])


# Limits


@pytest.mark.requirement("SES-08")
def test_a_log_in_ends_after_its_longest_life_however_much_it_is_used(make_app: Callable[..., Host]) -> None:
    host = make_app(TWOFACTOR_SESSION_SECONDS=3600)
    host.enroll("alice")
    person = logged_in(host, "alice")
    for _ in range(6):
        host.clock.move(600)
        assert person.me == "alice"
    host.clock.move(1)
    assert person.me is None


@pytest.mark.requirement("SES-08")
def test_a_log_in_ends_after_a_pause_longer_than_its_idle_limit(make_app: Callable[..., Host]) -> None:
    host = make_app(TWOFACTOR_IDLE_SECONDS=600)
    host.enroll("alice")
    person = logged_in(host, "alice")
    for _ in range(4):
        host.clock.move(500)
        assert person.me == "alice"
    host.clock.move(601)
    assert person.me is None


@pytest.mark.requirement("SES-08")
def test_by_default_a_log_in_with_the_factor_lives_for_a_day(enrolled: Host) -> None:
    person = logged_in(enrolled, "alice")
    enrolled.clock.move(86400)
    assert person.me == "alice"
    enrolled.clock.move(1)
    assert person.me is None


@pytest.mark.requirement("SES-08")
def test_a_cookie_that_flask_itself_still_takes_is_dead_with_its_row(enrolled: Host) -> None:
    person = logged_in(enrolled, "alice")
    signer = serializer(enrolled)
    signer.signer = MonthAgo
    person.use_cookies({"session": str(signer.dumps(held(person)))})
    assert person.me == "alice"  # the signature of a month ago is good
    enrolled.clock.move(30 * 86400)
    assert person.me is None


# Attributes


@pytest.mark.requirement("SES-16")
def test_production_is_warned_of_the_weak_cookie_defaults(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    host.app.config["TESTING"] = False
    with caplog.at_level(logging.WARNING, "flask_twofactor"):
        host.person().get("/open")
    said = " ".join(caplog.messages)
    for name in (
        "SESSION_COOKIE_SECURE",
        "SESSION_COOKIE_SAMESITE",
        "REMEMBER_COOKIE_SECURE",
        "REMEMBER_COOKIE_SAMESITE",
    ):
        assert name in said


@pytest.mark.requirement("SES-16")
def test_production_with_strong_cookies_is_not_warned_of_them(
    make_app: Callable[..., Host], caplog: pytest.LogCaptureFixture
) -> None:
    strong = {f"{kind}_COOKIE_SECURE": True for kind in ("SESSION", "REMEMBER")}
    lax = {f"{kind}_COOKIE_SAMESITE": "Lax" for kind in ("SESSION", "REMEMBER")}
    host = make_app(**strong, **lax)
    host.app.config["TESTING"] = False
    with caplog.at_level(logging.WARNING, "flask_twofactor"):
        host.person().get("/open")
    assert "COOKIE" not in " ".join(caplog.messages)


def companion_header(host: Host, **options: Any) -> str:
    person = host.person(**options)
    answer = person.client.post(
        "/legacy",
        data={"name": "alice", "password": "alice-password", "remember": "y"},
        environ_overrides=person.environ,
    )
    return next(value for value in set_cookies(answer) if value.startswith(f"{COMPANION_COOKIE}="))


@pytest.mark.requirement("SES-16")
def test_our_own_cookie_is_httponly_lax_and_secure_over_https(enrolled: Host) -> None:
    header = companion_header(enrolled, **{"wsgi.url_scheme": "https"})
    assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(header.split("; "))


@pytest.mark.requirement("SES-16")
def test_our_own_cookie_follows_the_hosts_remember_cookie(make_app: Callable[..., Host]) -> None:
    host = make_app(
        REMEMBER_COOKIE_SECURE=True,
        REMEMBER_COOKIE_SAMESITE="Strict",
        REMEMBER_COOKIE_PATH="/console",
        REMEMBER_COOKIE_DOMAIN="site.test",
    )
    host.enroll("alice")
    header = companion_header(host)
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/console", "Domain=site.test"} <= set(header.split("; "))


# Log out everywhere else


def log_out_elsewhere(person: Person) -> TestResponse:
    return person.post("/two-factor/sessions")


@pytest.mark.requirement("SES-09", "SES-03")
@pytest.mark.parametrize("name", ["alice", "bob"])
def test_a_person_ends_all_other_sessions_and_keeps_the_present_one(enrolled: Host, clock: Clock, name: str) -> None:
    browsers = []
    for _ in range(3):
        browsers.append(enrolled.person())
        browsers[-1].log_in(name, remember="y")
        clock.move(30)
    here, *others = browsers
    copied = here.cookies()
    answer = log_out_elsewhere(here)
    assert answer.status_code == 302
    assert "You are logged out everywhere else." in here.get(str(answer.location)).text
    assert [one.me for one in others] == [None, None]
    assert here.me == name
    thief = enrolled.person()
    thief.use_cookies(copied)
    assert thief.me is None


@pytest.mark.requirement("SES-09", "SES-05")
@pytest.mark.parametrize("name", ["alice", "bob"])
def test_the_present_browser_stays_a_remembered_one_and_others_do_not(enrolled: Host, clock: Clock, name: str) -> None:
    here, other = enrolled.person(), enrolled.person()
    for person in (here, other):
        person.log_in(name, remember="y")
        clock.move(30)
    log_out_elsewhere(here)
    for person, remembered in ((here, True), (other, False)):
        person.client.delete_cookie("session")
        sent = person.get("/me")
        if name == "bob":
            assert (sent.status_code == 200) is remembered
        else:
            assert ("/two-factor/challenge" in str(sent.location)) is remembered


@pytest.mark.requirement("SES-09")
def test_a_log_in_of_the_hosts_own_ends_the_others_too(enrolled: Host, clock: Clock) -> None:
    here, other = enrolled.person(), enrolled.person()
    other.log_in("bob")
    here.legacy("bob")
    clock.move(10)
    assert log_out_elsewhere(here).status_code == 302
    assert (here.me, other.me) == ("bob", None)


@pytest.mark.requirement("SES-09", "CSR-01", "CSR-04")
def test_no_link_and_no_other_site_logs_anybody_out_elsewhere(enrolled: Host, clock: Clock) -> None:
    here, other = enrolled.person(), enrolled.person()
    for person in (here, other):
        person.log_in("alice")
        clock.move(30)
    assert here.get("/two-factor/sessions").status_code == 200
    assert here.client.post("/two-factor/sessions", data={}).status_code == 400
    assert other.me == "alice"


@pytest.mark.requirement("SES-09", "ENR-05")
def test_logging_out_elsewhere_asks_for_the_password_where_it_was_long_ago(enrolled: Host, clock: Clock) -> None:
    here = enrolled.person()
    here.log_in("alice")
    clock.move(901)
    assert "/two-factor/password" in str(here.get("/two-factor/sessions").location)
    assert here.client.post("/two-factor/sessions").status_code == 302
    assert enrolled.person().get("/two-factor/sessions").status_code == 302


@pytest.mark.requirement("SES-09", "LOG-01")
def test_it_is_told_how_many_others_were_ended(enrolled: Host, clock: Clock) -> None:
    for _ in range(2):
        enrolled.person().log_in("alice")
        clock.move(30)
    here = enrolled.person()
    here.log_in("alice")
    log_out_elsewhere(here)
    newest = state_of(enrolled).store.events("1", 1)[0]
    assert (newest.kind, newest.details) == ("twofactor-sessions-ended", {"count": 2})
