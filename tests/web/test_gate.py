"""Who counts as logged in, on every way that Flask-Login has into an app; the set-up in every order."""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, Request, jsonify, request, session
from flask.testing import FlaskClient
from flask_login import (
    FlaskLoginClient,
    LoginManager,
    UserMixin,
    current_user,
    login_required,
    login_user,
    logout_user,
    user_logged_in,
)
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import TestResponse

import flask_twofactor
from flask_twofactor import TwoFactor
from flask_twofactor.errors import WiringError
from tests.support.host import SECRET_KEY, Clock, Host, Person, User, csrf_token, make_host

PAGES = (
    "identify", "credential", "challenge", "settings", "setup", "manage", "password", "recovery", "recovery-codes",
    "recovery-used", "authenticators", "authenticators/add", "authenticators/new", "authenticators/remove", "sessions",
    "activity", "grace", "browsers/forget", "log-out",
)  # fmt: skip
BUTTONS = ("browsers/forget", "log-out")


class App:
    """A console whose parts are put together in an order of the test's choice; ``alice`` has number 1."""

    def __init__(self, folder: Path, **config: Any) -> None:
        self.app = Flask("parts", instance_path=str(folder))
        self.app.config.update(SECRET_KEY=SECRET_KEY, TESTING=True, **config)
        self.clock = Clock()
        self.manager = LoginManager()
        self.two_factor = TwoFactor(clock=self.clock)
        self.alice = User(1, "alice", "alice-password")

    def init_manager(self) -> None:
        self.manager.init_app(self.app)

    def add_loader(self) -> None:
        self.manager.user_loader(lambda user_id: self.alice if user_id == "1" else None)

    def attach(self) -> None:
        self.two_factor.init_app(self.app)

    def add_views(self) -> None:
        @self.app.get("/me")
        @login_required
        def me() -> str:
            return str(current_user.username)

        @self.app.get("/door")
        def door() -> str:
            login_user(self.alice)
            return str(current_user.is_authenticated)

    def enroll(self) -> None:
        with self.app.app_context():
            self.two_factor.enroll(self.alice)

    def refuses(self) -> bool:
        """Whether the password alone opens nothing: in the same request, at the next, by a forged session."""
        client = self.app.test_client()
        same = client.get("/door").text
        after = client.get("/me")
        return (same, after.status_code, location(after)) == ("False", 302, "/two-factor/challenge") and not self.opens(
            _user_id="1", _fresh=True
        )

    def opens(self, **session: Any) -> bool:
        client = self.app.test_client()
        with client.session_transaction() as values:
            values.update(session)
        return client.get("/me").status_code == 200


def location(answer: TestResponse) -> str:
    return str(answer.location).partition("?")[0]


@pytest.fixture
def parts(tmp_path: Path) -> App:
    return App(tmp_path)


def owes_the_code(person: Person) -> bool:
    answer = person.get("/me")
    return answer.status_code == 302 and location(answer) == "/two-factor/challenge"


def pages_of(host: Host) -> Iterator[tuple[str, str]]:
    for rule in host.app.url_map.iter_rules():
        if not rule.arguments:
            for method in sorted(rule.methods or ()):
                yield method, str(rule)


# Three ways in


@pytest.mark.requirement("FLG-01")
def test_a_session_without_a_mark_is_nobody(enrolled: Host) -> None:
    person = enrolled.person()
    with person.client.session_transaction() as session:
        session.update(_user_id="1", _fresh=True)
    assert person.me is None
    assert person.get("/open").text == "False"


@pytest.mark.requirement("FLG-01")
def test_a_remember_cookie_alone_is_nobody(enrolled: Host) -> None:
    person = enrolled.person()
    person.legacy("alice", remember="y")
    person.client.delete_cookie("session")
    assert person.get("/open").text == "False"
    assert person.me is None


@pytest.mark.requirement("FLG-01", "FLG-04")
def test_a_token_of_somebody_with_the_factor_is_nobody(enrolled: Host) -> None:
    for path in ("/me", "/profile", "/two-factor/settings", "/two-factor/setup", "/two-factor/manage"):
        assert enrolled.person().get(path, headers={"X-Token": "alice"}).status_code == 302
    assert enrolled.person().get("/open", headers={"X-Token": "alice"}).text == "False"


@pytest.mark.requirement("FLG-04")
def test_a_token_of_somebody_without_the_factor_opens_the_host_and_no_page_of_ours(host: Host) -> None:
    person = host.person()
    token = {"X-Token": "bob"}
    assert person.get("/me", headers=token).text == "bob"
    for page in ("settings", "setup", "manage", "password"):
        assert person.get(f"/two-factor/{page}", headers=token).status_code == 403
    assert person.cookies() == {}


