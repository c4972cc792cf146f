"""Ways into the host that Flask and Flask-Login have (section 2.3 of the catalogue)."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from functools import partial
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request, url_for
from flask.sessions import SecureCookieSessionInterface
from flask_login import FlaskLoginClient, LoginManager, confirm_login, current_user, encode_cookie, login_user
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from flask_twofactor import TwoFactor
from flask_twofactor.core.keyring import NOTE, REMEMBER, Keyring
from flask_twofactor.web.session import COMPANION_COOKIE, KEYS, KNOWN_COOKIE, MARK_KEY, NOTE_KEY, TRUSTED_COOKIE
from tests.attacks.conftest import MakeSite
from tests.attacks.mounts import MOUNTS, only
from tests.attacks.site import Site, Visitor, forge, read_session
from tests.attacks.test_steps import closed, failed
from tests.support.host import SECRET_KEY, Clock, User

SIGNED = tuple(name for name in MOUNTS if name != "server_sessions")
"""The mounts with Flask's own signed cookie for a session."""

Event = Callable[[Site, Visitor], Any]


def disable_elsewhere(site: Site, _: Visitor) -> None:
    site.clock(30)
    other = site.client()
    other.log_in("alice")
    site.clock(30)
    other.disable("alice")


def disable_and_enable(site: Site, visitor: Visitor) -> None:
    disable_elsewhere(site, visitor)
    del site.host.secrets["alice"]
    other = site.client()
    other.log_in("alice")
    other.set_up("alice")


def reset(site: Site, _: Visitor) -> None:
    site.in_context(site.two_factor.reset, site.host.users["alice"], "admin")


def change_password(site: Site, _: Visitor) -> None:
    site.host.users["alice"].password = "another"
    site.in_context(site.two_factor.end_sessions, site.host.users["alice"])


def log_out(_: Site, visitor: Visitor) -> None:
    visitor.log_out()


def delete_account(site: Site, _: Visitor) -> None:
    site.in_context(site.two_factor.forget, "1")


EVENTS: dict[str, Event] = {
    "disable": disable_elsewhere, "re-enable": disable_and_enable, "reset": reset,
    "password change": change_password, "delete": delete_account,
}  # fmt: skip


@pytest.mark.requirement("FLG-02", "FLG-04")
def test_015_login_user_at_every_request(site: Site, a: Visitor) -> None:
    """A proxy's header lets the host call login_user in before_request, at every request. [FLG-02, FLG-04]"""
    for endpoint in ("host.me", "host.open", "host.admin", "twofactor.settings", "twofactor.setup", "twofactor.manage"):
        for _ in range(2):
            page = a.get(site.url(endpoint), headers={"X-Remote-User": "alice"})
            assert page.status in (302, 401) or page.text == "False", endpoint
    assert a.me is None
    assert site.client().get(site.url("host.me"), headers={"X-Remote-User": "bob"}).text == "bob"


@pytest.mark.requirement("FLG-02")
def test_016_old_log_in_of_the_host(site: Site, a: Visitor) -> None:
    """The host's view calls login_user with every option and answers what current_user is in that request. [FLG-02]"""
    for options in ({}, {"remember": "y"}, {"force": "y"}, {"remember": "y", "force": "y"}):
        assert not a.legacy("alice", **options)["authenticated"]
        assert closed(site, a, owing=True)


@pytest.mark.requirement("FLG-05")
def test_017_fall_through_to_a_weaker_source(site: Site, a: Visitor) -> None:
    """A forged session of alice, bob or nobody without a mark, with alice's token and remember cookie. [FLG-05]"""
    for owner in ("1", "2", "99"):
        forge(a, {"_user_id": owner, "_fresh": True})
        assert a.get(site.url("host.me"), headers={"X-Token": "alice"}).text != "alice"
        a.plant("remember_token", encode_cookie("1", key=SECRET_KEY))
        assert a.get(site.url("host.me"), headers={"X-Token": "alice"}).text != "alice"
        a.drop("remember_token")


