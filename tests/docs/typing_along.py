"""The tutorial as somebody does it who types along, with stops where it has a picture."""

from __future__ import annotations

import time
from collections.abc import Iterator

from playwright.sync_api import Page, expect

from tests.docs.reader import Reader, section
from tests.support.authenticator import oathtool_code
from tests.support.browser import send_code

STEP = 30
_NAME, _PASSWORD = "sam", "correct horse"


def until_the_log_in(reader: Reader, page: Page) -> Iterator[str]:
    """Do steps 1 to 5; gives the name of each picture when the page is there that it shows."""
    for number in (1, 2):
        reader.type(section(number))
    _before(reader, page)
    for number in (3, 4):
        reader.type(section(number))
    _log_in(reader, page)
    expect(page.locator("#tf-state")).to_have_text("Off")
    yield "tutorial-panel"
    _press(page, "link", "SETUP")
    key = page.locator("#tf-key").inner_text()
    yield "tutorial-setup"
    send_code(page, oathtool_code(key, time.time()), "Enable")
    expect(page.locator("#tf-codes li")).to_have_count(10)
    _press(page, "link", "I have kept them")
    expect(page.locator("#tf-state")).to_have_text("On")
    _press(page, "button", "Log out")
    page.get_by_label("User ID", exact=True).fill(_NAME)
    _press(page, "button", "Continue")
    yield "tutorial-log-in"
    _wrong_and_right(page, key)


def _before(reader: Reader, page: Page) -> None:
    """Log in to the console as it was."""
    page.goto(reader.url)
    page.get_by_label("Name", exact=True).fill(_NAME)
    page.get_by_label("Password", exact=True).fill(_PASSWORD)
    _press(page, "button", "Log in")
    expect(page.get_by_role("heading", name="Hello, sam")).to_be_visible()
    _press(page, "button", "Log out")
    expect(page.get_by_label("Name", exact=True)).to_be_visible()


def _log_in(reader: Reader, page: Page) -> None:
    """Log in on our two pages, without a factor."""
    page.goto(reader.url)
    page.get_by_label("User ID", exact=True).fill(_NAME)
    _press(page, "button", "Continue")
    expect(page.get_by_label("Code", exact=True)).to_have_count(0)
    page.get_by_label("Password", exact=True).fill(_PASSWORD)
    _press(page, "button", "Log in")


def _wrong_and_right(page: Page, key: str) -> None:
    """Give a wrong password, a wrong code, and then both right; the code is the next one, which is good already."""
    told = []
    for password, code in (("wrong", None), (_PASSWORD, "000000"), (_PASSWORD, None)):
        page.get_by_label("Password", exact=True).fill(password)
        send_code(page, code or oathtool_code(key, time.time() + STEP), "Log in")
        told += page.get_by_role("alert").all_inner_texts()
    assert len(told) == 2
    assert told[0] == told[1]
    expect(page.get_by_role("heading", name="Hello, sam")).to_be_visible()


def _press(page: Page, role: str, name: str) -> None:
    """Press a button or follow a link, and wait for the whole page."""
    page.get_by_role("button" if role == "button" else "link", name=name, exact=True).click()
    page.wait_for_load_state("load")