@pytest.mark.requirement("FLG-04")
def test_a_header_loader_is_no_session_either(enrolled: Host) -> None:
    manager = enrolled.app.login_manager  # type: ignore[attr-defined]
    manager._request_callback = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        manager.header_loader(enrolled.users.get)
    person = enrolled.person()
    assert person.get("/me", headers={"Authorization": "alice"}).status_code == 302
    assert person.get("/me", headers={"Authorization": "bob"}).text == "bob"
    for page in ("settings", "setup", "manage", "password"):
        assert person.get(f"/two-factor/{page}", headers={"Authorization": "bob"}).status_code == 403


@pytest.mark.requirement("FLG-04")
def test_a_page_of_the_host_with_our_panel_still_answers_a_token(host: Host) -> None:
    answer = host.person().get("/profile", headers={"X-Token": "bob"})
    assert answer.status_code == 200
    assert "tf-panel" not in answer.text


@pytest.mark.requirement("FLG-04")
def test_a_token_opens_no_challenge(enrolled: Host) -> None:
    answer = enrolled.person().get("/two-factor/challenge", headers={"X-Token": "alice"})
    assert location(answer) == "/two-factor/identify"


# Forced browsing and fall-through


def test_between_the_pages_every_route_of_the_console_is_closed(enrolled: Host) -> None:
    person = enrolled.person()
    person.identify("alice")
    for method, path in pages_of(enrolled):
        if path in ("/logout", "/two-factor/identify", "/two-factor/credential"):
            continue
        answer = person.client.open(path, method=method)
        assert "alice" not in answer.text, path
    assert person.me is None


def test_an_owed_code_opens_no_page_that_needs_a_log_in(enrolled: Host) -> None:
    person = enrolled.person()
    assert person.legacy("alice") == {"entered": True, "authenticated": False}
    for path in ("/me", "/profile", "/two-factor/settings", "/two-factor/setup", "/two-factor/manage"):
        answer = person.get(path)
        assert (answer.status_code, location(answer)) == (302, "/two-factor/challenge")
    for page in ("setup", "manage", "password"):
        answer = person.client.post(f"/two-factor/{page}", data={"code": enrolled.code("alice")})
        assert (answer.status_code, location(answer)) == (302, "/two-factor/challenge")


@pytest.mark.requirement("FLG-05")
@pytest.mark.parametrize("token", ["alice", "bob"])
def test_a_refused_session_never_falls_through_to_a_token(enrolled: Host, token: str) -> None:
    person = enrolled.person()
    with person.client.session_transaction() as session:
        session.update(_user_id="1", _fresh=True)
    assert person.get("/me", headers={"X-Token": token}).status_code == 302
    assert person.get("/open", headers={"X-Token": token}).text == "False"


@pytest.mark.requirement("FLG-05")
def test_an_owing_session_never_falls_through_to_a_token(enrolled: Host) -> None:
    person = enrolled.person()
    person.legacy("alice")
    assert person.get("/open", headers={"X-Token": "alice"}).text == "False"
    assert person.get("/open", headers={"X-Token": "bob"}).text == "False"


@pytest.mark.requirement("FLG-05")
def test_a_session_whose_user_is_gone_and_a_token_of_somebody_with_the_factor_is_nobody(enrolled: Host) -> None:
    person = enrolled.person()
    with person.client.session_transaction() as session:
        session.update(_user_id="99", _fresh=True)
    assert person.get("/me", headers={"X-Token": "alice"}).status_code == 302


@pytest.mark.requirement("FLG-05")
def test_a_remember_cookie_of_one_and_a_session_of_another_mix_into_nobody(enrolled: Host) -> None:
    alice = enrolled.person()
    alice.log_in("alice", remember="y")
    bob = enrolled.person()
    bob.log_in("bob")
    mixed = enrolled.person()
    mixed.use_cookies({**alice.cookies(), **bob.cookies()})
    assert mixed.me == "bob"
    bob.get("/logout")
    assert mixed.me is None


# login_user by the host


@pytest.mark.requirement("FLG-02")
def test_the_hosts_own_log_in_authenticates_nobody_in_that_request(enrolled: Host) -> None:
    person = enrolled.person()
    assert person.legacy("alice") == {"entered": True, "authenticated": False}
    assert person.me is None


@pytest.mark.requirement("FLG-02")
def test_the_hosts_own_log_in_of_somebody_without_the_factor_is_as_before(enrolled: Host) -> None:
    person = enrolled.person()
    assert person.legacy("bob") == {"entered": True, "authenticated": True}
    assert person.me == "bob"


@pytest.mark.requirement("FLG-02")
def test_login_user_in_a_before_request_authenticates_nobody(enrolled: Host) -> None:
    @enrolled.app.before_request
    def by_proxy() -> None:
        if name := request.headers.get("X-Remote-User"):
            login_user(enrolled.users[name])

    person = enrolled.person()
    assert person.get("/open", headers={"X-Remote-User": "alice"}).text == "False"
    assert person.get("/me", headers={"X-Remote-User": "alice"}).status_code == 302
    assert person.me is None
    assert person.get("/me", headers={"X-Remote-User": "bob"}).text == "bob"