@pytest.mark.requirement("FLG-01", "FLG-04")
def test_018_token_of_a_request_loader(site: Site, a: Visitor) -> None:
    """alice's token header on every route, with each method. [FLG-01, FLG-04]"""
    headers = {"X-Token": "alice"}
    for endpoint, methods in site.rules():
        for method in sorted(methods - {"OPTIONS"}):
            assert "SECRET PAGE" not in a.send(method, site.path_of(endpoint), headers=headers).text
    assert a.get(site.url("host.open"), headers=headers).text == "False"
    assert site.app.extensions.get("acted") is None


@pytest.mark.requirement("FLG-05", "SES-05")
def test_019_user_id_that_a_remember_cookie_leaves_behind(site: Site, a: Visitor) -> None:
    """alice's remember cookie of before writes _user_id into the session; that session on every route. [FLG-05]"""
    a.plant("remember_token", encode_cookie("1", key=SECRET_KEY))
    assert a.me is None
    a.drop("remember_token")
    assert closed(site, a)
    forge(a, {"_user_id": "1", "_fresh": False})
    assert closed(site, a)
    assert a.get(site.url("host.me"), headers={"X-Token": "alice"}).status in (302, 401)


@pytest.mark.requirement("SES-03")
def test_020_copied_session_after_log_out(site: Site, a: Visitor) -> None:
    """LOGIN(A, alice), jar copied; the host's plain logout_user; the copy on every route. [SES-03]"""
    a.log_in("alice", remember="y")
    copies = [a.copied() for _ in range(2)]
    assert copies[0].me == "alice"
    a.log_out()
    copies[1].drop("remember_token", COMPANION_COOKIE)
    assert closed(site, copies[1])
    assert copies[0].me is None


@pytest.mark.requirement("SES-02", "SES-10")
def test_021_replay_after_an_event(site: Site, build: MakeSite) -> None:
    """LOGIN(A, alice), jar copied; each event; both jars, and the copy without its remember cookie. [SES-02, SES-10]"""
    for event, happen in site.some(EVENTS.items()):
        one = build(event)
        a = one.client()
        a.log_in("alice", remember="y")
        copies = [a.copied() for _ in range(2)]
        copies[1].drop("remember_token", COMPANION_COOKIE)
        happen(one, a)
        assert [visitor.me for visitor in (a, *copies)] == [None] * 3, event


@pytest.mark.requirement("SES-05", "SES-02")
def test_022_remember_cookie_of_every_age(site: Site, build: MakeSite) -> None:
    """Remember cookies of alice from before each event, with the session they made, alone, without the companion."""
    for event, happen in site.some(EVENTS.items()):
        one = build(event)
        a = one.client()
        a.log_in("alice", remember="y")
        a.drop("session")
        owed, later = a.copied(), a.copied()
        assert owed.me is None
        happen(one, a)
        for visitor in (owed, later):
            assert visitor.me is None, event
            assert visitor.get(one.url("host.open")).text == "False"
            visitor.drop("session")
            assert visitor.me is None, event
            visitor.drop(COMPANION_COOKIE)
            assert visitor.me is None, event


class _OldSigner(TimestampSigner):
    def get_timestamp(self) -> int:
        return int(time.time()) - 30 * 86400


@only(*SIGNED)
@pytest.mark.requirement("SES-08")
def test_023_month_old_session_cookie(site: Site, a: Visitor) -> None:
    """The session of a complete sign-in, signed again with a time 30 days back, while the clock goes on. [SES-08]"""
    a.log_in("alice")
    values = read_session(a)
    assert a.me == "alice"
    serializer = SecureCookieSessionInterface().get_signing_serializer(site.app)
    assert serializer is not None
    old = URLSafeTimedSerializer(
        SECRET_KEY, salt="cookie-session", serializer=SecureCookieSessionInterface.serializer, signer=_OldSigner,
        signer_kwargs={"key_derivation": "hmac", "digest_method": SecureCookieSessionInterface.digest_method},
    )  # fmt: skip
    a.plant("session", str(old.dumps(values)))
    assert a.me == "alice", "the forged cookie is none that Flask takes"
    site.clock(30 * 86400)
    assert a.me is None


