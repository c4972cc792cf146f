"""The limits that a client sees, known browsers, notices and the uniform page (sections 2.4, 2.5 and 3.5)."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Request
from flask_login import encode_cookie

from flask_twofactor import TwoFactor, signals
from flask_twofactor.core.keyring import KNOWN
from flask_twofactor.web.session import COMPANION_COOKIE, KNOWN_COOKIE
from tests.attacks.conftest import MakeSite
from tests.attacks.mounts import COUNTED, only
from tests.attacks.site import Site, Visitor, forge, read_session
from tests.attacks.test_csrf import FORMS, enabled, in_as
from tests.attacks.test_enumeration import kinds
from tests.attacks.test_guessing import guess, judged
from tests.attacks.test_steps import failed
from tests.support.host import SECRET_KEY
from tests.support.watching import Heard, state_of


def strangers(site: Site, name: str, count: int = 20) -> list[int]:
    """Fail once each for a name, from so many addresses; gives the statuses."""
    statuses = []
    for _ in range(count):
        c = site.client()
        c.identify(name)
        statuses.append(c.credential("wrong", "123456").status)
    return statuses


def known(site: Site, name: str) -> Visitor:
    """Give a browser that the account's owner used before, signed out, at a new address."""
    visitor = site.client()
    visitor.log_in(name)
    visitor.log_out()
    visitor.environ = site.client().environ
    site.clock(30)
    return visitor


@pytest.mark.requirement("THR-06", "THR-17")
def test_055_victim_locked_out(site: Site) -> None:
    """Strangers fail for alice from 22 addresses; a new browser waits, her known one and the unlock link do not."""
    mine = known(site, "alice")
    statuses = strangers(site, "alice", 22)
    assert statuses == [200] * 20 + [429] * 2
    plain = site.client()
    page = plain.log_in("alice")
    assert page.status == 429
    assert 0 < int(page.headers["Retry-After"]) <= 3600
    mine.log_in("alice")
    assert mine.me == "alice"
    site.clock(30)
    with site.app.test_request_context(base_url=site.mount.origin):
        link = site.mount.root + site.two_factor.unlock_path(site.host.users["alice"])
    fresh = site.client()
    fresh.submit(link, {})
    fresh.log_in("alice")
    assert fresh.me == "alice"
    site.clock(3600)
    later = site.client()
    later.log_in("alice")
    assert later.me == "alice"


@pytest.mark.requirement("THR-06", "TRB-07", "STO-03")
def test_190_known_browser_that_is_none(site: Site) -> None:
    """While alice's name is full: mallory's known cookie, a cut and a forged one, other tokens there. [TRB-07]"""
    theirs = known(site, "mallory")
    mine = known(site, "alice")
    hers, his = str(mine.cookie(KNOWN_COOKIE)), str(theirs.cookie(KNOWN_COOKIE))
    strangers(site, "alice")
    seal = state_of(site.host).keyring.seal
    in_session = read_session(mine)
    values = [his, hers[:-2], hers + "A", "", "1.AAAA", seal("pending", bytes(106)), seal("note", bytes(40), "1"),
              encode_cookie("1",
              key=SECRET_KEY), str(in_session), seal(KNOWN, bytes(48)), seal(KNOWN, b"x")]  # fmt: skip
    for value in values:
        c = site.client()
        c.plant(KNOWN_COOKIE, value)
        c.identify("alice")
        assert c.credential("alice-password", site.code("alice")).status == 429, value
    for name in ("session", "remember_token", COMPANION_COOKIE):
        c = site.client()
        c.plant(name, hers)
        assert c.me is None


@pytest.mark.requirement("TRB-07", "THR-06", "VER-01")
def test_191_known_browser_skips_nothing(site: Site, a: Visitor) -> None:
    """alice's known cookie stolen: no password, no code, owed code, settings; it opens nothing. [TRB-07, VER-01]"""
    mine = known(site, "alice")
    a.plant(KNOWN_COOKIE, str(mine.cookie(KNOWN_COOKIE)))
    assert a.me is None
    assert a.identify("alice").asks_code
    assert failed(a.credential("alice-password"))
    assert failed(a.credential("wrong", site.code("alice")))
    assert not a.legacy("alice")["authenticated"]
    assert a.open("manage").status in (302, 401)
    forge(a, {"_user_id": "1", "_fresh": True})
    assert a.me is None


