"""The brands of the example console in a browser: their colours are what is drawn, in both schemes, and can be read."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from example_app import brands
from flask_twofactor.core.palettes import palettes_of
from tests.journeys.sites import Site
from tests.journeys.visitor import Visitor
from tests.support.browser import axe_violations, new_page

KEYS = [brand.key for brand in brands.ALL]


def drawn(colour: str) -> str:
    return "rgb({}, {}, {})".format(*(int(colour[at : at + 2], 16) for at in (1, 3, 5)))


def expect_drawn(page: Page, key: str, *, dark: bool) -> None:
    """Expect the button, the box and the text in the colours that were measured."""
    colours = brands.BY_KEY[key].colours
    assert colours is not None
    palette = palettes_of(colours)[dark]
    button = page.get_by_role("button", name="Continue")
    expect(button).to_have_css("background-color", drawn(palette.accent))
    expect(button).to_have_css("color", drawn(palette.on_accent))
    expect(page.get_by_label("User ID", exact=True)).to_have_css("background-color", drawn(palette.surface))
    expect(page.get_by_role("heading", level=1)).to_have_css("color", drawn(palette.text))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("key", KEYS)
def test_a_brand_is_drawn_in_its_colours_and_axe_finds_nothing(
    browser: Browser, harbor: Site, key: str, dark: bool
) -> None:
    with new_page(browser, dark=dark, bypass_csp=True) as page:
        page.goto(f"{harbor.url}/b/{key}/two-factor/identify")
        expect_drawn(page, key, dark=dark)
        assert axe_violations(page) == []


def test_the_switch_goes_before_what_the_system_has_and_nothing_breaks_the_policy(
    browser: Browser, harbor: Site
) -> None:
    with new_page(browser, javascript=False, width=390) as page:
        for key in ("northlight", "meridian"):
            page.goto(f"{harbor.url}/b/{key}/two-factor/identify")
            page.get_by_label("Appearance").select_option("dark")
            page.get_by_role("button", name="Apply").click()
            page.wait_for_load_state("load")
            assert page.url == f"{harbor.url}/b/{key}/two-factor/identify"
            expect_drawn(page, key, dark=True)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_person_goes_from_one_brand_to_another_and_is_in_at_both(browser: Browser, harbor: Site) -> None:
    with new_page(browser) as page:
        person = Visitor(page, harbor)
        person.log_in(harbor.on, then="/b/northlight/")
        assert person.path == "/b/northlight/dashboard"
        person.follow("Meridian")
        assert person.path == "/b/meridian/dashboard"
        expect(person.heading("Dashboard")).to_be_visible()


def test_a_logo_keeps_its_size_and_its_text(browser: Browser, harbor: Site) -> None:
    with new_page(browser, dark=True) as page:
        page.goto(f"{harbor.url}/b/meridian/two-factor/identify")
        logo = page.get_by_role("img", name="Meridian")
        expect(logo).to_be_visible()
        box = logo.bounding_box()
        assert box is not None
        assert box["height"] <= 48
        assert box["width"] <= 240
        assert logo.evaluate("image => image.currentSrc").endswith("/static/meridian-logo-dark.svg")