FORGED: list[dict[str, Any]] = [
    {"_user_id": "1", "_fresh": True},
    {"_user_id": "1", "_fresh": True, MARK_KEY: "0" * 43},
    {"_user_id": "1", "_fresh": True, MARK_KEY: ""},
    {"_user_id": "1", "_fresh": True, MARK_KEY: None},
    {"_user_id": "1", "_fresh": True, MARK_KEY: ["0"]},
    {"_user_id": "1", "_fresh": True, MARK_KEY: True, NOTE_KEY: True},
    {"_user_id": "1", "_fresh": True, NOTE_KEY: "1.AAAA"},
    {"_user_id": 1, "_fresh": True, "_permanent": True},
    {"_user_id": "1", "_fresh": True, "_remember": "set", "_remember_seconds": 10**6},
]


@pytest.mark.requirement("SES-04")
def test_024_session_forged_with_the_secret_key(site: Site, a: Visitor) -> None:
    """Sessions signed with the real SECRET_KEY: user id, freshness, and marks and notes of every shape. [SES-04]"""
    for values in FORGED:
        forge(a, values)
        assert a.me is None, values
        assert a.get(site.url("host.open")).text == "False", values
        assert a.open("setup").status in (302, 401), values
    forge(a, {"_user_id": "2", "_fresh": True})
    assert a.me == "bob", "the forged session is none that the site takes"


@pytest.mark.requirement("STO-03", "TRB-07")
def test_025_token_of_one_kind_in_the_place_of_another(build: MakeSite) -> None:
    """Every token that a complete log-in of alice leaves in a browser, in the place of every other. [STO-03, TRB-07]"""
    site = build(TWOFACTOR_TRUSTED_BROWSERS=True)
    a = site.client()
    a.legacy("alice", remember="y")
    note = read_session(a)[NOTE_KEY]
    a.ours("challenge", {"code": site.code("alice"), "trust": "y"})
    assert a.me == "alice"
    mark = read_session(a)[MARK_KEY]
    other = site.client()
    csrf = other.identify("alice").token
    pending = next(value for key, value in read_session(other).items() if key.endswith("pending"))
    jar = a.cookies()
    tokens = {"note": note, "mark": mark, "csrf": csrf, "pending": pending,
              "session": jar["session"], "remember": jar["remember_token"],
              "companion": jar[COMPANION_COOKIE], "known": jar[KNOWN_COOKIE],
              "trusted": jar[TRUSTED_COOKIE]}  # fmt: skip
    c = site.client()
    for kind, token in tokens.items():
        for key in KEYS:
            if (kind, key) not in (("mark", MARK_KEY), ("note", NOTE_KEY)):
                forge(c, {"_user_id": "1", "_fresh": True, key: token})
                assert c.me is None, (kind, key)
        c.drop("session")
        for name in ("session", "remember_token", COMPANION_COOKIE):
            if kind != name:
                c.plant(name, token)
                assert c.me is None, (kind, name)
                c.drop(name, "session")
        for name in (KNOWN_COOKIE, TRUSTED_COOKIE):
            if (kind, name) != ("trusted", TRUSTED_COOKIE):
                c.plant(name, token)
                assert c.identify("alice").asks_code, (kind, name)
                assert failed(c.credential("alice-password")), (kind, name)
                c.drop(name, "session")
        site.clock(900)
        c.open("identify")
        if kind != "csrf":
            assert c.ours("identify", {"identifier": "alice"}, token=token).status == 400, kind


