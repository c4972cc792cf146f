"""The store, the keys, the clock and the log (section 2.12 of the catalogue)."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask_login import encode_cookie

from flask_twofactor import TwoFactor
from flask_twofactor.errors import KeyMismatch
from flask_twofactor.state import State
from flask_twofactor.web.session import MARK_KEY
from tests.attacks.conftest import MakeSite
from tests.attacks.mounts import MOUNTS, only
from tests.attacks.site import Site, Visitor, forge, read_session
from tests.attacks.test_csrf import enabled, in_as
from tests.attacks.test_enrolment import forms_of, key_on
from tests.attacks.test_steps import failed
from tests.support.host import SECRET_KEY
from tests.support.watching import VERBS, Heard, broken_store, database_of, dump, rows, state_of, tamper

Door = Callable[[Site], tuple[Visitor, Callable[[], Any]]]
"""Walk to a door; gives who stands there and the last step in, to be taken while the store fails."""


def at_the_log_in(site: Site) -> tuple[Visitor, Callable[[], Any]]:
    c = site.client()
    token = c.identify("alice").token
    fields = {"password": "alice-password", "code": site.code("alice")}
    return c, lambda: c.ours("credential", fields, token=token)


def at_the_challenge(site: Site) -> tuple[Visitor, Callable[[], Any]]:
    c = site.client()
    c.legacy("alice")
    token = c.open("challenge").token
    return c, lambda: c.ours("challenge", {"code": site.code("alice")}, token=token)


def at_the_old_log_in(site: Site) -> tuple[Visitor, Callable[[], Any]]:
    c = site.client()
    data = {"name": "alice", "password": "alice-password", "remember": "y"}
    return c, lambda: c.send("POST", site.url("host.legacy"), data=data)


def with_a_forged_session(site: Site) -> tuple[Visitor, Callable[[], Any]]:
    c = forge(site.client(), {"_user_id": "1", "_fresh": True})
    return c, lambda: c.get(site.url("host.admin"), headers={"X-Token": "alice"})


def with_a_remember_cookie(site: Site) -> tuple[Visitor, Callable[[], Any]]:
    c = site.client()
    c.plant("remember_token", encode_cookie("1", key=SECRET_KEY))
    return c, lambda: c.get(site.url("host.admin"))


DECIDING = [verb for verb in VERBS if verb != "add_event"]
"""The verbs that run before the answer is out."""
CORE = ("standing", "charge", "factor", "spend")
"""The verbs that decide who is in."""
DOORS: tuple[Door, ...] = (
    at_the_log_in, at_the_challenge, at_the_old_log_in, with_a_forged_session, with_a_remember_cookie,
)  # fmt: skip


@pytest.mark.requirement("STO-07")
def test_101_store_outage(site: Site) -> None:
    """Each verb of the store fails in turn at five doors of alice: 503 or nobody, and nobody afterwards. [STO-07]"""
    broken = set()
    for door in DOORS:
        for verb in DECIDING if site.mount is MOUNTS["plain"] else site.some(CORE):
            visitor, act = door(site)
            with broken_store(site.host, verb) as broke:
                page = act()
            if broke:
                broken.add(verb)
                assert page.status in (302, 401, 503), (door.__name__, verb)
                assert "SECRET PAGE" not in page.text
                assert visitor.me is None, (door.__name__, verb)
            site.clock(300)
    assert broken
    assert site.mount is not MOUNTS["plain"] or broken >= set(CORE)
    assert enabled(site)
    assert not site.app.extensions.get("acted")


@only("plain", "server_sessions")
@pytest.mark.requirement("STO-07")
@pytest.mark.parametrize("table", ["enrolment", "recovery", "trusted", "mark", "account", "counter"])
def test_102_table_that_is_lost(site: Site, table: str) -> None:
    """twofactor_<table> is dropped under the running site: nobody without a code is in, nothing is re-made. [STO-07]"""
    stolen = in_as(site, "alice")
    assert tamper(site.host, f"ALTER TABLE twofactor_{table} RENAME TO gone_{table}") is not None
    a = site.client()
    with contextlib.suppress(AssertionError):  # step one may answer 503, which has no page to follow
        a.identify("alice")
        a.credential("alice-password")
        a.credential("alice-password", "123456")
    assert a.me is None
    assert site.client().get(site.url("host.me"), headers={"X-Token": "alice"}).status in (302, 401, 503)
    forged = forge(site.client(), {"_user_id": "1", "_fresh": True})
    assert forged.me is None
    # A session that gave its code stays in while the gate can read what it reads.
    assert (stolen.me is None) is (table in ("mark", "account"))


def flipped(sealed: str) -> str:
    return sealed[:20] + ("A" if sealed[20] != "A" else "B") + sealed[21:]


CORRUPT: dict[str, Callable[[str], str]] = {
    "bit": flipped, "truncated": lambda sealed: sealed[:-4], "empty": lambda sealed: "",
    "version": lambda sealed: "0" + sealed[1:],
    "plain": lambda sealed: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
    "junk": lambda sealed: "1." + "A" * 80, "twice": lambda sealed: sealed * 2,
}  # fmt: skip


@pytest.mark.requirement("STO-06", "STO-02")
def test_103_corrupt_ciphertext(site: Site) -> None:
    """A flipped bit, cut, empty, another version, plain base32, junk in alice's row: enabled, no code fits. [STO-06]"""
    (row,) = (row for row in rows(site.host, "twofactor_enrolment") if row["subject"] == "1")
    for kind, change in CORRUPT.items():
        tamper(site.host, "UPDATE twofactor_enrolment SET sealed = ? WHERE subject = '1'", change(row["sealed"]))
        c = site.client()
        assert c.identify("alice").asks_code, kind
        for code in (None, site.code("alice"), "000000"):
            assert failed(c.credential("alice-password", code)), kind
        assert not c.legacy("alice")["authenticated"]
        assert c.me is None
        assert enabled(site)
        site.clock(1000)


