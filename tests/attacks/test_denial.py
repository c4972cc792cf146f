"""Denial of service: locking people out, and making the site work (section 2.5 of the catalogue)."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from flask_twofactor import TwoFactor
from flask_twofactor.core.identifiers import normal_form
from tests.attacks.conftest import MakeSite
from tests.attacks.mounts import COUNTED, only
from tests.attacks.site import Site, Visitor, read_session
from tests.attacks.test_steps import failed
from tests.attacks.wire import jar_header, served, status_of
from tests.support.host import User
from tests.support.watching import database_of, rows, watched_store

FORM = "application/x-www-form-urlencoded"
HUGE = {
    "combining marks": "a" + "\u0301\u0316" * 1200,
    "ligatures of 18": "\ufdfa" * 1600,
    "full-width digits": "\uff11" * 1600,
    "letters": "a" * 15000,
    "nul": "\x00" * 5000,
    "spaces": " " * 15000,
}
"""Text that comes close to 16 kB in a form, and is longer than any field may be."""


class Work:
    """What the site was made to do: normal forms, look-ups and password checks."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def wire(self, two_factor: TwoFactor) -> None:
        """Count the work in hooks around those of the site."""
        look_up, check = two_factor._hooks.user_lookup, two_factor._hooks.password_check

        def count(kind: str, act: Callable[..., Any]) -> Callable[..., Any]:
            def counted(*arguments: Any) -> Any:
                self.done.append(kind)
                return act(*arguments)

            return counted

        two_factor.normal_form(count("form", normal_form))
        two_factor.user_lookup(count("look-up", look_up))
        two_factor.password_check(count("hash", check))


@pytest.mark.requirement("THR-06", "THR-05")
def test_056_strangers_with_wrong_passwords(site: Site) -> None:
    """15 strangers fail once each for alice, one fails till he has to wait; LOGIN(alice) from her address. [THR-06]"""
    for _ in range(12):
        c = site.client()
        c.identify("alice")
        assert failed(c.credential("wrong", "123456"))
    stubborn = site.client()
    stubborn.identify("alice")
    assert [stubborn.credential("wrong", "123456").status for _ in range(6)][-1] == 429
    owner = site.client()
    owner.log_in("alice")
    assert owner.me == "alice"


@pytest.mark.requirement("INP-01", "INP-02")
def test_057_expensive_input(build: MakeSite) -> None:
    """16 kB and 1 MB of six kinds of text in each field of each page: no normal form and no hash is paid for it."""
    work = Work()
    site = build(wire=work.wire)
    for text in HUGE.values():
        a, signed_in = site.client(), site.client()
        token = a.identify("alice").token
        signed_in.log_in("bob")
        setup = signed_in.open("setup").token
        work.done.clear()
        visits = [("identify", "identifier", a, token), ("challenge", "code", a, token), ("setup", "code",
        signed_in, setup),
                  ("step_up", "password", signed_in, setup), ("credential", "password", a, token),
                  ("credential", "identifier", a, token)]  # fmt: skip
        for page, name, visitor, held in visits:
            assert visitor.ours(page, {name: text}, token=held).status in (200, 302), page
            body = name.encode() + b"=" + quote(text).encode() * 70
            assert visitor.send("POST", site.url(f"twofactor.{page}"), data=body, content_type=FORM).status == 413, page
        assert work.done.count("hash") == 1, "the credential page without a password is judged like any other"
        assert "form" not in work.done
        assert failed(a.ours("credential", {"code": text}, token=token))
        assert a.me is None