@pytest.mark.requirement("SES-04", "FLG-07")
def test_026_remember_cookie_forged_with_the_secret_key(site: Site, a: Visitor) -> None:
    """A remember cookie of alice, and a note and companion under keys derived from the real SECRET_KEY. [SES-04]"""
    keyring = Keyring([SECRET_KEY.encode()])
    for epoch in (0, 1, 2**62):
        a.drop("session", "remember_token", COMPANION_COOKIE)
        a.plant("remember_token", encode_cookie("1", key=SECRET_KEY))
        assert a.me is None
        a.plant(COMPANION_COOKIE, keyring.seal(REMEMBER, epoch.to_bytes(8, "big"), "1"))
        assert closed(site, a)
    stood = site.app.extensions["twofactor"].store.standing("1", "").epoch
    plain = stood.to_bytes(8, "big", signed=True) + int(site.host.clock.at).to_bytes(8, "big") * 2 + bytes(16)
    forge(a, {"_user_id": "1", "_fresh": True, NOTE_KEY: keyring.seal(NOTE, plain, "1")})
    assert closed(site, a, owing=True)


@pytest.mark.requirement("FLG-06", "CSR-04")
def test_027_options_and_head(site: Site, a: Visitor) -> None:
    """OPTIONS and HEAD on every route by nobody, by one who owes the code, and with a right code in the query."""
    owing = site.client()
    owing.legacy("alice")
    for visitor in (a, owing):
        for endpoint, _ in site.rules():
            for method in ("OPTIONS", "HEAD"):
                page = visitor.send(method, site.path_of(endpoint) + f"?code={site.code('alice')}")
                assert page.status < 500, (endpoint, method)
                assert "alice" not in page.text, (endpoint, method)
                assert method == "OPTIONS" or not page.text
        if visitor is owing:
            visitor.legacy("alice")  # the walk above came by the host's log-out
        assert visitor.me is None
    b = site.client()
    b.log_in("bob")
    b.send("HEAD", site.url("twofactor.setup"))
    assert not site.in_context(site.two_factor.is_enabled, site.host.users["bob"])
    assert b.send("OPTIONS", site.url("twofactor.setup")).text == ""


@pytest.mark.requirement("FLG-04", "LIF-03")
def test_028_settings_by_a_token(site: Site, a: Visitor) -> None:
    """bob's token header opens the host; with it every page of ours, GET and POST. [FLG-04, LIF-03]"""
    headers = {"X-Token": "bob"}
    assert a.get(site.url("host.me"), headers=headers).text == "bob"
    token = a.open("identify").token
    for page in ("settings", "setup", "manage", "step_up", "challenge"):
        answer = a.get(site.url(f"twofactor.{page}"), headers=headers)
        assert answer.status in (302, 403), page
        assert "otpauth" not in answer.text
        a.ours(page, {"code": "123456", "password": "bob-password"}, token=token, headers=headers)
    assert not site.in_context(site.two_factor.is_enabled, site.host.users["bob"])
    assert a.me is None


@pytest.mark.requirement("FLG-03")
@pytest.mark.parametrize("order", list(itertools.permutations(("extension", "manager", "loader"))), ids="-".join)
def test_029_hook_order(tmp_path: Path, template: Path, order: tuple[str, ...]) -> None:
    """TwoFactor(app), LoginManager(app) and the loader in every order; a session without a mark. [FLG-03]"""
    (tmp_path / "twofactor.sqlite").write_bytes(template.read_bytes())
    app = Flask("ordered", instance_path=str(tmp_path))
    app.config.update(SECRET_KEY=SECRET_KEY, TESTING=True)
    two_factor, manager = TwoFactor(clock=Clock()), LoginManager()
    alice = User(1, "alice", "alice-password")
    steps: dict[str, Callable[[], Any]] = {
        "extension": lambda: two_factor.init_app(app),
        "manager": lambda: manager.init_app(app),
        "loader": lambda: manager.user_loader(lambda _: alice),
    }
    app.add_url_rule("/open", "open", lambda: str(current_user.is_authenticated))
    app.add_url_rule("/enter", "enter", lambda: str(login_user(alice) and current_user.is_authenticated))
    for step in order:
        steps[step]()
    client = app.test_client()
    with client.session_transaction() as held:
        held.update(_user_id="1", _fresh=True)
    assert client.get("/open").text == "False"
    assert client.get("/enter").text == "False"
    assert client.get("/open").text == "False"


