"""The public surface: attaching, wiring mistakes, the hooks, the calls from Python, the visible limit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from flask import Blueprint, Flask, render_template_string, request, url_for
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from jinja2 import DictLoader
from werkzeug.test import TestResponse
from wtforms import StringField

from flask_twofactor import Brand, TwoFactor, TwoFactorError
from flask_twofactor.core.totp import new_secret
from flask_twofactor.errors import AlreadyEnrolled, SettingError, WiringError
from flask_twofactor.web.forms import IdentifyForm
from tests.support.host import SECRET_KEY, Clock, Host, Person, User, alert, csrf_token
from tests.support.watching import Heard, asks_code, bare, ghost, rows, state_of

MakeApp = Callable[..., Host]
Wire = Callable[[TwoFactor], object]


def plain_app(folder: Path, **config: Any) -> Flask:
    """Make an app with a LoginManager and one page, and nothing of ours."""
    app = Flask("plain", instance_path=str(folder))
    app.config.update({"SECRET_KEY": SECRET_KEY, "TESTING": True, **config})
    manager = LoginManager(app)
    users = {str(number): User(number, name, f"{name}-password") for number, name in enumerate(("alice", "bob"), 1)}
    manager.user_loader(users.get)

    @app.get("/me")
    @login_required
    def me() -> str:
        return str(current_user.username)

    return app


def host_of(app: Flask, two_factor: TwoFactor, clock: Clock) -> Host:
    users = {"alice": User(1, "alice", "alice-password"), "bob": User(2, "bob", "bob-password")}
    return Host(app, two_factor, clock, users)


def manager_of(app: Flask) -> Any:
    return app.__dict__["login_manager"]


# Attaching


def test_two_factor_of_an_app_and_init_app_do_the_same(tmp_path: Path) -> None:
    first, second = plain_app(tmp_path / "1"), plain_app(tmp_path / "2")
    TwoFactor(first)
    TwoFactor().init_app(second)
    for app in (first, second):
        assert app.test_client().get("/two-factor/identify").status_code == 200
        assert app.test_client().get("/me").location == "/two-factor/identify?next=%2Fme"


def test_attaching_twice_is_refused(tmp_path: Path) -> None:
    app = plain_app(tmp_path)
    two_factor = TwoFactor(app)
    for again in (lambda: two_factor.init_app(app), lambda: TwoFactor(app)):
        with pytest.raises(WiringError, match="already has a TwoFactor"):
            again()


def test_a_login_view_of_the_host_is_left_alone(tmp_path: Path) -> None:
    app = plain_app(tmp_path)
    manager_of(app).login_view = "own"
    app.add_url_rule("/own", "own", lambda: "own log-in")
    TwoFactor(app)
    assert str(app.test_client().get("/me").location).startswith("/own")


def test_without_a_login_view_ours_is_it(tmp_path: Path) -> None:
    app = plain_app(tmp_path)
    TwoFactor(app)
    app.test_client().get("/me")
    assert manager_of(app).login_view == "twofactor.identify"


def test_the_pages_live_under_the_prefix_of_the_setting(make_app: MakeApp) -> None:
    host = make_app(TWOFACTOR_URL_PREFIX="/mfa/x")
    assert host.person().get("/mfa/x/identify").status_code == 200
    assert host.person().get("/two-factor/identify").status_code == 404


def test_two_apps_on_one_two_factor_are_apart(tmp_path: Path, clock: Clock) -> None:
    apps = [plain_app(tmp_path / "one"), plain_app(tmp_path / "two", TWOFACTOR_ISSUER="Second")]
    two_factor = TwoFactor(clock=clock)
    first, second = (host_of(app, two_factor, clock) for app in apps)
    two_factor.user_lookup(first.users.get)
    for app in apps:
        two_factor.init_app(app)
    heard = Heard(first), Heard(second)
    first.enroll("alice")
    with second.app.app_context():
        assert not two_factor.is_enabled(second.users["alice"])
    person = first.person()
    person.log_in("alice")
    assert person.me == "alice"
    thief = second.person()
    thief.use_cookies(person.cookies())
    assert thief.me is None, "the keys are the same, the store is not"
    assert asks_code(first.person().identify("alice"))
    assert not asks_code(second.person().identify("alice"))
    assert (heard[0].names, heard[1].names) == (["enabled", "logged-in"], [])
    assert state_of(first).settings.issuer is None
    assert state_of(second).settings.issuer == "Second"
    assert state_of(first) is not state_of(second)


# Wiring mistakes


def test_without_a_login_manager_the_first_request_says_so(tmp_path: Path) -> None:
    app = Flask("bare", instance_path=str(tmp_path))
    app.config.update(SECRET_KEY=SECRET_KEY, TESTING=True)
    TwoFactor(app)
    with pytest.raises(WiringError, match=r"LoginManager\(\)\.init_app\(app\)"):
        app.test_client().get("/two-factor/identify")


def test_a_login_manager_may_come_after(tmp_path: Path) -> None:
    app = Flask("bare", instance_path=str(tmp_path))
    app.config.update(SECRET_KEY=SECRET_KEY, TESTING=True)
    TwoFactor(app)
    LoginManager(app).user_loader(lambda key: None)
    assert app.test_client().get("/two-factor/identify").status_code == 200


@pytest.mark.parametrize("key", [None, "", b""])
def test_without_a_secret_key_the_first_request_says_so(tmp_path: Path, key: object) -> None:
    app = plain_app(tmp_path, SECRET_KEY=key)
    TwoFactor(app)
    with pytest.raises(WiringError, match=r'app\.config\["SECRET_KEY"\] ='):
        app.test_client().get("/two-factor/identify")


def test_an_unknown_setting_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    app = plain_app(tmp_path, TWOFACTOR_ISUER="Harbor")
    with pytest.raises(SettingError, match=r"TWOFACTOR_ISUER.*TWOFACTOR_ISSUER"):
        TwoFactor(app)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TWOFACTOR_WINDOW", 2),
        ("TWOFACTOR_DECOY_RATIO", 0.9),
        ("TWOFACTOR_SETUP_SECONDS", 3600),
        ("TWOFACTOR_PENDING_SECONDS", 3600),
        ("TWOFACTOR_PASSWORD_SECONDS", 86400),
        ("TWOFACTOR_URL_PREFIX", "mfa"),
        ("TWOFACTOR_URL_PREFIX", "/"),
        ("TWOFACTOR_ISSUER", 7),
        ("TWOFACTOR_KEY", "short"),
        ("TWOFACTOR_SESSION_SECONDS", "86400"),
        ("TWOFACTOR_SESSION_KEEP", "cart"),
    ],
)
def test_a_bad_value_is_refused_by_its_name(tmp_path: Path, name: str, value: object) -> None:
    app = plain_app(tmp_path, **{name: value})
    with pytest.raises(SettingError, match=name):
        TwoFactor(app)


def test_a_setting_that_comes_too_late_is_an_error(tmp_path: Path) -> None:
    app = plain_app(tmp_path)
    TwoFactor(app)
    app.config["TWOFACTOR_ISSUER"] = "Harbor"
    with pytest.raises(SettingError, match="set it before"):
        app.test_client().get("/two-factor/identify")


def test_an_unknown_form_key_is_refused_with_the_known_ones() -> None:
    with pytest.raises(WiringError, match=r"logon.*credential.*identify"):
        TwoFactor(forms={"logon": IdentifyForm})


def test_an_unknown_login_endpoint_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    app = plain_app(tmp_path)
    TwoFactor(app, login_endpoint="auth.login")
    with pytest.raises(WiringError, match=r"auth\.login.*\bme\b"):
        app.test_client().get("/me")


def test_a_mistake_is_told_at_every_request_until_it_is_mended(tmp_path: Path) -> None:
    app = plain_app(tmp_path)
    TwoFactor(app, login_endpoint="late")
    for _ in range(2):
        with pytest.raises(WiringError):
            app.test_client().get("/me")
    app.view_functions["late"] = lambda: "late"
    app.url_map.add(app.url_rule_class("/late", endpoint="late"))
    assert app.test_client().get("/late").status_code == 200


@pytest.mark.parametrize("hook", ["user_lookup", "password_check", "may_login", "complete", "requirement"])
def test_a_hook_that_is_no_function_is_refused(hook: str) -> None:
    with pytest.raises(WiringError, match=hook):
        getattr(TwoFactor(), hook)("not a function")


def test_without_an_app_the_calls_say_what_is_missing(tmp_path: Path) -> None:
    two_factor = TwoFactor()
    with plain_app(tmp_path).app_context(), pytest.raises(WiringError, match=r"TwoFactor\(app\)"):
        two_factor.is_enabled(User(1, "alice", "x"))


# The host's own log-in, taken over in place


def _with_log_ins(folder: Path) -> Flask:
    app = plain_app(folder)
    auth = Blueprint("auth", __name__, url_prefix="/auth")
    auth.add_url_rule("/login", "login", lambda: "the old log-in", methods=["GET", "POST"])
    auth.add_url_rule("/sign-in/<region>", "regional", lambda region: "another", methods=["GET", "POST"])
    app.register_blueprint(auth)
    app.add_url_rule("/link", "link", lambda: url_for("auth.login"))
    manager_of(app).login_view = "auth.login"
    return app


@pytest.mark.parametrize("endpoints", ["auth.login", ["auth.login"], ("auth.login", "auth.regional")])
def test_a_log_in_is_taken_over_in_place(tmp_path: Path, clock: Clock, endpoints: Any) -> None:
    app = _with_log_ins(tmp_path)
    two_factor = TwoFactor(clock=clock, login_endpoint=endpoints)
    users = {"alice": User(1, "alice", "alice-password")}
    two_factor.user_lookup(users.get)
    two_factor.init_app(app)
    person = host_of(app, two_factor, clock).person()
    assert person.get("/link").text == "/auth/login", "links of the host stay"
    assert str(person.get("/me").location).startswith("/auth/login?next=")
    page = person.get("/auth/login")
    assert "old log-in" not in page.text
    assert 'name="identifier"' in page.text
    assert page.headers["Cache-Control"] == "no-store"
    sent = person.post("/auth/login", identifier="alice")
    assert sent.status_code == 302
    assert person.credential("alice-password").status_code == 302
    assert person.me == "alice"


def test_several_log_ins_are_taken_over(tmp_path: Path) -> None:
    app = _with_log_ins(tmp_path)
    TwoFactor(app, login_endpoint=["auth.login", "auth.regional"])
    for path in ("/auth/login", "/auth/sign-in/north"):
        page = app.test_client().get(path)
        assert page.status_code == 200
        assert 'name="identifier"' in page.text


def test_a_log_in_that_is_not_named_is_left_alone(tmp_path: Path) -> None:
    app = _with_log_ins(tmp_path)
    TwoFactor(app, login_endpoint="auth.login")
    assert app.test_client().get("/auth/sign-in/north").text == "another"
    assert app.test_client().post("/auth/login", data={}).status_code == 400, "ours: no CSRF token"


# The hooks


def enter(host: Host, name: str, password: str | None = None, code: str | None = None, **fields: str) -> TestResponse:
    person = host.person()
    person.identify(name)
    if code is None and name in host.secrets:
        code = host.code(name)
    return person.credential(f"{name}-password" if password is None else password, code, **fields)


class TestUserLookup:
    """``(identifier) -> user or None``; the default asks Flask-Login's loader."""

    def test_the_default_asks_the_user_loader(self, tmp_path: Path, clock: Clock) -> None:
        app = plain_app(tmp_path)
        person = host_of(app, TwoFactor(app, clock=clock), clock).person()
        person.identify("2")
        assert person.credential("bob-password").status_code == 302
        assert person.me == "bob"

    def test_without_a_loader_the_error_names_the_hook(self, tmp_path: Path, clock: Clock) -> None:
        app = plain_app(tmp_path)
        manager_of(app).user_loader(None)
        manager_of(app).request_loader(lambda incoming: None)
        person = host_of(app, TwoFactor(app, clock=clock), clock).person()
        with pytest.raises(WiringError, match=r"@two_factor\.user_lookup"):
            person.identify("2")

    @pytest.mark.requirement("INP-04")
    def test_it_is_given_the_normal_form(self, make_app: MakeApp) -> None:
        asked: list[str] = []
        host = make_app(wire=lambda two_factor: two_factor.user_lookup(lambda name: asked.append(name)))
        for typed in ("Alice", " ALICE ", "ａｌｉｃｅ"):
            host.person().identify(typed)
        assert set(asked) == {"alice"}

    def test_it_is_asked_for_names_that_do_not_exist(self, make_app: MakeApp) -> None:
        asked: list[str] = []
        host = make_app(wire=lambda two_factor: two_factor.user_lookup(lambda name: asked.append(name)))
        enter(host, "ghost", "guess")
        assert "ghost" in asked


