"""Codes and requests sent again, and disabling (section 2.9 of the catalogue)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.attacks.conftest import MakeSite
from tests.attacks.mounts import only
from tests.attacks.site import Site, Visitor, make_site, read_session
from tests.attacks.test_csrf import enabled, in_as
from tests.attacks.test_steps import failed
from tests.stores.racing import race
from tests.support.host import Clock
from tests.support.watching import Heard, rows, state_of

Use = Callable[[Site, str], bool]
"""Use a code of alice for one purpose, where a session of hers stands; gives whether it was accepted."""


def by_log_in(site: Site, code: str) -> bool:
    c = site.client()
    c.identify("alice")
    return c.credential("alice-password", code).status == 302


def by_challenge(site: Site, code: str) -> bool:
    c = site.client()
    c.legacy("alice")
    return c.ours("challenge", {"code": code}).status == 302


def by_verify(site: Site, code: str) -> bool:
    return bool(site.in_context(site.two_factor.verify, site.host.users["alice"], code))


USES: dict[str, Use] = {"log-in": by_log_in, "challenge": by_challenge, "verify": by_verify}


@pytest.mark.requirement("RPL-02")
def test_077_older_code_after_newer(site: Site) -> None:
    """alice used code(0); code(-1) for every purpose; code(+1) is still good. [RPL-02]"""
    former = site.code("alice", -1)
    session = in_as(site, "alice")
    site.clock(-30)
    assert [use(site, former) for use in USES.values()] == [False] * 3
    assert session.disable("alice", former).status == 200
    assert by_log_in(site, site.code("alice", 1))


@pytest.mark.requirement("RPL-01", "VER-08")
def test_078_code_seen_over_the_shoulder(site: Site, a: Visitor) -> None:
    """LOGIN(A, alice) with c; c in another browser at once, a minute later, and after her log-out. [RPL-01]"""
    code = site.code("alice", 1)
    a.identify("alice")
    assert a.credential("alice-password", code).status == 302
    assert not by_log_in(site, code)
    site.clock(60)
    assert not by_log_in(site, code)
    a.log_out()
    assert not by_log_in(site, code)


@pytest.mark.requirement("LIF-01", "THR-09")
def test_079_disable_with_a_hijacked_session(site: Site, a: Visitor) -> None:
    """alice's session is copied; DI without a code, with guesses, after 16 minutes, and with her password only."""
    a.log_in("alice")
    thief = site.client()
    thief.plant("session", str(a.cookie("session")))
    for code in ("", "000000", "111111", "alice-password"):
        assert thief.ours("manage", {"code": code, "password": "alice-password"}).status == 200
    site.clock(961)
    assert str(thief.open("manage").location).startswith(site.url("twofactor.step_up"))
    thief.ours("step_up", {"password": "alice-password"})
    assert thief.disable("alice", "222222").status == 200
    assert enabled(site)
    assert thief.open("setup").location == site.url("twofactor.manage")


@pytest.mark.requirement("RPL-03")
def test_080_replay_across_purposes(site: Site) -> None:
    """A code accepted by one purpose is refused by every other, disable too. [RPL-03]"""
    for first in USES.values():
        session = in_as(site, "alice")
        code = site.code("alice")
        assert first(site, code)
        assert [use(site, code) for use in USES.values()] == [False] * 3
        assert session.disable("alice", code).status == 200
        assert enabled(site)
        site.clock(86400)


def _racer(number: int, folder: str, at: float) -> Callable[[int], bool]:
    site = make_site(Path(folder), "plain", clock=Clock(at))
    c = site.client(REMOTE_ADDR=f"192.0.2.{number}")
    c.identify("alice")

    def act(_: int) -> bool:
        code = site.code("alice")
        token = c.open("credential").token
        return c.ours("credential", {"password": "alice-password", "code": code}, token=token).status == 302

    return act


@only("plain")
@pytest.mark.requirement("RPL-01", "RPL-04")
def test_082_one_code_in_many_processes(site: Site, tmp_path: Path) -> None:
    """14 processes log alice in with the same right code at once: one is in. [RPL-01, RPL-04]"""
    assert state_of(site.host).store
    (answers,) = race(14, 1, _racer, str(tmp_path), site.host.clock.at)
    assert sum(answers) == 1
    assert len(rows(site.host, "twofactor_mark")) == 1