@pytest.mark.requirement("FLG-03")
def test_030_loader_and_manager_replaced_later(site: Site, a: Visitor) -> None:
    """After the first request: another user_loader, another request_loader, another LoginManager. [FLG-03]"""
    alice = site.host.users["alice"]
    forge(a, {"_user_id": "1", "_fresh": True})
    assert a.me is None
    manager: Any = site.app.login_manager  # type: ignore[attr-defined]
    manager.user_loader(lambda _: alice)
    manager.request_loader(lambda _: alice)
    assert a.me is None
    assert site.client().me is None
    other = LoginManager()
    other.user_loader(lambda _: alice)
    other.request_loader(lambda _: alice)
    site.app.login_manager = other  # type: ignore[attr-defined]
    assert [a.me, site.client().me] == [None, None]


@pytest.mark.requirement("STO-09")
def test_031_reused_primary_key(build: MakeSite) -> None:
    """alice (1) is deleted; eve gets number 1; alice's session, remember and trusted cookie, step, code. [STO-09]"""
    site = build(TWOFACTOR_TRUSTED_BROWSERS=True)
    a = site.client()
    a.log_in("alice", remember="y", trust="y")
    session, remembered, owing = a.copied(), a.copied(), site.client()
    remembered.drop("session")
    site.clock(30)
    owing.legacy("alice")
    del site.host.users["alice"]
    site.in_context(site.two_factor.forget, "1")
    site.host.users["eve"] = User(1, "eve", "eve-password")
    assert [one.me for one in (session, remembered, owing)] == [None] * 3
    assert owing.ours("challenge", {"code": site.code("alice")}, token="x").status in (302, 400)
    assert owing.me is None
    eve = site.client()
    eve.log_in("eve")
    assert eve.me == "eve"
    assert not site.in_context(site.two_factor.is_enabled, site.host.users["eve"])
    eve.set_up("eve")
    trusted = a.copied()
    trusted.drop("session", "remember_token")
    assert trusted.identify("eve").asks_code
    assert failed(trusted.credential("eve-password"))
    assert failed(trusted.credential("eve-password", site.code("alice")))


class _Rotating(User):
    """A user whose ``get_id()`` changes with the password, as Flask-Login's alternative tokens do."""

    def get_id(self) -> str:
        return f"{self.id}-{self.password}"


@pytest.mark.requirement("STO-08")
def test_032_get_id_that_rotates(build: MakeSite) -> None:
    """The host's get_id() changes with the password, and the login name changes too; LOGIN without a code. [STO-08]"""
    users: dict[str, User] = {"alice": _Rotating(1, "alice", "alice-password")}
    site = build(users=users)
    before = site.client()
    before.log_in("alice")
    assert before.me == "alice"
    users["alice"].password = "new"
    users["alicia"] = users.pop("alice")
    users["alicia"].username = "alicia"
    assert before.me is None
    c = site.client()
    assert c.identify("alicia").asks_code
    assert c.credential("new").status == 200
    assert c.me is None
    site.clock(30)
    c.credential("new", site.code("alice"))
    assert c.me == "alicia"


LATE: dict[str, Event] = {**EVENTS, "log out": log_out}


@pytest.mark.requirement("SES-13")
def test_033_slow_response_revives_a_state(site: Site, build: MakeSite) -> None:
    """LOGIN(A, alice); a slow request writes the session; an event meanwhile; the slow cookie comes last. [SES-13]"""
    for event, happen in site.some(LATE.items()):
        one = build(event)
        a = one.client()
        a.log_in("alice")
        one.meanwhile = partial(happen, one, a.copied())
        assert a.get(one.url("host.slow")).text == "done"
        assert one.meanwhile is None
        assert a.me is None, event
        assert a.get(one.url("host.open")).text == "False"


