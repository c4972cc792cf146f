"""The picture of docs/how-to/bootstrap.md, which ``make docs-images`` takes."""

from __future__ import annotations

import base64
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.journeys import sites
from tests.journeys.visitor import Visitor
from tests.support import bootstrap
from tests.support.browser import new_page
from tests.support.host import Clock

WIDTH = 820
SHEET = (
    """<body style="margin:0;padding:16px;background:#c8ccd2;display:flex;gap:16px;align-items:flex-start">{}</body>"""
)
IMAGE = """<img style="width:600px;border-radius:8px" src="data:image/png;base64,{}">"""


def shoot(page: Page, theme: str) -> str:
    """Take a picture of the page as it stands, in a theme of Bootstrap's; as base64."""
    page.evaluate("theme => { document.documentElement.dataset.bsTheme = theme }", theme)
    return base64.b64encode(page.screenshot()).decode()


def take(browser: Browser, folder: Path) -> bytes:
    """Walk to the set-up and to the panel, and give the two pictures side by side."""
    with (
        sites.plain(folder, Clock(), **bootstrap.IN_LAYOUT) as site,
        new_page(browser, width=WIDTH, height=1040) as page,
    ):
        bootstrap.put_on(site.app)
        visitor = Visitor(page, site)
        visitor.log_in(site.off)
        visitor.open("/two-factor/setup")
        setup = shoot(page, "light")
        visitor.submit_code(site.code(page.locator("#tf-key").inner_text()), "Enable")
        visitor.keep_codes()
        visitor.open("/profile")
        pictures = setup, shoot(page, "dark")
    with new_page(browser, width=1248, height=100) as page:
        page.set_content(SHEET.format("".join(map(IMAGE.format, pictures))))
        return page.screenshot(full_page=True)
