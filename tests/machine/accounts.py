"""The accounts of the model as plain values: what each has, what of it is spent, and what a code proves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pyotp import TOTP

STEP = 30
WINDOW = 1
"""Time steps accepted either side of the present one."""
DAY = 86400
TRUSTED_SECONDS = 30 * DAY
GRACE_SECONDS = 30_000
RESCUE_SECONDS = 3600
MOST = 3
"""Authenticators of an account."""
MOST_TRUSTED = 10
"""Browsers that an account trusts."""
PATIENCE = 4
"""Failures of an account within a day that no limit answers yet."""

Kind = Literal["code", "recovery", "rescue"]
ANY_CODE: tuple[Kind, ...] = ("code", "recovery")
ANY_AT_LOG_IN: tuple[Kind, ...] = ("code", "recovery", "rescue")


class Token(NamedTuple):
    """What a browser holds of one trust: which it is, and the value of the moment."""

    id: str
    value: str


@dataclass
class Authenticator:
    """What the person holds, and the last step that it was right for."""

    secret: str
    last_step: int = -1


@dataclass
class Trust:
    """A browser that is asked for no code: one value counts, an earlier one is that of a copy."""

    value: str
    at: float
    used: float
    sure: bool = True
    """Whether nothing has perhaps ended it."""


@dataclass(frozen=True)
class Proof:
    """What a code is right for; ``sure`` says that nothing of it may be refused."""

    kind: Kind
    text: str
    authenticator: Authenticator | None = None
    step: int = -1
    sure: bool = True


@dataclass
class Account:
    """An account: its factor, what is spent of it, and how often its sessions were ended."""

    name: str
    authenticators: list[Authenticator] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    """Recovery codes that are good."""
    rescue: tuple[str, float] | None = None
    """A rescue code, and until when it is good."""
    gone: list[str] = field(default_factory=list)
    """Keys of authenticators that were taken away."""
    dead: list[str] = field(default_factory=list)
    """Recovery and rescue codes that were used or replaced."""
    trusted: dict[str, Trust] = field(default_factory=dict)
    life: int = 0
    """Numbers the factors."""
    epoch: int = 0
    """Numbers the events that end every session."""
    required: bool = False
    grace_from: float | None = None
    failures: list[float] = field(default_factory=list)

    @property
    def enrolled(self) -> bool:
        return bool(self.authenticators)

    # What happens to it

    def enrol(self, secret: str, last_step: int = -1) -> None:
        self._drop_factor()
        self.authenticators = [Authenticator(secret, last_step)]
        self.life += 1
        self.end_sessions()

    def take_factor(self) -> None:
        self._drop_factor()
        self.end_sessions()

    def _drop_factor(self) -> None:
        self.gone += [one.secret for one in self.authenticators]
        self.authenticators = []
        self.renew_codes([])

    def renew_codes(self, codes: list[str]) -> None:
        self.dead += [*self.codes, *([self.rescue[0]] if self.rescue else [])]
        self.codes, self.rescue = codes, None

    def remove(self, authenticator: Authenticator) -> None:
        self.authenticators.remove(authenticator)
        self.gone.append(authenticator.secret)
        self.end_sessions()

    def end_sessions(self) -> None:
        self.epoch += 1
        self.trusted.clear()

    def require(self, required: bool) -> None:
        if self.required is not required:
            self.required, self.grace_from = required, None

    def seen(self, now: float) -> None:
        """Somebody was in, or a token was: the grace of whoever needs the factor begins."""
        if self.required and not self.enrolled and self.grace_from is None:
            self.grace_from = now

    # What follows

    def owes_setup(self, now: float) -> bool:
        """Whether nothing but the set-up is left, since the rule gives no more time."""
        since = now if self.grace_from is None else self.grace_from
        return self.required and not self.enrolled and now > since + GRACE_SECONDS

    def patient(self, now: float) -> bool:
        """Whether so few attempts failed that nothing right may be refused."""
        return len([at for at in self.failures if at > now - DAY]) <= PATIENCE and len(self.failures) < 30

    def proof(self, code: str, now: float, takes: Sequence[Kind]) -> Proof | None:
        """What a code is right for, of all that ``takes`` names."""
        found = next(self._proofs(code, now), None)
        return found if found is not None and found.kind in takes else None

    def _proofs(self, code: str, now: float) -> Iterator[Proof]:
        for one in self.authenticators:
            steps = steps_of(one.secret, code, now)
            if later := [step for step in steps if step > one.last_step]:
                yield Proof("code", code, one, later[0], sure=later == steps)
        if code in self.codes:
            yield Proof("recovery", code)
        if self.rescue is not None and self.rescue[0] == code and now <= self.rescue[1]:
            yield Proof("rescue", code)

    def use(self, proof: Proof) -> None:
        """Spend it; a code for the loss of an authenticator ends the trust in every browser."""
        if proof.authenticator is not None:
            proof.authenticator.last_step = proof.step
            return
        if proof.kind == "rescue":
            self.rescue = None
        else:
            self.codes.remove(proof.text)
        self.dead.append(proof.text)
        self.trusted.clear()

    def skips(self, held: Sequence[Token], now: float) -> list[Trust]:
        """The trust by which a browser that holds these is asked for no code."""
        return [trust for token, trust in self._known(held, now) if trust.value == token.value]

    def trust(self, token: Token, held: Sequence[Token], now: float) -> None:
        """Trust a browser in the place of what it held; of too many, that which was used longest ago may have gone."""
        for before in held:
            self.trusted.pop(before.id, None)
        self.trusted[token.id] = Trust(token.value, now, now)
        longest = min(trust.used for trust in self.trusted.values())
        for trust in self.trusted.values():
            trust.sure = trust.sure and (len(self.trusted) <= MOST_TRUSTED or trust.used > longest)

    def found_copies(self, held: Sequence[Token], now: float, *, surely: bool) -> None:
        """A log-in came with these: the trust that has gone on to another value ends."""
        for token, trust in [*self._known(held, now)]:
            if trust.value != token.value and surely:
                del self.trusted[token.id]
            elif trust.value != token.value:
                trust.sure = False

    def _known(self, held: Sequence[Token], now: float) -> Iterator[tuple[Token, Trust]]:
        """The trust that a browser holds of this account: one at most."""
        for token in held:
            trust = self.trusted.get(token.id)
            if trust is not None and now <= trust.at + TRUSTED_SECONDS:
                yield token, trust
                return


def code_at(secret: str, step: int) -> str:
    """The code of a time step."""
    return TOTP(secret).generate_otp(step)


def steps_of(secret: str, code: str, now: float) -> list[int]:
    """The time steps inside the window that have this code."""
    here = int(now) // STEP
    return [step for step in range(here - WINDOW, here + WINDOW + 1) if code_at(secret, step) == code]
