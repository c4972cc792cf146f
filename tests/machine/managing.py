"""The rules of whoever is in: set up, take away, and all that hangs on the factor."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule
from werkzeug.test import TestResponse

from tests.machine.accounts import MOST, Account, Authenticator, steps_of
from tests.machine.base import (
    NAMES,
    SPARE_SECRET,
    Base,
    agree,
    browsers,
    codes,
    mostly,
    pauses,
)
from tests.machine.model import SETUP_SECONDS, Setup
from tests.support.host import secret_on


class Managing(Base):
    """The pages of settings, and the host's page with the panel."""

    @rule(browser=browsers, right=mostly)
    def confirm_password(self, browser: str, right: bool) -> None:
        who, account = self.behind(browser)
        name = account.name if account else NAMES[0]
        answer = self.post(browser, "password", password=f"{name}-password" if right else "wrong")
        moved = answer.status_code == 302 and "/two-factor/settings" in str(answer.location)
        agree(not moved or (account is not None and right), "a wrong or nobody's password was taken")
        if account is None or not right:
            for one in self.model.accounts.values():
                one.failures.append(self.now)
            return
        agree(moved or None in who or not account.patient(self.now), f"the password of {name} was refused")
        if moved:
            old = self.jars[browser].login
            known = old if old and old.complete else None
            # Whether the password alone renews the absolute limit, the contract leaves open.
            born, life, rescued = (known.born, known.life, known.rescued) if known else (self.now, None, False)
            self.begun(browser, account, born=born, life=life, rescued=rescued)

    # Set up

    def may_set_up(self, browser: str, account: Account | None) -> bool:
        login = self.jars[browser].login
        return account is not None and (not account.enrolled or (login is not None and login.rescued))

    @rule(browser=browsers)
    def open_setup(self, browser: str) -> None:
        who, account = self.behind(browser)
        page = self.get(browser, "setup")
        shown, may = page.status_code == 200, self.may_set_up(browser, account)
        agree(may or not shown, "a key was shown to whom it must not be")
        agree(shown or not may or not self.is_sure(browser, who), f"no key was shown: {page.status} {page.location}")
        if shown:
            self.note_secret(browser, page)

    def note_secret(self, browser: str, page: TestResponse) -> None:
        secret, known, login = secret_on(page), self.setups[browser], self.jars[browser].login
        if known is None or known.secret != secret:
            self.setups[browser] = Setup(secret, login.number if login else 0, self.now)

    @rule(browser=browsers, kind=codes)
    def enable(self, browser: str, kind: str) -> None:
        who, account = self.behind(browser)
        setup, may_set_up = self.setups[browser], self.may_set_up(browser, account)
        shown = setup or Setup(SPARE_SECRET, 0, 0)
        subject = account or self.model.accounts[NAMES[0]]
        code = self.code_of(subject, kind, shown.secret)
        answer = self.post(browser, "setup", code=code)
        enabled = answer.status_code == 302 and str(answer.location).startswith("/two-factor/recovery-codes")
        login = self.jars[browser].login
        steps = steps_of(shown.secret, code, self.now)
        may = may_set_up and setup is not None and self.now - setup.at <= SETUP_SECONDS and bool(steps)
        same = login is not None and shown.login == login.number
        must = may and same and self.is_sure(browser, who) and self.now >= shown.at
        agree(may or not enabled, f"{subject.name} was enrolled by {code!r}")
        if account is None or not may_set_up:
            return
        agree(enabled or not (must and account.patient(self.now)), f"{subject.name} was not enrolled by {code!r}")
        if enabled:
            account.enrol(shown.secret, steps[0])
            self.spent[account.name] = code
            self.changed(browser, account, account.life)
            self.read_sheet(browser, account)
        else:
            account.failures.append(self.now)
            if answer.status_code == 200:
                self.note_secret(browser, answer)

    # What needs a code

    @rule(browser=browsers, kind=codes)
    def disable(self, browser: str, kind: str) -> None:
        who, account = self.inside(browser)
        subject = account or self.model.accounts[NAMES[0]]
        was, code = subject.enrolled, self.code_of(subject, kind)
        self.post(browser, "manage", code=code)
        disabled = was and not self.authenticators(subject.name)
        free = account is not None and not account.required
        if was:
            self.judged(subject, code, disabled, may=free, must=free and self.is_sure(browser, who))
        if disabled:
            subject.take_factor()
            self.changed(browser, subject, None)

    @rule(browser=browsers, kind=codes)
    def make_new_recovery_codes(self, browser: str, kind: str) -> None:
        who, account = self.inside(browser)
        subject = account or self.model.accounts[NAMES[0]]
        was, code = subject.enrolled, self.code_of(subject, kind)
        answer = self.post(browser, "recovery", code=code)
        made = answer.status_code == 302 and str(answer.location).startswith("/two-factor/recovery-codes")
        agree(was or not made, f"{subject.name} got recovery codes without a factor")
        if was:
            sure = account is not None and self.is_sure(browser, who)
            self.judged(subject, code, made, may=account is not None, must=sure, takes=("code",))
        if made:
            subject.end_sessions()
            self.changed(browser, subject, subject.life)
            self.read_sheet(browser, subject)

    @rule(browser=browsers, kind=codes, second=codes, pause=pauses)
    def add_an_authenticator(self, browser: str, kind: str, second: str, pause: int = 0) -> None:
        who, account = self.inside(browser)
        subject = account or self.model.accounts[NAMES[0]]
        was, code = subject.enrolled, self.code_of(subject, kind)
        answer = self.post(browser, "authenticators/add", name="The other one", code=code)
        begun = str(answer.location).endswith("/authenticators/new")
        agree(was or not begun, f"{subject.name} has no factor to add to")
        if was:
            room = account is not None and len(account.authenticators) < MOST
            self.judged(subject, code, begun, may=room, must=room and self.is_sure(browser, who))
        if begun:
            secret = secret_on(self.get(browser, "authenticators/new"))
            self.move_the_clock(pause)
            self._confirm_authenticator(browser, subject, secret, second, pause)

    def _confirm_authenticator(self, browser: str, account: Account, secret: str, kind: str, pause: int) -> None:
        who, present = self.inside(browser)
        code = self.code_of(account, kind, secret)
        self.post(browser, "authenticators/new", code=code)
        added, steps = secret in self.authenticators(account.name), steps_of(secret, code, self.now)
        may = present is account and bool(steps) and pause <= SETUP_SECONDS
        agree(may or not added, f"an authenticator was added to {account.name} by {code!r}")
        must = may and self.is_sure(browser, who) and account.patient(self.now)
        agree(added or not must, f"no authenticator was added to {account.name} by {code!r}")
        if added:
            account.authenticators.append(Authenticator(secret, steps[0]))
        else:
            account.failures.append(self.now)

    @rule(browser=browsers, place=st.sampled_from([0, -1]), own=mostly, kind=codes)
    def remove_an_authenticator(self, browser: str, place: int, own: bool, kind: str) -> None:
        who, account = self.inside(browser)
        subject = account or self.model.accounts[NAMES[0]]
        owner = subject if own else self.other(subject)
        before, code = self.authenticators(owner.name), self.code_of(subject, kind)
        if not owner.enrolled:
            return
        gone = owner.authenticators[place]
        self.post(browser, "authenticators/remove", authenticator=before[gone.secret].id, code=code)
        removed = len(self.authenticators(owner.name)) < len(before)
        may = own and account is not None and len(owner.authenticators) > 1
        self.judged(subject, code, removed, may=may, must=may and self.is_sure(browser, who))
        if removed:
            subject.remove(gone)
            self.changed(browser, subject, subject.life)

    # What needs none

    @rule(browser=browsers)
    def sign_out_everywhere_else(self, browser: str) -> None:
        who, account = self.inside(browser)
        answer = self.post(browser, "sessions")
        done = answer.status_code == 302 and str(answer.location) == "/two-factor/settings"
        agree(account is not None or not done, "sessions were ended by nobody")
        agree(done or account is None or not self.is_sure(browser, who), f"not signed out elsewhere: {answer.location}")
        if done and account is not None:
            old = self.jars[browser].login
            known = old if old and old.complete else None
            account.end_sessions()
            self.changed(browser, account, known.life if known else None, born=known.born if known else self.now)

    @rule(browser=browsers, which=st.sampled_from(["all", "own", "other's"]))
    def forget_a_browser(self, browser: str, which: str) -> None:
        who, account = self.inside(browser)
        subject = account or self.model.accounts[NAMES[0]]
        known = [*(self.other(subject) if which == "other's" else subject).trusted]
        chosen = {} if which == "all" or not known else {"browser": known[0]}
        answer = self.post(browser, "browsers/forget", **chosen)
        done = str(answer.location) == "/two-factor/sessions"
        agree(account is not None or not done, "a browser was forgotten by nobody")
        agree(done or account is None or not self.is_sure(browser, who), f"not forgotten: {answer.location}")
        if done and not chosen:
            subject.trusted.clear()
        elif done:
            subject.trusted.pop(chosen["browser"], None)

    @rule(browser=browsers)
    def look_at_the_panel(self, browser: str) -> None:
        who, account = self.inside(browser)
        page = self.person(browser).get("/profile")
        self.visit(browser)
        shown = {word for word in ("setup", "manage") if f'"/two-factor/{word}"' in page.text}
        expected = set() if account is None else {"manage" if account.enrolled else "setup"}
        agree(shown == expected or (None in who and not shown), f"the panel offers {shown}")
