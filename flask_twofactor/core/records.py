"""The frozen records that pass between the layers; named tuples where each request makes one."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias


def new_id() -> str:
    """Give a random identifier of 128 bits, 32 hexadecimal digits."""
    return secrets.token_hex(16)


def new_epoch() -> int:
    """Give a random epoch of 62 bits, never 0: two lives of an account key never share one (STO-09)."""
    return secrets.randbits(62) | 1


Proof: TypeAlias = int | str
"""What a right code is spent as: a TOTP code as its time step, a recovery code as its digest."""


@dataclass(frozen=True)
class Sheet:
    """New recovery codes as they are kept: their digests, and of what the browser holds to show them once."""

    digests: tuple[str, ...] = field(repr=False)
    once: str = field(repr=False)


@dataclass(frozen=True)
class Brand:
    """How the pages and the authenticator name the console; never who may log in.

    ``logo`` and ``support_url`` are URLs of this site; ``issuer`` is what the authenticator shows.
    """

    key: str
    name: str
    issuer: str
    logo: str | None = None
    support_url: str | None = None


@dataclass(frozen=True)
class Enrolment:
    """One life of a TOTP secret: pending until a right code confirms it.

    ``opened_by`` is the digest of the sign-in that opened a pending one, None once confirmed.
    ``last_step`` is the time step that was accepted last, -1 where none was, ``earlier`` are some that were before
    it (`Spent`). Times are Unix seconds.
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


class Mark(NamedTuple):
    """The server-side proof of a completed log-in; the session holds the random value behind ``digest``.

    ``enrolment`` is "" where the account had no factor. ``password_at`` and ``code_at`` say when the
    password and a code were last checked in this sign-in, 0 for never. Times are Unix seconds.
    """

    digest: str
    subject: str
    enrolment: str
    created_at: int
    seen_at: int
    password_at: int
    code_at: int

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

    ``epoch`` is 0 where the account was never seen, ``factor`` the id of the confirmed enrolment that stands,
    None for none. The rest are the fields of a `Mark` of that account, all None where none was found.
    It is one flat tuple because it is made at every request.
    """

    epoch: int = 0
    factor: str | None = None
    digest: str | None = None
    subject: str | None = None
    enrolment: str | None = None
    created_at: int = 0
    seen_at: int = 0
    password_at: int = 0
    code_at: int = 0

    @property
    def mark(self) -> Mark | None:
        """Give the mark that was found."""
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
        )

    @property
    def enabled(self) -> bool:
        """Tell whether a confirmed enrolment stands."""
        return self.factor is not None

    @property
    def bound(self) -> bool:
        """Tell whether the mark belongs to the enrolment that stands."""
        return self.factor is not None and self.factor == self.enrolment

    def __repr__(self) -> str:
        return f"Standing(epoch={self.epoch}, factor={self.factor!r}, mark={self.mark!r})"


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