@pytest.mark.requirement("FLG-02")
def test_login_user_with_every_option_authenticates_nobody(enrolled: Host) -> None:
    @enrolled.app.get("/forced")
    def forced() -> str:
        enrolled.users["alice"].active = False
        login_user(enrolled.users["alice"], remember=True, force=True, fresh=False)
        return str(current_user.is_authenticated)

    assert enrolled.person().get("/forced").text == "False"


@pytest.mark.requirement("FLG-02")
def test_a_log_in_by_the_host_over_a_complete_one_owes_the_code_again(enrolled: Host) -> None:
    person = enrolled.person()
    person.log_in("alice")
    assert person.legacy("alice")["authenticated"] is False
    assert person.me is None
    assert owes_the_code(person)


@pytest.mark.requirement("FLG-02")
def test_a_user_who_becomes_authenticated_after_login_user_is_judged_all_the_same(tmp_path: Path) -> None:
    class Late(User):
        authenticated = False

        @property
        def is_authenticated(self) -> bool:
            return self.authenticated

    parts = App(tmp_path)
    parts.alice = Late(1, "alice", "alice-password")
    parts.init_manager()
    parts.add_loader()
    parts.attach()
    parts.add_views()
    parts.enroll()

    @parts.app.get("/late")
    def late() -> str:
        login_user(parts.alice)
        parts.alice.authenticated = True
        return str(current_user.is_authenticated)

    client = parts.app.test_client()
    assert client.get("/late").text == "False"
    assert location(client.get("/me")) == "/two-factor/challenge"


@pytest.mark.requirement("FLG-02")
def test_after_the_owed_code_the_person_is_back_where_they_were_going(enrolled: Host) -> None:
    person = enrolled.person()
    person.legacy("alice")
    sent = person.get("/profile?tab=security")
    answer = person.post(str(sent.location), code=enrolled.code("alice"))
    assert answer.location == "/profile?tab=security"
    assert person.get(answer.location).status_code == 200


@pytest.mark.requirement("FLG-02")
def test_after_a_log_out_the_password_alone_opens_nothing_in_a_browser_that_had_passed(enrolled: Host) -> None:
    person = enrolled.person()
    person.log_in("alice")
    person.get("/logout")
    assert person.legacy("alice")["authenticated"] is False
    assert person.me is None


# In any order


def orders() -> Iterator[Any]:
    names = ("init_manager", "add_loader", "attach")
    for order in itertools.permutations(names):
        yield pytest.param(order, id=" ".join(order))


@pytest.mark.requirement("FLG-03")
@pytest.mark.parametrize("order", [*orders()])
def test_the_gate_stands_in_every_order_of_set_up(parts: App, order: tuple[str, ...]) -> None:
    for step in order:
        getattr(parts, step)()
    parts.add_views()
    parts.enroll()
    assert parts.refuses()


@pytest.mark.requirement("FLG-03")
def test_the_gate_stands_where_the_views_came_first(parts: App) -> None:
    parts.add_views()
    parts.attach()
    parts.init_manager()
    parts.add_loader()
    parts.enroll()
    assert parts.refuses()


@pytest.mark.requirement("FLG-03")
def test_a_loader_that_is_registered_again_later_does_not_remove_the_gate(parts: App) -> None:
    parts.init_manager()
    parts.add_loader()
    parts.attach()
    parts.add_views()
    parts.enroll()
    assert parts.refuses()
    parts.manager.user_loader(lambda _: parts.alice)
    parts.manager.request_loader(lambda _: parts.alice)
    assert parts.refuses()
    assert not parts.opens()


@pytest.mark.requirement("FLG-03")
def test_a_manager_that_is_replaced_after_the_first_request_carries_the_gate_too(parts: App) -> None:
    parts.init_manager()
    parts.add_loader()
    parts.attach()
    parts.add_views()
    parts.enroll()
    assert parts.refuses()
    parts.app.login_manager = LoginManager()  # type: ignore[attr-defined]
    parts.app.login_manager.user_loader(lambda _: parts.alice)  # type: ignore[attr-defined]
    assert not parts.opens(_user_id="1", _fresh=True)
    assert parts.app.test_client().get("/door").text == "False"


@pytest.mark.requirement("FLG-03")
def test_a_manager_that_is_made_under_a_pushed_app_context_carries_the_gate(parts: App) -> None:
    parts.attach()
    parts.add_views()
    with parts.app.app_context():
        parts.init_manager()
        parts.add_loader()
        parts.two_factor.enroll(parts.alice)
        assert not parts.opens(_user_id="1", _fresh=True)


@pytest.mark.requirement("FLG-03")
def test_a_before_request_of_the_host_from_before_the_extension_sees_nobody(parts: App) -> None:
    seen = []
    parts.app.before_request(lambda: seen.append(bool(current_user.is_authenticated)))
    parts.init_manager()
    parts.add_loader()
    parts.attach()
    parts.add_views()
    parts.enroll()
    assert not parts.opens(_user_id="1", _fresh=True)
    assert seen == [False]


