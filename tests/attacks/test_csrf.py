"""Requests that another site makes, frames and caches (section 2.7 of the catalogue)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask_wtf import FlaskForm
from wtforms import StringField

from tests.attacks.conftest import MakeSite
from tests.attacks.mounts import only
from tests.attacks.site import Page, Site, Visitor
from tests.attacks.wire import jar_header, served, status_of
from tests.support.watching import Heard

LISTS = ("settings", "authenticators", "activity", "recovery_codes", "recovery_used", "grace")
"""Pages that only show something."""
BUTTONS = ("forget_browser", "log_out")
"""Forms without a page of their own."""
OURS = (
    "identify", "credential", "challenge", "setup", "manage", "step_up", "recovery", "add_authenticator",
    "new_authenticator", "remove_authenticator", "sessions", *LISTS,
)  # fmt: skip
FORMS = (*(page for page in OURS if page not in LISTS), *BUTTONS)
FORM = "application/x-www-form-urlencoded"


def enabled(site: Site, name: str = "alice") -> bool:
    return bool(site.in_context(site.two_factor.is_enabled, site.host.users[name]))


def in_as(site: Site, name: str) -> Visitor:
    """Give a visitor who has just logged in, with the next code to spend."""
    visitor = site.client()
    visitor.log_in(name)
    assert visitor.me == name
    site.clock(30)
    return visitor


@pytest.mark.requirement("CSR-01", "CSR-04", "CSR-05")
def test_061_disable_by_another_site(site: Site) -> None:
    """alice's browser posts DISABLE with a right code: no token, mallory's, an old one, by GET, as text, as JSON."""
    mallory = in_as(site, "mallory").open("manage").token
    a = site.client()
    old = a.identify("alice").token
    a.credential("alice-password", site.code("alice"))
    site.clock(30)
    path, code = site.url("twofactor.manage"), site.code("alice")
    for token in ("", mallory, old, "x", mallory[:-1], "." * 100):
        assert a.send("POST", path, data={"code": code, "csrf_token": token}).status == 400, token
    assert a.send("POST", path, data={"code": code}).status == 400
    right = a.open("manage").token
    for method in ("GET", "HEAD"):
        a.send(method, site.url("twofactor.manage", code=code, csrf_token=right))
    assert a.send("POST", site.url("twofactor.manage", code=code, csrf_token=right)).status == 400
    text = f"code={code}&csrf_token={right}"
    for kind in ("text/plain", "application/json", "text/xml", "", "application/x-www-form-urlencoded-x"):
        assert a.send("POST", path, data=text, content_type=kind).status in (400, 415), kind
    assert a.send("POST", path, json={"code": code, "csrf_token": right}).status == 415
    assert enabled(site)
    assert a.disable("alice", code).status == 302, "none of it spent the code"


@pytest.mark.requirement("CSR-01", "CSR-04")
def test_062_enable_by_another_site(site: Site) -> None:
    """bob's browser opened SETUP; another site posts, or links to, Enable with a right code but no token. [CSR-01]"""
    b = in_as(site, "bob")
    page = b.open("setup")
    foreign = in_as(site, "mallory").open("manage").token
    site.host.secrets["bob"] = page.text.partition("secret=")[2][:32]
    code = site.code("bob")
    path = site.url("twofactor.setup")
    for data in ({"code": code}, {"code": code, "csrf_token": foreign}, {"code": code, "csrf_token": ""}):
        assert b.send("POST", path, data=data).status == 400
    b.get(site.url("twofactor.setup", code=code, csrf_token=page.token))
    assert not enabled(site, "bob")
    assert b.ours("setup", {"code": code}).status == 302


@pytest.mark.requirement("CSR-02")
def test_063_log_in_by_another_site(site: Site, a: Visitor, b: Visitor) -> None:
    """mallory's values posted in the victim's browser, with no token and with one of mallory's own jar. [CSR-02]"""
    foreign = a.identify("mallory").token
    b.open("identify")
    for token in ("", foreign):
        assert b.ours("identify", {"identifier": "mallory"}, token=token).status == 400
        assert b.open("credential").status == 302, "no step was begun"
    b.identify("bob")
    for token in ("", foreign):
        fields = {"identifier": "mallory", "password": "mallory-password", "code": site.code("mallory")}
        assert b.ours("credential", fields, token=token).status == 400
    assert b.me is None
    assert b.credential("bob-password").status == 302


@pytest.mark.requirement("CSR-03", "SES-01")
def test_064_token_of_before_the_log_in(site: Site, a: Visitor) -> None:
    """A token seen before LOGIN is posted after it, on each page; likewise over enable and disable. [CSR-03]"""
    seen = [a.identify("bob").token]
    a.credential("bob-password")
    seen.append(a.open("setup").token)
    a.set_up("bob")
    seen.append(a.open("manage").token)
    site.clock(30)
    for token in seen[:-1]:
        for page in ("manage", "step_up", "challenge"):
            assert a.ours(page, {"code": site.code("bob"), "password": "bob-password"}, token=token).status == 400
    a.disable("bob")
    assert a.ours("setup", {"code": "123456"}, token=seen[-1]).status == 400
    assert a.open("setup").status == 200


