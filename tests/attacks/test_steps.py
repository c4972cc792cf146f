"""Skipping or confusing the steps of the log-in (section 2.2 of the catalogue)."""

from __future__ import annotations

from typing import Any

import pytest

from flask_twofactor.web.session import KEYS, MARK_KEY, PENDING_KEY
from tests.attacks.conftest import MakeSite
from tests.attacks.mounts import only
from tests.attacks.site import PUBLIC, Page, Site, Visitor, forge, read_session
from tests.support.watching import Heard

REFUSED = "These details are not right. Check them and try again."
FACTOR_WORDS = (
    "otp_verified", "2fa", "mfa", "two_factor_passed", "is_verified", "verified", "tf_primary_method", "tf_state",
    "_fresh", "_user_verified", "authenticated", "otp_user_id", "totp_confirmed", "stepup", "trusted", "_remember",
)  # fmt: skip


def failed(page: Page) -> bool:
    """Whether the page is the generic failure."""
    return page.status == 200 and page.alert == REFUSED and not page.cookies_set


def closed(site: Site, visitor: Visitor, *, owing: bool = False) -> bool:
    """Whether every page that needs a log-in turns this visitor away, and ours show nothing of an account.

    With ``owing`` the page that asks for the code may open.
    """
    for endpoint, methods in site.rules():
        if endpoint in PUBLIC or endpoint in ("twofactor.identify", "twofactor.credential"):
            continue
        for method in sorted(methods & {"GET", "POST"}):
            page = visitor.send(method, site.path_of(endpoint))
            asked = owing and endpoint == "twofactor.challenge" and page.status == 200
            assert asked or page.status in (302, 303, 400, 401), (endpoint, method, page.status)
            assert "SECRET PAGE" not in page.text
            assert "otpauth" not in page.text
    return visitor.me is None and not site.app.extensions.get("acted")


@pytest.mark.requirement("VER-01")
def test_001_forced_browsing_after_step_one(site: Site, a: Visitor) -> None:
    """ID(alice), then every route of the host and of ours. [VER-01]"""
    a.identify("alice")
    assert closed(site, a)


@pytest.mark.requirement("VER-01", "SES-11")
def test_002_forced_browsing_after_the_right_password(site: Site, a: Visitor) -> None:
    """ID(alice), CR(right, wrong code), CR(right, none), then every route. [VER-01, SES-11]"""
    a.identify("alice")
    before = a.cookies()
    assert failed(a.credential("alice-password", site.wrong("alice")))
    assert failed(a.credential("alice-password"))
    assert a.cookies() == before
    assert closed(site, a)


@pytest.mark.requirement("VER-02")
def test_003_swap_of_the_account_between_the_steps(site: Site, a: Visitor) -> None:
    """ID(bob) shows no code box; CR with identifier=alice, her password, no code. [VER-02]"""
    assert not a.identify("bob").asks_code
    assert failed(a.credential("alice-password", identifier="alice"))
    assert a.me is None


@pytest.mark.requirement("VER-02", "LIF-03")
def test_004_another_account_in_a_field_of_the_form(site: Site) -> None:
    """ID(mallory), CR(mallory's own values, with alice in every field that selects accounts elsewhere). [VER-02]"""
    fields = ("user_id", "subject", "user", "username", "account", "id", "_user_id", "uid")
    for value in ("alice", "1"):
        a = site.client()
        a.identify("mallory")
        a.credential("mallory-password", site.code("mallory"), **dict.fromkeys(fields, value))
        assert a.me == "mallory"
        site.clock(60)


@pytest.mark.requirement("VER-09")
def test_005_own_code_on_another_account(site: Site, a: Visitor) -> None:
    """ID(alice), CR(alice's password, code(mallory)). [VER-09]"""
    a.identify("alice")
    assert failed(a.credential("alice-password", site.code("mallory")))
    assert a.me is None


@pytest.mark.requirement("VER-01")
def test_006_right_parts_in_two_submissions(site: Site, a: Visitor) -> None:
    """ID(alice), CR(right, none), CR(none, right code), CR(wrong, right code). [VER-01]"""
    a.identify("alice")
    assert failed(a.credential("alice-password", ""))
    assert failed(a.credential(None, site.code("alice")))
    assert failed(a.credential("wrong", site.code("alice")))
    assert a.me is None


