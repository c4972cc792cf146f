"""``python -m tests.support.reference`` writes docs/reference/settings.md anew from the code."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from flask_twofactor.settings import PREFIX, Settings

SETTINGS = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"
HEAD = """\
# Settings

Keys of `app.config`, read once by `TwoFactor(app)` or `init_app`: set them before. An unknown `TWOFACTOR_*` key and a
bad value are errors that name the key. Generated from `flask_twofactor/settings.py`.

| key | default | what it does |
| --- | --- | --- |
"""
TAIL = """
Also read: `SECRET_KEY` and `SECRET_KEY_FALLBACKS` (keys, where `TWOFACTOR_KEY` is absent; former ones only open),
Flask-Login's `REMEMBER_COOKIE_*` (the companion cookie takes their attributes), and Flask-WTF's `WTF_CSRF_*`.
"""


def settings_page() -> str:
    """Give the page of all settings."""
    rows = []
    for item in fields(Settings):
        default = "" if item.default in (None, ()) else f"`{item.default!r}`".replace("'", '"')
        rows.append(f"| `{PREFIX}{item.name.upper()}` | {default} | {item.metadata['help']} |\n")
    return HEAD + "".join(rows) + TAIL


if __name__ == "__main__":
    SETTINGS.write_text(settings_page(), encoding="utf-8")
