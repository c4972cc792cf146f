"""Where a log-in leads (section 2.6 of the catalogue): judged on the Location as a browser resolves it."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote, urljoin, urlsplit

import pytest

from flask_twofactor.web.session import NEXT_KEY
from tests.attacks.conftest import MakeSite
from tests.attacks.mounts import only
from tests.attacks.site import Page, Site, Visitor, forge, read_session
from tests.attacks.wire import header_of, jar_header, served, status_of

HOSTILE = [
    "//e.test", "///e.test", "////e.test/x", "/\\e.test", "/\\/e.test", "\\\\e.test", "\\/e.test", "/\te.test",
    "/\t/e.test",
    "\t//e.test", " //e.test", "\n//e.test", "/\n/e.test", "/\r\n/e.test", "\x01//e.test", "\x00//e.test",
    "/\x00/e.test",
    "\x7f//e.test", "\x1f//e.test", "http://e.test", "HTTPS://E.TEST/", "http:e.test", "http:/e.test",
    "https:\\\\e.test",
    "http://localhost@e.test/", "http://localhost.e.test/", "http://[", "//[", "ftp://e.test", "javascript:alert(1)",
    "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", " javascript:alert(1)", "data:text/html,x", "vbscript:x",
    "mailto:a@e.test",
    "e.test", "@e.test", ":80/", "?x", "#x", "\uff0f\uff0fe.test", "/\uff0fe.test", "//e\u3002test", "\u3000//e.test",
    "/ok\r\nSet-Cookie: planted=1", "/ok\r\n\r\n<script>", "/\u2028/e.test", "view-source:http://e.test", "//%65.test",
    "///%2fe.test", "/%0d%0aSet-Cookie:planted=1\n", "/..//e.test\\", "//e.test/..", "/;@e.test\\..\\",
    "blob:http://e.test/x",
    "/x" * 1500,
]  # fmt: skip
"""Targets that must not be followed, whatever a parser makes of them."""
TRICKY = ["/%2f%2fe.test", "/%5c%5ce.test", "/.//e.test", "/x/..//e.test", "/%09/e.test", "/me?u=http://e.test",
"/me#//e.test",
          "/@e.test", "/:80", "/a;b=//e.test", "/http://e.test", "/.%2e//e.test", "/%2e%2e//e.test"]  # fmt: skip
"""Targets that may be followed, where a browser then stays on this site."""


def resolved(site: Site, page: Page) -> str:
    """Resolve the Location as WHATWG's URL parser does: blanks and tabs away, a backslash is a slash."""
    assert page.location is not None
    text = re.sub(r"[\t\n\r]", "", page.location.strip("".join(map(chr, range(0x21))))).replace("\\", "/")
    if re.match(r"https?:(?!//)", text, re.IGNORECASE):
        text = re.sub(r":/*", "://", text, count=1)
    return urljoin(page.url, re.sub(r"^/{2,}", "//", text))


def stays(site: Site, page: Page) -> bool:
    """Whether a browser that follows the redirect is still on this site, and was given no cookie by the target."""
    assert page.status in (302, 303), page.status
    parts = urlsplit(resolved(site, page))
    planted = any("planted" in raw for raw in page.cookies_set) or "planted" in page.headers
    return f"{parts.scheme}://{parts.netloc}" == site.mount.origin and not planted


def at(site: Site, endpoint: str, target: str) -> str:
    """Give the path of a page with a ``next`` that is escaped byte by byte."""
    return f"{site.url(endpoint)}?next={quote(target, safe='')}"


def default_of(site: Site) -> str:
    return site.mount.root + "/"


@pytest.mark.requirement("RED-01", "RED-02")
def test_058_hostile_targets_of_a_log_in(site: Site) -> None:
    """57 hostile values of next at step one and again at step two; the Location of the success. [RED-01, RED-02]"""
    assert len(HOSTILE) >= 40
    a = site.client()
    token = a.open("identify").token
    for target in site.some(HOSTILE):
        sent = a.submit(at(site, "twofactor.identify", target), {"identifier": "bob"}, token=token)
        assert urlsplit(str(sent.location)).path == site.url("twofactor.credential"), repr(target)
        assert stays(site, sent), repr(target)
        fields = {"password": "bob-password", "next": target, "target": target, "url": target}
        done = a.submit(at(site, "twofactor.credential", target), fields, token=token)
        assert done.location == default_of(site), repr(target)
        a = site.client()
        token = a.open("identify").token


