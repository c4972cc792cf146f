"""Write the figures that are kept into the docs: tables between two comments, and the picture."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from bench import chart, figures, tables

DOCS = Path(__file__).parent.parent / "docs" / "explanation"
PAGE = DOCS / "cost.md"
PICTURE = DOCS / "cost.svg"
_PART = re.compile(r"(<!-- `make figures` writes: (\w+) (\w+) -->\n).*?(<!-- to here -->\n)", re.S)


def renewed(text: str) -> str:
    """Give a page with its tables as the figures are now."""

    def part(found: re.Match[str]) -> str:
        kept = figures.read(found[2])
        made = {one.__name__: one for one in tables.PARTS[found[2]]}[found[3]](kept)
        return f"{found[1]}\n{made}\n\n{found[4]}"

    return _PART.sub(part, text)


def machine_of(run: str) -> str:
    """Say on what a run was measured."""
    found = figures.read(run)["machine"]
    return f"{found['python']}, {found['system']}, {found['cores']} cores"


def add_options(parser: argparse.ArgumentParser) -> None:
    """It has none."""


def main(_: argparse.Namespace) -> None:
    """Write what has changed."""
    for file, new in ((PAGE, renewed(PAGE.read_text(encoding="utf-8"))), (PICTURE, chart.draw(figures.read("jobs")))):
        if not file.exists() or file.read_text(encoding="utf-8") != new:
            file.write_text(new, encoding="utf-8")
            print(f"wrote {file.name}")
