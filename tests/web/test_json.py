"""The core without our pages: a log-in and a set-up in JSON, written by a host."""

from __future__ import annotations

from typing import Any

import pytest
from flask import jsonify, request
from flask_login import current_user, login_required, login_user
from werkzeug.test import TestResponse

from flask_twofactor.errors import AlreadyEnrolled, SetupExpired
from tests.support.authenticator import oathtool_code
from tests.support.host import Host, Person
from tests.support.watching import state_of


@pytest.fixture
def api(host: Host) -> Host:
    """The console with a log-in and a set-up for its script."""
    app, two_factor = host.app, host.two_factor

    @app.post("/api/log-in")
    def log_in() -> Any:
        given = request.get_json()
        user = host.users.get(given["name"])
        if user is None or given["password"] != user.password:
            return jsonify(error="no"), 401
        if two_factor.is_enabled(user) and not two_factor.verify(user, given.get("code", "")):
            return jsonify(error="no"), 401
        login_user(host.users[given.get("as", given["name"])], remember=bool(given.get("remember")))
        return jsonify(name=getattr(current_user, "username", None))

    @app.post("/api/set-up")
    @login_required
    def set_up() -> Any:
        user = host.users[current_user.username]
        try:
            if request.get_json().get("code") is None:
                shown = two_factor.begin(user)
                return jsonify(secret=shown.secret, uri=shown.uri, expires_at=shown.expires_at)
            return jsonify(enabled=two_factor.confirm(user, request.get_json()["code"]))
        except (AlreadyEnrolled, SetupExpired) as error:
            return jsonify(error=error.code), error.status

    return host


def call(person: Person, path: str, **values: Any) -> TestResponse:
    return person.client.post(f"/api/{path}", json=values, environ_overrides=person.environ)


def enable(api: Host, person: Person) -> str:
    secret: str = call(person, "set-up").get_json()["secret"]
    assert call(person, "set-up", code=oathtool_code(secret, api.clock.at)).get_json() == {"enabled": True}
    return secret


@pytest.mark.requirement("FLG-02", "SES-02")
def test_a_log_in_in_json_with_a_code_that_was_verified_is_a_log_in_with_the_factor(api: Host) -> None:
    person = api.person()
    assert call(person, "log-in", name="alice", password="alice-password").get_json() == {"name": "alice"}
    secret = enable(api, person)
    assert person.me == "alice"

    api.clock.move(30)
    other = api.person()
    assert call(other, "log-in", name="alice", password="alice-password").status_code == 401
    code = oathtool_code(secret, api.clock.at)
    assert call(other, "log-in", name="alice", password="wrong", code=code).status_code == 401
    assert call(other, "log-in", name="alice", password="alice-password", code=code).get_json() == {"name": "alice"}
    assert other.me == "alice"
    assert call(api.person(), "log-in", name="alice", password="alice-password", code=code).status_code == 401

    copied = other.cookies()
    other.get("/logout")
    other.use_cookies(copied)
    assert other.me is None


@pytest.mark.requirement("FLG-02")
def test_a_code_of_one_account_completes_the_log_in_of_no_other_and_in_no_other_request(api: Host) -> None:
    first, second = api.enroll("alice"), api.enroll("mallory")
    assert first != second
    person = api.person()
    code = api.code("mallory")
    given = {"name": "mallory", "password": "mallory-password", "code": code, "as": "alice"}
    assert call(person, "log-in", **given).get_json() == {"name": None}
    assert person.me is None
    person.legacy("mallory")
    assert person.me is None


@pytest.mark.requirement("ENR-04", "ENR-07", "ENR-10")
def test_a_set_up_in_json_shows_one_key_and_ends_other_sessions(api: Host) -> None:
    person, elsewhere = api.person(), api.person()
    for one in (person, elsewhere):
        call(one, "log-in", name="bob", password="bob-password")
    shown = call(person, "set-up").get_json()
    assert shown == call(person, "set-up").get_json()
    assert shown["expires_at"] == api.clock.at + 600
    assert call(elsewhere, "set-up").get_json()["secret"] != shown["secret"]
    assert call(person, "set-up", code="12345").get_json() == {"enabled": False}
    assert enable(api, person) == shown["secret"]
    assert (person.me, elsewhere.me) == ("bob", None)
    assert call(person, "set-up").get_json() == {"error": AlreadyEnrolled.code}
    with api.app.app_context():
        assert api.two_factor.is_enabled(api.users["bob"])


@pytest.mark.requirement("ENR-04")
def test_a_key_that_is_too_old_is_said_to_be(api: Host) -> None:
    person = api.person()
    call(person, "log-in", name="bob", password="bob-password")
    secret = call(person, "set-up").get_json()["secret"]
    api.clock.move(601)
    late = call(person, "set-up", code=oathtool_code(secret, api.clock.at))
    assert late.get_json() == {"error": SetupExpired.code}


@pytest.mark.requirement("ENR-05")
def test_a_remembered_session_that_sets_up_has_given_no_password_by_that(api: Host) -> None:
    person = api.person()
    call(person, "log-in", name="bob", password="bob-password", remember=True)
    person.use_cookies({name: value for name, value in person.cookies().items() if name != "session"})
    assert person.me == "bob"
    enable(api, person)
    assert person.me == "bob"
    assert str(person.get("/two-factor/manage").location).startswith("/two-factor/password")


@pytest.mark.requirement("ENR-04")
def test_a_key_is_set_up_outside_of_any_session_and_shown_to_its_own_client_only(host: Host) -> None:
    with host.app.app_context():
        bob = host.users["bob"]
        shown = host.two_factor.begin(bob, "a token")
        assert host.two_factor.begin(bob, "a token") == shown
        assert host.two_factor.begin(bob, "another").secret != shown.secret
        assert host.two_factor.begin(bob).secret != shown.secret
        code = oathtool_code(shown.secret, host.clock.at)
        assert host.two_factor.confirm(bob, code, "another") is False
        assert host.two_factor.confirm(bob, "12345", "a token") is False
        assert host.two_factor.confirm(bob, code, "a token") is True
        assert host.two_factor.is_enabled(bob)
        with pytest.raises(AlreadyEnrolled):
            host.two_factor.begin(bob)


@pytest.mark.requirement("LOG-01", "LIF-06")
def test_a_log_in_in_json_is_recorded_and_its_owner_is_told_of_a_new_browser(api: Host) -> None:
    api.enroll("alice")
    told: list[str] = []
    api.two_factor.notify(lambda user, notice: told.append(notice.kind))
    call(api.person(), "log-in", name="alice", password="alice-password", code=api.code("alice"))
    with api.app.app_context():
        [entered] = [one for one in state_of(api).store.events("1", 9) if one.kind == "twofactor-logged-in"]
    assert (entered.details["by"], entered.details["factor"]) == ("code", True)
    assert told == ["new-browser"]