class TestPasswordCheck:
    """``(user, password) -> bool``; only True itself is a yes."""

    def test_the_default_asks_check_password(self, host: Host) -> None:
        assert enter(host, "bob").status_code == 302
        assert host.users["bob"].checks == 1

    def test_the_default_asks_verify_password_where_there_is_no_other(self, host: Host) -> None:
        class Verifying(UserMixin):
            id = 9
            username = "vera"

            def verify_password(self, password: str) -> bool:
                return password == "vera-password"

        host.users["vera"] = Verifying()
        assert enter(host, "vera", "wrong").status_code == 200
        assert enter(host, "vera").status_code == 302

    def test_a_method_of_two_arguments_is_an_error_that_names_the_hook(self, host: Host) -> None:
        class Wide(UserMixin):
            id = 9

            def check_password(self, password: str, pepper: str = "") -> bool:
                raise AssertionError("must not be called")

        host.users["wide"] = Wide()
        with pytest.raises(WiringError, match=r"@two_factor\.password_check"):
            enter(host, "wide")

    def test_a_user_without_a_method_is_an_error_that_names_the_hook(self, host: Host) -> None:
        class Mute(UserMixin):
            id = 9

        host.users["mute"] = Mute()
        with pytest.raises(WiringError, match=r"@two_factor\.password_check"):
            enter(host, "mute")

    @pytest.mark.parametrize("answer", [1, "yes", object(), [True], None, 0, "", "False"])
    def test_an_answer_that_is_neither_true_nor_false_is_an_error(
        self, make_app: MakeApp, caplog: pytest.LogCaptureFixture, answer: object
    ) -> None:
        host = make_app(wire=lambda two_factor: two_factor.password_check(lambda user, password: answer))
        person = host.person()
        person.identify("bob")
        assert person.credential("bob-password").status_code == 503
        assert person.me is None
        assert "password_check must answer True or False" in caplog.text

    def test_it_decides(self, make_app: MakeApp) -> None:
        def check(user: User | None, password: str) -> bool:
            return user is not None and password == user.username[::-1]

        host = make_app(wire=lambda two_factor: two_factor.password_check(check))
        assert enter(host, "bob", "bob-password").status_code == 200
        assert enter(host, "bob", "bob").status_code == 302

    @pytest.mark.requirement("VER-07")
    def test_it_is_asked_with_none_for_an_absent_name(self, make_app: MakeApp) -> None:
        asked: list[tuple[object, str]] = []

        def check(user: User | None, password: str) -> bool:
            asked.append((user, password))
            return False

        host = make_app(wire=lambda two_factor: two_factor.password_check(check))
        enter(host, "ghost", "guess")
        assert asked == [(None, "guess")]

    @pytest.mark.requirement("VER-01")
    def test_a_yes_for_nobody_lets_nobody_in(self, make_app: MakeApp) -> None:
        host = make_app(wire=lambda two_factor: two_factor.password_check(lambda user, password: True))
        answer = enter(host, "ghost", "guess", "123456")
        assert answer.status_code == 200
        assert alert(answer)

    @pytest.mark.requirement("INP-05")
    @pytest.mark.parametrize("password", [" leading and trailing ", "пароль 密码 🔑", "x" * 1000, "a\tb"])
    def test_it_is_given_the_password_as_typed(self, host: Host, password: str) -> None:
        host.users["bob"].password = password
        assert enter(host, "bob", password).status_code == 302


