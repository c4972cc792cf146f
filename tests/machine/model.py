"""What a person may do, by the contract: accounts, log-ins and cookie jars as plain values, no code of the product."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pyotp import TOTP

STEP = 30
WINDOW = 1
"""Time steps accepted either side of the present one."""
DAY = 86400
SESSION_SECONDS = DAY
OWED_SECONDS = PENDING_SECONDS = SETUP_SECONDS = 600
PASSWORD_SECONDS = 900
WITHOUT_FACTOR_SECONDS = 30 * DAY
PATIENCE = 4
"""Failures of an account within a day that no limit answers yet."""


@dataclass
class Account:
    """An account: its factor, what is spent of it, and how often its sessions were ended."""

    name: str
    secret: str = ""
    life: int = 0
    """Numbers the enrolments."""
    epoch: int = 0
    """Numbers the events that end every session."""
    last_step: int = -1
    enrolled: bool = False
    failures: list[float] = field(default_factory=list)

    def enrol(self, secret: str, last_step: int = -1) -> None:
        self.secret, self.last_step, self.enrolled = secret, last_step, True
        self.life += 1
        self.epoch += 1

    def take_factor(self) -> None:
        self.secret, self.last_step, self.enrolled = "", -1, False
        self.epoch += 1

    def patient(self, now: float) -> bool:
        """Whether so few attempts failed that nothing right may be refused."""
        return len([at for at in self.failures if at > now - DAY]) <= PATIENCE and len(self.failures) < 30


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
    """The enrolment whose code was given, None for none."""


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
    """What the cookies of a browser stand for."""

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

    def steps_of(self, account: Account, code: str, now: float) -> list[int]:
        """The time steps inside the window that have this code."""
        return steps_of(account.secret, code, now) if account.enrolled else []

    def may_spend(self, account: Account, code: str, now: float) -> bool:
        return any(step > account.last_step for step in self.steps_of(account, code, now))

    def must_spend(self, account: Account, code: str, now: float) -> bool:
        steps = self.steps_of(account, code, now)
        return bool(steps) and min(steps) > account.last_step

    def spend(self, account: Account, code: str, now: float) -> None:
        account.last_step = next(step for step in self.steps_of(account, code, now) if step > account.last_step)

    def stands(self, login: Login) -> bool:
        """Whether nothing has ended this log-in: its time may be over all the same."""
        # A log-in that the host did itself has no row: what it says of an account without the factor
        # outlives a log-out, as in Flask-Login.
        over = login.complete and login.number in self.ended
        return not over and login.epoch == self.accounts[login.account].epoch

    def who(self, jar: Jar, now: float) -> set[str | None]:
        """Whom a browser with this jar may be taken for; one of them where the contract leaves it open."""
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

    def may_answer(self, jar: Jar, now: float) -> bool:
        """Whether a right code could complete this session: it owes one, or asks for it again."""
        login = jar.login
        if self.live_cookie(jar) is not None:
            return True
        if login is None or not self.stands(login):
            return False
        return not login.complete or login.account in self.who(jar, now)

    def must_answer(self, jar: Jar, now: float) -> bool:
        login = jar.login
        if login is None or not self.stands(login) or login.number in self.ended:
            return False
        owes = not login.complete and now <= login.born + OWED_SECONDS
        return owes or self.who(jar, now) == {login.account}

    def visited(self, jar: Jar, now: float) -> Jar:
        """The jar after a request: a remember-me cookie leaves a session behind."""
        cookie = self.live_cookie(jar)
        if cookie is None or (jar.login is not None and self._by_login(jar.login, now)):
            return jar
        if jar.login is not None and (cookie.epoch == 0 or (not jar.login.complete and self.stands(jar.login))):
            return jar
        login = Login(self.number(), cookie.account, cookie.epoch, complete=False, born=now, proven=now, password_at=0)
        return replace(jar, login=login)


def code_at(secret: str, step: int) -> str:
    """The code of a time step."""
    return TOTP(secret).generate_otp(step)


def steps_of(secret: str, code: str, now: float) -> list[int]:
    """The time steps inside the window that have this code."""
    return [step for step in _window(now) if code_at(secret, step) == code]


def _window(now: float) -> Iterator[int]:
    here = int(now) // STEP
    yield from range(here - WINDOW, here + WINDOW + 1)
