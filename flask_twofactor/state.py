"""State: everything that one app uses, built once when the extension is attached, and frozen."""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from blinker import NamedSignal
from limits.storage import Storage

from .core.identifiers import normal_form, parse_identifier
from .core.keyring import META, SECRET, Keyring, token_digest
from .core.records import Brand, CsrfField, Enrolment, Event, HostLogin, Mark, Notice, Origin
from .core.texts import ENGLISH, Language
from .core.totp import LEAST_SECRET_BYTES, new_secret, parse_secret
from .errors import HookFailed, KeyMismatch, StoreUnavailable, TwoFactorError
from .settings import Settings
from .stores.base import Store
from .throttle import Throttle

logger = logging.getLogger("flask_twofactor")
"""For whoever runs the place: what does not work."""
audit = logging.getLogger("flask_twofactor.audit")
"""For whoever may know it: each outcome with its reason, which tells of right passwords too (LOG-05)."""

MAX_SUBJECT = 255
META_NAMES = ("key_check", "decoy_key", "recovery_key")
"""The store's own sealed values."""
DECOY = "decoy:"
"""What the keys of rows begin with that stand in where there is no account."""
_DECOY_ROWS = 64
_MOST = "most_authenticators"
_KEY_CHECK = b"flask_twofactor key check"


@dataclass
class Hooks:
    """What the host may give; `ask` is the edge at which a failing one fails closed."""

    user_lookup: Callable[[str], Any]
    password_check: Callable[[Any, str], bool]
    user_key: Callable[[Any], str]
    may_login: Callable[[Any], bool]
    complete: Callable[[Any, str | None, bool], Any]
    account_name: Callable[[Any], str]
    brand_select: Callable[[], Brand | str | None]
    requirement: Callable[[Any], bool]
    after_login_url: Callable[[Any], str]
    normal_form: Callable[[str], str] = normal_form
    notify: Callable[[Any, Notice], Any] | None = None
    locale: Callable[[Any], str | None] = lambda _: None

    def ask(self, name: str, *arguments: Any) -> Any:
        """Call a hook; whatever it raises is logged without its message and becomes `HookFailed`."""
        try:
            return getattr(self, name)(*arguments)
        except Exception as error:  # noqa: BLE001 - the fail-closed edge
            raise self.failure(name, error) from None

    @staticmethod
    def failure(name: str, error: Exception) -> TwoFactorError:
        """Log what a hook raised, but not its message, which may hold what a person typed; give what to raise."""
        if isinstance(error, TwoFactorError):
            return error
        where = "".join(traceback.format_tb(error.__traceback__))
        logger.error("the hook %s raised %s\n%s", name, type(error).__name__, where)
        return HookFailed(f"the hook {name} raised {type(error).__name__}")

    def is_yes(self, name: str, *arguments: Any) -> bool:
        """Ask a yes-or-no hook; an answer other than True or False is an error that names it."""
        answer = self.ask(name, *arguments)
        if answer is not True and answer is not False:
            logger.error("the hook %s must answer True or False, not %s", name, type(answer).__name__)
            raise HookFailed(f"the hook {name} must answer True or False, not {type(answer).__name__}")
        return bool(answer)


class Clock:
    """The clock of one app, Unix seconds; only `testing.frozen_clock` ever gives it another source."""

    __slots__ = ("source",)

    def __init__(self, source: Callable[[], float]) -> None:
        self.source = source

    def __call__(self) -> float:
        """Give the present time."""
        return self.source()


@dataclass
class StandIn:
    """The account whose factor this process read last, "" before it did: it is read for a name that has no account."""

    subject: str = ""