@pytest.mark.requirement("SES-07", "TRB-06")
def test_192_known_cookie_says_nothing(site: Site) -> None:
    """The known cookies of two accounts: equal length, no name in them, HttpOnly, and none for a failure. [SES-07]"""
    cookies = [str(known(site, name).cookie(KNOWN_COOKIE)) for name in ("alice", "mallory", "carol")]
    assert len({len(cookie) for cookie in cookies}) == 1
    for name in ("alice", "mallory", "carol"):
        assert not [cookie for cookie in cookies if name in cookie]
    c = site.client()
    c.identify("alice")
    c.credential("alice-password", site.wrong("alice"))
    assert c.cookie(KNOWN_COOKIE) is None


@pytest.mark.requirement("THR-06", "CSR-04")
def test_193_unlock_link_abused(site: Site) -> None:
    """The unlock link: by GET, for another account, altered, an hour later, and as a way past the factor. [CSR-04]"""
    with site.app.test_request_context(base_url=site.mount.origin):
        link = site.mount.root + site.two_factor.unlock_path(site.host.users["mallory"])
    strangers(site, "alice")
    c = site.client()
    for method in ("GET", "HEAD", "OPTIONS"):
        c.send(method, link)
        assert c.cookie(KNOWN_COOKIE) is None
    assert c.send("POST", link, data={"csrf_token": "x"}).status == 400
    c.submit(link, {})
    assert c.me is None
    c.identify("alice")
    assert c.credential("alice-password", site.code("alice")).status == 429
    c.identify("mallory")
    assert failed(c.credential("mallory-password"))
    token = site.client().open("identify").token
    for bad in (link[:-1], link + "A", link.replace("token=", "token=1"), link.partition("?")[0]):
        assert site.client().submit(bad, {}, token=token).status == 400
    site.clock(3601)
    assert site.client().get(link).status == 400


@only(*COUNTED)
@pytest.mark.requirement("THR-01", "THR-05", "THR-17")
def test_194_many_names_from_one_address(site: Site) -> None:
    """One address sprays a password over 30 names; the 31st and alice's wait there, her known browser does not."""
    mine = known(site, "alice")
    c = site.client()
    statuses = []
    for number in range(32):
        c.identify(f"sprayed{number}")
        statuses.append(c.credential("Spring2026!", "123456").status)
    assert statuses == [200] * 30 + [429] * 2
    c.identify("bob")
    assert c.credential("bob-password").status == 429
    mine.environ = c.environ
    mine.log_in("alice")
    assert mine.me == "alice"
    site.client().log_in("bob")


@only(*COUNTED)
@pytest.mark.requirement("THR-16", "ENU-01")
def test_195_names_asked_in_bulk(site: Site) -> None:
    """One address asks for 62 names: from the 61st on 429, alike for present and absent ones. [THR-16, ENU-01]"""
    c = site.client()
    path = site.url("twofactor.identify")
    token = c.open("identify").token
    statuses = [c.submit(path, {"identifier": f"asked{number}"}, token=token).status for number in range(60)]
    assert statuses == [302] * 60
    assert c.submit(path, {"identifier": "onemore"}, token=token).status == 429
    seen = [c.submit(path, {"identifier": name}, token=token).bare(name) for name in ("alice", "bobby", "nobod")]
    assert seen[0][0] == 429
    assert all(one == seen[0] for one in seen)
    assert site.client().identify("alice").status == 200


@only(*COUNTED)
@pytest.mark.requirement("THR-05", "ENU-06", "INP-04")
def test_196_series_from_many_addresses(site: Site) -> None:
    """22 failures of each kind of name, each from an address of its own: equal series. [THR-05, ENU-06]"""
    groups = kinds(site)
    series = [strangers(site, name, 22) for group in groups.values() for name in site.some(group.values())]
    assert all(one == [200] * 20 + [429] * 2 for one in series)


@pytest.mark.requirement("THR-09", "LIF-01")
def test_197_guesses_of_a_session(site: Site) -> None:
    """A hijacked session guesses at DISABLE, step-up and the challenge: after five it is ended, the factor is on."""
    a = in_as(site, "alice")
    site.clock(1000)
    a.ours("step_up", {"password": "alice-password"})
    for page in ("manage", "step_up", "challenge"):
        thief = a.copied()
        token = thief.open(page).token
        fields = {"password": "guess", "code": site.wrong("alice")}
        statuses = [thief.ours(page, fields, token=token).status for _ in range(7)]
        assert statuses[:2] == [200, 200], page
        assert 429 in statuses, page
        assert thief.me is None, page
        assert a.me is None, "it is one session, whoever holds its cookie"
        a = in_as(site, "alice")
    assert enabled(site)