@pytest.mark.requirement("STO-02")
@pytest.mark.parametrize("columns", ["sealed", "row"])
def test_104_swapped_rows(site: Site, columns: str) -> None:
    """mallory's ciphertext in alice's row, or her whole row: neither's codes open alice's account. [STO-02]"""
    if columns == "row":
        tamper(site.host, "DELETE FROM twofactor_enrolment WHERE subject = '1'")
        tamper(site.host, "UPDATE twofactor_enrolment SET subject = '1' WHERE subject = '3'")
    else:
        (row,) = (row for row in rows(site.host, "twofactor_enrolment") if row["subject"] == "3")
        tamper(site.host, "UPDATE twofactor_enrolment SET sealed = ? WHERE subject = '1'", row["sealed"])
    c = site.client()
    for code in (site.code("mallory"), site.code("alice"), None):
        c.identify("alice")
        assert failed(c.credential("alice-password", code))
    assert c.me is None


class Stale:
    """A store whose reads answer what they answered first: a replica that lags."""

    def __init__(self, store: Any, verbs: tuple[str, ...]) -> None:
        self._store, self._verbs = store, verbs
        self._first: dict[Any, Any] = {}

    def __getattr__(self, name: str) -> Any:
        act = getattr(self._store, name)
        if name not in self._verbs:
            return act

        def read(*arguments: Any) -> Any:
            if (name, arguments) not in self._first:
                self._first[(name, arguments)] = act(*arguments)
            return self._first[(name, arguments)]

        return read


@contextlib.contextmanager
def stale_reads(site: Site, *verbs: str) -> Iterator[None]:
    state = state_of(site.host)
    store = state.store
    state.__dict__["store"] = Stale(store, verbs)
    try:
        yield
    finally:
        state.__dict__["store"] = store


@pytest.mark.requirement("RPL-01", "RPL-04", "RPL-06")
def test_105_reads_of_a_lagging_replica(site: Site) -> None:
    """Enrolments are read stale: a replay, an 11th guess, a second DISABLE are refused by the writes. [RPL-01]"""
    heard = Heard(site.host)
    with stale_reads(site, "factor", "pending_enrolment"):
        code = site.code("alice")
        for expected in (302, 200, 200):
            c = site.client()
            c.identify("alice")
            assert c.credential("alice-password", code).status == expected
        for _ in range(10):
            c = site.client()
            c.identify("alice")
            c.credential("alice-password", site.wrong("alice"))
        site.clock(30)
        c.identify("alice")
        assert failed(c.credential("alice-password", site.code("alice")))
    assert heard.rejections.count("budget") == 3
    assert c.me is None


