"""Over TLS, where a global CSRFProtect asks for the referrer too."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask_wtf import CSRFProtect
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import new_page, send_code
from tests.support.host import Clock, make_host
from tests.support.server import serve


def log_in(page: Page, url: str, code: str | None = None) -> None:
    page.goto(f"{url}/me")
    page.get_by_label("User ID").fill("alice")
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Password").fill("alice-password")
    if code is None:
        page.get_by_role("button", name="Log in").click()
    else:
        send_code(page, code, "Log in")
    expect(page.locator("body")).to_have_text("alice")


@pytest.mark.requirement("HDR-04", "CSR-01")
def test_every_form_works_over_tls_in_a_console_with_a_csrf_protection_of_its_own(
    browser: Browser, tmp_path: Path, clock: Clock
) -> None:
    host = make_host(tmp_path, clock, SESSION_COOKIE_SECURE=True, REMEMBER_COOKIE_SECURE=True)
    CSRFProtect(host.app)
    with serve(host.app, tls=True) as url, new_page(browser, tls=True) as page:
        log_in(page, url)
        page.goto(f"{url}/two-factor/settings")
        page.get_by_role("link", name="SETUP").click()
        key = page.locator('a[href^="otpauth:"]').get_attribute("href")
        assert key is not None
        host.secrets["alice"] = key.partition("secret=")[2].partition("&")[0]
        send_code(page, host.code("alice"), "Enable")
        expect(page.get_by_role("status")).to_have_text("Two-factor authentication is on.")
        page.goto(f"{url}/logout")
        clock.move(30)
        log_in(page, url, host.code("alice"))