def walk(site: Site) -> Iterator[tuple[str, Page]]:
    """Give the answers of our pages: every method, and every outcome that a client can bring about."""
    owing, nobody = site.client(), site.client()
    bob, alice = in_as(site, "bob"), in_as(site, "alice")
    owing.legacy("mallory")
    for visitor in (nobody, bob, alice, owing):
        for page in OURS:
            for method in ("GET", "HEAD", "OPTIONS"):
                yield f"{method} {page}", visitor.send(method, site.url(f"twofactor.{page}"))
    for page in FORMS:
        path = site.url(f"twofactor.{page}")
        yield f"no token {page}", alice.send("POST", path, data={"code": "1"})
        yield f"json {page}", alice.send("POST", path, json={})
        yield f"huge {page}", alice.send("POST", path, data=b"x" * 20000, content_type=FORM)
        yield f"twice {page}", alice.send("POST", path, data={"code": ["1", "2"]})
    yield "wrong code", alice.disable("alice", site.wrong("alice"))
    yield "wrong set-up code", bob.ours("setup", {"code": "000000"})
    yield "wrong challenge", owing.ours("challenge", {"code": "000000"})
    yield "bad name", nobody.ours("identify", {"identifier": "\x00"})
    yield "good name", nobody.ours("identify", {"identifier": "alice"})
    for _ in range(6):
        yield "wrong password", nobody.credential("wrong", "1")
    site.clock(601)
    yield "expired", nobody.ours("credential", {"password": "x"}, token="x")
    yield "log-in", nobody.log_in("carol")


@pytest.mark.requirement("HDR-02", "HDR-03", "HDR-04", "HDR-08")
def test_065_framing(site: Site) -> None:
    """Every page of ours, method and outcome: not to be framed, sniffed, or run foreign script. [HDR-02, HDR-03]"""
    for what, page in walk(site):
        headers = page.headers
        policy = [part.strip() for part in headers["Content-Security-Policy"].split(";")]
        assert "frame-ancestors 'none'" in policy, what
        assert "default-src 'none'" in policy, what
        assert "unsafe" not in headers["Content-Security-Policy"], what
        assert headers.getlist("X-Frame-Options") == ["DENY"], what
        assert headers["X-Content-Type-Options"] == "nosniff", what
        assert headers["Referrer-Policy"] == "same-origin", what
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin", what
        assert "Access-Control-Allow-Origin" not in headers, what
        assert page.status < 500, what


@pytest.mark.requirement("CSR-01")
@pytest.mark.parametrize("how", ["WTF_CSRF_ENABLED", "WTF_CSRF_CHECK_DEFAULT", "form"])
def test_066_host_without_csrf_of_its_own(build: MakeSite, how: str) -> None:
    """The host turned CSRF off outside a test run, or gives form classes without a token. [CSR-01]"""

    class Bare(FlaskForm):
        class Meta:
            csrf = False

        identifier = StringField()
        password = StringField()
        code = StringField()
        remember = StringField()

    options: dict[str, Any] = {"forms": dict.fromkeys(FORMS, Bare)} if how == "form" else {how: False, "TESTING": False}
    site = build(**options)
    a = site.client()
    a.open("identify")
    assert a.send("POST", site.url("twofactor.identify"), data={"identifier": "bob"}).status == 400
    for page in FORMS:
        fields = {"identifier": "bob", "password": "bob-password", "code": "123456"}
        assert a.send("POST", site.url(f"twofactor.{page}"), data=fields).status in (302, 400), page
    assert a.me is None


@pytest.mark.requirement("HDR-05", "HDR-04", "ENR-04")
def test_067_access_log_of_a_whole_run(site: Site, a: Visitor) -> None:
    """Every flow, right and wrong; then every URL and Referer is searched for names, codes, keys, tokens. [HDR-05]"""
    typed = ["alice", "bob-password", "alice-password"]
    typed.append(a.identify("alice", site.url("host.me")).token)
    typed.append(site.code("alice"))
    a.credential("alice-password", site.wrong("alice"))
    a.follow(a.credential("alice-password", site.code("alice")))
    site.clock(1000)
    a.follow(a.ours("step_up", {"password": "alice-password"}))
    typed.append(site.code("alice"))
    a.follow(a.disable("alice"))
    a.follow(a.set_up("alice"))
    typed += [site.host.secrets["alice"], site.code("alice")]
    a.log_out()
    site.clock(60)
    a.legacy("alice")
    typed.append(site.code("alice"))
    a.ours("challenge", {"code": site.code("alice")})
    typed += [value for jar in (a.cookies(),) for value in jar.values()]
    for method, url, referer in site.requests:
        for secret in typed:
            assert secret not in url, (method, url)
            assert secret not in referer, (method, url)
    assert not any(secret in str(page.location) for page in site.answers for secret in typed)