@pytest.mark.requirement("FLG-03")
def test_a_url_value_preprocessor_of_the_host_sees_nobody_at_the_very_first_request(parts: App) -> None:
    seen = []
    parts.app.url_value_preprocessor(lambda *_: seen.append(bool(current_user.is_authenticated)))
    parts.attach()
    parts.init_manager()
    parts.add_loader()
    parts.add_views()
    parts.enroll()
    assert not parts.opens(_user_id="1", _fresh=True)
    assert seen == [False]


@pytest.mark.requirement("FLG-03")
def test_without_a_login_manager_the_first_request_says_what_is_missing(parts: App) -> None:
    parts.attach()
    with pytest.raises(WiringError, match=r"LoginManager\(\)\.init_app\(app\)"):
        parts.app.test_client().get("/")


@pytest.mark.requirement("FLG-03")
def test_one_extension_and_one_manager_serve_two_apps_each_with_its_own_state(tmp_path: Path) -> None:
    first, second = App(tmp_path / "first"), App(tmp_path / "second")
    second.manager, second.two_factor = first.manager, first.two_factor
    for parts in (first, second):
        parts.init_manager()
        parts.attach()
        parts.add_views()
    first.add_loader()
    first.enroll()
    assert first.refuses()
    assert second.opens(_user_id="1", _fresh=True)


@pytest.mark.requirement("FLG-03")
def test_a_factory_that_is_called_twice_makes_two_closed_consoles(tmp_path: Path) -> None:
    for _ in range(2):
        parts = App(tmp_path)
        parts.init_manager()
        parts.add_loader()
        parts.attach()
        parts.add_views()
        with parts.app.app_context():
            if not parts.two_factor.is_enabled(parts.alice):
                parts.two_factor.enroll(parts.alice)
        assert parts.refuses()


@pytest.mark.requirement("FLG-03")
def test_a_second_extension_on_one_app_is_refused(parts: App) -> None:
    parts.attach()
    with pytest.raises(WiringError, match="already has a TwoFactor"):
        TwoFactor(parts.app)


def test_an_app_without_the_extension_shares_the_manager_undisturbed(tmp_path: Path) -> None:
    gated, plain = App(tmp_path / "gated"), App(tmp_path / "plain")
    plain.manager = gated.manager
    plain.manager.login_view = "door"
    for parts in (gated, plain):
        parts.init_manager()
        parts.add_views()
    gated.attach()
    gated.add_loader()
    gated.enroll()
    assert gated.refuses()
    assert plain.opens(_user_id="1", _fresh=True)
    assert plain.app.test_client().get("/door").text == "True"
    assert location(plain.app.test_client().get("/me")) == "/door"


# Methods


def secrets_of(host: Host, person: Person) -> set[str]:
    """What no answer may hold: keys that stand or are being set up."""
    with host.app.app_context():
        state = host.app.extensions["twofactor"]
        return {str(state.open_secret(one)) for one in state.store.enrolments()}


@pytest.mark.requirement("FLG-06")
@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "PUT", "PATCH", "DELETE", "TRACE"])
def test_no_other_method_does_the_work_of_a_page(enrolled: Host, method: str) -> None:
    alice, bob, stranger = enrolled.person(), enrolled.person(), enrolled.person()
    alice.log_in("alice")
    bob.log_in("bob")
    bob.begin_setup()
    enrolled.secrets["bob"] = bob.secret
    enrolled.clock.move(30)
    people = {"alice": alice, "bob": bob, "stranger": stranger}
    for page, (name, person) in itertools.product(PAGES, people.items()):
        token = csrf_token(person.get("/two-factor/identify?switch=1"))
        before = {key: value for key, value in person.cookies().items() if key != "session"}
        code = enrolled.code(name) if name in enrolled.secrets else "000000"
        fields = {"csrf_token": token, "code": code, "password": f"{name}-password", "identifier": "alice"}
        answer = person.client.open(f"/two-factor/{page}", method=method, data=fields, query_string=fields)
        reads = method == "OPTIONS" or (method == "HEAD" and page not in BUTTONS)
        assert answer.status_code in ({200, 302} if reads else {405}), page
        assert not reads or answer.data == b""
        assert not any(secret in answer.text for secret in secrets_of(enrolled, person))
        assert {key: value for key, value in person.cookies().items() if key != "session"} == before
    assert (alice.me, bob.me, stranger.me) == ("alice", "bob", None)
    with enrolled.app.app_context():
        enabled = [name for name, user in enrolled.users.items() if enrolled.two_factor.is_enabled(user)]
    assert enabled == ["alice", "mallory"]


