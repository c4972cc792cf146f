"""The goals: ratios in one run, on one host; none is asserted, each is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.names import FLOOR_PAGES, OURS, PLAIN, POSTGRESQL, WITHOUT

Found = Mapping[str, Any]
_ROUND_TRIPS = 1.3


@dataclass(frozen=True)
class Goal:
    """One goal: what it is of, the most that it may be, and what it came to."""

    what: str
    most: Callable[[Found], float]
    value: Callable[[Found], float]
    shown: Callable[[float], str] = "× {:.2f}".format

    def is_known(self, found: Found) -> bool:
        """Tell whether its contenders took part."""
        try:
            return self.value(found) >= 0 and self.most(found) >= 0
        except KeyError:
            return False

    def limit(self, found: Found) -> str:
        """Give the goal as text."""
        return f"at most {self.shown(self.most(found))}"

    def measured(self, found: Found) -> str:
        """Give what it came to, as text."""
        return self.shown(self.value(found))

    def is_met(self, found: Found) -> bool:
        """Tell whether it is met."""
        return self.value(found) <= self.most(found)


def _ratio(job: str, name: str = OURS) -> Callable[[Found], float]:
    return lambda found: float(found["ratios"][job][name]["ratio"])


def _beside_pages(job: str) -> Callable[[Found], float]:
    return lambda found: _ratio(job)(found) / _ratio(job, FLOOR_PAGES)(found)


def _median(job: str, name: str) -> Callable[[Found], float]:
    return lambda found: float(found["jobs"][job][name]["median"])


def _above_plain(stage: str) -> Callable[[Found], float]:
    def above(found: Found) -> float:
        group = found["starting"][stage]
        return float(max(0.0, group[OURS]["median"] - group[PLAIN]["median"]))

    return above


def _added(found: Found) -> float:
    return max(0.0, _median("console page", POSTGRESQL)(found) - _median("console page", PLAIN)(found))


def _microseconds(value: float) -> str:
    return f"{value * 1e6:.0f} µs"


def _of(value: float) -> Callable[[Found], float]:
    return lambda _: value


GOALS = (
    Goal("console page, no factor, against Flask-Login alone", _of(1.05), _ratio("console page", WITHOUT)),
    Goal("console page, with the factor, against Flask-Login alone", _of(1.05), _ratio("console page")),
    Goal("bare page, with the factor, against Flask-Login alone", _of(1.05), _ratio("bare page")),
    Goal(
        "console page on PostgreSQL, what it adds to Flask-Login alone, against 1.3 round trips",
        lambda found: _ROUND_TRIPS * _median("round trip", POSTGRESQL)(found),
        _added,
        _microseconds,
    ),
    Goal("log-in without the factor, against the floor", _of(1.6), _ratio("log-in")),
    Goal("log-in with a code, against the floor", _of(1.7), _ratio("log-in with a code")),
    Goal("refused code, against the floor", _of(1.7), _ratio("refused code")),
    Goal("log-in without the factor, against the floor in two pages", _of(1.6), _beside_pages("log-in")),
    Goal("log-in with a code, against the floor in two pages", _of(1.7), _beside_pages("log-in with a code")),
    Goal("refused code, against the floor in two pages", _of(1.7), _beside_pages("refused code")),
    Goal("set-up page, against the floor", _of(0.8), _ratio("set-up page")),
    Goal("start, above Flask-Login alone", _of(0.090), _above_plain("start"), lambda value: f"{value * 1e3:.0f} ms"),
    Goal("memory, above Flask-Login alone", _of(12 * 2**20), _above_plain("memory"), lambda v: f"{v / 2**20:.1f} MiB"),
)