@pytest.mark.requirement("HDR-01", "HDR-06")
def test_068_pages_from_a_cache(site: Site) -> None:
    """Every page of ours, method and outcome, and what sets our cookies elsewhere: no-store, Vary. [HDR-01, HDR-06]"""
    for what, page in walk(site):
        assert page.headers["Cache-Control"] == "no-store", what
        assert "Cookie" in page.headers["Vary"], what
        assert "ETag" not in page.headers, what
    c = site.client()
    legacy = c.send(
        "POST", site.url("host.legacy"), data={"name": "alice", "password": "alice-password", "remember": "y"}
    )
    assert legacy.cookies_set
    assert legacy.headers["Cache-Control"] == "no-store"


BODIES: list[Any] = [
    {"password": "alice-password"}, {"password": 1}, {"password": True}, {"password": None}, {"code": [1, 2]},
    {"code": {"a": 1}},
    {"identifier": {"$ne": None}}, {"code": "\ud800"}, [], ["code"], "code",
    1, 1.5, True, None, [[]], {"csrf_token": {"x": []}},
]  # fmt: skip


@pytest.mark.requirement("CSR-05", "INP-07", "VER-10")
def test_151_json_bodies(site: Site, a: Visitor) -> None:
    """JSON of every shape, under its own type and a form's, at every page: 4xx or a failure, never 500. [CSR-05]"""
    a.identify("alice")
    for page in FORMS:
        path = site.url(f"twofactor.{page}")
        for body in site.some(BODIES):
            raw = json.dumps(body)
            assert a.send("POST", path, data=raw, content_type="application/json").status == 415, (page, raw)
            assert a.send("POST", path, data=raw, content_type="application/vnd.api+json").status == 415, (page, raw)
            assert a.send("POST", path, data=raw, content_type=FORM).status in (302, 400), (page, raw)
    assert a.me is None


@pytest.mark.requirement("CSR-06", "THR-15")
def test_152_fields_given_twice(site: Site, a: Visitor) -> None:
    """Each field of each page twice, in the body, split over body and query, and as a file. [CSR-06, THR-15]"""
    heard = Heard(site.host)
    token = a.identify("alice").token
    right = {"csrf_token": token, "identifier": "alice", "password": "alice-password", "code": site.code("alice")}
    path = site.url("twofactor.credential")
    for name in right:
        for other in ("", "x", right[name]):
            data = {**right, name: [right[name], other]}
            assert a.send("POST", path, data=data).status == 400, name
            assert a.send("POST", path, data=data, content_type="multipart/form-data").status == 400, name
    boundary = "b"
    part = "--b\r\nContent-Disposition: form-data; name={}{}\r\n\r\n{}\r\n"
    for name in right:
        file = "".join(part.format(key, "; filename=x" if key == name else "", value) for key, value in right.items())
        answer = a.send("POST", path, data=file + "--b--\r\n", content_type=f"multipart/form-data; boundary={boundary}")
        assert answer.status == 400, name
    assert heard.names == []
    assert a.me is None


@pytest.mark.requirement("CSR-07", "CSR-04")
def test_153_method_override(site: Site) -> None:
    """GET, and POST to a closed page, with override headers and _method; nothing acts. [CSR-07, CSR-04]"""
    a = in_as(site, "alice")
    token, code = a.open("manage").token, site.code("alice")
    for header in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        for method in ("GET", "HEAD", "OPTIONS"):
            query = {"code": code, "csrf_token": token, "_method": "POST", "method": "post"}
            a.send(method, site.url("twofactor.manage", **query), headers={header: "POST"})
    assert enabled(site)
    answer = a.send(
        "POST", site.url("twofactor.manage"), data={"_method": "GET"}, headers={"X-HTTP-Method-Override": "GET"}
    )
    assert answer.status == 400