@pytest.mark.requirement("INP-02", "THR-14")
def test_208_five_megabytes_and_a_thousand_parts(site: Site, a: Visitor) -> None:
    """5 MB urlencoded, 1,000 multipart parts, JSON nested 5,000 deep, at every page: refused unread. [INP-02]"""
    a.identify("alice")
    nested = "[" * 5000 + "]" * 5000
    for endpoint, methods in site.rules(ours=True):
        if "POST" not in methods:
            continue
        path = site.path_of(endpoint)
        assert a.send("POST", path, data={"code": "1" * 5_000_000}).status == 413
        parts = {"data": {f"field{n}": "x" for n in range(1000)}, "content_type": "multipart/form-data"}
        assert a.send("POST", path, **parts).status == 413
        assert a.send("POST", path, data=nested, content_type="application/json").status in (413, 415)
        assert a.send("POST", path, data=json.dumps({"code": "1"}), content_type="application/json").status == 415


@pytest.mark.requirement("INP-02")
def test_136_thousand_fields_within_the_limit(site: Site, a: Visitor) -> None:
    """A body of 16 kB that has as many fields as fit, and a multipart one: an answer, never an exception. [INP-02]"""
    token = a.identify("alice").token
    path = site.url("twofactor.credential")
    many = "&".join(f"{n:x}" for n in range(2400))
    assert a.send(
        "POST", path, data=f"csrf_token={token}&{many}", content_type="application/x-www-form-urlencoded"
    ).status in (200, 413)
    deep = {"data": {"csrf_token": token, **{f"f{n}": "" for n in range(100)}}, "content_type": "multipart/form-data"}
    assert a.send("POST", path, **deep).status in (200, 413)
    assert a.me is None


@only("plain")
@pytest.mark.requirement("INP-02")
def test_137_bodies_of_unknown_and_false_length(site: Site, a: Visitor) -> None:
    """Over a socket: a chunked body, Content-Length larger, negative and no number, and none at all. [INP-02]"""
    a.identify("alice")
    jar = {**jar_header(a.cookies()), "Content-Type": "application/x-www-form-urlencoded"}
    path = site.url("twofactor.credential")
    with served(site) as wire:
        chunked = b"4\r\ncode\r\n" + b"ff00\r\n" + b"x" * 0xFF00 + b"\r\n0\r\n\r\n"
        assert status_of(wire.ask("POST", path, {**jar, "Transfer-Encoding": "chunked"}, chunked)) == 413
        assert status_of(wire.ask("POST", path, {**jar, "Content-Length": "999999999"}, b"x" * 100)) == 413
        for length in ("-1", "1e9", "0x10", "abc", ""):
            assert status_of(wire.ask("POST", path, {**jar, "Content-Length": length}, b"code=1")) in (0, 400, 413), (
                length
            )
        assert status_of(wire.ask("POST", path, jar, b"")) == 400
        assert status_of(wire.ask("GET", site.url("twofactor.identify"))) == 200, "it still serves"


@pytest.mark.requirement("ENR-13")
def test_138_login_names_that_overflow_the_qr_code(build: MakeSite) -> None:
    """SETUP of accounts whose names are huge or odd: the page works and the code it gives enables. [ENR-13]"""
    names = ("x" * 3000, "\u202e" * 300, "\U0001f600" * 800, "a:b&c%d\n" * 100, "<svg/onload=x>" * 90)
    users = {f"dora{number}": User(number, name, f"dora{number}-password") for number, name in enumerate(names, 7)}
    site = build(users=users)
    for name, user in users.items():
        a = site.client()
        a.log_in(name)
        page = a.open("setup")
        assert page.status == 200
        assert "<svg/onload" not in page.text
        a.set_up(name)
        assert site.in_context(site.two_factor.is_enabled, user)


@only(*COUNTED)
@pytest.mark.requirement("STO-11", "LOG-03")
def test_139_random_identifiers_fill_nothing(site: Site) -> None:
    """25 random names fail within an hour: few rows, none with a name, and the expired counters go. [STO-11]"""
    names = [f"random-name-{number:04}" for number in range(25)]
    for number, name in enumerate(names):
        c = site.client()
        c.identify(name)
        c.credential("wrong", f"{number:06}")
        site.clock(120)
    assert len(rows(site.host, "twofactor_account")) <= 64 + 4
    assert len(rows(site.host, "twofactor_enrolment")) == 2
    assert rows(site.host, "twofactor_mark") == []
    with open(database_of(site.host), "rb") as file:
        assert b"random-name" not in file.read()


