"""Whom the gate finds, from where, with what verdict and on what evidence; inside one request, without pages."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from flask import current_app, session
from flask_login import LoginManager, current_user, encode_cookie, login_user, logout_user

from flask_twofactor.core.keyring import REMEMBER, token_digest
from flask_twofactor.core.records import Mark, Note, Standing
from flask_twofactor.state import State
from flask_twofactor.testing.ground import enrolment_of
from flask_twofactor.web import gate
from flask_twofactor.web import session as browser
from flask_twofactor.web.current import Presence, presence
from tests.support.host import Host
from tests.support.watching import state_of

FLASK_LOGINS = {"_user_id", "_fresh", "_id", "_remember", "_remember_seconds"}


def entered(state: State, subject: str, life: str = "") -> str:
    """Put the session of a complete log-in into this request; gives the mark's value."""
    token, mark = state.new_mark(subject, life, password_at=5, code_at=6)
    state.store.add_mark(mark)
    session.update({"_user_id": subject, "_twofactor_mark": token})
    return token


def life_of(state: State, subject: str = "1") -> str:
    found = enrolment_of(state.store, subject)
    assert found is not None
    return found.id


def test_nobody_is_found_where_nothing_is_presented(host: Host) -> None:
    with host.app.test_request_context():
        assert presence() is None
        assert not current_user.is_authenticated


@pytest.mark.requirement("FLG-04")
@pytest.mark.skipif(not hasattr(LoginManager, "header_loader"), reason="gone in Flask-Login 0.7")
@pytest.mark.parametrize(("name", "verdict"), [("alice", "out"), ("bob", "in")])
def test_who_is_named_by_a_header_alone_is_no_session(enrolled: Host, name: str, verdict: Any) -> None:
    manager: Any = vars(enrolled.app)["login_manager"]
    manager._request_callback, manager._header_callback = None, enrolled.users.get
    with enrolled.app.test_request_context(headers={"Authorization": name}):
        user = enrolled.users[name]
        assert presence() == Presence(user, user.get_id(), "request", verdict, None)
        assert current_user.is_authenticated is (verdict == "in")


@pytest.mark.requirement("SES-02")
def test_a_mark_is_found_with_all_that_it_says(enrolled: Host) -> None:
    state = state_of(enrolled)
    with enrolled.app.test_request_context():
        token = entered(state, "1", life_of(state))
        found = presence()
        assert found is not None
        assert found[:4] == (enrolled.users["alice"], "1", "session", "in")
        now = state.now
        assert found.proof == Mark(token_digest(token), "1", life_of(state), now, now, 5, 6)
        assert (found.password_at, found.sign_in) == (5, token_digest(token))
        assert current_user == enrolled.users["alice"]


@pytest.mark.requirement("SES-02")
@pytest.mark.parametrize("name", ["alice", "bob"])
def test_a_mark_that_ended_is_nobody_s(enrolled: Host, name: str) -> None:
    subject = str(enrolled.users[name].id)
    with enrolled.app.test_request_context():
        session.update({"_user_id": subject, "_twofactor_mark": "of no row"})
        browser.keep_notice("kept")
        assert presence() == Presence(enrolled.users[name], subject, "session", "out", Note("", subject, -1, 0, 0))
        assert not current_user.is_authenticated


@pytest.mark.requirement("SES-02", "SES-03")
def test_a_note_beside_a_mark_that_ended_says_nothing(host: Host) -> None:
    state = state_of(host)
    with host.app.test_request_context():
        browser.keep_note(state, "2", 0, 5)
        session.update({"_user_id": "2", "_twofactor_mark": "of no row"})
        found = presence()
        assert found is not None
        assert (found.verdict, found.evidence) == ("out", Note("", "2", -1, 0, 0))


@pytest.mark.requirement("FLG-01")
def test_a_session_that_we_do_not_know_is_in_while_nothing_was_ever_ended(enrolled: Host) -> None:
    state = state_of(enrolled)
    with enrolled.app.test_request_context():
        session["_user_id"] = "2"
        assert presence() == Presence(enrolled.users["bob"], "2", "session", "in", None)
        assert presence().password_at == 0  # type: ignore[union-attr]
        assert presence().sign_in == ""  # type: ignore[union-attr]
    state.store.end_sessions("2")
    with enrolled.app.test_request_context():
        session["_user_id"] = "2"
        assert presence() == Presence(enrolled.users["bob"], "2", "session", "out", None)


