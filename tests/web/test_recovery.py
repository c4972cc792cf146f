"""Recovery codes over HTTP: shown once, used once, made anew, counted, announced, and gone with their enrolment."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
from werkzeug.test import TestResponse

from flask_twofactor.core.codes import parse_recovery_code
from flask_twofactor.core.records import Notice
from flask_twofactor.errors import NotEnrolled
from tests.support.host import Host, Person, alert
from tests.support.watching import asks_code, broken_store, dump, ghost, state_of, watched_store

SHEET = "/two-factor/recovery-codes"
WRONG = "tfrc-0000-0000-0000-0000-0000-0000"


def codes_on(page: TestResponse) -> list[str]:
    """Read the codes off a page."""
    return re.findall(r"<li><code>([^<]+)</code></li>", page.text)


def enabled(host: Host, name: str = "bob") -> tuple[Person, list[str]]:
    """Somebody who has set the factor up, and the recovery codes that the page showed."""
    person = host.person()
    person.log_in(name)
    person.set_up(name)
    codes = codes_on(person.get(SHEET))
    host.clock.move(30)
    return person, codes


def log_in(host: Host, code: str, name: str = "bob", password: str | None = None) -> Person:
    person = host.person()
    person.identify(name)
    person.credential(password or f"{name}-password", code)
    return person


def left(host: Host, key: str = "2") -> int:
    return state_of(host).store.recovery(key).left


@pytest.mark.requirement("ENR-11", "REC-01", "REC-03", "HDR-01")
def test_ten_codes_are_shown_when_the_factor_is_enabled_and_never_again(host: Host) -> None:
    person = host.person()
    person.log_in("bob")
    assert person.set_up("bob").location == SHEET
    jar = person.cookies()
    page = person.get(SHEET)
    assert (page.status_code, page.headers["Cache-Control"]) == (200, "no-store")
    codes = codes_on(page)
    assert len(set(codes)) == 10
    assert all(parse_recovery_code(code) for code in codes)
    assert "Two-factor authentication is on." in page.text
    for again in range(3):
        if again == 1:
            person.use_cookies(jar)  # a copy of what the browser held before
        answer = person.get(SHEET)
        assert (answer.status_code, answer.location) == (302, "/two-factor/recovery")
    for path in ("/two-factor/recovery", "/two-factor/settings", "/two-factor/manage"):
        assert not codes_on(person.get(path))


@pytest.mark.requirement("REC-03")
def test_the_codes_wait_ten_minutes_for_the_session_that_made_them_alone(host: Host) -> None:
    person = host.person()
    person.log_in("bob")
    person.set_up("bob")
    assert person.client.head(SHEET).status_code == 200  # a look that shows nothing takes nothing
    stranger = host.person()
    assert "/two-factor/identify" in stranger.get(SHEET).location
    host.clock.move(600)
    early = person.cookies()
    host.clock.move(1)
    assert person.get(SHEET).location == "/two-factor/recovery"
    person.use_cookies(early)
    host.clock.move(-1)
    assert len(codes_on(person.get(SHEET))) == 10


@pytest.mark.requirement("REC-03", "STO-04", "LOG-02")
def test_no_table_and_no_cookie_holds_a_code(host: Host) -> None:
    person = host.person()
    person.log_in("bob")
    person.set_up("bob")
    cookies = repr(person.cookies())
    codes = codes_on(person.get(SHEET))
    assert len(codes) == 10
    everything = repr(dump(host)) + cookies + repr(person.cookies())
    for code in codes:
        assert code not in everything
        assert str(parse_recovery_code(code)) not in everything
    kept = dump(host)["recovery"]
    assert [len(row["digest"]) for row in kept] == [64] * 10


def test_the_codes_come_as_a_text_file_by_a_plain_link_and_as_a_sheet_with_brand_account_and_date(host: Host) -> None:
    person = host.person()
    person.log_in("bob")
    person.set_up("bob")
    page = person.get(SHEET)
    link = re.search(r'href="data:text/plain;charset=utf-8,([^"]+)" download="recovery-codes-default.txt"', page.text)
    assert link is not None
    text = unquote(link[1])
    assert [line for line in text.split("\r\n") if line.startswith("tfrc-")] == codes_on(page)
    name = state_of(host).brand_default.name
    for fact in (f"at {name}", "Account: bob", "Made: "):
        assert fact in text
    sheet = re.search(r'class="tf-sheet-facts".*?</dl>', page.text, re.S)
    assert sheet is not None
    assert all(fact in sheet[0] for fact in (name, "bob", "<time datetime="))


@pytest.mark.requirement("REC-02", "REC-05", "REC-10")
def test_each_code_logs_in_once_and_the_page_after_says_how_many_are_left(host: Host) -> None:
    _, codes = enabled(host)
    for used, code in enumerate(codes, 1):
        person = host.person()
        person.identify("bob", "/open")
        answer = person.credential("bob-password", code)
        assert answer.location == "/two-factor/recovery-used?next=/open"
        assert person.me == "bob"
        page = person.get(answer.location)
        word = {0: "No recovery code is left.", 1: "One recovery code is left."}
        assert word.get(10 - used, f"{10 - used} recovery codes are left.") in page.text
        assert 'href="/open"' in page.text
        assert log_in(host, code).me is None
    assert log_in(host, host.code("bob")).me == "bob"  # the factor is on as ever


@pytest.mark.requirement("REC-06")
def test_a_code_may_be_typed_in_capitals_with_spaces_and_without_its_prefix(host: Host) -> None:
    _, codes = enabled(host)
    bare = str(parse_recovery_code(codes[2])).replace("0", "O").replace("1", "l")
    for text in (codes[0].upper().replace("-", " "), codes[1].removeprefix("tfrc-"), bare):
        assert log_in(host, text).me == "bob"
    assert left(host) == 7


@pytest.mark.requirement("VER-08", "VER-01")
def test_a_wrong_password_uses_no_code_up(host: Host) -> None:
    _, codes = enabled(host)
    assert log_in(host, codes[0], password="wrong").me is None
    assert left(host) == 10
    assert log_in(host, codes[0]).me == "bob"


@pytest.mark.requirement("REC-01", "VER-09")
def test_a_code_of_another_account_is_refused_and_counted(host: Host) -> None:
    _, codes = enabled(host)
    host.enroll("alice")
    assert log_in(host, codes[0], "alice").me is None
    assert left(host) == 10
    [row] = [row for row in dump(host)["account"] if row["subject"] == "1"]
    assert row["recovery"] == str(int(host.clock.at))


def test_a_code_answers_for_a_session_that_owes_one(host: Host) -> None:
    _, codes = enabled(host)
    person = host.person()
    person.legacy("bob")
    assert person.me is None
    answer = person.post("/two-factor/challenge", code=codes[0])
    assert answer.location == "/two-factor/recovery-used"
    assert person.me == "bob"
    again = host.person()
    again.legacy("bob")
    assert again.post("/two-factor/challenge", code=codes[0]).status_code == 200
    assert again.me is None


@pytest.mark.requirement("LIF-01", "LIF-02", "REC-07")
def test_a_code_disables_the_factor_and_all_of_them_are_gone_with_it(host: Host) -> None:
    person, codes = enabled(host)
    assert person.disable("bob", codes[0]).status_code == 302
    assert not dump(host)["recovery"]
    host.enroll("bob")
    for code in codes:
        assert log_in(host, code).me is None


@pytest.mark.requirement("REC-07")
def test_codes_are_gone_after_a_reset_and_an_account_is_set_up_anew_with_others(host: Host) -> None:
    _, codes = enabled(host)
    with host.app.app_context():
        host.two_factor.reset(host.users["bob"], by="somebody")
    assert not dump(host)["recovery"]
    del host.secrets["bob"]
    _, others = enabled(host)
    assert not set(codes) & set(others)
    assert log_in(host, codes[0]).me is None
    assert log_in(host, others[0]).me == "bob"


@pytest.mark.requirement("REC-04")
def test_new_codes_take_a_code_of_the_app_kill_the_old_and_end_other_sessions(host: Host) -> None:
    person, old = enabled(host)
    other = log_in(host, host.code("bob"))
    host.clock.move(30)
    used = host.code("bob", -1)
    for refused in (used, host.wrong_code("bob"), old[0], "", "12345"):
        assert person.post("/two-factor/recovery", code=refused).status_code == 200
    assert (left(host), other.me) == (10, "bob")
    assert person.post("/two-factor/recovery", code=host.code("bob")).location == SHEET
    new = codes_on(person.get(SHEET))
    assert len(set(new) | set(old)) == 20
    assert (person.me, other.me) == ("bob", None)
    assert log_in(host, old[1]).me is None
    assert log_in(host, new[0]).me == "bob"


@pytest.mark.requirement("REC-04")
def test_new_codes_take_a_recent_password(host: Host) -> None:
    person, _ = enabled(host)
    host.clock.move(901)
    assert "/two-factor/password" in person.get("/two-factor/recovery").location
    assert "/two-factor/identify" in host.person().get("/two-factor/recovery").location
    without = host.person()
    without.log_in("mallory")
    assert without.get("/two-factor/recovery").location == "/two-factor/setup"
    assert without.get("/two-factor/recovery-used").status_code == 302


@pytest.mark.requirement("THR-08")
def test_a_spent_budget_of_codes_leaves_the_owner_recovery_codes(host: Host) -> None:
    _, codes = enabled(host)
    with host.app.app_context():
        for _ in range(10):
            assert host.two_factor.verify(host.users["bob"], host.wrong_code("bob")) is False
    assert log_in(host, host.code("bob")).me is None
    assert log_in(host, codes[0]).me == "bob"
    assert log_in(host, host.code("bob")).me is None  # it refills nothing


@pytest.mark.requirement("THR-08")
def test_a_hundred_wrong_recovery_codes_a_day_are_judged_and_then_the_right_one_is_wrong(host: Host) -> None:
    _, codes = enabled(host)
    bob = host.users["bob"]
    with host.app.app_context():
        for _ in range(99):
            assert host.two_factor.verify(bob, WRONG) is False
        assert host.two_factor.verify(bob, codes[0]) is True
        for _ in range(1):
            assert host.two_factor.verify(bob, WRONG) is False
        assert host.two_factor.verify(bob, codes[1]) is False
        assert host.two_factor.verify(bob, host.code("bob")) is True
        host.clock.move(86_400)
        assert host.two_factor.verify(bob, codes[1]) is True


@pytest.mark.requirement("THR-10", "REC-10")
def test_after_the_hard_stop_a_recovery_code_logs_in_and_setting_up_anew_ends_it(host: Host) -> None:
    _, codes = enabled(host)
    state = state_of(host)
    for turn in range(100):
        state.store.charge("2", int(host.clock.at) + turn * 5 * 3600, "known")
    host.clock.move(60 * 86_400)
    assert log_in(host, host.code("bob")).me is None
    person = log_in(host, codes[0])
    assert person.me == "bob"
    assert log_in(host, host.code("bob")).me is None  # a recovery code does not end the stop
    assert person.disable("bob", codes[1]).status_code == 302
    person.set_up("bob")
    host.clock.move(30)
    assert log_in(host, host.code("bob")).me == "bob"


@pytest.mark.requirement("REC-08", "ENU-01")
def test_the_choice_is_on_every_page_with_a_code_box_and_on_no_other_whoever_has_the_name(host: Host) -> None:
    enabled(host)
    pages = {}
    for name in ("bob", ghost(host, box=True), "mallory", ghost(host, box=False)):
        person = host.person()
        page = person.identify(name)
        choice = re.search(r'<a [^>]*id="tf-other" href="([^"]+)">Use a recovery code</a>', page.text)
        assert (choice is not None) == asks_code(page)
        turned = person.get(choice[1] if choice else "/two-factor/credential?kind=recovery").text.replace(name, "NAME")
        failed = person.credential("wrong", WRONG, kind="recovery").text.replace(name, "NAME")
        pages[name] = [re.sub(r'value="[^"]{40,}"', "", text) for text in (turned, failed)]
    boxed, ghost_boxed, plain, ghost_plain = pages.values()
    assert boxed == ghost_boxed
    assert plain == ghost_plain
    assert all("Recovery code</label>" in text and 'inputmode="text"' in text for text in boxed)
    assert not any("ecovery" in text for text in plain)


def test_the_page_for_a_recovery_code_leads_back_and_stays_after_an_error(host: Host) -> None:
    person, _ = enabled(host)
    for path in ("/two-factor/manage", "/two-factor/challenge"):
        page = person.get(f"{path}?kind=recovery")
        assert 'name="kind" value="recovery"' in page.text
        assert re.search(r'id="tf-other" href="[^"]+kind=app|id="tf-other" href="[^"?]+"', page.text)
        refused = person.post(path, code=WRONG, kind="recovery")
        assert alert(refused)
        assert "Recovery code</label>" in refused.text
        assert WRONG not in refused.text


def test_where_the_step_rides_in_the_form_a_button_turns_the_page_and_judges_nothing(
    make_app: Callable[..., Host],
) -> None:
    host = make_app(TWOFACTOR_STEP="form")
    host.enroll("alice")
    person = host.person()
    page = person.post("/two-factor/identify", identifier="alice")
    assert 'name="other" value="recovery"' in page.text

    def hidden(page: TestResponse, name: str) -> str:
        found = re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', page.text)
        assert found is not None
        return found[1]

    data = {name: hidden(page, name) for name in ("csrf_token", "step")}
    turned = person.client.post("/two-factor/credential", data={**data, "password": "wrong", "other": "recovery"})
    assert turned.status_code == 200
    assert 'role="alert"' not in turned.text
    assert "Recovery code</label>" in turned.text
    assert [row["unknown"] for row in dump(host)["account"] if row["unknown"]] == []
    unsigned = person.client.post("/two-factor/credential", data={"step": data["step"], "other": "recovery"})
    assert unsigned.status_code == 400


@pytest.mark.requirement("VER-07", "ENU-07")
def test_a_refused_recovery_code_asks_the_same_of_the_store_whatever_was_wrong(host: Host) -> None:
    enabled(host)
    calls: dict[str, list[str]] = {}
    cases = {"wrong code": ("bob", "bob-password"), "wrong password": ("bob", "wrong")}
    cases |= {"no account": (ghost(host, box=True), "wrong"), "no factor": ("mallory", "wrong")}
    for case, (name, password) in cases.items():
        person = host.person()
        person.identify(name)
        seen = calls.setdefault(case, [])
        with watched_store(host, seen.append):
            person.credential(password, WRONG)
    first, *others = ([one for one in seen if one != "add_event"] for seen in calls.values())
    assert "recovery" in first
    assert others == [first] * 3


@pytest.mark.requirement("REC-05", "LIF-06", "LOG-01")
def test_using_a_code_and_making_new_ones_is_recorded_announced_and_told_to_the_owner(host: Host) -> None:
    told: list[Notice] = []

    @host.two_factor.notify
    def notify(user: Any, notice: Notice) -> None:
        told.append(notice)

    person, codes = enabled(host)
    for code in codes[:7]:
        assert log_in(host, code).me == "bob"
    person = log_in(host, host.code("bob"))
    host.clock.move(30)
    person.post("/two-factor/recovery", code=host.code("bob"))
    assert [one.kind for one in told] == ["enabled", *["recovery-used"] * 7, "new-browser", "recovery-renewed"]
    assert "9 recovery codes are left." in told[1].body
    assert "3 recovery codes are left. Make new ones" in told[7].body
    kinds = {event.kind: event.details for event in reversed(state_of(host).store.events("2", 100))}
    assert kinds["twofactor-recovery-code-used"] == {"left": 3}
    assert "twofactor-recovery-codes-renewed" in kinds
    everything = repr(told) + repr(state_of(host).store.events(None, 1000))
    assert not any(code in everything or str(parse_recovery_code(code)) in everything for code in codes)


@pytest.mark.requirement("REC-05")
def test_the_panel_says_how_many_are_left_and_warns_at_three(host: Host) -> None:
    _, codes = enabled(host)
    for used in range(10):
        person = log_in(host, codes[used])
        panel = person.get("/two-factor/settings").text
        assert ("make new ones now" in panel) == (9 - used <= 3)
        assert 'id="tf-recovery"' in panel
    assert "No recovery code is left." in panel


@pytest.mark.requirement("STO-07", "REC-02")
@pytest.mark.parametrize("verb", ["charge", "recovery", "spend"])
def test_a_store_that_fails_while_a_code_is_judged_uses_none_up(host: Host, verb: str) -> None:
    _, codes = enabled(host)
    person = host.person()
    person.identify("bob")
    with broken_store(host, verb):
        assert person.credential("bob-password", codes[0]).status_code == 503
    assert person.me is None
    assert left(host) == 10
    assert log_in(host, codes[0]).me == "bob"


def test_a_host_makes_new_codes_for_pages_of_its_own(host: Host) -> None:
    two_factor, bob = host.two_factor, host.users["bob"]
    with host.app.app_context():
        with pytest.raises(NotEnrolled):
            two_factor.new_recovery_codes(bob)
        host.enroll("bob")
        first, second = two_factor.new_recovery_codes(bob), two_factor.new_recovery_codes(bob)
    assert len(set(first) | set(second)) == 20
    assert log_in(host, first[0]).me is None
    assert log_in(host, second[0]).me == "bob"


@pytest.mark.requirement("KEY-01", "STO-03")
def test_codes_outlive_a_rotation_of_the_keys(make_app: Callable[..., Host]) -> None:
    host = make_app(TWOFACTOR_KEY="k" * 40)
    _, codes = enabled(host)
    rotated = make_app(TWOFACTOR_KEY="n" * 40, TWOFACTOR_KEY_FALLBACKS=["k" * 40])
    result = rotated.app.test_cli_runner().invoke(args=["twofactor", "rotate-keys"])
    assert result.exit_code == 0, result.output
    alone = make_app(TWOFACTOR_KEY="n" * 40)
    assert log_in(alone, codes[0]).me == "bob"
