"""What lies in the store, what a row that was touched is worth, and what a store that is down lets in."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from limits.errors import StorageError
from limits.storage import MemoryStorage
from werkzeug.test import TestResponse

from flask_twofactor.core.keyring import META, NOTE, PENDING, PURPOSES, REMEMBER, SECRET, Keyring
from flask_twofactor.core.records import Enrolment, Mark, Note, TrustToken
from flask_twofactor.core.totp import new_secret
from flask_twofactor.errors import KeyMismatch, SettingError, TwoFactorError
from flask_twofactor.flows import login, setup
from flask_twofactor.settings import Settings
from flask_twofactor.testing.ground import enrolment_of
from flask_twofactor.throttle import Throttle
from tests.support.host import SECRET_KEY, Clock, Host, Person, User, alert, csrf_token
from tests.support.watching import (
    VERBS,
    asks_code,
    broken_store,
    database_of,
    dump,
    rows,
    session_of,
    state_of,
    tamper,
    watched_store,
)

MakeApp = Callable[..., Host]
K1 = "the first key, of 32 characters or more"
K2 = "the second key, of 32 characters or more"
K3 = "the third key, of 32 characters or more"


def submit(host: Host, name: str, code: str | None = None, password: str | None = None) -> TestResponse:
    person = host.person()
    person.identify(name)
    return person.credential(f"{name}-password" if password is None else password, code)


def opens(host: Host, name: str) -> bool:
    """Log in with everything right; tells whether that got in."""
    person = host.person()
    person.log_in(name)
    return person.me == name


def is_enabled(host: Host, name: str) -> bool:
    with host.app.app_context():
        return host.two_factor.is_enabled(host.users[name])


# Sealed


@pytest.mark.requirement("STO-01")
def test_no_byte_of_the_database_holds_a_secret_or_a_key(make_app: MakeApp) -> None:
    host = make_app(TWOFACTOR_KEY=K1)
    secrets = [host.enroll("alice")]
    person = host.person()
    person.log_in("bob")
    person.begin_setup()
    secrets.append(person.secret)
    files = list(Path(host.app.instance_path).glob("twofactor.sqlite*"))
    found = b"".join(path.read_bytes() for path in files) + repr(dump(host)).encode()
    assert b"twofactor_enrolment" in found
    for secret in secrets:
        raw = base64.b32decode(secret)
        for form in (secret.encode(), secret.lower().encode(), raw, raw.hex().encode(), base64.b64encode(raw)[:-2]):
            assert form not in found
    for key in (K1, SECRET_KEY):
        assert key.encode() not in found
        assert base64.urlsafe_b64encode(key.encode()).rstrip(b"=") not in found


@pytest.mark.requirement("STO-01", "STO-06")
def test_a_flipped_bit_anywhere_in_a_sealed_secret_opens_nothing(enrolled: Host) -> None:
    state = state_of(enrolled)
    [sealed] = [row["sealed"] for row in rows(enrolled, "twofactor_enrolment") if row["subject"] == "1"]
    head, body = sealed.split(".")
    raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    kept = enrolment_of(state.store, "1")
    assert kept is not None
    assert state.open_secret(kept) == enrolled.secrets["alice"]
    for position in range(len(raw) * 8):
        touched = bytearray(raw)
        touched[position // 8] ^= 1 << position % 8
        text = f"{head}.{base64.urlsafe_b64encode(touched).decode().rstrip('=')}"
        assert state.keyring.open(SECRET, text, "1", kept.id) is None
    tamper(enrolled, "UPDATE twofactor_enrolment SET sealed = ? WHERE subject = '1'", text)
    assert not opens(enrolled, "alice")


@pytest.mark.requirement("STO-02")
@pytest.mark.parametrize("columns", ["sealed", "sealed, id"])
def test_a_row_copied_onto_another_account_does_not_open_it(enrolled: Host, columns: str) -> None:
    taken = f"SELECT {columns} FROM twofactor_enrolment WHERE subject = '3'"  # noqa: S608
    assert tamper(enrolled, f"UPDATE twofactor_enrolment SET ({columns}) = ({taken}) WHERE subject = '1'") == 1  # noqa: S608
    for name in ("mallory", "alice"):
        assert submit(enrolled, "alice", enrolled.code(name)).status_code == 200
    assert opens(enrolled, "mallory"), "the row that it was taken from still opens"


@pytest.mark.requirement("STO-02")
def test_the_sealed_secret_of_an_earlier_enrolment_does_not_open_the_present_one(enrolled: Host, clock: Clock) -> None:
    [old] = [row["sealed"] for row in rows(enrolled, "twofactor_enrolment") if row["subject"] == "1"]
    former = enrolled.secrets["alice"]
    with enrolled.app.app_context():
        enrolled.two_factor.reset(enrolled.users["alice"], by="a test")
    enrolled.enroll("alice")
    assert tamper(enrolled, "UPDATE twofactor_enrolment SET sealed = ? WHERE subject = '1'", old) == 1
    enrolled.secrets["alice"] = former
    assert not opens(enrolled, "alice")


@pytest.mark.requirement("STO-03")
@pytest.mark.parametrize(("made_for", "tried_as"), list(itertools.permutations(PURPOSES, 2)))
def test_what_was_sealed_for_one_purpose_opens_for_no_other(host: Host, made_for: str, tried_as: str) -> None:
    keyring = state_of(host).keyring
    sealed = keyring.seal(made_for, b"a value")
    assert keyring.open(made_for, sealed) == b"a value"
    assert keyring.open(tried_as, sealed) is None


@pytest.mark.requirement("STO-03")
def test_the_secret_key_is_never_used_as_it_is(host: Host) -> None:
    """Attack 25: nothing that is sealed or digested comes from the raw key."""
    keyring = state_of(host).keyring
    raw = SECRET_KEY.encode()
    stretched = hashlib.sha256(raw).digest()
    for purpose in PURPOSES:
        assert Keyring([stretched]).open(purpose, keyring.seal(purpose, b"x")) is None
        assert Keyring([raw]).open(purpose, keyring.seal(purpose, b"x")) == b"x", "HKDF of it, that is"
    for algorithm in ("sha1", "sha256", "sha512"):
        assert keyring.digest("a name") != hashlib.new(algorithm, raw + b"a name").hexdigest()


@pytest.mark.requirement("STO-03", "SES-04")
@pytest.mark.parametrize("key", ["_twofactor_mark", "_twofactor_note", "_twofactor_pending", "csrf_token"])
def test_a_token_of_ours_in_the_place_of_another_lets_nobody_in(enrolled: Host, key: str) -> None:
    """Attack 25, with a session that says what the attacker likes: only the token is not made for its place."""
    person = enrolled.person()
    person.identify("alice")
    tokens = {"pending": session_of(person)["_twofactor_pending"]}
    owner = enrolled.person()
    owner.legacy("alice", remember="y")
    tokens["note"] = session_of(owner)["_twofactor_note"]
    tokens["companion"] = owner.cookies()["twofactor_remember"]
    for name, token in tokens.items():
        if key.endswith(name):
            continue
        thief = enrolled.person()
        thief.get("/plant/_user_id/1")
        thief.get(f"/plant/{key}/{token}")
        assert thief.me is None, name
        assert thief.get("/two-factor/challenge").location == "/two-factor/identify", name


@pytest.mark.requirement("STO-03")
@pytest.mark.parametrize("cookie", ["session", "remember_token", "twofactor_remember"])
def test_a_token_of_ours_is_no_cookie_of_another_kind(enrolled: Host, cookie: str) -> None:
    owner = enrolled.person()
    owner.identify("alice")
    pending = session_of(owner)["_twofactor_pending"]
    owner.log_in("alice", remember="y")
    jar, mark = owner.cookies(), session_of(owner)["_twofactor_mark"]
    for name, token in {"pending": pending, "mark": mark, "companion": jar["twofactor_remember"]}.items():
        if (cookie, name) == ("twofactor_remember", "companion"):
            continue
        thief = enrolled.person()
        thief.use_cookies({cookie: token})
        assert thief.me is None, name


@pytest.mark.requirement("STO-05")
def test_a_mark_is_256_random_bits_and_its_row_a_digest(enrolled: Host) -> None:
    people = [enrolled.person(), enrolled.person()]
    tokens = []
    for person, name in zip(people, ("alice", "mallory"), strict=True):
        person.log_in(name)
        tokens.append(session_of(person)["_twofactor_mark"])
    assert [len(base64.urlsafe_b64decode(token + "=")) for token in tokens] == [32, 32]
    assert tokens[0] != tokens[1]
    kept = {row["digest"] for row in rows(enrolled, "twofactor_mark")}
    assert kept == {hashlib.blake2b(token.encode(), digest_size=32).hexdigest() for token in tokens}
    assert not any(token in repr(dump(enrolled)) for token in tokens)


@pytest.mark.requirement("STO-05", "SES-04")
def test_who_reads_the_table_and_holds_the_secret_key_forges_no_session(enrolled: Host) -> None:
    enrolled.person().log_in("alice")
    [row] = rows(enrolled, "twofactor_mark")
    for value in (row["digest"], row["digest"].upper(), row["enrolment"], row["subject"], "1"):
        thief = enrolled.person()
        for key, planted in {"_user_id": "1", "_fresh": "1", "_twofactor_mark": value}.items():
            thief.get(f"/plant/{key}/{planted}")
        assert session_of(thief)["_twofactor_mark"] == value
        assert thief.me is None


# Unreadable

BROKEN: dict[str, Any] = {
    "empty": "",
    "truncated": "1.AAAA",
    "old format": "0.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "no version": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "not base64": "1.!!!!",
    "not ASCII": "1.ä" + "A" * 60,
    "long": "1." + "A" * 20000,
    "random": "1." + "Q" * 64,
    "bytes": b"1.\x00\xff\xfe",
    "a number": 17,
}


@pytest.mark.requirement("STO-06")
@pytest.mark.parametrize("value", BROKEN.values(), ids=BROKEN.keys())
def test_a_row_that_does_not_open_counts_as_enabled_and_matches_no_code(
    enrolled: Host, caplog: pytest.LogCaptureFixture, value: object
) -> None:
    """Attack 103."""
    assert tamper(enrolled, "UPDATE twofactor_enrolment SET sealed = ? WHERE subject = '1'", value) == 1
    assert is_enabled(enrolled, "alice")
    assert asks_code(enrolled.person().identify("alice"))
    for code in (None, "", "000000", enrolled.code("alice")):
        answer = submit(enrolled, "alice", code)
        assert (answer.status_code, alert(answer)) == (200, "These details are not right. Check them and try again.")
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert any("does not open" in line and "'1'" in line for line in said)
    assert not any(str(value)[:40] in line for line in said if len(str(value)) > 4)
    thief = enrolled.person()
    assert thief.legacy("alice")["authenticated"] is False
    assert alert(thief.post("/two-factor/challenge", code=enrolled.code("alice")))
    assert thief.me is None


@pytest.mark.requirement("STO-06")
@pytest.mark.parametrize("plain", [b"", b"\xff\xfe\xfd", b"not base32!", b"AAAA", b"\0" * 40, b"A" * 3000])
def test_a_sealed_text_that_holds_no_secret_matches_no_code(enrolled: Host, plain: bytes) -> None:
    state = state_of(enrolled)
    kept = enrolment_of(state.store, "1")
    assert kept is not None
    sealed = state.keyring.seal(SECRET, plain, "1", kept.id)
    assert tamper(enrolled, "UPDATE twofactor_enrolment SET sealed = ? WHERE subject = '1'", sealed) == 1
    for code in (None, "000000", "123456", enrolled.code("alice")):
        assert submit(enrolled, "alice", code).status_code == 200
    assert is_enabled(enrolled, "alice")


@pytest.mark.requirement("STO-06")
def test_a_pending_secret_that_does_not_open_turns_nothing_on(host: Host) -> None:
    person = host.person()
    person.log_in("bob")
    token = csrf_token(person.begin_setup())
    host.secrets["bob"] = person.secret
    assert tamper(host, "UPDATE twofactor_enrolment SET sealed = '1.AAAA'") == 1
    answer = person.client.post("/two-factor/setup", data={"csrf_token": token, "code": host.code("bob")})
    assert answer.status_code in (200, 503)
    assert not is_enabled(host, "bob")
    assert person.set_up("bob").status_code == 302, "a new key can be set up at once"


@pytest.mark.requirement("STO-06")
def test_set_up_does_not_replace_a_row_that_does_not_open(enrolled: Host, clock: Clock) -> None:
    person = enrolled.person()
    person.log_in("alice")
    tamper(enrolled, "UPDATE twofactor_enrolment SET sealed = '' WHERE subject = '1'")
    assert person.get("/two-factor/setup").location == "/two-factor/manage"
    clock.move(30)
    assert alert(person.disable("alice"))
    assert is_enabled(enrolled, "alice")


# Down


@dataclass(frozen=True)
class Place:
    """Somewhere the store is asked: how to get there, what is asked, and who the person is while it is down."""

    arrive: Callable[[Host, Person], dict[str, Any]]
    act: Callable[[Person, dict[str, Any]], TestResponse]
    verbs: tuple[str, ...]
    was: str | None


def _at_credential(name: str) -> Callable[[Host, Person], dict[str, Any]]:
    def arrive(host: Host, person: Person) -> dict[str, Any]:
        code = host.code(name) if name in host.secrets else ""
        return {"csrf_token": csrf_token(person.identify(name)), "password": f"{name}-password", "code": code}

    return arrive


def _at_challenge(host: Host, person: Person) -> dict[str, Any]:
    person.legacy("alice")
    return {"csrf_token": csrf_token(person.get("/two-factor/challenge")), "code": host.code("alice")}


def _at_setup(host: Host, person: Person) -> dict[str, Any]:
    person.log_in("bob")
    token = csrf_token(person.begin_setup())
    host.secrets["bob"] = person.secret
    return {"csrf_token": token, "code": host.code("bob")}


def _at_manage(host: Host, person: Person) -> dict[str, Any]:
    person.log_in("alice")
    host.clock.move(30)
    return {"csrf_token": csrf_token(person.get("/two-factor/manage")), "code": host.code("alice")}


def _at_step_up(host: Host, person: Person) -> dict[str, Any]:
    person.log_in("alice")
    return {"csrf_token": csrf_token(person.get("/two-factor/password")), "password": "alice-password"}


def _logged_in_long_ago(host: Host, person: Person) -> dict[str, Any]:
    person.log_in("alice")
    host.clock.move(80000)
    return {}


def _legacy_of_another(_: Host, person: Person) -> dict[str, Any]:
    person.log_in("bob")
    return {"name": "alice", "password": "alice-password"}


def _posting(path: str) -> Callable[[Person, dict[str, Any]], TestResponse]:
    return lambda person, data: person.client.post(path, data=data)


def _getting(path: str) -> Callable[[Person, dict[str, Any]], TestResponse]:
    return lambda person, data: person.client.get(path)


CREDENTIAL = "/two-factor/credential"
PLACES = {
    "credential page": Place(_at_credential("alice"), _getting(CREDENTIAL), ("factor",), None),
    "credential with code": Place(
        _at_credential("alice"), _posting(CREDENTIAL), ("factor", "charge", "meta", "spend"), None
    ),
    "credential without code": Place(
        _at_credential("bob"), _posting(CREDENTIAL), ("factor", "add_mark", "standing"), None
    ),
    "challenge": Place(
        _at_challenge, _posting("/two-factor/challenge"), ("standing", "factor", "charge", "meta", "spend"), None
    ),
    "setup page": Place(_at_setup, _getting("/two-factor/setup"), ("standing", "factor", "open_enrolment"), "bob"),
    "setup": Place(
        _at_setup,
        _posting("/two-factor/setup"),
        ("standing", "pending_enrolment", "count_try", "meta", "keep_meta", "confirm_enrolment"),
        "bob",
    ),
    "settings": Place(
        _at_manage, _getting("/two-factor/settings"), ("standing", "factor", "recovery", "marks"), "alice"
    ),
    "manage": Place(
        _at_manage, _posting("/two-factor/manage"), ("standing", "factor", "charge", "meta", "disable"), "alice"
    ),
    "step-up": Place(_at_step_up, _posting("/two-factor/password"), ("standing", "add_mark"), "alice"),
    "gate": Place(_logged_in_long_ago, _getting("/me"), ("standing", "touch_mark"), "alice"),
    "panel": Place(_at_manage, _getting("/profile"), ("standing", "factor", "recovery", "marks"), "alice"),
}


def arrived(make_app: MakeApp, folder: Path, place: Place) -> tuple[Host, Person, dict[str, Any]]:
    host = make_app(folder=folder)
    host.clock.at = host.clock.at // 30 * 30
    host.enroll("alice")
    person = host.person()
    return host, person, place.arrive(host, person)


@pytest.mark.requirement("STO-07")
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_the_places_ask_the_store_what_the_next_test_breaks(make_app: MakeApp, tmp_path: Path, place: Place) -> None:
    host, person, data = arrived(make_app, tmp_path, place)
    asked: list[str] = []
    with watched_store(host, asked.append):
        assert place.act(person, data).status_code in (200, 302)
    assert set(asked) - {"add_event"} == set(place.verbs)  # an event comes when the answer is out
    assert set(asked) <= set(VERBS)


@pytest.mark.requirement("STO-07")
@pytest.mark.parametrize(
    ("place", "verb"),
    [pytest.param(place, verb, id=f"{name}: {verb}") for name, place in PLACES.items() for verb in place.verbs],
)
def test_a_store_that_fails_at_any_verb_answers_503_and_lets_nobody_in(
    make_app: MakeApp, tmp_path: Path, place: Place, verb: str
) -> None:
    """Attack 101."""
    host, person, data = arrived(make_app, tmp_path, place)
    enabled = {name: is_enabled(host, name) for name in ("alice", "bob")}
    with broken_store(host, verb) as failed:
        answer = place.act(person, data)
        assert failed
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.headers["Cache-Control"] == "no-store"
        assert "otpauth" not in answer.text
        if verb == "standing" and "_user_id" in session_of(person):
            assert person.get("/open").status_code == 503
    assert person.me == place.was
    assert {name: is_enabled(host, name) for name in ("alice", "bob")} == enabled


@pytest.mark.requirement("STO-07", "SES-03")
def test_a_log_out_that_the_store_missed_is_made_good_by_the_next(enrolled: Host) -> None:
    person = enrolled.person()
    person.log_in("alice")
    with broken_store(enrolled, "remove_mark"):
        assert person.get("/logout").status_code == 503
    assert person.me is None
    assert len(rows(enrolled, "twofactor_mark")) == 1
    assert person.get("/logout").status_code == 200
    assert rows(enrolled, "twofactor_mark") == []


@pytest.mark.requirement("STO-07", "FLG-02")
@pytest.mark.parametrize("verb", ["standing", "remove_mark"])
def test_a_log_in_of_the_host_lets_nobody_in_while_the_store_is_down(
    make_app: MakeApp, tmp_path: Path, verb: str
) -> None:
    host = make_app()
    host.enroll("alice")
    person = host.person()
    data = _legacy_of_another(host, person)
    with broken_store(host, verb) as failed:
        answer = person.client.post("/legacy", data=data)
        assert failed
        assert answer.status_code == 503
    assert person.me != "alice"


@pytest.mark.requirement("STO-07", "FLG-04")
def test_an_identity_of_a_request_loader_is_not_let_in_while_the_store_is_down(enrolled: Host) -> None:
    client = enrolled.app.test_client()
    assert client.get("/me", headers={"X-Token": "bob"}).text == "bob"
    with broken_store(enrolled, "standing"):
        for name in ("alice", "bob"):
            assert client.get("/me", headers={"X-Token": name}).status_code == 503


@pytest.mark.requirement("STO-07")
def test_a_store_that_fails_at_the_remember_cookie_costs_no_more_than_that(enrolled: Host) -> None:
    person = enrolled.person()
    page = person.identify("alice")
    data = {"csrf_token": csrf_token(page), "password": "alice-password", "code": enrolled.code("alice")}
    with broken_store(enrolled, "standing") as failed:
        answer = person.client.post(CREDENTIAL, data={**data, "remember": "y"})
    assert failed
    assert answer.status_code in (302, 503)
    assert "twofactor_remember" not in person.cookies()
    person.use_cookies({name: value for name, value in person.cookies().items() if name != "session"})
    assert person.me is None


class BrokenStorage(MemoryStorage):
    """Counters that do not answer from the given verb on."""

    def __init__(self, verb: str) -> None:
        super().__init__()
        self._verb = verb

    def _ask(self, verb: str) -> None:
        if verb == self._verb:
            raise StorageError(OSError("a test made the counters fail"))

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        self._ask("incr")
        return super().incr(key, expiry, amount)

    def get(self, key: str) -> int:
        self._ask("get")
        return super().get(key)

    def clear(self, key: str) -> None:
        self._ask("clear")
        super().clear(key)


@pytest.mark.requirement("STO-07")
@pytest.mark.parametrize("verb", ["incr", "get", "clear"])
@pytest.mark.parametrize("name", ["credential with code", "credential without code", "challenge"])
def test_counters_that_fail_answer_503_and_let_nobody_in(
    make_app: MakeApp, tmp_path: Path, name: str, verb: str
) -> None:
    host, person, data = arrived(make_app, tmp_path, PLACES[name])
    state = state_of(host)
    working = state.throttle
    state.__dict__["throttle"] = Throttle(BrokenStorage(verb), host.clock)
    assert PLACES[name].act(person, data).status_code == 503
    state.__dict__["throttle"] = working
    assert person.me is None


@pytest.mark.requirement("STO-07")
@pytest.mark.parametrize("table", ["account", "enrolment", "mark", "counter"])
def test_a_database_that_lost_a_table_answers_503_and_lets_nobody_in(enrolled: Host, table: str) -> None:
    owner = enrolled.person()
    owner.log_in("bob")
    person = enrolled.person()
    data = {"csrf_token": csrf_token(person.identify("alice"))}
    tamper(enrolled, f"DROP TABLE twofactor_{table}")
    again = person.client.post("/two-factor/identify", data={**data, "identifier": "alice"})
    assert again.status_code == (503 if table == "counter" else 302), "look-ups are counted"
    for code in ("", "123456", enrolled.code("alice")):
        answer = person.client.post(CREDENTIAL, data={**data, "password": "alice-password", "code": code})
        assert answer.status_code == 503 or (table == "mark" and alert(answer))
        assert person.get("/open").text == "False"
    assert answer.status_code == 503, "what was right in all is not refused, but not let in either"
    if table in ("account", "mark"):  # all that the gate reads: whoever is in by the others stays in
        assert owner.get("/me").status_code == 503


@pytest.mark.requirement("STO-07")
def test_a_database_that_is_not_there_at_start_up_answers_503_until_it_is(make_app: MakeApp, tmp_path: Path) -> None:
    host = make_app(TWOFACTOR_DATABASE_URI="postgresql+psycopg://nobody@127.0.0.1:1/nothing?connect_timeout=1")
    person = host.person()
    data = {"csrf_token": csrf_token(person.get("/two-factor/identify")), "identifier": "bob"}
    assert person.client.post("/two-factor/identify", data=data).status_code == 503, "look-ups are counted"
    working = make_app(folder=tmp_path / "elsewhere").person()
    working.identify("bob")
    person.use_cookies({"session": working.cookies()["session"]})
    data["csrf_token"] = csrf_token(working.get(CREDENTIAL))
    assert person.get(CREDENTIAL).status_code == 503
    sent = {"csrf_token": data["csrf_token"], "password": "bob-password"}
    assert person.client.post(CREDENTIAL, data=sent).status_code == 503
    assert person.client.post("/legacy", data={"name": "bob", "password": "bob-password"}).status_code == 503
    assert person.get("/me").status_code in (302, 503)
    assert person.me is None


# Keyed


@pytest.mark.requirement("STO-08")
def test_the_factor_stays_where_get_id_changes(enrolled: Host, clock: Clock) -> None:
    """A host whose ``get_id`` is an alternative token, renewed with every password."""
    alice, tokens = enrolled.users["alice"], ["token-a"]
    alice.__dict__["get_id"] = lambda: tokens[-1]
    manager: Any = vars(enrolled.app)["login_manager"]
    manager.user_loader(lambda token: alice if token == tokens[-1] else None)
    person = enrolled.person()
    person.log_in("alice")
    assert person.me == "alice"
    tokens.append("token-b")
    alice.password = "a new password"
    assert person.me is None
    clock.move(30)
    assert submit(enrolled, "alice", None, "a new password").status_code == 200
    assert submit(enrolled, "alice", enrolled.code("alice"), "a new password").status_code == 302


@pytest.mark.requirement("STO-08")
def test_the_factor_stays_where_the_login_name_changes(enrolled: Host) -> None:
    alice = enrolled.users.pop("alice")
    enrolled.users["alicia"], alice.username = alice, "alicia"
    assert submit(enrolled, "alicia", None, "alice-password").status_code == 200
    assert submit(enrolled, "alicia", enrolled.code("alice"), "alice-password").status_code == 302


def _reuse_the_key_of_alice(host: Host) -> None:
    host.users.pop("alice")
    host.users["dave"] = User(1, "dave", "dave-password")
    manager: Any = vars(host.app)["login_manager"]
    manager.user_loader(lambda key: next((one for one in host.users.values() if str(one.id) == key), None))


@pytest.mark.requirement("STO-09")
def test_forget_deletes_all_of_the_account_but_its_key_and_a_new_epoch(enrolled: Host) -> None:
    person = enrolled.person()
    person.log_in("alice", remember="y")
    enrolled.person().log_in("mallory")
    submit(enrolled, "alice", enrolled.wrong_code("alice"))
    with enrolled.app.app_context():
        enrolled.two_factor.forget("1")
    left = dump(enrolled)
    assert [row for table in ("enrolment", "mark") for row in left[table] if row["subject"] == "1"] == []
    (tombstone,) = (row for row in left["account"] if row["subject"] == "1")
    assert [tombstone[pool] for pool in ("unknown", "known", "recovery")] == ["", "", ""]
    assert [row["subject"] for row in left["enrolment"]] == ["3"]
    assert [row["subject"] for row in left["mark"]] == ["3"]


@pytest.mark.requirement("STO-09")
def test_a_reused_account_number_inherits_nothing(enrolled: Host, clock: Clock) -> None:
    """Attack 31."""
    old, host_own = enrolled.person(), enrolled.person()
    old.log_in("alice", remember="y")
    host_own.legacy("alice", remember="y")
    jars = [old.cookies(), host_own.cookies()]
    with enrolled.app.app_context():
        enrolled.two_factor.forget("1")
    _reuse_the_key_of_alice(enrolled)
    for jar in jars:
        for kept in (set(jar), {"session"}, {"remember_token", "twofactor_remember"}, {"remember_token"}):
            thief = enrolled.person()
            thief.use_cookies({name: value for name, value in jar.items() if name in kept})
            assert thief.me is None
    clock.move(30)
    assert not asks_code(enrolled.person().identify("dave"))
    dave = enrolled.person()
    assert dave.log_in("dave").status_code == 302
    assert dave.me == "dave"
    assert not is_enabled(enrolled, "dave")


@pytest.mark.requirement("STO-09")
def test_a_reused_account_number_that_was_not_forgotten_is_not_open_to_the_password_alone(enrolled: Host) -> None:
    old = enrolled.person()
    old.log_in("alice")
    _reuse_the_key_of_alice(enrolled)
    assert submit(enrolled, "dave").status_code == 200


# Between requests


@pytest.mark.requirement("STO-10")
def test_no_password_code_or_secret_is_kept_between_requests(host: Host, clock: Clock) -> None:
    """The session after each step, with all that is sealed in it opened, and the rows beside it."""
    state, person = state_of(host), host.person()
    kept: list[str] = []

    def look() -> None:
        session = session_of(person)
        kept.append(json.dumps(session))
        for text in [*map(str, session.values()), *person.cookies().values()]:
            for purpose, context in ((PENDING, ()), (NOTE, ("2",)), (REMEMBER, ("2",)), (META, ()), (SECRET, ("2",))):
                if plain := state.keyring.open(purpose, text, *context):
                    kept.append(plain.decode("latin-1"))
        kept.append(repr(dump(host)))

    person.identify("bob")
    look()
    person.credential("bob-passwort", "987650")
    look()
    person.credential("bob-password", remember="y")
    look()
    person.begin_setup()
    host.secrets["bob"] = person.secret
    look()
    person.post("/two-factor/setup", code="987651")
    look()
    person.post("/two-factor/setup", code=host.code("bob"))
    look()
    codes = [host.code("bob")]
    clock.move(1000)
    person.post("/two-factor/password", password="bob-password")
    look()
    person.disable("bob")
    look()
    codes.append(host.code("bob"))
    person.get("/logout")
    person.legacy("bob")
    look()
    seen = "\n".join(kept)
    assert "bob\0" in seen, "the sealed step between the pages was opened"
    values = ("bob-password", "bob-passwort", "987650", "987651", person.secret, *codes)
    assert [value for value in values if value in seen] == []


@pytest.mark.requirement("STO-10")
def test_a_refused_form_gives_neither_password_nor_code_back(enrolled: Host) -> None:
    answer = submit(enrolled, "alice", "987650", "a password that is wrong")
    assert "987650" not in answer.text
    assert "a password that is wrong" not in answer.text


# Of strangers


@pytest.mark.requirement("STO-11")
def test_strangers_leave_a_bounded_number_of_rows_and_no_name(make_app: MakeApp, clock: Clock) -> None:
    host = make_app(wire=lambda two_factor: two_factor.password_check(lambda user, password: False))
    for number in range(80):
        person = host.person(REMOTE_ADDR=f"198.51.100.{number}")
        person.identify(f"stranger{number}@example.org")
        assert person.credential("guess", "123456").status_code == 200
    left = dump(host)
    assert "stranger" not in repr(left)
    assert "198.51.100" not in repr(left)
    assert 1 < len(left["account"]) <= 64
    assert left["enrolment"] == left["mark"] == []
    # Of each source its look-ups and two windows of failures, of each name two windows, and the pair; and all failures.
    assert len(left["counter"]) == 80 * 6 + 1
    assert max(row["expires_at"] for row in left["counter"]) <= clock.at + 30 * 86400


@pytest.mark.requirement("STO-11")
def test_counters_that_are_over_are_purged(make_app: MakeApp, clock: Clock) -> None:
    host = make_app(wire=lambda two_factor: two_factor.password_check(lambda user, password: False))
    for number in range(20):
        person = host.person(REMOTE_ADDR=f"198.51.100.{number}")
        person.identify(f"stranger{number}@example.org")
        person.credential("guess", "123456")
    assert len(rows(host, "twofactor_counter")) == 20 * 6 + 1
    clock.move(30 * 86400)
    counters = vars(state_of(host).throttle)["_counters"]
    for _ in range(200):  # each two hundredth count of a process sweeps
        counters.count("twofactor/a count that lives on", 900)
        if len(rows(host, "twofactor_counter")) == 1:
            break
    assert len(rows(host, "twofactor_counter")) == 1


# Shown


@pytest.mark.requirement("STO-12")
def test_the_repr_of_no_record_shows_a_secret_a_token_or_a_key() -> None:
    hidden = "HIDDENHIDDENHIDDEN"
    shown = [
        Enrolment("id", "1", hidden, 0, opened_by=hidden),
        Mark(hidden, "1", "id", 0, 0, 0, 0),
        Note(hidden, "1", 0, 0, 0),
        setup.Setup(hidden, f"otpauth://totp/x?secret={hidden}", 0),
        login.Login(None, "1", hidden, "life", "trusted", trust=TrustToken("id", hidden)),
        Keyring([hidden.encode()]),
        Settings(
            key=hidden * 2,
            key_fallbacks=(hidden * 2,),
            database_uri=f"postgresql://user:{hidden}@db/app",
            throttle_storage_uri=f"redis://:{hidden}@cache",
        ),
    ]
    assert [one for one in shown if hidden in repr(one) or hidden in str(one)] == []


@pytest.mark.requirement("STO-12")
def test_the_repr_of_the_state_shows_no_key(make_app: MakeApp, tmp_path: Path) -> None:
    host = make_app(TWOFACTOR_KEY=K1, TWOFACTOR_KEY_FALLBACKS=[K2])
    host.enroll("alice")
    state = state_of(host)
    shown = f"{state!r} {state.store!r} {state.throttle!r} {state.keyring!r} {host.two_factor!r} {vars(state)!r}"
    for hidden in (K1, K2, SECRET_KEY, host.secrets["alice"]):
        assert hidden not in shown


@pytest.mark.requirement("STO-12", "LOG-06")
@pytest.mark.parametrize("name", ["credential with code", "challenge", "manage", "setup"])
def test_no_frame_of_ours_that_calls_the_store_holds_the_secret(make_app: MakeApp, tmp_path: Path, name: str) -> None:
    """What an error tracker sends: the repr of every local of every frame of ours, at each verb of the store."""
    place = PLACES[name]
    host, person, data = arrived(make_app, tmp_path, place)
    kept: list[str] = []

    def before(_: str) -> None:
        stack = traceback.StackSummary.extract(traceback.walk_stack(None), capture_locals=True)
        kept.extend(f"{frame.name} {frame.locals}" for frame in stack if "/flask_twofactor/" in frame.filename)

    with watched_store(host, before):
        assert place.act(person, data).status_code == 302
    assert {"judge", "confirm"} & {frame.partition(" ")[0] for frame in kept}
    secret = host.secrets["bob" if name == "setup" else "alice"]
    hidden = (secret, state_of(host).decoy_secret, SECRET_KEY)
    assert [frame for frame in kept if any(value in frame for value in hidden)] == []


# Keys


def _again(make_app: MakeApp, former: Host, **config: Any) -> Host:
    """Start the app anew on the same database."""
    secret_key = config.pop("SECRET_KEY", SECRET_KEY)
    host = make_app(**config)
    host.app.secret_key = secret_key
    host.secrets = former.secrets
    return host


@pytest.mark.requirement("KEY-01")
def test_former_keys_open_what_they_sealed(make_app: MakeApp, clock: Clock) -> None:
    first = make_app(TWOFACTOR_KEY=K1)
    first.enroll("alice")
    second = _again(make_app, first, TWOFACTOR_KEY=K2, TWOFACTOR_KEY_FALLBACKS=[K1])
    second.enroll("mallory")
    assert opens(second, "alice")
    clock.move(30)
    third = _again(make_app, second, TWOFACTOR_KEY=K3, TWOFACTOR_KEY_FALLBACKS=[K2, K1])
    assert opens(third, "alice")
    assert opens(third, "mallory")


@pytest.mark.requirement("KEY-01")
def test_the_first_key_seals(make_app: MakeApp) -> None:
    host = make_app(TWOFACTOR_KEY=K2, TWOFACTOR_KEY_FALLBACKS=[K1])
    host.enroll("alice")
    kept = enrolment_of(state_of(host).store, "1")
    assert kept is not None
    assert Keyring([K2.encode()]).open(SECRET, kept.sealed, "1", kept.id) == host.secrets["alice"].encode()
    assert Keyring([K1.encode()]).open(SECRET, kept.sealed, "1", kept.id) is None


@pytest.mark.requirement("KEY-01", "KEY-03")
def test_former_secret_keys_open_what_was_sealed_without_a_key_of_our_own(make_app: MakeApp, clock: Clock) -> None:
    first = make_app()
    first.enroll("alice")
    person = first.person()
    person.log_in("alice")
    jar = person.cookies()
    clock.move(30)
    second = _again(make_app, first, SECRET_KEY="another key, made today", SECRET_KEY_FALLBACKS=[SECRET_KEY])
    assert opens(second, "alice")
    returned = second.person()
    returned.use_cookies(jar)
    assert returned.me == "alice"


@pytest.mark.requirement("KEY-03")
def test_a_new_secret_key_leaves_the_factor_where_our_key_is_its_own(make_app: MakeApp, clock: Clock) -> None:
    first = make_app(TWOFACTOR_KEY=K1)
    first.enroll("alice")
    person = first.person()
    person.log_in("alice")
    clock.move(30)
    second = _again(make_app, first, SECRET_KEY="another key, made today", TWOFACTOR_KEY=K1)
    returned = second.person()
    returned.use_cookies(person.cookies())
    assert returned.me is None
    assert submit(second, "alice").status_code == 200
    assert opens(second, "alice")


@pytest.mark.requirement("KEY-02")
@pytest.mark.parametrize(
    "config",
    [
        {"TWOFACTOR_KEY": K2},
        {"TWOFACTOR_KEY": K2, "TWOFACTOR_KEY_FALLBACKS": [K3]},
        {},
        {"SECRET_KEY": "a key that this process made anew"},
    ],
)
def test_a_wrong_key_is_an_error_at_the_first_request_that_shows_the_line(
    make_app: MakeApp, config: dict[str, Any]
) -> None:
    first = make_app(TWOFACTOR_KEY=K1)
    first.enroll("alice")
    second = _again(make_app, first, **config)
    with pytest.raises(KeyMismatch) as raised:
        second.app.test_client().get("/open")
    assert 'app.config["TWOFACTOR_KEY_FALLBACKS"] = [' in str(raised.value)
    assert not any(key in str(raised.value) for key in (K1, K2, K3, SECRET_KEY))


@pytest.mark.requirement("KEY-02")
def test_a_secret_key_made_anew_is_an_error_at_the_first_request(make_app: MakeApp) -> None:
    first = make_app()
    first.enroll("alice")
    second = _again(make_app, first, SECRET_KEY="a key that this process made anew")
    for _ in range(2):
        with pytest.raises(KeyMismatch, match="SECRET_KEY"):
            second.app.test_client().get("/open")


@pytest.mark.requirement("KEY-02", "STO-06")
def test_a_wrong_key_lets_nobody_in(make_app: MakeApp) -> None:
    first = make_app(TWOFACTOR_KEY=K1)
    first.enroll("alice")
    second = _again(make_app, first, TWOFACTOR_KEY=K2)
    second.app.testing = False
    client = second.app.test_client()
    for path in ("/me", "/two-factor/identify", "/open"):
        assert client.get(path).status_code == 500
    legacy = client.post("/legacy", data={"name": "alice", "password": "alice-password"})
    assert legacy.status_code == 500


@pytest.mark.requirement("KEY-02", "STO-06")
def test_a_secret_of_a_key_that_is_gone_counts_as_enabled(make_app: MakeApp) -> None:
    """The key check opens, one account's secret does not: it was sealed by a key that nobody lists any more."""
    host = make_app(TWOFACTOR_KEY=K1)
    host.enroll("alice")
    kept = enrolment_of(state_of(host).store, "1")
    assert kept is not None
    foreign = Keyring([K3.encode()]).seal(SECRET, host.secrets["alice"].encode(), "1", kept.id)
    tamper(host, "UPDATE twofactor_enrolment SET sealed = ? WHERE subject = '1'", foreign)
    assert submit(host, "alice").status_code == 200
    assert not opens(host, "alice")


