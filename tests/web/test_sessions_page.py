"""The page of sessions and browsers: where an account is logged in, which browsers it trusts, and the end of both."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from tests.support.host import Host, Person, csrf_token
from tests.support.trusting import gets_in, holding, ticked, trusted_rows, trusting, value_of
from tests.support.watching import broken_store, rows, state_of

MakeApp = Callable[..., Host]
PAGE = "/two-factor/sessions"
FORGET = "/two-factor/browsers/forget"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1"
ODD = "<script>alert(1)</script>"


@pytest.fixture
def site(make_app: MakeApp) -> Host:
    """A console with trusted browsers; alice and mallory have the factor."""
    return trusting(make_app)


def at(host: Host, agent: str, address: str = "203.0.113.7") -> Person:
    return host.person(HTTP_USER_AGENT=agent, REMOTE_ADDR=address)


def listed(page: TestResponse, where: str) -> list[str]:
    """Give the lines of a list of the page as they are read."""
    found = re.search(rf'<ul class="tf-rows" id="{where}".*?</ul>', page.text, re.S)
    rows_of = re.findall(r'<li class="tf-row">(.*?)</li>', found[0], re.S) if found else []
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows_of]


def sessions_on(page: TestResponse) -> list[str]:
    return listed(page, "tf-sessions-list")


def trusted_on(page: TestResponse) -> list[str]:
    return listed(page, "tf-trusted")


@pytest.mark.requirement("SES-09")
def test_the_live_sessions_are_listed_with_browser_place_and_times_this_one_first(site: Host) -> None:
    person = at(site, FIREFOX)
    person.log_in("alice")
    site.clock.move(3600)
    at(site, SAFARI, "2001:db8:1:2:3::4").log_in("alice")
    at(site, ODD, "198.51.100.9").log_in("mallory")
    assert person.post(str(person.get(PAGE).location), password="alice-password").location == PAGE
    page = person.get(PAGE)
    here, other = sessions_on(page)
    assert here.startswith("Firefox on Linux This browser Logged in")
    assert "203.0.113.0/24" in here
    assert "203.0.113.7" not in page.text
    assert other.startswith("Safari on iPhone Logged in")
    assert "2001:db8:1:2::/64" in other
    assert "mallory" not in page.text
    assert "198.51.100" not in page.text


def test_what_a_browser_calls_itself_is_never_shown_as_it_is(site: Host) -> None:
    person = at(site, ODD)
    person.log_in("alice", trust="y")
    page = person.get(PAGE)
    assert ODD not in page.text
    assert "alert(1)" not in page.text
    assert sessions_on(page)[0].startswith("Unknown browser This browser")
    assert trusted_on(page)[0].startswith("Unknown browser This browser")


@pytest.mark.requirement("SES-09", "SES-03")
def test_a_session_that_is_over_is_listed_no_more(make_app: MakeApp) -> None:
    host = make_app(TWOFACTOR_IDLE_SECONDS=3600)
    host.enroll("alice")
    left, idle = host.person(), host.person()
    left.log_in("alice")
    host.clock.move(30)
    idle.log_in("alice")
    host.clock.move(30)
    person = host.person()
    person.log_in("alice")
    assert len(sessions_on(person.get(PAGE))) == 3
    left.get("/logout")
    assert len(sessions_on(person.get(PAGE))) == 2
    host.clock.move(3600)
    assert person.me == "alice"
    host.clock.move(600)
    person.post("/two-factor/password", password="alice-password")
    assert len(sessions_on(person.get(PAGE))) == 1


def test_a_log_in_of_the_hosts_own_is_said_to_be_listed_nowhere(site: Host) -> None:
    person = site.person()
    person.legacy("bob")
    page = person.get(PAGE)
    assert page.status_code == 200
    assert not sessions_on(page)
    assert "such logins are not listed" in page.text


@pytest.mark.requirement("SES-09", "SES-01", "SES-10")
def test_logging_out_elsewhere_ends_all_but_this_one_and_renews_it(site: Host) -> None:
    person = site.person()
    person.log_in("alice", remember="y")
    person.get("/plant/pre/attacker")
    site.clock.move(30)
    other, remembered = site.person(), site.person()
    other.log_in("alice")
    site.clock.move(30)
    remembered.log_in("alice", remember="y")
    remembered.client.delete_cookie("session")
    before = person.cookies()
    assert person.post(PAGE).location == "/two-factor/settings"
    assert person.me == "alice"
    assert person.get("/planted/pre").text == "None"
    assert "You are logged out everywhere else." in person.get("/two-factor/settings").text
    copy = site.person()
    copy.use_cookies({"session": before["session"]})
    assert [other.me, remembered.me, copy.me] == [None, None, None]
    assert "/two-factor/identify" in str(remembered.get("/me").location), "not even the password is remembered"
    assert len(sessions_on(person.get(PAGE))) == 1
    person.client.delete_cookie("session")
    assert str(person.get("/me").location).startswith("/two-factor/challenge"), "this browser stays remembered"


@pytest.mark.requirement("TRB-08", "TRB-04")
def test_trusted_browsers_are_listed_and_forgotten_one_by_one(site: Host) -> None:
    first = ticked(site, "alice", at(site, FIREFOX))
    site.clock.move(3600)
    second = ticked(site, "alice", at(site, SAFARI, "198.51.100.7"))
    page = second.get(PAGE)
    newest, oldest = trusted_on(page)
    assert newest.startswith("Safari on iPhone This browser Since")
    assert "198.51.100.0/24" in newest
    assert oldest.startswith("Firefox on Linux Since")
    assert "This browser" not in oldest
    gone = re.findall(r'name="browser" value="([0-9a-f]{32})"', page.text)[1]
    data = {"csrf_token": csrf_token(page), "browser": gone}
    assert second.client.post(FORGET, data=data).location == PAGE
    page = second.get(PAGE)
    assert "From now on that browser is asked for a code." in page.text
    assert len(trusted_on(page)) == 1
    assert not gets_in(site, value_of(first))
    assert gets_in(site, value_of(second))
    [event] = [one for one in state_of(site).store.events("1", 20) if one.kind.endswith("browser-forgotten")]
    assert dict(event.details) == {"count": 1, "reason": "owner"}


@pytest.mark.requirement("TRB-08", "TRB-04")
def test_all_are_forgotten_at_once_and_only_those_of_the_account(site: Host) -> None:
    people = [ticked(site) for _ in range(3)]
    mallory = ticked(site, "mallory")
    page = people[0].get(PAGE)
    assert 'id="tf-forget-all"' in page.text
    assert people[0].client.post(FORGET, data={"csrf_token": csrf_token(page)}).location == PAGE
    page = people[0].get(PAGE)
    assert "From now on every browser is asked for a code." in page.text
    assert "None. To add one, tick the box on the page that asks for a code." in page.text
    assert not any(gets_in(site, value_of(one)) for one in people)
    assert gets_in(site, value_of(mallory), "mallory")
    assert people[1].me == "alice", "it ends no session"


@pytest.mark.requirement("LIF-03", "TRB-08")
def test_nobody_forgets_the_browser_of_another_account(site: Host) -> None:
    alice = ticked(site)
    mallory = ticked(site, "mallory")
    [theirs] = [row["id"] for row in trusted_rows(site) if row["subject"] == "1"]
    assert theirs not in mallory.get(PAGE).text
    token = csrf_token(mallory.get(PAGE))
    for which in (theirs, "' OR 1=1 --", "%", "0" * 32, "\x00", "x" * 5000):
        data = {"csrf_token": token, "browser": which, "user_id": "1", "subject": "1"}
        assert mallory.client.post(FORGET, data=data).status_code == 302
    assert len(trusted_rows(site)) == 2
    assert gets_in(site, value_of(alice))
    assert gets_in(site, value_of(mallory), "mallory")


@pytest.mark.requirement("TRB-08", "CSR-04")
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_a_link_forgets_nothing(site: Host, method: str) -> None:
    person = ticked(site)
    [row] = trusted_rows(site)
    answer = person.client.open(FORGET, method=method, query_string={"browser": row["id"]})
    assert answer.status_code == 405
    assert len(trusted_rows(site)) == 1


@pytest.mark.requirement("SES-09", "TRB-08", "ENR-05")
def test_the_page_asks_for_a_password_that_is_recent_and_nothing_is_done_before(site: Host) -> None:
    person = ticked(site)
    other = site.person()
    other.log_in("alice")
    token = csrf_token(person.get(PAGE))
    site.clock.move(901)
    assert str(person.get(PAGE).location).startswith("/two-factor/password")
    for path in (PAGE, FORGET):
        answer = person.client.post(path, data={"csrf_token": token})
        assert str(answer.location).startswith("/two-factor/password")
        assert "resend=1" in str(answer.location)
    assert other.me == "alice"
    assert len(trusted_rows(site)) == 1


@pytest.mark.requirement("FLG-01", "FLG-04")
@pytest.mark.parametrize("path", [PAGE, FORGET])
def test_it_is_closed_to_whoever_is_not_wholly_in(site: Host, path: str) -> None:
    owing = site.person()
    owing.legacy("alice")
    token = site.person(HTTP_X_TOKEN="bob")
    asked = [one.client.post(path, environ_overrides=one.environ) for one in (site.person(), owing, token)]
    assert [answer.status_code for answer in asked] == [302, 302, 403]
    assert "/two-factor/identify" in str(asked[0].location)
    assert str(asked[1].location).startswith("/two-factor/challenge")


def test_browsers_that_are_trusted_still_are_shown_where_the_setting_was_turned_off(
    site: Host, make_app: MakeApp
) -> None:
    person = ticked(site)
    off = make_app()
    browser = off.person()
    browser.use_cookies(person.cookies())
    page = browser.get(PAGE)
    assert len(trusted_on(page)) == 1
    assert browser.client.post(FORGET, data={"csrf_token": csrf_token(page)}).location == PAGE
    assert not trusted_rows(off)
    assert "Browsers that are asked for no code" not in browser.get(PAGE).text


def test_a_browser_that_is_trusted_no_longer_by_its_time_is_not_shown(site: Host) -> None:
    ticked(site)
    site.clock.move(30 * 86400 + 1)
    person = site.person()
    person.log_in("alice")
    assert not trusted_on(person.get(PAGE))
    assert len(rows(site, "twofactor_trusted")) == 1


@pytest.mark.requirement("STO-07")
@pytest.mark.parametrize(("verb", "path"), [("end_sessions", PAGE), ("forget_trusted", FORGET), ("marks", None)])
def test_a_store_that_fails_changes_nothing_and_says_so(site: Host, verb: str, path: str | None) -> None:
    person = ticked(site)
    token = csrf_token(person.get(PAGE))
    with broken_store(site, verb) as failed:
        answer = person.get(PAGE) if path is None else person.client.post(path, data={"csrf_token": token})
        assert answer.status_code == 503
    assert failed
    assert person.me == "alice"
    assert gets_in(site, value_of(person))


def test_a_cookie_that_was_copied_shows_the_copy_as_this_browser_only_where_it_is_held(site: Host) -> None:
    person = ticked(site)
    stranger = holding(site, value_of(ticked(site, "mallory")))
    stranger.log_in("alice")
    assert all("This browser" not in line for line in trusted_on(stranger.get(PAGE)))
    assert "This browser" in trusted_on(person.get(PAGE))[0]


@pytest.mark.requirement("THR-09")
def test_wrong_passwords_of_one_old_session_log_nobody_else_out(host: Host) -> None:
    people = []
    for key in ("2", "4"):  # sessions of before the extension was attached: nothing names them yet
        person = host.person()
        with person.client.session_transaction() as held:
            held.update(_user_id=key, _fresh=True)
        people.append(person)
    bob, carol = people
    assert [bob.post("/two-factor/password", password="wrong").status_code for _ in range(6)] == [200] * 5 + [429]
    assert (bob.me, carol.me) == (None, "carol")
    assert carol.post("/two-factor/password", password="carol-password").status_code == 302
    assert carol.me == "carol"