@pytest.mark.requirement("KEY-02", "KEY-01")
def test_106_key_that_is_gone(build: MakeSite) -> None:
    """The site starts on its database with another key, and with the old one as a fallback. [KEY-02, KEY-01]"""
    first = build()
    assert in_as(first, "alice").me == "alice"
    wrong = build(SECRET_KEY="another key, as long as the first one was: 0123456789", clock=first.host.clock)
    with pytest.raises(KeyMismatch):
        wrong.client().open("identify")
    kept = build(
        SECRET_KEY="a new key, as long as the first one was: 0123456789",
        SECRET_KEY_FALLBACKS=[SECRET_KEY],
        clock=first.host.clock,
    )
    c = kept.client()
    c.identify("alice")
    assert failed(c.credential("alice-password"))
    assert c.credential("alice-password", kept.code("alice")).status == 302


@pytest.mark.requirement("LOG-02", "LOG-06", "STO-12")
def test_107_log_scan(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Every flow, right, wrong and with a failing store, at DEBUG; logs, signals, errors searched for secrets."""
    heard = Heard(site.host)
    wrong = "739146"
    assert not {wrong} & {site.code("alice", steps) for steps in range(-2, 4)}
    known = [*site.host.secrets.values(), wrong, "alice-password", "bob-password", "typed-wrong-password", SECRET_KEY]
    with caplog.at_level(logging.DEBUG):
        a = site.client()
        known.append(a.identify("alice").token)
        known.append(site.code("alice"))
        a.credential("typed-wrong-password", wrong)
        a.credential("alice-password", wrong)
        a.credential("alice-password", site.code("alice"), remember="y")
        site.clock(30)
        known += [read_session(a)[MARK_KEY], site.code("alice"), *a.cookies().values()]
        a.disable("alice", wrong)
        a.disable("alice")
        known.append(key_on(a.open("setup")))
        a.set_up("alice")
        known.append(site.code("alice"))
        b = site.client()
        b.legacy("mallory")
        known.append(site.code("mallory"))
        b.ours("challenge", {"code": site.code("mallory")})
        for verb in ("factor", "charge", "spend", "add_mark", "standing"):
            c = site.client()
            c.identify("alice")
            token = c.open("credential").token
            with broken_store(site.host, verb):
                page = c.ours("credential", {"password": "alice-password", "code": site.code("alice")}, token=token)
                assert "Traceback" not in page.text
    lines = [record.getMessage() + str(record.exc_text or "") + str(record.args) for record in caplog.records]
    text = "\n".join([*lines, str(heard.events)])
    assert "logged-in" in text, "the log is the one that was to be searched"
    for secret in known:
        assert secret not in text, secret
    assert not [form for secret in site.host.secrets.values() for form in forms_of(secret) if form in text]


@pytest.mark.requirement("STO-05", "STO-01", "SES-04")
def test_108_database_that_leaked(site: Site, a: Visitor) -> None:
    """Every column of every row as a mark, note, session, remember cookie and code, with the real key. [STO-05]"""
    a.log_in("alice", remember="y")
    site.clock(30)
    leaked = {str(value) for table in dump(site.host).values() for row in table for value in row.values() if value}
    with open(database_of(site.host), "rb") as file:
        raw = file.read()
    assert not [form for secret in site.host.secrets.values() for form in forms_of(secret) if form.encode() in raw]
    c = site.client()
    for value in leaked:
        for key in (MARK_KEY, "_twofactor_note"):
            forge(c, {"_user_id": "1", "_fresh": True, key: value})
            assert c.me is None, value
        c.drop("session")
        for name in ("remember_token", "twofactor_remember"):
            if value.isascii() and value.isprintable():
                c.plant(name, value)
                assert c.me is None, value
                c.drop(name)


@pytest.mark.requirement("CLK-02", "RPL-10")
def test_184_clock_far_ahead(site: Site) -> None:
    """The clock stands in 2040 and 2110: right codes once, replays and wrong ones not. [RPL-10]"""
    for year in (2040, 2110):
        site.host.clock.at = (year - 1970) * 31556952
        code = site.code("alice")
        for expected in (302, 200):
            c = site.client()
            c.identify("alice")
            assert c.credential("alice-password", code).status == expected


@pytest.mark.requirement("STO-08", "STO-02")
def test_185_two_accounts_with_keys_that_look_alike(build: MakeSite) -> None:
    """user_key gives 1, 01, "1 ", ｱ and its twin, upper and lower case: each is an account of its own. [STO-08]"""
    keys = {"alice": "k", "bob": "K", "mallory": "k ", "carol": "\uff4b"}

    def wire(two_factor: TwoFactor) -> None:
        two_factor.user_key(lambda user: keys[user.username])

    site = build(wire=wire)
    site.in_context(site.two_factor.enroll, site.host.users["alice"], None)
    assert [enabled(site, name) for name in keys] == [True, False, False, False]
    for name in ("bob", "carol"):
        c = site.client()
        c.log_in(name)
        assert c.me == name
    assert site.client().legacy("alice")["authenticated"] is False


@pytest.mark.requirement("STO-10", "SES-14")
def test_186_server_side_of_a_session(site: Site, a: Visitor) -> None:
    """The decoded session after each step holds no password, code or key, and no word about the account. [STO-10]"""
    held = []
    a.identify("alice")
    held.append(read_session(a))
    code = site.code("alice")
    a.credential("alice-password", site.wrong("alice"))
    held.append(read_session(a))
    a.credential("alice-password", code)
    held.append(read_session(a))
    b = in_as(site, "bob")
    key = key_on(b.open("setup"))
    held.append(read_session(b))
    for session in held:
        for secret in ("alice-password", code, site.wrong("alice"), key, *site.host.secrets.values()):
            assert secret not in str(session)
    assert "alice" not in str(held[0])


@pytest.mark.requirement("STO-07", "LOG-06")
def test_187_host_hook_that_raises(site: Site) -> None:
    """Each hook of the host raises with the password in its message, for alice: nobody is in, nothing is told."""
    hooks = state_of(site.host).hooks

    def broken(*arguments: Any) -> Any:
        raise RuntimeError(f"alice-password {arguments}")

    for hook in ("user_lookup", "password_check", "user_key", "may_login", "complete"):
        a = site.client()
        token = a.identify("alice").token
        kept = getattr(hooks, hook)
        setattr(hooks, hook, broken)
        page = a.ours("credential", {"password": "alice-password", "code": site.code("alice")}, token=token)
        setattr(hooks, hook, kept)
        assert page.status in (200, 503), hook
        assert "alice-password" not in page.text, hook
        assert a.me is None, hook
        site.clock(30)


@pytest.mark.requirement("VER-01", "STO-07")
def test_188_truthy_answers_of_the_host(site: Site) -> None:
    """password_check and may_login answer 1, "no", an object, None: only True is a yes. [VER-01]"""
    hooks = state_of(site.host).hooks
    for hook in ("password_check", "may_login"):
        kept = getattr(hooks, hook)
        for answer in (1, "no", object(), None, [False]):
            a = site.client()
            a.identify("bob")
            setattr(hooks, hook, lambda *_, given=answer: given)
            page = a.credential("bob-password")
            setattr(hooks, hook, kept)
            assert page.status in (200, 503), (hook, answer)
            assert a.me is None


@pytest.mark.requirement("KEY-05", "STO-03")
def test_189_state_of_two_sites_in_one_process(build: MakeSite, tmp_path: Path) -> None:
    """Two sites with keys of their own in a process: sealed text, marks and pending steps of one at the other."""
    one, two = build("one"), build("two", fresh=True, SECRET_KEY="the second site's own key: 0123456789abcdef")
    states: list[State] = [state_of(site.host) for site in (one, two)]
    assert states[0].decoy_key != states[1].decoy_key
    sealed = states[0].seal_secret("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "1", "x")
    assert states[1].keyring.open("secret", sealed, "1", "x") is None
    a = one.client()
    a.log_in("alice")
    there = forge(two.client(), read_session(a))
    assert there.get(two.url("host.open")).text == "False"
    assert tmp_path.exists()
