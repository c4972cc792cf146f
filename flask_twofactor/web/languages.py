"""The language of a request: what the host's Flask-Babel says, English without it.

A host corrects a text, or adds a language, in a catalogue ``flask_twofactor`` in its own translation directories.
"""

from __future__ import annotations

import itertools
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Any, cast

from flask import current_app, has_request_context
from markupsafe import Markup

from ..core.texts import ENGLISH, Language

DOMAIN = "flask_twofactor"
CATALOGUES = Path(__file__).parent.parent / "translations"


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
    folders = [*map(Path, babel.translation_directories), CATALOGUES]
    names = {path.parts[-3] for folder in folders for path in folder.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")}
    default = str(babel.instance.default_locale)
    return [name.replace("_", "-") for name in sorted(names, key=lambda name: (name != default, name))]


@lru_cache(maxsize=256)
def catalogue(names: tuple[str, ...], directories: tuple[str, ...]) -> tuple[str, NullTranslations] | None:
    """Give the first of ``names`` (as gettext names folders) that has a catalogue, and that, the host's before ours."""
    for name in names:
        there = [one for one in (_read(directory, name) for directory in (*directories, str(CATALOGUES))) if one]
        for former, further in itertools.pairwise(there):
            former.add_fallback(further)
        if there:
            return name, there[0]
    return None


def _read(directory: str, name: str) -> NullTranslations | None:
    path = Path(directory) / name / "LC_MESSAGES" / f"{DOMAIN}.mo"
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return GNUTranslations(file)


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