@pytest.mark.requirement("SES-12")
def test_140_next_that_bloats_the_cookie(site: Site, a: Visitor) -> None:
    """next of 200, 2,000 and 8,000 characters at every page; the session stays small and log-out sticks. [SES-12]"""
    for length in (200, 2000, 8000):
        target = site.mount.root + "/me?" + "x" * (length - len(site.mount.root) - 4)
        c = site.client()
        c.identify("alice", target)
        ours = {key: value for key, value in read_session(c).items() if key.startswith("_twofactor")}
        assert len(json.dumps(ours)) <= 600
        assert all(len(raw) < 4096 for page in site.answers for raw in page.cookies_set)
        c.credential("alice-password", site.code("alice"))
        assert c.me == "alice"
        c.log_out()
        assert c.me is None
        site.clock(30)
    assert a.me is None


@pytest.mark.requirement("THR-14", "THR-12")
def test_141_throttled_requests_cost_nothing(build: MakeSite) -> None:
    """After five failures 20 more of one name: no password is hashed, no secret opened, no look-up more. [THR-14]"""
    work = Work()
    site = build(wire=work.wire)
    a = site.client()
    a.identify("alice")
    for _ in range(5):
        a.credential("wrong", "123456")
    token = a.open("credential").token
    work.done.clear()
    calls: list[str] = []
    with watched_store(site.host, calls.append):
        for _ in range(20):
            page = a.ours("credential", {"password": "alice-password", "code": site.code("alice")}, token=token)
            assert page.status == 429
            assert 0 < int(page.headers["Retry-After"]) <= 900
    assert "hash" not in work.done
    assert not {"charge", "spend", "add_mark"} & set(calls)
    assert a.me is None


@pytest.mark.requirement("ENR-15", "ENR-07")
def test_142_owner_locked_out_of_set_up(site: Site, a: Visitor) -> None:
    """Another session of bob guesses at its own pending key till it is gone; his own page still enables. [ENR-15]"""
    a.log_in("bob")
    a.open("setup")
    other = site.client()
    other.log_in("bob")
    for number in range(4):
        other.ours("setup", {"code": f"{number:06}"})
    assert a.set_up("bob").status == 302
    assert site.in_context(site.two_factor.is_enabled, site.host.users["bob"])


@pytest.mark.requirement("RPL-04", "THR-03")
def test_143_steps_spent_ahead_of_the_owner(site: Site, a: Visitor) -> None:
    """A shoulder surfer sends the code that the owner sees, with a wrong password and at his own account. [VER-08]"""
    code = site.code("alice")
    thief = site.client()
    thief.identify("alice")
    assert failed(thief.credential("guess", code))
    mallory = site.client()
    mallory.identify("mallory")
    assert failed(mallory.credential("mallory-password", code))
    a.identify("alice")
    assert a.credential("alice-password", code).status == 302


@pytest.mark.requirement("INP-01", "INP-04")
def test_144_names_that_grow_when_folded(build: MakeSite) -> None:
    """Names within the limit that NFKC makes 18 times longer, or empty: refused after one folding. [INP-01]"""
    work = Work()
    site = build(wire=work.wire)
    a = site.client()
    for name in ("\ufdfa" * 100, "\u3000" * 10, "\u00ad" * 5, "\u2126" * 319, "\u0149" * 200):
        assert len(unicodedata.normalize("NFKC", name)) >= 0
        token = a.open("identify").token
        work.done.clear()
        page = a.ours("identify", {"identifier": name}, token=token)
        assert page.status in (200, 302)
        assert work.done.count("form") <= 1
        assert "hash" not in work.done
