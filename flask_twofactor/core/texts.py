"""Texts for people: marked where they stand, and looked up where they are shown."""

from __future__ import annotations


def marked(text: str) -> str:
    """Give ``text`` as it is: translators find it by this name, and the person's language is looked up later."""
    return text
