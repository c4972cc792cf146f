"""The duty to set up, rescue, and several authenticators attacked, on every mount."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_twofactor import TwoFactor
from flask_twofactor.flows import recovery, rescue
from flask_twofactor.web.session import COMPANION_COOKIE
from tests.attacks.conftest import MakeSite
from tests.attacks.mounts import only
from tests.attacks.site import PUBLIC, Page, Site, Visitor, forge
from tests.attacks.test_csrf import enabled, in_as
from tests.attacks.test_steps import failed
from tests.support.host import secret_on
from tests.support.spares import code_of
from tests.support.watching import rows, state_of

OPEN = ("twofactor.identify", "twofactor.credential", "twofactor.unlock", "twofactor.setup", "twofactor.step_up")
"""Pages of ours that open for whoever owes the set-up."""


def must(two_factor: TwoFactor) -> None:
    """Make the factor mandatory for bob."""
    two_factor.requirement(lambda user: user.username == "bob")


@pytest.fixture
def strict(build: MakeSite) -> Site:
    """The attacked site, where bob must have the factor and has not."""
    return build(wire=must)


def only_setup(site: Site, visitor: Visitor, headers: dict[str, str] | None = None) -> bool:
    """Whether every route of the host and of ours, by each method, is closed but for the set-up itself."""
    for endpoint, methods in site.rules():
        if endpoint in (*PUBLIC, *OPEN, "twofactor.log_out"):
            continue
        for method in sorted(methods - {"OPTIONS"}):
            page = visitor.send(method, site.path_of(endpoint), headers=headers or {})
            assert page.status in (302, 303, 400, 401, 403), (endpoint, method, page.status)
            assert "SECRET PAGE" not in page.text
    assert not site.app.extensions.get("acted")
    # OPTIONS is for everybody, as Flask-Login has it; the view runs for nobody then.
    assert visitor.send("OPTIONS", site.url("host.admin"), headers=headers or {}).text == "SECRET PAGE of None"
    site.app.extensions["acted"] = 0
    return visitor.get(site.url("host.open"), headers=headers or {}).text == "False"


def by_pages(_: Site, visitor: Visitor) -> None:
    visitor.log_in("bob")


def by_view(_: Site, visitor: Visitor) -> None:
    assert visitor.legacy("bob", force="y") == {"entered": True, "authenticated": False}


def by_cookie(_: Site, visitor: Visitor) -> None:
    visitor.legacy("bob", remember="y")
    visitor.drop("session")


def by_session(_: Site, visitor: Visitor) -> None:
    forge(visitor, {"_user_id": "2", "_fresh": True})


WAYS: dict[str, Callable[[Site, Visitor], None]] = {
    "our pages": by_pages, "login_user": by_view, "remember cookie": by_cookie, "forged session": by_session,
}  # fmt: skip


@pytest.mark.requirement("LIF-07", "FLG-01", "FLG-02", "FLG-05")
def test_218_set_up_owed_and_another_door(strict: Site) -> None:
    """bob owes the set-up, by each way in: every route and method, with his own token header too. [LIF-07, FLG-05]"""
    for way in strict.some(WAYS):
        visitor = strict.client()
        WAYS[way](strict, visitor)
        assert only_setup(strict, visitor)
    assert only_setup(strict, visitor, {"X-Token": "bob"})


@pytest.mark.requirement("LIF-07", "FLG-02", "FLG-04")
def test_219_set_up_owed_by_a_header(strict: Site) -> None:
    """bob by the token of a request loader, and by login_user before each request; carol by both. [FLG-02, FLG-04]"""
    for header in ("X-Token", "X-Remote-User"):
        assert only_setup(strict, strict.client(), {header: "bob"})
        assert strict.client().get(strict.url("host.me"), headers={header: "carol"}).text == "carol"


@pytest.mark.requirement("LIF-07", "LIF-01")
def test_220_duty_evaded(strict: Site) -> None:
    """bob sets up, then disables, removes, or logs in by an old session of before the duty. [LIF-07]"""
    bob = strict.client()
    bob.log_in("bob")
    before = bob.jar()
    assert bob.set_up("bob").status == 302
    assert bob.me == "bob"
    strict.clock(30)
    token = bob.open("recovery").token
    assert bob.ours("manage", {"code": strict.code("bob")}, token=token).status == 200
    [row] = [row for row in rows(strict.host, "twofactor_enrolment") if row["subject"] == "2"]
    gone = bob.ours("remove_authenticator", {"code": strict.code("bob"), "authenticator": row["id"]}, token=token)
    assert gone.location == strict.url("twofactor.manage")
    assert enabled(strict, "bob")
    old = strict.client().use(before)
    assert old.me is None
    assert str(old.open("setup").location).startswith(strict.url("twofactor.identify"))


@only("plain")
@pytest.mark.requirement("LIF-07", "FLG-03")
@pytest.mark.parametrize("later", [True, False])
def test_221_rule_that_comes_later(site: Site, later: bool) -> None:
    """Attack 29 for the duty: the hook is given after the first request, and the LoginManager's loader replaced."""
    bob = site.client()
    bob.log_in("bob")
    assert bob.me == "bob"
    must(site.two_factor)
    if later:
        users = {str(user.id): user for user in site.host.users.values()}
        site.app.login_manager.user_loader(users.get)  # type: ignore[attr-defined]
    assert only_setup(site, bob)


