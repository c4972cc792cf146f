"""Our pages on a console's Bootstrap: bare and in its layout, on every screen and in both of its themes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys import sites
from tests.journeys.test_accessibility import NARROW, OF_LOOKS, WIDE, cut_off, scrolls_sideways
from tests.journeys.visitor import Visitor
from tests.support import bootstrap
from tests.support.browser import axe_violations, new_page
from tests.support.host import Clock


def main_pages(visitor: Visitor, picture: Path) -> Iterator[str]:
    """Walk from the first page to the last of a person's first day; gives the name of each stop."""
    site = visitor.site
    visitor.open("/two-factor/identify")
    visitor.identify("")
    yield "identify-error"
    visitor.identify(site.on.name)
    visitor.give("not the password", "000000")
    yield "credential-code-error"
    visitor.log_in(site.off)
    visitor.open_panel()
    yield "panel-off"
    visitor.follow("SETUP")
    secret = visitor.page.locator("#tf-key").inner_text()
    visitor.submit_code(site.wrong_code(secret), "Enable")
    yield "setup-error"
    visitor.page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
    assert visitor.scan(picture) == secret.replace(" ", "")
    visitor.submit_code(site.code(secret), "Enable")
    yield "recovery-codes"
    visitor.keep_codes()
    expect(visitor.heading("Two-factor authentication")).to_be_visible()
    yield "panel-on"
    for link, name in (("Recovery codes", "recovery"), ("Authenticators", "authenticators"), ("MANAGE", "manage")):
        visitor.follow(link)
        yield name
        visitor.open_panel()
    visitor.open("/two-factor/sessions")
    yield "sessions"
    visitor.open("/two-factor/activity")
    yield "activity"


@pytest.mark.requirement("HDR-03", "ACC-04", "ACC-07")
@pytest.mark.parametrize("config", [bootstrap.BARE, bootstrap.IN_LAYOUT], ids=["bare", "in a layout"])
def test_the_pages_on_bootstrap_satisfy_axe_wide_and_narrow_light_and_dark(
    browser: Browser, tmp_path: Path, clock: Clock, config: dict[str, str]
) -> None:
    faults: list[str] = []
    with sites.plain(tmp_path / "instance", clock, **config) as site, new_page(browser) as page:
        bootstrap.put_on(site.app)
        for stop in main_pages(Visitor(page, site), tmp_path / "screen.png"):
            faults += [f"{stop}: {violation}" for violation in axe_violations(page)]
            for size, theme in ((WIDE, "dark"), (NARROW, "dark"), (NARROW, "light")):
                page.set_viewport_size(size)
                page.evaluate("theme => { document.documentElement.dataset.bsTheme = theme }", theme)
                faults += [f"{stop}, {theme}, {size}: {found}" for found in axe_violations(page, *OF_LOOKS)]
            if scrolls_sideways(page):
                faults.append(f"{stop}: scrolls sideways")
            faults += [f"{stop}: cut off: {control}" for control in cut_off(page)]
            page.set_viewport_size(WIDE)
    assert not faults, "\n".join(faults)
