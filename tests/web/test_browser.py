"""What is kept in a browser, function by function: the session's keys, our cookies, and what undoes them."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Response, g, session
from flask_login import encode_cookie, login_user

from flask_twofactor.core.keyring import KNOWN, NOTE, REMEMBER, token_digest
from flask_twofactor.core.known import KNOWN_SECONDS, Known, pack
from flask_twofactor.core.records import Note, Pending
from flask_twofactor.errors import HookFailed
from flask_twofactor.flows.login import name_digest, subject_digest
from flask_twofactor.state import State
from flask_twofactor.web import session as browser
from tests.support.host import Host
from tests.support.watching import broken_store, state_of

FLASK_LOGINS = ("_user_id", "_fresh", "_id", "_remember", "_remember_seconds")


@contextlib.contextmanager
def request_of(host: Host, cookie: str = "", **options: Any) -> Iterator[State]:
    """Stand in a request with these cookies."""
    with host.app.test_request_context(headers={"Cookie": cookie} if cookie else {}, **options):
        yield state_of(host)


def written(state: State) -> Response:
    response = Response()
    browser.finish(state, response)
    return response


def cookies_of(response: Response) -> dict[str, dict[str, Any]]:
    """Give each cookie that is set: its value and attributes by name."""
    found = {}
    for line in response.headers.getlist("Set-Cookie"):
        first, *rest = line.split("; ")
        name, _, value = first.partition("=")
        attributes: dict[str, Any] = {"value": value.strip('"')}
        for one in rest:
            key, _, text = one.partition("=")
            attributes[key] = text or True
        found[name] = attributes
    return found


def test_the_names_of_keys_and_cookies_are_those_of_browsers_that_are_out_there() -> None:
    assert browser.KEYS == (
        "_twofactor_mark", "_twofactor_note", "_twofactor_pending", "_twofactor_next", "_twofactor_notice",
        "_twofactor_sheet",
    )  # fmt: skip
    assert (browser.COMPANION_COOKIE, browser.KNOWN_COOKIE) == ("twofactor_remember", "twofactor_known")


@pytest.mark.requirement("SES-01")
def test_clearing_keeps_flask_s_own_keys_the_declared_ones_and_those_asked_for(host: Host) -> None:
    object.__setattr__(state_of(host).settings, "session_keep", ("theme",))
    everything = ("_permanent", "_flashes", "theme", "csrf_token", "planted", *FLASK_LOGINS, *browser.KEYS)
    with request_of(host) as state:
        session.update(dict.fromkeys(everything, 1))
        browser.clear(state, ("_user_id",))
        assert set(session) == {"_permanent", "_flashes", "theme", "_user_id"}


@pytest.mark.requirement("SES-01")
@pytest.mark.parametrize("keep_all", [False, True])
def test_renewing_puts_the_mark_in_and_drops_what_was_planted(host: Host, keep_all: bool) -> None:
    everything = ("_permanent", "_flashes", "csrf_token", "planted", *FLASK_LOGINS, *browser.KEYS)
    with request_of(host) as state:
        session.update(dict.fromkeys(everything, 1))
        browser.renew(state, "token", keep_all=keep_all)
        planted = {"planted"} if keep_all else set()
        assert set(session) == {"_permanent", "_flashes", *FLASK_LOGINS, "_twofactor_mark", *planted}
        assert session["_twofactor_mark"] == "token"
        assert written(state).headers["Cache-Control"] == "no-store"


@pytest.mark.requirement("SES-06", "SES-07", "SES-12")
@pytest.mark.parametrize(
    ("name", "target", "kept"),
    [
        ("alice", "/reports", "/reports"),
        ("alice", None, None),
        ("alice", "/" + "x" * 199, "/" + "x" * 199),
        ("alice", "/" + "x" * 200, None),
        ("a" * 96, "/reports", "/reports"),
        ("a" * 97, "/reports", None),
        ("\u00e9" * 160, "/reports", None),
    ],
)
def test_the_step_between_the_pages_is_kept_with_where_it_leads(
    host: Host, name: str, target: str | None, kept: str | None
) -> None:
    with request_of(host) as state:
        session["_twofactor_next"] = "/stale"
        browser.keep_pending(state, name, target)
        assert browser.pending(state, None) == Pending(name, state.now, kept)
        assert browser.keeps_next(target) is (kept is not None)
        assert browser.keeps_next("/another") is False
        assert browser.keeps_next(None) is False
        assert ("_twofactor_next" in session) is (kept is not None)
        assert written(state).headers["Cache-Control"] == "no-store"


@pytest.mark.requirement("SES-07")
def test_sealed_steps_are_of_two_lengths(host: Host) -> None:
    lengths = []
    with request_of(host) as state:
        for name in ("a", "a" * 96, "a" * 97, "a" * 320):
            browser.keep_pending(state, name, None)
            lengths.append(len(session["_twofactor_pending"]))
    assert lengths[0] == lengths[1] < lengths[2] == lengths[3]


@pytest.mark.parametrize("value", [None, 5, ["a list"], "nonsense"])
def test_what_is_no_step_is_none(host: Host, value: Any) -> None:
    with request_of(host) as state:
        if value is not None:
            session["_twofactor_pending"] = value
        assert browser.pending(state, None) is None


@pytest.mark.requirement("STO-05", "SES-02")
def test_the_mark_of_a_session_is_known_by_its_digest_and_dropped_with_the_note(host: Host) -> None:
    with request_of(host):
        assert browser.mark_digest() == ""
        session.update({"_twofactor_mark": "token", "_twofactor_note": "note"})
        assert browser.mark_digest() == token_digest("token")
        assert browser.drop_mark() == token_digest("token")
        assert dict(session) == {}
        assert browser.drop_mark() == ""
        session["_twofactor_mark"] = 5
        assert browser.mark_digest() == ""


@pytest.mark.requirement("FLG-02", "STO-09")
def test_a_note_says_again_what_was_kept_and_to_its_own_account_alone(host: Host) -> None:
    with request_of(host) as state:
        session["_twofactor_mark"] = "token"
        note = browser.keep_note(state, "1", 77, 5)
        assert note == Note(note.id, "1", 77, 5, state.now)
        assert len(bytes.fromhex(note.id)) == 16
        assert browser.note_of(state, "1") == note
        assert browser.note_of(state, "2") == Note("", "2", -1, 0, 0)
        assert set(session) == {"_twofactor_note"}
        session["_twofactor_note"] = 5
        assert browser.note_of(state, "1") == browser.dead_note("1") == Note("", "1", -1, 0, 0)
        session["_twofactor_note"] = state.keyring.seal(NOTE, struct.pack(">qQQ", 1, 2, 3) + bytes(16), "1")
        assert browser.note_of(state, "1") == Note("00" * 16, "1", 1, 2, 3)
        del session["_twofactor_note"]
        assert browser.note_of(state, "1") is None


@pytest.mark.requirement("SES-01", "SES-15")
def test_a_log_in_begins_a_session_and_ends_the_one_before(host: Host) -> None:
    bob = host.users["bob"]
    seen: list[tuple[Any, ...]] = []

    def complete(user: Any, password: str | None, remember: bool) -> bool:
        seen.append((user, password, remember))
        return bool(login_user(user))

    with request_of(host) as state:
        state.hooks.complete = complete
        old, before = state.new_mark("1", "", password_at=1, code_at=0)
        token, mark = state.new_mark("2", "", password_at=1, code_at=0)
        for one in (before, mark):
            state.store.add_mark(one)
        session.update({"_twofactor_mark": old, "planted": 1, "_permanent": True})
        assert browser.begin(state, bob, "2", token, "bob-password", remember=True) is True
        assert seen == [(bob, "bob-password", True)]
        assert set(session) == {"_twofactor_mark", "_permanent", "_user_id", "_fresh", "_id"}
        assert session["_twofactor_mark"] == token
        assert state.store.standing("1", before.digest).mark is None
        assert state.store.standing("2", mark.digest).mark == mark._replace(source="", agent="")
        assert browser.completes("2") is False
        assert g._twofactor_completing is None
        assert written(state).headers["Cache-Control"] == "no-store"


@pytest.mark.requirement("VER-13", "SES-15")
@pytest.mark.parametrize("answer", [False, ValueError])
@pytest.mark.parametrize("modified", [False, True])
def test_a_log_in_that_the_host_refuses_leaves_the_session_as_it_was(host: Host, answer: Any, modified: bool) -> None:
    bob = host.users["bob"]

    def complete(user: Any, *_: Any) -> bool:
        login_user(user, remember=True)
        if answer is False:
            return False
        raise answer

    with request_of(host) as state:
        state.hooks.complete = complete
        old, before = state.new_mark("1", "", password_at=1, code_at=0)
        token, mark = state.new_mark("2", "", password_at=1, code_at=0)
        for one in (before, mark):
            state.store.add_mark(one)
        values = {"_twofactor_mark": old, "kept": 1}
        session.update(values)
        session.modified = modified
        with contextlib.nullcontext() if answer is False else pytest.raises(HookFailed):
            assert browser.begin(state, bob, "2", token, "bob-password", remember=True) is False
        assert dict(session) == values
        assert session.modified is modified
        assert state.store.standing("1", before.digest).mark == before._replace(source="", agent="")
        assert state.store.standing("2", mark.digest).mark is None
        assert "_login_user" not in g
        assert "_twofactor_companion" not in g
        assert "_twofactor_touched" not in g


def test_a_notice_is_given_once(host: Host) -> None:
    with request_of(host) as state:
        assert browser.take_notice() is None
        browser.keep_notice("MFA DISABLED")
        assert session["_twofactor_notice"] == "MFA DISABLED"
        assert browser.take_notice() == "MFA DISABLED"
        assert browser.take_notice() is None
        assert written(state).headers["Cache-Control"] == "no-store"
        session["_twofactor_notice"] = 5
        assert browser.take_notice() is None


# The remember cookie and its companion


@pytest.mark.requirement("SES-05", "INP-06")
@pytest.mark.parametrize(
    ("cookie", "values", "valid"),
    [
        ("right", {"_user_id": "2"}, True),
        ("right", {"_user_id": "1"}, False),
        ("right", {}, False),
        ("right", {"_user_id": "2", "_remember": "clear"}, False),
        ("right", {"_user_id": "2", "_remember": "set"}, True),
        ("2|forged", {"_user_id": "2"}, False),
        ("2|\xe9\xe9", {"_user_id": "2"}, False),
        ("", {"_user_id": "2"}, False),
    ],
)
@pytest.mark.parametrize("name", ["remember_token", "our_token"])
def test_a_remember_cookie_counts_for_its_own_account(
    host: Host, cookie: str, values: dict[str, str], valid: bool, name: str
) -> None:
    if name == "our_token":
        host.app.config["REMEMBER_COOKIE_NAME"] = name
    with host.app.app_context():
        value = encode_cookie("2") if cookie == "right" else cookie
    with request_of(host, f"{name}={value}" if value else ""):
        session.update(values)
        assert browser.has_remember_cookie() is valid


@pytest.mark.requirement("STO-09", "SES-05")
def test_the_companion_tells_the_epoch_to_its_own_account(host: Host) -> None:
    with request_of(host) as state:
        sealed = state.keyring.seal(REMEMBER, struct.pack(">q", 77), "2")
    with request_of(host, f"twofactor_remember={sealed}") as state:
        assert (browser.companion_epoch(state, "2"), browser.companion_epoch(state, "1")) == (77, 0)
    with request_of(host) as state:
        assert browser.companion_epoch(state, "2") == 0


@pytest.mark.requirement("SES-05", "HDR-01")
@pytest.mark.parametrize("configured", [False, True])
def test_the_companion_is_set_as_the_remember_cookie_is(host: Host, configured: bool) -> None:
    if configured:
        host.app.config.update(
            REMEMBER_COOKIE_DURATION=timedelta(days=3),
            REMEMBER_COOKIE_DOMAIN="host.test",
            REMEMBER_COOKIE_PATH="/console",
            REMEMBER_COOKIE_SECURE=True,
            REMEMBER_COOKIE_SAMESITE="Strict",
        )
    with request_of(host) as state:
        state.store.end_sessions("2")
        browser.companion_wanted("2")
        response = written(state)
        cookie = cookies_of(response)["twofactor_remember"]
        plain = state.keyring.open(REMEMBER, cookie.pop("value"), "2")
        assert plain == struct.pack(">q", state.store.standing("2", "").epoch)
        assert response.headers["Cache-Control"] == "no-store"
        cookie.pop("Expires")
        if configured:
            expected = {"Max-Age": "259200", "Domain": "host.test", "Path": "/console", "Secure": True}
            assert cookie == {**expected, "SameSite": "Strict", "HttpOnly": True}
        else:
            assert cookie == {"Max-Age": str(365 * 86400), "Path": "/", "SameSite": "Lax", "HttpOnly": True}


@pytest.mark.requirement("SES-05")
def test_no_companion_is_set_where_nothing_was_ever_ended_or_where_the_store_is_down(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    with request_of(host) as state:
        browser.companion_wanted("2")
        assert cookies_of(written(state)) == {}
        state.store.end_sessions("2")
        with broken_store(host, "standing"):
            assert cookies_of(written(state)) == {}
    assert "the store did not answer: this browser is not remembered" in caplog.text


@pytest.mark.requirement("SES-03", "SES-05")
def test_the_companion_is_deleted_where_it_was_set_at_log_out(host: Host) -> None:
    host.app.config.update(REMEMBER_COOKIE_DOMAIN="host.test", REMEMBER_COOKIE_PATH="/console")
    with request_of(host, "twofactor_remember=x") as state:
        browser.companion_unwanted()
        cookie = cookies_of(written(state))["twofactor_remember"]
        assert (cookie["value"], cookie["Max-Age"]) == ("", "0")
        assert (cookie["Domain"], cookie["Path"]) == ("host.test", "/console")
    with request_of(host) as state:
        browser.companion_unwanted()
        assert cookies_of(written(state)) == {}


@pytest.mark.requirement("HDR-01")
def test_a_response_that_nothing_was_kept_for_is_left_alone(host: Host) -> None:
    with request_of(host, "twofactor_remember=x") as state:
        response = written(state)
        assert "Cache-Control" not in response.headers
        assert cookies_of(response) == {}


# Known browsers


@pytest.mark.requirement("THR-17", "SES-11")
@pytest.mark.parametrize(
    ("config", "base", "expected"),
    [
        ({}, "http://localhost", {"SameSite": "Lax", "Path": "/"}),
        ({}, "https://localhost", {"SameSite": "Lax", "Path": "/", "Secure": True}),
        ({"SESSION_COOKIE_SECURE": True}, "http://localhost", {"SameSite": "Lax", "Path": "/", "Secure": True}),
        (
            {"SESSION_COOKIE_SAMESITE": "Strict", "SESSION_COOKIE_PATH": "/c", "SESSION_COOKIE_DOMAIN": "host.test"},
            "http://localhost",
            {"SameSite": "Strict", "Path": "/c", "Domain": "host.test"},
        ),
    ],
)
def test_a_browser_is_made_a_known_one_by_a_cookie_like_the_session_s(
    host: Host, config: dict[str, Any], base: str, expected: dict[str, Any]
) -> None:
    host.app.config.update(config)
    with request_of(host, base_url=base) as state:
        browser.keep_known(state, "2", "bob")
        response = written(state)
        cookie = cookies_of(response)["twofactor_known"]
        sealed = cookie.pop("value")
        cookie.pop("Expires", None)
        assert cookie == {**expected, "HttpOnly": True, "Max-Age": str(KNOWN_SECONDS)}
        assert response.headers["Cache-Control"] == "no-store"
        at = state.now
    with request_of(host, f"twofactor_known={sealed}") as state:
        [one] = browser.known_accounts(state)
        assert one == Known(one.id, subject_digest(state, "2"), name_digest(state, "bob"), at)


@pytest.mark.requirement("THR-17")
def test_a_known_name_stays_where_none_is_typed(host: Host) -> None:
    with request_of(host) as state:
        assert browser.known_accounts(state) == []
        one = Known(b"i" * 16, subject_digest(state, "2"), name_digest(state, "bob"), state.now)
        sealed = state.keyring.seal(KNOWN, pack([one]))
    host.clock.move(60)
    with request_of(host, f"twofactor_known={sealed}") as state:
        assert browser.known_accounts(state) == [one]
        browser.keep_known(state, "2")
        renewed = cookies_of(written(state))["twofactor_known"]["value"]
    with request_of(host, f"twofactor_known={renewed}") as state:
        assert browser.known_accounts(state) == [one._replace(at=state.now)]
        browser.keep_known(state, "2", "robert")
        renamed = cookies_of(written(state))["twofactor_known"]["value"]
    with request_of(host, f"twofactor_known={renamed}") as state:
        assert browser.known_accounts(state)[0].name == name_digest(state, "robert")