# Request loaders


@pytest.mark.requirement("FLG-04", "FLG-05")
@pytest.mark.parametrize(("name", "verdict"), [("alice", "out"), ("bob", "in")])
def test_a_request_loader_finds_those_without_the_factor_alone(enrolled: Host, name: str, verdict: str) -> None:
    user = enrolled.users[name]
    with enrolled.app.test_request_context(headers={"X-Token": name}):
        assert presence() == Presence(user, str(user.id), "request", verdict, None)  # type: ignore[arg-type]
        assert current_user.is_authenticated is (verdict == "in")


@pytest.mark.requirement("FLG-04")
def test_a_request_loader_that_was_exempted_by_name_finds_anybody_and_a_session_is_judged_all_the_same(
    enrolled: Host,
) -> None:
    state = state_of(enrolled)
    manager: Any = enrolled.app.login_manager  # type: ignore[attr-defined]
    state.exempt_loaders.append(manager._request_callback)
    with enrolled.app.test_request_context(headers={"X-Token": "alice"}):
        assert presence() == Presence(enrolled.users["alice"], "1", "request", "in", None)
        assert current_user == enrolled.users["alice"]
    with enrolled.app.test_request_context():
        session["_user_id"] = "1"
        found = presence()
        assert found is not None
        assert found.verdict == "out"


# Remember cookies


def remembered(host: Host, subject: str, epoch: int | None = None) -> dict[str, str]:
    """Give the header of a browser that is remembered, with a companion of ``epoch``."""
    with host.app.app_context():
        cookie = f"remember_token={encode_cookie(subject)}"
        if epoch is not None:
            sealed = state_of(host).keyring.seal(REMEMBER, struct.pack(">q", epoch), subject)
            cookie += f"; twofactor_remember={sealed}"
    return {"Cookie": cookie}


@pytest.mark.requirement("SES-05")
def test_a_remember_cookie_opens_an_account_that_nothing_was_ever_ended_of(host: Host) -> None:
    with host.app.test_request_context(headers=remembered(host, "2")):
        found = presence()
        assert found is not None
        assert found[:4] == (host.users["bob"], "2", "cookie", "in")
        assert "_twofactor_note" not in session


@pytest.mark.requirement("SES-05", "STO-09")
@pytest.mark.parametrize(("name", "verdict"), [("alice", "due"), ("bob", "in")])
def test_a_remember_cookie_of_the_present_epoch_stands_for_the_password_and_is_noted(
    enrolled: Host, name: str, verdict: str
) -> None:
    state, user = state_of(enrolled), enrolled.users[name]
    subject = str(user.id)
    state.store.end_sessions(subject)
    epoch = state.store.standing(subject, "").epoch
    with enrolled.app.test_request_context(headers=remembered(enrolled, subject, epoch)):
        found = presence()
        assert found is not None
        assert found[:4] == (user, subject, "cookie", verdict)
        assert isinstance(found.proof, Note)
        assert found.proof == Note(found.proof.id, subject, epoch, 0, state.now)
        assert browser.note_of(state, subject) == found.proof
        assert found.password_at == 0


@pytest.mark.requirement("SES-05", "STO-09")
@pytest.mark.parametrize("epoch", [None, 1])
def test_a_remember_cookie_of_another_epoch_opens_nothing(enrolled: Host, epoch: int | None) -> None:
    state_of(enrolled).store.end_sessions("2")
    with enrolled.app.test_request_context(headers=remembered(enrolled, "2", epoch)):
        found = presence()
        assert found is not None
        assert found[2:] == ("cookie", "out", Note("", "2", -1, 0, 0))
        assert not current_user.is_authenticated


@pytest.mark.requirement("SES-05")
def test_a_session_that_ended_is_opened_again_by_the_remember_cookie_beside_it(enrolled: Host) -> None:
    state = state_of(enrolled)
    epoch = state.store.standing("1", "").epoch
    with enrolled.app.test_request_context(headers=remembered(enrolled, "1", epoch)):
        session.update({"_user_id": "1", "_twofactor_mark": "of no row"})
        found = presence()
        assert found is not None
        assert (found.source, found.verdict) == ("session", "due")


