"""The factor's whole life, as a person goes through it without script: a spare, a trusted browser, a rule, a rescue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from flask_twofactor.flows import rescue
from tests.journeys.sites import Account, Site
from tests.journeys.visitor import Visitor
from tests.support.browser import new_page

TRUST = "Do not ask for a code on this browser for 30 days"


@pytest.fixture
def person(browser: Browser, plain: Site) -> Iterator[Visitor]:
    """Somebody before our pages, with script switched off."""
    with new_page(browser, javascript=False) as page:
        yield Visitor(page, plain)


def come_back(person: Visitor, account: Account) -> None:
    """Log out, and give the user ID again."""
    person.open("/logout")
    person.open("/two-factor/identify")
    person.identify(account.name)


def test_a_person_adds_a_spare_authenticator_and_removes_the_lost_one(person: Visitor, tmp_path: Path) -> None:
    site, alice = person.site, person.site.on
    person.log_in(alice)
    person.open_panel()
    person.follow("Authenticators")
    person.follow("Add an authenticator")
    person.box("Name").fill("Spare phone")
    person.submit_code(site.next_code(alice.secret), "Continue")
    spare = person.scan(tmp_path / "screen.png")
    person.submit_code(site.code(spare), "Add")
    expect(person.status).to_contain_text("added")
    expect(person.page.get_by_role("listitem").filter(has_text="Spare phone")).to_be_visible()

    # Either logs in; without the first one, the spare takes it away.
    come_back(person, alice)
    person.give(alice.password, site.next_code(spare))
    person.open("/two-factor/authenticators")
    person.follow("Remove Authenticator app")
    person.submit_code(site.next_code(spare), "Remove")
    expect(person.status).to_contain_text("removed")
    come_back(person, alice)
    person.give(alice.password, site.next_code(alice.secret))
    expect(person.alert).to_be_visible()
    person.give(alice.password, site.code(spare))
    person.open("/me")
    assert person.page.inner_text("body") == alice.name


@pytest.mark.requirement("TRB-01", "TRB-08")
def test_a_person_trusts_a_browser_is_asked_for_no_code_there_and_forgets_it(person: Visitor) -> None:
    site, alice = person.site, person.site.on
    person.open("/two-factor/identify")
    person.identify(alice.name)
    expect(person.box(TRUST)).not_to_be_checked()
    person.box(TRUST).check()
    person.give(alice.password, site.code(alice.secret))
    come_back(person, alice)
    expect(person.box("Code")).to_have_count(0)
    person.give(alice.password)
    person.open("/two-factor/sessions")
    expect(person.heading("Browsers that are asked for no code")).to_be_visible()
    person.submit("Forget Chrome on Linux")
    expect(person.status).to_contain_text("asked for a code")
    come_back(person, alice)
    expect(person.box("Code")).to_be_visible()
    person.give(alice.password, site.next_code(alice.secret))
    person.open("/me")
    assert person.page.inner_text("body") == alice.name


@pytest.mark.requirement("LIF-07")
def test_a_person_who_must_have_the_factor_sets_it_up_and_comes_to_where_it_was_going(
    person: Visitor, tmp_path: Path
) -> None:
    site, bob = person.site, person.site.off
    site.mandatory.add(bob.name)
    person.open("/two-factor/identify?next=/me")
    person.identify(bob.name)
    person.give(bob.password)
    expect(person.heading("Set up two-factor authentication")).to_be_visible()
    person.open("/me")
    expect(person.page.get_by_text("Your account is required")).to_be_visible()
    secret = person.scan(tmp_path / "screen.png")
    person.submit_code(site.code(secret), "Enable")
    person.keep_codes()
    assert person.path == "/me"
    assert person.page.inner_text("body") == bob.name


@pytest.mark.requirement("LIF-07")
def test_a_person_who_does_not_want_to_set_it_up_can_log_out(person: Visitor) -> None:
    bob = person.site.off
    person.site.mandatory.add(bob.name)
    person.open("/two-factor/identify")
    person.identify(bob.name)
    person.give(bob.password)
    person.submit("Log out")
    expect(person.box("User ID")).to_be_visible()
    person.open("/two-factor/setup")
    expect(person.box("User ID")).to_be_visible()


def test_a_person_who_has_lost_everything_is_rescued_and_sets_it_up_anew(person: Visitor, tmp_path: Path) -> None:
    site, alice = person.site, person.site.on
    assert site.host is not None
    with site.app.app_context():
        user = site.host.users[alice.name]
        code = rescue.issue(site.app.extensions["twofactor"], user, by="ops", witness="hr").code
    person.open("/two-factor/identify?next=/me")
    person.identify(alice.name)
    person.follow("Use a recovery code")
    person.box("Password").fill(alice.password)
    person.box("Recovery code").fill(code)
    person.submit("Log in")
    expect(person.page.get_by_text("You logged in with a rescue code")).to_be_visible()
    person.open("/profile")
    expect(person.heading("Set up two-factor authentication")).to_be_visible()
    secret = person.scan(tmp_path / "screen.png")
    person.submit_code(site.code(secret), "Enable")
    person.keep_codes()
    come_back(person, alice)
    person.give(alice.password, site.next_code(alice.secret))
    expect(person.alert).to_be_visible()
    person.give(alice.password, site.code(secret))
    person.open("/me")
    assert person.page.inner_text("body") == alice.name
