"""The machine: two people's accounts, two browsers, every way in and out, in any order, beside the model."""

from __future__ import annotations

from flask import Flask
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from tests.machine.accounts import GRACE_SECONDS, STEP, Account
from tests.machine.base import BROWSERS, NAMES, Snapshot, agree, browsers, codes, copies, names, pauses
from tests.machine.entering import Entering
from tests.machine.managing import Managing
from tests.machine.operating import Operating
from tests.support.watching import state_of


class Machine(Entering, Managing, Operating):
    """All rules, some in a row that chance seldom finds, and what holds after each of them."""

    @initialize(enrolled=st.sets(names), entered=st.lists(names, max_size=2))
    def begin(self, enrolled: set[str], entered: list[str]) -> None:
        """Somebody has the factor already, and somebody is logged in."""
        for name in sorted(enrolled):
            self.enroll(name)
        for browser, name in zip(BROWSERS, entered, strict=False):
            self.identify(browser, name)
            self.credential(browser, None, True, "fresh", False)

    def enter(self, browser: str, name: str, remember: bool = False) -> None:
        """Log in where somebody else is in."""
        if name not in self.model.who(self.jars[browser], self.now):
            self.log_in(browser, name, "fresh", remember)

    @rule(target=copies, browser=browsers, name=names, kind=codes, pause=pauses)
    def set_up(self, browser: str, name: str, kind: str, pause: int) -> Snapshot:
        self.enter(browser, name)
        self.open_setup(browser)
        self.move_the_clock(pause)
        self.enable(browser, kind)
        return self.copy(browser)

    @rule(target=copies, browser=browsers, name=names, kind=codes)
    def take_away(self, browser: str, name: str, kind: str) -> Snapshot:
        if name not in self.model.who(self.jars[browser], self.now):
            self.enter(browser, name, remember=True)
            self.move_the_clock(STEP)
        self.disable(browser, kind)
        return self.copy(browser)

    @rule(browser=browsers, name=names, kind=st.sampled_from(["fresh", "removed", "spent", "spare"]))
    def lose_an_authenticator(self, browser: str, name: str, kind: str) -> None:
        """A second one is added, the first is removed, and a code of one of them is tried."""
        self.enroll(name, True)
        self.enter(browser, name)
        self.move_the_clock(STEP)
        self.confirm_password(browser, True)
        self.add_an_authenticator(browser, "fresh", "fresh")
        self.move_the_clock(STEP)
        self.remove_an_authenticator(browser, 0, True, "spare")
        self.move_the_clock(STEP)
        self.log_in(browser, name, kind)

    @rule(browser=browsers, name=names, pause=pauses, finish=st.booleans())
    def come_back_with_a_rescue_code(self, browser: str, name: str, pause: int, finish: bool) -> None:
        """What was lost goes with the new set-up, and not before."""
        self.issue_a_rescue_code(name)
        self.log_in(browser, name, "rescue")
        if finish:
            self.open_setup(browser)
            self.move_the_clock(pause)
            self.enable(browser, "fresh")

    @rule(browser=browsers, name=names, how=st.sampled_from(["disable", "codes", "add", "verify", "again"]))
    def misuse_a_rescue_code(self, browser: str, name: str, how: str) -> None:
        """It is good for a log-in and for nothing else, and not a second time."""
        self.enter(browser, name)
        self.issue_a_rescue_code(name)
        if how == "disable":
            self.disable(browser, "rescue")
        elif how == "codes":
            self.make_new_recovery_codes(browser, "rescue")
        elif how == "add":
            self.add_an_authenticator(browser, "rescue", "fresh")
        elif how == "verify":
            self.verify(name, "rescue")
        else:
            self.log_in(browser, name, "rescue")
            self.log_in(browser, name, "dead")

    @rule(browser=browsers, name=names, how=st.sampled_from(["reset", "end", "new codes", "recovery", "forget"]))
    def lose_the_trust_in_a_browser(self, browser: str, name: str, how: str) -> None:
        """Whatever changed, a browser that was trusted before is asked for a code after it."""
        self.log_in(browser, name, "fresh", trust=True)
        self.move_the_clock(STEP)
        if how == "reset":
            self.reset(name)
            self.enroll(name, False)
        elif how == "end":
            self.end(name, False)
        elif how == "new codes":
            self.make_new_recovery_codes(browser, "fresh")
        elif how == "recovery":
            self.verify(name, "recovery")
        else:
            self.forget_a_browser(browser, "own")
        self.log_in(browser, name, "none")

    @rule(browser=browsers, name=names)
    def meddle_with_anothers_trust(self, browser: str, name: str) -> None:
        """Somebody names the trusted browser of another account, and comes with its cookies."""
        [owner] = set(BROWSERS) - {browser}
        self.log_in(owner, next(one for one in NAMES if one != name), "fresh", trust=True)
        self.enter(browser, name)
        self.forget_a_browser(browser, "other's")
        self.steal(owner)
        self.log_in(browser, name, "none")

    @rule(browser=browsers, name=names)
    def run_out_of_grace(self, browser: str, name: str) -> None:
        """Somebody who has to have the factor, and was in when the grace began, sets it up when it is over."""
        self.require(name, True)
        self.enter(browser, name)
        self.look_at_who_is_in()
        self.move_the_clock(GRACE_SECONDS + 1)
        self.look_at_who_is_in()
        self.set_up(browser, name, "fresh", 0)

    # What holds after each of them

    @invariant()
    def nobody_is_in_without_every_factor(self) -> None:
        Machine.steps += 1
        self.look_at_who_is_in()

    def look_at_who_is_in(self) -> None:
        for account in self.model.accounts.values():
            account.seen(self.now)
        for browser in BROWSERS:
            who = self.model.who(self.jars[browser], self.now)
            person = self.person(browser)
            seen = person.me
            agree(seen in who, f"the {browser} is {seen}, and may be {who}: {self.jars[browser]}")
            self.visit(browser)
            opened = person.get("/open").text
            agree(opened == str(seen is not None), f"the {browser} is {seen} on one page and {opened} on another")
        self.look_at_the_tokens()

    def look_at_the_tokens(self) -> None:
        """A ``request_loader`` lets nobody in who has a factor, or has to have one."""
        app: Flask = self.host.app
        for name, account in self.model.accounts.items():
            token, free = {"X-Token": name}, not account.enrolled and not account.owes_setup(self.now)
            said = app.test_client().get("/open", headers=token).text
            agree(said == str(free), f"the token of {name} gives {said}")
            browser = BROWSERS[self.requests % 2]  # the two take turns
            who = self.model.who(self.jars[browser], self.now)
            answer = self.person(browser).get("/me", headers=token)
            seen = answer.text if answer.status_code == 200 else None
            self.visit(browser)
            agree(seen in who | ({name} if free else set()), f"the {browser} is {seen} with the token of {name}")

    @invariant()
    def an_account_changes_by_its_own_events_alone(self) -> None:
        self.look_at_the_rows()

    def look_at_the_rows(self) -> None:
        """The authenticators, codes, trusted browsers and epochs in the store follow the model's."""
        store = state_of(self.host).store
        for name, account in self.model.accounts.items():
            subject = str(self.host.users[name].id)
            found = {secret: one.last_step for secret, one in self.authenticators(name).items()}
            expected = {one.secret: one.last_step for one in account.authenticators}
            agree(found == expected, f"{name} has {len(found)} authenticators, last used at {[*found.values()]}")
            left = store.recovery(subject).left
            agree(left == len(account.codes), f"{name} has {left} recovery codes, and should {len(account.codes)}")
            self.look_at_the_browsers(account, {one.id for one in store.trusted(subject)})
            standing = store.standing(subject, "")
            agree(standing.required == account.required, f"the rule for {name} is {standing.required}")
            life, number, known, known_epoch = self.kept.get(name, (0, 0, None, 0))
            if account.enrolled and known is not None:
                agree((standing.factor == known) is (life == account.life), f"the factor of {name} is another")
            agree((standing.epoch == known_epoch) is (number == account.epoch), f"the epoch of {name} is another")
            self.kept[name] = (account.life, account.epoch, standing.factor or known, standing.epoch)

    def look_at_the_browsers(self, account: Account, found: set[str]) -> None:
        """Trusted are those that the model knows, and perhaps those of which a copy may have been seen."""
        sure = {key for key, trust in account.trusted.items() if trust.sure}
        agree(sure <= found <= {*account.trusted}, f"{len(found)} browsers are trusted for {account.name}")
        account.trusted = {key: trust for key, trust in account.trusted.items() if key in found}
