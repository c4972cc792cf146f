"""Which accounts there are (section 2.11 of the catalogue), byte for byte and call for call."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_twofactor import TwoFactor
from tests.attacks.conftest import MakeSite
from tests.attacks.mounts import COUNTED, only
from tests.attacks.site import Page, Site, Visitor, read_session
from tests.attacks.test_steps import failed
from tests.support.watching import broken_store, tamper, watched_store

Seen = tuple[int, list[tuple[str, str]], str]
WITH_BOX, WITHOUT = "with box", "without box"


def kinds(site: Site) -> dict[str, dict[str, str]]:
    """Give names of five letters of every kind, by whether their page has a code box."""
    users = site.host.users
    for name, old in (("alicx", "alice"), ("bobxx", "bob"), ("malxx", "mallory"), ("carxx", "carol")):
        users[name] = users[old]
    users["mallory"].active = users["carol"].active = False
    return {
        WITH_BOX: {"enabled": "alicx", "inactive": "malxx", "absent": site.ghost(box=True)},
        WITHOUT: {"password only": "bobxx", "inactive": "carxx", "absent": site.ghost(box=False)},
    }


def fresh(site: Site) -> Visitor:
    """Give an asker at an address of fixed length, so that nothing of the asker differs."""
    return site.client()


@pytest.mark.requirement("ENU-04", "INP-04")
def test_093_variants_of_a_name(site: Site) -> None:
    """Present and absent names in eight spellings each: one answer a name. [ENU-04]"""
    for name in ("alice", "bob", site.ghost(box=True), site.ghost(box=False)):
        wide = "".join(chr(ord(char) + 0xFEE0) for char in name)
        spellings = [
            name,
            name.upper(),
            name.title(),
            f" {name} ",
            wide,
            f"\u00a0{name}\u3000",
            name.swapcase(),
            f"{name}\t"[:-1],
        ]
        boxes = {fresh(site).identify(spelling).asks_code for spelling in spellings}
        assert len(boxes) == 1, name


@pytest.mark.requirement("ENU-02", "ENU-03")
def test_094_asking_again(site: Site, build: MakeSite) -> None:
    """12 absent names asked twice, after a restart, and after SECRET_KEY was rotated: no answer flips. [ENU-02]"""
    names = [site.ghost(box=True), site.ghost(box=False), *(f"nobody{number}@e.test" for number in range(10))]
    asker = site.client()
    first = [asker.identify(name).asks_code for name in names]
    assert first[:2] == [True, False]
    assert [asker.identify(name).asks_code for name in names] == first
    again = build(clock=site.host.clock).client()
    assert [again.identify(name).asks_code for name in names] == first
    new = "a secret key that was rotated: 0123456789abcdef"
    rotated = build(clock=site.host.clock, SECRET_KEY=new, SECRET_KEY_FALLBACKS=[site.app.secret_key]).client()
    assert [rotated.identify(name).asks_code for name in names] == first


@only(*COUNTED)
@pytest.mark.requirement("ENU-05", "ENU-02")
def test_095_flip_watching(site: Site) -> None:
    """Names polled for 40 days, through failures, throttling and strangers' log-ins: absent ones do not flip."""
    names = [site.ghost(box=True), site.ghost(box=False), *(f"poll{number}" for number in range(6))]
    asker = site.client()
    first = [asker.identify(name).asks_code for name in names]
    for day in range(4):
        for name in names[day::4]:
            c = site.client()
            c.identify(name)
            c.credential("wrong", "123456")
        site.client().log_in("bob")
        site.clock(10 * 86400)
        assert [site.client().identify(name).asks_code for name in names] == first


@pytest.mark.requirement("ENU-01", "ENU-06", "ENU-09")
def test_096_bytes_of_the_first_two_pages(site: Site) -> None:
    """The redirect of step one and the page of step two, for every kind of name: equal bytes and headers. [ENU-01]"""
    for group in kinds(site).values():
        seen: list[tuple[Seen, Seen]] = []
        for name in group.values():
            c = fresh(site)
            sent = c.submit(site.url("twofactor.identify"), {"identifier": name})
            seen.append((sent.bare(name), c.follow(sent).bare(name)))
        assert all(one == seen[0] for one in seen)