@only(*COUNTED)
@pytest.mark.requirement("THR-06", "THR-01")
def test_198_stolen_known_browser_guesses(site: Site) -> None:
    """alice's known cookie stolen, 20 wrong passwords with it: after ten it is a stranger, and waits. [THR-06]"""
    mine = known(site, "alice")
    thief = site.client()
    thief.plant(KNOWN_COOKIE, str(mine.cookie(KNOWN_COOKIE)))
    statuses = []
    for _ in range(20):
        thief.identify("alice")
        statuses.append(thief.credential("wrong", "123456").status)
    assert statuses[:10] == [200] * 10
    assert statuses[-1] == 429


@only(*COUNTED)
@pytest.mark.requirement("THR-01", "THR-02")
def test_199_budget_of_known_browsers(site: Site) -> None:
    """alice's known cookie and password are stolen; 40 wrong codes in a day from it: 20 and then 10 are judged."""
    mine = known(site, "alice")
    heard = Heard(site.host)
    for _ in range(40):
        thief = site.client()
        thief.plant(KNOWN_COOKIE, str(mine.cookie(KNOWN_COOKIE)))
        guess(site, thief)
        site.clock(600)
    assert judged(heard) <= 30
    assert judged(heard) >= 20
    c = site.client()
    c.identify("alice")
    assert failed(c.credential("alice-password", site.code("alice")))


@only("plain", "server_sessions")
@pytest.mark.requirement("THR-10")
def test_200_hundred_wrong_codes_in_a_row(site: Site) -> None:
    """As many wrong codes as are judged, for 70 days: at a hundred in a row no code is right any more. [THR-10]"""
    alice = site.host.users["alice"]
    heard = Heard(site.host)
    for _ in range(70):
        for _ in range(11):
            site.in_context(site.two_factor.verify, alice, site.wrong("alice"))
        site.clock(86401)
    assert judged(heard) == 100
    site.clock(60 * 86400)
    c = site.client()
    c.identify("alice")
    assert failed(c.credential("alice-password", site.code("alice")))
    assert not site.in_context(site.two_factor.verify, alice, site.code("alice"))
    assert enabled(site)
    site.in_context(site.two_factor.reset, alice, "admin")
    del site.host.secrets["alice"]
    d = in_as(site, "alice")
    d.set_up("alice")
    site.clock(30)
    assert in_as(site, "alice").me == "alice"


@only(*COUNTED)
@pytest.mark.requirement("THR-18")
def test_201_alarm_as_a_weapon(build: MakeSite) -> None:
    """Wrong codes after right passwords, above the site's alarm: one signal an hour, and nobody is locked out."""
    site = build(TWOFACTOR_ALARM=3)
    raised: list[dict[str, Any]] = []

    def hear(_: Any, **values: Any) -> None:
        raised.append(values)

    with signals.alarm_raised.connected_to(hear, sender=site.app):
        for name in ("alice", "mallory") * 3:
            c = site.client()
            c.identify(name)
            c.credential(f"{name}-password", site.wrong(name))
        for _ in range(4):
            c = site.client()
            c.identify("alice")
            c.credential("wrong", site.wrong("alice"))
        assert len(raised) == 1
        site.client().log_in("bob")
        owner = site.client()
        owner.log_in("alice")
        assert owner.me == "alice"
        site.clock(3601)
        for _ in range(3):
            c = site.client()
            c.identify("mallory")
            c.credential("mallory-password", site.wrong("mallory"))
    assert len(raised) == 2
    assert "alice" not in str(raised)


@pytest.mark.requirement("CSR-08", "CSR-02")
def test_202_cross_site_posts(site: Site) -> None:
    """Right tokens and values with Sec-Fetch-Site: cross-site, at every page: 403 and nothing done. [CSR-08]"""
    headers = {"Sec-Fetch-Site": "cross-site"}
    a = in_as(site, "alice")
    token, code = a.open("manage").token, site.code("alice")
    for page in FORMS:
        fields = {"code": code, "password": "alice-password", "identifier": "alice"}
        assert a.ours(page, fields, token=token, headers=headers).status == 403, page
    assert enabled(site)
    c = site.client()
    token = c.open("identify").token
    assert c.ours("identify", {"identifier": "bob"}, token=token, headers=headers).status == 403
    assert c.open("credential").status == 302
    for value in ("same-origin", "none"):
        assert c.ours("identify", {"identifier": "bob"}, token=token, headers={"Sec-Fetch-Site": value}).status == 302
    assert c.get(site.url("twofactor.identify"), headers=headers).status == 200, "a link from elsewhere may lead here"


