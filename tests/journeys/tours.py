"""Every page in every state, each a stop of a tour: the checks and the pictures look at the same ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from playwright.sync_api import expect

from tests.journeys.visitor import Visitor
from tests.support.watching import broken_store

Tour = Callable[[Visitor], Iterator[str]]
"""Walks and stops; gives the name of each stop."""

LONG_NAME = "a.very.long.name.that.somebody.really.has@" + "a-department-of-" * 8 + "harbor.test"


def logging_in(visitor: Visitor) -> Iterator[str]:
    """Both pages of the log-in, and all that may go wrong there."""
    site = visitor.site
    visitor.open("/two-factor/identify")
    yield "identify"
    visitor.identify("")
    expect(visitor.alert).to_be_visible()
    yield "identify-error"
    visitor.identify(site.off.name)
    yield "credential"
    visitor.give("not the password")
    expect(visitor.alert).to_be_visible()
    yield "credential-error"
    visitor.follow("Not you?")
    visitor.identify(site.on.name)
    yield "credential-code"
    visitor.follow("Use a recovery code")
    yield "credential-recovery"
    visitor.follow("Use your authenticator app")
    visitor.give(site.on.password, site.wrong_code(site.on.secret))
    expect(visitor.alert).to_be_visible()
    yield "credential-code-error"
    while "Too many attempts" not in visitor.alert.inner_text():
        visitor.give("not the password", "000000")
    yield "credential-429"
    site.clock.move(601)
    visitor.give(site.on.password, "000000")
    expect(visitor.status).to_contain_text("longer than 10 minutes")
    yield "identify-expired"
    visitor.identify(LONG_NAME)
    yield "credential-long-name"


def owing_the_code(visitor: Visitor) -> Iterator[str]:
    """The page for a session that the console's older view began."""
    site = visitor.site
    site.older_log_in(visitor.page, site.on)
    yield "challenge"
    visitor.submit_code(site.wrong_code(site.on.secret), "Verify")
    expect(visitor.alert).to_be_visible()
    yield "challenge-error"
    for _ in range(5):  # the sixth wrong answer of one session ends it
        visitor.submit_code(site.wrong_code(site.on.secret), "Verify")
    expect(visitor.heading("Too many attempts")).to_be_visible()
    yield "challenge-429"


def turning_it_on_and_off(visitor: Visitor) -> Iterator[str]:
    """The panel, SETUP, MANAGE, and the password again."""
    site = visitor.site
    visitor.log_in(site.off)
    visitor.open_panel()
    yield "panel-off"
    visitor.follow("SETUP")
    secret = visitor.page.locator("#tf-key").inner_text()
    yield "setup"
    visitor.submit_code(site.wrong_code(secret), "Enable")
    expect(visitor.alert).to_be_visible()
    yield "setup-error"
    visitor.submit_code(site.code(secret), "Enable")
    expect(visitor.status).to_be_visible()
    yield "recovery-codes"
    codes = visitor.keep_codes()
    yield "panel-enabled"
    visitor.follow("Recovery codes")
    yield "recovery"
    visitor.submit_code(site.wrong_code(secret), "Make new codes")
    expect(visitor.alert).to_be_visible()
    yield "recovery-error"
    visitor.open_panel()
    visitor.follow("Sessions and browsers")
    yield "sessions"
    visitor.open("/two-factor/activity")
    yield "activity"
    visitor.follow("log out everywhere else")
    visitor.submit("Log out everywhere else")
    expect(visitor.status).to_have_text("You are logged out everywhere else.")
    yield "panel-sessions"
    visitor.page.context.clear_cookies()
    visitor.open("/two-factor/identify")
    visitor.identify(site.off.name)
    visitor.give(site.off.password, codes[0])
    yield "recovery-used"
    for code in codes[1:7]:
        visitor.page.context.clear_cookies()
        visitor.open("/two-factor/identify")
        visitor.identify(site.off.name)
        visitor.give(site.off.password, code)
    visitor.open_panel()
    yield "panel-few-codes"
    visitor.follow("MANAGE")
    yield "manage"
    visitor.submit_code(site.wrong_code(secret), "DISABLE")
    expect(visitor.alert).to_be_visible()
    yield "manage-error"
    site.clock.move(901)
    visitor.open("/two-factor/manage")
    yield "step-up"
    visitor.box("Password").fill("not the password")
    visitor.submit("Confirm")
    expect(visitor.alert).to_be_visible()
    yield "step-up-error"
    visitor.box("Password").fill(site.off.password)
    visitor.submit("Confirm")
    visitor.submit_code(site.code(secret), "DISABLE")
    expect(visitor.status).to_have_text("MFA DISABLED")
    yield "panel-disabled"


