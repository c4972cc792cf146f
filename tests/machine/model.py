"""What a person may do, by the contract: log-ins and cookie jars as plain values, no code of the product."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.machine.accounts import DAY, Account

SESSION_SECONDS = DAY
OWED_SECONDS = PENDING_SECONDS = SETUP_SECONDS = 600
PASSWORD_SECONDS = 900
WITHOUT_FACTOR_SECONDS = 30 * DAY


@dataclass(frozen=True)
class Login:
    """What a session holds: a log-in of our pages (``complete``), or one that the host or a cookie made."""

    number: int
    account: str
    epoch: int
    complete: bool
    born: float
    """When it began: from here on it must work for as long as the absolute limit allows."""
    proven: float
    """When the last factor of it was checked: from here on it must have ended after the absolute limit."""
    password_at: float
    life: int | None = None
    """The factor that a code, or the trust in the browser, was right for; None for none."""
    rescued: bool = False
    """Whether the code was a rescue code: such a log-in leads to a new set-up alone."""


@dataclass(frozen=True)
class Remembered:
    """A remember-me cookie."""

    number: int
    account: str
    epoch: int


@dataclass(frozen=True)
class Setup:
    """A key that a sign-in is setting up."""

    secret: str
    login: int
    at: float


@dataclass(frozen=True)
class Jar:
    """What the cookies of a browser stand for, but for its trust, which the machine reads off the cookie."""

    login: Login | None = None
    remembered: Remembered | None = None
    pending: tuple[str, float] | None = None


class Model:
    """The accounts, what was ended, and what follows from a jar."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.accounts = {name: Account(name) for name in names}
        self.ended: set[int] = set()
        self._numbers = 0

    def number(self) -> int:
        self._numbers += 1
        return self._numbers

    def end(self, thing: Login | Remembered | None) -> None:
        if thing is not None:
            self.ended.add(thing.number)

    def stands(self, login: Login) -> bool:
        """Whether nothing has ended this log-in: its time may be over all the same."""
        # A log-in that the host did itself has no row: what it says of an account without the factor
        # outlives a log-out, as in Flask-Login.
        over = login.complete and login.number in self.ended
        return not over and login.epoch == self.accounts[login.account].epoch

    def who(self, jar: Jar, now: float) -> set[str | None]:
        """Whom a browser with this jar may be taken for; one of them where the contract leaves it open."""
        rescued = jar.login is not None and jar.login.rescued
        return {
            None if name is None or rescued or self.accounts[name].owes_setup(now) else name
            for name in self.behind(jar, now)
        }

    def behind(self, jar: Jar, now: float) -> set[str | None]:
        """Likewise on the pages of set-up, for whoever owes it too."""
        return self._by_login(jar.login, now) or self._by_cookie(jar) or {None}

    def _by_login(self, login: Login | None, now: float) -> set[str | None]:
        if login is None or not self.stands(login):
            return set()
        account = self.accounts[login.account]
        if account.enrolled:
            if login.life != account.life or now > login.proven + SESSION_SECONDS:
                return set()
            return {login.account} if now <= login.born + SESSION_SECONDS else {login.account, None}
        sure = login.number not in self.ended and now <= login.born + WITHOUT_FACTOR_SECONDS
        return {login.account} if sure else {login.account, None}

    def _by_cookie(self, jar: Jar) -> set[str | None]:
        cookie = self.live_cookie(jar)
        if cookie is None or self.accounts[cookie.account].enrolled:
            return set()
        sure = jar.login is None and cookie.number not in self.ended
        return {cookie.account} if sure else {cookie.account, None}

    def live_cookie(self, jar: Jar) -> Remembered | None:
        """The remember-me cookie, where it speaks for the session's account and nothing has ended it."""
        cookie = jar.remembered
        if cookie is None or cookie.epoch != self.accounts[cookie.account].epoch:
            return None
        return cookie if jar.login is None or jar.login.account == cookie.account else None

    def may_owe(self, jar: Jar) -> bool:
        """Whether a session may be one that owes a code."""
        login = jar.login
        return self.live_cookie(jar) is not None or (login is not None and self.stands(login) and not login.complete)

    def must_owe(self, jar: Jar, now: float) -> bool:
        """Whether a session is surely one that owes a code still."""
        login = jar.login
        if login is None or not self.stands(login) or login.number in self.ended:
            return False
        return not login.complete and now <= login.born + OWED_SECONDS

    def may_answer(self, jar: Jar, now: float) -> bool:
        """Whether a right code could complete this session: it owes one, or asks for it again."""
        return self.may_owe(jar) or (jar.login is not None and jar.login.account in self.who(jar, now))

    def must_answer(self, jar: Jar, now: float) -> bool:
        login = jar.login
        if login is None or not self.stands(login) or login.number in self.ended:
            return False
        return self.must_owe(jar, now) or self.who(jar, now) == {login.account}

    def visited(self, jar: Jar, now: float) -> Jar:
        """The jar after a request: a remember-me cookie leaves a session behind."""
        cookie = self.live_cookie(jar)
        if cookie is None or (jar.login is not None and self._by_login(jar.login, now)):
            return jar
        if jar.login is not None and (cookie.epoch == 0 or (not jar.login.complete and self.stands(jar.login))):
            return jar
        login = Login(self.number(), cookie.account, cookie.epoch, complete=False, born=now, proven=now, password_at=0)
        return replace(jar, login=login)