@pytest.mark.requirement("FLG-06")
def test_a_head_of_setup_opens_no_key(host: Host) -> None:
    person = host.person()
    person.log_in("bob")
    assert person.client.head("/two-factor/setup").status_code == 200
    with host.app.app_context():
        assert list(host.app.extensions["twofactor"].store.enrolments()) == []


@pytest.mark.requirement("FLG-06")
@pytest.mark.parametrize("method", ["OPTIONS", "HEAD"])
def test_a_view_of_the_host_that_takes_options_itself_sees_nobody(enrolled: Host, method: str) -> None:
    @enrolled.app.route("/report", methods=["GET", "OPTIONS"])
    @login_required
    def report() -> str:
        return f"of {current_user.username}" if current_user.is_authenticated else "of nobody"

    person = enrolled.person()
    person.legacy("alice")
    assert "alice" not in person.client.open("/report", method=method).text
    assert person.client.options("/report").text == "of nobody"  # Flask-Login lets OPTIONS through to the view


# Source


@pytest.mark.requirement("FLG-07")
def test_the_package_signs_nothing_with_flask_logins_cookie_helper_or_a_bare_hmac() -> None:
    forbidden = re.compile(
        r"\bencode_cookie\b|\b_cookie_digest\b|\bsha512\b|sha-?512|\bhmac\.new\([^)]*secret_key", re.I
    )
    package = Path(flask_twofactor.__file__).parent
    assert [file.name for file in package.rglob("*.py") if forbidden.search(file.read_text())] == []


@pytest.mark.requirement("FLG-11")
def test_the_package_has_no_way_around_the_factor_for_test_runs() -> None:
    package = Path(flask_twofactor.__file__).parent
    reads = re.compile(r"\.testing\b|[\"']TESTING[\"']|\.debug\b|[\"']LOGIN_DISABLED[\"']")
    readers = {str(file.relative_to(package)) for file in package.rglob("*.py") if reads.search(file.read_text())}
    ours = {name for name in readers if not name.startswith("testing/")}  # for the tests of hosts; nothing imports it
    # Warnings at start-up, CSRF in a test run, a note about a template, and a command that is refused.
    assert ours == {"wiring.py", "web/forms.py", "web/pages.py", "cli/preview.py"}


# Modes


MODES = [None, "basic", "strong"]


