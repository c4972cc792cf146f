"""``python -m tests.support.reference`` writes anew what docs/reference/ takes from the code.

A page says itself which part is made, between two comments; all around them is written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests.support import described

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
PARTS: dict[str, Callable[[], str]] = {
    "calls": described.python_calls,
    "classes": described.python_classes,
    "commands": described.commands,
    "endpoints": described.endpoint_table,
    "errors": described.error_table,
    "forms": described.form_names,
    "hooks": described.python_hooks,
    "settings": described.settings,
    "signals": described.signal_table,
    "templates": described.template_table,
}
_PART = re.compile(r"(<!-- `make docs-reference` writes: (\w+) -->\n).*?(<!-- to here -->\n)", re.S)


def parts_of(text: str) -> list[str]:
    """Give the names of the parts that are made, in a page."""
    return [found[2] for found in _PART.finditer(text)]


def renewed(text: str) -> str:
    """Give a page with its parts as the code says them now."""
    return _PART.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n{found[3]}", text)


if __name__ == "__main__":
    for page in sorted(FOLDER.glob("*.md")):
        old = page.read_text(encoding="utf-8")
        if (new := renewed(old)) != old:
            page.write_text(new, encoding="utf-8")
            print(f"wrote {page.name}")
