"""The rules of the ways in and out: our pages, the host's own, cookies that come back, copies of them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.machine.accounts import ANY_AT_LOG_IN, DAY, Account
from tests.machine.base import BROWSERS, NAMES, Base, Snapshot, agree, browsers, codes, copies, mostly, names, pauses
from tests.machine.model import PENDING_SECONDS, Jar
from tests.support.watching import asks_code


class Entering(Base):
    """Log in, answer for a session that owes the code, log out, and put cookies back."""

    @rule(browser=browsers, name=names)
    def identify(self, browser: str, name: str) -> None:
        answer = self.post(browser, "identify", identifier=name)
        agree(answer.status_code == 302, f"{name} could not be typed: {answer.status}")
        asked = asks_code(self.person(browser).get(str(answer.location)))
        account = self.model.accounts[name]
        trusts = account.skips(self.held(browser), self.now)
        expected = {account.enrolled and not trusts, account.enrolled and not any(trust.sure for trust in trusts)}
        agree(asked in expected, f"the page for {name} {'asks for a code' if asked else 'asks no code'}")
        self.jars[browser] = replace(self.jars[browser], pending=(name, self.now))

    @rule(
        browser=browsers,
        claim=st.none() | names,
        right=mostly,
        kind=codes,
        remember=st.booleans(),
        trust=st.booleans(),
    )
    def credential(
        self, browser: str, claim: str | None, right: bool, kind: str, remember: bool, trust: bool = False
    ) -> None:
        pending, held = self.jars[browser].pending, self.held(browser)
        name = claim or (pending[0] if pending else NAMES[0])
        account = self.model.accounts[name]
        code, enrolled = self.code_of(account, kind), account.enrolled
        fields = {"password": f"{name}-password" if right else "wrong", "code": code}
        fields |= {box: "y" for box, ticked in {"remember": remember, "trust": trust}.items() if ticked}
        fields |= {"identifier": claim} if claim else {}
        answer = self.post(browser, "credential", **fields)
        entered = answer.status_code == 302 and not str(answer.location).startswith("/two-factor/identify")
        ready = pending is not None and self.now - pending[1] <= PENDING_SECONDS
        proof = None
        if ready:
            account.found_copies(held, self.now, surely=account.patient(self.now))
        if enrolled and not code:
            self.skipped(browser, account, held, entered, may=ready and right, must=ready and right)
        else:
            proof = self.judged(account, code, entered, may=ready and right, takes=ANY_AT_LOG_IN)
            wanted = trust and proof == "code"
            self.trusts(browser, account, held, may=wanted, must=wanted)
        if not entered:
            return
        self.begun(browser, account, life=account.life if enrolled else None, rescued=proof == "rescue")
        self.jars[browser] = replace(self.jars[browser], pending=None)
        if remember:
            self.jars[browser] = replace(self.jars[browser], remembered=self.cookie_of(account))

    @rule(target=copies, browser=browsers, name=names, kind=codes, remember=st.booleans(), trust=mostly, pause=pauses)
    def log_in(
        self, browser: str, name: str, kind: str, remember: bool = False, trust: bool = False, pause: int = 0
    ) -> Snapshot:
        self.identify(browser, name)
        self.move_the_clock(pause)
        self.credential(browser, None, True, kind, remember, trust)
        return self.copy(browser)

    @rule(target=copies, browser=browsers, name=names, remember=st.booleans())
    def host_logs_in(self, browser: str, name: str, remember: bool) -> Snapshot:
        """The host's own older view, which only calls ``login_user``."""
        account = self.model.accounts[name]
        said = self.person(browser).legacy(name, **({"remember": "y"} if remember else {}))
        free = not account.enrolled and not account.owes_setup(self.now)
        agree(said["authenticated"] is free, f"the host's log-in saw {said} for {name}")
        self.begun(browser, account, complete=False)
        pending = None if account.enrolled else self.jars[browser].pending
        cookie = self.cookie_of(account) if remember else self.jars[browser].remembered
        self.jars[browser] = replace(self.jars[browser], pending=pending, remembered=cookie)
        return self.copy(browser)

    @rule(browser=browsers, kind=codes, trust=st.booleans())
    def challenge(self, browser: str, kind: str, trust: bool = False) -> None:
        self.visit(browser)
        before, held = self.jars[browser], self.held(browser)
        owner = before.login or before.remembered
        account = self.model.accounts[owner.account if owner else NAMES[0]]
        code, enrolled, mark = self.code_of(account, kind), account.enrolled, self.mark(browser)
        answer = self.post(browser, "challenge", code=code, **({"trust": "y"} if trust else {}))
        passed = answer.status_code == 302 and self.mark(browser) != mark
        may, must = self.model.may_answer(before, self.now), self.model.must_answer(before, self.now)
        may_owe, must_owe = self.model.may_owe(before), self.model.must_owe(before, self.now)
        proof = account.proof(code, self.now, ANY_AT_LOG_IN)
        if proof is not None and proof.kind == "rescue":
            may, must = may_owe, must_owe
        kind_of = self.judged(account, code, passed, may=may and enrolled, must=must and enrolled, takes=ANY_AT_LOG_IN)
        wanted = trust and kind_of == "code"
        self.trusts(browser, account, held, may=wanted and may_owe, must=wanted and must_owe)
        if passed:
            self.answered(browser, account, rescued=kind_of == "rescue")

    @rule(browser=browsers)
    def let_the_trust_answer(self, browser: str) -> None:
        """Look at the page that asks for the code: a browser that is trusted is led on."""
        self.visit(browser)
        before, held, mark = self.jars[browser], self.held(browser), self.mark(browser)
        owner = before.login or before.remembered
        account = self.model.accounts[owner.account if owner else NAMES[0]]
        answer = self.get(browser, "challenge")
        passed = answer.status_code == 302 and self.mark(browser) != mark
        may, must = self.model.may_owe(before), self.model.must_owe(before, self.now)
        if may:
            account.found_copies(held, self.now, surely=must)
        self.skipped(browser, account, held, passed, may=may and account.enrolled, must=must and account.enrolled)
        if passed:
            self.answered(browser, account)

    def answered(self, browser: str, account: Account, rescued: bool = False) -> None:
        """A session that owed the code, or was asked for it again, goes on with a new mark."""
        kept = self.jars[browser].login
        password_at = kept.password_at if kept else 0
        born = kept.born if kept and kept.complete else self.now
        self.begun(browser, account, born=born, password_at=password_at, life=account.life, rescued=rescued)

    @rule(target=copies, browser=browsers, name=names, remember=st.booleans(), kind=st.sampled_from(["fresh", "trust"]))
    def host_logs_in_and_the_code_follows(self, browser: str, name: str, remember: bool, kind: str) -> Snapshot:
        self.host_logs_in(browser, name, remember)
        if kind == "trust":
            self.let_the_trust_answer(browser)
        else:
            self.challenge(browser, kind, True)
        return self.copy(browser)

    @rule(browser=browsers)
    def log_out(self, browser: str) -> None:
        answer = self.person(browser).get("/logout")
        agree(answer.status_code == 200, f"log-out answered {answer.status}")
        self.model.end(self.jars[browser].login)
        self.model.end(self.jars[browser].remembered)
        self.jars[browser] = Jar()

    @rule(browser=browsers)
    def log_out_and_put_the_cookies_back(self, browser: str) -> None:
        taken = self.copy(browser)
        self.log_out(browser)
        self.replay(browser, taken)

    # Trusted browsers

    @rule(
        browser=browsers, name=names, days=st.sampled_from([1, 1, 40]), kind=st.sampled_from(["none", "none", "wrong"])
    )
    def come_back_to_a_trusted_browser(self, browser: str, name: str, days: int, kind: str) -> None:
        self.log_in(browser, name, "fresh", trust=True)
        self.move_the_clock(days * DAY + 1)
        self.log_in(browser, name, kind)

    @rule(browser=browsers, name=names, first=st.sampled_from(["copy", "owner"]))
    def copy_the_trust_in_a_browser(self, browser: str, name: str, first: str) -> None:
        """Two use it, one after the other: the second is asked for a code, and so is the first from then on."""
        self.log_in(browser, name, "fresh", trust=True)
        [thief] = set(BROWSERS) - {browser}
        self.steal(browser)
        for one in (thief, browser, thief) if first == "copy" else (browser, thief, browser):
            self.log_in(one, name, "none")

    # Copied jars

    @rule(target=copies, browser=browsers)
    def copy_jar(self, browser: str) -> Snapshot:
        return self.copy(browser)

    @rule(browser=browsers, taken=copies)
    def replay(self, browser: str, taken: Snapshot) -> None:
        self.people[browser].use_cookies(taken[0])
        self.jars[browser] = taken[1]

    @rule(browser=browsers)
    def steal(self, browser: str) -> None:
        """The other browser gets the cookies that this one has now."""
        [other] = set(BROWSERS) - {browser}
        self.replay(other, self.copy(browser))

    @rule(browser=browsers, taken=copies, session=st.booleans())
    def replay_a_part(self, browser: str, taken: Snapshot, session: bool) -> None:
        """The session alone, or all but the session, as after the browser was closed."""
        cookies, jar = taken
        self.people[browser].use_cookies({key: text for key, text in cookies.items() if (key == "session") is session})
        self.jars[browser] = replace(jar, remembered=None) if session else Jar(remembered=jar.remembered)