@pytest.mark.requirement("RED-01")
def test_209_tricky_targets_of_a_log_in(site: Site) -> None:
    """Values that look like another host to some parser, and are none to a browser: it stays here. [RED-01]"""
    for target in TRICKY:
        c = site.client()
        token = c.open("identify").token
        sent = c.submit(at(site, "twofactor.identify", target), {"identifier": "bob"}, token=token)
        done = c.submit(str(sent.location), {"password": "bob-password"}, token=token)
        assert stays(site, done), target


@pytest.mark.requirement("RED-02")
def test_059_next_changed_between_the_steps(site: Site, a: Visitor) -> None:
    """A good value at step one; a bad one in the form, in the query, and planted in the session. [RED-02]"""
    good = site.url("host.profile")
    for bad in ("//e.test", "http://e.test/", "/\\e.test"):
        c = site.client()
        c.identify("bob", good)
        done = c.submit(at(site, "twofactor.credential", bad), {"password": "bob-password", "next": bad})
        assert done.location in (good, default_of(site))
        d = site.client()
        d.identify("bob", good)
        values = read_session(d)
        forge(d, {**values, NEXT_KEY: bad})
        assert d.credential("bob-password").location == default_of(site)


@pytest.mark.requirement("RED-03")
def test_060_targets_that_loop_or_log_out(site: Site) -> None:
    """next at the pages of the log-in and at log-out, plain, escaped, dotted, doubled: the default page. [RED-03]"""
    for endpoint in (
        "twofactor.identify",
        "twofactor.credential",
        "twofactor.challenge",
        "twofactor.step_up",
        "host.logout",
    ):
        path = site.url(endpoint)
        root, rest = site.mount.root, path.removeprefix(site.mount.root)
        escaped = root + rest[:2] + "".join(f"%{ord(char):02x}" for char in rest[2:4]) + rest[4:]
        for target in (path, path + "?x=1", path + "#x", escaped, f"{root}/x/..{rest}", f"{root}/.{rest}"):
            c = site.client()
            c.identify("bob", target)
            assert c.credential("bob-password").location == default_of(site), target


@pytest.mark.filterwarnings("ignore:Current server name")  # Flask answers 404 where SERVER_NAME is set
@pytest.mark.requirement("RED-05", "RED-01")
def test_145_open_redirect_by_the_host_header(site: Site) -> None:
    """Every page with a forged Host, X-Forwarded-Host and X-Original-Host: no Location and no link leads there."""
    forged = {
        "Host": "e.test",
        "X-Forwarded-Host": "e.test",
        "X-Host": "e.test",
        "X-Original-Host": "e.test",
        "X-Forwarded-Server": "e.test",
    }
    for visitor in (site.client(), site.client()):
        for endpoint, _ in site.rules():
            if endpoint == "host.planted":
                continue
            for headers in (forged, {key: value for key, value in forged.items() if key != "Host"}):
                page = visitor.get(site.path_of(endpoint), headers=headers)
                assert "e.test" not in (page.location or "").partition("?")[0], endpoint
                assert "e.test" not in page.text.replace("site.test", ""), endpoint
        visitor.legacy("alice")


@only("plain")
@pytest.mark.requirement("RED-01")
def test_146_raw_bytes_of_the_location(site: Site) -> None:
    """Over a socket: control bytes, CR LF and bad UTF-8 in next; one Location, no header more, no other host."""
    with served(site) as wire:
        for raw in (b"/ok%0d%0aSet-Cookie:%20planted=1", b"%2f%2fe.test", b"/%09/e.test", b"/%5ce.test",
        b"%ff%fe//e.test",
                    b"/\xc0\xaf/e.test", b"%00//e.test", b"/%e2%80%a8/e.test", b"//e.test",
                    b"https%3a//e.test"):  # fmt: skip
            c = site.client()
            token = c.identify("bob").token
            body = f"csrf_token={quote(token)}&password=bob-password".encode()
            headers = {
                **jar_header(c.cookies()),
                "Content-Type": "application/x-www-form-urlencoded",
                "Content-Length": str(len(body)),
            }
            answer = wire.ask("POST", site.url("twofactor.credential").encode() + b"?next=" + raw, headers, body)
            assert status_of(answer) in (302, 400), raw
            assert header_of(answer, "Location") in ([b"/"], []), raw
            assert not any(b"planted" in one for one in header_of(answer, "Set-Cookie")), raw