@pytest.mark.requirement("KEY-04", "ENU-03")
@pytest.mark.parametrize("rotated", ["TWOFACTOR_KEY", "SECRET_KEY"])
def test_no_decoy_flips_when_a_key_is_rotated(make_app: MakeApp, rotated: str) -> None:
    names = [f"absent{number}" for number in range(400)]

    def boxes(host: Host) -> list[bool]:
        with host.app.app_context():
            return [login.identify(state_of(host), name) for name in names]

    first = make_app(**({"TWOFACTOR_KEY": K1} if rotated == "TWOFACTOR_KEY" else {}))
    before = boxes(first)
    config = (
        {"TWOFACTOR_KEY": K2, "TWOFACTOR_KEY_FALLBACKS": [K1]}
        if rotated == "TWOFACTOR_KEY"
        else {"SECRET_KEY": "another key, made today", "SECRET_KEY_FALLBACKS": [SECRET_KEY]}
    )
    assert boxes(_again(make_app, first, **config)) == before
    assert 40 < before.count(True) < 160


@pytest.mark.requirement("KEY-05")
@pytest.mark.parametrize("key", ["", "short", "x" * 31, b"x" * 31])
def test_a_short_key_is_refused_at_start_up(make_app: MakeApp, key: str | bytes) -> None:
    with pytest.raises(SettingError, match="TWOFACTOR_KEY must have at least 32 bytes"):
        make_app(TWOFACTOR_KEY=key)


