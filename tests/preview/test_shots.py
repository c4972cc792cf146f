"""The browser: what the gallery looks like in one, and the pictures that it takes without a driver."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from flask_babel import Babel
from playwright.sync_api import Browser

from flask_twofactor.core.records import Brand
from flask_twofactor.preview import chromium, shots
from flask_twofactor.preview import gallery as gallery_of
from flask_twofactor.preview.chromium import running
from flask_twofactor.preview.gallery import Gallery
from flask_twofactor.preview.states import STATES
from tests.support.browser import axe_violations, new_page
from tests.support.host import Host
from tests.support.programs import need
from tests.support.server import serve

BACKGROUND = "getComputedStyle(document.body).backgroundColor"


@pytest.fixture
def gallery(make_app: Callable[..., Host]) -> Gallery:
    """The gallery of a console with two brands and Flask-Babel."""
    host = make_app(brands=[Brand("harbor", "Harbor", "Harbor"), Brand("quay", "The Quay", "Quay")])
    Babel(host.app)
    return Gallery(host.app)


def test_the_index_and_a_state_can_be_read_by_everybody_and_frames_take_no_focus(
    browser: Browser, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery_of, "JOURNEYS", (("Log in", STATES[:8]),))  # frames of all of them take their time
    with serve(gallery) as url, new_page(browser, bypass_csp=True) as page:
        page.goto(f"{url}/_preview/?language=ar")
        page.frame_locator("iframe").first.locator("#tf-identify").wait_for()
        assert page.evaluate("document.activeElement.tagName") == "BODY"
        assert axe_violations(page) == []
        page.get_by_role("link", name="Sent with nothing typed").first.click()
        page.frame_locator("iframe").last.locator("[role=alert]").wait_for()
        assert page.locator("iframe").count() == 8
        assert axe_violations(page) == []
        page.get_by_role("link", name="The page itself").first.click()
        assert page.locator("html").get_attribute("dir") == "rtl"


def test_a_page_in_the_dark_is_what_a_reader_of_the_dark_sees(browser: Browser, gallery: Gallery) -> None:
    gallery.brands.pop("quay")
    with serve(gallery) as url:
        context = browser.new_context(color_scheme="null")  # as the frame says, and not as the driver does
        page = context.new_page()
        page.goto(f"{url}/_preview/identify/empty/")
        for frame in range(4):
            page.frame_locator("iframe").nth(frame).locator("#tf-identify").wait_for()
        colours = [frame.evaluate(BACKGROUND) for frame in page.frames[1:3]]
        context.close()
    assert colours == ["rgb(245, 246, 248)", "rgb(12, 14, 19)"]


def size_of(picture: Path) -> tuple[int, int]:
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG\r\n")
    across, down = struct.unpack(">II", data[16:24])
    return int(across), int(down)


def test_each_state_is_pictured_whole_wide_and_narrow_light_and_dark(
    gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_one = next(one for one in STATES if (one.page, one.name) == ("setup", "required"))
    monkeypatch.setattr(shots, "STATES", [STATES[0], long_one])
    gallery.brands.pop("harbor")
    gallery.languages = ["en", "he"]
    folder = tmp_path / "not there yet"
    taken = list(shots.take(gallery, folder, need("chromium")))
    assert len(taken) == len(set(taken)) == 16
    assert sorted(folder.rglob("*.png")) == sorted(taken)
    short = folder / "quay/en/identify-empty-wide-light.png"
    assert size_of(short) == (1024, 720)
    assert size_of(short.with_name("identify-empty-narrow-dark.png")) == (390, 844)
    across, down = size_of(folder / "quay/he/setup-required-narrow-dark.png")
    assert (across, down > 1200) == (390, True)
    assert len({path.read_bytes() for path in taken}) == len(taken)


def test_a_template_that_fails_is_not_pictured(gallery: Gallery, tmp_path: Path) -> None:
    gallery._app.jinja_env.globals["tf_gettext"] = None
    with pytest.raises(TypeError):
        next(shots.take(gallery, tmp_path, need("chromium")))
    assert list(tmp_path.rglob("*.png")) == []


@pytest.mark.parametrize("program", ["/bin/true", "/bin/sleep", "/nowhere"])
def test_a_program_that_is_no_browser_is_an_error_and_no_wait(program: str) -> None:
    with pytest.raises(OSError), running(program):  # noqa: PT011 - which one hangs on when it ended
        pytest.fail("it is no browser")


def test_a_page_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with running(need("chromium")) as browser, pytest.raises(ConnectionError, match="does not get the page"):
        browser.picture("http://127.0.0.1:9/", 390, 844, "light")


def test_a_browser_is_looked_for_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(chromium, "PROGRAMS", chromium.PROGRAMS[:-1])  # the last one is a path of its own
    assert chromium.find() is None
    (tmp_path / "google-chrome").touch(mode=0o755)
    assert chromium.find() == os.path.join(tmp_path, "google-chrome")
