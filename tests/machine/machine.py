"""The machine: two people's accounts, two browsers, every way in and out, in any order, beside the model."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Flask
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from werkzeug.test import TestResponse

from flask_twofactor.core.totp import new_secret
from flask_twofactor.errors import TwoFactorError
from flask_twofactor.testing.ground import enrolment_of
from tests.machine.model import (
    DAY,
    PASSWORD_SECONDS,
    PENDING_SECONDS,
    SETUP_SECONDS,
    STEP,
    Account,
    Jar,
    Login,
    Model,
    Remembered,
    Setup,
    code_at,
    steps_of,
)
from tests.support.host import Clock, Host, Person, csrf_token, make_host, secret_on
from tests.support.watching import asks_code, state_of

NAMES = ("alice", "bob")
BROWSERS = ("laptop", "phone")
OFFSETS = {"right": 0, "old": -1, "too old": -2, "next": 1, "too new": 2}
CODES = (*["fresh"] * 6, *OFFSETS, "wrong", "other's", "spent", "none")
"""Kinds of codes: ``fresh`` is the first one that is not spent, mostly the right one now."""
MOVES = (STEP, STEP, 2 * STEP, -STEP, 601, 601, 901, 40000, DAY + 1, 32 * DAY)

Break = Callable[[Host], AbstractContextManager[Any]]
Snapshot = tuple[dict[str, str], Jar]

names = st.sampled_from(NAMES)
pauses = st.sampled_from([0, 0, 601])
browsers = st.sampled_from(BROWSERS)
codes = st.sampled_from(CODES)
mostly = st.sampled_from([True, True, True, False])


def agree(condition: bool, said: str) -> None:
    """The one way in which this machine fails."""
    assert condition, f"the model disagrees: {said}"


class Machine(RuleBasedStateMachine):
    """A console with two accounts, nobody enrolled, and two browsers with empty jars."""

    config: dict[str, Any] = {}  # noqa: RUF012  # a subclass gives its own
    break_product: Break | None = None
    steps = 0

    copies: Bundle[Snapshot] = Bundle("copies")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="flask_twofactor_machine_"))
        self.host = make_host(self.folder, Clock(), **self.config)
        self.model = Model(NAMES)
        self.people = {name: self.host.person() for name in BROWSERS}
        self.jars = dict.fromkeys(BROWSERS, Jar())
        self.setups: dict[str, Setup | None] = dict.fromkeys(BROWSERS)
        self.spent: dict[str, str] = {}
        self.kept: dict[str, tuple[int, int, Any, int]] = {}
        self.requests = 0
        self.undo = contextlib.ExitStack()
        self.look_at_the_rows()
        if (broken := type(self).break_product) is not None:
            self.undo.enter_context(broken(self.host))

    def teardown(self) -> None:
        self.undo.close()
        shutil.rmtree(self.folder)

    @initialize(enrolled=st.sets(names), entered=st.lists(names, max_size=2))
    def begin(self, enrolled: set[str], entered: list[str]) -> None:
        """Somebody has the factor already, and somebody is logged in."""
        for name in sorted(enrolled):
            self.enroll(name)
        for browser, name in zip(BROWSERS, entered, strict=False):
            self.identify(browser, name)
            self.credential(browser, None, True, "fresh", False)

    # Small words

    @property
    def now(self) -> float:
        return self.host.clock.at

    def in_context(self, call: Callable[..., Any], *arguments: Any) -> Any:
        with self.host.app.app_context():
            return call(*arguments)

    def person(self, browser: str) -> Person:
        """The person at a browser; each time from a new address, so that the limits by source stay silent."""
        self.requests += 1
        person = self.people[browser]
        person.environ = {"REMOTE_ADDR": f"10.{self.requests >> 16}.{self.requests >> 8 & 255}.{self.requests & 255}"}
        return person

    def post(self, browser: str, page: str, **fields: str) -> TestResponse:
        person = self.person(browser)
        token = csrf_token(person.get("/two-factor/identify?switch=1"))
        self.visit(browser)
        data = {"csrf_token": token, **fields}
        return person.client.post(f"/two-factor/{page}", data=data, environ_overrides=person.environ)

    def visit(self, browser: str) -> None:
        self.jars[browser] = self.model.visited(self.jars[browser], self.now)

    def inside(self, browser: str) -> tuple[set[str | None], Account | None]:
        """Who the model lets this browser be, and the account where it may be one."""
        who = self.model.who(self.jars[browser], self.now)
        name = next((name for name in who if name is not None), None)
        return who, None if name is None else self.model.accounts[name]

    def code_of(self, account: Account, kind: str, secret: str | None = None) -> str:
        """Make a code of the account's key (or of ``secret``, one that is being set up)."""
        here = int(self.now) // STEP
        key = account.secret if secret is None else secret
        if kind == "spent" and account.name in self.spent:
            return self.spent[account.name]
        if kind == "other's":
            other = next(one for one in self.model.accounts.values() if one is not account)
            return code_at(other.secret, here) if other.secret else "123456"
        if kind == "none":
            return ""
        if kind == "fresh" and key:
            return code_at(key, here if secret else min(max(here, account.last_step + 1), here + 1))
        if kind in OFFSETS and key:
            return code_at(key, here + OFFSETS[kind])
        near = {code_at(key, here + steps) for steps in range(-3, 4)} if key else set()
        return next(code for code in ("000000", "111111", "222222", "333333") if code not in near)

    def judged(self, account: Account, code: str, accepted: bool, *, may: bool = True, must: bool = True) -> None:
        """Compare whether a code was accepted with what may be and, where nothing failed too often, must be."""
        model = self.model
        if account.enrolled:
            may = may and model.may_spend(account, code, self.now)
            must = must and model.must_spend(account, code, self.now)
        agree(may or not accepted, f"{account.name} was let through with {code!r}")
        agree(accepted or not (may and must and account.patient(self.now)), f"{account.name} was refused with {code!r}")
        if accepted and account.enrolled:
            model.spend(account, code, self.now)
            self.spent[account.name] = code
        if not accepted:
            account.failures.append(self.now)

    def begun(self, browser: str, account: Account, **values: Any) -> None:
        """A browser holds a log-in anew; a complete one that it held before has ended."""
        jar = self.jars[browser]
        if jar.login is not None and jar.login.complete:
            self.model.end(jar.login)
        login = Login(
            self.model.number(),
            account.name,
            account.epoch,
            **{"complete": True, "born": self.now, "proven": self.now, "password_at": self.now, **values},
        )
        self.jars[browser] = replace(jar, login=login)

    # Log in

    @rule(browser=browsers, name=names)
    def identify(self, browser: str, name: str) -> None:
        answer = self.post(browser, "identify", identifier=name)
        agree(answer.status_code == 302, f"{name} could not be typed: {answer.status}")
        page = self.person(browser).get(str(answer.location))
        asked = self.model.accounts[name].enrolled
        agree(asks_code(page) is asked, f"the page for {name} {'asks no code' if asked else 'asks for a code'}")
        self.jars[browser] = replace(self.jars[browser], pending=(name, self.now))

    @rule(browser=browsers, claim=st.none() | names, right=mostly, kind=codes, remember=st.booleans())
    def credential(self, browser: str, claim: str | None, right: bool, kind: str, remember: bool) -> None:
        pending = self.jars[browser].pending
        name = claim or (pending[0] if pending else NAMES[0])
        account = self.model.accounts[name]
        code = self.code_of(account, kind)
        fields = {"password": f"{name}-password" if right else "wrong", "code": code}
        fields |= {"remember": "y"} if remember else {}
        fields |= {"identifier": claim} if claim else {}
        answer = self.post(browser, "credential", **fields)
        entered = answer.status_code == 302 and not str(answer.location).startswith("/two-factor/identify")
        ready = pending is not None and self.now - pending[1] <= PENDING_SECONDS
        self.judged(account, code, entered, may=ready and right)
        if not entered:
            return
        life = account.life if account.enrolled else None
        self.begun(browser, account, life=life)
        self.jars[browser] = replace(self.jars[browser], pending=None)
        if remember:
            self.jars[browser] = replace(self.jars[browser], remembered=self.cookie_of(account))

    def cookie_of(self, account: Account) -> Remembered:
        return Remembered(self.model.number(), account.name, account.epoch)

    @rule(target=copies, browser=browsers, name=names, kind=codes, remember=st.booleans(), pause=pauses)
    def log_in(self, browser: str, name: str, kind: str, remember: bool, pause: int) -> Snapshot:
        self.identify(browser, name)
        self.move_the_clock(pause)
        self.credential(browser, None, True, kind, remember)
        return self.copy(browser)

    @rule(target=copies, browser=browsers, name=names, remember=st.booleans())
    def host_logs_in(self, browser: str, name: str, remember: bool) -> Snapshot:
        """The host's own older view, which only calls ``login_user``."""
        account = self.model.accounts[name]
        said = self.person(browser).legacy(name, **({"remember": "y"} if remember else {}))
        agree(said["authenticated"] is not account.enrolled, f"the host's log-in saw {said} for {name}")
        self.begun(browser, account, complete=False)
        pending = None if account.enrolled else self.jars[browser].pending
        cookie = self.cookie_of(account) if remember else self.jars[browser].remembered
        self.jars[browser] = replace(self.jars[browser], pending=pending, remembered=cookie)
        return self.copy(browser)

    @rule(browser=browsers, kind=codes)
    def challenge(self, browser: str, kind: str) -> None:
        self.visit(browser)
        before = self.jars[browser]
        owner = before.login or before.remembered
        account = self.model.accounts[owner.account if owner else NAMES[0]]
        code = self.code_of(account, kind)
        with_factor = account.enrolled
        last = self.last_step_in_store(account)
        answer = self.post(browser, "challenge", code=code)
        passed = answer.status_code == 302 and self.last_step_in_store(account) != last
        may, must = self.model.may_answer(before, self.now), self.model.must_answer(before, self.now)
        self.judged(account, code, passed, may=may and with_factor, must=must and with_factor)
        if passed:
            kept = self.jars[browser].login
            password_at = kept.password_at if kept else 0
            born = kept.born if kept and kept.complete else self.now
            self.begun(browser, account, born=born, password_at=password_at, life=account.life)

    @rule(target=copies, browser=browsers, name=names, remember=st.booleans())
    def host_logs_in_and_the_code_follows(self, browser: str, name: str, remember: bool) -> Snapshot:
        self.host_logs_in(browser, name, remember)
        self.challenge(browser, "fresh")
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

    # Copied jars

    def copy(self, browser: str) -> Snapshot:
        return self.people[browser].cookies(), self.jars[browser]

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

    # Set up and manage

    @rule(browser=browsers, right=mostly)
    def confirm_password(self, browser: str, right: bool) -> None:
        who, account = self.inside(browser)
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
            born, life = (old.born, old.life) if old and old.complete else (self.now, None)
            # Whether the password alone renews the absolute limit, the contract leaves open.
            self.begun(browser, account, born=born, life=life)

    @rule(browser=browsers)
    def open_setup(self, browser: str) -> None:
        who, account = self.inside(browser)
        page = self.person(browser).get("/two-factor/setup")
        self.visit(browser)
        shown = page.status_code == 200
        agree(not shown or (account is not None and not account.enrolled), "a key was shown to whom it must not be")
        if account is not None and None not in who and not account.enrolled and self.password_is_fresh(browser):
            agree(shown, f"no key was shown to {account.name}: {page.status} {page.location}")
        if shown:
            self.note_secret(browser, page)

    def password_is_fresh(self, browser: str) -> bool:
        login = self.jars[browser].login
        return login is not None and self.now - login.password_at <= PASSWORD_SECONDS

    def note_secret(self, browser: str, page: TestResponse) -> None:
        secret, known, login = secret_on(page), self.setups[browser], self.jars[browser].login
        if known is None or known.secret != secret:
            self.setups[browser] = Setup(secret, login.number if login else 0, self.now)

    @rule(browser=browsers, kind=codes)
    def enable(self, browser: str, kind: str) -> None:
        who, account = self.inside(browser)
        setup = self.setups[browser]
        shown = setup or Setup(self.spare_secret(), 0, 0)
        subject = account or self.model.accounts[NAMES[0]]
        code = self.code_of(subject, kind, shown.secret)
        answer = self.post(browser, "setup", code=code)
        login = self.jars[browser].login
        enabled = account is not None and not account.enrolled and self.is_enabled(account.name)
        steps = steps_of(shown.secret, code, self.now)
        alive = setup is not None and self.now - setup.at <= SETUP_SECONDS
        may = alive and bool(steps)
        same = setup is not None and login is not None and setup.login == login.number
        must = may and same and None not in who and self.password_is_fresh(browser) and self.now >= shown.at
        agree(may or not enabled, f"{subject.name} was enrolled by {code!r}")
        if account is None or account.enrolled:
            return
        agree(enabled or not (must and account.patient(self.now)), f"{subject.name} was not enrolled by {code!r}")
        if enabled:
            account.enrol(shown.secret, steps[0])
            self.spent[account.name] = code
            self.changed(browser, account, account.life)
        else:
            account.failures.append(self.now)
            if answer.status_code == 200:
                self.note_secret(browser, answer)

    @rule(target=copies, browser=browsers, name=names, kind=codes, pause=pauses)
    def set_up(self, browser: str, name: str, kind: str, pause: int) -> Snapshot:
        """Set up and, where somebody else is in, log in before."""
        if name not in self.model.who(self.jars[browser], self.now):
            self.identify(browser, name)
            self.credential(browser, None, True, "fresh", False)
        self.open_setup(browser)
        self.move_the_clock(pause)
        self.enable(browser, kind)
        return self.copy(browser)

    def spare_secret(self) -> str:
        return "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

    def changed(self, browser: str, account: Account, life: int | None) -> None:
        """The factor of a browser's person came or went: this browser is logged in anew, and no other."""
        jar = self.jars[browser]
        password_at = jar.login.password_at if jar.login else 0
        self.begun(browser, account, life=life, password_at=password_at)
        self.setups[browser] = None
        if jar.remembered is not None and jar.remembered.account == account.name:
            self.jars[browser] = replace(self.jars[browser], remembered=self.cookie_of(account))

    @rule(browser=browsers, kind=codes)
    def disable(self, browser: str, kind: str) -> None:
        who, account = self.inside(browser)
        subject = account or self.model.accounts[NAMES[0]]
        was, code = subject.enrolled, self.code_of(subject, kind)
        self.post(browser, "manage", code=code)
        disabled = was and not self.is_enabled(subject.name)
        sure = account is not None and None not in who and self.password_is_fresh(browser)
        if was:
            self.judged(subject, code, disabled, may=account is not None, must=sure)
        if disabled:
            subject.take_factor()
            self.changed(browser, subject, None)

    @rule(target=copies, browser=browsers, name=names, kind=codes)
    def take_away(self, browser: str, name: str, kind: str) -> Snapshot:
        """Disable and, where somebody else is in, log in before."""
        if name not in self.model.who(self.jars[browser], self.now):
            self.identify(browser, name)
            self.credential(browser, None, True, "fresh", True)
            self.move_the_clock(STEP)
        self.disable(browser, kind)
        return self.copy(browser)

    @rule(browser=browsers)
    def look_at_the_panel(self, browser: str) -> None:
        who, account = self.inside(browser)
        page = self.person(browser).get("/profile")
        self.visit(browser)
        shown = {word for word in ("setup", "manage") if f'"/two-factor/{word}"' in page.text}
        expected = set() if account is None else {"manage" if account.enrolled else "setup"}
        agree(shown == expected or (None in who and not shown), f"the panel offers {shown}")

    # From Python

    @rule(name=names)
    def enroll(self, name: str) -> None:
        account, secret = self.model.accounts[name], new_secret()
        try:
            self.in_context(self.host.two_factor.enroll, self.host.users[name], secret)
        except TwoFactorError:
            agree(account.enrolled, f"{name} could not be enrolled")
        else:
            agree(not account.enrolled, f"{name} was enrolled twice")
            account.enrol(secret)

    @rule(name=names, kind=codes)
    def verify(self, name: str, kind: str) -> None:
        account = self.model.accounts[name]
        code = self.code_of(account, kind)
        accepted = self.in_context(self.host.two_factor.verify, self.host.users[name], code)
        self.judged(account, code, accepted, may=account.enrolled, must=account.enrolled)

    @rule(name=names)
    def reset(self, name: str) -> None:
        account = self.model.accounts[name]
        stood = self.in_context(self.host.two_factor.reset, self.host.users[name], "a test")
        agree(stood is account.enrolled, f"reset said {stood} for {name}")
        account.take_factor()

    @rule(name=names, for_good=st.booleans())
    def end(self, name: str, for_good: bool) -> None:
        account, user, two_factor = self.model.accounts[name], self.host.users[name], self.host.two_factor
        if for_good:
            self.in_context(two_factor.forget, str(user.id))
            account.take_factor()
        else:
            self.in_context(two_factor.end_sessions, user)
            account.epoch += 1

    @rule()
    def a_day_passes(self) -> None:
        self.move_the_clock(DAY + 1)

    @rule(seconds=st.sampled_from(MOVES))
    def move_the_clock(self, seconds: int) -> None:
        self.host.clock.move(seconds)

    # What holds after each of them

    @invariant()
    def nobody_is_in_without_every_factor(self) -> None:
        Machine.steps += 1
        for browser in BROWSERS:
            who = self.model.who(self.jars[browser], self.now)
            person = self.person(browser)
            seen = person.me
            agree(seen in who, f"the {browser} is {seen}, and may be {who}: {self.jars[browser]}")
            self.visit(browser)
            opened = person.get("/open").text
            agree(opened == str(seen is not None), f"the {browser} is {seen} on one page and {opened} on another")

    @invariant()
    def a_request_loader_lets_nobody_in_who_has_a_factor(self) -> None:
        app: Flask = self.host.app
        for name, account in self.model.accounts.items():
            token = {"X-Token": name}
            said = app.test_client().get("/open", headers=token).text
            agree(said == str(not account.enrolled), f"the token of {name} gives {said}")
            for browser in BROWSERS:
                who = self.model.who(self.jars[browser], self.now)
                answer = self.person(browser).get("/me", headers=token)
                seen = answer.text if answer.status_code == 200 else None
                self.visit(browser)
                known = who | ({name} if not account.enrolled else set())
                agree(seen in known, f"the {browser} is {seen} with the token of {name}")

    @invariant()
    def an_account_changes_by_its_own_events_alone(self) -> None:
        self.look_at_the_rows()

    def look_at_the_rows(self) -> None:
        """The enrolment, the last step and the epoch in the store follow the model's."""
        store = state_of(self.host).store
        for name, account in self.model.accounts.items():
            subject = str(self.host.users[name].id)
            enrolment, epoch = enrolment_of(store, subject), store.standing(subject, "").epoch
            agree(self.is_enabled(name) is account.enrolled, f"{name} is enrolled: {not account.enrolled}")
            agree((enrolment is not None) is account.enrolled, f"the enrolment of {name} is {enrolment}")
            if enrolment is not None:
                agree(enrolment.last_step == account.last_step, f"the last step of {name} is {enrolment.last_step}")
            life, number, known, known_epoch = self.kept.get(name, (0, 0, None, 0))
            identity = enrolment.id if enrolment is not None else None
            if account.enrolled and known is not None:
                agree((identity == known) is (life == account.life), f"the enrolment of {name} is another")
            agree((epoch == known_epoch) is (number == account.epoch), f"the epoch of {name} is {epoch}")
            self.kept[name] = (account.life, account.epoch, identity or known, epoch)

    def is_enabled(self, name: str) -> bool:
        return bool(self.in_context(self.host.two_factor.is_enabled, self.host.users[name]))

    def last_step_in_store(self, account: Account) -> int | None:
        enrolment = enrolment_of(state_of(self.host).store, str(self.host.users[account.name].id))
        return None if enrolment is None else enrolment.last_step