@pytest.mark.requirement("FLG-08")
@pytest.mark.parametrize("permanent", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_the_gate_stands_in_every_mode_of_session_protection(
    make_app: Callable[..., Host], mode: str | None, permanent: bool
) -> None:
    host = make_app(SESSION_PROTECTION=mode)
    host.enroll("alice")
    person = host.person()
    with person.client.session_transaction() as session:
        session.permanent = permanent
    assert person.legacy("alice")["authenticated"] is False
    assert person.me is None
    assert person.post("/two-factor/challenge", code=host.code("alice")).status_code == 302
    assert person.me == "alice"
    copied = host.person(HTTP_USER_AGENT="another browser")
    copied.use_cookies(person.cookies())
    assert copied.me == (None if mode == "strong" and not permanent else "alice")
    person.get("/logout")
    assert copied.me is None


@pytest.mark.requirement("FLG-11")
def test_flask_logins_test_client_alone_is_nobody(enrolled: Host) -> None:
    enrolled.app.test_client_class = FlaskLoginClient
    client: FlaskClient = enrolled.app.test_client(user=enrolled.users["alice"])
    assert client.get("/me").status_code == 302
    assert enrolled.app.test_client(user=enrolled.users["bob"]).get("/me").text == "bob"


@pytest.mark.requirement("FLG-11")
def test_login_user_inside_a_test_request_context_is_nobody(enrolled: Host) -> None:
    with enrolled.app.test_request_context("/me"):
        assert login_user(enrolled.users["alice"]) is True
        assert not current_user.is_authenticated
        assert login_user(enrolled.users["bob"]) is True
        assert current_user.username == "bob"


# Mounts


@pytest.mark.requirement("FLG-03")
@pytest.mark.parametrize("order", [("init_manager", "attach"), ("attach", "init_manager")])
def test_the_gate_stands_in_a_context_that_no_request_went_through(parts: App, order: tuple[str, str]) -> None:
    for step in (*order, "add_loader", "enroll"):
        getattr(parts, step)()
    with parts.app.test_request_context():
        session.update(_user_id="1", _fresh=True)
        assert not current_user.is_authenticated


@pytest.mark.requirement("FLG-09")
@pytest.mark.parametrize("prefix", ["/x/y", "/-", "/login/second", "/two-factor/"])
def test_the_pages_work_under_another_prefix(make_app: Callable[..., Host], prefix: str) -> None:
    host = make_app(TWOFACTOR_URL_PREFIX=prefix)
    host.enroll("alice")
    at = prefix.rstrip("/")
    person = host.person()
    person.legacy("alice")
    sent = person.get("/me")
    assert location(sent) == f"{at}/challenge"
    assert person.post(str(sent.location), code=host.code("alice")).location == "/me"
    assert person.me == "alice"
    for page in ("settings", "manage"):
        assert person.get(f"{at}/{page}").status_code == 200


def mounted(host: Host, root: str) -> Person:
    """Somebody who comes in through a server that mounts the app below ``root``."""
    return host.person(SCRIPT_NAME=root)


@pytest.mark.requirement("FLG-09")
def test_the_pages_work_where_the_app_is_mounted_below_a_path(make_app: Callable[..., Host]) -> None:
    host = make_app(APPLICATION_ROOT="/app")
    host.enroll("alice")
    person = host.person()
    client, at = person.client, {"base_url": "http://localhost/app/"}
    assert client.post("/legacy", data={"name": "alice", "password": "alice-password"}, **at).status_code == 200
    sent = client.get("/me", **at)
    assert sent.location == "/app/two-factor/challenge?next=/app/me"
    page = client.get("/two-factor/challenge?next=/app/me", **at)
    fields = {"csrf_token": csrf_token(page), "code": host.code("alice")}
    done = client.post("/two-factor/challenge?next=/app/me", data=fields, **at)
    assert done.location == "/app/me"
    assert "Path=/app" in done.headers["Set-Cookie"]
    assert client.get("/me", **at).text == "alice"
    assert client.get("/two-factor/manage", **at).status_code == 200
    client.get("/logout", **at)
    assert client.get("/me", **at).status_code == 302


@pytest.mark.requirement("FLG-09")
def test_the_pages_work_on_a_subdomain(tmp_path: Path) -> None:
    parts = App(tmp_path, SERVER_NAME="site.test")
    parts.app.subdomain_matching = True
    parts.app.url_map.host_matching = False
    parts.app.url_map.default_subdomain = "console"
    parts.init_manager()
    parts.add_loader()
    parts.attach()
    parts.add_views()
    parts.enroll()
    client, at = parts.app.test_client(), {"base_url": "http://console.site.test/"}
    assert client.get("/door", **at).text == "False"
    assert client.get("/me", **at).location == "/two-factor/challenge?next=/me"
    assert client.get("/two-factor/challenge?next=/me", **at).status_code == 200
    assert client.get("/two-factor/challenge", base_url="http://site.test/").status_code == 404


@pytest.mark.requirement("FLG-09")
def test_the_pages_work_behind_a_proxy_that_mounts_and_terminates_tls(enrolled: Host) -> None:
    enrolled.app.wsgi_app = ProxyFix(enrolled.app.wsgi_app, x_proto=1, x_host=1, x_prefix=1)  # type: ignore[method-assign]
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "console.test", "X-Forwarded-Prefix": "/app"}
    client = enrolled.app.test_client()
    door = client.post("/legacy", data={"name": "alice", "password": "alice-password"}, headers=forwarded)
    assert door.get_json()["authenticated"] is False
    sent = client.get("/me", headers=forwarded)
    assert sent.location == "/app/two-factor/challenge?next=/app/me"
    page = client.get("/two-factor/challenge?next=/app/me", headers=forwarded)
    fields = {"csrf_token": csrf_token(page), "code": enrolled.code("alice")}
    assert page.headers["Referrer-Policy"] == "same-origin"  # with which a browser sends this:
    referrer = {**forwarded, "Referer": "https://console.test/app/two-factor/challenge?next=/app/me"}
    done = client.post("/two-factor/challenge?next=/app/me", data=fields, headers=referrer)
    assert done.location == "/app/me"
    assert client.get("/me", headers=forwarded).text == "alice"


@pytest.mark.requirement("FLG-09")
def test_two_consoles_in_one_process_do_not_know_each_others_sessions(tmp_path: Path) -> None:
    one, other = make_host(tmp_path / "one"), make_host(tmp_path / "other")
    one.enroll("alice")
    other.enroll("alice")
    person = one.person()
    person.log_in("alice")
    stranger = other.person()
    stranger.use_cookies(person.cookies())
    assert (person.me, stranger.me) == ("alice", None)


@pytest.mark.requirement("FLG-10")
@pytest.mark.parametrize(
    "path",
    [
        "/two-factor/../me",
        "/two-factor/%2e%2e/me",
        "/two-factor/..%2fme",
        "/two-factor%2f..%2fme",
        "//me",
        "//two-factor/../me",
        "/two-factor/identify/../../me",
        "/two-factor;/../me",
        "/./me",
        "/me/",
        "/ME",
        "/me%00",
        "/two-factor/challenge/../../me",
        "/two-factor//settings",
        "//two-factor/settings",
        "/Two-Factor/settings",
    ],
)
def test_no_trick_with_the_path_opens_a_page(enrolled: Host, path: str) -> None:
    for person in (enrolled.person(), enrolled.person()):
        person.legacy("alice")
        answer = person.client.get("/open", environ_overrides={"PATH_INFO": path, "RAW_URI": path})
        assert answer.status_code in (302, 308, 404)
        assert "alice" not in answer.text


