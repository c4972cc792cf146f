"""``make docs-images`` pictures the example console, and the one that the tutorial makes, into docs/images."""

from __future__ import annotations

import io
import logging
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.docs.reader import reader_in
from tests.docs.typing_along import until_the_log_in
from tests.journeys import bootstrap_shot, sites, tours
from tests.journeys.tours import Tour
from tests.journeys.visitor import Visitor
from tests.support.browser import ARGUMENTS, new_page
from tests.support.host import Clock
from tests.support.programs import find

FOLDER = Path(__file__).parent / "images"
LOWEST = 300
"""Pixels: a page grows beyond it to what is on it."""
COLOURS = 128


@dataclass(frozen=True)
class Picture:
    """A picture of a stop: its name, and how the page is looked at."""

    name: str
    width: int = 900
    dark: bool = False


Wanted = Mapping[str, tuple[Picture, ...]]
"""The pictures to take at each stop."""

OF_LOGGING_IN: Wanted = {"credential-code": (Picture("log-in"), Picture("log-in-narrow", width=390, dark=True))}
OF_SETTINGS: Wanted = {
    "recovery-codes": (Picture("recovery-codes"),),
    "panel-enabled": (Picture("panel", width=1100),),
    "sessions": (Picture("sessions"),),
}
OF_TUTORIAL: Wanted = {
    "tutorial-panel": (Picture("tutorial-panel", width=760),),
    "tutorial-setup": (Picture("tutorial-setup", width=760),),
    "tutorial-log-in": (Picture("tutorial-log-in", width=760),),
}


def shoot(page: Page, picture: Picture) -> None:
    """Picture the page as it stands, no higher than what is on it, in few colours: a third of the bytes."""
    page.emulate_media(color_scheme="dark" if picture.dark else "light")
    page.set_viewport_size({"width": picture.width, "height": LOWEST})
    page.set_viewport_size({"width": picture.width, "height": page.evaluate("document.documentElement.scrollHeight")})
    keep(page.screenshot(), picture.name)


def keep(taken: bytes, name: str) -> None:
    """Write a picture in few colours."""
    small = Image.open(io.BytesIO(taken)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(FOLDER / f"{name}.png", optimize=True)


def take(page: Page, stops: Iterator[str], wanted: Wanted) -> None:
    """Walk until every picture is taken."""
    left = dict(wanted)
    for stop in stops:
        for picture in left.pop(stop, ()):
            shoot(page, picture)
        if not left:
            return
    raise RuntimeError(f"the walk has no stop {', '.join(left)}")


def of_example(browser: Browser, tour: Tour, wanted: Wanted) -> None:
    """Picture the example console."""
    with (
        tempfile.TemporaryDirectory() as instance,
        sites.harbor(Path(instance), Clock()) as site,
        new_page(browser) as page,
    ):
        take(page, tour(Visitor(page, site)), wanted)


def of_tutorial(browser: Browser) -> None:
    """Picture the console that the tutorial makes, while somebody types it."""
    with tempfile.TemporaryDirectory() as folder, reader_in(Path(folder)) as reader, new_page(browser) as page:
        take(page, until_the_log_in(reader, page), OF_TUTORIAL)


def of_bootstrap(browser: Browser) -> None:
    """Picture two pages in a console on Bootstrap, light and dark, side by side."""
    with tempfile.TemporaryDirectory() as folder:
        keep(bootstrap_shot.take(browser, Path(folder)), "bootstrap")


def main() -> int:
    """Take all pictures."""
    chromium = find("chromium")
    if chromium is None:
        print("needs Debian's chromium", file=sys.stderr)
        return 2
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        of_example(browser, tours.logging_in, OF_LOGGING_IN)
        of_example(browser, tours.turning_it_on_and_off, OF_SETTINGS)
        of_tutorial(browser)
        of_bootstrap(browser)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