@pytest.mark.requirement("CSR-07", "FLG-06")
def test_154_method_matrix(site: Site) -> None:
    """PUT, PATCH, DELETE, TRACE, PROPFIND and a made-up method with right values on every page: 405. [CSR-07]"""
    a = in_as(site, "alice")
    fields = {"csrf_token": a.open("manage").token, "code": site.code("alice"), "password": "alice-password"}
    for page in (*OURS, *BUTTONS):
        for method in ("PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "CONNECT", "BREW"):
            answer = a.send(method, site.url(f"twofactor.{page}"), data=fields)
            assert answer.status == 405, (page, method)
            assert fields["code"] not in answer.text
    for page in LISTS:
        assert a.send("POST", site.url(f"twofactor.{page}"), data=fields).status == 405, page
    for page, method in itertools.product(BUTTONS, ("GET", "HEAD")):
        assert a.send(method, site.url(f"twofactor.{page}"), data=fields).status == 405, page
    assert enabled(site)
    assert a.me == "alice"


KINDS = [
    "application/x-www-form-urlencoded; charset=utf-7", "application/x-www-form-urlencoded; charset=utf-16",
    "multipart/form-data",
    "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "x" * 300, "multipart/mixed; boundary=b",
    "/", ";", "x",
    "application/x-www-form-urlencoded\t", "APPLICATION/X-WWW-FORM-URLENCODED", "text/html", "application/xml", "*/*",
]  # fmt: skip
RAW = [b"", b"&", b"=", b"===&&&", b"\xff\xfe", b"code=%", b"code=%zz", b"code=%ff%fe", b"code=%00",
b"csrf_token=%c3%28&code=1",
       b"--b\r\n\r\n--b--", b"--b\r\nContent-Disposition: form-data; name=\"code",
       b"\x00" * 50, b"a[" * 100]  # fmt: skip


@pytest.mark.requirement("CSR-05", "INP-06")
def test_155_content_types_and_broken_bodies(site: Site, a: Visitor) -> None:
    """14 content types by 14 broken bodies at the credential page: 4xx, never 500. [CSR-05, INP-06]"""
    a.identify("alice")
    path = site.url("twofactor.credential")
    for kind in site.some(KINDS):
        for raw in RAW:
            status = a.send("POST", path, data=raw, content_type=kind).status
            assert status in (400, 413, 415), (kind, raw, status)
    assert a.me is None


@pytest.mark.requirement("CSR-01", "HDR-02")
def test_156_other_origins_are_given_nothing(site: Site) -> None:
    """Origin: of another site, null and preflights on every route of ours: no CORS header. [CSR-01, HDR-02]"""
    a = in_as(site, "alice")
    for origin in ("https://e.test", "null", "http://localhost.e.test"):
        for page in OURS:
            for method in ("GET", "OPTIONS", "POST"):
                headers = {
                    "Origin": origin,
                    "Access-Control-Request-Method": "POST",
                    "Access-Control-Request-Headers": "x",
                }
                answer = a.send(method, site.url(f"twofactor.{page}"), headers=headers)
                assert not [name for name, _ in answer.headers.items() if name.lower().startswith("access-control")], (
                    page
                )
    assert enabled(site)


@only("plain")
@pytest.mark.requirement("CSR-06", "INP-02")
def test_157_smuggled_requests(site: Site, a: Visitor) -> None:
    """Over a socket: two lengths, length and chunks, folded and repeated headers, Expect, a request in a body."""
    token = a.identify("alice").token
    jar = jar_header(a.cookies())
    path = site.url("twofactor.credential")
    body = f"csrf_token={token}&password=alice-password&code=".encode()
    inner = b"GET /me HTTP/1.1\r\nHost: localhost\r\nX-Token: alice\r\n\r\n"
    with served(site) as wire:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {jar['Cookie']}\r\nContent-Type: {FORM}\r\n".encode()
        )
        length = f"Content-Length: {len(body)}\r\n".encode()
        for extra in (
            length + b"Content-Length: 3\r\n",
            length + b"Transfer-Encoding: chunked\r\n",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n" + length,
            b"Transfer-Encoding : chunked\r\n" + length,
            length + b"X-Folded: a\r\n b: c\r\n",
            length + b"Expect: 100-continue\r\n",
            length + b"Host: e.test\r\n",
            length + b"Cookie: session=x\r\n",
            length + b"Content-Type: application/json\r\n",
        ):
            answer = wire.send(head + extra + b"Connection: close\r\n\r\n" + body + inner)
            assert b"alice\r\n" not in answer, extra
            assert b"500 INTERNAL" not in answer, extra
            assert answer.replace(b"HTTP/1.1 100 Continue", b"").count(b"HTTP/1.") == 1, extra
        assert status_of(wire.ask("GET", site.url("twofactor.identify"))) == 200
    assert a.me is None


@pytest.mark.requirement("HDR-02", "HDR-03")
def test_158_nothing_from_elsewhere(site: Site) -> None:
    """Every page of ours: no script or style inside it, nothing from another origin. [HDR-03]"""
    for what, page in walk(site):
        text = page.text.replace("http://www.w3.org/2000/svg", "")
        for bad in (
            "<script>",
            "javascript:",
            " onclick",
            " onload",
            " style=",
            "<iframe",
            "http://",
            "https://",
            "<base",
        ):
            assert bad not in text, (what, bad)
        for part in text.split('src="')[1:] + text.split('action="')[1:]:
            assert urlsplit(part.partition('"')[0]).netloc == "", what