@pytest.mark.requirement("VER-02")
@pytest.mark.parametrize("named", [True, False])
def test_007_two_tabs_two_accounts(site: Site, a: Visitor, named: bool) -> None:
    """Tab 1 ID(mallory), tab 2 ID(alice); tab 1's form with mallory's values, with and without its name. [VER-02]"""
    tab = a.identify("mallory")
    a.identify("alice")
    fields = {
        "password": "mallory-password",
        "code": site.code("mallory"),
        **({"identifier": "mallory"} if named else {}),
    }
    a.ours("credential", fields, token=tab.token)
    assert a.me == ("mallory" if named else None)


@pytest.mark.requirement("VER-01")
def test_008_step_two_without_step_one(site: Site, a: Visitor, build: MakeSite) -> None:
    """CR with everything right in a jar without ID, and with the pending step of a site with another key. [VER-01]"""
    token = a.open("identify").token
    fields = {"password": "alice-password", "code": site.code("alice"), "identifier": "alice"}
    assert a.ours("credential", fields, token=token).status == 302
    assert a.me is None
    other = build("other", SECRET_KEY="the key of quite another site: 0123456789", fresh=True).client()
    other.identify("alice")
    forge(a, {PENDING_KEY: read_session(other)[PENDING_KEY], "csrf_token": read_session(a).get("csrf_token", "")})
    assert a.open("credential").status == 302
    assert a.me is None


@pytest.mark.requirement("VER-02", "ENU-01")
def test_009_factor_disabled_between_the_pages(site: Site, a: Visitor, b: Visitor) -> None:
    """ID(A, alice); alice disables at B; CR(A, wrong, junk) says nothing, CR(A, right, junk) is in. [VER-02, ENU-01]"""
    b.log_in("alice")
    a.identify("alice")
    site.clock(30)
    b.disable("alice")
    assert failed(a.credential("wrong", "junk"))
    assert a.credential("alice-password", "junk").status == 302
    assert a.me == "alice"


@pytest.mark.requirement("VER-02")
def test_010_factor_enabled_between_the_pages(site: Site, a: Visitor, b: Visitor) -> None:
    """ID(A, bob) shows no code box; bob enables at B; CR(A, right) without a code. [VER-02]"""
    assert not a.identify("bob").asks_code
    b.log_in("bob")
    b.set_up("bob")
    assert failed(a.credential("bob-password"))
    assert a.me is None


@pytest.mark.requirement("VER-01")
def test_011_response_tampering(site: Site, a: Visitor) -> None:
    """ID(alice), CR(right, wrong); the client goes on as if the answer had been the success. [VER-01]"""
    a.identify("alice")
    a.credential("alice-password", site.wrong("alice"))
    for endpoint in ("host.me", "twofactor.settings", "twofactor.setup", "twofactor.manage", "twofactor.challenge"):
        assert a.get(site.url(endpoint)).status in (302, 401)
    assert a.me is None


@pytest.mark.requirement("VER-02", "SES-14")
def test_012_values_planted_in_the_session_waive_nothing(site: Site, a: Visitor) -> None:
    """The host stores words that other products trust, and ours; then CR(alice, right) without a code. [VER-02]"""
    values: list[Any] = [True, 1, "1", "alice", site.host.clock.at]
    for value in values[:2]:
        forge(a, {**dict.fromkeys((*FACTOR_WORDS, *KEYS), value), "_user_id": "1"})
        assert a.me is None
    for value in values:
        forge(a, dict.fromkeys(FACTOR_WORDS, value))
        a.identify("alice")
        a.credential("alice-password")
        assert a.me is None
        site.clock(900)


@pytest.mark.requirement("SES-15")
def test_013_user_switch_in_one_browser(site: Site, a: Visitor) -> None:
    """LOGIN(A, alice), save; LOGIN(A, mallory) over it; alice's session back, mallory's other cookies kept. [SES-15]"""
    a.log_in("alice", remember="y")
    saved = a.cookie("session")
    a.follow(a.submit(site.url("twofactor.identify", switch="1"), {"identifier": "mallory"}))
    a.credential("mallory-password", site.code("mallory"), remember="y")
    assert a.me == "mallory"
    a.plant("session", str(saved))
    assert a.me != "alice"
    assert a.get(site.url("host.open")).text == "False"


