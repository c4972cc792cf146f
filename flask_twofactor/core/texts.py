"""Texts for people: marked where they stand, and looked up in a language where they are shown."""

from __future__ import annotations

from datetime import datetime


def marked(text: str) -> str:
    """Give ``text`` as it is: translators find it by this name, and the person's language is looked up later."""
    return text


class Language:
    """A language that people are spoken to in; this one is English, which needs no catalogue."""

    tag = "en"
    """As in HTML's ``lang`` (BCP 47)."""
    direction = "ltr"

    def gettext(self, text: str, **values: object) -> str:
        """Give ``text`` in this language, its ``%(name)s`` filled in from ``values``, where there are any."""
        return text % values if values else text

    def ngettext(self, one: str, many: str, count: int, **values: object) -> str:
        """Give the text for ``count`` things, which is ``%(count)s`` in it."""
        return (one if count == 1 else many) % {"count": self.number(count), **values}

    def number(self, number: int) -> str:
        """Give a number as it is written."""
        return str(number)

    def date(self, when: datetime) -> str:
        """Give the day of an aware time."""
        return f"{when.day} {when:%B %Y}"

    def moment(self, when: datetime) -> str:
        """Give an aware time to the minute, with its time zone."""
        return f"{when.day} {when:%B %Y, %H:%M} {when:%Z}"


ENGLISH = Language()
