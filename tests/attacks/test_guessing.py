"""Guessing codes and passwords (section 2.4 of the catalogue)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.attacks.conftest import MakeSite
from tests.attacks.mounts import COUNTED, only
from tests.attacks.site import Page, Site, Visitor, make_site
from tests.attacks.test_steps import failed
from tests.stores.racing import race
from tests.support.host import Clock
from tests.support.watching import Heard, rows, watched_store

BUDGET = 10
"""Guesses that are judged in 24 hours."""
BREATH = 240
"""Seconds between two guesses: slow enough for every limit that a client can see."""


def guess(site: Site, visitor: Visitor, name: str = "alice", code: str | None = None) -> Page:
    """Try a wrong code (or a given one) with the right password, and let time pass."""
    visitor.identify(name)
    page = visitor.credential(f"{name}-password", code or site.wrong(name))
    site.clock(BREATH)
    return page


def judged(heard: Heard) -> int:
    """Count the guesses that were compared with the secret and could have been right."""
    return len([reason for reason in heard.rejections if reason != "budget"])


def spend_budget(site: Site, name: str = "alice") -> None:
    for _ in range(BUDGET):
        assert failed(guess(site, site.client(), name))


def refused(site: Site, name: str = "alice") -> bool:
    """Whether everything right does not log in."""
    visitor = site.client()
    page = guess(site, visitor, name, site.code(name))
    return failed(page) and visitor.me is None


@only(*COUNTED)
@pytest.mark.requirement("THR-01", "THR-02")
def test_039_brute_force_from_one_jar(site: Site, a: Visitor) -> None:
    """The password is known; 16 codes in sequence from one jar, the right one among the last. [THR-01, THR-02]"""
    heard = Heard(site.host)
    for number in range(16):
        assert failed(guess(site, a, code=site.code("alice") if number > 12 else None))
    assert judged(heard) == BUDGET
    assert a.me is None


@only(*COUNTED)
@pytest.mark.requirement("THR-01", "THR-03")
def test_040_new_jar_for_each_guess(site: Site) -> None:
    """As 39, each guess from an empty jar. [THR-01, THR-03]"""
    heard = Heard(site.host)
    for _ in range(14):
        c = site.client(REMOTE_ADDR="192.0.2.1")
        assert failed(guess(site, c))
    assert judged(heard) == BUDGET
    assert refused(site)


@only(*COUNTED)
@pytest.mark.requirement("THR-01", "THR-07")
def test_041_many_addresses(site: Site) -> None:
    """As 39, each guess from another address, IPv4, IPv6 and mapped ones. [THR-01, THR-07]"""
    heard = Heard(site.host)
    addresses = [f"192.0.2.{n}" for n in range(6)] + [f"2001:db8:{n}::1" for n in range(6)]
    for address in [*addresses, "::ffff:203.0.113.4", "", "unknown"]:
        assert failed(guess(site, site.client(REMOTE_ADDR=address)))
    assert judged(heard) == BUDGET
    assert refused(site)


@only(*COUNTED)
@pytest.mark.requirement("THR-09", "THR-01")
def test_042_guesses_at_an_owed_code(site: Site) -> None:
    """The old log-in with the password, a wrong code at the challenge; each time from a new jar. [THR-09, THR-01]"""
    heard = Heard(site.host)
    for _ in range(14):
        c = site.client()
        c.legacy("alice")
        assert c.ours("challenge", {"code": site.wrong("alice")}).status == 200
        assert c.me is None
        site.clock(BREATH)
    assert judged(heard) == BUDGET
    assert refused(site)


def _guesser(number: int, folder: str, at: float) -> Callable[[int], bool]:
    site = make_site(Path(folder), "plain", clock=Clock(at))
    heard = Heard(site.host)
    c = site.client(REMOTE_ADDR=f"192.0.2.{number}")
    c.identify("alice")

    def act(_: int) -> bool:
        token = c.open("credential").token
        c.ours("credential", {"password": "alice-password", "code": site.wrong("alice")}, token=token)
        return judged(heard) == 1

    return act


@only("plain")
@pytest.mark.requirement("RPL-04", "THR-01")
def test_043_burst_of_parallel_guesses(site: Site, tmp_path: Path) -> None:
    """5 guesses are spent; 14 processes fire one at once: 5 are judged. [RPL-04, THR-01]"""
    for _ in range(BUDGET - 5):
        guess(site, site.client())
    (answers,) = race(14, 1, _guesser, str(tmp_path), site.host.clock.at)
    assert sum(answers) == 5
    assert refused(site)


@only(*COUNTED)
@pytest.mark.requirement("THR-03")
def test_044_the_owner_refills_it(site: Site) -> None:
    """LOGIN(alice) by her after every third guess; she is told nothing and refills nothing. [THR-03]"""
    heard = Heard(site.host)
    for number in range(15):
        guess(site, site.client())
        if number % 3 == 2 and number < 9:
            owner = site.client()
            owner.log_in("alice")
            assert owner.me == "alice"
            site.clock(30)
    assert judged(heard) == BUDGET
    assert refused(site)


@only(*COUNTED)
@pytest.mark.requirement("THR-03")
def test_045_the_attacker_refills_it_by_an_account_of_his_own(site: Site) -> None:
    """A guess on alice, then LOGIN(mallory), from one address, in turn. [THR-03]"""
    heard = Heard(site.host)
    for _ in range(BUDGET + 2):
        c = site.client(REMOTE_ADDR="192.0.2.1")
        guess(site, c)
        assert c.log_in("mallory").status == 302
    assert judged(heard) == BUDGET
    assert refused(site)


def _no_act(_: Site) -> None:
    return None


def _change_password(site: Site) -> None:
    site.in_context(site.two_factor.end_sessions, site.host.users["alice"])


@only(*COUNTED)
@pytest.mark.requirement("THR-03", "THR-13")
@pytest.mark.parametrize("act", [_no_act, _change_password], ids=["restart", "password change and restart"])
def test_046_the_flow_and_the_server_start_again(site: Site, build: MakeSite, act: Callable[[Site], None]) -> None:
    """8 guesses; the server starts again (and the host ended the sessions); 6 more. [THR-03, THR-13]"""
    heard = Heard(site.host)
    for _ in range(8):
        guess(site, site.client())
    act(site)
    again = build(clock=site.host.clock)
    heard_again = Heard(again.host)
    for _ in range(6):
        guess(again, again.client())
    assert (judged(heard), judged(heard_again)) == (8, 2)
    assert refused(again)


@pytest.mark.requirement("THR-09", "RPL-03")
def test_047_other_doors_to_the_same_lock(site: Site, a: Visitor) -> None:
    """4 guesses on DISABLE with a hijacked session, 3 at the challenge, 2 by verify(), 1 at the log-in. [THR-09]"""
    a.log_in("alice")
    hijacked = site.client()
    hijacked.plant("session", str(a.cookie("session")))
    site.clock(30)
    heard = Heard(site.host)
    for _ in range(4):
        assert hijacked.disable("alice", site.wrong("alice")).status == 200
    for _ in range(3):
        c = site.client()
        c.legacy("alice")
        c.ours("challenge", {"code": site.wrong("alice")})
    for _ in range(2):
        assert not site.in_context(site.two_factor.verify, site.host.users["alice"], site.wrong("alice"))
    assert not refused(site), "the owner's own success is refunded"
    site.clock(30)
    guess(site, site.client())
    assert judged(heard) == BUDGET
    assert refused(site)
    assert not site.in_context(site.two_factor.verify, site.host.users["alice"], site.code("alice"))
    hijacked.disable("alice", site.code("alice"))
    assert site.in_context(site.two_factor.is_enabled, site.host.users["alice"])


@pytest.mark.requirement("THR-15", "CSR-06")
def test_048_many_codes_in_one_request(site: Site, a: Visitor) -> None:
    """code=1&code=2, 500 parts of a multipart form, code[], JSON: none or one is judged. [THR-15, CSR-06]"""
    heard = Heard(site.host)
    codes = [f"{n:06}" for n in range(60)] + [site.code("alice")]
    a.identify("alice")
    token = a.open("credential").token
    path = site.url("twofactor.credential")
    base = {"csrf_token": token, "password": "alice-password"}
    assert a.send("POST", path, data={**base, "code": codes}).status == 400
    multipart = {"data": {**base, "code": codes}, "content_type": "multipart/form-data"}
    assert a.send("POST", path, **multipart).status == 400
    assert a.send("POST", path, json={**base, "code": codes}).status == 415
    assert a.send("POST", path, data={**base, "code[]": codes, "codes": codes}).status == 200
    assert a.send("POST", path, data={**base, "code": ",".join(codes[:9])}).status == 200
    assert a.send("POST", path, data={**base, "code": " ".join(codes[-2:])}).status == 200
    assert heard.names == []
    assert a.me is None


@only(*COUNTED)
@pytest.mark.requirement("THR-02")
def test_049_edges_of_the_window(site: Site) -> None:
    """10 guesses late in a day, more around midnight and around the end of the first one's day. [THR-02]"""
    start = site.host.clock.at
    heard = Heard(site.host)
    site.host.clock.at = start + 86400 - start % 86400 - BUDGET * BREATH  # midnight in ten guesses
    first = site.host.clock.at
    spend_budget(site)
    for _ in range(3):
        guess(site, site.client())
    assert judged(heard) == BUDGET
    site.host.clock.at = first + 86400 - 1
    guess(site, site.client())
    assert judged(heard) == BUDGET
    site.host.clock.at = first + 86400
    guess(site, site.client())
    site.host.clock.at = first + 86400 + 1
    guess(site, site.client())
    assert judged(heard) == BUDGET + 1


