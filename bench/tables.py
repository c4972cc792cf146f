"""Tables of the figures, in Markdown: the same for a terminal and for the docs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench import goals
from bench.contender import JOBS

Part = Callable[[Mapping[str, Any]], str]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Give a table, its columns aligned where a terminal shows it."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    return "\n".join([line(head), line(["-" * width for width in widths]), *map(line, rows)])


def seconds(value: float) -> str:
    """Give a time in the unit that reads best."""
    if value >= 10:
        return f"{value:,.0f} s".replace(",", " ")
    if value >= 1:
        return f"{value:.1f} s"
    if value >= 1e-3:
        return f"{value * 1e3:.{1 if value < 0.1 else 0}f} ms"
    return f"{value * 1e6:.0f} µs"


def mebibytes(value: float) -> str:
    """Give a size."""
    return f"{value / 2**20:.0f} MiB"


def ratio(value: float) -> str:
    """Give a ratio."""
    return f"× {value:.2f}" if value < 10 else f"× {value:.0f}"


def jobs(found: Mapping[str, Any]) -> str:
    """Give the medians and ratios of each contender at each job."""
    names = [name for name in _contenders(found) if name not in found["absent"]]
    head = ["", *(job for job in JOBS if found["jobs"][job])]
    rows = [[name, *(_cell(found, job, name) for job in head[1:])] for name in names]
    return table(head, rows)


def _contenders(found: Mapping[str, Any]) -> list[str]:
    """Give every contender, in the order in which they came."""
    return list(dict.fromkeys(name for group in found["jobs"].values() for name in group))


def _cell(found: Mapping[str, Any], job: str, name: str) -> str:
    figure, compared = found["jobs"][job].get(name), found["ratios"][job].get(name)
    if figure is None:
        return "–"
    shown = seconds(figure["median"])
    if compared is None or compared["ratio"] == compared["low"] == compared["high"] == 1:
        return shown
    return f"{shown}, {ratio(compared['ratio'])}"


def spread(found: Mapping[str, Any]) -> str:
    """Give median, 5th and 95th percentile of every job of every contender, and the quartiles of its ratio."""
    rows = [
        [
            *(job, name),
            *(seconds(figure[key]) for key in ("low", "median", "high")),
            _quartiles(found["ratios"][job].get(name)),
            str(figure["count"]),
        ]
        for job, group in found["jobs"].items()
        for name, figure in group.items()
    ]
    return table(["job", "contender", "5 %", "median", "95 %", "ratio, quartiles", "measured"], rows)


def _quartiles(compared: Mapping[str, float] | None) -> str:
    return f"× {compared['low']:.2f} to {compared['high']:.2f}" if compared else ""


def starting(found: Mapping[str, Any]) -> str:
    """Give what a start takes, and what memory a worker has."""
    stages = found["starting"]
    rows = [
        [
            name,
            *(seconds(stages[stage][name]["median"]) for stage in ("import", "app", "first page", "start")),
            mebibytes(stages["memory"][name]["median"]),
            mebibytes(found["memory after"][name]["median"]) if name in found["memory after"] else "–",
        ]
        for name in stages["start"]
    ]
    return table(["", "import", "app", "first page", "all of it", "memory that adds", "a process after all jobs"], rows)


def reached(found: Mapping[str, Any]) -> str:
    """Give each goal, and what came of it."""
    rows = [
        [goal.what, goal.limit(found), goal.measured(found), "yes" if goal.is_met(found) else "**no**"]
        for goal in goals.GOALS
        if goal.is_known(found)
    ]
    return table(["", "goal", "measured", "met"], rows)


def absent(found: Mapping[str, Any]) -> str:
    """Say who took no part, and why."""
    lines = [f"- {name} took no part: {why}" for name, why in found["absent"].items()]
    return "\n".join(lines) or "All contenders took part."


def growth(found: Mapping[str, Any]) -> str:
    """Give each journey by the number of enrolled accounts."""
    return "\n\n".join(_of_kind(kind, sizes) for kind, sizes in found["databases"].items())


def _of_kind(kind: str, sizes: Mapping[str, Any]) -> str:
    counts = sorted(sizes, key=int)
    last = sizes[counts[-1]]
    rows = [
        [job, *(seconds(sizes[count]["jobs"][job]["median"]) for count in counts), _growth(sizes, counts, job)]
        for job in last["jobs"]
    ]
    for command in last["commands"]:
        each = [sizes[count]["commands"][command] for count in counts]
        rows.append([f"`{command}`, all of it", *(seconds(one["seconds"]) for one in each), ""])
        rows.append([f"`{command}`, each row", *(_each(one) for one in each), ""])
        rows.append([f"`{command}`, memory that adds", *(mebibytes(one["memory"]) for one in each), ""])
    rows.append(["the database", *(mebibytes(sizes[count]["bytes"]) for count in counts), ""])
    return table([kind, *(f"{int(count):,}".replace(",", " ") for count in counts), "last to first"], rows)


def _growth(sizes: Mapping[str, Any], counts: Sequence[str], job: str) -> str:
    first, last = (sizes[count]["jobs"][job]["median"] for count in (counts[0], counts[-1]))
    return ratio(last / first)


def _each(one: Mapping[str, Any]) -> str:
    return seconds(one["seconds"] / one["rows"]) if one["rows"] else "–"


def sizing(found: Mapping[str, Any]) -> str:
    """Give what the largest store that was measured says of one account, of a process, and of a million."""
    kinds = {kind: sizes[max(sizes, key=int)] for kind, sizes in found["databases"].items()}
    counts = {kind: int(max(sizes, key=int)) for kind, sizes in found["databases"].items()}
    rows = [["accounts measured", *(f"{counts[kind]:,}".replace(",", " ") for kind in kinds)]]
    rows.append(["bytes an account", *(f"{one['bytes'] / counts[kind]:.0f}" for kind, one in kinds.items())])
    for job, what in (("gate's read", "reads of the gate"), ("log-in with a code", "log-ins with a code")):
        each = (f"{1 / one['jobs'][job]['median']:.0f}" for one in kinds.values())
        rows.append([f"{what} a second, one process", *each])
    for command in next(iter(kinds.values()))["commands"]:
        each = (seconds(_of_a_million(one["commands"][command])) for one in kinds.values())
        rows.append([f"`{command}`, a million rows", *each])
    return table(["", *kinds], rows)


def _of_a_million(one: Mapping[str, Any]) -> float:
    return float(one["seconds"] / max(one["rows"], 1) * 1e6)


def throughput(found: Mapping[str, Any]) -> str:
    """Give requests a second and how long the slow ones take."""
    rows = [
        [
            name,
            f"{one['rate']['median']:.0f}",
            f"{one['rate']['low']:.0f} to {one['rate']['high']:.0f}",
            f"{found['shares'][name]['ratio']:.3f}" if name in found["shares"] else "",
            *(f"{one[key] * 1e3:.1f} ms" for key in ("p50", "p95", "p99")),
            str(one["requests"]),
        ]
        for name, one in found["servers"].items()
    ]
    return table(["", "requests/s", "5 % to 95 %", "share of plain", "p50", "p95", "p99", "requests"], rows)


def profile(found: Mapping[str, Any]) -> str:
    """Give where the time of the gate goes."""
    rows = [
        [layer, f"{one['calls']:.1f}", f"{one['seconds'] * 1e6:.1f} µs", f"{one['share']:.0%}"]
        for layer, one in found["layers"].items()
    ]
    return table(["layer", "calls a request", "its own time, profiled", "share of the extension's"], rows)


def log_in(found: Mapping[str, Any]) -> str:
    """Give where the time of a log-in with a code goes, of the floor and of the extension."""
    names = list(found["log-in"])
    kinds = list(found["log-in"][names[0]])
    rows = [[kind, *(seconds(found["log-in"][name][kind]) for name in names)] for kind in kinds]
    rows.append(["all of it", *(seconds(sum(found["log-in"][name].values())) for name in names)])
    return table(["own time, profiled", *names], rows)


def pieces(found: Mapping[str, Any]) -> str:
    """Give what each piece of the gate takes by itself, in a tight loop."""
    rows = [[what, f"{value * 1e6:.2f} µs"] for what, value in found["pieces"].items()]
    return table(["piece", "alone, in a loop"], rows)


PARTS: dict[str, tuple[Part, ...]] = {
    "jobs": (jobs, spread, starting, reached, absent),
    "growth": (growth, sizing),
    "throughput": (throughput,),
    "profile": (profile, pieces, log_in),
}
"""The tables of each run."""


def everything(run: str, found: Mapping[str, Any]) -> str:
    """Give all tables of a run, for a terminal."""
    return "\n\n".join(part(found) for part in PARTS[run])
