"""The person who logs in: mission.md, walked on the example console, with our script blocked.

Where a code is typed, with the script running too. `test_keyboard` and `test_life` are without any JavaScript.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from flask_twofactor.flows import login
from tests.journeys.sites import Account, Site
from tests.journeys.visitor import Visitor
from tests.support.browser import Script, new_page


@pytest.fixture
def script(request: pytest.FixtureRequest) -> Script:
    """Whether the script of our pages runs."""
    found: Script = getattr(request, "param", "blocked")
    return found


either_way = pytest.mark.parametrize("script", ["runs", "blocked"], indirect=True, ids="script {}".format)


@pytest.fixture
def person(script: Script, browser: Browser, harbor: Site) -> Iterator[Visitor]:
    """Somebody before the console."""
    with new_page(browser, script=script) as page:
        yield Visitor(page, harbor)


def enable(person: Visitor, picture: Path) -> str:
    """Turn the factor on as a person does, with a camera; gives the key."""
    person.follow("Profile")
    person.follow("SETUP")
    secret = person.scan(picture)
    person.submit_code(person.site.code(secret), "Enable")
    person.keep_codes()
    return secret


@pytest.mark.requirement("ACC-07")
@either_way
def test_a_person_turns_the_factor_on_logs_in_with_it_and_turns_it_off(person: Visitor, tmp_path: Path) -> None:
    sam = person.site.off

    # The user ID alone, then the password alone.
    person.open("/")
    expect(person.heading("Log in to Harbor")).to_be_visible()
    expect(person.box("Password")).to_have_count(0)
    person.identify(sam.name)
    expect(person.box("Logging in as")).to_have_value(sam.name)
    expect(person.box("Code")).to_have_count(0)
    person.give(sam.password)
    expect(person.heading("Dashboard")).to_be_visible()

    # User Settings under Profile: SETUP, the camera, a code, Enable.
    person.follow("Profile")
    expect(person.heading("User Settings")).to_be_visible()
    expect(person.link("MANAGE")).to_have_count(0)
    person.follow("SETUP")
    secret = person.scan(tmp_path / "screen.png")
    person.submit_code(person.site.code(secret), "Enable")
    expect(person.status).to_have_text("Two-factor authentication is on.")
    assert len(person.keep_codes()) == 10
    expect(person.link("MANAGE")).to_be_visible()
    expect(person.link("SETUP")).to_have_count(0)

    # From now on password and code, together on one page.
    person.log_out()
    person.identify(sam.name)
    expect(person.box("Password")).to_be_visible()
    expect(person.box("Code")).to_be_visible()
    person.give(sam.password, person.site.next_code(secret))
    expect(person.heading("Dashboard")).to_be_visible()

    # MANAGE, a current code, DISABLE.
    person.follow("Profile")
    person.follow("MANAGE")
    person.submit_code(person.site.next_code(secret), "DISABLE")
    expect(person.status).to_have_text("MFA DISABLED")
    expect(person.status).to_be_visible()
    expect(person.link("SETUP")).to_be_visible()

    # And the password alone again.
    person.log_out()
    person.identify(sam.name)
    expect(person.box("Code")).to_have_count(0)
    person.give(sam.password)
    expect(person.heading("Dashboard")).to_be_visible()


@pytest.mark.requirement("ACC-04")
@either_way
def test_a_wrong_code_a_wrong_password_and_an_unknown_name_are_answered_in_the_same_words(person: Visitor) -> None:
    site, alex = person.site, person.site.on
    said = []
    for password, code in (
        (alex.password, site.wrong_code(alex.secret)),
        ("not the password", site.code(alex.secret)),
        (alex.password, ""),
    ):
        person.open("/two-factor/identify")
        person.identify(alex.name)
        person.give(password, code)
        expect(person.alert).to_be_visible()
        said.append((person.page.title(), person.path, person.page.locator("main").aria_snapshot()))
    assert len(set(said)) == 1, said
    assert "right" in person.alert.inner_text()

    # An account that does not exist, and is shown the same page: its name is all that differs.
    state = site.app.extensions["twofactor"]
    with site.app.app_context():
        names = (f"nobody{number}@harbor.test" for number in range(1000))
        name = next(name for name in names if login.identify(state, name))
    person.open("/two-factor/identify")
    person.identify(name)
    person.give("any password", "123456")
    expect(person.alert).to_be_visible()
    snapshot = person.page.locator("main").aria_snapshot().replace(name, alex.name)
    assert (person.page.title(), person.path, snapshot) == said[0]


@pytest.mark.requirement("ENR-03")
@either_way
def test_a_wrong_code_enables_nothing_and_disables_nothing(person: Visitor, tmp_path: Path) -> None:
    site = person.site
    person.log_in(site.off)
    person.follow("Profile")
    person.follow("SETUP")
    secret = person.scan(tmp_path / "screen.png")
    person.submit_code(site.wrong_code(secret), "Enable")
    expect(person.alert).to_contain_text("not right")
    assert person.scan(tmp_path / "again.png") == secret, "the key that was scanned is still the one"
    person.follow("Cancel")
    expect(person.link("SETUP")).to_be_visible()
    person.log_out()
    person.identify(site.off.name)
    expect(person.box("Code")).to_have_count(0)
    person.give(site.off.password)

    person.follow("Profile")
    secret = enable(person, tmp_path / "another.png")
    person.follow("MANAGE")
    person.submit_code(site.wrong_code(secret), "DISABLE")
    expect(person.alert).to_contain_text("not right")
    person.follow("Back to User Settings")
    expect(person.link("MANAGE")).to_be_visible()


@pytest.mark.requirement("ACC-05", "ACC-08")
@either_way
def test_the_key_is_typed_where_no_camera_is_or_opened_on_the_same_device(person: Visitor, tmp_path: Path) -> None:
    site = person.site
    person.log_in(site.off)
    person.follow("Profile")
    person.follow("SETUP")
    key = person.page.locator("dt", has_text="Key").first.locator("+ dd > code").inner_text()
    assert [len(group) for group in key.split()] == [4] * 8
    link = person.link("Open in an authenticator app on this device").get_attribute("href") or ""
    assert link.startswith("otpauth://totp/Harbor:sam")
    secret = person.scan(tmp_path / "screen.png")
    assert f"secret={secret}" in link
    assert key.replace(" ", "") == secret
    person.submit_code(site.code(key), "Enable")
    person.keep_codes()
    expect(person.link("MANAGE")).to_be_visible()


@either_way
def test_the_older_log_in_is_asked_for_the_code_and_leads_to_the_page_that_was_wanted(person: Visitor) -> None:
    site, alex = person.site, person.site.on
    site.older_log_in(person.page, alex)
    expect(person.heading("Enter your code")).to_be_visible()
    expect(person.button("Log out")).to_have_count(0)

    person.open("/services/rates-engine?from=mail")
    expect(person.heading("Enter your code")).to_be_visible()
    person.submit_code(site.wrong_code(alex.secret), "Verify")
    expect(person.alert).to_contain_text("not right")
    person.submit_code(site.code(alex.secret), "Verify")
    expect(person.heading("rates-engine")).to_be_visible()
    assert person.path == "/services/rates-engine?from=mail"


def test_the_older_log_in_of_an_account_without_the_factor_needs_no_code(person: Visitor) -> None:
    person.site.older_log_in(person.page, person.site.off)
    expect(person.heading("Dashboard")).to_be_visible()


@pytest.mark.parametrize("which", ["off", "on"])
def test_a_log_in_leads_to_the_page_that_was_wanted(person: Visitor, which: str) -> None:
    account: Account = getattr(person.site, which)
    person.log_in(account, then="/services?q=eu-north")
    assert person.path == "/services?q=eu-north"
    expect(person.box("Search by name, team, region or status")).to_have_value("eu-north")


@pytest.mark.requirement("ACC-06")
def test_running_out_of_time_keeps_the_user_id_and_says_why(person: Visitor) -> None:
    site, alex = person.site, person.site.on
    person.open("/services")
    person.identify(alex.name)
    site.clock.move(601)
    person.give(alex.password, site.code(alex.secret))
    expect(person.status).to_contain_text("longer than 10 minutes")
    expect(person.box("User ID")).to_have_value(alex.name)
    expect(person.box("User ID")).to_be_focused()
    person.submit("Continue")
    person.give(alex.password, site.code(alex.secret))
    expect(person.heading("Services")).to_be_visible()


@either_way
def test_a_browser_that_was_told_to_remember_asks_for_the_code_alone(person: Visitor) -> None:
    site, alex = person.site, person.site.on
    person.open("/")
    person.identify(alex.name)
    person.box("Keep me logged in on this device").check()
    person.give(alex.password, site.code(alex.secret))
    expect(person.heading("Dashboard")).to_be_visible()

    person.page.context.clear_cookies(name="harbor_session")  # as at the end of the browser's day
    person.open("/profile")
    expect(person.heading("Enter your code")).to_be_visible()
    person.submit_code(site.next_code(alex.secret), "Verify")
    expect(person.heading("Profile")).to_be_visible()


@either_way
def test_a_code_that_was_used_is_not_taken_a_second_time(person: Visitor) -> None:
    site, alex = person.site, person.site.on
    person.log_in(alex)
    used = site.code(alex.secret)
    person.log_out()
    person.identify(alex.name)
    person.give(alex.password, used)
    expect(person.alert).to_contain_text("not right")
    person.give(alex.password, site.next_code(alex.secret))
    expect(person.heading("Dashboard")).to_be_visible()


def test_enabling_the_factor_ends_the_sessions_in_other_browsers(
    person: Visitor, browser: Browser, tmp_path: Path
) -> None:
    with new_page(browser) as page:
        elsewhere = Visitor(page, person.site)
        elsewhere.log_in(person.site.off)
        expect(elsewhere.heading("Dashboard")).to_be_visible()
        person.log_in(person.site.off)
        enable(person, tmp_path / "screen.png")
        elsewhere.follow("Services")
        expect(elsewhere.heading("Log in to Harbor")).to_be_visible()
    person.follow("Services")
    expect(person.heading("Services")).to_be_visible()


@pytest.mark.requirement("REC-02", "REC-03", "REC-05", "ACC-07")
@either_way
def test_a_person_without_the_phone_logs_in_with_a_downloaded_recovery_code(person: Visitor, tmp_path: Path) -> None:
    sam = person.site.off
    person.log_in(sam)
    person.follow("Profile")
    person.follow("SETUP")
    person.submit_code(person.site.code(person.scan(tmp_path / "screen.png")), "Enable")
    with person.page.expect_download() as download:
        person.link("Download as text").click()
    kept = tmp_path / download.value.suggested_filename
    download.value.save_as(kept)
    codes = [line for line in kept.read_text(encoding="utf-8").split() if line.startswith("tfrc-")]
    assert codes == person.keep_codes()
    person.page.go_back()
    expect(person.page.locator("#tf-codes")).to_have_count(0)  # no cache has kept them

    person.open_panel()
    person.log_out()
    for left, code in ((9, codes[3]), (8, codes[7].upper())):
        person.open("/services")
        person.identify(sam.name)
        person.follow("Use a recovery code")
        person.box("Password").fill(sam.password)
        person.box("Recovery code").fill(code)
        person.submit("Log in")
        expect(person.heading("You used a recovery code")).to_be_visible()
        expect(person.page.locator("#tf-left")).to_have_text(f"{left} recovery codes are left.")
        person.follow("Continue")
        assert person.path == "/services"
        person.log_out()
    person.identify(sam.name)
    person.give(sam.password, codes[3])
    expect(person.alert).to_be_visible()


@pytest.mark.requirement("ACC-07")
def test_a_person_looks_what_happened_and_logs_out_whoever_that_was(person: Visitor, browser: Browser) -> None:
    site, alex = person.site, person.site.on
    person.open("/")
    person.identify(alex.name)
    person.give(alex.password, site.wrong_code(alex.secret))
    person.give(alex.password, site.code(alex.secret))
    with new_page(browser) as page:
        elsewhere = Visitor(page, site)
        elsewhere.log_in(alex)
        person.follow("Profile")
        person.follow("Recent activity")
        expect(person.heading("Recent activity")).to_be_visible()
        lines = person.page.get_by_role("main").get_by_role("listitem")
        expect(lines.nth(0)).to_contain_text("Login with password and code")
        expect(lines.nth(0)).to_contain_text("15 January 2027, 08:00 UTC")
        expect(lines.nth(0)).to_contain_text("Chrome on Linux")
        expect(lines.nth(2)).to_contain_text("A login was refused")
        person.follow("log out everywhere else")
        person.submit("Log out everywhere else")
        expect(person.status).to_have_text("You are logged out everywhere else.")
        elsewhere.open("/services")
        expect(elsewhere.box("User ID")).to_be_visible()
    person.follow("Recent activity")
    expect(lines.nth(0)).to_contain_text("Logged out everywhere else")
    person.follow("Back to User Settings")
    expect(person.link("MANAGE")).to_be_visible()


@pytest.mark.parametrize("which", ["on", "off"])
def test_what_is_sent_too_late_is_not_done_and_not_lost_silently(browser: Browser, plain: Site, which: str) -> None:
    account: Account = getattr(plain, which)
    with new_page(browser, javascript=False) as page:
        person = Visitor(page, plain)
        person.log_in(account)
        person.open("/keys")
        person.submit("Revoke")
        expect(person.page.get_by_text("Revoked: 1")).to_be_visible()
        plain.clock.move(61)
        person.submit("Revoke")
        expect(person.status).to_contain_text("What you sent was not done.")
        if account.secret:
            person.submit_code(plain.wrong_code(account.secret), "Verify")
            expect(person.alert).to_contain_text("not right")
            expect(person.status).to_contain_text("What you sent was not done.")
            person.submit_code(plain.code(account.secret), "Verify")
        else:
            person.box("Password").fill(account.password)
            person.submit("Confirm")
        assert person.path == "/keys"
        expect(person.status).to_have_text("Thank you. What you sent before was not done: please send it again.")
        expect(person.page.get_by_text("Revoked: 1")).to_be_visible()
        person.submit("Revoke")
        expect(person.page.get_by_text("Revoked: 2")).to_be_visible()
        expect(person.status).to_have_count(0)
