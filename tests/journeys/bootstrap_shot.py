"""``python -m tests.journeys.bootstrap_shot FILE`` makes the picture of docs/how-to/bootstrap.md."""

from __future__ import annotations

import base64
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.journeys import sites
from tests.journeys.visitor import Visitor
from tests.support import bootstrap
from tests.support.browser import ARGUMENTS, new_page
from tests.support.host import Clock
from tests.support.programs import find

WIDTH = 820
SHEET = (
    """<body style="margin:0;padding:16px;background:#c8ccd2;display:flex;gap:16px;align-items:flex-start">{}</body>"""
)
IMAGE = """<img style="width:600px;border-radius:8px" src="data:image/png;base64,{}">"""


def shoot(page: Page, theme: str) -> str:
    """Take a picture of the page as it stands, in a theme of Bootstrap's; as base64."""
    page.evaluate("theme => { document.documentElement.dataset.bsTheme = theme }", theme)
    return base64.b64encode(page.screenshot()).decode()


def take(browser: Browser, folder: Path, file: Path) -> None:
    """Walk to the set-up and to the panel, and put the two pictures side by side."""
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
        page.screenshot(path=file, full_page=True)


def main(arguments: list[str]) -> int:
    """Make the picture in the file that is named."""
    chromium = find("chromium")
    if len(arguments) != 1 or chromium is None:
        print("usage: python -m tests.journeys.bootstrap_shot FILE (needs Debian's chromium)", file=sys.stderr)
        return 2
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        take(browser, Path(folder), Path(arguments[0]))
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