@only("plain")
@pytest.mark.requirement("THR-02", "STO-11")
def test_050_patient_guesses(site: Site) -> None:
    """As many guesses a day as are judged, for 35 days: 50 in any 30, in a row that does not grow. [THR-02]"""
    heard = Heard(site.host)
    counted = []
    for _ in range(35):
        before = judged(heard)
        for _ in range(BUDGET + 2):
            assert not site.in_context(site.two_factor.verify, site.host.users["alice"], site.wrong("alice"))
        counted.append(judged(heard) - before)
        site.clock(86401)
    assert max(sum(counted[first : first + 30]) for first in range(6)) == 50
    assert sum(counted) <= 100
    assert all(len(str(value)) <= 1200 for row in rows(site.host, "twofactor_account") for value in row.values())


@pytest.mark.requirement("VER-12", "VER-03")
def test_051_hint_of_a_wrong_clock(site: Site) -> None:
    """CR(right, code of +-2 to +-10 steps): the answer of a random wrong code; none works when its time comes."""
    a = site.client()
    plain = guess(site, a).bare("alice")
    for steps in (-10, -3, -2, 2, 3):
        c = site.client()
        assert guess(site, c, code=site.code("alice", steps)).bare("alice") == plain, steps
    assert a.me is None
    ahead = site.client()
    ahead.identify("alice")
    future = site.code("alice", 2)
    assert failed(ahead.credential("alice-password", future))
    site.clock(60)
    assert ahead.credential("alice-password", future).status == 302, "what was refused too early was not spent"