@pytest.mark.requirement("CLK-02", "CLK-01")
def test_084_clock_set_back(site: Site) -> None:
    """A code is used, the clock goes back 10 minutes: that code and older ones; and times that a client gives."""
    code = site.code("alice")
    assert by_log_in(site, code)
    for seconds in (-30, -570):
        site.clock(seconds)
        assert not by_log_in(site, code)
        assert not by_log_in(site, site.code("alice"))
    site.clock(600)
    c = site.client()
    c.identify("alice")
    headers = {"Date": "Thu, 01 Jan 1970 00:00:00 GMT", "X-Time": "0"}
    fields = {"password": "alice-password", "code": site.code("alice", -10), "time": "1", "timestamp": "1"}
    assert failed(c.ours("credential", fields, headers=headers))


@pytest.mark.requirement("LIF-05", "REC-09", "SES-10")
def test_085_reset_by_mail(build: MakeSite) -> None:
    """The host resets alice's password by a mail token; is she in, is the factor on, do old sessions live? [LIF-05]"""
    site = build(TWOFACTOR_TRUSTED_BROWSERS=True)
    a = site.client()
    a.log_in("alice", remember="y", trust="y")
    site.host.users["alice"].password = "chosen by the attacker"
    site.in_context(site.two_factor.end_sessions, site.host.users["alice"])
    assert a.me is None
    thief = site.client()
    assert thief.identify("alice").asks_code
    assert failed(thief.credential("chosen by the attacker"))
    assert thief.me is None
    a.drop("session")
    assert a.identify("alice").asks_code, "her browser is trusted no longer"
    assert failed(a.credential("chosen by the attacker"))
    assert enabled(site)


@pytest.mark.requirement("VER-08", "RPL-01")
def test_086_code_burnt_by_a_stranger(site: Site) -> None:
    """A stranger sends alice's code with a wrong password, ten times; then alice sends it. [VER-08]"""
    code = site.code("alice")
    for _ in range(10):
        c = site.client()
        c.identify("alice")
        assert failed(c.credential("wrong", code))
    assert by_log_in(site, code)


@pytest.mark.requirement("RPL-06", "LIF-02")
def test_168_disable_of_an_enrolment_that_is_gone(site: Site) -> None:
    """DI with a page, code and secret of the former enrolment, after the factor was bound anew. [RPL-06, LIF-02]"""
    a = in_as(site, "alice")
    page = a.open("manage")
    stale = a.copied()
    old = site.host.secrets["alice"]
    assert a.disable("alice").status == 302
    a.set_up("alice")
    new, site.host.secrets["alice"] = site.host.secrets["alice"], old
    site.clock(60)
    assert stale.ours("manage", {"code": site.code("alice")}, token=page.token).status in (302, 400)
    assert a.disable("alice").status == 200
    assert not by_log_in(site, site.code("alice"))
    assert enabled(site)
    site.host.secrets["alice"] = new
    assert by_log_in(site, site.code("alice"))


@only("plain", "server_sessions")
@pytest.mark.requirement("RPL-07", "RPL-01")
def test_169_double_click(site: Site, a: Visitor) -> None:
    """Two equal posts at once from one jar; their cookies applied in either order: the person is in. [RPL-07]"""
    a.identify("alice")
    token, code = a.open("credential").token, site.code("alice")
    fields = {"password": "alice-password", "code": code}
    tabs = [a.copied(), a.copied()]
    for tab in tabs:
        tab.environ = a.environ
    with ThreadPoolExecutor(2) as pool:
        pages = list(pool.map(lambda tab: tab.ours("credential", fields, token=token), tabs))
    # A post that comes after the other, to a session that was renewed on the server, is led back to the first page.
    done = [page.status == 302 and "/identify" not in page.location for page in pages]
    winners = [tab for tab, right in zip(tabs, done, strict=True) if right]
    losers = [page for page, right in zip(pages, done, strict=True) if not right]
    assert len(winners) == 1
    assert winners[0].me == "alice"
    assert not any(page.cookies_set for page in losers), "the losing answer must not overwrite the cookie"


@pytest.mark.requirement("RPL-01", "SES-01", "CSR-03")
def test_170_whole_request_sent_again(site: Site, a: Visitor) -> None:
    """The POST that logged alice in, with its cookies and token, from another machine, at once and later. [RPL-01]"""
    a.identify("alice")
    token, fields = a.open("credential").token, {"password": "alice-password", "code": site.code("alice")}
    captured = a.copied()
    assert a.ours("credential", fields, token=token).status == 302
    for _ in range(3):
        assert captured.ours("credential", fields, token=token).status in (200, 302, 400)
        assert captured.me is None
        site.clock(10)
    assert a.me == "alice"


