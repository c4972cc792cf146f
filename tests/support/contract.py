"""What docs/reference/pages.md promises to templates of a host: blocks, values and macros, read from its tables."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "pages.md"


def text() -> str:
    """Give the page."""
    return PAGE.read_text(encoding="utf-8")


def documented_blocks() -> dict[str, set[str]]:
    """Give the blocks of each template, by the name of its file."""
    return {
        cells[0].strip("`"): set(re.findall(r"`(\w+)`", cells[2])) for cells in _table("template", "what", "blocks")
    }


def documented_values() -> dict[str, set[str]]:
    """Give the names under ``twofactor`` by the page that has them; those of "all" are on every page."""
    found: dict[str, set[str]] = defaultdict(set)
    for names, pages, _ in _table("value", "on", "what"):
        for page in pages.split(", "):
            found[page.strip("`")] |= set(re.findall(r"`(?:twofactor)?\.(\w+)`", names))
    return found


def documented_macros() -> set[str]:
    """Give the macros, each with what it takes."""
    return {cells[0].strip("`") for cells in _table("macro", "what")}


def _table(*heads: str) -> Iterator[list[str]]:
    """Give the rows of the table that has these heads."""
    _, head, rest = text().partition(f"| {' | '.join(heads)} |\n")
    assert head, heads
    for line in rest.splitlines()[1:]:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]