@pytest.mark.requirement("VER-02", "SES-15")
def test_014_owed_code_answered_with_another_identity(site: Site, a: Visitor) -> None:
    """mallory's password at the old log-in owes a code; the challenge with her code and alice's names. [VER-02]"""
    a.legacy("mallory")
    fields = {"code": site.code("mallory"), "identifier": "alice", "user_id": "1", "subject": "1", "account": "alice"}
    a.ours("challenge", fields)
    assert a.me == "mallory"
    bob = site.client()
    bob.log_in("bob")
    bob.submit(site.url("twofactor.challenge"), {"code": site.code("alice"), "identifier": "alice"}, token="x")
    assert bob.me == "bob"


@pytest.mark.requirement("VER-01", "SES-07")
def test_109_pending_step_stolen(site: Site, a: Visitor) -> None:
    """ID(A, alice); the jar copied to C before and after LOGIN(A). [VER-01, SES-07]"""
    a.identify("alice")
    stolen = a.copied()
    a.credential("alice-password", site.code("alice"))
    assert a.me == "alice"
    assert stolen.me is None
    assert closed(site, stolen)


@pytest.mark.requirement("SES-06")
def test_110_pending_step_kept_for_later(site: Site, a: Visitor) -> None:
    """ID(alice); jar kept; 10 minutes and a second later CR with everything right. [SES-06]"""
    token = a.identify("alice").token
    site.clock(601)
    page = a.ours("credential", {"password": "alice-password", "code": site.code("alice")}, token=token)
    assert page.status == 200
    assert 'name="password"' not in page.text
    assert a.me is None


@pytest.mark.requirement("CSR-04", "CSR-05")
def test_111_log_in_by_link(site: Site, a: Visitor) -> None:
    """ID(alice); GET and HEAD of the credential page with password, code and token in the query. [CSR-04, CSR-05]"""
    token = a.identify("alice").token
    values = {"password": "alice-password", "code": site.code("alice"), "csrf_token": token, "identifier": "alice"}
    for method in ("GET", "HEAD"):
        assert a.send(method, site.url("twofactor.credential", **values)).status == 200
        assert a.me is None
    heard = Heard(site.host)
    a.submit(site.url("twofactor.credential", code=site.code("alice")), {"password": "alice-password"})
    assert a.me is None
    assert heard.names == []


@pytest.mark.requirement("VER-01")
def test_112_right_values_at_the_wrong_page(site: Site, a: Visitor) -> None:
    """ID(alice); password, code and token of the credential page posted to every other page. [VER-01]"""
    token = a.identify("alice").token
    fields = {"identifier": "alice", "password": "alice-password", "code": site.code("alice")}
    for page in ("challenge", "setup", "manage", "step_up", "identify"):
        a.ours(page, fields, token=token)
        assert a.me is None, page
    assert site.in_context(site.two_factor.verify, site.host.users["alice"], site.code("alice")), "the code was spent"


@pytest.mark.requirement("VER-10")
def test_113_names_of_fields_that_are_nearly_right(site: Site, a: Visitor) -> None:
    """ID(alice), CR(right) with the code under names that some parsers read as ``code``. [VER-10]"""
    a.identify("alice")
    code = site.code("alice")
    near = dict.fromkeys(
        ["code[]", "code[0]", "Code", "CODE", "code ", " code", "code.0", "otp", "code\x00", "cоde"], code
    )
    assert failed(a.credential("alice-password", **near))
    assert a.me is None


BAD_CODES = [
    "", " ", "0", "12345", "1234567", "null", "None", "true", "[]", "{}", "%00", "\x00", "-12345", "+12345", "1e5",
    "0x1e24",
    "12345a", "abcdef", "１２３４５", "²²²²²²", "①②③④⑤⑥", "½½½½½½", "一二三四五六", "12.456", "12,456", "١٢٣٤٥",
    "code", "*", "%",
    "' or '1'='1", "\\d{6}", "123456\x0012", "123456;", "9" * 64, "9" * 65, "\ud800",
    "\U0001f600" * 6, "'; drop table x;--",
]  # fmt: skip


