"""The fenced blocks of the documentation, and the pages that have them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGES.md", "CONTRIBUTING.md", "SECURITY.md")),
    *(page for page in sorted(DOCS.rglob("*.md")) if "_build" not in page.parts),
]
_FENCE = re.compile(r"^```([^\s`]*)[^\n]*\n(.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """What stands between two fences of ``page``, from its ``line`` on."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_in(text: str, page: Path) -> list[Block]:
    """Give the blocks of a text of ``page``."""
    return [Block(page, text[: found.start()].count("\n") + 1, found[1], found[2]) for found in _FENCE.finditer(text)]


def blocks_of(page: Path) -> list[Block]:
    """Give the blocks of a page."""
    return blocks_in(page.read_text(encoding="utf-8"), page)


def blocks_in_language(*languages: str) -> list[Block]:
    """Give every block of the documentation that is in one of the languages."""
    return [block for page in PAGES for block in blocks_of(page) if block.language in languages]