class TestUserKey:
    """``(user) -> str``: stable; the default is ``str(user.id)``."""

    def test_the_default_is_the_id_as_text(self, enrolled: Host) -> None:
        assert [row["subject"] for row in rows(enrolled, "twofactor_enrolment")] == ["1", "3"]

    def test_a_user_without_an_id_is_an_error_that_names_the_hook(self, host: Host) -> None:
        class Numberless(UserMixin):
            pass

        with host.app.app_context(), pytest.raises(WiringError, match=r"@two_factor\.user_key"):
            host.two_factor.is_enabled(Numberless())

    def test_it_names_the_rows(self, make_app: MakeApp) -> None:
        host = make_app(wire=lambda two_factor: two_factor.user_key(lambda user: f"user/{user.username}"))
        host.enroll("alice")
        assert [row["subject"] for row in rows(host, "twofactor_enrolment")] == ["user/alice"]
        assert enter(host, "alice").status_code == 302

    @pytest.mark.parametrize("answer", [None, 7, "", b"1", "x" * 256])
    def test_an_answer_that_is_no_key_is_an_error(self, make_app: MakeApp, answer: object) -> None:
        host = make_app(wire=lambda two_factor: two_factor.user_key(lambda user: answer))
        with host.app.app_context(), pytest.raises(TwoFactorError, match="user_key"):
            host.two_factor.is_enabled(host.users["bob"])
        assert host.person().client.post("/legacy", data={"name": "bob", "password": "bob-password"}).status_code == 503