def living_with_it(visitor: Visitor) -> Iterator[str]:
    """A spare authenticator, a trusted browser, and where the account is logged in (the plain host)."""
    site = visitor.site
    visitor.log_in(site.off)
    visitor.open_panel()
    visitor.follow("SETUP")
    first = visitor.page.locator("#tf-key").inner_text()
    visitor.submit_code(site.code(first), "Enable")
    visitor.keep_codes()
    visitor.follow("Authenticators")
    yield "authenticators-one"
    visitor.follow("Add an authenticator")
    yield "add-authenticator"
    visitor.box("Name").fill("Tablet in the harbour master’s office, second floor, by the window")
    visitor.submit_code(site.wrong_code(first), "Continue")
    expect(visitor.alert).to_be_visible()
    yield "add-authenticator-error"
    visitor.submit_code(site.next_code(first), "Continue")
    yield "new-authenticator"
    second = visitor.page.locator("#tf-key").inner_text()
    visitor.submit_code(site.wrong_code(second), "Add")
    expect(visitor.alert).to_be_visible()
    yield "new-authenticator-error"
    visitor.submit_code(site.code(second), "Add")
    expect(visitor.status).to_be_visible()
    yield "authenticators-two"
    visitor.page.get_by_role("link", name="Remove").first.click()
    yield "remove-authenticator"
    visitor.open_panel()
    yield "panel-several"
    visitor.page.context.clear_cookies()
    visitor.open("/two-factor/identify")
    visitor.identify(site.off.name)
    visitor.box("Do not ask for a code on this browser for 30 days").check()
    visitor.give(site.off.password, site.next_code(second))
    visitor.open("/two-factor/sessions")
    yield "sessions-trusted"
    visitor.submit("Forget Chrome on Linux")
    yield "sessions-forgotten"


def what_goes_wrong(visitor: Visitor) -> Iterator[str]:
    """A page that lost its cookies, and a text that is too long."""
    visitor.open("/two-factor/identify")
    visitor.page.context.clear_cookies()
    visitor.identify(visitor.site.on.name)
    yield "problem-400"
    visitor.open("/two-factor/identify")
    visitor.identify(visitor.site.on.name)
    visitor.give("x" * 17_000)
    yield "problem-413"
    visitor.follow("Start again")
    expect(visitor.box("User ID")).to_be_focused()


def mandatory_or_broken(visitor: Visitor) -> Iterator[str]:
    """Where the host says that the factor must be on, and where the store is down (the plain host)."""
    site = visitor.site
    assert site.host is not None
    visitor.log_in(site.off)
    site.mandatory.add(site.off.name)
    visitor.open("/me")
    yield "setup-required"
    visitor.submit_code(site.code(visitor.page.locator("#tf-key").inner_text()), "Enable")
    visitor.keep_codes()
    visitor.open_panel()
    yield "panel-required-on"
    visitor.follow("MANAGE")
    yield "manage-required"
    visitor.page.context.clear_cookies()
    visitor.open("/two-factor/identify")
    with broken_store(site.host, "factor"):
        visitor.identify(site.on.name)
        yield "problem-503"


def sending_too_late(visitor: Visitor) -> Iterator[str]:
    """What is posted when the last proof is too old: with the factor and without (the plain host)."""
    site = visitor.site
    for account, stop in ((site.on, "challenge-again"), (site.off, "step-up-again")):
        visitor.page.context.clear_cookies()
        visitor.log_in(account)
        site.clock.move(61)
        visitor.open("/keys")
        visitor.submit("Revoke")
        expect(visitor.status).to_contain_text("What you sent was not done.")
        yield stop


def the_console(visitor: Visitor) -> Iterator[str]:
    """The pages of the example console itself."""
    visitor.open("/legacy-login")
    yield "legacy-login"
    visitor.box("Email").fill("sam@harbor.test")
    visitor.box("Password").fill("not the password")
    visitor.submit("Log in")
    expect(visitor.alert).to_be_visible()
    yield "legacy-login-error"
    visitor.log_in(visitor.site.off)
    yield "dashboard"
    visitor.follow("Services")
    yield "services"
    visitor.box("Search by name, team, region or status").fill("no such service")
    visitor.submit("Search")
    yield "services-none"
    for service in ("booking-api", "crane-telemetry", "rates-engine", "tariff-import"):
        visitor.open(f"/services/{service}")
        yield f"service-{service}"
    visitor.open("/services/none")
    yield "not-found"
    visitor.open("/profile")
    visitor.box("Display name").fill("")
    visitor.submit("Save")
    expect(visitor.alert).to_be_visible()
    yield "profile-error"
    visitor.box("Display name").fill("Samantha Keller")
    visitor.submit("Save")
    expect(visitor.status).to_be_visible()
    yield "profile-saved"
    visitor.page.context.clear_cookies()
    visitor.submit("Save")
    yield "stale-form"


EVERYWHERE: tuple[Tour, ...] = (logging_in, owing_the_code, turning_it_on_and_off, what_goes_wrong)
OF_HARBOR: tuple[Tour, ...] = (*EVERYWHERE, the_console)
OF_PLAIN: tuple[Tour, ...] = (*EVERYWHERE, living_with_it, mandatory_or_broken, sending_too_late)