@only(*COUNTED)
@pytest.mark.requirement("THR-04", "RPL-09")
def test_052_replays_are_guesses_too(site: Site, a: Visitor) -> None:
    """A code seen at LOGIN(A, alice) is sent again ten times: each replay is charged. [THR-04, RPL-09]"""
    code = site.code("alice")
    a.log_in("alice")
    heard = Heard(site.host)
    for _ in range(BUDGET):
        c = site.client()
        c.identify("alice")
        assert failed(c.credential("alice-password", code))
    assert heard.rejections == ["replayed"] * BUDGET
    site.clock(30)
    assert refused(site)


@only(*COUNTED)
@pytest.mark.requirement("THR-04", "VER-06")
def test_053_oracle_for_the_budget(site: Site) -> None:
    """The answers to a wrong password, a wrong code and no code, before and after the budget is spent. [THR-04]"""
    probes = [
        ("wrong", "123456"),
        ("alice-password", site.wrong("alice")),
        ("alice-password", None),
        ("alice-password", "x"),
    ]

    def answers() -> Iterator[object]:
        for password, code in probes:
            c = site.client()
            c.identify("alice")
            yield c.credential(password, code).bare("alice")
            site.clock(BREATH)

    before = list(answers())
    spend_budget(site)
    after = list(answers())
    assert before == after
    assert all(one == before[0] for one in before)


@only(*COUNTED)
@pytest.mark.requirement("THR-04", "VER-07")
def test_054_right_code_after_the_budget(site: Site) -> None:
    """CR(right, right code) once the budget is spent: page and store calls of a wrong code. [THR-04, VER-07]"""

    def attempt(code: str) -> tuple[object, list[str]]:
        calls: list[str] = []
        c = site.client()
        c.identify("alice")
        token = c.open("credential").token
        with watched_store(site.host, calls.append):
            page = c.ours("credential", {"password": "alice-password", "code": code}, token=token)
        assert c.me is None
        site.clock(BREATH)
        return page.bare("alice"), calls

    wrong = attempt(site.wrong("alice"))
    for _ in range(BUDGET - 1):
        guess(site, site.client())
    assert attempt(site.code("alice")) == wrong
    assert attempt(site.wrong("alice")) == wrong