@pytest.mark.requirement("ENU-08", "ENU-01", "ENU-06")
def test_203_uniform_page(build: MakeSite) -> None:
    """With prompt=uniform: both pages and five failures of every kind of name, with and without a box. [ENU-08]"""
    site = build(TWOFACTOR_PROMPT="uniform")
    users = site.host.users
    users["alicx"], users["bobxx"], users["carxx"] = users["alice"], users["bob"], users["carol"]
    users["carol"].active = False
    seen = []
    for name in ("alicx", "bobxx", "carxx", "noone", "nobdy"):
        c = site.client()
        page = c.identify(name)
        assert page.asks_code
        seen.append(
            [page.bare(name)] + [c.credential("wrong", code).bare(name) for code in ("123456", None, "x", "", "1")]
        )
    assert all(one == seen[0] for one in seen)


@pytest.mark.requirement("ENU-08", "VER-02")
def test_204_uniform_page_waives_nothing(build: MakeSite) -> None:
    """With prompt=uniform: alice without a code, with mallory's; bob with and without junk in the box. [VER-02]"""
    site = build(TWOFACTOR_PROMPT="uniform")
    for code in (None, "", site.code("mallory"), "optional"):
        c = site.client()
        c.identify("alice")
        assert failed(c.credential("alice-password", code))
        assert c.me is None
    for code in (None, "", "123456", "junk"):
        c = site.client()
        c.identify("bob")
        c.credential("bob-password", code)
        assert c.me == "bob"


@only(*COUNTED)
@pytest.mark.requirement("THR-11", "LIF-06")
def test_205_notices_as_a_flood(build: MakeSite) -> None:
    """12 wrong codes after the right password in a day, and 12 wrong passwords: the owner is told twice. [THR-11]"""
    told: list[Any] = []

    def wire(two_factor: TwoFactor) -> None:
        two_factor.notify(lambda user, notice: told.append((user.username, str(notice))))

    site = build(wire=wire)
    for number in range(12):
        guess(site, site.client())
        c = site.client()
        c.identify("alice")
        c.credential("wrong", f"{number:06}")
        site.clock(900)
    assert [name for name, _ in told] == ["alice", "alice"]
    for _, notice in told:
        for secret in ("alice-password", site.host.secrets["alice"], site.wrong("alice")):
            assert secret not in notice


@pytest.mark.requirement("ENU-11", "THR-04", "VER-06")
def test_206_slow_notices_as_an_oracle(build: MakeSite) -> None:
    """A notice hook that is slow and fails: it runs once the answer is complete, and changes no byte. [ENU-11]"""
    site: Site
    told: list[int] = []

    def tell(*_: Any) -> None:
        told.append(len(site.answers))
        raise RuntimeError("the mail server is gone")

    def wire(two_factor: TwoFactor) -> None:
        two_factor.notify(tell)

    site = build(wire=wire)
    seen = []
    for _ in range(4):
        c = site.client()
        c.identify("alice")
        seen.append(c.credential("alice-password", site.wrong("alice")).bare("alice"))
    c = site.client()
    c.identify("alice")
    seen.append(c.credential("wrong", "123456").bare("alice"))
    assert all(one == seen[0] for one in seen)
    assert told


@pytest.mark.requirement("FLG-04", "FLG-05", "LIF-03")
def test_207_request_loader_declared_safe(build: MakeSite) -> None:
    """A declared request_loader is a door, and no more: not for settings, sessions, or another loader. [FLG-04]"""
    site = build()
    manager: Any = site.app.login_manager  # type: ignore[attr-defined]
    loader = manager._request_callback
    site.two_factor.request_exemption(loader)
    a = site.client()
    headers = {"X-Token": "alice"}
    assert a.get(site.url("host.me"), headers=headers).text == "alice"
    assert a.me is None, "it left no session"
    for page in ("settings", "setup", "manage", "step_up"):
        answer = a.get(site.url(f"twofactor.{page}"), headers=headers)
        assert answer.status == 403, page
        assert "otpauth" not in answer.text
    forge(a, {"_user_id": "1", "_fresh": True})
    assert a.get(site.url("host.me")).status in (302, 401)
    assert enabled(site)

    def other(incoming: Request) -> Any:
        return site.host.users.get(incoming.headers.get("X-Token", ""))

    manager.request_loader(other)
    assert site.client().get(site.url("host.me"), headers=headers).status in (302, 401)
