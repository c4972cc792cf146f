"""A person at a browser: finds everything by label and role, as eyes and screen readers do."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page, expect

from tests.journeys.sites import Account, Site
from tests.support.authenticator import zbar_read
from tests.support.browser import send_code


class Visitor:
    """Somebody in front of ``page`` on ``site``."""

    def __init__(self, page: Page, site: Site) -> None:
        self.page = page
        self.site = site

    # What is on the page

    @property
    def path(self) -> str:
        """The address bar, without scheme and host."""
        return self.page.url.removeprefix(self.site.url)

    @property
    def alert(self) -> Locator:
        return self.page.get_by_role("alert")

    @property
    def status(self) -> Locator:
        return self.page.get_by_role("status")

    def box(self, label: str) -> Locator:
        return self.page.get_by_label(label, exact=True)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=name, exact=True)

    def heading(self, name: str) -> Locator:
        return self.page.get_by_role("heading", name=name, exact=True)

    # What a person does

    def open(self, path: str) -> None:
        self.page.goto(self.site.url + path)

    def submit(self, button: str) -> None:
        """Press ``button``, and wait for the whole page that it leads to: a click waits for its first bytes only."""
        self.button(button).click()
        self.page.wait_for_load_state("load")

    def follow(self, link: str) -> None:
        """Follow ``link``, and wait for the whole page."""
        self.link(link).click()
        self.page.wait_for_load_state("load")

    def identify(self, name: str) -> None:
        """Give the user ID on the first page."""
        self.box("User ID").fill(name)
        self.submit("Continue")

    def give(self, password: str, code: str | None = None) -> None:
        """Answer the second page."""
        self.box("Password").fill(password)
        if code is None:
            self.submit("Log in")
        else:
            self.submit_code(code, "Log in")

    def submit_code(self, code: str, button: str) -> None:
        """Give the code, which may be all that the page waits for."""
        send_code(self.page, code, button)

    def keep_codes(self) -> list[str]:
        """Write the recovery codes down, and go on."""
        codes = self.page.locator("#tf-codes li").all_inner_texts()
        self.follow("I have kept them")
        return codes

    def log_in(self, account: Account, then: str = "/two-factor/identify") -> None:
        """Log in with everything right, from wherever ``then`` sends a stranger."""
        self.open(then)
        self.identify(account.name)
        self.give(account.password, self.site.next_code(account.secret) if account.secret else None)
        expect(self.page).not_to_have_url(f"{self.site.url}/two-factor/credential")

    def log_out(self) -> None:
        self.submit("Log out")

    def open_panel(self) -> None:
        self.open(self.site.panel)

    def scan(self, picture: Path) -> str:
        """Hold the camera before the screen; gives the key, which the authenticator app keeps."""
        expect(self.page.get_by_role("img", name="QR code")).to_be_visible()
        self.page.screenshot(path=picture, full_page=True)
        return secret_in(zbar_read(picture))


def secret_in(uri: str) -> str:
    """Give the key in an otpauth URI."""
    return parse_qs(urlsplit(uri).query)["secret"][0]