FORWARDED = (
    "X-Forwarded-For",
    "X-Real-IP",
    "Forwarded",
    "X-Client-IP",
    "CF-Connecting-IP",
    "True-Client-IP",
    "Client-IP",
)


@pytest.mark.requirement("THR-07", "THR-05")
def test_130_forged_address_headers(site: Site) -> None:
    """8 failures for one name from one address, each with another address in every forwarding header. [THR-07]"""
    c = site.client()
    statuses = []
    for number in range(8):
        value = f"192.0.2.{number}"
        headers = {name: f"for={value}" if name == "Forwarded" else value for name in FORWARDED}
        c.identify("bob")
        statuses.append(c.ours("credential", {"password": "no"}, headers=headers).status)
    assert statuses[-1] == 429
    assert site.client().identify("bob").status == 200


@pytest.mark.requirement("THR-07")
def test_131_addresses_of_one_ipv6_network(site: Site) -> None:
    """8 failures for one name, each from another address of one /64; a neighbour's /64 is another source. [THR-07]"""
    statuses = []
    for number in range(8):
        c = site.client(REMOTE_ADDR=f"2001:db8:0:1:{number:x}::{number:x}")
        c.identify("bob")
        statuses.append(c.credential("no").status)
    assert statuses[-1] == 429
    neighbour = site.client(REMOTE_ADDR="2001:db8:0:2::1")
    neighbour.log_in("bob")
    assert neighbour.me == "bob"


@pytest.mark.requirement("INP-04", "THR-05")
def test_132_spellings_of_one_name(site: Site, a: Visitor) -> None:
    """8 failures from one address, for one name in 8 spellings. [INP-04, THR-05]"""
    spellings = ["bob", "BOB", " bob ", "Bob", "\uff42\uff4f\uff42", "bob\u2003", "\u00a0bob", "bO\uff22"]
    statuses = []
    for name in spellings:
        a.identify(name)
        statuses.append(a.credential("no").status)
    assert statuses[-1] == 429
    ghost = site.client()
    for name in ("ghost", "GHOST", " ghost ", "Ghost", "\uff47host", "ghost\u2003", "\u00a0ghost", "gHOST"):
        ghost.identify(name)
        page = ghost.credential("no")
    assert page.status == 429


@pytest.mark.requirement("THR-09", "LIF-01")
def test_133_password_guesses_at_step_up(site: Site, a: Visitor) -> None:
    """A hijacked session guesses the password at the step-up page: it is throttled like a log-in. [THR-09, LIF-01]"""
    a.log_in("alice")
    hijacked = a.copied()
    site.clock(1000)
    token = hijacked.open("step_up").token
    statuses = [hijacked.ours("step_up", {"password": f"guess {number}"}, token=token).status for number in range(8)]
    assert statuses[:4] == [200] * 4
    assert 429 in statuses[4:]
    assert hijacked.me is None, "the session that guessed is ended"


@pytest.mark.requirement("THR-04", "VER-08")
def test_134_budget_spent_without_the_password(site: Site) -> None:
    """12 strangers send well-formed and right codes with a wrong password; LOGIN(alice) works. [THR-04, VER-08]"""
    heard = Heard(site.host)
    for number in range(12):
        c = site.client()
        c.identify("alice")
        assert failed(c.credential("wrong", site.code("alice") if number % 2 else f"{number:06}"))
    assert heard.names == []
    owner = site.client()
    owner.log_in("alice")
    assert owner.me == "alice"


@only("plain", "server_sessions")
@pytest.mark.requirement("RPL-04", "THR-01")
def test_135_parallel_guesses_in_one_process(site: Site) -> None:
    """20 threads guess at once, each from a jar and an address of its own: 10 are judged. [RPL-04, THR-01]"""
    heard = Heard(site.host)
    clients = [site.client() for _ in range(20)]
    for c in clients:
        c.identify("alice")

    def fire(c: Visitor) -> int:
        return c.credential("alice-password", site.wrong("alice")).status

    with ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(fire, clients))
    assert set(statuses) <= {200, 429, 503}
    assert judged(heard) == BUDGET
