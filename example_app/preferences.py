"""Language and appearance: what a person chose, in two cookies; else what the browser asks for."""

from __future__ import annotations

from typing import Any

from flask import request

LANGUAGES = {
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "pt_BR": "Português (Brasil)",
    "it": "Italiano",
    "nl": "Nederlands",
    "pl": "Polski",
    "tr": "Türkçe",
    "ja": "日本語",
    "zh_Hans": "简体中文",
    "ko": "한국어",
    "ar": "العربية",
    "he": "עברית",
}
"""The languages of the two-factor pages, each by its own name."""
REGIONS = ("en_GB", "en_AU", "de_AT", "de_CH", "fr_CA", "fr_CH", "es_MX")
"""Where a browser asks for one of these, dates and times are as people write them there."""
THEMES = {"light": "Light", "dark": "Dark"}
LANGUAGE_COOKIE, THEME_COOKIE = "harbor_language", "harbor_theme"


def language() -> str:
    """Give the language of this request (Flask-Babel's ``locale_selector``)."""
    return chosen_language() or _asked_for() or "en"


def chosen_language() -> str:
    """Give the language that the person chose, "" where the browser's counts."""
    kept = request.cookies.get(LANGUAGE_COOKIE, "")
    return kept if kept in LANGUAGES else ""


def theme() -> str:
    """Give the appearance that the person chose, "" where the system's counts."""
    kept = request.cookies.get(THEME_COOKIE, "")
    return kept if kept in THEMES else ""


def in_templates() -> dict[str, Any]:
    """Give what the layouts need for the switches."""
    return {
        "languages": LANGUAGES,
        "chosen_language": chosen_language(),
        "themes": THEMES,
        "theme": theme(),
        "here": request.script_root + request.full_path.rstrip("?"),
    }


def _asked_for() -> str:
    tags = {name.replace("_", "-"): name for name in (*LANGUAGES, *REGIONS)}
    return tags.get(request.accept_languages.best_match(list(tags)) or "", "")