@pytest.mark.requirement("INP-03", "RPL-01")
def test_171_spent_code_in_another_dress(site: Site) -> None:
    """A spent code with spaces, hyphens, zero-width marks, in Devanagari: still spent. [INP-03, RPL-01]"""
    code = site.code("alice")
    assert by_log_in(site, code)
    devanagari = code.translate({ord("0") + n: 0x966 + n for n in range(10)})
    for dress in (
        f"{code[:3]} {code[3:]}",
        f"{code[:3]}-{code[3:]}",
        "\u200b".join(code),
        f"\u00a0{code}\t",
        devanagari,
    ):
        assert not by_log_in(site, dress), dress


@pytest.mark.requirement("RPL-03", "ENR-02", "LIF-02")
def test_172_former_authenticator(site: Site) -> None:
    """Disable, enable, reset, enable: codes of every former secret, at every door. [ENR-02, LIF-02]"""
    secrets = [site.host.secrets["alice"]]
    a = in_as(site, "alice")
    a.disable("alice")
    a.set_up("alice")
    secrets.append(site.host.secrets["alice"])
    site.in_context(site.two_factor.reset, site.host.users["alice"], "admin")
    del site.host.secrets["alice"]
    b = in_as(site, "alice")
    b.set_up("alice")
    last = site.host.secrets["alice"]
    assert len({*secrets, last}) == 3
    site.clock(60)
    for secret in secrets:
        site.host.secrets["alice"] = secret
        assert [use(site, site.code("alice")) for use in USES.values()] == [False] * 3
        assert b.disable("alice").status == 200
    assert enabled(site)


@pytest.mark.requirement("LIF-04", "STO-08")
def test_173_admin_reset_is_no_way_in(site: Site, a: Visitor) -> None:
    """An admin resets alice: the admin's browser and alice's old one are nobody; her password is needed. [LIF-04]"""
    a.log_in("alice")
    admin = in_as(site, "carol")
    heard = Heard(site.host)
    assert site.in_context(site.two_factor.reset, site.host.users["alice"], "carol")
    assert heard.events[0][1]["by"] == "carol"
    assert (a.me, admin.me) == (None, "carol")
    c = site.client()
    c.identify("alice")
    assert failed(c.credential("guess"))
    assert c.credential("alice-password").status == 302
    assert c.me == "alice"


@pytest.mark.requirement("LIF-02", "SES-02")
def test_174_sessions_of_before_disable(site: Site, a: Visitor, b: Visitor) -> None:
    """Copies of two sessions of alice, DISABLE in one: what is left of the others, and of the old jar. [LIF-02]"""
    b.log_in("alice", remember="y")
    site.clock(30)
    a.log_in("alice")
    before = a.copied()
    site.clock(30)
    assert a.disable("alice").status == 302
    assert (a.me, b.me, before.me) == ("alice", None, None)
    assert read_session(a) != read_session(before)


@pytest.mark.requirement("RPL-03", "LIF-01")
def test_175_step_up_with_a_spent_code(build: MakeSite) -> None:
    """A view under @fresh: the code of the log-in, a GET with the code, and the password instead. [RPL-03]"""
    site = build(views=lambda app: app.add_url_rule("/vault", "host.vault", vault))
    guarded = site.two_factor.fresh(seconds=60)(lambda: "VAULT")
    site.app.view_functions["host.vault"] = guarded
    code = site.code("alice")
    a = in_as(site, "alice")
    site.clock(60)
    page = a.get(site.url("host.vault"))
    assert str(page.location).startswith(site.url("twofactor.challenge"))
    assert a.ours("challenge", {"code": code}).status == 200
    a.get(site.url("twofactor.challenge", code=site.code("alice")))
    a.ours("step_up", {"password": "alice-password"})
    assert "VAULT" not in a.get(site.url("host.vault")).text
    a.ours("challenge", {"code": site.code("alice")})
    assert a.get(site.url("host.vault")).text == "VAULT"


def vault() -> str:
    """Stand where the guarded view comes."""
    return ""


@pytest.mark.requirement("RPL-01", "RPL-04")
def test_176_two_doors_at_once(site: Site) -> None:
    """One code at the log-in, at the challenge and by verify(), at once in three threads: one accepts it. [RPL-01]"""
    code = site.code("alice")
    acts = [by_log_in, by_challenge, by_verify]
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda act: act(site, code), acts))
    assert answers.count(True) == 1