def rescued(site: Site) -> Visitor:
    """Give somebody who has logged in as alice with a rescue code."""
    code = site.in_context(rescue.issue, state_of(site.host), site.host.users["alice"], "ops", "desk").code
    visitor = site.client()
    visitor.identify("alice")
    page = visitor.credential("alice-password", code, remember="y")
    assert str(page.location).startswith(site.url("twofactor.setup"))
    return visitor


@pytest.mark.requirement("LIF-07", "REC-10", "FLG-05")
def test_222_rescue_code_as_a_way_in(site: Site) -> None:
    """alice's rescue code: every route, each method; her token, her remember cookie, her old code again. [REC-10]"""
    visitor = rescued(site)
    assert only_setup(site, visitor)
    assert only_setup(site, visitor, {"X-Token": "alice"})
    remembered = visitor.copied()
    remembered.drop("session")
    assert remembered.me is None
    assert remembered.open("challenge").status == 200
    bare = visitor.copied()
    bare.drop("session", COMPANION_COOKIE)
    assert bare.me is None
    assert enabled(site)
    assert in_as(site, "alice").me == "alice"
    assert only_setup(site, visitor)


@pytest.mark.requirement("REC-10", "SES-03", "LIF-08")
def test_223_rescued_session_copied(site: Site) -> None:
    """A rescued session is copied; its owner finishes, or logs out: what becomes of the copy. [SES-03]"""
    for finishes in (True, False):
        visitor = rescued(site)
        copy = visitor.copied()
        copy.drop("remember_token", COMPANION_COOKIE)
        if finishes:
            assert visitor.set_up("alice").status == 302
            assert visitor.me == "alice"
        else:
            visitor.ours("log_out", {}, token=visitor.open("setup").token)
        assert only_setup(site, copy)
        assert str(copy.open("setup").location).startswith(site.url("twofactor.identify"))
        site.clock(30)


@pytest.mark.requirement("REC-01", "VER-09", "THR-08")
def test_083_recovery_code_of_another(site: Site) -> None:
    """mallory's recovery and rescue codes at alice's log-in, challenge and settings: refused, counted. [REC-01]"""
    state, users = state_of(site.host), site.host.users
    made, _ = site.in_context(recovery.renew_from_python, state, users["mallory"], 0, None)
    saved = site.in_context(rescue.issue, state, users["mallory"], "ops", "desk").code
    alice = in_as(site, "alice")
    for code in (made[0], saved):
        c = site.client()
        c.identify("alice")
        assert failed(c.credential("alice-password", code))
        c.legacy("alice")
        assert c.ours("challenge", {"code": code}).status == 200
        assert alice.disable("alice", code).status == 200
        assert alice.ours("add_authenticator", {"name": "x", "code": code}).status == 200
    [row] = [row for row in rows(site.host, "twofactor_account") if row["subject"] == "1"]
    assert len(row["recovery"].split(",")) == 8
    assert state.store.recovery("3").left == 10
    c = site.client()
    c.identify("mallory")
    assert c.credential("mallory-password", made[0]).status == 302


