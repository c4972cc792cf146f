"""The client that logs people in with every factor, and the code of the moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_twofactor.core.totp import code_at, new_secret, step_at
from flask_twofactor.errors import AlreadyEnrolled, NotEnrolled, TwoFactorError
from flask_twofactor.flows import setup
from flask_twofactor.state import State
from flask_twofactor.testing import (
    Authenticator,
    TwoFactorClient,
    code_for,
    frozen_clock,
    log_in,
    two_factor_client,
)
from flask_twofactor.testing.ground import enrolment_of
from tests.hosts.test_hosts import SHAPES, load
from tests.support.host import START, Clock, Host, Person, User, make_host
from tests.support.watching import state_of


def me(client: FlaskClient) -> str | None:
    """Give the name on a page that needs a log-in."""
    answer = client.get("/me")
    return answer.text if answer.status_code == 200 else None


@pytest.fixture
def client(app: Flask) -> TwoFactorClient:
    return two_factor_client(app)


# --- log in on the pages


@pytest.mark.requirement("FLG-11")
def test_an_account_without_the_factor_logs_in_with_its_password(client: TwoFactorClient, alice: User) -> None:
    answer = client.login(alice, "alice-password")
    assert answer is not None
    assert (answer.status_code, me(client), alice.checks) == (302, "alice", 1)


@pytest.mark.requirement("FLG-11")
def test_an_account_with_the_factor_logs_in_with_password_and_code(
    client: TwoFactorClient, alice: User, host: Host
) -> None:
    client.enroll(alice)
    spent_before = code_for(host.app, alice)
    client.login(alice, "alice-password")
    assert (me(client), alice.checks) == ("alice", 1)
    assert code_for(host.app, alice) != spent_before, "the log-in has spent a code"


@pytest.mark.requirement("FLG-11", "VER-11")
@pytest.mark.parametrize("enrolled", [False, True])
def test_a_wrong_password_lets_nobody_in_and_fails_the_test(
    client: TwoFactorClient, alice: User, enrolled: bool
) -> None:
    if enrolled:
        client.enroll(alice)
    with pytest.raises(AssertionError, match="let nobody in: the last answer is 200"):
        client.login(alice, "bob-password")
    assert me(client) is None


def test_an_account_is_found_by_its_user_id_too(client: TwoFactorClient) -> None:
    client.enroll("alice")
    client.login("alice", "alice-password")
    assert me(client) == "alice"
    client.login("bob")
    assert me(client) == "bob"


@pytest.mark.parametrize("password", ["x", None])
def test_a_user_id_that_nobody_has_is_an_error(client: TwoFactorClient, password: str | None) -> None:
    with pytest.raises(LookupError, match="no account has the user ID 'nobody'"):
        client.login("nobody", password)


def test_a_user_whose_user_id_cannot_be_told_is_an_error_that_says_what_to_give(tmp_path: Path) -> None:
    host = make_host(tmp_path)
    host.two_factor.account_name(lambda user: f"The {user.username}")
    client = two_factor_client(host.app)
    with pytest.raises(LookupError, match="user ID"):
        client.login(host.users["alice"], "alice-password")
    client.login("alice", "alice-password")
    assert me(client) == "alice"


def test_the_pages_are_found_under_another_prefix(tmp_path: Path) -> None:
    host = make_host(tmp_path, TWOFACTOR_URL_PREFIX="/sign-in", APPLICATION_ROOT="/console")
    client = two_factor_client(host.app)
    client.enroll("alice")
    client.login("alice", "alice-password")
    assert me(client) == "alice"


def test_the_step_between_the_pages_may_ride_in_the_form(tmp_path: Path) -> None:
    host = make_host(tmp_path, TWOFACTOR_STEP="form")
    client = two_factor_client(host.app)
    client.enroll("alice")
    client.login("alice", "alice-password")
    assert me(client) == "alice"


@pytest.mark.parametrize("name", SHAPES)
def test_people_log_in_to_every_kind_of_console(
    name: str, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = SHAPES[name]
    monkeypatch.setitem(SHAPES, name, replace(shape, prefix=""))
    app = load(name, tmp_path / "console", clock)
    app.config["APPLICATION_ROOT"] = shape.prefix or "/"
    client = two_factor_client(app)
    client.enroll(shape.name or "")
    client.login(shape.name or "", shape.password)
    assert shape.hello in client.get(shape.home).text
    client.logout()
    assert shape.hello not in client.get(shape.home).text


@pytest.mark.parametrize("name", sorted(set(SHAPES) - {"ldap_like", "behind_a_proxy"}))
def test_a_session_without_the_pages_opens_every_kind_of_console(name: str, tmp_path: Path, clock: Clock) -> None:
    shape, app = SHAPES[name], load(name, tmp_path / "console", clock)
    client = two_factor_client(app)
    client.enroll(shape.name or "")
    client.login(shape.name or "")
    assert shape.hello in client.get(shape.home).text


# --- log in without the pages


@pytest.mark.parametrize("enrolled", [False, True])
def test_without_a_password_the_session_is_one_of_every_factor(
    client: TwoFactorClient, alice: User, enrolled: bool
) -> None:
    if enrolled:
        client.enroll(alice)
    assert client.login(alice) is None
    assert (me(client), alice.checks) == ("alice", 0)
    assert client.get("/two-factor/settings").status_code == 200


def test_a_session_without_the_pages_spends_no_code(client: TwoFactorClient, alice: User, host: Host) -> None:
    client.enroll(alice)
    before = code_for(host.app, alice)
    client.login(alice)
    assert code_for(host.app, alice) == before


@pytest.mark.requirement("FLG-11", "VER-11")
def test_a_session_without_the_pages_is_a_mark_like_any_other_and_ends_as_it_does(
    client: TwoFactorClient, alice: User, host: Host
) -> None:
    client.enroll(alice)
    client.login(alice)
    with host.app.app_context():
        assert host.two_factor.end_sessions(alice) == 1
    assert me(client) is None


@pytest.mark.requirement("VER-13", "FLG-11")
@pytest.mark.parametrize("password", ["alice-password", None])
def test_an_account_that_may_not_log_in_fails_the_test(
    client: TwoFactorClient, alice: User, password: str | None
) -> None:
    alice.active = False
    with pytest.raises(AssertionError):
        client.login(alice, password)
    assert me(client) is None


def test_a_log_in_ends_the_one_before_on_the_server_too(client: TwoFactorClient, host: Host) -> None:
    client.login("alice")
    copy = Person(host, host.app.test_client(), {})
    copy.use_cookies({"session": str(client.get_cookie("session").value)})  # type: ignore[union-attr]
    assert copy.me == "alice"
    client.login("bob")
    assert me(client) == "bob"
    assert copy.me is None


@pytest.mark.requirement("SES-03", "FLG-11")
def test_log_out_ends_the_session_on_the_server_too(client: TwoFactorClient, host: Host) -> None:
    client.login("alice")
    copy = Person(host, host.app.test_client(), {})
    copy.use_cookies({"session": str(client.get_cookie("session").value)})  # type: ignore[union-attr]
    client.logout()
    assert (me(client), copy.me) == (None, None)


def test_log_out_forgets_a_remembered_browser(client: TwoFactorClient, host: Host) -> None:
    client.post("/legacy", data={"name": "bob", "password": "bob-password", "remember": "1"})
    assert client.get_cookie("remember_token")
    client.logout()
    assert not client.get_cookie("remember_token")
    assert me(client) is None


def test_log_out_of_nobody_is_no_error(client: TwoFactorClient) -> None:
    client.logout()
    assert me(client) is None


def test_the_client_is_also_what_the_console_made_its_own(host: Host) -> None:
    class Own(FlaskClient):
        own = "something of the console's"

    host.app.test_client_class = Own
    client: Any = two_factor_client(host.app)
    assert client.own == Own.own
    client.login("alice")
    assert me(client) == "alice"


def test_a_log_in_inside_the_test_s_own_context_leaves_that_alone(host: Host) -> None:
    with host.app.app_context():
        client = two_factor_client(host.app)
        client.enroll("alice")
        client.login("alice", "alice-password")
        assert me(client) == "alice"
        assert host.two_factor.is_enabled(host.users["alice"])


# --- enrol


def test_enrolling_gives_the_authenticator(client: TwoFactorClient, host: Host) -> None:
    phone = client.enroll("alice")
    assert isinstance(phone, Authenticator)
    assert phone.code(START) == code_for(host.app, "alice")


def test_enrolling_takes_a_secret(client: TwoFactorClient, host: Host) -> None:
    secret = new_secret()
    client.enroll("alice", secret)
    assert code_for(host.app, "alice") == code_at(secret, step_at(START))


def test_enrolling_twice_is_refused(client: TwoFactorClient) -> None:
    client.enroll("alice")
    with pytest.raises(AlreadyEnrolled):
        client.enroll("alice")


# --- the code of the moment


def test_the_code_of_an_account_that_the_host_enrolled_is_found(enrolled: Host) -> None:
    assert code_for(enrolled.app, enrolled.users["alice"]) == enrolled.code("alice")


def test_the_code_is_the_same_until_it_is_spent(enrolled: Host) -> None:
    first = code_for(enrolled.app, "alice")
    assert code_for(enrolled.app, "alice") == first
    log_in(enrolled.app.test_client(), "alice", "alice-password", first)
    assert code_for(enrolled.app, "alice") != first


@pytest.mark.requirement("RPL-01", "FLG-11")
def test_every_code_logs_in_where_the_frozen_clock_moves_on(enrolled: Host) -> None:
    with frozen_clock(enrolled.app) as clock:
        for steps in range(5):
            answer = log_in(enrolled.app.test_client(), "alice", "alice-password", code_for(enrolled.app, "alice"))
            assert (answer.status_code, clock.at) == (302, START + 30 * steps)


def test_the_frozen_clock_moves_past_all_that_was_spent_ahead_of_it(enrolled: Host) -> None:
    log_in(enrolled.app.test_client(), "alice", "alice-password", enrolled.code("alice", 1))
    with frozen_clock(enrolled.app) as clock:
        assert code_for(enrolled.app, "alice") == enrolled.code("alice", 2)
        assert clock.at == START + 60


def test_without_a_frozen_clock_codes_come_as_far_as_the_window_reaches(enrolled: Host) -> None:
    for steps in (0, 1):
        code = code_for(enrolled.app, "alice")
        assert code == enrolled.code("alice", steps)
        assert log_in(enrolled.app.test_client(), "alice", "alice-password", code).status_code == 302
    with pytest.raises(AssertionError, match="two_factor_clock"):
        code_for(enrolled.app, "alice")
    enrolled.clock.move(30)
    assert code_for(enrolled.app, "alice") == enrolled.code("alice", 1)


def test_a_console_without_a_window_is_given_the_present_code_only(make_app: Callable[..., Host]) -> None:
    host = make_app(TWOFACTOR_WINDOW=0)
    host.enroll("alice")
    log_in(host.app.test_client(), "alice", "alice-password", code_for(host.app, "alice"))
    with pytest.raises(AssertionError, match="two_factor_clock"):
        code_for(host.app, "alice")


def test_there_is_no_code_of_an_account_without_the_factor(app: Flask) -> None:
    with pytest.raises(NotEnrolled, match="enroll"):
        code_for(app, "alice")


def test_a_secret_that_does_not_open_is_an_error_that_shows_nothing_of_it(enrolled: Host) -> None:
    state: State = state_of(enrolled)
    with enrolled.app.app_context():
        enrolment = enrolment_of(state.store, "1")
        assert enrolment is not None
        assert state.store.reseal("1", enrolment.id, enrolment.sealed, "not sealed by us")
        with pytest.raises(TwoFactorError, match="do not open") as error:
            code_for(enrolled.app, "alice")
    assert enrolled.secrets["alice"] not in str(error.value)


def test_the_accounts_of_two_tables_are_told_apart(tmp_path: Path, clock: Clock) -> None:
    app = load("two_kinds", tmp_path / "console", clock)
    state: State = app.extensions["twofactor"]
    with app.app_context():
        ann = state.hooks.ask("user_lookup", "ann")
        setup.enroll(state, ann, None, "Console")
    assert len(code_for(app, ann)) == 6
    with pytest.raises(NotEnrolled):
        code_for(app, "ben")