@pytest.mark.requirement("VER-10", "INP-06")
def test_114_what_is_no_code(site: Site) -> None:
    """ID(alice), CR(right, each of a table of things that are no code): the page of a wrong code. [VER-10, INP-06]"""
    a = site.client()
    a.identify("alice")
    wrong = a.credential("alice-password", site.wrong("alice")).bare("alice")
    heard = Heard(site.host)
    for code in site.some(BAD_CODES):
        a.environ = site.client().environ
        site.clock(400)
        a.identify("alice")
        token = a.open("credential").token
        sent = {"csrf_token": token, "password": "alice-password", "code": code.encode("utf-8", "surrogatepass")}
        assert a.send("POST", site.url("twofactor.credential"), data=sent).bare("alice") == wrong, repr(code)
    assert heard.names == []
    assert a.me is None


@pytest.mark.requirement("INP-03", "RPL-01")
def test_115_one_code_in_two_scripts(site: Site, a: Visitor, b: Visitor) -> None:
    """LOGIN(A, alice) with full-width digits; LOGIN(B) with the same code in Arabic-Indic ones. [INP-03, RPL-01]"""
    code = site.code("alice")
    a.identify("alice")
    a.credential("alice-password", code.translate({ord("0") + n: 0xFF10 + n for n in range(10)}))
    assert a.me == "alice"
    for script in (0x660, 0x966, 0x1D7CE, ord("0")):
        b.identify("alice")
        assert failed(b.credential("alice-password", code.translate({ord("0") + n: script + n for n in range(10)})))
    assert b.me is None


@pytest.mark.requirement("VER-11")
@pytest.mark.parametrize("flags", [{"TESTING": True}, {"DEBUG": True}, {"LOGIN_DISABLED": False, "ENV": "development"}])
def test_116_settings_of_a_test_run(build: MakeSite, flags: dict[str, Any]) -> None:
    """The site runs with TESTING or DEBUG on; CR(alice, right) with no code and with codes people dream of. [VER-11]"""
    site = build(**flags)
    a = site.client()
    a.identify("alice")
    for code in (None, "000000", "123456", "111111"):
        assert failed(a.credential("alice-password", code))
    assert not a.legacy("alice")["authenticated"]
    assert a.me is None


HEADERS = [
    {"X-2FA": "ok"}, {"X-Forwarded-For": "127.0.0.1"}, {"X-Real-IP": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"},
    {"X-Original-URL": "/open"}, {"X-Rewrite-URL": "/open"}, {"X-Requested-With": "XMLHttpRequest"},
    {"X-User": "alice"},
    {"Authorization": "Basic YWxpY2U6YWxpY2UtcGFzc3dvcmQ="}, {"Remote-User": "alice"}, {"X-Authenticated": "true"},
    {"Accept": "application/json"}, {"X-Forwarded-Prefix": "/open"}, {"X-Forwarded-Host": "localhost"},
]  # fmt: skip


@pytest.mark.requirement("VER-11", "THR-07")
def test_117_headers_that_promise_trust(site: Site) -> None:
    """ID(alice), CR(right) without a code, and ME, each with a header that some set-up trusts. [VER-11, THR-07]"""
    for headers in site.some(HEADERS):
        a = site.client()
        a.identify("alice")
        a.ours("credential", {"password": "alice-password"}, headers=headers)
        assert a.get(site.url("host.me"), headers=headers).status in (302, 401, 404), headers
        assert a.get(site.url("host.admin"), headers=headers).status in (302, 401, 404), headers
    assert not site.app.extensions.get("acted")


@pytest.mark.requirement("VER-13")
def test_118_account_that_is_not_active(site: Site, a: Visitor, b: Visitor) -> None:
    """alice and bob are deactivated; LOGIN with everything right, and by the old log-in. [VER-13]"""
    for visitor, name in ((a, "alice"), (b, "bob")):
        site.host.users[name].active = False
        visitor.identify(name)
        code = site.code(name) if name == "alice" else None
        assert failed(visitor.credential(f"{name}-password", code))
        assert MARK_KEY not in read_session(visitor)
        assert not visitor.legacy(name)["authenticated"]
        assert visitor.me is None


@only("prefix")
@pytest.mark.requirement("FLG-09")
def test_119_default_path_of_the_pages_under_another_prefix(site: Site, a: Visitor) -> None:
    """With the pages at /x/y, the default paths lead nowhere. [FLG-09]"""
    assert [a.get(f"/two-factor/{page}").status for page in ("identify", "setup", "manage", "settings")] == [404] * 4
    assert a.open("identify").status == 200
