"""Languages by the host's Flask-Babel: its locale and time zone, the catalogues, dates and numbers by CLDR."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from gettext import NullTranslations
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import format_date, format_datetime, format_time, get_datetime_format
from babel.numbers import format_decimal
from flask import g
from flask_babel import get_locale, get_timezone

from ..core.texts import ENGLISH, Language
from ..errors import HookFailed
from .catalogues import catalogue

_KEPT = "_twofactor_language"
"""What the texts of a page share: a locale's name is made of its parts at each look."""


class Spoken(Language):
    """A language of CLDR with its catalogue, in a time zone."""

    def __init__(self, locale: Locale, zone: Any, tag: str, translations: NullTranslations) -> None:
        self._locale, self._zone, self._translations = locale, zone, translations
        self.tag = tag
        self.direction = "rtl" if locale.text_direction == "rtl" else "ltr"

    def gettext(self, text: str, **values: object) -> str:
        """Give ``text`` as the catalogue has it."""
        found = self._translations.gettext(text) if text else text  # "" stands for a catalogue's head
        return found % values if values else found

    def ngettext(self, one: str, many: str, count: int, **values: object) -> str:
        """Give the text for ``count`` things, by the language's own plural forms."""
        return self._translations.ngettext(one, many, count) % {"count": self.number(count), **values}

    def number(self, number: int) -> str:
        """Give a number by locale."""
        return str(format_decimal(number, locale=self._locale))

    def date(self, when: datetime) -> str:
        """Give the day of an aware time by locale, in the person's time zone."""
        return str(format_date(when.astimezone(self._zone).date(), "long", locale=self._locale))

    def moment(self, when: datetime) -> str:
        """Give an aware time to the minute by locale, in the person's time zone, which it names."""
        time = format_time(when, "short", tzinfo=self._zone, locale=self._locale)
        zone = format_datetime(when, "z", tzinfo=self._zone, locale=self._locale)
        around = str(get_datetime_format("long", locale=self._locale)).replace("'", "")
        return around.replace("{0}", f"{time} {zone}").replace("{1}", self.date(when))


def spoken(babel: Any, tag: str | None, *, is_request: bool) -> Language:
    """Give the language of a tag, or of the present request, else the host's default; English without a catalogue.

    Raises `HookFailed` for a tag, which a hook gave, that is none.
    """
    configured = babel.instance
    here, zone = (
        (get_locale(), get_timezone()) if is_request else (configured.default_locale, configured.default_timezone)
    )
    locale = here if tag is None else _parse(tag)
    kept: tuple[Any, Any, Language] | None = g.get(_KEPT)
    if kept is None or kept[0] is not locale or kept[1] is not zone:
        found = _make(str(locale), zone, tuple(str(one) for one in babel.translation_directories))
        kept = (locale, zone, found)
        setattr(g, _KEPT, kept)
    return kept[2]


def _parse(tag: object) -> Locale:
    try:
        return Locale.parse(str(tag).replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        raise HookFailed("the hook locale answered what is no language") from None


@lru_cache(maxsize=256)
def _make(name: str, zone: Any, directories: tuple[str, ...]) -> Language:
    locale = Locale.parse(name)
    found = catalogue(_names(locale), directories)
    if found is None:
        return ENGLISH
    name, translations = found
    return Spoken(locale, zone, name.replace("_", "-"), translations)


def _names(locale: Locale) -> tuple[str, ...]:
    """Give the names that a catalogue for this locale may have, the best first: pt_PT is served by pt_BR, say."""
    language = locale.language
    usual = Locale.parse(get_global("likely_subtags").get(language, language))
    names = [str(locale), f"{language}_{locale.script}", f"{language}_{locale.territory}", language]
    if locale.script in (None, usual.script):
        names += [f"{language}_{usual.script}", f"{language}_{usual.territory}"]
    return tuple(dict.fromkeys(names))
