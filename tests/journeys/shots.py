"""``python -m tests.journeys.shots DIR`` pictures every page in every state, wide and narrow, light and dark."""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.journeys import sites, tours
from tests.journeys.visitor import Visitor
from tests.support.browser import ARGUMENTS, new_page
from tests.support.host import Clock
from tests.support.programs import find

WIDTHS = (1280, 390)
HEIGHTS = {1280: 900, 390: 844}


def shoot(page: Page, folder: Path, name: str) -> None:
    """Take the four pictures of a page as it stands."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True)
    page.set_viewport_size({"width": WIDTHS[0], "height": HEIGHTS[WIDTHS[0]]})
    page.emulate_media(color_scheme="light")


def take_all(browser: Browser, folder: Path) -> int:
    """Walk every tour of both consoles; gives the number of stops."""
    count = 0
    for open_site, of_site in ((sites.harbor, tours.OF_HARBOR), (sites.plain, tours.OF_PLAIN)):
        place = folder / open_site.__name__
        place.mkdir(parents=True, exist_ok=True)
        for tour in of_site:
            with (
                tempfile.TemporaryDirectory() as instance,
                open_site(Path(instance), Clock()) as site,
                new_page(browser) as page,
            ):
                for stop in tour(Visitor(page, site)):
                    shoot(page, place, stop)
                    count += 1
    return count


def main(arguments: list[str]) -> int:
    """Take the pictures into the folder that is named."""
    chromium = find("chromium")
    if len(arguments) != 1 or chromium is None:
        print("usage: python -m tests.journeys.shots DIR (needs Debian's chromium)", file=sys.stderr)
        return 2
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        count = take_all(browser, Path(arguments[0]))
        browser.close()
    print(f"{count} stops, {count * len(WIDTHS) * 2} pictures in {arguments[0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
