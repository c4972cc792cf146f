"""Binding a factor to an account (section 2.8 of the catalogue)."""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pytest

from flask_twofactor.core.totp import code_at, step_at
from tests.attacks.conftest import MakeSite
from tests.attacks.mounts import only
from tests.attacks.site import Page, Site, Visitor, forge, read_session
from tests.attacks.test_csrf import OURS, enabled, in_as
from tests.support.host import User, secret_on
from tests.support.watching import Heard, dump, rows

OWN = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
"""A secret that the attacker chose."""


def key_on(page: Page) -> str:
    return secret_on(page.answer)


def forms_of(secret: str) -> list[str]:
    """Give a secret as base32, as hexadecimal, as base64 and in groups."""
    raw = base64.b32decode(secret)
    return [secret, secret.lower(), raw.hex(), base64.b64encode(raw).decode(), secret[:4] + " " + secret[4:8]]


@pytest.mark.requirement("ENR-01")
def test_069_client_chosen_secret(site: Site) -> None:
    """EN with secret, key, pending and otp fields of one's own, in body, query and session, and its code. [ENR-01]"""
    b = in_as(site, "bob")
    names = ("secret", "key", "otp_secret", "pending", "totp_secret", "uri", "qr", "enrolment", "sealed", "secret_key")
    chosen = code_at(OWN, step_at(site.host.clock.at))
    forge(b, {**read_session(b), **dict.fromkeys(names, OWN)})
    page = b.get(site.url("twofactor.setup", **dict.fromkeys(names, OWN)))
    assert key_on(page) != OWN
    for path in (site.url("twofactor.setup"), site.url("twofactor.setup", **dict.fromkeys(names, OWN))):
        assert b.submit(path, {"code": chosen, **dict.fromkeys(names, OWN)}).status == 200
    assert not enabled(site, "bob")
    assert key_on(b.open("setup")) == key_on(page)


@pytest.mark.requirement("ENR-04", "STO-01")
def test_070_pending_secret_outside_the_page(site: Site) -> None:
    """SETUP; cookies, their decoded session, headers, Locations and rows are searched for the key. [ENR-04, STO-01]"""
    b = in_as(site, "bob")
    page = b.open("setup")
    key = key_on(page)
    b.ours("setup", {"code": "000000"})
    places = [str(b.cookies()), str(read_session(b)), str(dump(site.host)), str(site.requests)]
    places += [str(list(one.headers.items())) for one in site.answers]
    for value in b.cookies().values():
        for part in value.split("."):
            with contextlib.suppress(binascii.Error):
                places.append(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode("latin-1"))
    hidden = re.findall(r'<input[^>]*type="hidden"[^>]*>', page.text)
    for place in [*places, *hidden]:
        assert not [form for form in forms_of(key) if form in place]


@pytest.mark.requirement("ENR-06", "ENR-07")
def test_071_active_factor_replaced(site: Site) -> None:
    """alice is in and enabled: GET and POST SETUP directly, with a code of the old and of an own secret. [ENR-06]"""
    a = in_as(site, "alice")
    before = rows(site.host, "twofactor_enrolment")
    token = a.open("manage").token
    for code in (site.code("alice"), code_at(OWN, step_at(site.host.clock.at))):
        for method in ("GET", "POST"):
            data = {"code": code, "csrf_token": token, "secret": OWN} if method == "POST" else {}
            page = a.send(method, site.url("twofactor.setup"), data=data)
            assert page.location == site.url("twofactor.manage") or (page.status == 200 and "otpauth" not in page.text)
    assert rows(site.host, "twofactor_enrolment") == before
    with pytest.raises(Exception, match="already has a factor"):
        site.in_context(site.two_factor.enroll, site.host.users["alice"], OWN)


@pytest.mark.requirement("ENR-06", "ENR-11")
def test_072_key_of_an_active_factor_read_again(site: Site, a: Visitor) -> None:
    """bob enables; every route of the site is crawled for the key, by him and with his jar copied. [ENR-06]"""
    a.log_in("bob")
    a.set_up("bob")
    key = site.host.secrets["bob"]
    for visitor in (a, a.copied()):
        for endpoint, methods in site.rules():
            if endpoint == "host.logout":
                continue
            for method in sorted(methods & {"GET", "HEAD", "OPTIONS"}):
                page = visitor.send(method, site.path_of(endpoint))
                assert not [form for form in forms_of(key) if form in page.text], endpoint
                assert "otpauth" not in page.text, endpoint


@pytest.mark.requirement("ENR-09", "RPL-03")
def test_073_code_of_the_enrolment_reused(site: Site, a: Visitor, b: Visitor) -> None:
    """EN with c; LOGIN elsewhere with c, the challenge with c, verify(c), DI with c. [ENR-09, RPL-03]"""
    a.log_in("bob")
    a.set_up("bob")
    code = site.code("bob")
    b.identify("bob")
    assert b.credential("bob-password", code).status == 200
    b.legacy("bob")
    assert b.ours("challenge", {"code": code}).status == 200
    assert not site.in_context(site.two_factor.verify, site.host.users["bob"], code)
    assert a.disable("bob", code).status == 200
    assert enabled(site, "bob")
    assert b.me is None


