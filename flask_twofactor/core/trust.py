"""What a browser's cookie says of the accounts that it is trusted for, read without belief in its shape."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .records import TrustToken

MAX_ENTRIES = 4
"""Accounts that one browser is trusted for; the oldest goes first."""
_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_VALUE = re.compile(r"[0-9A-Za-z_-]{43}", re.ASCII)
"""256 bits as `secrets.token_urlsafe` writes them."""


def tokens_of(loaded: object) -> list[TrustToken]:
    """Give the tokens in what a cookie's signed text was; whatever else it holds is left out."""
    return list(_tokens(loaded))[:MAX_ENTRIES] if isinstance(loaded, list) else []


def _tokens(pairs: list[object]) -> Iterator[TrustToken]:
    for pair in pairs:
        match pair:
            case [str(browser), str(value)] if _ID.fullmatch(browser) and _VALUE.fullmatch(value):
                yield TrustToken(browser, value)
