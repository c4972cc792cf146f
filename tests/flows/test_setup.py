"""SETUP and MANAGE without HTTP: what is shown, what is kept, what ends, and what is recorded."""

from __future__ import annotations

import logging
from dataclasses import FrozenInstanceError, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from flask_twofactor.core.keyring import token_digest
from flask_twofactor.core.records import Enrolment, Mark
from flask_twofactor.core.totp import code_at
from flask_twofactor.errors import (
    AlreadyEnrolled,
    CodeRejected,
    FactorRequired,
    SetupExpired,
    SignInAgain,
    StoreUnavailable,
    TwoFactorError,
)
from flask_twofactor.flows import manage, recovery, setup
from flask_twofactor.state import State
from flask_twofactor.testing.ground import enrolment_of
from tests.flows.conftest import Calls
from tests.support.host import Clock, Host
from tests.support.watching import Heard, broken_store

BY = "b" * 64
"""Digest of a sign-in."""
TOO_MANY = "too many wrong codes for one key"
GONE = "the key that was being set up is gone: too old, or guessed at ten times"


def begin(host: Host, state: State, opened_by: str = BY) -> setup.Setup:
    return setup.begin(state, host.users["bob"], "2", opened_by, "Harbor")


def code(state: State, shown: setup.Setup, steps: int = 0) -> str:
    return code_at(shown.secret, state.now // 30 + steps)


def wrong(state: State, shown: setup.Setup) -> str:
    near = {code(state, shown, steps) for steps in range(-3, 4)}
    return next(text for text in ("000000", "111111", "222222") if text not in near)


def confirm(state: State, text: str | None, opened_by: str = BY) -> str:
    return setup.confirm(state, "2", opened_by, text, 5)[0]


@pytest.mark.requirement("ENR-07", "ENR-13")
def test_a_sign_in_is_shown_the_same_key_until_it_expires(enrolled: Host, state: State, clock: Clock) -> None:
    shown = begin(enrolled, state)
    assert shown.expires_at == state.now + 600
    assert "".join(shown.groups) == shown.secret
    query = parse_qs(urlsplit(shown.uri).query)
    assert (query["secret"], query["issuer"]) == ([shown.secret], ["Harbor"])
    assert urlsplit(shown.uri).path == "/Harbor:bob"
    clock.move(600)
    assert begin(enrolled, state) == shown
    assert begin(enrolled, state, "c" * 64).secret != shown.secret
    clock.move(1)
    later = begin(enrolled, state)
    assert later.secret != shown.secret
    assert later.expires_at == state.now + 600


@pytest.mark.requirement("ENR-02", "LOG-02")
def test_a_key_that_is_shown_is_in_no_repr_and_does_not_change(enrolled: Host, state: State) -> None:
    shown = begin(enrolled, state)
    assert shown.secret not in repr(shown)
    with pytest.raises(FrozenInstanceError):
        shown.secret = "x"  # type: ignore[misc]


def test_nobody_with_a_factor_is_shown_a_key(enrolled: Host, state: State) -> None:
    with pytest.raises(AlreadyEnrolled, match=r"^the account already has a factor$"):
        setup.begin(state, enrolled.users["alice"], "1", BY, "Harbor")


@pytest.mark.requirement("STO-06")
def test_a_key_that_does_not_open_gives_way_to_a_new_one(enrolled: Host, state: State) -> None:
    shown = begin(enrolled, state)
    kept = state.store.pending_enrolment("2", BY)
    assert kept is not None
    assert state.store.reseal("2", kept.id, kept.sealed, "1.nonsense")
    assert begin(enrolled, state).secret != shown.secret


@pytest.mark.requirement("STO-06")
def test_no_key_is_shown_that_does_not_open(enrolled: Host, state: State) -> None:
    opened: list[int] = []

    class Garbling(Calls):
        def open_enrolment(self, fresh: Enrolment, not_before: int, tries: int) -> Enrolment:
            opened.append(not_before)
            return replace(fresh, sealed="1.nonsense")

    Garbling(state)
    with pytest.raises(StoreUnavailable, match=r"^the key that was kept just now does not open$"):
        begin(enrolled, state)
    assert opened == [state.now - 600, state.now + 1]


@pytest.mark.requirement("ENR-08", "ENR-10", "LOG-01")
@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_a_right_code_turns_the_factor_on_and_gives_a_mark(
    enrolled: Host, state: State, heard: Heard, offset: int
) -> None:
    shown = begin(enrolled, state)
    token = confirm(state, code(state, shown, offset))
    life = enrolment_of(state.store, "2")
    assert life is not None
    now = state.now
    assert (life.confirmed_at, life.last_step, life.opened_by) == (now, now // 30 + offset, None)
    digest = token_digest(token)
    assert state.store.standing("2", digest).mark == Mark(digest, "2", life.id, now, now, 5, now)
    assert heard.events == [("enabled", {"subject": "2", "at": now, "offset": offset})]
    assert state.open_secret(life) == shown.secret


@pytest.mark.requirement("ENR-04", "ENR-15", "LOG-01")
def test_ten_guesses_are_judged_and_then_the_key_is_gone(enrolled: Host, state: State) -> None:
    shown = begin(enrolled, state)
    for number in range(10):
        kind, text = (CodeRejected, "the code was not right") if number < 9 else (SetupExpired, TOO_MANY)
        with pytest.raises(kind, match=rf"^{text}$"):
            confirm(state, wrong(state, shown))
    with pytest.raises(SetupExpired, match=rf"^{GONE}$"):
        confirm(state, code(state, shown))
    assert [(one.kind, one.details) for one in state.store.events("2", 99)] == [
        ("twofactor-set-up-refused", {"reason": "code"})
    ] * 10
    assert begin(enrolled, state).secret != shown.secret


@pytest.mark.requirement("ENR-15")
def test_what_is_no_code_is_no_guess(enrolled: Host, state: State) -> None:
    shown = begin(enrolled, state)
    for text in (None, "", "12345", "abcdef"):
        with pytest.raises(CodeRejected, match=r"^that is no code of six digits$"):
            confirm(state, text)
    kept = state.store.pending_enrolment("2", BY)
    assert kept is not None
    assert kept.tries == 0
    assert confirm(state, code(state, shown))


@pytest.mark.requirement("ENR-04")
@pytest.mark.parametrize(("seconds", "expired"), [(600, False), (601, True)])
def test_a_key_lives_for_ten_minutes_and_for_its_own_sign_in(
    enrolled: Host, state: State, clock: Clock, seconds: int, expired: bool
) -> None:
    shown = begin(enrolled, state)
    clock.move(seconds)
    with pytest.raises(SetupExpired):
        confirm(state, code(state, shown), "c" * 64)
    if expired:
        with pytest.raises(SetupExpired, match=rf"^{GONE}$"):
            confirm(state, code(state, shown))
    else:
        assert confirm(state, code(state, shown))


@pytest.mark.requirement("ENR-08", "RPL-06")
def test_a_key_is_too_late_where_a_factor_was_set_up_meanwhile(enrolled: Host, state: State) -> None:
    shown = begin(enrolled, state)

    class Meanwhile(Calls):
        def count_try(self, *arguments: Any) -> bool:
            counted: bool = self._store.count_try(*arguments)
            setup.enroll(state, enrolled.users["bob"], None, "Harbor")
            return counted

    Meanwhile(state)
    with pytest.raises(SetupExpired, match=r"^the factor was set up meanwhile$"):
        confirm(state, code(state, shown))


@pytest.mark.requirement("ENR-08", "LIF-02")
@pytest.mark.parametrize("with_codes", [True, False])
def test_a_factor_that_is_set_up_anew_takes_the_place_of_the_one_that_stands(
    enrolled: Host, state: State, with_codes: bool
) -> None:
    alice, before = enrolled.users["alice"], enrolment_of(state.store, "1")
    assert before is not None
    enrolled.two_factor.new_recovery_codes(alice)
    shown = setup.begin(state, alice, "1", BY, "Harbor", before.id)
    options: dict[str, Any] = {} if with_codes else {"with_codes": False}
    token, sealed = setup.confirm(state, "1", BY, code(state, shown), 5, replaces=before.id, **options)
    after = enrolment_of(state.store, "1")
    assert after is not None
    assert (after.id != before.id, state.open_secret(after)) == (True, shown.secret)
    assert state.store.standing("1", token_digest(token)).bound
    assert (state.store.recovery("1").left, bool(sealed)) == ((10, True) if with_codes else (0, False))
    assert len(recovery.show(state, "1", sealed) or []) == (10 if with_codes else 0)


@pytest.mark.requirement("ENR-08")
def test_a_factor_is_set_up_anew_where_that_very_one_stands(enrolled: Host, state: State) -> None:
    alice, before = enrolled.users["alice"], enrolment_of(state.store, "1")
    assert before is not None
    for user, subject, replaces in ((alice, "1", "another life"), (enrolled.users["bob"], "2", before.id)):
        with pytest.raises(AlreadyEnrolled):
            setup.begin(state, user, subject, BY, "Harbor", replaces)
    shown = setup.begin(state, alice, "1", BY, "Harbor", before.id)
    for other in (None, "another life"):
        with pytest.raises(SetupExpired, match=r"^the factor was set up meanwhile$"):
            setup.confirm(state, "1", BY, code(state, shown), 5, replaces=other)
    assert enrolment_of(state.store, "1") == before


@pytest.mark.requirement("ENR-01")
def test_enroll_writes_a_confirmed_enrolment_of_the_given_secret_or_of_a_new_one(
    enrolled: Host, state: State, heard: Heard
) -> None:
    given = "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP"
    uri = setup.enroll(state, enrolled.users["bob"], given, "Harbor")
    life = enrolment_of(state.store, "2")
    assert life is not None
    assert parse_qs(urlsplit(uri).query)["secret"] == [given.replace(" ", "")]
    assert state.open_secret(life) == given.replace(" ", "")
    assert (life.created_at, life.confirmed_at, life.last_step) == (state.now, state.now, -1)
    assert heard.names == ["enabled"]
    with pytest.raises(AlreadyEnrolled, match=r"^the account already has a factor; reset it first$"):
        setup.enroll(state, enrolled.users["bob"], None, "Harbor")
    with pytest.raises(TwoFactorError, match=r"^a secret is base32 text of 128 to 512 bits"):
        setup.enroll(state, enrolled.users["carol"], "short", "Harbor")
    uri = setup.enroll(state, enrolled.users["carol"], None, "Harbor")
    assert len(parse_qs(urlsplit(uri).query)["secret"][0]) == 32


# MANAGE


def disable(host: Host, state: State, text: str | None, sign_in: str = "a sign-in", known: bool = False) -> str:
    return manage.disable(state, host.users["alice"], text, sign_in, 5, known)


@pytest.mark.requirement("LIF-02", "LOG-01")
def test_a_right_code_takes_the_factor_away_and_gives_a_mark_without_one(
    enrolled: Host, state: State, heard: Heard
) -> None:
    token = disable(enrolled, state, enrolled.code("alice", 1))
    digest, now = token_digest(token), state.now
    assert enrolment_of(state.store, "1") is None
    assert state.store.standing("1", digest).mark == Mark(digest, "1", "", now, now, 5, 0)
    assert heard.events[-1] == ("disabled", {"subject": "1", "at": now, "offset": 1})


@pytest.mark.requirement("LIF-02", "THR-09", "LOG-01")
def test_wrong_codes_take_nothing_away_and_the_sixth_ends_the_session(enrolled: Host, state: State) -> None:
    for _ in range(5):
        with pytest.raises(CodeRejected):
            disable(enrolled, state, enrolled.wrong_code("alice"))
    with pytest.raises(SignInAgain):
        disable(enrolled, state, enrolled.code("alice"))
    assert enrolment_of(state.store, "1") is not None
    rejected = [one.details for one in state.store.events("1", 99) if one.kind == "twofactor-code-rejected"]
    assert rejected == [{"reason": "wrong"}] * 5
    assert disable(enrolled, state, enrolled.code("alice"), "another")


@pytest.mark.requirement("THR-05")
@pytest.mark.parametrize(("known", "pool"), [(True, "known"), (False, "unknown")])
def test_a_wrong_code_in_manage_is_charged_to_the_pool_of_its_browser(
    enrolled: Host, state: State, calls: Calls, known: bool, pool: str
) -> None:
    with pytest.raises(CodeRejected):
        disable(enrolled, state, enrolled.wrong_code("alice"), known=known)
    assert calls.of("charge") == [("1", state.now, pool, 1)]


@pytest.mark.requirement("RPL-04", "THR-11")
def test_disabling_gives_its_attempt_back_and_the_owner_hears_of_wrong_codes(enrolled: Host, state: State) -> None:
    told: list[tuple[str, str]] = []
    state.hooks.notify = lambda user, notice: told.append((user.username, notice.kind))
    for _ in range(3):
        with pytest.raises(CodeRejected):
            disable(enrolled, state, enrolled.wrong_code("alice"))
    assert told == [("alice", "few")]
    mallory = enrolled.users["mallory"]
    for _ in range(3):
        assert manage.verify(state, mallory, enrolled.wrong_code("mallory")) == ""
    assert told == [("alice", "few"), ("mallory", "few")]
    disable(enrolled, state, enrolled.code("alice"))
    left = [state.store.charge("1", state.now, "unknown").attempt is not None for _ in range(8)]
    assert left == [True] * 7 + [False]


@pytest.mark.requirement("LIF-08")
def test_a_factor_that_is_mandatory_stays(enrolled: Host, state: State, calls: Calls) -> None:
    state.hooks.requirement = lambda user: user.username == "alice"
    with pytest.raises(FactorRequired):
        disable(enrolled, state, enrolled.code("alice"))
    assert calls.of("charge") == []
    assert enrolment_of(state.store, "1") is not None
    state.store.set_required("3", True)
    with pytest.raises(FactorRequired):
        manage.disable(state, enrolled.users["mallory"], enrolled.code("mallory"), "a sign-in", 5, False)


@pytest.mark.requirement("STO-07")
def test_the_factor_is_off_where_the_counters_fail_afterwards(
    enrolled: Host, state: State, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise StoreUnavailable("down")

    monkeypatch.setattr(type(state.throttle), "refund", fail)
    assert disable(enrolled, state, enrolled.code("alice"))
    assert "the counters did not answer: a right code stays counted for its session" in caplog.text
    assert enrolment_of(state.store, "1") is None


@pytest.mark.requirement("RPL-03", "LOG-01")
def test_verify_spends_a_code_and_records_what_became_of_it(enrolled: Host, state: State, calls: Calls) -> None:
    alice = enrolled.users["alice"]
    answers = [manage.verify(state, alice, text) for text in (enrolled.code("alice"), enrolled.code("alice"), "12345")]
    life = enrolment_of(state.store, "1")
    assert life is not None
    assert answers == [life.id, "", ""]
    assert manage.verify(state, enrolled.users["bob"], "123456") == ""
    kinds = [(one.kind.removeprefix("twofactor-"), one.details) for one in state.store.events("1", 3)]
    assert kinds == [
        ("code-rejected", {"reason": "malformed"}),
        ("code-rejected", {"reason": "replayed"}),
        ("code-accepted", {"offset": 0}),
    ]
    assert state.store.events("2", 9)[0].details == {"reason": "no-factor"}
    assert {pool for _, _, pool, _ in calls.of("charge")} == {"unknown"}


@pytest.mark.requirement("LIF-04", "LOG-01")
def test_a_reset_takes_all_away_says_by_whom_and_tells_the_owner_of_a_factor_that_stood(
    enrolled: Host, state: State, heard: Heard
) -> None:
    told: list[tuple[str, str]] = []
    state.hooks.notify = lambda user, notice: told.append((user.username, notice.kind))
    assert manage.reset(state, enrolled.users["alice"], "ops") is True
    assert manage.reset(state, enrolled.users["alice"], "ops") is False
    assert heard.events == [("reset", {"subject": "1", "at": state.now, "by": "ops"})] * 2
    assert told == [("alice", "reset")]


@pytest.mark.requirement("SES-09", "LOG-01")
def test_ending_sessions_tells_how_many(enrolled: Host, state: State, heard: Heard, calls: Calls) -> None:
    present = None
    for _ in range(3):
        _, present = state.new_mark("1", "life", password_at=3, code_at=4)
        state.store.add_mark(present)
    token = manage.end_other_sessions(state, "1", 5, present)
    kept = state.store.standing("1", token_digest(token)).mark
    assert kept is not None
    assert (kept.enrolment, kept.password_at, kept.code_at) == ("life", 5, 4)
    assert manage.end_sessions(state, enrolled.users["alice"], refill=True) == 1
    assert calls.of("end_sessions")[-1] == ("1", True)
    manage.end_sessions(state, enrolled.users["alice"])
    assert calls.of("end_sessions")[-1] == ("1", False)
    token = manage.end_other_sessions(state, "1", 7, None)
    kept = state.store.standing("1", token_digest(token)).mark
    assert kept is not None
    assert (kept.enrolment, kept.password_at, kept.code_at, kept.rescued) == ("", 7, 0, 0)
    assert [(values["subject"], values["count"]) for _, values in heard.events] == [
        ("1", 2),
        ("1", 1),
        ("1", 0),
        ("1", 0),
    ]


# Notices


@pytest.mark.requirement("ENR-12", "ENU-11")
def test_a_notice_that_fails_is_logged_by_its_kind_and_undoes_nothing(
    enrolled: Host, state: State, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise ValueError

    state.hooks.notify = fail
    with caplog.at_level(logging.ERROR):
        assert manage.reset(state, enrolled.users["alice"], "ops") is True
    assert "a notice was not delivered: kind=reset" in caplog.text
    caplog.clear()
    state.hooks.notify = lambda user, notice: None
    object.__setattr__(state, "current_brand", lambda: state.hooks.ask("brand_select"))
    state.hooks.brand_select = fail
    setup.enroll(state, enrolled.users["alice"], None, "Harbor")
    assert manage.reset(state, enrolled.users["alice"], "ops") is True
    assert "a notice was not delivered: kind=reset" in caplog.text


def test_a_store_that_is_down_while_a_key_is_kept_is_told(enrolled: Host, state: State) -> None:
    with broken_store(enrolled, "open_enrolment"), pytest.raises(StoreUnavailable):
        begin(enrolled, state)
