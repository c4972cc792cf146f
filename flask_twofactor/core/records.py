"""The frozen records that pass between the layers; named tuples where each request makes one."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from ..errors import WiringError
from .budget import Budget
from .palettes import Colours


def new_id() -> str:
    """Give a random identifier of 128 bits, 32 hexadecimal digits."""
    return secrets.token_hex(16)


def new_epoch() -> int:
    """Give a random epoch of 62 bits, never 0: two lives of an account key never share one (STO-09)."""
    return secrets.randbits(62) | 1


Proof: TypeAlias = int | str
"""What a right code is spent as: a TOTP code as its time step, a recovery or rescue code as its digest."""
MAX_AUTHENTICATORS = 3
"""Of an account: each multiplies the odds of a guess, 0.2 % a year with one of them (THR-02)."""


@dataclass(frozen=True)
class Sheet:
    """New recovery codes as they are kept: their digests, and of what the browser holds to show them once."""

    digests: tuple[str, ...] = field(repr=False)
    once: str = field(repr=False)


_BRAND_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Brand:
    """How the pages and the authenticator name the console, and how they look; never who may log in.

    ``key`` is the name of its folder of templates, too; ``logo``, ``logo_dark`` (for the dark scheme) and
    ``support_url`` are URLs of this site; ``issuer`` is what the authenticator shows.
    """

    key: str
    name: str
    issuer: str
    logo: str | None = None
    colours: Colours | None = None
    support_url: str | None = None
    logo_dark: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.key, str) or not _BRAND_KEY.fullmatch(self.key):
            raise WiringError(
                f"the key of a brand names a folder, and {self.key!r} cannot: letters, digits, - and _ only:\n"
                f'    Brand("harbor", {self.name!r}, {self.issuer!r})'
            )
        for name in ("name", "issuer"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name).strip():
                raise WiringError(f'the brand {self.key} has no {name}: Brand("{self.key}", "Its name", "Its issuer")')
        if self.colours is not None and not isinstance(self.colours, Colours):
            raise WiringError(
                f"colours= of the brand {self.key} is no Colours:\n"
                '    colours=Colours("#0a7d5a")  # from flask_twofactor; Colours(**mapping) for a mapping'
            )


@dataclass(frozen=True)
class Enrolment:
    """One life of a TOTP secret, of one authenticator: pending until a right code confirms it.

    ``opened_by`` is the digest of the sign-in that opened a pending one, None once confirmed.
    ``last_step`` is the time step that was accepted last, -1 where none was, ``earlier`` are some that were before
    it (`Spent`). ``name`` is what its owner calls the authenticator, "" for the first. Times are Unix seconds.
    """

    id: str
    subject: str
    sealed: str = field(repr=False)
    created_at: int
    confirmed_at: int | None = None
    opened_by: str | None = field(default=None, repr=False)
    last_step: int = -1
    tries: int = 0
    earlier: tuple[int, ...] = ()
    name: str = ""


@dataclass(frozen=True)
class Factor:
    """The factor of an account that stands: its authenticators, the oldest first.

    ``id`` is that of the enrolment which turned it on, and stays when that authenticator goes: marks, recovery codes
    and trusted browsers are bound to it. Without an authenticator no code is right (STO-06).
    """

    id: str
    subject: str
    authenticators: tuple[Enrolment, ...]

    @property
    def since(self) -> int | None:
        """Give when the oldest authenticator was confirmed (Unix seconds)."""
        return self.authenticators[0].confirmed_at if self.authenticators else None


class Mark(NamedTuple):
    """The server-side proof of a completed log-in; the session holds the random value behind ``digest``.

    ``enrolment`` is the id of the `Factor`, "" where the account had none. ``password_at`` and ``code_at`` say when
    the password and a code were last checked in this sign-in, 0 for never. ``rescued`` is 1 where a rescue code stood
    in for a code: it only leads to a new set-up. ``source`` and ``agent`` say where from (`Origin`). Times are Unix
    seconds.
    """

    digest: str
    subject: str
    enrolment: str
    created_at: int
    seen_at: int
    password_at: int
    code_at: int
    rescued: int = 0
    source: str = ""
    agent: str = ""

    def __repr__(self) -> str:
        return f"Mark(subject={self.subject!r}, enrolment={self.enrolment!r}, created_at={self.created_at})"


@dataclass(frozen=True)
class Note:
    """What a session holds after a log-in that the host did itself: sealed, and no proof of a factor.

    ``id`` names the sign-in, ``epoch`` ties it to the account's present life, ``password_at`` is 0
    where no password was checked (remember-me, ``login_user(fresh=False)``), ``at`` when it was made.
    """

    id: str = field(repr=False)
    subject: str
    epoch: int
    password_at: int
    at: int


@dataclass(frozen=True)
class Pending:
    """The step between the two pages: the normalised identifier and when it was given."""

    identifier: str
    at: int
    target: str | None = None


class Standing(NamedTuple):
    """What one read of the store says of an account and of a mark presented for it: the row as it is.

    ``epoch`` is 0 where the account was never seen, ``factor`` the id of the factor that stands, None for none.
    ``required`` is 1 where an operator made the factor mandatory, ``grace_from`` when the first log-in under that
    rule was, 0 for none yet. The rest are the fields of a `Mark` of that account, all None where none was found.
    It is one flat tuple because it is made at every request.
    """

    epoch: int = 0
    factor: str | None = None
    required: int = 0
    grace_from: int = 0
    digest: str | None = None
    subject: str | None = None
    enrolment: str | None = None
    created_at: int = 0
    seen_at: int = 0
    password_at: int = 0
    code_at: int = 0
    rescued: int = 0

    @property
    def mark(self) -> Mark | None:
        """Give the mark that was found, without where it came from."""
        if self.digest is None or self.subject is None or self.enrolment is None:
            return None
        return Mark(
            self.digest,
            self.subject,
            self.enrolment,
            self.created_at,
            self.seen_at,
            self.password_at,
            self.code_at,
            self.rescued,
        )

    @property
    def enabled(self) -> bool:
        """Tell whether the factor stands."""
        return self.factor is not None

    @property
    def bound(self) -> bool:
        """Tell whether the mark belongs to the factor that stands."""
        return self.factor is not None and self.factor == self.enrolment

    def __repr__(self) -> str:
        return f"Standing(epoch={self.epoch}, factor={self.factor!r}, mark={self.mark!r})"


@dataclass(frozen=True)
class Trusted:
    """A browser that its owner asked to skip codes on; it holds the random value behind ``digest``.

    ``id`` stays while the value changes at each use; ``factor`` is the id of the factor that it may skip the code of.
    Times are Unix seconds.
    """

    id: str
    subject: str
    factor: str
    digest: str = field(repr=False)
    created_at: int
    used_at: int
    source: str = ""
    agent: str = ""


class TrustToken(NamedTuple):
    """What a trusted browser holds for one account: the id of its row, and the random value (256 bits)."""

    browser: str
    value: str

    def __repr__(self) -> str:
        return f"TrustToken(browser={self.browser!r})"


class Recovery(NamedTuple):
    """What a read says of an account's recovery codes, and of one that is presented.

    ``left`` counts them, without rescue codes; ``rescue_until`` says until when (Unix seconds) the presented one is
    a rescue code, 0 where it is none.
    """

    left: int
    rescue_until: int = 0


@dataclass(frozen=True)
class Purge:
    """What is to go, as the times (Unix seconds) before which it was made or last seen; or how many of each went.

    ``rescues`` are rescue codes by when they expire.
    """

    events: int
    marks: int
    pendings: int
    trusted: int
    rescues: int


@dataclass(frozen=True)
class Account:
    """What is known of an account that is not about a person: for lists.

    ``factor`` is None where the factor is off, ``since`` when it came to stand. ``required`` says that an operator
    made it mandatory, ``grace_from`` when the first log-in under that rule was, 0 for none yet. Times are Unix seconds.
    """

    subject: str
    factor: str | None
    since: int | None
    required: bool
    grace_from: int
    budget: Budget


@dataclass(frozen=True)
class Origin:
    """Where a request came from, as far as a notice tells: the address's network, and what the browser calls itself."""

    address: str
    agent: str


