"""Trusted browsers attacked (section 2.10 of the catalogue): stolen, replayed, planted, asked for by link."""

from __future__ import annotations

from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any

import pytest
from flask_login import login_user

from flask_twofactor import TwoFactor
from flask_twofactor.web.session import TRUSTED_COOKIE
from tests.attacks.conftest import MakeSite
from tests.attacks.mounts import only
from tests.attacks.site import FACTOR, Page, Site, Visitor
from tests.attacks.test_csrf import enabled
from tests.attacks.test_enumeration import kinds, shown
from tests.attacks.test_flask_login import EVENTS
from tests.attacks.test_steps import closed, failed
from tests.support.host import Clock
from tests.support.watching import rows, state_of

BOX = 'name="trust"'


@pytest.fixture
def site(build: MakeSite) -> Site:
    """The attacked site, with trusted browsers."""
    return build(TWOFACTOR_TRUSTED_BROWSERS=True)


def trusting(site: Site, name: str = "alice") -> Visitor:
    """Give somebody who has ticked the box half a minute ago, still logged in."""
    visitor = site.client()
    assert visitor.log_in(name, trust="y").status == 302
    assert visitor.cookie(TRUSTED_COOKIE)
    site.clock(30)
    return visitor


def thief_of(visitor: Visitor) -> Visitor:
    """Give somebody elsewhere who has copied the trusted cookie and nothing else."""
    thief = visitor.copied()
    thief.drop(*(set(visitor.cookies()) - {TRUSTED_COOKIE}))
    assert set(thief.cookies()) == {TRUSTED_COOKIE}
    return thief


def enter(visitor: Visitor, name: str = "alice", password: str | None = None) -> Page:
    """Give the user ID and the password, and no code."""
    visitor.identify(name)
    return visitor.credential(f"{name}-password" if password is None else password)


@pytest.mark.requirement("TRB-03", "TRB-05")
def test_087_stolen_trusted_cookie(site: Site) -> None:
    """alice's trusted cookie at C: a wrong password, the right one, then the settings; alice comes back. [TRB-03]"""
    alice = trusting(site)
    thief = thief_of(alice)
    assert failed(enter(thief, "alice", "wrong"))
    assert closed(site, thief)
    assert enter(thief).status == 302
    assert thief.me == "alice"
    for page in ("manage", "recovery"):
        assert thief.ours(page, {"code": "", "trust": "y"}).status == 200
    assert thief.ours("add_authenticator", {"name": "mine", "code": "000000"}).status == 200
    assert enabled(site)
    alice.log_out()
    assert alice.identify("alice").asks_code, "the copy was used: the owner is asked for a code, and so exposes it"
    assert alice.credential("alice-password", site.code("alice")).status == 302
    again = thief_of(thief)
    assert failed(enter(again))
    assert again.identify("alice").asks_code


@pytest.mark.requirement("TRB-04", "LIF-02")
def test_089_after_an_event(site: Site, build: MakeSite) -> None:
    """A trusted cookie of before: disable, re-enable, reset, password change, deletion; LOGIN with it. [TRB-04]"""
    for event in site.some(EVENTS):
        where = build(event, TWOFACTOR_TRUSTED_BROWSERS=True)
        alice = trusting(where)
        copies = [thief_of(alice) for _ in range(2)]
        EVENTS[event](where, alice)
        if not enabled(where):
            where.in_context(where.two_factor.enroll, where.host.users["alice"], FACTOR["alice"])
        password = where.host.users["alice"].password
        assert failed(enter(copies[0], "alice", password))
        assert copies[0].identify("alice").asks_code
        copies[1].send("POST", where.url("host.legacy"), data={"name": "alice", "password": password})
        assert copies[1].open("challenge").status == 200
        assert closed(where, copies[1], owing=True)


