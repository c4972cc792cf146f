"""Factors are taken out a row at a time, and taken over without ever overwriting one that stands."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from flask_twofactor.core.foreign import Foreign
from flask_twofactor.core.records import Enrolment
from flask_twofactor.core.totp import new_secret
from flask_twofactor.errors import StoreUnavailable, TwoFactorError
from flask_twofactor.flows import setup, transfer
from flask_twofactor.flows.transfer import Outcome
from flask_twofactor.state import State
from flask_twofactor.testing.ground import enrolment_of
from tests.flows.conftest import Calls
from tests.support.host import Host
from tests.support.watching import Heard, broken_store, tamper

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
SHORT = "JBSWY3DPEHPK3PXP"


def take(state: State, *rows: Foreign, **options: Any) -> list[Outcome]:
    return list(transfer.take_over(state, rows, **options))


def secret_of(state: State, subject: str) -> str | None:
    life = enrolment_of(state.store, subject)
    return state.open_secret(life) if life else None


# --- taking out


def test_every_confirmed_factor_is_taken_out_with_its_secret_and_no_pending_one(enrolled: Host, state: State) -> None:
    setup.begin(state, enrolled.users["bob"], "2", "the sign-in", "Harbor")
    taken = list(transfer.export(state, "ann", sealed=True))
    assert [(one.key, one.since) for one in taken] == [("1", state.now), ("3", state.now)]
    for one, name in zip(taken, ("alice", "mallory"), strict=True):
        assert parse_qs(urlsplit(one.uri).query) == {"secret": [enrolled.secrets[name]], "issuer": ["host"]}
        assert unquote(urlsplit(one.uri).path) == f"/host:{one.key}"


@pytest.mark.requirement("LOG-01")
def test_an_event_says_how_many_were_taken_out_and_by_whom(state: State) -> None:
    list(transfer.export(state, "ann", sealed=True))
    event = state.store.events(None, 1)[0]
    assert (event.kind, event.subject) == ("twofactor-exported", "")
    assert event.details == {"count": 2, "by": "ann", "sealed": True}


@pytest.mark.requirement("LOG-01")
def test_an_export_that_is_broken_off_leaves_an_event_of_what_was_handed_out(state: State) -> None:
    taken = transfer.export(state, "ann", sealed=False)
    next(taken)
    taken.close()
    event = state.store.events(None, 1)[0]
    assert event.kind == "twofactor-exported"
    assert event.details == {"count": 1, "by": "ann", "sealed": False}


def test_a_secret_that_no_key_opens_is_told_and_hides_no_other(enrolled: Host, state: State) -> None:
    tamper(enrolled, "UPDATE twofactor_enrolment SET sealed = '1.broken' WHERE subject = '1'")
    assert [(one.key, bool(one.uri)) for one in transfer.export(state, "ann", True)] == [("1", False), ("3", True)]
    assert state.store.events(None, 1)[0].details["count"] == 1


def test_a_million_factors_are_taken_out_one_by_one(state: State) -> None:
    """Counted at the store: it is asked for a row when one is written, and never ahead."""
    real, asked = enrolment_of(state.store, "1"), 0

    class Endless(Calls):
        def enrolments(self) -> Iterator[Enrolment | None]:
            nonlocal asked
            while True:
                asked += 1
                yield real

    Endless(state)
    taken = transfer.export(state, "ann", True)
    for number in range(1, 200):
        assert next(taken).key == "1"
        assert asked == number
    taken.close()


# --- taking over


def test_an_account_is_enrolled_by_its_key_or_by_its_name(state: State, heard: Heard) -> None:
    assert take(state, Foreign(1, "2", SECRET)) == [Outcome(1, "imported", "2")]
    assert take(state, Foreign(1, " CAROL ", SECRET), by="name") == [Outcome(1, "imported", "4")]
    assert secret_of(state, "2") == secret_of(state, "4") == SECRET
    assert [(name, values["subject"], values["how"]) for name, values in heard.events] == [
        ("enabled", "2", "imported"),
        ("enabled", "4", "imported"),
    ]
    assert state.store.events("2", 1)[0].details == {"how": "imported"}


def test_a_factor_that_stands_is_never_overwritten(enrolled: Host, state: State, heard: Heard) -> None:
    standing = "the account already has a factor"
    assert take(state, Foreign(7, "1", SECRET)) == [Outcome(7, "skipped", "1", reason=standing)]
    assert secret_of(state, "1") == enrolled.secrets["alice"]
    assert heard.names == []


def test_to_import_again_changes_nothing(state: State) -> None:
    rows = [Foreign(1, "2", SECRET), Foreign(2, "4", new_secret())]
    assert [one.verdict for one in take(state, *rows)] == ["imported", "imported"]
    before = list(state.store.enrolments())
    assert [one.verdict for one in take(state, *rows)] == ["skipped", "skipped"]
    assert list(state.store.enrolments()) == before


def test_a_dry_run_says_the_same_and_writes_nothing(state: State, calls: Calls, heard: Heard) -> None:
    rows = [
        Foreign(1, "1", SECRET),
        Foreign(2, "2", SHORT),
        Foreign(3, "4", ""),
        Foreign(4, "", problem="it is no UTF-8"),
    ]
    said = take(state, *rows, dry_run=True)
    assert {verb for verb, *_ in calls.made} == {"factor"}
    assert heard.names == []
    assert take(state, *rows) == said


def test_a_short_secret_is_imported_and_marked(state: State) -> None:
    assert take(state, Foreign(1, "2", SHORT)) == [Outcome(1, "imported", "2", weak=True)]
    assert secret_of(state, "2") == SHORT


@pytest.mark.requirement("RPL-01")
def test_codes_of_the_moment_of_the_import_are_spent(enrolled: Host, state: State) -> None:
    """The old console may have taken them."""
    take(state, Foreign(1, "2", SECRET))
    enrolled.secrets["bob"] = SECRET
    bob = enrolled.users["bob"]
    assert not any(enrolled.two_factor.verify(bob, enrolled.code("bob", steps)) for steps in (-1, 0, 1))
    enrolled.clock.move(30)
    assert not enrolled.two_factor.verify(bob, enrolled.code("bob"))
    assert enrolled.two_factor.verify(bob, enrolled.code("bob", 1))


@pytest.mark.parametrize("by", ["key", "name"])
def test_an_account_that_cannot_be_is_a_failed_row(state: State, by: str) -> None:
    for account in ("nobody" if by == "name" else "x" * 256, "a\x1b[31m", "a\nb", "\ud800"):
        assert [one.verdict for one in take(state, Foreign(1, account, SECRET), by=by)] == ["failed"]


def test_a_bad_row_is_told_and_the_others_go_on(state: State) -> None:
    rows = [
        Foreign(2, "nobody", SECRET),
        Foreign(3, "", problem="it is no row of CSV"),
        Foreign(4, "carol", ""),
        Foreign(5, "bob", SECRET),
    ]
    assert take(state, *rows, by="name") == [
        Outcome(2, "failed", reason="there is no such account"),
        Outcome(3, "failed", reason="it is no row of CSV"),
        Outcome(4, "empty"),
        Outcome(5, "imported", "2"),
    ]


def test_a_look_up_that_fails_is_a_failed_row_and_the_others_go_on(make_app: Callable[..., Host]) -> None:
    def wire(two_factor: Any) -> None:
        @two_factor.user_lookup
        def look_up(name: str) -> Any:
            return host.users[name]

    host = make_app(wire=wire)
    with host.app.app_context():
        rows = [Foreign(1, "nobody", SECRET), Foreign(2, "bob", SECRET)]
        assert take(host.app.extensions["twofactor"], *rows, by="name") == [
            Outcome(1, "failed", reason="the hook user_lookup raised KeyError"),
            Outcome(2, "imported", "2"),
        ]


def test_a_store_that_is_down_ends_the_import(enrolled: Host, state: State) -> None:
    with broken_store(enrolled, "put_enrolment"), pytest.raises(StoreUnavailable):
        take(state, Foreign(1, "2", SECRET))


def test_rows_are_taken_over_one_by_one_as_they_are_asked_for(state: State) -> None:
    given = 0

    def rows() -> Iterator[Foreign]:
        nonlocal given
        for given in range(1, 1000):
            yield Foreign(given, f"new-{given}", SECRET)

    outcomes = transfer.take_over(state, rows())
    for number in range(1, 20):
        next(outcomes)
        assert given == number


@pytest.mark.requirement("STO-12", "LOG-06")
def test_a_store_that_fails_sees_no_secret_in_the_frames_that_called_it(enrolled: Host, state: State) -> None:
    with broken_store(enrolled, "put_enrolment"), pytest.raises(StoreUnavailable) as failed:
        take(state, Foreign(1, "2", SECRET))
    frames = [frame for frame, _ in traceback.walk_tb(failed.value.__traceback__)]
    shown = [
        repr(value)
        for frame in frames
        if "flask_twofactor" in frame.f_code.co_filename
        for value in frame.f_locals.values()
    ]
    assert shown
    assert not [text for text in shown if SECRET in text]


# --- from Python


def import_factors(host: Host, rows: Iterable[tuple[Any, str | None]], **options: Any) -> transfer.Imported:
    return host.two_factor.import_factors(rows, **options)


def test_the_rows_of_a_host_s_own_query_are_taken_over(enrolled: Host, state: State) -> None:
    rows = [(enrolled.users["bob"], "jbsw y3dp ehpk 3pxp"), (4, SECRET), ("1", SECRET), ("5", None), ("6", "short")]
    done = import_factors(enrolled, iter(rows))
    assert (done.imported, done.skipped, done.empty, done.weak) == (2, 1, 1, ("2",))
    assert done.failed == (Outcome(5, "failed", reason="it is no secret of 80 to 512 bits"),)
    assert (secret_of(state, "2"), secret_of(state, "4")) == (SHORT, SECRET)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("base32", SECRET.lower()),
        ("twofactor", f"otpauth://totp/x?secret={SECRET}"),
        ("django-otp", b"12345678901234567890".hex()),
        ("flask-security", f'{{"key":"{SECRET}","type":"totp","v":1}}'),
        (
            "flask-security",
            '{"enckey":{"c":14,"k":"OSIJQVDIKH4HV7WMPZ45M3BJNLOLHZ25","s":"3BN6XPOXHKT5IGXDDRBQ","t":"2","v":1},'
            '"type":"totp","v":1}',
        ),
    ],
)
def test_each_source_is_read_from_a_query_too(enrolled: Host, state: State, source: str, text: str) -> None:
    assert import_factors(enrolled, [("2", text)], source=source, secrets={"2": "the second one"}).imported == 1
    assert secret_of(state, "2") == SECRET


def test_a_user_without_a_key_is_a_failed_row(enrolled: Host, state: State) -> None:
    enrolled.users["carol"].id = ""  # type: ignore[assignment]
    done = import_factors(enrolled, [(enrolled.users["carol"], SECRET), (None, SECRET), ("", SECRET), ("2", SECRET)])
    assert (done.imported, [one.line for one in done.failed]) == (1, [1, 2, 3])


def test_a_source_that_nobody_knows_is_named_with_those_that_are_known(enrolled: Host, state: State) -> None:
    with pytest.raises(TwoFactorError, match=r"no source 'ldap'; the sources are twofactor, base32, flask-security"):
        import_factors(enrolled, [], source="ldap")