class TestMayLogin:
    """``(user) -> bool``: the host's own gates; the default is ``is_active``."""

    def test_the_default_is_is_active(self, host: Host) -> None:
        host.users["bob"].active = False
        assert enter(host, "bob").status_code == 200

    def test_the_default_takes_a_method_too(self, host: Host) -> None:
        class Old(User):
            def is_active(self) -> bool:  # type: ignore[override]
                return self.active

        old = host.users["old"] = Old(9, "old", "old-password")
        old.active = False
        assert enter(host, "old").status_code == 200

    def test_it_decides_without_saying_so(self, make_app: MakeApp) -> None:
        host = make_app(wire=lambda two_factor: two_factor.may_login(lambda user: user.username != "bob"))
        refused, wrong = enter(host, "bob"), enter(host, "carol", "not hers")
        assert bare(refused, "bob")[0] == bare(wrong, "carol")[0] == "200 OK"
        assert alert(refused) == alert(wrong)
        assert enter(host, "carol").status_code == 302


class TestComplete:
    """``(user, password, remember)``: what the host does at log-in, in place of ``login_user``."""

    def test_the_default_remembers_where_that_was_ticked(self, host: Host) -> None:
        plain, kept = host.person(), host.person()
        plain.log_in("bob")
        kept.log_in("bob", remember="y")
        assert "remember_token" not in plain.cookies()
        assert "remember_token" in kept.cookies()

    @pytest.mark.parametrize("remember", [True, False])
    def test_it_is_given_the_user_the_password_and_the_tick(self, make_app: MakeApp, remember: bool) -> None:
        seen: list[tuple[str, str | None, bool]] = []

        def complete(user: User, password: str | None, remember: bool) -> Any:
            seen.append((user.username, password, remember))
            return login_user(user)

        host = make_app(wire=lambda two_factor: two_factor.complete(complete))
        host.enroll("alice")
        person = host.person()
        person.log_in("alice", **({"remember": "y"} if remember else {}))
        assert seen == [("alice", "alice-password", remember)]
        assert person.me == "alice"

    def test_it_is_not_asked_before_everything_was_right(self, make_app: MakeApp) -> None:
        seen: list[object] = []
        host = make_app(wire=lambda two_factor: two_factor.complete(lambda *given: seen.append(given)))
        host.enroll("alice")
        for given in (("not hers", host.code("alice")), ("alice-password", host.wrong_code("alice"))):
            enter(host, "alice", *given)
        assert seen == []

    @pytest.mark.requirement("VER-13", "LOG-06")
    def test_one_that_logs_in_and_then_raises_lets_nobody_in(self, make_app: MakeApp) -> None:
        def complete(user: User, password: str | None, remember: bool) -> None:
            login_user(user, remember=True)
            raise RuntimeError(f"audit log is full: {password}")

        host = make_app(wire=lambda two_factor: two_factor.complete(complete))
        host.enroll("alice")
        person = host.person()
        assert person.log_in("alice").status_code == 503
        assert person.me is None
        assert not {"remember_token", "twofactor_remember"} & set(person.cookies())
        assert rows(host, "twofactor_mark") == []


class TestAccountName:
    """``(user) -> str``: e-mail, user name, else the key."""

    def label(self, host: Host, user: Any) -> str:
        with host.app.app_context():
            return unquote(urlsplit(host.two_factor.enroll(user)).path).partition(":")[2]

    def test_the_default_is_the_user_name(self, host: Host) -> None:
        assert self.label(host, host.users["bob"]) == "bob"

    def test_the_default_prefers_the_email(self, host: Host) -> None:
        host.users["bob"].__dict__["email"] = "bob@example.org"
        assert self.label(host, host.users["bob"]) == "bob@example.org"

    def test_the_default_falls_back_to_the_key(self, host: Host) -> None:
        host.users["bob"].username = ""
        assert self.label(host, host.users["bob"]) == "2"

    def test_it_names_the_account(self, make_app: MakeApp) -> None:
        host = make_app(wire=lambda two_factor: two_factor.account_name(lambda user: f"Dr. {user.username}"))
        assert self.label(host, host.users["bob"]) == "Dr. bob"

    def test_one_that_raises_enrols_nobody(self, make_app: MakeApp) -> None:
        """A key that nobody is shown would lock the owner out."""
        host = make_app(wire=lambda two_factor: two_factor.account_name(lambda user: 1 / 0))
        with host.app.app_context():
            with pytest.raises(TwoFactorError, match="account_name"):
                host.two_factor.enroll(host.users["bob"])
            assert not host.two_factor.is_enabled(host.users["bob"])


class TestBrandSelect:
    """``() -> Brand or its key``; the default is one brand with the app's name."""

    BRANDS = (Brand("north", "North Wind", "North"), Brand("south", "South Sea", "South"))

    def test_the_default_is_named_after_the_app(self, host: Host) -> None:
        assert "Log in to <bdi>host</bdi>" in host.person().get("/two-factor/identify").text

    def test_the_default_takes_the_issuer_of_the_settings(self, make_app: MakeApp) -> None:
        assert "Harbor" in make_app(TWOFACTOR_ISSUER="Harbor").person().get("/two-factor/identify").text

    @pytest.mark.parametrize("answer", ["south", BRANDS[1]])
    def test_it_is_asked_at_each_request(self, make_app: MakeApp, answer: object) -> None:
        host = make_app(
            wire=lambda two_factor: two_factor.brand_select(lambda: answer if "south" in request.host else "north"),
            brands=self.BRANDS,
        )
        client = host.app.test_client()
        assert "North Wind" in client.get("/two-factor/identify").text
        assert "South Sea" in client.get("/two-factor/identify", base_url="http://south.test").text

    def test_the_brand_says_who_issued_the_key(self, make_app: MakeApp) -> None:
        host = make_app(wire=lambda two_factor: two_factor.brand_select(lambda: "north"), brands=self.BRANDS)
        person = host.person()
        person.log_in("bob")
        assert "otpauth://totp/North:bob" in person.begin_setup().text

    def test_an_unknown_key_answers_503(self, make_app: MakeApp) -> None:
        host = make_app(wire=lambda two_factor: two_factor.brand_select(lambda: "west"), brands=self.BRANDS)
        assert host.person().get("/two-factor/identify").status_code == 503