@pytest.mark.requirement("SES-13", "SES-06")
def test_034_slow_response_revives_a_step(site: Site, a: Visitor) -> None:
    """A slow request of a jar with alice's pending step and with an owed code ends after LOGIN and log-out. [SES-13]"""
    a.identify("alice")

    def log_in_and_out() -> None:
        other = a.copied()
        other.credential("alice-password", site.code("alice"))
        assert other.me == "alice"
        other.log_out()

    site.meanwhile = log_in_and_out
    a.get(site.url("host.slow"))
    assert a.me is None
    site.clock(30)
    a.legacy("alice")

    def answer_and_out() -> None:
        other = a.copied()
        other.ours("challenge", {"code": site.code("alice")})
        assert other.me == "alice"
        other.log_out()

    site.meanwhile = answer_and_out
    a.get(site.url("host.slow"))
    assert a.me is None


@pytest.mark.requirement("SES-01", "CSR-03")
def test_035_fixation(site: Site, a: Visitor) -> None:
    """The attacker's session (planted values, pending step, CSRF token) in alice's browser; she signs in. [SES-01]"""
    attacker = site.client()
    attacker.get(site.url("host.plant", key="pre", value="attacker"))
    token = attacker.identify("mallory", "/me").token
    a.plant("session", str(attacker.cookie("session")))
    a.log_in("alice")
    assert a.me == "alice"
    assert attacker.me is None
    assert a.get(site.url("host.planted", key="pre")).text == "None"
    site.clock(30)
    assert a.ours("manage", {"code": site.code("alice")}, token=token).status == 400
    assert attacker.ours("manage", {"code": site.code("alice")}, token=token).status in (302, 401)
    assert site.in_context(site.two_factor.is_enabled, site.host.users["alice"])


@only("server_sessions")
@pytest.mark.requirement("SES-01")
def test_036_fixation_of_a_session_id(site: Site, a: Visitor) -> None:
    """The id of the attacker's server-side session in alice's browser, at log-in, challenge, step-up and disable."""
    attacker = site.client()
    attacker.get(site.url("host.plant", key="pre", value="attacker"))
    a.use(attacker.jar()).log_in("alice")
    seen = [attacker.cookie("session"), a.cookie("session")]
    site.clock(1000)
    a.ours("step_up", {"password": "alice-password"})
    seen.append(a.cookie("session"))
    a.disable("alice")
    seen.append(a.cookie("session"))
    assert a.me == "alice"
    assert len(set(seen)) == 4
    for former in seen[:-1]:
        attacker.plant("session", str(former))
        assert attacker.me is None
    owing = site.client()
    owing.legacy("mallory")
    before = owing.copied()
    owing.ours("challenge", {"code": site.code("mallory")})
    assert [owing.me, before.me] == ["mallory", None]
    assert owing.cookie("session") != before.cookie("session")


@pytest.mark.requirement("FLG-09", "SES-16")
def test_037_cookies_follow_the_mount(site: Site, a: Visitor) -> None:
    """A whole run, with remember-me: each cookie's path, domain and flags, each Location inside the mount. [FLG-09]"""
    a.log_in("alice", remember="y")
    site.clock(30)
    a.disable("alice")
    a.log_out()
    config, root = site.app.config, site.mount.root
    seen = set()
    for page in site.answers:
        assert page.location is None or page.location.startswith(root + "/"), page.location
        for raw in page.cookies_set:
            ((name, cookie),) = SimpleCookie(raw).items()
            seen.add(name)
            session = name in ("session", KNOWN_COOKIE)
            assert cookie["path"] == (root or "/" if session else config.get("REMEMBER_COOKIE_PATH", "/")), raw
            assert cookie["domain"] == ((config["SESSION_COOKIE_DOMAIN"] or "") if session else ""), raw
            if cookie.value:
                assert cookie["httponly"], raw
                assert bool(cookie["secure"]) is site.mount.origin.startswith("https:"), raw
            if name in (COMPANION_COOKIE, KNOWN_COOKIE) and cookie.value:
                assert cookie["samesite"] == "Lax", raw
    assert seen == {"session", "remember_token", COMPANION_COOKIE, KNOWN_COOKIE}