@pytest.mark.requirement("TRB-01", "CSR-04")
def test_091_trust_by_link_or_default(site: Site) -> None:
    """trust=1 in the query of every page, in the first form, in a failed log-in; is the box ticked? [TRB-01]"""
    c = site.client()
    for endpoint, methods in site.rules(ours=True):
        if "GET" in methods:
            c.get(site.url(endpoint, trust="1", **({"key": "k"} if "plant" in endpoint else {})))
    c.ours("identify", {"identifier": "alice", "trust": "y"})
    page = c.open("credential", trust="1")
    (box,) = [part for part in page.text.split("<input") if BOX in part.split(">")[0]]
    assert "checked" not in box.split(">")[0]
    assert failed(c.ours("credential", {"password": "alice-password", "code": site.wrong("alice"), "trust": "y"}))
    path = site.url("twofactor.credential", trust="y")
    assert c.submit(path, {"password": "alice-password", "code": site.code("alice")}).status == 302
    assert c.me == "alice"
    site.clock(30)
    c.open("challenge", trust="1")
    assert c.ours("challenge", {"code": site.code("alice"), "trust": "y"}).status == 302, "step-up trusts nothing"
    assert c.cookie(TRUSTED_COOKIE) is None
    assert not rows(site.host, "twofactor_trusted")


@pytest.mark.requirement("TRB-05")
def test_210_thief_first(site: Site) -> None:
    """The thief uses the copy before its owner does, of the cookie alone and of the whole jar. [TRB-05]"""
    for copy in (thief_of, Visitor.copied):
        alice = trusting(site)
        alice.log_out()
        thief = copy(alice)
        for _ in range(3):
            thief.drop("session", "remember_token")
            assert enter(thief).status == 302
        assert failed(enter(alice))
        thief.drop("session", "remember_token")
        assert failed(enter(thief)), "the owner's old value ended it"
        events = state_of(site.host).store.events("1", 50)
        assert [one.kind for one in events if one.details.get("reason") == "copied"]
        site.clock(30)


@pytest.mark.requirement("TRB-02", "SES-15")
def test_211_trusted_cookie_planted(site: Site) -> None:
    """mallory's trusted cookie in alice's browser, before and after she ticks the box herself; what each jar opens."""
    mallory = trusting(site, "mallory")
    planted = str(mallory.cookie(TRUSTED_COOKIE))
    alice = site.client()
    alice.plant(TRUSTED_COOKIE, planted)
    assert alice.identify("alice").asks_code
    assert failed(alice.credential("alice-password"))
    assert alice.log_in("alice", trust="y").status == 302
    site.clock(30)
    [hers] = {one.value for (*_, name), one in alice.jar().items() if name == TRUSTED_COOKIE} - {planted}
    mallory.log_out()
    assert failed(enter(mallory)), "what mallory planted opens nothing of alice"
    alice.log_out()
    alice.plant(TRUSTED_COOKIE, planted)
    assert failed(enter(alice)), "and planted again it is mallory's alone"
    alice.plant(TRUSTED_COOKIE, hers)
    assert enter(alice).status == 302


@pytest.mark.requirement("TRB-02", "FLG-09")
def test_212_cookie_of_another_app(build: MakeSite) -> None:
    """Two apps with one SECRET_KEY and a database each: the trusted cookie of the first at the second. [TRB-02]"""
    clock = Clock()
    two_factor = TwoFactor(clock=clock)
    one, two = (build(name, two_factor=two_factor, TWOFACTOR_TRUSTED_BROWSERS=True) for name in ("one", "two"))
    alice = trusting(one)
    there = two.client()
    there.plant(TRUSTED_COOKIE, str(alice.cookie(TRUSTED_COOKIE)))
    assert failed(enter(there))
    assert closed(two, there)


@pytest.mark.requirement("TRB-06", "FLG-09")
def test_213_attributes_of_the_trusted_cookie(site: Site) -> None:
    """The cookie on each mount: path of the app, no domain, HttpOnly, SameSite, Secure under TLS; no name in it."""
    trusting(site)
    raw = [one for page in site.answers for one in page.cookies_set if one.startswith(TRUSTED_COOKIE)]
    assert raw
    for one in raw:
        ((_, cookie),) = SimpleCookie(one).items()
        assert (cookie["path"], cookie["domain"]) == (site.mount.root or "/", ""), one
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert bool(cookie["secure"]) is site.mount.origin.startswith("https:")
        assert int(cookie["max-age"]) <= 30 * 86400
        assert "alice" not in one
        assert len(one) < 512