class TestRequirement:
    """``(user) -> bool``: whether the factor is mandatory; the default is for nobody."""

    def test_the_default_is_for_nobody(self, enrolled: Host, clock: Clock) -> None:
        person = enrolled.person()
        person.log_in("alice")
        clock.move(30)
        assert person.disable("alice").status_code == 302

    def test_its_owner_cannot_disable_a_mandatory_factor(self, make_app: MakeApp, clock: Clock) -> None:
        host = make_app(wire=lambda two_factor: two_factor.requirement(lambda user: user.username == "alice"))
        host.enroll("alice")
        person = host.person()
        person.log_in("alice")
        clock.move(30)
        token = csrf_token(person.get("/two-factor/password"))
        answer = person.client.post("/two-factor/manage", data={"csrf_token": token, "code": host.code("alice")})
        assert answer.status_code == 200
        with host.app.app_context():
            assert host.two_factor.is_enabled(host.users["alice"])


class TestAfterLoginUrl:
    """``(user) -> url``; the default is ``TWOFACTOR_AFTER_LOGIN`` or the root of the app."""

    def test_the_default_is_the_root_of_the_app(self, host: Host) -> None:
        assert enter(host, "bob").location == "/"

    def test_the_default_is_the_root_where_the_app_is_mounted(self, host: Host) -> None:
        person = host.person(SCRIPT_NAME="/console")
        sent = person.post("/two-factor/identify", identifier="bob")
        assert sent.location == "/console/two-factor/credential"
        assert person.credential("bob-password").location == "/console/"

    def test_the_setting_says_where(self, make_app: MakeApp) -> None:
        assert enter(make_app(TWOFACTOR_AFTER_LOGIN="/home"), "bob").location == "/home"

    def test_it_decides_by_the_user(self, make_app: MakeApp) -> None:
        host = make_app(wire=lambda two_factor: two_factor.after_login_url(lambda user: f"/of/{user.username}"))
        assert enter(host, "bob").location == "/of/bob"

    def test_next_comes_first(self, host: Host) -> None:
        person = host.person()
        person.identify("bob", target="/profile")
        assert person.credential("bob-password").location == "/profile"


# A hook that raises

RAISING: dict[str, tuple[str, ...]] = {
    "user_lookup": ("identify", "log in"),
    "normal_form": ("identify",),
    "password_check": ("log in",),
    "user_key": ("log in", "legacy"),
    "may_login": ("log in",),
    "complete": ("log in",),
    "after_login_url": ("log in",),
    "brand_select": ("identify",),
    "account_name": ("setup",),
    "requirement": ("settings",),
}


def _goes(host: Host, way: str) -> tuple[Person, TestResponse]:
    """Walk to where ``way`` ends, and give the last answer."""
    person = host.person()
    if way == "legacy":
        return person, person.client.post("/legacy", data={"name": "bob", "password": "bob-password"})
    if way in ("setup", "settings"):
        person.log_in("bob")
        return person, person.get(f"/two-factor/{way}")
    page = person.get("/two-factor/identify")
    if page.status_code != 200:
        return person, page
    sent = person.post("/two-factor/identify", identifier="alice")
    if sent.status_code != 302:
        return person, sent
    credential = person.get(str(sent.location))
    if credential.status_code != 200:
        return person, credential
    return person, person.credential("alice-password", host.code("alice"))


@pytest.mark.requirement("LOG-06")
@pytest.mark.parametrize("production", [True, False])
@pytest.mark.parametrize(("hook", "way"), [(hook, way) for hook, ways in RAISING.items() for way in ways])
def test_a_hook_that_raises_lets_nobody_in_and_its_message_is_not_logged(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture, hook: str, way: str, production: bool
) -> None:
    host = make_app()
    host.enroll("alice")
    host.app.testing = not production
    hidden = "alice-password"

    def fail(*given: object) -> None:
        raise LookupError(f"nobody is called {hidden} {given}")

    if way in ("setup", "settings"):
        people = host.person()
        people.log_in("bob")
        getattr(host.two_factor, hook)(fail)
        answer = people.get(f"/two-factor/{way}")
        # Whether somebody owes the set-up is asked at every page of the host's.
        assert people.me == (None if hook == "requirement" else "bob")
    else:
        getattr(host.two_factor, hook)(fail)
        person, answer = _goes(host, way)
        assert person.get("/open").text in ("False", answer.text)
        assert person.me is None
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "try again later" in answer.text
    assert f"the hook {hook} raised LookupError" in caplog.text
    assert hidden not in caplog.text
    assert hidden not in answer.text
    assert "in fail\n" in caplog.text, "the log says where"
    assert all(record.exc_info is None for record in caplog.records if record.name == "flask_twofactor")


@pytest.mark.requirement("STO-07")
def test_the_page_of_a_failure_stands_where_the_layout_of_the_host_fails_too(make_app: MakeApp) -> None:
    """A layout that greets ``current_user`` asks the store that is down."""
    host = make_app(TWOFACTOR_BASE_TEMPLATE="layout.html")
    layout = "{{ current_user.is_authenticated }}{% block content %}{% endblock %}"
    host.app.jinja_loader = DictLoader({"layout.html": layout})
    person = host.person()
    person.log_in("bob")
    host.two_factor.user_key(lambda user: 1 / 0)
    assert person.get("/two-factor/settings").status_code == 503