@only("plain", "prefix", "server_sessions")
@pytest.mark.requirement("FLG-11")
@pytest.mark.parametrize("fresh", [True, False])
def test_038_flask_login_client(site: Site, fresh: bool) -> None:
    """Flask-Login's own test client with user=alice, fresh or not. [FLG-11]"""
    site.app.test_client_class = FlaskLoginClient
    client = site.app.test_client(user=site.host.users["alice"], fresh_login=fresh)
    for endpoint in ("host.me", "host.admin", "twofactor.setup", "twofactor.manage"):
        assert client.get(site.url(endpoint)).status_code in (302, 401)
    assert client.get(site.url("host.open")).text == "False"


@pytest.mark.requirement("FLG-03", "FLG-09")
def test_120_two_apps_on_one_extension(build: MakeSite) -> None:
    """One TwoFactor, two apps with one SECRET_KEY and a database each: the jar of the first at the second. [FLG-09]"""
    clock = Clock()
    two_factor = TwoFactor(clock=clock)
    one = build("one", two_factor=two_factor)
    two = build("two", two_factor=two_factor)
    a = one.client()
    a.log_in("alice", remember="y")
    assert a.me == "alice"
    there = two.client()
    for name, value in a.cookies().items():
        there.plant(name, value)
    assert there.me is None
    there.drop("session")
    assert there.me is None
    assert two.in_context(two_factor.is_enabled, two.host.users["alice"])
    one.in_context(two_factor.reset, one.host.users["alice"], "admin")
    assert two.client().identify("alice").asks_code
    assert closed(two, there, owing=True)


@pytest.mark.requirement("FLG-03")
def test_121_factory_called_twice(build: MakeSite) -> None:
    """The app factory runs twice in a process: both gates stand, and a second TwoFactor on one app is refused."""
    sites = [build("one"), build("two")]
    for site in sites:
        c = site.client()
        forge(c, {"_user_id": "1", "_fresh": True})
        assert closed(site, c)
        assert not c.legacy("alice")["authenticated"]
        with pytest.raises(Exception, match="already has a TwoFactor"):
            TwoFactor(site.app)


@pytest.mark.requirement("FLG-08")
@pytest.mark.parametrize("mode", [None, "basic", "strong"])
def test_122_modes_of_session_protection(build: MakeSite, mode: str | None) -> None:
    """A forged session, a stolen jar after log-out and the old log-in, in each mode, permanent or not. [FLG-08]"""
    site = build(SESSION_PROTECTION=mode)
    site.app.login_manager.session_protection = mode  # type: ignore[attr-defined]
    for permanent in (True, False):
        a = forge(site.client(), {"_user_id": "1", "_fresh": True, "_permanent": permanent})
        assert a.me is None
        assert not a.legacy("alice")["authenticated"]
    c = site.client()
    c.log_in("alice")
    stolen = c.copied()
    c.log_out()
    assert stolen.me is None


@pytest.mark.requirement("SES-06")
def test_123_owed_code_kept_for_later(site: Site, a: Visitor) -> None:
    """The old log-in of alice, its jar kept for 11 minutes; then the challenge with a right code. [SES-06]"""
    a.legacy("alice")
    token = a.open("challenge").token
    site.clock(661)
    a.ours("challenge", {"code": site.code("alice")}, token=token)
    assert a.me is None


