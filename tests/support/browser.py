"""Real Chromium, the system's own, driven by Playwright; and axe-core in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.programs import need

# No sandbox for root; the rest keeps Chromium from calling hosts of its own.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


Script = Literal["runs", "blocked", "refused"]
SCRIPT = "twofactor.js"
SENDS = "Send the code as soon as it is complete"
"""What stands beside a code box that sends itself."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the whole run (of this xdist worker); open pages with `new_page`."""
    chromium = need("chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield launched
        launched.close()


@contextmanager
def new_page(
    browser: Browser,
    *,
    javascript: bool = True,
    width: int = 1280,
    height: int = 900,
    dark: bool = False,
    bypass_csp: bool = False,
    tls: bool = False,
    script: Script = "runs",
) -> Iterator[Page]:
    """Open a page with cookies of its own; on leaving, fail where it broke its policy or called out.

    That is: a report about the Content-Security-Policy or an error that no script caught, and any request
    to a host that is not loopback. Set ``bypass_csp`` for axe only: the policy is then not enforced.
    With ``tls``, it takes a certificate that nobody signed. The script of our pages ``"runs"``, is ``"blocked"`` on
    its way, or is ``"refused"`` by the policy of the page, whose report of that is then no fault.
    """
    context = browser.new_context(
        java_script_enabled=javascript,
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        bypass_csp=bypass_csp,
        locale="en-GB",
        reduced_motion="reduce",
        ignore_https_errors=tls,
    )
    context.set_default_timeout(10_000)
    faults: list[str] = []
    context.on("request", lambda request: faults.extend(_foreign(request.url)))
    context.on("console", lambda message: faults.extend(_policy(message.text, script)))
    context.on("weberror", lambda error: faults.append(f"uncaught: {error.error}"))
    if script == "blocked":
        context.route(re.compile(f"/{SCRIPT}"), lambda route: route.abort())
    try:
        yield context.new_page()
    finally:
        context.close()
    assert not faults, "\n".join(faults)


def send_code(page: Page, code: str, button: str) -> None:
    """Give the code as the last thing of a form, press ``button`` where it does not send itself, and wait."""
    page.wait_for_load_state("load")  # by then the script has run
    box, sends = page.get_by_label("Code", exact=True), page.get_by_label(SENDS, exact=True)
    if re.fullmatch(r"\d{6}", code) and sends.is_visible() and sends.is_checked():
        with page.expect_navigation():
            box.fill(code)
    else:
        box.fill(code)
        page.get_by_role("button", name=button, exact=True).click()
    page.wait_for_load_state("load")


def axe_violations(page: Page, *rules: str) -> list[str]:
    """Run axe-core on ``page`` (JavaScript on, ``bypass_csp=True``); a line for each violation and element.

    WCAG A and AA up to 2.2, and axe's best practices; or the ``rules`` alone.
    """
    page.wait_for_load_state("load")  # a click waits for the first bytes of a page only
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate(
        "options => axe.run(document, options).then(results => results.violations)",
        {"runOnly": list(rules)} if rules else {},
    )
    return [
        f"{violation['id']}: {violation['help']}: {' '.join(map(str, node['target']))} in {page.url}"
        for violation in found
        for node in violation["nodes"]
    ]


def _foreign(url: str) -> list[str]:
    parts = urlsplit(url)
    local = parts.scheme in {"about", "blob", "data"} or parts.hostname in {"127.0.0.1", "localhost", "::1"}
    return [] if local else [f"request to another host: {url}"]


def _policy(text: str, script: Script) -> list[str]:
    if script == "refused" and f"/{SCRIPT}" in text:
        return []
    return [text] if "Content Security Policy" in text or "Content-Security-Policy" in text else []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