@pytest.mark.parametrize("hook", ["may_login", "requirement"])
@pytest.mark.parametrize("answer", [1, "yes", None, object()])
def test_a_yes_or_no_hook_that_says_neither_lets_nobody_in(make_app: MakeApp, hook: str, answer: object) -> None:
    host = make_app()
    getattr(host.two_factor, hook)(lambda user: answer)
    person = host.person()
    person.identify("bob")
    assert person.credential("bob-password").status_code == 503
    assert person.me is None


def test_a_receiver_of_a_signal_that_raises_undoes_nothing(enrolled: Host, caplog: pytest.LogCaptureFixture) -> None:
    from_heard = Heard(enrolled)
    from_heard.events = _Full()
    person = enrolled.person()
    assert person.log_in("alice").status_code == 302
    assert person.me == "alice"
    assert "a receiver of twofactor-logged-in raised" in caplog.text
    assert "the disk" not in caplog.text


class _Full(list[Any]):
    def append(self, event: Any) -> None:
        raise OSError("the disk of the audit log is full")


# From Python


def test_is_enabled_tells_whether_a_confirmed_enrolment_stands(host: Host) -> None:
    bob = host.users["bob"]
    with host.app.app_context():
        assert host.two_factor.is_enabled(bob) is False
    person = host.person()
    person.log_in("bob")
    person.begin_setup()
    with host.app.app_context():
        assert host.two_factor.is_enabled(bob) is False, "pending only"
        assert host.two_factor.enroll(bob)
        assert host.two_factor.is_enabled(bob) is True
        assert host.two_factor.is_enabled(host.users["alice"]) is False


def test_enroll_gives_the_uri_of_a_new_secret(host: Host) -> None:
    heard = Heard(host)
    with host.app.app_context():
        uri = host.two_factor.enroll(host.users["bob"])
    assert uri.startswith("otpauth://totp/host:bob?")
    assert len(parse_qs(urlsplit(uri).query)["secret"][0]) == 32
    assert heard.names == ["enabled"]


def test_enroll_takes_a_secret_of_another_system(host: Host) -> None:
    secret = new_secret()
    with host.app.app_context():
        uri = host.two_factor.enroll(host.users["bob"], " ".join([secret[:4].lower(), secret[4:]]))
    assert parse_qs(urlsplit(uri).query)["secret"] == [secret]
    host.secrets["bob"] = secret
    assert enter(host, "bob").status_code == 302


def test_enroll_does_not_replace_a_factor(enrolled: Host) -> None:
    with enrolled.app.app_context(), pytest.raises(AlreadyEnrolled):
        enrolled.two_factor.enroll(enrolled.users["alice"])
    assert enter(enrolled, "alice").status_code == 302


@pytest.mark.requirement("ENR-10")
def test_enroll_ends_the_sessions_of_the_account(host: Host) -> None:
    person, other = host.person(), host.person()
    person.log_in("bob")
    other.log_in("carol")
    host.enroll("bob")
    assert (person.me, other.me) == (None, "carol")


@pytest.mark.requirement("RPL-03")
def test_verify_takes_a_right_code_once(enrolled: Host) -> None:
    alice = enrolled.users["alice"]
    with enrolled.app.app_context():
        code = enrolled.code("alice")
        assert enrolled.two_factor.verify(alice, enrolled.wrong_code("alice")) is False
        assert enrolled.two_factor.verify(alice, code) is True
        assert enrolled.two_factor.verify(alice, code) is False
        assert enrolled.two_factor.verify(alice, enrolled.code("mallory")) is False
        assert enrolled.two_factor.verify(alice, "") is False


def test_verify_is_no_for_an_account_without_a_factor(host: Host) -> None:
    with host.app.app_context():
        assert host.two_factor.verify(host.users["bob"], "000000") is False


@pytest.mark.requirement("THR-09")
def test_verify_draws_on_the_budget_of_the_account(enrolled: Host) -> None:
    alice = enrolled.users["alice"]
    with enrolled.app.app_context():
        assert not any(enrolled.two_factor.verify(alice, enrolled.wrong_code("alice")) for _ in range(10))
        assert enrolled.two_factor.verify(alice, enrolled.code("alice")) is False
        assert enrolled.two_factor.verify(enrolled.users["mallory"], enrolled.code("mallory")) is True


@pytest.mark.requirement("LIF-04", "LIF-08")
def test_reset_takes_the_factor_and_every_session_away(enrolled: Host) -> None:
    person, other, heard = enrolled.person(), enrolled.person(), Heard(enrolled)
    person.log_in("alice")
    other.log_in("mallory")
    jar = person.cookies()
    with enrolled.app.app_context():
        assert enrolled.two_factor.reset(enrolled.users["alice"], by="support: carol") is True
        assert enrolled.two_factor.is_enabled(enrolled.users["alice"]) is False
        assert enrolled.two_factor.reset(enrolled.users["alice"], by="support: carol") is False
    assert (person.me, other.me) == (None, "mallory")
    person.use_cookies(jar)
    assert person.me is None
    assert [values["by"] for name, values in heard.events if name == "reset"] == ["support: carol"] * 2
    del enrolled.secrets["alice"]
    assert enter(enrolled, "alice").status_code == 302


@pytest.mark.requirement("LIF-04")
def test_reset_clears_the_budget(enrolled: Host, clock: Clock) -> None:
    alice = enrolled.users["alice"]
    with enrolled.app.app_context():
        for _ in range(10):
            enrolled.two_factor.verify(alice, enrolled.wrong_code("alice"))
        enrolled.two_factor.reset(alice, by="support")
    enrolled.enroll("alice")
    assert enter(enrolled, "alice").status_code == 302