@pytest.mark.requirement("SES-02", "SES-15")
def test_124_mark_of_another_account(site: Site, a: Visitor) -> None:
    """mallory's living mark, note and CSRF token in a session forged for alice with the real key. [SES-02, SES-15]"""
    a.log_in("mallory")
    values = read_session(a)
    c = forge(site.client(), {**values, "_user_id": "1"})
    assert c.me is None
    assert closed(site, c)
    a.log_in("carol") if a.me is None else a.log_out()
    owing = site.client()
    owing.legacy("mallory")
    d = forge(site.client(), {**read_session(owing), "_user_id": "1"})
    site.clock(30)
    d.ours("challenge", {"code": site.code("mallory")}, token="x")
    assert d.me is None


@pytest.mark.requirement("ENR-05", "LIF-01")
def test_125_freshness_forged_or_confirmed_by_the_host(build: MakeSite) -> None:
    """16 minutes after LOGIN: _fresh forged, confirm_login() by the host; then SETUP and MANAGE. [ENR-05, LIF-01]"""

    def views(app: Flask) -> None:
        app.add_url_rule("/confirm", "host.confirm", lambda: confirm_login() or "confirmed")

    site = build(views=views)
    for name, page in (("bob", "setup"), ("alice", "manage")):
        a = site.client()
        a.log_in(name)
        site.clock(961)
        assert a.me == name
        forge(a, {**read_session(a), "_fresh": True})
        a.get(site.url("host.confirm"))
        assert a.open(page).location == site.url("twofactor.step_up", next=site.url(f"twofactor.{page}"))
        token = a.open("step_up").token
        a.ours(page, {"code": site.code("alice")}, token=token)
        assert site.in_context(site.two_factor.is_enabled, site.host.users["alice"])


@pytest.mark.requirement("FLG-02", "SES-15")
def test_126_old_log_in_over_a_complete_one(site: Site, a: Visitor) -> None:
    """LOGIN(A, mallory); the host's login_user(alice) in the same browser; then mallory's code. [FLG-02, SES-15]"""
    a.log_in("mallory")
    assert not a.legacy("alice")["authenticated"]
    assert a.me is None
    site.clock(30)
    a.ours("challenge", {"code": site.code("mallory")})
    assert a.me is None
    a.legacy("mallory")
    assert a.me is None


@pytest.mark.requirement("FLG-10")
def test_127_host_view_that_names_itself_like_ours(build: MakeSite) -> None:
    """Routes of the host under our prefix and with endpoints like ours: nothing is exempt for them. [FLG-10]"""

    def views(app: Flask) -> None:
        prefix = app.config.get("TWOFACTOR_URL_PREFIX", "/two-factor")
        app.add_url_rule(f"{prefix}/export", "twofactorish.export", lambda: str(current_user.is_authenticated))
        app.add_url_rule(f"{prefix}/identify/x", "identify", lambda: url_for("twofactor.identify"))

    site = build(views=views)
    a = forge(site.client(), {"_user_id": "1", "_fresh": True})
    assert a.get(site.url("twofactorish.export")).text == "False"
    a.legacy("alice")
    assert a.get(site.url("twofactorish.export")).text == "False"
    assert a.get(site.url("identify")).text == site.url("twofactor.identify")


@pytest.mark.requirement("FLG-02")
def test_128_user_that_turns_authenticated_after_login_user(build: MakeSite) -> None:
    """The host's class has its own is_authenticated flag, set by a view after login_user. [FLG-02]"""

    def views(app: Flask) -> None:
        def enter() -> str:
            users: dict[str, User] = app.extensions["users"]
            login_user(users["alice"])
            request.environ["seen"] = current_user.is_authenticated
            return str(current_user.is_authenticated)

        app.add_url_rule("/enter", "host.enter", enter)

    site = build(views=views)
    site.app.extensions["users"] = site.host.users
    a = site.client()
    for _ in range(3):
        assert a.get(site.url("host.enter")).text == "False"
        assert a.me is None


def test_the_harness_reads_a_forged_session(site: Site, a: Visitor) -> None:
    """What the attacks of this file stand on: a forged session is one that the site takes."""
    forge(a, {"k": "v"})
    assert a.get(site.url("host.planted", key="k")).text == "v"
    assert read_session(a)["k"] == "v"
