"""What holds on every page in every state: axe, the policy, narrow screens; and what password managers read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask_babel import Babel
from playwright.sync_api import Browser, Page, ViewportSize, expect

from flask_twofactor.preview.gallery import Gallery
from flask_twofactor.preview.states import STATES
from tests.journeys import tours
from tests.journeys.sites import Site
from tests.journeys.visitor import Visitor
from tests.support.browser import SCRIPT, axe_violations, new_page
from tests.support.host import Host
from tests.support.server import serve
from tests.support.watching import ghost

POLICY = "default-src 'none'; form-action 'self'; base-uri 'none'; style-src 'self'; img-src 'self'"
"""HDR-03, to the letter."""
WIDE: ViewportSize = {"width": 1280, "height": 900}
NARROW: ViewportSize = {"width": 320, "height": 256}
"""WCAG 1.4.10: a window of 1280 by 1024, at 400 %."""
OF_LOOKS = "color-contrast", "link-in-text-block", "target-size"
"""The rules whose answer depends on width and colours."""
SHARES = 4
"""Parts of all states, for as many workers."""

IDS = {
    "identify": {"tf-identifier": "identifier", "tf-submit": "", "tf-csrf-token": "csrf_token"},
    "credential": {
        "tf-identifier": "identifier",
        "tf-password": "password",
        "tf-remember": "remember",
        "tf-submit": "",
        "tf-csrf-token": "csrf_token",
    },
    "credential-code": {
        "tf-identifier": "identifier",
        "tf-password": "password",
        "tf-code": "code",
        "tf-remember": "remember",
        "tf-send": "",
        "tf-trust": "trust",
        "tf-submit": "",
        "tf-csrf-token": "csrf_token",
    },
    "challenge": {
        "tf-code": "code",
        "tf-send": "",
        "tf-trust": "trust",
        "tf-submit": "",
        "tf-csrf-token": "csrf_token",
    },
    "setup": {"tf-code": "code", "tf-send": "", "tf-submit": "", "tf-csrf-token": "csrf_token"},
    "manage": {"tf-code": "code", "tf-submit": "", "tf-csrf-token": "csrf_token"},
    "step-up": {
        "tf-identifier": "identifier",
        "tf-password": "password",
        "tf-submit": "",
        "tf-csrf-token": "csrf_token",
    },
}
"""What password managers have stored: id and name of each control. A release keeps them (ACC-09)."""
TOKENS = {"identifier": "username", "password": "current-password", "code": "one-time-code"}


def under(policy: str, app: Any) -> Any:
    """Wrap a WSGI app: its answers have ``policy`` in the place of their own."""

    def application(environ: Any, start_response: Any) -> Any:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            kept = [item for item in headers if item[0].lower() != "content-security-policy"]
            return start_response(status, [*kept, ("Content-Security-Policy", policy)], *more)

        return app(environ, start)

    return application


def scrolls_sideways(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def cut_off(page: Page) -> list[str]:
    """Give the controls that lie, in part, outside the page."""
    found: list[str] = page.locator("a, button, input:not([type=hidden])").evaluate_all(
        """controls => controls.filter(control => {
            const box = control.getBoundingClientRect();
            return control.matches(':not(.skip)') && (box.left < 0 || box.right > document.documentElement.clientWidth);
        }).map(control => control.outerHTML)"""
    )
    return found


def faults_of(page: Page, stop: str) -> list[str]:
    """Look at a page wide and light, then as at 400 % and dark."""
    faults = [f"{stop}: {violation}" for violation in axe_violations(page)]
    page.set_viewport_size(NARROW)
    page.emulate_media(color_scheme="dark")
    faults += [f"{stop}, narrow and dark: {violation}" for violation in axe_violations(page, *OF_LOOKS)]
    if page.locator(f"script:not([src*='/{SCRIPT}?']), style, [style], iframe, object, embed").count():
        faults.append(f"{stop}: script, style or frame in the page")
    if scrolls_sideways(page):
        faults.append(f"{stop}: scrolls sideways")
    faults += [f"{stop}: cut off: {control}" for control in cut_off(page)]
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light")
    return faults


@pytest.mark.requirement("HDR-03", "ACC-04", "ACC-07")
@pytest.mark.parametrize("tour", tours.OF_HARBOR, ids=lambda tour: tour.__name__)
def test_every_page_in_a_layout_satisfies_axe_and_works_under_the_strictest_policy_and_at_400_percent(
    browser: Browser, harbor: Site, tour: tours.Tour
) -> None:
    """``new_page`` fails on any report about the policy, and on a request to another host.

    The strictest policy takes our script away.
    """
    harbor.app.wsgi_app = under(POLICY, harbor.app.wsgi_app)  # type: ignore[method-assign]
    faults: list[str] = []
    with new_page(browser, script="refused") as page:
        for stop in tour(Visitor(page, harbor)):
            faults += faults_of(page, stop)
    assert not faults, "\n".join(faults)


@pytest.mark.requirement("HDR-03", "ACC-04", "ACC-07")
@pytest.mark.parametrize("share", range(SHARES))
def test_every_state_of_every_page_satisfies_axe_with_the_script_in_the_languages_in_turn(
    browser: Browser, host: Host, share: int
) -> None:
    """The states of the gallery, in our own layout: each in one language, so that all of them are seen."""
    Babel(host.app)
    gallery = Gallery(host.app)
    faults: list[str] = []
    with serve(gallery) as url, new_page(browser) as page:
        for number in range(share, len(STATES), SHARES):
            language = gallery.languages[number // SHARES % len(gallery.languages)]
            page.goto(f"{url}{gallery.address(STATES[number], 'default', language)}")
            faults += faults_of(page, f"{STATES[number].page}, {STATES[number].name}, {language}")
    assert not faults, "\n".join(faults)


def controls(page: Page) -> list[dict[str, Any]]:
    """Give what a password manager sees of the one form in the page's content."""
    form = page.locator("main form")
    assert form.count() == 1
    found: list[dict[str, Any]] = form.evaluate(
        """form => Array.from(form.elements).map(control => Object.fromEntries(
            ["id", "name", "type", "autocomplete", "inputMode", "maxLength", "readOnly", "value"]
                .map(key => [key, control[key]])))"""
    )
    return found


