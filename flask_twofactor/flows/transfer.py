"""Take factors out of the store, and take over those that a console already has: nobody scans again."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from ..core.foreign import SOURCES, By, Foreign, Wallet
from ..core.records import Enrolment
from ..core.totp import is_weak, provisioning_uri, step_at
from ..errors import HookFailed, TwoFactorError, UnusableSecret
from ..signals import factor_enabled
from ..state import MAX_SUBJECT, State
from .setup import confirmed

EXPORTED = "twofactor-exported"
"""The kind of the event."""

Verdict = Literal["imported", "skipped", "failed", "empty"]
"""What became of a row; "skipped" where a factor stands, "empty" where the row has none."""


@dataclass(frozen=True)
class Taken:
    """A factor taken out: the account's key, its otpauth URI ("" where no key opens the secret), since when."""

    key: str
    uri: str = field(repr=False)
    since: int


@dataclass(frozen=True)
class Outcome:
    """What became of a row: ``key`` is the account's, ``weak`` says that its secret has fewer than 128 bits."""

    line: int
    verdict: Verdict
    key: str = ""
    weak: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Imported:
    """What became of rows: how many each, why the failed ones did, and whose secrets have fewer than 128 bits."""

    imported: int
    skipped: int
    empty: int
    failed: tuple[Outcome, ...]
    weak: tuple[str, ...]


def export(state: State, by: str, sealed: bool) -> Generator[Taken, None, None]:
    """Give every confirmed factor, a row at a time; an event says at the end how many, also of a broken-off one."""
    count = 0
    try:
        for row in state.store.enrolments():
            if row.confirmed_at is not None:
                taken = Taken(row.subject, _uri(state, row), row.confirmed_at)
                count += bool(taken.uri)
                yield taken
    finally:
        state.record(EXPORTED, "", count=count, by=by, sealed=sealed)


def _uri(state: State, enrolment: Enrolment) -> str:
    """Give the otpauth URI, "" where no key opens the secret; the account's key is all the name that is known."""
    secret = state.open_secret(enrolment)
    return "" if secret is None else provisioning_uri(secret, enrolment.subject, state.brand_default.issuer)


def take_over(state: State, rows: Iterable[Foreign], by: By = "key", dry_run: bool = False) -> Iterator[Outcome]:
    """Enrol the accounts of the rows, one at a time as they are asked for; say of each what became of it.

    What stands is never overwritten, and a row that cannot be taken stops nothing. ``dry_run`` writes nothing.
    Codes of the minute in which a factor is imported are not accepted: the old console may have taken them.
    Raises `StoreUnavailable`.
    """
    for row in rows:
        if row.problem:
            yield Outcome(row.line, "failed", reason=row.problem)
        elif not row.secret:
            yield Outcome(row.line, "empty")
        else:
            yield _take(state, row, by, dry_run)


def _take(state: State, row: Foreign, by: By, dry_run: bool) -> Outcome:
    try:
        subject = row.account if by == "key" else _subject_named(state, row.account)
    except HookFailed as error:
        return Outcome(row.line, "failed", reason=str(error))
    if not subject:
        return Outcome(row.line, "failed", reason="there is no such account")
    if len(subject) > MAX_SUBJECT or not subject.isprintable():  # it is printed, to a terminal (LOG-04)
        return Outcome(row.line, "failed", reason=f"the key of an account is 1 to {MAX_SUBJECT} printable characters")
    if dry_run:
        written = state.store.factor(subject) is None
    else:
        spent = step_at(state.now) + state.settings.window
        written = state.store.put_enrolment(confirmed(state, subject, row.secret, spent))
    if not written:
        return Outcome(row.line, "skipped", subject, reason="the account already has a factor")
    if not dry_run:
        state.announce(factor_enabled, subject, how="imported")
    return Outcome(row.line, "imported", subject, is_weak(row.secret))


def _subject_named(state: State, typed: str) -> str:
    name = state.parse_identifier(typed)
    user = None if name is None else state.hooks.ask("user_lookup", name)
    return "" if user is None else state.subject_of(user)


def import_factors(state: State, rows: Iterable[tuple[Any, str | None]], source: str, wallet: Wallet) -> Imported:
    """Take over the factors of a host's own query: pairs of a user, or an account's key, and its secret.

    Raises `TwoFactorError` for a source that is none of `SOURCES`.
    """
    if source not in SOURCES:
        raise TwoFactorError(f"there is no source {source!r}; the sources are {', '.join(SOURCES)}")
    given = (_of_host(state, number, *pair, source, wallet) for number, pair in enumerate(rows, 1))
    return _sum(take_over(state, given))


def _of_host(state: State, number: int, who: Any, text: str | None, source: str, wallet: Wallet) -> Foreign:
    if who is None:
        return Foreign(number, "", problem="there is no such account")
    try:
        subject = str(who) if isinstance(who, str | int) else state.subject_of(who)
        return Foreign(number, subject, SOURCES[source].read({"": text}, "", wallet) if text else "")
    except (HookFailed, UnusableSecret) as error:
        return Foreign(number, "", problem=str(error))


def _sum(outcomes: Iterable[Outcome]) -> Imported:
    count = dict.fromkeys(("imported", "skipped", "empty"), 0)
    failed, weak = [], []
    for one in outcomes:
        if one.verdict == "failed":
            failed.append(one)
        else:
            count[one.verdict] += 1
        if one.weak:
            weak.append(one.key)
    return Imported(**count, failed=tuple(failed), weak=tuple(weak))
