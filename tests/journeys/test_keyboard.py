"""The journeys with the keyboard alone, and without script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.journeys.sites import Site
from tests.journeys.visitor import Visitor
from tests.support.browser import new_page

MOST_STOPS = 40


@pytest.fixture
def person(browser: Browser, harbor: Site) -> Iterator[Visitor]:
    """Somebody before the console, whose browser runs no script."""
    with new_page(browser, javascript=False) as page:
        yield Visitor(page, harbor)


@pytest.fixture
def anybody(browser: Browser, site: Site) -> Iterator[Visitor]:
    """The same, before each console in turn."""
    with new_page(browser, javascript=False) as page:
        yield Visitor(page, site)


def press(person: Visitor, *keys: str) -> None:
    for key in keys:
        person.page.keyboard.press(key)


def enter(person: Visitor, text: str) -> None:
    """Type into what has the focus, and press Enter."""
    person.page.keyboard.type(text)
    press(person, "Enter")


def tab_to(person: Visitor, wanted: Locator) -> None:
    """Press Tab until ``wanted`` has the focus; each stop on the way must show that it has it."""
    expect(wanted).to_have_count(1)
    for _ in range(MOST_STOPS):
        press(person, "Tab")
        focused = person.page.locator(":focus")
        if focused.count() == 0:
            continue  # the browser's own controls, between the end of the page and its beginning
        outline = focused.evaluate("element => getComputedStyle(element).outlineStyle")
        assert outline != "none", f"nothing shows that {focused.evaluate('e => e.outerHTML')} has the focus"
        if focused.evaluate("(element, wanted) => element === wanted", wanted.element_handle()):
            return
    pytest.fail(f"Tab does not reach {wanted}")


def copy(person: Visitor, text: str) -> None:
    """Copy ``text`` in another application."""
    other = person.page.context.new_page()
    other.set_content("<textarea autofocus></textarea>")
    other.locator("textarea").focus()
    other.keyboard.insert_text(text)
    other.keyboard.press("ControlOrMeta+A")
    other.keyboard.press("ControlOrMeta+C")
    other.close()
    person.page.bring_to_front()


def in_halves(code: str) -> str:
    """Give the code as many apps show it."""
    return f"{code[:3]} {code[3:]}"


@pytest.mark.requirement("ACC-07")
def test_set_up_log_in_and_disable_by_keyboard_alone(person: Visitor, tmp_path: Path) -> None:
    site, sam = person.site, person.site.off
    person.open("/")
    expect(person.box("User ID")).to_be_focused()
    enter(person, sam.name)
    expect(person.box("Password")).to_be_focused()
    enter(person, sam.password)
    expect(person.heading("Dashboard")).to_be_visible()

    tab_to(person, person.link("Profile"))
    press(person, "Enter")
    tab_to(person, person.link("SETUP"))
    press(person, "Enter")
    expect(person.heading("Set up two-factor authentication")).to_be_visible()
    secret = person.scan(tmp_path / "screen.png")
    tab_to(person, person.box("Code"))
    person.page.keyboard.type(site.code(secret))
    tab_to(person, person.button("Enable"))
    press(person, "Enter")
    expect(person.heading("Keep your recovery codes")).to_be_visible()
    tab_to(person, person.link("Download as text"))
    tab_to(person, person.link("I have kept them"))
    press(person, "Enter")
    expect(person.link("MANAGE")).to_be_visible()

    tab_to(person, person.button("Log out"))
    press(person, "Space")
    expect(person.box("User ID")).to_be_focused()
    enter(person, sam.name)
    expect(person.box("Password")).to_be_focused()
    person.page.keyboard.type(sam.password)
    press(person, "Tab")
    expect(person.box("Code")).to_be_focused()
    enter(person, site.next_code(secret))
    expect(person.heading("Dashboard")).to_be_visible()

    tab_to(person, person.link("Profile"))
    press(person, "Enter")
    tab_to(person, person.link("MANAGE"))
    press(person, "Enter")
    expect(person.box("Code")).to_be_focused()
    enter(person, site.next_code(secret))
    expect(person.status).to_have_text("MFA DISABLED")


def test_the_first_field_has_the_focus_on_every_page_that_is_a_form(anybody: Visitor) -> None:
    site = anybody.site
    anybody.open("/two-factor/identify")
    expect(anybody.box("User ID")).to_be_focused()
    anybody.identify(site.off.name)
    expect(anybody.box("Password")).to_be_focused()
    anybody.give(site.off.password)
    anybody.open("/two-factor/setup")
    expect(anybody.page.locator(":focus")).to_have_count(0)  # the QR code comes first, and must not scroll away
    site.clock.move(901)
    anybody.open("/two-factor/setup")
    expect(anybody.box("Password")).to_be_focused()

    anybody.page.context.clear_cookies()
    site.older_log_in(anybody.page, site.on)
    expect(anybody.box("Code")).to_be_focused()
    anybody.submit_code(site.code(site.on.secret), "Verify")
    anybody.open("/two-factor/manage")
    if anybody.box("Password").count():  # the plain host's older view is no password check of ours
        anybody.box("Password").fill(site.on.password)
        anybody.submit("Confirm")
    expect(anybody.box("Code")).to_be_focused()


@pytest.mark.requirement("ACC-04")
def test_on_an_error_the_focus_is_on_the_alert_and_the_fields_refer_to_it(anybody: Visitor) -> None:
    site = anybody.site

    def check(*labels: str) -> None:
        expect(anybody.alert).to_be_visible()
        expect(anybody.alert).to_be_focused()
        assert anybody.page.title().startswith("Error: ")
        named = anybody.alert.get_attribute("id")
        assert named
        for label in labels:
            expect(anybody.box(label)).to_have_attribute("aria-invalid", "true")
            assert named in (anybody.box(label).get_attribute("aria-describedby") or "").split()
        press(anybody, "Tab")  # and from there on into the form
        expect(anybody.page.locator("form#tf-form :focus")).to_have_count(1)

    anybody.open("/two-factor/identify")
    anybody.identify("")
    check("User ID")
    anybody.identify(site.on.name)
    anybody.give(site.on.password, "")
    check("Password", "Code")
    anybody.follow("Not you?")
    anybody.identify(site.off.name)
    anybody.give("")
    check("Password")
    anybody.give(site.off.password)
    anybody.open("/two-factor/setup")
    anybody.submit_code("", "Enable")
    check("Code")
    anybody.submit_code("12345", "Enable")
    check("Code")
    site.clock.move(901)
    anybody.open("/two-factor/setup")
    anybody.submit("Confirm")
    check("Password")

    anybody.page.context.clear_cookies()
    site.older_log_in(anybody.page, site.on)
    anybody.submit_code("", "Verify")
    check("Code")


@pytest.mark.requirement("ACC-01")
def test_a_code_is_pasted_with_a_space_in_its_middle(person: Visitor, tmp_path: Path) -> None:
    site, sam = person.site, person.site.off
    person.log_in(sam)
    person.open("/two-factor/setup")
    secret = person.scan(tmp_path / "screen.png")
    code = in_halves(site.code(secret))
    copy(person, code)
    person.box("Code").focus()
    press(person, "ControlOrMeta+V")
    expect(person.box("Code")).to_have_value(code)
    press(person, "Enter")
    expect(person.heading("Keep your recovery codes")).to_be_visible()
    person.keep_codes()
    expect(person.link("MANAGE")).to_be_visible()

    person.log_out()
    person.identify(sam.name)
    code = in_halves(site.next_code(secret))
    copy(person, code)
    person.box("Password").fill(sam.password)
    press(person, "Tab", "ControlOrMeta+V")
    expect(person.box("Code")).to_have_value(code)
    press(person, "Enter")
    expect(person.heading("Dashboard")).to_be_visible()


def test_the_link_past_the_navigation_of_the_console_works(person: Visitor) -> None:
    person.log_in(person.site.off)
    press(person, "Tab")
    expect(person.link("Skip to content")).to_be_focused()
    press(person, "Enter")
    expect(person.page.get_by_role("main")).to_be_focused()