def stops(visitor: Visitor, *walks: tours.Tour) -> Iterator[str]:
    """Walk some tours, each as somebody new."""
    for walk in walks:
        visitor.page.context.clear_cookies()
        yield from walk(visitor)


@pytest.mark.requirement("ACC-01", "ACC-02", "ACC-09")
def test_password_managers_find_the_fields_they_know(browser: Browser, plain: Site) -> None:
    seen: dict[str, dict[str, str]] = {}
    with new_page(browser) as page:
        for stop in stops(Visitor(page, plain), tours.logging_in, tours.owing_the_code, tours.turning_it_on_and_off):
            if stop not in IDS:
                continue
            fields = controls(page)
            seen[stop] = {field["id"]: field["name"] for field in fields}
            assert len(fields) == len(IDS[stop])
            for field in fields:
                assert (field["autocomplete"] or None) == TOKENS.get(field["name"]), f"{stop}: {field}"
                if field["name"] == "code":
                    assert (field["type"], field["inputMode"]) == ("text", "numeric")
                    assert field["maxLength"] == -1 or field["maxLength"] >= 7
                if field["name"] == "password":
                    assert field["type"] == "password"
                    assert field["maxLength"] == -1 or field["maxLength"] >= 64
    assert seen == IDS


@pytest.mark.requirement("ACC-03", "ACC-09")
def test_the_credential_page_carries_the_user_id_in_the_same_form_for_everybody(browser: Browser, plain: Site) -> None:
    assert plain.host is not None
    with new_page(browser) as page:
        visitor = Visitor(page, plain)
        actions = set()
        for name in (plain.on.name, ghost(plain.host, box=True), plain.off.name, ghost(plain.host, box=False)):
            visitor.open("/two-factor/identify")
            visitor.identify(name)
            fields = {control["name"]: control for control in controls(page)}
            assert fields["identifier"]["value"] == name
            assert fields["identifier"]["readOnly"]
            assert fields["identifier"]["autocomplete"] == "username"
            assert fields["password"]["autocomplete"] == "current-password"
            assert visitor.box("Logging in as").is_visible()
            actions.add(page.locator("main form").evaluate("form => form.action"))
        assert len(actions) == 1


@pytest.mark.requirement("ACC-03")
def test_a_user_id_that_was_tampered_with_is_judged_as_that_user_id(browser: Browser, plain: Site) -> None:
    with new_page(browser) as page:
        visitor = Visitor(page, plain)
        identity = visitor.box("Logging in as")

        # Another account's name in a page that asks for no code does not leave the code out.
        visitor.open("/two-factor/identify")
        visitor.identify(plain.off.name)
        identity.evaluate("(input, name) => { input.value = name }", plain.on.name)
        visitor.give(plain.on.password)
        expect(visitor.alert).to_be_visible()
        expect(identity).to_have_value(plain.on.name)
        expect(visitor.box("Code")).to_be_visible()

        identity.evaluate("(input, name) => { input.value = name }", plain.off.name)
        visitor.give(plain.off.password, "")
        visitor.open("/me")
        expect(page.locator("body")).to_have_text(plain.off.name)


@pytest.mark.parametrize(("width", "dark"), [(1280, True), (390, False), (320, True)])
def test_the_qr_code_scans_from_every_screen(
    browser: Browser, harbor: Site, tmp_path: Path, width: int, dark: bool
) -> None:
    with new_page(browser, width=width, dark=dark) as page:
        visitor = Visitor(page, harbor)
        visitor.log_in(harbor.off)
        visitor.open("/two-factor/setup")
        assert visitor.scan(tmp_path / "screen.png") == page.locator("#tf-key").inner_text().replace(" ", "")
