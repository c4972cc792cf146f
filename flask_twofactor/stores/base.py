"""The protocol of a store: every single-use thing is one atomic verb that says who won (RPL-08).

Reads give a record or None, single-use verbs give bool. Each verb is all or nothing, and raises
`StoreUnavailable` where the outcome is not known to be done. Times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ..core.budget import Attempt, Charge, Pool
from ..core.records import (
    Account,
    Enrolment,
    Event,
    Factor,
    Mark,
    Proof,
    Purge,
    Recovery,
    Sheet,
    Standing,
    Trusted,
)


class Store(Protocol):
    """What the flows ask of a store."""

    def init(self) -> None:
        """Make what is missing of the tables; safe when many processes start at once."""

    def clock(self) -> int | None:
        """Give the Unix seconds of the database's own clock; None where it has none but this machine's (SQLite)."""

    def meta(self, name: str) -> str | None:
        """Give a named value of the store itself."""

    def keep_meta(self, name: str, value: str) -> str:
        """Write a named value if there is none; give the one that stands."""

    def replace_meta(self, name: str, old: str, new: str) -> bool:
        """Replace a named value if it is still ``old``."""

    def standing(self, subject: str, digest: str) -> Standing:
        """Give in one indexed read what the gate needs of an account and a presented mark."""

    def factor(self, subject: str) -> Factor | None:
        """Give the factor of an account, with every authenticator, the oldest first."""

    def enrolments(self, after: tuple[str, str] = ("", "")) -> Iterator[Enrolment]:
        """Give every enrolment, pending ones too, by rising (subject, id), in bounded memory."""

    def count_enrolments(self) -> int:
        """Give how many enrolments there are, pending ones too."""

    def accounts(self, after: str = "") -> Iterator[Account]:
        """Give every account that was ever seen, by rising key, in bounded memory."""

    def account(self, subject: str) -> Account | None:
        """Give what `accounts` says of one account; None where it was never seen."""

    def reseal(self, subject: str, enrolment: str, old: str, new: str) -> bool:
        """Replace a sealed secret if it is still ``old``."""

    def charge(self, subject: str, now: int, pool: Pool, authenticators: int = 1) -> Charge:
        """Count an attempt on the account's budget before it is judged (`Budget.charge`)."""

    def spend(self, subject: str, enrolment: str, proof: Proof, attempt: Attempt | None, mark: Mark | None) -> bool:
        """Accept a time step (`Spent.accept`, RPL-01) or a recovery or rescue code (RPL-05), once.

        ``enrolment`` is the id of the confirmed enrolment whose step it is, of a code that of the factor. In the same
        transaction the ``attempt`` is refunded (`Budget.refund`) and the ``mark`` written; a recovery code ends the
        trust in every browser (REC-10).
        """

    def add_mark(self, mark: Mark, replaces: str = "") -> None:
        """Write a mark and delete the one whose digest is ``replaces``."""

    def touch_mark(self, digest: str, now: int) -> None:
        """Note that a mark was seen."""

    def remove_mark(self, digest: str) -> bool:
        """Delete a mark; True for the one caller that did."""

    def marks(self, subject: str) -> list[Mark]:
        """Give every mark of an account, the one that was seen last first."""

    def open_enrolment(self, pending: Enrolment, not_before: int, max_tries: int) -> Enrolment:
        """Give the pending enrolment of the sign-in ``pending.opened_by`` that still lives, or keep ``pending``."""

    def pending_enrolment(self, subject: str, opened_by: str) -> Enrolment | None:
        """Give the pending enrolment that a sign-in opened."""

    def count_try(self, subject: str, enrolment: str, max_tries: int) -> bool:
        """Count a guess at a pending secret before it is judged; False where there were ``max_tries`` (ENR-15)."""

    def confirm_enrolment(
        self,
        subject: str,
        enrolment: str,
        step: int,
        now: int,
        mark: Mark,
        sheet: Sheet | None = None,
        replaces: str | None = None,
    ) -> bool:
        """Let a pending enrolment be the factor, if it is still pending and ``replaces`` is what stands (ENR-08).

        ``replaces`` is the id of the factor that goes with this, None where there is none. In the same transaction
        every session of the account ends, its other enrolments and its recovery codes go, its row of wrong codes ends
        (the hard stop, THR-10), and ``mark`` and the recovery codes of ``sheet`` are written.
        """

    def put_enrolment(self, enrolment: Enrolment) -> bool:
        """Let a confirmed enrolment be the factor if none stands; ends sessions and the row of wrong codes likewise."""

    def add_authenticator(self, subject: str, enrolment: str, factor: str, step: int, now: int) -> bool:
        """Confirm a pending enrolment beside those of the factor that stands, `MAX_AUTHENTICATORS` at most."""

    def remove_authenticator(
        self, subject: str, authenticator: str, enrolment: str, proof: Proof, attempt: Attempt, mark: Mark
    ) -> bool:
        """Spend ``proof`` as `spend` does and take one authenticator away, never the last one.

        Ends sessions and writes ``mark`` likewise.
        """

    def disable(self, subject: str, enrolment: str, proof: Proof, attempt: Attempt, mark: Mark) -> bool:
        """Spend ``proof`` as `spend` does and take the factor away with its recovery codes (RPL-06, REC-07).

        Ends sessions and writes ``mark`` likewise.
        """

    def renew_recovery(
        self, subject: str, enrolment: str, step: int | None, attempt: Attempt | None, sheet: Sheet, mark: Mark | None
    ) -> bool:
        """Put the recovery codes of ``sheet`` in the place of all others (REC-04).

        Where there is a ``step`` of ``enrolment`` it is spent, or nothing is done; without one, ``enrolment`` is the
        id of the factor, which must stand. Ends sessions and writes ``mark`` likewise.
        """

    def recovery(self, subject: str, digest: str = "") -> Recovery:
        """Give how many recovery codes of the account are left, and what the presented one is."""

    def add_rescue(self, subject: str, factor: str, digest: str, expires_at: int) -> bool:
        """Keep a rescue code in the place of an earlier one, if that factor stands."""

    def take_sheet(self, subject: str, once: str) -> bool:
        """Use up the one showing of new recovery codes; True for the one caller that may show them (ENR-11)."""

    def reset(self, subject: str) -> bool:
        """Take every enrolment, code, trusted browser, mark, attempt and grace away; True where a factor stood."""

    def end_sessions(self, subject: str, refill: bool = False, mark: Mark | None = None) -> int:
        """End every session of the account, remembered and trusted browsers too; give the number of marks that went.

        ``refill`` clears its attempts, not the hard stop; ``mark`` is written for the one session that goes on.
        """

    def add_trusted(self, given: Trusted) -> bool:
        """Trust a browser, if that factor stands; of many, the one that was used longest ago goes."""

    def trusted(self, subject: str) -> list[Trusted]:
        """Give the trusted browsers of an account, the one that was used last first."""

    def trusted_browser(self, browser: str) -> Trusted | None:
        """Give a trusted browser by its id, whosever it is."""

    def use_trusted(self, presented: Trusted, digest: str, now: int, mark: Mark) -> bool:
        """Let a browser skip a code if its value is the present one and that factor stands (TRB-05).

        ``digest`` takes the place of the value's, and ``mark`` is written. Where the browser holds another value,
        the trust in it ends: somebody has copied it.
        """

    def forget_trusted(self, subject: str, browser: str | None = None) -> int:
        """End the trust in one browser of the account, in all of them where None; give how many that were."""

    def set_required(self, subject: str, required: bool) -> bool:
        """Make the factor mandatory for an account, or no longer; False where it was so. Its grace begins anew."""

    def begin_grace(self, subject: str, now: int) -> int:
        """Note the first log-in under the rule, where none is noted; give when it was."""

    def purge(self, before: Purge) -> Purge:
        """Delete what has had its time, in short transactions; give how many of each."""

    def add_event(self, event: Event, not_before: int) -> None:
        """Keep an outcome; now and then those of before ``not_before`` go."""

    def events(self, subject: str | None, limit: int, kind: str = "", since: int = 0) -> list[Event]:
        """Give the last outcomes of an account, of all of them where None, the newest first.

        Those of one ``kind`` alone, where it is given, and of ``since`` or later.
        """

    def forget(self, subject: str) -> None:
        """Delete all that is known of the account; what stays is its key with a new random epoch.

        Without that one row, cookies of the account that was would open one that gets its key anew (STO-09).
        """