@pytest.mark.requirement("KEY-05")
def test_an_empty_former_key_is_refused_at_start_up(make_app: MakeApp) -> None:
    with pytest.raises(SettingError, match="TWOFACTOR_KEY_FALLBACKS"):
        make_app(TWOFACTOR_KEY=K1, TWOFACTOR_KEY_FALLBACKS=[K2, ""])


@pytest.mark.requirement("STO-01")
def test_the_database_file_is_for_its_owner_alone(enrolled: Host) -> None:
    enrolled.person().log_in("alice")
    files = [Path(database_of(enrolled)), *Path(enrolled.app.instance_path).glob("twofactor.sqlite-*")]
    assert [path.stat().st_mode & 0o777 for path in files] == [0o600] * len(files)


@pytest.mark.requirement("ENR-01")
def test_a_secret_that_is_imported_has_128_bits_at_least(host: Host) -> None:
    with host.app.app_context():
        for secret in ("", "AAAA", "A" * 24, "not base32 at all!!!!!!!!!!!!!!!!!", "A" * 500):
            with pytest.raises(TwoFactorError, match="128 to 512 bits"):
                host.two_factor.enroll(host.users["bob"], secret)
        assert not host.two_factor.is_enabled(host.users["bob"])
        host.two_factor.enroll(host.users["bob"], new_secret())
