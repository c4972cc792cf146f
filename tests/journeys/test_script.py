"""What the script of our pages adds for a person, and what it leaves alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Route, expect

from tests.journeys.sites import Site
from tests.journeys.test_keyboard import in_halves, press, tab_to
from tests.journeys.visitor import Visitor
from tests.support.browser import SCRIPT, SENDS, axe_violations, new_page, send_code

FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
NO_STORAGE = (
    """Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('', 'SecurityError') }})"""
)
NO_CLIPBOARD = "Object.defineProperty(Navigator.prototype, 'clipboard', {value: undefined})"
CLIPBOARD_REFUSES = "navigator.clipboard.writeText = () => Promise.reject(new DOMException('', 'NotAllowedError'))"
SAID = "document.querySelector('[data-tf-send] [aria-live]').textContent"


@pytest.fixture
def person(browser: Browser, plain: Site) -> Iterator[Visitor]:
    """Somebody before our pages, whose browser runs their script."""
    with new_page(browser) as page:
        yield Visitor(page, plain)


@pytest.fixture
def owing(person: Visitor) -> Visitor:
    """The same, before the page that asks for a code and nothing else."""
    person.site.older_log_in(person.page, person.site.on)
    return person


def posts(person: Visitor) -> list[str]:
    """Give the list of the forms that are sent from here on."""
    sent: list[str] = []
    person.page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    return sent


def choice(person: Visitor) -> Locator:
    return person.box(SENDS)


def told(person: Visitor) -> Locator:
    """Give where the page tells what came of a copy or of waiting; `send` boxes have a place of their own."""
    return person.page.locator("[data-tf-tools] [aria-live=polite], [data-tf-countdown] [aria-live=polite]")


def after(person: Visitor, event: str) -> str:
    """Let something happen to a box with six digits in it; give what is said then."""
    said: str = person.box("Code").evaluate(
        f"box => {{ box.value = '123456'; box.dispatchEvent({event}); return {SAID} }}"
    )
    return said


def an_hour_longer(route: Route) -> None:
    """Let the page say another time to wait."""
    answer = route.fetch(max_redirects=0)
    body = re.sub(
        r'data-tf-countdown="(\d+)', lambda seconds: f'data-tf-countdown="{3600 + int(seconds[1])}', answer.text()
    )
    route.fulfill(response=answer, body=body)


def begin_setup(person: Visitor) -> None:
    person.log_in(person.site.off)
    person.open("/two-factor/setup")


# The code sends itself


def test_a_code_is_sent_when_its_six_digits_are_there(owing: Visitor) -> None:
    code = in_halves(owing.site.code(owing.site.on.secret)).translate(FULL_WIDTH)
    expect(owing.box("Code")).to_be_focused()  # before that, what is typed goes nowhere
    owing.page.keyboard.type(code[:-1])
    expect(owing.box("Code")).to_have_value(code[:-1])
    owing.page.keyboard.type(code[-1])
    expect(owing.page.locator("body")).to_have_text(owing.site.on.name)


def test_a_password_that_comes_after_the_code_sends_nothing(person: Visitor) -> None:
    site, alice = person.site, person.site.on
    person.open("/two-factor/identify")
    person.identify(alice.name)
    sent = posts(person)
    person.box("Code").fill(site.code(alice.secret))
    person.box("Password").press_sequentially(alice.password)
    assert person.page.evaluate(SAID) == ""
    assert sent == []
    person.submit("Log in")
    person.open("/me")
    expect(person.page.locator("body")).to_have_text(alice.name)


def test_a_factor_is_taken_away_by_a_press_alone(person: Visitor) -> None:
    site, alice = person.site, person.site.on
    person.log_in(alice)
    person.open("/two-factor/manage")
    sent = posts(person)
    person.box("Code").press_sequentially(site.next_code(alice.secret))
    expect(choice(person)).to_have_count(0)
    assert sent == []
    person.submit("DISABLE")
    expect(person.status).to_have_text("MFA DISABLED")


def test_whoever_turned_it_off_presses_the_button_on_every_page_until_it_is_on_again(owing: Visitor) -> None:
    site, alice = owing.site, owing.site.on
    expect(owing.box("Code")).to_have_accessible_description(re.compile(f"{SENDS}$"))
    choice(owing).uncheck()
    expect(owing.box("Code")).to_have_accessible_description(re.compile(r"for \w+\.$"))
    owing.open("/two-factor/challenge")
    expect(choice(owing)).not_to_be_checked()
    sent = posts(owing)
    owing.box("Code").press_sequentially(site.wrong_code(alice.secret))
    assert sent == []
    owing.submit("Verify")
    expect(owing.alert).to_be_visible()
    choice(owing).check()
    send_code(owing.page, site.code(alice.secret), "no button")
    expect(owing.heading("Profile")).to_be_visible()


def test_a_browser_that_keeps_nothing_keeps_the_choice_for_the_page(browser: Browser, plain: Site) -> None:
    with new_page(browser) as page:
        page.add_init_script(NO_STORAGE)
        person = Visitor(page, plain)
        plain.older_log_in(page, plain.on)
        expect(choice(person)).to_be_checked()
        choice(person).uncheck()
        sent = posts(person)
        person.box("Code").press_sequentially(plain.code(plain.on.secret))
        assert sent == []


def test_a_password_manager_that_presses_the_button_too_sends_the_code_once(owing: Visitor) -> None:
    sent = posts(owing)
    with owing.page.expect_navigation():
        owing.box("Code").evaluate(
            """(box, code) => {
                box.value = code;
                box.dispatchEvent(new InputEvent("input", {bubbles: true}));
                document.getElementById("tf-submit").click();
            }""",
            owing.site.code(owing.site.on.secret),
        )
    expect(owing.page.locator("body")).to_have_text(owing.site.on.name)
    assert len(sent) == 1


def test_a_code_is_sent_once_it_is_typed_to_its_end_and_that_is_said(owing: Visitor) -> None:
    said: list[str] = []
    with owing.page.expect_navigation():
        for event in (
            "new InputEvent('input', {isComposing: true})",
            "new InputEvent('input', {inputType: 'deleteContentBackward'})",  # somebody corrects it
            "new Event('compositionend')",
        ):
            said.append(after(owing, event))
    assert said == ["", "", "Sending the code …"]
    expect(owing.alert).to_contain_text("not right")


def test_a_code_that_the_browser_put_back_into_the_box_is_not_sent_again(owing: Visitor) -> None:
    owing.box("Code").evaluate(
        "box => { box.value = '123456'; dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true})) }"
    )
    assert after(owing, "new InputEvent('input')") == ""


# Copy and print


def test_the_key_and_the_recovery_codes_are_copied(person: Visitor) -> None:
    person.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    begin_setup(person)
    person.button("Copy").click()
    expect(told(person)).to_have_text("Copied")
    key = person.page.evaluate("navigator.clipboard.readText()")
    assert key == person.page.locator("#tf-key").inner_text().replace(" ", "")
    person.submit_code(person.site.code(key), "Enable")
    expect(person.heading("Keep your recovery codes")).to_be_visible()
    person.button("Copy").click()
    expect(told(person)).to_have_text("Copied")
    copied = person.page.evaluate("navigator.clipboard.readText()").split("\n")
    person.page.evaluate("window.print = () => { window.printed = true }")
    person.button("Print").click()
    assert person.page.evaluate("window.printed")
    assert copied == person.keep_codes()
    assert len(copied) == 10


def test_what_cannot_be_copied_is_selected_and_that_is_said(person: Visitor) -> None:
    begin_setup(person)
    for broken in (CLIPBOARD_REFUSES, NO_CLIPBOARD):
        person.page.evaluate(f"() => {{ getSelection().empty(); {broken} }}")
        person.button("Copy").click()
        expect(told(person)).to_contain_text("copy it yourself")
        assert person.page.evaluate("getSelection().toString()") == person.page.locator("#tf-key").inner_text()


# Waiting


def test_the_time_until_the_next_attempt_counts_down_and_its_end_is_said(person: Visitor) -> None:
    host, bob = person.site.host, person.site.off
    assert host is not None
    somebody = host.person()
    somebody.identify(bob.name)
    while somebody.credential("not the password").status_code != 429:
        pass
    person.page.clock.install()
    person.page.route("**/credential", an_hour_longer)
    person.open("/two-factor/identify")
    person.identify(bob.name)
    person.give("not the password")
    timer = person.page.get_by_role("timer")
    expect(timer).to_have_text(re.compile(r"^1:\d\d:\d\d$"))
    assert not axe_violations(person.page)
    assert timer.evaluate("timer => timer.closest('[aria-live], [role=alert], [role=status]')") is None
    person.page.clock.fast_forward("01:00:00")
    expect(timer).to_have_text(re.compile(r"^\d?\d:\d\d$"))
    expect(told(person)).to_be_empty()
    expect(person.button("Log in")).to_be_enabled()
    person.page.clock.fast_forward("01:00:00")
    expect(told(person)).to_have_text("You can try again now.")
    expect(timer).to_have_count(0)


# All of it


@pytest.mark.requirement("ACC-07")
def test_everything_it_adds_is_there_for_the_keyboard_and_in_forced_colours(person: Visitor) -> None:
    person.page.emulate_media(forced_colors="active")
    begin_setup(person)
    tab_to(person, person.button("Copy"))
    border = person.button("Copy").evaluate("button => getComputedStyle(button).borderTopColor")
    assert border not in ("transparent", "rgba(0, 0, 0, 0)")
    tab_to(person, person.box("Code"))
    tab_to(person, choice(person))
    press(person, "Space")
    expect(choice(person)).not_to_be_checked()
    press(person, "Space", "Shift+Tab")
    expect(person.box("Code")).to_be_focused()
    person.page.keyboard.type(person.site.code(person.page.locator("#tf-key").inner_text().replace(" ", "")))
    expect(person.heading("Keep your recovery codes")).to_be_visible()


def test_a_script_that_somebody_changed_is_not_run_and_nothing_misses_it(browser: Browser, plain: Site) -> None:
    with new_page(browser) as page:
        page.route(
            re.compile(f"/{SCRIPT}"),
            lambda route: route.fulfill(body="document.title = 'taken'", content_type="text/javascript"),
        )
        person = Visitor(page, plain)
        plain.older_log_in(page, plain.on)
        assert page.title() == "Enter your code · Northlight Console"
        person.submit_code(plain.code(plain.on.secret), "Verify")
        expect(page.locator("body")).to_have_text(plain.on.name)


def test_without_it_a_page_shows_and_promises_nothing_of_it(browser: Browser, plain: Site) -> None:
    with new_page(browser, script="blocked") as page:
        person = Visitor(page, plain)
        begin_setup(person)
        expect(choice(person)).to_be_hidden()
        expect(person.button("Copy")).to_have_count(0)
        expect(person.box("Code")).to_have_accessible_description(re.compile(r"every 30 seconds\.$"))
