"""The hazards that a green suite of tests would not show (consoles.md): one test each, the safe outcome stated."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Request, request
from flask_login import LoginManager, current_user, login_user
from werkzeug.security import generate_password_hash

from flask_twofactor.doctor.doors import open_doors
from flask_twofactor.errors import WiringError
from flask_twofactor.flows import setup
from tests.hosts.test_hosts import load
from tests.support.host import Clock, Host, User, alert, csrf_token, make_host
from tests.support.watching import asks_code


@pytest.mark.requirement("STO-08")
def test_the_factor_stays_where_get_id_changes_with_the_password(tmp_path: Path, clock: Clock) -> None:
    app = load("inside_flask_admin", tmp_path / "console", clock)
    db, (model,) = app.extensions["sqlalchemy"], app.extensions["sqlalchemy"].Model.__subclasses__()[-1:]
    two_factor: Any = app.extensions["twofactor"]
    with app.app_context():
        ann = db.session.scalar(db.select(model))
        subject, before = two_factor.subject_of(ann), ann.get_id()
        ann.password = generate_password_hash("another password")
        db.session.commit()
        assert ann.get_id() != before
        assert two_factor.subject_of(ann) == subject


@pytest.mark.requirement("STO-08")
def test_a_user_without_an_id_is_refused_and_get_id_is_not_taken_in_its_place(tmp_path: Path) -> None:
    class Nameless(User):
        id = None  # type: ignore[assignment]

        def __init__(self) -> None:
            self.username, self.password = "alice", "alice-password"

        def get_id(self) -> str:
            return "None"

    host = make_host(tmp_path)
    with host.app.app_context(), pytest.raises(WiringError, match=r"@two_factor\.user_key"):
        host.two_factor.is_enabled(Nameless())


def believing(host: Host) -> Host:
    """Let the host's request loader believe any posted user name, and read fields that are not there."""
    manager: LoginManager = vars(host.app)["login_manager"]

    @manager.request_loader
    def by_posted_name(incoming: Request) -> Any:
        return host.users.get(incoming.form["username"]) if incoming.method == "POST" else None

    @host.app.get("/black")
    def black() -> str:
        return str(current_user.is_authenticated)

    return host


@pytest.mark.requirement("FLG-04", "ENR-01")
@pytest.mark.parametrize("page", ["settings", "setup", "manage", "sessions", "password"])
def test_a_stranger_who_posts_a_name_is_handed_nobodys_qr_code(host: Host, page: str) -> None:
    person = believing(host).person()
    for name in ("alice", "bob"):
        answer = person.client.open(f"/two-factor/{page}", method="POST", data={"username": name})
        assert answer.status_code in (302, 400, 403, 405)
        assert "otpauth" not in answer.text


def test_our_forms_wake_no_request_loader_that_reads_fields_of_its_own(host: Host) -> None:
    """It would answer 400 or 500, where ``current_user`` is touched: our pages do not at a stranger's post."""
    person = believing(host).person()
    page = person.identify("alice")
    assert page.status_code == 200
    assert person.credential("alice-password").status_code == 302


@pytest.mark.requirement("FLG-01")
def test_a_user_loader_that_comes_later_replaces_no_protection(enrolled: Host) -> None:
    person = enrolled.person()
    person.legacy("alice")
    manager: LoginManager = vars(enrolled.app)["login_manager"]
    manager.user_loader({str(user.id): user for user in enrolled.users.values()}.get)
    assert person.me is None
    manager._load_user_from_remember_cookie = lambda cookie: enrolled.users["alice"]
    assert person.me is None


@pytest.mark.requirement("FLG-01")
def test_a_login_manager_that_comes_later_is_gated_too(enrolled: Host) -> None:
    LoginManager(enrolled.app).user_loader({str(user.id): user for user in enrolled.users.values()}.get)
    person = enrolled.person()
    person.legacy("alice")
    assert person.get("/open").text == "False"


@pytest.mark.requirement("FLG-02", "FLG-08")
def test_an_api_log_in_opens_nothing_and_a_token_is_told_by_doctor(enrolled: Host) -> None:
    def create_access_token(user: Any) -> str:
        return f"token of {user.username}"

    @enrolled.app.post("/api/log-in")
    def api() -> str:
        return str(login_user(enrolled.users[request.get_json()["name"]]))

    @enrolled.app.post("/api/token")
    def token() -> str:
        return create_access_token(enrolled.users["alice"])

    person = enrolled.person()
    person.client.post("/api/log-in", json={"name": "alice"})
    assert person.me is None
    with enrolled.app.app_context():
        doors = list(open_doors(enrolled.app, enrolled.app.extensions["twofactor"]))
    assert [door.text.partition(" ")[0] for door in doors if door.is_fault] == ["token"]


@pytest.mark.requirement("SES-03")
def test_after_a_log_out_the_password_alone_opens_nothing_in_that_browser(enrolled: Host) -> None:
    person = enrolled.person()
    person.log_in("alice")
    assert person.me == "alice"
    person.get("/logout")
    person.legacy("alice")
    assert person.me is None


@pytest.mark.requirement("VER-06")
def test_a_wrong_code_and_a_wrong_password_answer_alike_where_the_view_is_the_hosts(
    tmp_path: Path, clock: Clock
) -> None:
    app = load("ldap_like", tmp_path / "console", clock)
    two_factor: Any = app.extensions["twofactor"]
    with app.test_request_context():
        setup.enroll(two_factor, two_factor.hooks.ask("user_lookup", "ann"), None, "Console")
    alerts = []
    for password in ("wrong", "ann-password"):
        client = app.test_client()
        token = csrf_token(client.get("/login"))
        page = client.post("/login", data={"identifier": "ann", "csrf_token": token})
        assert asks_code(page)
        hidden = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*type="hidden"[^>]*value="([^"]*)"', page.text))
        alerts.append(alert(client.post("/login", data={**hidden, "password": password, "code": "000000"})))
    assert alerts[0] == alerts[1]


@pytest.mark.requirement("ENU-04", "THR-05")
@pytest.mark.parametrize("typed", ["ALICE", " alice ", "ａlice"])
def test_one_account_has_one_budget_however_its_name_is_typed(enrolled: Host, typed: str) -> None:
    state: Any = enrolled.app.extensions["twofactor"]
    parsed = state.parse_identifier(typed)
    assert parsed in ("alice", None)
    for number in range(10):
        stranger = enrolled.person(REMOTE_ADDR=f"192.0.2.{number}")
        if stranger.identify(typed if parsed else "alice").status_code == 200:
            stranger.credential("alice-password", enrolled.wrong_code("alice"))
    person = enrolled.person(REMOTE_ADDR="192.0.2.99")
    person.identify("alice")
    person.credential("alice-password", enrolled.code("alice"))
    assert person.me is None


def test_a_wildcard_is_no_name(host: Host) -> None:
    person = host.person()
    page = person.identify("AL%")
    assert page.status_code == 200
    assert person.credential("alice-password").status_code == 200
    assert person.me is None