@pytest.mark.requirement("LIF-01", "LIF-03", "ENR-04", "THR-09")
def test_224_authenticator_slipped_in(site: Site) -> None:
    """alice's session is hijacked: a device of the thief's without a code, with a spent one, by her own pending key."""
    code = site.code("alice")
    alice = in_as(site, "alice")
    thief = site.client()
    thief.plant("session", str(alice.cookie("session")))
    for guess in ("", "000000", code, "alice-password"):
        page = thief.ours("add_authenticator", {"name": "x", "code": guess, "password": "alice-password"})
        assert page.status == 200
    for method in ("GET", "HEAD"):
        assert "otpauth" not in thief.send(method, site.url("twofactor.new_authenticator")).text
    mallory = in_as(site, "mallory")
    mallory.ours("add_authenticator", {"name": "m", "code": site.code("mallory"), "user_id": "1", "subject": "1"})
    hers = secret_on(mallory.open("new_authenticator").answer)
    fields = {"code": code_of(site.host, hers), "user_id": "1"}
    assert thief.ours("new_authenticator", fields, token=thief.open("add_authenticator").token).status == 302
    assert len([row for row in rows(site.host, "twofactor_enrolment") if row["subject"] == "1"]) == 1
    c = site.client()
    c.identify("alice")
    assert failed(c.credential("alice-password", code_of(site.host, hers)))


@pytest.mark.requirement("LIF-08", "SES-02")
def test_225_removed_authenticator_still_at_hand(site: Site) -> None:
    """alice removes her lost phone: sessions of before, its codes at every door, its key set up again. [LIF-08]"""
    old = site.client()
    old.log_in("alice", remember="y")
    site.clock(30)
    alice = in_as(site, "alice")
    alice.ours("add_authenticator", {"name": "new", "code": site.code("alice")})
    site.clock(30)
    lost = site.host.secrets["alice"]
    fresh = secret_on(alice.open("new_authenticator").answer)
    assert alice.ours("new_authenticator", {"code": code_of(site.host, fresh)}).status == 302
    site.clock(30)
    [row] = [row for row in rows(site.host, "twofactor_enrolment") if row["subject"] == "1" and not row["name"]]
    token = alice.open("remove_authenticator", authenticator=row["id"]).token
    fields = {"authenticator": row["id"], "code": code_of(site.host, fresh)}
    assert alice.ours("remove_authenticator", fields, token=token).status == 302
    site.clock(30)
    assert old.me is None
    code = code_of(site.host, lost)
    c = site.client()
    c.identify("alice")
    assert failed(c.credential("alice-password", code))
    c.legacy("alice")
    assert c.ours("challenge", {"code": code}).status == 200
    assert alice.disable("alice", code).status == 200
    assert not site.in_context(site.two_factor.verify, site.host.users["alice"], code)
    site.host.secrets["alice"] = fresh
    assert in_as(site, "alice").me == "alice"


@pytest.mark.requirement("CSR-01", "CSR-08", "LIF-07")
def test_226_forms_of_other_sites(build: MakeSite) -> None:
    """The new forms, sent by another site and without a token: add, new, remove, sessions, log out. [CSR-01]"""
    site = build(wire=must)
    alice, bob = in_as(site, "alice"), site.client()
    bob.log_in("bob")
    sent: list[Page] = []
    for visitor, page in (
        (alice, "add_authenticator"), (alice, "new_authenticator"), (alice, "sessions"), (bob, "log_out"),
    ):  # fmt: skip
        data: dict[str, Any] = {"name": "x", "code": site.code("alice")}
        for headers in ({}, {"Sec-Fetch-Site": "cross-site"}):
            sent.append(visitor.send("POST", site.url(f"twofactor.{page}"), data=data, headers=headers))
    assert {page.status for page in sent} <= {400, 403}
    assert alice.me == "alice"
    assert bob.open("setup").status == 200
