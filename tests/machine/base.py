"""What the rules of the machine share: the console, two browsers, the model beside them, and how they are compared."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine
from werkzeug.test import TestResponse

from flask_twofactor.core.records import Enrolment
from flask_twofactor.web import session as browser_session
from tests.machine.accounts import ANY_CODE, DAY, GRACE_SECONDS, STEP, Account, Kind, Proof, Token, code_at
from tests.machine.model import PASSWORD_SECONDS, Jar, Login, Model, Remembered, Setup
from tests.support.host import Clock, Host, Person, csrf_token, make_host
from tests.support.watching import session_of, state_of

NAMES = ("alice", "bob")
BROWSERS = ("laptop", "phone")
OFFSETS = {"right": 0, "old": -1, "too old": -2, "next": 1, "too new": 2}
LETTERS = (*["recovery"] * 4, "dead", "other's recovery", "rescue")
CODES = (*["fresh"] * 8, *OFFSETS, "wrong", "other's", "spent", "none", "none", "spare", "removed", *LETTERS)
"""Kinds of codes: ``fresh`` is the first one that is not spent, mostly the right one now, ``spare`` the last
authenticator's; ``dead`` is a recovery or rescue code that was used or replaced."""
MOVES = (STEP, STEP, 2 * STEP, -STEP, 601, 601, 901, 40000, DAY + 1, 32 * DAY)
MADE_UP = "tfrc-0000-0000-0000-0000-0000-0000"
SPARE_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

Break = Callable[[Host], AbstractContextManager[Any]]
Snapshot = tuple[dict[str, str], Jar]

copies: Bundle[Snapshot] = Bundle("copies")
names = st.sampled_from(NAMES)
pauses = st.sampled_from([0, 0, 601])
browsers = st.sampled_from(BROWSERS)
codes = st.sampled_from(CODES)
mostly = st.sampled_from([True, True, True, False])


def agree(condition: bool, said: str) -> None:
    """The one way in which this machine fails."""
    assert condition, f"the model disagrees: {said}"