@pytest.mark.requirement("SES-10", "SES-09")
@pytest.mark.parametrize("name", ["alice", "bob"])
def test_end_sessions_ends_every_session_at_its_next_request(enrolled: Host, clock: Clock, name: str) -> None:
    people = []
    for _ in range(2):
        person = enrolled.person()
        person.log_in(name, remember="y")
        people.append(person)
        clock.move(30)
    host_own, other = enrolled.person(), enrolled.person()
    host_own.legacy(name, remember="y")
    other.log_in("mallory")
    jars = [person.cookies() for person in [*people, host_own]]
    heard = Heard(enrolled)
    with enrolled.app.app_context():
        assert enrolled.two_factor.end_sessions(enrolled.users[name]) == 2
        assert enrolled.two_factor.end_sessions(enrolled.users[name]) == 0
    assert heard.names == ["sessions-ended"] * 2
    for jar in jars:
        for kept in (set(jar), set(jar) - {"session"}, {"remember_token"}):
            thief = enrolled.person()
            thief.use_cookies({key: value for key, value in jar.items() if key in kept})
            assert thief.me is None
            assert thief.get("/two-factor/challenge").location == "/two-factor/identify"
    assert other.me == "mallory"
    clock.move(30)
    assert enter(enrolled, name).status_code == 302


@pytest.mark.requirement("STO-09")
def test_forget_deletes_the_rows_of_one_account(enrolled: Host) -> None:
    with enrolled.app.app_context():
        enrolled.two_factor.forget("1")
        enrolled.two_factor.forget("nobody")
        assert not enrolled.two_factor.is_enabled(enrolled.users["alice"])
        assert enrolled.two_factor.is_enabled(enrolled.users["mallory"])


# Step-up on a view of the host


@pytest.fixture
def guarded(make_app: MakeApp) -> Host:
    """A console with ``/vault``, which wants a proof of five minutes, and ``/safe``, of one."""
    host = make_app()

    @host.app.get("/vault")
    @host.two_factor.fresh()
    def vault() -> str:
        return "gold"

    @host.app.route("/safe", methods=["GET", "POST"])
    @host.two_factor.fresh(seconds=60)
    def safe() -> str:
        return "silver"

    host.enroll("alice")
    return host


def test_a_fresh_view_keeps_its_name(guarded: Host) -> None:
    assert guarded.app.view_functions["vault"].__name__ == "vault"


def test_a_fresh_view_asks_for_the_code_again(guarded: Host, clock: Clock) -> None:
    person = guarded.person()
    person.log_in("alice")
    assert person.get("/vault").text == "gold"
    clock.move(300)
    assert person.get("/vault").text == "gold"
    clock.move(1)
    asked = person.get("/vault")
    assert (asked.status_code, asked.location) == (303, "/two-factor/challenge?next=/vault")
    assert person.me == "alice", "other pages ask nothing"
    assert alert(person.post(str(asked.location), code=guarded.wrong_code("alice")))
    assert person.get("/vault").status_code == 303
    assert person.post(str(asked.location), code=guarded.code("alice")).location == "/vault"
    assert person.get("/vault").text == "gold"


@pytest.mark.requirement("RPL-03")
def test_a_fresh_view_is_not_opened_by_the_code_of_the_log_in(guarded: Host, clock: Clock) -> None:
    person = guarded.person()
    clock.move(-59)
    code = guarded.code("alice", 1)
    person.identify("alice")
    person.credential("alice-password", code)
    clock.move(61)
    assert person.get("/safe").status_code == 303
    assert person.post("/two-factor/challenge?next=/safe", code=code).status_code == 200
    assert person.get("/safe").status_code == 303


def test_a_fresh_view_asks_an_account_without_a_factor_for_the_password(guarded: Host, clock: Clock) -> None:
    person = guarded.person()
    person.log_in("bob")
    assert person.get("/vault").text == "gold"
    clock.move(301)
    asked = person.get("/vault")
    assert (asked.status_code, asked.location) == (303, "/two-factor/password?next=/vault")
    assert person.post(str(asked.location), password="bob-password").location == "/vault"
    assert person.get("/vault").text == "gold"


def test_a_fresh_view_does_not_run_what_was_posted_too_late(guarded: Host, clock: Clock) -> None:
    person = guarded.person()
    person.log_in("alice")
    assert person.client.post("/safe").text == "silver"
    clock.move(61)
    asked = person.client.post("/safe")
    assert (asked.status_code, asked.location) == (303, "/two-factor/challenge?next=/safe&resend=1")


def test_a_fresh_view_sends_nobody_to_the_log_in(guarded: Host) -> None:
    assert str(guarded.person().get("/vault").location).startswith("/two-factor/identify")
    owing = guarded.person()
    owing.legacy("alice")
    assert owing.get("/vault").location == "/two-factor/challenge?next=/vault"


def test_a_fresh_view_is_closed_to_a_request_loader(guarded: Host) -> None:
    assert guarded.app.test_client().get("/vault", headers={"X-Token": "bob"}).status_code == 403


# Forms and the panel


def test_a_form_class_of_the_host_is_used(make_app: MakeApp) -> None:
    class Mine(IdentifyForm):
        region = StringField("Region")

    host = make_app(forms={"identify": Mine})
    page = host.person().get("/two-factor/identify")
    assert 'name="region"' in page.text
    assert enter(host, "bob").status_code == 302


def test_the_panel_shows_nothing_to_nobody(host: Host) -> None:
    @host.app.get("/public")
    def public() -> str:
        return render_template_string("[{{ twofactor_panel() }}]")

    assert host.person().get("/public").text == "[]"
    assert host.app.test_client().get("/public", headers={"X-Token": "bob"}).text == "[]"


def test_the_panel_follows_the_factor(host: Host) -> None:
    person = host.person()
    person.log_in("bob")
    assert "SETUP" in person.get("/profile").text
    person.set_up("bob")
    assert "MANAGE" in person.get("/profile").text