@pytest.mark.requirement("ENR-08")
def test_074_enabled_twice_at_once(site: Site, a: Visitor) -> None:
    """One page of SETUP, one right code, six posts at once from copies of the jar: one wins. [ENR-08]"""
    a.log_in("bob")
    site.host.secrets["bob"] = key_on(a.open("setup"))
    token, code = a.open("setup").token, site.code("bob")
    copies = [a.copied() for _ in range(6)]
    heard = Heard(site.host)
    with ThreadPoolExecutor(6) as pool:
        pages = list(pool.map(lambda one: one.ours("setup", {"code": code}, token=token), copies))
    assert heard.names.count("enabled") == 1
    assert sum(page.location == site.url("twofactor.recovery_codes") for page in pages) == 1
    assert sum(one.me == "bob" for one in copies) == 1
    assert len([row for row in rows(site.host, "twofactor_enrolment") if row["subject"] == "2"]) == 1


@pytest.mark.requirement("ENR-07")
def test_075_prefetch(site: Site) -> None:
    """SETUP is open; a prefetch GETs, HEADs and OPTIONs it, in the same jar; the open page's code enables. [ENR-07]"""
    b = in_as(site, "bob")
    page = b.open("setup")
    for headers in ({"Sec-Purpose": "prefetch"}, {"Purpose": "prefetch"}, {"X-Moz": "prefetch"}, {}):
        for method in ("GET", "HEAD", "OPTIONS"):
            b.send(method, site.url("twofactor.setup"), headers=headers)
    site.host.secrets["bob"] = key_on(page)
    assert key_on(b.open("setup")) == key_on(page)
    assert b.ours("setup", {"code": site.code("bob")}, token=page.token).status == 302
    assert enabled(site, "bob")


@pytest.mark.requirement("ENR-04", "SES-15")
def test_076_pending_secret_of_another_sign_in(site: Site, a: Visitor, b: Visitor) -> None:
    """mallory opens SETUP as bob in his own session; bob's browser, and carol in the same jar, confirm it. [ENR-04]"""
    a.log_in("bob")
    planted = key_on(a.open("setup"))
    b.log_in("bob")
    b.open("setup")
    assert b.ours("setup", {"code": code_at(planted, step_at(site.host.clock.at))}).status == 200
    a.ours("identify", {"identifier": "carol"}, token="x")
    a.log_out()
    a.log_in("carol")
    assert key_on(a.open("setup")) != planted
    assert a.ours("setup", {"code": code_at(planted, step_at(site.host.clock.at))}).status == 200
    assert not enabled(site, "bob")
    assert not enabled(site, "carol")


@pytest.mark.requirement("ENR-10", "SES-02")
def test_159_sessions_of_before_the_factor(site: Site, a: Visitor, b: Visitor) -> None:
    """An attacker with bob's password is in, is remembered, and holds copies; bob enables. [ENR-10]"""
    b.log_in("bob", remember="y")
    stolen = [b.copied() for _ in range(3)]
    stolen[1].drop("remember_token", "twofactor_remember")
    stolen[2].drop("session")
    legacy = site.client()
    legacy.legacy("bob", remember="y")
    a.log_in("bob")
    pre = a.copied()
    assert a.set_up("bob").status == 302
    assert [one.me for one in (b, *stolen, legacy, pre)] == [None] * 6
    assert a.me == "bob"


@pytest.mark.requirement("ENR-15")
def test_160_guesses_at_a_pending_secret(site: Site) -> None:
    """A hijacked session guesses codes of the pending key that its owner sees, over 10 tries, then the right one."""
    b = in_as(site, "bob")
    site.host.secrets["bob"] = key_on(b.open("setup"))
    for number in range(10):
        b.ours("setup", {"code": f"{number:03}{number:03}"})
        site.clock(45)
    b.ours("setup", {"code": site.code("bob")})
    assert not enabled(site, "bob")


@pytest.mark.requirement("ENR-05", "LIF-01")
def test_161_stolen_session_binds_its_own_device(site: Site, a: Visitor) -> None:
    """bob's session of 16 minutes ago: SETUP by every way, with next, forged time fields and a wrong password."""
    a.log_in("bob", remember="y")
    thief = a.copied()
    site.clock(961)
    for query in ({}, {"fresh": "1"}, {"password_at": "9999999999"}, {"next": site.url("twofactor.setup")}):
        page = thief.get(site.url("twofactor.setup", **query))
        assert str(page.location).startswith(site.url("twofactor.step_up"))
    assert thief.ours("step_up", {"password": "guess"}).status == 200
    assert thief.ours("setup", {"code": "123456"}, token=thief.open("step_up").token).status == 302
    thief.drop("session")
    assert str(thief.open("setup").location).startswith(site.url("twofactor.step_up"))
    assert rows(site.host, "twofactor_enrolment") == [
        row for row in rows(site.host, "twofactor_enrolment") if row["confirmed_at"]
    ]


