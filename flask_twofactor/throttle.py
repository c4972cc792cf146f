"""Attempts that are counted where everybody sees it: the pair bucket, over a `limits` storage.

The second-factor budget is not here: it lives in the account's row, so that the attempt of a complete
success is given back in the very transaction that spends its step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from limits.errors import StorageError
from limits.storage import Storage, storage_from_string

from .errors import SettingError, StoreUnavailable, Throttled

PAIR_FREE = 5
"""Failures of one name from one source, within `PAIR_WINDOW`, that cost no waiting."""
PAIR_WINDOW = 900
"""Seconds."""
PAIR_WAITS = (60, 120, 240, 480, 900)
"""Seconds to wait after the fifth, sixth ... failure; the last repeats."""
PAIR_MEMORY = 24 * 3600
"""Seconds after which a pair that had to wait begins anew."""


class Counters(Protocol):
    """What `DatabaseStorage` needs of the store's counters."""

    def count(self, name: str, seconds: int, amount: int = 1) -> int:
        """Add and give the total."""

    def total(self, name: str) -> tuple[int, int]:
        """Give the count and its expiry."""

    def clear(self, name: str) -> None:
        """Forget a count."""


class DatabaseStorage(Storage):
    """A `limits` storage over the extension's own database, so that all its processes share one count."""

    STORAGE_SCHEME = None

    def __init__(self, counters: Counters) -> None:
        super().__init__()
        self._counters = counters

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        """What a failing counter raises."""
        return StoreUnavailable

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add ``amount`` to ``key``; a new one expires in ``expiry`` seconds."""
        return self._counters.count(key, expiry, amount)

    def get(self, key: str) -> int:
        """Give the count of ``key``."""
        return self._counters.total(key)[0]

    def get_expiry(self, key: str) -> float:
        """Give the Unix time at which ``key`` expires."""
        return self._counters.total(key)[1]

    def check(self) -> bool:
        """Tell whether the counters answer."""
        self._counters.total("check")
        return True

    def reset(self) -> int | None:
        """Refuse: nothing in this extension forgets every count at once."""
        raise StoreUnavailable("the counters are not reset as a whole")

    def clear(self, key: str) -> None:
        """Forget ``key``."""
        self._counters.clear(key)


def storage_for(uri: str) -> Storage:
    """Make the `limits` storage of a URI; its failures come as `StorageError`."""
    storage = storage_from_string(uri, wrap_exceptions=True)
    if not isinstance(storage, Storage):
        raise SettingError("TWOFACTOR_THROTTLE_STORAGE_URI must not name an async storage")
    return storage


class Throttle:
    """The visible limits; a storage that does not answer refuses (fails closed)."""

    def __init__(self, storage: Storage, clock: Callable[[], float]) -> None:
        self._storage = storage
        self._clock = clock

    def charge(self, pair: str) -> None:
        """Count an attempt of ``pair`` (a digest of name and source) before it is judged.

        Raises `Throttled` with the seconds to wait. Five failures are free, then each costs a wait
        (bucket B). A wait is a ``slot`` that one attempt takes and nobody else gets until it expires,
        which keeps the count exact under parallel requests.
        """
        try:
            self._charge(f"twofactor/pair/{pair}")
        except (StorageError, StoreUnavailable) as error:
            raise StoreUnavailable("the throttle's counters did not answer") from error

    def _charge(self, key: str) -> None:
        slot, level = key + "/slot", key + "/level"
        if self._storage.get(slot) > 0:
            raise Throttled(self._seconds_left(slot))
        if self._storage.get(level) == 0 and self._storage.incr(key, PAIR_WINDOW) < PAIR_FREE:
            return
        waits = self._storage.get(level)
        if self._storage.incr(slot, PAIR_WAITS[min(waits, len(PAIR_WAITS) - 1)]) > 1:
            raise Throttled(self._seconds_left(slot))
        self._storage.incr(level, PAIR_MEMORY)  # by the one that took the slot: who was refused lengthens no wait

    def _seconds_left(self, key: str) -> int:
        left = self._storage.get_expiry(key) - self._clock()
        return max(1, min(math.ceil(left), PAIR_WAITS[-1]))

    def clear(self, pair: str) -> None:
        """Forget the failures of ``pair``: it was right as a whole."""
        key = f"twofactor/pair/{pair}"
        try:
            waited = self._storage.get(key + "/slot") > 0
            for name in (key, key + "/slot", key + "/level") if waited else (key,):
                self._storage.clear(name)
        except (StorageError, StoreUnavailable) as error:
            raise StoreUnavailable("the throttle's counters did not answer") from error