@pytest.mark.requirement("FLG-10")
def test_a_path_of_the_host_that_looks_like_ours_gets_nothing_of_ours(enrolled: Host) -> None:
    lookalike = Blueprint("twofactorish", __name__, url_prefix="/two-factor/reports")

    @lookalike.route("/identify", methods=["GET", "POST"])
    @login_required
    def identify() -> str:
        return request.get_data(as_text=True)

    enrolled.app.register_blueprint(lookalike)
    person = enrolled.person()
    assert person.client.post("/two-factor/reports/identify", json={"any": "thing"}).status_code == 302
    person.log_in("bob")
    answer = person.client.post("/two-factor/reports/identify", json={"any": "thing" * 5000})
    assert answer.status_code == 200
    assert "Content-Security-Policy" not in answer.headers


# Hosts of every shape


def test_a_rotating_get_id_does_not_lose_the_factor(tmp_path: Path) -> None:
    class Rotating(User):
        token = "first"

        def get_id(self) -> str:
            return self.token

    parts = App(tmp_path)
    parts.alice = Rotating(1, "alice", "alice-password")
    parts.init_manager()
    parts.manager.user_loader(lambda token: parts.alice if token == parts.alice.get_id() else None)
    parts.attach()
    parts.add_views()
    parts.enroll()
    assert parts.refuses()
    parts.alice.token = "second"
    assert parts.refuses()
    assert not parts.opens(_user_id="second", _fresh=True)


@pytest.mark.parametrize("answer", [True, False])
def test_a_host_whose_is_authenticated_is_a_method_is_gated_whatever_it_answers(tmp_path: Path, answer: bool) -> None:
    class Old:
        id = 1
        username = "alice"

        def is_authenticated(self) -> bool:
            return answer

        def is_active(self) -> bool:
            return True

        def get_id(self) -> str:
            return "1"

    parts = App(tmp_path)
    parts.alice = Old()  # type: ignore[assignment]
    parts.init_manager()
    parts.add_loader()
    parts.attach()
    parts.add_views()
    assert parts.opens(_user_id="1", _fresh=True) is answer
    parts.enroll()
    assert not parts.opens(_user_id="1", _fresh=True)
    assert parts.app.test_client().get("/door").text == "False"


def test_an_old_anonymous_class_with_methods_stays_anonymous(parts: App) -> None:
    class Nobody:
        def is_authenticated(self) -> bool:
            return False

    parts.init_manager()
    parts.manager.anonymous_user = Nobody
    parts.add_loader()
    parts.attach()

    @parts.app.get("/who")
    def who() -> str:
        return type(current_user._get_current_object()).__name__

    assert parts.app.test_client().get("/who").text == "Nobody"


def test_a_loader_that_finds_nobody_leaves_nobody(enrolled: Host) -> None:
    person = enrolled.person()
    person.log_in("alice")
    del enrolled.users["alice"]
    assert person.me is None
    assert person.get("/open").text == "False"


def test_a_user_class_without_user_mixins_helpers_is_gated(tmp_path: Path) -> None:
    class Slim(UserMixin):
        id = 1
        username = "alice"

    parts = App(tmp_path)
    parts.alice = Slim()
    parts.init_manager()
    parts.add_loader()
    parts.attach()
    parts.add_views()
    parts.enroll()
    assert parts.refuses()


def test_a_new_account_with_the_key_of_a_deleted_one_has_neither_its_factor_nor_its_sessions(enrolled: Host) -> None:
    old = enrolled.person()
    old.log_in("alice", remember="y")
    with enrolled.app.app_context():
        enrolled.two_factor.forget("1")
        assert not enrolled.two_factor.is_enabled(enrolled.users["alice"])
    assert old.me is None
    remembered = enrolled.person()
    remembered.use_cookies({name: value for name, value in old.cookies().items() if name != "session"})
    assert remembered.me is None
    del enrolled.secrets["alice"]
    new = enrolled.person()
    new.log_in("alice")
    assert new.me == "alice"


# Flask-Login is as it was where nobody is enrolled


def script(client: FlaskClient) -> list[tuple[int, str, str, set[str]]]:
    """A day in a console, without our pages; what was answered."""
    seen = []

    def note(answer: TestResponse) -> None:
        cookies = {value.partition("=")[0] for value in answer.headers.getlist("Set-Cookie")}
        seen.append((answer.status_code, str(answer.location), answer.text, cookies - {"twofactor_remember"}))

    for path in ("/open", "/me", "/me?x=1"):
        note(client.get(path))
    note(client.get("/me", headers={"X-Token": "bob"}))
    for name, password in (("alice", "wrong"), ("alice", "alice-password")):
        note(client.post("/legacy", data={"name": name, "password": password}))
        note(client.get("/me"))
        note(client.get("/fresh"))
    note(client.get("/logout"))
    note(client.get("/me"))
    note(client.post("/legacy", data={"name": "bob", "password": "bob-password", "remember": "y"}))
    client.delete_cookie("session")
    note(client.get("/me"))
    note(client.get("/fresh"))
    note(client.get("/logout"))
    note(client.get("/me"))
    note(client.get("/nowhere"))
    note(client.post("/me"))
    note(client.options("/me"))
    return seen