@pytest.mark.requirement("ENR-04")
def test_162_pending_secret_kept_for_later(site: Site) -> None:
    """A photo of the SETUP page is used 10 minutes and a second later. [ENR-04]"""
    b = in_as(site, "bob")
    page = b.open("setup")
    site.host.secrets["bob"] = key_on(page)
    site.clock(601)
    again = b.ours("setup", {"code": site.code("bob")}, token=page.token)
    assert again.status == 200
    assert not enabled(site, "bob")
    assert key_on(again) != site.host.secrets["bob"]


@pytest.mark.requirement("FLG-04", "LIF-03")
def test_163_factor_bound_to_another_account(site: Site) -> None:
    """bob sets up with alice's and carol's ids in every field; mallory disables with alice's. [LIF-03]"""
    b, m = in_as(site, "bob"), in_as(site, "mallory")
    ids = {
        "user_id": "4",
        "subject": "4",
        "user": "carol",
        "account": "carol",
        "identifier": "carol",
        "id": "4",
        "enrolment": "1",
    }
    site.host.secrets["bob"] = key_on(b.get(site.url("twofactor.setup", **ids)))
    b.submit(site.url("twofactor.setup", **ids), {"code": site.code("bob"), **ids})
    assert (enabled(site, "bob"), enabled(site, "carol")) == (True, False)
    ids = {"user_id": "1", "subject": "1", "user": "alice", "account": "alice", "identifier": "alice"}
    m.submit(site.url("twofactor.manage", **ids), {"code": site.code("mallory"), **ids})
    assert (enabled(site, "mallory"), enabled(site, "alice")) == (False, True)


@pytest.mark.requirement("ENR-13", "HDR-07")
def test_164_markup_in_the_account_name(build: MakeSite) -> None:
    """The account's name holds markup, template code, URI separators: pages escape it, the URI has one secret."""
    names = ('"><script>alert(1)</script>', "{{ 7*7 }}", "a&secret=AAAA&issuer=Evil#", "Evil:\u202ea\r\nb%3A")
    users = {f"dora{number}": User(number, name, f"dora{number}-password") for number, name in enumerate(names, 7)}
    site = build(users=users)
    for name in users:
        d = site.client()
        assert d.log_in(name).status == 302
        for page in OURS:
            text = d.open(page).text
            assert "<script>alert" not in text, page
            assert ">49<" not in text, page
        uri = re.findall(r'href="(otpauth://[^"]+)"', d.open("setup").text)[0]
        assert unescape(uri).count("secret=") == 1
        assert unescape(uri).count("issuer=") == 1
        assert "#" not in uri
        assert "Evil:" not in uri


@pytest.mark.requirement("ENR-03")
def test_165_half_done_set_up(site: Site) -> None:
    """SETUP opened, wrong code, left; the log-in is as before, and the half-done key opens nothing. [ENR-03]"""
    b = in_as(site, "bob")
    key = key_on(b.open("setup"))
    b.ours("setup", {"code": "000000"})
    c = site.client()
    assert not c.identify("bob").asks_code
    c.credential("bob-password", code_at(key, step_at(site.host.clock.at)))
    assert c.me == "bob"
    assert not site.in_context(
        site.two_factor.verify, site.host.users["bob"], code_at(key, step_at(site.host.clock.at))
    )


def doors(site: Site) -> Iterator[Visitor]:
    """Give visitors whose identity is not a whole log-in of alice."""
    yield site.client()
    owing = site.client()
    owing.legacy("alice")
    yield owing
    yield forge(site.client(), {"_user_id": "1", "_fresh": True})
    token = site.client()
    token.environ["HTTP_X_TOKEN"] = "alice"
    yield token


@pytest.mark.requirement("LIF-01", "FLG-01", "ENR-06")
def test_166_settings_without_a_whole_log_in(site: Site) -> None:
    """DI, EN, step-up and the panel by nobody, by one who owes the code, by a forged session, by a token. [LIF-01]"""
    for visitor in doors(site):
        token = site.client().open("identify").token
        for page in ("setup", "manage", "step_up", "settings"):
            assert visitor.open(page).status in (302, 401, 403), page
            if page != "settings":
                fields = {"code": site.code("alice"), "password": "alice-password"}
                assert visitor.ours(page, fields, token=token).status in (302, 400, 401, 403), page
        panel = visitor.get(site.url("host.profile"))
        assert panel.status in (302, 401)
        assert visitor.me is None
    assert enabled(site)


@only("plain", "server_sessions")
@pytest.mark.requirement("ENR-10", "SES-01")
def test_167_parallel_tab_of_the_one_who_enables(site: Site, a: Visitor) -> None:
    """A request of the enabling browser that began before and ends after: its late cookie is nobody's. [ENR-10]"""
    a.log_in("bob")
    other = a.copied()
    site.meanwhile = lambda: other.set_up("bob")
    a.get(site.url("host.slow"))
    assert enabled(site, "bob")
    assert a.me is None
    assert other.me == "bob" if site.app.config.get("SESSION_TYPE") is None else other.me in ("bob", None)
