"""Samples summed up: medians, their spread, and ratios of what was measured side by side; kept as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

FOLDER = Path(__file__).parent / "figures"


class Figure(TypedDict):
    """One contender at one job: seconds, bytes or whatever the job counts, and how many were measured.

    ``low`` and ``high`` are the 5th and the 95th percentile.
    """

    median: float
    low: float
    high: float
    count: int


class Ratio(TypedDict):
    """One contender against another: the median of the ratios of the rounds, and their quartiles."""

    ratio: float
    low: float
    high: float


Group = dict[str, Figure]
"""One job: figures by contender."""


class Samples:
    """What was measured of one job, by contender and round."""

    def __init__(self) -> None:
        self.rounds: dict[str, list[list[float]]] = {}

    def add(self, name: str, values: list[float]) -> None:
        """Keep the values of one round."""
        self.rounds.setdefault(name, []).append(values)


def summed_up(samples: Samples) -> Group:
    """Give the figures of a job."""
    return {name: figure([value for one in rounds for value in one]) for name, rounds in samples.rounds.items()}


def figure(values: Sequence[float]) -> Figure:
    """Give median and spread."""
    low, high = percentile(values, 5), percentile(values, 95)
    return {"median": round_to(statistics.median(values)), "low": low, "high": high, "count": len(values)}


def percentile(values: Sequence[float], percent: int) -> float:
    """Give a percentile of at least one value."""
    ordered = sorted(values)
    return round_to(ordered[min(len(ordered) - 1, round(len(ordered) * percent / 100))])


def ratios(samples: Samples, bases: Mapping[str, str]) -> dict[str, Ratio]:
    """Give each contender against its base, round by round: what drifts while it is measured drifts for both."""
    found: dict[str, Ratio] = {}
    for name, base in bases.items():
        if name not in samples.rounds or base not in samples.rounds:
            continue
        mine, theirs = samples.rounds[name], samples.rounds[base]
        each = [statistics.median(a) / statistics.median(b) for a, b in zip(mine, theirs, strict=True)]
        found[name] = {
            "ratio": round_to(statistics.median(each)), "low": percentile(each, 25), "high": percentile(each, 75),
        }  # fmt: skip
    return found


def round_to(value: float) -> float:
    """Keep four digits: no more are ever right."""
    return float(f"{value:.4g}")


def machine() -> dict[str, Any]:
    """Say on what it was measured."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.system(),
        "cores": os.cpu_count() or 0,
    }


def write(name: str, figures: Mapping[str, Any], folder: Path = FOLDER) -> Path:
    """Keep the figures of a run."""
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.json"
    file.write_text(json.dumps({"machine": machine(), **figures}, indent=1) + "\n", encoding="utf-8")
    return file


def read(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """Give the figures of the last run that was kept."""
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return found