def console(folder: Path, gated: bool, **config: Any) -> Flask:
    app = Flask("console", instance_path=str(folder))
    app.config.update(SECRET_KEY=SECRET_KEY, TESTING=True, **config)
    users = {name: User(number, name, f"{name}-password") for number, name in enumerate(("alice", "bob"), 1)}
    manager = LoginManager(app)
    manager.login_view = "legacy"
    manager.user_loader(lambda user_id: next((user for user in users.values() if str(user.id) == user_id), None))

    @manager.request_loader
    def by_token(incoming: Request) -> User | None:
        return users.get(incoming.headers.get("X-Token", ""))

    if gated:
        TwoFactor(app)

    @app.get("/me")
    @login_required
    def me() -> str:
        return str(current_user.username)

    @app.get("/fresh")
    @login_required
    def fresh() -> Any:
        return jsonify(fresh=bool(current_user.is_authenticated))

    @app.get("/open")
    def open_page() -> str:
        return str(current_user.is_authenticated)

    @app.post("/legacy")
    def legacy() -> Any:
        user = users[request.form["name"]]
        if request.form["password"] != user.password:
            return "no", 401
        return str(login_user(user, remember="remember" in request.form)) + str(current_user.is_authenticated)

    @app.get("/logout")
    def logout() -> str:
        logout_user()
        return str(current_user.is_authenticated)

    return app


@pytest.mark.parametrize("mode", MODES)
def test_flask_login_answers_as_before_where_nobody_is_enrolled(tmp_path: Path, mode: str | None) -> None:
    plain = script(console(tmp_path, gated=False, SESSION_PROTECTION=mode).test_client())
    gated = script(console(tmp_path, gated=True, SESSION_PROTECTION=mode).test_client())
    assert gated == plain


def test_a_session_from_before_the_extension_was_installed_stays_good(host: Host) -> None:
    person = host.person()
    with person.client.session_transaction() as session:
        session.update(_user_id="2", _fresh=True)
    assert person.me == "bob"


def test_receivers_of_flask_logins_signal_still_get_the_user(enrolled: Host) -> None:
    heard = []

    def receive(_: Flask, user: Any, **__: Any) -> None:
        heard.append(user.username)

    with user_logged_in.connected_to(receive, enrolled.app):
        enrolled.person().legacy("bob")
        enrolled.person().log_in("alice")
    assert heard == ["bob", "alice"]


@pytest.mark.requirement("INP-06", "SES-05")
@pytest.mark.parametrize("cookie", ["|\x80", "1|\xe9\xe9", "\xff|\xff", "|", "\x80"])
def test_a_remember_cookie_that_is_not_ascii_is_nobody_and_no_error(enrolled: Host, cookie: str) -> None:
    person = enrolled.person(HTTP_COOKIE=f"remember_token={cookie}")
    assert person.me is None
    assert person.get("/two-factor/challenge").status_code == 302


@pytest.mark.requirement("FLG-02")
def test_the_hook_that_completes_a_log_in_sees_whom_it_logged_in(tmp_path: Path) -> None:
    seen: list[object] = []

    def wire(two_factor: TwoFactor) -> None:
        @two_factor.complete
        def complete(user: User, password: str | None, remember: bool) -> bool:
            seen.append(current_user.is_authenticated)
            entered = login_user(user, remember=remember)
            seen.append(current_user.username)
            return bool(entered)

    host = make_host(tmp_path, wire=wire)
    host.enroll("alice")
    host.person().log_in("alice")
    host.person().log_in("bob")
    assert seen == [False, "alice", False, "bob"]


def test_a_remembered_browser_of_an_account_that_never_had_the_factor_is_given_nothing_of_ours(host: Host) -> None:
    person = host.person()
    person.legacy("bob", remember="y")
    person.client.delete_cookie("session")
    answer = person.get("/me")
    assert answer.text == "bob"
    assert "no-store" not in answer.headers.get("Cache-Control", "")
    with person.client.session_transaction() as values:
        assert not [key for key in values if key.startswith("_twofactor")]


@pytest.mark.requirement("ENR-05")
@pytest.mark.parametrize(("fresh", "page"), [(True, ""), (False, "/two-factor/password")])
def test_a_log_in_by_the_host_without_a_password_opens_no_set_up(host: Host, fresh: bool, page: str) -> None:
    @host.app.get("/door")
    def door() -> str:
        return str(login_user(host.users["bob"], fresh=fresh))

    person = host.person()
    assert person.get("/door").text == "True"
    assert location(person.get("/two-factor/setup")).removesuffix("None") == page
