"""``python -m tests.support.catalogues`` brings the catalogues in line with the code: new texts in, gone ones out.

A text that has changed is a new one: nothing is guessed (no fuzzy entries). What is not translated yet is named.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

PACKAGE = Path(__file__).parents[2] / "flask_twofactor"
FOLDER = PACKAGE / "translations"
DOMAIN = "flask_twofactor"
LANGUAGES = ("en", "ar", "de", "es", "fr", "he", "it", "ja", "ko", "nl", "pl", "pt_BR", "tr", "zh_Hans")
METHODS = [
    ("core/texts.py", "ignore"),
    ("web/languages.py", "ignore"),
    ("web/babel.py", "ignore"),
    ("**.py", "python"),
    ("templates/**.html", "jinja2"),
]
KEYWORDS = {"marked": None, "gettext": None, "ngettext": (1, 2), "tf_gettext": None, "tf_ngettext": (1, 2)}
HEAD = "# Texts of flask_twofactor. Distributed under the license of flask_twofactor (BSD-3-Clause)."

_SAID = ("Language", "Plural-Forms", "MIME-Version", "Content-Type", "Content-Transfer-Encoding")


class Plain(Catalog):
    """A catalogue whose head has what gettext reads, and no dates, tools and people."""

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        """Give the lines of the head."""
        return [one for one in self._get_mime_headers() if one[0] in _SAID]

    @mime_headers.setter
    def mime_headers(self, value: Iterable[tuple[str, str]]) -> None:
        self._set_mime_headers(value)


def texts() -> Catalog:
    """Give every text of the package that people are shown, with the files that have it."""
    found = Catalog(project="flask_twofactor", header_comment=HEAD, charset="utf-8")
    for name, _, text, comments, _ in extract_from_dir(PACKAGE, METHODS, keywords=KEYWORDS):
        found.add(text, locations=[(name, 0)], auto_comments=comments)
    return found


def po_path(language: str) -> Path:
    """Give where a language's catalogue is."""
    return FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def read(language: str) -> Catalog:
    """Give a language's catalogue as it is; an empty one where there is none yet."""
    path = po_path(language)
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)


def renewed(language: str, template: Catalog) -> Catalog:
    """Give a language's catalogue with the texts of today, as far as they are translated."""
    former = read(language)
    catalogue = Plain(locale=language, header_comment=HEAD, charset="utf-8", fuzzy=False)
    # The forms that it was translated into: Babel's own of a language are others from release to release.
    catalogue.mime_headers = [("Plural-Forms", former.plural_forms)]
    for message in sorted(filter(lambda one: one.id, template), key=lambda one: str(one.id)):
        known = former.get(message.id)
        text = known.string if known is not None else message.id if language == "en" else ""
        catalogue.add(message.id, _shaped(message, text, catalogue), locations=message.locations, flags=message.flags)
    return catalogue


def _shaped(message: Message, text: Any, catalogue: Catalog) -> Any:
    if not message.pluralizable:
        return text
    parts = text if isinstance(text, (tuple, list)) else ()
    return tuple(parts[number] if number < len(parts) else "" for number in range(catalogue.num_plurals))


def as_po(catalogue: Catalog) -> bytes:
    """Give the file for people."""
    file = io.BytesIO()
    write_po(file, catalogue, width=120, include_lineno=False, sort_output=True)
    return file.getvalue()


def as_mo(catalogue: Catalog) -> bytes:
    """Give the file for gettext."""
    file = io.BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def missing(catalogue: Catalog) -> list[str]:
    """Give the texts that have no translation yet."""
    return [str(one.id) for one in catalogue if one.id and not all(parts(one.string))]


def parts(text: object) -> tuple[str, ...]:
    """Give the forms of a translation, one where it does not hang on a number."""
    return tuple(map(str, text)) if isinstance(text, (tuple, list)) else (str(text),)


if __name__ == "__main__":
    template = texts()
    for language in LANGUAGES:
        catalogue = renewed(language, template)
        path = po_path(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_po(catalogue))
        path.with_suffix(".mo").write_bytes(as_mo(catalogue))
        owed = missing(catalogue)
        sys.stdout.write(f"{language}: {len(catalogue) - len(owed)} texts, {len(owed)} not translated\n")
