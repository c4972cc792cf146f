"""Log in without HTTP: what is counted, what is judged, what is kept, and who is in."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from flask_twofactor.core.keyring import token_digest
from flask_twofactor.core.known import Known
from flask_twofactor.core.records import Mark, Note, Standing, TrustToken
from flask_twofactor.errors import CodeRejected, HookFailed, LoginRefused, SignInAgain, Throttled
from flask_twofactor.flows import login, rescue, trusted, verdicts
from flask_twofactor.state import State
from flask_twofactor.testing.ground import enrolment_of
from flask_twofactor.throttle import LOOK_UPS
from tests.flows.conftest import Calls
from tests.support.host import Clock, Host
from tests.support.watching import Heard

HERE = "192.0.2.1"
DAY = 86400


def mark_of(state: State, token: str, subject: str = "1") -> Mark | None:
    return state.store.standing(subject, token_digest(token)).mark


def known_as(state: State, subject: str, name: str, number: int = 1) -> Known:
    """A browser that is known for an account, and for the name that was typed."""
    return Known(bytes([number]) * 16, login.subject_digest(state, subject), login.name_digest(state, name), state.now)


def check(state: State, name: str, password: str, code: str | None = None, **more: Any) -> login.Login:
    return login.check(state, name, password, code, more.pop("source", HERE), **more)


def fails(state: State, name: str, times: int, **more: Any) -> list[str]:
    """Fail so often; gives what each attempt raised."""
    raised = []
    for _ in range(times):
        with pytest.raises((LoginRefused, Throttled)) as caught:
            check(state, name, "wrong", **more)
        raised.append(type(caught.value).__name__)
    return raised


# Who is asked for a code


@pytest.mark.requirement("ENU-02", "ENU-08")
def test_a_code_is_asked_of_those_who_have_the_factor_and_of_all_where_the_page_is_uniform(state: State) -> None:
    assert (login.identify(state, "alice"), login.identify(state, "bob")) == (True, False)
    absent = {login.identify(state, f"nobody{number}") for number in range(200)}
    assert absent == {True, False}
    object.__setattr__(state, "settings", replace(state.settings, prompt="uniform"))
    assert login.identify(state, "bob") is True


@pytest.mark.requirement("THR-16", "THR-17")
def test_names_are_counted_by_source_but_not_those_that_the_browser_is_known_for(state: State) -> None:
    known = [known_as(state, "1", "alice")]
    for number in range(LOOK_UPS[0][0]):
        login.look_up(state, f"name{number}", HERE, known)
    login.look_up(state, "alice", HERE, known)
    with pytest.raises(Throttled) as caught:
        login.look_up(state, "bob", HERE, known)
    assert 0 < caught.value.retry_after <= 600
    [event] = state.store.events("", 9)
    assert event.kind == "twofactor-throttled"
    assert event.details == {"reason": "look-ups", "name": login.name_digest(state, "bob").hex()}
    login.look_up(state, "bob", "192.0.2.2", known)


# The check


@pytest.mark.requirement("VER-01")
def test_a_right_log_in_gives_a_mark_bound_to_account_and_enrolment(enrolled: Host, state: State) -> None:
    done = check(state, "alice", "alice-password", enrolled.code("alice", 1))
    life = enrolment_of(state.store, "1")
    assert life is not None
    assert (done.user, done.subject, done.offset, done.factor) == (enrolled.users["alice"], "1", 1, life.id)
    assert (done.by, done.with_code, done.left, done.trust) == ("code", True, None, None)
    now = state.now
    assert mark_of(state, done.token) == Mark(token_digest(done.token), "1", life.id, now, now, now, now)
    assert done.token not in repr(done)


@pytest.mark.requirement("VER-01")
def test_a_log_in_without_the_factor_gives_a_mark_that_says_so(enrolled: Host, state: State) -> None:
    done = check(state, "bob", "bob-password")
    now = state.now
    assert (done.user, done.subject, done.offset, done.factor) == (enrolled.users["bob"], "2", None, "")
    assert (done.by, done.with_code, done.left, done.trust) == ("password", False, None, None)
    assert mark_of(state, done.token, "2") == Mark(token_digest(done.token), "2", "", now, now, now, 0)


@pytest.mark.requirement("VER-08", "LOG-01")
@pytest.mark.parametrize(
    ("name", "password", "code", "reason"),
    [
        ("nobody", "alice-password", "right", "no-account"),
        ("alice", "wrong", "right", "password"),
        ("alice", "alice-password" + "x" * 1024, "right", "password"),
        ("alice", "alice-password", "wrong", "wrong"),
        ("alice", "alice-password", None, "malformed"),
        ("bob", "wrong", None, "password"),
        ("mallory", "mallory-password", "right", "may-login"),
        ("carol", "carol-password", None, "may-login"),
    ],
)
def test_what_is_not_right_is_refused_leaves_nothing_and_is_recorded(
    enrolled: Host, state: State, name: str, password: str, code: str | None, reason: str
) -> None:
    for banned in ("mallory", "carol"):
        enrolled.users[banned].active = False
    given = {"right": enrolled.code("alice"), "wrong": enrolled.wrong_code("alice"), None: None}[code]
    if name == "mallory":
        given = enrolled.code("mallory")
    with pytest.raises(LoginRefused):
        check(state, name, password, given)
    [event, *_] = state.store.events(None, 9)
    assert (event.kind, event.details["reason"]) == ("twofactor-log-in-refused", reason)
    user = enrolled.users.get(name)
    assert event.subject == (str(user.id) if user else "")
    assert ("name" in event.details) is (user is None)
    for subject in ("1", "3"):
        life = enrolment_of(state.store, subject)
        assert life is not None
        assert life.last_step == -1


@pytest.mark.requirement("VER-10")
def test_the_longest_password_reaches_the_host_and_a_longer_one_does_not(enrolled: Host, state: State) -> None:
    bob = enrolled.users["bob"]
    bob.password = "x" * login.MAX_PASSWORD
    assert check(state, "bob", bob.password).subject == "2"
    before = bob.checks
    bob.password += "x"
    with pytest.raises(LoginRefused):
        check(state, "bob", bob.password)
    assert bob.checks == before


@pytest.mark.requirement("ENU-10", "VER-07")
def test_the_password_of_nobody_is_checked_and_a_hook_that_fails_for_nobody_costs_a_hash(state: State) -> None:
    asked: list[tuple[Any, str]] = []
    hashed: list[str] = []

    def answer(user: Any, password: str) -> bool:
        asked.append((user, password))
        return True

    state.hooks.password_check = answer
    object.__setattr__(state, "hash_for_nobody", hashed.append)
    with pytest.raises(LoginRefused):
        check(state, "nobody", "a password")
    assert (asked, hashed) == ([(None, "a password")], [])

    def fail(user: Any, password: str) -> bool:
        raise ValueError

    state.hooks.password_check = fail
    with pytest.raises(LoginRefused):
        check(state, "nobody", "a password")
    assert hashed == ["a password"]
    with pytest.raises(HookFailed):
        check(state, "bob", "a password")


# What is counted


@pytest.mark.requirement("THR-03", "THR-05")
def test_the_pair_of_name_and_source_waits_after_five_failures(state: State) -> None:
    assert fails(state, "bob", 7) == ["LoginRefused"] * 5 + ["Throttled"] * 2
    assert fails(state, "bob", 1, source="192.0.2.2") == ["LoginRefused"]
    assert fails(state, "carol", 1) == ["LoginRefused"]
    events = [one.details for one in state.store.events("2", 9) if one.kind == "twofactor-throttled"]
    assert events == [{"reason": "log-in"}]


@pytest.mark.requirement("THR-03", "THR-06")
def test_a_complete_success_gives_its_attempt_back_and_forgets_the_pair(state: State) -> None:
    for _ in range(3):
        fails(state, "bob", 4)
        check(state, "bob", "bob-password")
    assert fails(state, "bob", 5) == ["LoginRefused"] * 5


@pytest.mark.requirement("THR-06", "THR-17")
def test_a_known_browser_is_counted_by_itself_and_by_its_own_account_alone(state: State) -> None:
    fails(state, "bob", 7)
    mine, other = [known_as(state, "2", "bob")], [known_as(state, "1", "alice")]
    assert fails(state, "bob", 1, known=other) == ["Throttled"]
    assert fails(state, "bob", 10, known=mine) == ["LoginRefused"] * 10
    assert fails(state, "bob", 1, known=mine) == ["Throttled"]
    assert fails(state, "bob", 1, known=[known_as(state, "2", "bob", 2)]) == ["LoginRefused"]


@pytest.mark.requirement("THR-05")
@pytest.mark.parametrize("known", [False, True])
def test_a_code_is_charged_to_the_pool_of_its_browser(enrolled: Host, state: State, calls: Calls, known: bool) -> None:
    browsers = [known_as(state, "1", "alice")] if known else []
    with pytest.raises(LoginRefused):
        check(state, "alice", "alice-password", enrolled.wrong_code("alice"), known=browsers)
    assert calls.of("charge") == [("1", state.now, "known" if known else "unknown", 1)]


# The challenge


def sign_in(enrolled: Host, **more: Any) -> login.SignIn:
    values = {"user": enrolled.users["alice"], "subject": "1", "id": "a sign-in", "password_at": 5, "owes": True}
    return login.SignIn(**{**values, **more})


@pytest.mark.requirement("SES-02")
def test_an_answer_gives_a_mark_and_ends_the_one_that_it_replaces(enrolled: Host, state: State, clock: Clock) -> None:
    before = check(state, "alice", "alice-password", enrolled.code("alice"))
    clock.move(60)
    given = sign_in(enrolled, owes=False, replaces=token_digest(before.token))
    done = login.answer(state, given, enrolled.code("alice", -1), HERE)
    life = enrolment_of(state.store, "1")
    assert life is not None
    assert (done.user, done.subject, done.offset) == (enrolled.users["alice"], "1", -1)
    now = state.now
    assert mark_of(state, done.token) == Mark(token_digest(done.token), "1", life.id, now, now, 5, now)
    assert mark_of(state, before.token) is None


@pytest.mark.requirement("THR-09", "LOG-01")
def test_wrong_answers_of_one_session_end_it_and_are_recorded(enrolled: Host, state: State, heard: Heard) -> None:
    for _ in range(5):
        with pytest.raises(CodeRejected):
            login.answer(state, sign_in(enrolled, owes=False), enrolled.wrong_code("alice"), HERE)
    with pytest.raises(SignInAgain) as caught:
        login.answer(state, sign_in(enrolled, owes=False), enrolled.code("alice"), HERE)
    assert 0 < caught.value.retry_after <= 900
    kinds = [(one.kind, one.details) for one in state.store.events("1", 2)]
    assert kinds == [
        ("twofactor-throttled", {"reason": "sign-in"}),
        ("twofactor-code-rejected", {"reason": "wrong"}),
    ]
    assert heard.rejections == ["wrong"] * 5
    done = login.answer(state, sign_in(enrolled, owes=False, id="another"), enrolled.code("alice"), HERE)
    assert done.offset == 0


@pytest.mark.requirement("THR-09")
def test_a_right_answer_forgets_the_wrong_ones_of_its_session(enrolled: Host, state: State, clock: Clock) -> None:
    for _ in range(3):
        for _ in range(2):
            with pytest.raises(CodeRejected):
                login.answer(state, sign_in(enrolled, owes=False), enrolled.wrong_code("alice"), HERE)
        login.answer(state, sign_in(enrolled, owes=False), enrolled.code("alice"), HERE)
        clock.move(30)


@pytest.mark.requirement("THR-03", "THR-09")
def test_who_owes_the_code_is_counted_by_source_too_and_apart_from_the_log_in(enrolled: Host, state: State) -> None:
    fails(state, "alice", 5)
    for number in range(5):
        with pytest.raises(CodeRejected):
            login.answer(state, sign_in(enrolled, id=f"sign-in {number}"), "12345", HERE)
    with pytest.raises(Throttled):
        login.answer(state, sign_in(enrolled, id="one more"), "12345", HERE)
    [event, *_] = state.store.events("1", 1)
    assert (event.kind, event.details) == ("twofactor-throttled", {"reason": "challenge"})
    with pytest.raises(CodeRejected):
        login.answer(state, sign_in(enrolled, id="from elsewhere"), "12345", "192.0.2.9")
    with pytest.raises(CodeRejected):
        login.answer(state, sign_in(enrolled, id="step-up", owes=False), "12345", HERE)


@pytest.mark.requirement("THR-05", "THR-06")
@pytest.mark.parametrize("owes", [False, True])
@pytest.mark.parametrize(("subject", "pool"), [("1", "known"), ("3", "unknown")])
def test_an_answer_is_charged_to_the_pool_of_its_browser(
    enrolled: Host, state: State, calls: Calls, owes: bool, subject: str, pool: str
) -> None:
    browsers = [known_as(state, subject, "whoever")]
    with pytest.raises(CodeRejected):
        login.answer(state, sign_in(enrolled, owes=owes), enrolled.wrong_code("alice"), HERE, browsers)
    assert calls.of("charge") == [("1", state.now, pool, 1)]


@pytest.mark.requirement("LIF-03")
def test_an_answer_of_an_account_without_the_factor_is_refused(enrolled: Host, state: State) -> None:
    given = sign_in(enrolled, user=enrolled.users["bob"], subject="2")
    with pytest.raises(CodeRejected):
        login.answer(state, given, "123456", HERE)
    assert state.store.events("2", 1)[0].details == {"reason": "no-factor"}


@pytest.mark.requirement("LOG-02")
def test_a_sign_in_shows_nothing_that_names_it(enrolled: Host) -> None:
    given = sign_in(enrolled, id="the-id", replaces="the-digest")
    assert "the-id" not in repr(given)
    assert "the-digest" not in repr(given)
    assert sign_in(enrolled).replaces == ""
    with pytest.raises(FrozenInstanceError):
        given.owes = False  # type: ignore[misc]


# Recovery codes, rescue codes and trusted browsers


@pytest.mark.requirement("REC-02", "REC-10")
def test_a_log_in_with_a_recovery_code_says_how_many_are_left_and_ends_all_trust(enrolled: Host, state: State) -> None:
    codes = enrolled.two_factor.new_recovery_codes(enrolled.users["alice"])
    trust(enrolled, state)
    done = check(state, "alice", "alice-password", codes[0])
    assert (done.by, done.with_code, done.left, done.offset) == ("recovery", True, 9, None)
    mark = mark_of(state, done.token)
    assert mark is not None
    assert (mark.rescued, mark.code_at) == (0, state.now)
    assert state.store.trusted("1") == []


def test_a_log_in_with_a_rescue_code_begins_a_session_that_only_leads_to_set_up(enrolled: Host, state: State) -> None:
    given = rescue.issue(state, enrolled.users["alice"], "ops", "boss").code
    done = check(state, "alice", "alice-password", given)
    assert (done.by, done.with_code, done.left, done.offset) == ("rescue", True, None, None)
    standing = state.store.standing("1", token_digest(done.token))
    assert (standing.rescued, standing.bound) == (1, True)
    assert verdicts.of_mark(state, "1", standing) == "setup"
    with pytest.raises(LoginRefused):
        check(state, "alice", "alice-password", given)


@pytest.mark.parametrize("owes", [True, False])
def test_a_rescue_code_answers_for_a_code_that_is_owed_and_never_for_step_up(
    enrolled: Host, state: State, owes: bool
) -> None:
    given = rescue.issue(state, enrolled.users["alice"], "ops", "boss").code
    if owes:
        done = login.answer(state, sign_in(enrolled), given, HERE)
        mark = mark_of(state, done.token)
        assert mark is not None
        assert (done.by, mark.rescued) == ("rescue", 1)
    else:
        with pytest.raises(CodeRejected):
            login.answer(state, sign_in(enrolled, owes=False), given, HERE)
        assert check(state, "alice", "alice-password", given).by == "rescue"


def trust(host: Host, state: State, name: str = "alice") -> TrustToken:
    """Let a browser be trusted for an account; gives what it holds."""
    object.__setattr__(state, "settings", replace(state.settings, trusted_browsers=True))
    user = host.users[name]
    factor = state.store.factor(str(user.id))
    assert factor is not None
    token = trusted.add(state, user, str(user.id), factor.id)
    assert token is not None
    return token


@pytest.mark.requirement("TRB-03", "TRB-05")
def test_a_trusted_browser_logs_in_with_the_password_alone_and_holds_another_value_then(
    enrolled: Host, state: State, clock: Clock
) -> None:
    held = trust(enrolled, state)
    clock.move(60)
    for blank in (None, "", " \t "):
        done = check(state, "alice", "alice-password", blank, trust=[held])
        assert (done.by, done.with_code, done.offset, done.left) == ("trusted", False, None, None)
        assert (done.user, done.subject) == (enrolled.users["alice"], "1")
        mark, now = mark_of(state, done.token), state.now
        assert mark == Mark(token_digest(done.token), "1", done.factor, now, now, now, code_at=0)
        assert done.trust is not None
        assert (done.trust.browser, done.trust.value == held.value) == (held.browser, False)
        assert done.trust.value not in repr(done)
        held = done.trust
    assert state.store.trusted("1")[0].used_at == state.now


@pytest.mark.requirement("TRB-02", "TRB-03")
def test_trust_stands_in_for_no_password_and_for_no_other_account(enrolled: Host, state: State) -> None:
    mine, theirs = trust(enrolled, state), trust(enrolled, state, "mallory")
    for name, password, held in (
        ("alice", "wrong", mine),
        ("alice", "alice-password", theirs),
        ("mallory", "mallory-password", mine),
        ("nobody", "x", mine),
    ):
        with pytest.raises(LoginRefused):
            check(state, name, password, None, trust=[held])
    enrolled.users["alice"].active = False
    with pytest.raises(LoginRefused):
        check(state, "alice", "alice-password", None, trust=[mine])
    enrolled.users["alice"].active = True
    assert check(state, "alice", "alice-password", None, trust=[theirs, mine]).by == "trusted"


@pytest.mark.requirement("TRB-03")
def test_a_wrong_code_is_wrong_in_a_trusted_browser_too(enrolled: Host, state: State) -> None:
    held = trust(enrolled, state)
    with pytest.raises(LoginRefused):
        check(state, "alice", "alice-password", enrolled.wrong_code("alice"), trust=[held])
    assert [event.details["reason"] for event in state.store.events("1", 1)] == ["wrong"]
    done = check(state, "alice", "alice-password", enrolled.code("alice"), trust=[held])
    assert (done.by, done.trust) == ("code", None)
    assert check(state, "alice", "alice-password", trust=[held]).by == "trusted"


@pytest.mark.requirement("TRB-05")
@pytest.mark.parametrize("gives_code", [False, True])
def test_the_owner_who_comes_with_a_value_that_a_copy_has_used_ends_the_trust_in_it(
    enrolled: Host, state: State, gives_code: bool
) -> None:
    """With a code too: it is asked for as soon as the value is an old one, and who is asked gives it."""
    held = trust(enrolled, state)
    stolen = check(state, "alice", "alice-password", trust=[held]).trust
    assert stolen is not None
    if gives_code:
        assert check(state, "alice", "alice-password", enrolled.code("alice"), trust=[held]).by == "code"
    else:
        with pytest.raises(LoginRefused):
            check(state, "alice", "alice-password", trust=[held])
    with pytest.raises(LoginRefused):
        check(state, "alice", "alice-password", trust=[stolen])
    assert state.store.trusted("1") == []
    events = [one.details for one in state.store.events("1", 9) if one.kind == "twofactor-trusted-browser-forgotten"]
    assert events == [{"count": 1, "reason": "copied"}]


@pytest.mark.requirement("ENU-01", "VER-07", "TRB-02")
def test_the_same_is_asked_of_the_store_whosever_name_a_browser_with_trust_gives(
    enrolled: Host, state: State, calls: Calls
) -> None:
    held = [trust(enrolled, state, "mallory")]
    login.identify(state, "nobody")  # the key of the decoys is made
    asked = []
    for name in ("alice", "bob", "nobody"):
        del calls.made[:]
        login.identify(state, name, held)
        asked.append([made[0] for made in calls.made])
    assert asked == [["factor", "trusted_browser"]] * 3
    tried = []
    for number, (name, password) in enumerate([("alice", "alice-password"), ("alice", "x"), ("bob", "x"), ("no", "x")]):
        del calls.made[:]
        with pytest.raises(LoginRefused):
            check(state, name, password, None, trust=held, source=f"192.0.2.{number}")
        tried.append([made[0] for made in calls.made])
    assert tried == [["factor", "trusted_browser", "charge", "meta", "spend", "add_event"]] * 4


@pytest.mark.requirement("ENU-07", "VER-07")
def test_a_name_without_an_account_that_is_shown_a_code_box_reads_the_row_of_an_account_and_forgets_it(
    enrolled: Host, state: State, calls: Calls
) -> None:
    names = [f"nobody{number}" for number in range(50)]
    boxed, unboxed = (next(name for name in names if login.identify(state, name) is box) for box in (True, False))

    def read_for(name: str) -> str:
        del calls.made[:]
        login.identify(state, name)
        ((subject,),) = calls.of("factor")
        return str(subject)

    assert read_for(boxed) == state.decoy_subject(boxed)  # this process has seen nobody yet
    assert (read_for("alice"), read_for("bob")) == ("1", "2")
    assert read_for(boxed) == "1"
    assert read_for(unboxed) == state.decoy_subject(unboxed)
    with pytest.raises(LoginRefused):
        check(state, boxed, "alice-password", enrolled.code("alice"))
    assert check(state, "alice", "alice-password", enrolled.code("alice")).subject == "1"  # nothing of hers was spent
    state.store.reset("1")
    assert login.identify(state, boxed) is True


@pytest.mark.requirement("TRB-01", "TRB-02")
def test_a_trusted_browser_is_shown_no_code_box_for_its_own_account_alone(enrolled: Host, state: State) -> None:
    held = [trust(enrolled, state)]
    shown = {name: login.identify(state, name, held) for name in ("alice", "mallory", "bob")}
    assert shown == {"alice": False, "mallory": True, "bob": False}
    assert login.identify(state, "alice") is True
    names = [f"nobody{number}" for number in range(50)]
    assert [login.identify(state, name, held) for name in names] == [login.identify(state, name) for name in names]
    object.__setattr__(state, "settings", replace(state.settings, prompt="uniform"))
    assert login.identify(state, "alice", held) is True


@pytest.mark.requirement("TRB-03")
def test_a_session_that_owes_the_code_is_completed_by_trust(enrolled: Host, state: State, clock: Clock) -> None:
    held = trust(enrolled, state)
    clock.move(60)
    done = login.answer_by_trust(state, sign_in(enrolled), [held])
    assert done is not None
    assert (done.user, done.subject, done.by, done.offset) == (enrolled.users["alice"], "1", "trusted", None)
    factor, now = state.store.factor("1"), state.now
    assert factor is not None
    assert done.factor == factor.id
    assert mark_of(state, done.token) == Mark(token_digest(done.token), "1", factor.id, now, now, 5, 0)
    assert done.trust is not None
    assert done.trust.browser == held.browser
    assert login.answer_by_trust(state, sign_in(enrolled), [done.trust]) is not None


@pytest.mark.requirement("TRB-02", "TRB-03", "TRB-05")
def test_trust_completes_no_step_up_and_no_other_account_and_a_copy_ends_it(enrolled: Host, state: State) -> None:
    held, theirs = trust(enrolled, state), trust(enrolled, state, "mallory")
    assert login.answer_by_trust(state, sign_in(enrolled, owes=False), [held]) is None
    assert login.answer_by_trust(state, sign_in(enrolled), [theirs]) is None
    assert login.answer_by_trust(state, sign_in(enrolled), []) is None
    bob = sign_in(enrolled, user=enrolled.users["bob"], subject="2")
    assert login.answer_by_trust(state, bob, [held]) is None
    assert [len(state.store.trusted(subject)) for subject in ("1", "3")] == [1, 1]
    assert login.answer_by_trust(state, sign_in(enrolled), [held._replace(value="another")]) is None
    assert state.store.trusted("1") == []


# The password again


@pytest.mark.requirement("ENR-05", "LIF-01")
def test_the_password_again_gives_a_mark_with_the_code_of_before(enrolled: Host, state: State, clock: Clock) -> None:
    first = check(state, "alice", "alice-password", enrolled.code("alice"))
    before = mark_of(state, first.token)
    assert before is not None
    clock.move(1000)
    token = login.confirm_password(state, enrolled.users["alice"], "alice-password", before.digest, before)
    now = state.now
    assert mark_of(state, token) == Mark(
        token_digest(token), "1", before.enrolment, now, now, password_at=now, code_at=before.code_at
    )
    assert mark_of(state, first.token) is None
    assert [one.kind for one in state.store.events("1", 1)] == ["twofactor-password-confirmed"]


@pytest.mark.requirement("ENR-05")
def test_the_password_again_without_a_mark_gives_one_without_a_factor(enrolled: Host, state: State) -> None:
    token = login.confirm_password(state, enrolled.users["bob"], "bob-password", "note", None)
    now = state.now
    assert mark_of(state, token, "2") == Mark(token_digest(token), "2", "", now, now, now, 0)


@pytest.mark.requirement("THR-09")
def test_wrong_passwords_of_one_session_end_it_and_a_right_one_forgets_them(enrolled: Host, state: State) -> None:
    bob = enrolled.users["bob"]

    def confirm(password: str, which: str = "one") -> str:
        return login.confirm_password(state, bob, password, which, None)

    for _ in range(3):
        for _ in range(2):
            with pytest.raises(LoginRefused):
                confirm("wrong")
        confirm("bob-password")
    for _ in range(5):
        with pytest.raises(LoginRefused):
            confirm("wrong")
    with pytest.raises(SignInAgain):
        confirm("bob-password")
    assert confirm("bob-password", "another")
    kinds = [one.kind for one in state.store.events("2", 3)]
    assert kinds == ["twofactor-password-confirmed", "twofactor-throttled", "twofactor-password-refused"]


@pytest.mark.requirement("ENR-05")
def test_the_password_again_does_not_make_more_of_a_rescued_session(enrolled: Host, state: State) -> None:
    alice = enrolled.users["alice"]
    done = check(state, "alice", "alice-password", rescue.issue(state, alice, "ops", "boss").code)
    before = mark_of(state, done.token)
    assert before is not None
    after = mark_of(state, login.confirm_password(state, alice, "alice-password", "one", before))
    assert after is not None
    assert after.rescued == 1


# Who is in


@pytest.mark.requirement("SES-08")
@pytest.mark.parametrize(
    ("life", "factor", "created", "seen", "alive"),
    [
        ("life", "life", 0, 0, True),
        ("life", "life", 86400, 600, True),
        ("life", "life", 86401, 0, False),
        ("life", "life", 600, 601, False),
        ("life", "another", 0, 0, False),
        ("life", None, 0, 0, False),
        ("", None, 31 * DAY, 31 * DAY, True),
        ("", None, 31 * DAY, 31 * DAY + 1, False),
        ("", "life", 0, 0, False),
    ],
)
def test_a_mark_is_alive_inside_its_limits_and_while_its_factor_stands(
    state: State, life: str, factor: str | None, created: int, seen: int, alive: bool
) -> None:
    object.__setattr__(state, "settings", replace(state.settings, idle_seconds=600))
    mark = Mark("digest", "1", life, state.now - created, state.now - seen, 0, 0)
    assert verdicts.is_alive(state, mark, factor) is alive


def standing(state: State, **more: Any) -> Standing:
    now = state.now
    values = {"epoch": 7, "factor": "life", "digest": "d", "subject": "1", "enrolment": "life"}
    times = {"created_at": now, "seen_at": now, "password_at": now, "code_at": now}
    return Standing(**{**values, **times, **more})


@pytest.mark.requirement("SES-02", "SES-08")
@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "in"),
        ({"created_at": -86400, "seen_at": 0}, "in"),
        ({"created_at": -86401, "seen_at": 0}, "out"),
        ({"seen_at": -86401}, "out"),
        ({"factor": None}, "out"),
        ({"factor": "another"}, "due"),
        ({"rescued": 1}, "setup"),
        ({"rescued": 1, "factor": "another"}, "due"),
        ({"rescued": 1, "factor": None}, "out"),
        ({"subject": "2"}, "out"),
        ({"digest": None}, "out"),
        ({"enrolment": "", "factor": None}, "in"),
        ({"enrolment": ""}, "due"),
        ({"enrolment": "", "factor": None, "created_at": -31 * DAY, "seen_at": -31 * DAY}, "in"),
        ({"enrolment": "", "factor": None, "seen_at": -31 * DAY - 1}, "out"),
    ],
)
def test_a_mark_says_who_is_in(state: State, change: dict[str, Any], verdict: str) -> None:
    times = {key: state.now + value for key, value in change.items() if key.endswith("_at")}
    assert verdicts.of_mark(state, "1", standing(state, **{**change, **times})) == verdict


@pytest.mark.requirement("SES-08")
@pytest.mark.parametrize(("seconds", "verdict"), [(600, "in"), (601, "out")])
def test_a_pause_of_more_than_the_idle_limit_ends_a_mark(state: State, seconds: int, verdict: str) -> None:
    object.__setattr__(state, "settings", replace(state.settings, idle_seconds=600))
    assert verdicts.of_mark(state, "1", standing(state, seen_at=state.now - seconds)) == verdict


@pytest.mark.requirement("SES-08")
@pytest.mark.parametrize(("pause", "touched"), [(7200, 0), (7201, 1)])
def test_a_mark_in_use_is_noted_twelve_times_in_its_life(state: State, calls: Calls, pause: int, touched: int) -> None:
    verdicts.of_mark(state, "1", standing(state, seen_at=state.now - pause))
    assert calls.of("touch_mark") == [("d", state.now)] * touched


@pytest.mark.requirement("FLG-02", "SES-06", "STO-09")
@pytest.mark.parametrize(
    ("factor", "epoch", "note", "verdict"),
    [
        (None, 7, ("1", 7, 0), "in"),
        ("life", 7, ("1", 7, 0), "due"),
        ("life", 7, ("1", 7, -600), "due"),
        ("life", 7, ("1", 7, -601), "out"),
        (None, 7, ("2", 7, 0), "out"),
        (None, 7, ("1", 8, 0), "out"),
        (None, 0, None, "in"),
        (None, 7, None, "out"),
        ("life", 0, None, "out"),
    ],
)
def test_a_note_says_who_is_in(
    state: State, factor: str | None, epoch: int, note: tuple[str, int, int] | None, verdict: str
) -> None:
    given = None if note is None else Note("id", note[0], note[1], 0, state.now + note[2])
    assert verdicts.of_note(state, "1", Standing(epoch, factor), given) == verdict


@pytest.mark.requirement("SES-05")
def test_a_remember_cookie_stands_for_the_password_alone() -> None:
    assert verdicts.remembered(Standing(7, None)) == "in"
    assert verdicts.remembered(Standing(7, "life")) == "due"


def test_whether_there_is_a_factor_is_read_from_the_store(state: State) -> None:
    assert (login.has_factor(state, "1"), login.has_factor(state, "2")) == (True, False)


@pytest.mark.requirement("LOG-01")
def test_a_session_that_began_is_announced_with_what_was_asked(enrolled: Host, state: State, heard: Heard) -> None:
    login.entered(state, check(state, "bob", "bob-password"), [])
    login.entered(state, check(state, "alice", "alice-password", enrolled.code("alice", 1)), [])
    begun = [values for name, values in heard.events if name == "logged-in"]
    assert begun == [
        {"subject": "2", "at": state.now, "factor": False, "by": "password", "offset": None},
        {"subject": "1", "at": state.now, "factor": True, "by": "code", "offset": 1},
    ]


@pytest.mark.requirement("THR-17", "LOG-03")
def test_names_in_cookies_and_counters_are_keyed_and_apart(state: State) -> None:
    assert login.subject_digest(state, "alice") != login.name_digest(state, "alice")
    assert login.subject_digest(state, "1") != login.subject_digest(state, "2")
    assert len({login.name_digest(state, name) for name in ("alice", "bob", "")}) == 3
