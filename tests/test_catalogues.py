"""The catalogues: whole, of today's texts, and such that every text can be filled in."""

from __future__ import annotations

import re

import pytest
from babel.messages.catalog import Catalog, Message

from tests.support import catalogues
from tests.support.catalogues import LANGUAGES, as_mo, as_po, missing, po_path, read, renewed, texts

PLACEHOLDER = re.compile(r"%\((\w+)\)s")
TAG = re.compile(r"</?\w+>")
STRAY = re.compile(r"%(?!\(\w+\)s)")
FORMS_OF_ONE = {"ar": 3, "he": 2, "fr": 1, "pt_BR": 1}
"""How many first plural forms may leave the number out; one of two forms elsewhere, none of a single one."""


@pytest.fixture(scope="module")
def template() -> Catalog:
    return texts()


def translations(language: str) -> list[tuple[Message, list[str]]]:
    """Give the texts of a catalogue with what it has for each, a form an item."""
    found = [one for one in read(language) if one.id]
    return [(one, list(catalogues.parts(one.string))) for one in found]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_is_what_make_translations_writes(language: str, template: Catalog) -> None:
    fresh = renewed(language, template)
    assert po_path(language).read_bytes() == as_po(fresh), "run `make translations`"
    assert po_path(language).with_suffix(".mo").read_bytes() == as_mo(fresh), "run `make translations`"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_has_every_text_and_nothing_is_a_guess(language: str) -> None:
    assert missing(read(language)) == []
    assert [one.id for one in read(language) if one.fuzzy] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_and_links_are_those_of_the_english_text(language: str) -> None:
    for message, forms in translations(language):
        english = message.id[1] if message.pluralizable else str(message.id)
        for number, form in enumerate(forms):
            free = message.pluralizable and len(forms) > 1 and number < FORMS_OF_ONE.get(language, 1)
            wanted, found = sorted(PLACEHOLDER.findall(english)), sorted(PLACEHOLDER.findall(form))
            assert found == wanted or (free and found == [one for one in wanted if one != "count"]), form
            assert TAG.findall(form) == TAG.findall(english), form
            assert not STRAY.search(form), form


def test_there_is_a_catalogue_for_each_language_and_no_other() -> None:
    assert sorted(path.name for path in catalogues.FOLDER.iterdir()) == sorted(LANGUAGES)


def test_every_text_that_people_are_shown_is_among_them(template: Catalog) -> None:
    known = {one.id if isinstance(one.id, str) else one.id[0] for one in template}
    assert {"User ID", "Log in", "MFA DISABLED", "One recovery code is left.", "Recent activity"} <= known