@dataclass(frozen=True)
class Event:
    """An outcome as it is kept: what, whose, when (Unix seconds), from where, and what else there is to say of it.

    ``subject`` is "" where no account has the name; ``details`` are texts, numbers and truths by name, the
    ``reason`` of a refusal, the ``factor`` and the matched ``offset`` among them (LOG-01).
    """

    kind: str
    subject: str
    at: int
    source: str = ""
    agent: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class HostLogin:
    """What the host's own log-in is like: the endpoints that we take over, and what its form and its links carry.

    ``next_param`` names the parameters of the query beside ``next``, or is a function that gives the target.
    Without ``identifier_field`` there is one account and no name to ask for. With ``password_field`` the host's
    view is handed the log-in, under its own names of the fields, with ``extra_fields`` as they are.
    """

    endpoints: tuple[str, ...] = ()
    next_param: tuple[str, ...] | Callable[[], str | None] = ()
    identifier_field: str | None = "identifier"
    password_field: str | None = None
    remember_field: str | None = None
    extra_fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def hands_on(self) -> bool:
        """Tell whether the host's own view judges the password."""
        return self.password_field is not None


@dataclass(frozen=True)
class CsrfField:
    """The field of a host's own CSRF scheme, which our forms carry beside ours."""

    field_name: str
    token: Callable[[], str]


@dataclass(frozen=True)
class Notice:
    """What the owner of an account is told, ``body`` in plain text.

    ``kind`` is "enabled", "disabled", "reset", "recovery-used", "recovery-renewed", "new-browser",
    "trusted-browser-added", "authenticator-added", "authenticator-removed", "rescue-issued", "rescue-used",
    "sessions-ended", "few" or "many" (wrong codes after a right password), or "stopped" (so many that no code is
    accepted any more).

    ``at`` is in Unix seconds; ``origin`` is None where no request did it (the command line).
    """

    kind: str
    at: int
    origin: Origin | None
    title: str
    body: str