def trace(site: Site, name: str, attempt: tuple[str | None, str | None] | None) -> list[Any]:
    """Give the store calls and hook calls of step one (no attempt) or of one submission, in order."""
    calls: list[str] = []
    c = fresh(site)
    hooks = site.two_factor._hooks
    kept = hooks.user_lookup, hooks.password_check, hooks.may_login
    if attempt is not None:
        c.identify(name)
    token = c.open("identify" if attempt is None else "credential").token

    def watch(label: str, act: Any) -> Any:
        def watched(*given: Any) -> Any:
            calls.append(label)
            return act(*given)

        return watched

    hooks.user_lookup, hooks.password_check = watch("look-up", kept[0]), watch("hash", kept[1])
    try:
        with watched_store(site.host, calls.append):
            if attempt is None:
                c.follow(c.ours("identify", {"identifier": name}, token=token))
            else:
                fields = {
                    key: value for key, value in zip(("password", "code"), attempt, strict=True) if value is not None
                }
                c.ours("credential", fields, token=token)
    finally:
        hooks.user_lookup, hooks.password_check, hooks.may_login = kept
    return calls


@only(*COUNTED)
@pytest.mark.requirement("ENU-01", "ENU-06", "VER-07")
def test_097_work_of_an_answer(site: Site) -> None:
    """Store calls, look-ups and hashes in order, at step one and for each failure, for every kind of name. [VER-07]"""
    groups = kinds(site)
    everybody = [name for group in groups.values() for name in group.values()]
    first = [trace(site, name, None) for name in everybody]
    assert all(one == first[0] for one in first)
    for attempt in (("wrong", "123456"), ("wrong", None), (None, "123456"), ("wrong", "x")):
        done = [trace(site, name, attempt) for name in everybody]
        assert all(one == done[0] for one in done), attempt
        assert "hash" in done[0]
        site.clock(1000)
    wrong = trace(site, "alicx", ("wrong", "123456"))
    assert trace(site, "alicx", ("alice-password", site.wrong("alice"))) == wrong
    assert trace(site, "alicx", ("alice-password", None)) == wrong


@only(*COUNTED)
@pytest.mark.requirement("ENU-06", "THR-05", "VER-06")
def test_098_series_of_failures(site: Site) -> None:
    """Nine failures in a row of every kind of name, an address each: equal status, headers, body, wait. [ENU-06]"""
    for group in kinds(site).values():
        series: list[list[Seen]] = []
        for name in group.values():
            c = fresh(site)
            c.identify(name)
            series.append([c.credential("wrong", "123456").bare(name) for _ in range(9)])
        assert all(one == series[0] for one in series)
        assert series[0][0][0] == 200
        assert series[0][-1][0] == 429


def shown(page: Page) -> list[str]:
    """Give the tags of a page, without what they hold."""
    return [part.split(" ")[0].split(">")[0] for part in page.text.split("<")]


@pytest.mark.requirement("REC-08", "ENU-01")
def test_099_optional_elements(site: Site) -> None:
    """The elements of page two for names with and without a box: the code field is the one difference. [REC-08]"""
    groups = kinds(site)
    for group in groups.values():
        pages = [fresh(site).identify(name) for name in group.values()]
        assert all(shown(page) == shown(pages[0]) for page in pages)
        for word in ("remember", "recovery", "trust", "forgot", "help"):
            assert len({word in page.text.lower() for page in pages}) == 1
    boxes = [fresh(site).identify(next(iter(group.values()))) for group in groups.values()]
    assert [page.asks_code for page in boxes] == [True, False]
    assert [page.text.count('name="remember"') for page in boxes] == [1, 1]


@pytest.mark.requirement("ENU-09", "ENU-06")
def test_100_account_that_is_locked(site: Site) -> None:
    """alice and bob before and after they are deactivated: pages, failures, right values. [ENU-09]"""
    for name, code in (("alice", "123456"), ("bob", None)):
        seen = []
        for active in (True, False):
            site.host.users[name].active = active
            c = fresh(site)
            page = c.identify(name).bare(name)
            seen.append((page, c.credential("wrong", code).bare(name)))
        assert seen[0] == seen[1]
        right = site.code(name) if code else None
        assert failed(c.credential(f"{name}-password", right))


@pytest.mark.requirement("SES-07", "ENU-01")
def test_177_cookies_of_step_one(site: Site) -> None:
    """Names, attributes, lengths and decoded keys of the cookies after step one, for every kind of name. [SES-07]"""
    looks = []
    names = [name for group in kinds(site).values() for name in (*group.values(), "a-much-longer-name@example.test")]
    for name in names:
        c = fresh(site)
        c.identify(name)
        held = read_session(c)
        looks.append((sorted(held), {key: len(str(value)) for key, value in held.items()}))
        assert name not in str(c.cookies())
        assert name not in str(held)
    assert all(look == looks[0] for look in looks)


@pytest.mark.requirement("ENU-01", "STO-07")
@pytest.mark.parametrize("verb", ["factor", "charge"])
def test_178_outage_as_an_oracle(site: Site, verb: str) -> None:
    """The store fails at <verb>: the answers to every kind of name are equal. [ENU-01, STO-07]"""
    groups = kinds(site)
    names = [name for group in groups.values() for name in group.values()]
    seen = []
    for name in names:
        c = fresh(site)
        c.identify(name)
        token = c.open("credential").token
        with broken_store(site.host, verb):
            page = c.ours("credential", {"password": "wrong", "code": "123456"}, token=token)
        assert page.status == 503
        seen.append(page.bare(name))
    assert all(one == seen[0] for one in seen)


