"""The catalogues: ours, and before each the host's, which corrects a text or is a language that we do not have.

A host's is of the domain ``flask_twofactor`` too, in its own translation directories.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

DOMAIN = "flask_twofactor"
OURS = Path(__file__).parent.parent / "translations"


@lru_cache(maxsize=256)
def catalogue(names: tuple[str, ...], directories: tuple[str, ...]) -> tuple[str, NullTranslations] | None:
    """Give the first of ``names`` (as gettext names folders) that has a catalogue, and that, the host's before ours."""
    for name in names:
        there = [one for one in (_read(directory, name) for directory in (*directories, str(OURS))) if one]
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


def names_of_all(directories: Iterable[str]) -> set[str]:
    """Give the names of all catalogues that there are, the host's and ours."""
    folders = [*map(Path, directories), OURS]
    return {path.parts[-3] for folder in folders for path in folder.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")}