# The visible limit


def until_throttled(host: Host, name: str, password: str = "not right", code: str | None = None) -> list[TestResponse]:
    """Fail from one address until the answer is 429, at most twelve times; each time from a new browser."""
    answers = []
    for _ in range(12):
        person = host.person()
        person.identify(name)
        answers.append(person.credential(password, code))
        if answers[-1].status_code == 429:
            break
    return answers


def _shape(answers: list[TestResponse], name: str) -> list[Any]:
    return [(bare(answer, name)[0], answer.headers.get("Retry-After"), alert(answer)) for answer in answers]


@pytest.mark.requirement("THR-05", "ENU-06")
def test_the_limit_comes_at_the_same_attempt_for_every_kind_of_name(enrolled: Host) -> None:
    enrolled.users["carol"].active = False
    names = ("alice", "bob", "carol", ghost(enrolled, box=True), ghost(enrolled, box=False))
    series = {name: _shape(until_throttled(enrolled, name, code="123456"), name) for name in names}
    assert len({str(one) for one in series.values()}) == 1
    [*free, last] = series["alice"]
    assert [status for status, _, _ in free] == ["200 OK"] * 5
    assert last[:2] == ("429 TOO MANY REQUESTS", "60")
    assert "Too many attempts" in last[2]


@pytest.mark.requirement("THR-05")
def test_the_throttled_page_of_a_decoy_is_that_of_an_account(enrolled: Host) -> None:
    absent = ghost(enrolled, box=True)
    real = until_throttled(enrolled, "alice", code="123456")[-1]
    decoy = until_throttled(enrolled, absent, code="123456")[-1]
    assert real.status_code == 429
    assert bare(real, "alice") == bare(decoy, absent)


@pytest.mark.requirement("THR-05", "VER-06")
def test_the_limit_does_not_tell_a_right_password_from_a_wrong_one(enrolled: Host) -> None:
    right = until_throttled(enrolled, "alice", "alice-password", enrolled.wrong_code("alice"))
    wrong = until_throttled(enrolled, "mallory", "not hers", enrolled.wrong_code("alice"))
    assert _shape(right, "alice") == _shape(wrong, "mallory")


@pytest.mark.requirement("THR-05")
def test_what_is_right_is_throttled_too(enrolled: Host, clock: Clock) -> None:
    until_throttled(enrolled, "alice")
    answer = enter(enrolled, "alice")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    clock.move(60)
    assert enter(enrolled, "alice").status_code == 302


@pytest.mark.requirement("THR-05")
def test_each_further_failure_waits_longer(host: Host, clock: Clock) -> None:
    waits = []
    for _ in range(7):
        answer = until_throttled(host, "bob")[-1]
        waits.append(int(answer.headers["Retry-After"]))
        clock.move(waits[-1])
    assert waits == [60, 120, 240, 480, 900, 900, 900]


def test_retry_after_says_when_the_next_attempt_is_judged(host: Host, clock: Clock) -> None:
    until_throttled(host, "bob")
    clock.move(59)
    assert enter(host, "bob").headers["Retry-After"] == "1"
    clock.move(1)
    assert enter(host, "bob").status_code == 302


@pytest.mark.requirement("THR-14")
def test_a_throttled_submission_costs_no_password_hash(host: Host) -> None:
    until_throttled(host, "bob")
    before = host.users["bob"].checks
    for _ in range(5):
        assert enter(host, "bob").status_code == 429
    assert host.users["bob"].checks == before == 5


@pytest.mark.requirement("INP-04", "THR-05")
def test_variants_of_a_name_are_one_name_to_the_limit(host: Host) -> None:
    for typed in ("bob", "BOB", " Bob ", "ｂｏｂ", "bOb"):
        person = host.person()
        person.identify(typed)
        assert person.credential("not his").status_code == 200
    assert enter(host, "bob").status_code == 429


@pytest.mark.requirement("THR-07")
def test_a_forwarding_header_makes_no_other_source(host: Host) -> None:
    statuses = []
    for number in range(6):
        person = host.person()
        headers = dict.fromkeys(("HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_FORWARDED"), f"192.0.2.{number}")
        person.environ = headers
        person.identify("bob")
        statuses.append(person.credential("not his").status_code)
    assert statuses == [200] * 5 + [429]


@pytest.mark.requirement("THR-07")
def test_the_addresses_of_one_ipv6_network_are_one_source(host: Host) -> None:
    statuses = []
    for number in range(6):
        person = host.person(REMOTE_ADDR=f"2001:db8:1:2::{number}")
        person.identify("bob")
        statuses.append(person.credential("not his").status_code)
    assert statuses == [200] * 5 + [429]
    other = host.person(REMOTE_ADDR="2001:db8:1:3::1")
    other.identify("bob")
    assert other.credential("bob-password").status_code == 302


def test_the_limit_is_of_a_name_and_a_source(host: Host) -> None:
    until_throttled(host, "bob")
    assert enter(host, "carol").status_code == 302
    elsewhere = host.person(REMOTE_ADDR="192.0.2.1")
    elsewhere.identify("bob")
    assert elsewhere.credential("bob-password").status_code == 302


def test_a_complete_success_begins_the_count_anew(host: Host) -> None:
    for _ in range(2):
        for _ in range(4):
            assert enter(host, "bob", "not his").status_code == 200
        assert enter(host, "bob").status_code == 302


@pytest.mark.requirement("THR-13")
def test_the_count_outlives_a_restart(make_app: MakeApp) -> None:
    until_throttled(make_app(), "bob")
    assert enter(make_app(), "bob").status_code == 429


def test_an_exemption_is_of_a_function_and_of_nothing_else(host: Host) -> None:
    with pytest.raises(WiringError, match="request_exemption decorates a function"):
        host.two_factor.request_exemption(None)  # type: ignore[type-var]
