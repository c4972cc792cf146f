"""The language of a request: what the host's Flask-Babel says, English without it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any, cast

from flask import current_app, has_request_context
from markupsafe import Markup

from ..core.texts import ENGLISH, Language
from .catalogues import names_of_all


def language(tag: str | None = None) -> Language:
    """Give the language of ``tag``, None for that of this request, as far as there is a catalogue: else English.

    Outside a request it is the host's default.
    """
    babel = current_app.extensions.get("babel")
    if babel is None:
        return ENGLISH
    from .babel import spoken  # noqa: PLC0415 - at first use: most hosts have no Flask-Babel

    return spoken(babel, tag, is_request=has_request_context())


def speaking(tag: str) -> AbstractContextManager[object]:
    """Let this request speak the language of ``tag``, layout and all, whatever the host selects for it."""
    if "babel" not in current_app.extensions:
        return nullcontext()
    from flask_babel import force_locale  # noqa: PLC0415 - at first use: most hosts have no Flask-Babel

    return cast(AbstractContextManager[object], force_locale(tag.replace("-", "_")))


def spoken_tags() -> list[str]:
    """Give the languages that there are catalogues for, the host's default first; English alone without Flask-Babel."""
    babel = current_app.extensions.get("babel")
    if babel is None:
        return [ENGLISH.tag]
    default, names = str(babel.instance.default_locale), names_of_all(babel.translation_directories)
    return [name.replace("_", "-") for name in sorted(names, key=lambda name: (name != default, name))]


# What templates call. A text of ours may hold markup; what is filled in is escaped, unless it is markup itself.


def gettext(text: str, **values: Any) -> Markup:
    """Give ``text`` in the language of this request: the Jinja global ``tf_gettext``."""
    found = Markup(language().gettext(text))  # noqa: S704 - our own text
    return found % values if values else found


def ngettext(one: str, many: str, count: int) -> Markup:
    """Give the text for ``count`` things: the Jinja global ``tf_ngettext``."""
    return Markup(language().ngettext(one, many, count))  # noqa: S704 - our own text and a number


def date(when: datetime) -> str:
    """Give the day of an aware time: the Jinja global ``tf_date``."""
    return language().date(when)


def moment(when: datetime) -> str:
    """Give an aware time to the minute: the Jinja global ``tf_moment``."""
    return language().moment(when)


IN_TEMPLATES = {"tf_gettext": gettext, "tf_ngettext": ngettext, "tf_date": date, "tf_moment": moment}
"""Under names of our own: a host's ``_`` and ``gettext`` look its own texts up, in its layout around our pages too."""