@contextlib.contextmanager
def hooks_that_fail(two_factor: TwoFactor) -> Iterator[None]:
    kept = two_factor._hooks.password_check

    def check(user: Any, password: str) -> bool:
        return bool(user.check_password(password))  # fails for nobody: there is no such method

    two_factor._hooks.password_check = check
    try:
        yield
    finally:
        two_factor._hooks.password_check = kept


@pytest.mark.requirement("ENU-10", "ENU-06")
def test_179_host_hook_that_fails_for_nobody(site: Site) -> None:
    """The host's password check raises where there is no user: absent names fail as present ones do. [ENU-10]"""
    groups = kinds(site)
    with hooks_that_fail(site.two_factor):
        for group in groups.values():
            seen = []
            for name in group.values():
                c = fresh(site)
                c.identify(name)
                seen.append(c.credential("wrong", "123456").bare(name))
            assert all(one == seen[0] for one in seen)


@pytest.mark.requirement("VER-06", "ENU-06")
def test_180_every_reason_of_a_failure(site: Site, a: Visitor) -> None:
    """Wrong password, no, wrong, replayed code, spent budget, inactive, corrupt secret, absent: one page. [VER-06]"""
    ghost = site.ghost(box=True)
    used = site.code("alice")
    a.log_in("alice")
    code = site.wrong("alice")

    def attempt(name: str, password: str, given: str | None) -> Seen:
        c = fresh(site)
        c.identify(name)
        return c.credential(password, given).bare(name)

    pages = [attempt("alice", "wrong", code), attempt("alice", "alice-password", None), attempt("alice",
    "alice-password", code),
             attempt("alice", "alice-password", used), attempt(ghost, "wrong", code), attempt("alice", "",
             "")]  # fmt: skip
    site.host.users["alice"].active = False
    pages.append(attempt("alice", "alice-password", site.code("alice", 1)))
    site.host.users["alice"].active = True
    tamper(site.host, "UPDATE twofactor_enrolment SET sealed = ? WHERE subject = ?", "1.AAAA", "1")
    pages.append(attempt("alice", "alice-password", site.code("alice", 1)))
    assert all(page == pages[0] for page in pages)


@pytest.mark.requirement("LOG-03", "LOG-04", "ENU-06")
def test_181_names_in_the_log(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """A password typed as a user ID, and names with CR LF and ANSI codes, fail: the log holds none. [LOG-03, LOG-04]"""
    with caplog.at_level(logging.DEBUG):
        for name in ("My-Secret-Passw0rd", "x\r\nERROR forged line", "\x1b[31mred", "a\u2028b"):
            c = fresh(site)
            c.ours("identify", {"identifier": name})
            if c.open("credential").status == 200:
                c.credential("wrong", "123456")
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("flask_twofactor")]
    for bad in ("secret-passw0rd", "My-Secret", "forged", "\x1b", "\n", "\u2028"):
        assert not [line for line in ours if bad in line], bad


@pytest.mark.requirement("ENU-01", "CSR-07")
def test_182_odd_requests_for_a_name(site: Site) -> None:
    """GET, HEAD, OPTIONS and a POST without a token in the middle of the flow, for every kind of name. [ENU-01]"""
    for group in kinds(site).values():
        seen = []
        for name in group.values():
            c = fresh(site)
            c.identify(name)
            path = site.url("twofactor.credential")
            mine = [c.send(method, path).bare(name) for method in ("HEAD", "OPTIONS", "PUT")]
            mine.append(c.send("POST", path, data={"password": "x"}).bare(name))
            mine.append(c.get(path + "?code=1&identifier=alice").bare(name))
            seen.append(mine)
        assert all(one == seen[0] for one in seen)


@pytest.mark.requirement("ENU-02", "STO-09")
def test_183_account_that_is_deleted(site: Site, tmp_path: Path) -> None:
    """alice is deleted and forgotten: her name gets the answers of an absent one, and its decoy stays. [ENU-02]"""
    del site.host.users["alice"]
    site.in_context(site.two_factor.forget, "1")
    box = fresh(site).identify("alice").asks_code
    twin = site.ghost(box=box)
    seen = []
    for name in ("alice", twin):
        c = fresh(site)
        page = c.identify(name).bare(name)
        seen.append((page, c.credential("wrong", "123456").bare(name)))
    assert seen[0] == seen[1]
    assert tmp_path.exists()
