"""The tutorial is done to the letter: each block is typed, in order, and each page is walked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.docs.reader import TUTORIAL, Reader, reader_in, section
from tests.docs.typing_along import until_the_log_in
from tests.support.browser import new_page


@pytest.mark.slow
def test_who_types_the_tutorial_gets_what_it_says(tmp_path: Path, browser: Browser) -> None:
    text = TUTORIAL.read_text(encoding="utf-8")
    with reader_in(tmp_path) as reader:
        with new_page(browser) as page:
            stops = list(until_the_log_in(reader, page))
        assert [f"{stop}.png" for stop in stops] == re.findall(r"\.\./images/(tutorial-[\w-]+\.png)", text)
        _from_the_shell(reader)
        reader.type(section(7))
        assert re.search(r"\b2 passed\b", reader.printed), reader.printed
        reader.type(section(8), status=1)
        _doctor_says_what_is_told(reader.printed)


def _from_the_shell(reader: Reader) -> None:
    """Type what section 6 has, and hold what each command prints against what is said of it."""
    looked, reset = section(6)
    reader.type([looked])
    assert re.search(r"two-factor is on since .*recovery codes left: 10\n", reader.printed, re.S), reader.printed
    reader.type([reset])
    assert reader.printed == "sam: two-factor is off now\n"


def _doctor_says_what_is_told(printed: str) -> None:
    assert "SESSION_COOKIE_SECURE" in printed
    assert "TWOFACTOR_KEY" in printed
    assert "notify" in printed