@only("plain")
@pytest.mark.requirement("FLG-10", "FLG-01")
def test_147_path_tricks_on_the_wire(site: Site) -> None:
    """Over a socket: dot segments, doubled slashes, escapes, absolute targets to the closed pages. [FLG-10]"""
    c = site.client()
    c.legacy("alice")
    jar = jar_header(c.cookies())
    prefix = site.url("twofactor.identify").rpartition("/")[0]
    targets = [
        f"{prefix}/../admin/panel", f"{prefix}/..%2fadmin/panel", f"{prefix}/%2e%2e/admin/panel", "//admin/panel",
        "/admin//panel",
        "/admin%2fpanel", "/admin/panel/", "/admin/panel;x", "/ADMIN/panel", "/admin/panel%00", "/%61dmin/panel",
        "/./admin/panel",
        "http://localhost/admin/panel", f"http://localhost{prefix}/../admin/panel",
        f"{prefix}/identify/../../admin/panel",
        f"{prefix}/static/../../admin/panel", f"{prefix}/static/..%2f..%2fadmin/panel",
        "/admin/panel?x=/two-factor/identify", "*",
        "//e.test/me", "/me%20", "/me%0a", "/me/.", "/.%2fme", f"{prefix}%2f..%2fme", "/\\admin/panel",
        "/admin/panel#x",
    ]  # fmt: skip
    with served(site) as wire:
        for target in targets:
            for method in ("GET", "POST", "OPTIONS", "HEAD", "TRACE", "PUT"):
                answer = wire.ask(
                    method, target, {**jar, "X-HTTP-Method-Override": "GET", "X-Rewrite-URL": "/admin/panel"}
                )
                assert b"alice" not in answer.partition(b"\r\n\r\n")[2], (method, target)
                for location in header_of(answer, "Location"):
                    where = urlsplit(urljoin("http://localhost/", location.decode()))
                    assert where.netloc == "localhost", (method, target, location)


Reach = Callable[[Site, Visitor, str], Page]


def _challenge(site: Site, visitor: Visitor, target: str) -> Page:
    visitor.legacy("alice")
    return visitor.submit(at(site, "twofactor.challenge", target), {"code": site.code("alice"), "next": target})


def _step_up(site: Site, visitor: Visitor, target: str) -> Page:
    visitor.log_in("bob")
    return visitor.submit(at(site, "twofactor.step_up", target), {"password": "bob-password", "next": target})


def _already_in(site: Site, visitor: Visitor, target: str) -> Page:
    visitor.log_in("bob")
    return visitor.get(at(site, "twofactor.identify", target))


@pytest.mark.requirement("RED-01", "RED-03")
@pytest.mark.parametrize("reach", [_challenge, _step_up, _already_in])
def test_148_hostile_targets_of_the_other_pages(site: Site, reach: Reach) -> None:
    """Ten hostile values of next at the challenge, at step-up, and at the first page of one who is in. [RED-01]"""
    for target in site.some([*HOSTILE[:22:2], "//e.test\\@localhost", "javascript:alert(1)"]):
        page = reach(site, site.client(), target)
        assert stays(site, page), repr(target)
        assert "e.test" not in str(page.location), repr(target)
        site.clock(60)


@pytest.mark.requirement("RED-01", "RED-04")
def test_149_where_the_host_sends_who_is_not_in(site: Site, build: MakeSite) -> None:
    """Closed pages under hostile paths and queries, by nobody and by one who owes the code: the redirect stays here."""
    owing = site.client()
    owing.legacy("alice")
    for visitor in (site.client(), owing):
        for query in (
            "next=//e.test",
            "next=http://e.test",
            "x=%0d%0aSet-Cookie:planted=1",
            "%0a//e.test",
            "next=%2f%5ce.test",
        ):
            page = visitor.get(f"{site.url('host.me')}?{query}")
            assert stays(site, page), query
            inner = visitor.follow(page)
            assert inner.status in (200, 302), query
            assert inner.location is None or stays(site, inner), query


@pytest.mark.requirement("RED-02", "RED-04")
def test_150_repeated_and_nested_next(site: Site) -> None:
    """next given twice, as next[], in the fragment, inside a good next, and in other spellings. [RED-02, RED-04]"""
    good = site.url("host.me")
    for query in (f"next={good}&next=//e.test", f"next=//e.test&next={good}", "next[]=//e.test", "NEXT=//e.test",
                  f"next={quote(good + '?next=//e.test', safe='')}",
                  "return_to=//e.test&url=//e.test&redirect=//e.test"):  # fmt: skip
        c = site.client()
        path = f"{site.url('twofactor.identify')}?{query}"
        sent = c.submit(path, {"identifier": "bob"})
        done = c.submit(str(sent.location), {"password": "bob-password"})
        assert stays(site, done), query
        assert urlsplit(str(done.location)).path in (good, default_of(site)), query