@dataclass(frozen=True)
class State:
    """Everything one app uses."""

    settings: Settings
    clock: Clock
    hooks: Hooks
    make_store: Callable[[], Store]
    make_storage: Callable[[], Storage]
    key_source: Callable[[], list[bytes]] = field(repr=False)
    sender: Any
    forms: Mapping[str, type]
    brands: Mapping[str, Brand]
    brand_default: Brand
    current_brand: Callable[[], Brand]
    """The brand of the present request, the default one outside of any."""
    current_origin: Callable[[], Origin | None]
    """Where the present request came from, None outside of any."""
    later: Callable[[Any, Callable[[Any], object]], None]
    """Run a function of a user once the response is sent, at once outside a request (ENU-11)."""
    hash_for_nobody: Callable[[str], Any]
    """The work of a password hash, where `password_check` failed for a name without an account."""
    language: Callable[[str | None], Language] = lambda _: ENGLISH
    """Gives the language of a tag, None for that of the present request; it speaks later too."""
    host_login: HostLogin = field(default_factory=HostLogin)
    taken_over: dict[str, Callable[..., Any]] = field(default_factory=dict)
    """The host's own log-in views by endpoint, in whose place our first page stands."""
    csrf: CsrfField | None = None
    render: Callable[..., Any] | None = None
    """The host's own ``render_template``, whose layout needs more than a template gets from Flask."""
    exempt_loaders: list[Any] = field(default_factory=list)
    """Request loaders of the host's that it declared safe by name."""
    stand_in: StandIn = field(default_factory=StandIn, repr=False, compare=False)
    opening: Any = field(default_factory=threading.RLock, repr=False, compare=False)

    @property
    def carries_step(self) -> bool:
        """Tell whether the step between the two pages rides in the form, not in the session."""
        return self.settings.step == "form" or self.host_login.hands_on

    @property
    def now(self) -> int:
        """Give Unix seconds from the injected clock."""
        return int(self.clock())

    @cached_property
    def keyring(self) -> Keyring:
        """Give the keys, taken from the configuration at first use."""
        return Keyring(self.key_source())

    @cached_property
    def store(self) -> Store:
        """Give the store, opened at first use: tables made, key check value opened."""
        with self.opening:  # threads at the first request open it once
            if "store" not in self.__dict__:
                store = self.make_store()
                store.init()
                self._check_keys(store)
                self.__dict__["store"] = store
        return cast(Store, self.__dict__["store"])

    @cached_property
    def throttle(self) -> Throttle:
        """Give the visible limits; their counters live in the opened store unless a URI says otherwise."""
        bool(self.store)
        return Throttle(self.make_storage(), self.clock)

    @cached_property
    def decoy_key(self) -> bytes:
        """Give the store's own random key of decoys, made at first use (KEY-04)."""
        return self._own_key("decoy_key")

    @cached_property
    def recovery_key(self) -> bytes:
        """Give the store's own random key of recovery codes: they outlive a rotation of the present key."""
        return self._own_key("recovery_key")

    def _own_key(self, name: str) -> bytes:
        fresh = self.keyring.seal(META, secrets.token_bytes(32), name)
        return self._open_meta(self.store.keep_meta(name, fresh), name)

    def most_authenticators(self) -> int:
        """Give how many authenticators the account with most of them ever had: so many are checked of everybody."""
        return int(self.store.meta(_MOST) or 1)

    def note_authenticators(self, count: int) -> None:
        """Note that an account is about to have so many."""
        kept = self.store.keep_meta(_MOST, str(count))
        while int(kept) < count and not self.store.replace_meta(_MOST, kept, str(count)):
            kept = self.store.keep_meta(_MOST, str(count))

    @cached_property
    def decoy_secret(self) -> str:
        """Give a secret that no account has, for the equal work of a check that must fail (VER-07)."""
        return new_secret()

    @cached_property
    def decoy_enrolment(self) -> Enrolment:
        """Give an enrolment that no account has: its secret is opened where there is none to open (VER-07)."""
        return Enrolment("decoy", DECOY, self.seal_secret(self.decoy_secret, DECOY, "decoy"), 0)

    def _check_keys(self, store: Store) -> None:
        sealed = store.keep_meta("key_check", self.keyring.seal(META, _KEY_CHECK, "key_check"))
        self._open_meta(sealed, "key_check")

    def _open_meta(self, sealed: str, name: str) -> bytes:
        plain = self.keyring.open(META, sealed, name)
        if plain is None:
            raise KeyMismatch(
                "the present key does not open the two-factor store, so nobody with a factor could log in. "
                "Set the key it was sealed with, or list it:\n"
                '    app.config["TWOFACTOR_KEY_FALLBACKS"] = [the former TWOFACTOR_KEY or SECRET_KEY]\n'
                "A SECRET_KEY that each process makes anew cannot work: give the same one to all of them."
            )
        return plain

    def subject_of(self, user: Any) -> str:
        """Give the stable key of a user's account, 1 to 255 characters."""
        try:
            subject = self.hooks.user_key(user)  # not by `ask`: this runs at every request
        except Exception as error:  # noqa: BLE001 - the edge of `Hooks.ask`
            raise self.hooks.failure("user_key", error) from None
        if isinstance(subject, str) and 0 < len(subject) <= MAX_SUBJECT:
            return subject
        logger.error("the hook user_key must answer a text of 1 to %d characters", MAX_SUBJECT)
        raise HookFailed(f"the hook user_key must answer a text of 1 to {MAX_SUBJECT} characters")

    def decoy_subject(self, name: str) -> str:
        """Give one of a few rows that stand in for an account where there is none to charge (rule 2 of 3.5)."""
        number = int(hashlib.sha256(name.encode(errors="replace")).hexdigest(), 16) % _DECOY_ROWS
        return DECOY + self.keyring.digest(f"decoy row {number}")

    def parse_identifier(self, text: str | None) -> str | None:
        """Give the normal form of a typed user ID, or None where it cannot be one."""
        return parse_identifier(text, lambda typed: str(self.hooks.ask("normal_form", typed)))

    def seal_secret(self, secret: str, subject: str, enrolment: str) -> str:
        """Seal a TOTP secret for the row of that account and enrolment."""
        return self.keyring.seal(SECRET, secret.encode(), subject, enrolment)

    def open_secret(self, enrolment: Enrolment) -> str | None:
        """Open the secret of an enrolment; None, and a line in the log, where it does not open (STO-06)."""
        plain = self.keyring.open(SECRET, enrolment.sealed, enrolment.subject, enrolment.id)
        secret = None if plain is None else parse_secret(plain.decode(errors="replace"), LEAST_SECRET_BYTES)
        if secret is None:
            logger.error("the secret of subject=%r enrolment=%s does not open", enrolment.subject, enrolment.id)
        return secret

    def new_mark(
        self, subject: str, factor: str, *, password_at: int, code_at: int, rescued: int = 0
    ) -> tuple[str, Mark]:
        """Make the random value for a session (256 bits) and the mark that is kept for it (STO-05)."""
        token, now = secrets.token_urlsafe(32), self.now
        origin = self.current_origin() or Origin("", "")
        kept = token_digest(token), subject, factor, now, now, password_at, code_at, rescued
        return token, Mark(*kept, origin.address, origin.agent)

    def record(self, kind: str, subject: str, origin: Origin | None = None, **values: Any) -> None:
        """Write an outcome to the audit log, and to the store once the response is sent (LOG-01)."""
        origin = origin or self.current_origin() or Origin("", "")
        event = Event(kind, subject, self.now, origin.address, origin.agent, values)
        facts = {**values, "source": origin.address, "agent": origin.agent} if origin.address else values
        shown = " ".join(f"{name}={value!r}" for name, value in facts.items())
        fields = {"kind": kind, "subject": subject, "at": event.at, **facts}  # for formatters that write JSON
        audit.info("%s subject=%r at=%d %s", kind, subject, event.at, shown, extra={"twofactor": fields})
        self.later(None, lambda _: self._keep(event))

    def _keep(self, event: Event) -> None:
        try:
            self.store.add_event(event, event.at - self.settings.event_days * 86400)
        except StoreUnavailable:  # what has happened has happened, and stands in the log above
            logger.error("an event was not kept: %s", event.kind)

    def announce(self, signal: NamedSignal, subject: str, origin: Origin | None = None, **values: Any) -> None:
        """Record and send what has happened."""
        self.record(signal.name, subject, origin, **values)
        self.send(signal, subject, **values)

    def send(self, signal: NamedSignal, subject: str, **values: Any) -> None:
        """Send what has happened; a receiver that raises cannot undo it, and is logged."""
        try:
            signal.send(self.sender, subject=subject, at=self.now, **values)
        except Exception as error:  # noqa: BLE001 - the same edge as for hooks: it is the host's code that failed
            logger.error("a receiver of %s raised %s", signal.name, type(error).__name__)

    def is_reachable(self) -> bool:
        """Open the store if it answers; False where it does not yet. A wrong key raises."""
        try:
            return bool(self.store)
        except StoreUnavailable:
            logger.error("the two-factor store does not answer; log-ins will be refused until it does")
            return False