@pytest.mark.requirement("REC-08", "ENU-01", "TRB-01")
def test_214_optional_elements_with_trust(site: Site) -> None:
    """Attack 99 with trust: page two for every kind of name, in a browser that mallory trusts too. [REC-08]"""
    groups = kinds(site)
    site.host.users["mallory"].active = True
    stranger = thief_of(trusting(site, "mallory"))
    site.host.users["mallory"].active = False
    for box, group in zip((1, 0), groups.values(), strict=True):
        for asker in (site.client, stranger.copied):
            pages = [asker().identify(name) for name in group.values() if name != "malxx" or asker == site.client]
            assert all(shown(page) == shown(pages[0]) for page in pages)
            assert [page.text.count(BOX) for page in pages] == [box] * len(pages)
            assert [page.asks_code for page in pages] == [bool(box)] * len(pages)


@pytest.mark.requirement("TRB-08", "CSR-08", "LIF-03")
def test_215_forgotten_by_another_site_or_person(site: Site) -> None:
    """Forget and forget all: from another site, without a token, with mallory's, for alice's browser. [TRB-08]"""
    alice, mallory = trusting(site), trusting(site, "mallory")
    [row] = [row for row in rows(site.host, "twofactor_trusted") if row["subject"] == "1"]
    path = site.url("twofactor.forget_browser")
    tokens = {alice: alice.open("sessions").token, mallory: mallory.open("sessions").token}
    tries: list[Callable[[], Page]] = [
        lambda: alice.send("POST", path, data={"browser": row["id"]}),
        lambda: alice.send("POST", path, data={"csrf_token": tokens[mallory]}),
        lambda: alice.submit(path, {}, token=tokens[alice], headers={"Sec-Fetch-Site": "cross-site"}),
        lambda: mallory.submit(path, {"browser": row["id"], "user": "alice", "subject": "1"}, token=tokens[mallory]),
        lambda: site.client().submit(path, {"browser": row["id"]}, token=tokens[alice]),
        lambda: alice.get(path),
    ]
    assert [act().status for act in tries] == [400, 400, 403, 302, 302, 405]
    assert len(rows(site.host, "twofactor_trusted")) == 2


@only("plain", "server_sessions")
@pytest.mark.requirement("THR-01", "THR-03", "THR-09")
def test_216_budget_and_trust(site: Site) -> None:
    """Attack 44 with trust: the owner comes and goes by her trusted browser between the guesses. [THR-03]"""
    alice = trusting(site)
    for number in range(14):
        c = site.client()
        c.identify("alice")
        c.credential("alice-password", site.wrong("alice"))
        if number % 3 == 0:
            alice.log_out()
            assert enter(alice).status == 302
    [row] = [row for row in rows(site.host, "twofactor_account") if row["subject"] == "1"]
    assert len([time for time in row["unknown"].split(",") if time]) == 10
    c = site.client()
    c.identify("alice")
    assert failed(c.credential("alice-password", site.code("alice")))


@pytest.mark.requirement("TRB-03", "VER-13")
def test_217_trust_against_the_hosts_no(build: MakeSite) -> None:
    """A trusted browser where the account may not log in, or the host's complete() refuses or raises. [VER-13]"""
    answers: list[Any] = []

    def complete(user: Any, _password: str | None, _remember: bool) -> Any:
        if not answers:
            return login_user(user)
        if answers[0] is ValueError:
            raise ValueError
        return answers[0]

    site = build(TWOFACTOR_TRUSTED_BROWSERS=True, wire=lambda two_factor: two_factor.complete(complete))
    alice = trusting(site)
    alice.log_out()
    site.host.users["alice"].active = False
    assert failed(enter(alice))
    site.host.users["alice"].active = True
    for answer in (False, ValueError):
        answers[:] = [answer]
        assert enter(alice).status in (200, 503)
        assert closed(site, alice)
    answers.clear()
    assert enter(alice).status == 302