class Base(RuleBasedStateMachine):
    """A console with two accounts, nobody enrolled, and two browsers with empty jars."""

    config: dict[str, Any] = {  # noqa: RUF012  # a subclass gives its own
        "TWOFACTOR_TRUSTED_BROWSERS": True,
        "TWOFACTOR_GRACE_SECONDS": GRACE_SECONDS,
    }
    break_product: Break | None = None
    steps = 0

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

    def look_at_the_rows(self) -> None:
        """Compare the store with the model."""
        raise NotImplementedError

    # The console

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

    def post(self, browser: str, page: str, /, **fields: str) -> TestResponse:
        person = self.person(browser)
        token = csrf_token(person.get("/two-factor/identify?switch=1"))
        self.visit(browser)
        data = {"csrf_token": token, **fields}
        return person.client.post(f"/two-factor/{page}", data=data, environ_overrides=person.environ)

    def get(self, browser: str, page: str) -> TestResponse:
        answer = self.person(browser).get(f"/two-factor/{page}")
        self.visit(browser)
        return answer

    def visit(self, browser: str) -> None:
        self.jars[browser] = self.model.visited(self.jars[browser], self.now)

    def mark(self, browser: str) -> object:
        """What names the session: another one where something was accepted."""
        return session_of(self.people[browser]).get(browser_session.MARK_KEY)

    def held(self, browser: str) -> list[Token]:
        """What the browser holds to be asked for no code."""
        cookie = self.people[browser].cookies().get("twofactor_trusted")
        if cookie is None:
            return []
        with self.host.app.test_request_context(headers={"Cookie": f"twofactor_trusted={cookie}"}):
            return [Token(*one) for one in browser_session.trust(state_of(self.host))]

    def authenticators(self, name: str) -> dict[str, Enrolment]:
        """The rows of an account's authenticators, by their keys."""
        state = state_of(self.host)
        factor = state.store.factor(str(self.host.users[name].id))
        return {state.open_secret(one) or "": one for one in factor.authenticators} if factor else {}

    # The model

    def inside(self, browser: str) -> tuple[set[str | None], Account | None]:
        """Who the model lets this browser be, and the account where it may be one."""
        return self._known(self.model.who(self.jars[browser], self.now))

    def behind(self, browser: str) -> tuple[set[str | None], Account | None]:
        """Likewise on the pages of set-up."""
        return self._known(self.model.behind(self.jars[browser], self.now))

    def _known(self, who: set[str | None]) -> tuple[set[str | None], Account | None]:
        name = next((name for name in who if name is not None), None)
        return who, None if name is None else self.model.accounts[name]

    def is_sure(self, browser: str, who: set[str | None]) -> bool:
        """Whether the pages that change a factor must be open to whoever is in here."""
        login = self.jars[browser].login
        return None not in who and login is not None and self.now - login.password_at <= PASSWORD_SECONDS

    def other(self, account: Account) -> Account:
        return next(one for one in self.model.accounts.values() if one is not account)

    def code_of(self, account: Account, kind: str, secret: str = "") -> str:
        """Make a code of the account (or of ``secret``, a key that is being set up)."""
        if kind == "none" or (kind == "spent" and account.name in self.spent):
            return self.spent[account.name] if kind == "spent" else ""
        if kind in LETTERS:
            return self._letters_of(account, kind)
        here = int(self.now) // STEP
        holder = self.other(account) if kind == "other's" else account
        one = holder.authenticators[-1 if kind == "spare" else 0] if holder.enrolled else None
        key = secret if secret and holder is account else one.secret if one else ""
        if kind == "removed" and account.gone:
            key, kind = account.gone[-1], "right"
        if kind in ("fresh", "spare", "spent") and key:
            known = -1 if secret or one is None else one.last_step
            return code_at(key, min(max(here, known + 1), here + 1))
        if kind in (*OFFSETS, "other's") and key:
            return code_at(key, here + OFFSETS.get(kind, 0))
        near = {code_at(key, here + steps) for steps in range(-3, 4)} if key else set()
        return next(code for code in ("000000", "111111", "222222", "333333") if code not in near)

    def _letters_of(self, account: Account, kind: str) -> str:
        known = {
            "recovery": account.codes[:1],
            "dead": account.dead[-1:],
            "other's recovery": self.other(account).codes[:1],
            "rescue": [account.rescue[0]] if account.rescue else [],
        }
        return next(iter(known[kind]), MADE_UP)

    # Compared

    def judged(
        self,
        account: Account,
        code: str,
        accepted: bool,
        *,
        may: bool = True,
        must: bool = True,
        takes: Sequence[Kind] = ANY_CODE,
    ) -> Kind | None:
        """Compare whether a code was accepted with what may be and, where nothing failed too often, must be.

        Gives what it was accepted as; nothing of an account without the factor.
        """
        proof: Proof | None = None
        if account.enrolled:
            proof = account.proof(code, self.now, takes)
            may, must = may and proof is not None, must and proof is not None and proof.sure
        agree(may or not accepted, f"{account.name} was let through with {code!r}")
        agree(accepted or not (may and must and account.patient(self.now)), f"{account.name} was refused with {code!r}")
        if not accepted:
            account.failures.append(self.now)
            return None
        if proof is None:
            return None
        account.use(proof)
        self.spent[account.name] = code
        return proof.kind

    def skipped(
        self, browser: str, account: Account, held: list[Token], passed: bool, *, may: bool, must: bool
    ) -> None:
        """Compare whether a browser that held these came in without a code; it has a new value then."""
        trusts = account.skips(held, self.now)
        sure = must and any(trust.sure for trust in trusts)
        agree(not passed or (may and bool(trusts)), f"{account.name} was let through by {held}")
        agree(passed or not sure or not account.patient(self.now), f"{account.name} was asked for a code with {held}")
        if not passed:
            account.failures.append(self.now)
            return
        fresh = [*set(self.held(browser)) - set(held)]
        agree([one.id in account.trusted for one in fresh] == [True], f"the {browser} got {len(fresh)} new values")
        trust = account.trusted[fresh[0].id]
        trust.value, trust.used = fresh[0].value, self.now

    def trusts(self, browser: str, account: Account, held: list[Token], *, may: bool, must: bool) -> None:
        """Compare whether a browser that held these before is trusted anew."""
        added = [one for one in self.held(browser) if one not in held]
        agree(may or not added, f"the {browser} is trusted for {account.name}, which nobody asked for")
        agree(bool(added) or not must, f"the {browser} is not trusted for {account.name}")
        for token in added:
            account.trust(token, held, self.now)

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

    def changed(self, browser: str, account: Account, life: int | None, **values: Any) -> None:
        """All sessions of a browser's person ended: this one goes on anew, and no other."""
        jar = self.jars[browser]
        password_at = jar.login.password_at if jar.login else 0
        self.begun(browser, account, **{"life": life, "password_at": password_at, **values})
        self.setups[browser] = None
        if jar.remembered is not None and jar.remembered.account == account.name:
            self.jars[browser] = replace(self.jars[browser], remembered=self.cookie_of(account))

    def cookie_of(self, account: Account) -> Remembered:
        return Remembered(self.model.number(), account.name, account.epoch)

    def read_sheet(self, browser: str, account: Account) -> None:
        """New recovery codes are shown once, to whom they were made for."""
        read = re.compile(r"<li><code>([^<]+)</code></li>")
        shown, again = (read.findall(self.get(browser, "recovery-codes").text) for _ in range(2))
        agree(len(set(shown)) == 10 and not again, f"the {browser} was shown {len(shown)} and {len(again)} codes")
        account.renew_codes(shown)

    # Copied jars

    def copy(self, browser: str) -> Snapshot:
        return self.people[browser].cookies(), self.jars[browser]

    def move_the_clock(self, seconds: int) -> None:
        self.host.clock.move(seconds)
