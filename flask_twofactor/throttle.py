"""Attempts that are counted where everybody sees it: by source, by name, by the pair of both, by known browser.

Counted over a `limits` storage, each before it is judged and given back for a complete success. The
second-factor budget is not here: it lives in the account's row (`core.budget`), so that the attempt of a
complete success is given back in the very transaction that spends its step.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from limits.errors import StorageError
from limits.storage import Storage, storage_from_string

from .errors import SettingError, StoreUnavailable, Throttled

PAIR_FREE = 5
"""Bucket B: failures of one name from one source, within `PAIR_WINDOW`, that cost no waiting."""
PAIR_WINDOW = 900
"""Seconds."""
PAIR_WAITS = (60, 120, 240, 480, 900)
"""Seconds to wait after the fifth, sixth ... failure; the last repeats."""
PAIR_MEMORY = 24 * 3600
"""Seconds after which a pair that had to wait begins anew."""

Limit = tuple[int, int]
"""So many failures in so many seconds."""
SOURCE: tuple[Limit, ...] = ((30, 600), (200, 24 * 3600))
"""Bucket A: failures from one source."""
LOOK_UPS: tuple[Limit, ...] = ((60, 600),)
"""Bucket A2: names that one source asks about."""
NAME: tuple[Limit, ...] = ((20, 3600), (100, 24 * 3600))
"""Bucket C: failures of one name from browsers that are not known to it."""
KNOWN: tuple[Limit, ...] = ((10, 900), (20, 24 * 3600))
"""Bucket D: failures of a known browser; it counts as an unknown one beyond."""
SIGN_IN: tuple[Limit, ...] = ((5, 900),)
"""Bucket G: wrong codes or passwords of one signed-in session."""
ALARM_SECONDS = 3600
NEWS_SECONDS = 600
_NO_LIMIT = 1 << 30


class Counters(Protocol):
    """What `DatabaseStorage` needs of the store's counters."""

    def count_all(self, names: Sequence[tuple[str, int]]) -> list[int]:
        """Add one to each (name, seconds that a new one lives) and give the totals, in one transaction."""

    def give_back(self, names: Sequence[str], forget: Sequence[str] = ()) -> None:
        """Take one from each name that still counts, and forget others, in one transaction."""

    def totals(self, names: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Give the count and its expiry of each name that counts, in one read."""

    def count(self, name: str, seconds: int, amount: int = 1) -> int:
        """Add and give the total."""

    def total(self, name: str) -> tuple[int, int]:
        """Give the count and its expiry."""

    def clear(self, name: str) -> None:
        """Forget a count."""

    def sweep(self) -> int:
        """Forget what has expired; give how many that were."""


class DatabaseStorage(Storage):
    """A `limits` storage over the extension's own database, so that all its processes share one count."""

    STORAGE_SCHEME = None

    def __init__(self, counters: Counters) -> None:
        super().__init__()
        self.counters = counters

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        """What a failing counter raises."""
        return StoreUnavailable

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add ``amount`` to ``key``; a new one expires in ``expiry`` seconds."""
        return self.counters.count(key, expiry, amount)

    def get(self, key: str) -> int:
        """Give the count of ``key``."""
        return self.counters.total(key)[0]

    def get_expiry(self, key: str) -> float:
        """Give the Unix time at which ``key`` expires."""
        return self.counters.total(key)[1]

    def check(self) -> bool:
        """Tell whether the counters answer."""
        self.counters.total("check")
        return True

    def reset(self) -> int | None:
        """Refuse: nothing in this extension forgets every count at once."""
        raise StoreUnavailable("the counters are not reset as a whole")

    def clear(self, key: str) -> None:
        """Forget ``key``."""
        self.counters.clear(key)


class StorageCounters:
    """The same verbs over any `limits` storage, one call a name."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def count_all(self, names: Sequence[tuple[str, int]]) -> list[int]:
        """Add one to each name and give the totals."""
        return [self._storage.incr(name, seconds) for name, seconds in names]

    def give_back(self, names: Sequence[str], forget: Sequence[str] = ()) -> None:
        """Take one from each name that still counts, and forget others."""
        for name in names:
            if self._storage.get(name) > 0:
                self._storage.incr(name, 1, -1)
        for name in forget:
            self._storage.clear(name)

    def totals(self, names: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Give the count and its expiry of each name that counts."""
        counts = {name: self._storage.get(name) for name in names}
        return {name: (hits, math.ceil(self._storage.get_expiry(name))) for name, hits in counts.items() if hits > 0}

    def sweep(self) -> int:
        """Do nothing: a `limits` storage lets go of what has expired by itself."""
        return 0


def storage_for(uri: str) -> Storage:
    """Make the `limits` storage of a URI; its failures come as `StorageError`."""
    storage = storage_from_string(uri, wrap_exceptions=True)
    if not isinstance(storage, Storage):
        raise SettingError("TWOFACTOR_THROTTLE_STORAGE_URI must not name an async storage")
    return storage


@dataclass(frozen=True)
class Ticket:
    """A counted attempt: what a complete success gives back and forgets, and whether its browser is a known one."""

    given_back: tuple[str, ...]
    forgotten: tuple[str, ...] = ()
    known: bool = False


class _Window(NamedTuple):
    key: str
    limit: int
    seconds: int


def _windows(bucket: str, name: str, limits: Sequence[Limit]) -> list[_Window]:
    return [_Window(f"twofactor/{bucket}/{name}/{seconds}", count, seconds) for count, seconds in limits]


class Throttle:
    """The visible limits; a storage that does not answer refuses (fails closed).

    Names, sources and browsers come as keyed digests. What must wait raises `Throttled` with the seconds.
    """

    def __init__(self, storage: Storage, clock: Callable[[], float]) -> None:
        self._counters = storage.counters if isinstance(storage, DatabaseStorage) else StorageCounters(storage)
        self._clock = clock

    def log_in(self, name: str, source: str, known: str = "") -> Ticket:
        """Count an attempt to log in before it is judged; ``known`` names a known browser of the account."""
        with _answering():
            if known:
                windows = _windows("known", known, KNOWN)
                if self._full(windows, self._counters.totals([one.key for one in windows])) is None:
                    counted = self._count(windows)
                    if not isinstance(counted, int):
                        return Ticket(tuple(counted), known=True)
            return self._log_in(name, source)

    def _log_in(self, name: str, source: str) -> Ticket:
        pair = f"twofactor/pair/{name}/{source}"
        slot, level = pair + "/slot", pair + "/level"
        windows = [*_windows("source", source, SOURCE), *_windows("name", name, NAME)]
        totals = self._counters.totals([*(one.key for one in windows), slot, level])
        if slot in totals:
            raise Throttled(self._seconds_left(totals[slot][1]))
        if (wait := self._full(windows, totals)) is not None:
            raise Throttled(wait)
        waits = totals.get(level, (0, 0))[0]
        counted = self._count([*windows, _Window(pair, _NO_LIMIT, PAIR_WINDOW)])
        if isinstance(counted, int):
            raise Throttled(counted)
        if waits or counted[pair] >= PAIR_FREE:
            self._take_slot(slot, level, waits, tuple(counted))
        return Ticket(tuple(one.key for one in windows), (pair, slot, level))

    def _take_slot(self, slot: str, level: str, waits: int, counted: tuple[str, ...]) -> None:
        """Take the one attempt that stands between two waits: nobody else gets the slot until it expires."""
        if self._counters.count_all([(slot, PAIR_WAITS[min(waits, len(PAIR_WAITS) - 1)])])[0] > 1:
            self._counters.give_back(counted)
            expires_at = self._counters.totals([slot]).get(slot, (0, 0))[1]
            raise Throttled(self._seconds_left(expires_at))
        self._counters.count_all([(level, PAIR_MEMORY)])  # by the one that took it: who is refused lengthens no wait

    def look_up(self, source: str) -> None:
        """Count a name that somebody asks about."""
        self._simple(_windows("look-up", source, LOOK_UPS))

    def sign_in(self, sign_in: str) -> Ticket:
        """Count a code or password of somebody who is signed in, by what names that sign-in."""
        windows = _windows("sign-in", sign_in, SIGN_IN)
        self._simple(windows)
        return Ticket((), tuple(one.key for one in windows))

    def _simple(self, windows: Sequence[_Window]) -> None:
        with _answering():
            wait = self._full(windows, self._counters.totals([one.key for one in windows]))
            counted = self._count(windows) if wait is None else wait
        if isinstance(counted, int):
            raise Throttled(counted)

    def refund(self, *tickets: Ticket) -> None:
        """Give back what complete successes had counted."""
        with _answering():
            given_back = [key for ticket in tickets for key in ticket.given_back]
            self._counters.give_back(given_back, [key for ticket in tickets for key in ticket.forgotten])

    def alarms(self, limit: int, counts: bool = True) -> bool:
        """Count a wrong code after a right password, of any account; True at ``limit`` in an hour, once (THR-18).

        Without ``counts`` it is another failure: the same work, and never an alarm.
        """
        name = "twofactor/alarm" if counts else "twofactor/no-alarm"
        with _answering():
            return self._counters.count_all([(name, ALARM_SECONDS)])[0] == limit and counts

    def is_news(self, name: str) -> bool:
        """Tell once in `NEWS_SECONDS` that ``name`` has to wait: one who goes on asking is not recorded each time."""
        with _answering():
            return self._counters.count_all([(f"twofactor/waits/{name}", NEWS_SECONDS)])[0] == 1

    def sweep(self) -> int:
        """Forget the counts that have expired, where nobody else does; give how many that were."""
        with _answering():
            return self._counters.sweep()

    def _full(self, windows: Sequence[_Window], totals: dict[str, tuple[int, int]]) -> int | None:
        """Give the seconds until every window has room, None where all have."""
        over = [totals[one.key][1] for one in windows if totals.get(one.key, (0, 0))[0] >= one.limit]
        return self._seconds_left(max(over)) if over else None

    def _count(self, windows: Sequence[_Window]) -> dict[str, int] | int:
        """Count in every window and give the totals, or in none and give the seconds to wait: others came first."""
        keys = tuple(one.key for one in windows)
        hits = self._counters.count_all([(one.key, one.seconds) for one in windows])
        if all(hit <= one.limit for hit, one in zip(hits, windows, strict=True)):
            return dict(zip(keys, hits, strict=True))
        self._counters.give_back(keys)
        return self._full(windows, self._counters.totals(keys)) or 1

    def _seconds_left(self, expires_at: float) -> int:
        return max(1, math.ceil(expires_at - self._clock()))


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (StorageError, StoreUnavailable) as error:
        raise StoreUnavailable("the throttle's counters did not answer") from error