@pytest.mark.requirement("INP-06")
def test_a_remember_cookie_that_cannot_be_decoded_is_not_even_looked_at() -> None:
    looked: list[str] = []
    assert gate._load_from_cookie(looked.append, "1|\xe9") is None
    gate._load_from_cookie(looked.append, "\xe9|abc")
    gate._load_from_cookie(looked.append, "1|2|abc")
    assert looked == ["\xe9|abc", "1|2|abc"]


# ``login_user`` of the host's


@pytest.mark.requirement("FLG-02")
@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize(("name", "verdict"), [("alice", "due"), ("bob", "in")])
def test_a_log_in_of_the_host_s_is_judged_in_that_very_request(
    enrolled: Host, name: str, verdict: str, fresh: bool
) -> None:
    state, user = state_of(enrolled), enrolled.users[name]
    subject = str(user.id)
    with enrolled.app.test_request_context():
        session["planted"] = 1
        assert login_user(user, fresh=fresh)
        found = presence()
        assert found is not None
        epoch = state.store.standing(subject, "").epoch
        assert isinstance(found.proof, Note)
        note = Note(found.proof.id, subject, epoch, state.now if fresh else 0, state.now)
        assert found == Presence(user, subject, "session", verdict, note)  # type: ignore[arg-type]
        assert browser.note_of(state, subject) == note
        assert current_user.is_authenticated is (verdict == "in")
        assert ("planted" in session) is (name == "bob")


@pytest.mark.requirement("FLG-02", "SES-01")
def test_a_log_in_of_the_host_s_keeps_flask_login_s_own_keys_and_asks_to_be_remembered(enrolled: Host) -> None:
    with enrolled.app.test_request_context():
        login_user(enrolled.users["alice"], remember=True)
        assert set(session) == {*FLASK_LOGINS, "_twofactor_note"} - {"_remember_seconds"}
        session["_remember_seconds"] = 60
        login_user(enrolled.users["alice"], remember=True)
        assert set(session) >= {"_remember", "_remember_seconds"}


@pytest.mark.requirement("FLG-02", "SES-15")
def test_a_log_in_of_the_host_s_ends_the_mark_of_before(enrolled: Host) -> None:
    state = state_of(enrolled)
    with enrolled.app.test_request_context():
        token = entered(state, "1", life_of(state))
        assert login_user(enrolled.users["bob"])
        assert state.store.standing("1", token_digest(token)) == Standing(
            state.store.standing("1", "").epoch, life_of(state)
        )
        assert current_user == enrolled.users["bob"]


@pytest.mark.requirement("SES-03")
def test_a_log_out_ends_the_mark_and_forgets_what_was_ours(enrolled: Host) -> None:
    state = state_of(enrolled)
    with enrolled.app.test_request_context():
        token = entered(state, "1", life_of(state))
        browser.keep_pending(state, "alice", "/me")
        browser.keep_notice("kept")
        assert current_user.is_authenticated
        logout_user()
        assert presence() is None
        assert state.store.standing("1", token_digest(token)).mark is None
        assert not set(session) & set(browser.KEYS)


# Where the gate stands


def test_the_gate_stands_on_a_manager_once(host: Host) -> None:
    manager: Any = host.app.login_manager  # type: ignore[attr-defined]
    with host.app.app_context():
        load = manager._load_user
        assert getattr(manager, "_twofactor_bound", None) is True
        assert gate.bind(host.app) is False
        assert manager._load_user is load


@pytest.mark.requirement("FLG-03")
def test_a_manager_that_took_the_place_of_another_judges_anew(enrolled: Host) -> None:
    with enrolled.app.test_request_context():
        session["_user_id"] = "1"
        assert not current_user.is_authenticated
        new = LoginManager(enrolled.app)
        new.user_loader(lambda _: enrolled.users["bob"])
        gate.bind_again(current_app._get_current_object())  # type: ignore[attr-defined]
        assert getattr(new, "_twofactor_bound", None) is True
        found = presence()
        assert found is not None
        assert found.user == enrolled.users["bob"]
